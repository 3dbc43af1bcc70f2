"""Whether a unit moves any exact answer further than was charged for, on tables, units and budgets of several kinds.

A fault may show on some of them only: a score moves the furthest where a cell is filled that was empty, a small budget lets a
method merge what it would ask of with a large one, several rows of one person move what each of them alone does not.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from dpdsyn.checking.twin import Call, Twin
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import SUMMED, ClippedSum
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer

_ROUNDING = 1e-4  # gradients are of single precision
_OF_A_PERSON = 3
_PLENTY = 500.0  # epsilon with which methods ask all that they ever do; from some 700 on the accountant's numbers overflow
_CROWD = 5000  # rows, about
_OFF = 1e-9  # by which a sum over many rows may miss, a row, as a share of the clip; double precision misses by 1e-14


def fault(kind: Callable[[], Synthesizer], schema: Schema, encoded: np.ndarray, budget: Budget) -> str | None:
    """What is wrong, or None. encoded: rows of which at least three are unlike all others. Raises what the method raises."""
    asked: set[str] = set()
    for at, crowded in zip(alone(encoded)[:2], (True, False), strict=True):
        one_row = Trial("one row", schema, np.delete(encoded, at, axis=0), encoded[at : at + 1], budget, crowded)
        without, with_row = (one_row.fitted(kind, present) for present in (False, True))
        if without.first != with_row.first:
            return "what is asked first, or drawn before that, depends on a row that came through no mechanism"
        if (found := without.fault or with_row.fault) is not None:
            return found
        asked |= with_row.asked
    if asked & {"hand_over", "unprotected"}:
        return None
    trials = (trial for trial in _more(schema, encoded, budget) if not kind().skip(trial.schema, trial.budget))
    if "stated" in asked:  # a mechanism of a method's own knows nothing of persons, and is refused
        trials = (trial for trial in trials if trial.schema.person is None)
    return next(filter(None, (trial.fitted(kind, present=True).fault for trial in trials)), None)


def alone(encoded: np.ndarray) -> np.ndarray:
    """Positions of rows that are unlike all others."""
    _, first, counts = np.unique(encoded, axis=0, return_index=True, return_counts=True)
    return first[counts == 1]


def _more(schema: Schema, encoded: np.ndarray, budget: Budget) -> Iterator[Trial]:
    """Persons of several rows; units that are unlike all else in every column, with so large a budget that nothing is merged."""
    persons = replace(schema, person="whose", max_rows_per_person=_OF_A_PERSON, rows_public=schema.rows_public * _OF_A_PERSON)
    plenty = replace(budget, epsilon=_PLENTY)
    some, person = alone(encoded)[:_OF_A_PERSON], f"a person of {_OF_A_PERSON} rows"
    yield Trial(person, persons, np.delete(encoded, some, axis=0), encoded[some], budget)
    alike, unlike = np.zeros_like(encoded[1:]), f"among equal ones, at an epsilon of {_PLENTY:g},"
    yield Trial(f"one row {unlike}", schema, alike, _unlike(schema, 1), plenty, crowded=True)
    yield Trial(f"{person} {unlike}", persons, alike, _unlike(schema, _OF_A_PERSON), plenty)


def _unlike(schema: Schema, rows: int) -> np.ndarray:
    """Rows without the first code of any column that has another, unlike one another where there are codes enough."""
    last = np.array(schema.sizes) - 1
    return np.minimum(last, np.maximum(1, last - np.arange(rows)[:, None])).astype(schema.dtype)


@dataclass(frozen=True)
class Fitted:
    """Of one fit: the first question, or what was drawn where none was asked; what is wrong; which mechanisms were asked."""

    first: Any
    fault: str | None
    asked: set[str]


@dataclass(frozen=True)
class Trial:
    """A table, and the unit that is in question.

    told: the unit and where it stands, for messages. crowded: whether sums are tried on many rows where the unit is present.
    """

    told: str
    schema: Schema
    others: np.ndarray
    unit: np.ndarray
    budget: Budget
    crowded: bool = False

    def fitted(self, kind: Callable[[], Synthesizer], present: bool) -> Fitted:
        noise, method = (np.random.default_rng(s) for s in np.random.SeedSequence(6).spawn(2))
        make = Crowded if self.crowded and present else Twin
        drawn = lambda: method.bit_generator.state  # noqa: E731
        private = make.of(self.others, self.unit, present, self.schema, Ledger(self.budget), noise, drawn)
        kind().fit(private, method)
        first = private.calls[0].asked if private.calls else drawn()
        return Fitted(first, self._fault(private.calls), {call.asked[0] for call in private.calls})

    def _fault(self, calls: list[Call]) -> str | None:
        for call in calls:
            asked = call.asked[0]
            if not call.moved <= call.stated * (1 + _ROUNDING):
                return f"{self.told} moves {asked} by {call.moved:.6g}; {call.stated:.6g} was charged for"
            if not call.off <= _OFF:
                return f"{asked}: what the function gives for many rows is {call.off:.2g} of the clip, a row, off their sum"
        return None


class Crowded(Twin):
    """A twin that also looks at tables of thousands of rows, and calls a function of sums on every row that could be, one by one
    and many at once.

    Sums in every fit once for each kind, and then ever more rarely, for a method's sums are much alike.
    """

    def noisy_sum(self, f: ClippedSum, rate: float, sigma: float, clip: float, label: str = SUMMED) -> np.ndarray:
        answer = super().noisy_sum(f, rate, sigma, clip, label)
        alike = (rate, sigma, clip, answer.shape)
        self._summed[alike] += 1
        if self._summed[alike].bit_count() == 1:
            last, (off, longest) = self.calls[-1], self._tried(f, clip)
            self.calls[-1] = replace(last, off=off, moved=max(last.moved, longest))
        return answer

    def _furthest(self, exact: Callable[[np.ndarray], np.ndarray], pull: np.ndarray, norm: float) -> float:
        crowds = [np.repeat(rows, _CROWD // max(1, len(rows)), axis=0) for rows in (self.others, self.row)]
        pulls = [pull, *(exact(np.concatenate([crowd, self.row])) - exact(crowd) for crowd in crowds)]
        return max(float(np.linalg.norm(moved, norm)) for moved in pulls)

    @cached_property
    def _summed(self) -> Counter[tuple[Any, ...]]:
        """How many sums of each rate, noise, clip and shape there have been."""
        return Counter()

    def _tried(self, f: ClippedSum, clip: float) -> tuple[float, float]:
        """How far the sum of many rows is from that of their vectors, in clips a row; and the norm of the longest vector."""
        sizes = self.schema.sizes
        if math.prod(sizes) <= _CROWD:
            rows = np.stack(np.unravel_index(np.arange(math.prod(sizes)), sizes), axis=1).astype(self.others.dtype)
        else:
            rows = np.unique(np.concatenate([self.others, self.row]), axis=0)
        copies = max(1, _CROWD // len(rows))
        crowd = np.random.default_rng(0).permutation(np.repeat(rows, copies, axis=0))
        vectors = [f(rows[i : i + 1].copy(), clip) for i in range(len(rows))]
        off = f(crowd, clip) - copies * np.sum(vectors, axis=0)
        return float(np.linalg.norm(off)) / (clip * len(crowd)), max(float(np.linalg.norm(vector)) for vector in vectors)
