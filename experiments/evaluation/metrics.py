"""Metrics: each a function of true labels and predicted class probabilities that gives a number.

labels: encoded, shape (rows,). probabilities: shape (rows, classes). A metric is added here, as a function and its name in
`METRICS`; a person's own is named by the configuration (see `settings`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from experiments.evaluation.calibration import FLOOR, calibration_error, calibration_slope
from experiments.evaluation.given import own_score

Metric = Callable[[np.ndarray, np.ndarray], float]


def accuracy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Share of rows whose likeliest class is the true one."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(labels, probabilities.argmax(axis=1)))


def balanced_accuracy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean recall over the classes that the labels have."""
    from sklearn.metrics import recall_score

    predicted, present = probabilities.argmax(axis=1), np.unique(labels)
    return float(recall_score(labels, predicted, labels=present, average="macro", zero_division=0))


def macro_f1(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean F1 over the classes that the labels have."""
    from sklearn.metrics import f1_score

    predicted, present = probabilities.argmax(axis=1), np.unique(labels)
    return float(f1_score(labels, predicted, labels=present, average="macro", zero_division=0))


def auroc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean area under the ROC curve over the classes that the labels have, each against the rest; NaN for one class."""
    from sklearn.metrics import roc_auc_score

    present = np.unique(labels)
    areas = [roc_auc_score(labels == c, probabilities[:, c]) for c in present] if len(present) > 1 else [float("nan")]
    return float(np.mean(areas))


def log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean negative log of the probability that the true class was given, where that is below `FLOOR` of `FLOOR`."""
    given = np.asarray(probabilities, dtype=float)[np.arange(len(labels)), labels.astype(np.int64)]
    return float(-np.log(np.clip(given, FLOOR, 1.0)).mean())


def rarest_average_precision(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Average precision for the class that fewest of the labels have, against the rest; NaN for one class."""
    from sklearn.metrics import average_precision_score

    present, counts = np.unique(labels, return_counts=True)
    if len(present) < 2:
        return float("nan")
    rarest = int(present[counts.argmin()])
    return float(average_precision_score(labels == rarest, probabilities[:, rarest]))


def shares_floor(train: np.ndarray, test: np.ndarray, classes: int) -> dict[str, float]:
    """The metrics of who knows how common each class is among the training labels, and looks at no feature.

    Both encoded, shape (rows,); NaN is left out. Accuracy is that of the commonest class. Empty without labels on either side.
    """
    if not (len(train) and len(test)):
        return {}
    shares = np.bincount(train, minlength=classes) / len(train)
    found = scores(test, np.tile(shares, (len(test), 1)))
    return {name: found[name] for name in _OF_FLOOR if np.isfinite(found[name])}


METRICS: Mapping[str, Metric] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
    "auroc": auroc,
    "log_loss": log_loss,
    "calibration_slope": calibration_slope,
    "calibration_error": calibration_error,
}

ALSO: Mapping[str, Metric] = {"rarest_average_precision": rarest_average_precision}  # which records may lack
_OF_FLOOR = ("accuracy", "balanced_accuracy", "log_loss", *ALSO)


def scores(labels: np.ndarray, probabilities: np.ndarray, extra: Mapping[str, Metric] | None = None) -> dict[str, float]:
    """Every metric by name, those in `extra` besides ours. Raises InputError for one of these that gives no finite number."""
    ours = {**METRICS, **ALSO}
    found = {name: float(metric(labels, probabilities)) for name, metric in ours.items()}
    others = {name: metric for name, metric in (extra or {}).items() if name not in ours}
    return found | {name: own_score(name, metric, labels, probabilities) for name, metric in others.items()}
