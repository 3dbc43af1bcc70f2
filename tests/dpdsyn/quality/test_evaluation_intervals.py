"""Intervals of noisy ratios: they cover, and say nothing where nothing can be said. Trials are vectorised tables, not fits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dpdsyn.quality.evaluation_intervals import NoisyTable

TRIALS, ENOUGH = 1000, 936
CASES = {  # rows, shares of classes, shares of each that are right, standard deviation of the noise
    "few rows, hardly any noise": (30, (0.5, 0.5), (0.8, 0.8), 0.1),
    "few rows, one class rare": (30, (0.9, 0.1), (0.95, 0.3), 0.1),
    "as much noise as rows": (30, (0.9, 0.1), (0.95, 0.3), 5.0),
    "some hundreds": (500, (0.75, 0.25), (0.9, 0.6), 10.0),
    "nearly all right": (200, (0.5, 0.5), (0.98, 0.99), 0.01),
    "a class of five rows": (500, (0.99, 0.01), (0.999, 0.2), 3.0),
    "a rare class beneath the noise": (5000, (0.99, 0.01), (0.99, 0.3), 25.0),
    "three classes": (5000, (0.6, 0.3, 0.1), (0.9, 0.6, 0.2), 25.0),
    "five classes": (2000, (0.4, 0.3, 0.2, 0.08, 0.02), (0.9, 0.6, 0.2, 0.1, 0.5), 15.0),
    "nothing but noise": (300, (0.6, 0.3, 0.1), (0.9, 0.6, 0.2), 100.0),
    "many rows": (20_000, (0.5, 0.5), (0.98, 0.99), 1.0),
}


def covered(
    rows: int, shares: tuple[float, ...], recalls: tuple[float, ...], sd: float, added: float | None = None
) -> np.ndarray:
    """How many of 1,000 intervals hold the true accuracy, balanced accuracy and mean loss. added: the noise, if not as stated."""
    rng = np.random.default_rng([rows, len(shares)])
    p, q, classes = np.array(shares), np.array(recalls), len(shares)
    bound, noise = math.log(50 * classes), sd if added is None else added
    truth = (p * q).sum()
    right_loss, wrong_loss = 0.25 * -np.expm1(-bound / 0.25), 0.7 + 0.8 * -np.expm1(-(bound - 0.7) / 0.8)
    expected = np.array([truth, q.mean(), truth * right_loss + (1 - truth) * wrong_loss])
    wrong = (1 - np.eye(classes)) / (classes - 1)
    cells = (p[:, None] * (q[:, None] * np.eye(classes) + (1 - q[:, None]) * wrong)).ravel()
    found = np.zeros(3, dtype=int)
    for counts in rng.multinomial(rows, cells, TRIALS).reshape(TRIALS, classes, classes):
        right = int(np.trace(counts))
        losses = np.minimum(np.append(rng.exponential(0.25, right), 0.7 + rng.exponential(0.8, rows - right)), bound)
        table = NoisyTable(counts + rng.normal(0, noise, counts.shape), np.eye(classes, dtype=bool), sd)
        squares_sd = 2 * sd * bound**2
        total = losses.sum() + rng.normal(0, noise * bound)
        squares = (losses**2).sum() + rng.normal(0, 2 * noise * bound**2)
        intervals = table.accuracy(), table.balanced_accuracy(), table.mean(total, sd * bound, squares, squares_sd, bound)
        found += [one.low <= value <= one.high for one, value in zip(intervals, expected, strict=True)]
    return found


@pytest.mark.parametrize("case", CASES)
def test_intervals_cover_noise_and_sampling(case: str) -> None:
    assert (covered(*CASES[case]) >= ENOUGH).all()


def test_an_interval_that_leaves_the_noise_out_does_not_cover() -> None:
    rows, shares, recalls, sd = CASES["three classes"]
    assert (covered(rows, shares, recalls, 0.01, added=sd) < ENOUGH).all()


def test_where_the_noise_is_all_there_is_the_interval_is_all_that_is_possible() -> None:
    nothing = NoisyTable(np.array([[3.0, -9.0], [-4.0, 5.0]]), np.eye(2, dtype=bool), 100.0)
    accuracy, loss = nothing.accuracy(), nothing.mean(2.0, 460.0, 1.0, 4000.0, 4.6)
    assert (accuracy.low, accuracy.value, accuracy.high) == (0, 0.5, 1) and (loss.low, loss.high) == (0, 4.6)
    assert (
        nothing.rows == 0
        and nothing.shares.tolist() == [0, 1]
        and NoisyTable(-np.ones((2, 2)), np.eye(2, dtype=bool), 1.0).shares.tolist() == [0.5, 0.5]
    )


def test_a_share_above_one_as_noise_may_have_it_is_one_with_an_interval_below() -> None:
    table = NoisyTable(np.array([[1000.0, -30.0], [0.0, 0.0]]), np.eye(2, dtype=bool), 10.0)
    found = table.recalls()[0]
    assert found.value == 1 == found.high and 0.9 < found.low < 1


def test_without_noise_the_interval_of_a_share_is_wilsons_and_a_half_count_wider() -> None:
    table = NoisyTable(np.array([[40.0, 10.0], [10.0, 40.0]]), np.eye(2, dtype=bool), 1e-9)
    n, p, z = 100, 0.8, 1.959963984540054
    centre, half = (p + z**2 / (2 * n)) / (1 + z**2 / n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    found = table.accuracy()
    assert found.value == pytest.approx(p)
    assert found.low < centre - half and found.high > centre + half and found.high - found.low < 2 * half + 2 / n


@pytest.mark.parametrize(
    ("rows", "shares", "said", "sd"),
    [
        (5000, (0.5, 0.4, 0.1), (0.8, 0.195, 0.005), 12.0),
        (1000, (0.5, 0.4, 0.1), (0.6, 0.4, 0.0), 25.0),
        (3000, (0.5, 0.3, 0.15, 0.04, 0.01), (0.8, 0.15, 0.05, 0.0, 0.0), 40.0),
    ],
)
def test_guesses_are_not_taken_for_better_where_a_class_is_rare_and_never_said(
    rows: int, shares: tuple[float, ...], said: tuple[float, ...], sd: float
) -> None:
    """Each class is said as often whatever is true; an interval lies wholly above chance in one trial of forty at most."""
    rng, classes = np.random.default_rng(0), len(shares)
    counts = rng.multinomial(rows, np.outer(shares, said).ravel(), TRIALS).reshape(TRIALS, classes, classes)
    tables = counts + rng.normal(0, sd, counts.shape)
    found = [NoisyTable(table, np.eye(classes, dtype=bool), sd).balanced_accuracy() for table in tables]
    assert all(0 <= one.low <= one.value <= one.high <= 1 for one in found)
    assert sum(one.low > 1 / classes for one in found) < 50 and sum(one.high < 1 / classes for one in found) < 50
