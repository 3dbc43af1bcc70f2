"""A release with its private evaluation, as `DPDSyn.fit` makes it, its rows behind mechanisms that are watched.

What is audited is the whole way: what is kept back of the budget, the sides that rows are on, the fit, the rows that are drawn
and the evaluation. Whoever attacks sees all noisy answers, or what is published (rows and evaluation), and is told the key of the
sides as well, which nobody knows; a key is drawn for every run, as it is for every release.

Which rows a side has is worked out for both neighbouring tables. So what differs between them is known, whatever chooses the
sides, and if one row more changes the side of others, it shows as an answer that moves too far. In the evaluation the canary
gives the worst vector that the mechanism allows, as in every noisy sum, unless its own is asked for; how long its own is, with
whichever class, is noted in either case.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import pandas as pd

from dpdsyn.api import DPDSyn
from dpdsyn.base.checks import InputError
from dpdsyn.mechanisms.contribution_bounding import used_rows
from dpdsyn.method import GuidedSynthesizer
from dpdsyn.partitioned_rows import Workers
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import SUMMED, ClippedSum, PrivateTable
from dpdsyn.quality import held_out as holding
from dpdsyn.quality.private_evaluation import LABEL, check_share
from dpdsyn.rows import Rows
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer
from experiments.audit.watched import Canary, PlannedLedger, WatchedTwin

_CANARY = "the canary"  # whom no other person is called


@dataclass(frozen=True)
class Evaluated:
    """A private evaluation. evaluate: its share of the budget. hold_out: the part of the rows, None for one in-sample."""

    evaluate: float
    hold_out: float | None

    @classmethod
    def of(cls, evaluate: float | None, hold_out: float | None) -> Evaluated | None:
        """None if none is asked for. Raises InputError for shares that cannot be."""
        if evaluate is None and hold_out is not None:
            raise InputError(
                "audit.hold_out is of a private evaluation alone; say with which share of the budget, audit.evaluate"
            )
        if evaluate is None:
            return None
        check_share(evaluate)
        if hold_out is not None:
            holding.check_part(hold_out)
        return cls(evaluate, hold_out)

    @property
    def told(self) -> str:
        """For a label."""
        return f"evaluate={self.evaluate:g}" + ("" if self.hold_out is None else f", hold_out={self.hold_out:g}")


@dataclass(frozen=True)
class Neighbours:
    """Two neighbouring tables as their owner would hand them over. others: encoded, of all but the canary."""

    schema: Schema
    others: np.ndarray
    canary: Canary

    @cached_property
    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Without the canary and with it; what differs is last, and an index tells equal rows apart.

        Raises InputError for rows that no table has.
        """
        parts = self.others, self.canary.instead, self.canary.rows
        encoded = np.concatenate(parts)
        frame = self.schema.decode(encoded, np.random.default_rng(0))
        if self.schema.person is not None:
            frame[self.schema.person] = [f"person {i}" for i in range(len(parts[0]))] + ["the canary"] * (
                len(frame) - len(parts[0])
            )
        again, kept = self.schema.encode_all(frame)
        if not kept.all() or not np.array_equal(again, encoded):
            raise InputError("these rows are others when they are decoded and encoded again, so no table has them")
        without, first = len(parts[0]) + len(parts[1]), len(parts[0])
        return frame[:without], frame.drop(index=frame.index[first:without])


class EvaluatedTwin(WatchedTwin):
    """A watched twin whose evaluation notes how long the canary's own vector is, with whichever class, as a move of its own."""

    def noisy_sum(self, f: ClippedSum, rate: float, sigma: float, clip: float, label: str = SUMMED) -> np.ndarray:
        answer = super().noisy_sum(f, rate, sigma, clip, label)
        if label == LABEL:
            for rows in self._of_every_class():
                self._note((label, rate, sigma, clip), clip, np.linalg.norm(f(rows, clip)) / self.most, 0.0)
        return answer

    def _of_every_class(self) -> Sequence[np.ndarray]:
        here = self.canary.rows
        made = [here.copy() for _ in range(self.schema.classes if len(here) else 0)]
        for code, rows in enumerate(made):
            rows[:, self.schema.target_position] = code
        return made


