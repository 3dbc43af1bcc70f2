"""MLflow as a view of the records: one run a cell, found again by the tag `dpdsyn.cell_id`."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from experiments.record import Record, settings
from experiments.store import Store, write_atomically

TAG = "dpdsyn.cell_id"


def tracking_uri(results: Path) -> str:
    """`MLFLOW_TRACKING_URI`, or a sqlite file in the results folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{results / 'mlflow.db'}"


def prepare(store: Store) -> None:
    """Create the database, once and before any worker could: two processes that create it together collide."""
    if os.environ.get("MLFLOW_TRACKING_URI") or (store.results / "mlflow.db").exists():
        return
    shutil.rmtree(_marks(store), ignore_errors=True)
    _client(store).search_experiments(max_results=1)


def mirror(record: Record, store: Store, experiment: str) -> None:
    """Log the record as a run, unless it has been. Never raises: records are the truth, and MLflow can catch up."""
    mark = _marks(store) / record.cell_id
    content = f"{record.status} {record.seconds.get('total')}".encode()
    if mark.exists() and mark.read_bytes() == content:
        return
    try:
        _log(record, store, experiment)
        mark.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(mark, content)
    except Exception as error:
        sys.stderr.write(f"MLflow did not take {record.cell_id} ({type(error).__name__}: {error}); its record is safe\n")


def _marks(store: Store) -> Path:
    return store.results / "runs" / "mirrored"


def _client(store: Store) -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=tracking_uri(store.results))


def _log(record: Record, store: Store, experiment: str) -> None:
    from mlflow.entities import Metric, Param, RunTag

    client = _client(store)
    experiment_id = _experiment(client, store, experiment)
    for run in client.search_runs([experiment_id], f"tags.`{TAG}` = '{record.cell_id}'"):
        client.delete_run(run.info.run_id)
    row = record.flat()
    name = f"{row['dataset']}-{row['method']}-eps{row['epsilon']:g}-seed{row['seed']}"
    now = int(time.time() * 1000)
    start = now - int(1000 * (row["total_seconds"] or 0))  # so that the duration shown is that of the synthesis
    tags = {TAG: record.cell_id, "mlflow.source.name": "dpdsyn"}
    run_id = client.create_run(experiment_id, start, tags, run_name=name).info.run_id
    texts = ("dataset", "method", "status", "guarantee", "epsilon", "delta", "seed", "n_train", "n_synth")
    chosen = {"parameters": record.method["parameters"], "generator": record.dataset.get("generator") or {}}
    numbers = {key: value for key, value in row.items() if isinstance(value, int | float) and key not in texts}
    client.log_batch(
        run_id,
        metrics=[Metric(key, float(value), now, 0) for key, value in numbers.items()],
        params=[Param(key, str(row[key])) for key in texts]
        + [Param(key, value[:500]) for key, value in settings(chosen).items()],
        tags=[RunTag(key, str(row[key])) for key in ("dataset", "method", "epsilon", "seed", "guarantee", "status")],
    )
    client.log_text(run_id, record.to_json(), "record.json")
    client.set_terminated(run_id, status="FINISHED" if record.status in ("ok", "skipped") else "FAILED", end_time=now)


def _experiment(client: Any, store: Store, name: str) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        own = os.environ.get("MLFLOW_TRACKING_URI")
        try:
            return client.create_experiment(name, artifact_location=None if own else (store.results / "mlartifacts").as_uri())
        except MlflowException:  # another worker was quicker
            found = client.get_experiment_by_name(name)
    return found.experiment_id
