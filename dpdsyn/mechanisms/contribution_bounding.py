"""Contribution bounding: at most so many rows of each person are kept, so that one person's influence is bounded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dpdsyn.mechanisms.keyed_hash import cells_content, hashes, numbered
from dpdsyn.mechanisms.persons import whose
from dpdsyn.schema import Schema


@dataclass(frozen=True)
class Bounded:
    """Which rows of a table are used, and whose they are.

    used: shape (rows,), bool. persons: shape (rows used,), int64, from 0 without gaps; None if the schema names no person.
    """

    used: np.ndarray
    persons: np.ndarray | None


def bounded(frame: pd.DataFrame, schema: Schema, key: bytes) -> Bounded:
    """The rows of a table that are used: at most `max_rows_per_person` of each person, or all if the schema names none.

    A row with a missing cell whose rule is `drop`, or that names no person, is left out by itself, before any row is
    chosen. Which of a person's other rows are kept is decided by the key and these rows alone: those of the smallest
    keyed hashes of (person, encoded row, occurrence number among the person's equal rows). So neighbouring tables, which
    differ by all rows of one person, differ by at most so many used rows, and by nothing else.
    key: at least 16 bytes that nobody knows. Raises SchemaError for a table with other columns.
    """
    return used_rows(frame, schema, key)[1]


def used_rows(frame: pd.DataFrame, schema: Schema, key: bytes) -> tuple[np.ndarray, Bounded]:
    """The encoded rows that are used, shape (rows used, columns), and which these are; as `bounded`."""
    encoded, kept = schema.encode_all(frame)
    if schema.person is None:
        return encoded, Bounded(kept, None)
    persons, names = whose(frame[schema.person])
    encoded, used = encoded[persons[kept] >= 0], kept & (persons >= 0)
    chosen = _chosen(persons[used], names, encoded, schema.max_rows_per_person or 1, key)
    used[used] = chosen
    return encoded[chosen], Bounded(used, pd.factorize(persons[used])[0].astype(np.int64))


def _chosen(persons: np.ndarray, names: list[str], encoded: np.ndarray, most: int, key: bytes) -> np.ndarray:
    """Which rows are kept, shape (rows,), bool; only rows of people with more than `most` are hashed."""
    chosen = np.bincount(persons, minlength=1)[persons] <= most
    (rows,) = np.nonzero(~chosen)
    if len(rows):
        places, different = pd.factorize(persons[rows])
        texts = pd.Series([names[person] for person in different], dtype=object)
        codes = np.ascontiguousarray(encoded[rows]).view(np.uint8).reshape(len(rows), -1)
        found = hashes(numbered(np.hstack([cells_content(texts)[places], codes])), key)
        order = np.lexsort((found[:, 1], found[:, 0], places))
        ranks = np.arange(len(rows)) - np.searchsorted(places[order], places[order])
        chosen[rows[order[ranks < most]]] = True
    return chosen
