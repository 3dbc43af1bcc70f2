"""Every synthesizer of the configuration against the contract, and the contract against synthesizers that break it."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from builders.uncompiled_mbi import without_compiling

from dpdsyn import contract
from dpdsyn.accounting.spends import Gaussian
from dpdsyn.base.checks import InputError
from dpdsyn.candidates import Independent, uniform_rows
from dpdsyn.contract import check
from dpdsyn.private_table import PrivateTable
from dpdsyn.synthesizer import Synthesizer, find, load
from experiments.cli.check import hold
from experiments.configuration import options, read_option

GIVEN_AWAY = (
    "dpdsyn_as_published",
    "majority",
    "rdp_gan_as_published",
    "real",
    "real_encoded",
)  # no guarantee, so that little can be held to it
FEW = (
    *(("epochs", 2), ("rounds", 5), ("iterations", 10), ("last_iterations", 10), ("threshold_rounds", 2), ("offered", 9)),
    *(("hidden", 16), ("width", 16), ("parts", 32), ("inputs", 8), ("features", 100)),
)
QUICK = ("dpdsyn", "swift", "independent", *GIVEN_AWAY)  # whose contract is among the quick tests
OURS = [name for name in options("synthesizer") if "package" not in read_option("synthesizer", name)]  # others: test_isolated


def is_another_in_numbers_alone(name: str) -> bool:
    """Whether it is a tuned method that runs the code of the one that it was tuned from."""
    if not name.endswith("_tuned"):
        return False
    one, tuned = read_option("synthesizer", name.removesuffix("_tuned")), read_option("synthesizer", name)
    differ = [key for key in {*one, *tuned} - {"name", "about"} if one.get(key) != tuned.get(key)]
    return all(isinstance(settings.get(key), int | float) for key in differ for settings in (one, tuned))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name not in QUICK else [])
        for name in OURS
        if not is_another_in_numbers_alone(name)
    ],
)
def test_every_method_keeps_the_contract(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small networks and few steps, for all are alike, and so many fits that noise is seen which is off by a sixth."""
    monkeypatch.setattr(contract, "_FITS", (4, 12))
    if name.startswith("pgm_"):
        without_compiling(monkeypatch)
    option = read_option("synthesizer", name)
    kind = load(option["_target_"])
    parameters = {key: value for key, value in option.items() if key not in ("name", "_target_", "about")}
    if "guide" in parameters:  # every step is recomputed row by row
        short = 4 if parameters["guide"]["module"] else 20
        parameters["guide"] |= {"steps": short} | ({"pretraining": short} if parameters["guide"]["pretraining"] else {})
    if "classifier" in parameters:
        parameters["classifier"] = {**(parameters["classifier"] or {}), "steps": 20}
    parameters |= {name: min(most, parameters[name]) for name, most in FEW if parameters.get(name)}
    requirements = {name for name, _ in contract._REQUIREMENTS} - {contract.MECHANISMS}  # which are no method's
    found = list(contract.outcomes(lambda: kind(**parameters), requirements))
    assert {outcome.requirement: outcome.fault for outcome in found if outcome.fault} == {}
    untried = {outcome.requirement for outcome in found if outcome.untried}
    assert untried == (set() if name not in GIVEN_AWAY else {contract.BLIND, contract.LEARNT, contract.PLAN, contract.NOISE})


@pytest.mark.slow
def test_class_conditional_candidates_keep_the_contract() -> None:
    assert {name: fault for name, fault in check(find("class_conditional")) if fault} == {}


class Overspends(Independent):
    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Overspends:
        super().fit(private, rng)
        private.noisy_marginals([("age",)], [0.01])
        return self


class UsesGlobalRandomness(Independent):
    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        np.random.random()  # noqa: NPY002
        return super().sample(n, rng)


class OutsideTheDomain(Independent):
    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return super().sample(n, rng) + 1


class KeepsTheTable(Independent):
    def fit(self, private: PrivateTable, rng: np.random.Generator) -> KeepsTheTable:
        self.private_ = private
        super().fit(private, rng)
        return self


class Unrepeatable(Independent):
    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return super().sample(n, np.random.default_rng())


class ClipsTooLittle(Synthesizer):
    spends: ClassVar = "zcdp"

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> ClipsTooLittle:
        from dpdsyn.accounting.spends import SampledGaussian

        noise = private.ledger.open_calibrated(lambda scale: [SampledGaussian(0.5, scale)])
        private.noisy_sum(lambda batch, clip: np.array([2 * clip * len(batch)]), 0.5, noise, 1.0)
        self.schema_ = private.schema
        return self

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return uniform_rows(self.schema_, n, rng)


