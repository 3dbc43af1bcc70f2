"""`dpdsyn tables`: print the main tables, and write all of them."""

from __future__ import annotations

import argparse

from experiments.cli.records import load, reads_records
from experiments.paths import results_dir


def add(commands: argparse._SubParsersAction) -> None:
    reads_records(commands.add_parser("tables", help="print the tables and write them to results/tables"), show)


def show(given: argparse.Namespace) -> int:
    from experiments.report.grouped import View
    from experiments.report.tables.all import first_screen, write

    view = View.of(load(given), results_dir())
    print(first_screen(view))
    for path in write(view, results_dir() / "tables"):
        print(path)
    return 0
