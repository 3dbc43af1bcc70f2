"""The preflight: what in a table contradicts its schema, told to the table's owner before any budget is opened.

It reads the rows without noise, so what it says, and whether it refuses, is for the owner alone and not for publishing. After
it, or without it, nothing refuses a row: every cell is encoded as something (`dpdsyn.column.Column.encode`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.column import ABSENT, UNREADABLE, Column, SchemaError
from dpdsyn.contribution_bounding import whose
from dpdsyn.raw_rules import broken
from dpdsyn.schema import Schema

OFTEN = 0.05  # a larger share of cells in no category is worth a word
_LEAST_ROWS = 2
_LONGEST_CELL = 60  # characters
_NOBODY = "no person is named; name one or drop the row"
_SEVERAL = "an id of 2^53 or more in floating point may be several people's; read the column as text"


@dataclass(frozen=True)
class Fault:
    """Cells of one column that contradict the schema in one way.

    kind: `missing`, `unreadable` or `person`. cells: how many. row: the first, from 0. saying: the sentence on it, with `{}`
    where the cell stands. cell: the first one's text, which is shown only where its owner asks.
    """

    column: str
    kind: str
    cells: int
    row: int
    saying: str
    cell: str = ""

    def told(self, show_cells: bool = False) -> str:
        """For the owner, in one sentence."""
        if self.kind == "missing":
            return (
                f"column {self.column!r}: {self.cells} missing cells (first in row {self.row + 1}) and no rule for them; "
                "add `missing: own_code` or `missing: drop` to its schema, or drop these rows"
            )
        more = f" ({self.cells:,} such cells)" if self.cells > 1 else ""
        named = self.cell if show_cells else "a cell"
        return f"column {self.column!r}, row {self.row + 1}: {self.saying.replace('{}', named, 1)}{more}"


class PreflightError(SchemaError):
    """The table contradicts its schema. faults: all of them; row: that of the first one, from 0."""

    def __init__(self, message: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(message, faults[0].row if faults else None)
        self.faults = faults


@dataclass(frozen=True)
class Report:
    """What a preflight finds. rows: of the table; usable: those left after the rules for missing cells and persons.

    undeclared: of each column with a code for other categories, the share of cells that have it. broken: how many rows break
    each rule of the schema, by its words.
    """

    faults: tuple[Fault, ...]
    rows: int
    usable: int
    undeclared: Mapping[str, float]
    broken: Mapping[str, int] = field(default_factory=dict)

    @property
    def broken_rules(self) -> tuple[str, ...]:
        """Of each rule that rows break, a sentence for the owner; the method does not hear of it, and published rows keep it."""
        return tuple(
            f"constraint {written!r}: {rows:,} rows ({rows / max(self.rows, 1):.2%}) break it; published rows keep it even so"
            for written, rows in self.broken.items()
            if rows
        )

    @property
    def often_undeclared(self) -> str:
        """Columns of which many cells are in no category, with the share; empty if there is none."""
        return ", ".join(f"{name} ({share:.0%})" for name, share in self.undeclared.items() if share > OFTEN)

    def refuse_faults(self, show_cells: bool = False) -> None:
        """Raise PreflightError, with all faults at once, if there is one."""
        if self.faults:
            raise PreflightError("; also ".join(fault.told(show_cells) for fault in self.faults), self.faults)


def preflight(table: pd.DataFrame | str | Path, schema: Schema, show_cells: bool = False) -> Report:
    """Hold every row of a table against its schema: a frame, or the path of a Parquet file, which is read piece by piece.

    show_cells: whether messages quote cells. Raises PreflightError, with all faults at once, for cells that contradict the
    schema and for fewer than two usable rows; SchemaError for other columns or a file that is no Parquet.
    """
    report = examined(table, schema)
    try:
        report.refuse_faults(show_cells)
        if report.usable < _LEAST_ROWS:
            raise PreflightError(f"{report.usable} rows can be used; at least two are needed")
    except PreflightError as error:
        raise error if isinstance(table, pd.DataFrame) else PreflightError(f"{table}: {error}", error.faults) from error
    return report


def examined(table: pd.DataFrame | str | Path, schema: Schema) -> Report:
    """What `preflight` finds, without raising for it."""
    if isinstance(table, pd.DataFrame):
        schema.check_names(list(table.columns))
        return _examined([table], schema)
    from dpdsyn.parquet import pieces

    return _examined(pieces(Path(table), schema), schema)


def _examined(frames: Iterable[pd.DataFrame], schema: Schema) -> Report:
    found: dict[tuple[str, str], Fault] = {}
    others = {column.name: 0 for column in schema.columns if column.other_code is not None and not column.is_open}
    rules = dict.fromkeys((rule.written for rule in schema.constraints), 0)
    rows = usable = 0
    for frame in frames:
        kept = np.ones(len(frame), dtype=bool)
        for column in schema.columns:
            cells = frame[column.name]
            codes = column.read(cells)
            kept &= column.settled(codes) >= 0
            if column.name in others:
                others[column.name] += int((codes == column.other_code).sum())
            if column.missing is None and not column.is_open:
                _note(found, column.name, "missing", codes == ABSENT, rows, _says(column, cells))
            _note(found, column.name, "unreadable", codes == UNREADABLE, rows, _says(column, cells))
        if schema.person is not None:
            persons, _ = whose(frame[schema.person])
            _note(found, schema.person, "person", persons < 0, rows, partial(_unnamed, frame[schema.person]))
            per_person = np.bincount(persons[kept & (persons >= 0)], minlength=1)
            usable += int(np.minimum(per_person, schema.max_rows_per_person or 1).sum())
        else:
            usable += int(kept.sum())
        rules = {written: rules[written] + strays for written, strays in broken(schema, frame).items()}
        rows += len(frame)
    return Report(tuple(found.values()), rows, usable, {name: cells / max(rows, 1) for name, cells in others.items()}, rules)


def _note(
    found: dict[tuple[str, str], Fault], column: str, kind: str, where: np.ndarray, before: int, says: Callable[[int], Any]
) -> None:
    cells = int(where.sum())
    if not cells:
        return
    if (column, kind) in found:
        found[column, kind] = replace(found[column, kind], cells=found[column, kind].cells + cells)
    else:
        row = int(where.argmax())
        saying, cell = says(row)
        found[column, kind] = Fault(column, kind, cells, before + row, saying, cell)


def _unnamed(cells: pd.Series, row: int) -> tuple[str, str]:
    return _SEVERAL if isinstance(cells.iloc[row], float) and cells.iloc[row] == cells.iloc[row] else _NOBODY, ""


def _says(column: Column, cells: pd.Series) -> Callable[[int], tuple[str, str]]:
    """Of a row, the sentence on its cell, with `{}` in the cell's place, and the cell's text."""

    def says(row: int) -> tuple[str, str]:
        cell = cells.iloc[row]
        text = repr(cell) if isinstance(cell, str) else str(cell)
        return column.complaint(cell, "{}"), text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}..."

    return says
