"""Methods against data sets: for each budget, one table for each of what matters, every data set a column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from statistics import fmean, median

from experiments.records.record import Record
from experiments.report.labels import grouped
from experiments.report.roles import remarks
from experiments.report.tables.leaderboard import BESIDE_OTHERS, bounded, seconds_of
from experiments.report.tables.table import Table, lost

_FEWEST = 3  # data sets that a method must have run on to have a row

Summed = Callable[[list[Record]], tuple[float | None, bool]]  # over seeds, and whether it is only a lower bound


def _over_seeds(key: str, summary: Callable[[list[float]], float]) -> Summed:
    def summed(group: list[Record]) -> tuple[float | None, bool]:
        values = [value for record in group if record.status == "ok" and (value := record.flat()[key]) is not None]
        return (summary(values) if values else None), False

    return summed


_MEASURES: tuple[tuple[str, int, Summed, list[str]], ...] = (  # what, digits, how seeds are summed up, notes
    ("two-way error", 4, _over_seeds("tvd2", fmean), []),
    ("accuracy", 3, _over_seeds("accuracy", fmean), []),
    ("seconds of fit and sample", 1, seconds_of, [BESIDE_OTHERS]),
    ("peak memory, MB", 0, _over_seeds("peak_memory_mb", median), [BESIDE_OTHERS]),
)


def overview_tables(records: Iterable[Record]) -> list[Table]:
    """A row for each method that ran on several data sets; a cell is a mean (of times and memory a median) over seeds.

    Seeds that did not end well are counted beside the number, and where none did, the cell says what became of it.
    """
    budgets: dict[tuple[float, float], dict[tuple[str, str], list[Record]]] = defaultdict(dict)
    for ((dataset, epsilon, delta), method), group in grouped(r for r in records if not r.evaluation.column).items():
        if "(" not in dataset + method:  # special settings have tables of their own
            budgets[epsilon, delta][dataset, method] = group
    tables = []
    for (epsilon, delta), cells in sorted(budgets.items()):
        ran_on: dict[str, set[str]] = defaultdict(set)
        for dataset, method in cells:
            ran_on[method].add(dataset)
        methods = sorted(method for method, datasets in ran_on.items() if len(datasets) >= _FEWEST)
        datasets = sorted({dataset for method in methods for dataset in ran_on[method]})
        for what, digits, summed, notes in _MEASURES if methods else ():
            rows = [
                [method, *(_cell(cells.get((dataset, method), []), digits, summed) for dataset in datasets)] for method in methods
            ]
            rows = [row for row in rows if set(row[1:]) != {"-"}]  # the guide itself has no rows to compare
            here = remarks(record for method in methods for dataset in datasets for record in cells.get((dataset, method), []))
            title = f"epsilon {epsilon:g}, delta {delta:g}: {what}"
            tables.append(Table(title, ["method", *datasets], rows, [*here, *notes]))
    return tables


def _cell(group: list[Record], digits: int, summed: Summed) -> str:
    value, bound = summed(group)
    if value is None or not any(record.status == "ok" for record in group):
        return "; ".join(sorted({_end(record) for record in group if record.status != "ok"})) or "-"
    notes = lost(group)
    return bounded(value, bound, digits) + (f" ({notes})" if notes else "")


def _end(record: Record) -> str:
    phase = record.seconds.phase
    return record.status + (f" ({phase})" if phase else "")
