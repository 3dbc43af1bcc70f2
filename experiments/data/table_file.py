"""A person's own table from a CSV or Parquet file, where no row changes how another is read.

Cells of a CSV file are texts, those of a Parquet file of the type that it declares, as `dpdsyn.parquet` reads them.

Of a CSV file only the first line, which holds the names, decides the separator; the encoding is UTF-8 (or what a byte-order mark
says) unless one is named. What is no clean table is refused with the file, the column and the line at fault.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dpdsyn.parquet import declares_text, files_of, frame_of, unlike_parts, utf8
from dpdsyn.reading.cells import canonical, each
from dpdsyn.reading.cells import number as number_of
from dpdsyn.reading.column import Column
from dpdsyn.reading.listed import Listed, is_number
from dpdsyn.reading.numerals import with_points
from dpdsyn.schema import Schema
from experiments.data.errors import DataError
from experiments.data.first_bytes import first_bytes, is_parquet, mark, opened, start_of_text
from experiments.data.names import ABOVE, check_names, refuse_hint_for_excel
from experiments.data.workbook import is_workbook, workbook_rows

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = (",", ";", "\t", "|")
WORDS_FOR_MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None")
_BLOCK = 1 << 24  # bytes; the longest row that is read


@dataclass(frozen=True)
class Reading:
    """How a CSV file is written.

    sep: one character, or None to choose among comma, semicolon, tab and bar by the first line. decimal: the decimal
    mark of its numbers. missing: texts that stand for a missing cell, besides the empty one, NA, NaN, NULL and None.
    not_missing: those of these that are values.
    """

    encoding: str = "utf-8"
    sep: str | None = None
    decimal: str = "."
    missing: tuple[str, ...] = ()
    not_missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        try:
            codecs.lookup(str(self.encoding))
        except (LookupError, ValueError):
            raise DataError(f"no encoding is called {self.encoding!r}; usual ones are utf-8, cp1252 and latin-1") from None
        if self.sep is not None and (
            not isinstance(self.sep, str) or len(self.sep) != 1 or self.sep in '"\r\n' or self.sep > "~"
        ):
            raise DataError(f"sep is {self.sep!r}; one character of ASCII is needed, or none to choose by the first line")
        if self.decimal not in (".", ","):
            raise DataError(f"decimal is {self.decimal!r}; accepted: '.' and ','")


def read_table(
    path: Path, reading: Reading | None = None, may_be_empty: bool = False, schema: Schema | None = None
) -> pd.DataFrame:
    """The table, texts (dictionary-encoded) without spaces around them, missing cells as NaN or null, numbers with a point.

    Which texts stand for a missing cell `reading` says; one that the schema lists among a column's categories is that category.
    In a Parquet file, which can say that a cell is missing, only what `reading` names stands for one, numbers and dates too.
    Columns of a Parquet file that the schema ignores and no column can hold are left out. may_be_empty: whether names without a
    row will do.
    Raises DataError, naming the file and, where there is one, the line.
    """
    import pandas as pd
    import pyarrow as pa

    reading = reading or Reading()
    parquet = is_parquet(path)
    missing = {*reading.missing} if parquet else {*WORDS_FOR_MISSING, *reading.missing} - {*reading.not_missing}
    try:
        if is_workbook(path):
            table = _workbook(path, reading.decimal)
        else:
            table = _parquet(path, schema) if parquet else _csv(path, start_of_text(path, reading.encoding), reading)
        if not table.num_rows and not may_be_empty:
            raise DataError(f"{path} holds the names of {table.num_columns} columns and no row")
        frame = frame_of(table.select(_typed(table))) if parquet else pd.DataFrame(index=range(table.num_rows))
        for name in table.column_names:
            column = schema[name] if schema is not None and name in schema.names else None
            if name in frame:
                frame[name] = _without(frame[name], missing, column)
            else:
                cells = table.select([name]).to_pandas(ignore_metadata=True)[name]
                frame[name] = _clean(cells, missing, reading.decimal, column, schema is None)
    except (pa.ArrowException, UnicodeError, LookupError, OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read as a table: {_plain(path, error, reading)}") from error
    return frame[table.column_names]


def _clean(cells: pd.Series, missing: set[str], decimal: str, column: Column | None, drafting: bool) -> pd.Series:
    """Without spaces around the texts, NaN for those that mean a missing cell, and numbers with a decimal point.

    column: what the schema says of it, if it does. drafting: whether there is no schema yet.
    """
    import pandas as pd

    texts = cells.cat.categories.str.strip()
    listed = Listed(column.categories if column is not None else ())
    absent = {text for text in missing if canonical(text) not in listed}
    texts = texts.where(~texts.isin(absent))
    if decimal == ",":
        numbers = column is not None and (column.ordered or bool(column.cut_at) or any(map(is_number, column.categories)))
        written = with_points(texts, None if drafting else numbers)
        as_listed = np.array([isinstance(text, str) and not numbers and canonical(text) in listed for text in texts], dtype=bool)
        texts = texts.where(as_listed, written)
    positions, kept = pd.factorize(texts)
    positions = np.append(positions, -1)[cells.cat.codes.to_numpy()]
    return pd.Series(pd.Categorical.from_codes(positions, categories=pd.Index(kept)), index=cells.index, name=cells.name)


def _without(cells: pd.Series, missing: set[str], column: Column | None) -> pd.Series:
    """Cells that are no texts, without those that a text for a missing cell writes, unless the schema lists it."""
    import pandas as pd

    listed = Listed(column.categories if column is not None else ())
    absent = {text for text in map(canonical, missing) if text not in listed}
    if not absent:
        return cells
    if isinstance(cells.dtype, np.dtype) and cells.dtype.kind == "f":
        with np.errstate(over="ignore"):
            meant = np.array([number_of(text) for text in absent])
            wanted = meant.astype(cells.dtype)
        gone = np.isin(cells.to_numpy(), wanted[np.isinf(meant) | np.isfinite(wanted)])
    else:
        gone = each(cells, lambda cell: canonical(cell) in absent, False, bool)
    return cells.mask(pd.Series(gone, index=cells.index)) if gone.any() else cells


def read_as_missing(path: Path, reading: Reading) -> dict[str, dict[str, int]]:
    """Of each column of a CSV file the texts, other than the empty one, that usually stand for a missing cell, and how many.

    Raises DataError as `read_table` does.
    """
    frame = read_table(path, replace(reading, not_missing=WORDS_FOR_MISSING))
    words = {*WORDS_FOR_MISSING} - {""} - {*reading.missing} - {*reading.not_missing}
    counts = {str(name): frame[name].value_counts().to_dict() for name in frame}
    return {name: found for name, of in counts.items() if (found := {w: n for w, n in of.items() if w in words and n})}


def names_with_blanks(path: Path, reading: Reading) -> list[str]:
    """The names of a CSV file or a workbook that have blanks around them, as they stand there; a table's have none.

    Raises DataError as `read_table` does.
    """
    if is_parquet(path):
        return []
    if is_workbook(path):
        names = workbook_rows(path, reading.decimal)[0]
    else:
        _, names, _, _ = _head(path, start_of_text(path, reading.encoding), reading)
    return [name for name in names if name != name.strip()]


def lines_of(path: Path, rows: Iterable[int], reading: Reading | None = None) -> dict[int, int]:
    """The lines of the file on which rows (counted from 0, below the names) end, by row; none for Parquet."""
    wanted = set(rows)
    if not wanted or is_parquet(path) or is_workbook(path):
        return {}
    upto = islice(_rows(path, reading or Reading()), 1, max(wanted) + 2)
    return {number: row.last for number, row in enumerate(upto) if number in wanted}


class _Row(NamedTuple):
    """First and last line, number of characters, and whether a separator ends it."""

    first: int
    last: int
    characters: int
    ends_in_separator: bool


def _rows(path: Path, reading: Reading) -> Iterator[_Row]:
    """Each row, that of the names included."""
    encoding, _, sep, _ = _head(path, start_of_text(path, reading.encoding), reading)
    with opened(path) as raw, io.TextIOWrapper(raw, encoding=encoding, errors="replace", newline="") as text:
        reader = _csv_reader(text, sep)
        before = 0
        for cells in reader:
            if cells:
                yield _Row(before + 1, reader.line_num, sum(map(len, cells)), not cells[-1].strip())
            before = reader.line_num


def _csv_reader(text: Iterable[str], sep: str) -> Any:
    csv.field_size_limit(1 << 31)  # a cell may be as long as a row; its default would end in an error of its own
    return csv.reader(text, delimiter=sep)


def _head(path: Path, start: bytes, reading: Reading) -> tuple[str, list[str], str, int]:
    """Encoding, column names as they stand there, separator and number of blank lines before them. Raises DataError."""
    encoding = mark(start) or reading.encoding
    try:
        with opened(path) as raw, io.TextIOWrapper(raw, encoding=encoding, newline="") as text:
            blank, first = next(((i, line) for i, line in enumerate(text) if line.strip()), (0, ""))
            refuse_hint_for_excel(path, blank + 1, first)
            candidates = [reading.sep] if reading.sep else SEPARATORS
            sep = max(candidates, key=lambda candidate: len(next(_csv_reader([first], candidate))))
            text.seek(0)
            lines = (cells for cells in _csv_reader(text, sep) if cells)
            names: list[str] = next(lines, [])
            stripped = [name.strip() for name in names]
            check_names(path, stripped, [] if all(stripped) else next(lines, []))
    except (UnicodeError, csv.Error, OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read as a table: {_plain(path, error, reading)}") from error
    return encoding, names, sep, blank


def _csv(path: Path, start: bytes, reading: Reading) -> Any:
    import pyarrow as pa
    import pyarrow.csv as pc

    encoding, names, sep, blank = _head(path, start, reading)
    names = [name.strip() for name in names]
    text = pa.dictionary(pa.int32(), pa.string())
    with opened(path) as file:
        table = pc.read_csv(
            file,
            pc.ReadOptions(
                column_names=names,
                skip_rows=blank,
                skip_rows_after_names=1,
                use_threads=False,  # so that its errors name the row
                block_size=_BLOCK,
                encoding=encoding,
            ),
            pc.ParseOptions(delimiter=sep, newlines_in_values=True),
            pc.ConvertOptions(column_types=dict.fromkeys(names, text)),
        )
    _refuse_unclosed_quote(path, table, reading)
    return table


def _refuse_unclosed_quote(path: Path, table: Any, reading: Reading) -> None:
    """A quote that is never closed swallows the rest of the file into one cell."""
    if table.num_rows and "\n" in str(table.column(table.num_columns - 1)[-1].as_py() or ""):
        with opened(path) as file:
            quotes = sum(block.count(b'"') for block in iter(lambda: file.read(_BLOCK), b""))
        if quotes % 2:
            *_, row = _rows(path, reading)
            raise DataError(
                f"{path}, line {row.first}: a quotation mark is opened and never closed; the row would hold the rest of the file"
            )


def _workbook(path: Path, mark: str) -> Any:
    import pyarrow as pa

    names, rows = workbook_rows(path, mark)
    names = [name.strip() for name in names]
    check_names(path, names)
    columns = [pa.array([row[i] for row in rows], pa.string()).dictionary_encode() for i in range(len(names))]
    return pa.table(columns, names=names)


def _parquet(path: Path, schema: Schema | None) -> Any:
    """The table, texts dictionary-encoded; without columns that the schema ignores and that no column can hold."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    unlike_parts(path, None if schema is None else schema.names)
    table = pa.concat_tables([pq.ParquetFile(file).read() for file in files_of(path)], promote_options="default")
    names = [str(name) for name in table.column_names]
    check_names(path, names)
    columns: dict[str, Any] = {}
    for name, column in zip(names, table.columns, strict=True):
        if _no_single_values(column.type):
            if schema is not None and name in schema.ignore:
                continue
            raise DataError(
                f"{path}, column {name!r}: holds {column.type} values; numbers, texts, dates and booleans are read, so leave it "
                "out of the file"
            )
        if declares_text(column.type):
            texts = utf8(column.cast(pa.large_string()))
            column = texts.cast(pa.string()).dictionary_encode()
        elif pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        columns[name] = column
    return pa.table(columns)


