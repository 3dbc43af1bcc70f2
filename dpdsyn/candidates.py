"""Sources of candidate rows. Each is a Synthesizer, so any other method can take its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

import numpy as np

from dpdsyn.accounting.spends import Gaussian
from dpdsyn.base.checks import InputError
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer


def as_distribution(noisy_counts: np.ndarray) -> np.ndarray:
    """The distribution nearest to noisy counts: their Euclidean projection on the simplex of the same total.

    (Norm-sub of Wang et al., "Locally differentially private frequency estimation with consistency", 2020.)
    A total of zero or less gives the uniform distribution. Shape (..., cells) stays.
    """
    flat = noisy_counts.ravel()
    total = flat.sum()
    if not total > 0:
        return np.full(noisy_counts.shape, 1 / flat.size)
    descending = np.sort(flat)[::-1]
    excess = (np.cumsum(descending) - total) / np.arange(1, flat.size + 1)
    kept = np.flatnonzero(descending > excess)[-1]
    positive = np.maximum(flat - excess[kept], 0.0)
    return (positive / positive.sum()).reshape(noisy_counts.shape)


def _distributions(saved: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The saved array, if it holds distributions (along its last axis) in this shape; else ValueError."""
    if saved.dtype.kind != "f" or saved.shape != shape or not ((saved >= 0).all() and np.allclose(saved.sum(axis=-1), 1)):
        raise ValueError("the saved candidates do not fit their schema")
    return saved


def uniform_rows(schema: Schema, n: int, rng: np.random.Generator) -> np.ndarray:
    """Encoded rows drawn uniformly from the whole domain, shape (n, columns)."""
    return np.stack([rng.integers(size, size=n) for size in schema.sizes], axis=1)


class Independent(Synthesizer):
    """Every column drawn on its own from its noisy one-way marginal; the whole budget goes on these."""

    version = 3
    spends: ClassVar[Literal["gaussian", "zcdp", "nothing"]] = "gaussian"

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        names = private.schema.names
        scale = private.ledger.open_calibrated(lambda noise: [Gaussian(noise)])
        sigma = scale * np.sqrt(len(names))
        answers = private.noisy_marginals([(name,) for name in names], [sigma] * len(names))
        self.marginals_ = [as_distribution(answer) for answer in answers]
        return self

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return np.stack([rng.choice(len(p), size=n, p=p) for p in self.marginals_], axis=1)

    def shares(self, position: int) -> np.ndarray | None:
        return self.marginals_[position]

    def sample_given(self, n: int, weights: Mapping[int, np.ndarray], rng: np.random.Generator) -> np.ndarray | None:
        weighted = [p * weights.get(i, 1.0) for i, p in enumerate(self.marginals_)]
        if not all(p.any() for p in weighted):
            return None
        return np.stack([rng.choice(len(p), size=n, p=p / p.sum()) for p in weighted], axis=1)

    def state(self) -> dict[str, np.ndarray]:
        return {str(i): p for i, p in enumerate(self.marginals_)}

    def restore(self, schema: Schema, state: Mapping[str, np.ndarray]) -> Self:
        self.marginals_ = [_distributions(state[str(i)], (column.size,)) for i, column in enumerate(schema.columns)]
        return self


