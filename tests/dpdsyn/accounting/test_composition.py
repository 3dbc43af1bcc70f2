"""Composition beside closed forms and the library's own accountant, in every corner of epsilon and delta."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from dp_accounting import get_epsilon_gaussian
from dp_accounting.pld.privacy_loss_distribution import from_gaussian_mechanism
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_ndtr

from dpdsyn.accounting import composition, small_delta
from dpdsyn.accounting.composition import Parts, compose, gaussian_epsilon
from dpdsyn.accounting.least_noise import BudgetExceeded
from dpdsyn.accounting.spends import ZCDP, Exponential, Gaussian, GaussianCap, SampledGaussian, Spend
from dpdsyn.privacy import Budget, calibrate

EPSILON = st.floats(-4, math.log10(50)).map(lambda power: 10**power)
DELTA = st.floats(-12, math.log10(0.5)).map(lambda power: 10**power)


def log_delta(noise: float, epsilon: float) -> float:
    """Of one Gaussian (Balle and Wang 2018, Theorem 8)."""
    first, second = log_ndtr(0.5 / noise - epsilon * noise), epsilon + log_ndtr(-0.5 / noise - epsilon * noise)
    return float(first + math.log(-math.expm1(second - first))) if second < first else -math.inf


@given(EPSILON, DELTA)
@settings(max_examples=20)
def test_gaussians_are_calibrated_to_the_closed_form_everywhere(epsilon: float, delta: float) -> None:
    scale = calibrate(lambda noise: [Gaussian(noise), Gaussian(2 * noise)], Budget(epsilon, delta))
    one = scale / math.sqrt(1.25)
    assert log_delta(one, epsilon) <= math.log(delta)
    assert log_delta(one * 0.9995, epsilon) > math.log(delta)


@given(st.floats(-14, 4).map(lambda power: 10**power), st.floats(-40, -1e-3).map(lambda power: 10**power))
@settings(max_examples=50)
def test_one_gaussian_costs_what_dp_accounting_says_to_the_last_bit(rho: float, delta: float) -> None:
    with np.errstate(divide="ignore"):
        assert gaussian_epsilon(rho, delta) == get_epsilon_gaussian(1 / math.sqrt(2 * rho), delta, tol=1e-16)


@pytest.mark.parametrize("count", [1, 7, 400])
@pytest.mark.parametrize("kind", [(3.0, 1e-3, 0.1), (0.8, 2e-2, 0.003), (200.0, 1e-5, 0.9), (1.5, 1e-2, 1.0)])
def test_losses_are_summed_as_dp_accounting_sums_them_to_the_last_bit(kind: tuple[float, float, float], count: int) -> None:
    noise, step, rate = kind
    losses = from_gaussian_mechanism(noise, value_discretization_interval=step, sampling_prob=rate)
    for one in (losses._pmf_remove.to_dense_pmf(), losses._pmf_add.to_dense_pmf()):
        ours, theirs = composition._summed(one, count, 1e-15), one.self_compose(count, 1e-15)
        assert np.array_equal(ours._probs, theirs._probs) and vars(ours).keys() == vars(theirs).keys()
        for name in set(vars(ours)) - {"_probs"}:
            assert getattr(ours, name) == getattr(theirs, name), name


def test_no_noise_costs_all_and_endless_noise_nothing() -> None:
    assert gaussian_epsilon(math.inf, 1e-6) == gaussian_epsilon(1e308, 1e-6) == math.inf and gaussian_epsilon(0.0, 1e-6) == 0


@given(EPSILON, DELTA)
@settings(max_examples=40)
def test_a_budget_in_zcdp_is_all_that_fits(epsilon: float, delta: float) -> None:
    budget = Budget(epsilon, delta)
    assert budget.excess([ZCDP(budget.rho)]) <= 0 < budget.excess([ZCDP(budget.rho * 1.00001)])


def test_delta_alone_may_cover_a_plan() -> None:
    """Where delta is far above epsilon, a little more noise lets epsilon fall to 0 at once."""
    noise = calibrate(lambda noise: [Gaussian(noise)], Budget(1e-4, 0.1))
    assert compose([Gaussian(noise * 1.01)], 0.1) == 0 < compose([Gaussian(noise * 0.999)], 0.1)
    assert compose([], 1e-6) == 0


@pytest.mark.parametrize("delta", [1e-12, 1e-6, 0.1])
@pytest.mark.parametrize("epsilon", [1e-4, 1e-3, 50.0])
def test_sampled_steps_are_calibrated_at_the_ends(epsilon: float, delta: float) -> None:
    budget = Budget(epsilon, delta)
    noise = calibrate(lambda noise: [SampledGaussian(0.1, noise, 300)], budget)
    assert budget.spent([SampledGaussian(0.1, noise, 300)]) <= epsilon
    assert budget.spent([SampledGaussian(0.1, noise * 0.998, 300)]) > epsilon


def test_small_budgets_are_composed_as_finely_as_they_need() -> None:
    """As many steps as make up one Gaussian by the central limit; the grid once rounded each of them up to 1e-4."""
    rate, steps = 0.5, 400
    noise = 30_000.0
    limit = compose([Gaussian(noise / (rate * math.sqrt(steps)))], 1e-6)
    assert compose([SampledGaussian(rate, noise, steps)], 1e-6) == pytest.approx(limit, rel=2e-3)


@pytest.mark.parametrize("delta", [1e-15, 1e-12, 1e-9, 1e-6, 0.01])
@pytest.mark.parametrize("noise", [0.3, 4.0, 3000.0])
def test_small_deltas_are_summed_exactly(noise: float, delta: float) -> None:
    step = 1e-3 / noise
    pmf = from_gaussian_mechanism(noise * 10, value_discretization_interval=step / 10)._pmf_remove.to_dense_pmf()
    parts = [small_delta.OnGrid(pmf._lower_loss, pmf._probs, pmf._infinity_mass, 100)]
    exactly = compose([Gaussian(noise)], delta)
    assert exactly * (1 - 1e-7) <= small_delta.epsilon_of(parts, step / 10, delta) <= exactly * 1.003 + 1e-12


def test_both_ways_to_sum_losses_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = [ZCDP(0.003), Gaussian(30.0), SampledGaussian(0.05, 3.0, 300), SampledGaussian(0.2, 9.0, 40)]
    by_library = compose(plan, 1e-6)
    monkeypatch.setattr(composition, "_ERROR", 1.0)
    composition._compose.cache_clear()
    assert compose(plan, 1e-6) == pytest.approx(by_library, rel=1e-4)
    composition._compose.cache_clear()


def test_a_step_on_every_row_is_a_gaussian() -> None:
    assert compose([SampledGaussian(1.0, 20.0, 9)], 1e-6) == compose([Gaussian(20.0, 9)], 1e-6)
    assert compose([SampledGaussian(0.9999, 20.0, 9)], 1e-6) == pytest.approx(compose([Gaussian(20.0, 9)], 1e-6), rel=1e-3)


@pytest.mark.parametrize("plan", [[SampledGaussian(0.01, 1e8, 10**13)], [SampledGaussian(1e-6, 0.3, 10)], [Gaussian(1e-3)]])
def test_grids_stay_bounded(plan: list[Spend]) -> None:
    parts = Parts.of(plan)
    assert parts.spread / parts.step < 2 * composition._MOST_STEPS
    assert all(composition._width(rate, noise) / parts.step < 2 * composition._MOST_POINTS for rate, noise, _ in parts.steps)
    if parts.spread / parts.step < 5000:
        assert compose(plan, 1e-6) > 0


@given(
    st.floats(0.005, 0.9),
    st.floats(1.0, 40.0),
    st.integers(1, 100),
    st.floats(1e-4, 0.2),
    DELTA,
    st.sampled_from(["noise", "count", "rate", "rho", "delta", "more"]),
)
@settings(max_examples=8)
def test_more_noise_costs_less_and_more_of_anything_else_costs_more(
    rate: float, noise: float, count: int, rho: float, delta: float, changed: str
) -> None:
    plan: list[Spend] = [ZCDP(rho), SampledGaussian(rate, noise, count)]
    dearer = {
        "noise": [ZCDP(rho), SampledGaussian(rate, noise / 1.1, count)],
        "count": [ZCDP(rho), SampledGaussian(rate, noise, count + 1 + count // 10)],
        "rate": [ZCDP(rho), SampledGaussian(rate * 1.1, noise, count)],
        "rho": [ZCDP(rho * 1.1), SampledGaussian(rate, noise, count)],
        "delta": plan,
        "more": [*plan, Exponential(0.01)],
    }[changed]
    cheaper, dear = compose(plan, delta), compose(dearer, delta / 1.1 if changed == "delta" else delta)
    assert cheaper <= dear * 1.001


def _beside(rho: float, noise: float) -> list[Spend]:
    return [ZCDP(rho), Gaussian(noise)]


@pytest.mark.parametrize("beside", [Gaussian(0.2), SampledGaussian(0.1, 0.3, 60)])
def test_huge_budgets_are_composed_too(beside: Spend) -> None:
    """Beyond losses of 700 their exponentials are no numbers of floating point."""
    rhos = [200.0, 401.0, 402.0, 403.0, 500.0, 1e3, 1e5]
    together = [compose([ZCDP(rho), beside], 1e-6) for rho in rhos]
    assert together == sorted(together)
    for rho, epsilon in zip(rhos, together, strict=True):
        apart = [compose([spend], 1e-6 / 2) for spend in (ZCDP(rho), beside)]
        assert max(compose([spend], 1e-6) for spend in (ZCDP(rho), beside)) < epsilon <= sum(apart) * (1 + 1e-9)
        assert rho < 401.5 or epsilon == pytest.approx(sum(apart), rel=1e-6), "half of delta for each"
    noises = [calibrate(partial(_beside, 0.4 * epsilon), Budget(epsilon, 1e-6)) for epsilon in (700.0, 1e3, 1e5)]
    assert noises == sorted(noises, reverse=True)


@given(st.permutations([ZCDP(0.01), Gaussian(9.0), GaussianCap(12.0), SampledGaussian(0.1, 4.0, 50), Exponential(0.1, 3)]))
@settings(max_examples=3)
def test_order_does_not_matter(plan: list[Spend]) -> None:
    assert compose(plan, 1e-6) == compose(sorted(plan, key=str), 1e-6)


def test_what_ledgers_let_pass_for_rounding_is_paid_for() -> None:
    assert compose([Gaussian(5.0)], 1e-6) > compose([Gaussian(5.0)], 1e-6 * (1 + 1e-12))
    assert math.log(1e-6) > log_delta(5.0 * (1 - 2e-9), compose([Gaussian(5.0)], 1e-6))


def test_no_noise_will_do_beside_fixed_parts_that_are_too_dear() -> None:
    with pytest.raises(BudgetExceeded, match="no amount of noise"):
        calibrate(lambda noise: [ZCDP(1.0), SampledGaussian(0.1, noise, 10)], Budget(0.1, 1e-6))


def test_losses_that_cannot_be_larger_are_summed_too() -> None:
    """Without the row, a sampled step's loss is at most -log(1 - rate), however small delta is."""
    rate = 0.125
    pmf = from_gaussian_mechanism(1.0, value_discretization_interval=1e-3, sampling_prob=rate)._pmf_add.to_dense_pmf()
    parts = [small_delta.OnGrid(pmf._lower_loss, pmf._probs, pmf._infinity_mass, 1)]
    assert small_delta.epsilon_of(parts, 1e-3, 1e-12) == pytest.approx(-math.log1p(-rate), abs=2e-3)
