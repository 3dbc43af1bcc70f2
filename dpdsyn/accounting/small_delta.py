"""Sums of privacy losses for deltas that are smaller than the rounding errors of a plain Fourier transform.

Such errors are about 1e-16 of the largest number for each point of a grid, times the number of losses that are summed; delta is
a sum over many points. So every chance is multiplied by e^(tilt * loss) before the transform and divided by it after: then the
losses that make up delta are the likely ones, and errors are relative to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.optimize import minimize_scalar

_OUTSIDE = -40.0  # log of the tilted chance that the grid of the sum leaves out
_STEEPEST = 700.0  # of tilts for losses in steps
_ALLOWED = 1e-7  # share of delta for what the grid leaves out, and for rounding


@dataclass(frozen=True)
class OnGrid:
    """Independent losses alike, `count` of them: first, first + 1, ... steps with these chances, infinite with the chance
    left."""

    first: int
    chances: np.ndarray
    infinite: float
    count: int

    def steps(self) -> np.ndarray:
        return np.arange(self.first, self.first + len(self.chances))

    def log_moment(self, tilt: float) -> float:
        """log E e^(tilt * loss in steps) of a finite loss."""
        exponents = np.where(self.chances > 0, tilt * self.steps(), -math.inf)
        most = float(exponents.max())
        return most + math.log(float(self.chances @ np.exp(exponents - most)))


def epsilon_of(losses: Sequence[OnGrid], step: float, delta: float) -> float:
    """The least epsilon at which all losses together have this delta; infinite if infinite losses alone exceed it."""
    never = -math.expm1(sum(part.count * math.log1p(-part.infinite) for part in losses))
    goal = delta * (1 - _ALLOWED) - never
    if goal <= 0:
        return math.inf
    tilt = _tilt(losses, goal)
    base = _log_moment(losses, tilt)
    tilted = [part.chances * np.exp(tilt * part.steps() - part.log_moment(tilt)) for part in losses]
    means = [float(chances @ part.steps()) for part, chances in zip(losses, tilted, strict=True)]
    middle = sum(part.count * mean for part, mean in zip(losses, means, strict=True))
    variance = sum(
        part.count * float(chances @ (part.steps() - mean) ** 2)
        for part, chances, mean in zip(losses, tilted, means, strict=True)
    )
    half = _half(losses, tilt, base, middle, variance)
    points = next_fast_len(2 * math.ceil(half) + 2, real=True)
    spectrum = np.ones(points // 2 + 1, dtype=complex)
    for part, chances in zip(losses, tilted, strict=True):
        ring = np.bincount(np.arange(len(chances)) % points, chances, minlength=points)
        spectrum *= rfft(ring) ** part.count
    begin = math.floor(middle - half)
    summed = np.roll(irfft(spectrum, points), sum(part.first * part.count for part in losses) - begin)
    return _solved(np.maximum(summed, 0.0), begin, step, tilt, base, goal)


def _log_moment(losses: Sequence[OnGrid], tilt: float) -> float:
    return sum(part.count * part.log_moment(tilt) for part in losses)


def _tilt(losses: Sequence[OnGrid], delta: float) -> float:
    """Of the best Chernoff bound on epsilon."""
    widest = max(abs(end) for part in losses for end in (part.first, part.first + len(part.chances)))
    found = minimize_scalar(
        lambda u: (_log_moment(losses, math.exp(u)) - math.log(delta)) * math.exp(-u),
        bounds=(math.log(1e-6 / widest), math.log(_STEEPEST)),
        method="bounded",
    )
    return math.exp(found.x)


def _half(losses: Sequence[OnGrid], tilt: float, base: float, middle: float, variance: float) -> float:
    """How far from its middle the tilted sum strays, but for a chance of e^-40 (Chernoff)."""
    half = 9 * math.sqrt(variance) + 2
    while True:
        turns = [min(share * half / max(variance, 1e-9), _STEEPEST) for share in (0.05, 0.1, 0.2, 0.5, 1.0)]
        above = min(_log_moment(losses, tilt + turn) - base - turn * (middle + half) for turn in turns)
        below = min(_log_moment(losses, tilt - turn) - base + turn * (middle - half) for turn in turns)
        if max(above, below) < _OUTSIDE:
            return half
        half *= 1.4


def _solved(chances: np.ndarray, begin: int, step: float, tilt: float, base: float, delta: float) -> float:
    """Where delta(epsilon) = E max(0, 1 - e^(epsilon - loss)) is delta: by sums of positive terms, for it is the integral of
    e^s E[e^-loss; loss > s] over s from epsilon on; between two points of the grid it is a line in e^epsilon."""
    center = begin + int(np.argmax(chances))
    away = np.arange(begin, begin + len(chances)) - center
    kept = np.maximum(-600.0, np.minimum(600.0, -(tilt + step) * away))
    over = np.cumsum((chances * np.exp(kept))[::-1])[::-1]
    terms = np.exp(np.minimum(step * away[:-1], 600.0)) * math.expm1(step) * over[1:]
    deltas = np.append(np.cumsum(terms[::-1])[::-1], 0.0)
    goal = math.exp(math.log(delta) - base + tilt * center)
    after = int(np.searchsorted(-deltas, -goal, side="right"))
    if after == 0:
        return max(0.0, step * begin)
    share = float((deltas[after - 1] - goal) / (deltas[after - 1] - deltas[after]))
    return max(0.0, step * (begin + after - 1) + math.log1p(share * math.expm1(step)))