class ClassConditional(Synthesizer):
    """Columns independent given the label: a label from its noisy marginal, then every column given that label.

    One two-way marginal of each column with the label is measured, all at the same noise; the label's own
    distribution is the mean of what they say about it.
    """

    version = 3
    spends: ClassVar[Literal["gaussian", "zcdp", "nothing"]] = "gaussian"
    uses_target: ClassVar[bool] = True

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        schema = private.schema
        if schema.target is None:
            raise InputError("class-conditional candidates need a target column")
        scale = private.ledger.open_calibrated(lambda noise: [Gaussian(noise)])
        queries = [(schema.target, name) for name in schema.features]
        answers = private.noisy_marginals(queries, [scale * np.sqrt(len(queries))] * len(queries))
        cells = np.array([answer[0].size for answer in answers])
        labels = np.average([answer.sum(axis=1) for answer in answers], axis=0, weights=1 / cells)
        self.schema_ = schema
        self.label_ = as_distribution(labels)
        self.conditional_ = [np.stack([as_distribution(row) for row in answer]) for answer in answers]
        return self

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return self._rows(n, self.label_, self.conditional_, rng)

    def shares(self, position: int) -> np.ndarray | None:
        if position == self.schema_.target_position:
            return self.label_
        return self.label_ @ self.conditional_[self.schema_.positions(self.schema_.features).index(position)]

    def sample_given(self, n: int, weights: Mapping[int, np.ndarray], rng: np.random.Generator) -> np.ndarray | None:
        positions = self.schema_.positions(self.schema_.features)
        weighted = [p * weights.get(position, 1.0) for position, p in zip(positions, self.conditional_, strict=True)]
        label = self.label_ * weights.get(self.schema_.target_position, 1.0)
        label = label * np.prod([p.sum(axis=1) for p in weighted], axis=0)
        if not label.any():
            return None
        conditional = [p / np.maximum(p.sum(axis=1, keepdims=True), np.finfo(float).tiny) for p in weighted]
        return self._rows(n, label / label.sum(), conditional, rng)

    def _rows(self, n: int, label: np.ndarray, conditional: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
        encoded = np.zeros((n, len(self.schema_.columns)), dtype=np.int64)
        labels = rng.choice(len(label), size=n, p=label)
        encoded[:, self.schema_.target_position] = labels
        positions = self.schema_.positions(self.schema_.features)
        for value in range(len(label)):
            rows = np.flatnonzero(labels == value)
            if not len(rows):
                continue  # under a condition nothing may be possible beside this label
            for position, given in zip(positions, conditional, strict=True):
                encoded[rows, position] = rng.choice(given.shape[1], size=len(rows), p=given[value])
        return encoded

    def state(self) -> dict[str, np.ndarray]:
        return {"label": self.label_} | {str(i): p for i, p in enumerate(self.conditional_)}

    def restore(self, schema: Schema, state: Mapping[str, np.ndarray]) -> Self:
        self.schema_ = schema
        self.label_ = _distributions(state["label"], (schema.classes,))
        shapes = [(schema.classes, size) for size in schema.shape(schema.features)]
        self.conditional_ = [_distributions(state[str(i)], shape) for i, shape in enumerate(shapes)]
        return self


class Uniform(Synthesizer):
    """Rows drawn uniformly from the domain. It reads no private row and spends nothing."""

    spends: ClassVar[Literal["gaussian", "zcdp", "nothing"]] = "nothing"

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        self.schema_ = private.schema
        return self

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return uniform_rows(self.schema_, n, rng)

    def shares(self, position: int) -> np.ndarray | None:
        size = self.schema_.sizes[position]
        return np.full(size, 1 / size)

    def sample_given(self, n: int, weights: Mapping[int, np.ndarray], rng: np.random.Generator) -> np.ndarray | None:
        rows = self.sample(n, rng)
        for position, weight in weights.items():
            if not weight.any():
                return None
            rows[:, position] = rng.choice(len(weight), size=n, p=weight / weight.sum())
        return rows

    def state(self) -> dict[str, np.ndarray]:
        return {}

    def restore(self, schema: Schema, state: Mapping[str, np.ndarray]) -> Self:
        self.schema_ = schema
        return self


class Permuted(Synthesizer):
    """Each column of the raw rows permuted on its own: exact one-way marginals, hence no guarantee.

    This is how secondary notes describe the candidates of DPDSyn (arXiv 2604.15660, Algorithm 2). One row with
    x = 0 instead of x = 1 changes the released column with probability 1.
    """

    spends: ClassVar[Literal["gaussian", "zcdp", "nothing"]] = "nothing"

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        self.rows_ = private.unprotected("raw columns are permuted and released")
        self.schema_ = private.schema
        return self

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        if not len(self.rows_):
            return np.zeros((n, len(self.schema_.columns)), dtype=np.int64)
        repeats = -(-n // len(self.rows_))
        columns = [np.concatenate([rng.permutation(column) for _ in range(repeats)])[:n] for column in self.rows_.T]
        return np.stack(columns, axis=1)
