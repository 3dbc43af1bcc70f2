"""Methods that keep exact totals, which a score has seen, in what few would look into."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import numpy as np

from dpdsyn.candidates import Independent
from dpdsyn.private_table import PrivateTable, Query


class Keeper(Independent):
    """Knows how many rows there are, by query; `keep` is what it does with that."""

    spends: ClassVar = "zcdp"

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Keeper:
        totals: dict[Query, float] = {}

        def score(exact: np.ndarray, query: Query) -> float:
            totals[query] = float(exact.sum())
            return 0.0

        private.ledger.cap()
        self.marginals_ = [np.full(size, 1 / size) for size in private.schema.sizes]
        private.select([("label",), ("age",)], score, 1.0, 0.01)
        self.keep(totals)
        return self

    def keep(self, totals: dict[Query, float]) -> None:
        pass


class KeepsValues(Keeper):
    def keep(self, totals: dict[Query, float]) -> None:
        self.totals_ = totals.values()


class KeepsSteps(Keeper):
    """Tells exact counts as numbers of its steps, which records and MLflow take."""

    def keep(self, totals: dict[Query, float]) -> None:
        self.steps_ = {"rows": [*totals.values()]}


class TellsTheTime(Independent):
    """As if how long a step took were an answer of a mechanism."""

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> TellsTheTime:
        super().fit(private, rng)
        self.steps_ = {"seconds": [time.perf_counter()]}
        return self


class TellsWords(Independent):
    def fit(self, private: PrivateTable, rng: np.random.Generator) -> TellsWords:
        super().fit(private, rng)
        self.steps_ = {"error": ["small"]}  # type: ignore[list-item]
        return self


class Cell:
    def __init__(self, query: Query, total: float) -> None:
        self.query, self.total = query, total


class KeepsASet(Keeper):
    def keep(self, totals: dict[Query, float]) -> None:
        self.cells_ = {Cell(*pair) for pair in totals.items()}


class KeepsABuffer(Keeper):
    """Of which the array that it shows has the first number only."""

    def keep(self, totals: dict[Query, float]) -> None:
        self.head_ = np.frombuffer(np.array([0.0, *totals.values()]).tobytes(), count=1)


class KeepsAnError(Keeper):
    def keep(self, totals: dict[Query, float]) -> None:
        try:
            raise ValueError("no more marginals")
        except ValueError as error:
            self.ended_ = error


class KeepsAnErrorThatHoldsTheTable(Independent):
    def fit(self, private: PrivateTable, rng: np.random.Generator) -> KeepsAnErrorThatHoldsTheTable:
        super().fit(private, rng)
        try:
            private.noisy_marginals([("age",)], [0.01])
        except Exception as error:
            self.ended_: Any = error
        return self


class KeepsAFactor(Keeper):
    """In compiled code, into which there is no way but its own methods."""

    def keep(self, totals: dict[Query, float]) -> None:
        from scipy.sparse import csc_matrix
        from scipy.sparse.linalg import splu

        self.factor_ = splu(csc_matrix(np.diag([*totals.values()])))
