"""`dpdsyn figures`: draw the figures."""

from __future__ import annotations

import argparse

from experiments.cli.records import load, reads_records
from experiments.paths import results_dir


def add(commands: argparse._SubParsersAction) -> None:
    reads_records(commands.add_parser("figures", help="draw the figures, as SVG and PNG in results/figures"), draw)


def draw(given: argparse.Namespace) -> int:
    from experiments.report.figures.sheets import write
    from experiments.report.grouped import View

    for path in write(View.of(load(given)), results_dir() / "figures"):
        print(path)
    return 0
