"""Metrics of a predicted number against scikit-learn's, and quantiles on rows whose spread is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.evaluation.raw.quantiles import LEVELS, Predicted, with_quantiles
from experiments.evaluation.raw.regression import REGRESSION_METRICS, mae, median_floor, pinball, r2, regression_scores
from experiments.records.record import OF_NUMBERS


def predictions(seed: int, rows: int = 40, scale: float = 1.0) -> tuple[np.ndarray, Predicted]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=rows) * scale, Predicted(rng.normal(size=rows), np.sort(rng.normal(size=(rows, len(LEVELS)))))


def test_what_records_list_is_what_there_is() -> None:
    assert tuple(REGRESSION_METRICS) == OF_NUMBERS


@given(st.integers(0, 10**6), st.integers(2, 60), st.floats(1e-3, 1e6))
@settings(max_examples=40, deadline=None)
def test_metrics_are_scikit_learn_s(seed: int, rows: int, scale: float) -> None:
    labels, predicted = predictions(seed, rows, scale)
    assert r2(labels, predicted) == pytest.approx(sklearn.metrics.r2_score(labels, predicted.mean), rel=1e-9, abs=1e-9)
    assert mae(labels, predicted) == pytest.approx(sklearn.metrics.mean_absolute_error(labels, predicted.quantiles[:, 1]))
    theirs = [sklearn.metrics.mean_pinball_loss(labels, q, alpha=a) for a, q in zip(LEVELS, predicted.quantiles.T, strict=True)]
    assert pinball(labels, predicted) == pytest.approx(np.mean(theirs))
    order = np.random.default_rng(seed).permutation(rows)
    again = regression_scores(labels[order], Predicted(predicted.mean[order], predicted.quantiles[order]))
    assert again == pytest.approx(regression_scores(labels, predicted), rel=1e-9)


def test_no_labels_or_equal_ones_have_no_share_of_variance() -> None:
    _, predicted = predictions(0, 3)
    assert np.isnan(r2(np.full(3, 7.0), predicted)) and mae(np.full(3, 7.0), predicted) > 0
    nobody = Predicted(np.zeros(0), np.zeros((0, 3)))
    assert np.isnan(list(regression_scores(np.zeros(0), nobody).values())).all()


def test_the_median_predictor_by_hand() -> None:
    train, test = np.array([0.0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, np.nan]), np.array([5.0, 9.0, np.nan, 1.0])
    floor = median_floor(train, test)
    assert floor["r2"] == 0 and floor["mae"] == pytest.approx(8 / 3)
    low = (0.1 * 4 + 0.1 * 8 + 0) / 3  # the quantiles are 1, 5 and 9
    assert floor["pinball"] == pytest.approx((low + 4 / 3 + low) / 3)
    with pytest.raises(ValueError, match="no training row says a number"):
        median_floor(np.array([np.nan]), test)


def test_no_constant_has_a_smaller_absolute_or_pinball_loss_than_the_median_predictor_on_its_own_rows() -> None:
    labels = np.random.default_rng(0).exponential(size=2001)
    floor = median_floor(labels, labels)
    for constant in np.quantile(labels, np.linspace(0, 1, 21)):
        alone = regression_scores(labels, Predicted(np.full(2001, constant), np.full((2001, 3), constant)))
        assert alone["mae"] >= floor["mae"] - 1e-12 and alone["pinball"] > floor["pinball"]


def spread_rows(rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers about 10 x, the farther from it the larger x is."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 10, rows)
    return pd.DataFrame({"x": x}), 10 * x + rng.normal(size=rows) * x


def truth(rows: np.ndarray) -> Callable[[pd.DataFrame], np.ndarray]:
    return lambda frame: 10 * frame["x"].to_numpy()


def test_quantiles_hold_their_share_of_rows_where_much_and_where_little_is_predicted() -> None:
    (train, labels), (test, wanted) = spread_rows(20_000, 1), spread_rows(20_000, 2)
    predicted = with_quantiles(truth, train, labels, test, np.random.default_rng(0))
    assert (predicted.mean == 10 * test["x"]).all() and (np.diff(predicted.quantiles) >= 0).all()
    for part in (test["x"] < 3, test["x"] > 7):
        below = (wanted[part][:, None] < predicted.quantiles[part]).mean(axis=0)
        assert below == pytest.approx(LEVELS, abs=0.03)


def test_a_model_that_knows_its_rows_by_heart_is_judged_by_those_held_out() -> None:
    """Residuals of rows that it was fitted on would be 0, and all quantiles the prediction."""
    train, labels = spread_rows(2000, 1)

    def by_heart(rows: np.ndarray) -> Callable[[pd.DataFrame], np.ndarray]:
        known = dict(zip(train["x"].iloc[rows], labels[rows], strict=True))
        return lambda frame: np.array([known.get(x, 10 * x) for x in frame["x"]])

    test, wanted = spread_rows(2000, 2)
    predicted = with_quantiles(by_heart, train, labels, test, np.random.default_rng(0))
    assert (wanted[:, None] < predicted.quantiles).mean(axis=0) == pytest.approx(LEVELS, abs=0.05)


@pytest.mark.parametrize("rows", [0, 1, 5, 9, 10, 11, 60])
def test_few_rows_are_no_error(rows: int) -> None:
    train, labels = spread_rows(rows, 1)
    test, _ = spread_rows(7, 2)
    asked: list[int] = []

    def learn(chosen: np.ndarray) -> Callable[[pd.DataFrame], np.ndarray]:
        asked.append(len(chosen))
        return truth(chosen)

    predicted = with_quantiles(learn, train, labels, test, np.random.default_rng(0))
    assert predicted.quantiles.shape == (7, 3) and np.isfinite(predicted.quantiles).all()
    assert asked == ([rows] if rows < 10 else [rows, rows - rows // 5])


def test_equal_predictions_share_their_residuals() -> None:
    train, labels = spread_rows(5000, 1)
    predicted = with_quantiles(lambda rows: lambda frame: np.zeros(len(frame)), train, labels, train, np.random.default_rng(0))
    assert len(np.unique(predicted.quantiles, axis=0)) == 1
    assert predicted.quantiles[0] == pytest.approx(np.quantile(labels, LEVELS), rel=0.1)
