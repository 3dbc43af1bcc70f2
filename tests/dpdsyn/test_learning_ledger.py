"""What ledgers say of learning: parts that are set apart, what is reserved, thresholds, and both accountants on them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpdsyn.accounting.composition import compose
from dpdsyn.accounting.guarantee import Guarantee
from dpdsyn.accounting.spends import ZCDP, Exponential, Gaussian, GaussianCap, Nothing, SampledGaussian, Spend, Threshold
from dpdsyn.base.checks import InputError
from dpdsyn.privacy import Budget, BudgetExceeded, Ledger, calibrate
from experiments.audit.plans import TOLERANCE, Plan, judge
from experiments.audit.second_accountant import bracket

DELTA = 1e-5
PLANS: tuple[tuple[Spend, ...], ...] = (
    (Gaussian(7.0),),
    (GaussianCap(9.0), Gaussian(20.0, 3)),
    (ZCDP(0.02),),
    (SampledGaussian(0.05, 2.0, 200), Gaussian(30.0)),
    (ZCDP(0.01), SampledGaussian(0.1, 3.0, 50), Exponential(0.1, 4)),
)


def rows(*plan: Spend) -> list[dict[str, Any]]:
    return [{"mechanism": type(spend).__name__, **asdict(spend)} for spend in plan]


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("thresholds", [(Threshold(1e-6),), (Threshold(1e-6, 4), Threshold(3e-6))])
def test_a_threshold_is_taken_off_delta_before_the_rest_is_composed(
    plan: tuple[Spend, ...], thresholds: tuple[Threshold, ...]
) -> None:
    left = DELTA - sum(each.delta * each.count for each in thresholds)
    together = compose((*plan, *thresholds), DELTA)
    assert together == pytest.approx(compose(plan, left), rel=1e-4)
    assert compose(plan, DELTA) < together <= compose(plan, left * (1 - 1e-6)) * (1 + 1e-9)


@pytest.mark.parametrize("plan", PLANS)
def test_both_accountants_agree_on_thresholds(plan: tuple[Spend, ...]) -> None:
    whole = (*plan, Threshold(1e-6, 3))
    found = bracket(rows(*whole), DELTA)
    assert found.agrees(compose(whole, DELTA), TOLERANCE)
    assert found.low > bracket(rows(*plan), DELTA).low


def test_thresholds_of_all_of_delta_leave_no_epsilon() -> None:
    for delta in (DELTA, DELTA / 2, 2 * DELTA):
        assert compose([Gaussian(1000.0), Threshold(delta, 2)], DELTA) == float("inf")
    assert bracket(rows(Gaussian(1000.0), Threshold(DELTA)), DELTA).low == float("inf")
    with pytest.raises(BudgetExceeded):
        Ledger(Budget(1.0, DELTA)).open([Threshold(DELTA)])


@pytest.mark.parametrize("cap", [ZCDP(100.0), GaussianCap(0.01), Nothing()])
def test_no_cap_covers_a_threshold(cap: Any) -> None:
    with pytest.raises(BudgetExceeded):
        Ledger(cap).open([Threshold(1e-9)])


def test_thresholds_are_charged_from_planned_ones_and_from_nothing_else() -> None:
    ledger = Ledger(Budget(1.0, DELTA))
    ledger.reserve([Gaussian(20.0), Threshold(1e-6, 2)])
    ledger.charge(Threshold(1e-6), "one column")
    with pytest.raises(BudgetExceeded, match="does not fit"):
        ledger.charge(Threshold(1.1e-6), "another")
    ledger.charge(Threshold(1e-6), "another")
    with pytest.raises(BudgetExceeded):
        ledger.charge(Threshold(1e-12), "one more")
    ledger.open([ZCDP(0.01)])
    with pytest.raises(BudgetExceeded):
        ledger.charge(Threshold(1e-12), "out of a cap")


@given(st.floats(0.05, 20), st.sampled_from([1e-9, 1e-6, 1e-3]), st.floats(0.001, 0.4), st.floats(0.001, 0.4))
@settings(max_examples=25, deadline=None)
def test_what_is_reserved_and_the_plan_after_it_are_within_the_budget_and_use_it_up(
    epsilon: float, delta: float, share: float, of_delta: float
) -> None:
    budget = Budget(epsilon, delta)
    ledger = Ledger(budget)
    reserved = [Gaussian((2 * share * budget.rho) ** -0.5), Threshold(of_delta * delta / 3, 3)]
    ledger.reserve(reserved)
    for spend in reserved:
        ledger.charge(spend, "domains")
    scale = ledger.open_calibrated(lambda noise: [Gaussian(noise)])
    whole = [*reserved, Gaussian(scale)]
    assert compose(whole, delta) <= epsilon * (1 + 1e-9)
    assert ledger.spent == pytest.approx(compose(whole, delta), rel=1e-9)
    assert ledger.spent > 0.999 * epsilon
    assert [row["mechanism"] for row in ledger.plan or ()] == ["Gaussian", "Threshold", "Gaussian"]


def test_what_is_reserved_counts_in_every_question_about_the_budget() -> None:
    reserved = (Gaussian(15.0), Threshold(2e-6))
    whole, left = Budget(1.0, DELTA), Budget(1.0, DELTA, reserved)
    assert left.rho < whole.rho and left.spent([ZCDP(left.rho)]) <= 1.0 + 1e-6
    assert left.excess([]) == pytest.approx(compose(reserved, DELTA) - 1)
    assert calibrate(lambda noise: [Gaussian(noise)], left) > calibrate(lambda noise: [Gaussian(noise)], whole)
    outside = left.left
    assert outside.delta < DELTA - 2e-6 and compose(reserved, DELTA - outside.delta) + outside.epsilon == pytest.approx(1.0)
    assert whole.left is whole
    with pytest.raises(BudgetExceeded):
        _ = Budget(0.01, DELTA, reserved).left


def test_more_is_not_charged_before_the_plan_than_was_reserved() -> None:
    ledger = Ledger(Budget(1.0, DELTA))
    with pytest.raises(BudgetExceeded, match="no plan"):
        ledger.charge(Gaussian(1e6), "early")
    ledger.reserve([Gaussian(20.0)])
    ledger.charge(Gaussian(28.3), "half")
    with pytest.raises(BudgetExceeded):
        ledger.charge(Gaussian(20.0), "more than the other half")
    with pytest.raises(BudgetExceeded):
        ledger.charge(SampledGaussian(0.01, 100.0), "a step")


def test_what_is_not_spent_of_what_was_reserved_is_not_given_back() -> None:
    used, unused = (Ledger(Budget(1.0, DELTA)) for _ in range(2))
    scales = []
    for ledger in (used, unused):
        ledger.reserve([Gaussian(20.0)])
        ledger.charge(Gaussian(20.0 if ledger is used else 60.0), "domains")
        scales.append(ledger.open_calibrated(lambda noise: [Gaussian(noise)]))
    assert scales[0] == scales[1] and used.spent == unused.spent


@pytest.mark.parametrize("again", ["reserve", "set_apart", "open"])
def test_it_is_reserved_once_and_before_the_plan(again: str) -> None:
    ledger = Ledger(Budget(1.0, DELTA))
    if again == "open":
        ledger.open([Gaussian(20.0)])
    else:
        ledger.reserve([Gaussian(20.0)])
    with pytest.raises(BudgetExceeded):
        ledger.reserve([Gaussian(20.0)])
    with pytest.raises(BudgetExceeded):
        ledger.set_apart(0.1)


def test_more_than_the_budget_is_not_reserved_and_no_cap_reserves() -> None:
    for plan in ([Gaussian(1.0)], [Threshold(2 * DELTA)], [ZCDP(3.0)]):
        ledger = Ledger(Budget(1.0, DELTA))
        with pytest.raises(BudgetExceeded, match="costs more"):
            ledger.reserve(plan)
        assert ledger.plan is None
    with pytest.raises(BudgetExceeded):
        Ledger(ZCDP(1.0)).reserve([Gaussian(10.0)])
    with pytest.raises(InputError, match="no spend"):
        Ledger(Budget(1.0, DELTA)).reserve(["a histogram"])  # type: ignore[list-item]


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_what_is_set_apart_and_the_rest_add_up_to_the_budget(share: float) -> None:
    ledger = Ledger(Budget(1.0, DELTA))
    first = ledger.set_apart(share)
    assert (first.allowance.epsilon, first.allowance.delta) == pytest.approx((share, share * DELTA))
    assert (ledger.allowance.epsilon, ledger.allowance.delta) == pytest.approx((1 - share, (1 - share) * DELTA))
    noise = first.open_calibrated(lambda scale: [Gaussian(scale)])
    first.charge(Gaussian(noise), "count")
    ledger.reserve([Gaussian(30.0)])
    ledger.charge(Gaussian(30.0), "domains")
    rest = ledger.open_calibrated(lambda scale: [SampledGaussian(0.1, scale, 30)])
    ledger.charge(SampledGaussian(0.1, rest, 30), "steps")
    alone = compose([Gaussian(noise)], share * DELTA) + compose(
        [Gaussian(30.0), SampledGaussian(0.1, rest, 30)], (1 - share) * DELTA
    )
    assert ledger.spent == pytest.approx(alone, rel=1e-9) and 0.999 < ledger.spent <= 1.0 + 1e-9
    assert [row["label"] for row in ledger.entries] == ["count", "domains", "steps"]
    assert [row["mechanism"] for row in ledger.plan or ()] == ["Gaussian", "Gaussian", "SampledGaussian"]
    with pytest.raises(BudgetExceeded):
        ledger.set_apart(share)


def test_a_statement_of_learning_stands_before_the_second_accountant() -> None:
    ledger = Ledger(Budget(1.0, DELTA))
    ledger.set_apart(0.02).open_calibrated(lambda scale: [Gaussian(scale)])
    ledger.reserve([Gaussian(30.0), Threshold(DELTA / 40, 4)])
    ledger.charge(Threshold(DELTA / 40, 4), "values")
    ledger.open_calibrated(lambda scale: [ZCDP(1e-3), SampledGaussian(0.1, scale, 50)])
    guarantee = Guarantee.of(ledger, Budget(1.0, DELTA), "row")
    raw = json.loads(json.dumps(guarantee.to_mapping()))
    verdict = judge(Plan.of(raw, raw["epsilon_spent"], raw["spends"]))
    assert verdict.complaints == [] and any("Threshold: delta" in line for line in verdict.plan.text)
    assert verdict.first <= guarantee.spent  # for parts that add up are composed here as one
    raw["epsilon_spent"] = 0.5
    assert judge(Plan.of(raw, 0.5, raw["spends"])).complaints


def test_rows_handed_over_after_learning_cost_what_was_set_apart_too() -> None:
    ledger = Ledger(Budget(1.0, DELTA))
    first = ledger.set_apart(0.1)
    first.charge(Gaussian(first.open_calibrated(lambda scale: [Gaussian(scale)])), "count")
    ledger.hand_over("their word")
    assert ledger.spent == pytest.approx(1.0, rel=1e-3) and ledger.guarantee == "unverified"
