"""Each method against DPDSyn on the same splits, tested."""

from __future__ import annotations

from collections import defaultdict

from experiments.report.cases import Dataset
from experiments.report.comparison import MARKS, Pair, pairs, without_a_number
from experiments.report.grouped import Group, View
from experiments.report.remarks import remarks
from experiments.report.roles import YARDSTICK
from experiments.report.tables.table import Table

_COLUMNS = ["epsilon", "method", "seeds", YARDSTICK, "method's", "difference", "95% interval", "p", "p (Holm)", ""]


def build(view: View) -> list[Table]:
    """One table for each data set: every budget and method."""
    judged = view.swept.plain.judged_alike
    known: dict[tuple[Dataset, float], list[Group]] = defaultdict(list)
    for group in judged.groups:
        known[group.case.dataset, group.case.delta].append(group)
    tables: dict[tuple[Dataset, float], list[list[str]]] = defaultdict(list)
    for case, found in pairs(judged).items():
        tables[case.dataset, case.delta] += [[f"{case.epsilon:g}", *_row(pair)] for pair in found]
    return [
        Table(f"{key[0]}, delta {key[1]:g}: accuracy against {YARDSTICK}", _COLUMNS, rows, [*_notes(known[key]), MARKS])
        for key, rows in sorted(tables.items())
    ]


def _notes(groups: list[Group]) -> list[str]:
    return [*remarks(record for group in groups for record in group.runs), *without_a_number(groups)]


def _row(pair: Pair) -> list[str]:
    difference, half = pair.difference, pair.difference.half_width
    interval = "-" if half is None else f"{difference.mean - half:+.4f} to {difference.mean + half:+.4f}"
    ps = ["-" if p is None else f"{p:.2g}" for p in (difference.p, pair.adjusted)]
    seeds = f"{difference.seeds}" + (f" ({pair.missing})" if pair.missing else "")
    own, theirs = f"{pair.own:.4f}", f"{pair.theirs:.4f}"
    return [pair.method.title, seeds, own, theirs, f"{difference.mean:+.4f}", interval, *ps, pair.mark]
