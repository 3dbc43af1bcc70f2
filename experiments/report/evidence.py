"""What the answer rests on: for each data set and budget that counts, DPDSyn beside the others under the same guarantee.

A cell counts on a data set in its usual form on which no setting was chosen and real rows beat a constant, where enough others
ran with half of its seeds at least; rows that another data set has too count once, and budgets that are as usual as others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, log
from statistics import median_high

from experiments.report.cases import Case, Method
from experiments.report.comparison import Pair, pairs
from experiments.report.grouped import View
from experiments.report.over_seeds import ratio_of_seconds
from experiments.report.roles import MAJORITY, REAL, YARDSTICK
from experiments.report.summary import Summary, summaries

OWN = Method(YARDSTICK)
FEWEST = 3  # other methods in a cell that says who is ahead


@dataclass(frozen=True)
class Cell:
    """pairs: each other method against DPDSyn, the best first. known: what is shown of every method of this case."""

    case: Case
    pairs: Sequence[Pair]
    known: Mapping[Method, Summary]

    @property
    def own(self) -> Summary:
        return self.known[OWN]

    @property
    def best(self) -> Pair:
        """The most accurate of the others."""
        return self.pairs[0]

    @property
    def lead(self) -> float:
        """How much more accurate DPDSyn is than the best of the others, on the seeds that both have."""
        return -self.best.difference.mean

    @property
    def of_real(self) -> float | None:
        return share(self.own)

    @property
    def constant(self) -> float | None:
        """Accuracy of the larger class as a share of that of real rows."""
        known = self.known.get(Method(MAJORITY))
        return known.of_real if known is not None else None

    @property
    def times_as_long(self) -> float | None:
        """What the most accurate of the others takes."""
        return times_as_long(self.known[self.best.method], self.own)

    @property
    def quickest(self) -> float | None:
        """How many times as long the quickest of the others takes; None where nothing compares its time with DPDSyn's."""
        timed = [(p.seconds, pair.method) for pair in self.pairs if (p := self.known[pair.method]).seconds is not None]
        return times_as_long(self.known[min(timed)[1]], self.own) if timed else None

    @property
    def error(self) -> float | None:
        """How many times as far its two-way marginals are from the real ones as those of the closest of the others."""
        theirs = [error for pair in self.pairs if (error := self.known[pair.method].tvd2) is not None]
        return self.own.tvd2 / min(theirs) if self.own.tvd2 is not None and theirs and min(theirs) > 0 else None

    @property
    def off(self) -> float | None:
        """By how much the share of the positive class is off."""
        real = self.known.get(Method(REAL))
        if real is None or self.own.positive_rate is None or real.positive_rate is None:
            return None
        return abs(self.own.positive_rate - real.positive_rate)


@dataclass(frozen=True)
class Elsewhere:
    """Models that predict another column than the one which the rows were made for: shares of what real rows give."""

    case: Case
    own: float
    best: float


@dataclass(frozen=True)
class Evidence:
    """cells: in the order of data sets and budgets.

    needed: how many others a cell needs, half of as many as ran at a usual one (the median).
    """

    cells: Sequence[Cell]
    elsewhere: Sequence[Elsewhere]
    needed: int

    @cached_property
    def budget(self) -> tuple[float, float] | None:
        """Epsilon and delta with most cells, of several the nearest to epsilon 1; None without a cell."""
        counts: dict[tuple[float, float], int] = {}
        for cell in self.cells:
            at = cell.case.epsilon, cell.case.delta
            counts[at] = counts.get(at, 0) + 1
        return max(counts, key=lambda at: (counts[at], -abs(log(at[0])), at), default=None)


def evidence(view: View) -> Evidence:
    """Of all records."""
    known: dict[Case, dict[Method, Summary]] = {}
    for summary in summaries(view.shown.plain):
        known.setdefault(summary.case, {})[summary.method] = summary
    compared = pairs(view.swept.plain.judged_alike)
    every = {
        case: others
        for case, found in compared.items()
        if case.dataset.counts
        and (others := [pair for pair in found if pair.method.about.family != YARDSTICK and pair.often_enough])
    }
    needed = max(FEWEST, ceil(median_high(map(len, every.values())) / 2)) if every else FEWEST
    enough = {case: found for case, found in every.items() if len(found) >= needed}
    budgets = Counter(case.epsilon for case in enough)
    usual = {epsilon for epsilon, times in budgets.items() if 2 * times >= max(budgets.values())}
    made = (Cell(case, found, known[case]) for case, found in sorted(enough.items(), key=_first) if case.epsilon in usual)
    cells = [cell for cell in made if cell.constant is None or cell.constant < 1]
    return Evidence(cells, _elsewhere(known), needed)


def _first(item: tuple[Case, list[Pair]]) -> Case:
    return item[0]


def share(summary: Summary) -> float | None:
    """Accuracy as a share of that of real rows; None where nothing was learnt, for it says nothing then."""
    return None if summary.learnt is False else summary.of_real


def times_as_long(summary: Summary, own: Summary) -> float | None:
    """On the seeds that both have on one kind of processor, alone if both ran so, else in sweeps; None for a lower bound."""
    for alone in (True, False):
        ratio, bound = ratio_of_seconds(*([run for run in p.runs if run.alone == alone] for p in (summary, own)))
        if ratio is not None:
            return None if bound else ratio
    return None


def _elsewhere(known: Mapping[Case, Mapping[Method, Summary]]) -> list[Elsewhere]:
    found = []
    for case, methods in sorted(known.items(), key=lambda item: item[0]):
        dataset = case.dataset
        usual = dataset.space == "encoded" and not dataset.encoding and not dataset.settings
        if dataset.column is None or not usual or dataset.facts.development or OWN not in methods:
            continue
        own = share(methods[OWN])
        others = [p for m, p in methods.items() if p.kind == "ranked" and m.about.family != YARDSTICK]
        shares = [other for p in others if (other := share(p)) is not None]
        if own is not None and shares:
            found.append(Elsewhere(case, own, max(shares)))
    return found
