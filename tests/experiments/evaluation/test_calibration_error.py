"""The expected calibration error, on predictions whose honesty is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from experiments.evaluation.calibration import CALIBRATION_BINS, calibration_error


def honest(rows: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    chance = rng.dirichlet(np.ones(classes), rows)
    return (chance.cumsum(axis=1)[:, :-1] < rng.random((rows, 1))).sum(axis=1), chance


def test_true_probabilities_have_next_to_none_and_bold_ones_what_they_overstate() -> None:
    labels, chance = honest(100_000, 3, seed=1)
    assert calibration_error(labels, chance) < 0.01
    sure = np.eye(3)[chance.argmax(axis=1)]
    assert calibration_error(labels, sure) == pytest.approx(1 - np.mean(chance.argmax(axis=1) == labels))
    timid = 0.5 * chance + 0.5 / 3
    assert calibration_error(labels, timid) == pytest.approx((chance.max(axis=1) - timid.max(axis=1)).mean(), abs=0.01)


def test_by_hand() -> None:
    labels, first = np.array([0, 0, 1, 1]), np.array([0.9, 0.9, 0.9, 0.2])  # sure of 0, 0, 0 and of 1
    chance = np.stack([first, 1 - first], axis=1)
    assert calibration_error(labels, chance) == pytest.approx((3 * (0.9 - 2 / 3) + 1 * (1 - 0.8)) / 4)
    assert calibration_error(np.zeros(4, int), np.tile([1.0, 0.0], (4, 1))) == 0
    assert calibration_error(np.ones(4, int), np.tile([1.0, 0.0], (4, 1))) == 1
    assert np.isnan(calibration_error(np.zeros(0, int), np.zeros((0, 2))))


@pytest.mark.parametrize("rows", [CALIBRATION_BINS * 20, CALIBRATION_BINS * 200])
def test_bins_are_scikit_learn_s_of_equal_mass(rows: int) -> None:
    labels, chance = honest(rows, 2, seed=3)
    confidence, right = chance.max(axis=1), chance.argmax(axis=1) == labels
    shares, means = calibration_curve(right, confidence, n_bins=CALIBRATION_BINS, strategy="quantile")
    assert calibration_error(labels, chance) == pytest.approx(np.abs(shares - means).mean(), abs=1e-9)


@given(st.integers(2, 4), st.integers(1, 200), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_neither_the_order_of_rows_nor_that_of_classes_matters(classes: int, rows: int, seed: int) -> None:
    labels, chance = honest(rows, classes, seed)
    chance = np.round(chance, 1) + 1e-6 * np.arange(classes)  # equal confidences are frequent, equal likeliest classes are not
    found, rng = calibration_error(labels, chance), np.random.default_rng(seed)
    row, place = rng.permutation(rows), rng.permutation(classes)
    assert 0 <= found <= 1.1
    assert calibration_error(labels[row], chance[row]) == pytest.approx(found)
    assert calibration_error(place.argsort()[labels], chance[:, place]) == pytest.approx(found)
    right = float((chance.argmax(axis=1) == labels).mean())
    assert found >= abs(right - chance.max(axis=1).mean()) - 1e-9  # that of one bin
