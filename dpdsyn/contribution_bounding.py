"""Contribution bounding: one row of each person is kept, so that a guarantee for one row is one for a person."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dpdsyn.column import SchemaError
from dpdsyn.keyed_hash import content_ids, keyed_hash
from dpdsyn.schema import Schema


def one_row_per_person(frame: pd.DataFrame, schema: Schema, key: int) -> np.ndarray:
    """Which rows to use, shape (rows,), bool: all if the schema names no person, else one row of each.

    The key and a person's own rows alone decide which row it is (the one whose content has the smallest keyed hash), so
    neighbouring tables, which differ by all rows of one person, differ by one used row at most.
    Raises SchemaError for a row without a person.
    """
    if schema.person is None:
        return np.ones(len(frame), dtype=bool)
    schema.check_names(list(frame.columns))
    persons, _ = pd.factorize(frame[schema.person])
    if (persons < 0).any():
        row = int((persons < 0).argmax())
        raise SchemaError(f"column {schema.person!r}, row {row + 1}: no person is named; name one or drop the row", row=row)
    order = np.lexsort((keyed_hash(content_ids(frame), key), persons))
    first = np.r_[True, np.diff(persons[order]) > 0][: len(order)]
    used = np.zeros(len(frame), dtype=bool)
    used[order[first]] = True
    return used
