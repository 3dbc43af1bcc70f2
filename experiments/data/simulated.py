"""Tables drawn from a known distribution, so that the accuracy of the best possible model is known.

Each feature is uniform over its values. The label is a fixed function of the features, replaced by another class
with probability `label_noise`; so no model can be right more often than 1 - label_noise, and one is.

Order 1: the classes are slices of a weighted sum of all features. Order k > 1: the first k columns (the carriers)
are cut into as many equal parts as there are classes, and the label is the sum of their parts modulo the number of
classes (parity, if there are two). Dependent columns copy a predecessor that stems from the same carrier, so the k
families are independent of each other, and a marginal of the label with columns of fewer than k families is uniform:
order 2 needs three-way marginals, order 3 four-way ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Annotated, Any

import numpy as np

from dpdsyn.checks import InputError, whole_number
from dpdsyn.column import Column
from dpdsyn.schema import Schema
from experiments.typed import read

VERSION = 1  # raised when the same parameters would give other rows
TRAIN, TEST = 0, 1
_BLOCK = 1 << 16  # rows drawn together; row i does not depend on how many are asked for


@dataclass(frozen=True)
class Simulated:
    """A distribution and the sizes of its two samples."""

    rows: Annotated[int, "number of training rows"]
    test_rows: Annotated[int, "number of test rows"]
    columns: Annotated[int, "number of features"]
    sizes: Annotated[Sequence[int], "number of values of each feature, repeated in turn if fewer are given"]
    kinds: Annotated[Sequence[str], "categorical or integer, of each feature, repeated in turn if fewer are given"]
    classes: Annotated[int, "number of classes of the label"]
    order: Annotated[int, "how many columns have to be known together to say anything of the label"]
    dependence: Annotated[float, "probability with which a column copies its predecessor"]
    label_noise: Annotated[float, "probability that a label is replaced by another class"]

    def __post_init__(self) -> None:
        for name, least in (("rows", 1), ("test_rows", 1), ("columns", 1), ("classes", 2), ("order", 1)):
            whole_number(f"simulated {name}", getattr(self, name), least=least)
        if not self.sizes or not self.kinds:
            raise InputError("simulated sizes and kinds: at least one of each is needed")
        for size in self.sizes:
            whole_number("simulated size", size, least=2)
        if set(self.kinds) - {"categorical", "integer"}:
            raise InputError(f"simulated kinds are {list(self.kinds)}; accepted: categorical, integer")
        if self.order > self.columns:
            raise InputError(f"simulated order is {self.order}; it cannot exceed the number of columns, {self.columns}")
        uneven = [size for size in self._sizes[: self.order] if size % self.classes]
        if self.order > 1 and uneven:
            raise InputError(
                f"simulated sizes: the first {self.order} columns carry the label, so their sizes must be multiples of "
                f"the number of classes, {self.classes}; {uneven[0]} is not"
            )
        most = 1 - 1 / self.classes
        for name, value, high in (("dependence", self.dependence, 1.0), ("label_noise", self.label_noise, most)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= high:
                raise InputError(f"simulated {name} is {value!r}; a number from 0 to {high:g} is needed")

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any]) -> Simulated:
        """Raises InputError, naming the parameter at fault."""
        return read(cls, raw, "simulated rows")

    @property
    def bayes_accuracy(self) -> float:
        """The accuracy of the best possible model."""
        return 1 - self.label_noise

    @property
    def _sizes(self) -> list[int]:
        return list(islice(cycle(self.sizes), self.columns))

    @property
    def schema(self) -> Schema:
        """Features x0, x1, ...; the target `label`."""
        kinds = islice(cycle(self.kinds), self.columns)
        features = [
            Column(f"x{i}", "categorical", categories=tuple(range(size)))
            if kind == "categorical"
            else Column(f"x{i}", "integer", bounds=(0, size - 1), bins=size)
            for i, (kind, size) in enumerate(zip(kinds, self._sizes, strict=True))
        ]
        label = Column("label", "categorical", categories=tuple(range(self.classes)))
        return Schema((*features, label), "label", self.rows)

    def sample(self, rows: int, seed: int, side: int) -> np.ndarray:
        """Encoded rows, shape (rows, columns + 1). A longer sample of the same seed and side begins with the shorter one."""
        encoded = np.empty((rows, self.columns + 1), dtype=self.schema.dtype)
        start = 0
        for chunk in self.chunks(rows, seed, side):
            encoded[start : start + len(chunk)] = chunk
            start += len(chunk)
        return encoded

    def chunks(self, rows: int, seed: int, side: int) -> Iterator[np.ndarray]:
        """The same rows piece by piece, each of shape (at most 65,536, columns + 1)."""
        cuts, dtype = self._cuts(), self.schema.dtype
        for block in range(-(-rows // _BLOCK)):
            rng = np.random.default_rng(np.random.SeedSequence([seed, side, block]))
            features = self._features(rng)
            labels = self.clean_labels(features, cuts)
            shift = np.where(rng.random(_BLOCK) < self.label_noise, rng.integers(1, self.classes, _BLOCK), 0)
            yield np.column_stack([features, (labels + shift) % self.classes]).astype(dtype)[: rows - block * _BLOCK]

    def clean_labels(self, features: np.ndarray, cuts: np.ndarray | None = None) -> np.ndarray:
        """The best possible prediction for each row of features, shape (rows,)."""
        if self.order == 1:
            return np.searchsorted(self._cuts() if cuts is None else cuts, self._score(features), side="right")
        carriers = features[:, : self.order].astype(np.int64)
        return (carriers * self.classes // np.array(self._sizes[: self.order])).sum(axis=1) % self.classes

    def _features(self, rng: np.random.Generator) -> np.ndarray:
        latent = rng.random((_BLOCK, self.columns), dtype=np.float32)
        copied = rng.random((_BLOCK, self.columns), dtype=np.float32) < self.dependence
        for i in range(self.order, self.columns):
            latent[:, i] = np.where(copied[:, i], latent[:, i - self.order], latent[:, i])
        sizes = np.array(self._sizes)
        return np.minimum((latent * sizes).astype(np.int64), sizes - 1)

    def _score(self, features: np.ndarray) -> np.ndarray:
        weights = np.random.default_rng(0).normal(size=self.columns)  # public, and the same for every seed
        return features / (np.array(self._sizes) - 1) @ weights

    def _cuts(self) -> np.ndarray:
        """Where the weighted sum is cut into classes of about equal size, judged on rows drawn apart."""
        if self.order > 1:
            return np.empty(0)
        score = self._score(self._features(np.random.default_rng(0)))
        return np.quantile(score, np.arange(1, self.classes) / self.classes)
