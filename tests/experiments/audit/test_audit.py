"""Audits: the statistics against known values, controls, the command."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from builders.audits import config_of, seen
from builders.paths import ROOT
from scipy.stats import norm

from dpdsyn.accounting.composition import compose
from dpdsyn.accounting.spends import Gaussian
from experiments.audit.attacks import canary_of, density, guesses
from experiments.audit.bounds import (
    Event,
    bound_of,
    lower_bound,
    one_run_bound,
    one_run_p_value,
    power,
    tpr_at_low_fpr,
)
from experiments.audit.calibration import Calibration
from experiments.audit.findings import Finding, Shown, judged, suspicious
from experiments.audit.trials import Audit
from experiments.records.audits import read_audits, stored, write_audits
from experiments.report.tables.audits import render

Dpdsyn = Callable[..., CompletedProcess[str]]


@pytest.mark.parametrize(("runs", "most"), [(100, 1.84), (200, 2.57), (500, 3.51), (1000, 4.21)])
def test_power_is_what_a_perfect_attack_can_show(runs: int, most: float) -> None:
    assert power(runs, 0.0) == pytest.approx(most, abs=0.005)
    assert power(runs, 0.05) == pytest.approx(math.log(math.exp(most) - 0.05 * math.exp(most) / 0.98), abs=0.02)


def test_a_bound_is_that_of_clopper_and_pearson() -> None:
    """Of 250 and 250 runs 100 and 20 lie over the threshold; quantiles of the beta distribution as printed by R's qbeta."""
    with_row, without = np.repeat([1.0, 0.0], [100, 150]), np.repeat([1.0, 0.0], [20, 230])
    event = Event(0.5, above=True, with_likelier=True)
    from scipy.stats import binomtest

    p = binomtest(100, 250).proportion_ci(0.95, "exact").low
    q = binomtest(20, 250).proportion_ci(0.95, "exact").high
    assert bound_of(event, with_row, without, 1e-2) == pytest.approx(math.log((p - 1e-2) / q))
    assert bound_of(Event(0.5, False, False), with_row, without, 0.0) == pytest.approx(math.log((1 - q) / (1 - p)))


def test_bounds_hold_as_often_as_they_say() -> None:
    """Randomised response at epsilon 1, where the best event is plain: not more than 5% of 1,000 bounds are above 1."""
    rng, p = np.random.default_rng(0), math.e / (1 + math.e)
    bounds = [lower_bound(rng.random(200) < p, rng.random(200) < 1 - p, 0.0) for _ in range(1000)]
    assert 0 < np.mean(np.array(bounds) > 1) < 0.05
    assert np.median(bounds) > 0.5


def test_worlds_and_directions_may_be_exchanged() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(0, 1, 2000), rng.normal(3, 1, 2000)
    for first, second in ((a, b), (b, a), (-a, -b), (-b, -a)):
        assert lower_bound(first, second, 0.0) > 3


def test_tpr_at_low_fpr() -> None:
    without = np.arange(1000.0)
    assert tpr_at_low_fpr(without + 500, without) == pytest.approx(0.51, abs=0.002)
    assert tpr_at_low_fpr(np.zeros(100), np.zeros(100)) == 0.0


def test_one_run_bounds_are_those_of_the_paper() -> None:
    """Appendix D of arXiv 2305.08846: 75 of 100 guesses on 1,000 canaries at delta 1e-4 give 0.673."""
    assert one_run_bound(1000, 100, 75, 1e-4) == pytest.approx(0.673, abs=0.0005)
    assert one_run_bound(1000, 100, 50, 0.0) == 0.0 and one_run_p_value(100, 10, 0, 1.0, 1e-3) == 1.0


def test_one_run_p_values_are_not_too_small() -> None:
    """Randomised response of each canary at epsilon 1, all guessed: naively simulated."""
    rng, p = np.random.default_rng(2), math.e / (1 + math.e)
    right = rng.binomial(100, p, 4000)
    values = np.array([one_run_p_value(100, 100, int(v), 1.0, 0.0) for v in right])
    for level in (0.01, 0.05, 0.2):
        assert level / 3 < (values <= level).mean() <= level * 1.25