class UnderstatesItsScore(Independent):
    """The score moves by 2 with a row, half of which is stated."""

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> UnderstatesItsScore:
        private.ledger.cap()
        private.select([("age",), ("label",)], lambda counts, _: 2 * counts.sum(), sensitivity=1.0, epsilon=0.1)
        self.marginals_ = [np.full(size, 1 / size) for size in private.schema.sizes]
        return self


class PeeksFirst(Independent):
    """What is asked first depends on a row that came through no mechanism."""

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> PeeksFirst:
        rows = private._PrivateTable__rows.together()  # type: ignore[attr-defined]
        scale = private.ledger.open_calibrated(lambda noise: [Gaussian(noise)])
        private.noisy_marginals([("age",) if len(rows) % 2 else ("label",)], [scale])
        self.marginals_ = [np.full(size, 1 / size) for size in private.schema.sizes]
        return self


class DrawsByRows(Independent):
    """What is drawn before the first mechanism depends on a row."""

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> DrawsByRows:
        rng.random(len(private._PrivateTable__rows.together()))  # type: ignore[attr-defined]
        super().fit(private, rng)
        return self


class PlansByTheDomain(Independent):
    """More is spent on rows that are sampled, and less on counts, the more columns there are."""

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> PlansByTheDomain:
        from dpdsyn.accounting.spends import SampledGaussian

        steps = len(private.schema.columns)
        noise = private.ledger.open_calibrated(lambda scale: [SampledGaussian(0.1, scale, steps)])
        for _ in range(steps):
            private.noisy_sum(lambda batch, clip: np.array([clip * len(batch)]), 0.1, noise, 1.0)
        self.marginals_ = [np.full(size, 1 / size) for size in private.schema.sizes]
        return self


class FailsOnManyCodes(Independent):
    def fit(self, private: PrivateTable, rng: np.random.Generator) -> FailsOnManyCodes:
        if max(private.schema.sizes) > 30:
            raise ValueError("so many codes")
        super().fit(private, rng)
        return self


class Renames(Independent):
    def __init__(self, strength: float = 1.0) -> None:
        self.strength = strength * 2


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (Overspends, "BudgetExceeded"),
        (UsesGlobalRandomness, "global random state"),
        (OutsideTheDomain, "outside the schema's domain"),
        (KeepsTheTable, "keeps the private table in private_"),
        (Unrepeatable, "two different tables"),
        (ClipsTooLittle, "ClippingError"),
        (Renames, "stored as 2.0"),
        (UnderstatesItsScore, "moves select by 2; 1 was charged for"),
        (PeeksFirst, "came through no mechanism"),
        (DrawsByRows, "came through no mechanism"),
        (PlansByTheDomain, "with other columns [SampledGaussian(rate=0.1"),
        (FailsOnManyCodes, "so many codes"),
    ],
)
def test_a_broken_method_is_told_what_is_wrong(kind: type[Synthesizer], fault: str) -> None:
    assert any(fault in (found or "") for _, found in check(kind))


def test_the_command_tells_what_is_sound_what_is_broken_and_what_was_not_tried(capsys: pytest.CaptureFixture[str]) -> None:
    assert hold(Namespace(target="baselines.references:Real")) == 0
    told = capsys.readouterr().out
    assert f"-      {contract.BLIND}: not tried, rows are left unprotected (the training rows" in told
    assert f"ok     {contract.MECHANISMS}\n" in told and "BROKEN" not in told
    assert hold(Namespace(target=f"{__name__}:OutsideTheDomain")) == 1
    assert "BROKEN samples lie in the domain" in capsys.readouterr().out


@pytest.mark.parametrize("target", ["nowhere:Nothing", "dpdsyn.schema:Schema", "dpdsyn.method", "baselines.mst:Mst", ":", ""])
def test_a_name_that_is_no_synthesizer_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match=r"cannot load|not a subclass"):
        load(target)
    with pytest.raises(ValueError, match=r"there are .*independent.*mst"):
        find("nothing")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import nothing_of_that_name\n", r"No module named 'nothing_of_that_name'.*mine_1.py, line 1"),
        ("def broken(:\n", r"mine_1.py, line 1"),
        ("x = 1\nraise RuntimeError('no licence')\n", r"no licence.*RuntimeError in .*mine_1.py, line 2"),
        ("", r"mine_1 has no Method.*give MODULE:CLASS"),
    ],
)
def test_a_module_that_cannot_be_imported_is_told_from_one_that_is_not_there(
    source: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_1.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mine_1", raising=False)
    with pytest.raises(InputError, match=said):
        load("mine_1:Method")
