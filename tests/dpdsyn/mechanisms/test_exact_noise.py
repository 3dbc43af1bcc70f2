"""Noise against its exact law: where the numbers drawn change, how often each comes, and that doubles never decide wrongly."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtri

from dpdsyn.mechanisms import exact_noise
from dpdsyn.mechanisms.exact_noise import exponential_choice, gaps, rounded_gaussian

SCALES = [0.05, 0.4, 1.0, 3.7, 1000.1, 2.0**20, 2.0**33]


class Told:
    """A source of words that gives those it was told."""

    def __init__(self, words: list[int]) -> None:
        self._words: Iterator[int] = iter(words)

    def integers(self, low: int, high: int, size: int, dtype: type) -> np.ndarray:
        assert (low, high) == (0, 1 << 64)
        return np.array([next(self._words) for _ in range(size)], dtype=dtype)


def tail(scale: float, j: int) -> mpmath.mpf:
    """P(round(Z) > j), by the normal distribution function of mpmath."""
    with mpmath.workprec(400):
        return mpmath.ncdf(-(mpmath.mpf(2 * j + 1) / 2) / mpmath.mpf(scale))


def around(bound: mpmath.mpf) -> list[tuple[list[int], bool]]:
    """Words of uniform numbers hard by the bound, 2^-128 and 2^-64 from it, each with whether the number is below it."""
    with mpmath.workprec(600):
        digits = int(mpmath.floor(mpmath.ldexp(bound, 128)))
    near = [(digits - 2, True), (digits + 1, False), (digits - (1 << 64), True), (digits + (1 << 64), False)]
    return [([*divmod(number, 1 << 64), 1 << 63], below) for number, below in near if 0 <= number < 1 << 128]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("of_scale", [0.0, 0.3, 1.0, 2.2, 5.0, 7.9])
def test_each_number_is_drawn_exactly_as_often_as_the_gaussian_says(scale: float, of_scale: float) -> None:
    """The number drawn changes where the exact distribution function says so, and nowhere else."""
    j = math.floor(of_scale * scale)
    for (first, *further), above in around(tail(scale, j)):
        if first < 1 << 63:
            assert (rounded_gaussian(scale, 1, Told([first << 1, *further]))[0] > j) == above
            assert (rounded_gaussian(scale, 1, Told([first << 1 | 1, *further]))[0] < -j) == above  # the lowest bit is the sign


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.7])
def test_frequencies_are_those_of_a_rounded_gaussian(scale: float, rng: np.random.Generator) -> None:
    drawn = rounded_gaussian(scale, 300_000, rng)
    most = math.ceil(3 * scale)
    edges = np.arange(-most, most + 1)
    expected = np.diff([0, *stats.norm.cdf((edges - 0.5) / scale), 1]) * len(drawn)
    observed = np.histogram(drawn, [-np.inf, *(edges - 0.5), np.inf])[0]
    assert stats.chisquare(observed, expected).pvalue > 1e-4


def test_wide_noise_is_gaussian_in_its_body_and_its_tails(rng: np.random.Generator) -> None:
    drawn = rounded_gaussian(2.0**26, 400_000, rng) / 2.0**26
    assert stats.kstest(drawn, "norm").pvalue > 1e-4
    far = int((np.abs(drawn) > 3.5).sum())
    assert stats.binomtest(far, len(drawn), 2 * stats.norm.sf(3.5)).pvalue > 1e-4
    assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 5 / math.sqrt(len(drawn))
    assert stats.chisquare(np.bincount(rounded_gaussian(2.0**26, 100_000, rng) % 8)).pvalue > 1e-4  # low bits tell nothing


@given(st.integers(exact_noise._LEAST, (1 << 63) - 1))
@settings(max_examples=100)
def test_the_error_of_the_quantile_in_double_precision_is_far_below_its_bound(word: int) -> None:
    with mpmath.workprec(200):
        exact = mpmath.sqrt(2) * mpmath.erfinv(1 - 2 * mpmath.ldexp(mpmath.mpf(word), -64))
        found = -float(ndtri((np.uint64(word) + 0.5) * 2.0**-64))
        width = mpmath.ldexp(1, -64) / mpmath.npdf(exact)  # of all numbers that begin with this word
        assert abs(mpmath.mpf(found) - exact) + width < exact_noise._QUANTILE_ERROR / 3


def in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let doubles decide nothing."""
    monkeypatch.setattr(exact_noise, "_unsure", lambda wide, *_: np.ones(len(wide), dtype=bool))


@pytest.mark.parametrize(
    "drawn",
    [
        *(lambda rng, s=scale: rounded_gaussian(s, 300, rng) for scale in SCALES),
        *(lambda rng, r=rate: gaps(r, 300, rng) for rate in (0.9, 0.126, 1e-3, 1e-6)),
    ],
)
def test_doubles_and_numbers_of_any_precision_draw_the_same(
    drawn: Callable[[np.random.Generator], np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = drawn(np.random.default_rng(3))
    in_doubt(monkeypatch)
    assert np.array_equal(fast, drawn(np.random.default_rng(3)))


@pytest.mark.parametrize("rate", [0.97, 0.5, 0.126, 1e-3, 1e-7])
@pytest.mark.parametrize("of_mean", [0.0, 0.5, 1.0, 6.0])
def test_gaps_are_exactly_geometric(rate: float, of_mean: float) -> None:
    k = 1 + math.floor(of_mean / rate)
    with mpmath.workprec(400):
        bound = (1 - mpmath.mpf(rate)) ** k
    for words, below in around(bound):
        assert (gaps(rate, 1, Told(words))[0] > k) == below


@given(st.lists(st.floats(-60, 60), min_size=1, max_size=6), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_choices_have_exactly_the_weights_of_the_exponential_mechanism(logits: list[float], position: int) -> None:
    position = min(position, len(logits) - 1)
    with mpmath.workprec(400):
        weights = [mpmath.exp(mpmath.mpf(logit)) for logit in logits]
        bound = mpmath.fsum(weights[position + 1 :]) / mpmath.fsum(weights)
    for words, below in around(bound):
        assert (exponential_choice(np.array(logits), Told(words)) > position) == below


def test_choices_come_as_often_as_their_weights_say(rng: np.random.Generator) -> None:
    logits = np.array([0.0, 1.0, -2.0, 1.5])
    drawn = np.bincount([exponential_choice(logits, rng) for _ in range(30_000)], minlength=4)
    assert stats.chisquare(drawn, 30_000 * np.exp(logits) / np.exp(logits).sum()).pvalue > 1e-4


def test_numbers_of_any_precision_are_each_draws_own() -> None:
    """mpmath's own precision is shared by all threads: another that lowers it in the middle must not change what is drawn."""
    exact = exact_noise._gaussian_tail(3.7)

    def disturbed(numbers: Any, j: int) -> Any:
        mpmath.mp.prec = 5
        return exact(numbers, j)

    for (first, *further), above in around(tail(3.7, 2)):
        with mpmath.workprec(53):
            assert exact_noise.Digits(first, Told(further)).below(disturbed, 2) == above


@pytest.mark.parametrize("wrong", [1e-19, 2.0**-51])
def test_rates_whose_gaps_would_not_fit_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="rate is"):
        gaps(wrong, 1, np.random.default_rng(0))


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf, 2.0**41])
def test_noise_that_cannot_be_drawn_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="scale is"):
        rounded_gaussian(wrong, 1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="rate is"):
        gaps(wrong, 1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="finite"):
        exponential_choice(np.array([0.0, math.nan]), np.random.default_rng(0))
