"""What a sweep's command knows to be in MLflow's file already, so that a sweep with nothing left to do does not load MLflow.

After all of a sweep's records were taken, a note beside its plan says which they were and how the file was then. As long as
neither has changed, MLflow need not be asked. Of a server nothing is known without asking it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from dpdsyn.files import write_whole
from experiments.records.store import Store


class Mirrored:
    """Of one sweep of one results folder."""

    def __init__(self, store: Store, sweep_id: str) -> None:
        self._store = store
        self._file = store.results / "mlflow.db"
        self._note = store.results / "runs" / "sweeps" / f"{sweep_id}.mirrored"

    def knows(self, run_ids: Iterable[str]) -> bool:
        """Whether the records that these runs have now are known to be there."""
        try:
            return self._note.read_text(encoding="utf-8") == self._said(run_ids)
        except (OSError, ValueError):
            return False

    def note(self, run_ids: Iterable[str]) -> None:
        """They are there now. Does nothing where that could not be known again."""
        try:
            write_whole(self._note, self._said(run_ids).encode())
        except OSError:
            self._note.unlink(missing_ok=True)

    def _said(self, run_ids: Iterable[str]) -> str:
        """Raises OSError where MLflow does not keep its runs in this folder's file, or that is not there."""
        if os.environ.get("MLFLOW_TRACKING_URI"):
            raise FileNotFoundError(self._file)
        digest = hashlib.sha256()
        for run_id in sorted(run_ids):
            digest.update(f"{run_id} {_state(self._store.records / f'{run_id}.json')}\n".encode())
        return json.dumps({"file": _state(self._file), "records": digest.hexdigest()})


def _state(path: Path) -> list[int]:
    told = path.stat()
    return [told.st_ino, told.st_size, told.st_mtime_ns]
