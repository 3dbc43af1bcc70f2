"""Codes for missing cells among numbers are named to an owner; numbers that are what they seem are not."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dpdsyn.schema import Schema
from dpdsyn.tables.kinds import declared, guessed
from dpdsyn.tables.preflight import examined
from dpdsyn.tables.sentinels import Sentinels
from experiments.data.table_file import Reading, read_table


def told(*pieces: object) -> list[object]:
    column = Sentinels()
    for piece in pieces:
        column.add(np.asarray(piece, dtype=float))
    return [one.value for one in column.found()]


@pytest.mark.parametrize(
    ("cells", "codes"),
    [
        ([120, 135, 90, 999, 999], [999]),
        ([120, 135, np.nan, 999, 999, -1, -1], [-1, 999]),
        ([0.5, 1.25, 99.0, 99.0], [99]),
        ([0, 1, 2, -1, -1], [-1]),
        ([10, 20, 88, 99, 88, 99], [88, 99]),
        ([18, 50, 97, 98, 99, 99], []),  # ages
        ([120, 135, 90, 999], []),  # once is no code
        ([-20, -9, -9, 15], []),  # degrees
        ([0, -1, -1, -2, 5], []),
        ([5, 5, 999, 999], []),  # a column of two numbers
        ([100, 900, 999, 999, 990], []),
        ([1, 2, 5000, 5000], []),  # far, and no code
        ([], []),
        ([*range(45), 98, 98, 99, 99], [98, 99]),  # years in a job
        ([1, 2, 3, 4, 5, 8, 8, 9, 9, 98, 98, 99, 99], [8, 9, 98, 99]),
        ([1, 2, 3, 4, 5, 9, 9], [9]),
        ([1, 2, 3, 4, 7, 7, 8, 8, 9, 9, 97, 97], [7, 8, 9, 97]),
        ([*range(11), 7, 8, 9], []),  # marks
        ([0, 1, 2, 3, 4, 5, 7, 7, 8, 8, 9, 9], []),  # counts
        ([0, 1, 3, 5, 9, 9], []),
        ([20_000, 500_000, 9_999_998, 9_999_998, 9_999_999, 9_999_999], [9_999_998, 9_999_999]),
        ([18.5, 30, -999.9, -999.9], [-999.9]),
        ([3200, 3400, 65535, 65535], [65535]),
        ([0.5, 25, 99.9, 99.9], [99.9]),
        ([18, 90, -7, -7, -8, -8, -9, -9], [-9, -8, -7]),
        ([*range(41)] * 20 + [97, 97], []),  # nothing makes 97 alone a code
        ([7, 8, 9, 99, 99], [99]),
        ([96, 97, 98, 99, 99], []),
    ],
)
def test_codes_that_stand_apart_are_found(cells: list[float], codes: list[float]) -> None:
    assert told(cells) == codes
    assert told(cells[:2], cells[2:]) == codes  # piece by piece


@pytest.mark.parametrize("oldest", [97, 98, 99, 104])
def test_ages_that_reach_such_codes_gradually_are_ages(oldest: int, rng: np.random.Generator) -> None:
    ages = np.minimum(rng.gamma(2.5, 14, 200_000).round(), oldest)
    assert told(ages) == told(np.arange(oldest + 1), [oldest] * 30) == told(rng.integers(0, oldest + 1, 4000)) == []


def test_what_counts_something_is_not_doubted_for_its_tail(rng: np.random.Generator) -> None:
    for cells in (
        rng.poisson(1.3, 9000),
        rng.geometric(0.05, 9000),
        np.exp(rng.normal(8, 1, 9000)).round(),
        rng.normal(0, 40, 9000),
    ):
        assert told(np.round(cells)) == []


@pytest.mark.parametrize(
    ("form", "code", "share", "how"),
    [
        ("%Y-%m-%d", "1900-01-01", 0.7, "stands apart from all other dates"),
        ("%Y-%m-%d", "9999-12-31", 0.4, "stands apart from all other dates"),
        ("%d.%m.%Y", "31.12.9999", 0.4, "stands apart from all other dates"),
        ("%Y-%m-%d", "0001-01-01", 0.1, "stands apart from all other dates"),
        ("%Y-%m-%d %H:%M:%S", "9999-12-31 23:59:59", 0.4, "stands apart from all other dates"),
        ("%Y-%m-%d", "2010-01-01", 0.4, None),  # a day as others
    ],
)
def test_dates_that_stand_for_none_are_named(form: str, code: str, share: float, how: str | None) -> None:
    days = pd.date_range("2010-01-01", periods=1000).strftime(form).tolist()
    found = guessed(pd.Series([*days, *[code] * int(share * 1000)], dtype="str"))
    assert found.spec["kind"] == "date"
    if how is None:
        assert found.remarks == ()
    else:
        (remark,) = found.remarks
        assert remark.startswith(f"{code} {how}, in {share / (1 + share):.1%} of cells") and "`--missing " in remark


def test_a_date_among_the_others_is_a_code_where_it_is_far_commoner() -> None:
    births = pd.date_range("1890-01-01", "1990-12-31").strftime("%Y-%m-%d").tolist()
    assert guessed(pd.Series([*births, "1900-01-01"], dtype="str")).remarks == ()
    (remark,) = guessed(pd.Series(births + ["1900-01-01"] * 2000, dtype="str")).remarks
    assert remark.startswith("1900-01-01 is far more common than any other date")


@pytest.mark.parametrize("spec", [{}, {"bounds": ["2005-01-01", "2025-12-31"], "bins": 8, "missing": "own_code"}])
@pytest.mark.parametrize(
    ("form", "code"),
    [(None, "1900-01-01"), ("%d.%m.%Y", "31.12.9999"), ("%Y-%m-%d %H:%M", "1970-01-01 00:00")],
)
def test_a_check_names_dates_that_stand_for_none_as_the_draft_does(
    form: str | None, code: str, spec: dict, tmp_path: Path
) -> None:
    days = pd.date_range("2010-01-01", periods=500).strftime(form or "%Y-%m-%d").tolist()
    (tmp_path / "t.csv").write_text(
        "end,y\n" + "".join(f"{cell},{'ab'[n % 2]}\n" for n, cell in enumerate([*days, code, code, code]))
    )
    frame = read_table(tmp_path / "t.csv")
    end = {"kind": "date", "format": form, **spec} if form else {"kind": "date", **spec}
    columns = {"end": end, "y": {"kind": "categorical", "categories": ["a", "b"]}}
    schema = Schema.from_mapping({"target": "y", "rows_public": 500, "columns": columns})
    (found,) = examined(frame, schema).sentinels["end"]
    assert found.told in guessed(frame["end"]).remarks and found.told.startswith(f"{code} stands apart from all other dates")
    mended = read_table(tmp_path / "t.csv", Reading(missing=(code,)), schema=schema)
    assert mended["end"].isna().sum() == 3 and examined(mended, schema).sentinels["end"] == ()


def test_a_time_of_day_is_no_code() -> None:
    frame = pd.DataFrame({"at": ["00:00", "12:30"] * 20, "y": ["a", "b"] * 20})
    columns = {"at": {"kind": "date", "format": "%H:%M"}, "y": {"kind": "categorical", "categories": ["a", "b"]}}
    schema = Schema.from_mapping({"target": "y", "rows_public": 40, "columns": columns})
    assert "at" not in examined(frame, schema).sentinels


def test_a_draft_names_them() -> None:
    systolic = pd.Series([*map(str, range(90, 190)), "999", "999"], name="systolic")
    (remark,) = guessed(systolic).remarks
    assert remark.startswith("999 stands apart from all other values, in 2.0% of cells") and "`--missing 999`" in remark


@pytest.mark.parametrize("moment", [datetime(9999, 12, 31), datetime(9999, 12, 31, 23, 59, 59), datetime(1, 1, 1)])
def test_a_parquet_file_s_dates_that_stand_for_none_are_named_as_they_are_read(moment: datetime, tmp_path: Path) -> None:
    days = [datetime(2020, 1, 1) + timedelta(days=day) for day in range(900)] + [moment] * 100
    table = pa.table({"end": pa.array(days, pa.timestamp("us")), "y": ["a", "b"] * 500})
    pq.write_table(table.append_column("day", table["end"].cast(pa.date32(), safe=False)), tmp_path / "a.parquet")
    for name in ("end", "day"):
        (remark,) = declared(tmp_path / "a.parquet")[name].remarks
        assert "stands apart from all other dates, in 10.0% of cells" in remark
        code = remark.partition("--missing ")[2].partition("`")[0].strip("'")
        assert read_table(tmp_path / "a.parquet", Reading(missing=(code,)))[name].isna().sum() == 100


def test_months_that_a_parquet_file_holds_as_numbers_are_told_of(tmp_path: Path) -> None:
    pq.write_table(pa.table({"month": [201301, 201302, 201312, 201401, 201406, 201408] * 3}), tmp_path / "a.parquet")
    (remark,) = declared(tmp_path / "a.parquet")["month"].remarks
    assert "look like months of years" in remark


@pytest.mark.parametrize("code", ["999", "999.0", "-999.00", "9.99e2", "-999.9"])
def test_a_code_is_named_as_it_stands_in_the_file(code: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("t,y\n" + "".join(f"{n % 40}.5,a\n" for n in range(400)) + f"{code},b\n" * 9)
    (remark,) = guessed(read_table(path)["t"]).remarks
    assert f"say `--missing {code}` wherever" in remark
    assert read_table(path, Reading(missing=(code,)))["t"].isna().sum() == 9
