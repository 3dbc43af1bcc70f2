"""DPDSyn as a person calls it: frames in, frames out, saved and loaded."""

from __future__ import annotations

import copy
import json
import multiprocessing
import os
import pickle
import warnings
import zipfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders.models import hashed
from randomgen import AESCounter
from sklearn.base import clone

from dpdsyn import DPDSyn, Schema, api
from dpdsyn.accounting.cautions import WeakGuaranteeWarning
from dpdsyn.accounting.guarantee import Guarantee
from dpdsyn.api import SeededNoiseWarning
from dpdsyn.base.files import FileError
from dpdsyn.private_table import PrivateTable
from dpdsyn.rows import Rows

pytestmark = pytest.mark.filterwarnings("ignore:seeded noise")
QUICK = {"hidden": 8, "steps": 20, "pretraining": 20}  # a guide, where nothing is said of what it has learnt
SCHEMA = {
    "target": "grade",
    "rows_public": 3000,
    "ignore": ["note"],
    "columns": {
        "age": {"kind": "integer", "bounds": [0, 99], "bins": 10},
        "weight": {"kind": "real", "bounds": [40, 120], "bins": 8, "missing": "own_code"},
        "member": {"kind": "categorical", "categories": [False, True]},
        "city": {"kind": "categorical", "categories": ["Ulm", "Köln"]},
        "since": {"kind": "date", "bounds": ["2000-01-01", "2019-12-31"], "bins": 10},
        "grade": {"kind": "categorical", "categories": [1, 2, 3]},
    },
}


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = 3000
    age = rng.integers(0, 100, rows)
    grade = 1 + (age > 33) + (age > 66)
    return pd.DataFrame(
        {
            "age": age,
            "weight": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(80, 12, rows)),
            "member": rng.random(rows) < 0.5,
            "city": rng.choice(["Ulm", "Köln", "elsewhere"], rows),
            "since": pd.to_datetime("2000-01-01") + pd.to_timedelta(rng.integers(0, 7000, rows), unit="D"),
            "note": "x",
            "grade": np.where(rng.random(rows) < 0.05, 1 + rng.integers(0, 3, rows), grade),
        }
    )


@pytest.fixture(scope="module")
def fitted(people: pd.DataFrame) -> DPDSyn:
    return DPDSyn(epsilon=4.0, delta=1e-6, random_state=0).fit(people, SCHEMA)


@pytest.fixture(scope="module")
def conditional(people: pd.DataFrame) -> DPDSyn:
    return DPDSyn(epsilon=4.0, candidates="class_conditional", random_state=0, guide=QUICK).fit(people, SCHEMA)


def test_rows_come_back_in_the_types_and_categories_that_went_in(fitted: DPDSyn, people: pd.DataFrame) -> None:
    rows = fitted.sample()
    assert len(rows) == 3000 and list(rows) == list(SCHEMA["columns"])
    for name in ("age", "member", "grade"):
        assert rows[name].dtype == people[name].dtype, name
    assert rows["weight"].dtype == float and rows["weight"].isna().mean() == pytest.approx(0.1, abs=0.05)
    assert set(rows["city"]) == {"Ulm", "Köln"}  # "elsewhere" was never declared, so it is never published
    assert pd.api.types.is_datetime64_any_dtype(rows["since"]) and rows["since"].between("2000-01-01", "2019-12-31").all()
    assert not fitted.sample(50).equals(fitted.sample(50)) and len(fitted.sample(0)) == 0


def test_a_model_trained_on_the_rows_predicts_all_three_classes_of_the_real_ones(fitted: DPDSyn, people: pd.DataFrame) -> None:
    from sklearn.tree import DecisionTreeClassifier

    made = fitted.sample(10_000)
    model = DecisionTreeClassifier(max_depth=4).fit(made[["age"]], made["grade"])
    assert (model.predict(people[["age"]]) == people["grade"]).mean() > 0.85
    assert made["grade"].value_counts(normalize=True).min() > 0.2


