"""Mechanisms whose true epsilon is known, and broken ones that the ledger takes for sound: they reach past the mechanisms.

Each keeps what it has answered in `seen_`; `pulled_by` says where in it a row would show.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from dpdsyn.accounting.spends import Gaussian, SampledGaussian
from dpdsyn.candidates import uniform_rows
from dpdsyn.method import GuidedSynthesizer
from dpdsyn.private_table import PrivateTable, marginal
from dpdsyn.synthesizer import Synthesizer


def rows_of(private: PrivateTable) -> np.ndarray:
    return private._PrivateTable__rows.together()  # type: ignore[attr-defined]


def noise_of(private: PrivateTable) -> np.random.Generator:
    return private._PrivateTable__rng  # type: ignore[attr-defined]


class Control(Synthesizer):
    """The counts of the first column, answered as `_answer` does."""

    spends: ClassVar = "gaussian"

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Control:
        self.schema_ = private.schema
        scale = private.ledger.open_calibrated(lambda noise: [Gaussian(noise)])
        self.seen_ = self._answer(private, scale, rng)
        return self

    def _answer(self, private: PrivateTable, scale: float, rng: np.random.Generator) -> np.ndarray:
        raise NotImplementedError

    def _exact(self, private: PrivateTable, scale: float) -> np.ndarray:
        """Counts read past the mechanisms, the ledger charged as if they were not."""
        private.ledger.charge(Gaussian(scale), "counts")
        return marginal(rows_of(private), private.schema, private.schema.names[:1])

    def pulled_by(self, row: np.ndarray) -> np.ndarray:
        return self.seen_[..., row[0]]

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return uniform_rows(self.schema_, n, rng)


class PlainGaussian(Control):
    """As it should be: the whole budget on one Gaussian of sensitivity 1, so that its true epsilon is the stated one."""

    def _answer(self, private: PrivateTable, scale: float, rng: np.random.Generator) -> np.ndarray:
        return private.noisy_marginals([private.schema.names[:1]], [scale])[0]


class HalvedNoise(Control):
    def _answer(self, private: PrivateTable, scale: float, rng: np.random.Generator) -> np.ndarray:
        exact = self._exact(private, scale)
        return exact + noise_of(private).normal(0, scale / 2, exact.shape)


class ForgottenSensitivity(Control):
    """A row counts for ten, and the noise is that for one."""

    def _answer(self, private: PrivateTable, scale: float, rng: np.random.Generator) -> np.ndarray:
        exact = self._exact(private, scale)
        return 10 * exact + noise_of(private).normal(0, scale, exact.shape)


class NoiseUsedTwice(Control):
    """The counts, and of each code how many rows have another, with one draw of noise for all."""

    def _answer(self, private: PrivateTable, scale: float, rng: np.random.Generator) -> np.ndarray:
        exact = self._exact(private, scale)
        return np.stack([exact, exact.sum() - exact]) + noise_of(private).normal(0, 2 * scale)


class FixedSeed(Control):
    """Noise comes from the method's own randomness, which is no secret."""

    def _answer(self, private: PrivateTable, scale: float, rng: np.random.Generator) -> np.ndarray:
        exact = self._exact(private, scale)
        return exact + rng.normal(0, scale, exact.shape)


class ShuffledBatches(Control):
    """One epoch over shuffled batches of fixed size, charged for as Poisson samples: every row takes part once for certain."""

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> ShuffledBatches:
        self.schema_ = private.schema
        steps = 20
        scale = private.ledger.open_calibrated(lambda noise: [SampledGaussian(1 / steps, noise, steps)])
        private.ledger.charge(SampledGaussian(1 / steps, scale, steps), "sums over batches")
        parts = np.array_split(rng.permutation(private.schema.rows_public + 1), steps)
        rows, name = rows_of(private), private.schema.names[:1]
        exact = np.stack([marginal(rows[part[part < len(rows)]], private.schema, name) for part in parts])
        self.seen_ = exact + noise_of(private).normal(0, scale, exact.shape)
        return self


class PretrainedOnRows(GuidedSynthesizer):
    """The guide is pretrained on the private rows themselves, as if that were as free as it is on candidates.

    All that its fine-tuning and its source answer is charged for, and has the noise that is charged for.
    """

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> PretrainedOnRows:
        self.taken = rows_of(private)
        try:
            return super().fit(private, rng)
        finally:
            del self.taken

    def _lesson(self, rng: np.random.Generator) -> np.ndarray:
        return self.taken
