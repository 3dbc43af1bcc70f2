"""What was claimed before the runs that may refute it: sentences with a number each, in an experiment's file under `claims`.

A claim holds for one method beside another. In each data set, on the seeds that both ended well with, the two are compared by a
ratio or a difference, split by split; what data sets say together is their mean, each counting alike. The claim *holds* where
that mean lies on its side of the bound with 95% confidence, is *refuted* where it lies on the other side with the same
confidence, and else is *not shown*. Time is compared by medians, without a test.

That is the rule as it was written down. Two stricter ones stand beside it: p adjusted for all claims at all budgets (Holm), and
what those tables of a claim say alone that nothing had been run on. A method that was changed after its first results were known
is judged a second time, by seeds that ran after the change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from statistics import fmean
from typing import Any

from experiments.configuration import content_hash, option_path, options, read_option
from experiments.records.record import Record
from experiments.report.cases import Case
from experiments.report.grouped import AGAIN, View
from experiments.report.over_seeds import Read, metric, on_same_splits, ratio_of_seconds, test_to_train, timed_alike
from experiments.report.statistics import holm, pooled

FILE = "paper"  # the experiment whose claims are judged
HOLDS, REFUTED, NOT_SHOWN, NOT_RUN = "holds", "refuted", "not shown", "not run"
_CONFIDENCE = 0.9  # of the two-sided interval: each of its ends is exceeded with 5%
_COMPARED = ("ratio", "difference")
_SECONDS = "seconds"


@dataclass(frozen=True)
class Claim:
    """at_least, at_most: the bound at each budget, by epsilon; one of the two. datasets: on which; a claim is not about others.

    measure: a metric of records, `tvd2` (mean 2-way TVD), or `seconds` (of runs alone). off_task: judged by another column.
    """

    says: str
    method: str
    beside: str
    measure: str
    compared: str
    datasets: tuple[str, ...]
    at_least: Mapping[float, float] | None = None
    at_most: Mapping[float, float] | None = None
    off_task: bool = False

    @classmethod
    def of(cls, given: Mapping[str, Any], tables: Mapping[str, Sequence[str]]) -> Claim:
        """Raises ValueError for what a claim does not have or lacks. tables: lists of data sets by name."""
        told = dict(given)
        named = told.get("datasets")
        told["datasets"] = tuple(tables.get(named, (named,)) if isinstance(named, str) else named or ())
        try:
            claim = cls(**told)
        except TypeError as error:
            raise ValueError(f"claim {told.get('says')!r}: {error}") from error
        if (claim.at_least is None) == (claim.at_most is None) or claim.compared not in _COMPARED or not claim.datasets:
            raise ValueError(
                f"claim {claim.says!r}: at_least or at_most, a comparison by {' or '.join(_COMPARED)}, and data sets are needed"
            )
        return claim

    @property
    def bounds(self) -> Mapping[float, float]:
        return self.at_least if self.at_least is not None else self.at_most or {}

    @property
    def read(self) -> Read:
        return (lambda record: record.fidelity.tvd2) if self.measure == "tvd2" else metric(self.measure)


@dataclass(frozen=True)
class Preregistered:
    """What an experiment's file claims. seeds: on which it is judged. sha256: of what the file says.

    unseen: tables that nothing had been run on. again: whether it is judged by what ran for that, and by nothing else.
    """

    claims: tuple[Claim, ...]
    seeds: tuple[int, ...]
    sha256: str
    unseen: tuple[str, ...] = ()
    again: bool = False


def preregistered(name: str = FILE) -> Preregistered | None:
    """The claims of an experiment's file; None if there is no such file or it claims nothing. Raises ValueError."""
    if name not in options("experiment"):
        return None
    told = read_option("experiment", name)
    tables = told.get("tables") or {}
    claims = tuple(Claim.of(one, tables) for one in told.get("claims") or ())
    sha256 = content_hash(option_path("experiment", name))
    return Preregistered(claims, tuple(told["seeds"]), sha256, tuple(tables.get("unseen", ()))) if claims else None


def again(name: str = AGAIN) -> Preregistered | None:
    """The same claims, to be judged by the seeds of another experiment's grid; None if either file is not there."""
    told = preregistered() if name in options("experiment") else None
    if told is None:
        return None
    grid = read_option("experiment", name)["hydra"]["sweeper"]["params"]
    return replace(told, seeds=tuple(int(seed) for seed in str(grid["seed"]).split(",")), again=True)


