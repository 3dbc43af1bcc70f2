"""Faults for the mechanisms themselves: each changes `PrivateTable` or `Rows` as a mistake would, as long as a test lasts."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from dpdsyn.mechanisms.entropy import apart
from dpdsyn.privacy import Gaussian, Ledger
from dpdsyn.private_table import SUMMED, PrivateTable, marginal
from dpdsyn.rows import Rows, only

Noises = Callable[[list[np.ndarray], Sequence[float]], list[np.ndarray]]


def with_noise(patch: pytest.MonkeyPatch, change: Noises) -> None:
    """Marginals whose noise is changed; scores and sums alike, one answer each."""
    marginals, scores, sums = PrivateTable.noisy_marginals, PrivateTable.noisy_scores, PrivateTable.noisy_sum

    def broken_marginals(self: Any, queries: Any, sigmas: Any) -> Any:
        rows = self._PrivateTable__rows.together()
        exact = [marginal(rows, self.schema, query) for query in queries]
        noises = [answer - own for answer, own in zip(marginals(self, queries, sigmas), exact, strict=True)]
        return [own + noise for own, noise in zip(exact, change(noises, sigmas), strict=True)]

    def broken_scores(self: Any, queries: Any, score: Any, l2_sensitivity: float, sigma: float) -> Any:
        rows = self._PrivateTable__rows.together()
        exact = np.array([score(marginal(rows, self.schema, query), query) for query in queries], dtype=float)
        return exact + change([scores(self, queries, score, l2_sensitivity, sigma) - exact], [sigma])[0]

    def broken_sum(self: Any, f: Any, rate: float, sigma: float, clip: float, *label: str) -> Any:
        totals: list[np.ndarray] = []

        def kept(batch: np.ndarray, clip: float) -> np.ndarray:
            totals.append(f(batch, clip))
            return totals[0]

        answer = sums(self, kept, rate, sigma, clip, *label)
        return totals[0] + change([answer - totals[0]], [sigma * clip])[0]

    patch.setattr(PrivateTable, "noisy_marginals", broken_marginals)
    patch.setattr(PrivateTable, "noisy_scores", broken_scores)
    patch.setattr(PrivateTable, "noisy_sum", broken_sum)


def rounded(patch: pytest.MonkeyPatch) -> None:
    """No fault: marginals come in whole numbers."""
    marginals = PrivateTable.noisy_marginals
    patch.setattr(PrivateTable, "noisy_marginals", lambda self, *given: [np.rint(answer) for answer in marginals(self, *given)])


def halved(patch: pytest.MonkeyPatch) -> None:
    with_noise(patch, lambda noises, _: [noise / 2 for noise in noises])


def none(patch: pytest.MonkeyPatch) -> None:
    with_noise(patch, lambda noises, _: [noise * 0 for noise in noises])


def uniform(patch: pytest.MonkeyPatch) -> None:
    """Of the right variance."""
    rng = np.random.default_rng(0)
    wide = 3**0.5
    with_noise(patch, lambda noises, sigmas: [rng.uniform(-wide, wide, n.shape) * s for n, s in zip(noises, sigmas, strict=True)])


def one_sided(patch: pytest.MonkeyPatch) -> None:
    with_noise(patch, lambda noises, _: [np.abs(noise) for noise in noises])


def constant(patch: pytest.MonkeyPatch) -> None:
    """The same numbers in every fit."""
    with_noise(
        patch,
        lambda noises, sigmas: [
            np.random.default_rng([*n.shape]).standard_normal(n.shape) * s for n, s in zip(noises, sigmas, strict=True)
        ],
    )


def shared_by_equal_shapes(patch: pytest.MonkeyPatch) -> None:
    """One draw for all marginals of a shape that are asked for together."""

    def change(noises: list[np.ndarray], sigmas: Sequence[float]) -> list[np.ndarray]:
        drawn: dict[tuple[int, ...], np.ndarray] = {}
        for noise, sigma in zip(noises, sigmas, strict=True):
            drawn.setdefault(noise.shape, noise / sigma)
        return [drawn[noise.shape] * sigma for noise, sigma in zip(noises, sigmas, strict=True)]

    with_noise(patch, change)


def child_with_its_parents_noise(patch: pytest.MonkeyPatch) -> None:
    child = PrivateTable.child

    def broken(self: Any, cap: Any, columns: Any) -> Any:
        view = child(self, cap, columns)
        view._PrivateTable__rng = copy.deepcopy(self._PrivateTable__rng)  # type: ignore[attr-defined]
        return view

    patch.setattr(PrivateTable, "child", broken)


def child_that_nobody_pays_for(patch: pytest.MonkeyPatch) -> None:
    """A nested table's cap is not charged to the table that it is of."""

    def broken(self: Any, cap: Any, columns: Any) -> Any:
        change, schema = only(self.schema.positions(columns)), self.schema.select(columns)
        return self._view(change, schema, Ledger(cap, parent=self.ledger), apart(self._PrivateTable__rng))

    patch.setattr(PrivateTable, "child", broken)


