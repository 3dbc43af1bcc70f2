"""`dpdsyn merge`: bring in the records of other results folders."""

from __future__ import annotations

import argparse
from pathlib import Path

from experiments.console import say
from experiments.paths import results_dir


def add(commands: argparse._SubParsersAction) -> None:
    merge = commands.add_parser("merge", help="bring in the records of other results folders")
    merge.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    merge.set_defaults(command=bring)


def bring(given: argparse.Namespace) -> int:
    from experiments.records.store import Store
    from experiments.sweep.merge import merge

    store = Store(results_dir())
    counts = merge(store, given.folders, say)
    words = {"new": "new", "same": "the same", "better": "instead of one that had failed", "kept": "left, as ours is as good"}
    print(f"{store.records}: " + ", ".join(f"{counts[key]} {text}" for key, text in words.items() if counts[key]))
    return 0
