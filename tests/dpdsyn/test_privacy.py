"""Accounting beside closed forms and other libraries, calibration, and what a ledger refuses."""

from __future__ import annotations

import itertools
import json
import math
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import partial
from typing import Any

import dp_accounting
import dp_accounting.rdp
import numpy as np
import pytest
from dp_accounting.pld import PLDAccountant
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from dpdsyn.accounting.composition import compose
from dpdsyn.accounting.spends import ZCDP, Exponential, Gaussian, GaussianCap, Nothing, SampledGaussian, Spend
from dpdsyn.base.checks import InputError
from dpdsyn.privacy import Budget, BudgetExceeded, Ledger, calibrate

DELTA = 1e-6


def analytic_gaussian_delta(epsilon: float, sigma: float) -> float:
    """Balle and Wang 2018, theorem 8, sensitivity 1."""
    return float(norm.cdf(0.5 / sigma - epsilon * sigma) - math.exp(epsilon) * norm.cdf(-0.5 / sigma - epsilon * sigma))


@given(st.integers(1, 60), st.floats(1.0, 60.0))
@settings(max_examples=40)
def test_equal_gaussians_compose_to_the_exact_one_and_stay_under_the_naive_sum(k: int, sigma: float) -> None:
    together = compose([Gaussian(sigma)] * k, DELTA)
    if together > 0:
        assert analytic_gaussian_delta(together, sigma / math.sqrt(k)) == pytest.approx(DELTA, rel=1e-4)
    assert together == pytest.approx(compose([Gaussian(sigma, count=k)], DELTA), rel=1e-9)
    assert together <= k * compose([Gaussian(sigma)], DELTA / k) + 1e-9


def test_sampled_steps_agree_with_dp_accounting_and_lie_under_renyi() -> None:
    plan = [Gaussian(80.0), SampledGaussian(0.026, 2.5, 380)]
    accountant = PLDAccountant()
    accountant.compose(dp_accounting.GaussianDpEvent(80.0))
    accountant.compose(dp_accounting.PoissonSampledDpEvent(0.026, dp_accounting.GaussianDpEvent(2.5)), 380)
    assert compose(plan, DELTA) == pytest.approx(accountant.get_epsilon(DELTA), rel=2e-4)
    assert compose(plan, DELTA) < compose(plan, DELTA, step=3e-3) < 1.1


@pytest.mark.parametrize(("rate", "sigma", "steps"), [(0.01, 1.0, 1000), (0.1, 5.0, 400), (0.004, 0.8, 300)])
def test_sampled_steps_agree_with_opacus(rate: float, sigma: float, steps: int) -> None:
    from opacus.accountants import PRVAccountant

    reference = PRVAccountant()
    for _ in range(steps):
        reference.step(noise_multiplier=sigma, sample_rate=rate)
    assert compose([SampledGaussian(rate, sigma, steps)], DELTA) == pytest.approx(reference.get_epsilon(DELTA), rel=0.02)


@pytest.mark.parametrize("epsilon", [0.2, 1.0, 4.0])
def test_zcdp_budget_is_the_best_conversion(epsilon: float) -> None:
    rho = Budget(epsilon, DELTA).rho

    def delta_of(alpha: float) -> float:  # Canonne, Kamath and Steinke 2020, proposition 12
        return math.exp(min(500, (alpha - 1) * (alpha * rho - epsilon))) / (alpha - 1) * (1 - 1 / alpha) ** alpha

    best = min(delta_of(1 + 10 ** (x / 500)) for x in range(-500, 2500))
    assert best == pytest.approx(DELTA, rel=1e-3)


@given(st.floats(0.05, 8.0), st.floats(1e-9, 1e-3))
@settings(max_examples=15)
def test_calibration_is_tight_and_never_over(epsilon: float, delta: float) -> None:
    budget = Budget(epsilon, delta)
    scale = calibrate(lambda noise: [Gaussian(noise), Gaussian(2 * noise)], budget)
    spent = compose([Gaussian(scale), Gaussian(2 * scale)], delta)
    assert spent <= epsilon
    assert compose([Gaussian(scale * 0.999), Gaussian(2 * scale * 0.999)], delta) > epsilon


