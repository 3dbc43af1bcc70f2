"""The private evaluation is audited together with the release: sound ones are not convicted, planted faults are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders.audits import config_of, verdict
from builders.evaluation_faults import planted, quick
from builders.false_claims import planted as planted_in_mechanisms

from dpdsyn.base.checks import InputError
from dpdsyn.privacy import Budget
from dpdsyn.quality import private_evaluation
from experiments.audit import family
from experiments.audit.released import Evaluated, Neighbours, WatchedRelease
from experiments.audit.trials import Audit
from experiments.audit.watched import Canary

PLAIN, ONE_CLASS = "builders.broken_methods.PlainGaussian", "builders.evaluation_faults.OneClass"
SETTINGS = [(None, 1), (0.5, 1), (None, 3), (0.5, 3)]  # what is held out, and how many rows the canary has


@pytest.fixture(autouse=True)
def quickly() -> Iterator[None]:
    with quick():
        yield


def audit_of(hold_out: float | None = None, persons: int = 1, runs: int = 40, target: str = PLAIN, **settings: Any) -> Audit:
    """Half of the budget buys the evaluation. persons: how many rows the canary has, and everybody may have."""
    config = config_of(target, settings.pop("epsilon", 3.2), 1e-6, runs)
    config["audit"] |= {"evaluate": 0.5, "hold_out": hold_out, **settings}
    audit = Audit.of(json.loads(json.dumps(config)))
    if persons == 1:
        return audit
    schema = replace(audit.run.schema, person="who", max_rows_per_person=persons)
    return replace(audit, run=replace(audit.run, schema=schema), rows_of_canary=persons)


@pytest.mark.parametrize(("hold_out", "persons"), SETTINGS)
def test_a_sound_evaluation_is_not_convicted(tmp_path: Path, hold_out: float | None, persons: int) -> None:
    """Of rows of one class too, where a loss is as large as it can be."""
    told, first = verdict(tmp_path, audit_of(hold_out, persons, target=ONE_CLASS))
    assert not told.startswith("violation"), (told, first)
    assert first.calibration.moved == pytest.approx(1, abs=2e-4) and first.calibration.noise == pytest.approx(1, abs=0.1)
    assert {"noisy answers", "evaluation"} <= {finding.attack for finding in first.findings}


@pytest.mark.parametrize(
    ("fault", "by", "where", "target"),
    [
        ("unclipped loss", "sensitivity", {"hold_out": 0.5}, ONE_CLASS),
        ("sensitivity of the loss not charged", "sensitivity", {"persons": 3}, PLAIN),
        ("sides by place", "sensitivity", {"hold_out": 0.5}, PLAIN),
        ("persons forgotten", "sensitivity", {"hold_out": 0.5, "persons": 3}, PLAIN),
        ("exact table", "evaluation", {"runs": 60}, ONE_CLASS),
    ],
)
def test_a_broken_evaluation_is_convicted(tmp_path: Path, fault: str, by: str, where: dict[str, Any], target: str) -> None:
    with planted(fault):
        told, first = verdict(tmp_path, audit_of(**where, target=target))
    assert told.startswith("violation") and by in first.overspent(), (told, first)


def test_halved_noise_of_the_table_is_convicted(tmp_path: Path) -> None:
    """The method asks for no sum, so that the evaluation's is the only one."""
    with planted_in_mechanisms("halved noise of sums"):
        told, first = verdict(tmp_path, audit_of())
    assert told == "violation of what was charged (calibration)" and first.calibration.by == "noise", (told, first)


def test_noise_that_is_less_than_was_kept_back_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = private_evaluation.keep_back
    monkeypatch.setattr(private_evaluation, "keep_back", lambda ledger, share: kept(ledger, share) / 2)
    audit = audit_of()
    with pytest.raises(InputError, match="does not fit into what is left of the plan"):
        audit.fit_once(audit.cut(), 0, 1)


