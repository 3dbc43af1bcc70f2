"""Grids: every cell has a code by itself, whatever it holds; codes rise with numbers; grids cover what they are to cover."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpdsyn.checking.strange_cells import strange_cells
from dpdsyn.learning.grids import HIGHEST, LOWEST, MOST_CELLS, AllRows, Decimals, Grid, Magnitudes, Values, Years
from dpdsyn.reading.column import MOST_DECIMALS, Column

REAL, WHOLE, DAY = Column("x", "real"), Column("x", "integer"), Column("x", "date")
GRIDS: tuple[Grid, ...] = (
    AllRows(REAL),
    Magnitudes(REAL),
    Decimals(REAL),
    Years(DAY),
    Years(Column("x", "date", resolution="second")),
    Values.between(WHOLE, -3, 40),
    Values.between(WHOLE, -(2**40), 2**53),
    Values.between(Column("x", "real", decimals=2), 0, 10**7),
    Values.between(DAY, -100, 20_000),
    Values.between(Column("x", "date", resolution="hour"), -(10**6), 10**7),
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
ENDS = st.integers(-(2**53), 2**53)


def codes(grid: Grid, cells: Any) -> list[int]:
    return grid.codes(pd.Series(cells, dtype=None if isinstance(cells, np.ndarray) else object)).tolist()


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: f"{type(grid).__name__}-{grid.size}")
def test_every_cell_has_a_code_by_itself_and_raises_and_warns_of_nothing(grid: Grid) -> None:
    cells = [*strange_cells().values(), 1, 2.5, "2020-02-30", "2020-02-29 11:59"]
    series = pd.Series(np.empty(len(cells), dtype=object))
    for i, cell in enumerate(cells):
        series.iloc[i : i + 1] = pd.Series([cell], dtype=object)
    together = grid.codes(series)
    assert together.shape == (len(cells),) and together.min() >= 0 and together.max() < grid.size
    assert together.tolist() == [int(grid.codes(series.iloc[i : i + 1])[0]) for i in range(len(cells))]
    assert len(grid.codes(series.iloc[:0])) == 0


@given(st.lists(FINITE, min_size=1, max_size=30))
def test_codes_of_magnitudes_rise_with_numbers_and_their_ends_hold_them(numbers: list[float]) -> None:
    grid = Magnitudes(REAL)
    found = np.array(codes(grid, np.array(numbers)))
    order = np.argsort(numbers, kind="stable")
    assert (np.diff(found[order]) >= 0).all() and found.max() < grid.size - 1
    low, high = grid.ends(int(found.min()), int(found.max()))
    largest, least = 2.0 ** (HIGHEST + 1), 2.0**LOWEST
    for number in numbers:
        inside = 0.0 if abs(number) < least else max(min(number, largest), -largest)
        assert low <= inside <= high


@pytest.mark.parametrize(
    ("number", "power"),
    [
        (0.0, 0),
        (-0.0, 0),
        (1.0, 41),
        (1.99, 41),
        (2.0, 42),
        (-1.0, -41),
        (2.0**-40, 1),
        (2.0**-41, 0),
        (1e308, 93),
        (-1e308, -93),
    ],
)
def test_magnitudes_of_known_numbers(number: float, power: int) -> None:
    grid = Magnitudes(REAL)
    assert codes(grid, [number]) == [grid.powers + power]


def test_infinite_numbers_say_nothing_where_no_bounds_are_stated_that_they_could_be_clipped_to() -> None:
    cells = [math.inf, -math.inf, 1.0, "1e400"]
    assert codes(Magnitudes(REAL), cells) == [Magnitudes(REAL).size - 1] * 2 + [94 + 40] + [Magnitudes(REAL).size - 1]
    bounded = Values.between(replace(REAL, bounds=(0.0, 2.0), decimals=0), 0, 2)
    assert codes(bounded, cells) == [2, 0, 1, 2]


@given(st.decimals(min_value=-(10**6), max_value=10**6, places=6))
def test_decimals_are_those_that_a_number_is_written_with(number: Decimal) -> None:
    short = f"{number:f}".rstrip("0").rstrip(".")
    assert codes(Decimals(REAL), [float(number)]) == [len(short.partition(".")[2])]


def test_numbers_of_more_decimals_than_are_told_apart_have_the_last_code_but_one() -> None:
    assert codes(Decimals(REAL), [1 / 3, 0.1 + 0.2, math.pi, 1e300, math.inf, None]) == [
        *[MOST_DECIMALS + 1] * 3,
        0,
        *[MOST_DECIMALS + 2] * 2,
    ]


@given(st.dates())
def test_years_hold_their_days(date: Any) -> None:
    grid = Years(DAY)
    (code,) = codes(grid, [date])
    first, last = grid.ends(code, code)
    day = min(max(np.datetime64(date), np.datetime64("1800-01-01")), np.datetime64("2199-12-31"))
    assert first <= (day - np.datetime64("1970-01-01")).astype(int) <= last


@given(ENDS, ENDS, st.sampled_from(["integer", "date"]), st.integers(1, 256))
@settings(max_examples=60, deadline=None)
def test_grids_of_values_cover_all_from_end_to_end_once(one: int, other: int, kind: str, runs: int) -> None:
    low, high = min(one, other), max(one, other)
    grid = Values.between(Column("x", kind), low, high, runs)
    assert grid.starts[0] == low and grid.end == high + 1
    assert (grid.widths > 0).all() and int(grid.widths.sum()) == high + 1 - low
    assert len(grid.starts) <= 4 * MOST_CELLS
    for begins in grid.coarser:
        assert begins[0] == 0 and (np.diff(begins) > 0).all() and begins[-1] < len(grid.starts)
    for above, below in pairwise(grid.coarser):
        assert np.isin(above, below).all()
        assert np.diff(np.append(below, len(grid.starts))).max() <= math.ceil(math.sqrt(len(grid.starts)))


@given(st.integers(-(2**45), 2**45), st.integers(0, 2**45), st.data())
@settings(max_examples=40, deadline=None)
def test_a_unit_has_the_code_of_its_cell_and_those_outside_that_of_the_nearest(low: int, width: int, data: Any) -> None:
    grid = Values.between(WHOLE, low, low + width)
    units = data.draw(st.lists(st.integers(low - 10**6, low + width + 10**6), min_size=1, max_size=20))
    found = codes(grid, units)
    for unit, code in zip(units, found, strict=True):
        inside = min(max(unit, low), low + width)
        assert grid.starts[code] <= inside < grid.starts[code] + grid.widths[code]


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**9))
@settings(max_examples=40, deadline=None)
def test_small_grids_have_a_cell_for_each_unit(low: int, width: int) -> None:
    grid = Values.between(WHOLE, low, low + width)
    assert ((grid.widths == 1).all() and len(grid.starts) == width + 1) == (width < MOST_CELLS)
    for unit in {low, low + width} | ({0} if low <= 0 <= low + width else set()):
        (code,) = codes(grid, [unit])
        assert grid.widths[code] == 1 or abs(unit) > 2**16


@given(st.integers(-(10**6), 10**6), st.integers(0, 3000))
@settings(max_examples=60, deadline=None)
def test_the_roundest_unit_lies_in_its_cell_and_has_most_zeros(first: int, width: int) -> None:
    grid = Values(WHOLE, np.array([first]), first + width + 1)
    found = grid.roundest(0)
    assert first <= found <= first + width

    def zeros(unit: int) -> float:
        return math.inf if unit == 0 else len(str(abs(unit))) - len(str(abs(unit)).rstrip("0"))

    assert zeros(found) == max(zeros(unit) for unit in range(first, first + width + 1))


def test_dates_are_counted_by_their_resolution() -> None:
    hours = Values.between(Column("x", "date", resolution="hour"), 0, 48)
    cells = ["1970-01-01 00:59", "1970-01-01T23:00", "1970-01-02", "1969-12-31 23:59:59", "never", "2050-01-01"]
    assert codes(hours, cells) == [0, 23, 24, 0, 49, 48]
