"""Sweeps on a real Slurm: its controller, its node, munge and accounting run on loopback, out of a temporary folder.

Started by `nox -s slurm`, which brings what is missing.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest
from builders.daemons import daemon, free_port, listens, wait_until
from builders.processes import command, process_environment

from experiments.records.record import Record
from experiments.records.store import Store

ONE = ("dataset=toy", "evaluation.evaluators=[logistic]")
SLURM = "hydra/launcher=slurm"
NODE = "node0"


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The path of the slurm.conf of a cluster of one node with two processors."""
    folder, user = tmp_path_factory.mktemp("slurm"), getpass.getuser()
    folder.chmod(0o755)
    database, accounting, controller, node = (free_port() for _ in range(4))
    (folder / "munge").mkdir(mode=0o700)
    (folder / "munge" / "key").write_bytes(os.urandom(128))
    (folder / "munge" / "key").chmod(0o600)
    (folder / "init.sql").write_text(
        "CREATE DATABASE slurm;\nCREATE USER 'slurm'@'127.0.0.1' IDENTIFIED BY 'slurm';\n"
        "GRANT ALL ON slurm.* TO 'slurm'@'127.0.0.1';\n"
    )
    authentic = f"AuthType=auth/munge\nAuthInfo=socket={folder}/munge.socket\n"
    (folder / "slurmdbd.conf").write_text(
        f"{authentic}DbdHost=localhost\nDbdAddr=127.0.0.1\nDbdPort={accounting}\nSlurmUser={user}\nPidFile={folder}/slurmdbd.pid\n"
        f"StorageType=accounting_storage/mysql\nStorageHost=127.0.0.1\nStoragePort={database}\n"
        "StorageUser=slurm\nStoragePass=slurm\nStorageLoc=slurm\n"
    )
    (folder / "slurmdbd.conf").chmod(0o600)
    conf = folder / "slurm.conf"
    conf.write_text(
        f"{authentic}ClusterName=laboratory\nSlurmctldHost=localhost(127.0.0.1)\nSlurmctldPort={controller}\n"
        f"SlurmUser={user}\nSlurmdUser={user}\nStateSaveLocation={folder}/state\nSlurmdSpoolDir={folder}/spool\n"
        f"SlurmctldPidFile={folder}/slurmctld.pid\nSlurmdPidFile={folder}/slurmd.pid\nMpiDefault=none\n"
        "ProctrackType=proctrack/linuxproc\nTaskPlugin=task/affinity\nSelectType=select/cons_tres\nSelectTypeParameters=CR_CPU\n"
        f"AccountingStorageType=accounting_storage/slurmdbd\nAccountingStorageHost=127.0.0.1\nAccountingStoragePort={accounting}\n"
        f"AccountingStoragePass={folder}/munge.socket\n"
        "ReturnToService=2\nKillWait=2\nSlurmdTimeout=10\nSchedulerParameters=batch_sched_delay=0,sched_min_interval=1000\n"
        f"NodeName={NODE} NodeHostname=localhost NodeAddr=127.0.0.1 Port={node} CPUs=2 State=UNKNOWN\n"
        "PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE\n"
    )
    (folder / "plugstack.conf").touch()
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    env = {**os.environ, "SLURM_CONF": str(conf)}

    def says(*call: str) -> str:
        done = subprocess.run(call, env=env, capture_output=True, text=True, timeout=30, check=False)
        return done.stdout if done.returncode == 0 else ""

    with ExitStack() as running:

        def start(name: str, *call: str) -> None:
            running.enter_context(daemon(folder / f"{name}.log", *call, env=env))

        data = f"--datadir={folder}/database"
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", data, f"--user={user}", "--skip-test-db"], capture_output=True, check=True
        )
        start(
            "mariadbd", shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin") or "mariadbd", "--no-defaults", data,
            f"--user={user}", f"--port={database}", "--bind-address=127.0.0.1", "--skip-name-resolve",
            f"--socket={folder}/mariadb.socket",
            f"--init-file={folder}/init.sql", f"--pid-file={folder}/mariadb.pid",
        )  # fmt: skip
        start(
            "munged", "/usr/sbin/munged", "--foreground", "--force", f"--key-file={folder}/munge/key",
            f"--socket={folder}/munge.socket", f"--pid-file={folder}/munge.pid", f"--log-file={folder}/munge.log",
            f"--seed-file={folder}/munge.seed", "--num-threads=2",
        )  # fmt: skip
        wait_until(lambda: listens(database) and (folder / "munge.socket").exists(), 60, f"MariaDB and munge, see {folder}")
        start("slurmdbd", "/usr/sbin/slurmdbd", "-D")
        wait_until(lambda: listens(accounting), 60, f"slurmdbd, see {folder}")
        wait_until(lambda: "laboratory" in says("sacctmgr", "-i", "add", "cluster", "laboratory"), 30, f"sacctmgr, see {folder}")
        start("slurmctld", "/usr/sbin/slurmctld", "-D", "-f", str(conf))
        start("slurmd", "/usr/sbin/slurmd", "-D", "-f", str(conf), "-N", NODE)
        wait_until(lambda: "idle" in says("sinfo", "--noheader", "--format=%T"), 60, f"an idle node, see {folder}")
        try:
            yield str(conf)
        finally:
            says("scancel", f"--user={user}")
            for _ in range(50):
                if not says("squeue", "--noheader"):
                    break
                time.sleep(0.2)