def test_many_canaries_show_a_release_of_the_rows_and_not_one_of_noise(rng: np.random.Generator) -> None:
    from dpdsyn.contract import toy_encoded, toy_schema

    schema = toy_schema()
    schema = schema.select(schema.names[:3])
    others = toy_encoded(toy_schema(), 100)[:, :3]
    made, right = guesses(lambda rows: rng.permutation(rows), others, schema, 80, np.random.default_rng(3))
    assert made == 40 and right >= 36
    made, right = guesses(lambda rows: others, others, schema, 400, np.random.default_rng(3))
    assert 70 < right < 130
    near = density(others, np.concatenate([others[:1], 9 - others[:1]]))
    assert near[0] > near[1]


def test_the_canary_has_the_rarest_codes_that_are_ever_sampled() -> None:
    from dpdsyn.contract import toy_schema

    schema = toy_schema()
    rows = np.array([[0, 0, 1, 0, 1], [1, 0, 1, 0, 1], [3, 1, 0, 0, 0], [0, 2, 2, 0, 1], [1, 3, 3, 0, 1]], dtype=schema.dtype)
    assert canary_of(rows, schema).tolist() == [[2, 4, 4, 0, 0]]  # 4 of the first column stands for undeclared categories


def audited(folder: Path, config: dict) -> dict[str, float]:
    """The bound of each attack. The draws are fixed: HalvedNoise shows more than is claimed in three of six others."""
    _, found = seen(folder, Audit.of(json.loads(json.dumps(config))), draws=2)
    return {finding.attack: finding.bound for finding in found.findings}


_EPSILON, _DELTA, _RUNS = 1.0, 0.01, 4000


def test_a_sound_control_is_bounded_within_what_power_allows(tmp_path: Path) -> None:
    """By the best test of two Gaussians the bound cannot come out far under what the true curve gives at some threshold."""
    bounds = audited(tmp_path, config_of("builders.broken_methods.PlainGaussian", _EPSILON, _DELTA, _RUNS))
    scale = next(s for s in np.linspace(1, 4, 3001) if compose([Gaussian(float(s))], _DELTA) <= _EPSILON)
    thresholds = np.linspace(-1, 3, 200)
    hits, false_hits = norm.sf(thresholds - 1 / scale), norm.sf(thresholds)
    of = _RUNS // 4
    spread = 2.24 * np.sqrt(np.stack([hits * (1 - hits), false_hits * (1 - false_hits)]) / of)
    reachable = np.log(np.maximum(hits - spread[0] - _DELTA, 1e-9) / (false_hits + spread[1])).max()
    assert reachable > 0.25
    for attack in ("parameters", "noisy answers"):
        assert reachable - 0.35 < bounds[attack] <= _EPSILON


@pytest.mark.slow
@pytest.mark.parametrize(
    ("control", "runs"),
    [
        ("HalvedNoise", _RUNS),
        ("ForgottenSensitivity", 500),
        ("NoiseUsedTwice", 1000),
        ("FixedSeed", 500),
        ("ShuffledBatches", 2000),
    ],
)
def test_a_broken_control_is_caught(tmp_path: Path, control: str, runs: int) -> None:
    bounds = audited(tmp_path, config_of(f"builders.broken_methods.{control}", _EPSILON, _DELTA, runs))
    assert bounds["parameters"] > _EPSILON


@pytest.mark.slow
def test_the_method_as_published_is_caught_near_power(tmp_path: Path) -> None:
    guide = {"hidden": 0, "steps": 1}
    config = config_of("dpdsyn.method.GuidedSynthesizer", 0.8, 1e-6, 1000, candidates="permuted", guide=guide)
    assert audited(tmp_path, config)["released rows"] > power(1000, 1e-6) - 0.1


@pytest.mark.slow
def test_the_gan_as_published_is_caught_near_power(tmp_path: Path) -> None:
    """Whoever knows its first weights and its batches sees from the critic whether the row was there."""
    config = config_of("baselines.rdp_gan.RDPGANAsPublished", 0.8, 1e-6, 1000, epochs=1)
    assert audited(tmp_path, config)["parameters"] > power(1000, 1e-6) - 0.1


