"""What a person states of a table before a fit: a target that a schema does not name, and that guessed kinds may be known."""

from __future__ import annotations

from typing import Any

import pytest

from dpdsyn.base.checks import InputError
from dpdsyn.reading.column import Column, SchemaError
from dpdsyn.schema import Schema
from dpdsyn.tables.stated import refuse_unconfirmed, with_target


def schema(**ill: Any) -> Schema:
    return Schema.from_mapping({"rows_public": 9, "columns": {"age": {"kind": "integer"}, "ill": ill}})


@pytest.mark.parametrize(
    "ill",
    [
        {"kind": "categorical"},
        {"kind": "categorical", "categories": ["no", "yes"]},
        {"kind": "categorical", "categories": ["no", "yes"], "missing": "drop"},
        {"kind": "categorical", "categories": ["low", "high"], "cut_at": [5]},
        {"kind": "integer", "bounds": [0, 9], "bins": 2},
        {"kind": "integer"},
    ],
)
def test_a_target_that_is_named_later_is_as_one_that_the_schema_names(ill: dict[str, Any]) -> None:
    named = with_target(schema(**ill), "ill")
    assert named["ill"] == Column.from_mapping("ill", ill, True) and named.target == "ill"


@pytest.mark.parametrize("rule", [{"missing": "own_code"}, {"emit_other": True}])
def test_rules_that_no_target_has_are_refused_where_the_schema_states_them(rule: dict[str, Any]) -> None:
    with pytest.raises(SchemaError, match="can have neither `missing: own_code` nor `other`"):
        with_target(schema(kind="categorical", categories=["no", "yes"], **rule), "ill")


def test_columns_of_0_and_1_are_shown_first_where_kinds_are_to_be_confirmed() -> None:
    flag = {"kind": "categorical", "categories": [0, 1], "other": False}
    columns = {f"n{i}": {"kind": "integer"} for i in range(20)} | {"a": flag, "b": {**flag, "missing": "own_code"}}
    guessed = Schema.from_mapping({"rows_public": 9, "kinds_inferred": True, "columns": columns})
    with pytest.raises(InputError, match=r"\(kinds_inferred\): a 0 or 1, b 0, 1 or missing, n0 integer, n1 integer, "):
        refuse_unconfirmed(guessed, False, "say so")
