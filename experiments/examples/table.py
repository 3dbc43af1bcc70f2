"""A table of one's own: how many seconds each method takes for a point of accuracy, from the records of a results folder."""

from __future__ import annotations

import sys

from experiments.paths import results_dir
from experiments.records.store import Store
from experiments.report.cases import Case
from experiments.report.grouped import Group, View
from experiments.report.over_seeds import mean_of, metric
from experiments.report.tables.table import Table, markdown


def build(view: View) -> list[Table]:
    """One table for each data set and budget, the method that is quickest for its accuracy first."""
    return [table for case, groups in view.swept.plain.cases.items() if (table := _table(case, groups))]


def _table(case: Case, groups: list[Group]) -> Table | None:
    costs = []
    for group in groups:
        seconds = mean_of(group.runs, lambda record: record.seconds.total)
        accuracy = mean_of(group.runs, metric("accuracy"))
        if seconds is not None and accuracy:
            costs.append((seconds / (100 * accuracy), group))
    rows = [[group.method.title, group.badge, str(len(group.ended)), f"{cost:.4f}"] for cost, group in sorted(costs, key=_cost)]
    notes = ["Seconds of fit and sample, divided by the mean accuracy in percent; means over the runs that ended."]
    columns = ["method", "guarantee", "runs", "seconds / point"]
    return Table(f"{case}: seconds for a point of accuracy", columns, rows, notes) if rows else None


def _cost(item: tuple[float, Group]) -> tuple[float, str]:
    return item[0], item[1].method.title


if __name__ == "__main__":
    shown = build(View.of(Store(results_dir()).all()))
    sys.stdout.write("\n".join(map(markdown, shown)))
