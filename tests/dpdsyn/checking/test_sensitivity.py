"""Faults in what a row, a person or many rows at once do to exact answers, each of which few tables and budgets show."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from builders import broken_rarely as methods

from baselines import privsyn
from dpdsyn.accounting.spends import ZCDP, SampledGaussian
from dpdsyn.candidates import Independent
from dpdsyn.checking.sensitivity import Crowded, alone, fault
from dpdsyn.contract import SENSITIVITY, outcomes, toy_encoded, toy_schema
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.synthesizer import Synthesizer

SCHEMA = toy_schema()
ENCODED = toy_encoded(SCHEMA, 80)


def said(kind: Callable[[], Synthesizer]) -> str | None:
    (outcome,) = outcomes(kind, [SENSITIVITY])
    return outcome.fault


@pytest.mark.parametrize("kind", [methods.Truncated, methods.TruncatedLater])
def test_a_function_with_room_for_a_thousand_rows_is_seen(kind: type[Synthesizer]) -> None:
    assert "noisy_sum: what the function gives for many rows is 0." in (said(kind) or "")


def test_sums_in_single_precision_are_seen() -> None:
    assert "of the clip, a row, off their sum" in (said(methods.SinglePrecision) or "")


def test_a_score_that_several_rows_of_a_person_move_further_is_seen() -> None:
    assert "a person of 3 rows among equal ones, at an epsilon of 500, moves select by 3; 1 was" in (
        said(methods.FilledCells) or ""
    )


def test_a_score_that_is_asked_for_with_a_large_budget_only_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(privsyn.PrivSyn) is None
    monkeypatch.setattr(privsyn, "_SENSITIVITY", privsyn._SENSITIVITY / 2)
    assert "one row among equal ones, at an epsilon of 500, moves noisy_scores by" in (said(privsyn.PrivSyn) or "")


@pytest.mark.parametrize("kind", [Independent, methods.OneHot])
def test_sound_methods_are_not_called_broken(kind: type[Synthesizer]) -> None:
    assert said(kind) is None


def test_every_trial_is_made_and_those_that_a_method_skips_are_not() -> None:
    seen: list[tuple[int, float]] = []

    class Noted(Independent):
        def skip(self, schema: object, budget: Budget) -> str | None:
            return "too much" if budget.epsilon > 100 else None

        def fit(self, private: PrivateTable, rng: np.random.Generator) -> Noted:
            seen.append((private._PrivateTable__rows.most, private.ledger.allowance.epsilon))  # type: ignore[attr-defined, union-attr]
            super().fit(private, rng)
            return self

    assert fault(Noted, SCHEMA, ENCODED, Budget(1.0, 1e-6)) is None and seen == [(1, 1.0)] * 4 + [(3, 1.0)]
    seen.clear()
    del Noted.skip
    assert fault(Noted, SCHEMA, ENCODED, Budget(1.0, 1e-6)) is None
    assert seen == [(1, 1.0)] * 4 + [(3, 1.0), (1, 500.0), (3, 500.0)]


def test_of_many_sums_ever_fewer_are_tried_and_of_each_kind_the_first() -> None:
    ledger = Ledger(ZCDP(1e9))
    ledger.open([ZCDP(1e6), SampledGaussian(0.5, 2.0, 100)])
    position = alone(ENCODED)[0]
    others, row = np.delete(ENCODED, position, axis=0), ENCODED[position : position + 1]
    private = Crowded.of(others, row, True, SCHEMA, ledger, np.random.default_rng(0))
    sizes: list[int] = []

    def summed(batch: np.ndarray, clip: float) -> np.ndarray:
        sizes.append(len(batch))
        return np.full(3, clip / 2 * min(len(batch), 2500))

    for _ in range(9):
        private.noisy_sum(summed, 0.5, 2.0, 1.0)
    private.noisy_sum(summed, 0.5, 2.0, 3.0)
    tried = [call.off for call in private.calls]
    half = pytest.approx(np.sqrt(3) / 4)
    assert tried == [half, half, 0.0, half, 0.0, 0.0, 0.0, half, 0.0, half] and sizes.count(5000) == 5
