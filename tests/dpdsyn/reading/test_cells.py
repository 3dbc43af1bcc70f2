"""Every cell is read by itself: whatever else is in its column, what it says is the same."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import itertools
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpdsyn.parquet import stream
from dpdsyn.reading.cells import canonical, day, distinct, moment, number
from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema

D = decimal.Decimal


class Colour(str, enum.Enum):  # noqa: UP042  # what frames hold that were made so
    RED = "red"


class Awkward:
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash(1)

    def __str__(self) -> str:
        raise RuntimeError("says nothing")


ZONES = [dt.timezone(dt.timedelta(hours=hours)) for hours in (-5, 0, 14)]
MOMENT = dt.datetime(2024, 1, 2, 4, 30, tzinfo=dt.UTC)
EQUAL_BUT_NOT_THE_SAME: list[Any] = [
    True, 1, 1.0, "1", "1.0", "true", "True", np.True_, np.int8(1), np.float32(1), np.int64(1), D("1"), D("1.00"), b"1", 1 + 0j,
    fractions.Fraction(1), False, 0, 0.0, -0.0, "0", "-0.0", D("-0"), D("0E+3"), np.float64(-0.0), 0.1, np.float32(0.1),
    float(np.float32(0.1)), D("0.1"), 2**53, 2**53 + 1, float(2**53), str(2**53 + 1), np.uint64(2**64 - 1), 10**400, 10**5000,
    None, np.nan, pd.NA, pd.NaT, D("NaN"), D("sNaN"), np.float32("nan"), np.datetime64("NaT"), np.timedelta64("NaT"), "nan", "",
    *(MOMENT.astimezone(zone) for zone in ZONES), pd.Timestamp(MOMENT), pd.Timestamp(MOMENT).tz_convert("America/New_York"),
    dt.date(2024, 1, 2), dt.datetime(2024, 1, 2), pd.Timestamp("2024-01-02"), "2024-01-02", "2024-01-02 00:00:00.000000",
    np.datetime64("2024-01-02"), np.datetime64("2024-01-02T00", "h"), "3000-01-01", "2024-01-02T00:00:00.123456789", 20240102,
    dt.timedelta(days=1), pd.Timedelta(days=1), np.timedelta64(1, "D"), dt.time(1), pd.Period("2024-01", "M"), uuid.UUID(int=1),
    pd.Interval(0, 1), Colour.RED, "red", np.str_("red"), b"red", b"\xff", Awkward(), [1], (1,), {"a": 1}, {1}, np.array([1]),
    "1_000", "inf", float("inf"), "1e400", "\ud800", " red ", D("Infinity"), D("1E+500"), D("10E+499"),
    D("0.50"), D("0.5"), object,
]  # fmt: skip
ANY_CELL = (
    st.sampled_from(EQUAL_BUT_NOT_THE_SAME)
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text(max_size=4)
    | st.datetimes()
    | st.booleans()
)
RULES = ("own_code", "drop", None)
COLUMNS = [
    *(Column("a", "categorical", categories=("1", "red", 0.5, "2024-01-02"), other=other, missing=rule)
      for other in (True, False) for rule in RULES),
    Column("a", "categorical", categories=(False, True), other=True),
    Column("a", "categorical", categories=(2**53, 2**53 + 1), other=True),
    Column("a", "categorical", categories=("low", "high"), cut_at=(0.5,), missing="drop"),
    *(Column("a", "integer", bounds=(0, 9), bins=10, missing=rule) for rule in RULES),
    Column("a", "real", bounds=(0.0, 1.0), bins=4),
    *(Column("a", "date", bounds=(19722.0, 19731.0), bins=10, format=form) for form in (None, "%Y%m%d")),
]  # fmt: skip


def alone(cells: pd.Series, column: Column) -> list[int]:
    return [int(column.encode(cells.iloc[[i]])[0]) for i in range(len(cells))]


@given(st.lists(ANY_CELL, max_size=8), st.sampled_from(COLUMNS))
@settings(max_examples=150)
def test_a_cell_has_one_code_whatever_else_is_in_the_column(values: list, column: Column) -> None:
    cells = pd.Series(values, dtype=object)
    codes = column.encode(cells)
    assert codes.dtype == np.int64 and codes.tolist() == alone(cells, column)
    assert (codes >= (-1 if column.missing == "drop" else 0)).all() and (codes < column.size).all()
    assert column.encode(cells[::-1]).tolist() == codes.tolist()[::-1]


@pytest.mark.parametrize("column", COLUMNS, ids=str)
def test_cells_that_python_calls_equal_keep_apart_in_any_company(column: Column) -> None:
    cells = pd.Series(EQUAL_BUT_NOT_THE_SAME, dtype=object)
    expected = alone(cells, column)
    assert column.encode(cells).tolist() == expected and column.encode(cells[::-1]).tolist() == expected[::-1]


NUMBERS = [2**53 + 1, 1, 0, 2**53]
TYPED = {
    "int64": NUMBERS, "Int64": [*NUMBERS, None], "UInt64": [2**64 - 1, None], "float64": [0.0, -0.0, 1.0, np.nan],
    "float32": [0.1, np.nan], "Float64": [0.5, None], "bool": [True, False], "boolean": [True, None], "str": ["1", "red", None],
    "string": ["1", None], "int64[pyarrow]": [*NUMBERS, None], "double[pyarrow]": [0.5, float("nan"), None],
    "bool[pyarrow]": [True, None], "string[pyarrow]": ["1", None], "category": ["1", "red", None],
    "datetime64[s]": ["2024-01-02", None, "1950-05-05"], "datetime64[ns, America/New_York]": ["2024-01-02", None],
    "timedelta64[s]": [1, None], "timestamp[us][pyarrow]": ["2024-01-02", None], "Period[D]": ["2024-01-02", None],
    "complex128": [1 + 0j, 0j], "interval": pd.interval_range(0, 2), "Sparse[int64]": [0, 1],
}  # fmt: skip


@pytest.mark.parametrize("dtype", TYPED)
@pytest.mark.parametrize("column", COLUMNS[::2], ids=str)
def test_columns_of_every_type_are_encoded_cell_by_cell(dtype: str, column: Column) -> None:
    cells = pd.Series(TYPED[dtype]) if dtype == "interval" else pd.Series(TYPED[dtype], dtype=dtype)
    assert column.encode(cells).tolist() == alone(cells, column)
    mixed = pd.Categorical(np.array([True, "1", None, "a"], dtype=object))
    assert column.encode(pd.Series(mixed)).tolist() == alone(pd.Series(mixed), column)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (True, "true"), (1, "1"), (1.0, "1"), ("1.0", "1"), (-0.0, "0"), ("-0.0", "0"), (D("0.50"), "0.5"), (D("1E+2"), "100"),
        (np.float32(0.1), "0.1"), (2**53 + 1, "9007199254740993"), (b" red ", "red"), (Colour.RED, "red"),
        (dt.date(2024, 1, 2), "2024-01-02"),
        (pd.Timestamp("2024-01-02"), "2024-01-02"), ("2024-01-02 00:00:00.000000", "2024-01-02"), ("00:00", "00:00"),
    ],
)  # fmt: skip
def test_what_a_cell_is_called(cell: object, text: str) -> None:
    assert canonical(cell) == text


def test_numbers_and_days_are_what_is_written_down() -> None:
    assert [number(cell) for cell in (True, D("0.5"), " 1e3 ", b"7", 10**400, "1e400")] == [1, 0.5, 1000, 7, np.inf, np.inf]
    nothing = ("1_000", "x", dt.timedelta(1), np.timedelta64(1), pd.Timestamp(0), [1], 1j, None)
    assert all(np.isnan(number(cell)) for cell in nothing)
    first = day("2024-01-01")
    shown = ["2024-01-01T23:30:00-05:00", "2024-01-02T00:30:00+02:00", "2024/1/3", "20240104", pd.Timestamp("2024-01-05 23:00")]
    assert [day(cell) - first for cell in shown] == [0, 1, 2, 3, 4]
    assert day("2024-02") - first == 31 and day("31.12.2023", "%d.%m.%Y") - first == -1 and day("3000-01-01") > 0
    assert all(np.isnan(day(cell)) for cell in ("today", "2024-02-30", 5.5, [dt.date(2024, 1, 1)], "", "12/31/2024"))
    zoned = pd.Series(pd.to_datetime(["2024-01-01 23:30", "1950-01-01 23:30"]).tz_localize("America/New_York"))
    column = Column("a", "date", bounds=(first, first + 9), bins=10)
    assert column.encode(zoned).tolist() == [0, 0] and column.encode(zoned.astype(object)).tolist() == [0, 0]


def test_a_moment_is_the_same_whatever_writes_it_and_keeps_its_time_of_day() -> None:
    written = "2024-01-02 12:30"
    for cell in (written.encode(), pd.Timestamp(written), np.datetime64(written), pd.Period(written, "min")):
        assert moment(cell) == moment(written) == moment("2024-01-02") + 45_000, cell
    for form, text in (("%H:%M", "12:30"), ("%d.%m.%Y %H:%M", "02.01.2024 00:00"), ("%Y", "2024")):
        assert moment(text.encode(), form) == moment(text, form) and day(text.encode(), form) == day(text, form), form
    assert moment(dt.date(2024, 1, 2), "%d.%m.%Y %H:%M") == moment("2024-01-02") and moment(2024, "%Y") == moment("2024", "%Y")
    assert all(np.isnan(moment(cell)) for cell in (b"\xff", [written], pd.Timedelta("1h"), True, None))


FORMS = ("%d.%m.%Y", "%Y%m%d", "%m/%d/%Y %H:%M", "%Y-%m-%dT%H:%M:%S", "%d. %b %Y", "%d.%m.%y", "%%%d%m%Y", "%d%d%Y", "%H:%M", "%")


@given(st.sampled_from(FORMS), st.datetimes(dt.datetime(1000, 1, 1)), st.integers(0, 12), st.sampled_from("0139.: \u0661"))
@settings(deadline=None)
def test_a_date_of_a_stated_form_is_what_strptime_reads(form: str, moment: dt.datetime, at: int, other: str) -> None:
    text = moment.strftime(form) if form != "%" else "%"
    for written in (text, text[:at] + other + text[at + 1 :]):
        try:
            right = float(dt.datetime.strptime(written.strip(), form).toordinal() - dt.date(1970, 1, 1).toordinal())
        except Exception:  # a form that is none gives errors of many kinds
            right = np.nan
        assert day(written, form) == right or np.isnan([day(written, form), right]).all()


def test_equal_texts_and_numbers_are_read_once() -> None:
    for cells in (["a", "b"] * 50, [1, 2] * 50, [1.5, np.nan] * 50, [D("1.5"), None] * 50, [True, False] * 50):
        assert len(distinct(pd.Series(cells, dtype=object))[1]) <= 2


@given(st.lists(st.sampled_from(["a", "b", None, 1, 2.5, "c"]), max_size=8), st.lists(st.booleans(), min_size=8, max_size=8))
def test_different_values_are_those_of_the_cells_that_are_there(cells: list[Any], kept: list[bool]) -> None:
    whole = pd.Series(cells, dtype=object)
    for column in (whole, whole.astype("category"), pd.Series(pd.Categorical(cells, categories=["a", "z", "c", "b", 1, 2.5]))):
        some = column[np.array(kept[: len(cells)], dtype=bool)]
        positions, values = distinct(some)
        assert [None if position < 0 else values[position] for position in positions] == [*itertools.compress(cells, kept)]
        assert set(positions[positions >= 0]) == set(range(len(values)))


def arrow(array: pa.Array) -> pd.Series:
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([array])))


def test_what_a_dictionary_of_arrow_s_holds_beside_changes_no_cell() -> None:
    missing = Column("a", "categorical", categories=("a", "b"), missing="own_code", other=True)
    cells = [None, None, "b", None]
    for first in ([], ["a"], [None]):
        column = arrow(pa.array([*first, *cells]).dictionary_encode(null_encoding="encode"))
        assert list(missing.read(column)[len(first) :]) == list(missing.read(pd.Series(cells, dtype=object)))
    nobody = pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([], pa.dictionary(pa.int8(), pa.string()))))
    assert list(missing.read(nobody)) == []
    halves = pa.chunked_array([pa.array(half).dictionary_encode() for half in (["a", None], ["b", "a"])])
    assert list(missing.read(pd.Series(pd.arrays.ArrowExtensionArray(halves)))) == [0, -1, 1, 0]
    noon = 12 * 3600 * 10**9
    times = pa.array([noon, 0, noon + 1], pa.int64()).cast(pa.time64("ns"))  # which Python has no time for
    positions, values = distinct(arrow(times.dictionary_encode()))
    assert [values[position] for position in positions[:2]] == [dt.time(12), dt.time(0)]


@pytest.mark.parametrize("array", [pa.array([[1], [], None]), pa.array(np.array([1, 2, 2], dtype="float16"))], ids=str)
def test_types_that_arrow_cannot_sort_out_are_read_cell_by_cell(array: pa.Array) -> None:
    column = Column("a", "categorical", categories=(1, 2), missing="own_code", other=True)
    assert list(column.read(arrow(array))) == list(column.read(pd.Series(array.to_pylist(), dtype=object)))


SCHEMA = Schema.from_mapping(
    {
        "rows_public": 5,
        "columns": {
            "whole": {"kind": "categorical", "categories": [2**53, 2**53 + 1, 2**53 + 2]},
            "number": {"kind": "integer", "bounds": [0, 9], "bins": 10, "missing": "own_code"},
            "truth": {"kind": "categorical", "categories": [False, True], "missing": "own_code"},
            "day": {"kind": "date", "bounds": ["2024-01-01", "2024-01-10"], "bins": 10, "missing": "own_code"},
            "text": {"kind": "categorical", "categories": ["a", "b"], "missing": "drop"},
            "exact": {"kind": "categorical", "categories": [0.5, 1], "missing": "own_code"},
        },
    }
)
PARQUET_ROW = st.tuples(
    st.none() | st.sampled_from([2**53, 2**53 + 1, 2**53 + 2]),
    st.none() | st.integers(-1, 10),
    st.none() | st.booleans(),
    st.none() | st.dates(dt.date(2023, 12, 30), dt.date(2024, 1, 12)),
    st.none() | st.sampled_from(["a", "b", "c"]),
    st.none() | st.sampled_from([D("0.50"), D("1.00"), D("2.00")]),
)
TYPES = (pa.int64(), pa.int8(), pa.bool_(), pa.date32(), pa.dictionary(pa.int32(), pa.string()), pa.decimal128(8, 2))


def encoded(rows: list[tuple], folder: str) -> list[list[int]]:
    path = Path(folder) / "rows.parquet"
    columns = [pa.array([row[i] for row in rows], type=kind) for i, kind in enumerate(TYPES)]
    pq.write_table(pa.table(columns, names=list(SCHEMA.names)), path)
    return np.concatenate(list(stream(path, SCHEMA).chunks())).tolist()


@given(st.lists(PARQUET_ROW, min_size=1, max_size=8), st.data())
@settings(deadline=None)
def test_taking_a_row_out_of_a_parquet_file_changes_no_other(rows: list[tuple], data: st.DataObject) -> None:
    gone = data.draw(st.integers(0, len(rows) - 1))
    with TemporaryDirectory() as folder:
        apart = [encoded([row], folder) for row in rows]
        assert encoded(rows, folder) == [code for one in apart for code in one]
        rest = rows[:gone] + rows[gone + 1 :]
        assert encoded(rest, folder) == [code for one in apart[:gone] + apart[gone + 1 :] for code in one]


def test_large_whole_numbers_beside_a_null_stay_what_they_are(tmp_path: Path) -> None:
    row = (None, 1, True, dt.date(2024, 1, 3), "a", D("0.50"))
    rows = [(2**53 + 1, *row[1:]), row, (2**53, *row[1:])]
    whole = [codes[0] for codes in encoded(rows, str(tmp_path))]
    assert whole == [1, 0, 0]  # the missing one has no rule and gets the first value
    assert encoded(rows[:1], str(tmp_path)) == [[1, 1, 1, 2, 0, 0]]
