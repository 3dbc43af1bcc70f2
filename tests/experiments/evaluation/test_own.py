"""Models and metrics of one's own with parameters: named, checked beforehand, part of the identity, kept in the record."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders.records import record

from dpdsyn.base.checks import InputError
from dpdsyn.contract import toy_encoded, toy_schema
from experiments.configuration import read_option
from experiments.evaluation.settings import Settings, builders, judges_of, metrics, raw_builders
from experiments.evaluation.utility import utility
from experiments.records.parts import Evaluation
from experiments.records.record import Record
from experiments.report.commands import commands
from experiments.report.grouped import View
from experiments.report.tables.all import BUILDERS
from experiments.run import Run, outline
from experiments.sweep.plan import composed
from experiments.sweep.request import inspect_request

STANDARD = read_option("evaluation", "standard")
OWN = """\
import numpy as np


class Stub:
    def __init__(self, depth, random_state=0, share=0.5):
        if depth < 0:
            raise ValueError(f"depth is {depth}; at least 0 is needed")
        self.depth, self.random_state, self.share = depth, random_state, share

    def fit(self, rows, labels):
        return self

    def predict_proba(self, rows):
        return np.tile([self.share, 1 - self.share], (len(rows), 1))


class Worst:
    def __init__(self, klass=0):
        if klass < 0:
            raise ValueError(f"klass is {klass}; at least 0 is needed")
        self.klass, self.calls = klass, 0

    def __call__(self, labels, probabilities):
        self.calls += 1
        return float(self.klass + self.calls)


def nothing(depth):
    return depth


def f_beta(labels, probabilities, beta=1.0):
    return float(beta)
