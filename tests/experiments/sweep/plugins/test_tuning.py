"""`hydra/sweeper=optuna`: what is tried, what is refused in one line, and that a tuning goes on from its records."""

from __future__ import annotations

import json
import os
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders.records import record

pytest.importorskip("optuna", reason="the extra `test` installs it")

from experiments.cli.main import main
from experiments.records.store import Store
from experiments.sweep import launch
from experiments.sweep.overrides import UsageError, parsed
from experiments.sweep.plan import Plans
from experiments.sweep.plugins import tracked, tuner
from experiments.sweep.plugins.space import Dimension
from experiments.sweep.plugins.trials import Trial, Tuned, summary
from experiments.sweep.plugins.tuner import tune, tuning_file
from experiments.sweep.plugins.tuning import Tuning, inspect_tuning, is_asked

SMALL = (
    "dataset=simulated",
    "dataset.generator.rows=1000",
    "synthesizer=dpdsyn_class_conditional",
    "evaluation.evaluators=[logistic]",
)
SHARE = "synthesizer.candidate_share=interval(0.3,0.9)"
TUNE = ("-m", "hydra/sweeper=optuna")


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(os.environ, "DPDSYN_RESULTS", str(tmp_path / "results"))
    return tmp_path / "results"


class Launched:
    """Stands for the launcher: a record for each run, whose accuracy is best where the share is 0.5. broken: seeds that fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.broken: set[int] = set()
        self.stops_after: int | None = None
        monkeypatch.setattr(tuner.launch, "launch", self.launch)
        monkeypatch.setattr(tuner, "running", lambda *_: nullcontext())
        monkeypatch.setattr(tracked, "note", lambda *_: None)

    def launch(self, plan: Any, request: Any, store: Store, todo: Any, *_: Any) -> launch.Launched:
        for planned in todo:
            if self.stops_after is not None and len(self.done) >= self.stops_after:
                raise KeyboardInterrupt
            share = next(float(text.partition("=")[2]) for text in planned.overrides if "candidate_share" in text)
            ended = {"metrics": {"logistic": {"accuracy": 1 - (share - 0.5) ** 2 - planned.seed / 100}}}
            failed = {"status": "failed", "error": "broken", "metrics": {}}
            store.write(replace(record(**(failed if planned.seed in self.broken else ended)), run_id=planned.run_id))
            self.done.append(planned.run_id)
        return launch.Launched(len(todo), [])


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Launched:
    return Launched(monkeypatch)


def asked(*more: str, trials: int = 4) -> Tuning:
    return inspect_tuning([*TUNE, f"hydra.sweeper.n_trials={trials}", *SMALL, SHARE, *more])


def test_a_trial_is_a_run_for_each_seed_and_the_same_command_computes_nothing(launched: Launched, results: Path) -> None:
    tuning = asked("seed=0,1", trials=3)
    first = tune(tuning)
    assert len(first.trials) == 3 and first.tried == 6 == len(set(launched.done)) and not first.refused
    for trial in first.trials:
        share = float(trial.settings[0].partition("=")[2])
        assert 0.3 <= share <= 0.9 and trial.value == pytest.approx(1 - (share - 0.5) ** 2 - 0.005), "the mean over both seeds"
    assert first.best is not None and first.best.value == max(trial.value or 0 for trial in first.trials)
    again = tune(tuning)
    assert again.trials == first.trials and again.tried == 0 and len(launched.done) == 6
    more = tune(asked("seed=0,1", trials=4))
    assert more.trials[:3] == first.trials and more.tried == 2
    (plan, other) = Plans(results).all()
    assert [len(plan.runs), len(other.runs)] == [6, 8] and {run.run_id for run in other.runs} == set(launched.done)
    kept = json.loads(tuning_file(results, plan.sweep_id).read_text())
    assert kept["objective"] == "accuracy" and len(kept["trials"]) == 3 and kept["best"]["value"] == first.best.value


def test_a_tuning_that_is_interrupted_goes_on_as_an_undisturbed_one(launched: Launched, monkeypatch: pytest.MonkeyPatch) -> None:
    tuning = asked("seed=0,1")
    launched.stops_after = 3
    with pytest.raises(KeyboardInterrupt):
        tune(tuning)
    launched.stops_after = None
    resumed = tune(tuning)
    assert resumed.tried == 5 and len(set(launched.done)) == len(launched.done) == 8
    monkeypatch.setitem(os.environ, "DPDSYN_RESULTS", os.environ["DPDSYN_RESULTS"] + "-other")
    undisturbed = tune(tuning)
    assert undisturbed.trials == resumed.trials and undisturbed.tried == 8


def test_a_trial_with_a_failed_run_has_no_value_and_retry_does_it_again(launched: Launched) -> None:
    tuning = asked("seed=0,1", trials=2)
    launched.broken = {1}
    failed = tune(tuning)
    assert [trial.value for trial in failed.trials] == [None, None] and failed.best is None
    assert summary(failed) == ["2 trials of accuracy (maximize), 2 failed; 4 runs computed now"]
    assert tune(tuning).tried == 0
    launched.broken = set()
    retried = tune(tuning, retried=set())
    assert retried.tried == 2 and all(trial.value for trial in retried.trials)


def test_trials_learn_from_records(launched: Launched) -> None:
    few = asked("seed=0", "+hydra.sweeper.sampler.n_startup_trials=2")
    most, least = tune(few), tune(replace(few, direction="minimize"))
    assert [trial.settings for trial in most.trials[:2]] == [trial.settings for trial in least.trials[:2]], "drawn blindly"
    assert most.trials[2].settings != least.trials[2].settings
    assert most.best is not None and least.best is not None and (most.best.value or 0) > (least.best.value or 0)


def test_trials_at_once_and_another_sampler(launched: Launched) -> None:
    tuning = asked("seed=0", "hydra/sweeper/sampler=random", "hydra.sweeper.n_jobs=3", trials=5)
    one = tune(tuning)
    assert len(one.trials) == 5 and one.tried == 5
    other = tune(replace(tuning, settings={**tuning.settings, "sampler": {**tuning.settings["sampler"], "seed": 1}}))
    assert other.trials != one.trials


def test_what_is_written_down_in_an_experiment(launched: Launched, tmp_path: Path) -> None:
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /hydra/sweeper: optuna\nhydra:\n  sweeper:\n    n_trials: 3\n    params:\n"
        "      dataset: simulated\n      dataset.generator.rows: 1000\n      seed: 0,1\n"
        "      synthesizer: dpdsyn_class_conditional\n"
        "      synthesizer.candidate_share: interval(0.3,0.9)\n"
    )
    command = ["--config-dir", str(tmp_path / "conf"), "-m", "experiment=mine", SMALL[3]]
    assert is_asked(command) and not is_asked(["-m", "experiment=quickstart"]) and not is_asked(["-m", *SMALL])
    done = tune(inspect_tuning(command))
    assert len(done.trials) == 3 and done.tried == 6
    narrowed = inspect_tuning([*command, "hydra.sweeper.n_trials=7", "synthesizer.candidate_share=interval(0.4,0.5)"])
    assert narrowed.trials == 7 and narrowed.space[0].ends == [
        "synthesizer.candidate_share=0.4",
        "synthesizer.candidate_share=0.5",
    ]


@pytest.mark.parametrize(
    ("typed", "values", "ends"),
    [
        ("k=interval(0,1)", {0.25: "k=0.25", 0.123456: "k=0.1235", 0.99999999: "k=1.0"}, ["k=0.0", "k=1.0"]),
        ("k=interval(0.12344,1)", {0.12344: "k=0.12344", 0.123443: "k=0.123443"}, ["k=0.12344", "k=1.0"]),
        ("k=int(interval(1,64))", {17: "k=17"}, ["k=1", "k=64"]),
        ("k=tag(log,interval(0.001,1))", {0.0123456: "k=0.01235"}, ["k=0.001", "k=1.0"]),
        ("k=range(1,10,3)", {4: "k=4"}, ["k=1", "k=7"]),
        ("k=range(0.1,0.5,0.1)", {0.30000000000000004: "k=0.3"}, ["k=0.1", "k=0.4"]),
        ("k=choice(a,b)", {"b": "k=b"}, ["k=a", "k=b"]),
        ("k=16,null,true", {"null": "k=null"}, ["k=16", "k=null", "k=True"]),
    ],
)
def test_each_of_hydras_words_is_a_dimension(typed: str, values: dict[Any, str], ends: list[str]) -> None:
    dimension = Dimension.of("k", parsed(typed))
    assert {value: dimension.override(value) for value in values} == values and dimension.ends == ends
    assert ("log" in typed) == bool(getattr(dimension.distribution, "log", False))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*TUNE[1:], *SMALL, SHARE), "hydra/sweeper=optuna does many runs; add -m"),
        ((*TUNE, *SMALL), "nothing is tried: give at least one key of synthesizer or encoding an interval"),
        ((*TUNE, "dataset=adult", *SMALL[2:], SHARE), "^adult is no development set, and settings are chosen on those only"),
        ((*TUNE, "dataset=simulated,adult", *SMALL[2:], SHARE), "^adult is no development set"),
        ((*TUNE, *SMALL, "synthesizer.candidate_share=interval(0.3,2)"), "candidate_share is 2.0; a number between 0 and 1"),
        (
            (*TUNE, *SMALL, "synthesizer.candidate_share=interval(0.9,0.3)"),
            "an interval needs two finite numbers, the smaller first$",
        ),
        ((*TUNE, *SMALL, "synthesizer.candidate_share=tag(log,interval(0,1))"), "candidate_share=tag.*low.*log"),
        ((*TUNE, *SMALL, "synthesizer.nosuch=interval(0,1)"), "nosuch"),
        ((*TUNE, *SMALL, SHARE, "seed=interval(0,9)"), "a trial is the mean over what is listed of dataset, seed, privacy"),
        ((*TUNE, *SMALL, SHARE, "evaluation=standard,raw"), "only synthesizer and encoding are tuned"),
        ((*TUNE, *SMALL, SHARE, "hydra.sweeper.objective=acuracy"), r"objective is 'acuracy' \(did you mean accuracy\?\)"),
        ((*TUNE, *SMALL, SHARE, "hydra.sweeper.objective=positive_rate"), "nothing says whether more positive_rate is better"),
        ((*TUNE, *SMALL, SHARE, "hydra.sweeper.direction=[maximize,minimize]"), "direction is .*; accepted: maximize, minimize"),
        ((*TUNE, *SMALL, SHARE, "hydra.sweeper.n_trials=0"), "n_trials is 0"),
        ((*TUNE, *SMALL, SHARE, "hydra.sweeper.n_trails=3"), "Could not override 'hydra.sweeper.n_trails'"),
        ((*TUNE, *SMALL, SHARE, "hydra.sweeper.sampler.seed=null"), "without a seed the same command could not go on"),
        ((*TUNE, *SMALL, SHARE, "hydra.sweeper.sampler._target_=optuna.nosuch"), "hydra.sweeper.sampler cannot be made"),
        ((*TUNE, *SMALL, SHARE, "+hydra.sweeper.params.seed=1"), "params are for an experiment's file"),
        (("-m", "hydra/sweeper=nosuch", *SMALL), "hydra/sweeper=nosuch: there are optuna, which tunes, and basic"),
    ],
)
def test_what_cannot_be_tuned_is_refused_in_a_line(
    arguments: tuple[str, ...], message: str, launched: Launched, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises((UsageError, ValueError), match=message) as refused:
        inspect_tuning(arguments)
    assert "\n" not in str(refused.value) and not launched.done


def test_another_table_is_tuned_on_when_that_is_said() -> None:
    tuning = inspect_tuning([*TUNE, "dataset=adult", *SMALL[2:], SHARE, "hydra.sweeper.development_only=false"])
    assert tuning.direction == "maximize" and tuning.trials == 20
    least = inspect_tuning([*TUNE, *SMALL, SHARE, "hydra.sweeper.objective=log_loss.logistic"])
    assert least.direction == "minimize"


def test_the_command_prints_the_best_and_what_to_type_for_it(launched: Launched, capsys: pytest.CaptureFixture) -> None:
    call = ["run", *TUNE, "hydra.sweeper.n_trials=2", *SMALL, SHARE]
    assert main(call) == 0
    told = capsys.readouterr()
    assert "2 trials of accuracy (maximize), 0 failed; 2 runs computed now" in told.out
    assert "| trial | accuracy     | settings |" in told.out and "trial 2 of 2: accuracy" in told.err
    assert "the best, on another table: dpdsyn run dataset=NAME synthesizer=dpdsyn_class_conditional" in told.out
    assert "generator" not in told.out
    launched.broken = {5}
    assert main([*call, "seed=5"]) == 1
    assert main(["run", *TUNE, *SMALL]) == 2
    assert main(["run", "--cfg", "job", *call[1:]]) == 0 and "candidate_share: 0.3" in capsys.readouterr().out


def test_the_first_of_equals_is_the_best() -> None:
    tuning = inspect_tuning([*TUNE, *SMALL, SHARE])
    trials = tuple(
        Trial(i, (f"synthesizer.candidate_share=0.{i}",), value, ()) for i, value in enumerate((0.5, None, 0.7, 0.7), 1)
    )
    assert Tuned(tuning, trials, 0).best == trials[2]