@pytest.mark.parametrize("epsilon", [0.2, 1.0, 4.0])
def test_the_guide_gets_all_that_fits_beside_the_candidates(epsilon: float) -> None:
    budget = Budget(epsilon, DELTA)
    cap = GaussianCap(1 / math.sqrt(2 * 0.1 * budget.rho))
    ledger = Ledger(budget)
    noise = ledger.open_calibrated(lambda scale: [cap, SampledGaussian(0.1, scale, 400)])
    assert 0.999 * epsilon < compose([cap, SampledGaussian(0.1, noise, 400)], DELTA) <= epsilon


@given(st.lists(st.tuples(st.booleans(), st.floats(0.01, 3.0)), min_size=1, max_size=60), st.floats(0.05, 2.0))
def test_no_adaptive_sequence_exceeds_a_cap(requests: list[tuple[bool, float]], rho: float) -> None:
    ledger = Ledger(ZCDP(rho))
    assert ledger.cap() == rho
    accepted = 0.0
    for exponential, size in requests:
        spend = Exponential(size) if exponential else Gaussian(1 / size)
        fits = accepted + spend.rho <= rho
        try:
            ledger.charge(spend, "x")
        except BudgetExceeded:
            assert not fits or accepted + spend.rho > rho * (1 - 1e-6)
        else:
            accepted += spend.rho
        assert accepted <= rho * (1 + 1e-6)
    assert sum(e["count"] for e in ledger.entries) <= len(requests)


def test_many_sampled_steps_leave_no_room_for_a_crumb() -> None:
    ledger = Ledger(Budget(1.0, DELTA))
    ledger.open([SampledGaussian(1e-4, 1.0, 10_000)])
    assert SampledGaussian(1e-4, 1.0, 10_000).rho == 5000  # without amplification
    with pytest.raises(BudgetExceeded):
        ledger.charge(Gaussian(1e4), "a crumb")


def test_a_plan_that_no_noise_can_make_fit_is_refused() -> None:
    with pytest.raises(BudgetExceeded, match="no amount of noise"):
        Ledger(Budget(0.1, DELTA)).open_calibrated(lambda noise: [GaussianCap(1.0), Gaussian(noise)])


def test_nothing_is_answered_without_a_plan_or_outside_it() -> None:
    budget = Budget(1.0, DELTA)
    ledger = Ledger(budget)
    with pytest.raises(BudgetExceeded, match="no plan"):
        ledger.charge(Gaussian(100.0), "early")
    with pytest.raises(BudgetExceeded, match="costs more"):
        ledger.open([Gaussian(0.5)])
    ledger.open([SampledGaussian(0.1, 10.0, 3), Gaussian(50.0)])
    with pytest.raises(BudgetExceeded, match="already has a plan"):
        ledger.open([Gaussian(100.0)])
    for wrong in (SampledGaussian(0.2, 10.0), SampledGaussian(0.1, 9.0), Exponential(0.1), Gaussian(49.0)):
        with pytest.raises(BudgetExceeded):
            ledger.charge(wrong, "not planned")
    for _ in range(3):
        ledger.charge(SampledGaussian(0.1, 10.0), "step")
    with pytest.raises(BudgetExceeded):
        ledger.charge(SampledGaussian(0.1, 10.0), "one step too many")
    ledger.charge(Gaussian(50.0 * math.sqrt(2)), "first half")
    ledger.charge(Gaussian(50.0 * math.sqrt(2)), "second half")
    with pytest.raises(BudgetExceeded):
        ledger.charge(Gaussian(1e4), "a crumb")
    assert [e["count"] for e in ledger.entries] == [3, 1, 1]
    assert ledger.spent == budget.spent([SampledGaussian(0.1, 10.0, 3), Gaussian(50.0)])


