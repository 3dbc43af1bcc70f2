"""Labels drawn so that every small group of rows has as many of each class as was expected of it.

Labels drawn row by row have the noise of coins on top of their probabilities, as real ones do. Synthetic ones need not: which
rows get the rarer class is ours to choose. Starting from such a draw, rows are offered another, and take it where that brings
the groups that they belong to nearer to their expected counts: all rows, the rows of each value of each column, and of each pair
of values of two columns. All draws of a row have its own probabilities, so none gets a label that it could not have had; what
models learn of the rows is what the probabilities say, with less noise. It is free: no private row is read.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

_PASSES = 2
_PIECE = 65_536  # rows that are balanced together
_MOST_ROWS = 4 * _PIECE  # of more rows the noise of labels is small, and balancing would take long
_CROSSED = 14  # columns whose pairs are looked at: those that probabilities differ most by
_ROWS_A_CELL = 8  # a pair of columns is looked at if its table has at least so many rows a cell
_BLOCKS = 256  # of rows that are offered another label at the same time
_SMALLEST_BLOCK = 32


def drawn(probabilities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A label for each row, shape (rows,), int64. probabilities: shape (rows, classes), of any positive sum."""
    thresholds = np.cumsum(probabilities, axis=1)
    draws = rng.random((len(probabilities), 1)) * thresholds[:, -1:]
    return np.minimum((draws >= thresholds).sum(axis=1), probabilities.shape[1] - 1)


def balanced(probabilities: np.ndarray, features: np.ndarray, sizes: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """A label for each row, shape (rows,), balanced if there are at most 262,144 rows.

    probabilities: shape (rows, classes), each row's of sum 1. features: encoded, shape (rows, columns); sizes: of their domains.
    """
    labels = drawn(probabilities, rng)
    if len(labels) <= _MOST_ROWS:
        for start in range(0, len(labels), _PIECE):
            piece = slice(start, start + _PIECE)
            _balance(labels[piece], probabilities[piece], features[piece], sizes, rng)
    return labels


def _balance(
    labels: np.ndarray, probabilities: np.ndarray, features: np.ndarray, sizes: Sequence[int], rng: np.random.Generator
) -> None:
    """In place. `excess` says how many labels of a class a group has beyond what is expected, over how many rows it has."""
    groups, count = _groups(probabilities, features, sizes)
    weight = 1 / np.maximum(np.bincount(groups.ravel(), minlength=count), 1)
    beyond = -probabilities.astype(float)
    beyond[np.arange(len(labels)), labels] += 1
    each = groups.shape[1]
    sums = [np.bincount(groups.ravel(), np.repeat(own, each), minlength=count) for own in beyond.T[:-1]]
    excess = weight[:, None] * np.stack([*sums, -np.sum(sums, axis=0)], axis=1)  # a row's own add up to zero
    block = max(_SMALLEST_BLOCK, -(-len(labels) // _BLOCKS))
    for _ in range(_PASSES):
        offered, order = drawn(probabilities, rng), rng.permutation(len(labels))
        for start in range(0, len(order), block):
            rows = order[start : start + block]
            rows = rows[offered[rows] != labels[rows]]
            own = groups[rows]
            # by how much the sum over groups of (count - expected)^2 / rows changes, halved
            change = (excess[own, offered[rows, None]] - excess[own, labels[rows, None]] + weight[own]).sum(axis=1)
            rows, own = rows[change < 0], own[change < 0].ravel()
            np.subtract.at(excess, (own, np.repeat(labels[rows], each)), weight[own])
            np.add.at(excess, (own, np.repeat(offered[rows], each)), weight[own])
            labels[rows] = offered[rows]


def _groups(probabilities: np.ndarray, features: np.ndarray, sizes: Sequence[int]) -> tuple[np.ndarray, int]:
    """The groups that each row is in, shape (rows, groups of a row), int32, and how many groups there are in all."""
    found, count = [np.zeros(len(features), dtype=np.int32)], 1
    for own, size in zip(features.T, sizes, strict=True):
        found.append(own.astype(np.int32) + np.int32(count))
        count += size
    for a, b in itertools.combinations(_most_telling(probabilities, features, sizes), 2):
        if sizes[a] * sizes[b] * _ROWS_A_CELL <= len(features):
            found.append(features[:, a].astype(np.int32) * np.int32(sizes[b]) + features[:, b] + np.int32(count))
            count += sizes[a] * sizes[b]
    return np.stack(found, axis=1), count


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
