"""Estimates from noisy counts: near to the truth, never negative, empty where nothing is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpdsyn.learning.noisy_tree import Level, estimated, with_coarser


def noisy(counts: np.ndarray, coarser: list[np.ndarray], sigma: float, seed: int = 0) -> list[Level]:
    """From the coarsest to the finest."""
    rng = np.random.default_rng(seed)
    finest, *runs = [part + np.rint(rng.normal(0, sigma, len(part))) for part in with_coarser(counts, coarser)]
    levels = [Level(begins, answer, sigma) for begins, answer in zip(coarser, runs, strict=True)]
    return [*levels, Level(np.arange(len(counts)), finest, sigma)]


def even(cells: int) -> list[np.ndarray]:
    return [np.arange(0, cells, int(np.ceil(np.sqrt(cells))))] if cells > 256 else []


@given(st.lists(st.integers(0, 50), min_size=1, max_size=400), st.data())
def test_coarser_counts_are_sums_of_runs(counts: list[int], data: st.DataObject) -> None:
    more = data.draw(st.sets(st.integers(1, max(1, len(counts) - 1)), max_size=10))
    begins = np.array(sorted({0, *(at for at in more if at < len(counts))}))
    fine, runs = with_coarser(np.array(counts), [begins])
    assert fine.tolist() == counts
    assert runs.tolist() == [sum(counts[a:b]) for a, b in zip(begins, [*begins[1:], len(counts)], strict=True)]


@given(st.integers(1, 1500), st.floats(0.5, 100), st.integers(0, 1000), st.integers(0, 2000))
@settings(max_examples=60, deadline=None)
def test_estimates_are_never_negative_and_add_up_to_the_total_or_are_nothing(
    cells: int, sigma: float, seed: int, rows: int
) -> None:
    rng = np.random.default_rng(seed)
    counts = np.bincount(rng.integers(0, max(1, cells // 3), rows), minlength=cells)
    found, held = estimated(noisy(counts, even(cells), sigma, seed), max(rows, 1.0))
    assert found.shape == held.shape == (cells,) and (found >= 0).all() and np.isfinite(found).all()
    assert not found[~held].any()
    assert not found.any() or found.sum() == pytest.approx(max(rows, 1.0), rel=1e-6)


@pytest.mark.parametrize("cells", [100, 3000, 200_000])
def test_an_estimate_is_near_to_what_is_there_and_far_nearer_than_the_noise(cells: int) -> None:
    rng = np.random.default_rng(1)
    counts = np.bincount(np.clip(rng.normal(cells / 2, cells / 20, 20_000), 0, cells - 1).astype(int), minlength=cells)
    counts[cells // 10] += 5000  # a value that stands out by itself
    given_ = noisy(counts, even(cells), 20.0)
    found, _ = estimated(given_, counts.sum())
    truth, estimate, raw = np.cumsum(counts), np.cumsum(found), np.cumsum(given_[-1].counts)
    assert np.abs(estimate - truth).max() < 0.04 * counts.sum()
    assert np.abs(estimate - truth).mean() < 0.5 * np.abs(raw - truth).mean()
    assert found[cells // 10] == pytest.approx(5000, rel=0.1)


def test_where_nothing_is_almost_nothing_is_found() -> None:
    seen = 0
    for seed in range(30):
        nothing = np.zeros(5000, dtype=int)
        seen += bool(estimated(noisy(nothing, even(5000), 10.0, seed), 1.0)[0].any())
    assert seen <= 6


def test_what_is_thin_everywhere_is_kept_where_a_coarser_count_tells_of_it() -> None:
    """300 rows over 1,000 cells, beside 5,000 in one: in no run of cells do they stand out, in a count of all of them they do."""
    rng = np.random.default_rng(3)
    counts = np.bincount(rng.integers(0, 1000, 300), minlength=2000)
    counts[1500] = 5000
    fine = noisy(counts, [np.arange(0, 2000, 10)], 20.0)
    halves = Level(np.array([0, 1000]), np.array([310.0, 4990.0]), 20.0)
    without, with_ = estimated(fine, 5300.0)[0], estimated([halves, *fine], 5300.0)[0]
    assert without[:1000].sum() < 100 < 250 < with_[:1000].sum() < 350
    assert (with_[:1000] > 0).mean() > 0.9 and with_[1500] == pytest.approx(5000, rel=0.02)


def test_a_third_resolution_tells_where_in_a_long_run_all_is() -> None:
    """A band of 2,000 cells in one run of 20,000, whose cells have a tenth of the noise each."""
    counts = np.zeros(800_000, dtype=int)
    counts[404_000:406_000] = np.random.default_rng(0).poisson(5, 2000)
    far = []
    for coarser in ([np.arange(0, 800_000, 20_000)], [np.arange(0, 800_000, 20_000), np.arange(0, 800_000, 141)]):
        found, _ = estimated(noisy(counts, coarser, 60.0), float(counts.sum()))
        far.append(1 - found[403_000:407_000].sum() / counts.sum())
    assert far[1] < 0.05 < 0.5 < far[0]


def test_what_noise_explains_is_not_spread_over_empty_cells() -> None:
    """A year of which a quarter is full: that the year's count is a little above its days' is no sign of rows in the rest."""
    rng = np.random.default_rng(4)
    counts = np.zeros(365, dtype=int)
    counts[:90] = rng.poisson(120, 90)
    beyond = []
    for seed in range(20):
        fine = noisy(counts, [np.arange(0, 365, 6)], 60.0, seed)
        year = Level(np.array([0]), np.array([counts.sum() + 100.0]), 60.0)
        beyond.append(estimated([year, *fine], float(counts.sum()))[0][100:].sum() / counts.sum())
    assert np.mean(beyond) < 0.001
