"""GUM: rows that follow several consistent marginals (PrivSyn, Zhang et al. 2021, section 5).

Rows start with each column drawn by itself and are updated towards one marginal after the other, a little at a
time: where a cell has too many rows, some are overwritten; where it has too few, it gets them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from baselines.marginal.consistency import Clique
from baselines.marginal.drawing import rounded_draw, systematic_draw

_DECAY, _DECAY_EVERY = 0.84, 20  # of the step size, as in the authors' code

Marginals = Mapping[Clique, np.ndarray]


def synthesize(marginals: Marginals, columns: int, n: int, iterations: int, rng: np.random.Generator) -> np.ndarray:
    """n encoded rows, shape (n, columns).

    marginals: shares of rows by clique (ascending column positions), with the one-way marginal of every column.
    Parts of the graph of columns that no marginal links are made apart and joined at random; a column that
    one pair alone links to the rest is drawn last, given the other (section 5.3).
    """
    rows = np.stack([rounded_draw(marginals[column,], n, rng) for column in range(columns)])
    for part in _parts([clique for clique in marginals if len(clique) > 1]):
        core, leaves = _without_leaves(part)
        positions = sorted({column for clique in core for column in clique})
        place = {column: i for i, column in enumerate(positions)}
        targets = {tuple(place[column] for column in clique): marginals[clique] for clique in core}
        rows[positions] = updated(rows[positions], targets, iterations, rng)
        for leaf, other in reversed(leaves):
            pair = marginals[min(leaf, other), max(leaf, other)]
            rows[leaf] = systematic_draw(pair if other < leaf else pair.T, rows[other], rng)
    return rows.T


def updated(rows: np.ndarray, targets: Marginals, iterations: int, rng: np.random.Generator) -> np.ndarray:
    """Rows moved towards the target marginals, shape (columns, rows), column after column.

    In every iteration each marginal is updated once, the one furthest off first; every second time half of the
    new rows of a cell that has some are made by changing these columns alone, else all are copies of its rows.
    """
    for iteration in range(iterations):
        rows = np.take(rows, rng.permutation(rows.shape[1]), axis=1)  # so that a row's place says nothing
        step = _DECAY ** (iteration // _DECAY_EVERY)
        copied = 0.5 if iteration % 2 == 0 else 1.0
        off = {clique: _distance(rows, clique, table) for clique, table in targets.items()}
        for clique in sorted(off, key=off.__getitem__, reverse=True):
            _update(rows, clique, targets[clique], step, copied, rng)
    return rows


def _distance(rows: np.ndarray, clique: Clique, target: np.ndarray) -> float:
    return float(np.abs(_counts(rows, clique, target.shape)[1] - target.ravel() * rows.shape[1]).sum())


def _update(rows: np.ndarray, clique: Clique, target: np.ndarray, step: float, copied: float, rng: np.random.Generator) -> None:
    """One step towards one marginal, in place.

    A cell of too few rows gets min(want - have, step * have) more, or step * want if it has none; the cells of too
    many give up as many in all, min(have - want, beta * have) each.
    """
    cells, have = _counts(rows, clique, target.shape)
    want = target.ravel() * rows.shape[1]
    add = np.rint(np.where(have > 0, np.minimum(want - have, step * have), step * want).clip(0)).astype(np.int64)
    remove = _removals(have, want, int(add.sum()), rng)
    if not remove.any():
        return

    order = np.argsort(cells.astype(np.min_scalar_type(len(have))), kind="stable")
    starts, turned = np.cumsum(have) - have, rng.integers(np.maximum(have, 1))

    def some_of(cell: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Rows of cells: those at these places after each cell's rows are turned in a circle."""
        return order[starts[cell] + (turned[cell] + place) % have[cell]]

    freed = rng.permutation(some_of(*_repeated(remove)))
    wanted, place = _repeated(add)
    taken = rng.permutation(len(wanted))[: len(freed)]
    wanted, place, freed = wanted[taken], place[taken], freed[: len(taken)]

    copies = place < np.rint(copied * np.where(have > 0, add, 0))[wanted]
    rows[:, freed[copies]] = rows[:, some_of(wanted[copies], place[copies])]
    changed = freed[~copies]
    for column, encoded in zip(clique, np.unravel_index(wanted[~copies], target.shape), strict=True):
        rows[column, changed] = encoded


def _removals(have: np.ndarray, want: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """How many rows each cell gives up, `number` or all it has too many: min(have - want, beta * have), rounded at random."""
    gap = np.maximum(have - want, 0)
    number = min(number, int(gap.sum()))
    if number == 0:
        return np.zeros(len(have), dtype=np.int64)
    over = np.flatnonzero(gap)
    over = over[np.argsort(gap[over] / have[over])]
    # a beta between two of these ratios takes the whole gap of the cells before it and beta of each row after it
    whole = np.cumsum(gap[over])
    reached = whole + gap[over] / have[over] * (have[over].sum() - np.cumsum(have[over]))
    at = int(np.searchsorted(reached, number).clip(0, len(over) - 1))
    beta = (number - whole[at] + gap[over[at]]) / have[over[at:]].sum()
    counts = np.bincount(rounded_draw(np.minimum(gap, beta * have), number, rng), minlength=len(have))
    return np.minimum(counts, have)


def _counts(rows: np.ndarray, clique: Clique, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Each row's cell, shape (rows,), and the number of rows in each cell, shape (cells,)."""
    cells = rows[clique[0]]
    for column, size in zip(clique[1:], shape[1:], strict=True):
        cells = cells * size + rows[column]
    return cells, np.bincount(cells, minlength=math.prod(shape))


def _repeated(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every index as often as its number says, and 0, 1, ... for each."""
    index = np.repeat(np.arange(len(numbers)), numbers)
    return index, np.arange(len(index)) - (np.cumsum(numbers) - numbers)[index]


def _parts(cliques: Sequence[Clique]) -> list[list[Clique]]:
    """The cliques, those apart that no chain of shared columns links."""
    parts: list[list[Clique]] = []
    for clique in cliques:
        linked = [part for part in parts if any(set(clique) & set(other) for other in part)]
        parts = [part for part in parts if part not in linked] + [[clique, *(c for part in linked for c in part)]]
    return parts


def _without_leaves(cliques: Sequence[Clique]) -> tuple[list[Clique], list[tuple[int, int]]]:
    """The cliques left once every column that a single pair alone holds is taken off, again and again.

    Also the columns taken off, in that order, each with the other column of its pair.
    """
    left, leaves = list(cliques), list[tuple[int, int]]()
    while True:
        holders = Counter(column for clique in left for column in clique)
        pair = next((c for c in left if len(c) == 2 and min(holders[column] for column in c) == 1), None)
        if pair is None:
            return left, leaves
        leaf, other = pair if holders[pair[0]] == 1 else pair[::-1]
        leaves.append((leaf, other))
        left.remove(pair)
