"""Runs that had the machine to themselves (`compute=alone`): time and memory, beside each other and against rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from statistics import fmean, median

from experiments.records.record import Record
from experiments.report.labels import grouped, labelled
from experiments.report.roles import YARDSTICK, badge, is_baseline, remarks
from experiments.report.tables.leaderboard import bounded, seconds_of, times_as_long
from experiments.report.tables.table import Table, counted, lost

Family = tuple[str, float, float, str]  # data set of any size, epsilon, delta, the models that judged
_ALONE = "Each cell in a new process, one after the other, nothing of ours beside it."


def _how(group: list[Record], *more: str) -> str:
    """How these runs were made, and how many of them were disturbed all the same."""
    disturbed = sum(bool(record.seconds.contended) for record in group)
    others = [f"Other work of the machine went on beside {disturbed} of {len(group)} runs."] if disturbed else []
    return " ".join([_ALONE, *others, *more])


def efficiency_tables(records: Iterable[Record]) -> list[Table]:
    """One table for each data set and budget, quickest first; without the runs that `scale_tables` shows."""
    records = list(records)
    sized = {record.run_id for by_size in _scaled(records).values() for group in by_size.values() for record in group}
    groups = grouped(record for record in records if record.run_id not in sized)
    baselines = {method for (_, method), group in groups.items() if is_baseline(method, group)}
    tables = []
    for key in sorted({key for key, _ in groups}):
        here = {method: group for (other, method), group in groups.items() if other == key}
        lines = []
        for method, group in here.items():
            seconds, bound = seconds_of(group)
            if seconds is None:
                lines.append((float("inf"), [method, badge(method, group), counted(group), *"-----"]))
                continue
            ratio = times_as_long(group, here.get(YARDSTICK, [])) if method in baselines else ""
            parts = [_of(group, f"{part}_seconds", median, 2) for part in ("fit", "sample")]
            total = bounded(seconds, bound, 2)
            peak = _of(group, "peak_memory_mb", median, 0)
            lines.append((seconds, [method, badge(method, group), counted(group), *parts, total, ratio or "-", peak]))
        dataset, epsilon, delta = key
        columns = ["method", "guarantee", "seeds", "fit s", "sample s", "total s", f"total / {YARDSTICK}", "peak MB"]
        every = [record for group in here.values() for record in group]
        notes = [*remarks(every), _how(every, "Medians over seeds of fit and sample.")]
        title = f"{dataset}, epsilon {epsilon:g}, delta {delta:g}: time and memory"
        tables.append(Table(title, columns, [row for _, row in sorted(lines)], notes))
    return tables


def scale_tables(records: Iterable[Record]) -> list[Table]:
    """Of each data set that ran in several sizes: seconds, memory and accuracy against training rows, quickest method first."""
    families: dict[Family, dict[str, dict[int, list[Record]]]] = defaultdict(dict)
    for (family, method), by_size in _scaled(list(records)).items():
        families[family][method] = by_size
    tables = []
    for (dataset, epsilon, delta, judges), methods in sorted(families.items()):
        rows = sorted({n for by_size in methods.values() for n in by_size})
        every = [record for by_size in methods.values() for group in by_size.values() for record in group]
        seeds = f"Seeds: {len({record.seed for record in every})}."
        measures: tuple[tuple[str, Callable[[list[Record]], str], str], ...] = (
            ("seconds of fit and sample", _seconds, "Medians over seeds."),
            ("peak memory, MB", lambda group: _of(group, "peak_memory_mb", median, 0), "Medians over seeds."),
            ("accuracy", lambda group: _of(group, "accuracy", fmean, 3), f"Means over seeds. Judged by: {judges}."),
        )
        for what, cell, how in measures:
            lines = [
                [method, *(cell(by_size[n]) if n in by_size else "-" for n in rows)]
                for method, by_size in sorted(methods.items(), key=_quickest)
            ]
            title = f"{dataset}, epsilon {epsilon:g}, delta {delta:g}: {what} against rows"
            notes = [*remarks(every), _how(every, seeds, how)]
            tables.append(Table(title, ["method", *(f"{n:,}" for n in rows)], lines, notes))
    return tables


def _scaled(records: list[Record]) -> dict[tuple[Family, str], dict[int, list[Record]]]:
    """Runs by method and training rows (the public number), of the families that ran in several sizes and nothing else."""
    found: dict[tuple[Family, str], dict[int, list[Record]]] = defaultdict(dict)
    sizes: dict[Family, set[int]] = defaultdict(set)
    for (key, method, _), record in zip(labelled(map(_of_any_size, records)), records, strict=True):
        family = (*key, ", ".join(record.evaluation.evaluators))
        sizes[family].add(record.n_synth)
        found[family, method].setdefault(record.n_synth, []).append(record)
    return {(family, method): by_size for (family, method), by_size in found.items() if len(sizes[family]) > 1}


def _quickest(item: tuple[str, dict[int, list[Record]]]) -> tuple[float, float, str]:
    """Who reached the most rows first, and among these the quickest there."""
    method, by_size = item
    times = [(-n, seconds) for n, group in by_size.items() if (seconds := seconds_of(group)[0]) is not None]
    return (*min(times, default=(0, 0.0)), method)


def _of_any_size(record: Record) -> Record:
    generator = record.dataset.generator and {key: value for key, value in record.dataset.generator.items() if key != "rows"}
    return replace(record, dataset=replace(record.dataset, train_rows=None, generator=generator))


def _seconds(group: list[Record]) -> str:
    seconds, bound = seconds_of(group)
    return lost(group) or "-" if seconds is None else bounded(seconds, bound, 2)


def _of(group: list[Record], key: str, summary: Callable[[list[float]], float], digits: int) -> str:
    values = [value for record in group if record.status == "ok" and (value := record.flat()[key]) is not None]
    return f"{summary(values):.{digits}f}" if values else lost(group) or "-"
