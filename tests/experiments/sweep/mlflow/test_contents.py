"""What MLflow is told of a record, and the views that it opens on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from builders.records import changed, one, record

from dpdsyn.accounting.zcdp import epsilon_of
from experiments.sweep.mlflow.contents import contents, variant_of
from experiments.sweep.mlflow.views import PREFIX, Shown, address, best_view, view_id, view_tags

LEDGER = (
    {"mechanism": "Gaussian", "count": 2, "noise_multiplier": 10.0, "label": "ones"},
    {"mechanism": "Exponential", "count": 3, "epsilon": 0.2, "label": "selection"},
)


def test_counts_are_parameters_and_the_metrics_that_matter_stand_outside_the_sections() -> None:
    told = contents(record(), 100.0)
    assert (told.params["n_train"], told.params["n_test"], told.params["n_synth"]) == ("9", "3", "5")
    plain = {key for key in told.metrics if "/" not in key}
    assert plain == {"accuracy", "auroc", "tvd2", "fit_seconds", "total_seconds", "epsilon", "epsilon_spent"}
    assert told.metrics["accuracy"] == pytest.approx(0.6) and told.metrics["accuracy/forest"] == 0.7
    assert not any(key.startswith("n_") or "." in key for key in told.metrics)
    assert (told.start, told.end, told.ending) == (98_500, 100_000, "FINISHED")


def test_metrics_of_another_column_than_the_target_are_not_mixed_with_those_of_the_task() -> None:
    told = contents(record(evaluation={"column": "age"}), 100.0)
    assert told.metrics["offtask_accuracy"] == pytest.approx(0.6) and told.metrics["offtask/accuracy/forest"] == 0.7
    assert "accuracy" not in told.metrics and told.params["predicted"] == "age" and "predicting age" in told.name


def test_a_run_that_failed_says_why() -> None:
    told = contents(record(status="failed", error="ValueError: no (x.py, line 3, in f)", metrics={}, log="runs/logs/a.txt"), 9.0)
    assert told.ending == "FAILED" and told.tags["error"].startswith("ValueError: no") and told.tags["status"] == "failed"
    note = told.tags["mlflow.note.content"]
    assert "ValueError: no (x.py, line 3, in f)" in note and "runs/logs/a.txt" in note
    assert "error" not in contents(record(), 9.0).tags


def test_the_budget_is_told_step_by_step_where_the_ledger_has_zcdp_alone() -> None:
    privacy: dict[str, Any] = {"epsilon": 1.0, "delta": 1e-6, "spent": 0.9, "ledger": LEDGER}
    (curve,) = contents(record(privacy=privacy), 9.0).steps.values()
    assert curve == {0: epsilon_of(2 / 200, 1e-6), 1: epsilon_of(2 / 200 + 3 * 0.04 / 8, 1e-6)}
    sampled = {"mechanism": "SampledGaussian", "count": 9, "noise_multiplier": 2.0, "rate": 0.1, "label": "steps"}
    assert contents(record(privacy={**privacy, "ledger": (*LEDGER, sampled)}), 9.0).steps == {}
    long = contents(record(privacy={**privacy, "ledger": LEDGER * 500}), 9.0).steps["privacy/epsilon_used"]
    assert [*long.values()] == sorted(long.values()) and [*long] == [round(999 * part / 49) for part in range(50)]
    assert long[999] == pytest.approx(epsilon_of(500 * 0.025, 1e-6))


def test_what_a_method_told_of_its_steps_is_told_at_those_steps() -> None:
    steps = {"error": [[0, 0.5], [4, float("nan")], [8, 0.25]], "guide/gradient_to_noise": [[0, 1.5]]}
    told = contents(record(steps=steps), 9.0).steps
    assert told == {"steps/error": {0: 0.5, 8: 0.25}, "steps/guide/gradient_to_noise": {0: 1.5}}
    assert contents(record(), 9.0).steps == {}


def test_names_tell_runs_of_other_settings_apart() -> None:
    aim: dict[str, Any] = {"name": "aim", "guarantee": "dp", "parameters": {"workload": "all_2way", "iterations": 1000}}
    assert variant_of(record(method=aim)) == ""
    other = record(method={**aim, "parameters": {**aim["parameters"], "iterations": 7}})
    assert contents(other, 1.0).name == "aim toy eps=1 seed=0 (iterations=7)"
    learned = record(encoding={"name": "learned"}, evaluation={"space": "raw"})
    assert contents(learned, 1.0).name == "m toy eps=1 seed=0 (learned, raw)"
    assert contents(record(), 1.0).params["variant"] == "default"


def test_the_data_set_has_another_digest_when_its_files_or_settings_have() -> None:
    sets: list[dict[str, Any]] = [
        {},
        {"sha256": {"a.csv": "1"}},
        {"sha256": {"a.csv": "2"}},
        {"generator": {"rows": 5}},
        {"generator": {"rows": 6}},
    ]
    digests = {contents(record(dataset={"name": "toy", **more}), 1.0).dataset[1] for more in sets}
    assert len(digests) == len(sets)


def _view(runs: list[Shown]) -> dict:
    (value,) = view_tags(runs, 1000, {}).values()
    return json.loads(json.loads(value)["state"])


def test_a_view_compares_methods_over_epsilon_where_there_are_several() -> None:
    runs = [Shown("toy", method, epsilon, metrics={"accuracy": 0.61}) for method in ("a", "b") for epsilon in ("1", "2")]
    state = _view(runs)
    kinds = [(chart["type"], chart.get("metricKey")) for chart in state["compareRunCharts"]]
    assert kinds[:3] == [("LINE", "accuracy"), ("SCATTER", None), ("LINE", "auroc")]
    assert state["compareRunCharts"][0]["range"] == {"xMin": 0.0, "xMax": pytest.approx(2.1), "yMin": 0.6, "yMax": 0.65}
    assert state["groupBy"]["groupByKeys"] == [{"mode": "param", "groupByData": "method"}]
    assert state["orderByKey"] == "metrics.`accuracy`" and state["searchFilter"] == "tags.dataset = 'toy'"
    assert _view([Shown("toy", "a", "1"), Shown("toy", "b", "1")])["compareRunCharts"][0]["type"] == "BAR"


def test_a_view_groups_by_settings_where_a_method_has_several_and_shows_first_seeds_of_more_runs_than_a_page_takes() -> None:
    state = _view([Shown("toy", "a", "1", variant) for variant in ("default", "rounds=4")])
    assert [key["groupByData"] for key in state["groupBy"]["groupByKeys"]] == ["method", "variant"]
    state = _view([Shown("toy", "a", "1")] * 101)
    assert state["orderByKey"] == "params.`seed`" and state["orderByAsc"] is True


def test_views_are_written_when_they_change_only_and_the_largest_data_set_heads_them() -> None:
    runs = [Shown("small", "a", "1"), Shown("large", "a", "1"), Shown("large", "b", "1")]
    tags = view_tags(runs, 1000, {})
    assert set(tags) == {PREFIX + view_id("small"), PREFIX + view_id("large")} and best_view(tags) == view_id("large")
    assert view_tags(runs, 2000, tags) == {} and best_view({}) is None
    assert set(view_tags([*runs, Shown("small", "b", "2")], 2000, tags)) == {PREFIX + view_id("small")}
    assert address("7", view_id("large")).startswith(f"/#/experiments/7/runs?viewStateShareKey={view_id('large')}&")


def test_a_tag_of_a_view_is_not_longer_than_mlflow_takes() -> None:
    runs = [Shown("toy", f"method_{i}", str(e), metrics={"accuracy": 0.5}) for i in range(60) for e in range(9)]
    assert max(map(len, view_tags(runs, 1000, {}).values())) < 20_000


def test_told_numbers_are_finite() -> None:
    told = contents(changed(one("m"), metrics={"logistic": {"accuracy": 0.5, "log_loss": float("inf")}}), 1.0)
    assert "log_loss" not in told.metrics and told.metrics["accuracy"] == 0.5
