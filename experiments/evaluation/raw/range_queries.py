"""Random three-way range queries: how wrong are shares of rows that an analyst counts in synthetic rows?

A query names three columns, drawn at random, and asks for the share of rows that lie in a range of each: of a number or date
between two of its known values in the test rows, both drawn at random and both included; of a categorical column in a random
set of values, each being in it with probability one half (a missing cell is a value; values that no test row has are in it or
not together). `QUERIES` queries are drawn by a public seed. The error is the mean absolute difference of the shares among
synthetic rows and among training rows. Queries of ranges of three random columns are asked in the evaluation of PrivSyn (Zhang
et al. 2021, arXiv 2012.15128), too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from experiments.evaluation.raw.compared import Compared

QUERIES = 1000
WAYS = 3
_SEED = 20_260_102  # public, and the same for all data sets


def range_queries(columns: Sequence[Compared]) -> float:
    """The mean absolute error of the queries' answers; of fewer columns where there are not three, NaN where there is none."""
    if not columns:
        return float("nan")
    rng = np.random.default_rng(_SEED)
    known = [np.sort(c.test[~np.isnan(c.test)]) if c.number else np.unique(c.test) for c in columns]
    errors = []
    for _ in range(QUERIES):
        chosen = rng.choice(len(columns), size=min(WAYS, len(columns)), replace=False)
        inside = [_inside(columns[i], known[i], rng) for i in chosen]
        shares = [np.logical_and.reduce([of_both[which] for of_both in inside]).mean() for which in (0, 1)]
        errors.append(abs(shares[0] - shares[1]))
    return float(np.mean(errors))


def _inside(column: Compared, known: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Which synthetic and which training rows lie in a random range of the column.

    known: the values of the test rows, rising; of a number as often as they occur, of a category once.
    """
    if not column.number:
        chosen = _chosen_values(column.size, known, rng)
        return chosen[column.synthetic], chosen[column.train]
    low, high = np.sort(known[rng.integers(len(known), size=2)]) if len(known) else (-np.inf, np.inf)
    return (low <= column.synthetic) & (column.synthetic <= high), (low <= column.train) & (column.train <= high)


def _chosen_values(size: int, present: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """By code whether a value is in the random set, which is never empty."""
    drawn = rng.random(len(present) + 1) < 0.5  # the last stands for all that no test row has
    if not drawn.any():
        drawn[rng.integers(len(present))] = True
    chosen = np.full(size, drawn[-1])
    chosen[present] = drawn[:-1]
    return chosen
