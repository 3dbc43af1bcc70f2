"""Methods whose fault shows with many rows, with several of a person, or in another process only; most mean no harm."""

from __future__ import annotations

import math
import multiprocessing
from itertools import combinations
from typing import ClassVar

import numpy as np

from builders.broken_methods import rows_of
from dpdsyn.accounting.spends import ZCDP, Gaussian, SampledGaussian
from dpdsyn.candidates import Independent, as_distribution
from dpdsyn.privacy import Ledger
from dpdsyn.private_table import PrivateTable, Query


class OneHot(Independent):
    """Each column's counts from sums of rows as one-hot vectors; as it should be."""

    spends: ClassVar = "gaussian"
    steps = 1

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> OneHot:
        sizes = private.schema.sizes
        self.starts_, self.length_ = np.cumsum([0, *sizes[:-1]]), sum(sizes)
        rate = 1.0 if self.steps == 1 else 0.5
        noise = private.ledger.open_calibrated(lambda scale: [SampledGaussian(rate, scale, self.steps)])
        for step in range(self.steps):
            self.step_ = step
            counts = private.noisy_sum(self.summed, rate, noise, 1.0)
        self.marginals_ = [as_distribution(part) for part in np.split(counts, self.starts_[1:])]
        return self

    def summed(self, batch: np.ndarray, clip: float) -> np.ndarray:
        ones = (batch.astype(int) + self.starts_).ravel()
        return np.bincount(ones, minlength=self.length_) * (clip / math.sqrt(batch.shape[1]))


class Truncated(OneHot):
    """There is room for 1,024 rows; what is beyond is left out."""

    def summed(self, batch: np.ndarray, clip: float) -> np.ndarray:
        return super().summed(batch[:1024], clip)


class TruncatedLater(Truncated):
    """Only from the third step on."""

    steps = 20

    def summed(self, batch: np.ndarray, clip: float) -> np.ndarray:
        return super().summed(batch, clip) if self.step_ > 1 else OneHot.summed(self, batch, clip)


class SinglePrecision(OneHot):
    """Summed up in single precision, and given in double."""

    def summed(self, batch: np.ndarray, clip: float) -> np.ndarray:
        ones = np.zeros((len(batch), self.length_), dtype=np.float32)
        np.put_along_axis(ones, batch.astype(int) + self.starts_, np.float32(clip * 0.9999 / math.sqrt(batch.shape[1])), axis=1)
        return np.add.accumulate(ones, axis=0)[-1].astype(float) if len(batch) else np.zeros(self.length_)


class FilledCells(Independent):
    """The pair of columns with most cells that hold a row at all: a row fills one more at most, a person of three rows three."""

    spends: ClassVar = "zcdp"

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> FilledCells:
        rho = private.ledger.cap()
        private.select([*combinations(private.schema.names, 2)], self.filled, 1.0, math.sqrt(4 * rho))
        answers = private.noisy_marginals([(name,) for name in private.schema.names], [math.sqrt(10 / rho)] * 5)
        self.marginals_ = [as_distribution(answer) for answer in answers]
        return self

    @staticmethod
    def filled(exact: np.ndarray, query: Query) -> float:
        return float((exact > 0).sum())


class AsksElsewhere(Independent):
    """The plan is opened on the ledger that was given, and another pays."""

    spends: ClassVar = "gaussian"

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> AsksElsewhere:
        noise, other = private.ledger.open_calibrated(lambda scale: [Gaussian(scale)]), Ledger(ZCDP(100.0))
        other.cap()
        another = PrivateTable(rows_of(private), private.schema, other, np.random.default_rng(rng))
        answers = [another.noisy_marginals([(name,)], [noise])[0] for name in private.schema.names]
        self.marginals_ = [as_distribution(answer) for answer in answers]
        return self


class AsksElsewhereForAPart(AsksElsewhere):
    """The same with a ledger that is a part of the one that was given, as methods within methods have it."""

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> AsksElsewhereForAPart:
        super().fit(private.child(ZCDP(private.ledger.cap()), private.schema.names), rng)
        return self


class Forked(Independent):
    """Each column is counted by a process of its own with the noise of the whole budget, for each has a ledger of its own."""

    spends: ClassVar = "gaussian"
    tables: ClassVar[list[PrivateTable]] = []

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Forked:
        noise = private.ledger.open_calibrated(lambda scale: [Gaussian(scale)])
        self.tables.append(private)
        try:
            with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=1) as pool:
                answers = pool.starmap(self.counted, [(name, noise) for name in private.schema.names], chunksize=1)
        finally:
            self.tables.clear()
        self.marginals_ = [as_distribution(answer) for answer in answers]
        return self

    @classmethod
    def counted(cls, name: str, noise: float) -> np.ndarray:
        return cls.tables[0].noisy_marginals([(name,)], [noise])[0]


class ForksToCompute(Independent):
    """What its processes compute is made of answers; that they do nothing else nobody sees."""

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> ForksToCompute:
        super().fit(private, rng)
        with multiprocessing.get_context("fork").Pool(1) as pool:
            self.marginals_ = pool.map(as_distribution, self.marginals_)
        return self
