"""What `dpdsyn check` says of whoever learns domains: the sound one, and faults that a hostile reader would plant."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Any

import numpy as np
import pytest
from builders import broken_learning as broken

from dpdsyn.base.checks import InputError
from dpdsyn.checking import raw_trials
from dpdsyn.checking.learning_contract import CLOSED, MOVED, outcomes, raw_rows, raw_schema
from dpdsyn.contract import BLIND, MECHANISMS, NOISE, PLAN
from dpdsyn.learning.domain_learning import DomainLearning
from dpdsyn.learning.raw_table import RawTable
from dpdsyn.privacy import Budget, Ledger
from experiments.cli.check import hold


def said(kind: Any, *requirements: str) -> str:
    return " / ".join(outcome.fault or "" for outcome in outcomes(kind, requirements or None))


@pytest.mark.slow
def test_what_ships_is_sound() -> None:
    assert [(outcome.requirement, outcome.fault) for outcome in outcomes(DomainLearning) if outcome.fault] == []


@pytest.mark.parametrize("most", [1, 3])
def test_of_the_tables_that_it_is_tried_on_something_is_learnt_of_every_kind(most: int) -> None:
    """Else the contract would hold a learner to nothing."""
    raw = RawTable(
        raw_rows(200 * most, 97, most), raw_schema(most), Ledger(Budget(20.0, 1e-3)), np.random.default_rng(0), bytes(32)
    )
    schema = DomainLearning().learn(raw).schema
    learnt = {column.name for column in schema.columns if column.is_learnt}
    assert learnt >= {"count", "price", "day", "word", "share"}
    assert len(schema["price"].pieces) > 3 and len(schema["word"].categories) == 3


@pytest.mark.parametrize(("kind", "told"), broken.LEARNERS, ids=lambda one: getattr(one, "__name__", None))
def test_a_broken_learner_is_told_what_is_wrong(kind: type[DomainLearning], told: str) -> None:
    requirement = MOVED if "moves" in told else PLAN if "spent" in told else BLIND
    assert told in said(kind, requirement)


@pytest.mark.parametrize(("fault", "told"), broken.MECHANISMS, ids=lambda one: getattr(one, "__name__", None))
def test_a_fault_of_the_mechanisms_is_seen_where_they_are_tried_and_where_they_are_used(
    fault: Any, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    assert told in said(DomainLearning, MOVED, NOISE, MECHANISMS)


def test_the_trials_of_mechanisms_find_nothing_in_sound_ones_and_what_is_broken_by_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert raw_trials.fault(1e-6) is None
    with monkeypatch.context() as patch:
        broken.threshold_for_one_row_of_a_person(patch)
        assert "told of" in (raw_trials.fault(1e-6) or "")
    monkeypatch.setattr("dpdsyn.reading.cells._occurring", lambda positions, values: (positions, values))
    assert raw_trials.fault(1e-6) == "histograms: a value is told of that no row has"


def test_a_learner_that_lets_rows_out_is_not_tried() -> None:
    class Exposes(DomainLearning):
        def learn(self, raw: RawTable) -> Any:
            private = super().learn(raw)
            private.ledger.expose("why not")
            return private

    (outcome,) = outcomes(Exposes, [BLIND])
    assert outcome.fault is None and "given away" in (outcome.untried or "")


def test_a_learner_that_ends_the_process_is_broken() -> None:
    class Leaves(DomainLearning):
        def learn(self, raw: RawTable) -> Any:
            sys.exit(0)

    found = [outcome.fault for outcome in outcomes(Leaves, [CLOSED, MECHANISMS])]
    assert found == ["SystemExit: 0", None]


def test_the_command_takes_domains_and_learners_of_ones_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Any] = []
    monkeypatch.setattr("dpdsyn.checking.learning_contract.outcomes", lambda kind: tried.append(kind) or iter(()))  # type: ignore[func-returns-value]
    assert hold(Namespace(target="domains")) == 0 and hold(Namespace(target="builders.broken_learning:ExactBounds")) == 0
    assert tried == [DomainLearning, broken.ExactBounds]
    with pytest.raises(ValueError, match="not a subclass"):
        hold(Namespace(target="dpdsyn.schema:Schema"))


def test_the_command_takes_the_name_of_a_method_and_says_what_is_needed_in_place_of_another(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Any] = []
    monkeypatch.setattr("dpdsyn.contract.outcomes", lambda method: tried.append(method) or iter(()))  # type: ignore[func-returns-value]
    assert hold(Namespace(target="mst")) == 0 and [method.__name__ for method in tried] == ["MST"]
    with pytest.raises(InputError, match=r"no synthesizer is called 'my_method'; there are .*mst.*give MODULE:CLASS of your own"):
        hold(Namespace(target="my_method"))
