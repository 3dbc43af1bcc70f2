"""What was measured on request of how like the real rows synthetic ones are, and accuracy by group (`evaluation=likeness`)."""

from __future__ import annotations

from experiments.records.record import Record
from experiments.report.grouped import Group, View
from experiments.report.over_seeds import Read, mean_of, values
from experiments.report.remarks import remarks
from experiments.report.tables.cells import counted, mean_and_deviation
from experiments.report.tables.table import Table

_GROUP = "accuracy "  # what the accuracy of a group is called begins so (`experiments.evaluation.by_group`)
_MEASURES: tuple[tuple[str, Read], ...] = (
    ("mean 2-way TVD", lambda record: record.fidelity.tvd2),
    ("mean 3-way TVD", lambda record: record.fidelity.tvd3),
    ("told apart, AUROC", lambda record: record.fidelity.detection_auroc),
    ("pMSE", lambda record: record.fidelity.pmse),
    ("membership, nearest", lambda record: record.fidelity.membership_nearest),
    ("membership, calibrated", lambda record: record.fidelity.membership_calibrated),
)
_COLUMNS = ["method", "guarantee", "seeds"]
_NOTE = (
    "Told apart: by boosting, from test rows; .5 where it cannot. pMSE: of a logistic regression on single columns, which sees "
    "no dependence between them: rows of independent columns pass it. Membership: AUROC of public attacks that tell training "
    "from test rows by the synthetic table; weak, and .5 proves nothing (audits.md has attacks that know the method)."
)


def build(view: View) -> list[Table]:
    """One table for each data set and budget that has any of it, the least told apart first; and one of groups."""
    shown = view.swept.plain.of_classes.where(lambda record: any(read(record) is not None for _, read in _MEASURES[1:]))
    grouped = view.swept.plain.of_classes.where(lambda record: bool(_named(record)))
    return [
        *(_table(groups) for groups in shown.cases.values()),
        *(_by_group(groups) for groups in grouped.cases.values()),
    ]


def _table(groups: list[Group]) -> Table:
    ordered = sorted(groups, key=lambda group: (mean_of(group.runs, _MEASURES[2][1]) or 0.0, group.method))
    rows = [
        [group.method.title, group.badge, counted(group.runs), *(_told(group, read) for _, read in _MEASURES)]
        for group in ordered
    ]
    notes = [*remarks(record for group in groups for record in group.runs), _NOTE]
    return Table(f"{groups[0].case}: likeness", [*_COLUMNS, *(name for name, _ in _MEASURES)], rows, notes)


def _named(record: Record) -> list[str]:
    return sorted({name for scores in record.metrics.values() for name in scores if name.startswith(_GROUP)})


def _by_group(groups: list[Group]) -> Table:
    names = sorted({name for group in groups for record in group.runs for name in _named(record)})
    read = [*names, "accuracy", "accuracy_gap"]
    ordered = sorted(groups, key=lambda group: (mean_of(group.runs, _metric("accuracy_gap")) or 0.0, group.method))
    rows = [[*_begin(group), *(_told(group, _metric(name)) for name in read)] for group in ordered]
    columns = [*_COLUMNS, *(name.removeprefix(_GROUP) for name in names), "all", "largest gap"]
    note = "Accuracy among the test rows of each group. Gap: the largest less the smallest within a column; smallest gap first."
    return Table(f"{groups[0].case}: accuracy by group", columns, rows, [note])


def _begin(group: Group) -> list[str]:
    return [group.method.title, group.badge, counted(group.runs)]


def _told(group: Group, read: Read) -> str:
    return mean_and_deviation(values(group.runs, read), 3)


def _metric(name: str) -> Read:
    return lambda record: record.mean(name)
