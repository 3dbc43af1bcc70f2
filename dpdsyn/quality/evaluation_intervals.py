"""Ratios of noisy sums with 95% intervals that cover the noise and the sampling of rows.

Rows are a sample of those that could have been in the table, and the sums over them have Gaussian noise of a known standard
deviation. A ratio r of two sums, T of N, is all r for which T - r N is no further from 0 than chance explains (Fieller 1954,
"Some problems in interval estimation"). Its variance is that of the noise plus that of sampling, for a share n r (1 - r),
as in Wilson (1927), with half a count of continuity. Where the noise is as large as N, the interval is all that is possible.
A mean of independent shares has the interval that is recovered from theirs (Zou and Donner 2008, "Construction of confidence
limits about effect measures"). If each of a person's k rows weighs 1 / k, the number of weights stands for the number of rows:
that is the variance of people whose rows are all alike, and none is larger.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_Z = 1.959963984540054  # of 95%
_WIDER = (3.0, 4.0, 6.0)
_HALF = 0.5  # of continuity


@dataclass(frozen=True)
class Estimate:
    """A number with the ends of its 95% interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class NoisyTable:
    """Counts of rows by true class and by what was predicted, shape (classes, predictions), with noise of sd `sd` in each cell.

    correct: which cells are right, of the same shape, bool.
    """

    counts: np.ndarray
    correct: np.ndarray
    sd: float

    @property
    def rows(self) -> float:
        """About how many rows there are, at least 0."""
        return max(0.0, float(self.counts.sum()))

    @property
    def shares(self) -> np.ndarray:
        """About how common each true class is, shape (classes,), of sum 1: as likely each where the noise leaves nothing."""
        counts = np.maximum(self.counts.sum(axis=1), 0.0)
        return counts / counts.sum() if counts.sum() > 0 else np.full(len(counts), 1 / len(counts))

    def accuracy(self) -> Estimate:
        """The share of rows that are right."""
        return _share(
            float(self.counts[self.correct].sum()), float(self.counts.sum()), self.correct.sum(), self.correct.size, self.sd
        )

    def recalls(self) -> list[Estimate]:
        """Of each class, the share of its rows that are right."""
        return [
            _share(float(counts[right].sum()), float(counts.sum()), right.sum(), right.size, self.sd)
            for counts, right in zip(self.counts, self.correct, strict=True)
        ]

    def balanced_accuracy(self) -> Estimate:
        """The mean of the classes' shares.

        Of each the interval goes beyond 0 and 1 as far as chance does: cut off there, what was drawn too high would be kept and
        what was drawn too low left out. A class of which all is possible may as well be wholly wrong, or wholly right.
        """
        found = [
            _uncut(float(counts[right].sum()), float(counts.sum()), right.sum(), right.size, self.sd)
            for counts, right in zip(self.counts, self.correct, strict=True)
        ]
        known = [one for one in found if one is not None]
        unknown = (len(found) - len(known)) / 2 / len(found)
        value = sum(one.value for one in known) / len(found) + unknown
        below = math.sqrt(sum((one.value - one.low) ** 2 for one in known)) / len(found) + unknown
        above = math.sqrt(sum((one.high - one.value) ** 2 for one in known)) / len(found) + unknown
        low, high = max(0.0, value - below), min(1.0, value + above)
        return Estimate(min(max(value, low), high), low, high)

    def mean(self, total: float, sd: float, squares: float, squares_sd: float, most: float) -> Estimate:
        """The mean of a number of each row, from 0 to `most`, of which the noisy sum and the noisy sum of squares are known."""
        rows = max(float(self.counts.sum()), 1.0)
        about = min(max(total / rows, 0.0), most)
        widest = about * (most - about)  # no variance of numbers of this mean is larger (Bhatia and Davis 2000)
        seen = max((squares + squares_sd) / rows - about**2, 0.0)
        variance = min(seen + 2 * most * math.sqrt(min(seen, widest) / rows) + most**2 / rows, max(widest, most**2 / rows))
        noise = sd**2, self.counts.size * self.sd**2  # of the sum; of the number of rows, times the mean squared
        return _ratio(total, float(self.counts.sum()), (rows * variance + noise[0], 0.0, noise[1]), most, 0.0)


def _share(top: float, bottom: float, right: int, cells: int, sd: float) -> Estimate:
    """top of bottom, sums of `right` and of `cells` noisy cells, the former among the latter."""
    return _ratio(top, bottom, _variance(bottom, right, cells, sd), 1.0, _HALF)


def _variance(bottom: float, right: int, cells: int, sd: float) -> tuple[float, float, float]:
    """Of top - r bottom, of noise and of sampling, as a polynomial in r from its constant up."""
    rows = max(bottom, 1.0)
    noise = sd**2
    return right * noise, rows - 2 * right * noise, cells * noise - rows


def _uncut(top: float, bottom: float, right: int, cells: int, sd: float) -> Estimate | None:
    """As `_share`, but below 0 and above 1 as far as noise reaches; None where all is possible."""
    ends = _ends(top, bottom, _variance(bottom, right, cells, sd), _HALF, _Z)
    if ends is None or (ends[0] <= 0 and ends[1] >= 1):
        return None
    return Estimate(min(max(top / bottom, ends[0]), ends[1]), *ends)


def _ratio(top: float, bottom: float, variance: tuple[float, float, float], most: float, continuity: float) -> Estimate:
    """Between 0 and `most`. variance: of top - r bottom, as a polynomial in r from its constant up.

    Where no r is within 1.96 standard deviations, as noise may have it, more of them are taken, until some are.
    """
    ends = (0.0, most)
    for z in (_Z, *_WIDER):
        found = _within(top, bottom, variance, most, continuity, z)
        if found is not None:
            ends = found
            break
    value = top / bottom if bottom > 0 and ends != (0.0, most) else most / 2  # where all is possible, neither end is likelier
    return Estimate(min(max(value, ends[0]), ends[1]), *ends)


def _within(
    top: float, bottom: float, variance: tuple[float, float, float], most: float, continuity: float, z: float
) -> tuple[float, float] | None:
    """The ends of all r from 0 to `most` at which top - r bottom is within z standard deviations of 0, None if there is none."""
    ends = _ends(top, bottom, variance, continuity, z)
    if ends is None:
        return 0.0, most
    return (max(0.0, ends[0]), min(most, ends[1])) if ends[1] > 0 and ends[0] < most else None


def _ends(
    top: float, bottom: float, variance: tuple[float, float, float], continuity: float, z: float
) -> tuple[float, float] | None:
    """The ends of all r at which top - r bottom is within z standard deviations of 0, None if every r may be."""
    a = bottom**2 - z**2 * variance[2]
    if bottom <= 0 or a <= 0:
        return None
    ends = []
    for way in (-1, 1):
        moved = top + way * continuity
        b, c = -2 * moved * bottom - z**2 * variance[1], moved**2 - z**2 * variance[0]
        root = math.sqrt(max(b * b - 4 * a * c, 0.0))
        ends.append(float((-b + way * root) / (2 * a)))
    return ends[0], ends[1]
