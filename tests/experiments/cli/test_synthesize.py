"""`dpdsyn synthesize`, the real command on a person's file."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

Dpdsyn = Callable[..., subprocess.CompletedProcess]
CALL = ("synthesize", "people.csv", "--schema", "people.yaml", "--encoding", "latin-1", "--epsilon", "2")


@pytest.mark.slow
def test_a_table_and_its_statement_are_written(people: Path, dpdsyn: Dpdsyn) -> None:
    done = dpdsyn(*CALL, "--output", "made.csv")
    assert done.returncode == 0, done.stderr
    made, real = pd.read_csv(people.with_name("made.csv")), pd.read_csv(people, sep=";", encoding="latin-1")
    assert len(made) == 1000 and list(made) == ["age", "ward", "seen", "ill"]
    assert set(made["ward"]) == {"north", "south"} and made["seen"].between("2020-01-01", "2024-12-31").all()
    assert ((made["age"] > 50) == (made["ill"] == "yes")).mean() > 0.85
    statement = json.loads(people.with_name("made.privacy.json").read_text())
    assert statement["guarantee"] == "dp" and statement["protects"] == "one person" and statement["rows"] == 1000
    assert 1.9 < statement["epsilon_spent"] <= 2 and statement["noise"] == "operating system's entropy"
    assert "CAUTION" not in done.stderr and "one person" in done.stdout
    private = {str(len(real)), *real["patient"].head(50), *real["note"].head(50)}
    assert not any(f'"{value}"' in json.dumps(statement) or f" {value}," in json.dumps(statement) for value in private)

    again = dpdsyn(*CALL, "--output", "made.csv")
    assert again.returncode == 2 and "a second release spends epsilon again" in again.stderr
    seeded = dpdsyn(*CALL, "--output", "made.parquet", "--overwrite", "--rows", "50", "--seed", "1")
    assert seeded.returncode == 0 and "CAUTION: the noise was seeded" in seeded.stderr
    assert len(pd.read_parquet(people.with_name("made.parquet"))) == 50
    assert "SEEDED" in people.with_name("made.privacy.json").read_text()


@pytest.mark.slow
def test_a_draft_is_refused_unless_it_is_meant(people: Path, dpdsyn: Dpdsyn) -> None:
    schema = people.with_suffix(".yaml")
    schema.write_text("drafted: true\n" + schema.read_text())
    refused = dpdsyn(*CALL, "--output", "made.csv")
    assert refused.returncode == 2 and "is still a draft" in refused.stderr and not people.with_name("made.csv").exists()
    tried = dpdsyn(*CALL, "--output", "made.csv", "--draft", "--rows", "20")
    assert tried.returncode == 0 and "NO privacy guarantee" in tried.stdout
    assert json.loads(people.with_name("made.privacy.json").read_text())["guarantee"] == "none"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--epsilon", "0"), "epsilon is 0.0"),
        (("--delta", "2"), "delta is 2.0"),
        (("--output", "made.txt"), "has to end in .csv or .parquet"),
        (("--output", "nowhere/made.csv"), "there is no folder nowhere"),
        (("--output", "people.csv", "--overwrite"), "is the private table itself"),
        (("--rows", "0"), "--rows is 0"),
        (("--target", "age"), "target is 'ill', and target='age' says otherwise"),
        (("--schema", "absent.yaml"), "absent.yaml: cannot be read"),
        (("--candidates", "mts"), "no synthesizer is called 'mts'"),
        (("--encoding", "utf-8"), "people.csv cannot be read as a table: line 2 is not utf-8 text"),
        (("--encoding", "klingon"), "no encoding is called 'klingon'"),
        (("--seed", "-4"), "random_state is -4"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_written(
    change: tuple[str, ...],
    message: str,
    people: Path,
    dpdsyn: Dpdsyn,
) -> None:
    before = sorted(people.parent.iterdir())
    refused = dpdsyn(*CALL, "--output", "made.csv", *change)
    assert refused.returncode == 2 and message in refused.stderr, refused.stderr
    assert refused.stderr.splitlines()[-1].startswith("dpdsyn: ") and "Traceback" not in refused.stderr
    assert sorted(people.parent.iterdir()) == before


@pytest.mark.slow
def test_a_parquet_file_is_known_by_its_content_and_read_like_any_other(tmp_path: Path, dpdsyn: Dpdsyn) -> None:
    frame = pd.DataFrame({"age": range(20, 80), "ward": ["north", "", "?"] * 20, "ill": ["no", "yes"] * 30})
    (tmp_path / "people.yaml").write_text(
        "target: ill\nrows_public: 60\ncolumns:\n  age: {kind: integer, bounds: [0, 110], bins: 10}\n"
        "  ward: {kind: categorical, categories: [north], other: false, missing: own_code}\n"
        "  ill: {kind: categorical, categories: [no, yes]}\n"
    )
    frame.set_index("ward").to_parquet(tmp_path / "people.csv")  # a Parquet file of another name, with a pandas index
    call = ("synthesize", "people.csv", "--schema", "people.yaml", "--epsilon", "1", "--output", "made.csv")
    refused = dpdsyn(*call)
    assert refused.returncode == 2 and "'' is not among its categories" in refused.stderr
    assert refused.stderr.count("people.csv") == 2  # one in the line that says what is being read
    done = dpdsyn(*call, "--missing", "", "--missing", "?")
    assert done.returncode == 0, done.stderr
    assert set(pd.read_csv(tmp_path / "made.csv")["ward"].dropna()) == {"north"}


def test_a_row_that_contradicts_the_schema_is_named_by_its_line(people: Path, dpdsyn: Dpdsyn) -> None:
    people.write_text("patient;age;ward;seen;note;ill\np1;30;north;2020-01-01;x;no\np2;thirty;north;2020-01-01;x;no\n")
    refused = dpdsyn(*CALL, "--output", "made.csv")
    assert refused.returncode == 2 and "people.csv, line 3: column 'age', row 2: 'thirty' is not a number" in refused.stderr
