"""Models, metrics and fidelity on tables whose answer is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from dpdsyn.contract import toy_encoded, toy_schema
from experiments.evaluation.fidelity import fidelity
from experiments.evaluation.metrics import ALSO, scores
from experiments.evaluation.utility import utility
from experiments.records.record import EVALUATORS, METRICS


@pytest.mark.parametrize("classes", [2, 3])
def test_models_trained_on_rows_with_a_pattern_find_it(classes: int) -> None:
    schema = toy_schema(classes)
    train, test = toy_encoded(schema, 3000, seed=1), toy_encoded(schema, 1500, seed=2)
    results = utility(train, test, schema, str(schema.target), EVALUATORS, 1, seed=0)
    assert set(results) == set(EVALUATORS) and all(set(r) == {*METRICS, *ALSO} for r in results.values())
    best = 0.7 + 0.3 / classes
    for name, result in results.items():
        assert result["accuracy"] == pytest.approx(best, abs=0.05), name
        assert result["auroc"] > 0.8, name
    assert results == utility(train, test, schema, str(schema.target), EVALUATORS, 1, seed=0)


def test_one_class_trains_the_constant_predictor() -> None:
    schema = toy_schema()
    train, test = toy_encoded(schema, 300), toy_encoded(schema, 400, seed=2)
    train[:, -1] = 1
    for result in utility(train, test, schema, str(schema.target), EVALUATORS, 1, seed=0).values():
        assert result["accuracy"] == pytest.approx(np.mean(test[:, -1] == 1))
        assert result["auroc"] == 0.5 and result["balanced_accuracy"] == 0.5
        assert result["log_loss"] == pytest.approx(np.mean(test[:, -1] != 1) * -np.log(1e-6))
        assert np.isnan(result["calibration_slope"])


def test_scores_by_hand() -> None:
    labels, chance = np.array([0, 0, 0, 1]), np.array([0.1, 0.6, 0.2, 0.7])
    result = scores(labels, np.stack([1 - chance, chance], axis=1))
    assert result["accuracy"] == 0.75
    assert result["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert result["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert result["auroc"] == pytest.approx(roc_auc_score(labels, chance))


def test_fidelity_is_total_variation_over_all_marginals() -> None:
    schema = toy_schema()
    a, b = toy_encoded(schema, 500, seed=1), toy_encoded(schema, 300, seed=2)
    assert fidelity(a, a, schema) == {"tvd1": 0.0, "tvd2": 0.0}
    naive = []
    for i, j in itertools.combinations(range(5), 2):
        cells = itertools.product(range(schema.sizes[i]), range(schema.sizes[j]))
        naive.append(0.5 * sum(abs(np.mean((a[:, [i, j]] == c).all(1)) - np.mean((b[:, [i, j]] == c).all(1))) for c in cells))
    assert fidelity(a, b, schema)["tvd2"] == pytest.approx(np.mean(naive))
