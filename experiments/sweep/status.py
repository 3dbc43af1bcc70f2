"""The state of a results folder: what is done, running, failed and missing, and how long the rest will take."""

from __future__ import annotations

import itertools
import sys
import time
from collections import Counter
from collections.abc import Sequence

from experiments.console import Say
from experiments.records.brief import brief
from experiments.records.printable import MOST_OF_AN_ERROR, one_line, printable
from experiments.records.record import Record
from experiments.records.store import Store
from experiments.sweep.launch import debug_command, time_left, typed_command
from experiments.sweep.local.places import chosen, only_flags
from experiments.sweep.locks import held
from experiments.sweep.overrides import is_multirun
from experiments.sweep.plan import Plan, Plans

_AGAIN = 2.0  # seconds between two screens of a live status


def status(store: Store, arguments: Sequence[str], once: bool, say: Say) -> int:
    """Print it; on a terminal, go on printing while runs are at work. With arguments: of that command alone."""
    while True:
        plans = _asked(arguments, store)
        records = brief(store, say)
        running = held(store.locks)
        text = printable("\n".join(_lines(store, plans, records, running, bool(arguments))))
        live = sys.stdout.isatty() and bool(running) and not once
        sys.stdout.write(("\x1b[2J\x1b[H" if live else "") + text + "\n")
        sys.stdout.flush()
        if not live:
            return 0
        time.sleep(_AGAIN)


def _asked(arguments: Sequence[str], store: Store) -> list[Plan]:
    if only_flags(arguments):
        known = list(Plans(store.results).all())
        return chosen(known, arguments, store.results) if arguments else known  # reading flags loads Hydra
    from experiments.sweep.plan import plan_of
    from experiments.sweep.request import inspect_request

    flags = [] if is_multirun(arguments) else ["-m"]
    return [plan_of(inspect_request([*flags, *arguments]), Plans(store.results))[0]]


def _lines(store: Store, plans: list[Plan], records: dict[str, Record], running: dict, only_plans: bool) -> list[str]:
    if not records and not running and not only_plans:
        return [f"no run has been done in {store.results}; start with: dpdsyn run -m experiment=quickstart"]
    counts = Counter(record.status for record in records.values())
    lines = [", ".join([f"{store.results}: {len(records)} runs", *(f"{n} {name}" for name, n in sorted(counts.items()))])]
    shown = dict(records)
    if only_plans:
        wanted = {planned.run_id for plan in plans for planned in plan.runs}
        shown = {run_id: record for run_id, record in records.items() if run_id in wanted}
        running = {run_id: about for run_id, about in running.items() if run_id in wanted}
    for plan in plans:
        own = {planned.run_id: records[planned.run_id] for planned in plan.runs if planned.run_id in records}
        lines += _of_plan(plan, own, running)
    kinds = Counter((r.dataset.name, r.method.name, r.privacy.epsilon, r.status) for r in shown.values())
    lines += [f"  {d:<16} {m:<20} epsilon {e:<6g} {s:<14} {count}" for (d, m, e, s), count in sorted(kinds.items())]
    for about in running.values():
        since = f" for {_duration(time.time() - about['since'])}" if "since" in about else ""
        lines.append(f"  running: {about.get('name', '?')}, {about.get('phase', '?')}{since}, on {about.get('host', '?')}")
    for record in shown.values():
        if record.error:
            name = f"{record.dataset.name} {record.method.name} epsilon={record.privacy.epsilon:g} seed={record.seed}"
            log = f" (in full: {store.results / record.log})" if record.log and (store.results / record.log).exists() else ""
            lines.append(f"  {name}: {record.status}: {one_line(record.error, MOST_OF_AN_ERROR)}{log}")
    failed = ((plan, run) for plan in plans for run in plan.runs if run.run_id in shown and shown[run.run_id].status == "failed")
    return lines + [f"to stop where one of them fails: {debug_command(*found)}" for found in itertools.islice(failed, 1)]


def _of_plan(plan: Plan, records: dict[str, Record], running: dict) -> list[str]:
    """The command, a bar, and what is left of it."""
    total = len(plan.runs)
    busy = sum(planned.run_id in running for planned in plan.runs)
    failed = sum(record.status not in ("ok", "skipped") for record in records.values())
    missing = sum(planned.run_id not in records and planned.run_id not in running for planned in plan.runs)
    done = len(records)
    parts = [f"{done} of {total} done"] + [f"{n} {what}" for n, what in ((failed, "of them failed"), (busy, "running")) if n]
    if missing:
        parts.append(f"{missing} missing")
    if done < total:
        left = time_left(plan, records, max(busy, 1))
        parts.append("time left unknown" if left is None else f"about {_duration(left)} left")
    filled = round(20 * done / total) if total else 20
    return [f"[{'#' * filled}{'.' * (20 - filled)}] {typed_command(plan)}: {', '.join(parts)}"]


def _duration(seconds: float) -> str:
    seconds = max(seconds, 0.0)  # a clock may jump
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
