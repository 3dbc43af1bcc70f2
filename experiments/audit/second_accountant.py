"""A second accountant, which shares no code with the first: brackets that the true epsilon of a plan lies in.

- Gaussians alone: the closed form of Balle and Wang (2018, "Improving the Gaussian mechanism", Theorem 8), by bisection.
- Sampled Gaussians: the privacy loss is rounded to a lattice and summed by Fourier transform. How far the rounded sum is from the
  true one is bounded by Hoeffding's inequality, so both ends of the bracket are proven (`Losses`).
- zCDP caps and exponential mechanisms are known by bounds only. The upper end is in Renyi DP at whole orders (Mironov, Talwar and
  Zhang 2019, "Renyi differential privacy of the sampled Gaussian mechanism", Section 3.3), turned into epsilon by Proposition
  12 of Canonne, Kamath and Steinke (2020). The lower end is of mechanisms that the plan allows: one Gaussian that uses up the
  cap, and randomised response for the exponential mechanism.

Neighbouring tables differ by one row; both directions, with the row and without it, are composed and the worse one counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import gammaln, log_ndtr, logsumexp

from dpdsyn.base.checks import InputError
from experiments.audit import losses
from experiments.audit.losses import Losses, coins, gaussian_loss, reach, sampled_loss

_RELATIVE = 1e-9  # what a closed form may be off by, as a share of epsilon
_MOST_ORDER = 200_000
_COARSE = 5e-3  # error of the lower end where the upper one is in Renyi DP, which is some 8% off


@dataclass(frozen=True)
class Bracket:
    """The true epsilon at the given delta is at least `low` and at most `high`."""

    low: float
    high: float

    def agrees(self, epsilon: float, tolerance: float) -> bool:
        """Whether an upper bound lies in the bracket, or above it by no more than `tolerance` of it."""
        return self.low <= epsilon * (1 + _RELATIVE) and epsilon <= self.high * (1 + tolerance)


@dataclass(frozen=True)
class Parts:
    """A plan, sorted.

    gaussian: the sum of squared inverse noise multipliers. steps: (rate, noise multiplier): count. selections: epsilon: count, of
    exponential mechanisms. rho: of zCDP caps together. delta: of thresholds together.
    """

    gaussian: float = 0.0
    steps: Mapping[tuple[float, float], int] = field(default_factory=dict)
    selections: Mapping[float, int] = field(default_factory=dict)
    rho: float = 0.0
    delta: float = 0.0

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> Parts:
        """From rows as a ledger writes them. Raises InputError for a mechanism that is not known here."""
        gaussian = rho = delta = 0.0
        steps: dict[tuple[float, float], int] = {}
        selections: dict[float, int] = {}
        for row in rows:
            count = int(row.get("count", 1))
            match row["mechanism"]:
                case "Gaussian" | "GaussianCap":
                    gaussian += count * float(row["noise_multiplier"]) ** -2
                case "SampledGaussian" if float(row["rate"]) == 1:
                    gaussian += count * float(row["noise_multiplier"]) ** -2
                case "SampledGaussian":
                    key = float(row["rate"]), float(row["noise_multiplier"])
                    steps[key] = steps.get(key, 0) + count
                case "Exponential":
                    selections[float(row["epsilon"])] = selections.get(float(row["epsilon"]), 0) + count
                case "ZCDP":
                    rho += float(row["rho"])
                case "Threshold":
                    delta += count * float(row["delta"])
                case other:
                    raise InputError(f"{other!r} is no mechanism that an accountant knows")
        return cls(gaussian, steps, selections, rho, delta)


def bracket(rows: Sequence[Mapping[str, Any]], delta: float, wanted: float = losses.WANTED) -> Bracket:
    """Of everything in the plan together. rows: mechanism and its numbers, as a ledger and a record write them.

    wanted: half the width of the bracket, as a share of epsilon, that sampled steps are summed for; less takes longer.
    """
    parts = Parts.of(rows)
    delta -= parts.delta
    if delta <= 0:
        return Bracket(math.inf, math.inf)
    if not parts.steps and not parts.selections:
        low = gaussian_epsilon(parts.gaussian + 2 * parts.rho, delta)
        return Bracket(low * (1 - _RELATIVE), renyi_epsilon(parts, delta) if parts.rho else low * (1 + _RELATIVE))
    known = not parts.rho and not parts.selections
    coarse = wanted if known else max(wanted, _COARSE)
    worst = [losses.bracket(_losses(parts, with_row, delta), delta, coarse) for with_row in (True, False)]
    low, high = (max(ends) for ends in zip(*worst, strict=True))
    return Bracket(low, high if known else renyi_epsilon(parts, delta))


def _losses(parts: Parts, with_row: bool, delta: float) -> Losses:
    """Of the worst mechanism that we know to fit into the plan; with_row: whether the table with the row is the true one."""
    gaussian = parts.gaussian + 2 * parts.rho
    kept = reach(delta, sum(parts.steps.values()) + 1)
    sums = [(gaussian_loss(gaussian, kept), 1)] if gaussian else []
    sums += [(sampled_loss(rate, noise, with_row, kept), count) for (rate, noise), count in parts.steps.items()]
    return [*sums, *((coins(epsilon), count) for epsilon, count in parts.selections.items())]


def gaussian_log_delta(mu: float, epsilon: float) -> float:
    """log delta of N(mu, 1) against N(0, 1): Phi(mu/2 - epsilon/mu) - e^epsilon Phi(-mu/2 - epsilon/mu), without cancellation."""
    first, second = log_ndtr(mu / 2 - epsilon / mu), epsilon + log_ndtr(-mu / 2 - epsilon / mu)
    return float(first + math.log(-math.expm1(second - first))) if second < first else -math.inf


def gaussian_epsilon(mu_squared: float, delta: float) -> float:
    """Of Gaussian noise whose squared inverse multipliers add up to `mu_squared`; 0 if delta alone covers it."""
    if mu_squared == 0:
        return 0.0
    mu, goal = math.sqrt(mu_squared), math.log(delta)
    if gaussian_log_delta(mu, 0.0) <= goal:
        return 0.0
    low, high = 0.0, mu * (mu / 2 + math.sqrt(2 * math.log(1 / delta)) + 1)
    while high - low > 1e-15 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if gaussian_log_delta(mu, middle) > goal else (low, middle)
    return high


def renyi_epsilon(parts: Parts, delta: float) -> float:
    """An upper bound through Renyi DP, for any plan."""
    line = parts.gaussian / 2 + parts.rho + sum(count * epsilon**2 / 8 for epsilon, count in parts.selections.items())
    least = 0.0 if not parts.steps and delta >= min(math.sqrt(line / 2), math.sqrt(-math.expm1(-line))) else math.inf
    if not parts.steps:
        orders = 1 + np.logspace(-3, 3, 3000) * math.sqrt(math.log(1 / delta) / line)
    else:
        amount = line + sum(count * rate**2 / noise**2 for (rate, noise), count in parts.steps.items()) / 2
        middle = 1 + math.sqrt(math.log(1 / delta) / amount)
        spread = np.round(np.clip(middle * np.logspace(-1.5, 1.0, 90), 2, _MOST_ORDER))
        orders = np.unique(np.concatenate([np.arange(2.0, 33.0), spread]))
    divergence = line * orders
    for (rate, noise), count in parts.steps.items():
        divergence = divergence + count * np.array([sampled_divergence(rate, noise, int(order)) for order in orders])
    epsilons = divergence + np.log1p(-1 / orders) - (math.log(delta) + np.log(orders)) / (orders - 1)
    return max(0.0, min(least, float(np.min(epsilons))))


def sampled_divergence(rate: float, noise: float, order: int) -> float:
    """Renyi divergence of a whole order of a Poisson-sampled Gaussian, in the worse direction (Mironov et al. 2019, Section
    3.3)."""
    k = np.arange(order + 1.0)
    chances = gammaln(order + 1) - gammaln(k + 1) - gammaln(order - k + 1) + k * math.log(rate) + (order - k) * math.log1p(-rate)
    return float(logsumexp(chances + k * (k - 1) / (2 * noise**2))) / (order - 1)
