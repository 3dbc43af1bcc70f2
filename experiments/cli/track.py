"""`dpdsyn track`: bring MLflow up to date with the records."""

from __future__ import annotations

import argparse

from dpdsyn.files import FileError
from experiments.console import say
from experiments.paths import results_dir


def add(commands: argparse._SubParsersAction) -> None:
    commands.add_parser("track", help="bring MLflow up to date with the records").set_defaults(command=catch_up)


def catch_up(given: argparse.Namespace) -> int:
    from experiments.records.store import Store
    from experiments.sweep.mlflow.runs import track, uri_in_words

    store = Store(results_dir())
    if not any(store.records.glob("*.json")):
        raise FileError(f"no records in {store.records}; start with dpdsyn run")
    try:
        runs, written = track(store, say)
    except Exception as error:  # of MLflow, its database or the network, each with errors of its own
        raise ConnectionError(f"MLflow ({uri_in_words(store)}) did not take the records: {error}") from error
    print(f"{runs} runs in {uri_in_words(store)}, {written} of them written now")
    return 0
