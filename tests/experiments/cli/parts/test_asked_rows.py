"""What rows are asked to be, as typed, and what the statement says of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from dpdsyn.base.checks import InputError
from dpdsyn.rules.conditions import Conditions, shares
from dpdsyn.schema import Schema
from experiments.cli.parts.asked_rows import kept_rules

COLUMNS: dict[str, Any] = {"age": {"kind": "integer"}, "x": {"kind": "integer"}}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, False),
        ({"person": "who", "max_rows_per_person": 3}, True),
        ({"columns": COLUMNS | {"who": {"kind": "id", "pattern": "P{:05d}"}}}, True),
        ({"columns": COLUMNS | {"land": {"constant": "DE"}}}, False),
    ],
)
def test_a_statement_says_that_rows_of_a_person_do_not_stay_together(more: dict[str, Any], said: bool) -> None:
    schema = Schema.from_mapping({"columns": COLUMNS} | more)
    found = kept_rules(cast(Any, SimpleNamespace(schema_=schema)), Conditions())
    assert ("persons" in found) == said and set(found) <= {"persons"}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("yes=0.5,no=0.5", {"yes": 0.5, "no": 0.5}),
        ("Paris, France=0.2, Rome = .8", {"Paris, France": 0.2, "Rome": 0.8}),
        ("a=b=0.25,c=0.75", {"a=b": 0.25, "c": 0.75}),
    ],
)
def test_a_class_may_have_the_signs_in_its_name_that_part_classes(typed: str, meant: dict[str, float]) -> None:
    assert shares([typed]) == meant
    assert shares([f"{name}={share}" for name, share in meant.items()]) == meant


@pytest.mark.parametrize("typed", ["yes=0.5,no", "yes", "", "=0.5", "yes=half", "yes=0.5,yes=0.5", ","])
def test_what_is_no_share_is_refused(typed: str) -> None:
    with pytest.raises(InputError, match="--balance"):
        shares([typed])
