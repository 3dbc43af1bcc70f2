"""Whether probabilities are as extreme as they may be: the slope of a logistic recalibration, and the calibration error.

Slope. Two classes: the slope b of logit P(y = 1) = a + b logit(p), p being the predicted probability (Cox 1958, "Two further
applications of a model for binary regression", Biometrika 45). 1 is right; below 1 predictions are overconfident, above 1 they
are timid, and a model that ranks rows the wrong way has a negative one. The intercept takes up what is wrong with the shares of
the classes, which log loss tells of.

Several classes: P(y = k) is proportional to exp(a_k + b log p_k), one slope and an intercept for each class. This is temperature
scaling with a bias for each class (Guo et al. 2017, "On calibration of modern neural networks", section 4.2; Alexandari,
Kundaje and Shrikumar 2020, arXiv 1901.06852), and b the inverse of the best temperature. With two classes it is Cox's slope.

Expected calibration error. Rows are put into bins by their confidence, the probability of the likeliest class. In each bin the
mean confidence is held against the share of rows whose likeliest class is the true one, and the error is the mean of the
absolute differences, bins weighed by their rows (Naeini, Cooper and Hauskrecht 2015, "Obtaining well calibrated probabilities
using Bayesian binning", AAAI; Guo et al. 2017, equation 3). Bins hold equally many rows (Nguyen and O'Connor 2015, "Posterior
calibration and exploratory analysis for natural language processing models", section 3; the adaptive bins of Nixon et al. 2019,
arXiv 1904.01685), for of bins of equal width the last ones hold nearly all rows. Rows of one confidence lie in one bin.
"""

from __future__ import annotations

import numpy as np

FLOOR = 1e-6  # probabilities below count as this, so that no single row decides; fixed before any result
CALIBRATION_BINS = 15  # of equally many rows
_STEPS, _FLAT, _BENT = 100, 1e-10, 1e-8  # most steps; gradient that counts as 0; curvature below which there is no maximum
_ROUNDING = 1e-12  # of a mean log loss


def calibration_slope(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The slope; labels of shape (rows,), probabilities of shape (rows, classes).

    Classes that no label has are left out. NaN where no slope is the likeliest: one class alone, predictions that are the same
    for all rows, or so good (or bad) that the larger the slope is, the likelier are the labels.
    """
    present, codes = np.unique(labels, return_inverse=True)
    logs = np.log(np.clip(np.asarray(probabilities, dtype=float)[:, present], FLOOR, None))
    logs -= logs[:, :1]
    scale = logs.std(axis=0).max() if len(logs) else 0.0
    if len(present) < 2 or scale < _FLAT:
        return float("nan")
    slope = _likeliest(codes, logs / scale)
    return float("nan") if slope is None else slope / scale


def calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The expected calibration error, from 0 (calibrated) to 1; labels of shape (rows,), probabilities of shape (rows, classes).

    NaN without rows.
    """
    if not len(labels):
        return float("nan")
    confidence = np.asarray(probabilities, dtype=float).max(axis=1)
    gap = (np.asarray(probabilities).argmax(axis=1) == labels) - confidence
    below = np.searchsorted(np.sort(confidence), confidence, side="left")  # rows of less confidence: the same for equal ones
    return float(np.abs(np.bincount(below * CALIBRATION_BINS // len(labels), weights=gap)).sum() / len(labels))


def _likeliest(codes: np.ndarray, logs: np.ndarray) -> float | None:
    """The slope of greatest likelihood by Newton's method, halving steps that go too far; None if there is none.

    codes: of the classes, from 0, each of which occurs. logs: of odds against the first class, shape (rows, classes).
    """
    hits = np.eye(logs.shape[1])[codes]
    parameters = np.append(np.log(hits.mean(axis=0))[1:] - np.log(hits.mean(axis=0))[0], 0.0)
    loss, chances = _predicted(codes, logs, parameters)
    for _ in range(_STEPS):
        misses = chances - hits
        gradient = np.append(misses.mean(axis=0)[1:], (misses * logs).sum(axis=1).mean())
        bend = _curvature(chances, logs)
        if np.abs(gradient).max() < _FLAT:
            return float(parameters[-1]) if np.linalg.eigvalsh(bend)[0] > _BENT else None
        step = np.linalg.lstsq(bend, gradient, rcond=None)[0]
        for _ in range(_STEPS):
            new_loss, new_chances = _predicted(codes, logs, parameters - step)
            if new_loss <= loss + _ROUNDING:
                break
            step = step / 2
        parameters, loss, chances = parameters - step, new_loss, new_chances
    return None


def _predicted(codes: np.ndarray, logs: np.ndarray, parameters: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean log loss and probabilities of the recalibrated predictions. parameters: intercepts but the first, then the slope."""
    scores = np.append(0.0, parameters[:-1]) + parameters[-1] * logs
    scores -= scores.max(axis=1, keepdims=True)
    totals = np.exp(scores).sum(axis=1)
    return float((np.log(totals) - scores[np.arange(len(codes)), codes]).mean()), np.exp(scores) / totals[:, None]


def _curvature(chances: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """Second derivatives of the mean log loss, shape (classes, classes)."""
    centred = logs - (chances * logs).sum(axis=1, keepdims=True)
    bend = np.diag(np.append(chances.mean(axis=0)[1:], (chances * centred**2).sum(axis=1).mean()))
    bend[:-1, :-1] -= chances[:, 1:].T @ chances[:, 1:] / len(chances)
    bend[:-1, -1] = bend[-1, :-1] = (chances * centred).mean(axis=0)[1:]
    return bend
