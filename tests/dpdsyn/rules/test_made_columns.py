"""Columns that no method reads: ids made anew, and constants."""

from __future__ import annotations

import copy
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders.any_codes import AnyCodes

from dpdsyn import Schema
from dpdsyn.base.checks import InputError
from dpdsyn.reading.column import SchemaError
from dpdsyn.release import Release
from dpdsyn.rules.conditions import Conditions
from dpdsyn.rules.published_rows import PublishedRows

OTHERS = {"a": {"kind": "integer", "bounds": [0, 9], "bins": 2}, "b": {"kind": "categorical", "categories": ["x", "y"]}}


def schema(spec: Any, **more: Any) -> Schema:
    columns = {"a": OTHERS["a"], "made": spec, "b": OTHERS["b"]}
    return Schema.from_mapping({"rows_public": 10, "columns": columns, **more})


@pytest.mark.parametrize(
    ("spec", "pattern"),
    [
        ({"kind": "id"}, r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        ({"kind": "id", "pattern": "uuid"}, r"[0-9a-f-]{36}"),
        ({"kind": "id", "pattern": "C{:07d}"}, r"C\d{7}"),
        ({"kind": "id", "pattern": "no. {} of 2024"}, r"no\. \d+ of 2024"),
        ({"kind": "id", "pattern": "P-{uuid}"}, r"P-[0-9a-f-]{36}"),
        ({"kind": "id", "pattern": "{}"}, r"\d+"),
    ],
)
def test_ids_are_new_and_unique_over_all_samples(spec: Any, pattern: str) -> None:
    own, rng = schema(spec), np.random.default_rng(0)
    assert Schema.from_mapping(own.to_mapping()) == own
    published = PublishedRows.of(AnyCodes(own), own, rng)
    frame = pd.concat([published.sample(n, Conditions(), rng) for n in (40, 0, 60)])
    assert list(frame) == ["a", "made", "b"] and frame["made"].is_unique
    assert all(re.fullmatch(pattern, str(cell)) for cell in frame["made"])


def test_no_two_samples_of_a_model_have_ids_in_common_unless_a_seed_makes_them(tmp_path: Path) -> None:
    own = schema({"kind": "id", "pattern": "C{:04d}"}, target="b")
    frame = pd.DataFrame({"a": [1, 2] * 20, "b": ["x", "y"] * 20})
    model = Release("dpdsyn.candidates:Independent", {}).fit(frame, own, preflight=False)
    model.save(tmp_path / "m")
    shallow, deep, pickled = copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))
    models = [model, shallow, deep, pickled, Release.load(tmp_path / "m"), Release.load(tmp_path / "m"), model]
    seeded = [Release.load(tmp_path / "m", random_state=seed) for seed in (1, 2, 1)]
    samples = [one.sample(30)["made"] for one in (*models, *seeded)]
    assert samples[0].iloc[0] == "C0001" and samples[6].iloc[0] == "C0031", "the model itself counts on"
    assert pd.concat(samples[:-1]).is_unique and list(samples[-1]) == list(samples[-3])
    assert list(models[4].sample(2, first_id=7)["made"]) == ["C0007", "C0008"] and list(models[4].sample(1)["made"]) == ["C0009"]
    for first, rows in ((-1, 2), (2**63 - 2, 2), (2**63, 0), (1.5, 2), (5, 2**63)):
        with pytest.raises(InputError, match="first_id"):
            model.sample(rows, first_id=first)  # type: ignore[arg-type]
    assert list(model.sample(2, first_id=2**63 - 3)["made"]) == [f"C{2**63 - 3}", f"C{2**63 - 2}"]
    with pytest.raises(InputError, match="first_id is 9223372036854775807"):
        model.sample(2)


@pytest.mark.parametrize("value", ["DE", 3, 2.5, True, None])
def test_constants_come_out_as_they_are_stated(value: Any) -> None:
    own, rng = schema({"constant": value}), np.random.default_rng(0)
    cells = PublishedRows.of(AnyCodes(own), own, rng).sample(5, Conditions(), rng)["made"].tolist()
    assert cells == [value] * 5 if value is not None else all(pd.isna(cell) for cell in cells)


def test_cells_of_such_columns_are_never_read() -> None:
    own = schema({"kind": "id"}, person="made", max_rows_per_person=1)  # whose row it is may be such a column
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "made": ["p", "q"]})
    assert own.encode(frame).tolist() == own.encode(frame.assign(made=[[1], {}])).tolist() == [[0, 0], [0, 1]]
    plain = schema({"kind": "id"})
    assert plain.encode(frame.drop(columns="made")).tolist() == [[0, 0], [0, 1]]  # which the data need not have


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"kind": "id", "pattern": "C{:07x}"}, "pattern is 'C{:07x}'; accepted with `kind: id`: uuid"),
        ({"kind": "id", "pattern": "C{0.__class__}"}, "accepted with `kind: id`"),
        ({"kind": "id", "pattern": "{}{}"}, "accepted with `kind: id`"),
        ({"kind": "id", "pattern": "no number"}, "accepted with `kind: id`"),
        ({"kind": "id", "bins": 3}, "unknown key bins"),
        ({"kind": "integer", "constant": 3}, "a constant has no kind and no pattern"),
        ({"kind": "integer", "pattern": "{}"}, "accepted with `kind: id`"),
        ({"constant": [1]}, r"constant is \[1\]"),
    ],
)
def test_what_is_refused(spec: Any, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        schema(spec)
    with pytest.raises(SchemaError, match="target 'made' is made anew"):
        schema({"kind": "id"}, target="made")
