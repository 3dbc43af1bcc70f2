"""The examples of what is one's own work as their README says."""

from __future__ import annotations

import csv
import io
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from builders.forked_command import Forked
from builders.paths import ROOT
from builders.processes import process_environment
from builders.records import few

from dpdsyn import contract
from dpdsyn.synthesizer import load
from experiments.cli.main import main
from experiments.examples import figure, make_data, metric, table
from experiments.report.grouped import View

Dpdsyn = Callable[..., subprocess.CompletedProcess]
EXAMPLES = ROOT / "experiments" / "examples"


README = (EXAMPLES / "README.md").read_text(encoding="utf-8").replace("\\\n", "").splitlines()
JUDGED = "dpdsyn run --config-dir experiments/examples/conf -m dataset=my_data synthesizer=my_method,real  "


def readme_command(beginning: str) -> list[str]:
    """A command of the README, without the lines that are broken in it."""
    return next(line for line in README if line.startswith(beginning)).split()


@pytest.fixture
def example(tmp_path: Path, forked: Forked) -> Dpdsyn:
    """Run a command of the README from the top of the repository."""

    def call(arguments: list[str]) -> subprocess.CompletedProcess[str]:
        environment = process_environment(tmp_path, tmp_path, DPDSYN_DATA=str(EXAMPLES))
        if arguments[0] == "dpdsyn":
            return forked.run(arguments[1:], ROOT, environment, 300)
        return subprocess.run(
            [sys.executable, *arguments[1:]], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
        )

    return call


def test_the_method_keeps_the_contract(dpdsyn: Dpdsyn) -> None:
    checked = dpdsyn(*readme_command("dpdsyn check")[1:])
    assert checked.returncode == 0, checked.stdout
    assert "BROKEN" not in checked.stdout and checked.stdout.count("ok ") > 5


@pytest.mark.slow
def test_the_mechanism_is_held_as_far_as_it_can_be() -> None:
    (command,) = [line for line in README if line.startswith("dpdsyn check") and "mechanism" in line]
    told = {
        outcome.requirement: outcome
        for outcome in contract.outcomes(load(command.split()[2]), only=[contract.BLIND, contract.NOISE])
    }
    assert told[contract.BLIND].fault is None and told[contract.BLIND].untried is None
    assert "mechanism of its own" in str(told[contract.NOISE].untried)


def test_the_folder_is_known_to_the_commands_that_name_things(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setitem(os.environ, "DPDSYN_DATA", str(EXAMPLES))
    conf = ["--config-dir", str(EXAMPLES / "conf")]
    assert main(["list", *conf]) == 0
    listed = capsys.readouterr().out
    assert all(f"  {name} " in listed for name in ("my_data", "my_method", "laplace_columns", "my_tuning"))
    assert main(readme_command("dpdsyn data verify")[1:]) == 0 and "my_data          ok     400 rows" in capsys.readouterr().out
    assert main(["data", "list", *conf]) == 0 and "my_data          ill" in capsys.readouterr().out
    assert main(["data", "verify", "my_data"]) == 2 and "no dataset is called 'my_data'" in capsys.readouterr().err


@pytest.mark.slow
def test_all_run_as_the_readme_says(example: Dpdsyn, tmp_path: Path) -> None:
    done = example(readme_command(JUDGED))
    assert done.returncode == 0, done.stderr
    rows = {row["method"]: row for row in csv.DictReader(io.StringIO(example(readme_command("dpdsyn records")).stdout))}
    assert set(rows) == {"my_method", "real"} and rows["my_method"]["guarantee"] == "dp"
    assert rows["my_method"]["dataset"] == "my_data" and rows["my_method"]["n_synth"] == "300"
    for row in rows.values():
        models = ("logistic", "neighbours", "forty")
        assert 0 < float(row["brier"]) < 1 and all(float(row[f"accuracy.{name}"]) > 0.6 for name in models)
        assert float(row["brier"]) == pytest.approx(sum(float(row[f"brier.{name}"]) for name in models) / 3)
    assert "metrics of one's own" in done.stdout
    unverified = example(
        readme_command("dpdsyn run --config-dir experiments/examples/conf dataset=my_data synthesizer=laplace_columns")
    )
    assert unverified.returncode == 0 and re.search(r"laplace_columns .* unverified ", unverified.stdout)
    polite = example(
        readme_command("dpdsyn run --config-dir experiments/examples/conf -m dataset=my_data synthesizer=my_method,real seed=1")
    )
    assert polite.returncode == 0 and "2 runs: 2 computed now" in polite.stderr
    shown = example(readme_command("dpdsyn tables"))
    table = (tmp_path / "results/tables/own/seconds_a_point.md").read_text()
    assert shown.returncode == 0 and "seconds for a point of accuracy" in table and "| my_method " in table
    drawn = example(readme_command("dpdsyn figures"))
    assert drawn.returncode == 0 and (tmp_path / "results/figures/own/draw.svg").is_file(), drawn.stderr


@pytest.mark.slow
def test_the_tuning_runs_as_the_readme_says_and_goes_on(example: Dpdsyn, tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="the extra `test` installs it")
    command = readme_command("dpdsyn run --config-dir experiments/examples/conf -m experiment=my_tuning")
    done = example(command)
    assert done.returncode == 0 and "3 trials of auroc (maximize), 0 failed; 6 runs computed now" in done.stdout, done.stderr
    again = example(command)
    assert "0 runs computed now" in again.stdout and again.stdout.splitlines()[2:] == done.stdout.splitlines()[2:]
    with closing(sqlite3.connect(tmp_path / "results" / "mlflow.db")) as database:
        (parent,) = database.execute("SELECT run_uuid FROM runs WHERE name = 'tuning: 3 trials of auroc'").fetchall()
        children = database.execute("SELECT count(*) FROM tags WHERE key = 'mlflow.parentRunId' AND value = ?", parent).fetchone()
        trials = database.execute("SELECT count(*) FROM metrics WHERE key = 'trial_auroc' AND run_uuid = ?", parent).fetchone()
    assert (children, trials) == ((6,), (3,))


def test_a_misspelt_metric_is_refused_before_anything_runs(example: Dpdsyn, tmp_path: Path) -> None:
    arguments = readme_command(JUDGED)
    refused = example([text.replace("metric:brier", "metric:brierr") for text in arguments])
    assert refused.returncode == 2 and "cannot load the metric 'experiments.examples.metric:brierr'" in refused.stderr
    assert not list((tmp_path / "results").rglob("*.json"))


def test_the_rows_are_what_their_script_writes() -> None:
    assert make_data.FILE.read_text() == make_data.content()


def test_the_metric_by_hand() -> None:
    import numpy as np

    assert metric.brier(np.array([0, 1]), np.array([[1.0, 0.0], [1.0, 0.0]])) == 1.0


def test_a_table_without_records_is_none() -> None:
    assert table.build(View.of([])) == []


def test_the_figure_has_a_dot_for_each_method() -> None:
    (axes,) = figure.draw(View.of(few()), size=2.0).axes
    assert len(axes.lines) == len(axes.texts) == len(View.of(few()).swept.plain.groups) - 2, "two were stopped"
