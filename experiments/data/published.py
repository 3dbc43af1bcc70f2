"""Rows of published files, read as their data set's configuration says."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from experiments.data.fetch import DataError, locate, read_bytes


def read_frame(dataset: Mapping[str, Any], say: Callable[[str], None], rows: int | None = None) -> pd.DataFrame:
    """The rows of all files (or the first of each), every cell as text.

    Raises DataError for files that are absent, altered, or not what their description says.
    """
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
    """A column by a public rule: the first `prefix` characters."""
    codes, distinct = pd.factorize(cells)
    return pd.Series(distinct).str[: rule["prefix"]].reindex(codes).set_axis(cells.index).astype("str")
