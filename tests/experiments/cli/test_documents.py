"""The READMEs' generated parts are what the code makes of them."""

from __future__ import annotations

import argparse
from functools import cache

import pytest
from builders.paths import ROOT
from builders.records import one

from experiments.cli.documents import PAGES, commands_table, documents, keys_table, ran_table, replaced
from experiments.configuration import options


@cache
def made() -> dict[str, str]:
    return documents()


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_committed_pages_are_what_is_made(page: str) -> None:
    assert (ROOT / page).read_text(encoding="utf-8") == made()[page], "run: python -m experiments.cli.documents"


def test_only_what_stands_between_the_markers_changes() -> None:
    page = "before\n<!-- generated: a -->\nold\n<!-- end -->\nbetween\n<!-- generated: b -->\n<!-- end -->\n"
    assert replaced(page, "b", "new") == page.replace("b -->\n", "b -->\n\nnew\n\n")
    assert replaced(replaced(page, "a", "one"), "a", "two") == replaced(page, "a", "two")
    with pytest.raises(ValueError, match="generated: c"):
        replaced(page, "c", "new")


def test_actions_stand_for_the_command_that_has_them() -> None:
    whole = argparse.ArgumentParser(prog="tool")
    commands = whole.add_subparsers()
    commands.add_parser("one", help="does one | more")
    actions = commands.add_parser("two", help="not shown").add_subparsers()
    actions.add_parser("a", help="does a")
    assert commands_table(whole).splitlines()[2:] == ["| `tool one` | does one \\| more |", "| `tool two a` | does a |"]


def test_every_key_of_the_defaults_is_there() -> None:
    table = keys_table()
    for key in ("`seed`", "`compute.timeout`", "`privacy.delta`", "`synthesizer.guide.hidden`", "`evaluation.evaluators`"):
        assert key in table
    assert all(f"`{name}`" in made()["conf/README.md"] for name in [*options("experiment"), *options("dataset")])


def test_what_ran_of_an_experiment_is_counted() -> None:
    records = [one("dpdsyn", seed=seed, experiment={"name": "two_targets", "sha256": "0"}) for seed in (3, 1)]
    rows = {line.split("|")[1].strip(" `"): line for line in ran_table(records).splitlines()[2:]}
    assert rows["two_targets"] == "| `two_targets` | 12 | 2 | 1 to 3 |"
    assert rows["paper_main"] == "| `paper_main` | 1440 | 0 | - |" and "paper_fast" not in rows
