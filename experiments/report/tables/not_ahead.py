"""Methods that learn no more than rows with independent columns do, where there is something to learn: straw men, and where."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from experiments.report.cases import Case
from experiments.report.facts import STARRED
from experiments.report.grouped import Group, View
from experiments.report.over_seeds import metric, on_same_splits
from experiments.report.roles import BADGES, MAJORITY, REAL
from experiments.report.tables.paper import title
from experiments.report.tables.table import Table

FLOOR = "independent"
_LEAST = 0.02  # of accuracy, by which real rows, and some method, are ahead where there is something to learn
_LEVEL = 1e-9  # two means that differ by less than this differ by rounding
_ACCURACY, _BALANCED = "accuracy", "balanced_accuracy"


def build(view: View) -> list[Table]:
    """One table, a row for each method that is not ahead somewhere, the largest share of its cases first.

    None without a case to learn in.
    """
    judged = view.swept.plain.of_classes.judged_alike
    taught = [case for case in judged.cases if case.dataset.is_usual and _can_be_learnt(judged, case)]
    ran: dict[str, list[Group]] = defaultdict(list)
    for group in (group for case in taught for group in judged.cases[case]):
        if group.method.about.role != "reference" and group.guarantee != "none":
            ran[group.method.title].append(group)
    tried = {name: [group for group in groups if _lead(judged, group, FLOOR) is not None] for name, groups in ran.items()}
    in_accuracy = {name: [group for group in groups if _is_not_ahead(judged, group, _ACCURACY)] for name, groups in tried.items()}
    in_both = {
        name: [group for group in groups if _is_not_ahead(judged, group, _BALANCED)] for name, groups in in_accuracy.items()
    }
    names = sorted((name for name in ran if in_both[name]), key=lambda name: (-len(in_both[name]) / len(tried[name]), name))
    rows = [_row(judged, name, tried[name], in_accuracy[name], in_both[name]) for name in names]
    columns = ["method", "guarantee", "cases", "in accuracy", "in both", "in both, where: at which epsilon (seeds)"]
    notes = [
        f"A case is a data set at a budget. There is something to learn where real rows are more accurate than `{MAJORITY}` by "
        f"over {_LEAST:g} and a method under our guarantee is ahead of `{FLOOR}`, which keeps no dependence between columns, by "
        f"as much: {len(taught)} cases. Not ahead: level or behind in accuracy, or in balanced accuracy too, in the mean over "
        "the seeds that both ended well with; how many stands in brackets. Methods are ordered by the share of their cases in "
        "which they are ahead in neither, the largest first.",
        *_named("Ahead in all of their cases, by one of the two at least (of how many, and in how many not by accuracy)", [
            f"{name} ({len(tried[name])}{f', {len(in_accuracy[name])}' if in_accuracy[name] else ''})"
            for name in sorted(ran) if tried[name] and not in_both[name]
        ]),
        *_named("Of which no run ended well", [name for name in sorted(ran) if not any(group.ended for group in ran[name])]),
        *([STARRED] if any(case.dataset.facts.star for case in taught) else []),
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


def _is_not_ahead(view: View, group: Group, measure: str) -> bool:
    """Level or behind."""
    found = _lead(view, group, FLOOR, measure)
    return found is not None and found <= _LEVEL


def _row(view: View, name: str, tried: Sequence[Group], in_accuracy: Sequence[Group], in_both: Sequence[Group]) -> list[str]:
    where: dict[tuple[str, int], list[str]] = defaultdict(list)
    for group in in_both:
        seeds, _ = on_same_splits(view.group(group.case, FLOOR).runs, group.runs, metric(_ACCURACY))
        where[title(group.case), len(seeds)].append(f"{group.case.epsilon:g}")
    told = "; ".join(f"{dataset} {', '.join(budgets)} ({seeds})" for (dataset, seeds), budgets in where.items())
    return [name, BADGES[str(tried[0].guarantee)], *(str(len(groups)) for groups in (tried, in_accuracy, in_both)), told]
