"""What a person sees while a command works: a bar with the time left and a line for each run that ends."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.console import Say, bar, console
from experiments.records.printable import MOST_OF_AN_ERROR, one_line
from experiments.records.record import Record
from experiments.records.store import Store
from experiments.sweep.plan import Plan, Planned
from experiments.sweep.processes import at_interrupt

if TYPE_CHECKING:
    from experiments.sweep.mlflow.runs import Sheets

_PAUSE = 0.3  # seconds between two readings of the store
_LEAST_REST = 20  # times what a reading took, so that a large store costs no more of a processor than a small one
_OF_BAR = 80  # columns of the bar, the count and the times
_MOST_LINES = 20  # runs of which each has its line on a terminal


@contextmanager
def planning() -> Iterator[Callable[[int, int], None]]:
    """While the runs of a large sweep are composed and checked."""
    with bar(console(), "composing runs") as shown:
        task: list[Any] = []
        start = time.monotonic()

        def progress(done: int, total: int) -> None:
            if not task and time.monotonic() - start > 1:
                task.append(shown.add_task("composing", total=total))
            if task:
                shown.update(task[0], completed=done)

        yield progress


@dataclass
class Seen:
    """behind: how many records MLflow has not taken; known when the block is over."""

    behind: int = 0


@contextmanager
def running(
    plan: Plan,
    store: Store,
    todo: Sequence[Planned],
    before: Mapping[str, Record],
    recorded: Sequence[str],
    say: Say,
    sheets: Sheets | None = None,
) -> Iterator[Seen]:
    """While runs are at work, whoever started them; MLflow is told of each that has a record, and of how the sweep ends.

    before: records that are to be replaced, by run. recorded: runs that are not to be done, for they have theirs. sheets: makes
    files about all records, for MLflow.
    """
    from experiments.sweep.mlflow.mirror import Mirror

    out, seen = console(), Seen()
    open_runs = {planned.run_id: planned for planned in todo}
    total = len(plan.runs)
    if recorded and todo:
        say(f"{len(recorded)} of {total} runs were done before")
    stop = threading.Event()
    mirror = Mirror(store, say, plan, sheets)
    if todo:
        mirror.begin()
        at_interrupt.append(mirror.interrupted)
    mirror.add(recorded)
    lines = Lines(out, total)
    with lines.bar as shown:
        task = shown.add_task("runs", total=total, completed=total - len(todo), last="")

        def update() -> None:
            for run_id in sorted(_names(store) & open_runs.keys()):
                record = store.read(run_id)
                if record is None or record == before.get(run_id):
                    continue
                planned = open_runs.pop(run_id)
                done = total - len(open_runs)
                last = lines.tell(f"[{done}/{total}] {line_of(planned.name, record)}", record.failed)
                shown.update(task, completed=done, last=last)
                mirror.add([run_id])

        def watch() -> None:
            pause = _PAUSE
            while not stop.wait(pause):
                start = time.thread_time()
                update()
                pause = max(_PAUSE, _LEAST_REST * (time.thread_time() - start))

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield seen
        finally:
            stop.set()
            thread.join()
            update()
    mirror.finish()
    seen.behind = mirror.behind


def _names(store: Store) -> set[str]:
    """Runs that have a record."""
    try:
        with os.scandir(store.records) as found:  # names alone: there may be very many
            return {entry.name[:-5] for entry in found if entry.name.endswith(".json")}
    except FileNotFoundError:
        return set()


class Lines:
    """What is said of each run that ends: on a terminal, of many runs, only the last one stands there, and those that failed."""

    def __init__(self, out: Any, runs: int) -> None:
        from rich.progress import TextColumn

        self._out = out
        self._brief = out.is_terminal and runs > _MOST_LINES
        self.bar = bar(out, "runs", *([TextColumn("{task.fields[last]}", markup=False)] if self._brief else []))

    def tell(self, text: str, failed: bool) -> str:
        """Say it; gives what is to stand beside the bar."""
        if failed or not self._brief:
            fits = {"soft_wrap": False, "no_wrap": True, "overflow": "ellipsis"} if self._out.is_terminal else {}
            self._out.print(text, markup=False, **fits)
        return text.partition("] ")[2][: max(self._out.width - _OF_BAR, 0)]


def line_of(name: str, record: Record) -> str:
    """A run's result in one line."""
    known = [(word, value) for name, word in (("accuracy", "accuracy"), ("r2", "R2")) if (value := record.mean(name)) is not None]
    scored = "".join(f", {word} {value:.3f}" for word, value in known)
    took = f", {record.seconds.run:.1f} s" if record.seconds.run is not None else ""
    return f"{name}: {record.status}{scored}{took}" + (f": {one_line(record.error, MOST_OF_AN_ERROR)}" if record.error else "")
