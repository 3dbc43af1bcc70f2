"""The preflight: what in a table contradicts its schema, told to the table's owner before any budget is opened.

It reads the rows without noise, so what it says, and whether it refuses, is for the owner alone and not for publishing. After
it, or without it, nothing refuses a row: every cell is encoded as something (`dpdsyn.reading.column.Column.encode`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.mechanisms.persons import beyond_digits, digits_of, names_somebody, whose
from dpdsyn.reading.cells import as_spelled, canonical, days, distinct, each, is_single, is_truth
from dpdsyn.reading.column import ABSENT, UNREADABLE, Column, SchemaError
from dpdsyn.reading.times_of_day import is_time_of_day
from dpdsyn.schema import Schema
from dpdsyn.tables.complaints import beyond, complaint
from dpdsyn.tables.raw_rules import applied, broken, misspelt
from dpdsyn.tables.sentinels import DateSentinels, Sentinel, Sentinels

OFTEN = 0.05  # a larger share of cells that are not what the schema says is worth a word
_BEYOND = 0.01  # a larger share of cells beyond what is learnt would make all others coarse
_LEAST_ROWS = 2
_LONGEST_CELL = 60  # characters
_NOBODY = "no person is named; name one or drop the row"
_SEVERAL = "digits or letters of this id are lost, so that it may be several people's; have it read and written as text"
_SAID = {
    "undeclared": "are in no category and become `other`",
    "clipped": "lie outside its bounds and are clipped",
    "beyond": "lie beyond what is learnt without bounds and are clipped; others come out coarse where such cells stand out",
    "missing": "are missing",
    "respelled": "come out in one spelling",
    "blurred": "are numbers in floating point so large that ids lose digits in them (2^53; 2^24 of float32); read them as text",
}
_KEEP = " (1 for 1.0, a day for its midnight, of TRUE and true the commoner one); list `categories` to keep yours"
_NONE = {
    "undeclared": "none of its {} cells is in a category of the schema; is it written otherwise there?",
    "clipped": "none of its {} cells lies within the bounds of the schema; are they in another unit?",
    "missing": "all of its {} cells are missing; is the file read as it is written? If it is empty, put it under `ignore`",
}
_ONE_CLASS = "all of its {} cells say the same, and a target has two classes or more; nothing could be published, so name another"


class PreflightWarning(UserWarning):
    """Many cells are not what the schema says. It tells of rows: for the table's owner, and not for publishing."""


class BrokenRuleWarning(PreflightWarning):
    """Rows break a rule of the schema."""


