"""What a column of a table holds, counted chunk by chunk: shares of values, or of ranges of numbers.

Where to cut is decided by the first chunk of synthetic rows, for every table that is set beside it.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from dpdsyn.reading.column import Column
from dpdsyn.reading.times_of_day import is_time_of_day
from dpdsyn.schema import Schema
from experiments.evaluation.raw.typed_frame import is_numeric, typed
from experiments.page.markup import number

MOST_VALUES = 12  # of a column, that are shown one by one
_BINS = 24
_ALONE = 0.1  # of all cells: a number that so many have is told of by itself, and not drawn
_SKEWED = 20.0  # times the median, from which on the scale is logarithmic


def readable(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Cells as numbers, days or texts, the target too."""
    return typed(frame, schema, target="")


@dataclass
class Tally:
    """One column. edges: of ranges of numbers, None where values are counted. alone: numbers that are counted by themselves.

    values: how often each value occurs. ranges: how many numbers are in each range, those beyond the ends in the outermost.
    """

    column: Column
    edges: np.ndarray | None
    alone: tuple[float, ...] = ()
    rows: int = 0
    missing: int = 0
    values: Counter[str | float] = field(default_factory=Counter)
    ranges: np.ndarray = field(default_factory=lambda: np.zeros(0))
    total: float = 0.0
    lowest: float = math.inf
    highest: float = -math.inf

    @classmethod
    def of(cls, column: Column, first: pd.Series) -> Tally:
        """As the first chunk of synthetic cells suggests."""
        if not is_numeric(column):
            return cls(column, None)
        known = first.dropna().to_numpy(dtype=float)
        different, counts = np.unique(known, return_counts=True)
        if len(different) <= MOST_VALUES:
            return cls(column, None)
        alone = tuple(different[counts > _ALONE * max(len(first), 1)].tolist())
        rest = known[~np.isin(known, alone)]
        edges = _edges(rest, column.kind == "integer") if len(rest) else None
        return cls(column, edges, alone, ranges=np.zeros(0 if edges is None else len(edges) - 1))

    def empty(self) -> Tally:
        """Another of the same cuts, that has counted nothing."""
        return Tally(self.column, self.edges, self.alone, ranges=np.zeros_like(self.ranges))

    @property
    def kind(self) -> str:
        """What the column holds, in a word or three."""
        return "time of day" if is_time_of_day(self.column.format) else self.column.kind

    @property
    def is_number(self) -> bool:
        """Whether its cells are numbers or dates."""
        return is_numeric(self.column)

    def add(self, cells: pd.Series) -> None:
        """Count a chunk, as `readable` gives it."""
        known = cells.dropna()
        self.rows += len(cells)
        self.missing += len(cells) - len(known)
        if not self.is_number:
            self.values.update(Counter(known.tolist()))
            return
        numbers = known.to_numpy(dtype=float)
        if not len(numbers):
            return
        self.total += float(numbers.sum())
        self.lowest, self.highest = min(self.lowest, float(numbers.min())), max(self.highest, float(numbers.max()))
        if self.edges is None:
            different, counts = np.unique(numbers, return_counts=True)
            self.values.update(dict(zip(different.tolist(), counts.tolist(), strict=True)))
            return
        for value in self.alone:
            self.values[value] += int((numbers == value).sum())
        rest = numbers[~np.isin(numbers, self.alone)]
        self.ranges += np.histogram(np.clip(rest, self.edges[0], np.nextafter(self.edges[-1], -np.inf)), self.edges)[0]

    @property
    def is_logarithmic(self) -> bool:
        """Whether ranges grow with the numbers in them."""
        widths = np.zeros(0) if self.edges is None else np.diff(self.edges)
        return len(widths) > 1 and bool(widths[-1] > 2 * widths[0])

    @property
    def mean(self) -> float:
        """Of the numbers that are known, NaN if there are none."""
        known = self.rows - self.missing
        return self.total / known if known else math.nan

    def part(self, count: float) -> float:
        """A count as a share of all rows."""
        return count / self.rows if self.rows else 0.0

    def written(self, value: str | float) -> str:
        """A value as a person reads it; a day as a date, a time of day without one."""
        if isinstance(value, str):
            return value if value.strip() else "(empty)"
        if self.column.kind != "date":
            return number(value)
        moment = np.datetime64("1970-01-01T00:00:00") + np.timedelta64(round(value * 86400), "s")
        if is_time_of_day(self.column.format):
            return str(moment)[11 : 19 if self.column.resolution == "second" else 16]
        return str(moment)[: 10 if self.column.resolution in (None, "day") else 16].replace("T", " ")

    def commonest(self) -> tuple[list[tuple[str, float]], float, int]:
        """Values with their shares, numbers in their order and texts by how common they are; the share and number of others."""
        ranked = sorted(self.values.items(), key=lambda pair: (-pair[1], str(pair[0])))
        shown, rest = ranked[:MOST_VALUES], ranked[MOST_VALUES:]
        if self.is_number:
            shown.sort(key=lambda pair: float(pair[0]))
        return (
            [(self.written(value), self.part(count)) for value, count in shown],
            self.part(sum(count for _, count in rest)),
            len(rest),
        )


def tallies(schema: Schema, first: pd.DataFrame) -> list[Tally]:
    """One for each column of the table, which have counted nothing. first: as `readable` gives it."""
    return [Tally.of(schema[str(name)], first[name]) for name in first]


def _edges(numbers: np.ndarray, whole: bool) -> np.ndarray:
    low, middle, high = np.quantile(numbers, [0.005, 0.5, 0.995])
    if low > 0 and high > _SKEWED * middle:
        edges = np.geomspace(low, high * (1 + 1e-9), _BINS + 1)
    elif whole:
        width = max(1, math.ceil((high - low + 1) / _BINS))
        start = math.floor(low)
        edges = start + width * np.arange(math.ceil((high + 1 - start) / width) + 1, dtype=float)
    else:
        edges = np.linspace(low, high, _BINS + 1)
    return edges if len(edges) > 1 and edges[-1] > edges[0] and (np.diff(edges) > 0).all() else np.array([low, low + 1.0])
