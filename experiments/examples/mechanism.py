"""A mechanism of one's own, and a method that asks by it: Laplace noise on counts, accounted by an event of dp_accounting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from dp_accounting import LaplaceDpEvent

from dpdsyn.candidates import as_distribution
from dpdsyn.own_mechanism import stated
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer


@dataclass(frozen=True)
class LaplaceCounts:
    """How many rows have each value of each column, with Laplace noise; noise: its scale over the L1 sensitivity."""

    noise: float

    @property
    def event(self) -> LaplaceDpEvent:
        return LaplaceDpEvent(self.noise)

    def answer(self, rows: np.ndarray, schema: Schema, rng: np.random.Generator) -> list[np.ndarray]:
        sensitivity = len(schema.columns)  # one row more is one more in a count of each column
        exact = [np.bincount(codes, minlength=size) for codes, size in zip(rows.T, schema.sizes, strict=True)]
        return [counts + rng.laplace(0, self.noise * sensitivity, len(counts)) for counts in exact]


class LaplaceColumns(Synthesizer):
    """Columns drawn one by one from noisy counts. Its result says `unverified`: nobody but its author has seen to that."""

    version = 1

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        noise = private.ledger.open_calibrated(lambda noise: [stated(LaplaceDpEvent(noise))])  # the least that is covered
        self.columns_ = [as_distribution(counts) for counts in private.stated(LaplaceCounts(noise))]
        return self

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return np.stack([rng.choice(len(p), size=n, p=p) for p in self.columns_], axis=1)
