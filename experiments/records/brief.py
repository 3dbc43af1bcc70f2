"""What `dpdsyn status` says of each record, kept beside the records, so that only those are read that are new or have changed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from dpdsyn.base.files import FileError, write_whole
from experiments.records import former
from experiments.records.parts import Data, Encoding, Environment, Evaluation, Fidelity, Method, Privacy, Seconds
from experiments.records.record import FORMAT, Record
from experiments.records.store import Store

INDEX = "status.json"  # under `runs/`; whoever deletes it has all records read once more
_READ_BY = [1, FORMAT, former.METHODS]  # what rows are made by: with anything else they are made anew
_FIDELITY, _EVALUATION, _ENVIRONMENT = Fidelity(), Evaluation(), Environment()


def brief(store: Store, say: Callable[[str], None] = lambda text: None) -> dict[str, Record]:
    """The records by their `run_id`: names, encoding, epsilon, seed, status, error, log and seconds of the run, nothing else.

    What is no record is set aside and told of, as by `Store.all`. Raises StoreError as that does.
    """
    index = store.results / "runs" / INDEX
    known, rows = _known(index), dict[str, list[Any]]()
    for name, state in _files(store.records):
        row = known.get(name)
        if row is None or row[0] != state:
            record = store.read(name.removesuffix(".json"), say)
            row = None if record is None else [state, *_row(record)]
        if row is not None:
            rows[name] = row
    if rows != known:
        with suppress(FileError):  # where nothing can be written, all is read again the next time
            write_whole(index, json.dumps({"read_by": _READ_BY, "rows": rows}, separators=(",", ":")).encode())
    return {row[1]: _record(*row[1:]) for row in rows.values()}


def _known(index: Path) -> dict[str, list[Any]]:
    """By file name its state and what `_row` made of it; nothing where the index is of another version, damaged or not there."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        told = json.loads(index.read_bytes())
        rows = told["rows"]
        if told["read_by"] == _READ_BY and all(len(row) == 1 + len(_COLUMNS) for row in rows.values()):
            return rows
    return {}


def _files(folder: Path) -> list[tuple[str, list[int]]]:
    """Names of a folder's records, in order, and what changes whenever one is written."""
    found = []
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".json"):
                with suppress(FileNotFoundError):  # replaced or set aside meanwhile
                    told = entry.stat()
                    found.append((entry.name, [told.st_ino, told.st_size, told.st_mtime_ns]))
    return sorted(found)


_COLUMNS = ("run_id", "dataset", "method", "encoding", "epsilon", "seed", "status", "error", "log", "seconds")


def _row(record: Record) -> list[Any]:
    names = record.dataset.name, record.method.name, record.encoding.name if record.encoding else None
    told = record.privacy.epsilon, record.seed, record.status, record.error, record.log, record.seconds.run
    return [record.run_id, *names, *told]


def _record(
    run_id: str,
    dataset: str,
    method: str,
    encoding: str | None,
    epsilon: float,
    seed: int,
    status: str,
    error: str | None,
    log: str | None,
    seconds: float | None,
) -> Record:
    return Record(
        run_id,
        "",
        status,
        Data(dataset),
        Method(method),
        Privacy(epsilon, 0.0),
        seed,
        0,
        error=error,
        log=log,
        seconds=Seconds(run=seconds),
        fidelity=_FIDELITY,
        evaluation=_EVALUATION,
        environment=_ENVIRONMENT,
        encoding=Encoding(encoding) if encoding else None,
    )
