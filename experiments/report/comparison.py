"""DPDSyn against each other method on the same splits: paired differences, and what of them is significant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import fmean

from experiments.records.record import Record
from experiments.report.cases import Case, Method
from experiments.report.grouped import Group, View
from experiments.report.over_seeds import on_same_splits, test_to_train
from experiments.report.roles import MAJORITY, REAL, YARDSTICK
from experiments.report.statistics import FEWEST_FOR_TEST, Estimate, holm, over_splits

ALPHA = 0.05
_MORE, _LESS = "▲", "▼"


@dataclass(frozen=True)
class Pair:
    """One method against DPDSyn on one data set and budget.

    difference: of mean accuracy, the method's less DPDSyn's, over the seeds that both ended well. adjusted: p after Holm
    among the methods of this data set and budget; None with too few seeds. missing: what became of other runs.
    """

    method: Method
    own: float
    theirs: float
    difference: Estimate
    adjusted: float | None
    missing: str

    @property
    def mark(self) -> str:
        """▲ if the method is significantly more accurate than DPDSyn, ▼ if less, else nothing."""
        if self.adjusted is None or self.adjusted >= ALPHA:
            return ""
        return _MORE if self.difference.mean > 0 else _LESS


MARKS = (
    f"{_MORE}, {_LESS}: more, or less, accurate than {YARDSTICK} on the same splits (corrected paired t test, p < {ALPHA} after "
    f"Holm over those methods of a data set and budget that have {FEWEST_FOR_TEST} seeds in common with it; methods with fewer "
    "are not tested, and nothing is adjusted across data sets and budgets)."
)


def lead(view: View, group: Group) -> float | None:
    """How much more accurate than DPDSyn a method is over the seeds that both have; None without one.

    Methods that ran with different seeds are compared by it, since some splits are harder than others.
    """
    own, theirs = on_same_splits(view.group(group.case, YARDSTICK).runs, group.runs)
    return fmean(theirs) - fmean(own) if own else None


def contest(view: View, group: Group) -> float | None:
    """The lead by which a method may be called best: None for what is not ranked or is less accurate than the larger class."""
    guesses, own = on_same_splits(view.group(group.case, MAJORITY).runs, group.runs)
    return lead(view, group) if group.is_ranked and (not own or fmean(own) >= fmean(guesses)) else None


def raw_real(view: View, case: Case) -> tuple[Record, ...]:
    """In raw space, real rows as they were read, which no encoding changes, under whichever they ran; else none."""
    if case.dataset.space != "raw":
        return ()
    return next((g.runs for g in view.groups if g.method == Method(REAL) and g.case.as_read == case.as_read and _is_raw(g)), ())


def _is_raw(group: Group) -> bool:
    return group.case.dataset.space == "raw"


def share_of_real(view: View, group: Group) -> float | None:
    """Accuracy as a share of that on real rows, over the seeds that both have; None without one."""
    real, own = on_same_splits(view.group(group.case, REAL).runs or raw_real(view, group.case), group.runs)
    return fmean(own) / fmean(real) if real else None


def pairs(view: View) -> dict[Case, list[Pair]]:
    """For each data set and budget every ranked method against DPDSyn, the most accurate first. view: judged alike."""
    found = {case: _adjusted([pair for group in groups if (pair := _pair(view, group))]) for case, groups in view.cases.items()}
    return {case: made for case, made in found.items() if made}


def _pair(view: View, group: Group) -> Pair | None:
    if group.method == Method(YARDSTICK) or not group.is_ranked:
        return None
    own, theirs = on_same_splits(view.group(group.case, YARDSTICK).runs, group.runs)
    if not own:
        return None
    difference = over_splits([b - a for a, b in zip(own, theirs, strict=True)], test_to_train(group.runs))
    return Pair(group.method, fmean(own), fmean(theirs), difference, None, group.missing)


def _adjusted(made: list[Pair]) -> list[Pair]:
    """With Holm's p values where there are any, the most accurate first."""
    tested = [(i, p) for i, pair in enumerate(made) if (p := pair.difference.p) is not None]
    for (i, _), adjusted in zip(tested, holm([p for _, p in tested]), strict=True):
        made[i] = replace(made[i], adjusted=adjusted)
    return sorted(made, key=lambda pair: (-pair.difference.mean, pair.method))
