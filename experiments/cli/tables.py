"""`dpdsyn tables`: print the main tables, and write all of them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dpdsyn.base.checks import InputError
from experiments.cli.records import load, names_own, reads_records
from experiments.paths import results_dir

if TYPE_CHECKING:
    from experiments.records.record import Record


def add(commands: argparse._SubParsersAction) -> None:
    tables = commands.add_parser(
        "tables",
        help="print the tables and write them to results/tables",
        description="Print the claims and the main tables, and write all tables to results/tables. What is chosen is printed "
        "alone; what is written is the same. On a terminal tables are plain and within its width, elsewhere Markdown.",
    )
    names_own(tables, "table")
    tables.add_argument("--dataset", type=_names, metavar="NAME,...", help="print these data sets alone")
    tables.add_argument("--epsilon", type=_numbers, metavar="E,...", help="print these budgets alone")
    tables.add_argument("--methods", type=_names, metavar="NAME,...", help="print these methods alone")
    reads_records(tables, show)


def show(given: argparse.Namespace) -> int:
    from experiments.report import own
    from experiments.report.grouped import View
    from experiments.report.tables.all import BUILDERS, chosen, first_screen, write
    from experiments.report.tables.table import markdown
    from experiments.report.terminal.plain import page, screen

    others = own.found("table", given.config_dir, given.also, tuple(BUILDERS))
    records = load(given)
    view = View.of(records, results_dir())
    cases = _cases(given, records)
    on_terminal = sys.stdout.isatty()
    whole = cases is None and given.methods is None
    shown = first_screen(view) if whole else chosen(view if cases is None else view.where(cases), given.methods)
    print(page(shown, screen()[0]) if on_terminal else "\n".join(map(markdown, shown)))
    _tell(write(view, results_dir() / "tables"), on_terminal)
    _tell(own.write_tables(view, others, results_dir() / "tables" / own.FOLDER), False)
    return 0


def _tell(paths: Sequence[Path], briefly: bool) -> None:
    if briefly and paths:
        print(f"{len(paths)} files written in {paths[0].parent}")
        return
    for path in paths:
        print(path)


def _cases(given: argparse.Namespace, records: Iterable[Record]) -> Callable[[Record], bool] | None:
    """Which data sets and budgets are to be printed, None for all.

    Raises InputError, with the names that there are, for a name, of methods too, that no record has.
    """
    wanted = {
        "--dataset": (given.dataset, lambda record: record.dataset.name),
        "--epsilon": (given.epsilon, lambda record: float(record.privacy.epsilon)),
        "--methods": (given.methods, lambda record: record.method.name),
    }
    asked = {flag: (set(values), read) for flag, (values, read) in wanted.items() if values}
    for flag, (values, read) in asked.items():
        known = {read(record) for record in records}
        if absent := sorted(values - known):
            there = ", ".join(map(_text, sorted(known)))
            raise InputError(f"{flag} {_text(absent[0])}: no record has it; there are {there}")
    asked.pop("--methods", None)
    return (lambda record: all(read(record) in values for values, read in asked.values())) if asked else None


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _numbers(text: str) -> list[float]:
    try:
        return [float(name) for name in _names(text)]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers, as 0.5,1") from None
