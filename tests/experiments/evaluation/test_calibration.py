"""Log loss and the slope of calibration, on predictions whose honesty is known."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from experiments.configuration import read_option
from experiments.data.simulated import TRAIN, Simulated
from experiments.evaluation.calibration import FLOOR, calibration_slope
from experiments.evaluation.metrics import log_loss, scores


def honest(rows: int, classes: int, seed: int = 0, spread: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn with known probabilities, and the logarithms of these; one class is rare."""
    rng = np.random.default_rng(seed)
    logs = rng.normal(0, spread, (rows, classes)) + np.r_[-2.0, np.zeros(classes - 1)]
    logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
    labels = (np.exp(logs).cumsum(axis=1)[:, :-1] < rng.random((rows, 1))).sum(axis=1)
    return labels, logs


def sharpened(logs: np.ndarray, by: float, bias: np.ndarray | float = 0.0) -> np.ndarray:
    """Probabilities whose log odds are `by` times too large, and moved by `bias` besides."""
    raised = np.exp(by * logs + bias)
    return raised / raised.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("by", [0.5, 1.0, 1.5])
def test_the_slope_of_predictions_that_are_too_sure_or_too_timid_is_found_whatever_the_shares(classes: int, by: float) -> None:
    labels, logs = honest(40_000, classes)
    for bias in (0.0, np.linspace(-1, 1, classes)):
        assert calibration_slope(labels, sharpened(logs, by, bias)) == pytest.approx(1 / by, rel=0.04)


def test_the_slope_of_two_classes_is_that_of_an_unpenalised_logistic_regression() -> None:
    labels, logs = honest(3000, 2, seed=3)
    chance = sharpened(logs, 1.4, np.array([0.0, 0.7]))
    odds = np.log(chance[:, 1] / chance[:, 0])[:, None]
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(odds, labels).coef_[0, 0]
    assert calibration_slope(labels, chance) == pytest.approx(theirs, rel=1e-5)
    assert calibration_slope(1 - labels, chance) == pytest.approx(-theirs, rel=1e-5)  # who ranks rows the wrong way


def test_no_scale_and_no_biases_are_likelier_than_those_of_the_slope() -> None:
    from scipy.optimize import minimize

    labels, logs = honest(2000, 4, seed=5)
    chance = sharpened(logs, 2.0)

    def loss(values: np.ndarray) -> float:
        made = sharpened(np.log(chance), values[-1], np.append(0.0, values[:-1]))
        return float(-np.log(made[np.arange(len(labels)), labels]).mean())

    found = minimize(loss, np.r_[np.zeros(3), 1.0], tol=1e-12)
    assert calibration_slope(labels, chance) == pytest.approx(found.x[-1], rel=1e-3)


def test_true_probabilities_of_simulated_rows_have_slope_one_and_the_least_log_loss() -> None:
    source = Simulated.from_mapping(read_option("dataset", "simulated_rare")["generator"])
    encoded = source.sample(200_000, 1, TRAIN)
    labels, chance = encoded[:, -1], source.probabilities(encoded[:, :-1])
    result = scores(labels, chance)
    assert result["calibration_slope"] == pytest.approx(1, abs=0.04)
    for by in (0.5, 2.0):
        assert log_loss(labels, sharpened(np.log(chance), by)) > result["log_loss"] + 0.005


def test_a_probability_of_zero_costs_what_the_floor_says_and_leaves_a_slope() -> None:
    labels = np.array([0, 1, 1, 0])
    chance = np.array([[1.0, 0.0], [1.0, 0.0], [0.2, 0.8], [0.6, 0.4]])
    assert FLOOR == 1e-6
    assert log_loss(labels, chance) == pytest.approx(-(np.log(1e-6) + np.log(0.8) + np.log(0.6)) / 4)
    assert np.isfinite(calibration_slope(labels, chance))
    assert calibration_slope(labels, chance) == calibration_slope(labels, np.clip(chance, 1e-9, None))


@pytest.mark.parametrize(
    ("labels", "first"),
    [
        ([0, 0, 0], [0.2, 0.5, 0.9]),  # one class
        ([0, 1, 1], [0.3, 0.3, 0.3]),  # one prediction
        ([0, 0, 1, 1], [0.9, 0.8, 0.3, 0.2]),  # no mistake: the larger the slope, the likelier
        ([1, 1, 0, 0], [0.9, 0.8, 0.3, 0.2]),  # nothing but mistakes
        ([0, 0, 1, 1], [0.9, 0.5, 0.5, 0.2]),  # no mistake but at a draw
        ([], []),
    ],
)
def test_without_a_likeliest_slope_there_is_none(labels: list[int], first: list[float]) -> None:
    chance = np.column_stack([first, 1 - np.array(first)])
    assert np.isnan(calibration_slope(np.array(labels, dtype=int), chance))


def test_classes_that_no_label_has_are_left_out() -> None:
    labels, logs = honest(5000, 3, seed=7)
    chance = sharpened(logs, 1.3)
    more = np.insert(chance * 0.9, 1, 0.1, axis=1)
    assert calibration_slope(np.array([0, 2, 3])[labels], more) == pytest.approx(calibration_slope(labels, chance), rel=1e-9)


TABLES = st.tuples(st.integers(2, 4), st.integers(30, 120), st.integers(0, 10**6))


@given(TABLES)
@settings(max_examples=40, deadline=None)
def test_log_loss_is_scikit_learn_s(table: tuple[int, int, int]) -> None:
    classes, rows, seed = table
    labels, logs = honest(rows, classes, seed)
    chance = sharpened(logs, 1.7)
    assert log_loss(labels, chance) == pytest.approx(sklearn.metrics.log_loss(labels, chance, labels=range(classes)), rel=1e-6)
    assert log_loss(labels.astype(np.uint8), chance.astype(np.float32)) == pytest.approx(log_loss(labels, chance), rel=1e-4)


@given(TABLES, st.floats(0.3, 3.0), st.floats(-2.0, 2.0), st.data())
@settings(max_examples=40, deadline=None)
def test_the_slope_follows_the_odds_and_nothing_else(
    table: tuple[int, int, int], by: float, bias: float, data: st.DataObject
) -> None:
    classes, rows, seed = table
    labels, logs = honest(rows, classes, seed, spread=0.7)
    first = calibration_slope(labels, sharpened(logs, 1.0))
    order = np.array(data.draw(st.permutations(range(classes))))
    again = calibration_slope(order.argsort()[labels], sharpened(logs, 1.0)[:, order])  # classes in another order
    odds = calibration_slope(labels, sharpened(logs, by, bias * np.arange(classes) / classes))  # larger odds, other shares
    twice = calibration_slope(np.tile(labels, 2), np.tile(sharpened(logs, 1.0), (2, 1)))
    if np.isnan(first):
        assert np.isnan([again, twice]).all()
    else:
        assert again == pytest.approx(first, rel=1e-5, abs=1e-7)
        assert twice == pytest.approx(first, rel=1e-5, abs=1e-7)
        if sharpened(logs, by, bias * np.arange(classes) / classes).min() > FLOOR:
            assert odds == pytest.approx(first / by, rel=1e-5, abs=1e-7)
