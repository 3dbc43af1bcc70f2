"""Schemas of columns that are categories alone, and uniform rows of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema


def schema_of(sizes: Sequence[int], target: bool = True, rows_public: int = 1000) -> Schema:
    """Columns c0, c1, ... of so many categories; the last one is the target, if there is to be one."""
    columns = tuple(Column(f"c{i}", "categorical", categories=tuple(range(size))) for i, size in enumerate(sizes))
    return Schema(columns, columns[-1].name if target else None, rows_public)


def uniform(schema: Schema, rows: int, rng: np.random.Generator) -> np.ndarray:
    """Encoded rows, shape (rows, columns), every code as likely as any other."""
    return np.stack([rng.integers(size, size=rows) for size in schema.sizes], axis=1).astype(schema.dtype)
