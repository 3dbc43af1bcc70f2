"""`dpdsyn track`: bring MLflow up to date with the records."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dpdsyn.base.files import FileError
from experiments.console import say
from experiments.paths import results_dir

if TYPE_CHECKING:
    from experiments.records.record import Record

_TABLES = ("accuracy", "own_metrics", "time", "settings", "efficiency", "scale")  # of a sweep, on one page
_FIGURES_FROM = 20.0  # seconds that a sweep's runs took together: below, drawing would take longer than computing


def add(commands: argparse._SubParsersAction) -> None:
    track = commands.add_parser("track", help="bring MLflow up to date with the records")
    track.add_argument(
        "--rows", action="store_true", help="the synthetic rows of each dp run too: a model that samples them, a picture"
    )
    track.set_defaults(command=catch_up)


def catch_up(given: argparse.Namespace) -> int:
    from experiments.cli.parts.run_pictures import picture
    from experiments.records.store import Store
    from experiments.sweep.mlflow.client import uri_in_words
    from experiments.sweep.mlflow.runs import track

    store = Store(results_dir())
    if not any(store.records.glob("*.json")):
        raise FileError(f"no records in {store.records}; start with dpdsyn run")
    try:
        runs, written = track(store, say, sheets, None, given.rows, picture)
    except Exception as error:  # of MLflow, its database or the network, each with errors of its own
        raise ConnectionError(f"MLflow ({uri_in_words(store)}) did not take the records: {error}") from error
    print(f"{runs} runs in {uri_in_words(store)}, {written} of them written now")
    return 0


def sheets(records: Sequence[Record]) -> dict[str, bytes]:
    """Tables of records, as Markdown and CSV, and their figures where these are worth their time: by name, for MLflow."""
    from experiments.report.grouped import View
    from experiments.report.tables.all import BUILDERS
    from experiments.report.tables.all import write as write_tables
    from experiments.report.tables.table import markdown

    view, found = View.of(list(records)), {}
    if tables := [table for kind in _TABLES for table in BUILDERS[kind](view)]:
        found["tables.md"] = "\n".join(map(markdown, tables)).encode()
    with tempfile.TemporaryDirectory() as folder:
        write_tables(view, Path(folder) / "tables")
        if sum(record.seconds.run or 0.0 for record in records) >= _FIGURES_FROM:
            from experiments.report.figures.sheets import write as write_figures

            write_figures(view, Path(folder) / "figures")
        for path in sorted(Path(folder).rglob("*")):
            if path.suffix in (".csv", ".svg", ".png"):
                found[str(path.relative_to(folder))] = path.read_bytes()
    return found
