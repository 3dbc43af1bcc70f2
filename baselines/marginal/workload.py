"""The marginals that a method is to get right, and those of them that it may still measure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import Literal, get_args

from baselines.marginal.junction_tree import Clique, tree_cells
from dpdsyn.schema import Schema

Workload = Literal["all_2way", "all_3way", "target", "target_4way"]
WORKLOADS = get_args(Workload)
_MEGABYTE = 2**20 / 8  # cells of 8 bytes


def workload(schema: Schema, name: Workload, max_cells: int) -> list[Clique]:
    """Sets of column positions: every two, every three, or every three or four with the target among them.

    Those of more than `max_cells` cells are left out. A table with fewer columns gives the largest sets that it has.
    """
    columns = range(len(schema.names))
    width = min(len(columns), {"all_2way": 2, "target_4way": 4}.get(name, 3))
    cliques = itertools.combinations(columns, width)
    wanted = (c for c in cliques if not name.startswith("target") or schema.target is None or schema.target_position in c)
    return [c for c in wanted if cells_of(schema.sizes, c) <= max_cells]


def downward_closure(cliques: Iterable[Clique]) -> list[Clique]:
    """All non-empty subsets of the cliques, the smallest first, in a fixed order."""
    found = {part for clique in cliques for width in range(1, len(clique) + 1) for part in itertools.combinations(clique, width)}
    return sorted(found, key=lambda c: (len(c), c))


def weights(cliques: Iterable[Clique]) -> dict[Clique, float]:
    """For each set in the downward closure, how many columns it shares with the workload in all (AIM, section 4.2)."""
    cliques = list(cliques)
    whole = [set(clique) for clique in cliques]
    return {part: float(sum(len(other.intersection(part)) for other in whole)) for part in downward_closure(cliques)}


def affordable(
    sizes: tuple[int, ...], candidates: Iterable[Clique], measured: Iterable[Clique], megabytes: float
) -> list[Clique]:
    """Candidates whose measurement leaves the junction tree within `megabytes`, at 8 bytes a cell, or as it is."""
    sets = [set(clique) for clique in measured]
    largest = [tuple(sorted(c)) for c in sets if not any(c < other for other in sets)]
    known: dict[frozenset[int], bool] = {}

    def fits(candidate: Clique) -> bool:
        if any(set(candidate) <= own for own in sets):
            return True
        key = frozenset(candidate)
        if key not in known:
            known[key] = tree_cells(sizes, [*largest, candidate]) <= megabytes * _MEGABYTE
        return known[key]

    return [candidate for candidate in candidates if fits(candidate)]


def cells_of(sizes: tuple[int, ...], clique: Clique) -> int:
    """How many cells a marginal has."""
    return math.prod(sizes[c] for c in clique)