def test_the_guarantee_is_read_off_the_ledger() -> None:
    ledger = Ledger(Budget(1.0, DELTA))
    assert (ledger.guarantee, ledger.spent) == ("dp", 0.0)
    child = Ledger(Nothing(), parent=ledger)
    child.hand_over("an outside library")
    assert (ledger.guarantee, ledger.spent) == ("unverified", 1.0)
    child.expose("raw rows")
    assert (ledger.guarantee, ledger.spent) == ("none", None)
    with pytest.raises(BudgetExceeded):
        child.open([Gaussian(1e9)])


def test_a_gaussian_cap_takes_gaussians_only() -> None:
    ledger = Ledger(GaussianCap(10.0))
    with pytest.raises(BudgetExceeded):
        ledger.open([Exponential(1e-3)])
    assert ledger.open_calibrated(lambda noise: [Gaussian(noise)]) == pytest.approx(10.0, rel=1e-3)


@pytest.mark.parametrize(
    ("epsilon", "delta"),
    [
        (0, 0.1),
        (-1, 0.1),
        (math.inf, 0.1),
        (math.nan, 0.1),
        ("1", 0.1),
        (True, 0.1),
        (1, 0),
        (1, 1),
        (1, -0.1),
        (1, math.nan),
        (1, "x"),
    ],
)
def test_a_budget_that_cannot_be_meant_is_refused(epsilon: object, delta: object) -> None:
    with pytest.raises(ValueError, match="is needed"):
        Budget(epsilon, delta)  # type: ignore[arg-type]


@pytest.mark.parametrize("epsilon", [0.1, 0.5, 1.0])
def test_the_exponential_mechanism_costs_its_worst_renyi_divergence(epsilon: float) -> None:
    """Two outcomes whose scores one row moves apart by twice the sensitivity: the log odds shift by epsilon."""
    rho = Exponential(epsilon).rho
    worst = 0.0
    for bias in (-0.5 * epsilon, 0.0, 0.5 * epsilon):
        p, q = 1 / (1 + math.exp(-bias)), 1 / (1 + math.exp(-(bias + epsilon)))
        for alpha in (1.5, 2.0, 4.0, 16.0):
            moment = p**alpha * q ** (1 - alpha) + (1 - p) ** alpha * (1 - q) ** (1 - alpha)
            divergence = math.log(moment) / (alpha - 1)
            assert divergence <= alpha * rho * (1 + 1e-9)
            worst = max(worst, divergence / (alpha * rho))
    assert worst > 0.9  # and no more than that


def test_costs_of_single_mechanisms() -> None:
    assert Gaussian(2.0).rho == 1 / 8 and Gaussian(2.0, count=3).rho == 3 / 8
    assert GaussianCap(2.0).rho == 1 / 8 and Exponential(1.0, count=2).rho == 0.25
    exponential = dp_accounting.rdp.RdpAccountant().compose(dp_accounting.ZCDpEvent(Exponential(0.5, count=40).rho))
    assert compose([Exponential(0.5, count=40)], DELTA) == pytest.approx(exponential.get_epsilon(DELTA), rel=0.02)


NOT_NUMBERS: list[Any] = [0, -1, math.nan, math.inf, -math.inf, True, "1", None, 1e-200, 1e200, np.array([2.0])]


@pytest.mark.parametrize("wrong", NOT_NUMBERS)
@pytest.mark.parametrize(
    "kind", [Gaussian, GaussianCap, Exponential, ZCDP, lambda v: SampledGaussian(0.1, v), lambda v: SampledGaussian(v, 2.0)]
)
def test_a_cost_that_cannot_be_meant_is_refused(kind: Callable[[Any], Spend], wrong: Any) -> None:
    with pytest.raises(InputError, match="is needed"):
        kind(wrong)


@pytest.mark.parametrize("count", [0, -1, 1.0, math.nan, True, "2", None, np.float64(2), 10**16])
@pytest.mark.parametrize("kind", [partial(Gaussian, 2.0), partial(Exponential, 1.0), partial(SampledGaussian, 0.1, 2.0)])
def test_a_count_that_cannot_be_meant_is_refused(kind: Callable[[Any], Spend], count: Any) -> None:
    """A negative one would give back what was spent."""
    with pytest.raises(InputError, match="count is"):
        kind(count)


