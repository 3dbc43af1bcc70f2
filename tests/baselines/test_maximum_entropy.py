"""The regularised fit, held against the same problem on the whole joint table, and against the likelihood's."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize
from scipy.special import logsumexp

from baselines.marginal.inference import fit_model
from baselines.marginal.junction_tree import Clique, JunctionTree
from baselines.marginal.marginals import Measurement, nearest_marginal
from baselines.marginal.maximum_entropy import Dual, fit_maximum_entropy, together

SIZES = (3, 2, 4, 3)
ONES: list[Clique] = [(0,), (1,), (2,), (3,)]
CYCLE: list[Clique] = [*ONES, (0, 1), (1, 2), (2, 3), (0, 3)]
TRIPLES: list[Clique] = [*ONES, (0, 1, 2), (1, 3), (0, 2)]


def truth(rng: np.random.Generator, rows: float = 1000.0) -> np.ndarray:
    return rng.dirichlet(np.full(math.prod(SIZES), 0.3)).reshape(SIZES) * rows


def summed(table: np.ndarray, clique: Clique) -> np.ndarray:
    return np.einsum(table, [0, 1, 2, 3], list(clique))


def measured(rng: np.random.Generator, joint: np.ndarray, cliques: Sequence[Clique], sigma: float) -> list[Measurement]:
    return [Measurement(c, summed(joint, c) + rng.normal(0, sigma, [SIZES[i] for i in c]), sigma) for c in cliques]


def dense(measurements: Sequence[Measurement], total: float, trust: float) -> np.ndarray:
    """The minimiser of the problem as the module states it, over the joint table itself: no dual, no tree."""
    base = np.ones(())
    for column in range(len(SIZES)):
        one = next(m for m in measurements if m.clique == (column,))
        base = np.multiply.outer(base, nearest_marginal(one, total) + 0.5)
    base = base / base.sum()
    centred = [(m, m.values + (total - m.values.sum()) / m.values.size) for m in measurements]

    def objective(logits: np.ndarray) -> tuple[float, np.ndarray]:
        logs = (logits - logsumexp(logits)).reshape(SIZES)
        share, surprise = np.exp(logs), logs - np.log(base)
        value = float((share * surprise).sum())  # all of it is divided by the number of rows
        slope = surprise + 1
        for m, target in centred:
            off = total * summed(share, m.clique) - target
            value += trust / (2 * m.sigma * total) * float((off**2).sum())
            onto = [SIZES[c] if c in m.clique else 1 for c in range(len(SIZES))]
            slope = slope + trust / m.sigma * off.reshape(onto)
        return value, (share * (slope - (share * slope).sum())).ravel()

    found = minimize(objective, np.log(base).ravel(), jac=True, method="BFGS", options={"maxiter": 5000, "gtol": 1e-8})
    return total * np.exp(found.x - logsumexp(found.x)).reshape(SIZES)


@pytest.mark.parametrize("cliques", [CYCLE, TRIPLES])
@pytest.mark.parametrize("sigma", [2.0, 40.0])
@pytest.mark.parametrize("trust", [0.4, 3.0])
def test_it_minimises_what_it_says_over_all_distributions(
    cliques: list[Clique], sigma: float, trust: float, rng: np.random.Generator
) -> None:
    measurements = measured(rng, truth(rng), cliques, sigma)
    model = fit_maximum_entropy(SIZES, measurements, 1000.0, trust, iterations=2000, tolerance=1e-5)
    expected = dense(measurements, 1000.0, trust)
    assert model.project((0, 1, 2, 3)) == pytest.approx(expected, abs=0.02)  # of 1,000 rows


def test_the_gradient_is_that_of_the_value(rng: np.random.Generator) -> None:
    measurements = measured(rng, truth(rng), TRIPLES, 10.0)
    dual = Dual(JunctionTree.of(SIZES, TRIPLES), measurements, 1000.0, 0.4)
    for scale in (0.0, 0.3, 3.0):
        at = rng.normal(0, scale, dual.cells)
        assert dual(at)[1] == pytest.approx(approx_fprime(at, lambda x: dual(x)[0], 1e-6), abs=2e-2, rel=1e-3)


def test_answers_of_little_noise_are_reproduced_as_the_likelihood_s_fit_does(rng: np.random.Generator) -> None:
    measurements = measured(rng, truth(rng), CYCLE, 1e-3)
    ours = fit_maximum_entropy(SIZES, measurements, 1000.0, iterations=3000, tolerance=1e-3)
    likely = fit_model(SIZES, measurements, 1000.0, iterations=20_000, tolerance=1e-9)
    for m in measurements:
        assert ours.project(m.clique) == pytest.approx(m.values, abs=0.1)
    assert ours.project((0, 1, 2, 3)) == pytest.approx(likely.project((0, 1, 2, 3)), abs=1.0)


def test_what_noise_explains_is_left_independent(rng: np.random.Generator) -> None:
    """Pairs that are pure noise: the fit stays nearer to the product of the ones than a likelihood's, run to its end."""
    shares = [rng.dirichlet(np.full(size, 3.0)) for size in SIZES]
    product = 1000.0 * np.einsum("a,b,c,d->abcd", *shares)
    ones = measured(rng, product, ONES, 5.0)
    pairs = measured(rng, product, [(0, 1), (2, 3)], 100.0)  # of 1,000 rows
    ours = fit_maximum_entropy(SIZES, ones + pairs, 1000.0)
    likely = fit_model(SIZES, ones + pairs, 1000.0, iterations=20_000, tolerance=1e-9)
    off = [float(np.abs(model.project((2, 3)) - summed(product, (2, 3))).sum()) for model in (ours, likely)]
    assert off[0] < 0.4 * off[1]


