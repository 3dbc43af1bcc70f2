"""Sweeps that meet with trouble: real processes, real signals, real limits."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from builders.processes import command, gone, process_environment, wait_for, workers_of

from experiments.records.record import Record
from experiments.records.store import Store
from experiments.sweep.locks import held

Dpdsyn = Callable[..., subprocess.CompletedProcess]
ONE = ("dataset=toy", "evaluation.evaluators=[logistic]")


def records(tmp_path: Path) -> list[Record]:
    return list(Store(tmp_path / "results").all())


@contextmanager
def started(world: Path, tmp_path: Path, *arguments: str, **environment: str) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(
        command(world, *arguments),
        cwd=tmp_path,
        env=process_environment(world, tmp_path, **environment),
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.slow
def test_limits_and_crashes_are_records_and_the_sweep_goes_on(dpdsyn: Dpdsyn, tmp_path: Path) -> None:
    call = ("-m", *ONE, "synthesizer=slow,hungry,crashing,instant", "compute.timeout=15", "compute.memory=1")
    done = dpdsyn("run", *call)
    assert done.returncode == 1, done.stderr
    assert "4 runs: 4 computed now, 0 done before, 3 not ok" in done.stderr
    found = {record.method.name: record for record in records(tmp_path)}
    assert {name: record.status for name, record in found.items()} == {
        "slow": "timeout",
        "hungry": "out_of_memory",
        "crashing": "failed",
        "instant": "ok",
    }
    slow, hungry = found["slow"].seconds, found["hungry"].seconds
    assert slow.phase == "fit" and slow.reached and 15 <= slow.reached < 20 and slow.limit == 15
    assert hungry.phase == "fit" and hungry.limit == 1 and hungry.reached and hungry.reached < 15
    assert "longer than 15 s (in phase fit" in str(found["slow"].error)
    assert "GiB resident, more than 1 (in phase fit" in str(found["hungry"].error)
    assert "the process ended by SIGSEGV (in phase fit" in str(found["crashing"].error)
    assert gone(tmp_path / "results")

    again = dpdsyn("run", *call)
    assert "0 computed now, 4 done before" in again.stderr
    (tmp_path / "enough").touch()
    raised = dpdsyn("run", *call[:-2], "compute.timeout=16", "compute.memory=1")
    assert "1 computed now, 3 done before, 2 not ok" in raised.stderr, raised.stderr
    retried = dpdsyn("retry")
    assert retried.returncode == 1 and "2 computed now, 2 done before, 2 not ok" in retried.stderr, retried.stderr
    shown = dpdsyn("status").stdout
    assert "4 runs, 1 failed, 2 ok, 1 out_of_memory" in shown and "toy crashing epsilon=1 seed=0: failed: the process" in shown


def test_a_metric_that_records_lack_is_computed_without_a_fit(dpdsyn: Dpdsyn, tmp_path: Path) -> None:
    marks, store = tmp_path / "marks", Store(tmp_path / "results")
    marks.mkdir()
    call = ("run", "-m", *ONE, "synthesizer=instant", "seed=0,1", "compute.workers=1")
    assert dpdsyn(*call, TOY_MARKS=str(marks)).returncode == 0
    whole = records(tmp_path)
    for record in whole:
        known = {"logistic": {name: value for name, value in record.metrics["logistic"].items() if name != "log_loss"}}
        store.write(replace(record, metrics=known))
    (store.fits / f"{whole[1].fit_id}.npz").unlink()
    again = dpdsyn(*call, TOY_MARKS=str(marks))
    assert again.returncode == 0 and "2 runs: 1 computed now, 1 done before" in again.stderr, again.stderr
    judged, kept = records(tmp_path)
    assert judged.metrics == whole[0].metrics and judged.run_id == whole[0].run_id and "log_loss" not in kept.metrics["logistic"]
    assert len(list(marks.iterdir())) == 2  # a fit for each seed, the first time


@pytest.mark.slow
def test_what_earlier_runs_left_behind_is_not_held_against_a_run(dpdsyn: Dpdsyn, tmp_path: Path) -> None:
    call = ("run", "-m", *ONE, "synthesizer=hoarding", "seed=0,1,2,3", "compute.workers=1")
    assert dpdsyn(*call, "compute.memory=2.5").returncode == 0  # one alone fits, two do not
    assert [record.seconds.process for record in records(tmp_path)] == ["fresh"] * 4


@pytest.mark.slow
def test_ctrl_c_ends_at_once_and_leaves_nothing_behind(dpdsyn: Dpdsyn, toy_world: Path, tmp_path: Path) -> None:
    for stop in (signal.SIGINT, signal.SIGTERM):
        with started(toy_world, tmp_path, "run", "-m", *ONE, "synthesizer=slow", "seed=0,1,2") as process:
            wait_for(lambda: "slow epsilon=1 seed=0, fit" in dpdsyn("status").stdout)
            os.killpg(process.pid, stop)
            start = time.monotonic()
            _, errors = process.communicate(timeout=20)
            assert process.returncode == 130 and time.monotonic() - start < 5
            assert "dpdsyn: interrupted; what was finished is kept" in errors and "Traceback" not in errors, errors
        assert gone(tmp_path / "results") and records(tmp_path) == []
        assert "running" not in dpdsyn("status").stdout


@pytest.mark.slow
def test_two_sweeps_at_once_share_the_work(toy_world: Path, tmp_path: Path, dpdsyn: Dpdsyn) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    call = ("run", "-m", *ONE, "synthesizer=instant", "seed=" + ",".join(map(str, range(12))), "compute.workers=1")
    settings = {"TOY_MARKS": str(marks), "TOY_SECONDS": "0.5"}
    with (
        started(toy_world, tmp_path, *call, **settings) as one,
        started(toy_world, tmp_path, *call, **settings) as other,
    ):
        computed = []
        for process in (one, other):
            output, errors = process.communicate(timeout=180)
            assert process.returncode == 0, errors
            assert output.count("instant") >= 1
            counted = re.search(r"12 runs: (\d+) computed now, 0 done before(?:, (\d+) by others meanwhile)?, 0 not ok", errors)
            assert counted and int(counted[1]) + int(counted[2] or 0) == 12, errors
            computed.append(int(counted[1]))
        assert sum(computed) == 12  # nobody claims what the other has done
    assert len(list(marks.iterdir())) == 12 and len(records(tmp_path)) == 12


@pytest.mark.slow
def test_a_lock_ends_with_its_holder_and_a_left_over_file_is_none(toy_world: Path, tmp_path: Path, dpdsyn: Dpdsyn) -> None:
    call = ("run", *ONE, "synthesizer=slow", "compute.timeout=100")
    with started(toy_world, tmp_path, *call) as process:
        wait_for(lambda: "slow epsilon=1 seed=0, fit" in dpdsyn("status").stdout)
        os.kill(process.pid, signal.SIGKILL)  # the supervisor alone: its worker has to end by itself
        process.wait()
    assert gone(tmp_path / "results")
    (left,) = (tmp_path / "results" / "runs" / "claims").iterdir()
    assert json.loads(left.read_text())["name"] == "toy slow epsilon=1 seed=0"
    assert "running" not in dpdsyn("status").stdout
    (tmp_path / "enough").touch()
    again = dpdsyn(*call)
    assert again.returncode == 0 and not left.exists(), again.stderr


@pytest.mark.slow
def test_runs_timed_alone_refuse_company(toy_world: Path, tmp_path: Path, dpdsyn: Dpdsyn) -> None:
    (tmp_path / "tmp").mkdir()
    own = {"TMPDIR": str(tmp_path / "tmp")}  # where the locks lie; other tests may be running
    with started(toy_world, tmp_path, "run", *ONE, "synthesizer=slow", **own):
        wait_for(lambda: "slow epsilon=1 seed=0, fit" in dpdsyn("status").stdout)
        refused = dpdsyn("run", *ONE, "synthesizer=instant", "compute=alone", **own)
        assert refused.returncode == 2 and "other runs go on on this machine" in refused.stderr, refused.stderr
    assert gone(tmp_path / "results")
    alone = dpdsyn("run", "-m", *ONE, "synthesizer=instant", "seed=0,1", "compute.alone=true", **own)  # one at a time
    assert alone.returncode == 0, alone.stderr
    found = records(tmp_path)
    assert [record.seconds.process for record in found] == ["fresh", "fresh"]
    assert all(record.seconds.contended in (True, False) for record in found)
    assert all(len(record.environment.affinity) == 1 == record.environment.threads for record in found)


@pytest.mark.slow
def test_a_sweep_killed_at_random_moments_computes_nothing_twice(toy_world: Path, tmp_path: Path, dpdsyn: Dpdsyn) -> None:
    """Workers, supervisors or the parent are killed; DPDSYN_KILLS sets how often (nox -s kills: 100 times)."""
    marks = tmp_path / "marks"
    marks.mkdir()
    kills, moment = int(os.environ.get("DPDSYN_KILLS", "6")), random.Random(7)
    count = 5 * kills
    call = ("run", "-m", *ONE, "synthesizer=instant", f"seed=range(0,{count})", "compute.workers=2")
    done: dict[str, int] = {}
    kept = tmp_path / "results" / "runs" / "records"
    for kill in range(kills):
        with started(toy_world, tmp_path, *call, TOY_MARKS=str(marks), TOY_SECONDS="0.3") as process:
            start = time.monotonic()
            begun = kill % 3 > 0  # however long a worker takes to start, some kills meet one that is at work,
            late = kill == kills - 1 and not done  # and one comes after something was done

            def at_work(process: subprocess.Popen = process, begun: bool = begun, late: bool = late) -> bool:
                if late:
                    return process.poll() is not None or any(kept.glob("*.json"))
                told = held(tmp_path / "results" / "runs" / "claims").values()
                return process.poll() is not None or any(not begun or about.get("phase") != "starting" for about in told)

            wait_for(at_work)
            time.sleep(moment.uniform(0, 8))
            target = [process.pid, *workers_of(tmp_path / "results")][0 if kill % 2 else -1]
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.kill(target, signal.SIGKILL)
                if target != process.pid:
                    time.sleep(moment.uniform(0, 2))
                os.killpg(process.pid, signal.SIGKILL)
            assert time.monotonic() - start < 120
        assert gone(tmp_path / "results")
        now = {path.name: path.stat().st_mtime_ns for path in kept.glob("*.json")}
        assert done.items() <= now.items()  # what was recorded is not touched again
        done = now
    assert done and len(list(marks.iterdir())) <= len(done) + 4 * kills  # a kill meets two runs at work, or runs start anew
    last = dpdsyn(*call)
    assert f"{count} runs: {count - len(done)} computed now, {len(done)} done before" in last.stderr, last.stderr
    found = records(tmp_path)
    assert sorted(record.seed for record in found) == list(range(count))
    killed = [record for record in found if record.status != "ok"]  # a worker that was killed alone left its word
    assert all("the process ended by SIGKILL" in str(record.error) for record in killed)
    assert dpdsyn("retry").returncode == 0

    import mlflow

    (tmp_path / "results" / "mlflow.db").unlink()
    assert f"{count} runs in" in dpdsyn("track").stdout
    assert f"{count} runs in" in (again := dpdsyn("track").stdout) and ", 0 of them written now" in again
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'results' / 'mlflow.db'}")
    (experiment,) = client.search_experiments(filter_string="name = 'ad hoc: toy'")
    runs = client.search_runs([experiment.experiment_id], "tags.`dpdsyn.cell_id` != ''", max_results=1000)
    logged = {run.data.tags["dpdsyn.cell_id"]: run.data.metrics["accuracy"] for run in runs}
    assert len(runs) == count
    assert logged == {record.run_id: pytest.approx(record.mean("accuracy")) for record in records(tmp_path)}


@pytest.mark.slow
def test_trouble_with_the_folder_is_said_and_no_record_is_lost(dpdsyn: Dpdsyn, tmp_path: Path, toy_world: Path) -> None:
    call = ("run", "-m", *ONE, "synthesizer=instant", "seed=0,1,2", "compute.workers=1")
    assert dpdsyn(*call).returncode == 0
    kept = sorted((tmp_path / "results" / "runs" / "records").glob("*.json"))
    kept[0].write_bytes(kept[0].read_bytes()[:100])
    kept[1].write_bytes(b"\xff\x00garbage")
    again = dpdsyn(*call)
    assert again.returncode == 0 and "2 computed now, 1 done before, 0 not ok" in again.stderr, again.stderr
    assert len(list(kept[0].parent.glob("*.unreadable"))) == 2 and len(records(tmp_path)) == 3


def test_a_tracking_server_that_is_down_holds_up_nothing(dpdsyn: Dpdsyn, tmp_path: Path) -> None:
    start = time.monotonic()
    call = ("run", *ONE, "synthesizer=instant")
    done = dpdsyn(*call, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert done.returncode == 0 and "has not taken 1 records" in done.stderr and "dpdsyn track" in done.stderr
    assert time.monotonic() - start < 60
    refused = dpdsyn("track", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert refused.returncode == 2 and refused.stderr.startswith("dpdsyn: MLflow (http://127.0.0.1:9) did not take the records")
    assert "1 runs in sqlite" in dpdsyn("track").stdout


@pytest.mark.slow
def test_a_record_names_its_experiment_and_a_fit_that_was_not_alone_is_made_again_to_be_timed(
    dpdsyn: Dpdsyn, tmp_path: Path
) -> None:
    instant = ("dataset=toy", "synthesizer=instant", "seed=0", "compute.workers=1")
    marks = tmp_path / "marks"
    marks.mkdir()
    (tmp_path / "tmp").mkdir()
    own = {"TOY_MARKS": str(marks), "TMPDIR": str(tmp_path / "tmp")}  # where the locks lie; other tests may be running
    for number, overrides in enumerate(
        (
            ("experiment=quickstart", "evaluation.evaluators=[logistic]"),
            ("evaluation.evaluators=[forest]",),  # another way to judge the same fit
            ("evaluation.evaluators=[boosting]", "compute=alone"),
            ("evaluation.evaluators=[mlp]", "compute=alone"),
        )
    ):
        done = dpdsyn("run", "-m", *instant, *overrides, **own)
        assert done.returncode == 0, done.stderr
        assert len(list(marks.iterdir())) == (1, 1, 2, 2)[number]
    records = [json.loads(path.read_text()) for path in (tmp_path / "results" / "runs" / "records").glob("*.json")]
    by_evaluator = {record["evaluation"]["evaluators"][0]: record for record in records}
    assert by_evaluator["logistic"]["experiment"]["name"] == "quickstart" and "experiment" not in by_evaluator["forest"]
    assert [by_evaluator[e]["seconds"]["alone"] for e in ("logistic", "boosting", "mlp")] == [False, True, True]
    assert len({record["synthetic_sha256"] for record in records}) == 1
    assert "instant" in done.stdout and "seconds: fit and sample" in done.stdout.replace("\n", " ")
