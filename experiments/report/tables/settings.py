"""Methods that ran with several settings, beside their defaults."""

from __future__ import annotations

from collections import defaultdict
from statistics import fmean

from experiments.records.record import Record, as_text
from experiments.report.cases import Dataset, Method
from experiments.report.grouped import View
from experiments.report.over_seeds import Read, mean_of, metric, values
from experiments.report.remarks import remarks
from experiments.report.tables.cells import counted, mean_and_deviation
from experiments.report.tables.table import Table

Budgets = dict[float, list[Record]]
_MEASURES: tuple[tuple[str, Read], ...] = (
    ("accuracy", metric("accuracy")),
    ("auroc", metric("auroc")),
    ("log loss", metric("log_loss")),
    ("calibration slope", metric("calibration_slope")),
    ("positive rate", lambda record: record.positive_rate),
    ("mean 2-way TVD", lambda record: record.fidelity.tvd2),
)


def build(view: View) -> list[Table]:
    """For each data set and method that ran with several settings, a row for each setting, best accuracy first.

    At each epsilon only those seeds count that every setting ran with, so that all stand on the same splits.
    """
    kinds: dict[tuple[Dataset, str, float], dict[Method, Budgets]] = defaultdict(dict)
    for case, groups in view.swept_with_tuning.cases.items():
        alike: dict[str, dict[Method, dict[int, Record]]] = defaultdict(dict)
        for group in groups:
            alike[group.method.name][group.method] = {record.seed: record for record in group.runs}
        for name, settings in alike.items():
            seeds = set.intersection(*map(set, settings.values()))
            if len(settings) < 2 or not seeds:
                continue
            for method, by_seed in settings.items():
                kept = [by_seed[seed] for seed in sorted(seeds)]
                kinds[case.dataset, name, case.delta].setdefault(method, {})[case.epsilon] = kept
    return [_table(*key, rows) for key, rows in sorted(kinds.items())]


def _table(dataset: Dataset, name: str, delta: float, rows: dict[Method, Budgets]) -> Table:
    epsilons = sorted({epsilon for budgets in rows.values() for epsilon in budgets})
    every = [record for budgets in rows.values() for runs in budgets.values() for record in runs]
    measures = [(named, read) for named, read in _MEASURES if values(every, read)]

    def rank(method: Method) -> tuple[float, Method]:
        return -fmean(mean_of(runs, metric("accuracy")) or 0.0 for runs in rows[method].values()), method

    def line(method: Method) -> list[str]:
        groups = [rows[method].get(epsilon, []) for epsilon in epsilons]
        seeds = sorted({counted(runs) for runs in groups if runs})
        cells = [mean_and_deviation(values(runs, read), 3) for _, read in measures for runs in groups]
        return [as_text(dict(method.settings)) or "default", " / ".join(seeds), *cells]

    return Table(
        title=f"{dataset}, delta {delta:g}: settings of {name}",
        columns=["settings", "seeds", *(f"{named} at {e:g}" for named, _ in measures for e in epsilons)],
        rows=[line(method) for method in sorted(rows, key=rank)],
        notes=remarks(every),
    )
