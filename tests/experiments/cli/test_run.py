"""The real command in processes of its own, on a small table: sweeps, resuming, killing, MLflow, refusals."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from builders.processes import command, process_environment

Dpdsyn = Callable[..., subprocess.CompletedProcess]
SWEEP = (
    "run",
    "-m",
    "dataset=toy",
    "synthesizer=dpdsyn,independent,majority,real",
    "seed=0,1",
    "evaluation.evaluators=[logistic]",
    "compute.workers=1",
)


def rows(dpdsyn: Dpdsyn) -> list[dict[str, str]]:
    done = dpdsyn("records", "--format", "csv")
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def without_clock(results: list[dict[str, str]]) -> list[dict[str, str]]:
    moving = ("fit_seconds", "sample_seconds", "total_seconds", "peak_memory_mb")
    return [{key: value for key, value in row.items() if key not in moving} for row in results]


@pytest.mark.slow
def test_a_sweep_is_recorded_once_mirrored_and_resumed(dpdsyn: Dpdsyn, tmp_path: Path) -> None:
    first = dpdsyn(*SWEEP[:-1], "compute.workers=2")
    assert first.returncode == 0, first.stderr
    assert "8 runs: 8 computed now, 0 done before, 0 not ok" in first.stderr
    shown = first.stdout.splitlines()
    assert len(shown) <= 12 and max(map(len, shown)) <= 100 and {line.split()[0] for line in shown} >= {"dpdsyn", "real"}
    assert "no DP guarantee" in first.stdout and "seconds: fit and sample" in " ".join(shown)
    results = rows(dpdsyn)
    assert len(results) == 8 and {row["status"] for row in results} == {"ok"}
    for row in results:
        if row["guarantee"] == "dp":
            assert 0 < float(row["epsilon_spent"]) <= 1.0
    by_method = {(row["method"], row["seed"]): row for row in results}
    assert float(by_method["real", "0"]["accuracy"]) > float(by_method["majority", "0"]["accuracy"])
    assert by_method["real", "0"]["guarantee"] == "none" and by_method["dpdsyn", "0"]["guarantee"] == "dp"
    assert by_method["dpdsyn", "0"]["synthetic_sha256"] != by_method["dpdsyn", "1"]["synthetic_sha256"]

    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'results' / 'mlflow.db'}")
    (experiment,) = client.search_experiments(filter_string="name = 'ad hoc: toy'")
    children = client.search_runs([experiment.experiment_id], "tags.`dpdsyn.cell_id` != ''")
    runs = {run.data.tags["dpdsyn.cell_id"]: run for run in children}
    (parent,) = client.search_runs([experiment.experiment_id], "tags.`dpdsyn.sweep` != ''")
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert set(runs) == {row["run_id"] for row in results}
    for row in results:
        run = runs[row["run_id"]]
        sections = {
            "balanced_accuracy": "balanced_accuracy/mean",
            "macro_f1": "macro_f1/mean",
            "sample_seconds": "seconds/sample",
        }
        for metric in ("accuracy", "balanced_accuracy", "macro_f1", "auroc", "fit_seconds", "sample_seconds", "total_seconds"):
            assert run.data.metrics[sections.get(metric, metric)] == pytest.approx(float(row[metric]))
        assert run.info.run_name == f"{row['method']} toy eps=1 seed={row['seed']}"
        assert [artifact.path for artifact in client.list_artifacts(run.info.run_id)] == ["ledger.json", "record.json"]
    assert parent.info.status == "FINISHED" and parent.info.end_time > max(run.info.start_time for run in children)
    assert {artifact.path for artifact in client.list_artifacts(parent.info.run_id)} >= {"tables", "tables.md"}

    again = dpdsyn(*SWEEP)
    assert again.returncode == 0 and "8 runs: 0 computed now, 8 done before" in again.stderr
    assert rows(dpdsyn) == results
    assert len(client.search_runs([experiment.experiment_id])) == 9

    fresh = tmp_path / "elsewhere"
    assert dpdsyn(*SWEEP[:3], "synthesizer=dpdsyn", "seed=1", *SWEEP[-2:], DPDSYN_RESULTS=str(fresh)).returncode == 0
    repeated = list(csv.DictReader(io.StringIO(dpdsyn("records", DPDSYN_RESULTS=str(fresh)).stdout)))
    assert without_clock(repeated) == without_clock([by_method["dpdsyn", "1"]])

    assert dpdsyn("export").returncode == 0
    exported = tmp_path / "results" / "records.jsonl"
    assert len(exported.read_text().splitlines()) == 8
    tables = dpdsyn("tables")
    assert tables.returncode == 0 and (tmp_path / "results" / "tables" / "accuracy.csv").exists()
    assert "8 runs, 8 ok" in dpdsyn("status").stdout and "8 of 8 done" in dpdsyn("status", "--once").stdout


@pytest.mark.slow
def test_a_killed_sweep_goes_on_where_it_stopped(toy_world: Path, tmp_path: Path, dpdsyn: Dpdsyn) -> None:
    environment = process_environment(toy_world, tmp_path)
    records = tmp_path / "results" / "runs" / "records"
    process = subprocess.Popen(command(toy_world, *SWEEP), cwd=tmp_path, env=environment, start_new_session=True)
    deadline = time.monotonic() + 120
    while len(list(records.glob("*.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    finished = {path.name: path.stat().st_mtime_ns for path in records.glob("*.json")}
    assert 3 <= len(finished) < 8
    for name in finished:
        json.loads((records / name).read_text())
    again = dpdsyn(*SWEEP)
    assert again.returncode == 0, again.stderr
    assert f"8 runs: {8 - len(finished)} computed now, {len(finished)} done before, 0 not ok" in again.stderr
    assert {name: (records / name).stat().st_mtime_ns for name in finished} == finished
    assert len(rows(dpdsyn)) == 8


@pytest.mark.slow
def test_a_crash_is_a_record_and_is_tried_again_on_request(dpdsyn: Dpdsyn, tmp_path: Path, toy_world: Path) -> None:
    (tmp_path / "conf" / "synthesizer").mkdir(parents=True)
    (tmp_path / "conf" / "dataset").mkdir()
    (tmp_path / "conf" / "dataset" / "toy.yaml").write_bytes((toy_world / "conf" / "dataset" / "toy.yaml").read_bytes())
    (tmp_path / "conf" / "synthesizer" / "fragile.yaml").write_text("name: fragile\n_target_: fragile.Fragile\n")
    (tmp_path / "fragile.py").write_text(
        "from pathlib import Path\nfrom dpdsyn.candidates import Uniform\n"
        "class Fragile(Uniform):\n"
        "    def fit(self, private, rng):\n"
        "        if not Path('mended').exists(): raise RuntimeError('as expected')\n"
        "        return super().fit(private, rng)\n"
    )
    call = ("run", "-m", "--config-dir", "conf", "dataset=toy", "synthesizer=fragile", *SWEEP[-2:])
    first = dpdsyn(*call)
    assert first.returncode == 1, first.stderr
    assert (
        "failed" in first.stderr
        and "RuntimeError: as expected (fragile.py, line 5, in fit)" in first.stderr
        and "- (1 of 1 failed)" in first.stdout
    )
    (tmp_path / "mended").touch()
    assert dpdsyn(*call).returncode == 1
    assert dpdsyn(*call, "compute.retry=true").returncode == 0
    (row,) = rows(dpdsyn)
    assert (row["method"], row["status"], row["epsilon_spent"]) == ("fragile", "ok", "0.0")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("dataset=toy", "synthesizer=mts"), "no synthesizer is called 'mts'; there are absyn, aim, "),
        (("dataset=tyo", "synthesizer=mst"), "no dataset is called 'tyo'; there are acs, "),
        (("-m", "dataset=toy", "synthesizer=dpdsyn,mst,independnt"), "no synthesizer is called 'independnt'"),
        (("-m", "experiment=quikstart"), "no experiment is called 'quikstart'; there are "),
        (("experiment=quickstart",), "add -m"),
        (("synthesizer=mst",), "no dataset is given; add dataset=NAME"),
        (("dataset=toy", "synthesizer=mst,real"), "add -m"),
        (("dataset=toy", "synthesizer=mst", "privacy.epsilon=0"), "epsilon is 0; a finite number above 0"),
        (("dataset=toy", "synthesizer=mst", "privacy.epsilon=-1"), "epsilon is -1"),
        (("dataset=toy", "synthesizer=mst", "privacy.epsilon=much"), "epsilon is 'much'"),
        (("-m", "dataset=toy", "synthesizer=mst", "privacy.epsilon=1,nan"), "epsilon is nan"),
        (("dataset=toy", "synthesizer=mst", "privacy.delta=1"), "delta is 1; a number between 0 and 1"),
        (("dataset=toy", "synthesizer=mst", "privacy.delta=0"), "delta is 0"),
        (("dataset=toy", "synthesizer=mst", "seed=-3"), "seed is -3; a whole number"),
        (("-m", "dataset=toy", "synthesizer=dpdsyn", "synthesizer.candidate_share=0.1,1.5"), "candidate_share is 1.5"),
        (("dataset=toy", "synthesizer=dpdsyn", "synthesizer.candidates=mts"), "no synthesizer is called 'mts'"),
        (("-m", "dataset=toy", "synthesizer=mst", "hydra/sweeper=basic"), "hydra/sweeper=basic: there are optuna, which"),
        (("dataset=toy", "synthesizer=mst", "compute.timeout=0"), "compute.timeout is 0; a finite number above 0"),
        (("dataset=toy", "synthesizer=mst", "nonsense=1"), "there is no key nonsense; accepted: dataset, synthesizer"),
        (("dataset=toy", "synthesizer=mst", "evaluation.evaluators=[xgb]"), "no evaluator is called xgb; there are logistic"),
    ],
)
def test_a_command_that_cannot_be_meant_is_refused_in_one_line(
    arguments: tuple[str, ...], message: str, dpdsyn: Dpdsyn, tmp_path: Path
) -> None:
    refused = dpdsyn("run", *arguments)
    assert refused.returncode == 2
    assert message in refused.stderr and refused.stderr.count("\n") == 1, refused.stderr
    assert not (tmp_path / "results").exists()


def test_absent_or_altered_data_are_refused_before_a_run_starts(dpdsyn: Dpdsyn, tmp_path: Path) -> None:
    absent = dpdsyn("run", "dataset=toy", "synthesizer=real", DPDSYN_DATA=str(tmp_path))
    assert absent.returncode == 2 and "Put toy/toy.csv" in absent.stderr and "Traceback" not in absent.stderr
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "toy.csv").write_text("colour\n")
    altered = dpdsyn("run", "dataset=toy", "synthesizer=real", DPDSYN_DATA=str(tmp_path))
    assert altered.returncode == 2 and "toy.csv is truncated or altered: its sha256 is" in altered.stderr


def test_a_results_folder_that_cannot_be_written_is_refused(dpdsyn: Dpdsyn, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = dpdsyn("run", "dataset=toy", "synthesizer=real", DPDSYN_RESULTS=str(tmp_path / "file"))
    assert refused.returncode == 2 and "cannot write to the results folder" in refused.stderr and refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("records",), "no records in"),
        (("tables",), "no records in"),
        (("export",), "nothing was exported"),
        (("ui",), "mlflow.db yet; start with dpdsyn run"),
        (("data", "fetch", "nothing"), "no dataset is called 'nothing'; there are acs, "),
        (("check", "dpdsyn.method:Absent"), "cannot load 'dpdsyn.method:Absent'"),
        (("check", "no_such_module:X"), "cannot load 'no_such_module:X'"),
        (("check", "../x:Y"), "cannot load '../x:Y': '../x' is no name of a module; give MODULE:CLASS"),
        (("reproduce", "--within", "nan"), "--within nan: one run at least, and a finite difference of 0 or more are needed"),
        (("reproduce", "--within", "inf"), "--within inf: one run at least, and a finite difference"),
        (("reproduce", "--at-most", "nan"), "--at-most nan: seconds above 0 are needed"),
    ],
)
def test_other_commands_refuse_in_one_line_too(arguments: tuple[str, ...], message: str, dpdsyn: Dpdsyn) -> None:
    refused = dpdsyn(*arguments)
    assert refused.returncode == 2 and message in refused.stderr and refused.stderr.count("\n") == 1, refused.stderr


def test_flags_of_hydra_work(dpdsyn: Dpdsyn) -> None:
    shown = dpdsyn("run", "--cfg", "job", "dataset=toy", "synthesizer=dpdsyn", "privacy.epsilon=3")
    assert shown.returncode == 0 and "epsilon: 3" in shown.stdout and "rows_public: 900" in shown.stdout
    first = dpdsyn("run", "-m", "--cfg", "job", "dataset=toy", "synthesizer=real,majority", "seed=3,4")
    assert first.returncode == 0 and "the first of 4 runs: dataset=toy synthesizer=real seed=3" in first.stderr
    assert "name: real" in first.stdout and "seed: 3" in first.stdout
    helped = dpdsyn("run", "--help")
    assert helped.returncode == 0 and "synthesizer: absyn, aim, " in helped.stdout
    assert "data sets" in dpdsyn("list").stdout and "quickstart" in dpdsyn("list").stdout
    assert "no run has been done" in dpdsyn("status").stdout


HEAVY = {"torch", "mlflow", "pandas", "sklearn", "jax", "mbi", "opacus", "dp_accounting", "scipy", "pyarrow", "joblib"}


def loaded(world: Path, tmp_path: Path, *arguments: str) -> set[str]:
    """Packages that a command loads, in a process that begins with nothing."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *command(world, *arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=process_environment(world, tmp_path),
    )
    assert done.returncode == 0, done.stderr[-500:]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}


def test_light_commands_load_no_heavy_library(toy_world: Path, tmp_path: Path) -> None:
    for arguments in (["--help"], ["list"], ["status"], ["run", "--help"], ["schema", "--help"]):
        found = loaded(toy_world, tmp_path, *arguments)
        assert not found & (HEAVY if arguments[0] == "run" else {*HEAVY, "hydra", "omegaconf", "numpy", "rich"}), arguments


@pytest.mark.slow
def test_a_sweep_that_is_done_loads_no_heavy_library(dpdsyn: Dpdsyn, toy_world: Path, tmp_path: Path) -> None:
    call = ("run", "-m", "dataset=toy", "synthesizer=uniform", "evaluation.evaluators=[logistic]", "seed=0,1")
    assert dpdsyn(*call).returncode == 0
    assert not loaded(toy_world, tmp_path, *call) & {*HEAVY, "numpy"}
    (record, *_) = (tmp_path / "results" / "runs" / "records").glob("*.json")
    record.write_text(record.read_text().replace('"commit":', '"commit" :'))
    assert "mlflow" in loaded(toy_world, tmp_path, *call)  # which has to be asked now
