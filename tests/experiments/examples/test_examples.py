"""The examples of a method, a data set, a metric and a table work as their README says."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from builders.forked_command import Forked
from builders.paths import ROOT
from builders.processes import process_environment

from experiments.examples import make_data, metric, table
from experiments.report.grouped import View

Dpdsyn = Callable[..., subprocess.CompletedProcess]
EXAMPLES = ROOT / "experiments" / "examples"


def readme_command(beginning: str) -> list[str]:
    """A command of the README, without the lines that are broken in it."""
    lines = (EXAMPLES / "README.md").read_text().replace("\\\n", "").splitlines()
    (found,) = [line for line in lines if line.startswith(beginning)]
    return found.split()


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
def test_method_data_set_metric_model_and_table_run_as_the_readme_says(example: Dpdsyn) -> None:
    done = example(
        readme_command("dpdsyn run --config-dir experiments/examples/conf -m dataset=my_data synthesizer=my_method,real  ")
    )
    assert done.returncode == 0, done.stderr
    rows = {row["method"]: row for row in csv.DictReader(io.StringIO(example(readme_command("dpdsyn records")).stdout))}
    assert set(rows) == {"my_method", "real"} and rows["my_method"]["guarantee"] == "dp"
    assert rows["my_method"]["dataset"] == "my_data" and rows["my_method"]["n_synth"] == "300"
    for row in rows.values():
        assert 0 < float(row["brier"]) < 1 and float(row["accuracy.neighbours"]) > 0.6
        assert float(row["brier"]) == pytest.approx((float(row["brier.logistic"]) + float(row["brier.neighbours"])) / 2)
    shown = example(readme_command("python -m experiments.examples.table"))
    assert shown.returncode == 0, shown.stderr
    assert "my_data, epsilon 1, delta 1e-06: seconds for a point of accuracy" in shown.stdout and "| my_method |" in shown.stdout


def test_a_misspelt_metric_is_refused_before_anything_runs(example: Dpdsyn, tmp_path: Path) -> None:
    arguments = readme_command(
        "dpdsyn run --config-dir experiments/examples/conf -m dataset=my_data synthesizer=my_method,real  "
    )
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
