"""Runs that had the machine to themselves (`compute=alone`): time and memory, beside each other and against rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from statistics import fmean, median

from experiments.labels import grouped, labelled
from experiments.leaderboard import seconds_of
from experiments.record import Record
from experiments.standing import YARDSTICK, badge, is_baseline, remarks
from experiments.table import Table, counted, lost

_ALONE = "Each cell in a new process, one after the other, nothing of ours beside it; medians over seeds of fit and sample."


def was_alone(record: Record) -> bool:
    return bool(record.seconds.get("alone"))


def efficiency_tables(records: Iterable[Record]) -> list[Table]:
    """One table for each data set and budget, quickest first. Accuracy is of those evaluators that the runs were judged by."""
    groups = grouped(records)
    tables = []
    for key in sorted({key for key, _ in groups}):
        here = {method: group for (other, method), group in groups.items() if other == key}
        yardstick, _ = seconds_of(here.get(YARDSTICK, []))
        lines = []
        for method, group in here.items():
            seconds, bound = seconds_of(group)
            if seconds is None:
                lines.append((float("inf"), [method, badge(method, group), counted(group), *"-----"]))
                continue
            ratio = f"{seconds / yardstick:.1f}" if yardstick and (is_baseline(method, group) or bound) else "-"
            parts = [_of(group, f"{part}_seconds", median, 2) for part in ("fit", "sample")]
            total = f"{'≥ ' if bound else ''}{seconds:.2f}"
            peak = _of(group, "peak_memory_mb", median, 0)
            lines.append((seconds, [method, badge(method, group), counted(group), *parts, total, ratio, peak]))
        dataset, epsilon, delta = key
        columns = ["method", "guarantee", "seeds", "fit s", "sample s", "total s", f"total / {YARDSTICK}", "peak MB"]
        notes = [*remarks(record for group in here.values() for record in group), _ALONE]
        title = f"{dataset}, epsilon {epsilon:g}, delta {delta:g}: time and memory"
        tables.append(Table(title, columns, [row for _, row in sorted(lines)], notes))
    return tables


def scale_tables(records: Iterable[Record]) -> list[Table]:
    """Of each data set that ran in several sizes: seconds, memory and accuracy of each method against training rows."""
    sizes: dict[tuple[str, float, float], dict[str, dict[int, list[Record]]]] = defaultdict(lambda: defaultdict(dict))
    records = list(records)
    for (key, method, _), record in zip(labelled(map(_of_any_size, records)), records, strict=True):
        sizes[key][method].setdefault(record.n_synth, []).append(record)
    tables = []
    for (dataset, epsilon, delta), methods in sorted(sizes.items()):
        rows = sorted({n for by_size in methods.values() for n in by_size})
        measures: tuple[tuple[str, Callable[[list[Record]], str]], ...] = (
            ("seconds of fit and sample", _seconds),
            ("peak memory, MB", lambda group: _of(group, "peak_memory_mb", median, 0)),
            ("accuracy", lambda group: _of(group, "accuracy", fmean, 3)),
        )
        for what, cell in measures if len(rows) > 1 else ():
            lines = [
                [method, *(cell(by_size[n]) if n in by_size else "-" for n in rows)]
                for method, by_size in sorted(methods.items())
            ]
            every = [record for by_size in methods.values() for group in by_size.values() for record in group]
            judged = sorted({", ".join(record.evaluation.get("evaluators", ())) for record in every})
            notes = [*remarks(every), _ALONE] + [f"Judged by: {'; '.join(judged)}."] * (what == "accuracy")
            title = f"{dataset}, epsilon {epsilon:g}, delta {delta:g}: {what} against rows"
            tables.append(Table(title, ["method", *(f"{n:,}" for n in rows)], lines, notes))
    return tables


def _of_any_size(record: Record) -> Record:
    kept = {key: value for key, value in record.dataset.items() if key != "train_rows"}
    if "generator" in kept:
        kept["generator"] = {key: value for key, value in kept["generator"].items() if key != "rows"}
    return replace(record, dataset=kept)


def _seconds(group: list[Record]) -> str:
    seconds, bound = seconds_of(group)
    return lost(group) or "-" if seconds is None else f"{'≥ ' if bound else ''}{seconds:.2f}"


def _of(group: list[Record], key: str, summary: Callable[[list[float]], float], digits: int) -> str:
    values = [value for record in group if record.status == "ok" and (value := record.flat()[key]) is not None]
    return f"{summary(values):.{digits}f}" if values else lost(group) or "-"
