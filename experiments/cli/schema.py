"""`dpdsyn schema`: schema files for tables of one's own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dpdsyn.base.checks import InputError
from experiments.console import say

if TYPE_CHECKING:
    import pandas as pd

    from dpdsyn.schema import Schema
    from dpdsyn.tables.preflight import Report
    from experiments.data.table_file import Reading


def add(commands: argparse._SubParsersAction) -> None:
    schema = commands.add_parser("schema", help="schema files").add_subparsers(metavar="ACTION", required=True)
    draft = schema.add_parser("draft", help="print a schema of a CSV or Parquet file: the name and the kind of each column")
    draft.add_argument("table", type=table_path, metavar="FILE")
    draft.add_argument("--target", help="the column to be predicted")
    draft.add_argument(
        "--public",
        action="store_true",
        help="also bounds, bins and categories as they stand in the rows, to be replaced by public knowledge",
    )
    draft.set_defaults(command=print_draft)
    reads_table(draft)
    check = schema.add_parser("check", help="hold every row of a CSV or Parquet file against its schema; not for publishing")
    check.add_argument("table", type=table_path, metavar="FILE")
    check.add_argument("--schema", type=Path, required=True, metavar="YAML")
    shows_cells(check)
    check.set_defaults(command=check_table)
    reads_table(check)


def table_path(text: str) -> Path:
    """The path of a table, as it was typed. Raises DataError for an empty one, which would be the folder one is in."""
    from experiments.data.errors import DataError

    if not text.strip():
        raise DataError("the name of the table is empty; name a CSV or Parquet file, a workbook, or a folder of Parquet files")
    return Path(text)


def shows_cells(parser: argparse.ArgumentParser) -> None:
    """Of a command that holds rows against a schema: whether it may quote them."""
    parser.add_argument("--show-cells", action="store_true", help="quote the cells at fault; by default no cell is printed")


def reads_table(parser: argparse.ArgumentParser) -> None:
    """Of a command that reads a person's table: how it is written."""
    parser.add_argument("--encoding", default="utf-8")
    parser.add_argument("--sep", help="one character; without it comma, semicolon, tab or bar, by the first line")
    parser.add_argument("--decimal", default=".", choices=(".", ","))
    parser.add_argument("--missing", action="append", default=[], metavar="TEXT", help="a text that stands for a missing cell")
    parser.add_argument(
        "--not-missing",
        action="append",
        default=[],
        metavar="TEXT",
        help="a text, such as NA or None, that is a value, though it usually stands for a missing cell",
    )


def print_draft(given: argparse.Namespace) -> int:
    from experiments.machine import leave_no_core

    leave_no_core()
    try:
        return (_draft_to_replace if given.public else _open_draft)(given)
    except InputError as error:
        raise error if str(error).startswith(str(given.table)) else InputError(f"{given.table}: {error}") from error


def _draft_to_replace(given: argparse.Namespace) -> int:
    from dpdsyn.draft import draft_schema
    from experiments.data.table_file import read_table

    frame = read_table(given.table, reading(given))
    _refuse_one_column(frame)
    tell_of_blanks_around_names(given.table, reading(given))
    sys.stdout.write(draft_schema(frame, given.table.name, given.target))
    _tell_of_words_for_missing(given)
    print(
        "dpdsyn: this draft was read off the rows and is not private: replace the marked lines by public knowledge and delete "
        "the marks, then the line `drafted: true`",
        file=sys.stderr,
    )
    return 0


def _open_draft(given: argparse.Namespace) -> int:
    from dpdsyn.schema import MARK
    from dpdsyn.tables.copies import copies
    from dpdsyn.tables.kinds import declared, guessed
    from dpdsyn.tables.open_draft import open_draft
    from experiments.data.first_bytes import is_parquet
    from experiments.data.table_file import read_table

    if is_parquet(given.table):
        kinds = declared(given.table)
    else:
        frame = read_table(given.table, reading(given))
        _refuse_one_column(frame)
        tell_of_blanks_around_names(given.table, reading(given))
        kinds = {str(name): guessed(frame[name], name == given.target) for name in frame}
        for name, said in copies({name: frame[name] for name, kind in kinds.items() if kind.spec}).items():
            kinds[name] = replace(kinds[name], remarks=(*kinds[name].remarks, said))
        _tell_of_names_like_cells(list(kinds))
    draft = open_draft(kinds, given.table.name, given.target)
    sys.stdout.write(draft.text)
    for remark in draft.remarks:
        say(f"note: {remark}")
    if any(kind.repeats for kind in kinds.values()):
        say(f"Answer what the schema asks at `{MARK}`, whose rows they are: until then it is a draft, and refused")
    if _tell_of_words_for_missing(given) or draft.remarks:
        say("These notes tell of the rows and are not for publishing; the schema tells of names and kinds")
    if any(kind.inferred for kind in kinds.values()):
        say(
            "Kinds were guessed from the cells. Look through the schema; where the kinds may be known, confirm it: "
            "dpdsyn synthesize --confirm-kinds ..."
        )
    return 0


def tell_of_blanks_around_names(table: Path, given: Reading) -> None:
    """Say which names lose blanks; names are public."""
    from experiments.data.table_file import names_with_blanks

    if names := names_with_blanks(table, given):
        say(f"note: blanks around names are taken off, in the schema and in what is published: {', '.join(map(repr, names))}")


def _refuse_one_column(frame: pd.DataFrame) -> None:
    """Raise InputError for a table of one column, which most often was not cut where it should be."""
    from experiments.data.names import ABOVE

    if len(frame.columns) == 1:
        raise InputError(
            f"there is one column, {frame.columns[0]}, and a schema needs two or more; name what divides columns (--sep) where "
            f"it is something else, and {ABOVE}"
        )


