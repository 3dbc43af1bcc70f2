"""Our inference against brute force over all rows, and against private-pgm's own engine."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.marginal.drawing import systematic_draw
from baselines.marginal.inference import Model, _Kept, fit_model, uniform_model
from baselines.marginal.junction_tree import Clique, JunctionTree, calibrated, tree_cells
from baselines.marginal.marginals import Measurement
from baselines.marginal.private_pgm import fit_with_mbi


@st.composite
def factored(draw: st.DrawFn) -> tuple[tuple[int, ...], dict[Clique, np.ndarray]]:
    """Sizes of up to seven columns, and random positive factors on some sets of up to four of them."""
    sizes = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=7)))
    subsets = st.lists(st.integers(0, len(sizes) - 1), min_size=1, max_size=4, unique=True).map(tuple)
    cliques = draw(st.lists(subsets, max_size=6, unique=True))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return sizes, {clique: np.exp(2 * rng.normal(size=[sizes[c] for c in clique])) for clique in cliques}


def brute_force(sizes: Sequence[int], factors: dict[Clique, np.ndarray], total: float) -> np.ndarray:
    joint = np.ones(sizes)
    for clique, table in factors.items():
        for code in itertools.product(*map(range, sizes)):
            joint[code] *= table[tuple(code[c] for c in clique)]
    return joint * (total / joint.sum())


def summed(joint: np.ndarray, clique: Clique) -> np.ndarray:
    kept = joint.sum(axis=tuple(c for c in range(joint.ndim) if c not in clique))
    return kept.transpose([sorted(clique).index(c) for c in clique])


def model_of(sizes: tuple[int, ...], factors: dict[Clique, np.ndarray], total: float) -> Model:
    tree = JunctionTree.of(sizes, factors)
    return Model(tree, total, {}, calibrated(tree, factors, total, [])[0])


@settings(max_examples=25)
@given(factored())
def test_every_marginal_is_that_of_all_rows_added_up(drawn: tuple[tuple[int, ...], dict[Clique, np.ndarray]]) -> None:
    sizes, factors = drawn
    joint = brute_force(sizes, factors, 7.0)
    model = model_of(sizes, factors, 7.0)
    _, found = calibrated(model.tree, factors, 7.0, factors)
    for clique in factors:
        assert found[clique] == pytest.approx(summed(joint, clique), abs=1e-9)
    for width in range(1, min(4, len(sizes)) + 1):
        for clique in itertools.permutations(range(len(sizes)), width):
            assert model.project(clique) == pytest.approx(summed(joint, clique), abs=1e-9)


def test_what_a_model_keeps_for_its_next_question_is_bounded(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = (6, 5, 4, 6, 5, 4, 6)
    factors = {(c, c + 1): np.exp(rng.normal(size=sizes[c : c + 2])) for c in range(6)}
    usual = model_of(sizes, factors, 9.0)
    monkeypatch.setattr(_Kept, "most_cells", 200)
    bounded = model_of(sizes, factors, 9.0)
    for clique in itertools.combinations(range(7), 3):
        assert bounded.project(clique) == pytest.approx(usual.project(clique), abs=1e-12)
        for kept in (bounded._sums, bounded._messages):
            held = sum(table.size for _, table in kept._tables.values())
            assert held == kept._cells and (held <= 200 or len(kept._tables) == 1)


@settings(max_examples=3)
@given(factored())
def test_marginals_are_those_of_private_pgm(drawn: tuple[tuple[int, ...], dict[Clique, np.ndarray]]) -> None:
    import jax
    from mbi import CliqueVector, Domain, Factor, junction_tree, marginal_oracles

    sizes, factors = drawn
    if not factors:
        return
    domain = Domain(tuple(range(len(sizes))), sizes)
    with jax.enable_x64(True):
        arrays = {clique: Factor(domain.project(clique), np.log(table)) for clique, table in factors.items()}
        potentials = CliqueVector(domain, list(factors), arrays)
        model = model_of(sizes, factors, 1.0)
        for pair in itertools.combinations(range(len(sizes)), min(2, len(sizes))):
            theirs = marginal_oracles.variable_elimination(potentials, pair, 1.0)
            assert model.project(pair) == pytest.approx(np.asarray(theirs.datavector(flatten=False)), abs=1e-6)
    assert 8 * tree_cells(sizes, factors) / 2**20 == pytest.approx(
        junction_tree.hypothetical_model_size(domain, list(factors)), rel=1e-9
    )


def measured(rng: np.random.Generator, sizes: Sequence[int], cliques: Sequence[Clique], sigma: float) -> list[Measurement]:
    joint = rng.dirichlet(np.full(math.prod(sizes), 0.1)).reshape(sizes) * 1000
    return [Measurement(c, summed(joint, c) + rng.normal(0, sigma, [sizes[i] for i in c]), sigma) for c in cliques]


@pytest.mark.parametrize("cliques", [[(0, 1), (1, 2), (2, 3)], [(0, 1), (1, 2), (0, 2), (3, 1)], [(3, 2, 0), (0, 1), (1,)]])
def test_a_fit_run_to_its_end_is_that_of_private_pgm(cliques: list[Clique], rng: np.random.Generator) -> None:
    sizes = (3, 4, 2, 5)
    measurements = measured(rng, sizes, cliques, 5.0)
    ours = fit_model(sizes, measurements, 1000.0, iterations=20_000, tolerance=1e-9)
    theirs = fit_with_mbi(sizes, measurements, 1000.0, iterations=5_000)
    for m in measurements:
        expected = np.asarray(theirs.project(m.clique).datavector(flatten=False))
        assert ours.project(m.clique) == pytest.approx(expected, abs=0.5)  # of 1,000 rows, noise 5
    apart = [np.asarray(theirs.project(m.clique).datavector(flatten=False)) - m.values for m in measurements]
    loss = sum(float((off**2).sum()) / (2 * m.sigma**2) for off, m in zip(apart, measurements, strict=True))
    assert ours.loss <= loss * (1 + 1e-4) + 1e-4


def test_a_fit_stops_near_the_loss_of_the_truth_and_goes_on_from_an_earlier_one(rng: np.random.Generator) -> None:
    sizes, cliques = (8, 9, 7, 6), [(0, 1), (1, 2), (2, 3), (0, 3)]
    measurements = measured(rng, sizes, cliques, 3.0)
    half_cells = sum(m.values.size for m in measurements) / 2
    first = fit_model(sizes, measurements, 1000.0)
    assert first.loss < 1.1 * half_cells
    again = fit_model(sizes, measurements, 1000.0, start=first)
    assert again.loss <= first.loss and again.iterations <= first.iterations
    assert first.project((0, 1, 2, 3)).sum() == pytest.approx(1000.0)


def test_answers_of_little_noise_are_reproduced(rng: np.random.Generator) -> None:
    sizes = (4, 3, 5)
    precise = measured(rng, sizes, [(0, 1), (1, 2)], 1e-3)
    model = fit_model(sizes, precise, 1000.0, iterations=5000)
    for m in precise:
        assert model.project(m.clique) == pytest.approx(m.values, abs=1.0)


def test_weights_and_transposed_cliques_are_understood(rng: np.random.Generator) -> None:
    truth = rng.dirichlet(np.ones(6)).reshape(2, 3) * 500
    weights = np.array([[1.0, 2.0, 0.5], [1.0, 1.0, 3.0]])
    plain = fit_model((2, 3), [Measurement((0, 1), truth, 1.0)], 500.0, 5000, tolerance=1e-8)
    weighted = fit_model((2, 3), [Measurement((0, 1), truth * weights, 1.0, weights)], 500.0, 5000, tolerance=1e-8)
    turned = fit_model((2, 3), [Measurement((1, 0), truth.T, 1.0)], 500.0, 5000, tolerance=1e-8)
    for model in (plain, weighted, turned):
        assert model.project((0, 1)) == pytest.approx(truth, abs=0.2)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(1, 200), st.integers(1, 6), st.integers(1, 4))
def test_each_code_comes_floor_or_ceil_of_what_is_expected(seed: int, n: int, size: int, groups: int) -> None:
    rng = np.random.default_rng(seed)
    table, group = rng.gamma(0.5, size=(groups, size)) + 1e-6, rng.integers(groups, size=n)
    drawn = systematic_draw(table, group, rng)
    for g in range(groups):
        expected = (group == g).sum() * table[g] / table[g].sum()
        assert (np.abs(np.bincount(drawn[group == g], minlength=size) - expected) < 1 + 1e-6).all()


def test_a_group_without_mass_is_drawn_uniformly_and_no_rows_are_no_error(rng: np.random.Generator) -> None:
    drawn = systematic_draw(np.zeros((1, 4)), np.zeros(400, dtype=int), rng)
    assert np.bincount(drawn).tolist() == [100] * 4
    assert systematic_draw(np.ones((2, 3)), np.zeros(0, dtype=int), rng).shape == (0,)


def test_sampled_rows_have_the_model_s_marginals(rng: np.random.Generator) -> None:
    sizes = (4, 3, 5, 2, 3)
    model = fit_model(sizes, measured(rng, sizes, [(0, 1), (1, 2), (0, 2), (2, 3), (4,)], 1.0), 1000.0)
    rows = model.sample(100_000, rng)
    for pair in itertools.combinations(range(5), 2):
        counts = np.zeros([sizes[c] for c in pair])
        np.add.at(counts, tuple(rows[:, c] for c in pair), 1)
        assert np.abs(counts / 100 - model.project(pair)).sum() < 10  # of 1,000
    order = np.arange(len(rows))
    assert abs(np.corrcoef(order, rows[:, 0])[0, 1]) < 0.02  # rows come in random order


def test_the_model_of_no_answer_is_uniform() -> None:
    model = uniform_model((2, 5), 30.0)
    assert model.project((1, 0)) == pytest.approx(np.full((5, 2), 3.0))