def test_measurements_of_the_same_columns_count_as_one(rng: np.random.Generator) -> None:
    joint = truth(rng)
    ones = measured(rng, joint, ONES, 5.0)
    once, twice = measured(rng, joint, [(1, 2)], 3.0)[0], measured(rng, joint, [(1, 2)], 4.0)[0]
    (both,) = together([once, Measurement((2, 1), twice.values.T, 4.0)])
    assert both.clique == (1, 2) and both.sigma == pytest.approx(2.4)
    assert both.values == pytest.approx((once.values / 9 + twice.values / 16) * 2.4**2)
    apart = fit_maximum_entropy(SIZES, [*ones, once, Measurement((2, 1), twice.values.T, 4.0)], 1000.0)
    joined = fit_maximum_entropy(SIZES, [*ones, both], 1000.0)
    assert apart.project((0, 1, 2, 3)) == pytest.approx(joined.project((0, 1, 2, 3)))


def test_weighted_measurements_are_refused() -> None:
    with pytest.raises(ValueError, match="weighted"):
        fit_maximum_entropy((2,), [Measurement((0,), np.ones(2), 1.0, np.ones(2))], 2.0)


def test_the_tree_is_the_smaller_one(rng: np.random.Generator) -> None:
    """A cycle measured: its own triangulation may be smaller or larger than the graph that is at hand."""
    measurements = measured(rng, truth(rng), CYCLE, 3.0)
    own = fit_maximum_entropy(SIZES, measurements, 1000.0, iterations=3)
    large = fit_maximum_entropy(SIZES, measurements, 1000.0, iterations=3, cliques=[(0, 1, 2, 3)])
    small = fit_maximum_entropy(SIZES, measurements, 1000.0, iterations=3, cliques=[(0, 1, 3), (1, 2, 3)])
    assert large.tree == own.tree
    assert small.tree.cells == min(own.tree.cells, 3 * 2 * 3 + 2 * 4 * 3)


@pytest.mark.parametrize("sigma", [1e-4, 1.0, 1e6])
@pytest.mark.parametrize("rows", [1.0, 20.0, 1e5])
def test_no_noise_and_no_number_of_rows_is_too_much(sigma: float, rows: float, rng: np.random.Generator) -> None:
    measurements = measured(rng, truth(rng, rows), TRIPLES, sigma)
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        model = fit_maximum_entropy(SIZES, measurements, rows)
    assert all(np.isfinite(belief).all() and (belief >= 0).all() for belief in model.beliefs)
    assert model.project((0, 2)).sum() == pytest.approx(rows)
