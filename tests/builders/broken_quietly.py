"""Methods that remember rows between two questions, tamper with their ledger, or tell of rows on rare tables only."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from dpdsyn.accounting.spends import ZCDP
from dpdsyn.candidates import Independent
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable, Query


class Asks(Independent):
    """Knows counts by column, which scores have seen; then it asks what `ask` asks, with noise that is charged for."""

    spends: ClassVar[Any] = "zcdp"
    last: ClassVar[bool] = True  # whether what is seen later takes the place of what was seen first

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Asks:
        seen: dict[str, np.ndarray] = {}

        def score(exact: np.ndarray, query: Query) -> float:
            if self.last or query[0] not in seen:
                seen[query[0]] = exact.copy()
            return 0.0

        private.ledger.cap()
        self.marginals_ = [np.full(size, 1 / size) for size in private.schema.sizes]
        private.select([(name,) for name in private.schema.names], score, 1.0, 0.01)
        self.ask(private, seen)
        return self

    def ask(self, private: PrivateTable, seen: dict[str, np.ndarray]) -> None:
        pass


class RemembersInAScore(Asks):
    """Tells counts that an earlier score has seen, ten times as large; the counts at hand move nothing."""

    def ask(self, private: PrivateTable, seen: dict[str, np.ndarray]) -> None:
        self.told_ = private.noisy_scores([("age",)], lambda exact, _: 10 * float(seen["label"][0]), 1.0, 100.0)


class RemembersTheFirstInAScore(RemembersInAScore):
    last = False


class RemembersInAChoice(Asks):
    def ask(self, private: PrivateTable, seen: dict[str, np.ndarray]) -> None:
        self.told_ = private.select([("age",), ("label",)], lambda exact, query: 50 * float(seen[query[0]][0]), 1.0, 0.01)


class RemembersInASum(Asks):
    """A sum that is nothing unless the number of rows is odd: each row is within its clip, and moves all others'."""

    def ask(self, private: PrivateTable, seen: dict[str, np.ndarray]) -> None:
        odd = seen["label"].sum() % 2
        self.told_ = private.noisy_sum(lambda batch, clip: np.array([odd * clip * len(batch)]), 1.0, 100.0, 1.0)


class HeavyRareRows(Asks):
    """Rows of one combination of three columns add five times the clip."""

    def ask(self, private: PrivateTable, seen: dict[str, np.ndarray]) -> None:
        def heavy(batch: np.ndarray, clip: float) -> np.ndarray:
            rare = (batch[:, :3] == (4, 2, 1)).all(axis=1)
            return np.array([np.where(rare, 5.0, 1.0).sum() * clip])

        self.told_ = private.noisy_sum(heavy, 0.5, 100.0, 1.0)


class SquaresCounts(Asks):
    """Moves by no more than is charged for among up to five hundred equal rows, and by more among more."""

    def ask(self, private: PrivateTable, seen: dict[str, np.ndarray]) -> None:
        self.told_ = private.noisy_scores([("age",)], lambda exact, _: float((exact / 500).max() ** 2), 0.004, 10.0)


class RefillsItsLedger(Asks):
    def ask(self, private: PrivateTable, seen: dict[str, np.ndarray]) -> None:
        for _ in range(5):
            private.ledger._used = type(private.ledger._used)()
            private.noisy_marginals([("age",)], [7.0])


class PaysFromAnotherLedger(Asks):
    def ask(self, private: PrivateTable, seen: dict[str, np.ndarray]) -> None:
        own, private.ledger = private.ledger, Ledger(Budget(1.0, 1e-6))
        private.ledger.cap()
        private.noisy_marginals([("age",)], [5.0])
        private.ledger = own


class WidensAPart(Asks):
    """What is reserved for a part is little, and the part takes more."""

    def ask(self, private: PrivateTable, seen: dict[str, np.ndarray]) -> None:
        part = private.child(ZCDP(1e-4), private.schema.names)
        part.ledger.allowance = ZCDP(10.0)
        part.ledger.cap()
        part.noisy_marginals([("age",)], [1.0])


class ForgetsItsCharges(Asks):
    def ask(self, private: PrivateTable, seen: dict[str, np.ndarray]) -> None:
        private.ledger._charges.clear()
        private.noisy_marginals([("age",)], [100.0])


class HidesThatRowsWereGiven(Asks):
    def ask(self, private: PrivateTable, seen: dict[str, np.ndarray]) -> None:
        private.unprotected("nobody is to know")
        private.ledger._exposures.clear()


class Exits(Asks):
    def ask(self, private: PrivateTable, seen: dict[str, np.ndarray]) -> None:
        sys.exit(0)


def keeps_where(where: Callable[[PrivateTable, dict[str, np.ndarray]], bool]) -> type[Asks]:
    """A method that keeps the number of rows on some tables only."""

    class KeepsRarely(Asks):
        def ask(self, private: PrivateTable, seen: dict[str, np.ndarray]) -> None:
            if where(private, seen):
                self.rows_ = int(seen["label"].sum())

    return KeepsRarely
