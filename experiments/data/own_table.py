"""A person's own table and schema file, named on the command line."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from dpdsyn.reading.column import SchemaError
from dpdsyn.schema import Schema, marked_lines, read_yaml
from experiments.data.description import OwnTable
from experiments.data.errors import DataError
from experiments.data.table_file import Reading, lines_of, read_table


def resolved(dataset: OwnTable) -> OwnTable:
    """The description with the schema file's content, the table's hash and its name filled in.

    Raises DataError or SchemaError, saying what to add, for a missing or contradictory entry.
    """
    if not dataset.path:
        raise DataError("dataset=csv needs dataset.path=FILE, a CSV or Parquet file")
    path = Path(dataset.path).absolute()
    if not path.is_file():
        raise DataError(f"dataset.path: there is no file {path}")
    if not dataset.schema:
        raise SchemaError(
            "dataset=csv needs dataset.schema=FILE.yaml; "
            f"to begin with, draft one: dpdsyn schema draft {path.name} > {path.stem}.yaml"
        )
    schema = _schema(dataset.schema, dataset.target)
    if isinstance(schema.get("rows_public"), int):  # else it is learnt from the training rows
        schema["rows_public"] = _two_digits(schema["rows_public"] * (1 - dataset.test_share))
    return dataset.with_values(
        name=path.name,
        path=str(path),
        files={path.name: _sha256(path, path.stat().st_mtime_ns)},
        schema=schema,
        caution="computed on rows of your own table: not covered by the guarantee, and not for publishing",
    )


def read_frame(dataset: OwnTable) -> pd.DataFrame:
    """All rows, as `table_file.read_table` reads them under the schema. Raises DataError."""
    schema = Schema.from_mapping(dataset.schema) if isinstance(dataset.schema, Mapping) else None
    return read_table(Path(str(dataset.path)), _reading(dataset), schema=schema)


def place(dataset: OwnTable, row: int | None) -> str:
    """The file and, if a row (counted from 0) is given, its line, for a message."""
    path = Path(str(dataset.path))
    lines = {} if row is None else lines_of(path, [row], _reading(dataset))
    return f"{path}, line {lines[row]}" if row in lines else str(path)


def _reading(dataset: OwnTable) -> Reading:
    given = dataset.read
    return Reading(given.encoding, given.sep, given.decimal, tuple(map(str, given.missing)), tuple(map(str, given.not_missing)))


def _schema(given: Any, target: Any) -> dict[str, Any]:
    """The schema as a mapping, whether given as such or as a file, with the target in it; a draft if it still bears marks."""
    where = str(given) if isinstance(given, str) else "dataset.schema"
    try:
        raw = read_yaml(Path(given).absolute()) if isinstance(given, str) else given
        raw = dict(raw) if isinstance(raw, Mapping) else raw
        if isinstance(raw, dict) and target is not None:
            if raw.get("target") is not None and str(raw["target"]) != str(target):
                raise SchemaError(
                    f"its target is {raw['target']!r}, and dataset.target={target} says otherwise; keep one of them"
                )
            raw["target"] = str(target)
        Schema.from_mapping(raw)
        if isinstance(given, str) and marked_lines(Path(given).absolute()):
            raw["drafted"] = True
    except SchemaError as error:
        raise SchemaError(f"{where}: {error}") from error
    raw["columns"] = {str(name): spec for name, spec in raw["columns"].items()}
    return raw


def _two_digits(number: float) -> int:
    return max(1, int(float(f"{number:.1e}")))


@lru_cache
def _sha256(path: Path, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
