"""From noisy counts of fine cells to pieces: values that stand out alone, and runs of about equal mass between them.

Everything here is computed from answers of mechanisms and from public values, so none of it costs anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dpdsyn.learning.grids import Values
from dpdsyn.learning.noisy_tree import Level, estimated
from dpdsyn.reading.pieces import Pieces

_WORTH = 4.0  # standard deviations of a cell's noise, from which on a run between two atoms has a code of its own
_OUTERMOST = 3  # runs, counted from an open end, that may lie where nothing stands out
_LONGER = 3.0  # times as long as the run before it, that such a run may be
_BEYOND = 2.5  # standard deviations by which counts beyond that have to stand out together


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


def cut(grid: Values, levels: Sequence[Level], total: float, how: Cutting, open_ends: bool = False) -> Cut | None:
    """Cut a grid by noisy counts at each resolution (`dpdsyn.learning.noisy_tree`), which add up to about `total`.

    levels: from the coarsest to that of the grid's cells. open_ends: whether the ends of the grid were learnt too, so that
    nothing says that values reach them. None if nothing stands out.
    """
    finest, sigma = levels[-1].counts, levels[-1].sigma
    counts, inside = estimated(levels, total)
    (seen,) = np.nonzero(counts > 0)
    if counts.sum() < 3 * sigma or not len(seen):
        return None
    atoms = _atoms(np.where(inside, finest, 0.0), int(inside.sum()), sigma, how)
    if open_ends:
        known = levels[0], levels[-2 if len(grid.coarser) else -1]
        counts = _without_empty_ends(counts, lambda found: _runs(found, grid.octaves, atoms, sigma, how), atoms, known)
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


def _without_empty_ends(
    counts: np.ndarray, runs_of: Callable[[np.ndarray], list[tuple[int, int]]], atoms: np.ndarray, known: Sequence[Level]
) -> np.ndarray:
    """Counts that are 0 at both ends of the grid as far as nothing stands out there.

    Where single cells drown in the noise, what is not found of an octave is spread evenly over it, up to the next power of two.
    Runs of about equal mass grow longer towards a tail, but seldom by more than a factor; one that does holds what was spread,
    and its values lie in its nearer part. known: noisy counts of powers of two or years, and of runs of cells or of cells.
    """
    counts, cells = counts.copy(), len(counts)
    for mirrored in (False, True):
        held = counts[::-1] if mirrored else counts  # a view
        marks = [_mirrored(level, cells) if mirrored else level for level in known]
        places = cells - 1 - atoms if mirrored else atoms
        for _ in range(_OUTERMOST + 1):
            runs = runs_of(counts)
            runs = [(cells - end, cells - first) for first, end in runs[::-1]] if mirrored else runs
            cores = [_core(held, first, end) for first, end in runs if held[first:end].any()]
            found = _too_long(cores, int(places.max(initial=-1)), marks, cells)
            if found is None:
                break
            first, reach = found
            held[first:reach] *= held[first:].sum() / held[first:reach].sum()
            held[reach:] = 0
    return counts


def _mirrored(level: Level, cells: int) -> Level:
    """A level as it is seen from the other end of the grid."""
    ends = np.append(level.begins[1:], cells)
    return Level((cells - ends)[::-1], level.counts[::-1], level.sigma)


def _core(counts: np.ndarray, first: int, end: int) -> tuple[int, int]:
    """A run without the cells at its ends that are empty; all of it if all are."""
    (held,) = np.nonzero(counts[first:end] > 0)
    return (first + int(held[0]), first + int(held[-1]) + 1) if len(held) else (first, end)


def _too_long(cores: Sequence[tuple[int, int]], last_atom: int, known: Sequence[Level], cells: int) -> tuple[int, int] | None:
    """Where the first of the outermost runs begins that is too long, and how far it goes; None if there is none.

    cores: of all runs, rising. last_atom: beyond which a run has to lie.
    """
    coarsest, fine = known
    for i in range(max(1, len(cores) - _OUTERMOST), len(cores)):
        first, end = cores[i]
        before = cores[i - 1][1] - cores[i - 1][0]
        reach = first + max(1, round(_LONGER * before))
        if first > last_atom and reach < end:
            if (octave := _together(coarsest, reach, cells)) is not None:
                reach = max(reach, sum(octave) // 2)  # of which it is not known how far they go
            while reach < end and (seen := _together(fine, reach, cores[-1][1])) is not None:
                reach = seen[1]
            if reach < end:
                return first, reach
    return None


def _together(level: Level, reach: int, end: int) -> tuple[int, int] | None:
    """The last of the counts between two cells that stand out most together, from the first on, as the cells that it is of."""
    begin, stop = (int(place) for place in np.searchsorted(level.begins, (reach, end)))
    together = np.cumsum(level.counts[begin:stop]) / (level.sigma * np.sqrt(np.arange(1, stop - begin + 1)))
    if not len(together) or together.max() < _BEYOND:
        return None
    at = begin + int(together.argmax())
    return int(level.begins[at]), int(level.begins[at + 1]) if at + 1 < len(level.begins) else end


def _assembled(grid: Values, counts: np.ndarray, atoms: np.ndarray, runs: list[tuple[int, int]], sigma: float) -> Cut:
    """Pieces in order; what lies between two of them belongs to the nearer one."""
    widths = grid.widths
    codes = sorted([(int(a), int(a) + 1, True) for a in atoms] + [(first, end, False) for first, end in runs])
    starts: list[int] = []
    firsts, lasts, masses, sds = [], [], [], []
    before = int(grid.starts[0])
    for first, end, atom in codes:
        inner = (first, end) if atom else _core(counts, first, end)  # what a run holds of cells that are not empty
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
