"""Cuts: pieces that hold every unit, values that stand out, masses that are about equal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpdsyn.learning.cutting import Cut, Cutting, cut
from dpdsyn.learning.grids import Values
from dpdsyn.learning.noisy_tree import Level, with_coarser
from dpdsyn.reading.column import Column

WHOLE = Column("x", "integer")


def noisy(grid: Values, values: np.ndarray, sigma: float, seed: int = 0) -> list[Level]:
    counts = np.zeros(len(grid.starts), dtype=int)
    np.add.at(counts, np.searchsorted(grid.starts, values, side="right") - 1, 1)
    rng = np.random.default_rng(seed)
    finest, *runs = [part + np.rint(rng.normal(0, sigma, len(part))) for part in with_coarser(counts, grid.coarser)]
    levels = [Level(begins, part, sigma) for begins, part in zip(grid.coarser, runs, strict=True)]
    return [*levels, Level(np.arange(len(counts)), finest, sigma)]


def made(values: np.ndarray, low: int, high: int, sigma: float, how: Cutting | None = None, seed: int = 0) -> Cut | None:
    grid = Values.between(WHOLE, low, high)
    return cut(grid, noisy(grid, values, sigma, seed), float(len(values)), how or Cutting())


@given(
    st.integers(-(10**6), 10**6),
    st.sampled_from([0, 1, 2, 9, 255, 256, 300, 5000, 3_000_000]),
    st.sampled_from([0, 1, 5, 10, 30, 300]),
    st.sampled_from([0.3, 1.0, 3.0, 10.0]),
    st.integers(0, 10**6),
    st.sampled_from(["integer", "date"]),
)
@settings(max_examples=70, deadline=None)
def test_whatever_the_counts_a_cut_covers_the_grid_or_is_none(
    low: int, width: int, rows: int, sigma: float, seed: int, kind: str
) -> None:
    rng = np.random.default_rng(seed)
    grid = Values.between(Column("x", kind), low, low + width, int(rng.integers(8, 257)))
    values = (
        np.clip(low + rng.geometric(0.1, rows) - 1, low, low + width) if seed % 2 else rng.integers(low, low + width + 1, rows)
    )
    found = cut(grid, noisy(grid, values, sigma, seed), max(rows + rng.normal(0, sigma), 1.0), Cutting())
    if found is not None:
        assert found.pieces.starts[0] == low and found.pieces.lasts[-1] <= low + width
        assert found.counts.shape == found.sds.shape == (len(found.pieces),)
        assert (found.counts >= 0).all() and (found.sds > 0).all()


@pytest.mark.parametrize("seed", range(40))
def test_too_little_to_cut_is_one_piece_and_no_error(seed: int) -> None:
    """One cell, or two, in which little more is than noise."""
    rng = np.random.default_rng(seed)
    grid = Values.between(WHOLE, -1000, -1000 + seed % 2)
    counts = np.array([4.0, 0.0][: len(grid.starts)])
    found = cut(grid, [Level(np.arange(len(counts)), counts, 1.0)], 3 + 4 * rng.random(), Cutting())
    assert found is None or len(found.pieces) >= 1


def test_values_that_stand_out_are_pieces_of_their_own_and_masses_are_about_equal() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([np.zeros(8000, dtype=int), np.full(3000, 40), rng.integers(0, 1000, 20_000)])
    found = made(values, 0, 1023, 15.0)
    assert found is not None
    atoms = {first for first, atom in zip(found.pieces.firsts, found.pieces.atoms, strict=True) if atom}
    assert {0, 40} <= atoms
    counts = dict(zip(found.pieces.firsts, found.counts, strict=True))
    assert counts[0] == pytest.approx(8020, rel=0.05) and counts[40] == pytest.approx(3020, rel=0.05)
    rest = found.counts[~found.pieces.atoms]
    assert 16 <= len(rest) <= 40 and rest.max() < 3 * np.median(rest)
    codes = found.pieces.encode(values.astype(float))
    exact = np.bincount(codes, minlength=len(found.pieces))
    assert np.abs(found.counts - exact).max() < 10 * 15 + 0.5 * np.median(rest)


def test_no_more_atoms_than_are_allowed_the_commonest_first() -> None:
    values = np.repeat(np.arange(100), np.arange(100) * 10)
    found = made(values, 0, 127, 1.0, Cutting(atoms=5))
    assert found is not None
    atoms = [first for first, atom, count in zip(found.pieces.firsts, found.pieces.atoms, found.counts, strict=True) if atom]
    assert {95, 96, 97, 98, 99} <= set(atoms)


def test_of_noise_alone_nothing_is_cut() -> None:
    found = [made(np.zeros(0, dtype=int), 0, 50_000, 10.0, seed=seed) for seed in range(30)]
    assert sum(one is not None for one in found) <= 6


def test_what_lies_between_two_values_that_stand_out_belongs_to_the_nearer_one() -> None:
    values = np.concatenate([np.full(500, 70), np.full(500, 90)])
    found = made(values, 0, 127, 1.0)  # both in one octave, so that nothing else is cut there
    assert found is not None and found.pieces.firsts[-2:] == found.pieces.lasts[-2:] == (70, 90)
    last = len(found.pieces) - 1
    assert found.pieces.encode(np.array([70.0, 79, 81, 100, 1000])).tolist() == [last - 1, last - 1, last, last, last]


def test_where_little_is_octaves_have_a_piece_each() -> None:
    values = np.concatenate([np.zeros(5000, dtype=int), 2 ** np.arange(1, 12) - 1])
    found = made(values, 0, 4095, 1.0)
    assert found is not None and {4, 16, 64, 256, 1024} <= set(found.pieces.starts)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_learnt_end_is_no_further_than_counts_stand_out_and_a_stated_one_stays(mirrored: bool) -> None:
    """Blood pressures between two powers of two: what of the tail drowns in the noise was spread evenly up to the next one."""
    rng = np.random.default_rng(0)
    values = rng.normal(130, 15, 20_000).round().astype(int).clip(64, 255)
    values, low = (-values, -255) if mirrored else (values, 64)
    grid = Values.between(WHOLE, low, low + 191)
    far: dict[bool, list[int]] = {False: [], True: []}
    for seed in range(10):
        (finest,) = noisy(grid, values, 60.0, seed)
        octaves = np.array([0, 128 if mirrored else 64])
        coarsest = Level(octaves, np.add.reduceat(np.bincount(values - low, minlength=192), octaves) + rng.normal(0, 60, 2), 60.0)
        for is_open in far:
            found = cut(grid, [coarsest, finest], 20_000.0, Cutting(), is_open)
            assert found is not None and found.counts.sum() == pytest.approx(20_000, rel=0.02)
            far[is_open].append(max(map(abs, (*found.pieces.firsts, *found.pieces.lasts))))
    assert np.median(far[False]) > 220 and np.median(far[True]) < 195, "in truth 189"


def test_a_learnt_end_is_kept_where_counts_beyond_stand_out_together() -> None:
    """Every second cell up to the end of the grid has a few, and all else lies at its beginning."""
    values = np.concatenate([np.repeat(np.arange(60), 100), np.repeat(np.arange(64, 256, 2), 12)])
    grid = Values.between(WHOLE, 0, 255)
    (finest,) = noisy(grid, values, 10.0)
    coarsest = Level(np.array([0, 64, 128]), np.array([6000.0, 384.0, 768.0]), 10.0)
    found = cut(grid, [coarsest, finest], 7152.0, Cutting(), open_ends=True)
    assert found is not None and found.pieces.lasts[-1] > 190
