from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from builders.configuration import composed
from hydra import initialize_config_dir

from dpdsyn.guide import GuideSettings
from dpdsyn.synthesizer import load
from experiments.configuration import config_dir, options
from experiments.run import Run, execute
from experiments.sweep.request import inspect_request


@pytest.fixture(autouse=True)
def hydra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(os.environ, "DPDSYN_RESULTS", str(tmp_path))
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        yield


@pytest.mark.parametrize("dataset", [name for name in options("dataset") if name != "csv"])
@pytest.mark.parametrize("synthesizer", options("synthesizer"))
def test_every_run_composes(dataset: str, synthesizer: str) -> None:
    run = Run.of(composed(f"dataset={dataset}", f"synthesizer={synthesizer}"))
    assert (run.dataset.name, run.method) == (dataset, synthesizer)
    assert run.schema.target in run.schema.names and run.dataset.positive in run.schema[run.schema.target].categories
    assert run.dataset.offtask in run.schema.features and not run.schema[run.dataset.offtask].ordered


@pytest.mark.parametrize("synthesizer", options("synthesizer"))
def test_configuration_files_hold_the_defaults_of_the_code(synthesizer: str) -> None:
    option = composed("dataset=adult", f"synthesizer={synthesizer}")["synthesizer"]
    name, target = option.pop("name"), option.pop("_target_")
    defaults = load(target)().parameters()
    assert set(option) == set(defaults)
    if "guide" in option:
        assert GuideSettings(**option.pop("guide")) == GuideSettings()
        defaults.pop("guide")
    defaults |= {
        "aim_3way": {"workload": "all_3way"},
        "aim_target": {"workload": "target"},
        "dpdsyn_as_published": {"candidates": "permuted"},
        "dpdsyn_mst": {"candidates": "mst", "candidate_share": 0.8, "labels": "toward_shares"},
    }.get(name, {})
    if "package" in option:  # one class for all methods of all packages
        shown = {"snsynth": "smartnoise"}.get(name.partition("_")[0], name.partition("_")[0])
        defaults |= {"package": shown, "method": name.partition("_")[2]}
        defaults |= {"snsynth_mwem": {"options": {"split_factor": 3}}, "dpmm_aim": {"options": {"max_model_size": 80}}}.get(
            name, {}
        )
    if "other_targets" in option:
        option["other_targets"] = tuple(option["other_targets"])
    assert option == defaults


