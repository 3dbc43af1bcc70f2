"""Faults that show between two questions, in a ledger that was tampered with, or on rare tables: `dpdsyn check` names each."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable

import pytest
from builders import broken_quietly as methods

from dpdsyn.base.checks import InputError
from dpdsyn.contract import BLIND, LIMITS, NOISE, SENSITIVITY, outcomes
from dpdsyn.synthesizer import Synthesizer
from experiments.cli.check import hold


def said(kind: Callable[[], Synthesizer], requirement: str) -> str:
    (outcome,) = outcomes(kind, [requirement])
    return outcome.fault or ""


@pytest.mark.slow
@pytest.mark.parametrize("requirement", [BLIND, NOISE, SENSITIVITY])
def test_who_knows_counts_and_does_nothing_with_them_is_sound(requirement: str) -> None:
    assert said(methods.Asks, requirement) == ""


@pytest.mark.parametrize(
    "kind", [methods.RemembersInAScore, methods.RemembersTheFirstInAScore, methods.RemembersInAChoice, methods.RemembersInASum]
)
def test_a_function_that_remembers_rows_is_seen(kind: type[Synthesizer]) -> None:
    assert "shows though no answer tells of it: (asked)[" in said(kind, BLIND)


def test_a_row_that_no_table_has_and_that_adds_too_much_is_seen() -> None:
    assert "moves noisy_sum by 5; 1 was charged for" in said(methods.HeavyRareRows, SENSITIVITY)


def test_a_score_that_moves_further_among_thousands_of_rows_is_seen() -> None:
    assert "moves noisy_scores by 0.0" in said(methods.SquaresCounts, SENSITIVITY)


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (methods.RefillsItsLedger, "more was answered than may be spent: noisy_marginals: Gaussian"),
        (methods.PaysFromAnotherLedger, "noisy_marginals was charged to a ledger that is not of this table"),
        (methods.WidensAPart, "more was answered than may be spent: the plan"),
        (methods.ForgetsItsCharges, "Exponential mechanisms cost 1.25e-05; the ledger tells of 0"),
        (methods.HidesThatRowsWereGiven, "unprotected gave rows away, and the ledger does not say so"),
    ],
)
def test_answers_that_were_not_paid_for_are_seen(kind: type[Synthesizer], fault: str) -> None:
    assert fault in said(kind, NOISE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "told"),
    [
        (lambda private, seen: seen["label"].sum() > 1000, "thousands of rows shows"),
        (lambda private, seen: (seen["age"] > 0).sum() == 1 < seen["age"].sum(), "rows that are all alike shows"),
        (lambda private, seen: 0 < seen["colour"][-1] < 3, "a rare row among equal ones shows"),
        (lambda private, seen: private.ledger.allowance.epsilon > 5, "rows_ is 80 and 81"),
    ],
)
def test_what_shows_on_rare_tables_and_with_large_budgets_is_seen(where: Callable[..., bool], told: str) -> None:
    assert told in said(methods.keeps_where(where), BLIND)


@pytest.mark.slow
def test_a_method_that_ends_the_process_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(methods.Exits, BLIND) == "SystemExit: 0"
    assert hold(Namespace(target="builders.broken_quietly:Exits")) == 1
    assert "BROKEN samples lie in the domain, for two classes and three: SystemExit: 0" in capsys.readouterr().out


def test_a_module_that_ends_the_process_is_refused(tmp_path: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ends_it.py").write_text("raise SystemExit(0)\n")  # type: ignore[operator]
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InputError, match="ends_it:Method cannot be tried: it ends the process"):
        hold(Namespace(target="ends_it:Method"))


@pytest.mark.slow
def test_what_no_check_sees_is_said_beside_every_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert hold(Namespace(target="uniform")) == 0
    assert f"no check of this kind sees: {'; '.join(LIMITS)}\n" in capsys.readouterr().out
