"""Raw rows behind mechanisms, before it is known what their columns hold.

Neighbouring tables differ by one unit: a row, or a person, of whom each of at most k rows weighs 1/k. Every cell is coded by
itself, so one unit moves each histogram by a mass of at most 1, and its L2 sensitivity is 1.

Values that nobody listed are counted under a threshold (Korolova et al. 2009, "Releasing search queries and clicks privately";
Desfontaines, Voss, Gipson and Mandayam 2022, "Differentially private partition selection"): every value that occurs gets Gaussian
noise, and those below the threshold are not told of. On values that both of two neighbouring tables have, this is post-processing
of the Gaussian mechanism. A value that only the larger table has is one that a single unit has, in at most k rows; the threshold
is so high that any of these is told of with a probability of at most `Threshold.delta`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dpdsyn.accounting.spends import Gaussian, Threshold
from dpdsyn.learning.grids import Grid, Values
from dpdsyn.learning.noisy_tree import with_coarser
from dpdsyn.mechanisms.contribution_bounding import Bounded, bounded
from dpdsyn.mechanisms.exact_noise import rounded_gaussian
from dpdsyn.parquet import pieces, stream, texts_of
from dpdsyn.partitioned_rows import Workers
from dpdsyn.privacy import Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.reading.cells import as_spelled, distinct, is_single
from dpdsyn.rows import Rows
from dpdsyn.schema import Schema

ROWS_COUNTED = "number of rows"  # what a ledger calls it
LONGEST = 200  # characters of a value that can be told of; longer ones count as `other`


class GridError(AssertionError):
    """A grid does not give every cell one code."""


class RawTable:
    """Raw rows that are reached through mechanisms only.

    table: a frame, or the path of Parquet files, which are read piece by piece, once for each call. schema: which may be open.
    texts: the columns that the file declares as texts, which is public.
    key: of contribution bounding (`mechanisms.contribution_bounding`), needed where the schema names a person. workers: who reads
    the rows of Parquet files once they are encoded. Raises SchemaError for a table with other columns.
    """

    def __init__(
        self,
        table: pd.DataFrame | Path,
        schema: Schema,
        ledger: Ledger,
        rng: np.random.Generator,
        key: bytes = b"",
        verify: bool = False,
        workers: Workers | None = None,
    ) -> None:
        self.schema = schema
        self.ledger = ledger
        self.__rng = rng
        self.__verify = verify
        self.__most = schema.max_rows_per_person or 1
        self.__rows: int | None = None  # counted in the first pass
        self.texts = frozenset[str]() if isinstance(table, pd.DataFrame) else texts_of(table)
        if isinstance(table, pd.DataFrame):
            schema.check_names(list(table.columns))
            chosen = bounded(table, schema, key)
            self.__frames, self.__encoded = _in_memory(table, chosen, self.__most)
        else:
            stream(table, schema)  # which refuses what cannot be read so
            self.__frames = lambda: (frame[_usable(frame, schema)] for frame in pieces(table, schema))
            self.__encoded = lambda closed: stream(table, closed, workers)

    def __repr__(self) -> str:
        return f"RawTable({len(self.schema.columns)} columns)"

    def __getstate__(self) -> object:
        raise TypeError("a RawTable is not to be pickled: it would carry private rows with it")

    def noisy_count(self, sigma: float, ledger: Ledger) -> float:
        """The number of rows plus N(0, sigma^2), rounded; each counts as 1 / k. Charges Gaussian(sigma) to the ledger given.

        After `histograms` it takes no pass over the rows.
        """
        ledger.charge(Gaussian(sigma), ROWS_COUNTED)
        if self.__rows is None:
            self.__rows = sum(len(frame) for frame in self.__frames())
        return float(self.__rows + rounded_gaussian(sigma * self.__most, 1, self.__rng)[0]) / self.__most

    def histograms(
        self,
        grids: Sequence[Grid],
        sigmas: Sequence[float],
        listed: Sequence[str] = (),
        listed_sigma: float = 1.0,
        listed_delta: float = 0.0,
    ) -> tuple[list[list[np.ndarray]], list[dict[str | None, float]]]:
        """Noisy counts of every cell of each grid, and of the values of other columns that are above a threshold, in one pass.

        Of each grid one answer, or for a grid of many values two or three (`dpdsyn.learning.noisy_tree`), the finest first, with
        N(0, sigma^2) in each cell, the code of cells that say nothing in the finest. Of each column in `listed` its values
        (`as_spelled`) above the threshold with their noisy counts, in the order of the texts, and under None that of cells that
        say nothing. Charges all of it together as one Gaussian, and a threshold of `listed_delta` for each column. Raises
        BudgetExceeded before any row is read.
        """
        costs = [*_rhos(grids, sigmas), *([Gaussian(listed_sigma).rho] * len(listed))]
        if costs:
            self.ledger.charge(Gaussian(1 / math.sqrt(2 * math.fsum(costs))), "domains: noisy histograms")
        if listed:
            self.ledger.charge(Threshold(listed_delta, len(listed)), "domains: values above a threshold")
        counts = [np.zeros(grid.size, dtype=np.int64) for grid in grids]
        values: list[Counter[str | None]] = [Counter({None: 0}) for _ in listed]
        self.__rows = 0
        for frame in self.__frames():
            self.__rows += len(frame)
            for count, grid in zip(counts, grids, strict=True):
                count += _counted(grid, frame)
            for counter, name in zip(values, listed, strict=True):
                counter.update(_said(frame[name]))
        answers = [
            [self.__noisy(part, sigma) for part in _answered(grid, count)]
            for grid, count, sigma in zip(grids, counts, sigmas, strict=True)
        ]
        return answers, [self.__above(counter, listed_sigma, listed_delta) for counter in values]

    def encoded(self, schema: Schema) -> PrivateTable:
        """The same rows behind the mechanisms of a closed schema, and the same ledger. Each row is encoded by itself."""
        return self._behind(self.__encoded(schema), schema, self.__rng)

    def _behind(self, rows: Rows, schema: Schema, rng: np.random.Generator) -> PrivateTable:
        return PrivateTable(rows, schema, self.ledger, rng, self.__verify)

    def __noisy(self, counts: np.ndarray, sigma: float) -> np.ndarray:
        return (counts + rounded_gaussian(sigma * self.__most, counts.size, self.__rng)) / self.__most

    def __above(self, counts: Counter[str | None], sigma: float, delta: float) -> dict[str | None, float]:
        least = threshold(sigma, delta, self.__most)
        noisy = self.__noisy(np.array([*counts.values()], dtype=np.int64), sigma).tolist()
        told = [(text, n) for text, n in zip(counts, noisy, strict=True) if text is None or n >= least]
        return dict(sorted(told, key=lambda pair: pair[0] or ""))


def threshold(sigma: float, delta: float, most: int = 1) -> float:
    """The least noisy count that is told of a value, a unit's rows counting as 1 together.

    most: rows of one unit. A value that one unit alone has, in c <= most rows, counts c, and its noise, in rows, is
    round(N(0, (sigma most)^2)); it comes to T rows with a probability of at most Q((T - most - 1/2) / (sigma most)). Of at most
    `most` such values any does with `most` times that, which is delta for the T given here.
    """
    from scipy.special import ndtri

    return (most + 0.5 - sigma * most * float(ndtri(delta / most))) / most


def _rhos(grids: Sequence[Grid], sigmas: Sequence[float]) -> list[float]:
    """zCDP of each grid's answers: one for each resolution."""
    return [resolutions(grid) * Gaussian(sigma).rho for grid, sigma in zip(grids, sigmas, strict=True)]


