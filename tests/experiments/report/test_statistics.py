"""Intervals, tests and ranks over repeated splits, beside those of scipy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from experiments.report.statistics import holm, over_splits, pooled, ranks

numbers = st.floats(-1, 1, allow_subnormal=False)


def test_without_shared_rows_it_is_the_ordinary_t_test_and_interval(rng: np.random.Generator) -> None:
    values = rng.normal(0.3, 1, 8)
    ours, theirs = over_splits(list(values), 0.0), stats.ttest_1samp(values, 0)
    assert ours.p == pytest.approx(theirs.pvalue)
    low, high = theirs.confidence_interval(0.95)
    assert (ours.mean - ours.half_width, ours.mean + ours.half_width) == pytest.approx((low, high))


def test_the_correction_is_that_of_nadeau_and_bengio() -> None:
    values = [0.01, 0.02, 0.015, 0.005, 0.03]
    error = np.std(values, ddof=1) * math.sqrt(1 / 5 + 0.25)  # an 80/20 split: a test row for four training rows
    assert over_splits(values, 0.25).p == pytest.approx(2 * stats.t.sf(np.mean(values) / error, 4))
    assert over_splits(values, 0.25).half_width == pytest.approx(stats.t.ppf(0.975, 4) * error)


def test_splits_that_share_rows_are_seldom_called_different_when_they_are_not(rng: np.random.Generator) -> None:
    """Two models of equal quality, tested on random fifths of one table: the plain t test is wrong far too often."""
    wrong, plain, tries = 0, 0, 300
    for _ in range(tries):
        rows = rng.normal(0, 1, 400)  # by how much one of two models is better on each row
        differences = [float(rng.permutation(rows)[:80].mean()) for _ in range(10)]
        wrong += over_splits(differences, 0.25).p < 0.05
        plain += over_splits(differences, 0.0).p < 0.05
    assert wrong / tries < 0.12 < plain / tries


def test_few_seeds_give_an_effect_and_no_verdict() -> None:
    assert over_splits([0.1, 0.2], 0.25).half_width is None
    three = over_splits([0.1, 0.2, 0.15], 0.25)
    assert three.half_width is not None and three.p is None
    assert over_splits([0.1] * 5, 0.25).p == 0 and over_splits([0.0] * 5, 0.25).p == 1
    with pytest.raises(ValueError, match="0 values"):
        over_splits([], 0.25)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_rejects_what_stepping_down_rejects(ps: list[float]) -> None:
    adjusted = holm(ps)
    assert all(own >= p for own, p in zip(adjusted, ps, strict=True)) and max(adjusted) <= 1
    for alpha in (0.01, 0.05, 0.5):
        ordered = sorted(ps)
        first_kept = next((i for i, p in enumerate(ordered) if p > alpha / (len(ps) - i)), len(ps))
        rejected = sum(own <= alpha for own in adjusted)
        # dividing and multiplying round differently, so a p value exactly on the border may fall on either side
        border = any(math.isclose(p * (len(ps) - i), alpha, rel_tol=1e-9) for i, p in enumerate(ordered))
        assert rejected == first_kept or border


@given(st.lists(numbers, min_size=1, max_size=8))
def test_ranks_are_those_of_scipy(values: list[float]) -> None:
    assert ranks(values) == list(stats.rankdata([-value for value in values]))


def test_ranks_add_up_whatever_is_equal() -> None:
    for values in itertools.product([1.0, 2.0], repeat=4):
        assert sum(ranks(values)) == 10


def test_one_data_set_pooled_is_itself() -> None:
    values = [0.01, 0.02, 0.015, 0.005, 0.03]
    together, alone = pooled([(values, 0.25)]), over_splits(values, 0.25)
    low, high = together.interval(0.95)
    assert (low, high) == pytest.approx((alone.mean - alone.half_width, alone.mean + alone.half_width))
    assert together.degrees == pytest.approx(4)


def test_two_data_sets_pooled_are_welchs_test(rng: np.random.Generator) -> None:
    """The mean of two means is half the difference of one and the other turned round, whose test is Welch's."""
    one, other = rng.normal(0, 1, 6), rng.normal(0, 3, 9)
    together, welch = pooled([(list(one), 0.0), (list(other), 0.0)]), stats.ttest_ind(one, -other, equal_var=False)
    assert together.mean / together.error == pytest.approx(welch.statistic)
    assert together.degrees == pytest.approx(welch.df)


def test_equivalence_is_told_where_both_one_sided_tests_reject(rng: np.random.Generator) -> None:
    values = list(rng.normal(0.001, 0.002, 8))
    together = pooled([(values, 0.0)])
    sides = [stats.ttest_1samp(values, bound, alternative=way).pvalue for bound, way in ((-0.005, "greater"), (0.005, "less"))]
    assert together.p_equivalent(0.005) == pytest.approx(max(sides))
    low, high = together.interval(0.9)
    assert (together.p_equivalent(0.005) < 0.05) == (low > -0.005 and high < 0.005)
    assert pooled([([0.0] * 5, 0.0)]).p_equivalent(0.005) == 0 and pooled([([0.1] * 5, 0.0)]).p_equivalent(0.005) == 1
    with pytest.raises(ValueError, match="two seeds or more"):
        pooled([([0.1], 0.0)])


def test_what_is_just_not_equivalent_is_seldom_called_so(rng: np.random.Generator) -> None:
    """Three data sets whose true mean is exactly the margin: at most one trial in twenty errs, and a mean of 0 is found."""

    def called(mean: float) -> float:
        trials = ([(list(rng.normal(mean, 0.002 * (1 + i), 5)), 0.0) for i in range(3)] for _ in range(600))
        return float(np.mean([pooled(trial).p_equivalent(0.005) < 0.05 for trial in trials]))

    assert called(0.005) < 0.075 and called(0.0) > 0.9
