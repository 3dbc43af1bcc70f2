"""Draws of encoded values whose counts stay next to what is expected."""

from __future__ import annotations

import numpy as np


def rounded_draw(weights: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """n encoded values in random order whose counts are n * weights / sum, each rounded up or down at random."""
    return systematic_draw(weights[None], np.zeros(n, dtype=np.int64), rng)


def systematic_draw(table: np.ndarray, group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A code for each row from the line of `table` (groups, values) that `group` names, shape (rows,).

    Within a group of m rows each code comes floor or ceil of m times its share, in random order; a line without mass
    is taken as uniform.
    """
    shuffled = rng.permutation(len(group))
    few = group.astype(np.min_scalar_type(max(1, len(table) - 1)))  # short integers are sorted several times as fast
    rows = shuffled[np.argsort(few[shuffled], kind="stable")]
    counts = np.bincount(group, minlength=len(table))
    present = np.flatnonzero(counts)
    counts = counts[present]
    lines = np.maximum(table[present], 0)
    lines[lines.sum(axis=1) <= 0] = 1
    shares = np.cumsum(lines, axis=1)
    shares /= shares[:, -1:]
    of_row = np.repeat(np.arange(len(present)), counts)
    places = (np.arange(len(rows)) - (np.cumsum(counts) - counts)[of_row] + rng.random(len(present))[of_row]) / counts[of_row]
    # all lines one after the other: line g lies between g and g + 1
    at = np.searchsorted((shares + np.arange(len(present))[:, None]).ravel(), places + of_row, side="right")
    encoded = np.empty(len(group), dtype=np.int64)
    encoded[rows] = np.minimum(at - of_row * table.shape[1], table.shape[1] - 1)
    return encoded
