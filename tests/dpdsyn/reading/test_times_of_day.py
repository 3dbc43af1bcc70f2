"""Times of day, alone in their cells: read as written, bounded, cut into bins, and published as they came in."""

from __future__ import annotations

from datetime import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dpdsyn import DPDSyn
from dpdsyn.reading.cells import moment
from dpdsyn.reading.column import Column, SchemaError

CLOCK = {"kind": "date", "format": "%H:%M", "resolution": "minute"}


def clock(**more: Any) -> Column:
    return Column.from_mapping("clock", CLOCK | more, False)


def test_a_clock_has_the_bounds_of_one_day_and_pythons_times_are_read_as_texts_are() -> None:
    column = clock()
    assert column.to_mapping()["bounds"] == ["00:00", "23:59"] and column.ends[1] - column.ends[0] == 1439
    assert Column.from_mapping("clock", column.to_mapping(), False) == column
    found = [column.found(pd.Series(cells, dtype=object)) for cells in (["09:05", "23:59"], [time(9, 5), time(23, 59)])]
    assert np.array_equal(found[0].values[found[0].positions], found[1].values[found[1].positions])
    shown = column.cells_of(found[1].values[found[1].positions])
    assert shown.tolist() == ["09:05", "23:59"]
    assert np.isnan(moment(time(9, 5)))  # without a format no day is known


def test_formats_with_a_day_in_them_have_no_such_bounds() -> None:
    assert clock(format="%d.%m.%Y %H:%M").bounds is None
    assert clock(resolution="day").bounds is None


@pytest.mark.parametrize(
    ("form", "resolution", "last"),
    [("%H:%M", "minute", "23:59"), ("%H:%M:%S", "second", "23:59:59"), ("%I:%M %p", "minute", "23:59"), ("%H", "hour", "23:00")],
)
def test_a_clock_is_as_fine_as_its_format_says(form: str, resolution: str, last: str) -> None:
    column = Column.from_mapping("clock", {"kind": "date", "format": form}, False)
    assert column.resolution == resolution and column.to_mapping()["bounds"] == ["00:00", last]


@pytest.mark.parametrize("given", [["08:00", "18:30"], ["8:00", "18:30:00"], ("08:00", "18:30"), [time(8), time(18, 30)]])
@pytest.mark.parametrize("more", [{}, {"bins": 12}, {"bins": 8, "scale": "log"}])
def test_bounds_and_bins_of_times_come_back_and_hold(given: Any, more: dict[str, Any], rng: np.random.Generator) -> None:
    column = clock(bounds=given, **more)
    assert column.to_mapping()["bounds"] == ["08:00", "18:30"]
    assert Column.from_mapping("clock", column.to_mapping(), False) == column
    codes, outside = column.held(pd.Series(["07:59", "08:00", "18:30", "18:31"]))
    assert outside.tolist() == [True, False, False, True]
    if "bins" not in more:
        return
    assert codes.tolist() == [0, 0, column.bins - 1, column.bins - 1]
    drawn = np.repeat(np.arange(column.bins), 200)
    shown = column.decode(drawn, rng)
    assert shown.min() == "08:00" and "18:00" < shown.max() <= "18:30"
    assert np.array_equal(column.encode(shown), drawn)


def test_bins_alone_divide_the_whole_day(rng: np.random.Generator) -> None:
    column = clock(bins=24)
    hours = pd.Series([f"{hour:02d}:{minute:02d}" for hour in range(24) for minute in (0, 59)])
    assert column.encode(hours).tolist() == [hour for hour in range(24) for _ in range(2)]


@pytest.mark.parametrize(("bins", "values"), [({}, 0), ({"bins": 24}, 24)])
def test_the_grid_of_minutes_is_kept(bins: dict[str, int], values: int, rng: np.random.Generator) -> None:
    column = clock(resolution="5 minutes", **bins)
    assert column.values == values and column.to_mapping()["bounds"] == ["00:00", "23:55"]
    assert Column.from_mapping("clock", column.to_mapping(), False) == column
    units = column.found(pd.Series(["09:05", "09:09", "23:59"])).values[:3]
    assert column.cells_of(units).tolist() == ["09:05", "09:05", "23:55"] and units.max() == column.ends[1]
    if bins:
        shown = column.decode(np.repeat(np.arange(24), 50), rng)
        assert {int(text[3:]) % 5 for text in shown} == {0} and len(set(shown)) > 200


def test_a_moment_may_have_bins_and_a_time_of_day(rng: np.random.Generator) -> None:
    spec = {"kind": "date", "resolution": "15 minutes", "bounds": ["2024-01-01", "2024-01-04"], "bins": 4}
    column = Column.from_mapping("seen", spec, False)
    assert column.encode(pd.Series(["2024-01-01T23:59", "2024-01-04T23:59"])).tolist() == [0, 3]
    shown = column.decode(np.zeros(500, dtype=int), rng)
    assert shown.dt.date.nunique() == 1 and set(shown.dt.minute) == {0, 15, 30, 45} and shown.dt.hour.nunique() == 24


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"bounds": ["8", "18:30"], "format": "%H:%M:%S"}, None),
        ({"bounds": ["early", "late"]}, 'two times of day such as \\["08:00", "18:30"\\] are needed'),
        ({"bounds": ["08:00"]}, "two times of day"),
        ({"bounds": "08:00"}, "two times of day"),
        ({"bounds": ["22:00", "06:00"]}, "the first must be before the second"),
        ({"bounds": ["08:00", "08:10"], "bins": 40}, "40 bins do not fit between 08:00 and 08:10"),
        ({"bounds": ["1900-01-01", "1900-01-02"]}, None),  # as schemas of earlier versions have them
    ],
)
def test_what_is_no_span_of_a_day_is_refused_in_words(more: dict[str, Any], message: str | None) -> None:
    if message is None:
        assert clock(**more).bounds is not None
        return
    with pytest.raises(SchemaError, match=message):
        clock(**more)


@pytest.mark.parametrize("spec", [{}, {"bounds": ["08:00", "17:55"]}, {"bounds": ["08:00", "17:55"], "bins": 20}])
def test_times_that_are_learnt_or_stated_are_published_within_their_bounds(spec: dict, rng: np.random.Generator) -> None:
    minutes = rng.integers(8 * 12, 18 * 12, 2000) * 5
    table = pd.DataFrame(
        {"at": [f"{m // 60:02d}:{m % 60:02d}" for m in minutes], "late": np.where(minutes > 900, "yes", "no"), "x": minutes % 7}
    )
    columns = {"at": CLOCK | {"resolution": "5 minutes"} | spec, "late": {"kind": "categorical", "categories": ["yes", "no"]}}
    columns["x"] = {"kind": "integer", "bounds": [0, 6], "bins": 7}
    schema = {"target": "late", "rows_public": 2000, "columns": columns, "constraints": ['at <= "17:50"']}
    with pytest.warns(UserWarning):
        model = DPDSyn(epsilon=20.0, random_state=1).fit(table, schema)
    shown = model.sample(500)["at"]
    assert shown.str.fullmatch(r"\d\d:\d[05]").all() and shown.max() <= "17:50" and shown.min() >= ("08:00" if spec else "00:00")