def test_a_rate_above_one_is_refused() -> None:
    with pytest.raises(InputError, match="at most 1 is needed"):
        SampledGaussian(1.5, 2.0)


def test_numbers_of_numpy_are_charged_and_written_as_plain_ones() -> None:
    ledger = Ledger(Budget(np.float64(1.0), np.float32(1e-6)))
    ledger.open([Gaussian(np.float64(20.0)), SampledGaussian(np.float32(0.5), np.float64(50.0), np.int64(3))])
    ledger.charge(Gaussian(np.float32(40.0), np.uint8(2)), "a")
    ledger.charge(SampledGaussian(0.5, 50.0, np.int32(2)), "b")
    assert json.loads(json.dumps([ledger.entries, ledger.plan])) == [ledger.entries, ledger.plan]
    assert ledger.entries[0]["count"] == 2 and ledger.steps_left(SampledGaussian(0.5, 50.0)) == 1


def test_only_known_spends_are_charged() -> None:
    class Generous(Gaussian):
        @property
        def rho(self) -> float:
            return -5.0

    ledger = Ledger(Budget(1.0, DELTA))
    with pytest.raises(InputError, match="is no spend"):
        ledger.open([Generous(1.0)])
    ledger.open([Gaussian(50.0)])
    for wrong in (Generous(1.0), Nothing(), 0.1, None, Budget(1.0, DELTA)):
        with pytest.raises(InputError, match="is no spend"):
            ledger.charge(wrong, "x")  # type: ignore[arg-type]
    assert ledger.entries == []


def test_a_plan_is_read_once_and_its_numbers_are_kept() -> None:
    ledger = Ledger(Budget(1.0, DELTA))
    ledger.open(spend for spend in [Gaussian(50.0), ZCDP(1e-4)])  # type: ignore[arg-type]
    assert ledger.plan == [
        {"mechanism": "Gaussian", "noise_multiplier": 50.0, "count": 1},
        {"mechanism": "ZCDP", "rho": 1e-4},
    ]
    assert Ledger(Budget(1.0, DELTA)).plan is None


def test_the_slack_for_rounding_buys_nothing_of_another_kind() -> None:
    """A billionth of much Gaussian noise was once enough for an exponential mechanism that nobody planned."""
    ledger = Ledger(Budget(50.0, DELTA))
    ledger.open([Gaussian(0.2)])
    with pytest.raises(BudgetExceeded):
        ledger.charge(Exponential(1e-5), "a crumb")


