"""Runs judged in raw space: methods under every encoding beside raw real rows, and what of those is lost to what.

Raw real rows, less the same rows encoded and decoded, is what encoding costs; the latter less a method's rows is what privacy
costs (and whatever else the method does not learn). Both are means over the seeds that all three ran with, so that they add up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from experiments.records.record import Record
from experiments.report.cases import Case, Method
from experiments.report.comparison import raw_real
from experiments.report.grouped import Group, View
from experiments.report.over_seeds import Read
from experiments.report.roles import REAL_ENCODED, YARDSTICK


@dataclass(frozen=True)
class Cost:
    """Of one method's rows under one encoding. real: what raw real rows reach. seeds: over how many all of it is."""

    encoding: str
    group: Group
    seeds: int
    real: float
    of_encoding: float
    of_privacy: float

    @property
    def whole(self) -> float:
        return self.of_encoding + self.of_privacy


def raw_cases(view: View) -> dict[Case, list[Group]]:
    """The groups that were judged in raw space, of each data set and budget those of all encodings together."""
    found: dict[Case, list[Group]] = defaultdict(list)
    for group in view.groups:
        if group.case.dataset.space == "raw":
            found[group.case.as_read].append(group)
    return dict(sorted(found.items(), key=lambda item: item[0]))


def encoding_of(group: Group) -> str:
    """As tables name it."""
    return group.case.dataset.encoding or "public"


def costs(view: View, groups: Iterable[Group], read: Read) -> list[Cost]:
    """Under each encoding those of DPDSyn and of the best other method that may be called so, by how much it reaches.

    groups: of one data set and budget. What has not both kinds of real rows beside it on some seed is left out. The best other
    method is found on the seeds that it shares with DPDSyn, or, where that did not run, over its own.
    """
    encodings: dict[str, dict[Method, Group]] = defaultdict(dict)
    for group in groups:
        encodings[encoding_of(group)][group.method] = group
    made = []
    for encoding, methods in sorted(encodings.items(), key=lambda item: (item[0] != "public", item[0])):
        own, through = methods.get(Method(YARDSTICK)), methods.get(Method(REAL_ENCODED))
        shown = [group for group in (own, _best_other(methods, own, read)) if group is not None]
        if through is not None:
            made += [cost for group in shown if (cost := _cost(view, encoding, group, through, read))]
    return made


def _cost(view: View, encoding: str, group: Group, through: Group, read: Read) -> Cost | None:
    real, encoded, own = (by_seed(runs, read) for runs in (raw_real(view, group.case), through.runs, group.runs))
    shared = sorted(real.keys() & encoded.keys() & own.keys())
    if not shared:
        return None
    top, middle, reached = (fmean(values[seed] for seed in shared) for values in (real, encoded, own))
    return Cost(encoding, group, len(shared), top, top - middle, middle - reached)


def _best_other(methods: Mapping[Method, Group], own: Group | None, read: Read) -> Group | None:
    ours = {} if own is None else by_seed(own.runs, read)
    leads = []
    for group in methods.values():
        theirs = by_seed(group.runs, read)
        shared = theirs.keys() & ours.keys() if ours else theirs.keys()
        if group.is_baseline and shared:
            leads.append((fmean(theirs[seed] - ours.get(seed, 0.0) for seed in shared), group))
    return max(leads, key=lambda found: (found[0], found[1].method), default=(0.0, None))[1]


def by_seed(runs: Iterable[Record], read: Read) -> dict[int, float]:
    """What is known of the runs that ended well."""
    return {record.seed: value for record in runs if record.status == "ok" and (value := read(record)) is not None}
