"""Bounds by trade-off curve: against closed forms, against simulated transcripts, and as often true as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, norm

from dpdsyn.accounting.composition import compose
from dpdsyn.accounting.spends import ZCDP, Exponential, Gaussian, GaussianCap, SampledGaussian
from dpdsyn.privacy import Budget, calibrate
from experiments.audit import family
from experiments.audit.bounds import Event, best_guess, right_guesses

_CLAIM = Budget(3.2, 1e-6)
_RUNS = 1000


def gaussian_plan(budget: Budget = _CLAIM) -> family.Plan:
    return (Gaussian(calibrate(lambda noise: [Gaussian(noise)], budget)),)


def sampled_plan(rate: float, budget: Budget = _CLAIM, steps: int = 200) -> family.Plan:
    return (SampledGaussian(rate, calibrate(lambda noise: [SampledGaussian(rate, noise, steps)], budget, 1e-3), steps),)


def test_the_family_of_gaussians_is_that_of_all_mu() -> None:
    """From accuracy to mu by TV = 2 Phi(mu / 2) - 1, from mu to epsilon by the curve of Balle and Wang (2018), both by hand."""
    right, plan = 620, (Gaussian(1.5, 2), GaussianCap(3.0))
    chances = np.linspace(0.5, 0.62, 120_001)
    accuracy = chances[(binom.sf(right - 1, _RUNS, chances) > 0.05).argmax()]
    mu = 2 * norm.ppf(accuracy)
    found = family.refuted(plan, right, _RUNS, 1e-6)
    charged = math.sqrt(2 / 1.5**2 + 1 / 9)
    assert found.scale == pytest.approx(charged / mu, rel=2e-3)
    delta = norm.cdf(mu / 2 - found.epsilon / mu) - math.exp(found.epsilon) * norm.cdf(-mu / 2 - found.epsilon / mu)
    assert delta == pytest.approx(1e-6, rel=0.05)


def test_a_sound_mechanism_crosses_its_claim_in_one_of_twenty_audits_and_no_more() -> None:
    """Of 4,000 audits of one Gaussian that spends all it claims: at most 5% cross, and half show three quarters of it."""
    plan = gaussian_plan()
    chance = norm.cdf(1 / plan[0].noise_multiplier / 2)  # of a right guess, in either world
    right = np.random.default_rng(0).binomial(_RUNS, chance, 4000)
    found = {int(r): family.refuted(plan, int(r), _RUNS, _CLAIM.delta) for r in np.unique(right)}
    crossed = np.mean([found[int(r)].scale < 1 for r in right])
    assert 0.02 < crossed <= 0.05 + 2.6 * math.sqrt(0.05 * 0.95 / 4000)
    assert np.median([found[int(r)].epsilon for r in right]) > 0.75 * _CLAIM.epsilon
    assert family.power(plan, _RUNS, _CLAIM.delta) == pytest.approx(np.median([found[int(r)].epsilon for r in right]), abs=0.05)


def transcripts(plan: family.Plan, runs: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Log-likelihood ratios of a canary that adds 1 to every sampled sum, with it and without it, shape (runs / 2,) each."""
    (step,) = plan
    noise = rng.normal(0, step.noise_multiplier, (2, runs // 2, step.count))
    noise[0] += rng.random((runs // 2, step.count)) < step.rate
    ratio = (2 * noise - 1) / (2 * step.noise_multiplier**2)
    of_answers = np.logaddexp(np.log1p(-step.rate) if step.rate < 1 else -np.inf, np.log(step.rate) + ratio)
    with_canary, without = of_answers.sum(axis=2)
    return with_canary, without


@pytest.mark.parametrize(("rate", "runs"), [(1.0, 1200), (0.1, 1600), (0.01, 12_000)])
def test_dp_sgd_is_bounded_near_its_claim(rate: float, runs: int) -> None:
    """At least .7 of the claim, at the claim's delta of 1e-6, and not more than the claim."""
    plan = sampled_plan(rate)
    with_canary, without = transcripts(plan, runs, np.random.default_rng(1))
    right, guesses = right_guesses(Event(1e-300, above=True, with_likelier=True), with_canary, without)
    assert right / guesses == pytest.approx((1 + family.total_variation(plan)) / 2, abs=4 * math.sqrt(0.25 / guesses))
    assert 0.7 * _CLAIM.epsilon < family.refuted(plan, right, guesses, _CLAIM.delta).epsilon < _CLAIM.epsilon


def test_the_runs_that_are_said_to_be_enough_are() -> None:
    for plan in (gaussian_plan(), sampled_plan(0.1)):
        runs = family.runs_for(plan, 0.7 * _CLAIM.epsilon, _CLAIM.delta)
        assert runs is not None and 400 < runs < 900
        assert family.power(plan, round(1.1 * runs), _CLAIM.delta) > 0.69 * _CLAIM.epsilon
        assert family.power(plan, round(0.8 * runs), _CLAIM.delta) < 0.7 * _CLAIM.epsilon
    assert family.runs_for(gaussian_plan(), 2 * _CLAIM.epsilon, _CLAIM.delta) is None


def test_total_variation_of_a_cap_covers_every_mechanism_under_it() -> None:
    for rho in (0.001, 0.02, 0.2, 1.0, 4.0):
        cap = family.total_variation((ZCDP(rho),))
        assert family.total_variation((Gaussian(1 / math.sqrt(2 * rho)),)) < cap < 1
        epsilon = math.sqrt(8 * rho)  # of a selection that costs as much; randomised response is one
        assert (math.exp(epsilon / 2) - 1) / (math.exp(epsilon / 2) + 1) <= cap
    assert family.total_variation((Exponential(1.0),)) == pytest.approx(family.total_variation((ZCDP(1 / 8),)))


@pytest.mark.parametrize(("rate", "noise"), [(0.1, 1.0), (0.5, 2.0), (0.01, 0.6)])
def test_divergence_of_sampled_noise_is_that_of_its_definition(rate: float, noise: float) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(0, noise, 400_000)
    with_canary = x + (rng.random(len(x)) < rate)

    def ratio(x: np.ndarray) -> np.ndarray:
        return np.log1p(rate * np.expm1((2 * x - 1) / (2 * noise**2)))

    drawn = max(((values := sign * ratio(at)).mean(), values.std()) for at, sign in ((with_canary, 1), (x, -1)))
    found = family._divergence(SampledGaussian(rate, noise, 3)) / 3
    assert found == pytest.approx(drawn[0], abs=4 * drawn[1] / math.sqrt(len(x)))
    mixed = (ZCDP(0.01), SampledGaussian(rate, noise, 3))
    assert family.total_variation(mixed) == pytest.approx(math.sqrt((0.01 + 3 * found) / 2))


@given(st.integers(0, 400), st.integers(0, 400))
def test_more_right_guesses_refute_more(a: int, b: int) -> None:
    plan = gaussian_plan()
    less, more = (family.refuted(plan, right, 400, 1e-6) for right in sorted((a, b)))
    assert less.epsilon <= more.epsilon and less.scale >= more.scale and (more.scale < 1) == (more.epsilon > _CLAIM.epsilon)


def test_a_scaled_plan_is_the_plan_with_more_noise() -> None:
    plan = (Gaussian(2.0, 3), SampledGaussian(0.1, 1.0, 5), SampledGaussian(1.0, 3.0, 5), GaussianCap(4.0))
    assert compose(family.scaled(plan, 1.0), 1e-5) == pytest.approx(compose(plan, 1e-5), rel=1e-3)
    double = (Gaussian(4.0, 3), SampledGaussian(0.1, 2.0, 5), Gaussian(6.0, 5), GaussianCap(8.0))
    assert family.scaled(plan, 2.0) == double
    assert family.scaled((ZCDP(0.4), Exponential(1.0)), 2.0) == (ZCDP(0.1), Exponential(0.5))


def test_plans_are_stored_as_they_were_opened() -> None:
    plan = (Gaussian(2.0, 3), SampledGaussian(0.1, 1.0, 5), ZCDP(0.3), GaussianCap(4.0), Exponential(1.0))
    assert family.read(family.written(plan)) == plan
    assert family.read(family.written(())) is None
    assert family.read('[["Laplace", {"epsilon": 1.0}]]') is None


def test_guesses_are_counted_in_as_many_runs_of_either_world() -> None:
    with_canary, without = np.array([1.0, 2.0, 3.0, 0.0]), np.array([0.0, 0.0, 2.0])
    guess = best_guess(with_canary, without)
    assert guess == Event(1.0, above=True, with_likelier=True)
    assert right_guesses(guess, with_canary, without) == (5, 6)