class WatchedRelease(DPDSyn):
    """DPDSyn's class with a method and neighbouring tables of its own; its two private tables, if there are two, are twins.

    After `fit`: what `DPDSyn` has, `ledger`, and `twins`, which note what they answer together.
    """

    ledger: PlannedLedger
    twins: list[EvaluatedTwin]
    _made: Callable[[], Synthesizer]
    _tables: Neighbours
    _present: bool
    _part: float | None
    _own: tuple[bytes, np.random.Generator, np.random.Generator, np.random.Generator]

    def __init__(self, epsilon: float = 1.0, delta: float = 1e-6) -> None:
        self.epsilon, self.delta = epsilon, delta
        self.target, self.random_state = None, None

    @classmethod
    def made(
        cls,
        method: Callable[[], Synthesizer],
        budget: Budget,
        asked: Evaluated,
        tables: Neighbours,
        present: bool,
        seeds: Sequence[np.random.SeedSequence],
    ) -> Self:
        """Fit and evaluate. present: whether the canary is in the table. seeds: of the noise, of what is sampled, of the key."""
        release = cls(budget.epsilon, budget.delta)
        noise, sampling, key = (np.random.default_rng(seed) for seed in seeds)
        release._made, release._tables, release._present, release._part = method, tables, present, asked.hold_out
        release._own = key.bytes(32), noise, np.random.default_rng(0), sampling
        release.twins = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of budgets that promise little
            release.fit(tables.frames[present], tables.schema, preflight=False, evaluate=asked.evaluate, hold_out=asked.hold_out)
        return release

    def codes(self, rows: int) -> np.ndarray:
        """So many published rows, encoded."""
        return self._published.codes(rows, self._sampling)

    @property
    def answers(self) -> np.ndarray:
        """All numbers that the evaluation is made of."""
        found = self.evaluation_
        assert found is not None
        return np.array([*np.ravel(found.table), *found.loss], dtype=float)

    def _method(self) -> GuidedSynthesizer:
        return cast(GuidedSynthesizer, self._made())

    def _ledger(self, budget: Budget, schema: Schema) -> Ledger:
        self.ledger = PlannedLedger(budget)
        return self.ledger

    def _parameters(self) -> dict[str, Any]:
        return {}

    def _streams(self) -> tuple[bytes, np.random.Generator, np.random.Generator, np.random.Generator]:
        return self._own

    def _behind(
        self,
        table: pd.DataFrame | Path,
        schema: Schema,
        ledger: Ledger,
        noise: np.random.Generator,
        key: bytes,
        workers: Workers | None = None,
    ) -> tuple[PrivateTable, Schema]:
        assert isinstance(table, pd.DataFrame)
        here, there = (self._sides(frame, key) for frame in self._tables.frames[:: -1 if self._present else 1])
        (side,) = {i for i, own in enumerate(here) if own.index.equals(table.index)}
        own, own_used = used_rows(table, schema, key)
        other, other_used = used_rows(there[side], schema, key)
        names, elsewhere = table.index[own_used.used], there[side].index[other_used.used]
        added, gone = ~names.isin(elsewhere), ~elsewhere.isin(names)
        order = np.argsort(added, kind="stable")  # what the neighbour lacks comes last
        persons = None if own_used.persons is None else pd.factorize(own_used.persons[order])[0]
        twin = EvaluatedTwin(Rows(own[order], persons, schema.max_rows_per_person or 1), schema, ledger, noise)
        differ = (own[added], other[gone]) if self._present else (other[gone], own[added])
        before = self.twins[0] if self.twins else None
        twin.watch_over(own[~added], Canary(*differ, self._tables.canary.worst_case), self._present, schema, before)
        self.twins.append(twin)
        return twin, schema

    def _sides(self, frame: pd.DataFrame, key: bytes) -> tuple[pd.DataFrame, ...]:
        return (frame,) if self._part is None else holding.sides(frame, self._tables.schema, self._part, key)
