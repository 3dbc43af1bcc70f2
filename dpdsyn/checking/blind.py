"""Blindness: whether anything but the mechanisms' answers tells a method of its rows.

A blind table lets all that a method computes on rows run on real rows, and then answers with numbers that no row has moved.
Whatever differs after fits of different tables came past the mechanisms: through a closure, a global, a file, a message.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from dpdsyn.checking.content import Content, attributes, content
from dpdsyn.checking.outside import forget_computed, outside
from dpdsyn.checking.side_effects import watched
from dpdsyn.own_mechanism import OwnMechanism
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import SUMMED, ClippedSum, PrivateTable, Query, Score, marginal
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer, draw

CLOSED = "is nothing that can be looked into: it may hold anything"
_SAMPLED = 200


class NotTried(BaseException):
    """A method cannot be tried so, because it lets rows out without a guarantee of ours. No mistake that code should catch."""


class Blind(PrivateTable):
    """A private table whose answers no row moves.

    It charges, reads, samples and calls functions as every private table does, on real rows and with a generator for these
    alone. What it then answers is made of public rows, `fake`, and of the generator `answers`, from which every call takes as
    many numbers whatever the rows are: a marginal is that of `fake` with noise, rounded; scores and sums are of the size that
    real ones have; a choice is uniform. asked, ledgers: what was asked and who paid, of this table and of all views of it.

    Functions are called on the public rows too, before the real ones if `public_first`, else after them. What they give for these
    is part of what was asked: it is the same whatever rows there are, unless a function remembers some.
    """

    fake: np.ndarray
    answers: np.random.Generator
    asked: list[Any]
    ledgers: list[Ledger]
    public_first = False

    @classmethod
    def of(cls, rows: np.ndarray, fake: np.ndarray, schema: Schema, ledger: Ledger, seed: int) -> Self:
        """The table of these rows; seed: of its answers."""
        blind = cls(rows, schema, ledger, np.random.default_rng([seed, 0]))
        blind.fake, blind.answers, blind.asked, blind.ledgers = fake, np.random.default_rng([seed, 1]), [], [ledger]
        blind.public_first = bool(seed % 2)
        return blind

    def noisy_marginals(self, queries: Sequence[Query], sigmas: Sequence[float]) -> list[np.ndarray]:
        super().noisy_marginals(queries, sigmas)
        self.asked.append(("noisy_marginals", list(queries), list(sigmas)))
        exact = (marginal(self.fake, self.schema, query) for query in queries)
        return [
            np.rint(counts + self.answers.normal(0, sigma, counts.shape)) for counts, sigma in zip(exact, sigmas, strict=True)
        ]

    def select(self, queries: Sequence[Query], score: Score, sensitivity: float, epsilon: float) -> int:
        with self._of_public(lambda: self._public_scores(queries, score)) as public:
            super().select(queries, score, sensitivity, epsilon)
        self.asked.append(("select", list(queries), sensitivity, epsilon, public))
        return int(self.answers.integers(len(queries)))

    def noisy_scores(self, queries: Sequence[Query], score: Score, l2_sensitivity: float, sigma: float) -> np.ndarray:
        with self._of_public(lambda: self._public_scores(queries, score)) as public:
            answer = super().noisy_scores(queries, score, l2_sensitivity, sigma)
        self.asked.append(("noisy_scores", list(queries), l2_sensitivity, sigma, public))
        like_counts = self.answers.random(answer.shape) * self.schema.rows_public / 2
        return like_counts + self.answers.normal(0, sigma, answer.shape)

    def noisy_sum(self, f: ClippedSum, rate: float, sigma: float, clip: float, label: str = SUMMED) -> np.ndarray:
        with self._of_public(lambda: f(self.fake.copy(), clip)) as public:
            answer = super().noisy_sum(f, rate, sigma, clip, label)
        self.asked.append(("noisy_sum", rate, sigma, clip, answer.shape, str(answer.dtype), public))
        direction = self.answers.standard_normal(answer.shape)
        total = direction * (clip * rate * self.schema.rows_public / (2 * max(float(np.linalg.norm(direction)), 1e-9)))
        return (total + self.answers.normal(0, sigma * clip, answer.shape)).astype(answer.dtype)

    def stated(self, mechanism: OwnMechanism) -> Any:
        answer = mechanism.answer(self.fake, self.schema, self.answers)  # first, so that what it keeps of rows is what is found
        super().stated(mechanism)
        self.asked.append(("stated", str(mechanism.event)))
        return answer

    @contextlib.contextmanager
    def _of_public(self, given: Callable[[], Any]) -> Iterator[list[Any]]:
        """What a function gives for the public rows, called before what happens meanwhile or after it."""
        found = [given()] if self.public_first else []
        yield found
        found += [] if self.public_first else [given()]

    def _public_scores(self, queries: Sequence[Query], score: Score) -> list[float]:
        return [score(marginal(self.fake, self.schema, query) / 1, query) for query in queries]

    def hand_over(self, promise: str) -> np.ndarray:
        raise NotTried(f"rows are handed over ({promise})")

    def unprotected(self, why: str) -> np.ndarray:
        raise NotTried(f"rows are left unprotected ({why})")

    def _view(
        self, change: Callable[[np.ndarray], np.ndarray], schema: Schema, ledger: Ledger, rng: np.random.Generator
    ) -> PrivateTable:
        view = super()._view(change, schema, ledger, rng)
        assert isinstance(view, Blind)
        view.fake, view.answers, view.asked, view.ledgers = change(self.fake), self.answers, self.asked, self.ledgers
        view.public_first = self.public_first
        if ledger is not self.ledger:
            self.ledgers.append(ledger)
        return view


@dataclass(frozen=True)
class Blinded:
    """All that a blind fit leaves: attributes, the method's generator, ledgers, questions, words, a sample. left: see `Told`."""

    found: Content
    raised: Exception | SystemExit | None
    left: list[str]


