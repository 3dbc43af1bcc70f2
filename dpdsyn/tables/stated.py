"""What a person states of a table before a fit: the schema, its target, and that guessed kinds may be known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dpdsyn.base.checks import InputError
from dpdsyn.reading.column import Column
from dpdsyn.reading.schema_values import SchemaError, shortened
from dpdsyn.schema import Schema


def schema_of(given: Any) -> Schema:
    """A Schema, what a schema file holds, or the path of one. Raises SchemaError."""
    if isinstance(given, Schema):
        return given
    if isinstance(given, str | Path):
        return Schema.from_yaml(given)
    return Schema.from_mapping(given)


def with_target(schema: Schema, target: str | None) -> Schema:
    """The schema with its target named. Raises SchemaError if it names another, or if there is no such column."""
    if target is None:
        return schema
    if schema.target not in (None, target):
        raise SchemaError(f"the schema's target is {schema.target!r}, and target={target!r} says otherwise; keep one of them")
    if schema.target == target:
        return schema
    raw = schema.to_mapping()
    if target in schema.names and not schema[target].is_learnt:  # its default rules are those of a column that is no target
        column = schema[target]
        raw["columns"][target] |= {"missing": "drop"} if column.is_open else {}
        raw["columns"][target] |= {} if column.ordered or column.emit_other else {"other": False}
    return Schema.from_mapping({**raw, "target": target})


def _guessed(column: Column) -> str:
    """What a draft says of a column that cells told, in words."""
    if column.categories == (0, 1):
        return f"{column.name} {'0 or 1' if column.missing is None else '0, 1 or missing'}"
    form = [f"written {column.format}"] if column.format else []
    times = [f"to the {column.resolution}"] if column.resolution else []
    return " ".join([column.name, column.kind, *form, *times])


def refuse_unconfirmed(schema: Schema, confirmed: bool, how: str) -> None:
    """Raise InputError if kinds of columns were guessed from cells and nobody confirms that they may be known.

    how: what to do to confirm it.
    """
    if schema.kinds_inferred and not confirmed:
        kinds = shortened(map(_guessed, sorted(schema.columns, key=lambda column: not column.categories)))
        raise InputError(
            f"the kinds of columns were guessed from cells (kinds_inferred): {kinds}. The guarantee takes them as public, as "
            f"what you could have told without seeing a row. Correct those that are wrong; where they may be known, {how}"
        )