@dataclass(frozen=True)
class Found:
    """What the records say of a claim at one budget. value: None where nothing ran. by_dataset: the mean of each.

    p: one-sided, of the true mean lying on the wrong side of the bound; None where there is no interval. runs: of both methods.
    """

    claim: Claim
    epsilon: float
    value: float | None
    interval: tuple[float, float] | None
    by_dataset: Mapping[str, float]
    seeds: int
    p: float | None = None
    runs: tuple[Record, ...] = ()

    @property
    def bound(self) -> float:
        return self.claim.bounds[self.epsilon]

    @property
    def missing(self) -> list[str]:
        """Data sets of the claim without a run of both methods."""
        return [name for name in self.claim.datasets if name not in self.by_dataset]

    @property
    def verdict(self) -> str:
        """A claim about tables of which some are missing is not shown, however the others look; one of them may refute it."""
        if self.value is None:
            return NOT_RUN
        low, high = self.interval or (self.value, self.value)
        above, below = low >= self.bound, high < self.bound
        if self.claim.at_most is not None:
            above, below = high <= self.bound, low > self.bound
        return REFUTED if below else HOLDS if above and not self.missing else NOT_SHOWN


def judged(view: View, told: Preregistered) -> list[Found]:
    """Each claim at each of its budgets, by the records with the seeds that were named."""
    counting = view.where(lambda record: record.seed in told.seeds)
    counting = counting.again if told.again else counting.shown
    return [_found(counting, claim, float(epsilon)) for claim in told.claims for epsilon in claim.bounds]


def ran(found: Sequence[Found]) -> list[Found]:
    """Without claims of which nothing ran at any budget."""
    return [one for _, budgets in by_claim(found) for one in budgets if any(each.verdict != NOT_RUN for each in budgets)]


def adjusted(found: Sequence[Found]) -> list[float | None]:
    """p of each, adjusted by Holm over all that have one, in their order."""
    left = iter(holm([one.p for one in found if one.p is not None]))
    return [None if one.p is None else next(left) for one in found]


def on_unseen_alone(view: View, told: Preregistered) -> dict[tuple[str, float], Found]:
    """What the unseen tables say by themselves, of claims about more than them; by what the claim says, and the budget."""
    narrowed = [
        replace(claim, datasets=told.unseen) for claim in told.claims if told.unseen and set(told.unseen) < set(claim.datasets)
    ]
    return {(one.claim.says, one.epsilon): one for one in judged(view, replace(told, claims=tuple(narrowed)))}


def by_claim(found: Sequence[Found]) -> list[tuple[Claim, list[Found]]]:
    """What `judged` gave, each claim with its budgets, in their order."""
    return [(budgets[0].claim, budgets) for _, group in groupby(found, lambda one: one.claim) if (budgets := list(group))]


def _found(view: View, claim: Claim, epsilon: float) -> Found:
    chosen = (view.alone if claim.measure == _SECONDS else view.where(lambda record: not record.alone).judged_alike).plain
    values: dict[str, tuple[list[float], float]] = {}
    runs: list[Record] = []
    for case in chosen.cases:
        if case.epsilon == epsilon and _is_meant(case, claim):
            own, others = (chosen.group(case, name).runs for name in (claim.method, claim.beside))
            if made := _values(claim, own, others):
                values[case.dataset.name] = made, test_to_train(own)
                runs += [*own, *others]
    means = {name: fmean(each) for name, (each, _) in values.items()}
    seeds = min((len(each) for each, _ in values.values()), default=0)
    if not means or seeds < 2 or claim.measure == _SECONDS:
        return Found(claim, epsilon, fmean(means.values()) if means else None, None, means, seeds, None, tuple(runs))
    together = pooled(list(values.values()))
    above = together.p_above(claim.bounds[epsilon])
    p = above if claim.at_most is None else 1 - above
    return Found(claim, epsilon, together.mean, together.interval(_CONFIDENCE), means, seeds, p, tuple(runs))


def _is_meant(case: Case, claim: Claim) -> bool:
    dataset = case.dataset
    usual = not dataset.settings and dataset.space == "encoded" and not dataset.encoding
    return usual and dataset.name in claim.datasets and (dataset.column is not None) == claim.off_task


def _values(claim: Claim, own: Sequence[Record], others: Sequence[Record]) -> list[float]:
    """Of each seed that both have; of time one value, the ratio of medians."""
    if claim.measure == _SECONDS:
        ratio, bound = ratio_of_seconds(own, others)
        return [] if ratio is None or bound else [ratio] * len({run.seed for run in timed_alike(own, others)[0]})
    pairs = list(zip(*on_same_splits(own, others, claim.read), strict=True))
    return [a / b if claim.compared == "ratio" else a - b for a, b in pairs if claim.compared == "difference" or b]
