"""The command under a row of the page asks for that very run again."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.committed import committed
from builders.records import changed, record
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from experiments.configuration import config_dir
from experiments.data import datasets
from experiments.records.record import Record
from experiments.report.commands import commands, overrides
from experiments.report.missing import lost
from experiments.run import Run, outline
from experiments.sweep.plan import composed
from experiments.sweep.request import inspect_request


@pytest.fixture
def hydra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(os.environ, "DPDSYN_RESULTS", str(tmp_path))
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        yield


def one_of_each(patch: pytest.MonkeyPatch) -> list[Record]:
    """A committed record for each data set, method and choice of settings.

    Without those whose candidates come from another method: its version then is not in the record.
    """
    kinds = {}
    for each in committed(patch):
        if not lost([each]) and each.method.parameters.get("candidates") != "mst":
            kinds[commands([changed(each, seed=0, privacy={**each.privacy.plain(), "epsilon": 1.0})])[0]] = each
    return list(kinds.values())


@pytest.mark.slow
def test_the_command_of_a_committed_record_asks_for_that_very_run(hydra: None, monkeypatch: pytest.MonkeyPatch) -> None:
    today, before = datasets.split_version, lambda dataset: {}  # some of the first generation's are split anew since
    asked = one_of_each(monkeypatch)
    assert len(asked) > 100
    for each in asked[::8]:
        (typed,) = commands([each])
        monkeypatch.setattr(datasets, "split_version", today if each.environment.code else before)
        program, verb, *overrides = shlex.split(typed)
        assert (program, verb) == ("dpdsyn", "run")
        config = OmegaConf.to_container(compose("config", overrides), resolve=True)
        assert Run.of(config).run_id == each.run_id, typed  # type: ignore[arg-type]


def test_seeds_of_the_same_settings_share_a_command_that_is_accepted() -> None:
    guide = {"hidden": 0, "batch": 4096}
    method = {"name": "guide_only", "guarantee": "dp", "parameters": {"guide": guide}}
    generator = {"classes": 4, "sizes": [4, 4, 8, 16], "rows": 40000}
    data = {"name": "simulated", "generator": generator, "n_train": 3, "caution": "mind"}
    evaluation = {"name": "offtask", "target": "offtask", "column": "x8", "evaluators": ["logistic"]}
    runs = [record(str(seed), seed=seed, method=method, dataset=data, evaluation=evaluation) for seed in (3, 1)]
    stopped = changed(
        record("t"), status="timeout", seconds={"limit": 600, "reached": 600.01}, privacy={"epsilon": 0.5, "delta": 1e-5}
    )
    first, second = commands([*runs, stopped])
    assert first == (
        "dpdsyn run -m dataset=simulated dataset.generator.classes=4 'dataset.generator.sizes=[4,4,8,16]' synthesizer=guide_only "
        "synthesizer.guide.hidden=0 privacy.epsilon=1.0 evaluation=offtask 'evaluation.evaluators=[logistic]' seed=1,3"
    )
    assert inspect_request(shlex.split(first)[2:]).axes["seed"] == ["1", "3"]
    assert second == (
        "dpdsyn run --config-dir DIR dataset=toy synthesizer=m privacy.epsilon=0.5 privacy.delta=1e-05 compute.timeout=600 seed=0"
        "  # DIR: the folder with your dataset/toy.yaml and synthesizer/m.yaml"
    )


def test_what_was_measured_alone_says_so_and_odd_values_are_written_as_hydra_reads_them() -> None:
    parameters = {"share": 0.2, "names": ["a", "b"], "none": None, "yes": True, "deep": {"x": 1e-7}}
    alone = record("a", method={"name": "own", "parameters": parameters}, seconds={"total": 1.0, "alone": True})
    (typed,) = commands([alone])
    assert shlex.split(typed, comments=True) == [
        *("dpdsyn", "run", "--config-dir", "DIR"),
        "dataset=toy",
        "synthesizer=own",
        "++synthesizer.share=0.2",
        "++synthesizer.names=[a,b]",
        "++synthesizer.none=null",
        "++synthesizer.yes=true",
        "++synthesizer.deep={x:1e-07}",
        "privacy.epsilon=1.0",
        "compute=alone",
        "seed=0",
    ]


def test_a_method_of_ours_by_another_name_needs_no_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "DPDSYN_RESULTS", str(tmp_path))
    for typed in (
        ["synthesizer=mst", "synthesizer.name=mine"],
        ["synthesizer=aim_target", "synthesizer.name=mine", "synthesizer.iterations=70"],
        ["synthesizer=dpdsyn", "synthesizer.name=mine", "synthesizer.guide.hidden=3"],
    ):
        ((_, _, run),) = composed([["dataset=adult", *typed]], None)
        (command,) = commands([Record.of(**outline(run), status="failed", error="x")])
        assert [word for word in shlex.split(command) if word.startswith("synthesizer")] == typed
        ((_, _, again),) = composed([shlex.split(command)[2:]], None)
        assert again.run_id == run.run_id


OWN = "experiments.examples.metric"
SMALL = ("dataset=simulated", "dataset.generator.rows=500", "synthesizer=real")


@pytest.mark.parametrize(
    "typed",
    [
        (f"+evaluation.metrics=[{OWN}:brier]",),
        ("+evaluation.models=[{_target_:sklearn.neighbors.KNeighborsClassifier,n_neighbors:40,name:forty}]",),
        ("+evaluation.models=[{_target_:sklearn.neighbors.KNeighborsClassifier,weights:'distance',name:'a, \"b\" \\\\'}]",),
        ("+evaluation.models=[{_target_:sklearn.neighbors.KNeighborsClassifier,n_neighbors:3,name:'2019'}]",),
        (f"evaluation.evaluators=[logistic,{OWN}:neighbours]", f"+evaluation.metrics=['{OWN}:brier']", "evaluation.repeats=2"),
        ("evaluation.name=mine", f"+evaluation.metrics=[{OWN}:brier]"),
        ("evaluation=raw", f"+evaluation.metrics=[{OWN}:brier]", "evaluation.name=mine"),
        ("evaluation=offtask", "+evaluation.likeness=[triples]"),
        ("synthesizer=dpdsyn", "+synthesizer.guide.options.width=3", "synthesizer.guide.module=dpdsyn.crosses:Crosses"),
        ("dataset=adult", "+dataset.train_rows=2000"),
    ],
)
def test_what_no_file_has_is_added(typed: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "DPDSYN_RESULTS", str(tmp_path))
    keys = {text.partition("=")[0] for text in typed}
    asked = [*typed, *(text for text in SMALL if text.partition("=")[0] not in keys)]
    if "dataset=adult" in typed:
        asked.remove("dataset.generator.rows=500")
    ((_, _, run),) = composed([asked], None)
    made = Record.of(**{**outline(run), "status": "ok"})
    (command,) = commands([made])
    again = inspect_request(shlex.split(command)[2:])
    ((_, _, same),) = composed(again.jobs(), None)
    assert same.run_id == run.run_id, command
    ((_, _, same),) = composed([list(overrides(made))], None)
    assert same.run_id == run.run_id


def test_files_of_ones_own_say_what_is_left_out_and_what_is_added(tmp_path: Path) -> None:
    for group, text in (
        ("synthesizer", "name: half\n_target_: x.Half\nshare: 0.5\n"),
        ("evaluation", "name: mine\nmetrics: []\n"),
    ):
        (tmp_path / group).mkdir()
        (tmp_path / group / f"{'half' if group == 'synthesizer' else 'mine'}.yaml").write_text(text)
    made = record(
        method={"name": "half", "parameters": {"share": 0.5, "more": 1}}, evaluation={"name": "mine", "metrics": ["a:b"]}
    )
    assert overrides(made, tmp_path)[1:] == (
        "synthesizer=half",
        "+synthesizer.more=1",
        "privacy.epsilon=1.0",
        "evaluation=mine",
        "evaluation.metrics=[a:b]",
        "seed=0",
    )
    assert overrides(made)[1:4] == ("synthesizer=half", "++synthesizer.share=0.5", "++synthesizer.more=1")