Dpdsyn = Callable[..., subprocess.CompletedProcess]


def records(results: Path) -> dict[str, Record]:
    return {record.run_id: record for record in Store(results).all()}


def jobs(conf: str, *columns: str, tries: bool = False) -> list[list[str]]:
    """What the accounting knows of every task of every array. tries: of those too that were put into the queue again."""
    call = ["sacct", "-X", "--noheader", "--parsable2", f"--format={','.join(columns)}", *(["--duplicates"] if tries else [])]
    shown = subprocess.run(call, env={**os.environ, "SLURM_CONF": conf}, capture_output=True, text=True, check=True).stdout
    return [line.split("|") for line in shown.splitlines()]


def queue(conf: str) -> list[str]:
    call = ["squeue", "--noheader", "--array", "--format=%i %T"]
    return subprocess.run(
        call, env={**os.environ, "SLURM_CONF": conf}, capture_output=True, text=True, check=True
    ).stdout.splitlines()


def test_records_are_those_of_the_other_launcher_and_resume_asks_for_nothing(
    slurm: str, toy_world: Path, tmp_path: Path, dpdsyn: Dpdsyn
) -> None:
    call = ("run", "-m", *ONE, "synthesizer=instant,crashing,slow", "seed=0,1", "compute.timeout=6")
    here = dpdsyn(*call, DPDSYN_RESULTS=str(tmp_path / "here"))
    assert "6 runs: 6 computed now, 0 done before, 4 not ok" in here.stderr, here.stderr
    there = dpdsyn(*call, SLURM, SLURM_CONF=slurm)
    assert there.returncode == 1 and "6 runs: 6 computed now, 0 done before, 4 not ok" in there.stderr, there.stderr
    expected, found = records(tmp_path / "here"), records(tmp_path / "results")
    assert set(found) == set(expected) and len(found) == 6
    for run_id, record in found.items():
        same = expected[run_id]
        assert (record.status, record.fit_id, record.seed) == (same.status, same.fit_id, same.seed)
        assert (record.synthetic_sha256, record.metrics) == (same.synthetic_sha256, same.metrics)
    errors = {record.method.name: str(record.error) for record in found.values()}
    assert (
        "the process ended by SIGSEGV (in phase fit" in errors["crashing"] and "longer than 6 s (in phase fit" in errors["slow"]
    )

    submitted = jobs(slurm, "JobID")
    assert len(submitted) == 6 and len({job.partition("_")[0] for (job,) in submitted}) == 1
    again = dpdsyn(*call, SLURM, SLURM_CONF=slurm)
    assert "0 computed now, 6 done before" in again.stderr and jobs(slurm, "JobID") == submitted, again.stderr
    other = dpdsyn(*call, SLURM_CONF=slurm)
    assert "0 computed now, 6 done before" in other.stderr, other.stderr


def test_nodes_that_inherit_nothing_find_everything_and_have_the_processors(
    slurm: str, toy_world: Path, tmp_path: Path, dpdsyn: Dpdsyn
) -> None:
    (tmp_path / "placed.py").write_text(
        "import os\nfrom pathlib import Path\nfrom dpdsyn.candidates import Uniform\n\n\nclass Placed(Uniform):\n"
        "    def fit(self, private, rng):\n"
        "        Path('seen').write_text(f\"{len(os.sched_getaffinity(0))} {os.environ.get('SECRET')}\")\n"
        "        return super().fit(private, rng)\n"
    )
    (toy_world / "conf" / "synthesizer" / "placed.yaml").write_text("name: placed\n_target_: placed.Placed\n")
    empty = "+hydra.launcher.additional_parameters.export=NONE"
    done = dpdsyn("run", "-m", *ONE, "synthesizer=placed", "compute.threads=2", SLURM, empty, SLURM_CONF=slurm, SECRET="told")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "seen").read_text() == "2 None"
    assert [record.status for record in records(tmp_path / "results").values()] == ["ok"]


