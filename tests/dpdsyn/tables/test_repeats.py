"""Columns that may be the person are asked about in a draft, which is refused until somebody answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dpdsyn.draft import draft_schema
from dpdsyn.schema import Schema, SchemaError
from dpdsyn.tables.kinds import declared, guessed
from dpdsyn.tables.open_draft import open_draft
from dpdsyn.tables.repeats import repeats

ROWS = 6000
PERSONS = ["patient", "Patient", "client_id", "ClientID", "customers", "user", "Kunden-Nr", "kundennummer", "id_patient", "MRN"]
PERSONS += ["PatientID", "student no", "versicherte", "subject"]
OTHERS = [
    "age_of_patient",
    "Age of the patient",
    "patient_age",
    "zip",
    "PLZ",
    "number_of_children",
    "num_users_online",
    "subjective",
]


def of(name: str, cells: np.ndarray | pd.Series) -> bool:
    values, counts = np.unique(np.asarray(cells), return_counts=True)
    return repeats(name, values.tolist(), counts) is not None


@pytest.mark.parametrize("name", PERSONS)
def test_what_is_named_like_a_person_is_asked_about_if_it_repeats(name: str, rng: np.random.Generator) -> None:
    few = rng.integers(0, 30, 900)
    assert of(name, few) and of(name, np.char.add("C", few.astype(str)))
    assert not of(name, np.arange(900)) and not of(name, few % 3)


@pytest.mark.parametrize("name", OTHERS)
def test_what_only_has_such_a_word_in_it_is_not(name: str, rng: np.random.Generator) -> None:
    assert not of(name, rng.integers(0, 90, 900))


@pytest.mark.parametrize("name", ["num_open_cc_accounts", "total_accounts", "nClients", "count of users"])
def test_how_many_there_are_is_not(name: str, rng: np.random.Generator) -> None:
    assert not of(name, rng.integers(0, 30, 900))


def test_many_rows_of_few_numbers_count_something(rng: np.random.Generator) -> None:
    few, many = rng.integers(0, 28, 700), rng.integers(0, 28, 7000)
    assert not of("current_installment_accounts", many) and of("current_installment_accounts", few)
    assert of("patient", many) and of("customers", many) and of("study_subjects", np.char.add("S", many.astype(str)))
    assert of("num_client", few), "the number of one, as in French"


def test_years_and_what_stands_behind_a_digit_are_not(rng: np.random.Generator) -> None:
    assert not of("yearID", rng.integers(1930, 2020, 900)) and not of("X3Ssn.Porch", rng.integers(0, 90, 900))


def test_cells_tell_where_a_name_says_nothing(rng: np.random.Generator) -> None:
    given_out = rng.integers(70_000, 73_000, ROWS)
    assert of("x", given_out) and of("x", np.char.add("C", given_out.astype(str))) and of("station_id", given_out % 200)
    assert of("x", [f"{number * 7919 * 104_729:012x}" for number in given_out])
    quantities = {
        "age": rng.integers(0, 100, ROWS),
        "year": rng.integers(1900, 2020, ROWS),
        "grams": rng.normal(3400, 500, ROWS).astype(int),
        "pay": np.exp(rng.normal(8, 1, ROWS)).astype(int),
        "pay_rounded": np.exp(rng.normal(10, 1, ROWS)).astype(int) // 100 * 100,
        "distance": rng.gamma(2, 800, ROWS).astype(int),
        "visits": rng.poisson(3, ROWS),
        "amount": given_out,
    }
    assert {name for name, cells in quantities.items() if of(name, cells)} == set()
    names = np.array([f"Name{number}" for number in np.minimum(rng.zipf(1.3, ROWS), 4000)])
    assert not of("x", names) and not of("x", rng.choice(["north", "south", "east"], ROWS))
    assert not of("x", [f"note {number} of staff" for number in given_out])


@pytest.fixture
def visits(rng: np.random.Generator) -> pd.DataFrame:
    patient = np.repeat(np.arange(300), 3)
    return pd.DataFrame(
        {
            "patient": patient + 70_000,
            "visit_id": rng.permutation(900),
            "station_id": np.repeat(np.arange(300), 3) + 5,
            "age": patient % 60 + 20,
            "ill": rng.choice(["yes", "no"], 900),
        }
    )


def test_a_draft_asks_and_is_refused_until_it_is_answered(visits: pd.DataFrame, tmp_path: Path) -> None:
    cells, path = visits.astype("str"), tmp_path / "visits.yaml"
    draft = open_draft({name: guessed(cells[name], name == "ill") for name in cells}, "visits.csv", "ill")
    path.write_text(draft.text)
    assert Schema.from_yaml(path).drafted and "# person: patient\n" in draft.text
    assert "  patient: {kind: integer} # READ OFF THE ROWS: values repeat: is this the `person`?" in draft.text
    assert "ignore: [visit_id, station_id] # READ OFF THE ROWS: station_id: values repeat" in draft.text
    assert any(note.startswith("patient: values repeat: 300 different ones in 900 rows, 3.0 each") for note in draft.remarks)
    answered = draft.text.replace("# person: patient\n# max_rows", "person: patient\nmax_rows")
    path.write_text(answered)
    with pytest.raises(SchemaError, match="'patient' is also among the columns"):
        Schema.from_yaml(path)
    lines = [line.partition(" # READ OFF")[0] for line in answered.splitlines() if not line.startswith("  patient:")]
    path.write_text("\n".join(lines))
    schema = Schema.from_yaml(path)
    assert schema.person == "patient" and schema.unit == "person" and not schema.drafted


def test_the_other_draft_and_parquet_files_ask_as_well(visits: pd.DataFrame, tmp_path: Path) -> None:
    public = draft_schema(visits.astype("str"), "visits.csv", "ill")
    assert "# person: patient # READ OFF THE ROWS: it looks like an id, and values repeat" in public
    assert "    kind: integer # READ OFF THE ROWS; VALUES REPEAT: if it is the `person`" in public
    days = pd.date_range("2015-01-01", periods=900).strftime("%Y-%m-%d").to_numpy()
    frame = visits.assign(seen=np.repeat(days[:600], [2] * 300 + [1] * 300), code=visits["patient"].map("C{}".format))
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "visits.parquet")
    found = declared(tmp_path / "visits.parquet")
    assert {name for name, kind in found.items() if kind.repeats} == {"patient", "station_id"}
    assert not found["patient"].inferred and found["patient"].spec == {"kind": "integer"}


def test_the_target_is_not_asked_about(visits: pd.DataFrame) -> None:
    assert not guessed(visits["patient"].astype("str"), is_target=True).repeats


def test_numbers_of_no_telling_name_are_asked_about_and_not_refused(rng: np.random.Generator) -> None:
    numbers = pd.Series(rng.integers(70_000, 73_000, ROWS).astype(str))
    found, coded = guessed(numbers.rename("x")), guessed("C" + numbers.rename("x"))
    assert not found.repeats and coded.repeats
    assert all(any("Is this the `person`" in remark for remark in kind.remarks) for kind in (found, coded))
