"""Mean ranks over data sets, which test nothing."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from statistics import fmean

from experiments.report import facts
from experiments.report.cases import Dataset, Method
from experiments.report.comparison import is_lost, lead
from experiments.report.grouped import Group, View
from experiments.report.roles import YARDSTICK
from experiments.report.statistics import ranks
from experiments.report.tables.table import Table

_FEWEST = 3  # of methods, and of data sets


def build(view: View) -> list[Table]:
    """For each budget the mean rank over those data sets, none of them for development, on which every method named ran."""
    judged = view.swept.plain.judged_alike
    leads: dict[tuple[float, float], dict[Method, dict[Dataset, float]]] = defaultdict(lambda: defaultdict(dict))
    for group in judged.groups:
        ahead = -math.inf if is_lost(group) else lead(judged, group)
        if _counts(group) and ahead is not None:
            leads[group.case.epsilon, group.case.delta][group.method][group.case.dataset] = ahead
    return [table for key, methods in sorted(leads.items()) if (table := _table(*key, methods))]


def _counts(group: Group) -> bool:
    return group.case.dataset.counts and (group.is_ranked or is_lost(group))


def _table(epsilon: float, delta: float, methods: Mapping[Method, Mapping[Dataset, float]]) -> Table | None:
    """None unless three methods have run on three data sets, DPDSyn among them."""
    datasets = sorted(methods.get(Method(YARDSTICK), {}))
    complete = [method for method, found in methods.items() if set(datasets) <= set(found)]
    if len(datasets) < _FEWEST or len(complete) < _FEWEST:
        return None
    ranked = {dataset: ranks([methods[method][dataset] for method in complete]) for dataset in datasets}
    rows = sorted((fmean(ranked[dataset][i] for dataset in datasets), method) for i, method in enumerate(complete))
    absent = sorted(set(methods) - set(complete))
    notes = [
        f"Mean rank over {', '.join(map(str, datasets))} (1 is the best), by the difference in accuracy to {YARDSTICK} on the "
        "seeds that both have; a method of which no run ended well stands last. A description only: "
        f"{len(datasets)} data sets are too few for a test of ranks to say anything. "
        f"Data sets on which settings were chosen ({', '.join(facts.development_sets())}) take no part."
    ]
    if absent:
        notes.append(f"Not on all of them, so left out: {', '.join(map(str, absent))}.")
    lines = [[str(m), f"{rank:.2f}", *(f"{ranked[d][complete.index(m)]:g}" for d in datasets)] for rank, m in rows]
    return Table(f"epsilon {epsilon:g}, delta {delta:g}: mean ranks", ["method", "mean rank", *map(str, datasets)], lines, notes)
