"""A person's own model or metric that changes what it is given changes nothing of what another one sees."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders.mixed_rows import mixed_rows, mixed_schema

from dpdsyn.contract import toy_encoded, toy_schema
from experiments.evaluation.fidelity import fidelity
from experiments.evaluation.metrics import ALSO, METRICS, scores
from experiments.evaluation.raw.judge import judge
from experiments.evaluation.raw.quantiles import Predicted
from experiments.evaluation.raw.regression import REGRESSION_METRICS, regression_scores
from experiments.evaluation.settings import metrics
from experiments.evaluation.utility import utility

OWN = """\
import numpy as np


class Meddler:
    last = np.zeros(0)

    def __init__(self, widths=()):
        self.widths = widths
        assert sum(widths) in (0, 5), "those of another"
        if widths:
            widths[0] = 99

    def fit(self, rows, labels):
        self.known = len(np.unique(labels))
        labels -= labels.min()
        labels[labels > 0] = 0
        rows[:] = 7
        return self

    def predict_proba(self, rows):
        rows[:] = 7
        return np.full((len(rows), self.known), 1 / self.known)

    def predict(self, rows):
        Meddler.last[:] = 99
        Meddler.last = np.full(len(rows), 3.0)
        rows[:] = 7
        return Meddler.last


def meddling(labels, predicted, weights=()):
    found = float(np.mean(labels)) + sum(weights)
    labels[:] = 1 - labels
    predicted[:] = predicted[::-1].copy()
    if weights:
        weights[0] = 99
    return found


def seen(labels, predicted):
    return float((labels * np.arange(len(labels))).sum() + (predicted.T * np.arange(len(predicted))).sum())
"""
MODEL = {"_target_": "meddles_by_me.Meddler", "widths": [2, 3]}
METRIC = {"_target_": "meddles_by_me.meddling", "weights": [2, 3]}


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meddles_by_me.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "meddles_by_me", raising=False)


def judged(evaluators: list[Any], extra: list[Any]) -> dict[str, Any]:
    """What models and metrics find, and fidelity, which is told after them."""
    schema = toy_schema(2)
    train, test = toy_encoded(schema, 300, seed=1), toy_encoded(schema, 200, seed=2)
    found = utility(train, test, schema, "label", evaluators, 2, 0, metrics(extra), ("label",))
    return {**found, "near": fidelity(train, test, schema)}


def judged_raw(evaluators: list[Any], extra: list[Any], target: str) -> dict[str, Any]:
    synthetic, train, test = (mixed_rows(rows, seed=rows) for rows in (80, 70, 60))
    chosen = {"evaluators": evaluators, "repeats": 2}
    found, near = judge(synthetic, train, test, mixed_schema(), target, chosen, 0, metrics(extra))
    return {**found, "near": near}


@pytest.mark.parametrize(
    ("find", "innocent", "linear"),
    [
        (judged, "DummyClassifier", "logistic"),
        (lambda *given: judged_raw(*given, "label"), "DummyClassifier", "logistic"),
        (lambda *given: judged_raw(*given, "pay"), "DummyRegressor", "linear"),
    ],
)
def test_what_one_model_or_metric_changes_in_place_no_other_sees(find: Any, innocent: str, linear: str) -> None:
    without = find([f"sklearn.dummy.{innocent}", "logistic"], ["meddles_by_me.seen"])
    beside = find([MODEL, "logistic"], [METRIC, "meddles_by_me.seen"])
    assert {name: value for name, value in beside[linear].items() if name != "meddling"} == without[linear]
    np.testing.assert_equal(beside["near"], without["near"])
    assert beside["Meddler"]["meddling"] == beside[linear]["meddling"]
    assert MODEL["widths"] == METRIC["weights"] == [2, 3], "which the record and the other seeds have too"


def test_a_number_that_was_predicted_stays_when_the_model_is_fitted_again() -> None:
    constant = {"_target_": "sklearn.dummy.DummyRegressor", "strategy": "constant", "constant": 3.0, "name": "Meddler"}
    assert judged_raw([MODEL], [], "pay")["Meddler"] == judged_raw([constant], [], "pay")["Meddler"]


def test_scores_alone_are_safe_too() -> None:
    labels, chances = np.array([0, 1, 1]), np.array([[0.75, 0.25], [0.5, 0.5], [0.125, 0.875]])
    before = labels.copy(), chances.copy()
    found = scores(labels, chances, metrics([METRIC]))
    assert set(found) == {*METRICS, *ALSO, "meddling"} and found["meddling"] == 2 / 3 + 5
    of_number = Predicted(np.array([0.0, 1.0, 2.0]), np.zeros((3, 3)))
    assert set(regression_scores(labels, of_number, metrics([METRIC]))) == {*REGRESSION_METRICS, "meddling"}
    assert (labels == before[0]).all() and (chances == before[1]).all() and of_number.mean.tolist() == [0.0, 1.0, 2.0]