def test_the_guarantee_says_what_was_spent_and_on_whom(fitted: DPDSyn) -> None:
    guarantee = fitted.guarantee
    assert guarantee.kind == "dp" and guarantee.spent is not None and 3.9 < guarantee.spent <= 4.0
    text = str(guarantee)
    for part in ("epsilon 4, delta 1e-06", "one row", "neighbouring tables", "SampledGaussian", "GaussianCap"):
        assert part in text
    drafted = DPDSyn(guide=QUICK).fit(fitted.sample(500), {**SCHEMA, "ignore": [], "drafted": True})
    assert drafted.guarantee.kind == "none" and "NO privacy guarantee" in str(drafted.guarantee)


def test_a_guarantee_for_people_with_several_rows_is_one_of_rows_that_weigh_less(people: pd.DataFrame) -> None:
    several = people.assign(who=np.arange(len(people)) // 5)
    given: list[tuple[Rows, int]] = []

    class Noted(PrivateTable):
        def __init__(self, rows: Rows, schema: Schema, *more: Any) -> None:
            super().__init__(rows, schema, *more)
            given.append((rows, self.schema.rows_public))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "PrivateTable", Noted)
        model = DPDSyn(epsilon=4.0, guide=QUICK).fit(several, changed(person="who", max_rows_per_person=3))
    rows, shown = given[0]
    assert rows.most == 3 and len(rows.together()) == 3 * -(-len(people) // 5) and shown == SCHEMA["rows_public"] // 3
    assert model.guarantee.unit == "person" and "protects one person" in str(model.guarantee)
    assert len(model.sample()) == SCHEMA["rows_public"]


def test_what_a_fitted_object_keeps_tells_nothing_of_its_noise(people: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[np.random.Generator] = []

    class Noted(PrivateTable):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            given.append(arguments[3])
            super().__init__(*arguments, **more)

    monkeypatch.setattr(api, "PrivateTable", Noted)
    model = DPDSyn(epsilon=4.0, guide=QUICK).fit(people, SCHEMA)
    kept, noise = (generator.bit_generator for generator in (model._sampling, given[0]))
    assert isinstance(kept, AESCounter) and isinstance(noise, AESCounter)
    keys = [generator.state["s"]["seed"] for generator in (kept, noise)]
    assert not np.array_equal(*keys)
    for shipped in (pickle.dumps(model), pickle.dumps(copy.copy(model))):
        assert not any(word in shipped for word in (b"SeedSequence", b"PCG64", b"AESCounter", b"Generator"))


def test_copies_and_forks_draw_rows_of_their_own(people: pd.DataFrame) -> None:
    model = DPDSyn(epsilon=4.0, guide=QUICK).fit(people, SCHEMA)
    shipped = pickle.dumps(model)
    seen = [hashed(one) for one in (model, pickle.loads(shipped), pickle.loads(shipped), copy.deepcopy(model), copy.copy(model))]
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        seen += pool.map(hashed, [model] * 3)
    here, there = os.pipe()
    if (child := os.fork()) == 0:
        os.write(there, hashed(model).encode())
        os._exit(0)
    os.waitpid(child, 0)
    seen += [os.read(here, 64).decode(), hashed(model)]
    assert len(set(seen)) == len(seen) == 10


def test_a_seeded_copy_goes_on_as_the_seed_says(fitted: DPDSyn) -> None:
    first, second = (pickle.loads(pickle.dumps(fitted)) for _ in range(2))
    assert hashed(first) == hashed(second) and hashed(first) != hashed(pickle.loads(pickle.dumps(fitted)))


def test_a_seed_repeats_the_result_and_warns_and_no_seed_never_repeats(people: pd.DataFrame) -> None:
    def sampled(**parameters: Any) -> pd.DataFrame:
        return DPDSyn(**parameters, guide=QUICK).fit(people, SCHEMA).sample(100)

    with pytest.warns(SeededNoiseWarning, match="not private against whoever knows the seed"):
        first = sampled(random_state=7)
    assert first.equals(sampled(random_state=7)) and not first.equals(sampled(random_state=8))
    assert not sampled().equals(sampled())


def test_parameters_follow_scikit_learn(fitted: DPDSyn) -> None:
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params() and not hasattr(copy, "method_")
    assert copy.set_params(epsilon=2.0).epsilon == 2.0 and "epsilon=2.0" in repr(copy)
    with pytest.raises(ValueError, match="no parameter is called colour"):
        copy.set_params(colour=1)


@pytest.mark.parametrize("candidates", ["swift", "class_conditional", "independent", "uniform"])
def test_a_saved_model_samples_the_same_distribution(candidates: str, people: pd.DataFrame, tmp_path: Path) -> None:
    model = DPDSyn(candidates=candidates, guide=QUICK).fit(people, SCHEMA)
    model.save(tmp_path / "model.dpdsyn")
    loaded = DPDSyn.load(tmp_path / "model.dpdsyn")
    assert loaded.schema_ == model.schema_ and loaded.guarantee == model.guarantee
    assert model.noise_seeded_ is loaded.noise_seeded_ is False
    assert loaded.candidates == candidates and loaded.guide["hidden"] == 8
    encoded = model.schema_.encode(people.head(200))[:, :-1]
    assert np.array_equal(loaded.method_.guide_.predict_proba(encoded), model.method_.guide_.predict_proba(encoded))
    rows = [m.method_.sample(3000, np.random.default_rng(3)) for m in (model, loaded)]
    assert np.array_equal(*rows) and list(tmp_path.iterdir()) == [tmp_path / "model.dpdsyn"]
    assert not loaded.sample(50).equals(DPDSyn.load(tmp_path / "model.dpdsyn").sample(50))


def test_a_guarantee_survives_json_and_one_of_an_earlier_version_is_read(fitted: DPDSyn) -> None:
    raw = json.loads(json.dumps(fitted.guarantee.to_mapping()))
    assert raw["neighbouring_tables"] == "one row added or removed" and Guarantee.from_mapping(raw) == fitted.guarantee
    earlier = {key: value for key, value in raw.items() if key != "neighbouring_tables"}
    earlier |= {"adjacency": "one row added or removed", "guarantee": "claimed"}
    assert Guarantee.from_mapping(earlier) == replace(fitted.guarantee, kind="unverified")


def altered(path: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    change(parts)
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)


def test_a_file_that_was_altered_or_is_none_is_refused(fitted: DPDSyn, tmp_path: Path) -> None:
    path = tmp_path / "model.dpdsyn"
    fitted.save(path)
    assert DPDSyn.load(path).noise_seeded_ is fitted.noise_seeded_ is True

    def flip(parts: dict[str, bytes]) -> None:
        own = "state.guide.parameters.npy"
        parts[own] = parts[own][:-1] + bytes([parts[own][-1] ^ 1])

    def state_less(parts: dict[str, bytes]) -> None:
        parts["meta.npy"] = parts["meta.npy"].replace("4.0".encode("utf-32-le"), "0.1".encode("utf-32-le"))

    for change, message in (
        (flip, "has been altered"),
        (state_less, "has been altered"),
        (lambda p: p.clear(), "no saved model"),
    ):
        fitted.save(path)
        altered(path, change)
        with pytest.raises(ValueError, match=message):
            DPDSyn.load(path)
    fitted.save(path)
    content = path.read_bytes()
    for broken in (b"", b"text", content[: len(content) // 2]):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=r"model.dpdsyn is no saved model, or is damaged"):
            DPDSyn.load(path)
    for position in range(0, len(content), 151):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0x5A]) + content[position + 1 :])
        try:
            loaded = DPDSyn.load(path)
        except ValueError as error:
            assert "model.dpdsyn" in str(error)
        else:  # the byte belongs to the container, not to the content
            kept, own = (model.method_.state()["guide.parameters"] for model in (loaded, fitted))
            assert np.array_equal(kept, own)
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(ValueError, match="no saved model"):
        DPDSyn.load(tmp_path / "array.npy")
    with pytest.raises(ValueError, match="there is no file"):
        DPDSyn.load(tmp_path / "absent")


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("guide.parameters", lambda array: array * np.nan),
        ("guide.parameters", lambda array: array[1:]),
        ("odds", lambda array: array[1:]),
        ("odds", lambda array: 0 * array),
        ("odds", lambda array: array * np.inf),
        ("source.label", lambda array: -array),
        ("source.label", lambda array: np.array(["a", "b"])),
        ("source.0", lambda array: array[:, 1:]),
        ("source.0", lambda array: array * 2),
    ],
)
def test_arrays_that_do_not_fit_the_schema_are_refused(conditional: DPDSyn, key: str, change: Callable[[Any], Any]) -> None:
    state = conditional.method_.state()
    with pytest.raises(ValueError, match=r"do(es)? not fit"):
        conditional._method().restore(conditional.schema_, state | {key: change(state[key])})