def seeded_with(bits: int) -> Callable[[pytest.MonkeyPatch], None]:
    """Noise from a generator of the table's own, with a seed of so many bits."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        build = PrivateTable.__init__

        def broken(self: Any, rows: Any, schema: Any, ledger: Any, rng: np.random.Generator, *rest: Any, **more: Any) -> None:
            build(self, rows, schema, ledger, np.random.default_rng(int(rng.integers(2**bits))), *rest, **more)

        patch.setattr(PrivateTable, "__init__", broken)

    return plant


def sums_divided_by_the_batch(patch: pytest.MonkeyPatch) -> None:
    sums = PrivateTable.noisy_sum

    def broken(self: Any, f: Any, rate: float, sigma: float, clip: float, *label: str) -> Any:
        sizes: list[int] = []

        def kept(batch: np.ndarray, clip: float) -> np.ndarray:
            sizes.append(len(batch))
            return f(batch, clip)

        return sums(self, kept, rate, sigma, clip, *label) / max(sizes[0], 1)

    patch.setattr(PrivateTable, "noisy_sum", broken)


def charged_otherwise(patch: pytest.MonkeyPatch, paid: Callable[[Ledger, Any, str], Any]) -> None:
    """What a ledger is charged is what `paid` makes of it, nothing if that is None."""
    charge = Ledger.charge

    def charging(self: Ledger, spend: Any, label: str) -> None:
        if (own := paid(self, spend, label)) is not None:
            charge(self, own, label)

    patch.setattr(Ledger, "charge", charging)


def scores_without_their_sensitivity(patch: pytest.MonkeyPatch) -> None:
    """Charged as if a row moved them by a third of what is stated."""
    charged_otherwise(patch, lambda _, spend, label: Gaussian(3 * spend.noise_multiplier) if label == "noisy scores" else spend)


def a_hundred_sums_charged(patch: pytest.MonkeyPatch) -> None:
    def paid(ledger: Ledger, spend: Any, label: str) -> Any:
        enough = label == SUMMED and sum(entry["count"] for entry in ledger.entries if entry["label"] == SUMMED) >= 100
        return None if enough else spend

    charged_otherwise(patch, paid)


def bold_choices(patch: pytest.MonkeyPatch) -> None:
    """With twice the epsilon that is charged for."""
    select = PrivateTable.select

    def broken(self: Any, queries: Any, score: Any, sensitivity: float, epsilon: float) -> int:
        return select(self, queries, lambda *pair: 2 * score(*pair), sensitivity, epsilon)

    patch.setattr(PrivateTable, "select", broken)


def batches(patch: pytest.MonkeyPatch, draw: Callable[[int, float, int], np.ndarray]) -> None:
    """draw: from the number of rows, the rate and the number of the batch to the positions in it."""
    for kind in (Rows, *Rows.__subclasses__()):
        count = itertools.count()

        def broken(self: Any, rate: float, *rest: Any, count: Any = count) -> np.ndarray:
            rows = self.together()
            return rows[draw(len(rows), rate, next(count))]

        patch.setattr(kind, "batch", broken)


def batches_of_fixed_size(patch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    batches(patch, lambda rows, rate, _: rng.choice(rows, round(rate * rows), replace=False))


def batches_with_replacement(patch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    batches(patch, lambda rows, rate, _: rng.integers(rows, size=rng.binomial(rows, rate)))


def shuffled_epochs(patch: pytest.MonkeyPatch) -> None:
    def draw(rows: int, rate: float, step: int) -> np.ndarray:
        parts = round(1 / rate)
        return np.array_split(np.random.default_rng(step // parts).permutation(rows), parts)[step % parts]

    batches(patch, draw)


def the_same_batch(patch: pytest.MonkeyPatch) -> None:
    batches(patch, lambda rows, rate, _: np.flatnonzero(np.random.default_rng(3).random(rows) < rate))


def batches_in_pairs(patch: pytest.MonkeyPatch) -> None:
    """Every second batch is the one before."""
    batches(patch, lambda rows, rate, step: np.flatnonzero(np.random.default_rng(step // 2).random(rows) < rate))


def rows_that_come_together(patch: pytest.MonkeyPatch) -> None:
    """Each two neighbouring rows share their draw."""
    batches(patch, lambda rows, rate, step: np.flatnonzero(np.repeat(np.random.default_rng(step).random(rows), 2)[:rows] < rate))
