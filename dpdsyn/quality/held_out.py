"""Rows that a release is not made of, so that models can be tested on them.

Which rows these are a keyed hash decides, of a person's name or of a row's cells and its occurrence number among rows of the same
cells, so one unit more or less is on one side alone and moves no other. No row is looked at otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b
from numbers import Real

import numpy as np
import pandas as pd

from dpdsyn.base.checks import InputError
from dpdsyn.mechanisms.keyed_hash import cells_content, hashes, numbered
from dpdsyn.mechanisms.persons import whose
from dpdsyn.reading.cells import each
from dpdsyn.reading.column import Column
from dpdsyn.reading.listed import is_number
from dpdsyn.schema import Schema

_OWN = b"held-out side"  # what tells this use of a key from others


def check_part(part: float) -> None:
    """Raise InputError unless 0 < part < 1."""
    if isinstance(part, bool) or not isinstance(part, Real) or not 0 < part < 1:
        raise InputError(f"the part of the rows that is held out is {part!r}; a number between 0 and 1 is needed")


def held_out(table: pd.DataFrame, schema: Schema, part: float, key: bytes) -> np.ndarray:
    """Which rows are held out, shape (rows,), bool: each unit with a probability of `part`, all rows of a person together.

    key: at least 16 bytes that nobody knows. A row that names no person is on neither side, and counts as held out. Raises
    SchemaError for a table with other columns, InputError for a part that is none.
    """
    check_part(part)
    schema.check_names(list(table.columns))
    own = blake2b(_OWN, key=key).digest()
    if schema.person is None:
        said = np.hstack([_said(column, table[column.name]) for column in schema.columns])
        return _below(hashes(numbered(said), own), part)
    persons, names = whose(table[schema.person])
    sides = _below(hashes(cells_content(pd.Series(names, dtype=object)), own), part)
    return np.append(sides, True)[persons]


def sides(table: pd.DataFrame, schema: Schema, part: float, key: bytes) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows that the release is made of, and the others; as `held_out`."""
    out = held_out(table, schema, part, key)
    return table[~out], table[out]


def fewer(schema: Schema, part: float | None) -> Schema:
    """The schema of the rows that are left where a part, or None, is held out."""
    if part is None or not schema.rows_public:
        return schema
    return replace(schema, rows_public=max(1, round(schema.rows_public * (1 - part))))


def of_all(closed: Schema, given: Schema, part: float | None) -> Schema:
    """A closed schema of the rows that were left, as that of all: of so many rows as given, or as were learnt, are published."""
    if part is None:
        return closed
    return replace(closed, rows_public=given.rows_public or max(1, round(closed.rows_public / (1 - part))))


def _said(column: Column, cells: pd.Series) -> np.ndarray:
    """What each cell says, and what it is read as, shape (rows, bytes), uint8.

    Both, so that rows which share a hash but for the occurrence number are the same to whatever reads them, in any order. The
    number 1.5 and the text 1.5 are told apart: once categories are learnt, one may be among them and the other not.
    """
    if column.ordered:
        found = column.found(cells)
        numbers = np.where(np.isnan(found.values), np.nan, found.values + 0.0)[found.positions]  # -0.0 is 0.0
        read = np.stack([numbers, found.absent[found.positions].astype(float)], axis=1)
    else:
        read = np.stack([column.read(cells).astype(float), each(cells, is_number, 0.0, float)], axis=1)
    return np.hstack([cells_content(cells), np.ascontiguousarray(read).view(np.uint8).reshape(len(cells), 8 * read.shape[1])])


def _below(found: np.ndarray, part: float) -> np.ndarray:
    return found[:, 0] < np.uint64(min(int(part * 2.0**64), 2**64 - 1))
