"""A mechanism of a method's own: its event is composed with the rest; what it took part in is unverified and not published."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest
from dp_accounting import (
    DpEvent,
    GaussianDpEvent,
    LaplaceDpEvent,
    NonPrivateDpEvent,
    PoissonSampledDpEvent,
    RandomizedResponseDpEvent,
    SelfComposedDpEvent,
    ZCDpEvent,
)

from dpdsyn.accounting.composition import compose
from dpdsyn.accounting.spends import ZCDP, Gaussian, SampledGaussian, Spend, Stated
from dpdsyn.base.checks import InputError
from dpdsyn.contract import BLIND, LEARNT, NOISE, PLAN, outcomes, toy_encoded, toy_schema
from dpdsyn.own_mechanism import stated
from dpdsyn.privacy import Budget, BudgetExceeded, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.reading.schema_values import SchemaError
from dpdsyn.release import Release
from dpdsyn.rows import Rows
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer

DELTA = 1e-6


@dataclass
class Counts:
    """Laplace counts of a column. asked: how often; kept: what it keeps of rows, which it should not."""

    scale: float = 2.0
    asked: int = 0
    keeps: bool = False
    kept: Any = None

    @property
    def event(self) -> DpEvent:
        return LaplaceDpEvent(self.scale)

    def answer(self, rows: np.ndarray, schema: Schema, rng: np.random.Generator) -> np.ndarray:
        self.asked += 1
        self.kept = rows[:2].copy() if self.keeps else None
        return np.bincount(rows[:, 0], minlength=schema.sizes[0]) + rng.laplace(0, self.scale, schema.sizes[0])


class Method(Synthesizer):
    """Asks once; keeps: the mechanism, with what that kept."""

    version = 1

    def __init__(self, keeps: bool = False) -> None:
        self.keeps = keeps

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        scale = private.ledger.open_calibrated(lambda noise: [stated(LaplaceDpEvent(noise))])
        mechanism = Counts(scale, keeps=self.keeps)
        self.counts_, self.sizes_ = private.stated(mechanism), private.schema.sizes
        self.kept_ = mechanism.kept
        return self

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return np.stack([rng.integers(size, size=n) for size in self.sizes_], axis=1)


def table(ledger: Ledger, rows: int = 80) -> PrivateTable:
    schema = toy_schema()
    return PrivateTable(toy_encoded(schema, rows), schema, ledger, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("events", "ours"),
    [
        ([stated(GaussianDpEvent(3.0), 4)], [Gaussian(3.0, 4)]),
        ([stated(SelfComposedDpEvent(GaussianDpEvent(3.0), 4))], [Gaussian(3.0, 4)]),
        ([stated(GaussianDpEvent(3.0), 2), ZCDP(0.01)], [Gaussian(3.0, 2), ZCDP(0.01)]),
        (
            [stated(PoissonSampledDpEvent(0.02, GaussianDpEvent(1.0)), 50), Gaussian(4.0)],
            [SampledGaussian(0.02, 1.0, 50), Gaussian(4.0)],
        ),
    ],
)
def test_an_event_costs_what_the_same_noise_of_ours_costs(events: list[Spend], ours: list[Spend]) -> None:
    found, known = compose(tuple(events), DELTA), compose(tuple(ours), DELTA)
    assert known * (1 - 1e-4) <= found <= known * 1.002


def test_a_pure_event_costs_its_epsilon_and_uses_add_up() -> None:
    once, twice = compose((stated(LaplaceDpEvent(2.0)),), DELTA), compose((stated(LaplaceDpEvent(2.0), 2),), DELTA)
    assert 0.49 < once <= 0.5 + 1e-3 and once < twice <= 1.0 + 1e-3
    assert compose((stated(LaplaceDpEvent(2.0)), stated(LaplaceDpEvent(2.0))), DELTA) == twice
    assert compose((stated(LaplaceDpEvent(2.0)), Gaussian(5.0)), DELTA) > max(once, compose((Gaussian(5.0),), DELTA))
    scale = Ledger(Budget(0.5, DELTA)).open_calibrated(lambda noise: [stated(LaplaceDpEvent(noise))])
    assert scale == pytest.approx(2.0, rel=2e-3) and compose((stated(LaplaceDpEvent(scale)),), DELTA) <= 0.5 * (1 + 1e-9)


@pytest.mark.parametrize("epsilon", [0.01, 3.0, 10.0, 100.0])
@pytest.mark.parametrize(("uses", "beside"), [(1, []), (20, []), (3, [Gaussian(5.0)])])
def test_the_least_noise_of_any_budget_is_found(epsilon: float, uses: int, beside: list[Spend]) -> None:
    """The deviation of a Laplace mechanism's loss is bounded, so noise is not to be guessed from that alone."""
    budget = Budget(epsilon, DELTA)
    if beside and compose(tuple(beside), DELTA) > epsilon:
        with pytest.raises(BudgetExceeded, match="fixed parts alone"):
            Ledger(budget).open_calibrated(lambda noise: [stated(LaplaceDpEvent(noise), uses), *beside])
        return
    scale = Ledger(budget).open_calibrated(lambda noise: [stated(LaplaceDpEvent(noise), uses), *beside])
    assert 0.97 * epsilon < compose((stated(LaplaceDpEvent(scale), uses), *beside), DELTA) <= epsilon * (1 + 1e-9)
    assert scale <= uses / epsilon * 1.002 or beside


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (3.0, "3.0 is no event of dp_accounting, such as LaplaceDpEvent"),
        (Counts(), "is no event of dp_accounting, such as LaplaceDpEvent"),
        (NonPrivateDpEvent(), "an event without any privacy"),
        (LaplaceDpEvent(0.0), "an event without any privacy"),
        (ZCDpEvent(0.1), "cannot be composed"),
        (RandomizedResponseDpEvent(0.1, 2), "cannot be composed .*neighboring_relation must be"),
        (LaplaceDpEvent(Counts()), "is no event of dp_accounting"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_composed_is_refused_in_a_line(event: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        stated(event)
    assert "\n" not in str(refused.value)


def test_an_event_of_ones_own_class_is_refused() -> None:
    class LaplaceLike(LaplaceDpEvent):
        pass

    with pytest.raises(InputError, match="no event of dp_accounting itself, so nobody can compose it"):
        stated(LaplaceLike(2.0))
    with pytest.raises(InputError, match=r"own_mechanism\.stated makes it"):
        Stated(LaplaceDpEvent(2.0))  # type: ignore[arg-type]


def test_a_mechanism_is_charged_before_it_sees_a_row_and_makes_the_result_unverified() -> None:
    ledger, mechanism = Ledger(Budget(1.0, DELTA)), Counts(2.0)
    private = table(ledger)
    with pytest.raises(BudgetExceeded, match="no plan was opened"):
        private.stated(mechanism)
    ledger.open([stated(LaplaceDpEvent(2.0)), Gaussian(30.0)])
    with pytest.raises(BudgetExceeded, match="does not fit"):
        private.stated(Counts(1.9))
    assert mechanism.asked == 0 and ledger.guarantee == "dp" and ledger.spent == 0.0
    private.noisy_marginals([("colour",)], [30.0])
    assert ledger.guarantee == "dp"
    assert private.stated(mechanism).shape == (private.schema.sizes[0],) and ledger.guarantee == "unverified"
    with pytest.raises(BudgetExceeded):
        private.stated(mechanism)
    assert mechanism.asked == 1
    spent = compose((stated(LaplaceDpEvent(2.0)), Gaussian(30.0)), DELTA)
    assert ledger.spent == spent < 1.0
    (_, entry) = json.loads(json.dumps(ledger.entries))
    assert entry["mechanism"] == "Stated" and entry["label"] == "Counts, as its author states it" and entry["count"] == 1
    assert json.loads(entry["event"]) == {"class": "LaplaceDpEvent", "noise_multiplier": 2.0}
    assert Stated(**{key: entry[key] for key in asdict(stated(LaplaceDpEvent(2.0)))}) == stated(LaplaceDpEvent(2.0))


def test_no_cap_covers_a_stated_event() -> None:
    ledger = Ledger(Budget(1.0, DELTA))
    ledger.cap()
    with pytest.raises(BudgetExceeded):
        table(ledger).stated(Counts())
    with pytest.raises(BudgetExceeded):
        Ledger(ZCDP(0.5)).open([stated(LaplaceDpEvent(50.0))])
    Ledger(ZCDP(0.1), parent=ledger).claim("a nested one's, if a cap ever covered it")
    assert ledger.guarantee == "unverified"
    with pytest.raises(BudgetExceeded):
        Ledger(Budget(1.0, DELTA)).open([stated(LaplaceDpEvent(0.9))])


def test_what_was_learnt_by_a_stated_mechanism_before_counts_too() -> None:
    ledger = Ledger(Budget(1.0, DELTA))
    before = ledger.set_apart(0.3)
    before.open([stated(LaplaceDpEvent(5.0))])
    before.charge(stated(LaplaceDpEvent(5.0)), "before")
    ledger.open([Gaussian(20.0)])
    assert ledger.guarantee == "unverified"


def test_where_a_person_has_several_rows_it_is_refused() -> None:
    schema = toy_schema()
    ledger = Ledger(Budget(1.0, DELTA))
    several = Rows(toy_encoded(schema, 80), np.arange(80) // 2, 2)
    of_persons = Schema(schema.columns, "label", 80, person="who", max_rows_per_person=2)
    private = PrivateTable(several, of_persons, ledger, np.random.default_rng(0))
    private.ledger.open([stated(LaplaceDpEvent(2.0))])
    with pytest.raises(SchemaError, match="protects a row, and here a person may have several"):
        private.stated(Counts())
    assert ledger.entries == []


def test_a_method_with_one_is_not_published(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame({"a": [0, 1] * 50, "y": ["no", "yes"] * 50})
    columns = {"a": {"kind": "integer", "bounds": [0, 1], "bins": 2}, "y": {"kind": "categorical", "categories": ["no", "yes"]}}
    schema = Schema.from_mapping({"target": "y", "rows_public": 100, "columns": columns})
    monkeypatch.setattr(Counts, "answer", lambda *_: pytest.fail("rows were read"))
    monkeypatch.setitem(sys.modules, "asks_by_itself", sys.modules[Method.__module__])
    with pytest.raises(InputError, match=r"a mechanism of its own \(Counts, .*\), which nobody here has verified"):
        Release("asks_by_itself:Method", epsilon=1.0, delta=DELTA).fit(frame, schema)


def test_the_contract_is_held_as_far_as_it_can_be() -> None:
    told = {outcome.requirement: outcome for outcome in outcomes(Method, only=[LEARNT, NOISE, PLAN])}
    assert [outcome for outcome in told.values() if outcome.fault] == []
    assert "mechanism of its own" in str(told[NOISE].untried) and told[LEARNT].untried is None


def test_rows_that_a_mechanism_keeps_are_seen() -> None:
    (outcome,) = outcomes(lambda: Method(keeps=True), only=[BLIND])
    assert outcome.fault is not None and "kept_" in outcome.fault
