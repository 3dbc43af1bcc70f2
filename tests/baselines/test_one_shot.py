"""Which marginals are measured at once, decided by distances: offers, graphs, subsets."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from builders.columns import schema_of
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.marginal import one_shot
from baselines.marginal.chordal import ChordalGraph
from baselines.marginal.one_shot import Candidate, Limits, added_to_pairs, candidates, chosen, cost


@pytest.mark.parametrize(
    "workload, target, expected",
    [("target", True, 6 + 3), ("target", False, 6), ("all_2way", True, 6), ("all_3way", True, 6 + 4), ("all_3way", False, 10)],
)
def test_what_is_offered(workload: Any, target: bool, expected: int) -> None:
    offered = candidates(schema_of((2, 3, 4, 5), target), workload, 10**6)
    assert len(offered) == len(set(offered)) == expected
    assert max(map(len, candidates(schema_of((2, 3, 4, 5), target), workload, 12))) == 2


OFFERED = st.lists(st.tuples(st.floats(-50, 200), st.integers(0, 9)), min_size=1, max_size=10, unique_by=lambda pair: pair[1])
PAIRS = list(itertools.combinations(range(5), 2))
SIZES = (2, 3, 4, 3, 6)


@settings(max_examples=100, deadline=None)
@given(OFFERED, st.floats(0.001, 10), st.sampled_from([20, 60, 150, 10_000]), st.sets(st.sampled_from(PAIRS), max_size=4))
def test_the_graph_holds_what_is_measured_and_is_no_larger_than_allowed(
    drawn: list[tuple[float, int]], budget: float, max_cells: int, wanted: set[tuple[int, int]]
) -> None:
    offered = [Candidate(PAIRS[k], distance, cost(SIZES[PAIRS[k][0]] * SIZES[PAIRS[k][1]])) for distance, k in drawn]
    limits = Limits(SIZES, budget, 0.5, max_cells)
    cliques, subset = chosen(offered, sorted(wanted), limits)
    assert len(set(subset)) == len(subset) and set(subset) <= {c.columns for c in offered} | wanted
    assert all(any(set(columns) <= set(clique) for clique in cliques) for columns in subset)
    assert sum(math.prod(SIZES[c] for c in clique) for clique in cliques) <= max(max_cells, sum(SIZES))
    graph = ChordalGraph.of(len(SIZES))
    for clique in cliques:
        graph = graph.joined(clique) or graph
    for columns in wanted - set(subset):  # the graph cannot hold them
        larger = graph.joined(columns)
        assert larger is None or sum(math.prod(SIZES[c] for c in clique) for clique in larger.sets) > max_cells


def test_what_is_measured_gains_nearly_the_most_that_any_subset_could(rng: np.random.Generator) -> None:
    """On a star, whose every part is chordal."""
    sizes, ratios = (2, 3, 9, 4, 6, 20, 5), []
    for _ in range(60):
        budget = float(rng.choice([0.1, 1.0, 10.0]))
        limits = Limits(sizes, budget, 0.5, 10**6)
        distances = rng.gamma(0.5, 30 / math.sqrt(budget), size=6)
        offered = [Candidate((0, k), float(d), cost(2 * sizes[k])) for k, d in enumerate(distances, start=1)]

        def gain(part: Any, limits: Limits = limits) -> float:
            return limits.gain(sum(c.distance for c in part), sum(c.cost for c in part))

        best = max(gain(part) for n in range(7) for part in itertools.combinations(offered, n))
        subset = chosen(offered, [], limits)[1]
        ratios.append(gain([c for c in offered if c.columns in subset]) / best if best > 0 else float(not subset))
    assert min(ratios) > 0.9 and np.mean(ratios) > 0.99


def test_several_orders_compete(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large marginal comes first by distance and shuts two cheap ones out; by distance over cost they come first."""
    sizes = (2, 30, 3, 3)
    offered = [Candidate((0, 1), 70.0, cost(60)), Candidate((2, 3), 60.0, cost(9)), Candidate((0, 2), 60.0, cost(6))]
    limits = Limits(sizes, 10.0, 0.5, 67)  # with the large one and others alone a graph has 66 cells, with the cheap ones 45
    assert set(chosen(offered, [], limits)[1]) == {(2, 3), (0, 2)}
    much = [Candidate((0, 1), 200.0, cost(60)), *offered[1:]]  # more than both, and still less for its cost
    assert set(chosen(much, [], limits)[1]) == {(0, 1)}
    for power, taken in [(0.0, {(0, 1)}), (1.0, {(2, 3), (0, 2)})]:
        monkeypatch.setattr(one_shot, "_POWERS", (power,))
        assert set(chosen(offered, [], limits)[1]) == set(chosen(much, [], limits)[1]) == taken


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([(2, 3, 4), (2, 2, 2), (5, 1, 3)]), st.floats(0.1, 3))
def test_a_triple_adds_no_more_to_a_pair_than_its_distance_from_a_model_that_knows_the_pair(
    seed: int, sizes: tuple[int, int, int], even: float
) -> None:
    joint = np.random.default_rng(seed).gamma(even, size=sizes)
    joint /= joint.sum()

    def of(kept: tuple[int, ...]) -> np.ndarray:
        return joint.sum(axis=tuple(set(range(3)) - set(kept)), keepdims=True)

    def distance(kept: tuple[int, ...], *known: tuple[int, ...]) -> float:
        return float(np.abs(of(kept) - math.prod(of(part) for part in known)).sum())

    pairs = [(0, 1), (0, 2), (1, 2)]
    offered = [Candidate(pair, distance(pair, *((c,) for c in pair)), 1.0) for pair in pairs]
    whole = Candidate((0, 1, 2), distance((0, 1, 2), (0,), (1,), (2,)), 1.0)
    *same, added = added_to_pairs([*offered, whole])
    assert same == offered
    known = [distance((0, 1, 2), pair, (3 - sum(pair),)) for pair in pairs]
    assert added.distance <= min(known) + 1e-12
    assert added_to_pairs([whole]) == [whole]  # nothing is known of its pairs