def resolutions(grid: Grid) -> int:
    """How many histograms are answered of a grid."""
    return 1 + len(grid.coarser) if isinstance(grid, Values) else 1


def _answered(grid: Grid, counts: np.ndarray) -> list[np.ndarray]:
    """What is answered of a grid: its counts, and for a grid of many values those of runs of them."""
    return [counts, *with_coarser(counts[:-1], grid.coarser)[1:]] if isinstance(grid, Values) else [counts]


def _counted(grid: Grid, frame: pd.DataFrame) -> np.ndarray:
    """How many cells have each code. Raises GridError unless each has one: then no unit moves a histogram by more than 1."""
    codes = grid.codes(frame[grid.name])
    if codes.shape != (len(frame),) or (len(codes) and not 0 <= codes.min() <= codes.max() < grid.size):
        raise GridError(f"the grid of column {grid.name!r} does not give each cell one code from 0 to {grid.size - 1}")
    return np.bincount(codes, minlength=grid.size)


def _said(cells: pd.Series) -> Counter[str | None]:
    """How often each value occurs; None stands for cells that say nothing."""
    positions, values = distinct(cells)
    counts = np.bincount(positions + 1, minlength=len(values) + 1).tolist()
    found: Counter[str | None] = Counter({None: counts[0]})
    for value, count in zip(values, counts[1:], strict=True):
        if not is_single(value):
            found[None] += count
        elif len(text := as_spelled(value)) <= LONGEST:
            found[text] += count
    return found


def _usable(frame: pd.DataFrame, schema: Schema) -> np.ndarray:
    """Which rows are kept by the rules for missing cells, shape (rows,), bool."""
    kept = np.ones(len(frame), dtype=bool)
    for column in schema.columns:
        if column.missing == "drop":
            kept &= column.encode(frame[column.name]) >= 0
    return kept


def _in_memory(
    table: pd.DataFrame, chosen: Bounded, most: int
) -> tuple[Callable[[], Iterator[pd.DataFrame]], Callable[[Schema], Rows]]:
    used = table[chosen.used]

    def encoded(schema: Schema) -> Rows:
        rows, kept = schema.encode_all(used)
        persons = None if chosen.persons is None else np.unique(chosen.persons[kept], return_inverse=True)[1]
        return Rows(rows, persons, most)

    return lambda: iter((used,)), encoded
