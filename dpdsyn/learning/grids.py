"""Public grids on which the cells of a column are counted before it is known what the column holds.

A grid gives every cell a code by itself, whatever the cell holds; the last code is that of cells that say nothing. Which cells a
grid has is a function of the schema, and of answers of mechanisms, alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import pandas as pd

from dpdsyn.reading.cells import RESOLUTIONS
from dpdsyn.reading.column import MOST_DECIMALS, Column
from dpdsyn.reading.pieces import units_of
from dpdsyn.reading.reach import YEARS

LOWEST, HIGHEST = -40, 52  # exponents of two of the magnitudes that are told apart
MOST_CELLS = 1 << 20  # of a grid of values
FEW_CELLS = 256  # for which one resolution is enough
LONG_RUN = 2048  # cells of a run, from which on parts of runs are counted too
OCTAVES = 4  # in which most numbers of a column lie
EXACT = 1 << 16  # units on either side of 0 that keep cells of their own where there are too many units for all to have one


class Grid(Protocol):
    """name: of the column. size: how many codes there are, that of cells which say nothing included."""

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int: ...

    def codes(self, cells: pd.Series) -> np.ndarray:
        """The code of each cell, shape (rows,), int64."""


def _coded(column: Column, cells: pd.Series, codes: np.ndarray, last: int) -> np.ndarray:
    """codes: of the different values that `column.found` gives, NaN where they are none."""
    found = column.found(cells)
    return np.where(np.isnan(found.values), last, codes)[found.positions].astype(np.int64)


@dataclass(frozen=True)
class _OfColumn:
    """A grid of one column."""

    column: Column

    @property
    def name(self) -> str:
        return self.column.name


@dataclass(frozen=True)
class Magnitudes(_OfColumn):
    """Of a column of numbers: sign and power of two, [2^e, 2^(e+1)) for each e; smaller numbers are 0, larger ones the largest.

    Codes rise with the numbers.
    """

    @property
    def powers(self) -> int:
        """How many there are on either side of 0."""
        return HIGHEST - LOWEST + 1

    @property
    def size(self) -> int:
        return 2 * self.powers + 2

    def codes(self, cells: pd.Series) -> np.ndarray:
        values = self.column.found(cells).values
        with np.errstate(all="ignore"):
            exponent = np.frexp(np.where(np.isinf(values), np.finfo(float).max, values))[1] - 1
        power = np.clip(exponent - LOWEST + 1, 0, self.powers) * (values != 0)
        return _coded(self.column, cells, self.powers + np.where(values < 0, -power, power), self.size - 1)

    def ends(self, first: int, last: int) -> tuple[float, float]:
        """The lowest and the highest number of a run of codes."""
        low, high = first - self.powers, last - self.powers
        return (-self._above(-low) if low < 0 else self._at(low)), (self._above(high) if high > 0 else -self._at(-high))

    def units(self, first: int, last: int, decimals: int) -> np.ndarray:
        """The first unit of each of a run of codes, rising, int64; a code that holds none has that of the next."""
        low = [self.ends(code, code)[0] * 10.0**decimals for code in range(first, last + 1)]
        return np.array([math.floor(end) + 1 if end < 0 else math.ceil(end) for end in low], dtype=np.int64)

    def _at(self, power: int) -> float:
        return 2.0 ** (LOWEST + power - 1) if power else 0.0

    def _above(self, power: int) -> float:
        return 2.0 ** (LOWEST + power)


@dataclass(frozen=True)
class Years(_OfColumn):
    """Of a column of dates: the calendar year."""

    @property
    def size(self) -> int:
        return YEARS[1] - YEARS[0] + 1

    def codes(self, cells: pd.Series) -> np.ndarray:
        dates = replace(self.column, resolution=None)
        days = dates.found(cells).values
        known = np.where(np.isnan(days), 0, np.clip(days, -100_000, 100_000)).astype(np.int64)
        years = known.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
        return _coded(dates, cells, np.clip(years, YEARS[0], YEARS[1] - 1) - YEARS[0], self.size - 1)

    def ends(self, first: int, last: int) -> tuple[float, float]:
        """The first and the last day of a run of codes, since 1970-01-01."""
        days = [np.datetime64(str(YEARS[0] + year), "D").astype(np.int64) for year in (first, last + 1)]
        return float(days[0]), float(days[1] - 1)

    def units(self, first: int, last: int, decimals: int = 0) -> np.ndarray:
        """The first unit, as the column resolves days, of each of a run of codes, rising, int64."""
        del decimals
        day = RESOLUTIONS["day"] // RESOLUTIONS[self.column.resolution or "day"]
        return np.array([int(self.ends(code, code)[0]) * day for code in range(first, last + 1)], dtype=np.int64)


@dataclass(frozen=True)
class Decimals(_OfColumn):
    """Of a column of numbers: how many decimals each is written with, the least that give it back; the last but one for more."""

    @property
    def size(self) -> int:
        return MOST_DECIMALS + 3

    def codes(self, cells: pd.Series) -> np.ndarray:
        values = self.column.found(cells).values
        codes = np.full(len(values), MOST_DECIMALS + 1)
        left = ~np.isnan(values)
        for decimals in range(MOST_DECIMALS + 1):
            (places,) = np.nonzero(left)
            units = units_of(values[places], decimals)
            exact = places[(units / 10.0**decimals == values[places]) | (np.abs(units) >= 2.0**52)]
            codes[exact] = decimals
            left[exact] = False
        return _coded(self.column, cells, codes, self.size - 1)


@dataclass(frozen=True)
class AllRows(_OfColumn):
    """Whatever stands in a column: one code for all rows, so that they are counted."""

    @property
    def size(self) -> int:
        return 1

    def codes(self, cells: pd.Series) -> np.ndarray:
        return np.zeros(len(cells), dtype=np.int64)


@dataclass(frozen=True)
class Values(_OfColumn):
    """Of an ordered column: runs of its units. starts: first unit of each cell, rising, int64; end: one past the last unit.

    Units outside are those of the nearest cell. runs: about how many runs of cells are counted too, where there are many cells.
    cuts: cells at which one of these runs has to begin.
    """

    starts: np.ndarray
    end: int
    runs: int = 64
    cuts: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @classmethod
    def between(cls, column: Column, low: int, high: int, runs: int = 64) -> Values:
        """A grid of the units from low to high: one cell for each, as long as there are at most `MOST_CELLS`.

        Beyond that numbers near 0 have a cell each, and others are told apart to about one part in 30,000; dates, and numbers far
        from 0, are cut evenly.
        """
        if high - low < MOST_CELLS:
            return cls(column, np.arange(low, high + 1), high + 1, runs)
        if column.kind == "date" or _far_from_0(low, high):
            width = -(-(high - low + 1) // MOST_CELLS)
            return cls(column, np.arange(low, high + 1, width), high + 1, runs)
        return cls(column, _growing(low, high), high + 1, runs)

    @property
    def size(self) -> int:
        return len(self.starts) + 1

    @property
    def widths(self) -> np.ndarray:
        """How many units each cell has, shape (cells,)."""
        return np.diff(np.append(self.starts, self.end))

    @property
    def octaves(self) -> np.ndarray:
        """Cells at which powers of two begin, on either side of 0; an eighth of all cells each of dates and far from 0."""
        if self.column.kind == "date" or _far_from_0(int(self.starts[0]), self.end - 1):
            return np.arange(0, len(self.starts), math.ceil(len(self.starts) / 8))
        power = np.frexp(self.starts.astype(float))[1] * np.sign(self.starts)
        return np.flatnonzero(np.append(True, np.diff(power) != 0))

    @property
    def coarser(self) -> list[np.ndarray]:
        """Of each resolution at which runs of cells are counted too the cells at which they begin, from the coarsest on.

        None where there are few cells, and two where the longest run is so long that what is in it alone, as a narrow band far
        from 0 may be, could not be told apart: as many parts of each run are counted as a part has cells. Fewer runs mean larger
        noise, with which sums of single cells tell less.
        """
        begins = self._begins()
        if not len(begins):
            return []
        lengths = np.diff(np.append(begins, len(self.starts)))
        if lengths.max() <= max(LONG_RUN, 2 * self.runs**2):
            return [begins]
        parts = [np.arange(first, first + n, math.ceil(math.sqrt(n))) for first, n in zip(begins, lengths, strict=True)]
        return [begins, np.concatenate(parts)]

    def _begins(self) -> np.ndarray:
        """The first cell of each run at the coarsest resolution; none where there are few cells.

        Numbers are told apart to a part of their octave, for most columns are dense near 0 and thin far from it; dates, and
        numbers far from 0, are cut evenly.
        """
        if len(self.starts) <= FEW_CELLS:
            return np.zeros(0, dtype=np.int64)
        if self.column.kind == "date" or _far_from_0(int(self.starts[0]), self.end - 1):
            even = np.arange(0, len(self.starts), math.ceil(len(self.starts) / self.runs))
            return np.union1d(even, self.cuts)
        parts_of_octave = min(4, max(0, int(math.log2(self.runs / OCTAVES))))  # as a power of two
        power = np.maximum(np.frexp(np.abs(self.starts).astype(float))[1] - 1 - parts_of_octave, 0)
        parts = np.where(self.starts < 0, -(-self.starts >> power), self.starts >> power)
        new = (np.diff(power) != 0) | (np.diff(parts) != 0)
        return np.union1d(np.flatnonzero(np.append(True, new)), self.cuts)

    def codes(self, cells: pd.Series) -> np.ndarray:
        units = self.column.units(self.column.found(cells).values)
        even = len(self.starts) < 2 or self.starts[-1] - self.starts[0] == len(self.starts) - 1
        if even:
            found = np.clip(units - float(self.starts[0]), 0, len(self.starts) - 1)
        else:
            found = np.maximum(np.searchsorted(self.starts.astype(float), units, side="right") - 1, 0)
        return _coded(self.column, cells, np.where(np.isnan(units), 0, found), self.size - 1)

    def roundest(self, cell: int) -> int:
        """The unit of a cell with the most zeros at its end."""
        first, last = int(self.starts[cell]), int(self.starts[cell] + self.widths[cell] - 1)
        if first <= 0 <= last:
            return 0
        step = 10 ** int(math.log10(max(abs(first), abs(last))) + 1)
        while step > 1 and -(-first // step) * step > last:
            step //= 10
        return -(-first // step) * step


def _far_from_0(low: int, high: int) -> bool:
    return low * high > 0 and min(abs(low), abs(high)) * 16 > high - low


def _growing(low: int, high: int) -> np.ndarray:
    """Starts of cells whose width doubles whenever the distance from 0 does, from `EXACT` on, rising."""
    parts = [np.array([low]), np.arange(max(low, -EXACT), min(high, EXACT) + 1)]
    width, at = 2, EXACT
    while at <= max(high, -low):
        units = np.arange(at, 2 * at, width)
        parts += [units, -units - width + 1]
        at, width = 2 * at, 2 * width
    starts = np.sort(np.concatenate(parts))  # np.unique takes some ten times as long
    return starts[(starts >= low) & (starts <= high) & np.append(True, np.diff(starts) > 0)]
