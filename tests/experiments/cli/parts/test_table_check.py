"""`dpdsyn schema check`: what it says of each column, also where it then refuses."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from experiments.cli.main import main

SCHEMA = """\
target: ill
rows_public: 50
columns:
  age: {kind: integer, bounds: [0, 99], bins: 2}
  fee: {kind: real, missing: drop}
  ward: {kind: categorical, categories: [north, south]}
  ill: {kind: categorical, categories: ["no", "yes"]}
"""


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    (tmp_path / "people.yaml").write_text(SCHEMA)
    return pd.DataFrame(
        {
            "age": [10] * 95 + [200] * 5,
            "fee": [1.5] * 90 + [None] * 10,
            "ward": ["north"] * 70 + ["south"] * 10 + ["South"] * 20,
            "ill": ["no", "yes"] * 50,
        }
    )


def check(table: pd.DataFrame, folder: Path) -> int:
    table.to_csv(folder / "people.csv", index=False)
    return main(["schema", "check", str(folder / "people.csv"), "--schema", str(folder / "people.yaml")])


def test_every_column_has_its_shares_and_rows_stand_beside_those_stated(
    table: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(table, tmp_path) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].startswith("NOT FOR PUBLISHING") and "not for publishing" in err
    assert lines[1].split() == ["column", "kind", "clipped", "unlisted", "missing", "unreadable", "in", "one", "code"]
    shares = {line.split()[0]: line.split()[1:] for line in lines[2:6]}
    assert shares == {
        "age": ["integer", "5.0%", "-", "0%", "0%", "95.0%"],
        "fee": ["real", "-", "-", "10.0%", "0%", "learnt"],
        "ward": ["categorical", "-", "20.0%", "0%", "0%", "70.0%"],
        "ill": ["categorical", "-", "-", "0%", "0%", "50.0%"],
    }
    assert lines[6].startswith("note: age: 95.0% of cells are one code. If they differ, the bounds are too wide")
    assert lines[7].startswith("90 of 100 rows can be used (10 are left out, by the rules for missing cells); the schema states ")
    assert "about 50 (rows_public), which is off by more than a factor of 1.25" in lines[7]


def test_the_shares_are_told_where_the_table_is_refused(
    table: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = table.assign(age=["secret"] * 3 + [10] * 97)
    assert check(refused, tmp_path) == 2
    out, err = capsys.readouterr()
    (age,) = [line for line in out.splitlines() if line.startswith("age ")]
    assert age.split() == ["age", "integer", "0%", "-", "0%", "3.0%", "97.0%"]
    assert "is not a number" in err and "secret" not in out + err
    assert out.splitlines()[0].startswith("NOT FOR PUBLISHING")


def test_rows_that_are_as_many_as_stated_need_no_word(
    table: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(table[:55], tmp_path) == 0
    out = capsys.readouterr().out
    assert "55 of 55 rows can be used; the schema states about 50 (rows_public)\n" in out


def test_rules_and_codes_for_missing_cells_are_told_of(
    table: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = "constraints: [ward = North -> fee = 0, ward = north -> fee = 0, fee >= 1]\n"
    schema = SCHEMA.replace(", categories: [north, south]", "").replace("rows_public: 50\n", rules)
    (tmp_path / "people.yaml").write_text(schema)
    assert check(table.assign(fee=[1.5, 2.5] * 48 + [999] * 4), tmp_path) == 0
    out, err = capsys.readouterr()
    assert "rule ward = North -> fee = 0: its condition holds for 0 rows of the table, of which 0 break it\n" in out
    assert "rule ward = north -> fee = 0: its condition holds for 70 rows of the table, of which 70 break it\n" in out
    assert "rule fee >= 1: 0 of 100 rows break it\n" in out
    assert "note: fee: 999 stands apart from all other values, in 4.0% of cells" in out and "--missing 999" in out
    assert "CAUTION: constraint 'ward = North -> fee = 0': its condition holds in no row; see that its values are" in err
    assert "`dpdsyn doctor` has to be told about how many: --rows" in out.splitlines()[-2]


@pytest.mark.parametrize(("other", "noted"), [("no", False), ("No", True)])
def test_a_rare_class_that_is_listed_as_it_is_written_draws_no_word(
    other: str, noted: bool, table: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "people.yaml").write_text(SCHEMA)
    assert check(table.assign(ward=["south"] * 99 + ["north" if other == "no" else "North"]), tmp_path) == 0
    assert ("note: ward: 99.0% of cells are one code" in capsys.readouterr().out) == noted
