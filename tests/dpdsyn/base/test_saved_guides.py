"""Guides as parameters, saved and loaded: settings, classes by name, classes that a file must not name."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders import torch_modules as modules
from sklearn.base import clone

from dpdsyn import DPDSyn, api
from dpdsyn.base.checks import InputError
from dpdsyn.crosses import Crosses
from dpdsyn.guide import PRETRAINED, GuideSettings
from dpdsyn.guides.module_guide import ModuleGuide

SCHEMA = {
    "target": "ill",
    "rows_public": 400,
    "columns": {
        "colour": {"kind": "categorical", "categories": ["red", "green", "blue"]},
        "age": {"kind": "integer", "bounds": [0, 99], "bins": 5},
        "ward": {"kind": "categorical", "categories": ["north", "south"]},
        "ill": {"kind": "categorical", "categories": ["no", "yes"]},
    },
}
CROSSES = "dpdsyn.crosses:Crosses"
QUICK = {"steps": 5, "pretraining": 10}
SMALL = {"width": 3, "hidden": 3}


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    age = rng.integers(0, 100, 400)
    ill = np.where((age > 60) ^ (rng.random(400) < 0.1), "yes", "no")
    return pd.DataFrame(
        {"colour": rng.choice(["red", "green", "blue"], 400), "age": age, "ward": rng.choice(["north", "south"], 400), "ill": ill}
    )


def fitted(people: pd.DataFrame, guide: Any, **parameters: Any) -> DPDSyn:
    return DPDSyn(epsilon=4.0, candidates="class_conditional", guide=guide, **parameters).fit(people, SCHEMA)


def assert_alike(one: DPDSyn, other: DPDSyn) -> None:
    """The same guide, the same odds, the same rows from the same generator."""
    features = one.method_.source_.sample(300, np.random.default_rng(1))[:, one.schema_.positions(one.method_.guide_.features)]
    for ask in ("predict_all", "corrected"):
        for a, b in zip(getattr(one.method_.guide_, ask)(features), getattr(other.method_.guide_, ask)(features), strict=True):
            assert np.array_equal(a, b)
    rows = [model.method_.sample(500, np.random.default_rng(2)) for model in (one, other)]
    assert np.array_equal(*rows)


@pytest.mark.parametrize("labels", ["calibrated", "sample", "argmax", "toward_shares"])
@pytest.mark.parametrize(
    "guide",
    [
        None,
        {**QUICK, "hidden": 0},
        GuideSettings(**QUICK),
        {**QUICK, "module": CROSSES, "options": SMALL},
        {**QUICK, "module": Crosses, "options": SMALL},
    ],
    ids=["defaults", "built-in", "settings", "by name", "a class"],
)
def test_a_guide_of_ours_comes_back_by_itself(guide: Any, labels: str, people: pd.DataFrame, tmp_path: Path) -> None:
    model = fitted(people, guide, labels=labels, other_targets=["ward"])
    model.save(tmp_path / "model")
    loaded = DPDSyn.load(tmp_path / "model")
    assert_alike(model, loaded)
    assert loaded.labels == labels and loaded.method_.guide_.settings.to_mapping() == model.method_.guide_.settings.to_mapping()
    loaded.save(tmp_path / "again")
    assert_alike(model, DPDSyn.load(tmp_path / "again"))


def test_what_else_a_module_draws_comes_back_with_it(people: pd.DataFrame, tmp_path: Path) -> None:
    """Constants of one's own class, which the file does not name to anybody: whoever loads gives the class."""
    model = fitted(people, {**QUICK, "module": modules.WithConstants})
    assert model.method_.guide_.constants_
    model.save(tmp_path / "model")
    told = r"has a guide of builders.torch_modules:WithConstants: give that class, load\(path, guide=...\)"
    with pytest.raises(InputError, match=told):
        DPDSyn.load(tmp_path / "model")
    loaded = DPDSyn.load(tmp_path / "model", guide=modules.WithConstants)
    assert_alike(model, loaded)
    loaded.save(tmp_path / "again")
    assert_alike(model, DPDSyn.load(tmp_path / "again", guide=modules.WithConstants))
    for wrong in (modules.Plain, Crosses):
        with pytest.raises(ValueError, match="does not fit its schema and"):
            DPDSyn.load(tmp_path / "model", guide=wrong)
    for no_class in ("os:system", 3, np.ndarray):
        with pytest.raises(ValueError, match=r"no class of torch.nn.Module|MODULE:CLASS is needed"):
            DPDSyn.load(tmp_path / "model", guide=no_class)


