"""The README of methods names methods that there are, every folder of machinery, and an example that keeps the contract."""

from __future__ import annotations

import re

import pytest
import yaml
from builders.paths import ROOT

from dpdsyn.contract import check
from dpdsyn.synthesizer import Synthesizer
from experiments.configuration import options

README = (ROOT / "baselines" / "README.md").read_text(encoding="utf-8")


def first_column(header: str) -> list[str]:
    """What stands in backticks in the first column of the table with this header."""
    lines = README.split(f"| {header} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [name for line in lines for name in re.findall(r"`([^`]+)`", line.split("|")[1])]


def block(language: str) -> str:
    """The first block of code in a language."""
    return README.split(f"```{language}\n", 1)[1].split("```", 1)[0]


def example() -> type[Synthesizer]:
    made: dict = {"__name__": "example"}
    exec(compile(block("python"), "baselines/README.md", "exec"), made)
    return made["MyMethod"]


def test_the_table_has_methods_that_there_are_each_once() -> None:
    """A new method needs no row: `dpdsyn list` has it from its YAML."""
    told = first_column("name")
    assert len(told) == len(set(told)) > 20 and set(told) <= set(options("synthesizer"))


def test_every_folder_is_named() -> None:
    folders = {path.parent.name for path in (ROOT / "baselines").glob("*/*.py")}
    assert {name.rstrip("/") for name in first_column("folder")} == folders


@pytest.mark.slow
def test_the_example_keeps_the_contract() -> None:
    assert {name: fault for name, fault in check(example()) if fault} == {}


def test_the_example_s_yaml_describes_the_example() -> None:
    described = yaml.safe_load(block("yaml"))
    parameters = {key: value for key, value in described.items() if key not in ("name", "_target_", "about")}
    assert example()(**parameters).parameters() == parameters
    assert described["_target_"].endswith(".MyMethod")
    assert all(f"`{key}`" in README for key in described["about"])
