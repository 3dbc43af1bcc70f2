"""Rows of published files, read as their data set's configuration says."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping

import pandas as pd

from dpdsyn.reading.cells import canonical
from dpdsyn.reading.schema_values import shortened
from experiments.console import Say
from experiments.data.description import Derived, PublishedTable, Scalar
from experiments.data.errors import DataError
from experiments.data.fetch import locate, read_bytes
from experiments.typed import suggestion


def read_frame(dataset: PublishedTable, say: Say, rows: int | None = None) -> pd.DataFrame:
    """The rows of all files (or the first of each), every cell as text.

    Raises DataError for files that are absent, altered, or not what their description says, and for a column that they lack.
    """
    frames = []
    for name, path in locate(dataset, say).items():
        try:
            frames.append(pd.read_csv(io.BytesIO(read_bytes(path)), dtype=str, nrows=rows, **(dataset.read or {})))
        except ValueError as error:  # the parser's own errors, and undecodable bytes
            raise DataError(f"{path} ({name}) is not the table that its description says: {error}") from error
    frame = pd.concat(frames, ignore_index=True)
    _refuse_absent(dataset.name, "replace", dataset.replace or (), frame)
    for column, instead in (dataset.replace or {}).items():
        frame[column] = _replaced(frame[column], instead)
    for column, rule in (dataset.derive or {}).items():
        frame[column] = _derived(dataset.name, frame, column, rule)
    _refuse_absent(dataset.name, "leak_by", dataset.leak_by or (), frame)
    return frame.drop_duplicates(ignore_index=True) if dataset.deduplicate else frame


def _refuse_absent(name: str, key: str, columns: Iterable[str], frame: pd.DataFrame) -> None:
    there = list(map(str, frame.columns))
    if lacking := [column for column in columns if column not in frame]:
        near = suggestion(lacking[0], there) if len(lacking) == 1 else ""
        absent = f"{shortened(lacking)}, which the files do not have{near}"
        raise DataError(f"{name}: {key} names {absent}; accepted: {shortened(there)}")


def _replaced(cells: pd.Series, given: Mapping[Scalar, Scalar]) -> pd.Series:
    """With other cells in the place of some, which are compared as categories are: the number 1 is the text "1.0"."""
    instead = {canonical(old): new if isinstance(new, str) else canonical(new) for old, new in given.items()}
    return cells.replace({cell: instead[canonical(cell)] for cell in cells.dropna().unique() if canonical(cell) in instead})


def _derived(name: str, frame: pd.DataFrame, column: str, rule: Derived) -> pd.Series:
    needed = [column] if rule.join is None else list(rule.join)
    if lacking := [part for part in needed if part not in frame]:
        raise DataError(f"{name}: derive.{column} is made of {', '.join(lacking)}, which the files do not have")
    if rule.prefix is not None:
        return _first_characters(frame[column], rule.prefix)
    parts = [frame[part].map(canonical, na_action="ignore").fillna("") for part in needed]
    return pd.Series(map(rule.between.join, zip(*parts, strict=True)), index=frame.index, dtype="str")


def _first_characters(cells: pd.Series, count: int) -> pd.Series:
    positions, distinct = pd.factorize(cells)
    return pd.Series(distinct).str[:count].reindex(positions).set_axis(cells.index).astype("str")
