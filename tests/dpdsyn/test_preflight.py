"""What the preflight tells: all faults at once, without cells unless asked, the same of a frame and of a file in pieces."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from dpdsyn import Schema, parquet
from dpdsyn.preflight import PreflightError, examined, preflight

SCHEMA = {
    "target": "ill",
    "rows_public": 10,
    "columns": {
        "age": {"kind": "integer", "bounds": [0, 99], "bins": 10},
        "ward": {"kind": "categorical", "categories": ["north", "south"], "missing": "drop"},
        "ill": {"kind": "categorical", "categories": ["no", "yes"]},
    },
}
FRAME = pd.DataFrame(
    {
        "age": ["1", None, "secret", "secret", "1,5", None],
        "ward": ["north", None, "elsewhere", "south", "north", "north"],
        "ill": ["no", "yes", "no", "perhaps", "no", "no"],
    }
)


def test_every_fault_of_a_table_is_told_with_its_first_row_and_how_often_it_is_there() -> None:
    with pytest.raises(PreflightError) as caught:
        preflight(FRAME, Schema.from_mapping(SCHEMA))
    found = [(fault.column, fault.kind, fault.cells, fault.row) for fault in caught.value.faults]
    assert found == [("age", "missing", 2, 1), ("age", "unreadable", 3, 2), ("ill", "unreadable", 1, 3)]
    said = str(caught.value)
    assert caught.value.row == 1 and "column 'age': 2 missing cells (first in row 2) and no rule" in said
    assert "column 'age', row 3: a cell is not a number, and the schema says the column is integer (3 such cells)" in str(
        caught.value
    )
    assert "secret" not in said and "perhaps" not in said and "\n" not in said
    with pytest.raises(PreflightError, match=r"row 3: 'secret' is not a number.*row 4: 'perhaps' is not among its categories"):
        preflight(FRAME, Schema.from_mapping(SCHEMA), show_cells=True)


def test_a_file_is_held_against_the_schema_in_pieces_as_a_frame_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_ROWS", 2)
    FRAME.to_parquet(tmp_path / "people.parquet")
    schema = Schema.from_mapping(SCHEMA)
    assert examined(tmp_path / "people.parquet", schema) == examined(FRAME, schema)
    with pytest.raises(PreflightError, match=r"people.parquet: column 'age': 2 missing cells"):
        preflight(tmp_path / "people.parquet", schema)


def test_rows_that_can_be_used_are_counted_after_dropping_and_by_person() -> None:
    good = FRAME.assign(age="1", ill="no")
    assert examined(good, Schema.from_mapping(SCHEMA)).usable == 5
    for most, usable in ((1, 2), (2, 4)):
        schema = Schema.from_mapping({**SCHEMA, "person": "who", "max_rows_per_person": most})
        assert preflight(good.assign(who=["a", "b", "c", "c", "c", "a "]).drop(index=2), schema).usable == usable
    with pytest.raises(PreflightError, match=r"column 'who', row 2: no person is named; name one or drop the row \(2 such"):
        preflight(good.assign(who=["a", None, "", *"cca"]), schema)
    with pytest.raises(PreflightError, match="1 rows can be used; at least two"):
        preflight(good.head(2), Schema.from_mapping(SCHEMA))


def test_columns_of_which_many_cells_are_in_no_category_are_named() -> None:
    report = preflight(FRAME.assign(age="1", ill="no", ward=["North"] * 5 + ["south"]), Schema.from_mapping(SCHEMA))
    assert report.often_undeclared == "ward (83%)"


def test_durations_and_moments_are_no_numbers() -> None:
    for cells in (pd.to_timedelta([1, 2], unit="D"), pd.to_datetime(["2020-01-01", "2021-01-01"])):
        with pytest.raises(PreflightError, match=r"column 'age', row 1: a cell is not a number"):
            preflight(pd.DataFrame({"age": cells, "ward": "north", "ill": "no"}), Schema.from_mapping(SCHEMA))
