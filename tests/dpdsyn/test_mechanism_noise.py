"""The tests of noise and of samples themselves: how often they call sound ones broken, and that they see broken ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import partial

import numpy as np
import pytest

from dpdsyn.checking.mechanism_trials import fault as mechanism_fault
from dpdsyn.checking.mechanism_trials import sampling_fault
from dpdsyn.checking.residuals import Stream, fault
from dpdsyn.checking.twin import Call
from dpdsyn.contract import toy_schema

SHAPES = (5, 5, 5, 1, 2, 25, 10)
BATCHES, ROWS, RATE = 600, 120, 0.3


def stream(rng: np.random.Generator, sigma: float | None, shapes: tuple[int, ...] = SHAPES) -> Stream:
    """Sound noise, rounded to whole numbers if there is a sigma."""
    calls = []
    for shape in shapes:
        noise = rng.standard_normal(shape)
        residual = noise if sigma is None else np.rint(noise * sigma) / sigma
        calls.append(Call(("noisy_marginals",), 1.0, 1.0, 0.0, residual, 0.0 if sigma is None else 1 / sigma))
    return Stream.of(calls, rng)


@pytest.mark.parametrize("sigma", [None, 0.5, 1.0, 3.0, 20.0])
def test_sound_noise_is_called_broken_no_more_often_than_is_said(sigma: float | None, rng: np.random.Generator) -> None:
    """At a chance of one half, which is half used where there is one mechanism; 100 trials of 8 fits each."""
    found = [fault([stream(rng, sigma) for _ in range(8)], 0.5) for _ in range(100)]
    assert sum(one is not None for one in found) < 40


@pytest.mark.slow
def test_sound_mechanisms_are_called_broken_no_more_often_than_is_said() -> None:
    sources: list[Callable[[int], np.random.Generator]]
    sources = [partial(lambda trial, seed: np.random.default_rng([trial, seed]), trial) for trial in range(6)]
    found = [mechanism_fault(toy_schema(), 0.5, source) for source in sources]
    assert sum(one is not None for one in found) < 6


@pytest.mark.parametrize("sigma", [None, 1.0, 9.0])
def test_shared_numbers_are_seen_wherever_the_sharing_begins(sigma: float | None, rng: np.random.Generator) -> None:
    """A second generator that begins as the first did, after some of the first's numbers were used."""
    fits = []
    for seed in range(12):
        one, other = np.random.default_rng(seed), np.random.default_rng(seed)
        parts = [stream(one, sigma, (40,)), stream(other, sigma, (3, 4, 60)), stream(one, sigma, (50,))]
        fits.append(Stream(*([own for part in parts for own in getattr(part, field.name)] for field in fields(Stream))))
    assert fault(fits, 1e-6) is not None


def test_noise_of_opposite_sign_and_other_scale_is_seen(rng: np.random.Generator) -> None:
    noise = rng.standard_normal((4, 9))
    calls = [[Call(("noisy_scores",), 1.0, 1.0, 0.0, sign * own) for sign in (1, -1)] for own in noise]
    assert "share their noise" in (fault([Stream.of(own, rng) for own in calls], 1e-6) or "")


def test_noise_that_is_nothing_at_all_is_told(rng: np.random.Generator) -> None:
    calls = [Call(("noisy_sum",), 1.0, 1.0, 0.0, np.array([1.0, np.nan]))]
    assert fault([Stream.of(calls, rng)], 1e-6) == "noise is not finite"
    assert fault([Stream.of([], rng)] * 3, 1e-6) is None


def poisson(rng: np.random.Generator) -> np.ndarray:
    return (rng.random((BATCHES, ROWS)) < RATE).astype(np.int64)


def fixed_size(rng: np.random.Generator) -> np.ndarray:
    return np.stack([np.bincount(rng.choice(ROWS, 36, replace=False), minlength=ROWS) for _ in range(BATCHES)])


def epochs(rng: np.random.Generator) -> np.ndarray:
    parts = (part for _ in range(BATCHES) for part in np.array_split(rng.permutation(ROWS), 3))
    return np.stack([np.bincount(next(parts), minlength=ROWS) for _ in range(BATCHES)])


def epochs_of_thinned_batches(rng: np.random.Generator) -> np.ndarray:
    """Each row in one of three batches, by itself: sizes vary as they should."""
    owner = rng.integers(3, size=(BATCHES // 3, ROWS))
    return np.concatenate([np.stack([own == part for part in range(3)]) for own in owner]).astype(np.int64)


def one_size_too_large(rng: np.random.Generator) -> np.ndarray:
    return (rng.random((BATCHES, ROWS)) < RATE + 0.02).astype(np.int64)


def favourites(rng: np.random.Generator) -> np.ndarray:
    return (rng.random((BATCHES, ROWS)) < np.where(np.arange(ROWS) % 2, RATE + 0.1, RATE - 0.1)).astype(np.int64)


def pairs(rng: np.random.Generator) -> np.ndarray:
    return np.repeat(rng.random((BATCHES, ROWS // 2)) < RATE, 2, axis=1).astype(np.int64)


def one_pair(rng: np.random.Generator) -> np.ndarray:
    drawn = poisson(rng)
    drawn[:, 7] = drawn[:, 70]
    return drawn


def fifth_again(rng: np.random.Generator) -> np.ndarray:
    drawn = poisson(rng)
    for i in range(5, BATCHES, 10):
        drawn[i] = drawn[i - 5]
    return drawn


def always_one(rng: np.random.Generator) -> np.ndarray:
    return np.repeat(poisson(rng)[:1], BATCHES, axis=0)


@pytest.mark.parametrize(
    "draw",
    [fixed_size, epochs, epochs_of_thinned_batches, one_size_too_large, favourites, pairs, one_pair, fifth_again, always_one],
)
def test_samples_that_are_not_poisson_are_seen(
    draw: Callable[[np.random.Generator], np.ndarray], rng: np.random.Generator
) -> None:
    assert sampling_fault(draw(rng), RATE, 1e-7) is not None


def test_poisson_samples_are_called_broken_no_more_often_than_is_said(rng: np.random.Generator) -> None:
    assert sum(sampling_fault(poisson(rng), RATE, 0.2) is not None for _ in range(50)) < 20