@pytest.mark.parametrize("many", [5_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_many_small_charges_add_up_exactly_and_quickly(many: int) -> None:
    """Each is a share of the plan whose sum in floating point drifts; the slack is a billionth of the plan, once."""
    ledger = Ledger(ZCDP(0.1))
    ledger.cap()
    share = Exponential(math.sqrt(8 * 0.1 / many))
    begin = time.process_time()
    for i in range(many):
        ledger.charge(share, f"label {i % 2}")
    assert time.process_time() - begin < many * 1e-3
    assert Fraction(share.rho) * many <= Fraction(0.1) * (1 + Fraction(1, 10**9))
    for crumb in (share, Exponential(math.sqrt(8 * 0.1 * 3e-9)), Gaussian(2e4)):
        with pytest.raises(BudgetExceeded):
            ledger.charge(crumb, "one too many")
    assert len(ledger.entries) == many


@given(
    st.lists(
        st.one_of(
            st.builds(Gaussian, st.floats(5.0, 500.0), st.integers(1, 5)),
            st.builds(Exponential, st.floats(1e-3, 0.2), st.integers(1, 5)),
            st.builds(ZCDP, st.floats(1e-6, 0.01)),
            st.builds(GaussianCap, st.floats(5.0, 500.0)),
            st.builds(SampledGaussian, st.sampled_from([0.1, 0.2]), st.sampled_from([30.0, 40.0]), st.integers(1, 5)),
        ),
        max_size=40,
    )
)
def test_what_was_accepted_never_exceeds_the_plan(requests: list[Spend]) -> None:
    """Summed again from the entries, in fractions, by a rule of its own."""
    ledger = Ledger(Budget(2.0, DELTA))
    ledger.open([Gaussian(20.0), ZCDP(0.002), SampledGaussian(0.1, 30.0, 7)])
    for spend in requests:
        before = ledger.entries
        try:
            ledger.charge(spend, "x")
        except BudgetExceeded:
            assert ledger.entries == before
    gaussian = other = Fraction()
    steps = 0
    for row in ledger.entries:
        count = row.get("count", 1)
        if row["mechanism"] == "SampledGaussian" and (row["rate"], row["noise_multiplier"]) == (0.1, 30.0):
            steps += count
        elif row["mechanism"] in ("Gaussian", "GaussianCap"):
            gaussian += count / (2 * Fraction(row["noise_multiplier"]) ** 2)
        elif row["mechanism"] == "SampledGaussian":
            other += count / (2 * Fraction(row["noise_multiplier"]) ** 2)
        else:
            other += Fraction(row["rho"]) if "rho" in row else count * Fraction(row["epsilon"]) ** 2 / 8
    slack = 1 + Fraction(2, 10**9)
    planned = Fraction(1, 800) * slack
    assert steps <= 7 and other + max(Fraction(), gaussian - planned) <= Fraction(0.002) * slack


def test_a_cap_is_charged_for_every_child() -> None:
    ledger = Ledger(Budget(1.0, DELTA))
    ledger.open([ZCDP(0.01), SampledGaussian(0.1, 10.0, 3)])
    ledger.charge(ZCDP(0.01), "reserved for a nested synthesizer")
    for again in (ZCDP(0.01), GaussianCap(1e4)):
        with pytest.raises(BudgetExceeded):
            ledger.charge(again, "reserved for another")
    with pytest.raises(BudgetExceeded, match="nothing to cap"):
        Ledger(Nothing()).cap()


def test_a_charge_that_straddles_gaussians_and_the_cap_fits_if_both_have_room() -> None:
    ledger = Ledger(Budget(1.0, DELTA))
    ledger.open([Gaussian(20.0), ZCDP(0.001)])
    with pytest.raises(BudgetExceeded):
        ledger.charge(Gaussian(1 / math.sqrt(2 * 0.00226)), "more than both")
    ledger.charge(Gaussian(1 / math.sqrt(2 * 0.00224)), "less than both")
    with pytest.raises(BudgetExceeded):
        ledger.charge(Exponential(0.02), "more than what is left")


def test_threads_that_charge_at_once_are_given_no_more_than_the_plan_holds() -> None:
    ledger, planned = Ledger(Budget(1.0, 1e-6)), 300
    scale = ledger.open_calibrated(lambda noise: [Gaussian(noise)])

    def until_refused(_: int) -> int:
        for answers in itertools.count():
            try:
                ledger.charge(Gaussian(scale * math.sqrt(planned)), "marginals")
            except BudgetExceeded:
                return answers
        raise AssertionError

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            given = sum(threads.map(until_refused, range(8)))
    finally:
        sys.setswitchinterval(before)
    assert given == planned and sum(entry["count"] for entry in ledger.entries) == planned


def test_a_process_that_was_forked_off_cannot_charge_for_nobody_would_learn_of_it() -> None:
    ledger = Ledger(Budget(1.0, 1e-6))
    scale = ledger.open_calibrated(lambda noise: [Gaussian(noise)])

    def ask() -> None:
        try:
            ledger.charge(Gaussian(scale), "marginals")
        except BudgetExceeded as error:
            os._exit(17 if "ask mechanisms in that one process" in str(error) else 1)
        os._exit(0)

    child = os.fork()
    if child == 0:
        ask()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 17
    ledger.charge(Gaussian(scale), "marginals")
    assert len(ledger.entries) == 1
