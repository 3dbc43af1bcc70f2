"""The kernel's out-of-memory killer, in a memory cgroup made for the test. Started by `nox -s memory`, by root."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from builders.processes import command, gone, process_environment

from experiments.records.store import Store

LIMIT = 1200 * 2**20  # a sweep with two workers fits, the method that hoards does not
GROUP = f"dpdsyn_test_{os.getpid()}"


@pytest.fixture
def group() -> Iterator[Path]:
    """A cgroup, of either version, whose processes may have so much memory together, and no swap."""
    first = Path("/sys/fs/cgroup/memory")
    root, limit = (first, "memory.limit_in_bytes") if first.is_dir() else (Path("/sys/fs/cgroup"), "memory.max")
    folder = root / GROUP
    folder.mkdir()
    (folder / limit).write_text(str(LIMIT))
    for swap, most in (("memory.memsw.limit_in_bytes", str(LIMIT)), ("memory.swap.max", "0")):
        with suppress(OSError):
            if (folder / swap).exists():
                (folder / swap).write_text(most)
    yield folder
    folder.rmdir()


def kills(group: Path) -> int:
    """How often the kernel has killed in it."""
    told = group / "memory.oom_control" if (group / "memory.oom_control").exists() else group / "memory.events"
    return next(int(line.split()[1]) for line in told.read_text().splitlines() if line.startswith("oom_kill "))


def run(toy_world: Path, folder: Path, group: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, begun by a process that joins the group before anything else."""
    join = "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid())); os.execv(sys.argv[2], sys.argv[2:])"
    words = [sys.executable, "-c", join, str(group / "cgroup.procs"), *command(toy_world, *arguments)]
    environment = process_environment(toy_world, folder)
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_the_kernel_kills_one_run_and_the_others_end_well(toy_world: Path, tmp_path: Path, group: Path) -> None:
    call = ("run", "-m", "dataset=toy", "evaluation.evaluators=[logistic]", "synthesizer=instant,hoarding", "seed=0,1")
    call = (*call, "compute.workers=2", "compute.memory=null")
    ended = run(toy_world, tmp_path, group, *call)
    assert kills(group) >= 2, ended.stderr  # each hoarding run is tried once more
    assert ended.returncode == 1 and "4 runs: 4 computed now, 0 done before, 2 not ok" in ended.stderr, ended.stderr
    records = {(record.method.name, record.seed): record for record in Store(tmp_path / "results").all()}
    assert {key: record.status for key, record in records.items()} == {
        ("instant", 0): "ok",
        ("instant", 1): "ok",
        ("hoarding", 0): "failed",
        ("hoarding", 1): "failed",
    }
    for seed in (0, 1):
        assert "ended by SIGKILL, as when the machine has run out of memory" in str(records["hoarding", seed].error)
    assert gone(tmp_path / "results")
    again = run(toy_world, tmp_path, group, *call)
    assert "4 runs: 0 computed now, 4 done before, 2 not ok" in again.stderr, again.stderr
