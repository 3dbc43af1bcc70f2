"""Kinds of columns, guessed from cells that are texts or declared by a Parquet file."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dpdsyn.reading.column import Column, SchemaError
from dpdsyn.reading.numerals import STRAY_POINT
from dpdsyn.tables.kinds import declared, guessed


def texts(*cells: str | None) -> pd.Series:
    return pd.Series(cells, dtype="str")


@pytest.mark.parametrize(
    ("cells", "spec"),
    [
        (("1", "2.0", None, "-30"), {"kind": "integer"}),
        (("0", "1"), {"kind": "integer"}),
        (("1", "2.5", "1e3"), {"kind": "real"}),
        (("9.99", "0.00"), {"kind": "real"}),
        (("01234", "99999"), {"kind": "categorical"}),  # a postal code
        (("018926", "058179"), {"kind": "categorical"}),  # which pandas takes for 6 February 189
        (("1", "inf"), {"kind": "categorical"}),
        (("10000000000000000", "2"), {"kind": "categorical"}),
        (("1", "two"), {"kind": "categorical"}),
        (("yes", "no"), {"kind": "categorical"}),
        ((None, None), {"kind": "categorical"}),
        (("2024-03-31", None, "1999-12-01"), {"kind": "date"}),
        (("31.03.2024", "1.2.1999"), {"kind": "date", "format": "%d.%m.%Y"}),
        (("03/31/2024", "01/02/1999"), {"kind": "date", "format": "%m/%d/%Y"}),
        (("31/03/2024", "01/02/1999"), {"kind": "date", "format": "%d/%m/%Y"}),
        (("20240331", "19991201"), {"kind": "date", "format": "%Y%m%d"}),
        (("20240331", "19991299"), {"kind": "integer"}),
        (("2024-03-31T17:45:12", "1999-12-01T00:00:00"), {"kind": "date", "format": "%Y-%m-%dT%H:%M:%S", "resolution": "second"}),
        (("2024-03-31 17:45", "1999-12-01 00:00"), {"kind": "date", "format": "%Y-%m-%d %H:%M", "resolution": "minute"}),
        (("2024-03-31 17:00:00", "1999-12-01 00:00:00"), {"kind": "date", "format": "%Y-%m-%d %H:%M:%S", "resolution": "hour"}),
        (("2024-03-31 00:00:00", "1999-12-01 00:00:00"), {"kind": "date", "format": "%Y-%m-%d %H:%M:%S"}),
        (("31.03.2024 17:45", "01.12.1999 00:00"), {"kind": "date", "format": "%d.%m.%Y %H:%M", "resolution": "minute"}),
        (("2024-03-31", "1999-12-01 17:30"), {"kind": "date", "resolution": "minute"}),
        (("2024-03-31T17:45:12.5Z", "1999-12-01T00:00:00+02:00"), {"kind": "date", "resolution": "second"}),
        (("2024-13-31", "1999-12-01"), {"kind": "categorical"}),
        (("14:50", None, "9:05"), {"kind": "date", "format": "%H:%M", "resolution": "minute"}),
        (("14:50:30", "09:05:00"), {"kind": "date", "format": "%H:%M:%S", "resolution": "second"}),
        (("02:50 PM", "9:05 am"), {"kind": "date", "format": "%I:%M %p", "resolution": "minute"}),
        (("14:00 Uhr", "9:00 Uhr"), {"kind": "date", "format": "%H:%M Uhr", "resolution": "hour"}),
        (("24:50", "09:05"), {"kind": "categorical"}),
        (("10.06.23 14:28", "11.06.23 9:39"), {"kind": "date", "format": "%d.%m.%y %H:%M", "resolution": "minute"}),
        (("31.12.2023 9:05", "01.02.2024 14:50"), {"kind": "date", "format": "%d.%m.%Y %H:%M", "resolution": "minute"}),
        (("10.06.23", "31.12.99"), {"kind": "date", "format": "%d.%m.%y"}),
        (("31-12-2023", "01-02-2024"), {"kind": "date", "format": "%d-%m-%Y"}),
        (("1 Jan 2010", "31 May 2024"), {"kind": "date", "format": "%d %b %Y"}),
        (("January 1, 2010", "May 31, 2024"), {"kind": "date", "format": "%B %d, %Y"}),
        (("018926", "201203"), {"kind": "categorical"}),
        (("10.1.2", "10.1.3"), {"kind": "categorical"}),  # versions
        (("9999-12-31", "0001-01-01"), {"kind": "date"}),
        (("20210830120800", "20210831000000"), {"kind": "date", "format": "%Y%m%d%H%M%S", "resolution": "minute"}),
        (("202108301208", "202108310000"), {"kind": "date", "format": "%Y%m%d%H%M", "resolution": "minute"}),
        (("20210830120860", "20210831000000"), {"kind": "integer"}),  # no minute has 60 seconds
        (("452108301208", "452108310000"), {"kind": "integer"}),  # an id
        (("15-Mar-2021 10:30", "1-Apr-2021 9:05"), {"kind": "date", "format": "%d-%b-%Y %H:%M", "resolution": "minute"}),
        (("15Mar2021", "01APR2021"), {"kind": "date", "format": "%d%b%Y"}),
        (("15Mar2021:10:30:00", "01APR2021:09:05:07"), {"kind": "date", "format": "%d%b%Y:%H:%M:%S", "resolution": "second"}),
        (("Monday, March 15, 2021", "Thursday, April 1, 2021"), {"kind": "date", "format": "%A, %B %d, %Y"}),
        (("Mon Mar 15 10:30:00 2021",), {"kind": "date", "format": "%a %b %d %H:%M:%S %Y", "resolution": "minute"}),
        (("Mon, 15 Mar 2021 10:30:01",), {"kind": "date", "format": "%a, %d %b %Y %H:%M:%S", "resolution": "second"}),
        (("Mar 15, 2021 02:50 PM",), {"kind": "date", "format": "%b %d, %Y %I:%M %p", "resolution": "minute"}),
    ],
)
def test_a_kind_that_every_cell_fits_is_guessed(cells: tuple[str | None, ...], spec: dict[str, Any]) -> None:
    found = guessed(texts(*cells))
    assert found.spec == spec and found.inferred


def test_a_target_of_few_numbers_is_one_of_classes() -> None:
    few, many = texts(*map(str, range(12)), "3", "4.0"), texts(*map(str, range(13)))
    assert guessed(few, is_target=True).spec == {"kind": "categorical"} and guessed(few).spec == {"kind": "integer"}
    assert guessed(many, is_target=True).spec == {"kind": "integer"}


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([f"C{i}" for i in range(20)], "every cell is different; if it is an id"),
        ([str(i * i) for i in range(20)], "whole numbers, every one different"),
        ([str(i) for i in range(20)], "whole numbers that look like ids, so it is left out"),
        ([f"{i} and a half" for i in range(30)] * 2 + ["x" * 101], "some cells are long texts"),
        ([None, None], "every cell is missing"),
        (["a", " a"], "one value throughout"),
        (["1,5", "2,25"], "say `--decimal ,` and draft again if the comma is the decimal mark"),
        (["1.234,56", "779,31", "12"], "say `--decimal ,` and draft again if the comma is the decimal mark"),
        ([*(f"{i},25" for i in range(30)), "k.A."], "numbers with commas but for 1 of 31 different cells"),
        (["1,234.56", "1,234,567", "12"], "numbers whose commas group thousands"),
        ([*(f"{i:02d}.01.2024" for i in range(1, 20)), "never"], "all but 1 of 20 different cells are dates (%d.%m.%Y)"),
        ([*(f"{i:02d}:15" for i in range(1, 20)), "never"], "all but 1 of 20 different cells are times of day (%H:%M)"),
        (["10.06.23", "01.01.68"], "so that 1 of 2 different dates lie in the future"),
        ([*map(str, range(30)), "unknown"], "all but 1 of 31 different cells are numbers"),
        ([*(f"2024-01-{i:02d}" for i in range(1, 20)), "never"], "all but 1 of 20 different cells are dates"),
        ([*(f"2024-01-{i:02d}" for i in range(1, 20)), "2023-02-30"], "all but 1 of 20 different cells are dates; if"),
        ([*(f"2024-01-{i:02d} 10:30" for i in range(1, 20)), "2024-01-19 25:10"], "all but 1 of 20 different cells are dates"),
        ([f"{i}. März 20{i}" for i in range(10, 30)], "look like dates of a form that is not read: write them as 2024-03-31"),
        (["le 3 août 2021", "le 14 décembre 2020"], "look like dates of a form that is not read"),
        (["2023-03-25 20:00:00 CET", "2023-07-25 21:10:00 CEST"], "look like dates of a form that is not read"),
        ([f"20{y}{m:02d}" for y in (13, 14) for m in range(1, 13)], "numbers that look like months of years (yyyymm)"),
        (["4:05", "0:59", "2:45", "12:30"], "so they may be minutes and seconds, or hours and minutes that something took"),
        (["01/02/2024", "03/04/2024"], "fit %m/%d/%Y and %d/%m/%Y alike"),
        (["01/02/2024 10:30", "03/04/2024 00:00"], "fit %m/%d/%Y %H:%M and %d/%m/%Y %H:%M alike"),
        (["x", None, "x"], "the other cells are empty, and if that says something, list both"),
        (["1.234", "2.500"], "if their point groups thousands, say `--decimal ,`"),
        ([f"1.5{STRAY_POINT}", "1.25"], "1 different cells have a point as no number does here"),
        (["2024-03-31T17:45:12Z", "1999-12-01T00:00:00+02:00"], "moments of a time zone; the day and the time are those written"),
    ],
)
def test_what_an_owner_should_look_at_is_remarked_without_a_cell(cells: list[str | None], words: str) -> None:
    (remark,) = guessed(texts(*cells)).remarks
    assert words in remark
    assert not any(cell and len(cell) > 2 and cell in remark for cell in cells)


@pytest.mark.parametrize(
    ("step", "resolution"), [(1, "minute"), (5, "5 minutes"), (10, "10 minutes"), (15, "15 minutes"), (30, "30 minutes")]
)
def test_a_grid_of_minutes_is_seen_where_there_are_enough_times(step: int, resolution: str) -> None:
    clocks = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(0, 24 * 60, step)]
    assert guessed(texts(*clocks)).spec["resolution"] == resolution
    assert guessed(texts(*(f"2024-01-31 {clock}" for clock in clocks))).spec["resolution"] == resolution
    assert guessed(texts("12:00", "13:30")).spec["resolution"] == "minute"  # which two say little of


@pytest.mark.parametrize("cells", [["a", "b"], ["1", "2"] * 20, ["1.5", *map(str, range(30))], ["31/03/2024", "01/02/1999"]])
def test_nothing_is_remarked_of_usual_columns(cells: list[str]) -> None:
    assert guessed(texts(*cells)).remarks == ()


ARROW = {
    "whole": (pa.array([1, None, 3]), {"kind": "integer"}),
    "small": (pa.array([1, 2, 3], pa.uint8()), {"kind": "integer"}),
    "real": (pa.array([1.0, 2.0, 3.0], pa.float32()), {"kind": "real"}),
    "money": (pa.array([Decimal("1.50"), None, Decimal("3.25")], pa.decimal128(9, 2)), {"kind": "real", "decimals": 2}),
    "counted": (pa.array([Decimal(1), None, Decimal(3)], pa.decimal128(9, 0)), {"kind": "integer"}),
    "flag": (pa.array([True, None, False]), {"kind": "categorical", "categories": [True, False], "other": False}),
    "text": (pa.array(["1", "2", None]), {"kind": "categorical"}),
    "coded": (pa.array(["a", "b", "a"]).dictionary_encode(), {"kind": "categorical"}),
    "day": (pa.array([1, 2, None], pa.date32()), {"kind": "date"}),
    "nothing": (pa.nulls(3), {"kind": "categorical"}),
    "bytes": (pa.array([b"a", b"b", None]), {}),
    "list": (pa.array([[1], [2], None]), {}),
}


def test_declared_types_are_taken_as_they_are_and_nothing_is_guessed(tmp_path: Path) -> None:
    pq.write_table(pa.table({name: array for name, (array, _) in ARROW.items()}), tmp_path / "people.parquet")
    found = declared(tmp_path / "people.parquet")
    assert {name: kind.spec for name, kind in found.items()} == {name: spec for name, (_, spec) in ARROW.items()}
    assert not any(kind.inferred for kind in found.values())
    assert (
        "binary values, which no column" in found["bytes"].remarks[0] and "every cell is missing" in found["nothing"].remarks[0]
    )


@pytest.mark.parametrize(
    ("moments", "resolution"),
    [
        ([datetime(2024, 1, 1), None], None),
        ([datetime(2024, 1, 1), datetime(2024, 1, 1, 13)], "hour"),
        ([datetime(2024, 1, 1, 0, 30)], "minute"),
        ([datetime(2024, 1, 1, 1, 1, 0, 5)], "second"),
        ([None], None),
    ],
)
@pytest.mark.parametrize("kind", [pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("us", "Asia/Kolkata")])
def test_of_a_moment_the_time_of_day_is_guessed(moments: list, resolution: str | None, kind: pa.DataType, tmp_path: Path) -> None:
    naive = pa.array(moments, pa.timestamp(kind.unit))
    array = naive if kind.tz is None else pa.compute.assume_timezone(naive, kind.tz)
    pq.write_table(pa.table({"seen": array}), tmp_path / "people.parquet", row_group_size=1)
    found = declared(tmp_path / "people.parquet")["seen"]
    assert found.spec == ({"kind": "date", "resolution": resolution} if resolution else {"kind": "date"}) and found.inferred


@pytest.mark.parametrize(
    ("kind", "seconds", "spec"),
    [
        (pa.time32("s"), [0, 52_200], {"kind": "date", "format": "%H:%M", "resolution": "minute"}),
        (pa.time64("us"), [0, 52_201], {"kind": "date", "format": "%H:%M:%S", "resolution": "second"}),
        (pa.time32("ms"), range(0, 86_400, 900), {"kind": "date", "format": "%H:%M", "resolution": "15 minutes"}),
        (pa.time32("s"), [None], {"kind": "date", "format": "%H:%M"}),
    ],
)
def test_a_declared_time_of_day_is_one(kind: pa.DataType, seconds: Any, spec: dict[str, Any], tmp_path: Path) -> None:
    per_second = {"s": 1, "ms": 10**3, "us": 10**6}[kind.unit]
    array = pa.array([None if s is None else s * per_second for s in seconds], pa.int64())
    array = array.cast(pa.int32()).cast(kind) if kind.bit_width == 32 else array.cast(kind)
    pq.write_table(pa.table({"at": array}), tmp_path / "people.parquet", row_group_size=1)
    found = declared(tmp_path / "people.parquet")["at"]
    assert found.spec == spec and found.inferred
    Column.from_mapping("at", found.spec, False)


@pytest.mark.parametrize(
    ("digits", "decimals", "stated"),
    [(9, 2, True), (38, 4, True), (15, 12, True), (15, 13, False), (38, 5, False), (38, 10, False), (38, 18, False)],
)
def test_decimals_of_a_type_are_stated_where_its_numbers_can_keep_them(
    digits: int, decimals: int, stated: bool, tmp_path: Path
) -> None:
    pq.write_table(pa.table({"a": pa.array([Decimal("1.5"), None], pa.decimal128(digits, decimals))}), tmp_path / "a.parquet")
    found = declared(tmp_path / "a.parquet")["a"]
    assert found.spec == {"kind": "real"} | ({"decimals": decimals} if stated else {}) and not found.inferred
    assert found.remarks == () if stated else f"its type has {decimals} decimals" in found.remarks[0]
    Column.from_mapping("a", found.spec, False)


def test_numbers_of_16_bits_are_numbers(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": pa.array(np.array([1.5, 2, 999, 999], dtype=np.float16))}), tmp_path / "a.parquet")
    found = declared(tmp_path / "a.parquet")["a"]
    assert found.spec == {"kind": "real"} and found.remarks[0].startswith("999 stands apart")


@pytest.mark.parametrize("cells", [[2**62, 5, None], [1e300, 0.5, float("nan")]])
def test_numbers_beyond_what_is_learnt_are_told_of_to_the_owner_alone(cells: list, tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": cells, "b": [0.5, float("inf"), 1]}), tmp_path / "a.parquet")
    found = declared(tmp_path / "a.parquet")
    assert found["a"].spec.keys() == {"kind"} and "beyond 2^53, up to which they are learnt" in found["a"].remarks[0]
    assert not found["b"].remarks


def test_row_numbers_of_pandas_are_left_out_by_their_name(tmp_path: Path) -> None:
    frame = pd.DataFrame({"age": range(3, 33), "ill": ["no", "yes"] * 15})[lambda rows: rows["age"] != 7]
    frame.assign(**{"Unnamed: 0": frame.index}).to_parquet(tmp_path / "people.parquet")
    found = declared(tmp_path / "people.parquet")
    assert {name for name, kind in found.items() if not kind.spec} == {"__index_level_0__", "Unnamed: 0"}
    assert "what pandas calls row numbers that have no name" in found["__index_level_0__"].remarks[0]
    of_a_text = guessed(pd.Series(map(str, [9, 4, 4, 7] * 9), name="Unnamed: 0", dtype="str"))
    assert not of_a_text.spec and of_a_text.remarks == found["Unnamed: 0"].remarks


@pytest.mark.parametrize("kind", ["int64", "float64"])
def test_whole_numbers_that_never_repeat_are_told_of_in_a_parquet_file_too(kind: str, tmp_path: Path) -> None:
    numbers = pd.Series(range(40)) * 7 % 41
    pd.DataFrame({"key": numbers, "age": numbers % 30, "size": numbers + 0.5}).astype({"key": kind}).to_parquet(
        tmp_path / "a.parquet"
    )
    found = declared(tmp_path / "a.parquet")
    assert found["key"].spec and "in the first rows whole numbers, every one different; if it is an id" in found["key"].remarks[0]
    assert found["age"].remarks == found["size"].remarks == ()


def test_files_of_a_folder_that_differ_are_told_of_or_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"age": [1, 2], "ill": ["no", "yes"]})
    for i, part in enumerate((frame, frame.astype({"age": "int8"}), frame.assign(age=None), frame.astype({"age": "str"}))):
        part.to_parquet(tmp_path / f"{i}.parquet")
    told = declared(tmp_path)["age"].remarks
    assert told == ("its type is int64 in 0.parquet and large_string in 3.parquet; write all files with one type",)
    frame.rename(columns={"age": "old"}).to_parquet(tmp_path / "4.parquet")
    with pytest.raises(SchemaError, match=r"4.parquet has other columns than .*0.parquet: it lacks age and has old besides"):
        declared(tmp_path)


def test_durations_are_left_out_and_time_zones_told_of(tmp_path: Path) -> None:
    zoned = pa.array([datetime(2024, 1, 1)], pa.timestamp("us", "Asia/Kolkata"))
    pq.write_table(pa.table({"stay": pa.array([1], pa.duration("s")), "seen": zoned}), tmp_path / "people.parquet")
    found = declared(tmp_path / "people.parquet")
    assert found["stay"].spec == {} and "durations; give them as numbers" in found["stay"].remarks[0]
    assert "the day and the time are those that clocks of Asia/Kolkata show" in found["seen"].remarks[0]


def test_texts_of_a_parquet_file_are_remarked_on_and_taken_as_texts(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [f"C{i}" for i in range(30)], "joined": ["31.03.2024", "01.04.2024", None] * 10})
    frame = frame.assign(share=[f"{i}%" for i in range(30)], size=[f"{i}.5" for i in range(30)])
    frame.to_parquet(tmp_path / "people.parquet")
    found = declared(tmp_path / "people.parquet")
    assert [kind.spec for kind in found.values()] == [{"kind": "categorical"}] * 4
    assert "it is declared a text, and by its first rows numbers with a % sign: write them" in found["share"].remarks[0]
    assert "in the first rows all cells are numbers; if they all are and measure something" in found["size"].remarks[0]
    assert "every cell is different" in found["id"].remarks[0]
    assert "all cells are dates; if they all are, say {kind: date, format: %d.%m.%Y}" in found["joined"].remarks[0]


FLAG = {"kind": "categorical", "categories": [0, 1], "other": False}


@pytest.mark.parametrize(
    ("cells", "is_target", "spec"),
    [
        (("0", "1"), False, FLAG),
        (("0.0", "1.0", " 1"), False, FLAG),
        (("0", "1", None), False, {**FLAG, "missing": "own_code"}),
        (("0", "1"), True, FLAG),
        (("0", "1", None), True, {**FLAG, "missing": "drop"}),
        (("0", "1", "2"), False, {"kind": "integer"}),
        (("1", "2"), False, {"kind": "integer"}),
        (("0", "0"), False, {"kind": "integer"}),
        (("00", "1"), False, {"kind": "categorical"}),
    ],
)
def test_columns_of_0_and_1_alone_are_one_of_both(cells: tuple, is_target: bool, spec: dict) -> None:
    for again in (texts(*cells * 10), texts(*cells * 10, "0").astype("category").iloc[:-1]):
        found = guessed(again, is_target)
        assert found.spec == spec and found.inferred
        Column.from_mapping("x", dict(spec), is_target)


def test_a_few_ones_may_be_chance() -> None:
    cells = texts(*["0"] * 300, *["1"] * 9)
    assert guessed(cells).spec == {"kind": "integer"} and guessed(pd.concat([cells, texts("1.0")])).spec == FLAG


def test_a_parquet_file_keeps_its_numbers_and_its_owner_is_told(tmp_path: Path) -> None:
    pq.write_table(pa.table({"flag": [0, 1, None] * 20, "few": [0, 1, 2] * 20}), tmp_path / "a.parquet")
    found = declared(tmp_path / "a.parquet")
    assert found["flag"].spec == found["few"].spec == {"kind": "integer"} and found["few"].remarks == ()
    assert found["flag"].remarks == (
        "in the first rows 0 and 1 alone; if it can hold nothing else, say {kind: categorical, categories: [0, 1]}",
    )


@pytest.mark.parametrize("form", ["%b-%y", "%B %Y", "%m/%Y", "%Y-%m"])
def test_months_of_years_are_told_of(form: str) -> None:
    months = pd.Series(pd.date_range("1962-08-01", periods=30, freq="MS").strftime(form), dtype="str")
    found = guessed(months.repeat(4))
    assert found.spec == {"kind": "categorical"} and "look like months of a year, which are not read" in found.remarks[0]
    assert guessed(texts("may", "august", "section 12", "1/50")).remarks == ()


def test_columns_of_the_same_name_are_refused(tmp_path: Path) -> None:
    table = pa.table([pa.array(["a", "b"]), pa.array([1, 2]), pa.array([3, 4])], names=["t", "n", "t"])
    pq.write_table(table, tmp_path / "people.parquet")
    with pytest.raises(SchemaError, match=r"columns of the same name: t"):
        declared(tmp_path / "people.parquet")


def test_truth_values_that_are_missing_are_told_of_to_the_owner_alone(tmp_path: Path) -> None:
    pq.write_table(pa.table({"ill": [True, None], "well": [True, False]}), tmp_path / "people.parquet")
    found = declared(tmp_path / "people.parquet")
    assert found["ill"].spec == found["well"].spec and not found["ill"].inferred and not found["well"].remarks
    assert "add `missing: own_code`" in found["ill"].remarks[0]


def test_bytes_that_are_no_utf8_stop_no_remark(tmp_path: Path) -> None:
    broken = pa.array([b"\xd1a", b"b", None], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"t": broken, "coded": broken.dictionary_encode()}), tmp_path / "people.parquet")
    assert [kind.spec for kind in declared(tmp_path / "people.parquet").values()] == [{"kind": "categorical"}] * 2


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "people.parquet").write_bytes(b"PAR1" + np.random.default_rng(0).bytes(100))
    with pytest.raises(SchemaError, match=r"people.parquet cannot be read as Parquet"):
        declared(tmp_path / "people.parquet")


def test_names_of_a_damaged_parquet_file_that_are_no_utf_8_are_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def torn(path: object) -> None:
        b"\x98".decode()

    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": ["x", "y"]}).to_parquet(path)
    monkeypatch.setattr("pyarrow.parquet.ParquetFile", torn)
    with pytest.raises(SchemaError, match="cannot be read as Parquet") as caught:
        declared(path)
    assert len(str(caught.value).splitlines()) == 1