def test_triples_that_one_pair_explains_leave_room_for_pairs_that_nothing_else_tells() -> None:
    """0 goes with the target 3; 1 and 2 with each other alone, less closely; the graph cannot hold (1, 2) beside both triples."""
    sizes = (4, 4, 4, 2)
    pairs = {(0, 3): 100.0, (1, 2): 40.0, (0, 1): 2.0, (0, 2): 2.0, (1, 3): 2.0, (2, 3): 2.0}
    triples = {(0, 1, 3): 104.0, (0, 2, 3): 104.0}
    offered = [Candidate(columns, d, cost(math.prod(sizes[c] for c in columns))) for columns, d in (pairs | triples).items()]
    _, subset = chosen(offered, [], Limits(sizes, 1000.0, 0.5, 70))
    assert (1, 2) in subset and (0, 3) in subset
    together = [Candidate((0, 1, 3), 180.0, cost(32)) if c.columns == (0, 1, 3) else c for c in offered]
    _, subset = chosen(together, [], Limits(sizes, 1000.0, 0.5, 70))
    assert (0, 1, 3) in subset  # one that says much more than its pairs comes first still


@pytest.mark.parametrize("as_of_right", [False, True])
def test_what_a_graph_cannot_take_yet_it_takes_later(as_of_right: bool) -> None:
    """0-1-2-3 is a path, 0-3 would close a cycle; with 0-2 it does not."""
    order = [(0, 1), (1, 2), (2, 3), (0, 3), (0, 2)]
    offered = [Candidate(pair, 100.0 - 5 * k, cost(4)) for k, pair in enumerate(order)]
    limits = Limits((2, 2, 2, 2), 10.0, 0.5, 1000)
    _, subset = chosen([] if as_of_right else offered, order if as_of_right else [], limits)
    assert set(subset) == set(order)
