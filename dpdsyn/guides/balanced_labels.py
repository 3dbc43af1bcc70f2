"""Labels drawn so that groups of rows have about as many of each class as was expected of them.

Labels drawn row by row have the noise of coins on top of their probabilities, as real ones do. Synthetic ones need not: which
rows get the rarer class is ours to choose. Starting from such a draw, rows are offered another, and take it where that brings
the groups that they belong to nearer to their expected counts: all rows, the rows of each value of each column, of each pair of
values of two columns, and rows of about the same probability. The draws of a row have its own probabilities, so none gets a label
that it could not have had. A group's count of a class takes part only if a few rows with it and a few without are expected: where
half a row is expected, none would be nearest. Groups of equal probability count most, for they keep labels from going to the
likelier class.

Of an ordered target with many classes (pieces of a number) each would be too rare to be counted, and counting them takes long:
there a few *bands* of neighbouring classes are counted instead. A label is still one that its row could have had.

It is free: no private row is read.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

_PASSES = 2
_PIECE = 65_536  # rows that are balanced together
_MOST_ROWS = 4 * _PIECE  # of more rows the noise of labels is small, and balancing would take long
_CROSSED = 14  # columns whose pairs are looked at: those that probabilities differ most by
_FEW = 5.0  # rows with a class, and without it, that a group has to expect for its count of them to take part
_STRATA, _STRATA_WEIGHT = 20, 10.0  # of rows of about the same probability of a class; how many other groups they count for
_BANDS = 8  # of an ordered target's classes, of about equal mass
_BLOCKS = 256  # of rows that are offered another label at the same time
_SMALLEST_BLOCK = 32


def drawn(probabilities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A label for each row, shape (rows,), int64. probabilities: shape (rows, classes), of any positive sum."""
    thresholds = np.cumsum(probabilities, axis=1)
    draws = rng.random((len(probabilities), 1)) * thresholds[:, -1:]
    return np.minimum((draws >= thresholds).sum(axis=1), probabilities.shape[1] - 1)


def balanced(
    probabilities: np.ndarray, features: np.ndarray, sizes: Sequence[int], rng: np.random.Generator, ordered: int = 0
) -> np.ndarray:
    """A label for each row, shape (rows,), balanced if there are at most 262,144 rows.

    probabilities: shape (rows, classes), each row's of sum 1. features: encoded, shape (rows, columns); sizes: of their domains.
    ordered: how many classes, the first ones, are ordered.
    """
    labels = drawn(probabilities, rng)
    if len(labels) <= _MOST_ROWS:
        bands = bands_of(probabilities, ordered)
        for start in range(0, len(labels), _PIECE):
            piece = slice(start, start + _PIECE)
            _balance(labels[piece], probabilities[piece], bands, features[piece], sizes, rng)
    return labels


def bands_of(probabilities: np.ndarray, ordered: int) -> np.ndarray:
    """The band of each class, shape (classes,), rising from 0: of about equal mass where classes are ordered, else the class."""
    own = np.arange(probabilities.shape[1])
    if ordered <= _BANDS or not len(probabilities):
        return own
    mass = probabilities[:, :ordered].mean(axis=0, dtype=float)
    middles = (np.cumsum(mass) - mass / 2) / max(mass.sum(), np.finfo(float).tiny)
    own[:ordered] = np.minimum(middles * _BANDS, _BANDS - 1)
    return np.unique(np.where(own >= ordered, own + _BANDS, own), return_inverse=True)[1]


def _balance(
    labels: np.ndarray,
    probabilities: np.ndarray,
    bands: np.ndarray,
    features: np.ndarray,
    sizes: Sequence[int],
    rng: np.random.Generator,
) -> None:
    """In place. `excess` says how many labels of a band a group has beyond what is expected, times the weight of that."""
    classes = int(bands.max()) + 1
    starts = np.searchsorted(bands, np.arange(classes))
    coarse = probabilities if classes == len(bands) else np.add.reduceat(probabilities, starts, axis=1)
    groups, count, strata = _groups(coarse, features, sizes)
    each, flat = groups.shape[1], groups.ravel()
    expected = np.stack([np.bincount(flat, np.repeat(own, each), minlength=count) for own in coarse.T], axis=1)
    rows = expected.sum(axis=1, keepdims=True)
    weight = np.where(np.minimum(expected, rows - expected) < _FEW, 0.0, 1 / np.maximum(rows, 1))
    weight[strata:] *= _STRATA_WEIGHT / len(_told_apart(coarse))
    if not weight.any():
        return
    found = np.bincount(flat.astype(np.int64) * classes + np.repeat(bands[labels], each), minlength=count * classes)
    excess = weight * (found.reshape(count, classes) - expected)
    block = max(_SMALLEST_BLOCK, -(-len(labels) // _BLOCKS))
    for _ in range(_PASSES):
        offered, order = drawn(probabilities, rng), rng.permutation(len(labels))
        for start in range(0, len(order), block):
            chosen = order[start : start + block]
            chosen = chosen[bands[offered[chosen]] != bands[labels[chosen]]]
            own, new, old = groups[chosen], bands[offered[chosen, None]], bands[labels[chosen, None]]
            # by how much the sum over groups of weight (count - expected)^2 changes, halved
            change = (excess[own, new] - excess[own, old] + (weight[own, new] + weight[own, old]) / 2).sum(axis=1)
            taken = change < 0
            chosen, own, new, old = chosen[taken], own[taken], new[taken], old[taken]
            np.subtract.at(excess, (own, old), weight[own, old])
            np.add.at(excess, (own, new), weight[own, new])
            labels[chosen] = offered[chosen]


def _groups(probabilities: np.ndarray, features: np.ndarray, sizes: Sequence[int]) -> tuple[np.ndarray, int, int]:
    """The groups that each row is in, shape (rows, groups of a row), int32; how many there are in all; the first stratum's."""
    found, count = [np.zeros(len(features), dtype=np.int32)], 1
    for own, size in zip(features.T, sizes, strict=True):
        found.append(own.astype(np.int32) + np.int32(count))
        count += size
    for a, b in itertools.combinations(_most_telling(probabilities, features, sizes), 2):
        if sizes[a] * sizes[b] <= len(features):
            found.append(features[:, a].astype(np.int32) * np.int32(sizes[b]) + features[:, b] + np.int32(count))
            count += sizes[a] * sizes[b]
    first = count
    for own in _told_apart(probabilities):
        ranks = np.empty(len(own), dtype=np.int64)
        ranks[np.argsort(own, kind="stable")] = np.arange(len(own))
        found.append((ranks * _STRATA // max(1, len(own))).astype(np.int32) + np.int32(count))
        count += _STRATA
    return np.stack(found, axis=1), count, first


def _told_apart(probabilities: np.ndarray) -> np.ndarray:
    """The probabilities whose strata are looked at, shape (classes, rows); of two classes one says all."""
    return probabilities.T[1:] if probabilities.shape[1] == 2 else probabilities.T


def _most_telling(probabilities: np.ndarray, features: np.ndarray, sizes: Sequence[int]) -> list[int]:
    """Columns by whose values mean probabilities differ most, at most so many, ascending."""
    columns = list(range(features.shape[1]))
    if len(columns) <= _CROSSED:
        return columns

    def spread(column: int) -> float:
        own, size = features[:, column], sizes[column]
        rows = np.maximum(np.bincount(own, minlength=size), 1)
        sums = np.stack([np.bincount(own, weights, minlength=size) for weights in probabilities.T])
        return float((np.square(sums) / rows).sum())

    return sorted(sorted(columns, key=spread, reverse=True)[:_CROSSED])
