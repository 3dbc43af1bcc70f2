"""What a person's own metrics say: the mean of each over models and seeds, beside accuracy."""

from __future__ import annotations

from statistics import fmean, stdev

from experiments.records.record import METRICS, OF_NUMBERS, Record
from experiments.report.cases import Case
from experiments.report.grouped import Group, View
from experiments.report.over_seeds import metric, values
from experiments.report.remarks import remarks
from experiments.report.tables.table import Table

_NOTE = "Metrics of one's own (evaluation.metrics), in the mean over models, then over seeds ± standard deviation."


def build(view: View) -> list[Table]:
    """One table for each data set and budget of which any run was judged by a metric that is not ours."""
    return [table for case, groups in view.swept.plain.cases.items() if (table := _table(case, groups))]


def _table(case: Case, groups: list[Group]) -> Table | None:
    names = sorted({name for group in groups for record in group.ended for name in _own(record)})
    shown = [group for group in groups if any(_own(record) for record in group.ended)]
    if not names:
        return None
    first = "r2" if any(record.predicts_a_number for group in shown for record in group.ended) else "accuracy"
    rows = [
        [group.method.title, group.badge, str(len(group.ended)), *(_told(group, name) for name in (first, *names))]
        for group in shown
    ]
    notes = [*remarks(record for group in shown for record in group.runs), _NOTE]
    return Table(f"{case}: metrics of one's own", ["method", "guarantee", "seeds", first, *names], rows, notes)


def _own(record: Record) -> tuple[str, ...]:
    """The names of those of its metrics that were asked for as a person's own."""
    return tuple(name for name in record.evaluation.own_metrics if name not in (*METRICS, *OF_NUMBERS))


def _told(group: Group, name: str) -> str:
    known = values(group.runs, metric(name))
    return "-" if not known else f"{fmean(known):.4f}" + (f" ± {stdev(known):.4f}" if len(known) > 1 else "")
