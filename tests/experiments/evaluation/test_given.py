"""A person's own model or metric that gives what cannot be scored is named, and the run fails; what is right stays as it is."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders.mixed_rows import mixed_rows, mixed_schema
from builders.records import record

from dpdsyn.base.checks import InputError
from dpdsyn.contract import toy_encoded, toy_schema
from experiments.configuration import read_option
from experiments.evaluation.given import OwnError, own_score, probabilities_of
from experiments.evaluation.metrics import ALSO, METRICS, scores
from experiments.evaluation.raw.quantiles import Predicted
from experiments.evaluation.raw.regression import REGRESSION_METRICS, regression_scores
from experiments.evaluation.raw.typed_frame import typed
from experiments.evaluation.raw.utility import raw_utility
from experiments.evaluation.settings import Settings, metrics
from experiments.evaluation.utility import utility
from experiments.records.parts import Fidelity

SCHEMA = mixed_schema()
OWN = """\
import numpy as np


class Base:
    gives = None

    def fit(self, rows, labels):
        self.known = len(np.unique(labels))
        return self

    def predict_proba(self, rows):
        return eval(self.gives, {"np": np, "n": len(rows), "k": self.known})

    def predict(self, rows):
        return self.predict_proba(rows)


def says(gives):
    model = Base()
    model.gives = gives
    return model


class RaisesInFit(Base):
    def fit(self, rows, labels):
        raise ValueError("shapes (3,) and (4,) differ")


class WrongClasses(Base):
    gives, classes_ = "np.full((n, k), 1 / k)", ["no", "yes"]


def value(labels, predicted):
    return 1


def failing(labels, predicted):
    return predicted[:, 99]


