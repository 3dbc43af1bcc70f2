"""Texts in which form are dates, which are nearly dates, and what their owner is told of those that are not read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dpdsyn.reading.column import Column
from dpdsyn.tables.kinds import guessed


def texts(*cells: str) -> pd.Series:
    return pd.Series(cells, dtype="str")


@pytest.mark.parametrize(
    ("some", "zero", "named"),
    [
        ("2024-01-{:02d}", "0000-00-00", "--missing 0000-00-00)"),
        ("2024-01-{:02d} 10:30:00", "0000-00-00 00:00:00", "--missing '0000-00-00 00:00:00')"),
        ("{:02d}.01.2024", "00.00.0000", "--missing 00.00.0000)"),
        ("202401{:02d}", "00000000", "--missing 00000000)"),
    ],
)
def test_what_databases_write_for_no_date_is_named(some: str, zero: str, named: str) -> None:
    found = guessed(texts(*(some.format(day) for day in range(1, 30)), zero, zero))
    assert found.spec == {"kind": "categorical"} and not found.repeats
    (remark,) = found.remarks
    assert "all but 1 of 30 different cells are dates" in remark and named in remark


@pytest.mark.parametrize(
    "form", ["%d-%b-%Y %H:%M", "%d%b%Y", "%d%b%Y:%H:%M:%S", "%A, %B %d, %Y", "%a %b %d %H:%M:%S %Y", "%Y%m%d%H%M%S"]
)
def test_a_drafted_form_reads_and_writes_the_cells(form: str) -> None:
    moments = pd.date_range("2021-03-01 10:30", periods=700, freq="29h")
    cells = pd.Series(moments.strftime(form), dtype="str", name="seen")
    found = guessed(cells)
    assert found.spec["format"] == form and not found.repeats and found.remarks == ()
    column = Column.from_mapping("seen", {**found.spec, "bounds": ["2021-01-01", "2025-12-31"]}, False)
    read = column.found(cells)
    assert not np.isnan(read.values[read.positions]).any()
    assert column.cells_of(read.values[read.positions]).tolist() == cells.tolist()


@pytest.mark.parametrize(
    "cells",
    [
        ["14:50", "9:05"],
        ["09:05", "04:10"],
        [f"{minute // 60}:{minute % 60:02d}" for minute in range(0, 1440, 7)],
    ],
)
def test_times_of_day_that_are_nothing_else_are_not_doubted(cells: list[str]) -> None:
    assert guessed(texts(*cells)).remarks == ()


@pytest.mark.parametrize(
    "cells", [["201301", "201313"] * 9, ["190000", "190100", "190112", "190201", "190202", "190203"], ["201301", "201302"]]
)
def test_other_numbers_of_six_digits_are_no_months(cells: list[str]) -> None:
    assert guessed(texts(*cells)).remarks == ()


@pytest.mark.parametrize(
    "cells", [["10.1.2", "10.1.3"], ["2021-03-15-0001", "2021-03-15-0002"], ["May 3", "Mar 4"], ["B 12", "C 13"]]
)
def test_other_texts_with_numbers_are_no_dates(cells: list[str]) -> None:
    assert guessed(texts(*cells)).remarks == ()


def test_days_of_eight_digits_but_for_a_code_are_told_of() -> None:
    found = guessed(texts(*[*(f"202401{day:02d}" for day in range(1, 20)), "99999999"] * 2))
    assert found.spec == {"kind": "integer"}
    assert "all but 1 of 20 different cells are dates (%Y%m%d)" in found.remarks[0] and "taken for a quantity" in found.remarks[0]
