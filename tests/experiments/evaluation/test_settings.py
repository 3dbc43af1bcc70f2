"""Evaluators and metrics as the configuration names them: ours, and a person's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dpdsyn.base.checks import InputError
from dpdsyn.contract import toy_encoded, toy_schema
from experiments.configuration import options, read_option
from experiments.evaluation.metrics import ALSO, METRICS, scores
from experiments.evaluation.models import MODELS
from experiments.evaluation.raw import models as raw_models
from experiments.evaluation.settings import Settings, builders, metrics, raw_builders
from experiments.evaluation.utility import utility
from experiments.records import record

STANDARD = read_option("evaluation", "standard")
OWN = """\
import numpy as np
from sklearn.neighbors import KNeighborsClassifier

number = 3


def brier(labels, probabilities):
    return float(((probabilities - np.eye(probabilities.shape[1])[labels]) ** 2).sum(axis=1).mean())


def knn():
    return KNeighborsClassifier(15)


class Seeded:
    def __init__(self, seed):
        self.seed = seed

    def fit(self, rows, labels):
        assert rows.dtype == np.float32 and isinstance(rows, np.ndarray) and 0 <= rows.min() <= rows.max() <= 1
        return self

    def predict_proba(self, rows):
        return np.tile([self.seed % 1000 / 1000, 1 - self.seed % 1000 / 1000], (len(rows), 1))


def forest():
    return KNeighborsClassifier(15)


auroc = brier
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "judged_by_me.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    yield


def test_what_records_list_is_what_there_is() -> None:
    assert tuple(METRICS) == record.METRICS and tuple(MODELS) == record.EVALUATORS


@pytest.mark.parametrize("name", options("evaluation"))
def test_our_settings_are_accepted(name: str) -> None:
    assert Settings.of(read_option("evaluation", name)).metrics == ()


def test_only_what_says_so_is_judged_in_raw_space() -> None:
    spaces = {name: Settings.of(read_option("evaluation", name)).space for name in options("evaluation")}
    assert spaces.pop("raw") == "raw" and set(spaces.values()) == {"encoded"}


@pytest.mark.parametrize("name", ["lightgbm", "catboost"])
def test_an_evaluator_that_is_not_installed_is_refused_before_anything_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = {**read_option("evaluation", "raw"), "evaluators": ["forest", name]}
    monkeypatch.setattr(raw_models, "find_spec", lambda package: object())
    assert list(raw_builders(Settings.of(raw).evaluators)) == ["forest", name]
    monkeypatch.setattr(raw_models, "find_spec", lambda package: None)
    with pytest.raises(InputError, match=rf"needs the package {name}; install it"):
        Settings.of(raw)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"evaluators": ["forrest"]}, "no evaluator is called forrest (did you mean forest?); there are logistic, forest, "),
        ({"evaluators": ["absent_module:knn"]}, "cannot load the evaluator 'absent_module:knn'"),
        ({"evaluators": ["judged_by_me:nn"]}, "cannot load the evaluator 'judged_by_me:nn'"),
        ({"evaluators": ["judged_by_me:number"]}, "'judged_by_me:number' is 3; a function or a class is needed"),
        ({"evaluators": ["judged_by_me:forest"]}, "judged_by_me:forest is called like one of ours; give it another name than"),
        ({"metrics": ["judged_by_me:auroc"]}, "judged_by_me:auroc is called like one of ours"),
        ({"metrics": ["sklearn.metrics:log_loss"]}, "sklearn.metrics:log_loss is called like one of ours"),
        ({"metrics": ["sklearn.metrics:mae"]}, "sklearn.metrics:mae is called like one of ours"),
        ({"metrics": ["acuracy"]}, "no metric is called acuracy (did you mean accuracy?); there are accuracy, balanced_accuracy"),
        ({"metrics": ["judged_by_me:brier", "judged_by_me.brier"]}, "two metrics are called brier"),
        ({"metrcs": []}, "evaluation: there is no key metrcs (did you mean metrics?); accepted: name, evaluators, repeats"),
        ({"evaluators": "forest"}, "evaluation: evaluators is 'forest'; needed: list, each: text or mapping, as in [forest]"),
        ({"repeats": 0}, "repeats is 0"),
        ({"space": "decoded"}, "evaluation.space is 'decoded'; accepted: encoded, raw"),
        ({"evaluators": ["lightgbm"]}, "no evaluator is called lightgbm; there are logistic, forest, boosting, mlp, or module"),
        (
            {"space": "raw", "evaluators": ["bosting"]},
            "(did you mean boosting?); there are logistic, forest, boosting, mlp, lightgbm",
        ),
        ({"space": "raw", "evaluators": ["judged_by_me:forest"]}, "judged_by_me:forest is called like one of ours"),
        (
            {"space": "raw", "evaluators": [], "models": [{"_target_": "judged_by_me.knn", "name": "linear"}]},
            "judged_by_me.knn is called linear, as one of ours is where a number is predicted",
        ),
    ],
)
def test_what_is_misspelt_is_refused_with_what_is_accepted(own: None, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        Settings.of({**STANDARD, **change})
    assert message in str(caught.value)


def test_a_metric_of_one_s_own_stands_beside_ours(own: None) -> None:
    labels, chance = np.array([0, 1]), np.array([[0.75, 0.25], [0.5, 0.5]])
    result = scores(labels, chance, metrics(["judged_by_me:brier"]))
    assert list(result) == [*METRICS, *ALSO, "brier"] and result["brier"] == pytest.approx((2 * 0.25**2 + 2 * 0.5**2) / 2)


def test_a_model_of_one_s_own_is_trained_beside_ours(own: None) -> None:
    schema = toy_schema(2)
    train, test = toy_encoded(schema, 1500, seed=1), toy_encoded(schema, 700, seed=2)
    target = str(schema.target)
    both = utility(train, test, schema, target, ["logistic", "judged_by_me:knn"], 1, 0, metrics(["judged_by_me:brier"]))
    assert set(both) == {"logistic", "knn"} and all("brier" in result for result in both.values())
    assert both["knn"]["accuracy"] > 0.75
    ours = utility(train, test, schema, target, ["logistic"], 1, 0)["logistic"]
    assert {name: both["logistic"][name] for name in (*METRICS, *ALSO)} == ours


def test_a_model_that_takes_a_seed_gets_one_for_its_place(own: None) -> None:
    schema = toy_schema(2)
    features = schema.select(schema.features)
    (build,) = builders(["judged_by_me.Seeded"]).values()
    encode, model = build(features, 123)
    assert model.seed == 123
    encoded = toy_encoded(schema, 50)[:, schema.positions(features.names)]
    assert model.fit(encode(encoded), None).predict_proba(encode(encoded)).shape == (50, 2)
    (scikit,) = builders(["sklearn.tree:DecisionTreeClassifier"]).values()
    assert scikit(features, 5)[1].random_state == 5
