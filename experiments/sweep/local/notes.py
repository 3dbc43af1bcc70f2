"""What was found out about a sweep and need not be found out again: a note beside its plan, and what it was true of.

A sweep with nothing left to do then loads neither MLflow, to see whether it has been told of every record, nor the sources of
its methods, to see whether one has changed. As soon as a record, MLflow's file or the code is another, the note counts for
nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dpdsyn.base.files import FileError, write_whole
from experiments.records.store import Store

MIRRORED, UNCHANGED = "mirrored", "unchanged"  # MLflow has all records; no method's code is another than that of its records


class Notes:
    """Of one sweep of one results folder."""

    def __init__(self, store: Store, sweep_id: str) -> None:
        self._path = store.results / "runs" / "sweeps" / f"{sweep_id}.notes"

    def holds(self, what: str, of: Any) -> bool:
        """Whether this was noted of the same. of: what it is true of, None if that cannot be known."""
        return of is not None and self._read().get(what) == of

    def write(self, what: str, of: Any) -> None:
        """It is true of that. Does nothing in a folder that cannot be written."""
        if of is None or self.holds(what, of):
            return
        try:
            write_whole(self._path, json.dumps({**self._read(), what: of}).encode())
        except FileError:
            return

    def _read(self) -> dict[str, Any]:
        try:
            known = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}


def state_of_records(store: Store, run_ids: Iterable[str]) -> str | None:
    """Of the files of these runs' records; None unless each has one."""
    digest = hashlib.sha256()
    try:
        for run_id in sorted(run_ids):
            digest.update(f"{run_id} {_state(store.records / f'{run_id}.json')}\n".encode())
    except OSError:
        return None
    return digest.hexdigest()


def state_of_mlflow(store: Store) -> list[int] | None:
    """Of MLflow's file in the results folder; None of a server, of which nothing is known without asking it."""
    try:
        return None if os.environ.get("MLFLOW_TRACKING_URI") else _state(store.results / "mlflow.db")
    except OSError:
        return None


def _state(path: Path) -> list[int]:
    told = path.stat()
    return [told.st_ino, told.st_size, told.st_mtime_ns]
