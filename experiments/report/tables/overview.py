"""Methods against data sets: for each budget, one table for each of what matters, every data set a column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from experiments.records.record import Record
from experiments.report.cases import Dataset, Method
from experiments.report.grouped import View
from experiments.report.missing import lost
from experiments.report.over_seeds import mean_of, median_of, metric, seconds_of
from experiments.report.remarks import remarks
from experiments.report.tables.cells import BESIDE_OTHERS, bounded
from experiments.report.tables.table import Table

_FEWEST = 3  # data sets that a method must have run on to have a row

Cells = Mapping[tuple[Dataset, Method], Sequence[Record]]
Summed = tuple[float | None, bool]  # over seeds, and whether it is only a lower bound


@dataclass(frozen=True)
class _Measure:
    """summed: over the seeds of a group."""

    what: str
    digits: int
    summed: Callable[[Sequence[Record]], Summed]
    notes: tuple[str, ...] = ()


_MEASURES = (
    _Measure("mean 2-way TVD", 4, lambda runs: (mean_of(runs, lambda record: record.fidelity.tvd2), False)),
    _Measure("accuracy", 3, lambda runs: (mean_of(runs, metric("accuracy")), False)),
    _Measure("seconds of fit and sample", 1, seconds_of, (BESIDE_OTHERS,)),
    _Measure("peak memory, MB", 0, lambda runs: (median_of(runs, lambda record: record.peak_memory_mb), False), (BESIDE_OTHERS,)),
)


def build(view: View) -> list[Table]:
    """A row for each method that ran on several data sets; a cell is a mean (of times and memory a median) over seeds.

    Seeds that did not end well are counted beside the number, and where none did, the cell says what became of it.
    """
    budgets: dict[tuple[float, float], dict[tuple[Dataset, Method], Sequence[Record]]] = defaultdict(dict)
    for group in view.swept.plain.groups:
        if group.case.dataset.is_usual and not group.method.settings:  # special settings have tables of their own
            budgets[group.case.epsilon, group.case.delta][group.case.dataset, group.method] = group.runs
    return [table for budget, cells in sorted(budgets.items()) for table in _tables(*budget, cells)]


def _tables(epsilon: float, delta: float, cells: Cells) -> list[Table]:
    ran_on: dict[Method, set[Dataset]] = defaultdict(set)
    for dataset, method in cells:
        ran_on[method].add(dataset)
    methods = sorted(method for method, found in ran_on.items() if len(found) >= _FEWEST)
    datasets = sorted({dataset for method in methods for dataset in ran_on[method]})
    here = remarks(record for method in methods for dataset in datasets for record in cells.get((dataset, method), ()))
    tables = []
    for measure in _MEASURES if methods else ():
        rows = [[method.title, *(_cell(cells.get((dataset, method), ()), measure) for dataset in datasets)] for method in methods]
        rows = [row for row in rows if set(row[1:]) != {"-"}]  # the guide itself has no rows to compare
        title = f"epsilon {epsilon:g}, delta {delta:g}: {measure.what}"
        tables.append(Table(title, ["method", *map(str, datasets)], rows, [*here, *measure.notes]))
    return tables


def _cell(runs: Sequence[Record], measure: _Measure) -> str:
    value, bound = measure.summed(runs)
    if value is None or not any(record.status == "ok" for record in runs):
        return "; ".join(sorted({_end(record) for record in runs if record.status != "ok"})) or "-"
    notes = lost(runs)
    return bounded(value, bound, measure.digits) + (f" ({notes})" if notes else "")


def _end(record: Record) -> str:
    phase = record.seconds.phase
    return record.status + (f" ({phase})" if phase else "")
