"""Which listed category a cell is: texts by their text, numbers as numbers."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdsyn.reading.listed import Listed, plain
from dpdsyn.reading.numerals import STRAY_POINT, numeral, with_points
from dpdsyn.schema import Schema


@pytest.mark.parametrize(
    ("cell", "categories", "code"),
    [
        ("0.50", [0.5, 1], 0), ("1.00", [0.5, 1], 1), (Decimal("0.50"), [0.5, 1], 0), ("-0.0", [0, 1], 0), ("+1", [1, -1], 0),
        (".5", [0.5, 1], 0), ("1.", [1, 2], 0), ("1e3", [1000, 2000], 0), ("0.00001", [1e-5, 1], 0), ("5E-1", [0.5, 1], 0),
        ("0.10000000000000000555", [0.1, 1], 0), (np.float32(0.1), [0.1, 1], 0), (b"0.50", [0.5, 1], 0), (" 0.50 ", [0.5, 1], 0),
        ("9007199254740993.0", [2**53, 2**53 + 1], 1), ("9.007199254740993e15", [2**53, 2**53 + 1], 1), ("1e20", [1e20, 1], 0),
        ("1e23", [1e23, 1], 0), ("1.2e+300", [1.2e300, 1], 0), (np.float32(1e23), ["1e23", "x"], 0), ("5e-324", [5e-324, 1], 0),

        ("007", [7, 8], None), ("1_0", [10, 8], None), ("0x1F", [31, 8], None), ("true", [1, 0], None), (True, [1, 0], None),
        ("1.1", ["1.10", "1.2"], None), ("1.10", ["1.10", "1.1"], 0), (1.1, ["1.10", "1.2"], 0), (1.1, ["1.10", "1.1"], 1),
        ("\u0661", [1, 2], None), ("e\u0301", ["\xe9", "e"], 0),
        (0.5, ["0.50", "0.500"], None), ("1e400000", [1, 2], None), ("", ["", "x"], 0), ("NA", ["NA", 1], 0),
        (dt.timedelta(days=1), ["1 days", "x"], 0), (pd.Timedelta(days=1), ["1 days", "x"], 0),
        (np.timedelta64(1, "D"), ["1 days", "x"], 0), (dt.timedelta(hours=36), ["1 days 12:00:00", "x"], 0),
        (1 + 0j, [1, 2], None),
    ],
)  # fmt: skip
def test_a_cell_is_the_category_that_says_the_same(cell: Any, categories: list[Any], code: int | None) -> None:
    assert Listed(categories).code(cell) == code


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=6), st.integers(0, 6))
def test_a_number_is_one_numeral_however_it_is_written(number: Decimal, zeros: int) -> None:
    ways = [str(number), f"{number:f}" + "0" * zeros, f"{number:E}", f"{number:+f}"]
    assert len({numeral(way) for way in ways}) == 1
    assert float(str(numeral(ways[0]))) == float(number)


def test_categories_as_a_frame_has_them_are_those_of_a_file() -> None:
    given: list[Any] = [
        np.int64(3),
        np.float64(0.5),
        np.bool_(True),
        np.str_("a"),
        dt.date(2024, 2, 1),
        pd.Timestamp("2024-02-01"),
    ]
    expected = [3, 0.5, True, "a", "2024-02-01", "2024-02-01"]
    assert [(type(value), value) for value in map(plain, given)] == [(type(value), value) for value in expected]
    assert [plain(Decimal(text)) for text in ("1.50", "2.0", "0.12345678901234567890")] == [1.5, 2, "0.1234567890123456789"]
    schema = Schema.from_mapping({"columns": {"a": {"kind": "categorical", "categories": [given[0], np.int64(4)]}}})
    assert Schema.from_mapping(schema.to_mapping()) == schema and type(schema["a"].categories[0]) is int


def points(*texts: str | None, numeric: bool | None) -> list[Any]:
    return with_points(pd.Index(texts, dtype="str"), numeric).tolist()


def test_points_group_thousands_where_the_comma_is_the_decimal_mark() -> None:
    written = ["1.234", "1.234,56", "-12.345.678", "1,5", "7", ",5", "+1.000"]
    right = ["1234", "1234.56", "-12345678", "1.5", "7", ".5", "+1000"]
    assert points(*written, numeric=True) == points(*written, numeric=None) == right
    stray = ["1.5", "0.123", "12.34", "1.2345", "1.5e3", "01.234"]
    assert points(*stray, "1,5", numeric=True) == [*(text + STRAY_POINT for text in stray), "1.5"]


def test_codes_with_points_stay_where_the_column_holds_no_numbers() -> None:
    codes = ["1.234", "250.10", "A1.234", "31.12.2024", "1,5"]
    assert points(*codes, numeric=False) == points(*codes, numeric=None) == [*codes[:4], "1.5"]
