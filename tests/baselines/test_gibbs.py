"""Passes over a junction tree, held against the whole joint table."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from baselines.marginal import gibbs
from baselines.marginal.gibbs import Gibbs, Summed
from baselines.marginal.junction_tree import Clique, JunctionTree, spread

SIZES = (3, 2, 4, 2, 3)
CASES = {
    "a path": [(0, 1), (1, 2), (2, 3), (3, 4), (0,), (4,)],
    "a large clique": [(0, 1, 2), (3, 2, 0), (1, 3), (2, 1), (4, 0), (0,), (3,), (0, 1, 2, 3)],
    "parts": [(1, 0), (2, 4), (3,)],
    "a triangle": [(0, 1), (1, 2), (0, 2)],
    "one column": [(2,)],
    "nothing": [],
}


def joint(sizes: Sequence[int], sets: Sequence[Clique], potentials: Sequence[np.ndarray]) -> np.ndarray:
    """The sum of all potentials in every cell of the domain."""
    everything = tuple(range(len(sizes)))
    total = np.zeros(sizes)
    for columns, table in zip(sets, potentials, strict=True):
        total = total + spread(table, columns, everything)
    return total


def summed(table: np.ndarray, columns: Clique) -> np.ndarray:
    kept = sorted(columns)
    small = table.sum(axis=tuple(c for c in range(table.ndim) if c not in columns))
    return small.transpose([kept.index(c) for c in columns])


@pytest.mark.parametrize("at_once", [0, 1 << 15], ids=["met in smaller tables", "at once"])
@pytest.mark.parametrize("sets", CASES.values(), ids=CASES)
def test_counts_and_the_sum_are_those_of_the_joint_table(
    sets: list[Clique], at_once: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gibbs, "_AT_ONCE", at_once)
    tree = JunctionTree.of(SIZES, sets)
    passes = Gibbs(tree, sets)
    for scale in (0.0, 1.0, 4.0):  # again and again, on the same tables
        potentials = [rng.normal(0, scale, [SIZES[c] for c in columns]) for columns in sets]
        flat = np.concatenate([table.ravel() for table in potentials]) if sets else np.empty(0)
        log_sum, expected = passes.calibrate(flat, 1000.0)
        weights = np.exp(joint(SIZES, sets, potentials))
        counts = 1000.0 * weights / weights.sum()
        assert log_sum == pytest.approx(math.log(weights.sum()))
        for columns, cells in zip(sets, passes.slices, strict=True):
            assert expected[cells] == pytest.approx(summed(counts, columns).ravel())
        for clique, belief in zip(tree.cliques, passes.beliefs, strict=True):
            assert belief == pytest.approx(summed(counts, clique))


@pytest.mark.parametrize("at_once", [0, 1 << 15])
def test_potentials_of_any_size_give_counts(at_once: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gibbs, "_AT_ONCE", at_once)
    sets = CASES["a large clique"]
    passes = Gibbs(JunctionTree.of(SIZES, sets), sets)
    with np.errstate(all="raise", under="ignore"):
        for scale in (1e3, 1e6):
            log_sum, expected = passes.calibrate(rng.normal(0, scale, passes.slices[-1].stop), 10.0)
            assert math.isfinite(log_sum) and np.isfinite(expected).all() and (expected >= 0).all()
            assert [expected[cells].sum() for cells in passes.slices] == pytest.approx([10.0] * len(sets))


def test_sums_over_any_axes_in_any_order(rng: np.random.Generator) -> None:
    axes = (4, 2, 0, 3, 1)
    table = rng.random([SIZES[c] for c in axes])
    for onto in [(), (3,), (1, 4), (4, 2, 0, 3, 1), (1, 3, 0), (2, 3), (0, 2, 4), (1,), (4,)]:
        expected = np.einsum(table, list(axes), list(onto))
        assert Summed.of(axes, onto, SIZES)(table) == pytest.approx(expected)
