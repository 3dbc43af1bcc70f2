"""What zCDP implies: its curve beside a search over orders, and a pair that dominates whatever is rho-zCDP."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from dpdsyn.accounting.composition import compose
from dpdsyn.accounting.spends import ZCDP, GaussianCap, SampledGaussian
from dpdsyn.accounting.zcdp import curve, dominating, epsilon_of

RHO = st.floats(-10, 1.5).map(lambda power: 10**power)
DELTA = st.floats(-12, -0.31).map(lambda power: 10**power)


def gaussian_curve(rho: float, epsilon: np.ndarray) -> np.ndarray:
    """delta(epsilon) of the Gaussian that is rho-zCDP, for epsilons below 0 too (Balle and Wang 2018, Theorem 8)."""
    mu = math.sqrt(2 * rho)
    return norm.cdf(mu / 2 - epsilon / mu) - np.exp(epsilon + norm.logcdf(-mu / 2 - epsilon / mu))


@given(RHO, DELTA)
def test_the_closed_form_is_the_best_order_of_proposition_12(rho: float, delta: float) -> None:
    orders = 1 + np.logspace(-3, 3, 4000) * max(1e-3, math.sqrt(math.log(1 / delta) / rho))
    each = rho * orders + np.log1p(-1 / orders) - (math.log(delta) + np.log(orders)) / (orders - 1)
    found = epsilon_of(rho, delta)
    if found > 0:
        assert found <= max(0.0, float(each.min())) * (1 + 1e-9)
        assert found == pytest.approx(float(each.min()), rel=1e-4, abs=1e-9)
        assert float(curve(rho, np.array([found]))[0]) == pytest.approx(delta, rel=1e-6)
    else:
        assert each.min() <= 1e-12 or delta**2 >= min(rho / 2, -math.expm1(-rho))


@given(RHO, DELTA)
@settings(max_examples=20)
def test_the_pair_says_what_the_curve_says_and_never_less_than_a_gaussian(rho: float, delta: float) -> None:
    by_pair = dominating(rho, math.sqrt(2 * rho) / 1000).get_epsilon_for_delta(delta)
    exactly = compose([GaussianCap(1 / math.sqrt(2 * rho))], delta)
    assert by_pair >= exactly * (1 - 1e-7)
    assert by_pair <= epsilon_of(rho, delta) * (1 + 1e-6) + 1e-12


@given(RHO)
@settings(max_examples=12)
def test_the_pair_is_one_of_distributions_and_dominates_gaussians_in_both_directions(rho: float) -> None:
    spread = math.sqrt(2 * rho)
    pair = dominating(rho, spread / 200)
    pmf = pair._pmf_remove.to_dense_pmf()
    losses, chances = (np.arange(pmf.size) + pmf._lower_loss) * pmf._discretization, pmf._probs
    assert pair._symmetric and chances.min() >= 0
    assert chances.sum() + pair._pmf_remove._infinity_mass == pytest.approx(1, abs=1e-9)
    seen = losses > -14  # below, rounding errors of P, of which delta is made, are large in Q
    assert chances[seen] @ np.exp(-losses[seen]) <= 1 + 1e-6  # Q has the rest where P has nothing
    epsilons = np.linspace(-8, 8, 161) * spread
    assert (pair.get_delta_for_epsilon(epsilons) >= gaussian_curve(rho, epsilons) - 1e-12).all()


@pytest.mark.parametrize(("p", "q"), [(0.5025, 0.4975), (0.73, 0.27), (0.95, 0.05), (0.9, 0.5), (1e-3, 1e-5), (0.3, 0.29)])
def test_the_pair_dominates_two_outcomes_as_far_apart_as_zcdp_lets_them(p: float, q: float) -> None:
    """Chances of the first: randomised response, and lopsided kin. rho is the worst divergence over its order, both ways."""
    orders = 1 + np.logspace(-4, 4, 2000)

    def divergence(a: float, b: float) -> np.ndarray:
        first = orders * math.log(a) + (1 - orders) * math.log(b)
        second = orders * math.log1p(-a) + (1 - orders) * math.log1p(-b)
        return np.logaddexp(first, second) / (orders - 1)

    rho = max((divergence(p, q) / orders).max(), (divergence(q, p) / orders).max()) * (1 + 1e-6)
    step = math.sqrt(2 * rho) / 500
    pair = dominating(rho, step)
    for e in np.linspace(-4, 4, 81) * math.sqrt(2 * rho):
        for a, b in ((p, q), (q, p)):
            own = max(0.0, a - math.exp(e) * b) + max(0.0, (1 - a) - math.exp(e) * (1 - b))
            assert own <= pair.get_delta_for_epsilon(float(e)) + 1e-9


@pytest.mark.parametrize(("share", "rate", "steps"), [(0.1, 0.1, 200), (0.8, 0.02, 1000)])
@pytest.mark.parametrize("delta", [1e-9, 1e-6, 0.05])
def test_a_cap_beside_steps_costs_more_than_a_gaussian_and_less_than_renyi(
    share: float, rate: float, steps: int, delta: float
) -> None:
    from experiments.audit.second_accountant import Parts, renyi_epsilon

    rho, noise = share * 0.02, 8.0
    together = compose([ZCDP(rho), SampledGaussian(rate, noise, steps)], delta)
    least = compose([GaussianCap(1 / math.sqrt(2 * rho)), SampledGaussian(rate, noise, steps)], delta)
    renyi = renyi_epsilon(Parts(0.0, {(rate, noise): steps}, {}, rho), delta)
    assert least < together < renyi * 1.001
    assert together > compose([SampledGaussian(rate, noise, steps)], delta)
    if share == 0.1 and delta == 1e-6:
        assert together < renyi - 0.6 * (renyi - least)  # most of what Renyi DP wastes
