"""What a person sees while a command works: lines on standard error, and a bar with the time left on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Say = Callable[[str], None]


def say(text: str) -> None:
    """A line for the person, beside whatever the command prints."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def silent(text: str) -> None:
    """Where nobody listens."""


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table, columns one below the other."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def console() -> Any:
    """A rich console on standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def bar(console: Any, what: str, *more: Any) -> Any:
    """A bar that counts what is done, with the time passed and left and more columns; shown on terminals only."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        *more,
    )
    return Progress(*columns, console=console, disable=not console.is_terminal)
