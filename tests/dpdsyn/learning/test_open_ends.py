"""Open ends: how far a column of numbers or dates is taken to reach, from noisy counts of powers of two or years."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from builders.raw_tables import raw_of

from dpdsyn.learning.domain_learning import DomainLearning, _hull
from dpdsyn.privacy import Budget, Ledger


@pytest.mark.parametrize("heavy", [20.0, 100.0, 1000.0])
def test_one_heavy_count_does_not_draw_the_noise_beside_it_in(heavy: float, rng: np.random.Generator) -> None:
    found = [_hull(np.where(np.arange(60) == 20, heavy, 0.0) + rng.normal(size=60)) for _ in range(1000)]
    for wrong in (sum(first < 20 for first, _ in found), sum(last > 20 for _, last in found)):
        assert wrong < 70, "about 3% of 1,000"


def test_a_count_far_from_all_others_has_to_be_surer() -> None:
    counts = np.zeros(60)
    counts[20:23] = 100.0, 8.0, 4.6
    assert _hull(counts) == (20, 22)
    counts[50] = 5.0
    assert _hull(counts) == (20, 22)
    counts[50] = 6.0
    assert _hull(counts) == (20, 50)
    alone = np.zeros(60)
    alone[7] = 5.0
    assert _hull(alone) == (7, 7)


def test_a_narrow_band_far_from_0_is_found(rng: np.random.Generator) -> None:
    """Degrees of latitude of one city: 10,000 rows, ends open, epsilon 1, beside nine columns that have their share."""
    rows = 10_000
    frame = pd.DataFrame({"latitude": np.round(rng.normal(40.7, 0.04, rows), 5)})
    frame = frame.assign(**{f"n{i}": rng.integers(0, 100, rows) for i in range(9)})
    columns = {"latitude": {"kind": "real"}, **{f"n{i}": {"kind": "integer"} for i in range(9)}}
    off = []
    for seed in range(10):
        raw = raw_of(frame, columns, Ledger(Budget(1.0, 1e-6)), seed)
        schema = DomainLearning().learn(raw).schema
        decoded = schema.decode(schema.encode_all(frame)[0], np.random.default_rng(seed))
        off.append(np.abs(np.sort(decoded["latitude"]) - np.sort(frame["latitude"])).mean())
    assert np.median(off) < 0.03, "three quarters of a standard deviation"


def test_a_tail_is_not_spread_to_the_next_power_of_two(rng: np.random.Generator) -> None:
    """Blood pressure of 20,000 people, ends open, epsilon .5, beside nine columns that have their share."""
    rows = 20_000
    frame = pd.DataFrame({"pressure": np.round(rng.normal(130, 15, rows)).astype(int)})
    frame = frame.assign(**{f"n{i}": rng.integers(0, 100, rows) for i in range(9)})
    columns = {name: {"kind": "integer"} for name in frame}
    beyond = []
    for seed in range(10):
        schema = DomainLearning().learn(raw_of(frame, columns, Ledger(Budget(0.5, 1e-6)), seed)).schema
        decoded = schema.decode(schema.encode_all(frame)[0], np.random.default_rng(seed))
        beyond.append((decoded["pressure"] > 200).mean())
    assert np.mean(beyond) < 0.001, "five in a thousand lay there, up to 256, while tails were spread evenly"


def test_many_weak_counts_together_are_reached(rng: np.random.Generator) -> None:
    """Twelve years of two standard deviations each, before others that are sure."""
    counts = np.zeros(60)
    counts[20:32], counts[32:50] = 2.0, 9.0
    found = [_hull(counts + rng.normal(size=60)) for _ in range(300)]
    assert np.mean([last == 49 for _, last in found]) > 0.9
    assert np.median([first for first, _ in found]) <= 22
    tails = np.zeros(60)
    tails[20:24] = 100.0, 6.0, 3.0, 2.0
    assert np.mean([_hull(tails + rng.normal(size=60))[1] >= 22 for _ in range(300)]) > 0.9


def test_weak_counts_without_a_sure_one_are_found_together_or_not_at_all(rng: np.random.Generator) -> None:
    weak = np.zeros(60)
    weak[20:24] = 4.0
    assert np.mean([_hull(weak + rng.normal(size=60)) is not None for _ in range(200)]) > 0.9
    assert not any(_hull(rng.normal(size=100)) for _ in range(100))


def test_years_that_are_few_each_are_found_by_their_sum(rng: np.random.Generator) -> None:
    """Dates of birth over 165 years, each year little above the noise; numbers, whose powers of two are few, go on as before."""
    counts = np.zeros(1000)
    counts[450:615] = 1.3
    noisy = [counts + rng.normal(size=1000) for _ in range(100)]
    found = [_hull(one, wide=64) for one in noisy]
    kept = [0 if one is None else min(one[1], 614) - max(one[0], 450) + 1 for one in found]
    beyond = [0 if one is None else max(0, 450 - one[0]) + max(0, one[1] - 614) for one in found]
    assert np.mean(kept) > 0.94 * 165 and np.mean(beyond) < 15
    narrow = [_hull(one) for one in noisy]
    assert np.mean([0 if one is None else one[1] - one[0] + 1 for one in narrow]) < 0.75 * 165
    assert sum(_hull(rng.normal(size=1000), wide=64) is not None for _ in range(100)) <= 4
    heavy = np.where(np.arange(1000) == 450, 100.0, 0.0)
    assert np.mean([one != (450, 450) for one in (_hull(heavy + rng.normal(size=1000), wide=64) for _ in range(300))]) < 0.12
