"""Statistics of repeated splits.

Training parts of two seeds share most of their rows, so the plain t test of their differences finds significance that is
not there. Nadeau and Bengio (2003, "Inference for the generalization error", section 3.3) correct the variance of the mean
over k splits from s^2 / k to s^2 (1 / k + n_test / n_train).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

CONFIDENCE = 0.95
FEWEST_FOR_TEST = 5  # seeds; with fewer an effect and its interval are shown and nothing is marked
FEWEST_FOR_INTERVAL = 3


@dataclass(frozen=True)
class Estimate:
    """A mean over k seeds. half_width: of its 95% interval; p: two-sided, of the mean being 0; None with too few seeds."""

    mean: float
    seeds: int
    half_width: float | None
    p: float | None


def over_splits(values: Sequence[float], test_to_train: float) -> Estimate:
    """Mean over seeds with the corrected interval and, from five seeds on, the corrected t test against 0.

    values: one a seed. test_to_train: test rows for each training row; 0 where seeds share no rows.
    Raises ValueError for no values or a ratio below 0.
    """
    from scipy.special import stdtr, stdtrit

    if not values or test_to_train < 0:
        raise ValueError(f"{len(values)} values and a ratio of {test_to_train}; some values and a ratio of at least 0 are needed")
    mean, seeds = fmean(values), len(values)
    if seeds < FEWEST_FOR_INTERVAL:
        return Estimate(mean, seeds, None, None)
    error = stdev(values) * math.sqrt(1 / seeds + test_to_train)
    half_width = float(stdtrit(seeds - 1, (1 + CONFIDENCE) / 2)) * error
    p = None
    if seeds >= FEWEST_FOR_TEST:
        t = abs(mean) / error if error else math.inf if mean else 0.0
        p = float(2 * stdtr(seeds - 1, -t))
    return Estimate(mean, seeds, half_width, p)


def holm(ps: Sequence[float]) -> list[float]:
    """Adjusted p values (Holm 1979), in the order given: each of them under alpha keeps the family's error under alpha."""
    adjusted = [0.0] * len(ps)
    largest = 0.0
    for place, index in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        largest = max(largest, min(1.0, (len(ps) - place) * ps[index]))
        adjusted[index] = largest
    return adjusted


def ranks(values: Sequence[float]) -> list[float]:
    """1 for the largest; equal values share the mean of their places."""
    return [1 + sum(other > value for other in values) + (sum(other == value for other in values) - 1) / 2 for value in values]


@dataclass(frozen=True)
class Pooled:
    """A mean of means over data sets, each of which counts alike. error: its standard error; degrees: of freedom."""

    mean: float
    error: float
    degrees: float

    def interval(self, confidence: float) -> tuple[float, float]:
        """The two-sided interval of that confidence."""
        from scipy.special import stdtrit

        half = float(stdtrit(self.degrees, (1 + confidence) / 2)) * self.error
        return self.mean - half, self.mean + half

    def p_above(self, bound: float) -> float:
        """One-sided p of the true mean being at most that bound: small where the mean lies clearly above it."""
        from scipy.special import stdtr

        if not self.error:
            return 0.0 if self.mean > bound else 1.0
        return float(stdtr(self.degrees, (bound - self.mean) / self.error))

    def p_equivalent(self, margin: float) -> float:
        """p of two one-sided tests (Schuirmann 1987): that the true mean is at least `margin` away from 0."""
        from scipy.special import stdtr

        if not self.error:
            return 0.0 if abs(self.mean) < margin else 1.0
        return float(stdtr(self.degrees, -(margin - abs(self.mean)) / self.error))


def pooled(differences: Sequence[tuple[Sequence[float], float]]) -> Pooled:
    """What several data sets say together, as they are: no other data sets are spoken of.

    differences: for each data set its values, one a seed, two at least, and test rows for each training row. Variances of the
    means are corrected as in `over_splits`; degrees of freedom are Satterthwaite's (1946). Raises ValueError without any.
    """
    if not differences or any(len(values) < 2 for values, _ in differences):
        raise ValueError("some data sets are needed, each with two seeds or more")
    variances = [stdev(values) ** 2 * (1 / len(values) + ratio) for values, ratio in differences]
    total, sets = sum(variances), len(differences)
    spread = sum(one**2 / (len(values) - 1) for one, (values, _) in zip(variances, differences, strict=True))
    degrees = total**2 / spread if spread else float(sum(len(values) - 1 for values, _ in differences))
    return Pooled(fmean(fmean(values) for values, _ in differences), math.sqrt(total) / sets, degrees)
