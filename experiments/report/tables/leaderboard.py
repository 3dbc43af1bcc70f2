"""The main table: for each data set methods against budgets, by accuracy; and what other tables of that form share with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from experiments.report.cases import Dataset, Method
from experiments.report.comparison import MARKS, contest, lead, pairs
from experiments.report.grouped import Group, View
from experiments.report.over_seeds import metric, test_to_train, values
from experiments.report.remarks import remarks
from experiments.report.roles import YARDSTICK, badge
from experiments.report.statistics import FEWEST_FOR_INTERVAL, over_splits
from experiments.report.tables.table import Emphasis, Table

STRESS = (
    "Best in bold, second underlined, among methods under our own guarantee that ran with half of DPDSyn's seeds at "
    "least; references, inspired and wrapped rows take no part"
)


@dataclass(frozen=True)
class Entry:
    """One method at one budget. place, value: what rows are ordered by, one after the other.

    compared: what the best two of a column are found by. Of all three, more is better.
    """

    text: str
    place: float | None = None
    value: float | None = None
    compared: float | None = None


def build(view: View) -> list[Table]:
    """Mean accuracy, its 95% interval and the number of seeds; best over the budgets first."""
    judged = view.swept.plain.of_classes.judged_alike
    marks = {(case, pair.method): pair.mark for case, found in pairs(judged).items() for pair in found}

    def entry(group: Group) -> Entry:
        known = values(group.runs, metric("accuracy"))
        if not known:
            return Entry(group.missing or "-")
        estimate = over_splits(known, test_to_train(group.runs))
        spread = "" if estimate.half_width is None else f" ± {estimate.half_width:.3f}"
        text = f"{estimate.mean:.3f}{spread}{marks.get((group.case, group.method), '')} {seeds_in_brackets(group, len(known))}"
        return Entry(text, lead(judged, group), estimate.mean, contest(judged, group))

    notes = [
        f"{STRESS}, nor does what is less accurate than the larger class. Methods and rows are ordered by the difference to "
        f"{YARDSTICK} on the seeds that both have, which need not be the order of the means shown.",
        f"In brackets: seeds. ±: half of the 95% interval over seeds, from {FEWEST_FOR_INTERVAL} on, corrected for what splits "
        "share.",
        MARKS,
    ]
    return against_budgets(judged, "accuracy", entry, notes)


def seeds_in_brackets(group: Group, ended: int) -> str:
    """Seeds in brackets, with what became of other runs."""
    return f"({ended}; {group.missing})" if group.missing else f"({ended})"


def against_budgets(view: View, what: str, entry: Callable[[Group], Entry], notes: Sequence[str]) -> list[Table]:
    """A table for each data set, every budget a column, the best method over the budgets first."""
    tables: dict[tuple[Dataset, float], list[Group]] = defaultdict(list)
    for group in view.groups:
        tables[group.case.dataset, group.case.delta].append(group)
    return [
        _table(f"{dataset}, delta {delta:g}: {what}", groups, entry, notes)
        for (dataset, delta), groups in sorted(tables.items(), key=lambda item: item[0])
    ]


def _table(title: str, groups: Sequence[Group], entry: Callable[[Group], Entry], notes: Sequence[str]) -> Table:
    epsilons = sorted({group.case.epsilon for group in groups})
    made = {(group.method, group.case.epsilon): entry(group) for group in groups}
    lines = {group.method: [made.get((group.method, e), Entry("-")) for e in epsilons] for group in groups}
    every = {method: [record for group in groups if group.method == method for record in group.runs] for method in lines}
    ordered = sorted(lines, key=lambda method: (*_order(lines[method]), method))
    return Table(
        title=title,
        columns=["method", "guarantee", *(f"epsilon {epsilon:g}" for epsilon in epsilons)],
        rows=[_row(method, badge(method, every[method]), lines[method]) for method in ordered],
        notes=[*remarks(record for runs in every.values() for record in runs), *notes],
        emphasis=_best_two([[one.compared for one in lines[method]] for method in ordered]),
    )


def _row(method: Method, told: str, line: Sequence[Entry]) -> list[str]:
    return [method.title, told, *(entry.text for entry in line)]


def _order(line: Sequence[Entry]) -> tuple[float, float]:
    places = [entry.place for entry in line if entry.place is not None]
    known = [entry.value for entry in line if entry.value is not None]
    return (-fmean(places) if places else float("inf")), (-fmean(known) if known else float("inf"))


def _best_two(compared: list[list[float | None]]) -> dict[tuple[int, int], Emphasis]:
    """Where the best and the second value of each column stand, if at least two are compared."""
    stressed: dict[tuple[int, int], Emphasis] = {}
    for column in range(len(compared[0]) if compared else 0):
        known = sorted(((-value, row) for row, line in enumerate(compared) if (value := line[column]) is not None))
        for (_, row), how in zip(known if len(known) > 1 else (), ("best", "second"), strict=False):
            stressed[row, column + 2] = how  # type: ignore[assignment]
    return stressed
