"""Estimates from noisy counts: near to the truth, never negative, empty where nothing is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpdsyn.noisy_tree import coarser, estimated


def noisy(counts: np.ndarray, begins: np.ndarray, sigma: float, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [part + np.rint(rng.normal(0, sigma, len(part))) for part in coarser(counts, begins)]


def even(cells: int) -> np.ndarray:
    return np.arange(0, cells, int(np.ceil(np.sqrt(cells)))) if cells > 256 else np.zeros(0, dtype=np.int64)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=400), st.data())
def test_coarser_counts_are_sums_of_runs(counts: list[int], data: st.DataObject) -> None:
    more = data.draw(st.sets(st.integers(1, max(1, len(counts) - 1)), max_size=10))
    begins = np.array(sorted({0, *(at for at in more if at < len(counts))}))
    fine, runs = coarser(np.array(counts), begins)
    assert fine.tolist() == counts
    assert runs.tolist() == [sum(counts[a:b]) for a, b in zip(begins, [*begins[1:], len(counts)], strict=True)]


@given(st.integers(1, 1500), st.floats(0.5, 100), st.integers(0, 1000), st.integers(0, 2000))
@settings(max_examples=60, deadline=None)
def test_estimates_are_never_negative_and_add_up_to_the_total_or_are_nothing(
    cells: int, sigma: float, seed: int, rows: int
) -> None:
    rng = np.random.default_rng(seed)
    counts = np.bincount(rng.integers(0, max(1, cells // 3), rows), minlength=cells)
    found, held = estimated(noisy(counts, even(cells), sigma, seed), even(cells), sigma, max(rows, 1.0))
    assert found.shape == held.shape == (cells,) and (found >= 0).all() and np.isfinite(found).all()
    assert not found[~held].any()
    assert not found.any() or found.sum() == pytest.approx(max(rows, 1.0), rel=1e-6)


@pytest.mark.parametrize("cells", [100, 3000, 200_000])
def test_an_estimate_is_near_to_what_is_there_and_far_nearer_than_the_noise(cells: int) -> None:
    rng = np.random.default_rng(1)
    counts = np.bincount(np.clip(rng.normal(cells / 2, cells / 20, 20_000), 0, cells - 1).astype(int), minlength=cells)
    counts[cells // 10] += 5000  # a value that stands out by itself
    given_ = noisy(counts, even(cells), 20.0)
    found, _ = estimated(given_, even(cells), 20.0, counts.sum())
    truth, estimate, raw = np.cumsum(counts), np.cumsum(found), np.cumsum(given_[0])
    assert np.abs(estimate - truth).max() < 0.04 * counts.sum()
    assert np.abs(estimate - truth).mean() < 0.5 * np.abs(raw - truth).mean()
    assert found[cells // 10] == pytest.approx(5000, rel=0.1)


def test_where_nothing_is_almost_nothing_is_found() -> None:
    seen = 0
    for seed in range(30):
        nothing = np.zeros(5000, dtype=int)
        seen += bool(estimated(noisy(nothing, even(5000), 10.0, seed), even(5000), 10.0, 1.0)[0].any())
    assert seen <= 6
