"""Blindness of whoever learns a domain: whether anything but the answers of mechanisms tells it of raw rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd

from dpdsyn.accounting.spends import Spend
from dpdsyn.checking.blind import CLOSED, Blind, NotTried
from dpdsyn.checking.content import Content, attributes, content
from dpdsyn.checking.outside import forget_computed, outside
from dpdsyn.checking.side_effects import watched
from dpdsyn.learning.grids import Grid
from dpdsyn.learning.raw_table import RawTable
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.rows import Rows
from dpdsyn.schema import Schema

Answers = tuple[list[list[np.ndarray]], list[dict[str | None, float]]]


class Learner(Protocol):
    """Whoever closes an open schema, as `dpdsyn.learning.domain_learning.DomainLearning` does."""

    def learn(self, raw: RawTable) -> PrivateTable:
        """The same rows behind a closed schema, on the same ledger, which has been charged."""


class _Free(Ledger):
    """Of rows that are no secret."""

    def charge(self, spend: Spend, label: str) -> None:
        pass


class BlindRaw(RawTable):
    """A raw table whose answers no row moves.

    It charges, reads and gives cells to grids as every raw table does, on real rows. What it then answers is what mechanisms say
    of other rows, which are public, with noise of a generator of their own. asked: what was asked of it and of the table that it
    was made into.
    """

    public: RawTable
    fake: pd.DataFrame
    seed: int
    asked: list[Any]

    @classmethod
    def of(cls, frame: pd.DataFrame, fake: pd.DataFrame, schema: Schema, ledger: Ledger, seed: int, key: bytes) -> Self:
        """The table of these rows; fake: rows that answers are made of. seed: of the answers."""
        blind = cls(frame, schema, ledger, np.random.default_rng([seed, 0]), key)
        blind.public = RawTable(fake, schema, _Free(Budget(1.0, 0.5)), np.random.default_rng([seed, 1]), key)
        blind.fake, blind.seed, blind.asked = fake, seed, []
        return blind

    def noisy_count(self, sigma: float, ledger: Ledger) -> float:
        super().noisy_count(sigma, ledger)
        self.asked.append(("noisy_count", sigma, ledger))
        return self.public.noisy_count(sigma, self.public.ledger)

    def histograms(
        self,
        grids: Sequence[Grid],
        sigmas: Sequence[float],
        listed: Sequence[str] = (),
        listed_sigma: float = 1.0,
        listed_delta: float = 0.0,
    ) -> Answers:
        super().histograms(grids, sigmas, listed, listed_sigma, listed_delta)
        self.asked.append(("histograms", list(grids), list(sigmas), list(listed), listed_sigma, listed_delta))
        return self.public.histograms(grids, sigmas, listed, listed_sigma, listed_delta)

    def _behind(self, rows: Rows, schema: Schema, rng: np.random.Generator) -> PrivateTable:
        private = Blind(rows, schema, self.ledger, rng)
        private.fake, private.answers = schema.encode(self.fake), np.random.default_rng([self.seed, 2])
        private.asked, private.ledgers = self.asked, [self.ledger]
        return private


@dataclass(frozen=True)
class Learnt:
    """All that blind learning leaves: schema, attributes of the learner, ledger, questions, words. left: see `Told`."""

    found: Content
    raised: Exception | SystemExit | None
    left: list[str]


def learnt(
    kind: Callable[[], Learner], frame: pd.DataFrame, fake: pd.DataFrame, schema: Schema, budget: Budget, seed: int, key: bytes
) -> Learnt:
    """Learn from a blind table. Raises NotTried for a learner that lets rows out."""
    raw = BlindRaw.of(frame, fake, schema, Ledger(budget), seed, key)
    learner, closed = kind(), None
    forget_computed(learner)
    with watched() as told:
        private = learner.learn(raw)
        if private.ledger.guarantee != "dp":
            raise NotTried("rows are given away without a guarantee of ours")
        closed = private.schema
    parts = {step.removeprefix("."): part for step, part in attributes(learner)}
    beside = {"schema": closed, "ledger": raw.ledger, "asked": raw.asked, **told.words()}
    return Learnt(content(parts | {f"({name})": part for name, part in beside.items()}), told.raised, told.left)


def sight(
    kind: Callable[[], Learner],
    tables: Mapping[str, pd.DataFrame],
    fakes: Sequence[pd.DataFrame],
    schema: Schema,
    budget: Budget,
    key: bytes = b"",
) -> str | None:
    """Where a learner sees rows otherwise than through answers, or None; as `dpdsyn.checking.blind.sight`. Raises NotTried."""
    for seed, fake in enumerate(fakes):
        first, *others = tables.items()
        one, again = (learnt(kind, first[1], fake, schema, budget, seed, key) for _ in range(2))
        if (differs := one.found.difference(again.found)) is not None:
            return f"learning twice from the same table with equal seeds differs: {differs}"
        if one.found.closed:
            return f"{one.found.closed[0]} {CLOSED}"
        around = outside(kind())
        for name, frame in others:
            other = learnt(kind, frame, fake, schema, budget, seed, key)
            differs = again.found.difference(other.found) or around.difference(outside(kind()))
            if differs is not None:
                return f"{name} shows though no answer tells of it: {differs}"
            if other.left:
                return f"learning {other.left[0]}"
        if again.raised is not None:
            raise again.raised
    return None
