"""One fuzzed file, held against what its cells mean, through every entrance."""

from __future__ import annotations

import gzip
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dpdsyn.base.checks import InputError
from dpdsyn.parquet import pieces
from dpdsyn.reading.column import ABSENT, UNREADABLE
from dpdsyn.schema import Schema
from dpdsyn.tables.frames import as_pandas
from dpdsyn.tables.preflight import OFTEN, PreflightError, Report, preflight
from experiments.data.errors import DataError
from experiments.data.table_file import Reading, read_table
from fuzzing import carriers
from fuzzing.carriers import Style
from fuzzing.kinds import drawn
from fuzzing.meaning import MISSING, Meaning, said, shares, usable
from fuzzing.schemas import NAMES, Table

pa.set_cpu_count(1)  # threads are dearer than small files
pa.set_io_thread_count(1)
assert (ABSENT, UNREADABLE) == (MISSING, -2)


class Mismatch(AssertionError):
    """An entrance gives something else than the cells mean, without a word."""


class Lazy:
    """A lazy frame as polars has them, by what the library knows of these."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def collect(self) -> pa.Table:
        return self.table


Lazy.__name__ = "LazyFrame"


@dataclass(frozen=True)
class Entrance:
    """One way into the library. table: a frame, or the path of a Parquet file, that is given to it; None: the file at `path` is
    read first, as `reading` says. cells: what its columns hold, by name. words: how a CSV file writes them.
    """

    name: str
    cells: dict[str, Sequence[Any]]
    table: Any = None
    path: Path = Path()
    reading: Reading = field(default_factory=Reading)
    words: dict[str, list[str]] = field(default_factory=dict)

    def opened(self, schema: Schema) -> pd.DataFrame | Path:
        """What the preflight and the mechanisms are given."""
        if self.table is None:
            return read_table(self.path, self.reading, schema=schema)
        return self.table if isinstance(self.table, Path) else as_pandas(self.table)


def table_of(r: random.Random) -> Table:
    """A table of two to five columns, most of some dozen rows."""
    rows = r.choice([1, 2, 3, *[r.randint(4, 40)] * 8, r.randint(100, 300)])
    names = r.sample(NAMES, r.randint(2, 5))
    missing = [r.choice([0, 0, 0, 0.05, 0.2, 0.9, 1.0]) for _ in names]
    columns = [drawn(r, rows, share) for share in missing]
    return table_of(r) if all(column.made for column in columns) else Table(names, columns, rows)


def some_of(r: random.Random, ways: Sequence[Entrance]) -> list[Entrance]:
    """A CSV file, texts, typed cells, and a Parquet file: one of each sort that there is."""
    sorts: dict[str, list[Entrance]] = {}
    for way in ways:
        sort = "Parquet" if way.name.startswith("Parquet") else way.name
        sorts.setdefault(sort, []).append(way)
    return [r.choice(sort) for sort in sorts.values()]


def entrances(r: random.Random, table: Table, style: Style, meanings: dict[str, Meaning], folder: Path) -> Iterator[Entrance]:
    """The table by every entrance that can carry it. meanings: of columns that the schema lists categories of."""
    texts = {name: column.texts for name, column in zip(table.names, table.columns, strict=True)}
    cells = {name: column.cells for name, column in zip(table.names, table.columns, strict=True)}
    words = words_of(r, table, style)
    if (csv := csv_of(r, table, words, style, folder)) is not None:
        read = {name: carriers.as_read(written, style, meanings.get(name)) for name, written in words.items()}
        yield Entrance("CSV", read, path=csv, reading=style.reading, words=words)
    if r.random() < 0.1 and (book := workbook_of(table, folder)) is not None:
        read = {name: carriers.as_read(written, Style(), meanings.get(name)) for name, written in book.words.items()}
        yield replace(book, cells=read)
    yield Entrance("frame of texts", texts, carriers.frame(r, table.names, list(texts.values()), carriers.texts))
    arrays = [pa.array(column, pa.string()) for column in texts.values()]
    path = folder / "texts.parquet"
    pq.write_table(pa.table(arrays, names=table.names), path)
    yield Entrance("Parquet of texts", texts, path=path)
    yield Entrance("Parquet of texts in pieces", texts, path)
    yield Entrance("frame", cells, carriers.frame(r, table.names, list(cells.values())))
    typed = [carriers.array(r, column) for column in cells.values()]
    if all(column is not None for column in typed):
        arrow = pa.table([column for column in typed if column is not None], names=table.names)
        yield Entrance("Arrow table", cells, r.choice([arrow, Lazy(arrow)]))
        path = folder / "typed.parquet"
        pq.write_table(arrow, path)
        yield Entrance("Parquet", cells, path=path)
        yield Entrance("Parquet in pieces", cells, path)


def csv_of(r: random.Random, table: Table, words: dict[str, list[str]], style: Style, folder: Path) -> Path | None:
    """The table as a CSV file, None where it cannot be written so. words: its cells."""
    content = style.written(r, table.names, list(words.values()))
    if content is None:
        return None
    path = folder / ("table.csv.gz" if style.packed else "table.csv")
    path.write_bytes(gzip.compress(content, 1) if style.packed else content)
    return path


def workbook_of(table: Table, folder: Path) -> Entrance | None:
    """The table as a workbook of Excel, whose cells are read as texts; None where a workbook cannot hold it so."""
    from openpyxl import Workbook
    from openpyxl.utils.exceptions import IllegalCharacterError

    flat = [cell for column in table.columns for cell in column.cells]
    if any(isinstance(c, datetime) or (isinstance(c, int) and abs(c) >= 2**53) for c in flat):  # which Excel itself cuts short
        return None
    if any(isinstance(c, str) and (c.startswith("=") or "\r" in c or "_x" in c) for c in [*flat, *table.names]):
        return None
    book = Workbook()
    rows = [table.names, *zip(*(column.cells for column in table.columns), strict=True)]
    try:
        for row in rows:
            book.active.append([float(cell) if isinstance(cell, Decimal) else cell for cell in row])
    except IllegalCharacterError:
        return None
    if any(all(cell is None for cell in row) for row in rows):  # such rows are passed over
        return None
    book.save(folder / "table.xlsx")
    cells = {name: [_in_workbook(cell) for cell in column.cells] for name, column in zip(table.names, table.columns, strict=True)}
    words = {name: ["" if cell is None else cell for cell in column] for name, column in cells.items()}
    return Entrance("workbook", cells, path=folder / "table.xlsx", words=words)


def _in_workbook(cell: Any) -> str | None:
    """The text of a cell of a workbook."""
    if cell is None or isinstance(cell, str):
        return (cell or "").strip() or None
    return (
        repr(float(cell))
        if isinstance(cell, Decimal) and cell % 1
        else cell.isoformat()
        if isinstance(cell, date | time)
        else str(cell)
    )


def words_of(r: random.Random, table: Table, style: Style) -> dict[str, list[str]]:
    """The cells of each column as a CSV file writes them, missing ones too, with its decimal mark."""
    return {
        name: [r.choice(style.words) if text is None else style.number(text) if column.numeric else text for text in column.texts]
        for name, column in zip(table.names, table.columns, strict=True)
    }


def meanings_of(schema: Schema, mapping: dict[str, Any]) -> dict[str, Meaning]:
    """Of each column that a method sees, by the description that the fuzzer made and not by what the library read of it."""
    return {
        column.name: Meaning(mapping["columns"][column.name], column.edges if column.bins else ()) for column in schema.columns
    }


def hold(entrance: Entrance, schema: Schema, meanings: dict[str, Meaning]) -> bool:
    """Hold an entrance's codes, and what is said of them, against what the cells mean; whether the preflight lets it pass.

    Raises Mismatch.
    """
    opened = entrance.opened(schema)
    if isinstance(opened, Path) and schema.person is not None:
        return _refuses_persons(entrance, opened, schema)
    expected = {name: [meaning.of(cell) for cell in entrance.cells[name]] for name, meaning in meanings.items()}
    frames = list(pieces(opened, schema)) if isinstance(opened, Path) else [opened]
    for column in schema.columns:
        parts = [column.held(frame[column.name]) for frame in frames]
        found = list(
            zip(np.concatenate([p[0] for p in parts]).tolist(), np.concatenate([p[1] for p in parts]).tolist(), strict=True)
        )
        if found != (wanted := expected[column.name]):
            pairs = zip(entrance.cells[column.name], found, wanted, strict=False)
            wrong = [(i, *three) for i, three in enumerate(pairs) if three[1] != three[2]]
            raise Mismatch(
                f"{entrance.name}: column {column.name!r} ({meanings[column.name].spec}), {len(found)} rows of {len(wanted)}; "
                f"row, cell, what it is read as, and what it is: {wrong[:3]}"
            )
    report, passed = _preflight(entrance, opened, schema)
    _hold_report(entrance, schema, meanings, expected, report)
    return passed


def _hold_report(
    entrance: Entrance, schema: Schema, meanings: dict[str, Meaning], expected: dict[str, Any], report: Report
) -> None:
    rows = len(next(iter(entrance.cells.values())))
    counted = {name: shares(meanings[name], found) for name, found in expected.items()}
    left = _usable(entrance, schema, expected)
    wanted = {(name, kind): n for name, of in counted.items() for kind, n in of.items() if n and kind != "unreadable"}
    found = {(share.column, share.kind): share.cells for share in report.shares if share.kind not in ("blurred", "respelled")}
    if found != wanted or report.rows != rows or report.usable != left:
        raise Mismatch(
            f"{entrance.name}: the preflight counts {found} of {report.rows}, not {wanted} of {rows}; {left} rows are left"
        )
    faults = {(fault.column, fault.kind): fault.cells for fault in report.faults}
    ruleless = {
        name for name in wanted if schema[name[0]].missing is None and not schema[name[0]].is_open and name[1] == "missing"
    }
    should = {name: wanted[name] for name in ruleless}
    should |= {(name, "unreadable"): of["unreadable"] for name, of in counted.items() if of["unreadable"]}
    if faults != should:
        raise Mismatch(f"{entrance.name}: the preflight finds {faults}, not {should}")
    often = {name for name, n in wanted.items() if n > OFTEN * rows or name[1] == "beyond"}
    if often != {(share.column, share.kind) for share in report.often if share.kind not in ("blurred", "respelled")}:
        raise Mismatch(f"{entrance.name}: said is {report.often}, not {often}")
    nothing = set()
    for name, of in counted.items():
        present = rows - of["missing"]
        if rows >= 2 and present and (max(of["undeclared"], of["clipped"]) == present or of["beyond"] > 0.01 * present):
            nothing.add(name)
        if rows >= 2 and not present and schema[name].missing is not None and not schema[name].is_open:
            nothing.add(name)
    if nothing != {fault.column for fault in report.nothing}:
        raise Mismatch(f"{entrance.name}: no cell fits in {sorted(f.column for f in report.nothing)}, not {sorted(nothing)}")


def _usable(entrance: Entrance, schema: Schema, expected: dict[str, list[tuple[int, bool]]]) -> int:
    """As the encoding has it: an unreadable cell counts as a missing one, and of each person so many rows are kept."""
    codes = [[code for code, _ in expected[column.name]] for column in schema.columns]
    kept = usable(codes, [column.missing for column in schema.columns])
    if schema.person is None:
        return sum(kept)
    people = Counter(
        said(cell) for cell, one in zip(entrance.cells[schema.person], kept, strict=True) if one and cell is not None
    )
    return sum(min(rows, schema.max_rows_per_person or 1) for rows in people.values())


def _refuses_persons(entrance: Entrance, path: Path, schema: Schema) -> bool:
    """A file that is read in pieces has no rows of each person to choose from."""
    try:
        preflight(path, schema)
    except InputError as error:
        refused(error)
        return False
    raise Mismatch(f"{entrance.name}: a table of persons is read in pieces")


def _preflight(entrance: Entrance, opened: pd.DataFrame | Path, schema: Schema) -> tuple[Report, bool]:
    """What the preflight finds, and whether it lets the table pass, which is to follow from it."""
    found: list[Report] = []
    said = ""
    try:
        preflight(opened, schema, seen=found.append)
    except PreflightError as error:
        said = refused(error)
    (report,) = found
    if bool(said) != (bool(report.faults or report.nothing) or report.usable < 2):
        raise Mismatch(f"{entrance.name}: the preflight refuses what fits, or lets pass what does not: {said or report}")
    return report, not said


def refused(error: Exception) -> str:
    """The words of a refusal, which are one line. Raises Mismatch."""
    if not isinstance(error, InputError | DataError) or not str(error) or "\n" in str(error):
        raise Mismatch(f"no refusal in one line but {type(error).__name__}: {error}") from error
    return str(error)
