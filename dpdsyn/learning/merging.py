"""Fewer codes for methods that need fewer: learnt columns with codes merged by their noisy counts, and drawn apart again.

A learnt column has up to some hundreds of codes. Networks read them without trouble; a marginal of two such columns has mostly
empty cells, or such as noise drowns. So a method that says so (`Synthesizer.most_values`) is fitted on a view of the table in
which neighbouring pieces, and rare categories, are one code; the fewer, the fewer the rows are and the larger the noise is. What
it samples is drawn apart by the counts that the domain was learnt with. All of this is a
function of the closed schema, which is public, so it costs nothing; the view treats each row by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from dpdsyn.accounting.cautions import Caution
from dpdsyn.privacy import Allowance
from dpdsyn.private_table import PrivateTable
from dpdsyn.reading.column import Column
from dpdsyn.rules.impossible import impossible
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer

_LEAST = 8  # codes of a column of numbers or dates, however large the noise is
_CELL = 4.0
_RARE = 1e-9  # what a count below it stands for, so that no code is impossible


def fit(synthesizer: Synthesizer, private: PrivateTable, rng: np.random.Generator) -> Synthesizer:
    """The method fitted, on a view with fewer codes where it needs one; its rows have the codes of the table."""
    merging = Merging.of(private.schema, synthesizer.most_values)
    if found := impossible(private.schema):
        synthesizer.impossible = tuple(part.merged(merging.mappings if merging else {}) for part in found)
    if merging is None:
        return synthesizer.fit(private, rng)
    return Merged(synthesizer, merging).fit(private, rng)


def restored(synthesizer: Synthesizer, schema: Schema, state: Mapping[str, np.ndarray]) -> Synthesizer:
    """The method as `fit` gave it, from what its `state` gave; schema: of the table that it was fitted on."""
    merging = Merging.of(schema, synthesizer.most_values)
    return (synthesizer if merging is None else Merged(synthesizer, merging)).restore(schema, state)


@dataclass(frozen=True)
class Merging:
    """schema: of the table. mappings: for columns whose codes are merged, the new code of each."""

    schema: Schema
    mappings: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, schema: Schema, most: int | None) -> Merging | None:
        """For at most so many codes a learnt column; None if there is nothing to merge. Categories of the target stay."""
        if most is None:
            return None
        limits = {
            column.name: most if column.name == schema.target else few_enough(column, most)
            for column in schema.columns
            if column.is_learnt and (column.ordered or column.name != schema.target)
        }
        mappings = {name: merged(schema[name], limit) for name, limit in limits.items() if schema[name].size > limit}
        return cls(schema, mappings) if mappings else None

    def merged(self, encoded: np.ndarray) -> np.ndarray:
        """Rows in the codes of the table with fewer codes."""
        rows = encoded.copy()
        for name, mapping in self.mappings.items():
            position = self.schema.position(name)
            rows[:, position] = mapping[encoded[:, position]]
        return rows

    def restored(
        self, encoded: np.ndarray, rng: np.random.Generator, weights: Mapping[int, np.ndarray] | None = None
    ) -> np.ndarray:
        """Rows in the codes of the table: each merged code is one of those it stands for, by their counts.

        weights: of the table's codes, by which counts are multiplied.
        """
        apart = encoded.astype(self.schema.dtype)
        for name, mapping in self.mappings.items():
            position = self.schema.position(name)
            counts = self.masses(name) * (weights or {}).get(position, 1.0)
            apart[:, position] = _apart(encoded[:, position], mapping, counts, rng)
        return apart

    def masses(self, name: str) -> np.ndarray:
        """How often each code of a merged column is what its merged code stands for, relative to the others."""
        return np.maximum(np.array(self.schema[name].counts, dtype=float), _RARE)

    def folded(self, weights: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
        """Weights of the table's codes as those of merged ones: means, by how often each code is meant."""
        folded = dict(weights)
        for name, mapping in self.mappings.items():
            if (weight := weights.get(position := self.schema.position(name))) is not None:
                masses = self.masses(name)
                folded[position] = np.bincount(mapping, masses * weight) / np.bincount(mapping, masses)
        return folded

    def unfolded(self, position: int, shares: np.ndarray) -> np.ndarray:
        """Shares of a column's merged codes as those of the table's."""
        name = self.schema.names[position]
        if (mapping := self.mappings.get(name)) is None:
            return shares
        masses = self.masses(name)
        return shares[mapping] * masses / np.bincount(mapping, masses)[mapping]


def few_enough(column: Column, most: int) -> int:
    """How many codes of a learnt column are to be left, at most `most`.

    Of numbers and dates so few that a cell of two columns alike holds, on average, `_CELL` times the noise that a cell's count
    was learnt with; categories are no neighbours, so that they lose more by being merged. Both numbers were chosen on
    development tables.
    """
    if not column.ordered:
        return most
    rows, noise = max(sum(column.counts), 1.0), max(min(column.count_sds), 1e-9)
    return min(most, max(_LEAST, round(math.sqrt(rows / (_CELL * noise)))))


