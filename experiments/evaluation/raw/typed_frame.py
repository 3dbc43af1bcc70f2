"""Raw frames as models read them: numbers, days and texts, told by the kinds of columns alone.

A cell may be a text (CSV) or typed (Parquet, decoded rows), read as `dpdsyn.reading.cells` does. Bounds, bins, categories and
pieces are never looked at, so real rows and decoded rows of any encoding are read alike. Classes are the exception: a column that
is cut into classes (`cut_at`) shows numbers in real rows and class names in decoded ones, and the target is given as codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dpdsyn.reading.cells import RESOLUTIONS, canonical, each, is_single, moments, numbers
from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema


@dataclass(frozen=True)
class Features:
    """Names of the columns that a model reads, by kind."""

    numbers: tuple[str, ...]
    categories: tuple[str, ...]

    @classmethod
    def of(cls, schema: Schema, target: str, train: pd.DataFrame, test: pd.DataFrame) -> Features:
        """All that both frames have but the target."""
        shared = [column for column in schema.columns if column.name in train and column.name in test and column.name != target]
        return cls(
            tuple(column.name for column in shared if is_numeric(column)),
            tuple(column.name for column in shared if not is_numeric(column)),
        )

    @property
    def names(self) -> list[str]:
        """Of numbers, then of categories."""
        return [*self.numbers, *self.categories]


def typed(frame: pd.DataFrame, schema: Schema, target: str | None = None, classes: Sequence[str] | None = None) -> pd.DataFrame:
    """The columns of the schema that the frame has, in the schema's order, with a new index from 0.

    Numbers are float64 and dates float64 days since 1970-01-01 (fractions are the time of day, to the second), NaN where a cell
    is missing, infinite or says no number or date. Categories are texts (`reading.cells.canonical`), None where missing. The
    target (the schema's unless another is named) is a number or, if it is categorical, the code of its class as float64, NaN
    where it says no class; whoever trains or tests drops such rows. classes: texts that stand for the classes, in order, where
    the schema lists none.
    """
    judged = schema.target if target is None else target
    read = {
        column.name: _codes(frame[column.name], column, classes) if column.name == judged else _cells(frame[column.name], column)
        for column in schema.columns
        if column.name in frame
    }
    return pd.DataFrame(read, index=pd.RangeIndex(len(frame)))


def is_numeric(column: Column) -> bool:
    """Whether its typed cells are numbers (or days), as against texts."""
    return column.kind != "categorical"


def classes_of(frames: Sequence[pd.DataFrame], column: Column) -> list[str] | None:
    """The classes of a target that the schema lists none of: all texts of the frames, sorted; None where there is no need."""
    if is_numeric(column) or column.categories:
        return None
    return sorted({text for frame in frames for text in _texts(frame[column.name]) if text is not None})


def _cells(cells: pd.Series, column: Column) -> np.ndarray | pd.Series:
    if is_numeric(column):
        found = moments(cells, column.format) if column.kind == "date" else numbers(cells)
        values = np.where(np.isfinite(found.values), found.values, np.nan)[found.positions]
        return values / RESOLUTIONS["day"] if column.kind == "date" else values
    if column.cut_at:
        codes = column.read(cells)
        return pd.Series(np.array([*map(canonical, column.categories), None], dtype=object)[np.maximum(codes, -1)], dtype=object)
    return pd.Series(_texts(cells), dtype=object)


def _codes(cells: pd.Series, column: Column, classes: Sequence[str] | None) -> np.ndarray | pd.Series:
    if is_numeric(column):
        return _cells(cells, column)
    if classes is None:
        codes = column.read(cells).astype(float)
        return np.where(codes < 0, np.nan, codes)
    index = {text: code for code, text in enumerate(classes)}
    return np.array([np.nan if text is None else index.get(text, np.nan) for text in _texts(cells)], dtype=float)


def _texts(cells: pd.Series) -> np.ndarray:
    return each(cells, lambda cell: canonical(cell) if is_single(cell) else None, None, object)
