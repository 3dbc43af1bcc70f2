"""What a person sees while a command works: a bar with the time left and a line for each cell that ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from experiments.records.record import Record
from experiments.records.store import Store
from experiments.sweep.plan import Plan, Planned

_LOOK = 0.3  # seconds between two looks at the store


def bar(console: Any, what: str) -> Any:
    """A bar of cells, shown on terminals only."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, disable=not console.is_terminal)


def console() -> Any:
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def planning() -> Iterator[Callable[[int, int], None]]:
    """While the cells of a large sweep are composed and checked."""
    with bar(console(), "composing cells") as shown:
        task: list[Any] = []
        start = time.monotonic()

        def progress(done: int, total: int) -> None:
            if not task and time.monotonic() - start > 1:
                task.append(shown.add_task("composing", total=total))
            if task:
                shown.update(task[0], completed=done)

        yield progress


@contextmanager
def running(plan: Plan, store: Store, todo: Sequence[Planned], say: Callable[[str], None]) -> Iterator[None]:
    """While cells run, whoever runs them; MLflow is told of each that has a record."""
    from experiments.sweep.tracking import Mirror

    out = console()
    open_cells = {planned.cell_id: (planned, store.read(planned.cell_id)) for planned in todo}
    total, before = len(plan.cells), len(plan.cells) - len(todo)
    if before and todo:
        say(f"{before} of {total} cells were done before")
    stop = threading.Event()
    mirror = Mirror(store, say)
    mirror.add(plan, [planned.cell_id for planned in plan.cells if planned.cell_id not in open_cells])
    with bar(out, "cells") as shown:
        task = shown.add_task("cells", total=total, completed=before)

        def look() -> None:
            names = {path.stem for path in store.records.glob("*.json")} & set(open_cells)
            for cell_id in sorted(names):
                planned, earlier = open_cells[cell_id]
                record = store.read(cell_id)
                if record is None or record == earlier:
                    continue
                del open_cells[cell_id]
                done = total - len(open_cells)
                out.print(f"[{done}/{total}] {line(planned, record)}", markup=False)
                shown.update(task, completed=done)
                mirror.add(plan, [cell_id])

        def watch() -> None:
            while not stop.wait(_LOOK):
                look()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            look()
    mirror.finish()


def line(planned: Planned, record: Record) -> str:
    """A cell's result in one line."""
    accuracy = record.mean("accuracy")
    scored = f", accuracy {accuracy:.3f}" if accuracy is not None else ""
    took = f", {record.seconds['cell']:.1f} s" if "cell" in record.seconds else ""
    return f"{planned.name}: {record.status}{scored}{took}" + (f": {record.error}" if record.error else "")
