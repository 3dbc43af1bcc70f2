"""The rows behind a private table, in memory or in a file that is read again piece by piece, and Poisson samples of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from functools import partial

import numpy as np

from dpdsyn.mechanisms.counting import Block, counts_of
from dpdsyn.mechanisms.exact_noise import gaps

Chunks = Callable[[], Iterator[np.ndarray]]


class Rows:
    """Encoded rows in memory, shape (rows, columns).

    persons: whose each row is, shape (rows,), whole numbers from 0; None if each row is a unit of its own. most: how many rows of
    one person there are at most; each then weighs 1 / most in every answer. Raises ValueError if a person has more.
    """

    def __init__(self, encoded: np.ndarray, persons: np.ndarray | None = None, most: int = 1) -> None:
        if persons is None and most > 1:
            raise ValueError(f"a person may have {most} rows, and nothing says whose each is")
        counts = np.ones(len(encoded), dtype=np.int64) if persons is None else np.bincount(persons)
        if persons is not None and len(persons) != len(encoded):
            raise ValueError(f"{len(encoded)} rows and the persons of {len(persons)}")
        if counts.max(initial=0) > most:
            raise ValueError(f"a person has more than the {most} rows that are charged for")
        order = np.argsort(persons, kind="stable") if persons is not None and most > 1 else None
        self._encoded = encoded if order is None else encoded[order]
        self._ends = None if order is None else np.cumsum(counts)  # of each person's rows
        self.most = most

    def chunks(self) -> Iterator[np.ndarray]:
        """All rows, piece by piece."""
        yield self._encoded

    def counts(self, sizes: Sequence[int], planned: Sequence[Block]) -> list[np.ndarray]:
        """The counts of each block's cells, as `dpdsyn.mechanisms.counting.counts_of` gives them."""
        return counts_of(self.chunks(), sizes, planned)

    def batch(self, rate: float, left: int, rng: np.random.Generator) -> np.ndarray:
        """The rows of a Poisson sample of units; `left` such samples, this one included, are still going to be asked for."""
        if self._ends is None:
            return self._encoded[poisson_sample(len(self._encoded), rate, rng)]
        drawn = np.zeros(len(self._ends), dtype=bool)
        drawn[poisson_sample(len(self._ends), rate, rng)] = True
        return self._encoded[np.repeat(drawn, np.diff(self._ends, prepend=0))]

    def changed(self, change: Callable[[np.ndarray], np.ndarray]) -> Rows:
        """The rows after a change that treats each alone."""
        rows = copy(self)
        rows._encoded = change(self._encoded)
        return rows

    def together(self) -> np.ndarray:
        """A copy of all rows."""
        return np.concatenate(list(self.chunks()))


class StreamedRows(Rows):
    """Rows that are read again whenever they are needed; only Poisson samples of them are held in memory.

    chunks: gives the same rows in the same order at each call. The samples of all steps are drawn in one pass: every
    row is in every step's sample independently with probability `rate`.
    """

    def __init__(self, chunks: Chunks) -> None:
        self.most = 1
        self._chunks = chunks
        self._batches: list[np.ndarray] = []
        self._rate = 0.0

    def chunks(self) -> Iterator[np.ndarray]:
        return self._chunks()

    def batch(self, rate: float, left: int, rng: np.random.Generator) -> np.ndarray:
        if not self._batches or rate != self._rate:
            self._batches, self._rate = self._draw(rate, left, rng)
        return self._batches.pop()

    def _draw(self, rate: float, steps: int, rng: np.random.Generator) -> tuple[list[np.ndarray], float]:
        """For each pair of a row and a step one trial, row by row; pairs are drawn by their gaps."""
        rows, owners = [], []
        for chunk in self._chunks():
            pairs = poisson_sample(len(chunk) * steps, rate, rng)
            rows.append(chunk[pairs // steps])
            owners.append(pairs % steps)
        return by_step(np.concatenate(rows), np.concatenate(owners), steps), rate

    def changed(self, change: Callable[[np.ndarray], np.ndarray]) -> Rows:
        return StreamedRows(lambda: map(change, self._chunks()))


def only(positions: Sequence[int]) -> Callable[[np.ndarray], np.ndarray]:
    """The change that keeps some columns. Like every change it can be sent to another process."""
    return partial(_only, positions=list(positions))


def recoded(mappings: Mapping[int, np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """The change that encodes some columns anew; a mapping holds the new code at the place of each old one."""
    return partial(_recoded, mappings=dict(mappings))


def _only(encoded: np.ndarray, positions: list[int]) -> np.ndarray:
    return encoded[:, positions]


def _recoded(encoded: np.ndarray, mappings: dict[int, np.ndarray]) -> np.ndarray:
    encoded = encoded.copy()
    for position, mapping in mappings.items():
        encoded[:, position] = mapping[encoded[:, position]]
    return encoded


def by_step(rows: np.ndarray, owners: np.ndarray, steps: int) -> list[np.ndarray]:
    """The sample of each step, its rows in their order. owners: the step of each row, shape (rows,)."""
    order = np.argsort(owners, kind="stable")
    return np.split(rows[order], np.searchsorted(owners[order], np.arange(1, steps)))


def poisson_sample(rows: int, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Indices, ascending, of rows each drawn independently with probability `rate`, exactly.

    Gaps between the successes of independent trials are geometric, so the cost is that of the rows drawn.
    """
    if rate == 1:
        return np.arange(rows)
    parts: list[np.ndarray] = []
    last = -1
    while last < rows:
        expected = (rows - last) * rate
        parts.append(last + np.cumsum(gaps(rate, int(expected + 5 * math.sqrt(expected) + 10), rng)))
        last = int(parts[-1][-1])
    indices = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
    return indices[indices < rows]
