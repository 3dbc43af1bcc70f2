"""How far pairs of columns hang together otherwise in synthetic rows than in real ones.

Association of two columns: Pearson's correlation of two numbers, over rows where both are known; Cramer's V of two categorical
ones (Cramer 1946, "Mathematical methods of statistics", chapter 21), a missing cell being a category; the correlation ratio of
a number in the groups of a category (the root of the share of its variance between groups), over rows where the number is
known. 0 where one of both does not vary. The error is the mean absolute difference over all pairs; where two correlations
differ in sign it may be up to 2, else up to 1.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from experiments.evaluation.raw.compared import Compared

_DENSE = 2**18  # pairs of categories up to which all are counted; beyond, those that occur


def correlation_error(columns: Sequence[Compared]) -> float:
    """The mean absolute difference of associations, synthetic rows against training rows; NaN without a pair."""
    differences = [
        abs(_association(a.number, a.synthetic, b.number, b.synthetic) - _association(a.number, a.train, b.number, b.train))
        for a, b in itertools.combinations(columns, 2)
    ]
    return float(np.mean(differences)) if differences else float("nan")


def _association(a_is_number: bool, a: np.ndarray, b_is_number: bool, b: np.ndarray) -> float:
    if a_is_number and b_is_number:
        return pearson(a, b)
    if a_is_number or b_is_number:
        return correlation_ratio(a, b) if a_is_number else correlation_ratio(b, a)
    return cramers_v(a, b)


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    """The correlation of two numbers, from -1 to 1, where neither is NaN; 0 where one does not vary."""
    known = ~(np.isnan(a) | np.isnan(b))
    a, b = _standard(a[known]), _standard(b[known])
    spread = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / spread) if spread > 0 else 0.0


def correlation_ratio(number: np.ndarray, codes: np.ndarray) -> float:
    """The root of the share of a number's variance that lies between groups, from 0 to 1; 0 where it does not vary."""
    known = ~np.isnan(number)
    values, groups = _standard(number[known]), _renumbered(codes[known])
    total = (values**2).sum()
    if not total > 0:
        return 0.0
    between = (np.bincount(groups, weights=values) ** 2 / np.bincount(groups)).sum()
    return float(np.sqrt(min(between / total, 1.0)))


def cramers_v(a: np.ndarray, b: np.ndarray) -> float:
    """Cramer's V of two columns of codes, from 0 to 1; 0 where one does not vary. Only cells that occur are looked at."""
    a, b = _renumbered(a), _renumbered(b)
    rows, columns = np.bincount(a), np.bincount(b)
    least = min(len(rows), len(columns)) - 1
    if least < 1:
        return 0.0
    places = a * len(columns) + b
    if len(rows) * len(columns) > _DENSE:
        cells, counts = np.unique(places, return_counts=True)
    else:
        counts = np.bincount(places)
        cells, counts = np.flatnonzero(counts), counts[counts > 0]
    squared = (counts**2 / (rows[cells // len(columns)] * columns[cells % len(columns)].astype(float))).sum() - 1
    return float(np.sqrt(min(max(squared, 0.0) / least, 1.0)))


def _renumbered(codes: np.ndarray) -> np.ndarray:
    """Codes from 0, each of which occurs, in the same order."""
    return (np.cumsum(np.bincount(codes) > 0) - 1)[codes]


def _standard(values: np.ndarray) -> np.ndarray:
    """About their mean, at most 1, so that squares of large numbers are finite; equal values are exactly 0."""
    if not len(values) or values.min() == values.max():
        return np.zeros(len(values))
    halves = values / 2  # the difference of two large numbers may be beyond what a float holds
    centred = halves - halves.mean()
    return centred / np.abs(centred).max()
