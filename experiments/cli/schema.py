"""`dpdsyn schema`: schema files for tables of one's own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from dpdsyn.checks import InputError


def add(commands: argparse._SubParsersAction) -> None:
    schema = commands.add_parser("schema", help="schema files").add_subparsers(metavar="ACTION", required=True)
    draft = schema.add_parser("draft", help="print a schema to begin with, read off a CSV or Parquet file")
    draft.add_argument("table", type=Path, metavar="FILE")
    draft.add_argument("--target", help="the column to be predicted")
    draft.set_defaults(command=print_draft)
    reads_table(draft)


def reads_table(parser: argparse.ArgumentParser) -> None:
    """Of a command that reads a person's table: how it is written."""
    parser.add_argument("--encoding", default="utf-8")
    parser.add_argument("--sep", help="one character; without it comma, semicolon, tab or bar, by the first line")
    parser.add_argument("--decimal", default=".", choices=(".", ","))
    parser.add_argument("--missing", action="append", default=[], metavar="TEXT", help="a text that stands for a missing cell")


def print_draft(given: argparse.Namespace) -> int:
    from dpdsyn.draft import draft_schema
    from experiments.data.table_file import read_table

    frame = read_table(given.table, reading(given))
    try:
        sys.stdout.write(draft_schema(frame, given.table.name, given.target))
    except InputError as error:
        raise InputError(f"{given.table}: {error}") from error
    print(
        "dpdsyn: this draft was read off the rows and is not private: replace the marked lines by public knowledge, "
        "then delete the line `drafted: true`",
        file=sys.stderr,
    )
    return 0


def reading(given: argparse.Namespace) -> Any:
    from experiments.data.table_file import Reading

    return Reading(given.encoding, given.sep, given.decimal, tuple(given.missing))
