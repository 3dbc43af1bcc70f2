"""Tables drawn from a known distribution, so that the accuracy of the best possible model is known.

Each feature is uniform over its values. The label is a fixed function of the features, replaced by another class
with probability `label_noise`; so no model can be right more often than 1 - label_noise, and one is.

Order 1: the classes are slices of a weighted sum of all features, cut where `shares` of the rows lie between the cuts. With a
`steepness` there is no cut but an ordered logistic model (McCullagh 1980): a label is at least class j with the probability
1 / (1 + exp(-steepness (sum - cut_j) / deviation of the sum)), so that probabilities are honest and not 0 or 1; the cuts are
where the shares come out. The best accuracy is then the mean of the largest probability, over 262,144 rows drawn apart.

Order k > 1: the first k columns (the carriers) are cut into as many equal parts as there are classes, and the label is the
sum of their parts modulo the number of classes (parity, if there are two). Dependent columns copy a predecessor that stems
from the same carrier, so the k families are independent of each other, and a marginal of the label with columns of fewer than
k families is the product of theirs: order 2 needs three-way marginals, order 3 four-way ones. With uneven `shares` the carriers
are cut into more parts, so many that each share is a multiple of one part; the sum modulo their number is as uniform, whatever
k - 1 of the families say, and a class is as many of its values as its share asks for. So a rare class is known for certain, by
whoever sees all k, and by nobody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle, islice
from typing import Annotated, Any

import numpy as np
import pandas as pd
from scipy.special import expit

from dpdsyn.base.checks import InputError, whole_number
from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema
from experiments.typed import read

VERSION = 1  # raised when the same parameters would give other rows
TRAIN, TEST = 0, 1
_BLOCK = 1 << 16  # rows drawn together; row i does not depend on how many are asked for
_BLOCKS_APART, _APART = 4, 1  # of rows that no sample has, over which the best accuracy is a mean
_MOST_PARTS, _CLOSE = 1000, 1e-9


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
    shares: Annotated[Sequence[float] | None, "of the classes, before labels are replaced; null: all alike"] = None
    steepness: Annotated[float | None, "of a logistic link, for order 1: labels are drawn; null: they are certain"] = None

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
        self._check_shares()
        uneven = [size for size in self._carriers if size % self._parts] if self.order > 1 else []
        if uneven:
            raise InputError(
                f"simulated sizes: the first {self.order} columns carry the label, so their sizes must be multiples of "
                f"{'the number of classes' if self.shares is None else 'what the shares are parts of'}, {self._parts}; "
                f"{uneven[0]} is not"
            )
        if self.steepness is not None and (self.order > 1 or not 0 < self.steepness < np.inf):
            raise InputError(
                f"simulated steepness is {self.steepness!r} and order {self.order}; a number above 0, with order 1, is needed"
            )
        most = 1 - 1 / self.classes
        for name, value, high in (("dependence", self.dependence, 1.0), ("label_noise", self.label_noise, most)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= high:
                raise InputError(f"simulated {name} is {value!r}; a number from 0 to {high:g} is needed")

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any]) -> Simulated:
        """Raises InputError, naming the parameter at fault."""
        return read(cls, raw, "simulated rows")

    def _check_shares(self) -> None:
        shares = self._shares
        if len(shares) != self.classes or min(shares) <= 0 or abs(sum(shares) - 1) > _CLOSE:
            raise InputError(
                f"simulated shares are {list(shares)}; {self.classes} numbers above 0, one a class, that sum to 1 are needed"
            )
        if self.order > 1 and self._parts == 0:
            raise InputError(
                f"simulated shares are {list(shares)}; with an order above 1 each is a multiple of 1 / p, where p, at most "
                f"{_MOST_PARTS}, divides the sizes of the first {self.order} columns, such as [0.75, 0.25] for sizes of 4"
            )

    @property
    def _shares(self) -> Sequence[float]:
        return [1 / self.classes] * self.classes if self.shares is None else self.shares

    @property
    def _parts(self) -> int:
        """Into how many equal parts a carrier is cut: the fewest that every share is a multiple of; 0 if there is no number."""
        if self.shares is None:
            return self.classes
        counts = np.arange(1, _MOST_PARTS + 1)
        whole = np.outer(counts, self.shares)
        fitting = counts[(abs(whole - whole.round()) < _CLOSE * counts[:, None]).all(axis=1)]
        return int(fitting[0]) if len(fitting) else 0

    @property
    def bayes_accuracy(self) -> float:
        """The accuracy of the best possible model; with a `steepness` known to some .0005, without for certain."""
        if self.steepness is None:
            return 1 - self.label_noise
        cuts, best = self._cuts(), []
        for block in range(_BLOCKS_APART):
            features = self._features(np.random.default_rng([_APART, block]))
            best.append(self.probabilities(features, cuts).max(axis=1).mean())
        return float(np.mean(best))

    @property
    def _sizes(self) -> list[int]:
        return list(islice(cycle(self.sizes), self.columns))

    @property
    def _carriers(self) -> list[int]:
        return self._sizes[: self.order]

    @cached_property
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

    def cells(self, encoded: np.ndarray) -> pd.DataFrame:
        """Encoded rows as a file of them would be read: every value has a code of its own, so that nothing is drawn."""
        return self.schema.decode(encoded, np.random.default_rng(0)).astype("str")

    def chunks(self, rows: int, seed: int, side: int) -> Iterator[np.ndarray]:
        """The same rows piece by piece, each of shape (at most 65,536, columns + 1)."""
        cuts, dtype = self._cuts(), self.schema.dtype
        for block in range(-(-rows // _BLOCK)):
            rng = np.random.default_rng(np.random.SeedSequence([seed, side, block]))
            features = self._features(rng)
            labels = self.clean_labels(features, cuts) if self.steepness is None else self._drawn(features, cuts, rng)
            shift = np.where(rng.random(_BLOCK) < self.label_noise, rng.integers(1, self.classes, _BLOCK), 0)
            yield np.column_stack([features, (labels + shift) % self.classes]).astype(dtype)[: rows - block * _BLOCK]

    def clean_labels(self, features: np.ndarray, cuts: np.ndarray | None = None) -> np.ndarray:
        """The best possible prediction for each row of features, shape (rows,)."""
        if self.steepness is not None:
            return self.probabilities(features, cuts).argmax(axis=1)
        if self.order == 1:
            return np.searchsorted(self._cuts() if cuts is None else cuts, self._score(features), side="right")
        carriers = features[:, : self.order].astype(np.int64)
        total = (carriers * self._parts // np.array(self._carriers)).sum(axis=1) % self._parts
        return np.searchsorted(np.cumsum(np.multiply(self._shares, self._parts).round())[:-1], total, side="right")

    def probabilities(self, features: np.ndarray, cuts: np.ndarray | None = None) -> np.ndarray:
        """How probable each class is of a row with these features, replaced labels included; shape (rows, classes)."""
        if self.steepness is None:
            clean = np.eye(self.classes)[self.clean_labels(features, cuts)]
        else:
            at_least = self._at_least(self._score(features), self._cuts() if cuts is None else cuts)
            ends = np.ones((len(features), 1)), np.zeros((len(features), 1))
            clean = -np.diff(np.hstack([ends[0], at_least, ends[1]]), axis=1)
        return clean * (1 - self.label_noise) + (1 - clean) * self.label_noise / (self.classes - 1)

    def _drawn(self, features: np.ndarray, cuts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Labels before any is replaced, drawn with the probabilities of the logistic link."""
        return (rng.random((len(features), 1)) < self._at_least(self._score(features), cuts)).sum(axis=1)

    def _at_least(self, score: np.ndarray, cuts: np.ndarray) -> np.ndarray:
        """How probable it is that a label is class 1 or higher, 2 or higher, ...; shape (rows, classes - 1)."""
        return expit((self.steepness or 0.0) * (score[:, None] - cuts) / self._scores_apart.std())

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

    @cached_property
    def _scores_apart(self) -> np.ndarray:
        return self._score(self._features(np.random.default_rng(0)))

    def _cuts(self) -> np.ndarray:
        """Where the weighted sum is cut into classes of about these shares, judged on rows drawn apart; shape (classes - 1,)."""
        if self.order > 1:
            return np.empty(0)
        score = self._scores_apart
        below = np.arange(1, self.classes) / self.classes if self.shares is None else np.cumsum(self.shares)[:-1]
        if self.steepness is None:
            return np.quantile(score, below)
        wide = 50 * score.std() * max(1.0, 1 / self.steepness)
        low, high = np.full(len(below), score.min() - wide), np.full(len(below), score.max() + wide)
        for _ in range(60):
            middle = (low + high) / 2
            too_low = self._at_least(score, middle).mean(axis=0) > 1 - below
            low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
        return (low + high) / 2
