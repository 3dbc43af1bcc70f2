"""What a person sees while a command works: a bar with the time left and a line for each run that ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from experiments.console import bar, console
from experiments.records.record import Record
from experiments.records.store import Store
from experiments.sweep.plan import Plan, Planned
from experiments.sweep.processes import at_interrupt

if TYPE_CHECKING:
    from experiments.sweep.mlflow.runs import Sheets

_PAUSE = 0.3  # seconds between two readings of the store


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


@contextmanager
def running(
    plan: Plan, store: Store, todo: Sequence[Planned], say: Callable[[str], None], sheets: Sheets | None = None
) -> Iterator[None]:
    """While runs are at work, whoever started them; MLflow is told of each that has a record, and of how the sweep ends.

    sheets: makes files about all records, for MLflow.
    """
    from experiments.sweep.mlflow.mirror import Mirror

    out = console()
    open_runs = {planned.run_id: (planned, store.read(planned.run_id)) for planned in todo}
    total, before = len(plan.runs), len(plan.runs) - len(todo)
    recorded = sum(store.read(planned.run_id) is not None for planned in plan.runs if planned.run_id not in open_runs)
    if recorded and todo:
        say(f"{recorded} of {total} runs were done before")
    stop = threading.Event()
    mirror = Mirror(store, say, plan, sheets)
    if todo:
        mirror.begin()
        at_interrupt.append(mirror.interrupted)
    mirror.add([planned.run_id for planned in plan.runs if planned.run_id not in open_runs])
    with bar(out, "runs") as shown:
        task = shown.add_task("runs", total=total, completed=before)

        def update() -> None:
            names = {path.stem for path in store.records.glob("*.json")} & set(open_runs)
            for run_id in sorted(names):
                planned, earlier = open_runs[run_id]
                record = store.read(run_id)
                if record is None or record == earlier:
                    continue
                del open_runs[run_id]
                done = total - len(open_runs)
                out.print(f"[{done}/{total}] {line_of(planned.name, record)}", markup=False)
                shown.update(task, completed=done)
                mirror.add([run_id])

        def watch() -> None:
            while not stop.wait(_PAUSE):
                update()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            update()
    mirror.finish()


def line_of(name: str, record: Record) -> str:
    """A run's result in one line."""
    known = [(word, value) for name, word in (("accuracy", "accuracy"), ("r2", "R2")) if (value := record.mean(name)) is not None]
    scored = "".join(f", {word} {value:.3f}" for word, value in known)
    took = f", {record.seconds.run:.1f} s" if record.seconds.run is not None else ""
    return f"{name}: {record.status}{scored}{took}" + (f": {record.error}" if record.error else "")
