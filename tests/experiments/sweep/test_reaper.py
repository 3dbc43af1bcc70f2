"""What a sweep has started ends with it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
from builders.paths import ROOT

from experiments.sweep.reaper import MARK, nothing_left_behind

# A child in a session of its own, and a grandchild that keeps the interpreter's lock inside one C call and hears SIGKILL alone.
_SPAWNING = """
import subprocess, sys, time
from experiments.sweep.reaper import nothing_left_behind
deaf = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1}); 10 ** 10 ** 9"
middle = (
    "import subprocess, sys, time; print(subprocess.Popen([sys.executable, '-c', sys.argv[1]]).pid, flush=True); time.sleep(600)"
)
with nothing_left_behind():
    child = subprocess.Popen([sys.executable, "-c", middle, deaf], start_new_session=True, stdout=subprocess.PIPE, text=True)
    print(child.pid, child.stdout.readline().strip(), flush=True)
    time.sleep(float(sys.argv[1]))
print("over", flush=True)
"""


def spawning(seconds: float) -> tuple[subprocess.Popen, list[psutil.Process]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _SPAWNING, str(seconds)], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    return process, [psutil.Process(int(pid)) for pid in process.stdout.readline().split()]


def test_children_that_hear_nothing_end_with_a_process_that_is_killed() -> None:
    process, started = spawning(600)
    assert len(started) == 2 and all(one.is_running() for one in started)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    _, left = psutil.wait_procs(started, timeout=20)
    for one in left:
        one.kill()
    assert not left


def test_what_was_started_is_left_alone_while_the_block_goes_on_and_after_it() -> None:
    process, started = spawning(0.5)
    assert process.stdout is not None and process.stdout.readline() == "over\n"
    assert all(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in started)  # others end them, politely
    for one in started:
        one.kill()
    process.communicate()


def test_the_mark_is_gone_after_the_block_and_no_watcher_is_left(tmp_path: Path) -> None:
    before = len(psutil.Process().children())
    with nothing_left_behind():
        assert len(os.environ[MARK]) == 32 and len(psutil.Process().children()) == before + 1
    assert MARK not in os.environ
    deadline = time.monotonic() + 5
    while len(psutil.Process().children()) > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(psutil.Process().children()) == before
