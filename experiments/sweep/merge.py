"""Merging results folders: the records, fits, logs and plans of others are brought into one."""

from __future__ import annotations

import contextlib
from collections import Counter
from pathlib import Path

from dpdsyn.base.checks import InputError
from dpdsyn.base.files import write_whole
from experiments.console import Say
from experiments.records.export import read_export
from experiments.records.record import Record
from experiments.records.store import Store
from experiments.sweep.plan import Plans


def merge(store: Store, folders: list[Path], say: Say) -> Counter[str]:
    """Counts of records taken over (`new`), known already (`same`), replacing one that is not ok (`better`), and left (`kept`).

    A folder is one that `DPDSYN_RESULTS` could name: its working store is read and, if it has one, its export. Of two
    records of one run the one that is ok wins; of two alike, the one that is here. Nothing is changed in the other
    folder, except that a file that is no record is set aside there. Raises InputError, before anything is written, for a
    folder without records.
    """
    found = {folder: _records(Store(folder), say) for folder in folders}
    for folder, records in found.items():
        if not records:
            raise InputError(f"{folder} holds no records; give a results folder, as DPDSYN_RESULTS names it")
    store.prepare()
    counts: Counter[str] = Counter()
    for folder, records in found.items():
        other = Store(folder)
        for record in records.values():
            counts[_take(store, record, folder)] += 1
        for path in sorted(other.fits.glob("*.npz")):
            if not (store.fits / path.name).exists():
                _copy(path, store.fits / path.name)
        for plan in Plans(folder).all():
            if Plans(store.results).read(plan.sweep_id) is None:
                Plans(store.results).write(plan)
    return counts


def _records(other: Store, say: Say) -> dict[str, Record]:
    try:
        exported = {record.run_id: record for record in read_export(other.results)}
    except FileNotFoundError:
        exported = {}
    return exported | {record.run_id: record for record in other.all(say)}


def _take(store: Store, record: Record, folder: Path) -> str:
    own = store.read(record.run_id)
    if own == record:
        return "same"
    if own is not None and (own.status == "ok" or record.status != "ok"):
        return "kept"
    if record.log is not None:
        with contextlib.suppress(FileNotFoundError):  # an export has none
            store.write_log(record.run_id, (folder / record.log).read_text(encoding="utf-8"))
    store.write(record)
    return "new" if own is None else "better"


def _copy(source: Path, target: Path) -> None:
    """A fit as it is; one that is being written or was cut short is found out when it is read."""
    with contextlib.suppress(FileNotFoundError):
        write_whole(target, source.read_bytes())
