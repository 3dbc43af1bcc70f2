"""Methods against data sets: for each budget, one table for each of what matters, every data set a column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from statistics import fmean, median

from experiments.labels import grouped
from experiments.leaderboard import BESIDE_OTHERS, seconds_of
from experiments.record import Record
from experiments.standing import remarks
from experiments.table import Table, lost

_FEWEST = 3  # data sets that a method must have run on to have a row

# what, key in a flat record, digits, how seeds are summed up
_MEASURES = (
    ("two-way error", "tvd2", 4, fmean),
    ("accuracy", "accuracy", 3, fmean),
    ("seconds of fit and sample", "total_seconds", 1, median),
    ("peak memory, MB", "peak_memory_mb", 0, median),
)


def overview_tables(records: Iterable[Record]) -> list[Table]:
    """A row for each method that ran on several data sets; a cell is a mean (of times and memory a median) over seeds.

    Seeds that did not end well are counted beside the number, and where none did, the cell says what became of it.
    """
    budgets: dict[tuple[float, float], dict[tuple[str, str], list[Record]]] = defaultdict(dict)
    for ((dataset, epsilon, delta), method), group in grouped(r for r in records if not r.evaluation.get("column")).items():
        if "(" not in dataset + method:  # special settings have tables of their own
            budgets[epsilon, delta][dataset, method] = group
    tables = []
    for (epsilon, delta), cells in sorted(budgets.items()):
        ran_on: dict[str, set[str]] = defaultdict(set)
        for dataset, method in cells:
            ran_on[method].add(dataset)
        methods = sorted(method for method, datasets in ran_on.items() if len(datasets) >= _FEWEST)
        datasets = sorted({dataset for method in methods for dataset in ran_on[method]})
        for what, key, digits, summary in _MEASURES if methods else ():
            rows = [
                [method, *(_cell(cells.get((dataset, method), []), key, digits, summary) for dataset in datasets)]
                for method in methods
            ]
            rows = [row for row in rows if set(row[1:]) != {"-"}]  # the guide itself has no rows to compare
            here = remarks(record for method in methods for dataset in datasets for record in cells.get((dataset, method), []))
            notes = [*here, *([BESIDE_OTHERS] if summary is median else [])]
            tables.append(Table(f"epsilon {epsilon:g}, delta {delta:g}: {what}", ["method", *datasets], rows, notes))
    return tables


def _cell(group: list[Record], key: str, digits: int, summary: Callable[[list[float]], float]) -> str:
    values = [value for record in group if record.status == "ok" and (value := record.flat()[key]) is not None]
    if not values:
        return _ends(group)
    notes = lost(group)
    more = f" ({notes})" if notes else ""
    if key == "total_seconds":
        seconds, bound = seconds_of(group)
        return f"{'≥ ' if bound else ''}{seconds:.{digits}f}{more}"
    return f"{summary(values):.{digits}f}{more}"


def _ends(group: list[Record]) -> str:
    return "; ".join(sorted({_end(record) for record in group if record.status != "ok"})) or "-"


def _end(record: Record) -> str:
    phase = record.seconds.get("phase")
    return record.status + (f" ({phase})" if phase else "")