def merged(column: Column, most: int) -> np.ndarray:
    """The new code of each code of a learnt column, shape (size,), int64, at most `most` of them.

    Of numbers and dates neighbours are merged, those first that have least together; of categories the rarest. Codes of missing
    cells and of `other` stay what they are.
    """
    counts = np.array(column.counts[: column.values])
    keep = max(1, most - (column.size - column.values))
    groups = _neighbours(counts, keep) if column.ordered else _rarest(counts, keep)
    rest = np.arange(column.size - column.values) + groups.max() + 1
    return np.concatenate([groups, rest]).astype(np.int64)


def _neighbours(counts: np.ndarray, keep: int) -> np.ndarray:
    ends = list(range(1, len(counts) + 1))
    masses = counts.tolist()
    while len(masses) > keep:
        at = int(np.argmin(np.add(masses[:-1], masses[1:])))
        masses[at : at + 2] = [masses[at] + masses[at + 1]]
        del ends[at]
    return np.searchsorted(ends, np.arange(len(counts)), side="right")


def _rarest(counts: np.ndarray, keep: int) -> np.ndarray:
    groups = np.arange(len(counts))
    if len(counts) > keep:
        groups[np.argsort(-counts, kind="stable")[keep - 1 :]] = len(counts)
    return np.unique(groups, return_inverse=True)[1]


def _apart(codes: np.ndarray, mapping: np.ndarray, counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    order = np.argsort(mapping, kind="stable")
    weights = counts[order]
    total = np.cumsum(weights)
    ends = np.searchsorted(mapping[order], np.arange(mapping.max() + 1), side="right") - 1  # the last old code of each new one
    starts = np.append(0, ends[:-1] + 1)
    low, high = total[starts] - weights[starts], total[ends]
    at = np.searchsorted(total, low[codes] + rng.random(len(codes)) * (high - low)[codes], side="right")
    return order[np.clip(at, starts[codes], ends[codes])]


@dataclass(frozen=True)
class Unmerged:
    """The posterior of a method on merged codes, of rows with the codes of the table."""

    inner: Callable[[np.ndarray], np.ndarray]
    merging: Merging
    position: int

    def __call__(self, encoded: np.ndarray) -> np.ndarray:
        """The probability of each of the table's codes, shape (rows, size)."""
        shares = self.inner(self.merging.merged(encoded))
        mapping = self.merging.mappings.get(name := self.merging.schema.names[self.position])
        if mapping is None:
            return shares
        masses = self.merging.masses(name)
        return shares[:, mapping] * (masses / np.bincount(mapping, masses)[mapping])


class Merged(Synthesizer):
    """A method on a view with fewer codes. Attributes that this class lacks are those of the method."""

    def __init__(self, inner: Synthesizer, merging: Merging) -> None:
        self.inner = inner
        self.merging = merging
        self.spends: Literal["gaussian", "zcdp", "nothing"] = inner.spends  # type: ignore[misc]
        self.uses_target = inner.uses_target  # type: ignore[misc]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        self.inner = self.inner.fit(private.recode(self.merging.mappings), rng)
        self.steps_ = self.inner.steps_
        return self

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return self.merging.restored(self.inner.sample(n, rng), rng)

    def shares(self, position: int) -> np.ndarray | None:
        shares = self.inner.shares(position)
        return None if shares is None else self.merging.unfolded(position, shares)

    def sample_given(self, n: int, weights: Mapping[int, np.ndarray], rng: np.random.Generator) -> np.ndarray | None:
        merged = self.inner.sample_given(n, self.merging.folded(weights), rng)
        return None if merged is None else self.merging.restored(merged, rng, weights)

    @property
    def has_posterior(self) -> bool:
        return self.inner.has_posterior

    def posterior(self, position: int) -> Callable[[np.ndarray], np.ndarray] | None:
        found = self.inner.posterior(position)
        return None if found is None else Unmerged(found, self.merging, position)

    def skip(self, schema: Schema, budget: Allowance) -> str | None:
        return self.inner.skip(schema, budget)

    def cautions(self, rows_public: int) -> tuple[Caution, ...]:
        return self.inner.cautions(rows_public)

    def measured_elsewhere(self) -> Mapping[str, float | None]:
        return self.inner.measured_elsewhere()

    @property
    def can_be_saved(self) -> bool:
        return self.inner.can_be_saved

    def state(self) -> dict[str, np.ndarray]:
        return self.inner.state()

    def restore(self, schema: Schema, state: Mapping[str, np.ndarray]) -> Self:
        self.inner = self.inner.restore(schema.recoded(self.merging.mappings), state)
        return self
