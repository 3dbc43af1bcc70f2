"""MLflow's sqlite file in a results folder: only a view of the records, so one that is broken is set aside and made anew."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

_FIRST = b"SQLite format 3\0"  # how such a file begins
_LAST_STEP = "alembic_version"  # the table that MLflow's making of a database ends with
_NEEDED = ("experiments", "runs", "metrics", "params", "tags")


def fault_of(path: Path) -> str:
    """Why a file cannot be used, in words; empty if it can, if it is not there, or if somebody is only at work on it.

    A database whose making was cut short has some of its tables and no version of them.
    """
    if not path.exists():
        return ""
    with path.open("rb") as file:
        start = file.read(len(_FIRST))
    if start != _FIRST:
        return "it is no sqlite database" if start else "it is empty"
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=10)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            lacking = [name for name in (*_NEEDED, _LAST_STEP) if name not in tables]
            if lacking:
                return f"its making was cut short (it has no table {', '.join(lacking)})"
            if not database.execute(f"SELECT count(*) FROM {_LAST_STEP}").fetchone()[0]:
                return "its making was cut short (its version is not known)"
            (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:  # locked, or not readable: nothing is known against it
        return "" if any(word in str(error) for word in ("locked", "unable to open", "readonly")) else str(error)
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if found == "ok" else str(found)


def set_aside(path: Path) -> Path:
    """Rename the file, what sqlite keeps beside it too; gives its new name."""
    aside = path.with_name(f"{path.name}.broken-{time.strftime('%Y%m%dT%H%M%S')}")
    for ending in ("", "-wal", "-shm", "-journal"):
        beside = path.with_name(path.name + ending)
        if beside.exists():
            beside.replace(aside.with_name(aside.name + ending))
    return aside
