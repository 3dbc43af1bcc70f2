"""`dpdsyn records`: the records as one flat table; and reading them, for the commands that show them."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dpdsyn.base.files import FileError
from experiments.console import say
from experiments.paths import results_dir, see_own_modules

if TYPE_CHECKING:
    from experiments.records.record import Record


def add(commands: argparse._SubParsersAction) -> None:
    records = commands.add_parser("records", help="one flat row a run")
    records.add_argument("--format", choices=("csv", "jsonl"), default="csv")
    reads_records(records, show)


def reads_records(parser: argparse.ArgumentParser, command: Callable[[argparse.Namespace], int]) -> None:
    """Of a command that shows records: where it reads them."""
    parser.add_argument("--working", action="store_true", help="read the working store instead of results/records.jsonl")
    parser.set_defaults(command=command)


def names_own(parser: argparse.ArgumentParser, kind: str) -> None:
    """Of a command that writes tables or figures: where a person's own are named."""
    parser.add_argument(
        "--config-dir", type=Path, metavar="DIR", help=f"a folder of configuration; {kind}/NAME.yaml in it are yours"
    )
    parser.add_argument("--also", action="append", default=[], metavar="MODULE:FUNCTION", help=f"a {kind} of your own")


def load(given: argparse.Namespace) -> list[Record]:
    """From the export, or from the working store if asked for or if the results folder is a person's own.

    A person's methods may be looked up afterwards: whether their code has changed since is told.
    """
    from experiments.records.export import read_export, sort_key
    from experiments.records.store import Store

    see_own_modules()
    if given.working or os.environ.get("DPDSYN_RESULTS"):
        store = Store(results_dir())
        records = sorted(store.all(say), key=sort_key)
        if not records:
            raise FileError(f"no records in {store.records}; start with dpdsyn run")
        return records
    try:
        return read_export(results_dir(), say)
    except FileNotFoundError:
        raise FileError(
            f"there is no {results_dir() / 'records.jsonl'}; `dpdsyn export` writes it after `dpdsyn run`, "
            "and --working reads the working store"
        ) from None
    except OSError as error:
        raise FileError(f"cannot read {results_dir() / 'records.jsonl'} ({error.strerror or error})") from error


def show(given: argparse.Namespace) -> int:
    rows = [record.flat() for record in load(given)]
    if given.format == "jsonl":
        for row in rows:
            print(json.dumps(row))
    else:
        columns = dict.fromkeys(name for row in rows for name in row)  # a person's own metrics are in some rows only
        writer = csv.DictWriter(sys.stdout, fieldnames=list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return 0
