"""MLflow's own server, on sqlite and on PostgreSQL, all on loopback. Started by `nox -s tracking`."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from builders.daemons import daemon, free_port, listens, wait_until
from builders.processes import command, process_environment

from experiments.records.store import Store

Dpdsyn = Callable[..., subprocess.CompletedProcess]
CALL = ("run", "-m", "dataset=toy", "evaluation.evaluators=[logistic]", "synthesizer=instant,majority", "seed=0,1,2")


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL of our own; it refuses to run as root, so then Debian's user `postgres` runs it."""
    folder, port = tmp_path_factory.mktemp("postgres"), free_port()
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    user = "postgres" if os.getuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    (newest,) = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
    subprocess.run([newest / "initdb", "-D", folder / "data", "-A", "trust", "-U", "mlflow"], user=user, check=True, cwd="/")
    call = (str(newest / "postgres"), "-D", str(folder / "data"), "-p", str(port), "-k", str(folder), "-h", "127.0.0.1")
    with daemon(folder / "log", *call, user=user, stop=signal.SIGINT):
        wait_until(lambda: listens(port), 30, f"PostgreSQL, see {folder}")
        for name in ("mlflow", "direct"):
            subprocess.run([newest / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "mlflow", name], check=True)
        yield f"postgresql://mlflow:secret@127.0.0.1:{port}/mlflow"


def server(running: ExitStack, folder: Path, store: str, port: int) -> tuple[str, subprocess.Popen]:
    options = ("--backend-store-uri", store, "--artifacts-destination", str(folder / "artifacts"), "--workers", "1")
    call = (sys.executable, "-m", "mlflow", "server", *options, "--host", "127.0.0.1", "--port", str(port))
    process = running.enter_context(daemon(folder / "server.log", *call))
    wait_until(lambda: listens(port), 120, f"the server, see {folder}/server.log")
    return f"http://127.0.0.1:{port}", process


def runs(uri: str) -> dict[str, list]:
    """Runs by what they are: `run` or `sweep`."""
    import mlflow

    client = mlflow.MlflowClient(uri)
    (experiment,) = client.search_experiments(filter_string="name = 'ad hoc: toy'")
    found = client.search_runs([experiment.experiment_id], max_results=1000)
    return {
        kind: [run for run in found if tag in run.data.tags]
        for kind, tag in (("run", "dpdsyn.cell_id"), ("sweep", "dpdsyn.sweep"))
    }


def agrees(uri: str, results: Path, sweeps: int = 1) -> None:
    """Every record has one run, with its accuracy, under a sweep's."""
    found, records = runs(uri), {record.run_id: record for record in Store(results).all()}
    assert len(found["run"]) == len(records) and len(found["sweep"]) == sweeps
    parents = {run.info.run_id for run in found["sweep"]}
    for run in found["run"]:
        record = records[run.data.tags["dpdsyn.cell_id"]]
        assert run.data.metrics["accuracy"] == pytest.approx(record.mean("accuracy"))
        assert run.data.tags["mlflow.parentRunId"] in parents and run.data.tags["method"] == record.method.name


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_server_shows_each_record_once(kind: str, tmp_path: Path, dpdsyn: Dpdsyn, request: pytest.FixtureRequest) -> None:
    store = f"sqlite:///{tmp_path / 'server.db'}" if kind == "sqlite" else request.getfixturevalue("postgres")
    with ExitStack() as running:
        uri, _ = server(running, tmp_path, store, free_port())
        done = dpdsyn(*CALL, MLFLOW_TRACKING_URI=uri)
        assert done.returncode == 0 and "MLflow" not in done.stderr, done.stderr
        agrees(uri, tmp_path / "results")
        assert not (tmp_path / "results" / "mlflow.db").exists()
        for _ in range(2):
            again = dpdsyn("track", MLFLOW_TRACKING_URI=uri)
            assert f"6 runs in {uri}, 0 of them written now" in again.stdout, again.stdout + again.stderr
        agrees(uri, tmp_path / "results")


def test_postgresql_does_without_a_server_and_its_password_is_not_shown(postgres: str, tmp_path: Path, dpdsyn: Dpdsyn) -> None:
    database = postgres.removesuffix("mlflow") + "direct"
    done = dpdsyn(*CALL, MLFLOW_TRACKING_URI=database)
    assert done.returncode == 0 and "MLflow" not in done.stderr, done.stderr
    again = dpdsyn("track", MLFLOW_TRACKING_URI=database)
    address = r"postgresql://mlflow:\*\*\*@127.0.0.1:\d+/direct"
    assert re.search(rf"6 runs in {address}, 0 of them written now", again.stdout), again.stderr
    agrees(database, tmp_path / "results")


def test_a_server_that_stops_in_the_middle_is_caught_up_with(tmp_path: Path, toy_world: Path, dpdsyn: Dpdsyn) -> None:
    (tmp_path / "marks").mkdir()
    store, port = f"sqlite:///{tmp_path / 'server.db'}", free_port()
    environment = process_environment(
        toy_world,
        tmp_path,
        MLFLOW_TRACKING_URI=f"http://127.0.0.1:{port}",
        TOY_MARKS=str(tmp_path / "marks"),
        TOY_SECONDS="1",
    )
    with ExitStack() as running:
        uri, process = server(running, tmp_path, store, port)
        sweep = subprocess.Popen(
            command(toy_world, *CALL, "compute.workers=1"), cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
        )
        wait_until(lambda: list(Store(tmp_path / "results").all()), 60, "a record")
        os.killpg(process.pid, signal.SIGKILL)
        errors = sweep.communicate(timeout=200)[1]
        assert sweep.returncode == 0 and "6 runs: 6 computed now, 0 done before, 0 not ok" in errors, errors
        assert "has not taken" in errors and "`dpdsyn track` brings it up to date" in errors, errors
    with ExitStack() as running:
        uri, _ = server(running, tmp_path, store, port)
        caught_up = dpdsyn("track", MLFLOW_TRACKING_URI=uri)
        assert f"6 runs in {uri}" in caught_up.stdout, caught_up.stderr
        agrees(uri, tmp_path / "results")


def test_two_sweeps_on_one_server_write_nothing_twice(tmp_path: Path, toy_world: Path) -> None:
    with ExitStack() as running:
        uri, _ = server(running, tmp_path, f"sqlite:///{tmp_path / 'server.db'}", free_port())
        environment = process_environment(toy_world, tmp_path, MLFLOW_TRACKING_URI=uri)
        calls = [command(toy_world, *CALL, f"compute.timeout={limit}") for limit in (100, 200)]
        sweeps = [subprocess.Popen(call, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) for call in calls]
        for sweep in sweeps:
            errors = sweep.communicate(timeout=200)[1]
            assert sweep.returncode == 0, errors
        found = runs(uri)
        assert len(found["run"]) == 6 == len({run.data.tags["dpdsyn.cell_id"] for run in found["run"]})
