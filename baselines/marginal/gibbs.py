"""Gibbs distributions on a junction tree: from potentials on sets of columns to expected counts on these sets, many times over.

`junction_tree.calibrated` does this once, for any factors. Here the sets are fixed, and all tables and index arrays are made
beforehand: a pass is one product with a sparse matrix, a few passes over each clique's table, and one more such product.

No set is added to a clique's own table alone. The sets without its largest column meet in a smaller table that lacks it,
those of the others without its second largest in another. There potentials (logarithms) are added up and exponentiated; the
clique's table is the product of these few.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from baselines.marginal.junction_tree import Clique, JunctionTree, spread
from baselines.marginal.workload import cells_of

_FLOOR = -100.0  # of a potential under the largest of its table, where tables are multiplied: e^-100 of all rows is none
_AT_ONCE = 1 << 15  # cells times sets up to which the sets of a clique meet in its table itself
_SHORT = 4  # cells side by side up to which a sum is quicker as a matrix product
_LONG = 16  # cells side by side from which a product of broadcast tables is quick


@dataclass(frozen=True)
class Summed:
    """The sum of a table down to some of its axes.

    runs: (cells before, cells of, cells after) of axes that go and lie side by side, the longest run first; and where few
    cells come after, the matrix of ones and zeros that sums over the run.
    shape, order: of the axes that stay; how they are transposed then.
    """

    runs: tuple[tuple[int, int, int, np.ndarray | None], ...]
    shape: tuple[int, ...]
    order: tuple[int, ...]

    @classmethod
    def of(cls, axes: Clique, onto: Clique, sizes: Sequence[int]) -> Summed:
        """From a table's axes to some of them in any order."""
        lengths = [sizes[c] for c in axes]
        kept = [c for c in axes if c in onto]
        gone = [list(run) for keep, run in itertools.groupby(range(len(axes)), lambda k: axes[k] in onto) if not keep]
        runs = []
        for run in sorted(gone, key=lambda run: -math.prod(lengths[k] for k in run)):
            inside = slice(run[0], run[-1] + 1)
            length, after = math.prod(lengths[inside]), math.prod(lengths[run[-1] + 1 :])
            matrix = np.tile(np.eye(after), (length, 1)) if after <= _SHORT else None
            runs.append((math.prod(lengths[: run[0]]), length, after, matrix))
            lengths[inside] = [1] * len(run)
        return cls(tuple(runs), tuple(sizes[c] for c in kept), tuple(kept.index(c) for c in onto))

    def __call__(self, table: np.ndarray) -> np.ndarray:
        for before, length, after, matrix in self.runs:
            if matrix is None:
                table = np.einsum("akb->ab", table.reshape(before, length, after))
            else:
                table = table.reshape(before, length * after) @ matrix
        return table.reshape(self.shape).transpose(self.order)


@dataclass(frozen=True)
class _Message:
    """What a clique and its parent tell each other of the columns they share: a potential upwards, counts downwards."""

    columns: Clique
    potential: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True)
class _Meeting:
    """A table over part of a clique's columns, in which potentials meet.

    potential, counts: this table's part of flat arrays that hold all meetings. onto: its shape on the clique's axes. repeated:
    the same, with so many of the last axes at full length as make a long run. messages: of child cliques, and how to sum to them.
    """

    columns: Clique
    potential: np.ndarray
    counts: np.ndarray
    onto: tuple[int, ...]
    repeated: tuple[int, ...]
    from_clique: Summed
    messages: tuple[tuple[_Message, Summed], ...]

    def factor(self) -> tuple[np.ndarray, float]:
        """The exponential of what has met here over its largest, on the clique's axes; and that largest potential."""
        for message, _ in self.messages:
            np.add(self.potential, spread(message.potential, message.columns, self.columns), out=self.potential)
        top = float(self.potential.max())
        factor = np.exp(np.maximum(self.potential - top, _FLOOR)).reshape(self.onto)
        return factor if self.repeated == self.onto else np.broadcast_to(factor, self.repeated).copy(), top

    def take(self, table: np.ndarray) -> None:
        """Sum the clique's counts down to here and on to the messages."""
        self.counts[...] = self.from_clique(table)
        for message, summed in self.messages:
            message.counts[...] = summed(self.counts)


