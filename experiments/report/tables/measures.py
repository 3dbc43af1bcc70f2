"""Each method against DPDSyn by what accuracy does not see: balanced accuracy, macro F1, AUROC and log loss, tested alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from experiments.records.record import Record
from experiments.report.cases import Case, Dataset, Method
from experiments.report.comparison import (
    ACCURACY,
    MARKS_OF_MEASURES,
    OTHER_MEASURES,
    Measure,
    Pair,
    pairs,
    without_a_number,
)
from experiments.report.grouped import View
from experiments.report.over_seeds import mean_of, metric
from experiments.report.remarks import remarks
from experiments.report.roles import YARDSTICK
from experiments.report.tables.table import Table

_MEASURES = (ACCURACY, *OTHER_MEASURES)
_NOTE = (
    f"Differences to {YARDSTICK} over the seeds that both have: above 0 the method's is larger, which is better of all but log "
    f"loss. The first line of a budget has {YARDSTICK}'s own values, over all of its seeds. Methods stand by accuracy."
)


def build(view: View) -> list[Table]:
    """One table for each data set: every budget and method, a column for each measure."""
    judged = view.swept.plain.of_classes.judged_alike
    by_measure = {measure: pairs(judged, measure) for measure in _MEASURES}
    rows: dict[tuple[Dataset, float], list[list[str]]] = defaultdict(list)
    for case, found in by_measure[ACCURACY].items():
        rows[case.dataset, case.delta] += [_own(judged, case), *(_row(case, pair.method, by_measure) for pair in found)]
    tables = []
    for (dataset, delta), lines in sorted(rows.items()):
        groups = [group for group in judged.groups if (group.case.dataset, group.case.delta) == (dataset, delta)]
        notes = [*remarks(record for group in groups for record in group.runs), *without_a_number(groups)]
        columns = ["epsilon", "method", "seeds", *(measure.title for measure in _MEASURES)]
        title = f"{dataset}, delta {delta:g}: measures against {YARDSTICK}"
        tables.append(Table(title, columns, lines, [*notes, _NOTE, MARKS_OF_MEASURES]))
    return tables


def _own(judged: View, case: Case) -> list[str]:
    own = judged.group(case, YARDSTICK).ended
    return [f"{case.epsilon:g}", YARDSTICK, f"{len(own)}", *(_mean(own, measure) for measure in _MEASURES)]


def _mean(runs: list[Record], measure: Measure) -> str:
    value = mean_of(runs, metric(measure.name))
    return "-" if value is None else f"{value:.4f}"


def _row(case: Case, method: Method, by_measure: Mapping[Measure, Mapping[Case, list[Pair]]]) -> list[str]:
    found = {measure: {pair.method: pair for pair in by_measure[measure].get(case, ())} for measure in _MEASURES}
    accuracy = found[ACCURACY][method]
    seeds = f"{accuracy.difference.seeds}" + (f" ({accuracy.missing})" if accuracy.missing else "")
    return [f"{case.epsilon:g}", method.title, seeds, *(_told(found[measure].get(method)) for measure in _MEASURES)]


def _told(pair: Pair | None) -> str:
    return "-" if pair is None else f"{pair.difference.mean:+.4f}{f' {pair.mark}' if pair.mark else ''}"
