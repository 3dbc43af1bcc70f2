"""Poisson samples of many fits, held to what the accounting assumes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from dpdsyn.rows import Rows


def assert_independent_trials(made: Callable[[], Rows], rows: int, rng: np.random.Generator) -> None:
    """Each row is in each step's sample with the same probability, and independently of other steps and rows.

    made: rows that say their own number, from 0.
    """
    rate, steps, repeats = 0.1, 6, 400
    seen = np.zeros((repeats, steps, rows))
    for repeat in range(repeats):
        table = made()
        for step in range(steps):
            batch = table.batch(rate, steps - step, rng).ravel()
            assert len(np.unique(batch)) == len(batch)
            seen[repeat, step, batch] = 1
    share = seen.reshape(-1, rows).mean(axis=0)
    assert share == pytest.approx(np.full(rows, rate), abs=5 * np.sqrt(rate * (1 - rate) / (repeats * steps)))
    assert seen.sum(axis=2).ravel().var() == pytest.approx(rows * rate * (1 - rate), rel=0.15)
    steps_together = np.einsum("rsi,rti->st", seen, seen) / (repeats * rows)
    assert steps_together[~np.eye(steps, dtype=bool)] == pytest.approx(np.full(30, rate**2), abs=0.002)
    flat = seen.reshape(-1, rows) - rate
    together = flat.T @ flat / len(flat)
    assert together[~np.eye(rows, dtype=bool)] == pytest.approx(np.zeros(rows * (rows - 1)), abs=6 * rate / np.sqrt(len(flat)))
