"""Where which method wins: on each kind of table the most accurate of the methods under our own guarantee, and by how much."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.report.cases import Case
from experiments.report.grouped import Group, View
from experiments.report.over_seeds import mean_of, metric

TIE = 0.005  # of accuracy: methods that are no further behind share the place


@dataclass(frozen=True)
class Winner:
    """first: the most accurate methods, the best first, within `TIE` of it. lead: over the best of those that are behind them.

    None of them: `first` is empty where none ended well.
    """

    case: Case
    first: tuple[str, ...]
    accuracy: float
    lead: float | None


def winner(view: View, case: Case, tie: float = TIE) -> Winner:
    """Of those methods that ratios may be made against, and DPDSyn, by accuracy's mean over the seeds of each."""
    groups = [group for group in view.cases[case] if group.is_ranked]
    known = sorted((-value, str(group.method)) for group in groups if (value := _accuracy(group)) is not None)
    if not known:
        return Winner(case, (), float("nan"), None)
    best = -known[0][0]
    first = tuple(name for value, name in known if best + value <= tie)
    others = [-value for value, name in known if name not in first]
    return Winner(case, first, best, best - max(others) if others else None)


def _accuracy(group: Group) -> float | None:
    return mean_of(group.runs, metric("accuracy"))


def learnt(view: View, case: Case, least: float = TIE) -> bool:
    """Whether someone learnt something: the best is ahead of rows whose columns are independent."""
    nothing = mean_of(view.group(case, "independent").runs, metric("accuracy"))
    found = winner(view, case)
    return bool(found.first) and (nothing is None or found.accuracy > nothing + least)
