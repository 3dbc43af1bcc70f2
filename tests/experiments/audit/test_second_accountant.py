"""The second accountant beside closed forms and numerical integrals, and both accountants beside each other."""

from __future__ import annotations

import ast
import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders.paths import ROOT
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import ndtr

from dpdsyn.accounting.composition import compose
from dpdsyn.accounting.spends import ZCDP, Exponential, Gaussian, GaussianCap, SampledGaussian, Spend
from dpdsyn.base.checks import InputError
from dpdsyn.privacy import Budget, calibrate
from experiments.audit import losses
from experiments.audit.plans import TOLERANCE
from experiments.audit.second_accountant import Parts, bracket, gaussian_epsilon, renyi_epsilon, sampled_divergence

MANY = int(os.environ.get("DPDSYN_PLANS", "8"))  # plans that both compose; nox -s plans: 60
EPSILON = st.floats(-4, math.log10(50)).map(lambda power: 10**power)
DELTA = st.floats(-12, math.log10(0.5)).map(lambda power: 10**power)


def rows(*plan: Spend) -> list[dict[str, Any]]:
    return [{"mechanism": type(spend).__name__, **asdict(spend)} for spend in plan]


def one_step(rate: float, noise: float, delta: float) -> float:
    """Epsilon of a single sampled step: from the chances that its loss is above epsilon, with the row and without."""

    def worst(epsilon: float) -> float:
        inner = math.expm1(epsilon) / rate
        x = noise**2 * math.log1p(inner) + 0.5
        plain, moved = ndtr(-x / noise), ndtr(-(x - 1) / noise)
        with_row = (1 - rate) * plain + rate * moved - math.exp(epsilon) * plain
        lower = -math.expm1(-epsilon) / rate
        if lower >= 1:
            return float(with_row)
        y = noise**2 * math.log1p(-lower) + 0.5
        mixed = (1 - rate) * ndtr(y / noise) + rate * ndtr((y - 1) / noise)
        return float(max(with_row, ndtr(y / noise) - math.exp(epsilon) * mixed))

    return 0.0 if worst(0.0) <= delta else float(brentq(lambda e: worst(e) - delta, 0.0, 200.0, xtol=1e-13))


