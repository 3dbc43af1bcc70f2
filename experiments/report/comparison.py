"""DPDSyn against each other method on the same splits: paired differences, and what of them is significant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import fmean

from experiments.records.record import Record
from experiments.report.cases import Case, Method
from experiments.report.grouped import Group, View
from experiments.report.over_seeds import Read, metric, on_same_splits, test_to_train
from experiments.report.roles import MAJORITY, RANKED, REAL, YARDSTICK
from experiments.report.statistics import FEWEST_FOR_TEST, Estimate, holm, over_splits

ALPHA = 0.05
LEVEL = 5e-5  # of accuracy: who leads by less than half a hundredth of a point is as accurate
_MORE, _LESS = "▲", "▼"


@dataclass(frozen=True)
class Measure:
    """By what methods are compared: a metric of records, averaged over evaluators. less_is_better: as of log loss."""

    name: str
    title: str
    less_is_better: bool = False


ACCURACY = Measure("accuracy", "accuracy")
OTHER_MEASURES = (
    Measure("balanced_accuracy", "balanced accuracy"),
    Measure("macro_f1", "macro F1"),
    Measure("auroc", "AUROC"),
    Measure("log_loss", "log loss", less_is_better=True),
)


@dataclass(frozen=True)
class Pair:
    """One method against DPDSyn on one data set and budget, by one measure.

    difference: of the means, the method's less DPDSyn's, over the seeds that both ended well. adjusted: p after Holm
    among the methods of this data set and budget; None with too few seeds. missing: what became of other runs. often_enough:
    whether it ran with half of DPDSyn's seeds at least.
    """

    method: Method
    own: float
    theirs: float
    difference: Estimate
    adjusted: float | None
    missing: str
    measure: Measure = ACCURACY
    often_enough: bool = True

    @property
    def mark(self) -> str:
        """▲ if the method is significantly better than DPDSyn, ▼ if worse, else nothing."""
        if self.adjusted is None or self.adjusted >= ALPHA:
            return ""
        return _MORE if (self.difference.mean > 0) != self.measure.less_is_better else _LESS


_TEST = (
    f"on the same splits (corrected paired t test, p < {ALPHA} after Holm over those methods of a data set and budget that have "
    f"{FEWEST_FOR_TEST} seeds in common with it; methods with fewer are not tested, and nothing is adjusted across data sets"
)
MARKS = f"{_MORE}, {_LESS}: more, or less, accurate than {YARDSTICK} {_TEST} and budgets)."
MARKS_OF_MEASURES = f"{_MORE}, {_LESS}: better, or worse, than {YARDSTICK} {_TEST}, budgets and measures)."


def lead(view: View, group: Group, read: Read | None = None) -> float | None:
    """How much more accurate than DPDSyn a method is over the seeds that both have; None without one.

    Methods that ran with different seeds are compared by it, since some splits are harder than others. read: another measure.
    """
    own, theirs = on_same_splits(view.group(group.case, YARDSTICK).runs, group.runs, read)
    return fmean(theirs) - fmean(own) if own else None


def contest(view: View, group: Group, read: Read | None = None) -> float | None:
    """The lead by which a method may be called best.

    None for what is not ranked, is less accurate than the larger class, or ran with less than half of DPDSyn's seeds. read: a
    measure other than accuracy, in which the larger class has no part.
    """
    worthy = group.is_ranked and (read is not None or beats_guessing(view, group)) and often_enough(view, group)
    return lead(view, group, read) if worthy else None


def beats_guessing(view: View, group: Group) -> bool:
    """Whether a method is no less accurate than the larger class over the seeds that both have, or nothing is known of that."""
    guesses, own = on_same_splits(view.group(group.case, MAJORITY).runs, group.runs)
    return not own or fmean(own) >= fmean(guesses)


def often_enough(view: View, group: Group) -> bool:
    """Whether a method ran with half of DPDSyn's seeds at least: who has fewer may be ahead by one lucky seed."""
    yardstick = view.group(group.case, YARDSTICK)
    return 2 * len(on_same_splits(yardstick.runs, group.runs)[0]) >= len({run.seed for run in yardstick.ended})


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


def gap_to_real(view: View, group: Group) -> Estimate | None:
    """Accuracy of models of real rows less that on the method's own, over the seeds that both have; None without one."""
    real, own = on_same_splits(view.group(group.case, REAL).runs or raw_real(view, group.case), group.runs)
    return over_splits([a - b for a, b in zip(real, own, strict=True)], test_to_train(group.runs)) if real else None


def difference(view: View, group: Group) -> Estimate | None:
    """The `lead` in accuracy with what is known of it over seeds."""
    own, theirs = on_same_splits(view.group(group.case, YARDSTICK).runs, group.runs)
    return over_splits([b - a for a, b in zip(own, theirs, strict=True)], test_to_train(group.runs)) if own else None


def pairs(view: View, measure: Measure = ACCURACY) -> dict[Case, list[Pair]]:
    """For each data set and budget every ranked method against DPDSyn, the best first. view: judged alike."""
    found = {
        case: _adjusted([pair for group in groups if (pair := _pair(view, group, measure))])
        for case, groups in view.cases.items()
    }
    return {case: made for case, made in found.items() if made}


def is_lost(group: Group) -> bool:
    """Whether a method would be ranked here, had one of its runs ended well; what was skipped with a reason did not run."""
    ran = any(record.status != "skipped" for record in group.runs)
    return ran and not group.ended and group.method.about.role in RANKED and not group.method.settings


def without_a_number(groups: Iterable[Group]) -> list[str]:
    """A note that names the methods that are lost here; empty if there are none."""
    lost = [f"{group.method} at {group.case.epsilon:g} ({group.missing})" for group in groups if is_lost(group)]
    return [f"Without a number, which counts as lost: {', '.join(lost)}."] if lost else []


def _pair(view: View, group: Group, measure: Measure) -> Pair | None:
    if group.method == Method(YARDSTICK) or not group.is_ranked:
        return None
    own, theirs = on_same_splits(view.group(group.case, YARDSTICK).runs, group.runs, metric(measure.name))
    if not own:
        return None
    difference = over_splits([b - a for a, b in zip(own, theirs, strict=True)], test_to_train(group.runs))
    return Pair(group.method, fmean(own), fmean(theirs), difference, None, group.missing, measure, often_enough(view, group))


def _adjusted(made: list[Pair]) -> list[Pair]:
    """With Holm's p values where there are any, the best first."""
    tested = [(i, p) for i, pair in enumerate(made) if (p := pair.difference.p) is not None]
    for (i, _), adjusted in zip(tested, holm([p for _, p in tested]), strict=True):
        made[i] = replace(made[i], adjusted=adjusted)
    return sorted(made, key=lambda pair: (pair.difference.mean * (1 if pair.measure.less_is_better else -1), pair.method))
