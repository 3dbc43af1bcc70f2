"""`dpdsyn figures`: draw the figures."""

from __future__ import annotations

import argparse

from experiments.cli.records import load, names_own, reads_records
from experiments.paths import results_dir


def add(commands: argparse._SubParsersAction) -> None:
    figures = commands.add_parser("figures", help="draw the figures, as SVG and PNG in results/figures")
    names_own(figures, "figure")
    reads_records(figures, draw)


def draw(given: argparse.Namespace) -> int:
    from experiments.report import own
    from experiments.report.figures.sheets import write
    from experiments.report.grouped import View

    others = own.found("figure", given.config_dir, given.also)
    view = View.of(load(given))
    for path in write(view, results_dir() / "figures"):
        print(path)
    for path in own.write_figures(view, others, results_dir() / "figures" / own.FOLDER):
        print(path)
    return 0
