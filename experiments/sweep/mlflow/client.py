"""How MLflow's store is reached, and how files of a run get there."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from experiments.console import Say
from experiments.records.store import Store
from experiments.sweep.mlflow.file import fault_of, set_aside


def tracking_uri(results: Path) -> str:
    """`MLFLOW_TRACKING_URI`, or a sqlite file in the results folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{results / 'mlflow.db'}"


def uri_in_words(store: Store) -> str:
    """Where MLflow keeps its runs, without a password."""
    return re.sub(r"//([^:/@]+):[^@]*@", r"//\1:***@", tracking_uri(store.results))


def is_server(store: Store) -> bool:
    """Whether files and runs go through a server."""
    return tracking_uri(store.results).startswith(("http:", "https:"))


def client_of(store: Store) -> Any:
    """An `MlflowClient` that is quiet, patient for seconds only, and told nobody of."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what it does not take is told in a line
    _hurry()
    return MlflowClient(tracking_uri=tracking_uri(store.results))


@cache
def _hurry() -> None:
    """Have sqlite not wait for the disk after each small change: whatever is lost is rebuilt from the records."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    @event.listens_for(Engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=OFF")


def replace_broken(store: Store, say: Say) -> None:
    """Set aside a sqlite file of this folder that a kill, a full disk or anything else has left unusable, and say so."""
    path = store.results / "mlflow.db"
    if tracking_uri(store.results) == f"sqlite:///{path}" and (fault := fault_of(path)):
        aside = set_aside(path)
        say(f"{path} cannot be used ({fault}); set aside as {aside.name}, and a new one is made: `dpdsyn track` fills it")


def put(client: Any, info: Any, files: Mapping[str, str | bytes]) -> None:
    """Lay files beside a run (info: its `RunInfo`), by name: as files where they lie on this machine, else through the server."""
    place = urlparse(info.artifact_uri)
    if place.scheme == "file":
        _write(Path(unquote(place.path)), files)
        return
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), files)
        client.log_artifacts(info.run_id, folder)


def _write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
