"""Writing runs into MLflow: many at once where its store is a database that this process writes, else one after another.

A run is some hundred and fifty rows in eight tables, which MLflow's own calls read and write one by one: 70 ms of a processor.
Inserted together, by the same table definitions of MLflow's, they take a tenth. Whatever is not as it is known here (a server,
another layout of the tables) takes the calls.
"""

from __future__ import annotations

import getpass
import json
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from experiments.sweep.mlflow.client import put
from experiments.sweep.mlflow.contents import Contents

_BATCH = 90  # parameters of one call; MLflow takes a hundred


@dataclass(frozen=True)
class Draft:
    """A run that is to be: name, what is told of it, and tags besides."""

    name: str
    told: Contents
    tags: Mapping[str, str]


def write(client: Any, experiment: Any, drafts: Sequence[Draft], files: bool) -> list[str]:
    """Write runs into an experiment (MLflow's entity); gives their ids. files: those that are told too."""
    store = getattr(getattr(client, "_tracking_client", None), "store", None)
    rows = _rows(store, experiment, drafts) if drafts else None
    if rows is None or store is None:
        return [_one(client, experiment.experiment_id, draft, files) for draft in drafts]
    made, infos = rows
    with store.ManagedSessionMaker(read_only=False) as session:
        for table, values in made:
            if values:
                session.execute(table.insert(), values)
    if files:
        for draft, info in zip(drafts, infos, strict=True):
            put(client, info, draft.told.files)
    return [info.run_id for info in infos]


def _one(client: Any, experiment_id: str, draft: Draft, files: bool) -> str:
    """By MLflow's calls. The run is left as running if they are cut short, which tells that it is not whole."""
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param

    told = draft.told
    tags = {**told.tags, **draft.tags, "mlflow.user": _user()}
    run = client.create_run(experiment_id, told.start, tags, run_name=draft.name)
    run_id, params = run.info.run_id, [Param(key, value) for key, value in told.params.items()]
    for first in range(0, len(params), _BATCH):
        client.log_batch(run_id, params=params[first : first + _BATCH])
    metrics = [Metric(key, value, told.end, step) for key, value, step in _points(told)]
    client.log_batch(run_id, metrics=metrics)
    made = Dataset(told.dataset[0], told.dataset[1], "local", _source(told), profile=json.dumps(told.dataset[2]))
    client.log_inputs(run_id, datasets=[DatasetInput(made, [InputTag("mlflow.data.context", "training")])])
    if files:
        put(client, run.info, told.files)
    client.set_terminated(run_id, status=told.ending, end_time=told.end)
    return str(run_id)


def _points(told: Contents) -> list[tuple[str, float, int]]:
    steps = [(key, value, step) for key, curve in told.steps.items() for step, value in curve.items()]
    return [(key, value, 0) for key, value in told.metrics.items()] + steps


def _source(told: Contents) -> str:
    return json.dumps({"uri": f"dpdsyn data describe {told.dataset[0]}"})


@dataclass(frozen=True)
class _Info:
    run_id: str
    artifact_uri: str


def _rows(store: Any, experiment: Any, drafts: Sequence[Draft]) -> tuple[list[tuple[Any, list[dict]]], list[_Info]] | None:
    """Rows for each of MLflow's tables; None where the store is none of its databases or its tables have changed."""
    try:
        from mlflow.store.tracking.dbmodels import models
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    except ImportError:
        return None
    if type(store) is not SqlAlchemyStore:
        return None
    place, number = experiment.artifact_location, int(experiment.experiment_id)
    if not place.startswith("file:"):  # other places have rules of their own for what is appended
        return None
    runs: list[dict] = []
    metrics: list[dict] = []
    latest: list[dict] = []
    params: list[dict] = []
    tags: list[dict] = []
    inputs: list[dict] = []
    marks: list[dict] = []
    infos: list[_Info] = []
    datasets, known = [], _datasets(store, models, number)
    user = _user()
    for draft in drafts:
        told, run_id = draft.told, uuid.uuid4().hex
        infos.append(_Info(run_id, f"{place.rstrip('/')}/{run_id}/artifacts"))
        runs.append(
            {
                "run_uuid": run_id,
                "name": draft.name,
                "artifact_uri": infos[-1].artifact_uri,
                "experiment_id": number,
                "source_type": "UNKNOWN",
                "source_name": "",
                "entry_point_name": "",
                "user_id": user,
                "status": told.ending,
                "start_time": told.start,
                "end_time": told.end,
                "deleted_time": None,
                "source_version": "",
                "lifecycle_stage": "active",
            }
        )
        own = {**told.tags, **draft.tags, "mlflow.runName": draft.name, "mlflow.user": user}
        tags += [{"run_uuid": run_id, "key": key, "value": value} for key, value in own.items()]
        params += [{"run_uuid": run_id, "key": key, "value": value} for key, value in told.params.items()]
        points = [
            {"run_uuid": run_id, "key": key, "value": value, "timestamp": told.end, "step": step, "is_nan": False}
            for key, value, step in _points(told)
        ]
        metrics += points
        latest += {point["key"]: point for point in points}.values()
        name, digest, about = told.dataset
        if (name, digest) not in known:
            known[name, digest] = uuid.uuid4().hex
            datasets.append(
                {
                    "dataset_uuid": known[name, digest],
                    "experiment_id": number,
                    "name": name,
                    "digest": digest,
                    "dataset_source_type": "local",
                    "dataset_source": _source(told),
                    "dataset_schema": None,
                    "dataset_profile": json.dumps(about),
                }
            )
        mark = uuid.uuid4().hex
        inputs.append(
            {
                "input_uuid": mark,
                "source_type": "DATASET",
                "source_id": known[name, digest],
                "destination_type": "RUN",
                "destination_id": run_id,
            }
        )
        marks.append({"input_uuid": mark, "name": "mlflow.data.context", "value": "training"})
    kinds = (
        ("SqlRun", runs),
        ("SqlMetric", metrics),
        ("SqlLatestMetric", latest),
        ("SqlParam", params),
        ("SqlTag", tags),
        ("SqlDataset", datasets),
        ("SqlInput", inputs),
        ("SqlInputTag", marks),
    )
    made = [(getattr(models, kind).__table__, values) for kind, values in kinds if hasattr(models, kind)]
    return (made, infos) if len(made) == len(kinds) and all(_fits(table, values) for table, values in made) else None


def _fits(table: Any, values: list[dict]) -> bool:
    """Whether a table has the columns that are given, and needs no other."""
    given = set(values[0]) if values else set()
    columns = {column.name: column for column in table.columns}
    needed = {
        name for name, column in columns.items() if not (column.nullable or column.default is not None or column.server_default)
    }
    return not values or (given <= set(columns) and needed <= given)


def _datasets(store: Any, models: Any, experiment: int) -> dict[tuple[str, str], str]:
    """Ids of the data sets that an experiment has, by name and digest."""
    table = models.SqlDataset.__table__
    with store.ManagedSessionMaker(read_only=False) as session:
        found = session.execute(table.select().where(table.c.experiment_id == experiment)).mappings().all()
    return {(row["name"], row["digest"]): row["dataset_uuid"] for row in found}


def _user() -> str:
    with suppress(OSError, KeyError):
        return getpass.getuser()
    return "unknown"
