"""Noisy marginals of one table made consistent: the same counts wherever they share columns, none below zero.

Weighted averages over shared columns (PriView, Qardaji et al. 2014, with the weights of PrivSyn, section 4.3) and
projections on the non-negative tables of one total (norm-sub, Wang et al. 2020) in turns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from baselines.marginal.marginals import Measurement
from dpdsyn.candidates import as_distribution

Clique = tuple[int, ...]


def consistent(measurements: Sequence[Measurement], rounds: int = 500, tolerance: float = 1e-4) -> dict[Clique, np.ndarray]:
    """The share of rows in every cell of every measured marginal, by clique; each table sums to 1.

    measurements: of different cliques of ascending positions, unweighted. rounds: of averaging and projecting,
    at most; they end early once averaging leaves no table with more than `tolerance` rows below zero in all.
    """
    tables = {m.clique: m.values.astype(float) for m in measurements}
    precision = {m.clique: 1 / m.sigma**2 for m in measurements}
    groups = [(shared, [c for c in tables if set(shared) <= set(c)]) for shared in _shared(list(tables))]
    total = 1.0
    for _ in range(rounds):
        for shared, holders in groups:
            _agree(shared, holders, tables, precision)
        total = max(1.0, float(next(iter(tables.values())).sum()))
        below = [clique for clique, table in tables.items() if -table[table < 0].sum() > tolerance]
        for clique in below:
            tables[clique] = as_distribution(tables[clique]) * total
        if not below:
            break
    return {clique: as_distribution(table) for clique, table in tables.items()}


def _shared(cliques: list[Clique]) -> list[Clique]:
    """All intersections of two or more cliques, smallest first: agreeing on one keeps those before it."""
    found: set[frozenset[int]] = {frozenset()}
    for clique in cliques:
        found |= {frozenset(clique) & other for other in found} | {frozenset(clique)}
    shared = [s for s in found if sum(s <= set(clique) for clique in cliques) > 1]
    return sorted((tuple(sorted(s)) for s in shared), key=lambda s: (len(s), s))


def _agree(shared: Clique, holders: list[Clique], tables: dict[Clique, np.ndarray], precision: dict[Clique, float]) -> None:
    """Give the tables of the holders one marginal over the shared columns: their mean, weighted by precision.

    A cell of a table's marginal is a sum of `folded` cells, each of the table's variance; what it is off by is
    spread over them evenly.
    """
    sums, weights, axes = [], [], []
    for clique in holders:
        others = tuple(axis for axis, column in enumerate(clique) if column not in shared)
        folded = math.prod(tables[clique].shape[axis] for axis in others)
        axes.append((others, folded))
        sums.append(tables[clique].sum(axis=others))
        weights.append(precision[clique] / folded)
    mean = sum(w * s for w, s in zip(weights, sums, strict=True)) / sum(weights)
    for clique, (others, folded), own in zip(holders, axes, sums, strict=True):
        tables[clique] += np.expand_dims((mean - own) / folded, others)
