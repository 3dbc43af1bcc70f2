"""Faults that an audit has to convict of, at the claim's own delta of 1e-6, and sound methods that it must not.

Draws are fixed: of as few runs another draw may convict nobody (NoiseUsedTwice and UnchargedSelection in one of six).
Runs are made twice, as the command does. Epsilon is 1 unless said otherwise.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders.audits import config_of, verdict
from builders.false_claims import planted

from experiments.audit.trials import Audit

_METHODS, _MECHANISMS = "builders.broken_methods.", "builders.false_claims."


def audit_of(target: str, runs: int, epsilon: float = 1.0, delta: float = 1e-6, **settings: Any) -> Audit:
    config = config_of(target, epsilon, delta, runs, **settings.pop("parameters", {}))
    person = settings.pop("rows_of_canary", 1)
    config["audit"].update(settings)
    return replace(Audit.of(json.loads(json.dumps(config))), rows_of_canary=person)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "runs", "by"),
    [
        pytest.param(_METHODS + "HalvedNoise", 4000, "parameters", marks=pytest.mark.slow),
        (_METHODS + "ShuffledBatches", 1000, "parameters"),
        (_METHODS + "FixedSeed", 100, "parameters"),
        (_METHODS + "NoiseUsedTwice", 1000, "parameters"),
        (_MECHANISMS + "DoubledSensitivity", 40, "sensitivity"),
        pytest.param(_MECHANISMS + "UnchargedSelection", 2000, "parameters", marks=pytest.mark.slow),
    ],
)
def test_methods_that_charge_for_less_than_they_tell_are_convicted(tmp_path: Path, method: str, runs: int, by: str) -> None:
    told, first = verdict(tmp_path, audit_of(method, runs))
    assert told.startswith("violation") and by in first.overspent(), (told, first)


QUICK = {"steps": 20, "batch": 40, "pretraining": 50}  # a guide's settings


@pytest.mark.slow
@pytest.mark.parametrize("candidates", ["swift", "class_conditional"])
def test_pretraining_on_private_rows_is_convicted(tmp_path: Path, candidates: str) -> None:
    """Nothing else is wrong: the same runs of the sound method convict nobody."""
    parameters = {"candidates": candidates, "guide": QUICK}
    told, first = verdict(tmp_path, audit_of(_METHODS + "PretrainedOnRows", 100, parameters=parameters))
    assert told == "violation" and "parameters" in first.overspent(), (told, first)
    assert "noisy answers" not in first.overspent()
    told, first = verdict(tmp_path, audit_of("dpdsyn.method.GuidedSynthesizer", 100, parameters=parameters))
    assert not told.startswith("violation"), (told, first)


@pytest.mark.parametrize(
    ("fault", "by"),
    [
        ("halved noise of marginals", "noise"),
        ("halved noise of sums", "noise"),
        ("samples twice as often", "samples: rows too often"),
        ("samples of a fixed size", "samples: sizes too regular"),
        ("shuffled epochs", "samples: sizes too regular"),
    ],
)
def test_mechanisms_that_are_broken_from_within_are_convicted_in_forty_runs(tmp_path: Path, fault: str, by: str) -> None:
    method = _METHODS + "PlainGaussian" if "marginals" in fault else _MECHANISMS + "NoisySums"
    with planted(fault):
        told, first = verdict(tmp_path, audit_of(method, 40))
    assert told == "violation of what was charged (calibration)", (told, first)
    assert first.calibration.by == by and first.calibration.p < 1e-3


@pytest.mark.slow
def test_a_guarantee_for_replaced_rows_on_noise_for_added_ones_is_convicted(tmp_path: Path) -> None:
    told, first = verdict(tmp_path, audit_of(_METHODS + "PlainGaussian", 2000, epsilon=3.2, relation="replace"))
    assert "noisy answers" in told and "sensitivity" in told, (told, first)
    assert first.calibration.moved == pytest.approx(2**0.5)


@pytest.mark.slow
def test_a_forgotten_bound_on_a_persons_rows_is_convicted(tmp_path: Path) -> None:
    told, first = verdict(tmp_path, audit_of(_METHODS + "PlainGaussian", 400, rows_of_canary=3))
    assert "noisy answers" in told and "sensitivity" in told, (told, first)
    assert first.calibration.moved == pytest.approx(3)


SOUND = {
    "plain": (_METHODS + "PlainGaussian", {}),
    "sums": (_MECHANISMS + "NoisySums", {}),
    "independent": ("dpdsyn.candidates.Independent", {}),
    "class_conditional": ("dpdsyn.candidates.ClassConditional", {}),
    "mst": ("baselines.mst.MST", {}),
    "guide": ("baselines.references.GuideOnly", {"guide": {"steps": 50, "batch": 4}}),
    "swift": ("baselines.swift.Swift", {}),
    "quail": ("baselines.quail.Quail", {"classifier": {"steps": 50, "batch": 40}}),
    "dpdsyn": ("dpdsyn.method.GuidedSynthesizer", {"guide": {"steps": 50, "batch": 40, "pretraining": 50}}),
    "dpdsyn_class_conditional": (
        "dpdsyn.method.GuidedSynthesizer",
        {"candidates": "class_conditional", "labels": "sample", "guide": {"steps": 50, "batch": 40, "pretraining": 0}},
    ),
}


@pytest.mark.parametrize("name", ["plain", *(pytest.param(name, marks=pytest.mark.slow) for name in list(SOUND)[1:])])
def test_sound_methods_are_not_convicted(tmp_path: Path, name: str) -> None:
    """Of swift, one Gaussian that is told whole, the first two draws of 400 runs show .94 of the noise (one in 400 does by
    chance); the seven after them show 1.0 to 3.9, and 2,400 runs 1.01.
    """
    target, parameters = SOUND[name]
    runs = 2400 if name == "swift" else 400
    told, first = verdict(tmp_path, audit_of(target, runs, epsilon=3.2, parameters=parameters))
    assert not told.startswith("violation"), (told, first)
    (answers,) = [finding for finding in first.findings if finding.attack == "noisy answers"]
    assert answers.family_power is not None and first.calibration.moved == pytest.approx(1, abs=2e-4)
    assert first.calibration.noise == pytest.approx(1, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("independent", 0.6), ("class_conditional", 0.75), ("sums", 0.5)])
def test_sound_methods_are_bounded_near_their_claim(tmp_path: Path, name: str, least: float) -> None:
    """Of epsilon 3.2 at delta 1e-6, where one threshold event shows less than .2.

    Other draws of 2,400 runs show 2.6 to 2.9 for class_conditional and 1.3 to 2.8 for sums.
    """
    target, parameters = SOUND[name]
    _, first = verdict(tmp_path, audit_of(target, 2400, epsilon=3.2, parameters=parameters))
    (answers,) = [finding for finding in first.findings if finding.attack == "noisy answers"]
    assert answers.family_bound is not None and answers.family_bound > 3.2 * least
    assert answers.family_power is not None and answers.family_power > 3.2 * 0.6