def changed(**change: Any) -> dict:
    return {**SCHEMA, **change}


@pytest.mark.parametrize(
    ("parameters", "schema", "frame", "message"),
    [
        ({"epsilon": 0}, SCHEMA, None, "epsilon is 0"),
        ({"epsilon": float("nan")}, SCHEMA, None, "epsilon is nan"),
        ({"delta": 1}, SCHEMA, None, "delta is 1"),
        ({"target": "nobody"}, changed(target=None), None, "target 'nobody' is not a column"),
        ({"target": "city"}, SCHEMA, None, "target is 'grade', and target='city' says otherwise"),
        ({}, changed(target=None), None, "no target"),
        ({"candidates": "mts"}, SCHEMA, None, "no synthesizer is called 'mts'"),
        ({"candidate_share": 2}, SCHEMA, None, "candidate_share is 2"),
        ({"candidate_share": "half"}, SCHEMA, None, "candidate_share is 'half'"),
        ({"epsilon": 1e-9}, SCHEMA, None, "epsilon is 1e-09 and delta 1e-06: no amount of noise"),
        ({"other_targets": "city"}, SCHEMA, None, "other_targets is 'city'; a list"),
        ({"guide": 3}, SCHEMA, None, "guide is 3; settings by name"),
        ({"labels": "best"}, SCHEMA, None, "labels is 'best'"),
        ({"guide": {"units": 3}}, SCHEMA, None, "no setting units"),
        ({"random_state": -1}, SCHEMA, None, "random_state is -1"),
        ({}, {"rows_public": 3}, None, "lacks columns"),
        ({}, {"columns": 3}, None, "`columns` is a mapping"),
        ({}, "absent.yaml", None, "absent.yaml: cannot be read"),
        (
            {},
            SCHEMA,
            {"age": [1]},
            "a pandas DataFrame, a table of polars or Arrow, or the path of a Parquet file is needed; given is a dict",
        ),
        ({}, SCHEMA, lambda f: f.head(0), "0 rows can be used; at least two"),
        ({}, SCHEMA, lambda f: f.head(1), "1 rows can be used; at least two"),
        ({}, SCHEMA, lambda f: f.drop(columns="age"), "lack the column 'age'"),
        ({}, SCHEMA, lambda f: f.assign(age="old"), r"column 'age', row 1: a cell is not a number, .* \(3,000 such cells\)"),
        ({}, SCHEMA, lambda f: f.assign(city=[["a"]] * len(f)), "column 'city', row 1: a cell is no single value but a list"),
        ({}, SCHEMA, lambda f: f.assign(grade=np.nan), "column 'grade': 3000 missing cells"),
        ({}, SCHEMA, lambda f: f.assign(grade=9), "column 'grade', row 1: a cell is not among its categories"),
        ({}, SCHEMA, lambda f: pd.concat([f, f], axis=1), "columns of the same name"),
    ],
)
def test_what_cannot_be_meant_is_refused(parameters: dict, schema: Any, frame: Any, message: str, people: pd.DataFrame) -> None:
    given = people if frame is None else frame(people) if callable(frame) else frame
    with pytest.raises(ValueError, match=message):
        DPDSyn(**parameters).fit(given, schema)


