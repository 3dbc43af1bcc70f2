"""Ids and codes among whole numbers: both drafts take a column for the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dpdsyn.draft import draft_schema
from dpdsyn.schema import Schema
from dpdsyn.tables.identifiers import naming
from dpdsyn.tables.kinds import declared, guessed
from dpdsyn.tables.open_draft import open_draft

NAMES = {
    "id": ("id", "ids", "ID", "patient_id", "patientId", "PatientID", "customerid", "person.id", "SSN"),
    "code": ("zip", "ZIP", "zipCode", "zip_code", "PLZ", "postcode", "home phone"),
    None: ("paid", "covid", "period", "tips", "zipper", "age", "visits", "idle", "income", "plzx", "X3Ssn.Porch"),
}


@pytest.mark.parametrize("what", NAMES)
def test_a_name_says_what_numbers_are(what: str | None) -> None:
    assert {name: naming(name) for name in NAMES[what]} == dict.fromkeys(NAMES[what], what)
    repeated = np.arange(50) * 7.0 + 10_000
    assert {naming(name, repeated, 200) for name in NAMES[what]} == {what}
    assert {naming(name, np.arange(5.0), 200) for name in NAMES[what]} == {None}, "classes, whatever they are called"
    assert {naming(name, repeated + 0.5, 200) for name in NAMES[what]} == {None}


def test_cells_say_so_where_they_count_rows_or_are_long_and_all_different() -> None:
    counted, long, squares = np.arange(40.0), np.arange(40.0) ** 2 + 10_000_000, np.arange(40.0) ** 2
    assert [naming("x", numbers, 40) for numbers in (counted, long, squares)] == ["id", "id", None]
    assert naming("x", counted, 80) is naming("x", long, 41) is naming("x", counted[:15], 15) is None
    assert naming("phone", squares, 40) == "id"


def test_ids_of_few_things_of_many_rows_each_are_categories() -> None:
    plots = np.arange(1.0, 25.0)
    assert naming("plot_id", plots, 35_000) == naming("station id", plots, 35_000) == "code"
    assert {naming(name, plots, 35_000) for name in ("id", "patient_id", "PID", "SSN", "userid")} == {"id"}
    assert naming("plot_id", plots, 900) == naming("plot_id", np.arange(200.0), 35_000) == naming("plot_id") == "id"
    cells = pd.Series(np.tile(plots.astype(int).astype(str), 200), name="plot_id", dtype="str")
    found = guessed(cells)
    assert found.spec == {"kind": "categorical"} and not found.repeats
    assert found.remarks[0].startswith("numbers that look like ids, few different ones of many rows each")


def test_ids_of_years_are_years() -> None:
    years = np.arange(1936.0, 2017.0)
    assert naming("yearID", years, 6000) is naming("year_id") is None and naming("season_id", years, 6000) == "id"
    assert naming("yearID", years - 1900, 6000) == "id"


def test_both_drafts_agree(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = 400
    frame = pd.DataFrame(
        {
            "pid": np.repeat(rng.permutation(100) + 70_000, 4),
            "zip": rng.choice(rng.integers(10_000, 99_999, 60), rows),
            "income": rng.choice(rng.integers(10_000, 99_999, 60), rows),
            "row": rng.permutation(rows),
            "pay": np.arange(rows) * 37,
            "ill": rng.choice(["yes", "no"], rows),
        }
    )
    cells = frame.astype("str")
    ordinary = open_draft({name: guessed(cells[name], name == "ill") for name in cells}, "t.csv", "ill").text
    public = draft_schema(cells, "t.csv", "ill")
    found = {}
    for name, text in (("ordinary", ordinary), ("public", public)):
        (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
        schema = Schema.from_yaml(tmp_path / "s.yaml")
        found[name] = (set(schema.ignore), {column.name: column.kind for column in schema.columns})
    kinds = {"zip": "categorical", "income": "integer", "pay": "integer", "ill": "categorical"}
    assert found["ordinary"] == found["public"] == ({"pid", "row"}, kinds)
    assert "# person: pid # READ OFF THE ROWS: it looks like an id" in public
    assert "kind: integer # READ OFF THE ROWS; every one is different: if it is an id" in public
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "t.parquet")
    kinds_of = declared(tmp_path / "t.parquet")
    assert not kinds_of["pid"].spec and not kinds_of["pid"].inferred and kinds_of["zip"].spec == {"kind": "categorical"}
    assert kinds_of["row"].spec == kinds_of["income"].spec == {"kind": "integer"}, "of a Parquet file no cell is read"
