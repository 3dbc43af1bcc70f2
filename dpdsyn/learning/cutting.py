"""From noisy counts of fine cells to pieces: values that stand out alone, and runs of about equal mass between them.

Everything here is computed from answers of mechanisms and from public values, so none of it costs anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dpdsyn.learning.grids import Values
from dpdsyn.learning.noisy_tree import Level, estimated
from dpdsyn.reading.pieces import Pieces

_WORTH = 4.0  # standard deviations of a cell's noise, from which on a run between two atoms has a code of its own


@dataclass(frozen=True)
class Cutting:
    """How finely a column is cut.

    pieces: that the whole column would have if it held no atoms, at most. atoms: at most. stands_out: standard deviations that a
    single value's count is above what the largest of so many noises is. least_mass: standard deviations of the noise of a cell
    that a piece has at least.
    """

    pieces: int = 32
    atoms: int = 128
    stands_out: float = 1.0
    least_mass: float = 10.0


@dataclass(frozen=True)
class Cut:
    """Pieces, with the noisy counts of each and the standard deviations of their noise, about, shape (pieces,)."""

    pieces: Pieces
    counts: np.ndarray
    sds: np.ndarray


def cut(grid: Values, levels: Sequence[Level], total: float, how: Cutting) -> Cut | None:
    """Cut a grid by noisy counts at each resolution (`dpdsyn.learning.noisy_tree`), which add up to about `total`.

    levels: from the coarsest to that of the grid's cells. None if nothing stands out.
    """
    finest, sigma = levels[-1].counts, levels[-1].sigma
    counts, inside = estimated(levels, total)
    (seen,) = np.nonzero(counts > 0)
    if counts.sum() < 3 * sigma or not len(seen):
        return None
    atoms = _atoms(np.where(inside, finest, 0.0), int(inside.sum()), sigma, how)
    runs = _runs(counts, grid.octaves, atoms, sigma, how)
    if not len(atoms) and not runs:  # too little to cut anything of
        runs = [(0, len(counts))]
    return _assembled(grid, counts, atoms, runs, sigma)


def _atoms(counts: np.ndarray, tested: int, sigma: float, how: Cutting) -> np.ndarray:
    """Cells that stand out of the noise by themselves, rising."""
    largest_noise = np.sqrt(2 * np.log(tested + 1))
    (found,) = np.nonzero(counts > (largest_noise + how.stands_out) * sigma)
    return np.sort(found[np.argsort(-counts[found], kind="stable")][: how.atoms])


def _runs(counts: np.ndarray, octaves: np.ndarray, atoms: np.ndarray, sigma: float, how: Cutting) -> list[tuple[int, int]]:
    """Runs of cells between atoms that have a code of their own: first cell, and one past the last.

    Where nothing stands out, whole octaves still have one each: few rows may say much there (a gain among many zeros), and where
    octaves begin is public.
    """
    rest = counts.copy()
    rest[atoms] = 0
    mass = max(float(rest.sum()) / how.pieces, how.least_mass * sigma)
    found: list[tuple[int, int]] = []
    for before, after in pairwise([-1, *(int(atom) for atom in atoms), len(counts)]):
        first, end = before + 1, after
        within = rest[first:end]
        here = float(within.sum())
        if first >= end:
            continue
        if here < _WORTH * sigma:  # too little to tell from nothing: it belongs to the atoms beside it, or is cut as it lies
            found += _whole_octaves(first, end, octaves)
            continue
        parts = max(1, min(round(here / mass), end - first))
        at = np.searchsorted(np.cumsum(within), np.arange(1, parts) * here / parts, side="left") + 1
        edges = np.unique([0, *np.clip(at, 0, end - first), end - first])
        found += [(first + int(a), first + int(b)) for a, b in pairwise(edges)]
    return found


def _whole_octaves(first: int, end: int, octaves: np.ndarray) -> list[tuple[int, int]]:
    """A run cut where octaves begin; none if it holds no whole one."""
    within = octaves[(octaves > first) & (octaves < end)]
    return list(pairwise([first, *map(int, within), end])) if len(within) > 1 else []


def _assembled(grid: Values, counts: np.ndarray, atoms: np.ndarray, runs: list[tuple[int, int]], sigma: float) -> Cut:
    """Pieces in order; what lies between two of them belongs to the nearer one."""
    widths = grid.widths
    codes = sorted([(int(a), int(a) + 1, True) for a in atoms] + [(first, end, False) for first, end in runs])
    starts: list[int] = []
    firsts, lasts, masses, sds = [], [], [], []
    before = int(grid.starts[0])
    for first, end, atom in codes:
        (held,) = np.nonzero(counts[first:end] > 0)  # a run's core is what it holds of cells that are not empty
        inner = (first, end) if atom or not len(held) else (first + int(held[0]), first + int(held[-1]) + 1)
        low, high = int(grid.starts[first]), int(grid.starts[end - 1] + widths[end - 1]) - 1
        starts.append(low if not starts else max(low - (low - before - 1) // 2, before + 1))
        core = int(grid.starts[inner[0]]), int(grid.starts[inner[1] - 1] + widths[inner[1] - 1]) - 1
        firsts.append(grid.roundest(first) if atom else core[0])
        lasts.append(grid.roundest(first) if atom else core[1])
        masses.append(float(counts[first:end].sum()))
        sds.append(sigma * float(np.sqrt(min(end - first, 1 + (counts[first:end] > sigma).sum()))))
        before = high
    starts[0] = int(grid.starts[0])
    return Cut(Pieces(tuple(starts), tuple(firsts), tuple(lasts)), np.array(masses), np.array(sds))