"""
TARGET = "evaluated_by_me.Stub"
ONE = ("dataset=simulated", "dataset.generator.rows=1000", "synthesizer=real")


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "evaluated_by_me.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "evaluated_by_me", raising=False)  # which another test has imported from its own folder
    return tmp_path / "evaluated_by_me.py"


def settings(**more: Any) -> dict[str, Any]:
    return {**STANDARD, **more}


def runs(*overrides: str) -> list[Run]:
    request = inspect_request([*ONE, *overrides])
    return [run for _, _, run in composed(request.jobs(), None)]


def test_parameters_reach_the_model_and_the_seed_too() -> None:
    given = [
        "logistic",
        {"_target_": TARGET, "depth": 3, "name": "deep"},
        {"_target_": TARGET.replace(".", ":"), "depth": 1, "share": 0.9},
    ]
    found = builders(Settings.of(settings(evaluators=given)).evaluators)
    assert list(found) == ["logistic", "deep", "Stub"]
    schema = toy_schema(2)
    made = [found[name](schema.select(schema.features), 7)[1] for name in ("deep", "Stub")]
    assert [(model.depth, model.random_state, model.share) for model in made] == [(3, 7, 0.5), (1, 7, 0.9)]
    (fixed,) = builders([{"_target_": TARGET, "depth": 3, "random_state": 5}]).values()
    assert fixed(schema.select(schema.features), 7)[1].random_state == 5, "one that is given stays"


def test_it_is_trained_and_tested_beside_ours() -> None:
    schema = toy_schema(2)
    train, test = toy_encoded(schema, 300, seed=1), toy_encoded(schema, 200, seed=2)
    own = {"_target_": "sklearn.neighbors.KNeighborsClassifier", "n_neighbors": 5, "name": "five"}
    extra = metrics([{"_target_": "evaluated_by_me.f_beta", "beta": 2, "name": "f2"}, "evaluated_by_me:f_beta"])
    judged = utility(train, test, schema, "label", ["logistic", own], 1, 0, extra)
    assert set(judged) == {"logistic", "five"} and judged["five"]["accuracy"] > 0.6
    assert judged["five"]["f2"] == 2.0 and judged["logistic"]["f_beta"] == 1.0


def test_a_metric_may_be_a_class_whose_objects_are_called() -> None:
    given = [{"_target_": "evaluated_by_me.Worst", "klass": 3}, {"_target_": "evaluated_by_me.Worst", "name": "first"}]
    found = metrics(Settings.of(settings(metrics=given)).metrics)
    labels, probabilities = np.array([0, 1]), np.full((2, 2), 0.5)
    assert found["Worst"](labels, probabilities) == found["Worst"](labels, probabilities) == 4.0
    assert found["first"](labels, probabilities) == metrics(["evaluated_by_me:Worst"])["Worst"](labels, probabilities) == 1.0


def test_raw_space_takes_them_too() -> None:
    raw = {**read_option("evaluation", "raw"), "models": [{"_target_": TARGET, "depth": 2}]}
    assert list(raw_builders(judges_of(raw))) == ["logistic", "forest", "boosting", "mlp", "Stub"] and Settings.of(raw)


def test_records_keep_a_name_that_was_given_whatever_is_in_it() -> None:
    assert Evaluation(models=({"_target_": TARGET, "name": "v1.2"}, TARGET)).names == ("v1.2", "Stub")


def test_models_come_beside_the_evaluators_and_may_be_all() -> None:
    assert list(builders(judges_of(settings(models=[{"_target_": TARGET, "depth": 1}])))) == [*STANDARD["evaluators"], "Stub"]
    assert Settings.of(settings(evaluators=[], models=[f"{TARGET}"])).models == (TARGET,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": [{"depth": 3}]}, "the evaluator {'depth': 3} names nothing; a name is needed, or {_target_: module.Class}"),
        ({"models": [3]}, "models[0] is 3; needed: text or mapping"),
        ({"models": [{"_target_": TARGET, "deep": 3}]}, "unexpected keyword argument 'deep'; it has depth, random_state, share"),
        ({"models": [{"_target_": TARGET, "depth": -3}]}, f"the evaluator {TARGET}: depth is -3; at least 0 is needed"),
        ({"models": [{"_target_": "evaluated_by_me.nothing", "depth": 3}]}, "an object with `fit` and `predict_proba` is needed"),
        ({"models": [{"_target_": "logistic", "C": 3}]}, "logistic is one of ours and takes no parameters"),
        ({"models": [{"_target_": TARGET, "depth": 3, "name": "forest"}]}, "is called like one of ours"),
        (
            {"models": [{"_target_": TARGET, "depth": 3}, {"_target_": TARGET, "depth": 4}]},
            "two evaluators are called Stub; records could not tell them apart. With `name` one can be called otherwise",
        ),
        ({"models": [{"_target_": "nosuch.Model", "depth": 3}]}, "cannot load the evaluator 'nosuch.Model'"),
        ({"metrics": [{"_target_": "evaluated_by_me.f_beta", "gamma": 2}]}, "it has labels, probabilities, beta"),
        ({"metrics": [{"_target_": "evaluated_by_me.Worst", "klass": -1}]}, "the metric evaluated_by_me.Worst: klass is -1; at"),
        ({"metrics": [{"_target_": TARGET, "depth": 1}]}, "a function of labels and probabilities is needed"),
        ({"metrics": [TARGET]}, f"the metric {TARGET}: "),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_runs(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as refused:
        Settings.of(settings(**change))
    assert message in str(refused.value) and "\n" not in str(refused.value)


def test_the_command_line_has_a_form_for_it_and_source_and_parameters_are_identity(
    own: Path,
) -> None:
    from experiments import sources

    (plain,) = runs()
    texts = [f"+evaluation.models=[{{_target_:{TARGET},depth:{depth}}}]" for depth in (3, 4)]
    three, four = (runs(text)[0] for text in texts)
    assert three.evaluation["models"] == [{"_target_": TARGET, "depth": 3}]
    assert len({plain.run_id, three.run_id, four.run_id}) == 3 and len({plain.fit_id, three.fit_id, four.fit_id}) == 1
    before = three.run_id, three.fit_id
    assert set(three.judges_source) == {"evaluated_by_me"} and plain.judges_source == {}
    own.write_text(OWN + "\n# another one\n")
    sources.forget()
    (changed,) = runs(texts[0])
    sources.forget()
    assert changed.run_id != before[0] and changed.fit_id == before[1]
    assert (plain.run_id, plain.fit_id) == ("b9e165999071dbeb5b03", "06f6c976da1a9a1fc2bf"), (
        "of runs that name nothing of their own nothing changes"
    )


def test_a_record_keeps_them_and_tells_them_apart() -> None:
    (run,) = runs(
        f"+evaluation.models=[{{_target_:{TARGET},depth:3}}]",
        "+evaluation.metrics=[{_target_:evaluated_by_me.f_beta,beta:2,name:f2}]",
    )
    made = Record.of(**{**outline(run), "status": "ok", "metrics": {"Stub": {"accuracy": 0.5, "f2": 2.0}}})
    again = Record.from_json(made.to_json())
    assert again == made and again.evaluation.models == ({"_target_": TARGET, "depth": 3},)
    assert again.judges == ("Stub(depth=3)", "boosting", "forest", "logistic", "mlp") and again.evaluation.own_metrics == ("f2",)
    assert again.flat()["f2"] == 2.0 and again.flat()["f2.Stub"] == 2.0
    listed = record(evaluation={"evaluators": ["logistic", {"_target_": TARGET, "depth": 3}]})
    assert Record.from_json(listed.to_json()) == listed and listed.judges == ("Stub(depth=3)", "logistic")
    (command,) = commands([again])
    assert f"evaluation.models=[{{_target_:{TARGET},depth:3}}]" in command


def test_own_metrics_have_a_table_and_no_record_without_them_has() -> None:
    judged = {"metrics": ["mine:brier"], "evaluators": ["logistic"]}
    scored = [
        record(f"a{seed}", seed=seed, evaluation=judged, metrics={"logistic": {"accuracy": 0.7, "brier": 0.2 + seed / 10}})
        for seed in (0, 1)
    ]
    (table,) = BUILDERS["own_metrics"](View.of(scored))
    assert table.columns == ["method", "guarantee", "seeds", "accuracy", "brier"]
    assert table.rows == [["m", "dp", "2", "0.7000 ± 0.0000", "0.2500 ± 0.0707"]]
    assert (
        any("brier" in table.columns for table in BUILDERS["own_metrics"](View.of(scored)))
        and BUILDERS["own_metrics"](View.of([record()])) == []
    )


def test_the_source_of_a_function_gives_numbers_as_they_are() -> None:
    (given,) = metrics([{"_target_": "evaluated_by_me.f_beta", "beta": 4}]).values()
    assert given(np.array([0]), np.array([[1.0]])) == 4.0
