"""Records grouped once: settings as fields, titles with brackets, and the selections that follow each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from builders.records import changed, few, one, record

from experiments.configuration import read_option
from experiments.data import datasets
from experiments.records.record import Record
from experiments.report.cases import Case, Dataset, Method
from experiments.report.figures.charts import charts
from experiments.report.grouped import View
from experiments.report.readme.shown import best_of_the_others
from experiments.report.summary import summaries
from experiments.report.tables.all import BUILDERS


def on(run_id: str, dataset: dict[str, Any], **more: Any) -> Record:
    method = {"name": "dpdsyn", "guarantee": "dp", "parameters": {"labels": "sample", **more.pop("parameters", {})}}
    return record(run_id, dataset=dataset, method=method, **more)


def test_settings_are_fields_and_stand_in_brackets_in_titles() -> None:
    made = on("a", {"name": "simulated", "generator": {"order": 3, "rows": 1000}}, parameters={"guide": {"hidden": 0}})
    off = on("b", {"name": "adult", "train_rows": 500}, evaluation={"column": "sex"})
    second, first = View.of([made, off]).groups
    assert first.case.dataset == Dataset("simulated", (("order", "3"), ("rows", "1000")))
    assert str(first.case) == "simulated (order=3, rows=1000), epsilon 1, delta 1e-06"
    assert first.method == Method("dpdsyn", (("guide.hidden", "0"),)) and str(first.method) == "dpdsyn (guide.hidden=0)"
    assert str(first.case.dataset.of_any_size) == "simulated (order=3)" and first.case.dataset.is_sized
    assert str(second.case.dataset) == "adult (train_rows=500), predicting sex (off-task)"
    assert second.case.dataset.task == "adult (train_rows=500), predicting sex"
    assert not second.case.dataset.is_usual and str(second.case.dataset) == str(second.case.dataset)


def test_groups_stand_in_the_order_of_their_titles_with_their_runs_by_seed() -> None:
    records = [one("mst", seed=2), one("aim"), one("mst", seed=0), one("mst", seed=1), one("aim", epsilon=0.5)]
    view = View.of(records)
    assert [(group.case.epsilon, str(group.method)) for group in view.groups] == [(0.5, "aim"), (1.0, "aim"), (1.0, "mst")]
    assert [run.seed for run in view.group(view.groups[-1].case, "mst").runs] == [0, 1, 2]
    assert View.of(records[::-1]) == view and len(view.records) == len(records)
    assert view.group(view.groups[0].case, "mst").runs == ()


def test_selections_follow_each_other() -> None:
    alone = one("mst", run_id="alone", seconds={"total": 1.0, "alone": True})
    off = one("mst", run_id="off", evaluation={"column": "sex"})
    view = View.of([*few(), alone, off])
    assert view.alone.records == (alone,) and alone not in view.swept.records and off in view.swept.records
    assert off not in view.on_task.records and alone in view.swept.on_task.alone.records + view.on_task.alone.records
    assert view.swept.on_task.groups == View.of(few()).groups
    assert {str(method) for method in view.baselines} == {"mst", "aim", "gan"}


def test_runs_that_chose_settings_count_in_no_table_but_those_of_settings_nor_in_a_figure() -> None:
    data = {"name": "br2000", "n_train": 9, "n_test": 3}

    def runs(experiment: str, seed: int, accuracy: float) -> list[Record]:
        named = {"dataset": data, "experiment": {"name": experiment, "sha256": "0"}, "seed": seed}
        return [one(name, accuracy, **named) for name in ("real", "majority", "independent", "dpdsyn", "mst", "privsyn", "aim")]

    usual, chosen = [run for seed in (10, 11) for run in runs("paper_main", seed, 0.8)], runs("tuning", 0, 0.3)
    view, without = View.of([*usual, *chosen]), View.of(usual)
    assert view.swept == view.shown == without.swept and view.swept_with_tuning == view
    of_settings = ("tuning", "settings", "runs")
    assert [name for name, build in BUILDERS.items() if name not in of_settings and build(view) != build(without)] == []
    assert best_of_the_others(view) == best_of_the_others(without)
    assert [chart.drawn for chart in charts(view)] == [chart.drawn for chart in charts(without)]


def test_what_other_models_judged_is_left_out_and_its_group_stays() -> None:
    others = one("aim", evaluation={"evaluators": ["mlp"]})
    several = [one("mst", evaluation={"evaluators": ["mlp", "forest"]}), others, one("slow", status="failed", metrics={})]
    judged = View.of(several).judged_alike
    assert [(str(group.method), len(group.runs)) for group in judged.groups] == [("aim", 0), ("mst", 1), ("slow", 1)]


def test_a_file_whose_name_holds_brackets_is_a_data_set_in_its_usual_form(tmp_path: Path) -> None:
    path = tmp_path / "people (1).csv"
    path.write_text("age,ill\n30,no\n40,yes\n")
    schema = {"target": "ill", "rows_public": 10, "columns": {"ill": {"kind": "categorical", "categories": ["no", "yes"]}}}
    given = read_option("dataset", "csv") | {"path": str(path), "schema": schema}
    name = datasets.resolved(given).name
    assert name == "people (1).csv"
    told = {"name": name, "n_train": 9, "n_test": 3}
    records = [
        changed(one(method, accuracy), run_id=f"{method}{name}{seed}", seed=seed, dataset=told)
        for method, accuracy in (("dpdsyn", 0.8), ("mst", 0.5), ("aim", 0.6))
        for seed in range(3)
    ]
    view = View.of(records)
    assert view.groups[0].case == Case(Dataset(name), 1.0, 1e-6) and view.groups[0].case.dataset.is_usual
    (shown,), (headline,) = BUILDERS["leaderboard"](view), BUILDERS["headline"](view)
    assert shown.title == "people (1).csv, delta 1e-06: accuracy" and len(shown.rows) == 3
    assert headline.rows[0][2:6] == ["1.60x", "not reached", "mst", "people (1).csv, epsilon 1, delta 1e-06"]


def test_what_a_record_tells_of_a_method_without_a_file_here_counts() -> None:
    told = {"role": "inspired", "note": "after hearsay"}

    def of(name: str, **more: Any) -> Record:
        return changed(one(name), method={"name": name, "guarantee": "dp", **more})

    first, second = summaries(View.of([of("mine", about=told), of("yours")]))
    assert (first.kind, first.badge, second.kind, second.badge) == ("apart", "dp (after hearsay)", "ranked", "dp")
    assert summaries(View.of([of("mst", about=told)]))[0].kind == "ranked"  # what its file here says goes before
    with pytest.raises(ValueError, match="role"):
        View.of([of("mine", about={"role": "best"})])


def judged(seed: int, scores: dict[str, dict[str, float]], **evaluation: Any) -> Record:
    """One fit of each seed, judged as told."""
    made = record(f"{seed}{evaluation}", fit_id=f"fit{seed}", seed=seed, metrics=scores)
    return changed(made, evaluation={"evaluators": list(scores), **evaluation})


def test_a_fit_that_was_judged_several_times_counts_once() -> None:
    usual = [judged(seed, {"logistic": {"accuracy": 0.5 + seed / 10}}) for seed in range(3)]
    more = {"metrics": ["my:brier"], "groups": ["sex"]}
    again = [judged(seed, {"logistic": {"accuracy": 0.5 + seed / 10, "brier": 0.2}}, **more) for seed in range(3)]
    other = [judged(seed, {"forest": {"accuracy": 0.9}}) for seed in range(3)]
    (group,) = View.of([*usual, *again, *other]).groups
    assert [run.seed for run in group.runs] == [0, 1, 2]
    assert group.runs[0].metrics == {"logistic": {"accuracy": 0.5, "brier": 0.2}, "forest": {"accuracy": 0.9}}
    assert group.runs[0].judges == ("forest", "logistic") and group.runs[0].evaluation.own_metrics == ("brier",)
    (table,) = BUILDERS["leaderboard"](View.of([*usual, *again]))
    assert table.rows == BUILDERS["leaderboard"](View.of(usual))[0].rows
    failed = changed(again[0], run_id="failed", status="failed", metrics={}, error="brier is NaN")
    assert len(View.of([usual[0], failed]).records) == 2


@pytest.mark.parametrize("first", [0, 1])
def test_times_are_those_of_the_fit_that_was_asked_least(first: int) -> None:
    """Of all seeds and methods alike, whatever order their records come in: fits of other machines take other times."""
    scores = {"logistic": {"accuracy": 0.5}}
    usual = changed(judged(0, scores), seconds={"fit": 1.0, "sample": 0.0, "total": 1.0}, environment={"cpu": "A"})
    asked = changed(judged(0, scores, likeness=["triples"]), seconds={"fit": 9.0, "sample": 0.0, "total": 9.0})
    asked = changed(asked, environment={"cpu": "B"})
    (group,) = View.of([usual, asked] if first else [asked, usual]).groups
    (joined,) = group.runs
    assert (joined.seconds.total, joined.environment.cpu, joined.evaluation.likeness) == (1.0, "A", ("triples",))


def test_judging_that_gives_other_numbers_is_a_case_of_its_own() -> None:
    usual = [judged(seed, {"logistic": {"accuracy": 0.5}}, repeats=1) for seed in range(3)]
    often = [judged(seed, {"logistic": {"accuracy": 0.6}}, repeats=2) for seed in range(3)]
    cases = {str(group.case.dataset): len(group.runs) for group in View.of([*usual, *often]).groups}
    assert cases == {"toy": 3, "toy (evaluation.repeats=2)": 3}
    assert [str(group.case.dataset) for group in View.of(often).groups] == ["toy"]  # of one kind nothing need be told apart
    first, second = ({"_target_": "my.f", "beta": beta} for beta in (1, 2))
    metrics = [judged(0, {"logistic": {"accuracy": 0.5, "f": 0.1}}, metrics=[one]) for one in (first, second)]
    assert [group.case.dataset.with_settings for group in View.of(metrics).groups] == [
        "toy (evaluation.metrics={_target_: my.f, beta: 1})",
        "toy (evaluation.metrics={_target_: my.f, beta: 2})",
    ]
    models = [judged(0, {"M": {"accuracy": depth / 10}}, evaluators=[{"_target_": "my.M", "depth": depth}]) for depth in (1, 2)]
    assert len(View.of(models).records) == 2  # judged_alike keeps one of them
