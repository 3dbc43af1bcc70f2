"""`dpdsyn tables`: print the main tables, and write all of them."""

from __future__ import annotations

import argparse

from experiments.cli.records import load, names_own, reads_records
from experiments.paths import results_dir


def add(commands: argparse._SubParsersAction) -> None:
    tables = commands.add_parser("tables", help="print the tables and write them to results/tables")
    names_own(tables, "table")
    reads_records(tables, show)


def show(given: argparse.Namespace) -> int:
    from experiments.report import own
    from experiments.report.grouped import View
    from experiments.report.tables.all import BUILDERS, first_screen, write

    others = own.found("table", given.config_dir, given.also, tuple(BUILDERS))
    view = View.of(load(given), results_dir())
    print(first_screen(view))
    for path in write(view, results_dir() / "tables"):
        print(path)
    for path in own.write_tables(view, others, results_dir() / "tables" / own.FOLDER):
        print(path)
    return 0
