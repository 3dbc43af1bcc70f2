"""Types of categories are kept by save and load, dtypes of samples do not drift, and a saved model is the one that was fitted."""

from __future__ import annotations

import copy
import datetime as dt
import json
import os
import pickle
import warnings
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpdsyn import DPDSyn
from dpdsyn.base.checks import InputError
from dpdsyn.base.typed_json import plain, typed
from dpdsyn.schema import Schema

GUIDE = {"hidden": 4, "steps": 5}
DAYS = [dt.date(2024, 1, 1), dt.date(2024, 2, 1)]
KINDS: dict[str, list[Any]] = {
    "numpy integers": list(np.unique([1, 2, 3])),
    "numpy booleans": list(np.unique([True, False])),
    "numpy floats": [np.float32(0.5), np.float32(1.5)],
    "dates": DAYS,
    "Timestamps": list(pd.to_datetime(["2024-01-01 00:00", "2024-02-01 12:30"])),
    "in a zone": list(pd.to_datetime(["2024-01-01 23:30", "2024-07-01 00:00"]).tz_localize(ZoneInfo("America/New_York"))),
    "moments": [dt.datetime(2024, 1, 1, 3, 4, 5, 6), dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=-5)))],
    "durations": [dt.timedelta(days=1, microseconds=3), pd.Timedelta("2h")],
    "numpy moments": [np.datetime64("2024-01-01"), np.timedelta64(3, "h")],
    "decimals": [Decimal("1.50"), Decimal("2")],
    "several": [1, 2.5, "3+", dt.time(12, 30), b"x", UUID(int=7), 2**70],
}


@pytest.mark.parametrize("kind", KINDS)
def test_values_come_back_in_their_types(kind: str) -> None:
    there = typed(json.loads(json.dumps(plain({"x": KINDS[kind]}, "model"))))["x"]
    assert there == KINDS[kind] and [type(value) for value in there] == [type(value) for value in KINDS[kind]]
    zones = [(getattr(value, "tzinfo", None), getattr(value, "unit", None)) for value in KINDS[kind]]
    assert [(getattr(value, "tzinfo", None), getattr(value, "unit", None)) for value in there] == zones


SINGLE = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.dates()
NESTED = st.recursive(
    SINGLE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8
)


@settings(max_examples=30)
@given(NESTED)
def test_any_nesting_comes_back(value: Any) -> None:
    assert typed(json.loads(json.dumps(plain(value, "model")))) == value


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize("value", [Colour.RED, pd.Period("2024-01"), pd.Interval(0, 1), 1j, {1, 2}, object()])
def test_a_value_that_would_not_come_back_is_refused_in_one_line(value: Any) -> None:
    with pytest.raises(
        InputError, match=r"model, x: .* which a saved model cannot keep; kept are .* Give its text instead"
    ) as refused:
        plain({"x": [value]}, "model")
    assert "\n" not in str(refused.value)


def made(categories: list[Any], **parameters: Any) -> DPDSyn:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"x": pd.Series([categories[i % len(categories)] for i in range(200)], dtype=object)})
    rows["y"] = rng.choice(["no", "yes"], len(rows))
    columns = {"x": {"kind": "categorical", "categories": categories}, "y": {"kind": "categorical", "categories": ["no", "yes"]}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = DPDSyn(epsilon=5, candidates="class_conditional", guide=GUIDE, **parameters)
        return model.fit(rows, {"target": "y", "rows_public": 200, "columns": columns})


@pytest.mark.parametrize("kind", ["numpy booleans", "dates", "Timestamps", "several"])
def test_a_loaded_model_samples_the_types_of_the_one_that_was_saved(kind: str, tmp_path: Path) -> None:
    model = made(KINDS[kind])
    model.save(tmp_path / "m")
    before, after = model.sample(100)["x"], DPDSyn.load(tmp_path / "m").sample(100)["x"]
    assert before.dtype == after.dtype and set(map(type, before)) == set(map(type, after)) and set(after) <= set(KINDS[kind])


def test_what_is_set_after_a_fit_is_for_the_next_one(tmp_path: Path) -> None:
    model = made(["a", "b"], labels="sample")
    model.set_params(epsilon=7.0, candidates="mst", candidate_share=0.5, labels="argmax", other_targets=["x"], guide=None)
    model.save(tmp_path / "m")
    loaded = DPDSyn.load(tmp_path / "m")
    assert (loaded.epsilon, loaded.candidates, loaded.labels, list(loaded.other_targets)) == (
        5,
        "class_conditional",
        "sample",
        [],
    )
    assert loaded.guarantee == model.guarantee and loaded.guarantee.epsilon == 5 and len(loaded.sample(20)) == 20
    DPDSyn.load(tmp_path / "m").save(tmp_path / "again")
    assert DPDSyn.load(tmp_path / "again").candidate_share == loaded.candidate_share


def test_a_seed_that_is_set_after_a_fit_makes_no_twins() -> None:
    model = made(["a", "b", "c"])
    model.set_params(random_state=1)
    drawn = [
        one.sample(200).to_csv() for one in (model, copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model)))
    ]
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        with os.fdopen(writing, "w") as pipe:
            pipe.write(model.sample(200).to_csv())
        os._exit(0)
    os.close(writing)
    drawn.append(model.sample(200).to_csv())
    with os.fdopen(reading) as pipe:
        drawn.append(pipe.read())
    os.waitpid(child, 0)
    assert len(set(drawn)) == len(drawn) == 6


def test_types_of_a_sample_follow_from_the_schema_and_not_from_the_draw() -> None:
    own, many = {"missing": "own_code"}, [*KINDS.items()]
    columns: dict[str, Any] = {name: {"kind": "categorical", "categories": values, **own} for name, values in many}
    columns |= {f"{name}, no rule": {"kind": "categorical", "categories": values} for name, values in many}
    columns |= {"learnt": {"kind": "categorical", "categories": [1, 2], "emit_other": True}}
    columns |= {kind: {"kind": kind, "bounds": [0, 9], "bins": 3, **own} for kind in ("integer", "real")}
    date = {"kind": "date", "bounds": ["2020-01-01", "2021-01-01"], "bins": 3, **own}
    schema = Schema.from_mapping({"rows_public": 9, "columns": {**columns, "date": date, "text": {**date, "format": "%d.%m.%Y"}}})
    rng = np.random.default_rng(0)

    def dtypes(codes: list[np.ndarray]) -> pd.Series:
        return schema.decode(np.stack(codes, axis=1).astype(np.int64), rng).dtypes

    published = [column.size - (column.other and not column.emit_other) for column in schema.columns]
    usual = dtypes([np.arange(500) % size for size in published])
    for codes in ([np.arange(0)] * len(published), [np.zeros(3)] * len(published), [np.full(3, size - 1) for size in published]):
        assert dtypes(codes).equals(usual)
