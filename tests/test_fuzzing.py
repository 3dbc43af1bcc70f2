"""Some fuzzed files come through all entrances, faults that are planted are convicted, and the command goes on behind a death.

`nox -s fuzz` tries ten thousand files, `nox -s fuzz -- --planted` all faults.
"""

from __future__ import annotations

import queue
import sys
from typing import Any

import pytest
from fuzzing import __main__ as command
from fuzzing.files import tried
from fuzzing.planted import FAULTS, convicted

_FEW = 24


def test_some_files_come_through_all_entrances() -> None:
    assert [outcome.failed for seed in range(_FEW) if (outcome := tried(seed)).failed] == []


@pytest.mark.parametrize(
    ("fault", "seed"),
    [
        ("moments of a time zone are read in UTC", 20),
        ("listed numbers are compared as texts", 4),
        ("null is no word for a missing cell", 18),
        ("cells are put in the order of the index", 1),
        ("synthetic numbers lose a decimal", 4),
    ],
)
def test_a_planted_fault_is_convicted(fault: str, seed: int) -> None:
    tries, outcome = convicted(FAULTS[fault], seed, 40)
    assert outcome is not None, f"none of {tries} files tells of it"
    assert tried(outcome.seed).failed == "", "the file fails without the fault too"


def test_a_number_is_one_file() -> None:
    assert tried(3) == tried(3)


_DIES = """
import json, os, sys
start, files = (int(sys.argv[sys.argv.index(word) + 1]) for word in ("--start", "--files"))
for seed in range(start, start + files):
    if seed == 3:
        os.kill(os.getpid(), 9)
    print(json.dumps({"seed": seed, "said": "tried", "failed": ""}), flush=True)
"""


def test_a_file_that_takes_its_process_down_is_named_and_the_next_ones_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "WORKER", (sys.executable, "-c", _DIES))
    found: queue.Queue[Any] = queue.Queue()
    command.watched(range(1, 6), found)
    outcomes = [found.get_nowait() for _ in range(5)]
    assert [outcome["seed"] for outcome in outcomes] == [1, 2, 3, 4, 5]
    assert [outcome["failed"] for outcome in outcomes] == ["", "", "the process ended with -9", "", ""]


def test_the_command_tells_of_each_file_that_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "WORKER", (sys.executable, "-c", _DIES))
    assert command.main(["--files", "6", "--jobs", "1"]) == 1
    told = capsys.readouterr().out
    assert "FAILED: file 3" in told and "--start 3 --files 1" in told and "6 files from 0 on" in told and "1 failed (3)" in told
    assert command.main(["--files", "2", "--jobs", "2"]) == 0
