"""Which marginals to measure, all at once, and with how much of the budget each: decided by noisy distances alone.

Of a marginal with c cells that is measured with the zCDP budget b (times two), noise is wrong by c sqrt(2 / pi) / sqrt(b) in
L1. For a set of marginals a budget B is divided best in proportion to y = (c sqrt(2 / pi))^(2/3), and what is gained by
measuring them, in L1 distance from the rows, is then expected to be sum of distances - (sum of y)^1.5 / sqrt(B). This is the
allocation of SWIFT (google/dpsynth, `swift_utils.py`).

A marginal can only be used if a model holds it, so sets of columns are joined in a chordal graph whose cliques have few cells.
A triple is at least as far from independence as each pair in it, and many that say no more than one pair would shut out pairs
that nothing else tells. So graphs are also grown, and are compared, by what candidates add to their pairs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from baselines.marginal.attribute_graph import Cells
from baselines.marginal.chordal import ChordalGraph
from baselines.marginal.junction_tree import Clique
from baselines.marginal.workload import cells_of
from dpdsyn.base.steps import MEAN_NOISE
from dpdsyn.schema import Schema

OneShotWorkload = Literal["all_2way", "all_3way", "target"]
ONE_SHOT_WORKLOADS = get_args(OneShotWorkload)
_POWERS = (1.0, 0.75, 0.5, 0.25, 0.0)  # of the cost in the order in which a graph takes its candidates; several graphs, one wins


@dataclass(frozen=True)
class Candidate:
    """A marginal that may be measured. distance: noisy, in rows, from what is known of it; cost: y, its part of a budget."""

    columns: Clique
    distance: float
    cost: float


@dataclass(frozen=True)
class Limits:
    """sizes: of all columns. budget: twice the zCDP of the measuring. caution: by what the expected error of noise is
    multiplied when it is held against distances. max_cells: of all cliques of the graph together.
    """

    sizes: tuple[int, ...]
    budget: float
    caution: float
    max_cells: int

    def gain(self, distance: float, cost: float) -> float:
        """What is gained by marginals of these distances and costs in all, in rows."""
        return distance - self.caution * cost**1.5 / math.sqrt(self.budget)


def candidates(schema: Schema, workload: OneShotWorkload, max_cells: int) -> list[Clique]:
    """Every pair of columns, and with `target` the triples with the target among them, with `all_3way` all triples.

    Those of more than `max_cells` cells are left out. Without a target, `target` is `all_2way`.
    """
    sizes = schema.sizes
    columns = range(len(sizes))
    found: Iterable[Clique] = itertools.combinations(columns, 2)
    if workload == "all_3way" or (workload == "target" and schema.target is not None):
        fixed = set() if workload == "all_3way" else {schema.target_position}
        found = [*found, *(c for c in itertools.combinations(columns, 3) if fixed.issubset(c))]
    return [c for c in found if cells_of(sizes, c) <= max_cells]


def cost(cells: int) -> float:
    """y of a marginal with so many cells."""
    return (cells * MEAN_NOISE) ** (2 / 3)


def chosen(
    offered: Sequence[Candidate], wanted: Sequence[Clique], limits: Limits, held: Sequence[Clique] = ()
) -> tuple[tuple[Clique, ...], list[Clique]]:
    """(the maximal cliques of a chordal graph over all columns, the marginals within them to be measured).

    A graph takes candidates greedily, as long as the expected gain rises: by distance, or by what they add to their pairs, over a
    power of the cost. Of the graphs for both and for several powers that wins in which most is to be gained by what its
    candidates add; what is measured of it is the best of all candidates that it holds, by distance over cost.
    wanted: measured whatever their distance, where the graph can hold them too. held: not measured, but held by the graph where
    it can.
    """
    cells = Cells(limits.sizes)
    best, graph = 0.0, ChordalGraph.of(len(limits.sizes))
    measured: list[Clique] = []
    promising = [c for c in offered if limits.gain(c.distance, c.cost) > 0]
    adding = added_to_pairs(offered)
    for order in _orders(promising, adding):
        grown = _grown(order, cells, limits)
        gain, _ = _best_subset([c for c in adding if grown.holds(c.columns)], limits)
        if gain > best:
            best, graph = gain, grown
            measured = _best_subset([c for c in promising if grown.holds(c.columns)], limits)[1]
    left, added = [columns for columns in wanted if columns not in measured], True
    while left and added:  # one that the graph cannot take yet it may take when others have been added
        waiting, added = [], False
        for columns in left:
            larger = graph.joined(columns)
            if larger is None:
                waiting.append(columns)
            elif larger is graph or larger.cells(cells) <= limits.max_cells:
                graph, added = larger, True
                measured.append(columns)
        left = waiting
    for columns in held:
        larger = graph.joined(columns)
        if larger is not None and (larger is graph or larger.cells(cells) <= limits.max_cells):
            graph = larger
    return graph.sets, measured


def added_to_pairs(offered: Sequence[Candidate]) -> list[Candidate]:
    """The same, with what each adds in the place of its distance: less the largest distance of the pairs in it that are offered.

    By the triangle inequality no more than a triple's distance from a model that knows that one pair, where distances are exact.
    """
    distances = {c.columns: c.distance for c in offered}

    def known(columns: Clique) -> float:
        pairs = itertools.combinations(columns, 2) if len(columns) > 2 else ()
        return max((0.0, *(distances.get(pair, 0.0) for pair in pairs)))

    return [replace(c, distance=c.distance - known(c.columns)) for c in offered]


def _orders(promising: Sequence[Candidate], adding: Sequence[Candidate]) -> list[tuple[Candidate, ...]]:
    """In which graphs take candidates: by distance and by what they add, over powers of the cost; each order once."""
    whole, added = ({c.columns: c.distance for c in candidates} for candidates in (promising, adding))
    return list(
        dict.fromkeys(
            tuple(sorted(promising, key=lambda c: -far[c.columns] / c.cost**power))
            for far, power in itertools.product((whole, added), _POWERS)
        )
    )


def _grown(ordered: Sequence[Candidate], cells: Cells, limits: Limits) -> ChordalGraph:
    """The graph of all candidates that are worth it and fit in, in order.

    One that no graph could take yet is tried again when others have been added; costs only rise, so that one that is not worth it
    never will be.
    """
    graph = ChordalGraph.of(len(limits.sizes))
    distance = spent = gain = 0.0
    left, added = list(ordered), True
    while left and added:
        waiting, added = [], False
        for candidate in left:
            raised = limits.gain(distance + candidate.distance, spent + candidate.cost)
            if raised <= gain:
                continue
            larger = graph.joined(candidate.columns)
            if larger is None:
                waiting.append(candidate)
            elif larger is graph or larger.cells(cells) <= limits.max_cells:
                graph, gain, added = larger, raised, True
                distance, spent = distance + candidate.distance, spent + candidate.cost
        left = waiting
    return graph


def _best_subset(within: Sequence[Candidate], limits: Limits) -> tuple[float, list[Clique]]:
    """(expected gain, marginals) of the candidates with the most to gain together."""
    distance = spent = gain = 0.0
    subset = []
    for candidate in sorted(within, key=lambda c: -c.distance / c.cost):
        raised = limits.gain(distance + candidate.distance, spent + candidate.cost)
        if raised > gain:
            subset.append(candidate.columns)
            distance, spent, gain = distance + candidate.distance, spent + candidate.cost, raised
    return gain, subset