def test_a_name_in_a_file_is_not_imported_unless_it_is_ours(
    people: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is anything of ours called that is no module."""
    (tmp_path / "somebodys.py").write_text("raise SystemExit('code of a file was run')\n")
    monkeypatch.syspath_prepend(tmp_path)
    model = fitted(people, {**QUICK, "module": CROSSES, "options": SMALL})
    whole, named = api.saved.write, [""]

    def forged(path: Path, meta: dict[str, Any], arrays: Any) -> None:
        meta["parameters"]["guide"]["module"] = named[0]
        whole(path, meta, arrays)

    monkeypatch.setattr("dpdsyn.api.saved.write", forged)
    for name, told in (
        ("somebodys:Net", "has a guide of somebodys:Net: give that class"),
        ("os:system", "has a guide of os:system: give that class"),
        ("dpdsyn_elsewhere:Net", "has a guide of dpdsyn_elsewhere:Net: give that class"),
        ("dpdsyn.api:DPDSyn", "no class of torch.nn.Module"),
        ("dpdsyn.base.files:write_whole", "no class of torch.nn.Module"),
        ("dpdsyn.absent:Net", "cannot be imported"),
        (["dpdsyn.crosses"], "give that class"),
    ):
        named[:] = [name]
        model.save(tmp_path / "model")
        with pytest.raises(ValueError, match=told):
            DPDSyn.load(tmp_path / "model")


def test_what_has_no_name_is_refused_when_it_is_saved_and_nothing_is_written(people: pd.DataFrame, tmp_path: Path) -> None:
    class Local(modules.Plain):
        pass

    for nameless in (lambda sizes, classes: modules.Plain(sizes, classes), Local):
        model = fitted(people, {**QUICK, "module": nameless})
        assert len(model.sample(20)) == 20
        with pytest.raises(InputError, match="cannot be found again by its name"):
            model.save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_class_is_a_parameter_like_any_other(people: pd.DataFrame) -> None:
    model = DPDSyn(guide=Crosses)
    assert model.get_params()["guide"] is Crosses and "guide=<class 'dpdsyn.crosses.Crosses'>" in repr(model)
    copy = clone(model)
    assert copy.guide is Crosses and copy.get_params() == model.get_params()
    assert copy.set_params(guide={"module": modules.Plain, **QUICK}).guide["module"] is modules.Plain
    assert clone(copy).guide == copy.guide and pickle.loads(pickle.dumps(copy)).guide == copy.guide
    settings = DPDSyn(guide=Crosses)._method()._settings()
    assert settings == GuideSettings.of({"module": Crosses}, PRETRAINED) and settings.pretraining == PRETRAINED.pretraining
    bare = DPDSyn(candidates="independent", guide=Crosses)._method()._settings()  # which teaches nothing of labels
    assert bare == GuideSettings(module=Crosses)
    made = copy.set_params(candidates="class_conditional").fit(people, SCHEMA)
    assert isinstance(made.method_.guide_, ModuleGuide) and made.method_.guide_._make is modules.Plain
    assert made.guarantee.kind == "dp" and made.guarantee.spent <= 1.0


def test_a_module_that_cannot_be_a_guide_is_refused_before_anything_is_spent(people: pd.DataFrame) -> None:
    model = DPDSyn(candidates="class_conditional", guide=modules.Batched)
    with pytest.raises(ValueError, match=r"Batched cannot be a guide: .*BatchNorm1d"):
        model.fit(people, SCHEMA)
    assert not hasattr(model, "method_") and not hasattr(model, "guarantee_")


def test_a_copy_of_a_fitted_model_with_a_module_draws_as_it_does(people: pd.DataFrame) -> None:
    model = fitted(people, {**QUICK, "module": Crosses, "options": SMALL})
    assert_alike(model, pickle.loads(pickle.dumps(model)))
