"""Tests of noise, samples and evidence: silent on sound ones, loud on those that are known to be off."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.audit.calibration import _too_telling, calibrated
from experiments.audit.watched import WATCHED, Watch

_RATE, _STEPS, _OTHERS, _RUNS = 0.1, 30, 200, 60


def watched(rng: np.random.Generator, noise: float = 1.0, rounded: bool = False, batches: str = "poisson") -> np.ndarray:
    """What is noted of so many runs, shape (runs, WATCHED): half of them with the canary; 50 numbers a step."""
    runs = []
    for run in range(_RUNS):
        watch, here = Watch(), run % 2 == 1
        rate = 2 * _RATE if batches == "twice as often" else _RATE
        drawn = rng.random((_STEPS, _OTHERS + 1)) < rate
        if batches in ("fixed size", "epochs"):
            order = np.argsort(rng.random((_STEPS, _OTHERS + 1)), axis=1)
            drawn = order < round(_RATE * (_OTHERS + 1))
        if batches == "epochs":  # a row is in one of every 1 / rate batches
            lot = rng.integers(round(1 / _RATE), size=round(_STEPS * _RATE))
            drawn[:, -1] = np.arange(_STEPS) % 10 == np.repeat(lot, 10)
        for step in range(_STEPS):
            answer = rng.normal(0, noise, 50)
            watch.squares += float(np.square(np.rint(answer) if rounded else answer).sum())
            watch.numbers += 50
            watch.sample(_RATE, int(drawn[step, :-1].sum()), _OTHERS, bool(drawn[step, -1]) if here else None)
        runs.append(watch.numbers_of_run())
    return np.array(runs)


def evidence(rng: np.random.Generator, runs: int, mu: float, told: float | None = None) -> np.ndarray:
    """Log-likelihood ratios of a Gaussian of mu that is taken for one of `told`; odd runs are with the canary."""
    told = mu if told is None else told
    x = rng.normal(0, 1, runs) + mu * (np.arange(runs) % 2)
    return told * (x * told / mu) - told**2 / 2


def test_sound_runs_fail_no_more_often_than_they_may() -> None:
    rng = np.random.default_rng(0)
    values = np.array([calibrated(evidence(rng, _RUNS, 0.7), watched(rng)).p for _ in range(60)])
    assert (values < 0.05).sum() <= 7  # of 60, at a chance of 5% each, more are seen once in 200 times
    found = calibrated(evidence(rng, _RUNS, 0.7), watched(rng, rounded=True))
    assert found.p > 0.05 and found.noise == pytest.approx(np.sqrt(1 + 1 / 12), abs=0.01)


@pytest.mark.parametrize(
    ("how", "by"),
    [
        ({"noise": 0.5}, "noise"),
        ({"noise": 0.98}, "noise"),
        ({"batches": "twice as often"}, "samples: rows too often"),
        ({"batches": "fixed size"}, "samples: sizes too regular"),
    ],
)
def test_what_is_off_is_found_in_sixty_runs(how: dict, by: str) -> None:
    found = calibrated(np.zeros(_RUNS), watched(np.random.default_rng(1), **how))
    assert found.p < 1e-4 and found.by == by


def test_a_row_that_is_drawn_once_an_epoch_is_found_by_its_own_draws() -> None:
    """With the sizes of samples put right, the number of its draws is what is too regular."""
    rng = np.random.default_rng(2)
    off, sound = watched(rng, batches="epochs"), watched(rng)
    for name in ("regularity", "spread", "others_drawn"):
        off[:, WATCHED.index(name)] = sound[:, WATCHED.index(name)]
    assert calibrated(np.zeros(_RUNS), off).by == "samples: the canary too regularly"
    assert calibrated(np.zeros(_RUNS), off).p < 0.01


def test_bets_against_true_evidence_win_nothing_in_the_mean() -> None:
    rng = np.random.default_rng(3)
    for mu in (0.2, 0.7, 1.5):
        values = np.array([_too_telling(evidence(rng, 200, mu)) for _ in range(1500)])
        assert (values < 0.05).mean() < 0.05 and (values < 0.01).mean() <= 0.012


def test_evidence_that_tells_more_than_it_says_is_found() -> None:
    """Noise of half the size: mu is taken for half of what it is. In a few hundred runs even at epsilon 1 and delta 1e-6."""
    rng = np.random.default_rng(4)
    assert _too_telling(evidence(rng, 200, mu=1.4, told=0.7)) < 1e-3
    assert _too_telling(evidence(rng, 2000, mu=0.46, told=0.23)) < 1e-3
    assert _too_telling(evidence(rng, 2000, mu=0.2, told=0.4)) == 1.0  # tells less than it says: no fault


def test_nothing_seen_is_nothing_found() -> None:
    found = calibrated(np.zeros(40), np.zeros((40, len(WATCHED))))
    assert (found.p, found.by, found.noise, found.moved) == (1.0, "", None, None)
