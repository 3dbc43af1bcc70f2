"""`dpdsyn report`: one page with everything that the records say."""

from __future__ import annotations

import argparse

from experiments.cli.records import load, reads_records
from experiments.paths import results_dir


def add(commands: argparse._SubParsersAction) -> None:
    reads_records(
        commands.add_parser("report", help="write results/report.html, one file with everything that the records say"), write_page
    )


def write_page(given: argparse.Namespace) -> int:
    from experiments.report.grouped import View
    from experiments.report.html.page import write

    print(write(View.of(load(given), results_dir()), results_dir()))
    return 0
