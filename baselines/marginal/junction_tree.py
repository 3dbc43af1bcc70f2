"""Junction trees and belief propagation on them, in NumPy: nothing is compiled for a new set of cliques.

Columns are named by their positions. Tables are multiplied in the linear domain. The axes of a clique are ordered from
the largest column to the smallest, and a product is built from products that lack one of its first two axes, so that only
two or three passes go over the largest table, all of them along contiguous memory.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Clique = tuple[int, ...]


def elimination_cliques(sizes: Sequence[int], cliques: Iterable[Clique]) -> list[int]:
    """The maximal cliques, as bit masks, of the graph over all columns in which each of `cliques` is connected,
    triangulated by eliminating next the column whose neighbourhood has the fewest cells."""
    near = [1 << column for column in range(len(sizes))]
    for connected in cliques:
        mask = sum(1 << column for column in set(connected))
        for column in connected:
            near[column] |= mask
    logs = [math.log(size) for size in sizes]
    left = set(range(len(sizes)))
    cost = {column: _log_cells(near[column], logs) for column in left}
    found: list[int] = []
    while left:
        column = min(left, key=lambda c: (cost[c], c))
        clique = near[column]
        left.discard(column)
        if not any(clique | other == other for other in found):
            found.append(clique)
        around = clique & ~(1 << column)
        for other in columns_of(around):
            joined = (near[other] | around) & ~(1 << column)
            if joined != near[other]:
                near[other] = joined
                cost[other] = _log_cells(joined, logs)
    return found


def tree_cells(sizes: Sequence[int], cliques: Iterable[Clique]) -> int:
    """Cells of all cliques of the junction tree that `cliques` imply; 8 bytes each."""
    return sum(math.prod(sizes[c] for c in columns_of(mask)) for mask in elimination_cliques(sizes, cliques))


def columns_of(mask: int) -> list[int]:
    """The columns in a bit mask, in order."""
    found = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return found


def _log_cells(mask: int, logs: Sequence[float]) -> float:
    return sum(logs[c] for c in columns_of(mask))


@dataclass(frozen=True)
class JunctionTree:
    """Cliques with the running intersection property, parents before children.

    cliques: axes from the largest column to the smallest. parents: index of each clique's parent, -1 for the first.
    separators: what each clique shares with its parent, in the order of the clique's axes.
    """

    sizes: tuple[int, ...]
    cliques: tuple[Clique, ...]
    parents: tuple[int, ...]
    separators: tuple[Clique, ...]

    @classmethod
    def of(cls, sizes: Sequence[int], cliques: Iterable[Clique]) -> JunctionTree:
        """The tree over all columns in which each of `cliques` lies within a clique."""
        return cls._spanning(sizes, elimination_cliques(sizes, cliques))

    @classmethod
    def spanning(cls, sizes: Sequence[int], cliques: Iterable[Clique]) -> JunctionTree:
        """The tree whose cliques are these, the maximal ones of a chordal graph over all columns."""
        return cls._spanning(sizes, [sum(1 << column for column in clique) for clique in cliques])

    @classmethod
    def _spanning(cls, sizes: Sequence[int], masks: Sequence[int]) -> JunctionTree:
        first = max(range(len(masks)), key=lambda i: (_log_cells(masks[i], [math.log(s) for s in sizes]), -i))
        order, parents = [first], [-1]
        best = {i: ((masks[i] & masks[first]).bit_count(), 0) for i in range(len(masks)) if i != first}
        while best:  # a maximum spanning tree of shared columns is a junction tree
            chosen = max(best, key=lambda i: (best[i][0], -i))
            parents.append(best.pop(chosen)[1])
            order.append(chosen)
            for i, (shared, _) in list(best.items()):
                here = (masks[i] & masks[chosen]).bit_count()
                if here > shared:
                    best[i] = (here, len(order) - 1)
        by_size = [tuple(sorted(columns_of(masks[i]), key=lambda c: (-sizes[c], c))) for i in order]
        separators = [
            () if parent < 0 else tuple(c for c in clique if c in by_size[parent])
            for clique, parent in zip(by_size, parents, strict=True)
        ]
        return cls(tuple(sizes), tuple(by_size), tuple(parents), tuple(separators))

    @property
    def cells(self) -> int:
        """Cells of all cliques together."""
        return sum(math.prod(self.sizes[c] for c in clique) for clique in self.cliques)

    def home(self, clique: Clique) -> int:
        """Index of the smallest clique that contains these columns. Raises ValueError if there is none."""
        wanted = set(clique)
        inside = [i for i, own in enumerate(self.cliques) if wanted <= set(own)]
        if not inside:
            raise ValueError(f"no clique of the junction tree contains the columns {clique}")
        return min(inside, key=lambda i: math.prod(self.sizes[c] for c in self.cliques[i]))


Table = tuple[Clique, np.ndarray]


def spread(table: np.ndarray, own: Clique, onto: Clique) -> np.ndarray:
    """A view of `table` (axes `own`) with the axes `onto`, a superset in any order; those it lacks have length 1."""
    ordered = [c for c in onto if c in own]
    moved = table.transpose([own.index(c) for c in ordered])
    lengths = iter(moved.shape)
    return moved.reshape([next(lengths) if c in own else 1 for c in onto])


def product(tables: Sequence[Table], axes: Clique, sizes: Sequence[int]) -> np.ndarray:
    """The product of tables over subsets of `axes`, as one contiguous table over all of them."""
    if len(axes) <= 2:
        result = np.ones([sizes[c] for c in axes])
        for own, table in tables:
            result *= spread(table, own, axes)
        return result
    first, second = axes[:2]
    rest = axes[2:]
    without_first = [t for t in tables if first not in t[0]]
    without_second = [t for t in tables if first in t[0] and second not in t[0]]
    result = product(without_first, (second, *rest), sizes)[None]
    if without_second:
        result = result * product(without_second, (first, *rest), sizes)[:, None]
    else:
        result = np.repeat(result, sizes[first], axis=0)
    for own, table in tables:
        if first in own and second in own:
            result *= spread(table, own, axes)
    return result


def marginals(table: np.ndarray, axes: Clique, wanted: Iterable[Clique]) -> dict[Clique, np.ndarray]:
    """Sums of a table down to each of the wanted subsets of its axes, each in the order of `axes`."""
    wanted = list(wanted)
    found = {clique: table for clique in wanted if len(clique) == len(axes)}
    wanted = [clique for clique in wanted if clique not in found]
    if not wanted:
        return found
    if len(axes) <= 2:
        return found | {clique: summed(table, axes, clique) for clique in wanted}
    first, second = axes[:2]
    without_first = [c for c in wanted if first not in c]
    without_second = [c for c in wanted if first in c and second not in c]
    if without_first:
        found |= marginals(summed(table, axes, axes[1:]), axes[1:], without_first)
    if without_second:
        rest = (first, *axes[2:])
        found |= marginals(summed(table, axes, rest), rest, without_second)
    both = [c for c in wanted if first in c and second in c]
    return found | {clique: summed(table, axes, clique) for clique in both}


def summed(table: np.ndarray, axes: Clique, onto: Clique) -> np.ndarray:
    """One sum. Axes that go and lie side by side go together, the longest run first; einsum is quick for any inner length."""
    lengths = list(table.shape)
    runs = []
    for keep, members in itertools.groupby(range(len(axes)), key=lambda i: axes[i] in onto):
        block = list(members)
        if not keep:
            runs.append((math.prod(lengths[i] for i in block), block))
    for length, block in sorted(runs, reverse=True):
        flat = table.reshape(math.prod(lengths[: block[0]]), length, -1)
        table = np.einsum("akb->ab", flat)
        for i in block:
            lengths[i] = 1
    return table.reshape([length for column, length in zip(axes, lengths, strict=True) if column in onto])


def calibrated(
    tree: JunctionTree, factors: Mapping[Clique, np.ndarray], total: float, wanted: Iterable[Clique]
) -> tuple[list[np.ndarray], dict[Clique, np.ndarray]]:
    """Belief propagation (Lauritzen and Spiegelhalter 1988): counts on every clique of the tree, and the wanted sums.

    factors: non-negative tables, in the order of their key's columns. The wanted are subsets of tree cliques.
    """
    inputs: list[list[Table]] = [[] for _ in tree.cliques]
    for own, table in factors.items():
        inputs[tree.home(own)].append((own, table))
    beliefs: list[np.ndarray] = [np.empty(0)] * len(tree.cliques)
    upward: list[np.ndarray] = [np.empty(0)] * len(tree.cliques)
    for i in reversed(range(len(tree.cliques))):
        beliefs[i] = product(inputs[i], tree.cliques[i], tree.sizes)
        if tree.parents[i] >= 0:
            upward[i] = summed(beliefs[i], tree.cliques[i], tree.separators[i])
            inputs[tree.parents[i]].append((tree.separators[i], upward[i] / upward[i].max()))
    beliefs[0] *= total / beliefs[0].sum()
    asked: list[dict[Clique, Clique]] = [{} for _ in tree.cliques]  # what to sum to: columns in the clique's order, and as asked
    for clique in wanted:
        home = tree.home(clique)
        asked[home][clique] = tuple(c for c in tree.cliques[home] if c in clique)
    downward: list[np.ndarray] = [np.empty(0)] * len(tree.cliques)
    found: dict[Clique, np.ndarray] = {}
    for i, clique in enumerate(tree.cliques):
        if i:
            ratio = np.divide(downward[i], upward[i], out=np.zeros_like(upward[i]), where=upward[i] > 0)
            beliefs[i] *= spread(ratio, tree.separators[i], clique)
        children = [j for j, parent in enumerate(tree.parents) if parent == i]
        ordered = {j: tuple(c for c in clique if c in tree.separators[j]) for j in children}
        sums = marginals(beliefs[i], clique, {*asked[i].values(), *ordered.values()})
        for j, own in ordered.items():
            downward[j] = sums[own].transpose([own.index(c) for c in tree.separators[j]])
        for as_asked, own in asked[i].items():
            found[as_asked] = sums[own].transpose([own.index(c) for c in as_asked])
    return beliefs, found