def test_verdicts_need_a_second_crossing_by_the_same_attack() -> None:
    def found(bound: float, most: float = 4.0, attack: str = "a", scale: float | None = None) -> Finding:
        return Finding(attack, "all", bound, most, 0.0, 1000, scale and 1 / scale, scale and 1.0, scale)

    def seen(*findings: Finding, p: float = 1.0, moved: float | None = None) -> Shown:
        return Shown(findings, Calibration(p, "noise", 1.0, moved))

    low = seen(found(0.9))
    assert judged("dp", 1.0, low, None) == "bound under the claim"
    assert judged("dp", 1.0, seen(found(1.1)), seen(found(0.2))) == "crossed once, not again"
    other = seen(found(0.9), found(2.0, attack="b"))
    assert judged("dp", 1.0, seen(found(1.1), found(0.0, attack="b")), other) == "crossed once, not again"
    assert judged("unverified", 1.0, seen(found(1.1)), seen(found(1.2))) == "violation"
    assert judged("dp", 5.0, low, None) == "not testable at this epsilon"
    assert judged("none", 1.0, seen(found(3.9)), None) == "no guarantee, and none kept"
    less = seen(found(0.1, scale=0.8))
    assert judged("dp", 1.0, less, less) == "violation of what was charged (a)"
    assert judged("dp", 1.0, less, seen(found(0.1, scale=1.2))) == "crossed once, not again"
    assert judged("dp", 1.0, less, seen(found(0.1, scale=0.8, attack="b"))) == "crossed once, not again"
    off = seen(found(0.1), p=0.01)
    assert judged("dp", 1.0, off, off) == "violation of what was charged (calibration)"
    assert judged("dp", 1.0, off, seen(found(0.1), p=0.2)) == "crossed once, not again"
    far = seen(found(0.1), moved=2.0)
    assert judged("dp", 1.0, far, far) == "violation of what was charged (sensitivity)"
    assert not suspicious("dp", 1.0, low) and not suspicious("none", 1.0, far)
    assert all(suspicious("dp", 1.0, one) for one in (less, off, far))
    assert judged("dp", 5.0, seen(found(0.1, scale=1.2)), None) == "bound under the claim"


def test_more_runs_are_the_same_audit_and_other_settings_another() -> None:
    def identity(**audit: object) -> str:
        config = config_of("dpdsyn.candidates.Independent", 1.0, 1e-6, 100)
        return Audit.of({**config, "audit": {**config["audit"], **audit}}).audit_id

    assert identity() == identity(runs=2000) == identity(canary="worst_case")
    assert identity(columns="all") == identity(columns=5) != identity()
    assert len({identity(), identity(rows=60), identity(canary="row"), identity(relation="replace")}) == 4


def test_an_audit_of_before_there_was_a_choice_of_engine_is_found() -> None:
    def identity(**parameters: object) -> str:
        return Audit.of(config_of("baselines.mst.MST", 1.0, 1e-6, 100, **parameters)).audit_id

    assert identity() == identity(engine="own") != identity(engine="mbi")


def test_the_command_audits_resumes_and_exports(dpdsyn: Dpdsyn, tmp_path: Path) -> None:
    command = ("audit", "dataset=simulated", "synthesizer=real", "audit.rows=60", "audit.columns=3", "compute.workers=1")
    first = dpdsyn(*command, "audit.runs=200")
    assert first.returncode == 0, first.stderr
    assert "NO privacy guarantee" in first.stderr.splitlines()[0] and "200 of 200 runs to do" in first.stderr
    assert "no guarantee, and none kept" in first.stdout and "simulated cut to 3 columns x 60 rows" in first.stdout
    again = dpdsyn(*command, "audit.runs=260")
    assert "60 of 260 runs to do" in again.stderr
    assert dpdsyn("export").returncode == 0
    results = tmp_path / "results"
    (read,) = read_audits(results)
    assert {row["attack"] for row in read.rows} == {"released rows", "one run, many canaries"}
    assert render([read]) == render(stored(results)) and write_audits(results, stored(results)) == results / "audits.csv"


