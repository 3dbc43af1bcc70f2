"""Accuracy and fidelity of each data set and budget: means over seeds, what failed left visible."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.records.record import METRICS
from experiments.report.comparison import share_of_real
from experiments.report.grouped import Group, View
from experiments.report.over_seeds import Read, best_accuracy, mean_of, metric, values
from experiments.report.remarks import protected, remarks
from experiments.report.roles import MAJORITY
from experiments.report.tables.cells import counted, mean_and_deviation
from experiments.report.tables.table import Table
from experiments.report.verdict import NOTHING, floor, learnt, verdict

_RARE = "average precision, rarest class"
_MEASURES: tuple[tuple[str, Read], ...] = (
    ("best evaluator", best_accuracy),
    *((name, metric(name)) for name in METRICS[1:]),
    (_RARE, metric("rarest_average_precision")),
    ("positive rate", lambda record: record.positive_rate),
    ("mean 1-way TVD", lambda record: record.fidelity.tvd1),
    ("mean 2-way TVD", lambda record: record.fidelity.tvd2),
)
_COLUMNS = ["method", "guarantee", "epsilon spent", "seeds", "accuracy", "of real"]
_LATER = ("log_loss", "calibration_slope", "calibration_error", _RARE)  # left out where no record has them


def build(view: View) -> list[Table]:
    """One table for each data set and budget, best accuracy first."""
    shown = view.swept.plain.of_classes
    return [_table(groups, shown.judged_alike) for groups in shown.cases.values()]


def _table(groups: list[Group], judged_alike: View) -> Table:
    together = [record for group in groups for record in group.runs]
    ordered = sorted(groups, key=lambda group: (-(mean_of(group.runs, metric("accuracy")) or -1.0), group.method))
    known = [record.dataset.ceiling for record in together if record.dataset.ceiling is not None]
    best = mean_and_deviation(known[:1], 3)
    measures = [(name, read) for name, read in _MEASURES if name not in _LATER or values(together, read)]
    ceiling = [["best possible", "-", "-", "-", best, "-", best, *"-" * (len(measures) - 1)]] if known else []
    return Table(
        title=f"{groups[0].case}: accuracy",
        columns=[*_COLUMNS, *(name for name, _ in measures)],
        rows=ceiling + [_row(group, judged_alike, measures) for group in ordered] + _floor(groups, measures),
        notes=[*verdict(groups), *protected(together), *remarks(together)],
    )


def _row(group: Group, judged_alike: View, measures: Sequence[tuple[str, Read]]) -> list[str]:
    spent = values(group.runs, lambda record: record.privacy.spent)
    share = share_of_real(judged_alike, judged_alike.group(group.case, group.method))
    return [
        group.method.title,
        group.badge,
        f"{max(spent):.3f}" if spent else "-",
        counted(group.runs),
        mean_and_deviation(values(group.runs, metric("accuracy")), 3),
        NOTHING if share and learnt(group.runs) is False else "-" if share is None else f"{share:.1%}",
        *(mean_and_deviation(values(group.runs, read), 3) for _, read in measures),
    ]


def _floor(groups: list[Group], measures: Sequence[tuple[str, Read]]) -> list[list[str]]:
    """A line for who knows the shares of the classes alone, where records state it and `majority` is not among the methods."""
    accuracy = floor(groups, "accuracy")
    if accuracy is None or any(group.method.name == MAJORITY for group in groups):
        return []
    known = {name: floor(groups, "rarest_average_precision" if name == _RARE else name) for name, _ in measures}
    known["best evaluator"] = accuracy
    return [
        [
            *(f"{MAJORITY}: the shares of classes alone", "-", "-", "-", f"{accuracy:.3f}", "-"),
            *("-" if (value := known[name]) is None else f"{value:.3f}" for name, _ in measures),
        ]
    ]