@pytest.mark.parametrize(("hold_out", "persons"), SETTINGS)
def test_what_differs_between_the_neighbours_is_the_canary_alone_on_one_side(hold_out: float | None, persons: int) -> None:
    audit = audit_of(hold_out, persons)
    cut, asked = audit.cut(), Evaluated(0.5, hold_out)
    canary = Canary(np.repeat(cut.canary, persons, axis=0), cut.instead, worst_case=True)
    tables, sides = Neighbours(cut.schema, cut.others, canary), set()
    for seed in range(8):
        seeds = np.random.SeedSequence(seed).spawn(3)
        method, budget = audit._method, Budget(3.2, 1e-6)
        without, with_it = (WatchedRelease.made(method, budget, asked, tables, there, seeds) for there in (False, True))
        assert len(with_it.twins) == len(without.twins) == (1 if hold_out is None else 2)
        assert sum(len(twin.others) for twin in with_it.twins) == len(cut.others)
        for own, other in zip(with_it.twins, without.twins, strict=True):
            assert np.array_equal(own.others, other.others)
            assert np.array_equal(own.canary.rows, other.canary.rows) and not len(own.canary.instead)
        (side,) = (i for i, twin in enumerate(with_it.twins) if len(twin.canary.rows))
        assert np.array_equal(with_it.twins[side].canary.rows, canary.rows)
        sides.add(side)
        assert with_it.ledger.planned == without.ledger.planned and len(with_it.ledger.planned) == 2
        assert with_it.answers.shape == (6,)
    assert sides == ({0} if hold_out is None else {0, 1})


def test_evidence_of_the_evaluation_is_a_ratio_of_densities() -> None:
    """Of the canary's own vector, and of the worst one."""
    for kind in ("row", "worst_case"):
        audit = audit_of(canary=kind)
        cut = audit.cut()
        tables = Neighbours(cut.schema, cut.others, Canary(cut.canary, cut.instead, kind == "worst_case"))
        seeds = np.random.SeedSequence(5).spawn(3)
        release = WatchedRelease.made(audit._method, audit.run.budget, Evaluated(0.5, None), tables, True, seeds)
        calls = [call for call in release.twins[0].calls if call.asked[0] == "noisy_sum"]
        (call,) = calls
        noise = call.asked[2]
        assert call.residual is not None and call.moved <= 1.5 * (1 + 1e-12)
        assert call.evidence == pytest.approx(0.5 * (call.moved / (1.5 * noise)) ** 2, abs=6 * call.moved / (1.5 * noise))
        assert call.moved == pytest.approx(1.5) or kind == "row"
    assert release.twins[0].evidence == pytest.approx(sum(call.evidence for call in release.twins[0].calls))


def test_the_plan_that_a_release_is_held_against_has_what_was_kept_back() -> None:
    audit = audit_of()
    run = audit.fit_once(audit.cut(), 0, 0)
    plan = family.read(run["plan"])
    assert plan is not None and [type(spend).__name__ for spend in plan] == ["SampledGaussian", "Gaussian"]
    assert family.compose(family.scaled(plan, 1.0), 1e-6) == pytest.approx(3.2, rel=1e-3)


@pytest.mark.parametrize(
    ("evaluate", "hold_out", "said"),
    [
        (None, 0.5, "audit.evaluate"),
        (1.5, None, "between 0 and 1"),
        (0.5, 1.0, "between 0 and 1"),
        (True, None, "between 0 and 1"),
    ],
)
def test_shares_that_cannot_be_are_refused(evaluate: Any, hold_out: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Evaluated.of(evaluate, hold_out)


def test_the_evaluation_has_an_audit_and_a_label_of_its_own_and_others_keep_theirs() -> None:
    config = config_of(PLAIN, 3.2, 1e-6, 40)
    plain = Audit.of(json.loads(json.dumps(config)))
    asked = [audit_of(), audit_of(0.5), audit_of(0.2)]
    assert len({plain.audit_id, *(audit.audit_id for audit in asked)}) == 4
    assert [audit.label for audit in (plain, *asked)][1:3] == [
        "PlainGaussian (evaluate=0.5)",
        "PlainGaussian (evaluate=0.5, hold_out=0.5)",
    ]
    config["audit"] |= {"evaluate": None, "hold_out": None}
    assert Audit.of(json.loads(json.dumps(config))).audit_id == plain.audit_id


@pytest.mark.slow
@pytest.mark.parametrize(("hold_out", "persons", "least"), [(None, 1, 0.5), (0.5, 1, 0.3), (None, 3, 0.5), (0.5, 3, 0.3)])
def test_a_sound_evaluation_is_bounded_near_its_claim(tmp_path: Path, hold_out: float | None, persons: int, least: float) -> None:
    """Held out, a unit is on one side alone and pays half of what is charged."""
    told, first = verdict(tmp_path, audit_of(hold_out, persons, runs=1000))
    assert not told.startswith("violation"), (told, first)
    (answers,) = [finding for finding in first.findings if finding.attack == "noisy answers"]
    assert answers.family_bound is not None and answers.family_bound > least * 3.2
