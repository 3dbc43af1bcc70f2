"""What a data set's YAML may say: the accepted keys, and what is said of a wrong one."""

from __future__ import annotations

from typing import Any

import pytest

from experiments.configuration import options, read_option
from experiments.data import datasets
from experiments.data.description import OwnTable, PublishedTable, SimulatedTable, described, description, named

KINDS = {"adult": PublishedTable, "csv": OwnTable, "simulated": SimulatedTable, "simulated_rare": SimulatedTable}


@pytest.mark.parametrize("name", options("dataset"))
def test_every_data_set_of_ours_is_described_as_its_kind_says(name: str) -> None:
    dataset = named(name)
    assert dataset.raw == read_option("dataset", name) and dataset.name == name
    rows = {row.key for row in described(dataset.kind)}
    assert set(dataset.raw) <= rows
    assert isinstance(dataset, KINDS.get(name, PublishedTable))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"titel": "x"}, "data set adult: there is no key titel (did you mean title?); accepted: name, title, files, "),
        ({"generatr": {}}, "there is no key generatr (did you mean generator?); accepted: "),
        ({"files": None}, "data set adult: files is missing; accepted: "),
        ({"target": "x"}, "there is no key target; accepted: "),
        ({"test_share": "much"}, "data set adult: test_share is 'much'; needed: number"),
        ({"test_share": True}, "test_share is True; needed: number"),
        ({"test_share": 2}, "data set adult: test_share is 2; a number between 0 and 1 is needed"),
        ({"deduplicate": 1}, "deduplicate is 1; needed: true or false"),
        ({"train_rows": 2.5}, "train_rows is 2.5; needed: whole number or null"),
        ({"positive": ["a"]}, "positive is ['a']; needed: single value or null"),
        ({"leak_by": "age"}, "leak_by is 'age'; needed: list, each: text or null"),
        ({"leak_by": ["age", 3]}, "leak_by[1] is 3; needed: text"),
        ({"files": {"a.csv": 3}}, "files.a.csv is 3; needed: text"),
        ({"read": {"heder": 0}}, "no key read.heder (did you mean header?); accepted: header, names, usecols"),
        ({"read": {"header": "no"}}, "read.header is 'no'; needed: whole number or null"),
        ({"sources": [{"urll": "x", "file": "a"}]}, "no key sources[0].urll (did you mean url?); accepted: url, wheel, members"),
        ({"sources": [{"url": "x"}]}, "sources[0]: a source has url; accepted: url and members, url and file"),
        ({"replace": {"age": 3}}, "replace.age is 3; needed: mapping"),
        ({"derive": {"age": {"prefx": 1}}}, "no key derive.age.prefx (did you mean prefix?); accepted: prefix, join"),
        ({"derive": {"age": {}}}, "derive.age: a rule has one key; accepted: prefix, join"),
        ({"derive": {"age": {"prefix": 1, "join": ["a", "b"]}}}, "derive.age: a rule has one key; accepted: prefix, join"),
        ({"derive": {"age": {"join": ["a"]}}}, "derive.age: join is ['a']; at least two columns are needed"),
        ({"derive": {"age": {"prefix": 0}}}, "derive.age: prefix is 0; a whole number of at least 1 is needed"),
        ({"derive": {"age": {"prefix": -2}}}, "derive.age: prefix is -2; a whole number of at least 1 is needed"),
        ({"derive": {"age": {"join": "colour"}}}, "derive.age.join is 'colour'; needed: list, each: text or null"),
        ({"schema": ["age"]}, "schema is ['age']; needed: mapping"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_what_is_accepted(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        description({**read_option("dataset", "adult"), **change})
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_wrong_key_of_a_column_is_named_too() -> None:
    raw = read_option("dataset", "adult")
    raw["schema"]["columns"]["age"]["boundz"] = [0, 1]
    with pytest.raises(
        ValueError, match=r"schema of adult: column 'age': unknown key boundz \(did you mean bounds\?\); accepted: bins, bounds, "
    ):
        datasets.resolved(raw)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("csv", {"read": {"encodng": "x"}}, "there is no key read.encodng (did you mean encoding?); accepted: encoding, sep"),
        ("csv", {"read": {"missing": "?"}}, "read.missing is '?'; needed: list"),
        ("csv", {"licence": "x"}, "data set csv: there is no key licence"),
        ("simulated", {"generator": {"rows": 3}}, "generator.test_rows, generator.columns, "),
        ("simulated", {"generator": None}, "data set simulated: generator is missing"),
        ("simulated", {"test_share": 0.2}, "data set simulated: there is no key test_share"),
    ],
)
def test_the_other_kinds_have_their_own_keys(name: str, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        description({**read_option("dataset", name), **change})
    assert message in str(caught.value)


def test_what_is_told_of_a_data_set_is_no_part_of_its_identity() -> None:
    raw = read_option("dataset", "adult")
    told = {"title": "x", "caution": "x", "development": True, "same_rows_as": "liver", "origin": "x", "licence": "x"}
    assert datasets.identity(description({**raw, **told})) == datasets.identity(description(raw))
    assert datasets.identity(description({**raw, "test_share": 0.3})) != datasets.identity(description(raw))


def test_an_absent_key_and_a_null_are_hashed_as_they_always_were() -> None:
    raw = read_option("dataset", "adult")
    identity = datasets.identity(description(raw))
    assert identity["deduplicate"] is None and identity["derive"] is None and identity["replace"] == raw["replace"]
    assert identity["read"] == raw["read"] and list(identity["read"]) == list(raw["read"])
    assert "kept_share" not in identity and "train_rows" not in identity


def test_the_keys_can_be_shown_as_a_table() -> None:
    rows = {row.key: row for row in described("published")}
    assert rows["licence"].type == "text" and rows["train_rows"].type == "whole number, optional"
    assert {"sources[].url", "read.header", "derive.NAME.prefix"} <= set(rows)
    assert {"generator.rows", "generator.label_noise"} <= {row.key for row in described("simulated")}
    assert {"path", "read.decimal"} <= {row.key for row in described("own")}
    for kind in ("published", "own", "simulated"):
        assert all(row.key and row.type and row.meaning for row in described(kind))
