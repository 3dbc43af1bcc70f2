"""A chordal graph of columns that grows edge by edge, with its maximal cliques at hand: no junction tree is built to try an edge.

An edge between a and b keeps a chordal graph chordal if and only if the common neighbours of a and b separate them
(Ibarra 2008, "Fully dynamic algorithms for chordal graphs and split graphs", ACM Transactions on Algorithms 4). It then makes
one new maximal clique, of a, b and these neighbours. Sets of columns are bit sets: column i is bit 1 << i.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from baselines.marginal.attribute_graph import Cells, columns_of


@dataclass(frozen=True)
class ChordalGraph:
    """near: for each column, the set of those it is joined to. cliques: the maximal ones, in the order of their making."""

    near: tuple[int, ...]
    cliques: tuple[int, ...]

    @classmethod
    def of(cls, columns: int) -> ChordalGraph:
        """Without an edge."""
        return cls((0,) * columns, tuple(1 << column for column in range(columns)))

    def holds(self, columns: Sequence[int]) -> bool:
        """Whether all of these columns are joined to each other."""
        mask = _mask(columns)
        return all(mask & ~self.near[column] == 1 << column for column in columns)

    def joined(self, columns: Sequence[int]) -> ChordalGraph | None:
        """With these columns joined to each other, edge after edge; None if in every order an edge would break chordality."""
        missing = [pair for pair in itertools.combinations(columns, 2) if not self.near[pair[0]] >> pair[1] & 1]
        for order in itertools.permutations(missing):
            graph = self._with_all(order)
            if graph is not None:
                return graph
        return None

    def cells(self, cells: Cells) -> int:
        """Cells of all cliques together."""
        return sum(map(cells.of, self.cliques))

    @property
    def sets(self) -> tuple[tuple[int, ...], ...]:
        """The maximal cliques as the columns that are in them, ascending."""
        return tuple(columns_of(clique) for clique in self.cliques)

    def _with_all(self, edges: Sequence[tuple[int, int]]) -> ChordalGraph | None:
        graph = self
        for a, b in edges:
            larger = graph._with(a, b)
            if larger is None:
                return None
            graph = larger
        return graph

    def _with(self, a: int, b: int) -> ChordalGraph | None:
        common = self.near[a] & self.near[b]
        if self._reaches(a, b, common):
            return None
        made = common | 1 << a | 1 << b
        near = list(self.near)
        near[a] |= 1 << b
        near[b] |= 1 << a
        return ChordalGraph(tuple(near), (*(clique for clique in self.cliques if clique & ~made), made))

    def _reaches(self, a: int, b: int, around: int) -> bool:
        """Whether a path leads from a to b, which are not joined, around the columns `around`."""
        near, goal = self.near, self.near[b] & ~around
        seen = frontier = self.near[a] & ~around
        while frontier and goal:
            if frontier & goal:
                return True
            beside = 0
            for column in columns_of(frontier):
                beside |= near[column]
            frontier = beside & ~around & ~seen
            seen |= frontier
        return False


def _mask(columns: Sequence[int]) -> int:
    return sum(1 << column for column in columns)
