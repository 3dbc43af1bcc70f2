"""`dpdsyn tables`: print the main tables, and write all of them."""

from __future__ import annotations

import argparse

from experiments.cli.records import load, reads_records
from experiments.paths import results_dir


def add(commands: argparse._SubParsersAction) -> None:
    reads_records(commands.add_parser("tables", help="print the tables and write them to results/tables"), show)


def show(given: argparse.Namespace) -> int:
    from experiments.report.tables.all import first_screen, write
    from experiments.report.tables.audits import write_table

    records = load(given)
    print(first_screen(records))
    folder = results_dir() / "tables"
    for path in [*write(records, folder), *write_table(results_dir(), folder)]:
        print(path)
    return 0