def _tell_of_names_like_cells(names: Sequence[str]) -> None:
    """Say which names are numbers: the first line of a file that has no names is somebody's row."""
    from dpdsyn.reading.cells import number

    if numbers := [name for name in names if number(name) == number(name)]:  # NaN where it is none
        say(
            f"CAUTION: columns are called {', '.join(numbers)}. If the file begins with a row and has no line of names, that "
            "person's cells would be published as names: write names above it first"
        )


def _tell_of_words_for_missing(given: argparse.Namespace) -> bool:
    """Say which cells of a CSV file count as missing for what is written in them; whether there are some."""
    from experiments.data.first_bytes import is_parquet
    from experiments.data.table_file import read_as_missing

    found = {} if is_parquet(given.table) else read_as_missing(given.table, reading(given))
    for name, words in found.items():
        cells = sum(words.values())
        say(
            f"note: {name}: {cells:,} cells are {' or '.join(sorted(words))}, which counts as missing. Where it is a value, "
            "list it among the column's categories, or say --not-missing"
        )
    return bool(found)


def check_table(given: argparse.Namespace) -> int:
    from dpdsyn.schema import Schema
    from experiments.cli.parts.table_check import lines as table_check
    from experiments.data.table_file import read_table
    from experiments.machine import leave_no_core

    leave_no_core()
    schema = Schema.from_yaml(given.schema)
    refuse_contradicting(given.schema, schema)
    table = (
        given.table if streamed(given.table, reading(given), schema) else read_table(given.table, reading(given), schema=schema)
    )

    def tell(seen: Report) -> None:
        for line in table_check(seen, schema):
            print(line)

    tell_of_blanks_around_names(given.table, reading(given))
    report = held_against(given.table, table, schema, reading(given), given.show_cells, tell)
    print(f"{given.table}: {report.rows:,} rows fit {given.schema}, {report.usable:,} of them can be used")
    if schema.drafted:
        say(still_a_draft(given.schema))
    say("This tells of the rows themselves and is not for publishing")
    return 0


def refuse_contradicting(path: Path, schema: Schema) -> None:
    """Raise InputError, naming the schema's file, for rules that no row keeps."""
    from dpdsyn.rules.published_rows import refuse_contradictions

    try:
        refuse_contradictions(schema)
    except InputError as error:
        raise InputError(f"{path}: {error}. Correct or delete one of the rules") from error


def streamed(path: Path, reading: Reading, schema: Schema) -> bool:
    """Whether a table is read piece by piece: Parquet, unless rows have to be chosen by person or cells changed."""
    from experiments.data.first_bytes import is_parquet

    return not reading.missing and reading.decimal == "." and schema.person is None and is_parquet(path)


def held_against(
    path: Path,
    table: pd.DataFrame | Path,
    schema: Schema,
    reading: Reading,
    show_cells: bool,
    seen: Callable[[Report], None] | None = None,
) -> Report:
    """The preflight of a table that was read from a file. Raises InputError, naming lines; several faults are said one by one.

    seen: as of `dpdsyn.tables.preflight.preflight`.
    """
    from dpdsyn.parquet import unlike_parts
    from dpdsyn.tables.preflight import PreflightError, preflight
    from experiments.data.table_file import lines_of

    for name, unlike in unlike_parts(path, schema.names).items():
        say(f"CAUTION: {path}, column {name!r}: {unlike}")
    try:
        report = preflight(table, schema, show_cells, seen or _tell_of_codes)
    except PreflightError as error:
        lines = lines_of(path, [fault.row for fault in error.faults], reading)
        told = [
            f"{path}{f', line {lines[fault.row]}' if fault.row in lines else ''}: {fault.told(show_cells)}"
            for fault in error.faults
        ]
        if not told:
            raise InputError(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from error
        if len(told) > 1:
            for line in told:
                say(line)
            columns = len({fault.column for fault in error.faults})
            told = [
                f"{path}: {sum(f.cells for f in error.faults):,} cells of {columns} columns contradict the schema, as said above"
            ]
        quotable = any(fault.kind == "unreadable" for fault in error.faults) and not show_cells
        hint = "; --show-cells quotes the first of them" if quotable else ""
        raise InputError(told[0] + hint) from error
    except InputError as error:
        raise error if str(error).startswith(str(path)) else InputError(f"{path}: {error}") from error
    for caution in report.cautions:
        say(f"CAUTION: {caution}")
    for line in report.broken_rules:
        say(f"CAUTION: {line}. For you alone: it tells of the rows")
    return report


def _tell_of_codes(report: Report) -> None:
    for name, codes in report.sentinels.items():
        for code in codes:
            say(f"CAUTION: column {name!r}: {code.told}. For you alone: it tells of the rows")


def still_a_draft(path: Path) -> str:
    """What to say of a schema file that is a draft, with the marks that remain."""
    from dpdsyn.schema import MARK, marked_lines

    lines = marked_lines(path)
    numbers = ", ".join(map(str, lines[:12])) + (", ..." if len(lines) > 12 else "")
    some = "line" if len(lines) == 1 else "lines"
    marks = f": {len(lines)} marks `{MARK}` remain ({some} {numbers})" if lines else ""
    return (
        f"{path} is still a draft, read off the rows, so nothing made with it is private{marks}. Replace what was read "
        "by public knowledge, answer what is asked, delete the marks and the line `drafted: true`"
    )


def reading(given: argparse.Namespace) -> Reading:
    from experiments.data.table_file import Reading

    return Reading(given.encoding, given.sep, given.decimal, tuple(given.missing), tuple(given.not_missing))
