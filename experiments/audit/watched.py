"""A twin that keeps what its noise and its samples were, and whose canary pulls as hard as a mechanism allows.

The plan that a method opens is kept too: whatever is audited is held against what was charged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields, replace
from typing import Self

import numpy as np

from dpdsyn.accounting.spends import Spend
from dpdsyn.checking.twin import Twin, _gaussian, with_person
from dpdsyn.privacy import Ledger
from dpdsyn.private_table import SUMMED, ClippedSum, PrivateTable
from dpdsyn.schema import Schema


class PlannedLedger(Ledger):
    """A ledger that shows its plan. planned: what was opened, with what was kept back before; empty before that."""

    planned: tuple[Spend, ...] = ()

    def open(self, plan: Sequence[Spend]) -> None:
        super().open(plan)
        self.planned = (*self._reserved, *plan)


@dataclass
class Watch:
    """What one fit's noise and samples were, summed up.

    squares, numbers: of the noise of all answers, each in units of the standard deviation that was charged for: the sum of
    squares, and how many. moved: the furthest that an answer moves with the canary, as a multiple of what was charged for.
    draws: uses of Poisson samples; drawn, expected, variance: how often the canary was in one (where it was in the table), and
    the mean and variance of that. The same of all other rows together; regularity: the sum over samples of the squared
    distance of their size from its mean, over its variance, whose mean is 1 a sample; spread: the variance of that sum.
    """

    squares: float = 0.0
    numbers: float = 0.0
    moved: float = 0.0
    draws: float = 0.0
    drawn: float = 0.0
    expected: float = 0.0
    variance: float = 0.0
    others_drawn: float = 0.0
    others_expected: float = 0.0
    others_variance: float = 0.0
    regularity: float = 0.0
    spread: float = 0.0

    def sample(self, rate: float, others: int, of: int, drawn: bool | None) -> None:
        """Of one Poisson sample: how many of the other rows it holds, and whether the canary, None if it is not there."""
        self.draws += 1
        if drawn is not None:
            self.drawn += drawn
            self.expected += rate
            self.variance += rate * (1 - rate)
        variance = of * rate * (1 - rate)
        self.others_drawn += others
        self.others_expected += of * rate
        self.others_variance += variance
        self.regularity += (others - of * rate) ** 2 / variance
        self.spread += 2 + (1 - 6 * rate * (1 - rate)) / variance  # the fourth moment of a binomial

    def numbers_of_run(self) -> np.ndarray:
        """In the order of the fields, shape (fields,)."""
        return np.array(astuple(self), dtype=float)


WATCHED = tuple(f.name for f in fields(Watch))


@dataclass(frozen=True)
class Canary:
    """What is in one of two neighbouring tables.

    rows: shape (k, columns), the rows of one person; more than one only where a guarantee is for persons. instead: what the
    other table has in their place, of the same shape, or no row at all where a row is added or removed. worst_case: to a noisy
    sum it gives no gradient of its own but a vector of norm clip in a direction that never changes.
    """

    rows: np.ndarray
    instead: np.ndarray
    worst_case: bool


class WatchedTwin(Twin):
    """A twin of a canary, which is `present` or not; what is noted of its mechanisms stands in `watch`."""

    canary: Canary
    present: bool
    noted: Watch

    @classmethod
    def with_canary(
        cls, others: np.ndarray, canary: Canary, present: bool, schema: Schema, ledger: Ledger, rng: np.random.Generator
    ) -> Self:
        """The table of the other rows and, last, those of the canary or what is there instead."""
        twin = cls(with_person(others, canary.rows if present else canary.instead, schema), schema, ledger, rng)
        twin.watch_over(others, canary, present, schema)
        return twin

    def watch_over(
        self, others: np.ndarray, canary: Canary, present: bool, schema: Schema, before: WatchedTwin | None = None
    ) -> None:
        """Begin to note; together with `before`, if that is another table of the same release."""
        self.others, self.row, self.before = others, canary.rows, lambda: None
        self.canary, self.present, self.most = canary, present, schema.max_rows_per_person or 1
        self.calls, self.noted = (before.calls, before.noted) if before else ([], Watch())

    @property
    def here(self) -> np.ndarray:
        """The rows in which this table differs from its neighbour."""
        return self.canary.rows if self.present else self.canary.instead

    @property
    def watch(self) -> Watch:
        """With the noise and the furthest move of all calls so far."""
        charged = [call.moved / call.stated for call in self.calls if call.stated > 0]
        residuals = [call.residual for call in self.calls if call.residual is not None]
        squares = sum(float(np.square(residual).sum()) for residual in residuals)
        numbers = sum(residual.size for residual in residuals)
        return replace(self.noted, moved=max(charged, default=0.0), squares=squares, numbers=float(numbers))

    def noisy_sum(self, f: ClippedSum, rate: float, sigma: float, clip: float, label: str = SUMMED) -> np.ndarray:
        """As everywhere; the canary adds `_contribution`, the other rows what `f` gives for them.

        Whoever attacks knows which of the others are in the sample, not whether the canary is: under either world the answer
        is a mixture of two Gaussians.
        """
        seen: dict[str, np.ndarray] = {}

        def swapped(batch: np.ndarray, clip: float) -> np.ndarray:
            own = self._own(batch, rate)
            seen["others"] = f(batch[: len(batch) - own], clip) / self.most
            seen["with"] = self._contribution(f, self.canary.rows, 1.0, clip, seen["others"])
            seen["without"] = self._contribution(f, self.canary.instead, -1.0, clip, seen["others"])
            drawn = seen["with" if self.present else "without"] if own else 0
            seen["total"] = seen["others"] + drawn
            if rate < 1:
                here = bool(own) if len(self.here) else None
                self.noted.sample(rate, len(batch) - own, len(self.others), here)
            return seen["total"] * self.most

        answer = PrivateTable.noisy_sum(self, swapped, rate, sigma, clip, label)
        rest = answer - seen["others"]
        evidence = _sampled(rest, seen["with"], rate, sigma * clip) - _sampled(rest, seen["without"], rate, sigma * clip)
        moved, residual = np.linalg.norm(seen["with"] - seen["without"]), (answer - seen["total"]) / (sigma * clip)
        self._note(("noisy_sum", rate, sigma, clip), clip, moved, evidence, residual)
        return answer

    def _contribution(self, f: ClippedSum, rows: np.ndarray, sign: float, clip: float, like: np.ndarray) -> np.ndarray:
        """What the rows of one world add to a noisy sum if they are drawn."""
        if not self.canary.worst_case:
            return f(rows, clip) / self.most if len(rows) else np.zeros_like(like)
        pull = np.zeros_like(like)
        if len(rows):
            pull.flat[0] = sign * clip * len(rows) / self.most
        return pull

    def _own(self, batch: np.ndarray, rate: float) -> int:
        """How many of the batch's last rows are the canary's, or what is there instead."""
        here = self.here
        if not len(here):
            return 0
        if rate == 1:
            return len(here)
        if (self.others == here[0]).all(axis=1).any():
            raise ValueError("the canary must be unlike all other rows to be told from them in a Poisson sample")
        last = batch[-len(here) :]
        own = int((last == here[0]).all(axis=1).sum())
        if own not in (0, len(here)):
            raise ValueError(f"{own} of a person's {len(here)} rows are in a Poisson sample: rows are sampled, not persons")
        return own

    def _both(self, exact: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """The exact answer in the world without the canary, and how the canary changes it."""
        without = exact(np.concatenate([self.others, self.canary.instead]))
        return without, exact(np.concatenate([self.others, self.canary.rows])) - without

    def _view(
        self, change: Callable[[np.ndarray], np.ndarray], schema: Schema, ledger: Ledger, rng: np.random.Generator
    ) -> PrivateTable:
        view = super()._view(change, schema, ledger, rng)
        assert isinstance(view, WatchedTwin)
        view.canary = Canary(change(self.canary.rows), change(self.canary.instead), self.canary.worst_case)
        view.present, view.noted = self.present, self.noted
        return view


def _sampled(rest: np.ndarray, pull: np.ndarray, rate: float, sigma: float) -> float:
    """Log-likelihood ratio of `rest` if the pull is in it with the chance `rate`, over its being pure noise."""
    if_drawn = _gaussian(rest, pull, sigma)
    return if_drawn if rate == 1 else float(np.logaddexp(np.log1p(-rate), np.log(rate) + if_drawn))
