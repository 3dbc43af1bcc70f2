"""What rho-zCDP implies: (epsilon, delta) in closed form, and a pair of distributions that no such mechanism is worse than.

**The curve.** A rho-zCDP mechanism has Renyi divergence at most rho * alpha at every order alpha > 1, whichever of two
neighbouring tables comes first. By Canonne, Kamath and Steinke (2020, Proposition 12) each order bounds delta at each epsilon:

    log delta <= (alpha - 1)(rho alpha - epsilon) + (alpha - 1) log(1 - 1/alpha) - log alpha.

The right side is convex in alpha. Where its derivative is 0,

    epsilon = rho (2 alpha - 1) + log(1 - 1/alpha),    log delta = -rho (alpha - 1)^2 - log alpha,

so that the best order follows from either by solving one equation. In addition delta <= TV <= sqrt(rho/2) (Pinsker) and
<= sqrt(1 - e^-rho) (Bretagnolle and Huber), for the Kullback-Leibler divergence is at most rho.

**The pair.** (P, Q) dominates a mechanism M if for every x >= 0 and all neighbouring D and D' the hockey-stick divergence
H_x(M(D) || M(D')) = sum max(0, M(D) - x M(D')) is at most H_x(P || Q) (Zhu, Dong and Wang 2022). The products of pairs that
dominate several mechanisms dominate their adaptive composition (the same paper). What runs under a cap may also be interleaved
with the other mechanisms: it is an interactive mechanism, rho-zCDP as a whole whoever asks (Feldman and Zrnic 2021), so its
curve H holds for it, and interactive mechanisms with such curves compose as others do (Vadhan and Zhang 2023, "Concurrent
composition theorems for differential privacy").

Why `dominating` dominates, with h(x) the bound that is known of H_x at the points x_i = e^(i * step) of a grid:
1. For x >= 1, h(x) = delta(log x) above.
2. For x < 1, H_x(M(D) || M(D')) = 1 - x + x H_(1/x)(M(D') || M(D)), and zCDP holds in both directions, so h(x) = 1 - x + x
   delta(-log x).
3. H_0 = 1. H is convex in x and falls. So wherever x = sum l_j x_j with shares l_j of sum 1, H_x <= sum l_j h(x_j): H lies under
   the lower convex hull of the points (0, 1), (x_i, h(x_i)), and right of the last point under the last value.
4. The hull is a convex polygon that falls from 1 and is nowhere below max(0, 1 - x), for no h is; so it is the H of a pair of
   discrete distributions, whose losses are the logarithms of its corners, with the last value as chance of an infinite loss
   (Doroshenko et al. 2022, "Connect the dots", where the same pair is made from exact curves).
The pair dominates with the row as well as without it, so it stands for both directions.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

_FARTHEST = 1e-24  # chance that is given to infinite losses at most
_UP = 1 + 1e-9  # by which the curve is raised, more than floating point can take from it


def epsilon_of(rho: float, delta: float) -> float:
    """The least epsilon at which the bounds above give delta for a rho-zCDP mechanism."""
    if delta >= _total_variation(rho):
        return 0.0
    goal, low, high = -math.log(delta), -60.0, 60.0
    for _ in range(200):  # log(alpha - 1), by bisection; every order gives a valid bound
        middle = (low + high) / 2
        above = math.exp(middle)
        low, high = (middle, high) if rho * above * above + math.log1p(above) < goal else (low, middle)
    above = math.exp(high)
    return max(0.0, rho * (2 * above + 1) - math.log1p(1 / above))


def _total_variation(rho: float) -> float:
    return min(math.sqrt(rho / 2), math.sqrt(-math.expm1(-rho)))


def curve(rho: float, epsilons: np.ndarray) -> np.ndarray:
    """delta at each epsilon >= 0."""
    low, high = np.full(epsilons.shape, -60.0), np.full(epsilons.shape, 60.0)
    for _ in range(100):
        middle = (low + high) / 2
        above = np.exp(middle)
        over = rho * (2 * above + 1) - np.log1p(1 / above) > epsilons
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    above = np.exp(high)
    log_delta = above * (rho * (above + 1) - epsilons) - above * np.log1p(1 / above) - np.log1p(above)
    return np.minimum(np.exp(log_delta), _total_variation(rho))


def farthest(rho: float) -> float:
    """The largest finite loss of the pair; `dominating` makes none where its exponential is beyond floating point."""
    return rho + 2 * math.sqrt(rho * -math.log(_FARTHEST))


@lru_cache(maxsize=16)
def dominating(rho: float, step: float) -> Any:
    """The pair as a `PrivacyLossDistribution` of dp_accounting, its losses being multiples of `step`."""
    from dp_accounting.pld.pld_pmf import create_pmf_pessimistic_connect_dots
    from dp_accounting.pld.privacy_loss_distribution import PrivacyLossDistribution

    count = math.ceil(farthest(rho) / step)
    positive = np.arange(count + 1) * step
    deltas = np.minimum(curve(rho, positive) * _UP, 1.0)
    negative = -positive[:0:-1]
    heights = np.concatenate([-np.expm1(negative) + np.exp(negative) * deltas[:0:-1], deltas])
    corners = _lower_hull(np.expm1(np.concatenate([negative, positive])), np.minimum(heights, 1.0))
    return PrivacyLossDistribution(create_pmf_pessimistic_connect_dots(step, corners - count, heights[corners]))


def _lower_hull(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Indices of the corners of the lower convex hull of (-1, 1) and the points, x rising; both ends are corners."""
    hull = [(-1.0, 1.0, -1)]
    for i, here in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
        while len(hull) > 1:
            (x0, y0, _), (x1, y1, _) = hull[-2:]
            if (y1 - y0) * (here[0] - x0) < (here[1] - y0) * (x1 - x0):
                break
            hull.pop()
        hull.append((*here, i))
    return np.array([i for _, _, i in hull[1:]])