def blinded(
    kind: Callable[[], Synthesizer], rows: np.ndarray, fake: np.ndarray, schema: Schema, budget: Budget, seed: int
) -> Blinded:
    """Fit on a blind table and draw a sample. Raises NotTried for a method that lets rows out."""
    private = Blind.of(rows, fake, schema, Ledger(budget), seed)
    own, fitted, sample = np.random.default_rng([seed, 2]), None, None
    forget_computed(kind())
    with watched() as told:
        fitted = kind().fit(private, own)
        sample = draw(fitted, schema, _SAMPLED, np.random.default_rng([seed, 3]))
    parts = {step.removeprefix("."): part for step, part in attributes(fitted)} if fitted is not None else {}
    beside = {"fitted": fitted, "rng": own, "ledger": private.ledgers, "asked": private.asked, "sample": sample, **told.words()}
    return Blinded(content(parts | {f"({name})": part for name, part in beside.items()}), told.raised, told.left)


def sight(
    kind: Callable[[], Synthesizer],
    tables: Mapping[str, np.ndarray],
    fakes: Sequence[np.ndarray],
    schema: Schema,
    *budgets: Budget,
) -> str | None:
    """Where a method sees rows otherwise than through answers, or None.

    tables: by what tells each from the first. fakes: public rows that answers are made of, one trial each. budgets: of one trial
    after the other, again and again. What is compared is compared bit for bit; the first table is fitted twice, to tell what
    depends on rows from what is never twice the same. Raises NotTried.
    """
    for seed, fake in enumerate(fakes):
        budget, (first, *others) = budgets[seed % len(budgets)], tables.items()
        one = blinded(kind, first[1], fake, schema, budget, seed)
        again = blinded(kind, first[1], fake, schema, budget, seed)
        if one.found.difference(again.found) is not None:  # what is imported, or said, once in a process is no matter
            one, again = again, blinded(kind, first[1], fake, schema, budget, seed)
        if (differs := one.found.difference(again.found)) is not None:
            return f"two fits of the same table with equal seeds differ: {differs}"
        if one.found.closed:
            return f"{one.found.closed[0]} {CLOSED}"
        around = outside(kind())
        for name, rows in others:
            other = blinded(kind, rows, fake, schema, budget, seed)
            differs = again.found.difference(other.found) or around.difference(outside(kind()))
            if differs is not None:
                return f"{name} shows though no answer tells of it: {differs}"
            if other.left:
                return f"a fit {other.left[0]}"
        if again.raised is not None:
            raise again.raised
    return None
