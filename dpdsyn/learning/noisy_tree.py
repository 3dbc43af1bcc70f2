"""Noisy counts of many cells that are known at several resolutions, and one estimate from all of them.

A sum over a wide run of cells of one noisy histogram has the noise of every cell in it. So runs of cells are counted too, with
noise of the same order (Hay et al. 2010, "Boosting the accuracy of differentially private histograms through
consistency"). The estimate goes from the coarsest down, and in each resolution by halves: a half in which nothing stands out of
the noise, neither its sum nor that of any part of it, is flat (thresholding, as of Haar wavelets: Donoho and Johnstone 1994,
"Ideal spatial adaptation by wavelet shrinkage"). So empty regions stay empty, dense ones smooth, and single values sharp.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

_NOISE = 2.0  # standard deviations by which sums at two resolutions may differ by chance
_STANDS_OUT = 0.5  # standard deviations by which a sum is above what the largest of so many noises is


@dataclass(frozen=True)
class Level:
    """Noisy counts at one resolution.

    begins: the finest cell at which each run begins, rising from 0, shape (runs,). counts: of the runs, shape (runs,). sigma: the
    standard deviation of the noise in each.
    """

    begins: np.ndarray
    counts: np.ndarray
    sigma: float


def with_coarser(counts: np.ndarray, coarser: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Counts of cells, shape (cells,), and at each coarser resolution those of the runs that begin at the cells it names."""
    return [counts, *(np.add.reduceat(counts, begins) for begins in coarser)]


def estimated(levels: Sequence[Level], total: float) -> tuple[np.ndarray, np.ndarray]:
    """Counts of the finest cells, none below 0, and which of them lie in a run that is not empty, both of shape (cells,).

    levels: from the coarsest to the finest, of which each cuts the runs of the one before. total: about what they add up to.
    """
    coarsest = levels[0]
    found = _between(_smooth(coarsest.counts, coarsest.sigma), total)
    inside = np.ones(len(found), dtype=bool)
    for above, level in pairwise(levels):
        ends = np.append(np.searchsorted(level.begins, above.begins[1:]), len(level.begins))
        starts = np.append(0, ends[:-1])
        counts = np.zeros(len(level.begins))
        for run in np.flatnonzero(found > 0):
            part = slice(int(starts[run]), int(ends[run]))
            seen = _smooth(level.counts[part], level.sigma)
            noise = math.hypot(above.sigma, level.sigma * math.sqrt(np.count_nonzero(seen)))
            counts[part] = _adding_up(seen, float(found[run]), noise)
        inside = np.repeat(found > 0, ends - starts)
        found = counts
    return found, inside


def _between(counts: np.ndarray, total: float) -> np.ndarray:
    """Counts that add up to a total, of which those outside of all that stand out stay 0."""
    (seen,) = np.nonzero(counts)
    if not len(seen):
        return counts
    held = counts.copy()
    inner = slice(int(seen[0]), int(seen[-1]) + 1)
    held[inner] = _adding_up(counts[inner], max(total, 1.0), 0.0)
    return held


def _adding_up(counts: np.ndarray, total: float, noise: float) -> np.ndarray:
    """Counts that add up to a total.

    What is too much, or too little by no more than noise of this standard deviation makes, all share in proportion. Where more is
    missing, rows lie where nothing stands out, and it is spread evenly.
    """
    sum_ = float(counts.sum())
    if sum_ > 0 and total - sum_ <= _NOISE * noise:
        return counts * (total / sum_)
    return counts + (total - sum_) / len(counts)


def _smooth(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """An estimate of counts from noisy ones of the same resolution, shape (cells,), none below 0."""
    sums = [noisy]  # of 1, 2, 4, ... neighbours; a last odd one stays alone
    while len(sums[-1]) > 1:
        sums.append(np.add.reduceat(sums[-1], np.arange(0, len(sums[-1]), 2)))
    least = (np.sqrt(2 * np.log(2 * len(noisy))) + _STANDS_OUT) * sigma
    busy = [np.zeros(0, dtype=bool)] * len(sums)  # whether a sum stands out, or one within it
    for level, values in enumerate(sums):
        busy[level] = values > least * np.sqrt(2.0**level)
        if level:
            busy[level] |= np.logical_or.reduceat(busy[level - 1], np.arange(0, len(busy[level - 1]), 2))
    found = np.empty(len(noisy))
    runs = [(len(sums) - 1, 0)]
    while runs:
        level, place = runs.pop()
        first, end = place << level, min((place + 1) << level, len(noisy))
        parts = [p for p in (2 * place, 2 * place + 1) if level and p < len(sums[level - 1])]
        if any(busy[level - 1][p] for p in parts):
            runs += [(level - 1, p) for p in parts]
        else:
            stands_out = sums[level][place] > least * np.sqrt(2.0**level)
            found[first:end] = sums[level][place] / (end - first) if stands_out else 0.0
    return found
