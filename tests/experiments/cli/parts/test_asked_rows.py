"""What the statement says of rows besides their number."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from dpdsyn.rules.conditions import Conditions
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