def test_a_method_that_fails_does_not_stop_the_others(dpdsyn: Dpdsyn, toy_world: Path, tmp_path: Path) -> None:
    (tmp_path / "conf" / "synthesizer").mkdir(parents=True)
    (tmp_path / "conf" / "synthesizer" / "broken.yaml").write_text("name: broken\n_target_: builders.broken_methods.Control\n")
    path = os.pathsep.join(str(folder) for folder in (ROOT, ROOT / "tests"))
    cut = ("audit.rows=60", "audit.columns=3", "audit.runs=40", "compute.workers=1")
    command = ("-m", "--config-dir", str(tmp_path / "conf"), "dataset=simulated", "synthesizer=broken,uniform", *cut)
    run = dpdsyn("audit", *command, PYTHONPATH=path)
    assert run.returncode == 1 and "broken" in run.stderr and "failed, NotImplementedError" in run.stderr
    assert "Traceback" not in run.stderr and "| uniform" in run.stdout
    (log,) = (tmp_path / "results" / "runs" / "audits").glob("*/failed.txt")
    assert str(log) in run.stderr and log.stat().st_mode & 0o777 == 0o600
    assert "raise NotImplementedError" in log.read_text()


def test_a_claim_that_is_crossed_is_tried_with_fresh_runs(dpdsyn: Dpdsyn, tmp_path: Path) -> None:
    (tmp_path / "conf" / "synthesizer").mkdir(parents=True)
    (tmp_path / "conf" / "synthesizer" / "fixed_seed.yaml").write_text(
        "name: fixed_seed\n_target_: builders.broken_methods.FixedSeed\n"
    )
    path = os.pathsep.join(str(folder) for folder in (ROOT, ROOT / "tests"))
    cut = ("audit.rows=60", "audit.columns=3", "audit.runs=100", "compute.workers=1")
    command = ("--config-dir", str(tmp_path / "conf"), "dataset=simulated", "synthesizer=fixed_seed", *cut)
    run = dpdsyn("audit", *command, PYTHONPATH=path)
    assert run.returncode == 1 and "as many fresh runs" in run.stderr, run.stderr
    (read,) = stored(tmp_path / "results")
    assert read.verdict == "violation"
    (row,) = [row for row in read.rows if row["attack"] == "parameters"]
    assert row["lower_bound"] > 1.7 and row["fresh_lower_bound"] > 1.7 and row["fresh_runs"] == row["runs"] == 100


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("synthesizer=mst",), "no dataset is given"),
        (("dataset=simulated", "synthesizer=mst", "audit.runs=3"), "at least 40"),
        (("dataset=simulated", "synthesizer=mst", "audit.columns=99"), "audit.columns is 99; simulated has 13"),
        (("dataset=simulated", "synthesizer=mst", "audit.rows=99999999"), "training rows"),
        (("dataset=simulated", "synthesizer=mst", "audit.run=100"), "audit.run"),
        (("dataset=simulated", "synthesizer=mst", "audit.columns=some"), "audit.columns=some"),
        (("dataset=simulated", "synthesizer=mst", "audit.canary=best"), "accepted: worst_case, row"),
        (("dataset=simulated", "synthesizer=mst", "audit.relation=swap"), "accepted: add_remove, replace"),
        (("dataset=simulated", "synthesizer=mst", "audit.rows_of_canary=2"), "a person in simulated has 1 at most"),
        (("dataset=simulated", "synthesizer=mst", "privacy.epsilon=-1"), "privacy.epsilon=-1"),
        (
            ("dataset=simulated", "synthesizer=mst", "encoding=kinds"),
            "leaves domains to be learnt (encoding=kinds); take encoding=public",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(
    wrong: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from experiments.cli.main import main

    monkeypatch.setitem(os.environ, "DPDSYN_RESULTS", str(tmp_path))
    assert main(["audit", *wrong]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line and not any(tmp_path.rglob("*.npz"))
