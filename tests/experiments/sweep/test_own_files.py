"""Files of one's own in `--config-dir` go before ours, and what nothing reads is refused in one line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from builders.records import record
from hydra.types import RunMode

from dpdsyn.base.checks import InputError
from experiments.cli.main import main
from experiments.cli.run import retry
from experiments.configuration import config_dir
from experiments.records.store import Store
from experiments.report.remarks import remarks
from experiments.sweep import launch, plan, sweep
from experiments.sweep.composing import hydra_with
from experiments.sweep.local import launcher as local
from experiments.sweep.plan import composed
from experiments.sweep.request import inspect_request, show

ONE = ("dataset=adult", "synthesizer=dpdsyn")


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "DPDSYN_RESULTS", str(tmp_path / "results"))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Copies of shipped files, changed, and an experiment that chooses its method in `defaults`."""
    folder = tmp_path / "my, conf"
    for path, change in {
        "synthesizer/dpdsyn.yaml": ("candidate_share: 0.7", "candidate_share: 0.33"),
        "compute/default.yaml": ("timeout: null", "timeout: 77"),
        "privacy/default.yaml": ("epsilon: 1.0", "epsilon: 3.0"),
    }.items():
        (folder / path).parent.mkdir(parents=True)
        shipped = (config_dir() / path).read_text(encoding="utf-8")
        assert shipped.count(change[0]) == 1
        (folder / path).write_text(shipped.replace(*change), encoding="utf-8")
    (folder / "hydra" / "launcher").mkdir(parents=True)
    (folder / "hydra" / "launcher" / "slurm.yaml").write_text("_target_: mine\npartition: long\n", encoding="utf-8")
    (folder / "experiment").mkdir()
    (folder / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /synthesizer: mst\n  - override /compute: alone\n"
        "hydra: {sweeper: {params: {dataset: adult, seed: '0,1'}}}\n",
        encoding="utf-8",
    )
    return folder


def configured(*arguments: str) -> list[dict[str, Any]]:
    request = inspect_request(arguments)
    return [config for _, config, _ in composed(request.jobs(), request.config_dir)]


def test_a_copy_of_a_shipped_file_counts_in_every_group(own: Path, capsys: pytest.CaptureFixture) -> None:
    (config,) = configured("--config-dir", str(own), *ONE)
    assert config["synthesizer"]["candidate_share"] == 0.33 and config["compute"]["timeout"] == 77
    assert config["privacy"]["epsilon"] == 3.0 and config["dataset"]["name"] == "adult"
    (ours,) = configured(*ONE)
    assert ours["synthesizer"]["candidate_share"] == 0.7 and ours["compute"]["timeout"] is None
    for extra, target in ((own, "mine"), (None, None)):
        with hydra_with(extra) as hydra:
            given = [*ONE, *(["hydra/launcher=slurm"] if extra else [])]
            launcher = hydra.compose_config(
                "config", given, run_mode=RunMode.MULTIRUN, with_log_configuration=False
            ).hydra.launcher
            assert launcher._target_ == target or (target is None and launcher._target_ == local.TARGET)
    show(inspect_request(["--config-dir", str(own), *ONE, "--cfg", "job"]))
    assert "candidate_share: 0.33" in capsys.readouterr().out


def test_an_experiment_may_choose_in_its_defaults_and_the_command_line_goes_first(own: Path) -> None:
    flags = ("--config-dir", str(own), "-m", "experiment=mine")
    found = configured(*flags)
    assert [(c["synthesizer"]["name"], c["compute"]["alone"], c["compute"]["timeout"], c["seed"]) for c in found] == [
        ("mst", True, 77, seed) for seed in (0, 1)
    ]
    assert {config["synthesizer"]["name"] for config in configured(*flags, "synthesizer=real")} == {"real"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("+anything=1",), r"^\+anything=1: there is no key anything, so it would do nothing; accepted: dataset, synthesizer,"),
        (("++any.thing=1",), "there is no key any, so it would do nothing"),
        (("anything=1",), "^there is no key anything; accepted: dataset, "),
        (("+methods=1",), "there is no key methods"),
        (("+guide=crosses",), "there is no key guide"),
        (("+compute.foo=1",), r"^\+compute.foo=1: compute has no key foo; accepted: threads, workers"),
        (("+privacy.foo=1",), "privacy has no key foo; accepted: epsilon, delta"),
        (("--config-dir", "nowhere"), "--config-dir .*nowhere: there is no such folder"),
        (("--config-path", "nowhere"), "--config-path is not for us; files of your own go before ours with --config-dir"),
        (("--config-name", "nowhere"), "--config-name is not for us"),
        (("evaluation.repeats=0",), "evaluation.repeats is 0"),
        (("evaluation.repeats=x",), "repeats is 'x'; needed: whole number"),
        (("evaluation.evaluators=[]",), "evaluation.evaluators is empty, so that nothing would be scored"),
        (("compute.retry=maybe",), "compute.retry is 'maybe'; accepted: true, false"),
        (("compute.alone=maybe",), "compute.alone is 'maybe'; accepted: true, false"),
        (("compute.timeout=x",), "compute.timeout is 'x'"),
        (
            ("compute=alone", "compute.workers=2"),
            "compute.workers is 2, and runs that are to be alone on the machine .* go one at a",
        ),
    ],
)
def test_what_nothing_reads_or_cannot_be_meant_is_refused_in_a_line(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        configured(*arguments, *ONE)
    assert "\n" not in str(refused.value)


def test_a_key_that_a_file_of_ones_own_misspells_is_refused_too(own: Path) -> None:
    file = own / "compute" / "default.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "timeuot: 3\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"compute.timeuot: compute has no key timeuot"):
        configured("--config-dir", str(own), *ONE)


def test_status_knows_the_folder(own: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["status", "--once", "--config-dir", str(own), "experiment=mine"]) == 0
    assert "experiment=mine: 0 of 2 done" in capsys.readouterr().out
    assert main(["status", "--once", "experiment=mine"]) == 2


def test_a_retry_goes_on_after_a_command_that_cannot_be_read_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    class Failed:
        run_id = "a"

    gone = plan.Plan(("-m", "--config-dir", "gone", *ONE), "single", (), 0.0, "")
    other = plan.Plan(("-m", *ONE), "single", (), 1.0, "")
    done: list[Any] = []
    monkeypatch.setattr(sweep, "failures", lambda store: [(one, [Failed()]) for one in (gone, other)])
    monkeypatch.setattr(
        sweep, "sweep", lambda request, *_: done.append(request) or sweep.Outcome(other, Store(tmp_path), 0, 0, [])
    )
    assert retry([]) == 2
    assert [request.arguments for request in done] == [
        ("-m", *ONE)
    ] and "gone: there is no such folder" in capsys.readouterr().err
    assert launch.typed_command(other).startswith("dpdsyn run -m")


def test_nothing_is_said_of_an_experiment_whose_file_is_elsewhere() -> None:
    def told(name: str) -> bool:
        return any("older" in line for line in remarks([record(experiment={"name": name, "sha256": "0" * 16})]))

    assert not told("mine") and told("quickstart")
