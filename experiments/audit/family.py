"""Bounds by trade-off curve: of all plans with the method's noise scaled by s, those that the guesses contradict.

A bound of `bounds.py` assumes nothing, and at a small delta it shows little: it needs an event that is rare without the
canary, which few runs see. Here something is assumed: *the transcript is no more telling than the charged plan with all its
noise multiplied by one number s*. Then a guess at even odds is right with a chance of at most (1 + TV(s)) / 2, where TV(s) is
the total variation distance of that plan's two worlds, and so many right guesses refute every s whose chance is too small.
The epsilon, at the claim's own delta, of the largest noise that is not refuted is the bound; an s under 1 that is refuted says
that the method tells more than was charged, whatever delta.

For Gaussians alone the family is that of all mu-GDP curves (Dong, Roth and Su 2022, section 2.2), and the bound is that of
Nasr et al. 2023 (arXiv 2302.07956, section 5) with its two error rates joined in one: their sum is what a guess at even odds
is about. The sum of independent trials whose chances have a given mean has no heavier upper tail than the binomial (Hoeffding
1956, Theorem 4), so the bound is exact for any number of runs, as many with the canary as without.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from dpdsyn.accounting.composition import compose
from dpdsyn.accounting.spends import ZCDP, Exponential, Gaussian, GaussianCap, SampledGaussian, Spend, Stated, Threshold
from experiments.audit.bounds import CONFIDENCE

_INTERVAL = 1e-3  # steps of privacy loss
_LEAST, _MOST = 1 / 4, 64.0  # noise scales that are told apart
_KINDS = (Gaussian, SampledGaussian, Exponential, ZCDP, GaussianCap)
Plan = tuple[Spend, ...]


@dataclass(frozen=True)
class Refuted:
    """What guesses say of the family. scale: all larger ones are refuted (inf if none is); epsilon: that of the scale."""

    epsilon: float
    scale: float


def refuted(plan: Plan, right: int, guesses: int, delta: float) -> Refuted:
    """Of guesses in as many runs with the canary as without, at 95%."""
    return _at(plan, _least_variation(right, guesses), delta)


def power(plan: Plan, guesses: int, delta: float) -> float:
    """The bound on a mechanism that does exactly what the plan says, from as many right guesses as are to be expected."""
    right = round(guesses * (1 + total_variation(_attainable(plan))) / 2)
    return refuted(plan, right, guesses, delta).epsilon


def runs_for(plan: Plan, epsilon: float, delta: float, most: int = 10**7) -> int | None:
    """How many runs bring `power` to epsilon, about; None if more than `most` or if none do."""
    from scipy.optimize import brentq

    def short(log_scale: float) -> float:
        return compose(scaled(plan, math.exp(log_scale)), delta, _INTERVAL) - epsilon

    if short(0.0) <= 0 or short(math.log(_MOST)) >= 0:
        return None
    needed = total_variation(scaled(plan, math.exp(brentq(short, 0.0, math.log(_MOST), xtol=1e-2))))
    chance = (1 + total_variation(_attainable(plan))) / 2
    runs = 40
    while _least_variation(round(runs * chance), runs) < needed:
        runs = runs * 21 // 20
        if runs > most:
            return None
    return runs


def _least_variation(right: int, guesses: int) -> float:
    """Total variation that so many right guesses do not refute at 95%, at least 0 (Clopper and Pearson, one-sided)."""
    from scipy.stats import beta

    return max(0.0, 2 * float(beta.ppf(1 - CONFIDENCE, right, guesses - right + 1)) - 1) if right else 0.0


def _at(plan: Plan, variation: float, delta: float) -> Refuted:
    """The member of the family with this total variation."""
    from scipy.optimize import brentq

    def above(log_scale: float) -> float:
        return total_variation(scaled(plan, math.exp(log_scale))) - variation

    if variation <= 0 or above(math.log(_MOST)) >= 0:
        return Refuted(0.0, math.inf)
    low, high = (0.0, math.log(_MOST)) if above(0.0) >= 0 else (math.log(1 / 2), 0.0)
    while above(low) < 0 and low > math.log(_LEAST):
        low, high = low - math.log(2), low
    scale = _LEAST if above(low) < 0 else math.exp(brentq(above, low, high, xtol=1e-3))
    return Refuted(compose(scaled(plan, scale), delta, _INTERVAL), scale)


def scaled(plan: Plan, scale: float) -> Plan:
    """The plan with all noise multiplied."""
    return tuple(_scaled(spend, scale) for spend in plan)


def _scaled(spend: Spend, scale: float) -> Spend:
    if isinstance(spend, ZCDP):
        return ZCDP(spend.rho / scale**2)
    if isinstance(spend, Exponential):
        return replace(spend, epsilon=spend.epsilon / scale)
    if isinstance(spend, Threshold | Stated):
        return spend  # a threshold has no noise of its own, and of a stated mechanism nothing is known of its noise
    if isinstance(spend, SampledGaussian) and spend.rate == 1:
        return Gaussian(spend.noise_multiplier * scale, spend.count)
    return replace(spend, noise_multiplier=spend.noise_multiplier * scale)


def _attainable(plan: Plan) -> Plan:
    """What a method does at most under the plan: caps and selections as the Gaussians of the same zCDP."""
    return tuple(
        Gaussian(1 / math.sqrt(2 * spend.rho)) if isinstance(spend, ZCDP | Exponential) else _scaled(spend, 1.0) for spend in plan
    )


def total_variation(plan: Plan) -> float:
    """An upper bound on the total variation distance of the two worlds.

    Exact for Gaussians, by privacy loss distributions for Poisson-sampled ones; where zCDP caps are in the plan, from the
    Kullback-Leibler divergence (Pinsker; Bretagnolle and Huber 1979), which is a quarter too large for a Gaussian.
    """
    return _variation(plan)


@lru_cache(maxsize=4096)
def _variation(plan: Plan) -> float:
    from scipy.stats import norm

    if any(isinstance(spend, ZCDP | Exponential) for spend in plan):
        divergence = sum(_divergence(spend) for spend in plan)
        return min(math.sqrt(divergence / 2), math.sqrt(-math.expm1(-divergence)))
    sampled = [spend for spend in plan if isinstance(spend, SampledGaussian) and spend.rate < 1]
    rho = sum(spend.rho for spend in plan if spend not in sampled)
    if not sampled:
        return float(2 * norm.cdf(math.sqrt(2 * rho) / 2) - 1)
    import dp_accounting
    from dp_accounting.pld import PLDAccountant

    accountant = PLDAccountant(value_discretization_interval=_INTERVAL)
    for spend in sampled:
        step = dp_accounting.PoissonSampledDpEvent(spend.rate, dp_accounting.GaussianDpEvent(spend.noise_multiplier))
        accountant.compose(step, spend.count)
    if rho:
        accountant.compose(dp_accounting.GaussianDpEvent(1 / math.sqrt(2 * rho)))
    return float(accountant.get_delta(0.0))


def _divergence(spend: Spend) -> float:
    """An upper bound on the Kullback-Leibler divergence, whichever world comes first: rho of zCDP at least covers it."""
    if not isinstance(spend, SampledGaussian) or spend.rate == 1:
        return spend.rho
    sigma, rate = spend.noise_multiplier, spend.rate
    x = np.linspace(-12 * sigma, 1 + 12 * sigma, 40_001)
    noise = np.exp(-((x / sigma) ** 2) / 2) / (sigma * math.sqrt(2 * math.pi))
    ratio = np.logaddexp(math.log1p(-rate), math.log(rate) + (2 * x - 1) / (2 * sigma**2))
    both = np.trapezoid(np.exp(ratio) * noise * ratio, x), np.trapezoid(-noise * ratio, x)
    return spend.count * float(max(both))


def written(plan: Sequence[Spend]) -> str:
    """As JSON, so that it can be stored with runs."""
    return json.dumps([[type(spend).__name__, asdict(spend)] for spend in plan])


def read(text: str) -> Plan | None:
    """The plan that was written; None if it is empty or holds a mechanism that this family has no curve for."""
    kinds: dict[str, Any] = {kind.__name__: kind for kind in _KINDS}
    parts = json.loads(text)
    if not parts or any(name not in kinds for name, _ in parts):
        return None
    return tuple(kinds[name](**numbers) for name, numbers in parts)
