"""The rows behind a private table, in memory or in a file that is read again piece by piece."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

Chunks = Callable[[], Iterator[np.ndarray]]


class Rows:
    """Encoded rows in memory, shape (rows, columns)."""

    def __init__(self, encoded: np.ndarray) -> None:
        self._encoded = encoded

    def chunks(self) -> Iterator[np.ndarray]:
        """All rows, piece by piece."""
        yield self._encoded

    def batch(self, rate: float, left: int, rng: np.random.Generator) -> np.ndarray:
        """A Poisson sample; `left` such samples, this one included, are still going to be asked for."""
        return self._encoded[poisson_sample(len(self._encoded), rate, rng)]

    def changed(self, change: Callable[[np.ndarray], np.ndarray]) -> Rows:
        """The rows after a change that treats each alone."""
        return Rows(change(self._encoded))

    def together(self) -> np.ndarray:
        """A copy of all rows."""
        return np.concatenate(list(self.chunks()))


class StreamedRows(Rows):
    """Rows that are read again whenever they are needed; only Poisson samples of them are held in memory.

    chunks: gives the same rows in the same order at each call. The samples of all steps are drawn in one pass: every
    row is in every step's sample independently with probability `rate`.
    """

    def __init__(self, chunks: Chunks) -> None:
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
        drawn, owner = np.concatenate(rows), np.concatenate(owners)
        order = np.argsort(owner, kind="stable")
        return np.split(drawn[order], np.searchsorted(owner[order], np.arange(1, steps))), rate

    def changed(self, change: Callable[[np.ndarray], np.ndarray]) -> Rows:
        return StreamedRows(lambda: map(change, self._chunks()))


def only(positions: Sequence[int]) -> Callable[[np.ndarray], np.ndarray]:
    """The change that keeps some columns."""
    return lambda encoded: encoded[:, positions]


def recoded(mappings: Mapping[int, np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """The change that encodes some columns anew; a mapping holds the new code at the place of each old one."""

    def change(encoded: np.ndarray) -> np.ndarray:
        encoded = encoded.copy()
        for position, mapping in mappings.items():
            encoded[:, position] = mapping[encoded[:, position]]
        return encoded

    return change


def poisson_sample(rows: int, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Indices, ascending, of rows each drawn independently with probability `rate`.

    Gaps between the successes of independent trials are geometric, so the cost is that of the rows drawn.
    """
    parts: list[np.ndarray] = []
    last = -1
    while last < rows:
        expected = (rows - last) * rate
        gaps = rng.geometric(rate, size=int(expected + 5 * math.sqrt(expected) + 10))
        parts.append(last + np.cumsum(gaps))
        last = int(parts[-1][-1])
    indices = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
    return indices[indices < rows]
