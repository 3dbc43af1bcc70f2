"""MLflow as a view of the records: an experiment for each experiment file, a parent run a sweep, under it each of its runs.

Runs are found again by tags, so writing everything again changes nothing that is there. One process writes at a time, and
never one that computes runs: a tracking server that is down or slow holds up nothing.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from experiments.console import Say, say
from experiments.records.record import Record, settings
from experiments.records.store import Store
from experiments.sweep.locks import Lock
from experiments.sweep.mlflow.file import fault_of, set_aside
from experiments.sweep.plan import Plan, Plans

RUN, CONTENT, SWEEP = "dpdsyn.cell_id", "dpdsyn.record", "dpdsyn.sweep"  # tags; the first as runs have it since the beginning
SINGLE = "single"  # the MLflow experiment of runs that belong to no experiment file
_PATIENCE = 20.0  # seconds that a command which is done waits for a tracking server
_AGAIN = 5.0  # seconds between two tries at a server that did not answer


def tracking_uri(results: Path) -> str:
    """`MLFLOW_TRACKING_URI`, or a sqlite file in the results folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{results / 'mlflow.db'}"


class Tracker:
    """Writes runs. While one is open (`with`) no other process of this results folder writes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock(store.results / "runs" / "mlflow.lock")
        self._token = ""
        self._experiments: dict[str, _Experiment] = {}

    def __enter__(self) -> Tracker:
        self._lock.take(wait=True)
        if self._lock.text() != self._token:  # somebody else has written since
            self._experiments.clear()
        if not self._experiments:
            replace_broken(self._store, say)
        return self

    def __exit__(self, *_: object) -> None:
        self._token = os.urandom(8).hex()
        self._lock.note(self._token)
        self._lock.release(delete=False)

    def log(self, plan: Plan | None, record: Record) -> bool:
        """Have a run for the record, replacing one of an earlier record of the same run; whether anything was written."""
        name = plan.experiment if plan else SINGLE
        if name not in self._experiments:
            self._experiments[name] = _Experiment(_client(self._store), self._store, name)
        return self._experiments[name].log(plan if plan and plan.is_sweep else None, record)


class _Experiment:
    """What an MLflow experiment holds of ours: runs by id, parents by sweep."""

    def __init__(self, client: Any, store: Store, name: str) -> None:
        from mlflow.exceptions import MlflowException

        self._client = client
        found = client.get_experiment_by_name(name)
        if found is None:
            serves = tracking_uri(store.results).startswith(("http:", "https:"))  # a server knows where artifacts go
            place = None if serves else (store.results / "mlartifacts").as_uri()
            try:
                self._id = client.create_experiment(name, artifact_location=place)
            except MlflowException:  # another folder's sweep, writing to the same server, was quicker
                self._id = client.get_experiment_by_name(name).experiment_id
        else:
            self._id = found.experiment_id
        self._runs: dict[str, list[Any]] = {}
        self._parents: dict[str, str] = {}
        token = None
        while True:
            page = client.search_runs([self._id], max_results=1000, page_token=token)
            for run in page:
                if RUN in run.data.tags:
                    self._runs.setdefault(run.data.tags[RUN], []).append(run)
                elif SWEEP in run.data.tags:
                    self._parents[run.data.tags[SWEEP]] = run.info.run_id
            token = page.token
            if not token:
                return

    def log(self, plan: Plan | None, record: Record) -> bool:
        known = self._runs.get(record.run_id, [])
        content = record.content
        good = [run for run in known if run.data.tags.get(CONTENT) == content and run.info.status != "RUNNING"]
        for run in known:
            if run not in good[:1]:  # of an earlier record, cut short while it was written, or there twice
                self._client.delete_run(run.info.run_id)
        if not good:
            good = [self._create(record, content, self._parent(plan) if plan else None)]
        self._runs[record.run_id] = good[:1]
        return good[:1] != known

    def _parent(self, plan: Plan) -> str:
        if plan.sweep_id not in self._parents:
            tags = {SWEEP: plan.sweep_id, "mlflow.source.name": "dpdsyn"}
            title = f"sweep of {len(plan.runs)} runs"
            run = self._client.create_run(self._id, int(plan.started * 1000), tags, run_name=title)
            self._client.log_param(run.info.run_id, "command", " ".join(["dpdsyn run", *plan.arguments])[:6000])
            self._client.set_terminated(run.info.run_id)
            self._parents[plan.sweep_id] = run.info.run_id
        return self._parents[plan.sweep_id]

    def _create(self, record: Record, content: str, parent: str | None) -> Any:
        from mlflow.entities import Metric, Param, RunTag

        row = record.flat()
        name = f"{row['dataset']}-{row['method']}-eps{row['epsilon']:g}-seed{row['seed']}"
        now = int(time.time() * 1000)
        start = now - int(1000 * (row["total_seconds"] or 0))  # so that the duration shown is that of the synthesis
        tags = {RUN: record.run_id, "mlflow.source.name": "dpdsyn"} | ({"mlflow.parentRunId": parent} if parent else {})
        run_id = self._client.create_run(self._id, start, tags, run_name=name).info.run_id
        texts = ("dataset", "method", "status", "guarantee", "epsilon", "delta", "seed", "n_train", "n_synth")
        chosen = {"parameters": record.method.parameters, "generator": record.dataset.generator or {}}
        numbers = {key: value for key, value in row.items() if isinstance(value, int | float) and key not in texts}
        self._client.log_batch(
            run_id,
            metrics=[Metric(key, float(value), now, 0) for key, value in numbers.items()],
            params=[Param(key, str(row[key])) for key in texts]
            + [Param(key, value[:500]) for key, value in settings(chosen).items()],
            tags=[RunTag(key, str(row[key])) for key in ("dataset", "method", "epsilon", "seed", "guarantee", "status")]
            + [RunTag(CONTENT, content)],
        )
        self._client.log_text(run_id, record.to_json(), "record.json")
        done = "FINISHED" if record.status in ("ok", "skipped") else "FAILED"
        self._client.set_terminated(run_id, status=done, end_time=now)
        return self._client.get_run(run_id)


class Mirror:
    """Tells MLflow of records in a thread of its own, beside a command that goes on whatever becomes of that."""

    def __init__(self, store: Store, say: Say) -> None:
        self._store, self._say = store, say
        self._waiting: deque[tuple[Plan, str]] = deque()
        self._added, self._finishing, self._done = threading.Event(), threading.Event(), threading.Event()
        self._error = ""
        self._thread = threading.Thread(target=self._work, daemon=True)

    def add(self, plan: Plan, run_ids: Iterable[str]) -> None:
        """Runs that have a record now."""
        self._waiting.extend((plan, run_id) for run_id in run_ids)
        if self._waiting and not self._thread.is_alive() and not self._done.is_set():
            self._thread.start()
        self._added.set()

    @property
    def behind(self) -> int:
        """Records that were added and not taken yet."""
        return len(self._waiting)

    def finish(self) -> None:
        """Wait for what is still to be written, as long as MLflow goes on taking it; say so if it does not."""
        self._finishing.set()
        self._added.set()
        left, deadline = len(self._waiting), time.monotonic() + _PATIENCE
        while self._thread.is_alive() and time.monotonic() < deadline:
            self._done.wait(0.05)
            if len(self._waiting) < left:
                left, deadline = len(self._waiting), time.monotonic() + _PATIENCE
        if self._waiting:
            missing = f"MLflow ({uri_in_words(self._store)}) has not taken {len(self._waiting)} records{self._error}"
            self._say(f"{missing}; they are safe, and `dpdsyn track` brings it up to date")

    def _work(self) -> None:
        tracker = Tracker(self._store)
        while True:
            self._added.wait()
            self._added.clear()
            try:
                if self._waiting:
                    with tracker:
                        while self._waiting:
                            plan, run_id = self._waiting[0]
                            record = self._store.read(run_id)
                            if record is not None:
                                tracker.log(plan, record)
                            self._waiting.popleft()
            except Exception as error:  # MLflow can catch up later, whatever it was
                self._error = f" ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
                tracker = Tracker(self._store)
                if self._finishing.wait(_AGAIN) and self._waiting:
                    break
                self._added.set()
            if self._finishing.is_set() and not self._waiting:
                break
        self._done.set()


def track(store: Store, say: Say) -> tuple[int, int]:
    """Bring MLflow up to date with every record; gives how many runs there are to be, and how many were written now.

    A run that several experiments hold has one in each of them. Raises what MLflow raises.
    """
    from experiments.console import bar, console

    records = {record.run_id: record for record in store.all(say)}
    runs: list[tuple[Plan | None, Record]] = []
    seen: set[tuple[str, str]] = set()
    for plan in Plans(store.results).all():
        for planned in plan.runs:
            if planned.run_id in records and (plan.experiment, planned.run_id) not in seen:
                seen.add((plan.experiment, planned.run_id))
                runs.append((plan, records[planned.run_id]))
    placed = {run_id for _, run_id in seen}
    runs += [(None, record) for run_id, record in records.items() if run_id not in placed]
    written = 0
    with bar(console(), "runs") as shown, Tracker(store) as tracker:
        task = shown.add_task("runs", total=len(runs))
        for plan_or_none, record in runs:
            written += tracker.log(plan_or_none, record)
            shown.advance(task)
    return len(runs), written


def replace_broken(store: Store, say: Say) -> None:
    """Set aside a sqlite file of this folder that a kill, a full disk or anything else has left unusable, and say so."""
    path = store.results / "mlflow.db"
    if tracking_uri(store.results) == f"sqlite:///{path}" and (fault := fault_of(path)):
        aside = set_aside(path)
        say(f"{path} cannot be used ({fault}); set aside as {aside.name}, and a new one is made: `dpdsyn track` fills it")


def _client(store: Store) -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return MlflowClient(tracking_uri=tracking_uri(store.results))


def uri_in_words(store: Store) -> str:
    """Where MLflow keeps its runs, without a password."""
    return re.sub(r"//([^:/@]+):[^@]*@", r"//\1:***@", tracking_uri(store.results))
