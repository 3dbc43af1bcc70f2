"""What the marginal-based methods share: measuring, the number of rows, and merging rare values.

Columns are named by their positions, so that no step depends on the order in which Python hashes strings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dpdsyn.accounting.spends import Gaussian
from dpdsyn.privacy import Ledger
from dpdsyn.private_table import PrivateTable, Query
from dpdsyn.schema import Schema


@dataclass(frozen=True)
class Measurement:
    """A noisy marginal: `values` over the columns at `clique` (positions), with noise of standard deviation `sigma`.

    weights: what each exact cell was multiplied by before the noise, same shape as values, or None for all ones.
    """

    clique: tuple[int, ...]
    values: np.ndarray
    sigma: float
    weights: np.ndarray | None = None


def all_gaussian(ledger: Ledger) -> float:
    """Open the ledger for Gaussian noise alone, as much as it allows; gives its rho, which may be divided as answers say.

    What is fixed beforehand is the one Gaussian that all noise is together, so that it composes exactly however adaptively it is
    divided (Smith and Thakurta 2022, arXiv 2210.17520); a zCDP cap has 12 to 15% less rho at epsilons from 0.2 to 3.2.
    """
    return Gaussian(ledger.open_calibrated(lambda scale: [Gaussian(scale)])).rho


def named(schema: Schema, cliques: Sequence[tuple[int, ...]]) -> list[Query]:
    """The same sets of columns by their names, as mechanisms ask for them."""
    names = schema.names
    return [tuple(names[column] for column in clique) for clique in cliques]


def measure(private: PrivateTable, cliques: Sequence[tuple[int, ...]], sigma: float) -> list[Measurement]:
    """Marginals with Gaussian noise sigma in every cell; the ledger is charged len(cliques) / (2 sigma^2) of zCDP."""
    answers = private.noisy_marginals(named(private.schema, cliques), [sigma] * len(cliques))
    return [Measurement(clique, answer, sigma) for clique, answer in zip(cliques, answers, strict=True)]


def estimate_total(measurements: Sequence[Measurement]) -> float:
    """The number of rows, as the inverse-variance mean of the unweighted measurements' sums; at least 1."""
    whole = [m for m in measurements if m.weights is None]
    precision = np.array([1 / (m.sigma**2 * m.values.size) for m in whole])
    return max(1.0, float(np.dot(precision, [m.values.sum() for m in whole]) / precision.sum())) if whole else 1.0


def merge_rare(noisy: np.ndarray, sigma: float, deviations: float = 3.0) -> np.ndarray:
    """The new code of each old one, shape (domain size,): those under `deviations` * sigma share the last new code."""
    common = noisy >= deviations * sigma
    mapping = np.where(common, np.cumsum(common) - 1, common.sum())
    return mapping.astype(np.int64)


def merged_measurement(measurement: Measurement, mapping: np.ndarray) -> Measurement:
    """The one-way measurement over merged values; a cell of k merged values is scaled by 1/sqrt(k) to keep its noise."""
    weights = 1 / np.sqrt(np.bincount(mapping))
    values = np.bincount(mapping, weights=measurement.values) * weights
    return Measurement(measurement.clique, values, measurement.sigma, None if (weights == 1).all() else weights)


def unmerge(encoded: np.ndarray, mapping: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Old values for new ones, uniform among the old ones that share a new one."""
    by_new = np.argsort(mapping, kind="stable")
    counts = np.bincount(mapping)
    starts = np.cumsum(counts) - counts
    return by_new[starts[encoded] + (rng.random(len(encoded)) * counts[encoded]).astype(np.int64)]


def nearest_marginal(measurement: Measurement, total: float) -> np.ndarray:
    """The non-negative counts of sum `total` nearest to one measurement, in its weighted squares.

    This is what Private-PGM converges to where every measurement is a one-way marginal.
    """
    weights = np.ones_like(measurement.values) if measurement.weights is None else measurement.weights
    centre, slope = measurement.values / weights, 1 / weights**2
    order = np.argsort(-centre / slope, kind="stable")
    levels = (np.cumsum(centre[order]) - total) / np.cumsum(slope[order])  # what is taken off if these and no others stay above 0
    level = levels[np.flatnonzero(centre[order] / slope[order] > levels)[-1]]
    return np.maximum(centre - level * slope, 0)
