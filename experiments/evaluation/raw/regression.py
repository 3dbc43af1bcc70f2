"""Metrics of a predicted number: each a function of true values and predictions that gives a number.

Each metric is given the forecast that minimises it (Gneiting 2011, "Making and evaluating point forecasts", JASA 106): the
squared error the mean, the absolute one the median, the pinball loss the quantiles. `median_floor` is what all are held against.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from experiments.evaluation.given import own_score
from experiments.evaluation.raw.quantiles import LEVELS, Predicted

NumberMetric = Callable[[np.ndarray, Predicted], float]


def r2(labels: np.ndarray, predicted: Predicted) -> float:
    """The share of the labels' variance that the predicted means explain: 1 is perfect, 0 as good as the labels' own mean.

    NaN where the labels do not vary.
    """
    spread = ((labels - labels.mean()) ** 2).sum() if len(labels) else 0.0
    return float(1 - ((labels - predicted.mean) ** 2).sum() / spread) if spread > 0 else float("nan")


def mae(labels: np.ndarray, predicted: Predicted) -> float:
    """Mean absolute difference of the labels from the predicted medians, in the labels' unit."""
    return float(np.abs(labels - predicted.quantiles[:, LEVELS.index(0.5)]).mean()) if len(labels) else float("nan")


def pinball(labels: np.ndarray, predicted: Predicted) -> float:
    """Mean pinball loss over the predicted quantiles of `LEVELS`, in the labels' unit.

    Of a quantile of level a that is max(a (y - q), (a - 1) (y - q)) (Koenker and Bassett 1978, "Regression quantiles").
    """
    beyond, levels = labels[:, None] - predicted.quantiles, np.array(LEVELS)
    return float(np.maximum(levels * beyond, (levels - 1) * beyond).mean()) if len(labels) else float("nan")


REGRESSION_METRICS: Mapping[str, NumberMetric] = {"r2": r2, "mae": mae, "pinball": pinball}


def regression_scores(
    labels: np.ndarray, predicted: Predicted, extra: Mapping[str, Callable[..., float]] | None = None
) -> dict[str, float]:
    """Every metric by name, those in `extra` besides ours; they are given the labels and the predicted means.

    Raises InputError for one in `extra` that gives no finite number.
    """
    ours = {name: float(metric(labels, predicted)) for name, metric in REGRESSION_METRICS.items()}
    return ours | {name: own_score(name, metric, labels, predicted.mean) for name, metric in (extra or {}).items()}


def median_floor(train: np.ndarray, test: np.ndarray) -> dict[str, float]:
    """The metrics of who looks at no feature: the median of the training labels as mean and median, their quantiles as quantiles.

    Both of shape (rows,), numbers; NaN (a label that says nothing) is left out. Real training rows make it the floor that a
    synthetic table has to beat, as they make the ceiling. Raises ValueError where no training label is left.
    """
    known, truth = (labels[~np.isnan(labels)] for labels in (np.asarray(train, dtype=float), np.asarray(test, dtype=float)))
    if not len(known):
        raise ValueError("no training row says a number; a median predictor needs one")
    quantiles = np.quantile(known, LEVELS)
    return regression_scores(
        truth, Predicted(np.full(len(truth), quantiles[LEVELS.index(0.5)]), np.tile(quantiles, (len(truth), 1)))
    )