def test_it_shares_no_code_with_the_first() -> None:
    """Neither file imports the library, nor what composes with it."""
    for path in (Path(losses.__file__), ROOT / "experiments" / "audit" / "second_accountant.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        named += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        ours = {name for name in named if name.split(".")[0] in ("dpdsyn", "experiments", "baselines", "dp_accounting", "opacus")}
        assert ours <= {"dpdsyn.base.checks", "experiments.audit", "experiments.audit.losses"}


@given(st.floats(-4, 1.2).map(lambda power: 10**power), DELTA)
@settings(max_examples=60)
def test_gaussians_agree_to_a_billionth(mu: float, delta: float) -> None:
    found = bracket(rows(Gaussian(1 / mu)), delta)
    exactly = compose([Gaussian(1 / mu)], delta)
    assert found.low <= exactly * (1 + 1e-9)
    if exactly > 1e-3 * mu:  # near the point where delta alone covers it, epsilon is as fine as what is paid for rounding
        assert exactly <= found.high * (1 + 1e-4)


@given(st.floats(-4, 1.2).map(lambda power: 10**power), DELTA)
@settings(max_examples=8)
def test_sums_by_lattice_contain_the_closed_form(mu: float, delta: float) -> None:
    """One Gaussian as the sum of nine."""
    exactly = gaussian_epsilon(mu**2, delta)
    loss = losses.gaussian_loss(mu**2 / 9, losses.reach(delta, 9))
    low, high = losses.bracket([(loss, 9)], delta, wanted=3e-3)
    assert low <= exactly <= high
    assert high - low <= 0.05 * max(exactly, mu)


@given(st.floats(0.01, 0.99), st.floats(0.8, 50.0), DELTA)
@settings(max_examples=6)
def test_a_single_sampled_step_is_what_its_tails_say(rate: float, noise: float, delta: float) -> None:
    exactly = one_step(rate, noise, delta)
    found = bracket(rows(SampledGaussian(rate, noise)), delta, wanted=3e-3)
    assert found.low <= exactly * (1 + 1e-9) and exactly <= found.high * (1 + 1e-9)
    assert found.low <= compose([SampledGaussian(rate, noise)], delta) * (1 + 1e-9)


@pytest.mark.parametrize(("rate", "noise", "order"), [(0.1, 1.0, 4), (0.01, 0.8, 9), (0.5, 3.0, 2)])
def test_renyi_divergences_are_those_of_an_integral(rate: float, noise: float, order: int) -> None:
    x, step = np.linspace(-30 * noise - order, 30 * noise + order, 400_001, retstep=True)
    plain = -(x**2) / (2 * noise**2) - math.log(noise * math.sqrt(2 * math.pi))
    ratio = np.logaddexp(math.log1p(-rate), math.log(rate) + (2 * x - 1) / (2 * noise**2))
    moment = float(np.sum(np.exp(plain + order * ratio)) * step)
    assert sampled_divergence(rate, noise, order) == pytest.approx(math.log(moment) / (order - 1), rel=1e-6)


def agree(plan: list[Spend], delta: float) -> None:
    """The first bound is no lower than is possible, and no higher than the second by more than its error."""
    first, found = compose(plan, delta), bracket(rows(*plan), delta, wanted=3e-3)
    spread = math.sqrt(2 * gaussian_part(plan))
    assert found.low <= first * (1 + 1e-9)
    assert first <= found.high * (1 + TOLERANCE) + 2e-3 * spread


def gaussian_part(plan: list[Spend]) -> float:
    return sum(s.rho for s in plan if not isinstance(s, SampledGaussian)) + sum(
        s.count * s.rate**2 * math.expm1(s.noise_multiplier**-2) / 2 for s in plan if isinstance(s, SampledGaussian)
    )


STEPS = st.builds(SampledGaussian, st.floats(0.002, 0.9), st.floats(0.7, 60.0), st.integers(1, 300))
OTHERS = st.one_of(
    st.builds(Gaussian, st.floats(1.0, 300.0), st.integers(1, 9)),
    st.builds(GaussianCap, st.floats(1.0, 300.0)),
    st.builds(ZCDP, st.floats(1e-6, 0.3)),
    st.builds(Exponential, st.floats(1e-3, 0.5), st.integers(1, 50)),
)


@given(st.lists(STEPS, max_size=2), st.lists(OTHERS, max_size=2), DELTA)
@settings(max_examples=6)
def test_both_accountants_agree_on_any_plan(steps: list[Spend], others: list[Spend], delta: float) -> None:
    assume(steps or others)
    agree([*steps, *others], delta)


@pytest.mark.slow
@given(st.lists(STEPS, max_size=3), st.lists(OTHERS, max_size=3), DELTA)
@settings(max_examples=MANY)
def test_both_accountants_agree_on_very_many_plans(steps: list[Spend], others: list[Spend], delta: float) -> None:
    assume(steps or others)
    agree([*steps, *others], delta)


def keeps_its_budget(epsilon: float, delta: float, rate: float, count: int) -> None:
    """Beyond the second accountant's stated error: a share of epsilon or, where delta covers most, of the losses' spread."""
    noise = calibrate(lambda noise: [SampledGaussian(rate, noise, count)], Budget(epsilon, delta))
    found = bracket(rows(SampledGaussian(rate, noise, count)), delta, wanted=3e-3)
    wide = found.high - found.low
    assert found.low <= epsilon and found.high <= epsilon + 1.01 * wide
    assert found.high <= epsilon * 1.01 or wide > 0.01 * epsilon


@given(EPSILON, st.floats(-9, -3).map(lambda power: 10**power), st.floats(0.05, 0.9), st.integers(30, 300))
@settings(max_examples=4)
def test_calibrated_plans_keep_their_budget(epsilon: float, delta: float, rate: float, count: int) -> None:
    keeps_its_budget(epsilon, delta, rate, count)


@pytest.mark.slow
@given(EPSILON, DELTA, st.floats(0.002, 0.9), st.integers(1, 3000))
@settings(max_examples=MANY)
def test_calibrated_plans_keep_their_budget_everywhere(epsilon: float, delta: float, rate: float, count: int) -> None:
    keeps_its_budget(epsilon, delta, rate, count)


@pytest.mark.parametrize("epsilon", [1e-4, 1e-3])
def test_small_budgets_get_within_two_percent_of_the_least_noise(epsilon: float) -> None:
    noise = calibrate(lambda noise: [SampledGaussian(0.1, noise, 400)], Budget(epsilon, 1e-6))
    assert bracket(rows(SampledGaussian(0.1, noise * 0.98, 400)), 1e-6, wanted=2e-3).low > epsilon


def test_plans_with_bounds_only_have_a_gaussian_below_and_renyi_above() -> None:
    plan = rows(ZCDP(0.01), SampledGaussian(0.1, 9.0, 100))
    found = bracket(plan, 1e-6)
    gaussian = bracket(rows(GaussianCap(1 / math.sqrt(0.02)), SampledGaussian(0.1, 9.0, 100)), 1e-6)
    assert found.low == pytest.approx(gaussian.low, rel=0.02)
    assert found.high == renyi_epsilon(Parts.of(plan), 1e-6) > found.low * 1.03


def test_coins_are_an_exponential_mechanism_at_its_worst() -> None:
    """Many of them cost nearly the zCDP that is charged for them, and never more."""
    plan = rows(Exponential(0.02, 2000))
    found = bracket(plan, 1e-6)
    assert 0.85 * found.high < found.low <= compose([Exponential(0.02, 2000)], 1e-6) <= found.high * (1 + 1e-6)


def test_an_unknown_mechanism_is_refused() -> None:
    with pytest.raises(InputError, match="'Laplace' is no mechanism"):
        bracket([{"mechanism": "Laplace", "epsilon": 1.0}], 1e-6)
