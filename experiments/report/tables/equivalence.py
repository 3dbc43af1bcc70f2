"""Whether DPDSyn is as good as the strongest rival: differences pooled over data sets, and tests of equivalence.

No significant difference is no evidence of none. Two one-sided tests (Schuirmann 1987) show equivalence within a margin that was
stated beforehand; the rival was named beforehand too (`roles.RIVAL`), others stand below it.
"""

from __future__ import annotations

from collections import defaultdict

from experiments.report import facts
from experiments.report.cases import Dataset, Method
from experiments.report.comparison import ACCURACY, ALPHA, OTHER_MEASURES, Measure
from experiments.report.grouped import Group, View
from experiments.report.over_seeds import metric, on_same_splits, test_to_train
from experiments.report.roles import RIVAL, YARDSTICK
from experiments.report.statistics import FEWEST_FOR_TEST, Pooled, pooled
from experiments.report.tables.table import Table

MARGIN = 0.005  # of accuracy, balanced accuracy, macro F1 and AUROC alike
_MEASURES = (ACCURACY, *(measure for measure in OTHER_MEASURES if not measure.less_is_better))
_FEWEST = 2  # data sets
Differences = dict[Dataset, tuple[list[float], float]]


def build(view: View) -> list[Table]:
    """One table for each budget and measure: the rival and every other ranked method that has five seeds on several data sets."""
    judged = view.swept.plain.of_classes.judged_alike
    budgets = sorted({(case.epsilon, case.delta) for case in judged.cases if case.dataset.counts})
    return [table for budget in budgets for measure in _MEASURES if (table := _table(judged, budget, measure))]


def _table(judged: View, budget: tuple[float, float], measure: Measure) -> Table | None:
    found: dict[Method, Differences] = defaultdict(dict)
    for group in judged.groups:
        known = _differences(judged, group, measure)
        if (group.case.epsilon, group.case.delta) == budget and group.case.dataset.counts and group.is_baseline and known:
            found[group.method][group.case.dataset] = known
    several = {method: own for method, own in found.items() if len(own) >= _FEWEST}
    if not several:
        return None
    ordered = sorted(several, key=lambda method: (method.name != RIVAL, method))
    return Table(
        f"epsilon {budget[0]:g}, delta {budget[1]:g}: {measure.title}, pooled",
        ["method", "data sets", "difference", "95% interval", "p (equivalent)", f"within {MARGIN:g}", "on"],
        [_row(method, several[method]) for method in ordered],
        _notes(RIVAL in {method.name for method in several}),
    )


def _differences(judged: View, group: Group, measure: Measure) -> tuple[list[float], float] | None:
    """The method's less DPDSyn's, by seed, with the ratio of test to training rows; None with too few seeds."""
    own, theirs = on_same_splits(judged.group(group.case, YARDSTICK).runs, group.runs, metric(measure.name))
    if len(own) < FEWEST_FOR_TEST:
        return None
    return [b - a for a, b in zip(own, theirs, strict=True)], test_to_train(group.runs)


def _row(method: Method, own: Differences) -> list[str]:
    together = pooled(list(own.values()))
    low, high = together.interval(0.95)
    p = together.p_equivalent(MARGIN)
    named = f"{method.title} (named beforehand)" if method.name == RIVAL else method.title
    sets = ", ".join(map(str, sorted(own)))
    return [named, str(len(own)), f"{together.mean:+.4f}", f"{low:+.4f} to {high:+.4f}", f"{p:.2g}", _verdict(together, p), sets]


def _verdict(together: Pooled, p: float) -> str:
    if p < ALPHA:
        return "yes"
    low, high = together.interval(0.95)
    return "no: less" if high < -MARGIN else "no: more" if low > MARGIN else "not shown"


def _notes(rival: bool) -> list[str]:
    notes = [
        f"Differences are the method's less {YARDSTICK}'s, by seed on the same splits, with {FEWEST_FOR_TEST} seeds at least; "
        "data sets count alike, and intervals speak of these data sets only. Equivalent: two one-sided tests at "
        f"{ALPHA:g} show the mean within {MARGIN:g} of 0; they are not adjusted over rows. Data sets on which settings were "
        f"chosen ({', '.join(facts.development_sets())}) take no part."
    ]
    return notes if rival else [*notes, f"{RIVAL}, the rival named beforehand, has too few runs here."]
