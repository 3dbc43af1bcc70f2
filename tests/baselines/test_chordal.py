"""Graphs that grow chordal, held against maximum cardinality search, which takes a graph as a whole."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.marginal.attribute_graph import Cells, Neighbours, join, triangulate
from baselines.marginal.chordal import ChordalGraph

COLUMNS = 6
SETS = st.lists(st.sets(st.integers(0, COLUMNS - 1), min_size=2, max_size=3).map(sorted), max_size=12)


def chordal(near: Neighbours) -> bool:
    return triangulate(near)[0] == near


def joins(near: Neighbours, columns: Sequence[int]) -> bool:
    """Whether some order of joining these columns edge by edge leaves the graph chordal after each."""
    missing = [(a, b) for a, b in itertools.combinations(columns, 2) if not near[a] >> b & 1]
    if not missing:
        return True
    return any(chordal(larger) and joins(larger, columns) for larger in (join(near, a, b) for a, b in missing))


@settings(max_examples=70, deadline=None)
@given(SETS)
def test_it_takes_what_leaves_it_chordal_and_knows_its_maximal_cliques(sets: list[list[int]]) -> None:
    graph = ChordalGraph.of(COLUMNS)
    for columns in sets:
        larger = graph.joined(columns)
        assert (larger is not None) == joins(graph.near, columns)
        if larger is None:
            continue
        assert larger.holds(columns)
        edges = graph.near
        for a, b in itertools.combinations(columns, 2):
            edges = join(edges, a, b)
        assert larger.near == edges  # these edges and no others
        assert chordal(larger.near) and sorted(larger.cliques) == sorted(triangulate(larger.near)[1])
        graph = larger


def test_a_cycle_is_not_closed_without_a_chord_and_the_graph_stays_as_it_was() -> None:
    path = ChordalGraph.of(4)
    for pair in [(0, 1), (1, 2), (2, 3)]:
        path = path.joined(pair) or pytest.fail("a path is chordal")
    before = path.near, path.cliques
    assert path.joined((0, 3)) is None
    assert (path.near, path.cliques) == before
    assert path.joined((0, 1)) is path  # held already
    with_chord = path.joined((0, 2)) or pytest.fail("a triangle is chordal")
    assert with_chord.joined((0, 3)) is not None


def test_a_triple_is_joined_in_whichever_order_works() -> None:
    """0-1-2 is a path: 3 cannot be joined to both ends first, but the ends to each other, and then 3."""
    graph = ChordalGraph.of(4)
    for pair in [(0, 1), (1, 2)]:
        graph = graph.joined(pair) or pytest.fail("a path is chordal")
    larger = graph.joined((0, 2, 3))
    assert larger is not None and sorted(larger.sets) == [(0, 1, 2), (0, 2, 3)]


def test_cells_are_those_of_all_cliques() -> None:
    sizes = (2, 3, 5, 7)
    graph = ChordalGraph.of(4).joined((0, 1, 2)) or pytest.fail("a triangle is chordal")
    assert sorted(graph.sets) == [(0, 1, 2), (3,)]
    assert graph.cells(Cells(sizes)) == sum(math.prod(sizes[c] for c in clique) for clique in graph.sets) == 37
