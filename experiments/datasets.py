"""From a data set's configuration to training and test codes."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.schema import Schema, SchemaError
from experiments.fetch import DataError, locate, read_bytes

VERSION = 1  # raised when the same configuration would give other codes or another split


@dataclass(frozen=True)
class Split:
    """Codes of shape (rows, columns) on both sides, and the public schema they follow."""

    train: np.ndarray
    test: np.ndarray
    schema: Schema


def schema_of(dataset: Mapping[str, Any]) -> Schema:
    """The public schema. Raises SchemaError, naming the data set."""
    try:
        return Schema.from_mapping(dataset["schema"])
    except SchemaError as error:
        raise SchemaError(f"schema of {dataset['name']}: {error}") from error


def identity(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """Everything of the configuration that decides which codes come out."""
    keys = ("name", "files", "read", "replace", "derive", "deduplicate", "schema", "test_share")
    return {"version": VERSION, **{key: dataset.get(key) for key in keys}}


def load(dataset: Mapping[str, Any], seed: int, say: Callable[[str], None] = lambda text: None) -> Split:
    """Read, verify, split and encode. The same seed gives the same split.

    Raises DataError (absent or altered file) or SchemaError (rows that contradict the schema).
    """
    schema = schema_of(dataset)
    frame = read_frame(dataset, say)
    test = test_side(frame, schema.groups, dataset["test_share"], seed)
    return Split(_encoded(dataset, schema, frame[~test]), _encoded(dataset, schema, frame[test]), schema)


def _encoded(dataset: Mapping[str, Any], schema: Schema, frame: pd.DataFrame) -> np.ndarray:
    try:
        return schema.encode(frame)
    except SchemaError as error:
        raise SchemaError(f"{', '.join(dataset['files'])}: {error}") from error


def check_head(dataset: Mapping[str, Any], say: Callable[[str], None] = lambda text: None, rows: int = 100) -> None:
    """Have the files on this machine, verified, and hold the first rows of each against the schema; see `load`."""
    _encoded(dataset, schema_of(dataset), read_frame(dataset, say, rows))


def read_frame(
    dataset: Mapping[str, Any], say: Callable[[str], None] = lambda text: None, rows: int | None = None
) -> pd.DataFrame:
    """The rows of all files (or the first of each), every cell as text, so that no row changes how another is read."""
    frames = []
    for name, path in locate(dataset, say).items():
        try:
            frames.append(pd.read_csv(io.BytesIO(read_bytes(path)), dtype=str, nrows=rows, **dataset["read"]))
        except ValueError as error:  # the parser's own errors, and undecodable bytes
            raise DataError(f"{path} ({name}) is not the table that its description says: {error}") from error
    frame = pd.concat(frames, ignore_index=True).replace(dataset.get("replace") or {})
    for column, rule in (dataset.get("derive") or {}).items():
        frame[column] = _derived(frame[column], rule)
    return frame.drop_duplicates(ignore_index=True) if dataset.get("deduplicate") else frame


def _derived(cells: pd.Series, rule: Mapping[str, Any]) -> pd.Series:
    """A column by a public rule: the first `prefix` characters, or `then` where a number is `above`, `else` elsewhere."""
    if "prefix" in rule:
        return cells.str[: rule["prefix"]]
    labels = pd.Series(np.where(pd.to_numeric(cells) > rule["above"], rule["then"], rule["else"]), index=cells.index, dtype="str")
    return labels.where(cells.notna())


def test_side(frame: pd.DataFrame, groups: str | tuple[str, ...], share: float, seed: int) -> np.ndarray:
    """Which rows are for testing, shape (rows,), bool: a keyed hash of (seed, group), so no row moves another."""
    if groups == "rows":
        ids: np.ndarray = np.arange(len(frame), dtype=np.uint64)
    else:
        columns = frame if groups == "identical_rows" else frame[list(groups)]
        ids = pd.util.hash_pandas_object(columns, index=False).to_numpy(dtype=np.uint64)
    key = _mix(np.array([seed], dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15))
    return _mix(ids ^ key) < np.uint64(int(share * 2**64))


def _mix(x: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every input bit changes every output bit."""
    with np.errstate(over="ignore"):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
