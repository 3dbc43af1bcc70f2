"""The audit of learning: ours tells no more than it claims, and broken learners are convicted."""

from __future__ import annotations

from typing import Any

import pytest
from builders import broken_learning as broken

from dpdsyn.base.checks import InputError
from dpdsyn.learning.domain_learning import DomainLearning
from dpdsyn.privacy import Budget
from experiments.audit.domains import audited, verdict
from experiments.cli.main import main

CLAIM = Budget(1.0, 1e-3)


@pytest.mark.slow
def test_of_ours_nothing_crosses_its_claim() -> None:
    found, told = verdict(DomainLearning, CLAIM, 120)
    assert found == "bound under the claim" and max(each.bound for each in told) < 1 < min(each.most for each in told)


@pytest.mark.parametrize(
    ("kind", "attack"),
    [
        (broken.ExactBounds, "upper bound of amount"),
        (broken.SetOfCategories, "its category is there"),
        (broken.ExactCount, "number of rows"),
    ],
)
def test_what_reads_rows_is_a_violation(kind: type[DomainLearning], attack: str) -> None:
    found, told = verdict(kind, CLAIM, 60)
    assert found == "violation" and attack in {each.attack for each in told if each.bound > 1}


@pytest.mark.slow
def test_a_threshold_without_its_delta_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    broken.threshold_of_one(monkeypatch)
    found, told = verdict(DomainLearning, CLAIM, 280)
    assert found == "violation" and "its category is there" in {each.attack for each in told if each.bound > 1}


@pytest.mark.slow
def test_a_large_delta_is_visible_and_no_more_than_was_charged() -> None:
    """Of the budget's delta a tenth is for values that nobody listed: its category comes out in that share of runs at most."""
    (told,) = [each for each in audited(DomainLearning, Budget(1.0, 0.9), 120) if each.attack == "its category is there"]
    assert told.bound == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--domains", "--runs", "40"], 0), (["--domains", "builders.broken_learning:SetOfCategories", "--runs=60"], 1)],
)
def test_the_command_tells_each_attack_and_the_verdict(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", *arguments]) == code
    told = capsys.readouterr().out
    assert "its category is there" in told and ("violation" in told) == bool(code) and "claimed: epsilon 1, delta 0.001" in told


@pytest.mark.parametrize(
    "given", [["--domains", "--runs", "10"], ["--domains", "dpdsyn.schema:Schema"], ["--domains", "--epsilon=-1"]]
)
def test_what_cannot_be_audited_is_refused(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", *given]) == 2
    assert capsys.readouterr().err
    with pytest.raises(InputError):
        audited(Any, CLAIM, 3)  # type: ignore[arg-type]
