"""The audit on ten rows: its bound on mu, and what its attacker sees."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from baselines.mst import MST
from dpdsyn.candidates import Independent
from dpdsyn.privacy import Budget
from dpdsyn.synthesizer import Synthesizer
from experiments.bench import audited


@pytest.mark.parametrize("mu", [0.45, 1.5])
def test_the_bound_is_that_of_a_posterior_that_is_drawn(mu: float) -> None:
    of, fpr = 2000, 0.4
    wrong = round(of * fpr), round(of * norm.cdf(norm.isf(fpr) - mu))
    rng = np.random.default_rng(0)
    errors = [rng.beta(0.5 + count, 0.5 + of - count, 200_000) for count in wrong]
    drawn = norm.isf(errors[0]) - norm.ppf(errors[1])
    assert audited.mu_bound(*wrong, of) == pytest.approx(np.quantile(drawn, 0.1), abs=0.004)
    assert audited.mu_bound(*wrong, of) < mu


def test_guessing_shows_nothing() -> None:
    assert audited.mu_bound(1000, 1000, 2000) == 0
    assert audited.mu_bound(1200, 1200, 2000) == 0


def test_the_mu_of_a_gaussian_is_found_again_and_not_more() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(2, 3000, 1))
    assert 0.75 < audited.shown_mu(noise[0], noise[1] + 1) < 1.1
    assert audited.shown_mu(*rng.normal(size=(2, 3000, 1))) < 0.1


@pytest.mark.parametrize(("method", "implied"), [(MST, (2 * Budget(1.0, 1e-2).rho) ** 0.5), (Independent, 0.5325)])
def test_an_attacker_sees_rows_and_counts(method: type[Synthesizer], implied: float) -> None:
    seen = audited.observed(method, np.zeros((10, 3), dtype=int), 3, seed=0)
    assert seen.implied_mu == pytest.approx(implied, abs=1e-3)
    assert seen.profiles.shape == (3, 8) and (seen.profiles.sum(axis=1) == 25).all()
    assert seen.counts.shape == (3, 6) and len(np.unique(seen.counts, axis=0)) == 3, "noise is drawn anew"
    assert seen.by("both").shape == (3, 14)


def test_noise_that_is_too_little_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = {}
    for epsilon in (1.0, 8.0):
        monkeypatch.setattr(audited, "BUDGET", Budget(epsilon, 1e-2))
        few = np.zeros((10, 3), dtype=int)
        tables = few, np.concatenate([few, np.ones((1, 3), dtype=int)])
        fits[epsilon] = [audited.observed(Independent, rows, 100, seed=0).by("noisy counts") for rows in tables]
    assert audited.shown_mu(*fits[1.0]) < 0.5325 < audited.shown_mu(*fits[8.0])


def test_the_implied_mu_is_that_of_gaussian_dp() -> None:
    """delta(epsilon) of a mu-GDP mechanism (Balle and Wang 2018, Theorem 8; Dong, Roth and Su 2022, Corollary 2.13)."""
    mu = 0.5325
    assert norm.cdf(-1 / mu + mu / 2) - np.e * norm.cdf(-1 / mu - mu / 2) == pytest.approx(1e-2, rel=2e-3)
