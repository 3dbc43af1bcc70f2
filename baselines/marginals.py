"""What the marginal-based methods share: measuring, merging rare codes, fitting by Private-PGM, sampling the model.

Inference is private-pgm's (`mbi`, McKenna, Sheldon and Miklau 2019). Attributes are named by their positions, so
that no step depends on the order in which Python hashes strings; sampling is ours because `mbi` draws from
NumPy's global generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

MBI_IMPORTS = ("jax", "mbi")


@dataclass(frozen=True)
class Measurement:
    """A noisy marginal: `values` over the columns at `clique` (positions), with noise of standard deviation `sigma`.

    weights: what each exact cell was multiplied by before the noise, same shape as values, or None for all ones.
    """

    clique: tuple[int, ...]
    values: np.ndarray
    sigma: float
    weights: np.ndarray | None = None


def estimate_total(measurements: Sequence[Measurement]) -> float:
    """The number of rows, as the inverse-variance mean of the unweighted measurements' sums; at least 1."""
    whole = [m for m in measurements if m.weights is None]
    precision = np.array([1 / (m.sigma**2 * m.values.size) for m in whole])
    return max(1.0, float(np.dot(precision, [m.values.sum() for m in whole]) / precision.sum())) if whole else 1.0


def merge_rare(noisy: np.ndarray, sigma: float, deviations: float = 3.0) -> np.ndarray:
    """Mapping from old to new codes, shape (codes,): those under `deviations` * sigma share the last new code."""
    common = noisy >= deviations * sigma
    mapping = np.where(common, np.cumsum(common) - 1, common.sum())
    return mapping.astype(np.int64)


def merged_measurement(measurement: Measurement, mapping: np.ndarray) -> Measurement:
    """The one-way measurement over merged codes; a cell of k merged codes is scaled by 1/sqrt(k) to keep its noise."""
    weights = 1 / np.sqrt(np.bincount(mapping))
    values = np.bincount(mapping, weights=measurement.values) * weights
    return Measurement(measurement.clique, values, measurement.sigma, None if (weights == 1).all() else weights)


def unmerge(codes: np.ndarray, mapping: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Old codes for new ones, uniform among the old codes that share a new one."""
    by_new = np.argsort(mapping, kind="stable")
    counts = np.bincount(mapping)
    starts = np.cumsum(counts) - counts
    return by_new[starts[codes] + (rng.random(len(codes)) * counts[codes]).astype(np.int64)]


def nearest_marginal(measurement: Measurement, total: float) -> np.ndarray:
    """The non-negative counts of sum `total` nearest to one measurement, in its weighted squares.

    This is what Private-PGM converges to where every measurement is a one-way marginal.
    """
    weights = np.ones_like(measurement.values) if measurement.weights is None else measurement.weights
    centre, slope = measurement.values / weights, 1 / weights**2
    low, high = (centre / slope).min() - total / slope.min(), (centre / slope).max()
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(centre - middle * slope, 0).sum() > total else (low, middle)
    return np.maximum(centre - high * slope, 0)


def fit_model(sizes: Sequence[int], measurements: Sequence[Measurement], total: float, iterations: int) -> Any:
    """An `mbi` model of all columns, fitted by mirror descent (McKenna et al. 2019, Algorithm 1) in double precision."""
    import jax
    from mbi import Domain, LinearMeasurement, WeightedQuery, estimation

    domain = Domain(tuple(range(len(sizes))), tuple(sizes))
    with jax.enable_x64(True):
        return estimation.MirrorDescent().estimate(
            domain,
            [
                LinearMeasurement(m.values.ravel(), m.clique, stddev=m.sigma)
                if m.weights is None
                else LinearMeasurement(m.values.ravel(), m.clique, stddev=m.sigma, query=WeightedQuery(m.weights.ravel()))
                for m in measurements
            ],
            known_total=total,
            iters=iterations,
        )


def sample_model(model: Any, n: int, rng: np.random.Generator) -> np.ndarray:
    """Codes of n rows, shape (n, columns), column after column along the junction tree.

    Counts are rounded at random instead of drawn one by one, so marginals of the sample stay next to the model's.
    """
    import jax
    from mbi import junction_tree

    tree, elimination = junction_tree.make_junction_tree(model.domain, [tuple(clique) for clique in model.cliques])
    codes = np.zeros((n, len(model.domain.attributes)), dtype=np.int64)
    drawn: set[int] = set()
    for column in reversed(list(elimination)):
        neighbours = {a for clique in tree.nodes if column in clique for a in clique}
        parents = tuple(sorted(neighbours & drawn))
        drawn.add(column)
        with jax.enable_x64(True):
            joint = np.asarray(model.project((*parents, column)).datavector(), dtype=float)
        table = np.maximum(joint, 0).reshape(-1, model.domain[column])
        group = np.zeros(n, dtype=np.int64)
        for parent in parents:
            group = group * model.domain[parent] + codes[:, parent]
        order = np.argsort(group, kind="stable")
        present, starts = np.unique(group[order], return_index=True)
        for value, rows in zip(present, np.split(order, starts[1:]), strict=True):
            codes[rows, column] = rounded_draw(table[value], len(rows), rng)
    return codes


def rounded_draw(weights: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """n codes in random order whose counts are n * weights / sum, each rounded up or down at random."""
    expected = n * (weights / weights.sum() if weights.sum() > 0 else np.full(len(weights), 1 / len(weights)))
    counts = np.floor(expected).astype(np.int64)
    left = n - counts.sum()
    if left > 0:
        # systematic sampling: each code gets one more with probability equal to its fraction
        fractions = np.cumsum(expected - counts)
        points = (rng.random() + np.arange(left)) * (fractions[-1] / left)
        np.add.at(counts, np.minimum(np.searchsorted(fractions, points, side="right"), len(counts) - 1), 1)
    codes = np.repeat(np.arange(len(counts)), counts)
    rng.shuffle(codes)
    return codes
