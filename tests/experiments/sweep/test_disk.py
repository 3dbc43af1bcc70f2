"""A results folder on a real, small file system that fills up or cannot be written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from experiments.records.store import Store

Dpdsyn = Callable[..., subprocess.CompletedProcess]
CALL = ("run", "-m", "dataset=toy", "evaluation.evaluators=[logistic]", "compute.workers=1")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Four MiB, mounted where the results go."""
    folder = tmp_path / "results"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small file system")
def test_a_full_or_closed_disk_is_said_and_loses_no_record(dpdsyn: Dpdsyn, small_disk: Path) -> None:
    def records() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in Store(small_disk).records.glob("*.json")}

    assert dpdsyn(*CALL, "synthesizer=instant", "seed=0,1").returncode == 0
    before = records()
    full = dpdsyn(*CALL, "synthesizer=filling,instant", "seed=0,1,2")
    assert full.returncode == 2 and "No space left on device" in full.stderr and "Traceback" not in full.stderr, full.stderr
    assert records() == before and len(before) == 2
    assert not list(small_disk.rglob("*.part"))
    (small_disk / "filler").unlink()
    assert dpdsyn(*CALL, "synthesizer=instant", "seed=0,1,2").returncode == 0
    assert before.items() < records().items() and len(records()) == 3

    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    closed = dpdsyn(*CALL, "synthesizer=instant", "seed=0,1,2,3")
    assert closed.returncode == 2 and "cannot write to the results folder" in closed.stderr, closed.stderr
    assert "Read-only file system" in closed.stderr and closed.stderr.count("\n") == 1
    read = dpdsyn(*CALL, "synthesizer=instant", "seed=0,1,2")
    assert read.returncode == 0 and "0 computed now, 3 done before" in read.stderr, read.stderr
    assert "3 runs, 3 ok" in dpdsyn("status").stdout
