"""Methods that learn no more than rows with independent columns do, where there is something to learn: straw men, and where."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from experiments.report.cases import Case
from experiments.report.grouped import Group, View
from experiments.report.over_seeds import metric, on_same_splits
from experiments.report.roles import BADGES, MAJORITY, REAL
from experiments.report.tables.paper import title
from experiments.report.tables.table import Table

FLOOR = "independent"
_LEAST = 0.02  # of accuracy, by which real rows, and some method, are ahead where there is something to learn
_ACCURACY, _BALANCED = "accuracy", "balanced_accuracy"


def build(view: View) -> list[Table]:
    """One table, a row for each method that is not ahead somewhere, the most often first; none without a case to learn in."""
    judged = view.swept.plain.of_classes.judged_alike
    taught = [case for case in judged.cases if case.dataset.is_usual and _can_be_learnt(judged, case)]
    ran: dict[str, list[Group]] = defaultdict(list)
    for group in (group for case in taught for group in judged.cases[case]):
        if group.method.about.role != "reference" and group.guarantee != "none":
            ran[group.method.title].append(group)
    tried = {name: [group for group in groups if _lead(judged, group, FLOOR) is not None] for name, groups in ran.items()}
    less = {name: [group for group in groups if _is_behind(judged, group, _ACCURACY)] for name, groups in tried.items()}
    behind = {name: [group for group in groups if _is_behind(judged, group, _BALANCED)] for name, groups in less.items()}
    names = sorted((name for name in ran if behind[name]), key=lambda name: (-len(behind[name]) / len(tried[name]), name))
    rows = [_row(name, tried[name], less[name], behind[name]) for name in names]
    columns = ["method", "guarantee", "cases", "in accuracy", "in both", "in both, where: at which epsilon (seeds)"]
    notes = [
        f"A case is a data set at a budget. There is something to learn where real rows are more accurate than `{MAJORITY}` by "
        f"over {_LEAST:g} and a method under our guarantee is ahead of `{FLOOR}`, which keeps no dependence between columns, by "
        f"as much: {len(taught)} cases. Not ahead: level or behind in accuracy, or in balanced accuracy too, in the mean over "
        "the seeds that both ended well with.",
        *_named("Ahead in all of their cases, by one of the two at least (of how many, and in how many not by accuracy)", [
            f"{name} ({len(tried[name])}{f', {len(less[name])}' if less[name] else ''})"
            for name in sorted(ran) if tried[name] and not behind[name]
        ]),
        *_named("Of which no run ended well", [name for name in sorted(ran) if not any(group.ended for group in ran[name])]),
        *(["*: settings were chosen on it."] if any(case.dataset.facts.development for case in taught) else []),
    ]  # fmt: skip
    return [Table(f"Not ahead of {FLOOR} where there is something to learn", columns, rows, notes)] if taught else []


def _named(told: str, names: Sequence[str]) -> list[str]:
    return [f"{told}: {', '.join(names)}."] if names else []


def _can_be_learnt(view: View, case: Case) -> bool:
    real = _lead(view, view.group(case, REAL), MAJORITY)
    if real is None or real <= _LEAST:
        return False
    leads = [_lead(view, group, FLOOR) for group in view.cases[case] if group.is_ranked]
    return max((found for found in leads if found is not None), default=0.0) > _LEAST


def _lead(view: View, group: Group, other: str, measure: str = _ACCURACY) -> float | None:
    """How far a method is ahead of another on the seeds that both have."""
    theirs, own = on_same_splits(view.group(group.case, other).runs, group.runs, metric(measure))
    return fmean(own) - fmean(theirs) if own else None


def _is_behind(view: View, group: Group, measure: str) -> bool:
    found = _lead(view, group, FLOOR, measure)
    return found is not None and found <= 0


def _row(name: str, tried: Sequence[Group], less: Sequence[Group], behind: Sequence[Group]) -> list[str]:
    where: dict[tuple[str, int], list[str]] = defaultdict(list)
    for group in behind:
        where[title(group.case), len(group.ended)].append(f"{group.case.epsilon:g}")
    told = "; ".join(f"{dataset} {', '.join(budgets)} ({seeds})" for (dataset, seeds), budgets in where.items())
    return [name, BADGES[str(tried[0].guarantee)], *(str(len(groups)) for groups in (tried, less, behind)), told]
