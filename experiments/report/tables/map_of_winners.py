"""Which method wins on simulated rows, by their number, the order of what they know, their columns, and epsilon."""

from __future__ import annotations

from experiments.report.cases import Case
from experiments.report.grouped import View
from experiments.report.tables.table import Table
from experiments.report.winners import TIE, learnt, winner

AXES = ("order", "columns", "rows")


def build(view: View) -> list[Table]:
    """One table: a row for each kind of rows, a column for each epsilon; nothing where the map has not been run."""
    mapped = view.mapped.judged_alike
    cells: dict[tuple[int, ...], dict[float, str]] = {}
    for case in mapped.cases:
        cells.setdefault(kind(case), {})[case.epsilon] = _cell(mapped, case)
    if not cells:
        return []
    epsilons = sorted({epsilon for found in cells.values() for epsilon in found})
    methods = sorted({str(group.method) for group in mapped.groups if group.is_ranked})
    rows = [[*map(str, key), *(found.get(epsilon, "-") for epsilon in epsilons)] for key, found in sorted(cells.items())]
    notes = [
        f"Most accurate (boosting, one seed) of {', '.join(methods)}; those within {TIE:g} share the place; in brackets the "
        "accuracy (.95 is the best possible) and the lead over the next. Nobody: none is ahead of rows with independent columns.",
        "Order: how many columns have to be known together to say anything of the label. Simulated rows are a development set.",
    ]
    columns = [*AXES, *(f"epsilon {epsilon:g}" for epsilon in epsilons)]
    return [Table("Where which method wins, on simulated rows", columns, rows, notes)]


def kind(case: Case) -> tuple[int, ...]:
    """Order, columns and rows of the case's data set."""
    told = {key.removeprefix("generator."): value for key, value in case.dataset.settings}
    usual = {"order": 2, "columns": 12, "rows": 40000}
    return tuple(int(told.get(axis, usual[axis])) for axis in AXES)


def _cell(mapped: View, case: Case) -> str:
    found = winner(mapped, case)
    if not found.first or not learnt(mapped, case):
        return "nobody"
    lead = "" if found.lead is None else f", +{found.lead:.3f}"
    return f"{', '.join(found.first)} ({found.accuracy:.3f}{lead})"
