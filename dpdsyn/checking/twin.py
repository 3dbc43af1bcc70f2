"""A private table whose mechanisms note, of each answer, how far one row moves it and how much it tells of that row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np

from dpdsyn.accounting.spends import ZCDP, GaussianCap, Nothing
from dpdsyn.own_mechanism import OwnMechanism
from dpdsyn.privacy import Allowance, Ledger
from dpdsyn.private_table import SUMMED, ClippedSum, PrivateTable, Query, Score, marginal
from dpdsyn.rows import Rows
from dpdsyn.schema import Schema

Cap = ZCDP | GaussianCap | Nothing


@dataclass(frozen=True)
class Call:
    """One use of a mechanism.

    asked: the mechanism and what it was given, the rows apart. stated, moved: the sensitivity that was charged for, and how far
    the exact answers with and without the row lie apart, in the same norm. evidence: log-likelihood ratio of the answer,
    with the row over without it. Nobody can tell the two tables apart better than by the sum of all calls' evidence
    (Neyman and Pearson), who knows all other rows, which of them are in each Poisson sample, and the method's randomness.
    residual: what was added to the exact answer of this very table, in units of the deviation that was charged for; the answer's
    shape; None for a choice and for rows that were given away. step: between neighbouring values that the noise can have, in
    the same units: noise on counts may be rounded to whole numbers; 0 where no such step is known. off: how far what a function
    gave for many rows at once was from the sum of what it gave for each alone, in clips a row, where that was tried. ledger: what
    the answer is to be charged to.
    """

    asked: tuple[Any, ...]
    stated: float
    moved: float
    evidence: float
    residual: np.ndarray | None = None
    step: float = 0.0
    off: float = 0.0
    ledger: Ledger | None = None


class Twin(PrivateTable):
    """A private table that knows which of its rows are in question: one, or all those of one person.

    others: all other rows, encoded. row: the rows in question, shape (rows, columns). present: whether they are in the table.
    calls, ledgers: of this table and of all views of it, in order. allowed: what each ledger was made with, or the cap that a
    nested table was asked for with. caps: these caps, each with the ledger that is to pay for it. before: what tells the state of
    the method's own randomness, noted at the first call. most: how many rows a person may have; each then weighs 1 / most.
    """

    others: np.ndarray
    row: np.ndarray
    present: bool
    most: int
    calls: list[Call]
    ledgers: list[Ledger]
    allowed: list[Allowance]
    caps: list[tuple[Ledger, Cap]]
    before: Callable[[], Any]

    def __init__(
        self, rows: np.ndarray | Rows, schema: Schema, ledger: Ledger, rng: np.random.Generator, verify: bool = False
    ) -> None:
        super().__init__(rows, schema, ledger, rng, verify)
        self.ledgers, self.allowed, self.caps = [ledger], [ledger.allowance], []

    @classmethod
    def of(
        cls,
        others: np.ndarray,
        row: np.ndarray,
        present: bool,
        schema: Schema,
        ledger: Ledger,
        rng: np.random.Generator,
        before: Callable[[], Any] = lambda: None,
    ) -> Self:
        """The table of the other rows and, if they are `present`, the rows in question, which come last."""
        twin = cls(with_person(others, row if present else row[:0], schema), schema, ledger, rng)
        twin.others, twin.row, twin.present, twin.calls, twin.before = others, row, present, [], before
        twin.most = schema.max_rows_per_person or 1
        return twin

    @property
    def evidence(self) -> float:
        """Evidence of all answers together."""
        return float(sum(call.evidence for call in self.calls))

    def noisy_marginals(self, queries: Sequence[Query], sigmas: Sequence[float]) -> list[np.ndarray]:
        answers = super().noisy_marginals(queries, sigmas)
        for query, sigma, answer in zip(queries, sigmas, answers, strict=True):
            without, pull = self._both(partial(self._counts, query=query))
            noise, step = self._noise(answer, without, pull), 1.0 if _whole(answer) else 0.0
            self._note(
                ("noisy_marginals", query, sigma),
                1.0,
                np.linalg.norm(pull),
                _gaussian(answer - without, pull, sigma),
                noise / sigma,
                step / sigma,
            )
        return answers

    def select(self, queries: Sequence[Query], score: Score, sensitivity: float, epsilon: float) -> int:
        chosen = super().select(queries, score, sensitivity, epsilon)
        exact = partial(self._scores, queries=queries, score=score)
        without, pull = self._both(exact)
        moved = self._furthest(exact, pull, np.inf)
        with_row, without = (scores * epsilon / (2 * sensitivity) for scores in (without + pull, without))
        evidence = with_row[chosen] - without[chosen] - np.logaddexp.reduce(with_row) + np.logaddexp.reduce(without)
        self._note(("select", tuple(queries), sensitivity, epsilon), sensitivity, moved, evidence)
        return chosen

    def noisy_scores(self, queries: Sequence[Query], score: Score, l2_sensitivity: float, sigma: float) -> np.ndarray:
        answer = super().noisy_scores(queries, score, l2_sensitivity, sigma)
        exact = partial(self._scores, queries=queries, score=score)
        without, pull = self._both(exact)
        asked = ("noisy_scores", tuple(queries), l2_sensitivity, sigma)
        evidence = _gaussian(answer - without, pull, sigma)
        moved, noise = self._furthest(exact, pull, 2), self._noise(answer, without, pull) / sigma
        self._note(asked, l2_sensitivity, moved, evidence, noise)
        return answer

    def noisy_sum(self, f: ClippedSum, rate: float, sigma: float, clip: float, label: str = SUMMED) -> np.ndarray:
        """As everywhere, `f` is taken to be a sum over rows, so that a row adds what `f` gives for it alone."""
        sums: list[np.ndarray] = []  # of the whole batch, of what the rows in question add to it, and of what they could

        def watched(batch: np.ndarray, clip: float) -> np.ndarray:
            total = f(batch, clip)
            if not sums:
                drawn = self._drawn(batch, rate)
                pull = f(self.row, clip)
                sums.extend([total, f(drawn, clip) if 0 < len(drawn) < len(self.row) else pull * bool(len(drawn)), pull])
            return total

        answer = super().noisy_sum(watched, rate, sigma, clip, label)
        total, added, pull = (part / self.most for part in sums)
        if_drawn = _gaussian(answer - (total - added), pull, sigma * clip)
        evidence = if_drawn if rate == 1 else np.logaddexp(np.log1p(-rate), np.log(rate) + if_drawn)
        residual = (answer - total) / (sigma * clip)
        self._note(("noisy_sum", rate, sigma, clip), clip, np.linalg.norm(pull), evidence, residual)
        return answer

    def stated(self, mechanism: OwnMechanism) -> Any:
        answer = super().stated(mechanism)
        self._note(("stated", str(mechanism.event)), np.inf, 0.0, 0.0)
        return answer

    def hand_over(self, promise: str) -> np.ndarray:
        rows = super().hand_over(promise)
        self._note(("hand_over", promise), np.inf, 0.0, 0.0)
        return rows

    def unprotected(self, why: str) -> np.ndarray:
        rows = super().unprotected(why)
        self._note(("unprotected", why), np.inf, 0.0, 0.0)
        return rows

    def child(self, cap: Cap, columns: Sequence[str]) -> PrivateTable:
        view = super().child(cap, columns)
        self.caps.append((self.ledger, cap))
        self.allowed[next(i for i, ledger in enumerate(self.ledgers) if ledger is view.ledger)] = cap
        return view

    def _view(
        self, change: Callable[[np.ndarray], np.ndarray], schema: Schema, ledger: Ledger, rng: np.random.Generator
    ) -> PrivateTable:
        view = super()._view(change, schema, ledger, rng)
        assert isinstance(view, Twin)
        view.others, view.row, view.present = change(self.others), change(self.row), self.present
        view.calls, view.before, view.most = self.calls, self.before, self.most
        view.ledgers, view.allowed, view.caps = self.ledgers, self.allowed, self.caps
        if all(ledger is not known for known in self.ledgers):
            self.ledgers.append(ledger)
            self.allowed.append(ledger.allowance)
        return view

    def _note(
        self, asked: tuple[Any, ...], stated: float, moved: Any, evidence: Any, residual: Any = None, step: float = 0.0
    ) -> None:
        state = () if self.calls else (self.schema, self.before())
        self.calls.append(Call((*asked, *state), stated, float(moved), float(evidence), residual, step, ledger=self.ledger))

    def _both(self, exact: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """The exact answer without the rows in question, and what they add to it: how an answer moves is decided here."""
        without = exact(self.others)
        return without, exact(np.concatenate([self.others, self.row])) - without

    def _furthest(self, exact: Callable[[np.ndarray], np.ndarray], pull: np.ndarray, norm: float) -> float:
        """How far the rows in question move exact scores, on whatever tables that is looked at: here on this one."""
        return float(np.linalg.norm(pull, norm))

    def _noise(self, answer: np.ndarray, without: np.ndarray, pull: np.ndarray) -> np.ndarray:
        return answer - (without + pull if self.present else without)

    def _counts(self, rows: np.ndarray, query: Query) -> np.ndarray:
        """What a marginal counts in rows, before any noise."""
        return marginal(rows, self.schema, query) / self.most

    def _scores(self, rows: np.ndarray, queries: Sequence[Query], score: Score) -> np.ndarray:
        return np.array([score(self._counts(rows, query), query) for query in queries], dtype=float)

    def _drawn(self, batch: np.ndarray, rate: float) -> np.ndarray:
        """Those of the rows in question that are in the batch, where they come last."""
        if rate == 1:
            return self.row if self.present else self.row[:0]
        if (self.others[:, None] == self.row).all(axis=2).any():
            raise ValueError("the row in question must be unlike all others to be told from them in a Poisson sample")
        last = batch[max(0, len(batch) - len(self.row)) :]
        return last[(last[:, None] == self.row).all(axis=2).any(axis=1)]


def with_person(others: np.ndarray, person: np.ndarray, schema: Schema) -> Rows:
    """Rows of people who have one each and, last, those of one person; each row for itself where the schema names no persons."""
    rows, most = np.concatenate([others, person]), schema.max_rows_per_person or 1
    whose = np.concatenate([np.arange(len(others)), np.full(len(person), len(others))])
    return Rows(rows, whose, most) if most > 1 else Rows(rows)


def _whole(answer: np.ndarray) -> bool:
    return bool((answer == np.rint(answer)).all())


def _gaussian(rest: np.ndarray, pull: np.ndarray, sigma: float) -> float:
    """Log-likelihood ratio of `rest` under N(pull, sigma^2) over N(0, sigma^2)."""
    pull = pull.astype(float)
    return float(((rest * pull).sum() - (pull * pull).sum() / 2) / sigma**2)