def test_a_job_that_was_cancelled_is_run_again_and_nothing_is_computed_twice(slurm: str, toy_world: Path, tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    env = process_environment(
        toy_world, tmp_path, SLURM_CONF=slurm, TOY_MARKS=str(tmp_path / "marks"), TOY_SECONDS="1"
    )  # fmt: skip
    call = command(toy_world, "run", "-m", *ONE, "synthesizer=slow,instant", "seed=0,1,2", SLURM)
    first = subprocess.Popen(call, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: any("RUNNING" in line for line in queue(slurm)) and "phase" in locks(tmp_path), 60, "a running job")
        running = next(line.split()[0] for line in queue(slurm) if "RUNNING" in line)
        subprocess.run(["scancel", running], env=env, check=True)
        wait_until(lambda: len({line.partition("_")[0] for line in queue(slurm)}) == 2, 90, "a second array")
        (tmp_path / "enough").touch()
        errors = first.communicate(timeout=200)[1]
    finally:
        first.kill()
    assert first.returncode == 0 and "the launcher stopped" in errors, errors
    assert [record.status for record in records(tmp_path / "results").values()] == ["ok"] * 6
    assert len(list((tmp_path / "marks").iterdir())) == 3
    assert any("CANCELLED" in state for job, state in jobs(slurm, "JobID", "State") if job == running)


def test_jobs_outlast_the_command_and_the_same_command_joins_them(slurm: str, toy_world: Path, tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    env = process_environment(toy_world, tmp_path, SLURM_CONF=slurm, TOY_MARKS=str(tmp_path / "marks"), TOY_SECONDS="2")
    call = command(toy_world, "run", "-m", *ONE, "synthesizer=instant", "seed=range(0,6)", SLURM)
    first = subprocess.Popen(call, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: records(tmp_path / "results"), 90, "a first record")
        first.send_signal(signal.SIGINT)
        errors = first.communicate(timeout=20)[1]
    finally:
        first.kill()
    assert first.returncode == 130 and "interrupted" in errors and queue(slurm), errors
    again = subprocess.run(call, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=200, check=False)
    assert again.returncode == 0, again.stderr
    assert sorted(record.seed for record in records(tmp_path / "results").values()) == list(range(6))
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "results" / "runs" / "records").iterdir()}
    wait_until(lambda: not queue(slurm), 120, "an empty queue")
    assert kept == {path: path.stat().st_mtime_ns for path in kept} and len(list((tmp_path / "marks").iterdir())) == 6


def test_a_node_that_vanishes_costs_its_runs_and_they_are_run_again(slurm: str, toy_world: Path, tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    env = process_environment(toy_world, tmp_path, SLURM_CONF=slurm, TOY_MARKS=str(tmp_path / "marks"), TOY_SECONDS="1")
    call = command(toy_world, "run", "-m", *ONE, "synthesizer=slow,instant", "seed=0,1,2", SLURM)
    first = subprocess.Popen(call, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: any("RUNNING" in line for line in queue(slurm)) and "phase" in locks(tmp_path), 60, "a running job")
        power_failure(slurm)
        wait_until(lambda: not any("RUNNING" in line for line in queue(slurm)), 90, "a controller that has noticed")
        (tmp_path / "enough").touch()
        with daemon(Path(slurm).parent / "slurmd2.log", "/usr/sbin/slurmd", "-D", "-f", slurm, "-N", NODE, env=env):
            errors = first.communicate(timeout=300)[1]
    finally:
        first.kill()
    assert first.returncode == 0, errors
    assert [record.status for record in records(tmp_path / "results").values()] == ["ok"] * 6
    assert len(list((tmp_path / "marks").iterdir())) == 3
    tried = jobs(slurm, "JobID", "State", tries=True)
    assert any("NODE_FAIL" in state for _, state in tried), tried


def power_failure(conf: str) -> None:
    """Kill the node's daemon, its steps and all that runs in them, at once."""
    nodes = [process for process in psutil.process_iter() if process.name() in ("slurmd", "slurmstepd")]
    ours = [process for process in nodes if _serves(process, conf)]
    assert {process.name() for process in ours} == {"slurmd", "slurmstepd"}
    for victim in [one for process in ours for one in (process, *process.children(recursive=True))]:
        with suppress(psutil.NoSuchProcess):
            victim.kill()


def _serves(process: psutil.Process, conf: str) -> bool:
    """Of a step, which has no environment of its own, what runs in it tells."""
    return any(one.environ().get("SLURM_CONF") == conf for one in (process, *process.children(recursive=True)))


def locks(folder: Path) -> str:
    texts = []
    for path in (folder / "results" / "runs" / "claims").glob("*"):
        try:
            texts.append(path.read_text())
        except FileNotFoundError:
            continue
    return "".join(texts)
