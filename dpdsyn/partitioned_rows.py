"""Rows that lie in parts, each of which a worker reads for itself, in this process or on other machines.

Workers give back exact counts, which are added up, and the rows of samples; the mechanism that asked adds its noise once, to
the whole. What workers hold and what carries their answers is as private as the rows, and is trusted as this process is.

A seed gives the same fit whoever reads which part: counts are whole numbers, whose order does not matter, and whether a row is in
a step's sample is decided by a secret key, the step and the row's place in the table alone, never by what the row says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise
from typing import Protocol, TypeVar

import numpy as np
from randomgen import AESCounter

from dpdsyn.mechanisms.counting import Block, counts_of
from dpdsyn.rows import StreamedRows, by_step, poisson_sample

Item = TypeVar("Item")
Result = TypeVar("Result")
Change = Callable[[np.ndarray], np.ndarray]

_BLOCK = 1 << 16  # rows whose trials are drawn together, wherever parts begin and end
_STREAM = 64  # bits of the counter that a block has for itself
_TASKS = 4  # for each worker, so that one that is slow holds nobody up


class Part(Protocol):
    """Some of the rows of a table, as they lie there one after another."""

    def read(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Piece by piece encoded rows, shape (rows, columns), and the place of each in the whole table, ascending, int64."""


class Workers(Protocol):
    """Who reads parts. count: how many work at once."""

    count: int

    def each(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """What `work` gives for each item, in their order."""


class Here:
    """This process, one part after another."""

    count = 1

    def each(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        return map(work, items)


class PartitionedRows(StreamedRows):
    """The rows of all parts, in their order; only Poisson samples of them are held in memory.

    parts: give the same rows at each call, and no place twice. none: no rows, of the shape and type that encoded rows have.
    change: of encoded rows, each alone.
    """

    def __init__(
        self, parts: Sequence[Part], none: np.ndarray, workers: Workers | None = None, change: Change | None = None
    ) -> None:
        self._parts, self._none, self._workers, self._change = tuple(parts), none, workers or Here(), change or _as_they_are
        super().__init__(lambda: chain([self._change(none)], (rows for rows, _ in _read(self._parts, self._change))))

    def counts(self, sizes: Sequence[int], planned: Sequence[Block]) -> list[np.ndarray]:
        totals = counts_of((), sizes, planned)
        for found in self._each(partial(_counts, change=self._change, sizes=tuple(sizes), planned=tuple(planned))):
            for total, more in zip(totals, found, strict=True):
                total += more
        return totals

    def changed(self, change: Change) -> PartitionedRows:
        return PartitionedRows(self._parts, self._none, self._workers, _Both(self._change, change))

    def _draw(self, rate: float, steps: int, rng: np.random.Generator) -> tuple[list[np.ndarray], float]:
        trials = _Trials(int.from_bytes(rng.bytes(16), "little"), rate, steps)
        rows, owners = [self._change(self._none)], [np.empty(0, dtype=np.int64)]
        for drawn, owner in self._each(partial(_sample, change=self._change, trials=trials)):
            rows += drawn
            owners += owner
        return by_step(np.concatenate(rows), np.concatenate(owners), steps), rate

    def _each(self, work: Callable[[tuple[Part, ...]], Result]) -> Iterator[Result]:
        """In the order of the rows."""
        tasks = min(len(self._parts), _TASKS * self._workers.count)
        cuts = [len(self._parts) * i // tasks for i in range(tasks + 1)] if tasks else [0]
        return self._workers.each(work, [self._parts[a:b] for a, b in pairwise(cuts)])


@dataclass(frozen=True)
class _Trials:
    """For each pair of a row and a step whether the row is in the step's sample. key: 128 bits that nobody knows."""

    key: int
    rate: float
    steps: int

    def of_block(self, block: int) -> tuple[np.ndarray, np.ndarray]:
        """The places of a block that are drawn, ascending, and the step of each, by gaps from a stream that it has for itself."""
        stream = np.random.Generator(AESCounter(key=self.key, counter=block << _STREAM))
        pairs = poisson_sample(_BLOCK * self.steps, self.rate, stream)
        return block * _BLOCK + pairs // self.steps, pairs % self.steps


@dataclass(frozen=True)
class _Both:
    """One change after another; it travels to workers."""

    first: Change
    second: Change

    def __call__(self, encoded: np.ndarray) -> np.ndarray:
        return self.second(self.first(encoded))


def _as_they_are(encoded: np.ndarray) -> np.ndarray:
    return encoded


def _read(parts: Sequence[Part], change: Change) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for encoded, places in chain.from_iterable(part.read() for part in parts):
        yield change(encoded), places


def _counts(parts: Sequence[Part], change: Change, sizes: Sequence[int], planned: Sequence[Block]) -> list[np.ndarray]:
    """A worker's."""
    return counts_of((rows for rows, _ in _read(parts, change)), sizes, planned)


def _sample(parts: Sequence[Part], change: Change, trials: _Trials) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """A worker's: rows that were drawn, as often as they were, and the step of each."""
    rows, steps = [], []
    last = -1  # the block of which trials are at hand: small pieces share one
    for encoded, places in _read(parts, change):
        for block in range(int(places[0]) // _BLOCK, int(places[-1]) // _BLOCK + 1) if len(places) else ():
            if block != last:
                last, (drawn, owner) = block, trials.of_block(block)
            at = np.minimum(np.searchsorted(places, drawn), len(places) - 1)
            there = places[at] == drawn
            rows.append(encoded[at[there]])
            steps.append(owner[there])
    return rows, steps
