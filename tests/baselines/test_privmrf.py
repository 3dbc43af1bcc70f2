"""PrivMRF and PrivPetal: the scores' sensitivity, the graphs, the choice of marginals, the budget."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from baselines.marginal.attribute_graph import (
    DEPENDENCE_SENSITIVITY,
    Cells,
    Neighbours,
    columns_of,
    dependence,
    join,
    merit,
    noisy_dependence,
    subsets,
    triangulate,
    without_contained,
)
from baselines.marginal.measured_model import MeasuredModel, fitting_together
from baselines.privmrf import PrivMRF, _maximal_sets
from baselines.privpetal import PrivPetal, _best_for_each
from baselines.privsyn import PrivSyn
from dpdsyn.accounting.composition import gaussian_epsilon
from dpdsyn.accounting.spends import ZCDP, Gaussian, GaussianCap
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable, marginal
from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer, draw

METHODS = [PrivMRF, PrivPetal]
PAIR = ("a", "b")


def test_one_row_moves_a_dependence_by_less_than_two() -> None:
    rng = np.random.default_rng(0)
    most = 0.0
    for _ in range(500):
        shape = tuple(rng.integers(1, 5, 2))
        counts = np.floor(rng.exponential(rng.choice([0.3, 2, 20]), shape) * (rng.random(shape) < rng.random()))
        before = dependence(counts, PAIR)
        for cell in np.ndindex(*shape):
            more = counts.copy()
            more[cell] += 1
            most = max(most, abs(dependence(more, PAIR) - before))
    assert 1.5 < most < DEPENDENCE_SENSITIVITY


def test_the_bound_on_a_dependence_is_reached_in_the_limit() -> None:
    for n in (1, 10, 1000):
        assert dependence(np.diag([float(n), 0.0]), PAIR) == 0
        assert dependence(np.diag([float(n), 1.0]), PAIR) == pytest.approx(2 * n / (n + 1))


def test_dependence_counts_the_rows_that_would_have_to_move() -> None:
    assert dependence(np.zeros((2, 3)), PAIR) == 0
    assert dependence(np.outer([1.0, 3.0], [2.0, 2.0]), PAIR) == 0
    assert dependence(np.diag([50.0, 50.0]), PAIR) == 50


def schema(sizes: tuple[int, ...], rows_public: int) -> Schema:
    columns = (Column(f"x{i}", "categorical", categories=tuple(range(size))) for i, size in enumerate(sizes))
    return Schema(tuple(columns), None, rows_public)


def chained(sizes: tuple[int, ...], rows: int, seed: int = 0) -> np.ndarray:
    """Rows in which each column mostly follows the one before."""
    rng = np.random.default_rng(seed)
    encoded = rng.integers(0, sizes, (rows, len(sizes)))
    for i in range(1, len(sizes)):
        copied = rng.random(rows) < 0.8
        encoded[copied, i] = encoded[copied, i - 1] % sizes[i]
    return encoded.astype(np.uint8)


def private_chain(
    sizes: tuple[int, ...], rows: int, allowance: Budget | ZCDP | GaussianCap, rows_public: int | None = None
) -> PrivateTable:
    public = schema(sizes, rows_public or max(rows, 100))
    return PrivateTable(chained(sizes, rows), public, Ledger(allowance), np.random.default_rng(1))


def test_noisy_dependence_costs_its_rho_and_has_that_noise() -> None:
    sizes, rho = (2, 3, 2, 4, 2), 0.5
    private = private_chain(sizes, 1000, ZCDP(rho))
    private.ledger.cap()
    shares = noisy_dependence(private, rho)
    assert sum(entry.rho for _, entry in private.ledger._charges) == pytest.approx(rho)
    exact = np.zeros_like(shares)
    encoded = chained(sizes, 1000)
    for a, b in itertools.permutations(range(5), 2):
        exact[a, b] = dependence(marginal(encoded, private.schema, (f"x{a}", f"x{b}")), PAIR) / 1000
    errors = (shares - exact)[np.triu_indices(5, 1)] * 1000
    assert (shares == shares.T).all() and (np.diag(shares) == 0).all()
    sigma = DEPENDENCE_SENSITIVITY * math.sqrt(10 / (2 * rho))
    assert 0.4 * sigma < errors.std() < 1.8 * sigma


def random_graph(columns: int, rng: np.random.Generator) -> Neighbours:
    graph: Neighbours = (0,) * columns
    share = rng.random()
    for a, b in itertools.combinations(range(columns), 2):
        if rng.random() < share:
            graph = join(graph, a, b)
    return graph


def is_clique(graph: Neighbours, columns: int) -> bool:
    return all(columns & ~graph[c] == 1 << c for c in columns_of(columns))


def is_chordal(graph: Neighbours) -> bool:
    """By taking away, one after the other, any column whose neighbours are all joined."""
    left = (1 << len(graph)) - 1
    while left:
        simplicial = [c for c in columns_of(left) if is_clique(graph, graph[c] & left)]
        if not simplicial:
            return False
        left &= ~(1 << simplicial[0])
    return True


def test_triangulated_graphs_are_chordal_and_their_cliques_all_of_them() -> None:
    rng = np.random.default_rng(2)
    filled = 0
    for _ in range(300):
        graph = random_graph(int(rng.integers(1, 8)), rng)
        chordal, found = triangulate(graph)
        assert is_chordal(chordal) and all(after | before == after for before, after in zip(graph, chordal, strict=True))
        assert (chordal == graph) == is_chordal(graph)
        filled += chordal != graph
        cliques = [c for c in range(1, 1 << len(graph)) if is_clique(chordal, c)]
        assert sorted(found) == sorted(without_contained(cliques))
    assert filled > 20


def test_subsets_come_up_to_a_length_and_maximal_sets_up_to_a_size() -> None:
    assert sorted(subsets(0b1011, 2)) == [0b0001, 0b0010, 0b0011, 0b1000, 0b1001, 0b1010]
    rng = np.random.default_rng(3)
    for _ in range(100):
        cells = Cells(rng.integers(1, 6, 6))
        columns, most = int(rng.integers(1, 64)), float(rng.uniform(0.5, 300))
        inside = [m for m in (0, *subsets(columns, 6)) if cells.of(m) <= most]
        maximal = {m for m in inside if all(cells.of(m | 1 << c) > most for c in columns_of(columns & ~m))}
        assert _maximal_sets(columns, cells, most) == maximal


def test_merit_prefers_columns_that_say_different_things() -> None:
    shares = np.zeros((4, 4))
    shares[0, 1:] = shares[1:, 0] = 0.4
    shares[1, 2] = shares[2, 1] = 0.9
    assert merit(0, 0b0111, shares) == pytest.approx(0.8 / math.sqrt(2.9))
    assert merit(0, 0b1010, shares) == pytest.approx(0.8 / math.sqrt(2))
    assert merit(0, 0b1010, shares, doubled=True) == pytest.approx(0.8 / 2)
    assert merit(0, 0b0010, shares) == pytest.approx(0.4) and merit(0, 0b0001, shares) == 0
    assert _best_for_each(4, [0b0111, 0b1011, 0b0011], shares)[0] == 0b1011
    assert _best_for_each(4, [0b0011], shares) == [0b0011, 0b0100, 0b1000]


@pytest.mark.parametrize("kind", METHODS)
def test_graphs_stay_within_their_limits_and_join_what_depends(kind: type[PrivMRF] | type[PrivPetal]) -> None:
    rng = np.random.default_rng(4)
    shares = np.abs(rng.normal(0, 0.01, (8, 8)))
    for i in range(7):
        shares[i, i + 1] = 0.5
    shares = np.maximum(shares, shares.T) * (1 - np.eye(8))
    cells = Cells((4, 3, 5, 2, 6, 4, 3, 2))
    graph = kind(clique_cells=100, model_cells=400)._grow(cells, shares)
    cliques = triangulate(graph)[1]
    assert max(cells.of(c) for c in cliques) <= 100 and sum(cells.of(c) for c in cliques) <= 400
    assert all(graph[i] >> (i + 1) & 1 for i in range(7))
    assert any(c.bit_count() == 3 for c in cliques), "room was left"


def test_initial_marginals_cover_every_column_and_are_useful() -> None:
    rng = np.random.default_rng(5)
    cells = Cells((4, 3, 5, 2, 6, 40, 3, 2))
    for most in (0.5, 12.0, 60.0, 1000.0):
        shares = rng.random((8, 8))
        shares = (shares + shares.T) * (1 - np.eye(8))
        cliques = triangulate(PrivMRF()._grow(cells, shares))[1]
        chosen = PrivMRF()._initial(cliques, cells, shares, most, rng)
        assert all(any(m >> column & 1 for m in chosen) for column in range(8)) and len(chosen) <= 16
        pairs = [m for m in chosen if m.bit_count() == 2 and most < cells.of(m) <= PrivMRF().theta * most]
        assert all(m.bit_count() == 1 or cells.of(m) <= most for m in chosen if m not in pairs)
        assert all(any(m & clique == m for clique in cliques) for m in chosen)
        assert (max(m.bit_count() for m in chosen) > 1) == (PrivMRF().theta * most >= 6)


def test_a_column_of_many_values_gets_its_strongest_pair_where_no_useful_marginal_says_as_much() -> None:
    """Forty classes: no pair with them is useful but that with two values, which says next to nothing of them."""
    cells, shares = Cells((40, 40, 2)), np.array([[0, 0.8, 0.01], [0.8, 0, 0.01], [0.01, 0.01, 0]])
    (clique,) = triangulate(PrivMRF()._grow(cells, shares))[1]
    assert 0b011 in PrivMRF()._initial([clique], cells, shares, 300.0, np.random.default_rng(0))
    assert 0b011 not in PrivMRF()._initial([clique], cells, shares, 90.0, np.random.default_rng(0))  # noise would outweigh it


def test_what_the_model_lacks_most_is_measured_next() -> None:
    sizes = (3, 3, 3, 2)
    private = private_chain(sizes, 5000, ZCDP(2e4))
    private.ledger.cap()
    growing = MeasuredModel(private, [(0, 1), (2,), (3,)], 0.1, 1000, 1e4)
    candidates = [(0, 1), (0, 2), (1, 2), (0, 3)]
    chosen, distances = growing.farthest(candidates, 1, 1e3)
    exact = [marginal(chained(sizes, 5000), private.schema, tuple(f"x{c}" for c in clique)) for clique in candidates]
    wanted = [np.abs(e - growing.model.project(c)).sum() for e, c in zip(exact, candidates, strict=True)]
    assert distances == pytest.approx(wanted, abs=1) and chosen == [(1, 2)]
    growing.add([(1, 2)], 0.1, 1.0)
    assert growing.farthest([(1, 2)], 1, 1e3)[1][0] < 0.01 * wanted[2]
    narrow = MeasuredModel(private, [(0, 1), (2,), (3,)], 0.1, 10, 20)
    assert narrow.farthest(candidates, 2, 1e3)[0] == [(1, 2), (0, 1)], "only what keeps the tree within 20 cells"


def test_marginals_that_would_make_the_tree_too_large_are_left_out() -> None:
    ring = [(0, 1), (1, 2), (2, 3), (0, 3)]
    assert fitting_together((5, 5, 5, 5, 2), ring, 1e3) == [*ring, (4,)]
    assert fitting_together((5, 5, 5, 5, 2), ring, 80) == [*ring[:3], (4,)]
    assert fitting_together((5, 5, 5, 5, 2), ring, 30) == [(c,) for c in range(5)]


@pytest.mark.parametrize("kind", METHODS)
def test_the_budget_is_spent_and_not_more(kind: type[Synthesizer]) -> None:
    private = private_chain((3, 2, 4, 3, 2, 2), 3000, Budget(1.0, 1e-6))
    kind().fit(private, np.random.default_rng(0))
    planned, charges = private.ledger._plan, [entry for _, entry in private.ledger._charges]
    assert [type(spend) for spend in planned] == [Gaussian] and {type(charge) for charge in charges} == {Gaussian}
    spent = sum(charge.rho for charge in charges)
    assert 0.99 * planned[0].rho < spent <= planned[0].rho * (1 + 1e-9)
    assert 0.999 < private.ledger.spent <= 1.0


@pytest.mark.parametrize("kind", [PrivMRF, PrivPetal, PrivSyn])
@pytest.mark.parametrize("epsilon", [0.2, 0.8, 3.2])
def test_gaussian_noise_alone_composes_exactly(kind: type[Synthesizer], epsilon: float) -> None:
    """And so it has an eighth and more of rho beyond what a zCDP cap of the same budget has."""
    private = private_chain((3, 2, 4, 3), 300, Budget(epsilon, 1e-6))
    kind().fit(private, np.random.default_rng(0))
    (planned,) = private.ledger._plan
    assert private.ledger.spent == pytest.approx(gaussian_epsilon(planned.rho, 1e-6), rel=1e-6)
    assert 0.999 * epsilon < private.ledger.spent <= epsilon
    assert 1.1 < planned.rho / private.ledger.allowance.rho < 1.2


@pytest.mark.parametrize("kind", [PrivMRF, PrivPetal, PrivSyn])
def test_as_a_source_they_spend_a_gaussian_cap(kind: type[Synthesizer]) -> None:
    private = private_chain((3, 2, 4, 3), 300, GaussianCap(2.0))
    private.ledger.open([GaussianCap(2.0)])
    child = private.child(GaussianCap(2.0), ["x0", "x1", "x3"])
    assert kind.spends == "gaussian"
    kind().fit(child, np.random.default_rng(0))
    assert child.ledger._plan[0].noise_multiplier == pytest.approx(2.0, rel=1e-3)


@pytest.mark.parametrize("kind", METHODS)
def test_how_large_a_marginal_may_be_follows_the_public_number_of_rows(kind: type[PrivMRF] | type[PrivPetal]) -> None:
    for rows in (0, 2000):
        widest = []
        for rows_public in (10, 1000, 10_000):
            private = private_chain((3, 2, 4, 3, 2), rows, Budget(1.0, 1e-6), rows_public)
            fitted = kind().fit(private, np.random.default_rng(0))
            widest.append(max(len(clique) for clique in fitted.model_.potentials))
        assert widest[0] == 1 < widest[1] < widest[2]


@pytest.mark.parametrize("kind", METHODS)
@pytest.mark.parametrize("sizes", [(1,), (4,), (3, 2), (1, 1), (1, 5, 1), (2, 40, 3, 1)])
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_tables_of_any_shape_are_fitted(kind: type[Synthesizer], sizes: tuple[int, ...], rows: int) -> None:
    private = private_chain(sizes, rows, Budget(0.5, 1e-6))
    fitted = kind().fit(private, np.random.default_rng(0))
    assert draw(fitted, private.schema, 20, np.random.default_rng(1)).shape == (20, len(sizes))


@pytest.mark.parametrize("kind", METHODS)
def test_pairs_come_out_as_they_went_in(kind: type[Synthesizer]) -> None:
    sizes = (3, 2, 4, 3, 2)
    private = private_chain(sizes, 20_000, Budget(3.0, 1e-6))
    made = kind().fit(private, np.random.default_rng(0)).sample(20_000, np.random.default_rng(1))
    errors, alone = [], []
    for pair in itertools.combinations(private.schema.names, 2):
        real, synthetic = (marginal(encoded, private.schema, pair) / 20_000 for encoded in (chained(sizes, 20_000), made))
        errors.append(np.abs(real - synthetic).sum() / 2)
        alone.append(dependence(real * 20_000, pair) / 20_000)
    assert np.mean(errors) < 0.02 < 0.1 < np.mean(alone)


@pytest.mark.parametrize("kind", METHODS)
def test_parameters_out_of_range_are_refused(kind: type[PrivMRF] | type[PrivPetal]) -> None:
    for name, value in (("theta", 0), ("queries", 0), ("most_columns", 1.5), ("model_cells", -1), ("iterations", 0)):
        with pytest.raises(ValueError, match=name):
            kind(**{name: value})
