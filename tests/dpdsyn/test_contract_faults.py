"""Faults in what a method keeps, and in answers that another process or ledger gave: `dpdsyn check` names each."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from builders import broken_keepers as keepers
from builders import broken_rarely as methods

from dpdsyn.candidates import Independent
from dpdsyn.contract import BLIND, NOISE, NOTHING_LEFT, outcomes
from dpdsyn.synthesizer import Synthesizer

NEEDS_NO_ROW = "sampling needs no private row"


def said(kind: Callable[[], Synthesizer], requirement: str) -> str:
    (outcome,) = outcomes(kind, [requirement])
    return outcome.fault or ""


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        (keepers.KeepsValues, "totals_[0] is 80.0 and 81.0"),
        (keepers.KeepsSteps, "steps_['rows'][0] is 80.0 and 81.0"),
        (keepers.KeepsASet, "one row more shows though no answer tells of it: cells_{0}."),
        (keepers.KeepsABuffer, "head_.base is "),
        (keepers.KeepsAnError, "ended_.__traceback__.tb_frame.<totals>[('label')] is 80.0 and 81.0"),
        (keepers.KeepsAFactor, "factor_ is nothing that can be looked into"),
    ],
)
def test_a_number_of_rows_is_seen_in_whatever_keeps_it(kind: type[Synthesizer], where: str) -> None:
    assert where in said(kind, BLIND)


def test_steps_are_numbers_that_a_seed_decides() -> None:
    seeds = "the same seeds give the same table"
    assert "the same seeds told of different steps: {'seconds': [" in said(keepers.TellsTheTime, seeds)
    assert "TellsWords.steps_['error'] is ['small']; a list of numbers is needed" in said(keepers.TellsWords, seeds)


def test_who_knows_the_number_of_rows_and_keeps_it_nowhere_is_sound() -> None:
    assert said(keepers.Keeper, BLIND) == ""


def test_a_table_in_the_frames_of_an_error_is_seen() -> None:
    assert "keeps the private table in ended_.__traceback__.tb_frame.<private>" in said(
        keepers.KeepsAnErrorThatHoldsTheTable, NEEDS_NO_ROW
    )


@pytest.mark.parametrize("kind", [methods.AsksElsewhere, methods.AsksElsewhereForAPart])
def test_a_plan_of_which_nothing_was_ever_charged_is_seen(kind: type[Synthesizer]) -> None:
    assert "nothing was ever charged: answers came from elsewhere, or none" in said(kind, NOISE)


def test_a_method_that_asks_in_other_processes_is_seen() -> None:
    assert said(methods.ForksToCompute, NOTHING_LEFT) == "AssertionError: a fit called os.fork()"
    assert said(methods.Forked, NOTHING_LEFT) and said(methods.Forked, NOISE)


def test_who_asks_the_table_that_was_given_and_nobody_else_is_sound() -> None:
    assert said(Independent, NOISE) == said(Independent, NOTHING_LEFT) == ""