class Gibbs:
    """p proportional to exp(sum of potentials), each potential a table over one of the given sets of columns.

    sets: each within a clique of the tree, none empty. slices: where each set's cells lie in flat arrays of potentials and
    of counts, in the order of its columns. beliefs: after `calibrate`, counts on each clique, axes in the tree's order.
    """

    def __init__(self, tree: JunctionTree, sets: Sequence[Clique]) -> None:
        sizes = tree.sizes
        self.tree = tree
        self.slices = _side_by_side([cells_of(sizes, columns) for columns in sets])
        self.beliefs = [np.zeros([sizes[c] for c in clique]) for clique in tree.cliques]
        self._to_parent = [Summed.of(q, s, sizes) for q, s in zip(tree.cliques, tree.separators, strict=True)]
        self._messages = [_Message(s, np.zeros([sizes[c] for c in s]), np.zeros([sizes[c] for c in s])) for s in tree.separators]
        places: list[tuple[int, Clique, list[int], list[_Message]]] = []
        home = [tree.home(columns) for columns in sets]
        for i, clique in enumerate(tree.cliques):
            own = [k for k in range(len(sets)) if home[k] == i]
            told = [m for m, parent in zip(self._messages, tree.parents, strict=True) if parent == i and m.columns]
            members = [sets[k] for k in own] + [m.columns for m in told]
            for columns, here in _meeting_places(clique, sizes, members):
                messages = [told[k - len(own)] for k in here if k >= len(own)]
                places.append((i, columns, [own[k] for k in here if k < len(own)], messages))
        met = _side_by_side([cells_of(sizes, columns) for _, columns, _, _ in places])
        cells = met[-1].stop if met else 0
        self._potentials, self._counts = np.zeros(cells), np.zeros(cells)
        self._meetings: list[list[_Meeting]] = [[] for _ in tree.cliques]
        rows, columns_at = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
        for (i, columns, here, messages), part in zip(places, met, strict=True):
            clique, shape = tree.cliques[i], [sizes[c] for c in columns]
            self._meetings[i].append(
                _Meeting(
                    columns,
                    self._potentials[part].reshape(shape),
                    self._counts[part].reshape(shape),
                    onto := tuple(sizes[c] if c in columns else 1 for c in clique),
                    _repeated(onto, [sizes[c] for c in clique]),
                    Summed.of(clique, columns, sizes),
                    tuple((m, Summed.of(columns, m.columns, sizes)) for m in messages),
                )
            )
            for k in here:
                rows.append(np.arange(part.start, part.stop))
                columns_at.append(self.slices[k].start + _part_of(columns, sets[k], sizes))
        self._gather, self._scatter = _matrices(
            np.concatenate(rows), np.concatenate(columns_at), (cells, self.slices[-1].stop if self.slices else 0)
        )

    def calibrate(self, potentials: np.ndarray, total: float) -> tuple[float, np.ndarray]:
        """(log of the sum of exp(potentials) over all cells of the domain, expected counts of `total` rows on the sets, flat)."""
        tree, log_sum = self.tree, 0.0
        self._potentials[...] = self._gather @ potentials
        masses: list[np.ndarray] = [np.empty(0)] * len(self.beliefs)
        for i in reversed(range(len(self.beliefs))):
            factors = [meeting.factor() for meeting in self._meetings[i]]
            log_sum += sum(top for _, top in factors)
            _multiply([factor for factor, _ in factors], self.beliefs[i])
            masses[i] = self._to_parent[i](self.beliefs[i])
            if tree.separators[i]:
                self._messages[i].potential[...] = np.log(masses[i])
            else:
                log_sum += math.log(float(masses[i]))
        for i, belief in enumerate(self.beliefs):
            if tree.separators[i]:
                belief *= spread(self._messages[i].counts / masses[i], tree.separators[i], tree.cliques[i])
            else:
                belief *= total / float(masses[i])
            for meeting in self._meetings[i]:
                meeting.take(belief)
        return log_sum, self._scatter @ self._counts


def _side_by_side(lengths: Sequence[int]) -> list[slice]:
    ends = [0, *itertools.accumulate(lengths)]
    return [slice(start, stop) for start, stop in itertools.pairwise(ends)]


def _repeated(onto: tuple[int, ...], full: Sequence[int]) -> tuple[int, ...]:
    """A shape that broadcasts to `full`, at full length along so many last axes as hold _LONG cells, if that is still small."""
    if onto[-1:] == (1,):
        return onto  # the last axes are broadcast as one
    longer, run = list(onto), 1
    for k in reversed(range(len(onto))):
        if run >= _LONG:
            break
        longer[k] = full[k]
        run *= full[k]
    return tuple(longer) if 4 * math.prod(longer) <= math.prod(full) else onto


def _multiply(factors: Sequence[np.ndarray], into: np.ndarray) -> None:
    """The product of broadcast factors; of none, ones."""
    if len(factors) > 1:
        np.multiply(factors[0], factors[1], out=into)
    else:
        into[...] = factors[0] if factors else 1.0
    for factor in factors[2:]:
        into *= factor


def _meeting_places(clique: Clique, sizes: tuple[int, ...], sets: Sequence[Clique]) -> list[tuple[Clique, list[int]]]:
    """(columns, which of the sets meet in a table over these), so that each set meets once and tables are few and small."""
    cells, left = cells_of(sizes, clique), list(range(len(sets)))
    if not left or cells * len(left) <= _AT_ONCE:
        return [(clique, left)] if left else []
    groups = []
    for column in clique[:2]:
        groups.append([k for k in left if column not in sets[k]])
        left = [k for k in left if column in sets[k]]
    together = {c for k in left for c in sets[k]}
    groups += [left] if cells_of(sizes, tuple(together)) <= cells / 2 else [[k] for k in left]
    members = [({c for k in group for c in sets[k]}, group) for group in groups if group]
    return [(tuple(c for c in clique if c in columns), group) for columns, group in members]


def _part_of(axes: Clique, onto: Clique, sizes: Sequence[int]) -> np.ndarray:
    """For each cell of a table over `axes`, flat, the cell of `onto`, some of the axes in any order, that it is part of."""
    found = np.zeros([1] * len(axes), dtype=np.int64)
    for c in onto:
        found = found * sizes[c] + np.arange(sizes[c]).reshape([sizes[c] if other == c else 1 for other in axes])
    return np.broadcast_to(found, [sizes[c] for c in axes]).ravel()


def _matrices(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> tuple[Any, Any]:
    """A sparse matrix with ones at (rows, columns), and its transpose."""
    from scipy.sparse import csr_array

    matrix = csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)
    return matrix, csr_array(matrix.T)
