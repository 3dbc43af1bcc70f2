"""Total variation distance on a common grid, which no method and no encoding chose: real test rows fix it.

A number or date is cut at the tenths of its known values in the test rows (equal ones are one cut, and a value lies with the
cut that it equals); a category of the test rows is a cell of its own, or one of the rest where it is not among the `MOST`
commonest (equally common ones in the order of their texts) or not in the test rows at all; missing is a cell too. The measure
is the mean over columns, over all pairs, and over all triples of columns, or over `TRIPLES` triples that a public seed draws
where there are more.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from experiments.evaluation.raw.compared import MISSING, Compared

BINS = 10
MOST = 50  # categories of one column that are cells of their own
TRIPLES = 100
_SEED = 20_260_101  # public, and the same for all data sets
_DENSE = 2**18  # cells up to which all are counted; beyond, those that occur


def grid_tvd(columns: Sequence[Compared], ways: int) -> float:
    """Mean total variation distance of the synthetic rows from the training rows over sets of so many columns.

    NaN where there are fewer columns.
    """
    coded = [_coded(column) for column in columns]
    distances = [_distance([coded[i] for i in chosen]) for chosen in column_sets(len(columns), ways)]
    return float(np.mean(distances)) if distances else float("nan")


def column_sets(columns: int, ways: int) -> list[tuple[int, ...]]:
    """All sets of so many columns, as rising places; of three, `TRIPLES` different ones where there are more."""
    if ways < 3 or math.comb(columns, ways) <= TRIPLES:
        return list(itertools.combinations(range(columns), ways))
    rng = np.random.default_rng(_SEED)
    chosen: dict[tuple[int, ...], None] = {}
    while len(chosen) < TRIPLES:
        chosen[tuple(sorted(map(int, rng.choice(columns, size=ways, replace=False))))] = None
    return list(chosen)


def _coded(column: Compared) -> tuple[int, np.ndarray, np.ndarray]:
    """How many cells a column has, and those of its synthetic and its training rows."""
    if column.number:
        known = column.test[~np.isnan(column.test)]
        tenths = np.quantile(known, np.arange(1, BINS) / BINS, method="inverted_cdf") if len(known) else known
        cuts = np.unique(tenths)
        cells = [
            np.where(np.isnan(values), MISSING, 1 + np.searchsorted(cuts, values, side="left"))
            for values in (column.synthetic, column.train)
        ]
        return len(cuts) + 2, cells[0], cells[1]
    counts = np.bincount(column.test, minlength=column.size)
    counts[MISSING] = 0
    common = np.argsort(-counts, kind="stable")[: min(MOST, int((counts > 0).sum()))]
    places = np.full(column.size, len(common) + 1)  # the rest
    places[common], places[MISSING] = np.arange(1, len(common) + 1), MISSING
    return len(common) + 2, places[column.synthetic], places[column.train]


def _distance(columns: Sequence[tuple[int, np.ndarray, np.ndarray]]) -> float:
    sizes = [size for size, _, _ in columns]
    ours, theirs = (np.ravel_multi_index([column[which] for column in columns], sizes) for which in (1, 2))
    if math.prod(sizes) > _DENSE:
        _, positions = np.unique(np.concatenate([ours, theirs]), return_inverse=True)
        ours, theirs = np.split(positions, [len(ours)])
    most = int(max(ours.max(), theirs.max())) + 1
    shares = [np.bincount(cells, minlength=most) / len(cells) for cells in (ours, theirs)]
    return 0.5 * float(np.abs(shares[0] - shares[1]).sum())
