"""`dpdsyn export`: write the working store's records, and its audits, to files for a repository."""

from __future__ import annotations

import argparse

from dpdsyn.base.files import FileError
from experiments.console import say
from experiments.paths import results_dir


def add(commands: argparse._SubParsersAction) -> None:
    commands.add_parser("export", help="write the working store's records to results/records.jsonl").set_defaults(command=export)


def export(given: argparse.Namespace) -> int:
    from experiments.records.audits import stored, write_audits
    from experiments.records.export import write_export
    from experiments.records.judgings import told_of_other_rows
    from experiments.records.store import Store

    store = Store(results_dir())
    records, audits = list(store.all(say)), stored(store.results)
    if not records and not audits:
        raise FileError(f"no records in {store.records}; nothing was exported")
    for line in told_of_other_rows(records):
        say(f"{line}; has its code changed without a new version? Remove the older ones and run them again")
    if records:
        print(f"{len(records)} records in {write_export(store.results, records)}")
    if audits:
        print(f"{len(audits)} audits in {write_audits(store.results, audits)}")
    return 0