def _no_single_values(kind: Any) -> bool:
    import pyarrow.types as is_

    return bool(is_.is_nested(kind) or is_.is_binary(kind) or is_.is_large_binary(kind) or is_.is_fixed_size_binary(kind))


def _typed(table: Any) -> list[str]:
    """Names of the columns that hold no texts."""
    import pyarrow as pa

    return [field.name for field in table.schema if not pa.types.is_dictionary(field.type)]


def _undecodable_line(path: Path, encoding: str) -> tuple[int, bool] | None:
    """The first line that is not text of this encoding, and whether lines above it have other letters than ASCII's."""
    others = False
    if encoding.startswith(("utf-16", "utf-32")):
        return None  # their lines cannot be told apart before they are decoded
    with opened(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                others |= not line.decode(encoding).isascii()
            except UnicodeError:
                return number, others
    return None


def _plain(path: Path, error: Exception, reading: Reading) -> str:
    """The parser's words, with the way out where there is one."""
    text = " ".join(str(error).split())
    if isinstance(error, UnicodeError) or "invalid UTF8" in text:
        encoding = mark(first_bytes(path)) or reading.encoding
        line, mixed = _undecodable_line(path, encoding) or (None, False)
        where = f"line {line} " if line else "it "
        if mixed:
            return (
                f"{where}is not {encoding} text, and lines above it are: the file mixes encodings, as where two were joined; "
                "write all of it in one, best UTF-8"
            )
        return (
            f"{where}is not {encoding} text; name the encoding it is in, often cp1252 (Western European) or utf-16: "
            "--encoding cp1252 (of `dpdsyn run` dataset.read.encoding=cp1252)"
        )
    row = re.match(r"CSV parse error: (?:Row #(\d+): )?Expected (\d+) columns, got (\d+)", text)
    if row:
        number, expected, got = row.groups()
        at = next(islice(_rows(path, reading), int(number) - 1, None), None) if number else None
        more = _on_more(at, number == "2" or expected == "1") if int(got) > int(expected) else ""
        return f"{_place(at)} has {got} cells, and the first line names {expected} columns{_quote(at) or more}"
    if "incompatible types" in text:
        return f"its files declare different types of a column ({text.partition('. ')[0]}); write all of them with one type"
    if "straddling object" in text:
        longest = max(_rows(path, reading), key=lambda row: row.characters)
        return f"{_place(longest)} is longer than {_BLOCK:,} bytes, the most that is read{_quote(longest)}"
    return text


def _place(row: _Row | None) -> str:
    if row is None:
        return "a line"
    return f"line {row.first}" if row.first == row.last else f"the row from line {row.first} to line {row.last}"


def _on_more(row: _Row | None, first_may_be_a_title: bool) -> str:
    """What to do about a row of more cells than there are names."""
    if row is not None and row.ends_in_separator:
        return "; it ends in a separator: take it off, or name the column"
    return f"; {ABOVE}" if first_may_be_a_title else ""


def _quote(row: _Row | None) -> str:
    return "; a quotation mark in it may never be closed" if row is not None and row.first < row.last else ""