def test_nothing_can_be_asked_of_what_was_not_fitted_nor_what_cannot_be(fitted: DPDSyn) -> None:
    for ask in (lambda m: m.sample(3), lambda m: m.guarantee, lambda m: m.save("x")):
        with pytest.raises(ValueError, match="has not been fitted"):
            ask(DPDSyn())
    with pytest.raises(FileError, match=r"cannot write /nowhere/model.dpdsyn \(No such file or directory\)"):
        fitted.save("/nowhere/model.dpdsyn")
    for n in (-1, 1.5, "many", True):
        with pytest.raises(ValueError, match="a whole number of at least 0"):
            fitted.sample(n)  # type: ignore[arg-type]


def test_one_row_of_a_person_is_used_and_said(people: pd.DataFrame) -> None:
    schema = changed(person="who", max_rows_per_person=1)
    model = DPDSyn(guide=QUICK).fit(people.assign(who=np.arange(len(people)) // 3), schema)
    assert model.guarantee.unit == "person" and "one person" in str(model.guarantee)
    with pytest.raises(ValueError, match="1 rows can be used"):
        DPDSyn().fit(people.assign(who="the same"), schema)


def test_schemas_survive_the_way_through_json() -> None:
    schema = Schema.from_mapping(changed(person="who", max_rows_per_person=1, groups=["city"], drafted=True))
    assert Schema.from_mapping(json.loads(json.dumps(schema.to_mapping()))) == schema
    cut = {"kind": "categorical", "categories": ["low", "high"], "cut_at": [3.5]}
    other = Schema.from_mapping({"rows_public": 5, "columns": {"a": cut, "b": {"kind": "categorical", "categories": [1.5, "x"]}}})
    assert Schema.from_mapping(json.loads(json.dumps(other.to_mapping()))) == other


def test_without_preflight_no_row_raises_and_an_empty_table_is_learnt_from(people: pd.DataFrame) -> None:
    wild = people.head(50).astype(object)
    wild.loc[3:7, "age"] = ["old", None, b"\xff", pd.NaT, 2**70]
    wild.loc[3:9, "grade"] = ["best", None, True, [1], "2", 3.0, np.datetime64("NaT")]
    wild.loc[0:2, "since"] = ["someday", 5, {"a": 1}]
    with pytest.raises(ValueError, match=r"column 'age'.*also column 'since'.*also column 'grade'"):
        DPDSyn().fit(wild, SCHEMA)
    for table in (wild, people.head(1), people.head(0)):
        model = DPDSyn(guide=QUICK).fit(table, SCHEMA, preflight=False)
        assert model.guarantee.kind == "dp" and set(model.sample(200)["grade"]) <= {1, 2, 3}


@pytest.mark.parametrize(
    ("budget", "message"), [({"delta": 0.5}, "not below 1/3,000"), ({"epsilon": 12.0}, "epsilon 12 is above")]
)
def test_a_budget_that_promises_little_warns(budget: dict, message: str, people: pd.DataFrame) -> None:
    with pytest.warns(WeakGuaranteeWarning, match=message):
        DPDSyn(**budget, guide=QUICK).fit(people.head(20), SCHEMA)


def test_a_sound_budget_does_not_warn(people: pd.DataFrame) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", WeakGuaranteeWarning)
        DPDSyn(guide=QUICK).fit(people.head(20), SCHEMA)


def test_no_warning_tells_of_a_number_that_one_row_has(people: pd.DataFrame) -> None:
    told = []
    for cell in ("40", "1e4000"):
        ages = people["age"].astype(np.longdouble)
        ages.iloc[0] = np.longdouble(cell)
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            DPDSyn(random_state=0, guide=QUICK).fit(people.assign(age=ages), SCHEMA, preflight=False)
        told.append([str(warning.message) for warning in found])
    assert told[0] == told[1]
