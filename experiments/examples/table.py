"""A table of one's own: how many seconds each method takes for a point of accuracy, from the records of a results folder."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable
from statistics import fmean

from experiments.paths import results_dir
from experiments.records.record import Record
from experiments.records.store import Store
from experiments.report.tables.table import Table, markdown


def build(records: Iterable[Record]) -> list[Table]:
    """One table for each data set, the quickest method for its accuracy first."""
    groups: dict[str, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        if record.status == "ok":
            groups[record.dataset.name][record.method.name].append(record)
    return [_table(dataset, methods) for dataset, methods in sorted(groups.items())]


def _table(dataset: str, methods: dict[str, list[Record]]) -> Table:
    costs = []
    for method, records in methods.items():
        seconds = fmean(record.seconds.total or 0.0 for record in records)
        accuracy = fmean(record.mean("accuracy") or 0.0 for record in records)
        costs.append((seconds / max(100 * accuracy, 1e-9), method, len(records)))
    rows = [[method, str(runs), f"{cost:.4f}"] for cost, method, runs in sorted(costs)]
    notes = ["Seconds of fit and sample, divided by the mean accuracy in percent; means over the runs that ended."]
    return Table(f"Seconds for a point of accuracy: {dataset}", ["method", "runs", "seconds / point"], rows, notes)


if __name__ == "__main__":
    sys.stdout.write("\n".join(map(markdown, build(Store(results_dir()).all(lambda text: None)))))
