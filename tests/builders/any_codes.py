"""A method that learnt nothing: every code of every column alike likely, or by weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np

from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer


class AnyCodes(Synthesizer):
    """weights: of a column's codes, by name; others are uniform over all but an `other` that is not published."""

    def __init__(self, schema: Schema, weights: Mapping[str, Sequence[float]] | None = None) -> None:
        self.schema = schema
        self.weights = weights or {}
        self.drawn = 0

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        return self

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        self.drawn += n
        columns = []
        for column in self.schema.columns:
            size = column.size - (column.other and not column.emit_other)
            columns.append(rng.choice(size, n, p=self.weights.get(column.name)))
        return np.stack(columns, axis=1)
