"""Columns and data sets that a data set's YAML names have to be there: a misspelt one is refused before anything is computed."""

from __future__ import annotations

import argparse
import copy
from pathlib import Path

import pytest
import yaml

from dpdsyn.base.checks import InputError
from experiments.cli import data
from experiments.configuration import options
from experiments.console import silent
from experiments.data import datasets, published
from experiments.data.description import PublishedTable, named
from experiments.data.errors import DataError


@pytest.fixture
def toy(toy_world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    monkeypatch.setenv("DPDSYN_DATA", str(toy_world / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return yaml.safe_load((toy_world / "conf" / "dataset" / "toy.yaml").read_text())


def written(folder: Path, raw: dict) -> Path:
    (folder / "conf" / "dataset").mkdir(parents=True, exist_ok=True)
    (folder / "conf" / "dataset" / f"{raw['name']}.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    return folder / "conf"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"leak_by": ["foo"]}, "toy: leak_by names foo, which the files do not have; accepted: colour, size, age, ill"),
        (
            {"leak_by": ["age", "sise"]},
            "leak_by names sise, which the files do not have (did you mean size?); accepted: colour",
        ),
        ({"leak_by": ["foo", "bar"]}, "leak_by names foo, bar, which the files do not have; accepted: colour, size, age, ill"),
        ({"replace": {"colr": {"red": "rot"}}}, "toy: replace names colr, which the files do not have (did you mean colour?)"),
        (
            {"replace": {"both": {"a": "b"}}, "derive": {"both": {"join": ["colour", "size"]}}},
            "toy: replace names both, which the files do not have; accepted: colour, size, age, ill",
        ),
    ],
)
def test_a_column_that_is_not_there_is_refused_before_a_run_and_by_the_commands(
    toy: dict, tmp_path: Path, change: dict, message: str, capsys: pytest.CaptureFixture
) -> None:
    dataset = datasets.resolved({**toy, **change})
    for read in (datasets.check, lambda dataset: datasets.load(dataset, 0)):  # the first before any run
        with pytest.raises(DataError) as refused:
            read(dataset)
        assert message in str(refused.value) and "\n" not in str(refused.value)
    given = argparse.Namespace(names=["toy"], config_dir=written(tmp_path, {**toy, **change}))
    assert data.verify(given) == 1 and message in capsys.readouterr().out
    with pytest.raises(DataError, match="which the files do not have"):
        data.describe(given)


def test_columns_that_are_there_are_replaced_and_told_of_derived_ones_included(toy: dict) -> None:
    raw = copy.deepcopy({**toy, "replace": {"colour": {"red": "rot"}}, "derive": {"both": {"join": ["colour", "size"]}}})
    raw["schema"]["columns"]["colour"]["categories"] = ["rot", "green", "blue"]
    raw["schema"]["ignore"] = ["both"]
    assert datasets.load(datasets.resolved({**raw, "leak_by": ["both"]}), 0).leak == 1


@pytest.mark.parametrize("given", [{30: 31}, {"30": "31"}, {30.0: 31.0}, {"30": 31}])
def test_cells_are_replaced_whether_numbers_are_written_in_quotes_or_not(toy: dict, given: dict) -> None:
    before, after = (
        published.read_frame(datasets.resolved(raw), silent)["age"]
        for raw in (toy, {**toy, "replace": {"age": given}})  # type: ignore[arg-type]
    )
    assert (before == "30").any() and list(after) == ["31" if cell == "30" else cell for cell in before]


def test_the_data_set_whose_rows_these_are_has_to_be_there(toy: dict, tmp_path: Path) -> None:
    folder = written(tmp_path, {**toy, "same_rows_as": "adlt"})
    with pytest.raises(InputError, match=r"^data set toy: same_rows_as is 'adlt' \(did you mean adult\?\); accepted: null, acs"):
        named("toy", folder)
    written(tmp_path, {**toy, "same_rows_as": "toy"})
    with pytest.raises(InputError, match="same_rows_as is 'toy'"):
        named("toy", folder)
    written(tmp_path, {**toy, "name": "other", "same_rows_as": "toy"})
    other = named("other", folder)
    assert isinstance(other, PublishedTable) and other.same_rows_as == "toy"


@pytest.mark.parametrize("name", options("dataset"))
def test_every_column_that_a_data_set_of_ours_names_is_one_that_its_schema_knows(name: str) -> None:
    dataset = named(name)
    if not isinstance(dataset, PublishedTable):
        return
    schema, derived = datasets.schema_of(dataset), dict(dataset.derive or {})
    known = {*schema.names, *schema.ignore, *([schema.person] if schema.person else []), *derived}
    joined = {part for rule in derived.values() for part in rule.join or ()}
    assert {*(dataset.replace or {}), *(dataset.leak_by or ()), *joined} <= known