dataset = epsilon = value
"""


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gives_by_me.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "gives_by_me", raising=False)


def model(gives: str) -> dict[str, Any]:
    return {"_target_": "gives_by_me.says", "gives": gives, "name": "mine"}


def judged(evaluator: Any) -> dict[str, float]:
    schema = toy_schema(2)
    (found,) = utility(
        toy_encoded(schema, 60, seed=1), toy_encoded(schema, 30, seed=2), schema, "label", [evaluator], 1, 0
    ).values()
    return found


def judged_raw(evaluator: Any, target: str = "label") -> dict[str, float]:
    train, test = (typed(mixed_rows(rows, seed=rows), SCHEMA, target) for rows in (60, 30))
    (found,) = raw_utility(train, test, SCHEMA, target, [evaluator], 1, 0).values()
    return found


@pytest.mark.parametrize("judge", [judged, judged_raw])
@pytest.mark.parametrize(
    ("gives", "message"),
    [
        ("np.full((n, k), 7.0)", "numbers from 7 to 7"),
        ("np.tile([-1.0] + [2 / (k - 1)] * (k - 1), (n, 1))", "numbers from -1 to"),
        ("np.full((n, 1), 0.5)", "an array of shape (30, 1)"),
        ("np.full((1, k), 1 / k)", "an array of shape (1, "),
        ("np.full(n, 0.5)", "an array of shape (30,)"),
        ("np.full((n, k), np.nan)", "NaN or infinity in 30 of 30 rows"),
        ("np.vstack([np.full((n - 1, k), 1 / k), np.full((1, k), np.inf)])", "NaN or infinity in 1 of 30 rows"),
        ("np.full((n, k), 0.9 / k)", "rows that add up to 0.9 at least and 0.9 at most"),
        ("None", "gave None as probabilities"),
        ("np.full((n, k), 'yes')", "ndarray of shape (30, "),
        ("[[0.5], [0.5, 0.5]]", "gave [[0.5], [0.5, 0.5]]"),
    ],
)
def test_what_are_no_probabilities_is_never_scored(judge: Any, gives: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        judge(model(gives))
    told = str(refused.value)
    assert told.startswith("the evaluator mine gave ") and message in told and "\n" not in told
    assert f"an array of shape (30, {2 if judge is judged else 3}) is needed" in told


@pytest.mark.parametrize("kind", ["float", "np.float32", "np.float16", "object"])
def test_what_are_probabilities_within_rounding_is_scored_as_before(kind: str) -> None:
    for judge in (judged, judged_raw):
        given = f"np.tile(np.arange(1, k + 1) / np.arange(1, k + 1).sum(), (n, 1)).astype({kind})"
        assert 0 <= judge(model(given))["accuracy"] <= 1
    assert judged(model("[[1.0 + 5e-7, -5e-7]] * n"))["log_loss"] > 0


def test_columns_are_of_the_classes_that_the_model_says() -> None:
    chances = np.array([[0.25, 0.75], [1.0, 0.0]], dtype=np.float32)
    assert probabilities_of("m", chances, np.array([2, 0], np.uint8), 2, 4).tolist() == [[0.75, 0, 0.25, 0], [0, 0, 1, 0]]
    for classes in (["no", "yes"], [0, 4], [-1, 0], [1, 1], [0.0, 1.0], [False, True], None, [[0, 1]], [[0], [0, 1]]):
        with pytest.raises(InputError, match=r"the evaluator m has classes_ .*; different codes from 0 to 3 are needed"):
            probabilities_of("m", chances, classes, 2, 4)
    with pytest.raises(InputError, match=r"the evaluator WrongClasses has classes_ \['no', 'yes'\]"):
        judged("gives_by_me.WrongClasses")


@pytest.mark.parametrize("judge", [judged, judged_raw, lambda evaluator: judged_raw(evaluator, "pay")])
def test_a_model_that_raises_is_named_and_its_error_is_the_cause(judge: Any) -> None:
    with pytest.raises(
        OwnError, match=r"^the evaluator RaisesInFit raised ValueError: shapes .* \(gives_by_me.py, line"
    ) as refused:
        judge("gives_by_me.RaisesInFit")
    assert isinstance(refused.value.__cause__, ValueError)
    with pytest.raises(OwnError, match="the evaluator mine raised ZeroDivisionError: "):
        judge(model("1 / 0"))
    with pytest.raises(MemoryError):  # which is a status of its own
        judge(model("(_ for _ in ()).throw(MemoryError())"))


def test_an_error_of_ours_stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.linear_model import LogisticRegression

    monkeypatch.setattr(LogisticRegression, "fit", lambda *_: (_ for _ in ()).throw(ValueError("broken")))
    for judge in (judged, judged_raw):
        with pytest.raises(ValueError, match=r"^broken$"):
            judge("logistic")


@pytest.mark.parametrize(
    ("gives", "error", "message"),
    [
        ("np.full(n, np.nan)", InputError, "gave NaN or infinity for 24 of 24 rows; finite numbers are needed"),
        ("np.full((n, 2), 1.0)", OwnError, "cannot reshape array"),
        ("['much'] * n", OwnError, "could not convert string"),
    ],
)
def test_predicted_numbers_are_numbers(gives: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"the evaluator mine .*{message}"):
        judged_raw(model(gives), "pay")
    assert judged_raw(model("np.full((n, 1), 3)"), "pay")["mae"] > 0


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "None"),
        ("0.5", "'0.5'"),
        (np.array([0.5]), "ndarray of shape (1,) and type float64"),
        ([0.5], "[0.5]"),
        ({"a": 1}, "{'a': 1}"),
        (1j, "1j"),
        (float("nan"), "nan"),
        (np.float32("-inf"), "-inf"),
        pytest.param(10**400, "1000", id="huge"),
    ],
)
def test_a_metric_that_gives_no_finite_number_is_named(value: Any, told: str) -> None:
    labels, chances = np.array([0, 1]), np.array([[0.75, 0.25], [0.5, 0.5]])
    of_numbers = Predicted(np.array([0.0, 1.0]), np.zeros((2, 3)))
    for score in (lambda extra: scores(labels, chances, extra), lambda extra: regression_scores(labels, of_numbers, extra)):
        with pytest.raises(InputError) as refused:
            score({"mine": lambda *_: value})
        text = str(refused.value)
        assert text.startswith("the metric mine gave ") and told in text and text.endswith("; a finite number is needed")


def test_numbers_of_all_kinds_are_scores_and_an_error_is_named() -> None:
    for value in (1, True, np.float32(1), np.int8(1), np.array(1.0)):
        given = own_score("mine", lambda *_, value=value: value, np.zeros(1), np.zeros(1))
        assert given == 1.0 and type(given) is float
    with pytest.raises(OwnError, match=r"the metric failing raised IndexError: .*\(gives_by_me.py, line") as refused:
        scores(np.array([0, 1]), np.eye(2), metrics(["gives_by_me.failing"]))
    assert isinstance(refused.value.__cause__, IndexError)


def test_ours_may_say_that_they_do_not_know() -> None:
    assert np.isnan(scores(np.zeros(2, int), np.full((2, 2), 0.5), metrics(["auroc"]))["auroc"])


def test_no_metric_is_called_like_a_column_or_a_measure_of_ours() -> None:
    taken = {*record().flat(), *METRICS, *ALSO, *REGRESSION_METRICS, *(f.name for f in fields(Fidelity)), "accuracy_gap"}
    assert {"dataset", "epsilon", "seed", "status", "method", "rarest_average_precision", "tvd2", "accuracy.logistic"} <= taken
    for name in (*sorted(taken), "a.b", "a b", "a-b", "a/b", "a,b", "a\nb"):
        with pytest.raises(InputError) as refused:
            metrics([{"_target_": "gives_by_me.value", "name": name}])
        assert "give it another name" in str(refused.value) and "\n" not in str(refused.value)
    assert list(metrics([{"_target_": "gives_by_me.value", "name": "F_2"}, "gives_by_me.value"])) == ["F_2", "value"]


@pytest.mark.parametrize("name", ["dataset", "epsilon"])
def test_such_a_name_is_refused_before_anything_runs(name: str) -> None:
    message = f"the metric gives_by_me.{name} is called {name}, as a column of `dpdsyn records` is; give it another name"
    with pytest.raises(InputError, match=message):
        Settings.of({**read_option("evaluation", "standard"), "metrics": [f"gives_by_me.{name}"]})


def test_a_record_of_before_keeps_its_columns_whatever_its_metrics_are_called() -> None:
    names = ("dataset", "epsilon", "status", "tvd2", "error", "accuracy.mlp")
    plain, made = record().flat(), record(metrics={"logistic": {"accuracy": 0.5, **dict.fromkeys(names, 9.0)}}).flat()
    assert {name: made[name] for name in names} == {name: plain[name] for name in names} and made["dataset.logistic"] == 9.0
