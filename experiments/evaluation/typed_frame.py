"""Raw frames as models read them: numbers, days and texts, told by the kinds of columns alone.

A cell may be a text (CSV) or typed (Parquet, decoded rows); it is read as `dpdsyn.cells` reads it. Bounds, bins, categories and
pieces are never looked at, so real rows and decoded rows of any encoding are read alike. Classes are the exception: a column that
is cut into classes (`cut_at`) shows numbers in real rows and class names in decoded ones, and the target is given as codes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.cells import canonical, day, each, is_single, number
from dpdsyn.column import Column
from dpdsyn.schema import Schema

_MIDNIGHT_TO_MIDNIGHT = 86_400  # seconds


def typed(frame: pd.DataFrame, schema: Schema, target: str | None = None, classes: Sequence[str] | None = None) -> pd.DataFrame:
    """The columns of the schema that the frame has, in the schema's order, with a new index from 0.

    Numbers are float64 and dates float64 days since 1970-01-01 (fractions are the time of day as written), NaN where a cell is
    missing, infinite or says no number or date. Categories are texts (`dpdsyn.cells.canonical`), None where missing. The target
    (the schema's unless another is named) is a number or, if it is categorical, the code of its class as float64, NaN where it
    says no class; whoever trains or tests drops such rows. classes: texts that stand for the classes, in order, where the
    schema lists none.
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
    if column.kind == "date":
        return _finite(_moments(cells, column.format))
    if is_numeric(column):
        return _finite(each(cells, number, np.nan, float))
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


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)


def _moments(cells: pd.Series, form: str | None) -> np.ndarray:
    """Days since 1970-01-01 with the time of day, as written, in whatever time zone."""
    if isinstance(cells.dtype, np.dtype) and cells.dtype.kind == "M":
        moments = cells.to_numpy().astype("datetime64[ms]")
        return np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / (1000 * _MIDNIGHT_TO_MIDNIGHT))
    return each(cells, _moment(form), np.nan, float)


def _moment(form: str | None) -> Callable[[Any], float]:
    def read(cell: Any) -> float:
        return day(cell, form) + _time_of_day(cell, form) if is_single(cell) else np.nan

    return read


def _time_of_day(cell: Any, form: str | None) -> float:
    """The share of the day that has passed, 0 where a cell tells none."""
    try:
        if isinstance(cell, np.datetime64):
            cell = pd.Timestamp(cell)
        if isinstance(cell, str):
            cell = datetime.fromisoformat(cell.strip()) if form is None else datetime.strptime(cell.strip(), form)
        if isinstance(cell, datetime):
            seconds = 3600 * cell.hour + 60 * cell.minute + cell.second + cell.microsecond / 1e6
            return seconds / _MIDNIGHT_TO_MIDNIGHT
    except (ValueError, OverflowError):  # a text of a day alone, such as 2024/3/1
        pass
    return 0.0