@dataclass(frozen=True)
class Fault:
    """Cells of one column that contradict the schema in one way.

    kind: `missing`, `unreadable`, `person`, `nothing` (no cell is what the schema says) or `beyond` (many lie beyond what is
    learnt of a column without bounds). cells: how many. row: the first,
    from 0. saying: the sentence on it, with `{}` where the cell stands. cell: the first one's text, which is shown only where
    its owner asks.
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
        if self.kind == "nothing":
            return f"column {self.column!r}: {self.saying}{f' ({self.cell} for one)' if show_cells else ''}"
        more = f" ({self.cells:,} such cells)" if self.cells > 1 else ""
        named = self.cell if show_cells else "a cell"
        return f"column {self.column!r}, row {self.row + 1}: {self.saying.replace('{}', named, 1)}{more}"


class PreflightError(SchemaError):
    """The table contradicts its schema. faults: all of them; row: that of the first one, from 0."""

    def __init__(self, message: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(message, faults[0].row if faults else None)
        self.faults = faults


@dataclass(frozen=True)
class Share:
    """Cells of one column that the schema has a rule for, of which there should be few.

    kind: `undeclared`, `clipped`, `beyond`, `missing`, `respelled` or `blurred`. cells: how many; of: how many the column
    has. then: what becomes of them, where that depends on the column.
    """

    column: str
    kind: str
    cells: int
    of: int
    then: str = ""

    @property
    def told(self) -> str:
        """For the owner, in one sentence."""
        return f"column {self.column!r}: {_share(self.cells, self.of)} of cells {_SAID[self.kind]}{self.then}"


@dataclass(frozen=True)
class Report:
    """What a preflight finds. rows: of the table; usable: those left after the rules for missing cells and persons.

    faults: what is refused. nothing: columns of which no cell is what the schema says, or many lie beyond what is learnt, which
    are refused where all rows are at hand. shares: of all columns how many cells are of each kind of `Share`, where there are
    some. broken: how many rows break each rule of the schema, by its words. common: how many cells of each column that is not
    open share the code that most of them have. applied: in how many rows the conditions of each rule hold that has some;
    misspelt: those that hold in none, maybe for a category that is written otherwise. sentinels: of columns of numbers and of
    dates those that look like codes for missing cells.
    """

    faults: tuple[Fault, ...]
    rows: int
    usable: int
    nothing: tuple[Fault, ...] = ()
    shares: tuple[Share, ...] = ()
    broken: Mapping[str, int] = field(default_factory=dict)
    common: Mapping[str, int] = field(default_factory=dict)
    applied: Mapping[str, int] = field(default_factory=dict)
    misspelt: tuple[str, ...] = ()
    sentinels: Mapping[str, tuple[Sentinel, ...]] = field(default_factory=dict)

    @property
    def broken_rules(self) -> tuple[str, ...]:
        """Of each rule that rows break, or that may be misspelt, a sentence for the owner.

        The method does not hear of it, and published rows keep the rule.
        """
        never = tuple(
            f"constraint {written!r}: its condition holds in no row; see that its values are written as in the table, "
            "capital letters included"
            for written in self.misspelt
        )
        return never + tuple(
            f"constraint {written!r}: {rows:,} rows ({rows / max(self.rows, 1):.2%}) break it; published rows keep it even so"
            for written, rows in self.broken.items()
            if rows
        )

    @property
    def often(self) -> tuple[Share, ...]:
        """The shares that are worth a word."""
        return tuple(share for share in self.shares if share.kind in ("blurred", "beyond") or share.cells > OFTEN * share.of)

    @property
    def cautions(self) -> tuple[str, ...]:
        """Of columns of which many cells are not what the schema says, a sentence each, for the owner."""
        return tuple(share.told for share in self.often)

    def refuse_faults(self, show_cells: bool = False, whole: bool = True) -> None:
        """Raise PreflightError, with all faults at once, if there is one.

        whole: whether all rows were looked at; else that none of them is what the schema says is no fault.
        """
        faults = self.faults + (self.nothing if whole else ())
        if faults:
            raise PreflightError("; also ".join(fault.told(show_cells) for fault in faults), faults)


def preflight(
    table: pd.DataFrame | str | Path,
    schema: Schema,
    show_cells: bool = False,
    seen: Callable[[Report], None] | None = None,
) -> Report:
    """Hold every row of a table against its schema: a frame, or the path of a Parquet file, which is read piece by piece.

    show_cells: whether messages quote cells. seen: is given what was found, before anything is refused. Raises
    PreflightError, with all faults at once, for cells that contradict the schema and for fewer than two usable
    rows; SchemaError for other columns or a file that is no Parquet.
    """
    report = examined(table, schema)
    if seen is not None:
        seen(report)
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
    counted = {column.name: _Counted(column, column.name == schema.target) for column in schema.columns}
    rules, conditions = (dict.fromkeys((rule.written for rule in schema.constraints), 0) for _ in range(2))
    odd = {column.name: Sentinels() for column in schema.columns if column.kind in ("integer", "real")}
    odd_dates = {c.name: DateSentinels() for c in schema.columns if c.kind == "date" and not is_time_of_day(c.format)}
    rows = usable = 0
    for frame in frames:
        kept = np.ones(len(frame), dtype=bool)
        for column in schema.columns:
            cells = frame[column.name]
            codes, outside = column.held(cells)
            kept &= column.settled(codes) >= 0
            counted[column.name].add(cells, codes, outside, rows)
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
        conditions = {written: conditions[written] + held for written, held in applied(schema, frame).items()}
        for name, numbers in odd.items():
            found_there = schema[name].found(frame[name])
            numbers.add(found_there.values[found_there.positions])
        for name, dates in odd_dates.items():
            shown = days(frame[name], schema[name].format)
            dates.add(shown.values[shown.positions], frame[name])
        rows += len(frame)
    nothing = tuple(fault for one in counted.values() if (fault := one.nothing(rows)) is not None)
    shares = tuple(share for one in counted.values() for share in one.shares(rows))
    common = {name: one.common for name, one in counted.items() if not schema[name].is_open}
    conditions = conditions if rows else {}
    never = tuple(misspelt(schema, conditions))
    sentinels = {name: tuple(one.found()) for name, one in (odd | odd_dates).items()}
    return Report(tuple(found.values()), rows, usable, nothing, shares, rules, common, conditions, never, sentinels)


class _Counted:
    """How many cells of a column are of each kind of `Share`, piece by piece."""

    def __init__(self, column: Column, is_target: bool) -> None:
        self._column = column
        self._classes: set[str] | None = set() if is_target and column.is_open and not column.ordered else None
        self._cells = {"undeclared": 0, "clipped": 0, "beyond": 0, "missing": 0, "respelled": 0, "blurred": 0}
        self._codes = np.zeros(column.size, dtype=np.int64)
        self._truth: Counter[str] = Counter()  # cells that say true or false, as they are spelled
        self._first: tuple[int, str] | None = None  # row and cell of the first one that is not missing
        self._far: tuple[int, str] | None = None  # of the first one beyond

    def add(self, cells: pd.Series, codes: np.ndarray, outside: np.ndarray, before: int) -> None:
        if not self._column.is_open:
            self._codes += np.bincount(codes[codes >= 0], minlength=self._column.size)
        other = self._column.other_code if not self._column.is_open else None
        self._cells["undeclared"] += 0 if other is None else int((codes == other).sum())
        self._cells["clipped" if self._column.bounds else "beyond"] += int(outside.sum())
        self._cells["missing"] += int((codes == ABSENT).sum())
        if self._column.is_open and not self._column.ordered:
            self._cells["respelled"] += int(each(cells, _respelled, False, bool).sum())
            truths = each(cells, _truth, "", object)
            self._truth.update(truths[truths != ""].tolist())
        if self._classes is not None and len(self._classes) < 2:
            self._classes.update(map(canonical, distinct(cells)[1]))
        self._cells["blurred"] += 0 if self._column.ordered else _blurred(cells, self._column)
        if self._first is None and (present := codes != ABSENT).any():
            row = int(present.argmax())
            self._first = before + row, _text(cells.iloc[row])
        if self._far is None and not self._column.bounds and outside.any():
            row = int(outside.argmax())
            self._far = before + row, _text(cells.iloc[row])

    @property
    def common(self) -> int:
        """How many cells share the code that most of them have; those that are missing have none here."""
        return int(self._codes.max(initial=0))

    def nothing(self, rows: int) -> Fault | None:
        """The fault that no cell is what the schema says, or that many are beyond what is learnt, if so it is."""
        present = rows - self._cells["missing"]
        if rows < _LEAST_ROWS:  # which is refused for that
            return None
        if not present and self._column.missing is not None and not self._column.is_open:
            return Fault(self._column.name, "nothing", rows, 0, _NONE["missing"].format(f"{rows:,}"))
        if self._classes is not None and len(self._classes) == 1 and self._first is not None:
            return Fault(self._column.name, "nothing", present, self._first[0], _ONE_CLASS.format(f"{present:,}"), self._first[1])
        for kind in ("undeclared", "clipped"):
            if self._first is not None and self._cells[kind] == present:
                row, cell = self._first
                return Fault(self._column.name, "nothing", present, row, _NONE[kind].format(f"{present:,}"), cell)
        if self._far is not None and self._cells["beyond"] > _BEYOND * present:
            row, cell = self._far
            return Fault(self._column.name, "beyond", self._cells["beyond"], row, beyond(self._column, "{}"), cell)
        return None

    def shares(self, rows: int) -> list[Share]:
        """Those that are not empty."""
        commonest: dict[str, int] = {}
        for spelled, n in self._truth.items():
            commonest[canonical(spelled)] = max(n, commonest.get(canonical(spelled), 0))
        rarer = sum(self._truth.values()) - sum(commonest.values())
        cells = self._cells | {"respelled": self._cells["respelled"] + rarer}
        then = {"missing": self._then, "respelled": _KEEP}
        return [Share(self._column.name, kind, n, rows, then.get(kind, "")) for kind, n in cells.items() if n]

    @property
    def _then(self) -> str:
        rules = {"drop": ", and their rows are left out", "own_code": ", which is a value of its own"}
        return rules.get(self._column.missing or "", "")


def _share(cells: int, of: int) -> str:
    """A share in per cent; of few cells it is not 0%."""
    return f"{100 * cells / of:.0f}%" if 100 * cells >= of else f"{100 * cells / of:.1g}%"


def _respelled(cell: Any) -> bool:
    """Whether a cell is a text that comes out written otherwise if it is learnt, but for true and false."""
    return isinstance(cell, str) and canonical(cell) != cell.strip() and not is_truth(cell.strip())


def _truth(cell: Any) -> str:
    """How a cell spells true or false; nothing if it says neither."""
    return as_spelled(cell) if is_single(cell) and is_truth(canonical(cell)) else ""


def _blurred(cells: pd.Series, column: Column) -> int:
    """How many cells are numbers in floating point that may have lost digits, and are not listed as such."""
    if not (cells.dtype == object or pd.api.types.is_float_dtype(cells.dtype)):
        return 0
    listed = {category for category in column.categories if isinstance(category, float)}

    digits = digits_of(cells.dtype)

    def lost(cell: Any) -> bool:
        number = isinstance(cell, float | np.floating) and np.isfinite(cell) and float(cell) not in listed
        return number and beyond_digits(cell, digits)

    return int(each(cells, lost, False, bool).sum())


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
    return _SEVERAL if names_somebody(cells.iloc[row]) else _NOBODY, ""


def _says(column: Column, cells: pd.Series) -> Callable[[int], tuple[str, str]]:
    """Of a row, the sentence on its cell, with `{}` in the cell's place, and the cell's text."""

    def says(row: int) -> tuple[str, str]:
        return complaint(column, cells.iloc[row], "{}"), _text(cells.iloc[row])

    return says


def _text(cell: Any) -> str:
    """How a cell is quoted."""
    try:
        text = repr(cell) if isinstance(cell, str) else str(cell)
    except Exception:  # whatever a foreign class raises
        text = type(cell).__name__
    return text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}..."
