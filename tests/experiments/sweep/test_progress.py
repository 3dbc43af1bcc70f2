"""What is said of each run that ends: a line in a log, on a terminal no more than there is room for."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from experiments.sweep.progress import Lines

LONG = f"[3/30] toy mst epsilon=1 seed=0: failed: {'far ' * 60}"


def told(terminal: bool, runs: int, *said: tuple[str, bool], width: int = 70) -> tuple[list[str], list[str]]:
    """What is printed, and what stands beside the bar."""
    file = io.StringIO()
    out = Console(file=file, force_terminal=terminal, width=width, highlight=False, soft_wrap=True, color_system=None)
    lines = Lines(out, runs)
    beside = [lines.tell(text, failed) for text, failed in said]
    return file.getvalue().splitlines(), beside


@pytest.mark.parametrize("runs", [5, 500])
def test_a_log_has_every_line_whole(runs: int) -> None:
    printed, _ = told(False, runs, ("[1/5] toy mst: ok", False), (LONG, True))
    assert printed == ["[1/5] toy mst: ok", LONG]


def test_on_a_terminal_each_of_few_runs_has_a_line_that_fits() -> None:
    printed, _ = told(True, 20, ("[1/20] toy mst: ok", False), (LONG, True))
    assert printed[0] == "[1/20] toy mst: ok" and len(printed) == 2 and len(printed[1]) <= 70 and printed[1].endswith("…")


def test_on_a_terminal_many_runs_leave_a_line_only_where_they_fail() -> None:
    said = (("[1/21] toy mst: ok", False), (LONG, True))
    printed, beside = told(True, 21, *said, width=140)
    assert len(printed) == 1 and printed[0].startswith("[3/30] toy mst") and beside[0] == "toy mst: ok" and len(beside[1]) <= 60
    assert told(True, 21, *said)[1] == ["", ""]  # the bar needs all the room
