"""Noisy counts of many cells that are known at several resolutions, and one estimate from all of them.

A sum over a wide run of cells of one noisy histogram has the noise of every cell in it. So runs of cells are counted too, and
runs of runs, all with the same noise (Hay et al. 2010, "Boosting the accuracy of differentially private histograms through
consistency"). The estimate goes from the coarsest down, and in each resolution by halves: a half in which nothing stands out of
the noise, neither its sum nor that of any part of it, is flat (thresholding, as of Haar wavelets: Donoho and Johnstone 1994,
"Ideal spatial adaptation by wavelet shrinkage"). So empty regions stay empty, dense ones smooth, and single values sharp.
"""

from __future__ import annotations

import numpy as np

_ONE, _TWO = 256, 1 << 17  # cells up to which one resolution is enough, and two
_STANDS_OUT = 3.0  # standard deviations of the noise of a sum


def levels(cells: int) -> int:
    """How many resolutions so many cells are counted at."""
    return 1 if cells <= _ONE else 2 if cells <= _TWO else 3


def fan(cells: int) -> int:
    """How many cells of one resolution make one of the next."""
    return max(2, int(np.ceil(cells ** (1 / levels(cells)))))


def coarser(counts: np.ndarray) -> list[np.ndarray]:
    """Counts at each resolution, the finest first; counts: shape (cells,)."""
    found, width = [counts], fan(len(counts))
    for _ in range(levels(len(counts)) - 1):
        found.append(np.add.reduceat(found[-1], np.arange(0, len(found[-1]), width)))
    return found


def estimated(noisy: list[np.ndarray], sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Counts of the finest cells, none below 0, and which of them lie in a run that is not empty, both of shape (cells,).

    noisy: as `coarser` gives exact counts, with noise of standard deviation sigma in each.
    """
    width = fan(len(noisy[0]))
    settled = _smooth(noisy[-1], sigma)
    for finer in reversed(noisy[:-1]):
        within = np.zeros(len(finer))
        for run in np.flatnonzero(settled > 0):
            part = slice(run * width, min((run + 1) * width, len(finer)))
            within[part] = _adding_up(_smooth(finer[part], sigma), float(settled[run]))
        settled, held = within, np.repeat(settled > 0, width)[: len(finer)]
    return settled, held if len(noisy) > 1 else np.ones(len(settled), dtype=bool)


def _adding_up(counts: np.ndarray, total: float) -> np.ndarray:
    """Counts that add up to a total: what is too little is spread evenly, what is too much is taken from all alike."""
    sum_ = float(counts.sum())
    return counts + (total - sum_) / len(counts) if sum_ < total else counts * (total / sum_)


def _smooth(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """An estimate of counts from noisy ones of the same resolution, shape (cells,), none below 0."""
    sums = [noisy]  # of 1, 2, 4, ... neighbours; a last odd one stays alone
    while len(sums[-1]) > 1:
        sums.append(np.add.reduceat(sums[-1], np.arange(0, len(sums[-1]), 2)))
    busy = [np.zeros(0, dtype=bool)] * len(sums)  # whether a sum stands out, or one within it
    for level, values in enumerate(sums):
        busy[level] = values > _STANDS_OUT * sigma * np.sqrt(2.0**level)
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
            stands_out = sums[level][place] > _STANDS_OUT * sigma * np.sqrt(2.0**level)
            found[first:end] = sums[level][place] / (end - first) if stands_out else 0.0
    return found
