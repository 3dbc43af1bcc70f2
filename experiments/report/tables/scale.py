"""Runs that had the machine to themselves, of data sets in several sizes: time, memory and accuracy against rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from experiments.records.record import Record
from experiments.report.cases import Case, Method
from experiments.report.grouped import View
from experiments.report.missing import lost
from experiments.report.over_seeds import mean_of, metric, seconds_of
from experiments.report.remarks import remarks
from experiments.report.tables.cells import bounded, measured_alone, median_text
from experiments.report.tables.table import Table

Family = tuple[Case, str]  # of any size, and the models that judged
Sized = dict[int, list[Record]]  # by training rows, the public number


def _seconds(runs: Sequence[Record]) -> str:
    seconds, bound = seconds_of(runs)
    return lost(runs) or "-" if seconds is None else bounded(seconds, bound, 2)


def _memory(runs: Sequence[Record]) -> str:
    return median_text(runs, lambda record: record.peak_memory_mb, 0)


def _accuracy(runs: Sequence[Record]) -> str:
    mean = mean_of(runs, metric("accuracy"))
    return lost(runs) or "-" if mean is None else f"{mean:.3f}"


_MEASURES: tuple[tuple[str, Callable[[Sequence[Record]], str], str], ...] = (
    ("seconds of fit and sample", _seconds, "Medians over seeds."),
    ("peak memory, MB", _memory, "Medians over seeds."),
    ("accuracy", _accuracy, "Means over seeds. Judged by: {}."),
)


def build(view: View) -> list[Table]:
    """Of each data set that ran in several sizes: seconds, memory and accuracy against training rows, quickest method first."""
    return [
        _table(family, methods, *measure)
        for family, methods in sorted(_by_size(view).items(), key=lambda item: item[0])
        for measure in _MEASURES
    ]


def _table(family: Family, methods: dict[Method, Sized], what: str, cell: Callable[[Sequence[Record]], str], how: str) -> Table:
    case, judges = family
    rows = sorted({n for by_size in methods.values() for n in by_size})
    every = [record for by_size in methods.values() for runs in by_size.values() for record in runs]
    lines = [
        [method.title, *(cell(by_size[n]) if n in by_size else "-" for n in rows)]
        for method, by_size in sorted(methods.items(), key=_quickest)
    ]
    seeds = f"Seeds: {len({record.seed for record in every})}."
    notes = [*remarks(every), measured_alone(every, seeds, how.format(judges))]
    return Table(f"{case}: {what} against rows", ["method", *(f"{n:,}" for n in rows)], lines, notes)


def sized_runs(view: View) -> set[str]:
    """The ids of the runs that these tables show."""
    return {
        r.run_id for methods in _by_size(view).values() for by_size in methods.values() for runs in by_size.values() for r in runs
    }


def _by_size(view: View) -> dict[Family, dict[Method, Sized]]:
    """Runs that had the machine to themselves, of the families that ran in several sizes."""
    found: dict[Family, dict[Method, Sized]] = defaultdict(lambda: defaultdict(dict))
    for group in view.alone.groups:
        case = replace(group.case, dataset=group.case.dataset.of_any_size)
        for record in group.runs:
            family = (case, ", ".join(record.evaluation.judges))
            found[family][group.method].setdefault(record.n_synth, []).append(record)
    return {family: methods for family, methods in found.items() if len({n for sizes in methods.values() for n in sizes}) > 1}


def _quickest(item: tuple[Method, Sized]) -> tuple[float, float, Method]:
    """Who reached the most rows first, and among these the quickest there."""
    method, by_size = item
    times = [(-n, seconds) for n, runs in by_size.items() if (seconds := seconds_of(runs)[0]) is not None]
    return (*min(times, default=(0, 0.0)), method)