@pytest.mark.parametrize("experiment", options("experiment"))
def test_every_experiment_names_what_exists(experiment: str) -> None:
    request = inspect_request(["-m", f"experiment={experiment}"])
    jobs = request.jobs()
    assert len({tuple(job) for job in jobs}) == len(jobs) >= 1
    for overrides in jobs[:: max(1, len(jobs) // 20)]:
        Run.of(composed(*overrides))


def test_quickstart_is_every_method_at_epsilon_one_with_three_seeds() -> None:
    request = inspect_request(["-m", "experiment=quickstart"])
    variants = {"absyn", "aim_3way", "aim_target", "dpdsyn_mst"}  # of a workload, of candidates, or inspired
    minutes = {"dpwgan", "rdp_gan", "rdp_gan_as_published", "wdp_gan", "dp_ctgan"}  # what a GAN takes; they are in `main_gan`
    wrapped = {name for name in options("synthesizer") if name.startswith(("snsynth_", "dpmm_"))}
    assert set(request.axes["synthesizer"]) == set(options("synthesizer")) - variants - minutes - wrapped
    assert request.axes["privacy.epsilon"] == [1.0] and len(request.axes["seed"]) == 3


def identifiers(*overrides: str) -> tuple[str, str]:
    run = Run.of(composed("dataset=adult", *overrides))
    return run.fit_id, run.run_id


def test_what_can_change_the_table_changes_the_fit_and_nothing_else_does() -> None:
    base = identifiers("synthesizer=dpdsyn")
    for change in (
        "seed=1",
        "privacy.epsilon=2",
        "privacy.delta=1e-7",
        "synthesizer.guide.hidden=3",
        "dataset.test_share=0.3",
        "dataset.schema.columns.age.bins=8",
        "synthesizer.labels=argmax",
    ):
        assert identifiers("synthesizer=dpdsyn", change)[0] != base[0], change
    for change in ("compute.threads=2", "compute.workers=1", "compute.retry=true", "dataset.title=x", "dataset.sources=[]"):
        assert identifiers("synthesizer=dpdsyn", change) == base, change
    for change in ("evaluation.repeats=2", "evaluation.evaluators=[forest]"):
        fit, run = identifiers("synthesizer=dpdsyn", change)
        assert fit == base[0] and run != base[1], change


def test_the_off_task_column_is_judged_on_the_same_fit() -> None:
    base, other = identifiers("synthesizer=dpdsyn"), identifiers("synthesizer=dpdsyn", "evaluation=offtask")
    assert base[0] == other[0] and base[1] != other[1]
    assert other[1] != identifiers("synthesizer=dpdsyn", "evaluation=offtask", "dataset.offtask=race")[1]
    with pytest.raises(ValueError, match=r"adult names no off-task column; add dataset.offtask=COLUMN"):
        identifiers("synthesizer=dpdsyn", "evaluation=offtask", "dataset.offtask=null")
    with pytest.raises(ValueError, match=r"evaluation.target is 'sex'; accepted: null .* offtask"):
        identifiers("synthesizer=dpdsyn", "+evaluation.target=sex")


def test_an_off_task_record_says_what_was_predicted() -> None:
    small = ("dataset=simulated", "dataset.generator.rows=2000", "dataset.generator.test_rows=500", "evaluation=offtask")
    record = execute(Run.of(composed(*small, "synthesizer=real", "evaluation.evaluators=[logistic]")))
    assert (record.status, record.evaluation.column, record.dataset.ceiling) == ("ok", "x8", None)
    assert record.dataset.generator["rows"] == 2000
    # x8 copies x6 half the time and has two codes, so a model can be right in three cases of four
    assert 0.7 < record.metrics["logistic"]["accuracy"] < 0.85
    skipped = execute(Run.of(composed(*small, "synthesizer=guide_only")))
    assert skipped.status == "skipped" and "no rows to learn x8 from" in str(skipped.error)


def test_methods_that_spend_nothing_are_fitted_once_for_all_budgets() -> None:
    one, other = identifiers("synthesizer=real"), identifiers("synthesizer=real", "privacy.epsilon=2")
    assert one[0] == other[0] and one[1] != other[1]


def test_configuration_is_plain_yaml() -> None:
    for path in config_dir().rglob("*.yaml"):
        assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict), path


def test_an_experiment_may_be_a_list_of_others() -> None:
    request = inspect_request(["-m", "experiment=scalability", "seed=0"])
    assert request.experiments == ("scalability_acs", "scalability_simulated")
    assert request.axes["experiment"] == ["scalability"]
    jobs = [tuple(job) for job in request.jobs()]
    assert jobs == [tuple(job) for job in inspect_request(["-m", f"experiment={','.join(request.experiments)}", "seed=0"]).jobs()]
    stamps = request.stamps()
    assert set(stamps) == set(request.experiments) and all(len(stamp["sha256"]) == 16 for stamp in stamps.values())
    assert inspect_request(["-m", "experiment=main_fast,main_fast_sets"]).experiments == ("main_fast_sets", "main_fast_budgets")


def test_a_table_cut_to_fewer_rows_says_so_in_public_and_is_another_table() -> None:
    whole, small = ("synthesizer=real", "dataset=acs"), ("synthesizer=real", "dataset=acs", "dataset.train_rows=2000")
    run = Run.of(composed(*small))
    assert run.schema.rows_public == run.n_synth == 2000
    assert run.fit_id != Run.of(composed(*whole)).fit_id == Run.of(composed(*whole, "dataset.train_rows=163000")).fit_id
    for wrong in ("0", "2.5", "163001", "true"):
        with pytest.raises(ValueError, match=r"dataset.train_rows is .*; a whole number from 1 to 163000"):
            Run.of(composed(*whole, f"dataset.train_rows={wrong}"))
    with pytest.raises(ValueError, match=r"simulated ones have dataset.generator.rows"):
        Run.of(composed("synthesizer=real", "dataset=simulated", "+dataset.train_rows=5"))
