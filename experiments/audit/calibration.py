"""Whether noise, samples and evidence of the runs are what was charged for: tests that need no threshold and no delta.

Each is one-sided: more noise than was charged for, rarer samples and evidence that tells less are no fault. Noise that is
rounded to whole counts is a little more than was charged for (a variance of sigma^2 + 1/12).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from experiments.audit.watched import WATCHED

_NEGLIGIBLE = 0.002  # of a variance or a rate: millions of numbers would tell what no attacker can use
_STRONGER = (1.5, 2.0, 4.0, 8.0)  # how much more telling than it says evidence is tried to be


@dataclass(frozen=True)
class Calibration:
    """p: of all tests together (Bonferroni), 1 if there was nothing to test; by: the test with the smallest of its own.

    noise: the measured standard deviation as a multiple of the charged one; moved: the furthest that an answer moves with the
    canary, as a multiple of what was charged for. Both None if no noise was seen.
    """

    p: float
    by: str
    noise: float | None
    moved: float | None


def calibrated(evidence: np.ndarray, watched: np.ndarray) -> Calibration:
    """evidence: shape (runs,), watched: shape (runs, WATCHED). Even runs are without the canary, odd ones with it."""
    totals = dict(zip(WATCHED, watched.sum(axis=0), strict=True))
    values: dict[str, float] = {}
    if totals["numbers"]:
        values["noise"] = _too_little_noise(totals["squares"], totals["numbers"])
    if totals["draws"]:
        values |= _samples(totals, watched)
    if evidence.any():
        values["evidence"] = _too_telling(evidence)
    by = min(values, key=values.__getitem__, default="")
    p = min(1.0, len(values) * values[by]) if values else 1.0
    noise = math.sqrt(totals["squares"] / totals["numbers"]) if totals["numbers"] else None
    moved = float(watched[:, WATCHED.index("moved")].max()) if totals["numbers"] or evidence.any() else None
    return Calibration(p, by, noise, moved)


def _too_little_noise(squares: float, numbers: float) -> float:
    """Under sound noise the sum of squares is chi-square of as many degrees of freedom as numbers, or larger."""
    from scipy.stats import chi2

    return float(chi2.cdf(squares / (1 - _NEGLIGIBLE), numbers))


def _samples(totals: dict[str, float], watched: np.ndarray) -> dict[str, float]:
    """Rows that are drawn too often, or too regularly to have been drawn independently; by normal approximation."""
    values = {}
    for name, prefix in (("samples: the canary too often", ""), ("samples: rows too often", "others_")):
        drawn, expected, variance = (totals[f"{prefix}{part}"] for part in ("drawn", "expected", "variance"))
        if variance:
            values[name] = _upper(drawn - expected * (1 + _NEGLIGIBLE), variance)
    column = dict(zip(WATCHED, watched.T, strict=True))
    there = column["variance"] > 0
    if there.any():  # in one run the canary's draws are binomial
        variance = column["variance"][there]
        regularity = (column["drawn"][there] - column["expected"][there]) ** 2 / variance
        rates = column["expected"][there] / column["draws"][there]
        spread = 2 + (1 - 6 * rates * (1 - rates)) / variance
        values["samples: the canary too regularly"] = _upper(there.sum() - regularity.sum(), spread.sum())
    values["samples: sizes too regular"] = _upper(totals["draws"] * (1 - _NEGLIGIBLE) - totals["regularity"], totals["spread"])
    return values


def _upper(excess: float, variance: float) -> float:
    """Chance that a Gaussian of this variance exceeds so much."""
    from scipy.stats import norm

    return float(norm.sf(excess / math.sqrt(variance)))


def _too_telling(evidence: np.ndarray) -> float:
    """Of log-likelihood ratios that are true, sigmoid(L) is the chance of the canary's presence; no forecast beats it.

    A bet at those odds that evidence is c times as strong multiplies what is staked by sigmoid(c L) / sigmoid(L) with the
    canary and by the same of -L without it: in a pair of runs, one of each, by at most 1 in the mean. What is won by the best
    of several c, staked in equal parts, is 1 / p (Ville 1939; Shafer 2021).
    """
    pairs = len(evidence) // 2
    right_way = np.concatenate([evidence[1 : 2 * pairs : 2], -evidence[0 : 2 * pairs : 2]])

    def log_forecast(strength: float) -> float:
        return float(-np.logaddexp(0, -strength * right_way).sum())

    won = [log_forecast(strength) - log_forecast(1.0) for strength in _STRONGER]
    return min(1.0, math.exp(min(0.0, -float(np.logaddexp.reduce(won) - math.log(len(won))))))
