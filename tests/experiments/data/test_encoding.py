"""Rows as they were read, and what an encoding leaves of a schema."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from dpdsyn.base.checks import InputError
from dpdsyn.learning.domain_learning import DomainLearning
from dpdsyn.schema import Schema
from experiments.configuration import options, read_option
from experiments.data import datasets
from experiments.data.datasets import load
from experiments.data.description import description, named
from experiments.data.encoding import Encoding
from experiments.data.fetch import present

PUBLIC, KINDS, LEARNED = (read_option("encoding", name) for name in ("public", "kinds", "learned"))


@pytest.fixture
def toy(toy_world: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    monkeypatch.setenv("DPDSYN_DATA", str(toy_world / "data"))
    return yaml.safe_load((toy_world / "conf" / "dataset" / "toy.yaml").read_text())


def test_rows_as_they_were_read_stand_in_the_order_of_the_encoded_ones(toy: dict) -> None:
    person = {"derive": {"who": {"join": ["colour", "age"]}}}
    schema = {**toy["schema"], "person": "who", "max_rows_per_person": 3, "rows_public": 300}
    for raw in (toy, {**toy, **person, "schema": schema}):
        split = load(description(raw), 2, frames=True)
        assert split.sizes == (len(split.train), len(split.test))
        for encoded, frame in ((split.train, split.train_frame), (split.test, split.test_frame)):
            assert np.array_equal(split.schema.encode(frame), encoded)
            assert list(frame.index) == list(range(len(frame))) and (frame.dtypes == "str").all()
        plain = load(description(raw), 2)
        assert np.array_equal(plain.train, split.train) and np.array_equal(plain.test, split.test)
        with pytest.raises(ValueError, match="frames=True"):
            _ = plain.train_frame


def test_rows_that_a_missing_cell_leaves_out_are_in_no_frame() -> None:
    smoking = named("smoking")
    if None in present(smoking).values():  # type: ignore[arg-type]
        pytest.skip("smoking is not on this machine, and no program can fetch it")
    split = load(smoking, 0, frames=True)
    assert split.train_frame["gender"].notna().all() and split.test_frame["gender"].notna().all()
    assert split.sizes == (len(split.train_frame), len(split.test_frame))


def test_other_bins_encode_the_same_rows(toy: dict) -> None:
    split = load(description(toy), 0, frames=True)
    fewer = replace(split.schema, columns=tuple(replace(c, bins=4) if c.ordered else c for c in split.schema.columns))
    coarse = split.encoded(fewer)
    position = split.schema.position("age")
    assert np.array_equal(coarse.train[:, position], split.train[:, position] // 2) and coarse.schema == fewer
    assert np.array_equal(coarse.test[:, -1], split.test[:, -1]) and coarse.test_frame is split.test_frame


def test_files_hold_the_defaults_of_the_code() -> None:
    own = {"name", "strike", "keep"}
    assert DomainLearning.of({key: value for key, value in PUBLIC.items() if key not in own}) == DomainLearning()
    assert {**KINDS, "name": "public", "strike": False} == PUBLIC and (KINDS["name"], KINDS["strike"]) == ("kinds", True)
    assert {**LEARNED, "name": "kinds", "keep": []} == KINDS and LEARNED["keep"] == ["bounds", "categories"]
    assert Encoding.of(PUBLIC).settings["cutting"] == PUBLIC["cutting"], "every setting is written down"


@pytest.mark.parametrize("name", [name for name in options("dataset") if name != "csv"])
def test_what_stays_of_every_data_set_s_schema(name: str) -> None:
    schema = datasets.schema_of(datasets.resolved(named(name).raw))
    assert Encoding.of(PUBLIC).opened(schema) is schema
    begun = Encoding.of(KINDS).opened(schema)
    assert begun.names == schema.names and begun.rows_public == schema.rows_public and begun.is_open
    assert replace(begun, columns=schema.columns) == schema
    for column, before in zip(begun.columns, schema.columns, strict=True):
        if before.cut_at or (column.name == schema.target and not before.ordered):
            assert column == before
        else:
            assert column.is_open and (column.kind, column.format) == (before.kind, before.format)
            assert column.bounds is None and column.missing == ("drop" if column.name == schema.target else before.missing)
            assert column.other == (not column.ordered)


def test_parts_that_are_kept_stay_public() -> None:
    schema = datasets.schema_of(named("adult"))
    kept = {
        keep: Encoding.of({**KINDS, "keep": list(keep)}).opened(schema)
        for keep in (("bounds",), ("categories",), ("bounds", "categories"))
    }
    for keep, begun in kept.items():
        assert begun["age"].bounds == (schema["age"].bounds if "bounds" in keep else None)
        assert begun["age"].is_open and begun["capital-gain"].scale == "linear"
        assert begun["sex"].is_open == ("categories" not in keep)
        if "categories" in keep:
            assert begun["workclass"] == schema["workclass"]


CODES = Schema.from_mapping(
    {
        "target": "b",
        "rows_public": 10,
        "columns": {name: {"kind": "categorical", "categories": [0, 1]} for name in "ab"},
    }
)


def test_an_encoding_counts_where_something_is_learnt() -> None:
    learned, half = Encoding.of(KINDS), Encoding.of({**KINDS, "share": 0.2})
    assert Encoding.of(PUBLIC).identity(CODES) == half.identity(CODES) == {}
    begun = learned.opened(CODES)
    assert learned.identity(begun) != half.identity(begun) != {}
    everything_kept = Encoding.of({**KINDS, "keep": ["categories"]})
    assert everything_kept.opened(CODES) == CODES and everything_kept.identity(everything_kept.opened(CODES)) == {}


@pytest.mark.parametrize(
    ("column", "named"),
    [
        ({"kind": "integer", "bounds": [0, 99]}, False),
        ({"kind": "integer", "bounds": [0, 8191]}, False),
        ({"kind": "integer", "bounds": [0, 8192]}, True),
        ({"kind": "real", "bounds": [0, 99], "decimals": 1}, False),
        ({"kind": "real", "bounds": [0, 99], "decimals": 2}, True),
        ({"kind": "date", "bounds": ["2001-01-01", "2020-01-01"]}, False),
        ({"kind": "date", "bounds": ["1991-01-01", "2020-01-01"]}, True),
    ],
)
def test_how_wide_columns_are_learnt_counts_in_names_where_one_is(
    column: dict[str, Any], named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    label = {"kind": "categorical", "categories": [0, 1]}
    schema = Schema.from_mapping({"target": "b", "rows_public": 10, "columns": {"a": column, "b": label}})

    def names() -> list[dict[str, Any]]:
        return [Encoding.of(raw).identity(Encoding.of(raw).opened(schema)) for raw in (LEARNED, KINDS)]

    before = names()
    monkeypatch.setattr("experiments.data.encoding.OPEN_VERSION", 1000)
    assert [one != other for one, other in zip(before, names(), strict=True)] == [False, True], (
        "bounds are kept by the first alone"
    )
    monkeypatch.undo()
    monkeypatch.setattr("experiments.data.encoding.WIDE_VERSION", 1000)
    assert [one != other for one, other in zip(before, names(), strict=True)] == [named, True]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keep": ["bins"]}, r"encoding.keep is \['bins'\]; accepted: a list of bounds, categories"),
        ({"keep": "bounds"}, "encoding.keep is 'bounds'"),
        ({"strike": "yes"}, "encoding.strike is 'yes'; accepted: true, false"),
        ({"shaer": 0.2}, r"there is no key shaer \(did you mean share\?\); accepted: name, strike, keep, share"),
        ({"share": 1.5}, "encoding: share is 1.5"),
        ({"cutting": {"atom": 1}}, "encoding: domain learning has no setting atom"),
    ],
)
def test_an_encoding_that_cannot_be_meant_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Encoding.of({**PUBLIC, **change})
    with pytest.raises(InputError, match="encoding: strike, keep is missing"):
        Encoding.of({"name": "x"})


def test_rows_of_an_open_schema_are_not_encoded_and_are_those_of_the_closed_one(toy: dict) -> None:
    dataset = description(toy)
    begun = Encoding.of(KINDS).opened(datasets.schema_of(dataset))
    split, usual = load(dataset, 0, schema=begun), load(dataset, 0)
    assert split.schema is begun and split.sizes == usual.sizes
    with pytest.raises(ValueError, match="nothing is encoded before its domain is learnt"):
        _ = split.train
    again = split.encoded(usual.schema)
    assert np.array_equal(again.train, usual.train) and np.array_equal(again.test, usual.test)
