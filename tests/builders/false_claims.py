"""Mechanisms that are broken from within, and methods that charge for less than they tell; no ledger notices any of them.

The faults of `FAULTS` are planted in the library itself by `planted`; those of methods are classes beside `broken_methods`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from builders.broken_methods import Control, noise_of, rows_of
from dpdsyn.private_table import PrivateTable, marginal
from dpdsyn.rows import Rows


class DoubledSensitivity(Control):
    """A score that a row moves by two, where one is charged for."""

    def _answer(self, private: PrivateTable, scale: float, rng: np.random.Generator) -> np.ndarray:
        queries = [private.schema.names[:1]]
        return private.noisy_scores(queries, lambda exact, _: 2 * float(exact.sum()), l2_sensitivity=1.0, sigma=scale)

    def pulled_by(self, row: np.ndarray) -> np.ndarray:
        return self.seen_


class UnchargedSelection(Control):
    """The counts as they should be; before them, fifty selections by the exponential mechanism that nothing is charged for."""

    def _answer(self, private: PrivateTable, scale: float, rng: np.random.Generator) -> np.ndarray:
        name = private.schema.names[:1]
        exact = marginal(rows_of(private), private.schema, name)
        chosen = np.argmax(-exact + noise_of(private).gumbel(size=(50, len(exact))), axis=1)
        told = np.bincount(chosen, minlength=len(exact)).astype(float)
        return np.stack([private.noisy_marginals([name], [scale])[0], told])


class NoisySums(Control):
    """Twenty sums over Poisson samples of a tenth of the rows, each of the first column's counts."""

    rate, steps = 0.1, 20

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> NoisySums:
        from dpdsyn.accounting.spends import SampledGaussian

        self.schema_ = private.schema
        noise = private.ledger.open_calibrated(lambda noise: [SampledGaussian(self.rate, noise, self.steps)])

        def counts(batch: np.ndarray, clip: float) -> np.ndarray:
            return clip * np.bincount(batch[:, 0], minlength=private.schema.sizes[0]).astype(float)

        self.seen_ = np.stack([private.noisy_sum(counts, self.rate, noise, 1.0) for _ in range(self.steps)])
        return self


def _halved_marginals(self: PrivateTable, queries: Sequence[Any], sigmas: Sequence[float]) -> list[np.ndarray]:
    answers = _SOUND["noisy_marginals"](self, queries, sigmas)
    exact = [marginal(rows_of(self), self.schema, query) for query in queries]
    return [counts + (answer - counts) / 2 for counts, answer in zip(exact, answers, strict=True)]


def _halved_sum(self: PrivateTable, f: Any, rate: float, sigma: float, clip: float, *label: str) -> np.ndarray:
    totals: list[np.ndarray] = []

    def kept(batch: np.ndarray, clip: float) -> np.ndarray:
        totals.append(f(batch, clip))
        return totals[-1]

    answer = _SOUND["noisy_sum"](self, kept, rate, sigma, clip, *label)
    return totals[-1] + (answer - totals[-1]) / 2


def _twice_as_often(self: Rows, rate: float, left: int, rng: np.random.Generator) -> np.ndarray:
    return _SOUND["batch"](self, min(1.0, 2 * rate), left, rng)


def _fixed_size(self: Rows, rate: float, left: int, rng: np.random.Generator) -> np.ndarray:
    rows = self.together()
    return rows[np.sort(rng.choice(len(rows), round(len(rows) * rate), replace=False))]


def _shuffled(self: Rows, rate: float, left: int, rng: np.random.Generator) -> np.ndarray:
    """Epochs: batches of a permutation, each row once in 1 / rate of them."""
    rows, epoch = self.together(), round(1 / rate)
    waiting: list[np.ndarray] = self.__dict__.setdefault("waiting", [])
    if not waiting:
        waiting += np.array_split(rng.permutation(len(rows)), epoch)
    return rows[np.sort(waiting.pop())]


_SOUND: dict[str, Callable[..., Any]] = {
    "noisy_marginals": PrivateTable.noisy_marginals,
    "noisy_sum": PrivateTable.noisy_sum,
    "batch": Rows.batch,
}
FAULTS: dict[str, tuple[type, str, Callable[..., Any]]] = {
    "halved noise of marginals": (PrivateTable, "noisy_marginals", _halved_marginals),
    "halved noise of sums": (PrivateTable, "noisy_sum", _halved_sum),
    "samples twice as often": (Rows, "batch", _twice_as_often),
    "samples of a fixed size": (Rows, "batch", _fixed_size),
    "shuffled epochs": (Rows, "batch", _shuffled),
}


@contextmanager
def planted(fault: str) -> Iterator[None]:
    """One fault of FAULTS in the library, in this process."""
    kind, name, broken = FAULTS[fault]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, name, broken)
        yield
