"""A data set's file of one's own means what was written, or is refused with what to write: YAML turns no text into a number."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpdsyn.base.checks import InputError
from experiments.cli.main import main
from experiments.configuration import config_dir, options, read_option
from experiments.data.datasets import schema_of
from experiments.data.description import named
from experiments.sweep.request import inspect_request

FILE = """\
name: mine
title: of my own
licence: none
files: {mine.csv: "%064d"}
test_share: 0.2
development: yes
positive: %s
replace: {city: {%s: Ulm}}
schema:
  target: %s
  rows_public: 900
  columns:
    %s: {kind: categorical, categories: [%s]}
    city: {kind: categorical, categories: [Ulm, Kiel]}
    pay: {kind: real, bounds: [0, %s], bins: 8}
    joined: {kind: date, bounds: [2001-02-03, 2024-12-31], bins: 8}
    label: {kind: categorical, categories: [a, b]}
"""
SOUND = {
    "positive": "b",
    "key": "ULM",
    "target": "label",
    "column": "zip",
    "categories": "Bonn, 7, -1, 2.5, 1.0e+300, '02115', 1st, 2024-01-31",
    "bound": "1.5e+3",
}
ASKED = ("dataset=mine", "synthesizer=real")


def written(folder: Path, **values: str) -> list[str]:
    """A command that names the file with such values."""
    (folder / "dataset").mkdir(exist_ok=True)
    chosen = {**SOUND, **values}
    path = folder / "dataset" / "mine.yaml"
    path.write_text(FILE % (0, *(chosen[name] for name in SOUND)), encoding="utf-8")
    return ["--config-dir", str(folder), *ASKED]


@pytest.mark.parametrize(
    ("place", "text", "key", "read"),
    [
        ("categories", "02115", "schema.columns.zip.categories", "1101"),
        ("categories", "12:30", "schema.columns.zip.categories", "750"),
        ("categories", "no", "schema.columns.zip.categories", "False"),
        ("categories", "0x1F", "schema.columns.zip.categories", "31"),
        ("categories", "1_000", "schema.columns.zip.categories", "1000"),
        ("categories", "2.50", "schema.columns.zip.categories", "2.5"),
        ("categories", "1e5", "schema.columns.zip.categories", "100000.0"),
        ("categories", "+1", "schema.columns.zip.categories", "1"),
        ("categories", "0.1000000000000000055", "schema.columns.zip.categories", "0.1"),
        ("bound", "0100", "schema.columns.pay.bounds", "64"),
        ("bound", "1_000", "schema.columns.pay.bounds", "1000"),
        ("bound", "007", "schema.columns.pay.bounds", "7"),
        ("column", "no", "schema.columns", "False"),
        ("column", "01234", "schema.columns", "668"),
        ("target", "on", "schema.target", "True"),
        ("target", "true", "schema.target", "True"),
        ("target", "1.50", "schema.target", "1.5"),
        ("positive", "no", "positive", "False"),
        ("positive", "010", "positive", "8"),
        ("key", "01", "replace.city", "1"),
    ],
)
def test_a_value_that_yaml_would_alter_is_refused_by_file_key_and_value(
    place: str, text: str, key: str, read: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = written(tmp_path, **{place: text})
    path = tmp_path / "dataset" / "mine.yaml"
    for reads in (lambda: inspect_request(command), lambda: named("mine", tmp_path)):
        with pytest.raises(InputError) as refused:
            reads()
        told = str(refused.value)
        assert told.startswith(f"{path}, line ") and f": {key} has {text}, which YAML reads as {read}; " in told
        assert f"put it in quotes ('{text}')" in told and "\n" not in told
    assert main(["run", *command]) == 2 and capsys.readouterr().err == f"dpdsyn: {told}\n"
    written(tmp_path, **{place: f"'{text}'"})
    assert inspect_request(command).axes["dataset"] == ["mine"], "between quotes it is what it is"


def test_what_was_written_as_it_is_read_stays_accepted(tmp_path: Path) -> None:
    inspect_request(written(tmp_path))
    mine = named("mine", tmp_path)
    listed = [str(category) for category in schema_of(mine)["zip"].categories]
    assert mine.development and listed == ["Bonn", "7", "-1", "2.5", "1e+300", "02115", "1st", "2024-01-31"]
    inspect_request(written(tmp_path, bound="1e5", categories="true, false"))
    inspect_request(written(tmp_path, column="2019", target="2019"))


def test_what_an_experiment_or_another_file_says_of_a_data_set_is_held_to_it_too(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "dataset" / "other.yaml").write_text("defaults: [mine, _self_]\nname: other\nschema: {target: off}\n")
    with pytest.raises(InputError, match=r"other.yaml, line 3: schema.target has off, which YAML reads as False"):
        inspect_request(["--config-dir", str(tmp_path), "dataset=other", "synthesizer=real"])
    (tmp_path / "dataset" / "other.yaml").write_text("defaults: [mine, _self_]\nname: other\n")
    written(tmp_path, categories="0777")
    with pytest.raises(InputError, match=r"mine.yaml, line 13: schema.columns.zip.categories has 0777, which YAML reads as 511"):
        inspect_request(["--config-dir", str(tmp_path), "dataset=other", "synthesizer=real"])
    (tmp_path / "experiment").mkdir()
    of_mine = "# @package _global_\nhydra: {sweeper: {params: {dataset: adult, synthesizer: real}}}\n"
    experiment = tmp_path / "experiment" / "mine.yaml"
    experiment.write_text(of_mine + "dataset: {schema: {columns: {sex: {categories: [00, 1]}}}}\n")
    with pytest.raises(InputError, match=r"experiment/mine.yaml, line 3: dataset.schema.columns.sex.categories has 00, which"):
        inspect_request(["--config-dir", str(tmp_path), "-m", "experiment=mine"])
    experiment.write_text(of_mine + "compute: {retry: off}\n")
    assert inspect_request(["--config-dir", str(tmp_path), "-m", "experiment=mine"]).axes["dataset"] == ["adult"]


@pytest.mark.parametrize("name", options("dataset"))
def test_shipped_files_say_what_is_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "dataset").mkdir()
    text = (config_dir() / "dataset" / f"{name}.yaml").read_text(encoding="utf-8")
    (tmp_path / "dataset" / f"{name}.yaml").write_text(text, encoding="utf-8")
    assert read_option("dataset", name, tmp_path) == read_option("dataset", name)
