"""Tables in Excel workbooks: what is read, and what is refused."""

from __future__ import annotations

import builtins
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from dpdsyn.schema import Schema
from experiments.data.errors import DataError
from experiments.data.first_bytes import is_parquet
from experiments.data.table_file import Reading, lines_of, read_table


def write(path: Path, *sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    for i, rows in enumerate(sheets):
        sheet = book.active if i == 0 else book.create_sheet()
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


ROWS: list[list[Any]] = [
    [" name ", "n", "x", "day", "moment", "clock", "yes"],
    ["Åse", 3, 2.5, date(2024, 1, 31), datetime(2024, 1, 31, 10, 30), time(9, 5), True],
    ["00123", 4.0, None, datetime(2024, 2, 1), None, None, False],
    [],
    ["NA", -1, 0.1, None, None, time(23, 0), None],
]


def test_cells_are_read_as_texts(tmp_path: Path) -> None:
    path = write(tmp_path / "people.xlsx", ROWS, [])
    frame = read_table(path, Reading())
    assert list(frame) == ["name", "n", "x", "day", "moment", "clock", "yes"] and len(frame) == 3
    assert frame["name"].tolist()[:2] == ["Åse", "00123"] and frame["n"].tolist() == ["3", "4", "-1"]
    assert frame["x"].tolist()[::2] == ["2.5", "0.1"] and frame["x"].isna().tolist() == [False, True, False]
    assert frame["day"].tolist()[:2] == ["2024-01-31", "2024-02-01"] and frame["moment"][0] == "2024-01-31 10:30:00"
    assert frame["clock"].tolist()[::2] == ["09:05:00", "23:00:00"] and frame["yes"].tolist()[:2] == ["True", "False"]
    assert not is_parquet(path) and lines_of(path, [0]) == {}


def test_a_decimal_comma_is_of_texts_and_numbers_of_a_workbook_are_what_they_are(tmp_path: Path) -> None:
    path = write(tmp_path / "people.xlsx", [["x"], [1.234], ["2,5"], ["1.000,5"]])
    schema = Schema.from_mapping({"rows_public": 9, "columns": {"x": {"kind": "real", "bounds": [0, 9999], "bins": 9}}})
    for public in (None, schema):
        assert list(map(float, read_table(path, Reading(decimal=","), schema=public)["x"])) == [1.234, 2.5, 1000.5]


@pytest.mark.parametrize(
    ("sheets", "message"),
    [
        ([[["a"], [1]], [["b"], [2]]], "has the sheets Sheet, Sheet1; one table is read, so keep one of them"),
        ([[["a"], [1, 2]]], "sheet 'Sheet', row 2: has cells to the right of the names, which row 1 holds"),
        ([[["a", "a"], [1, 2]]], "columns of the same name: a"),
        ([[["a", None, "b"], [1, 2, 3]]], "column 2 has no name"),
        ([[["a"]]], "holds the names of 1 columns and no row"),
        ([[]], "is empty"),
        ([[["a"], ["=1+1"]]], "row 2: holds a formula whose value was not saved"),
    ],
)
def test_what_is_no_one_table_is_refused(sheets: list[list[list[Any]]], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_table(write(tmp_path / "people.xlsx", *sheets), Reading())


def test_damaged_workbooks_are_refused(tmp_path: Path) -> None:
    whole = write(tmp_path / "people.xlsx", ROWS).read_bytes()
    (tmp_path / "torn.xlsx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"torn\.xlsx is a zip archive or a damaged workbook"):
        read_table(tmp_path / "torn.xlsx", Reading())


def test_without_openpyxl_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real = write(tmp_path / "people.xlsx", ROWS), builtins.__import__

    def absent(name: str, *rest: Any, **more: Any) -> Any:
        if name == "openpyxl":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(DataError, match=r"openpyxl, which reads them, is not installed: pip install 'dpdsyn\[excel\]'"):
        read_table(path, Reading())
