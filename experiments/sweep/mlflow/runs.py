"""MLflow as a view of the records: an experiment for each experiment file, a parent run a sweep, under it each of its runs.

Runs are found again by tags, so writing everything again changes nothing that is there. One process writes at a time, and
never one that computes runs: a tracking server that is down or slow holds up nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.console import Say, say
from experiments.records.record import Record
from experiments.records.store import Store
from experiments.sweep.locks import Lock
from experiments.sweep.mlflow.client import client_of, is_server, replace_broken, tracking_uri
from experiments.sweep.mlflow.contents import FORMAT, contents
from experiments.sweep.mlflow.parents import SWEEP, Parents
from experiments.sweep.mlflow.views import CHARTED, EXPERIMENT_TAGS, Shown, best_view, view_tags
from experiments.sweep.mlflow.writing import Draft, write
from experiments.sweep.plan import Plan, Plans

RUN, CONTENT = "dpdsyn.cell_id", "dpdsyn.record"  # tags; the first as runs have it since the beginning
SINGLE = "single"  # the experiment of plans that belong to no experiment file, and MLflow's of their runs in earlier versions
_AT_ONCE = 200  # runs that are written together
_NAMED = 3  # data sets that the name of an experiment without a file lists
Sheets = Callable[[Sequence[Record]], Mapping[str, str | bytes]]  # files about records: tables and figures
Picture = Callable[[Record, Any, Any], str]  # a page about a run, of its record, the rows' schema and the rows that it published
PICTURE = "picture.html"  # among a run's files


def experiment_of(plan: Plan | None, record: Record | None = None) -> str:
    """The MLflow experiment of a run: of the plan's experiment file, or else the record's; else named after data sets."""
    if plan is not None and plan.experiment != SINGLE:
        return plan.experiment
    if plan is None and record is not None and record.experiment is not None:
        return record.experiment.name
    names = list(dict.fromkeys(run.dataset for run in plan.runs)) if plan else [record.dataset.name] if record else []
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"ad hoc: {', '.join(names[:_NAMED])}{more}"


class Tracker:
    """Writes runs. While one is open (`with`) no other process of this results folder writes.

    files: whether each run gets its record, its ledger and its picture as files; None for wherever that costs no request.
    """

    def __init__(self, store: Store, files: bool | None = True) -> None:
        self._store = store
        self._lock = Lock(store.results / "runs" / "mlflow.lock")
        self._token = ""
        self._files = not is_server(store) if files is None else files
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

    def experiment(self, name: str) -> _Experiment:
        if name not in self._experiments:
            self._experiments[name] = _Experiment(client_of(self._store), self._store, name, self._files)
        return self._experiments[name]

    def log(self, pairs: Sequence[tuple[Plan | None, Record]]) -> set[tuple[str, str]]:
        """Have a run for each record, replacing one of an earlier record of the same run; gives which were written.

        These are named by their experiment and the record's `run_id`.
        """
        by_name: dict[str, list[tuple[Plan | None, Record]]] = {}
        for plan, record in pairs:
            by_name.setdefault(experiment_of(plan, record), []).append((plan, record))
        return {(name, run_id) for name, own in by_name.items() for run_id in self.experiment(name).log(own)}

    def keep_rows(self, plan: Plan | None, record: Record, picture: Picture | None = None) -> set[tuple[str, str]]:
        """Have a record's run hold its synthetic rows, where these are kept and published, as a model and as a page.

        Gives which run was written, if any was.
        """
        name = experiment_of(plan, record)
        return {(name, record.run_id)} if self.experiment(name).keep_rows(record, picture) else set()

    def begin(self, plan: Plan) -> str:
        """Have the sweep's parent run, running; gives its id."""
        return self.experiment(experiment_of(plan)).parents.begin(plan)

    def end(self, plan: Plan, records: Mapping[str, Record], ended: float, sheets: Sheets | None, killed: bool = False) -> None:
        """Say how a sweep ended, with files about its records."""
        self.experiment(experiment_of(plan)).parents.end(plan, records, ended, sheets, killed)

    def show(self) -> None:
        """Prepare views of what experiments hold by now."""
        for experiment in self._experiments.values():
            experiment.show()


@dataclass(frozen=True)
class _Known:
    """A run that MLflow has. whole: nothing was left out when it was written."""

    run_id: str
    content: str
    name: str
    whole: bool
    shown: Shown


class _Experiment:
    """What an MLflow experiment holds of ours: runs by id, parents by sweep."""

    def __init__(self, client: Any, store: Store, name: str, files: bool) -> None:
        from mlflow.exceptions import MlflowException

        self._client, self._store, self._files = client, store, files
        found = client.get_experiment_by_name(name)
        if found is None:
            place = None if is_server(store) else (store.results / "mlartifacts").as_uri()  # a server knows where files go
            try:
                self.id = client.create_experiment(name, artifact_location=place, tags=EXPERIMENT_TAGS)
            except MlflowException:  # another folder's sweep, writing to the same server, was quicker
                self.id = client.get_experiment_by_name(name).experiment_id
        else:
            self.id = found.experiment_id
            if found.lifecycle_stage == "deleted":
                client.restore_experiment(self.id)
        self._entity = client.get_experiment(self.id)
        self._tags = dict(self._entity.tags)
        for key, value in EXPERIMENT_TAGS.items():
            if key not in self._tags:  # a person's choice stays
                client.set_experiment_tag(self.id, key, value)
        self._runs: dict[str, list[_Known]] = {}
        self._names: dict[str, str] = {}
        self.parents = Parents(client, store, self.id)
        for run in pages(client, [self.id]):
            tags = run.data.tags
            if RUN in tags:
                self._remember(tags[RUN], _known(run))
            elif SWEEP in tags:
                self.parents.remember(tags[SWEEP], run)

    def log(self, pairs: Iterable[tuple[Plan | None, Record]]) -> set[str]:
        """Have a run for each record; gives for which anything was changed."""
        drafts: list[tuple[Record, str, Draft]] = []
        changed = set()
        for plan, record in pairs:
            known, content = self._runs.get(record.run_id, []), f"{record.content}.{FORMAT}"
            good = [run for run in known if run.content == content and run.whole][:1]
            for run in known:
                if run not in good:  # of an earlier record, cut short while it was written, or there twice
                    self._client.delete_run(run.run_id)
                    self._names.pop(run.name, None)
            self._runs[record.run_id] = good
            if not good:
                drafts.append((record, content, self._draft(record, content, plan)))
            if good != known or not good:
                changed.add(record.run_id)
        ids = write(self._client, self._entity, [draft for _, _, draft in drafts], self._files)
        for run_id, (record, content, draft) in zip(ids, drafts, strict=True):
            shown = _shown(draft.told.params, draft.told.metrics)
            self._runs[record.run_id] = [_Known(run_id, content, draft.name, True, shown)]
        return changed

    def _draft(self, record: Record, content: str, plan: Plan | None) -> Draft:
        told = contents(record, _ended(self._store, record))
        name = told.name
        if self._names.setdefault(name, record.run_id) != record.run_id:
            name = f"{name} #{record.run_id[:6]}"
            self._names[name] = record.run_id
        parent = {"mlflow.parentRunId": self.parents.of(plan)} if plan and plan.is_sweep else {}
        return Draft(name, told, {RUN: record.run_id, CONTENT: content, **parent})

    def keep_rows(self, record: Record, picture: Picture | None) -> bool:
        """Whether anything was written."""
        from experiments.sweep.mlflow.flavour import keep, rows_of

        for known in self._runs.get(record.run_id, [])[:1]:
            if "dpdsyn.rows" not in self._client.get_run(known.run_id).data.tags:
                published = rows_of(self._store, record)
                if published is not None:
                    schema, rows = published
                    keep(self._client, self.id, known.run_id, tracking_uri(self._store.results), rows)
                    if picture is not None:
                        self._client.log_text(known.run_id, picture(record, schema, rows), PICTURE)
                    self._client.set_tag(known.run_id, "dpdsyn.rows", str(len(rows)))
                    return True
        return False

    def show(self) -> None:
        runs = [run.shown for known in self._runs.values() for run in known]
        for key, value in view_tags(runs, int(time.time() * 1000), self._tags).items():
            self._client.set_experiment_tag(self.id, key, value)
            self._tags[key] = value

    def _remember(self, run_id: str, known: _Known) -> None:
        self._runs.setdefault(run_id, []).append(known)
        self._names[known.name] = run_id


def _known(run: Any) -> _Known:
    tags = run.data.tags
    return _Known(
        run.info.run_id,
        tags.get(CONTENT, ""),
        run.info.run_name or "",
        run.info.status != "RUNNING",
        _shown(run.data.params, run.data.metrics),
    )


def _shown(params: Mapping[str, str], metrics: Mapping[str, float]) -> Shown:
    return Shown(
        params.get("dataset", ""),
        params.get("method", ""),
        params.get("epsilon", ""),
        params.get("variant", ""),
        "r2" in metrics,
        params.get("predicted", "target") != "target",
        {key: metrics[key] for key in CHARTED if key in metrics},
    )


def _ended(store: Store, record: Record) -> float:
    """When the record was written; of one that is not in the store, now."""
    try:
        return (store.records / f"{record.run_id}.json").stat().st_mtime
    except OSError:
        return time.time()


def pages(client: Any, experiments: list[str], only: str = "") -> Iterable[Any]:
    """Every run of some experiments for which a search expression holds."""
    token = None
    while True:
        page = client.search_runs(experiments, only, max_results=5000, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def track(
    store: Store,
    say: Say,
    sheets: Sheets | None = None,
    files: bool | None = None,
    rows: bool = False,
    picture: Picture | None = None,
) -> tuple[int, int]:
    """Bring MLflow up to date with every record; gives how many runs there are to be, and how many were written now.

    A run that several experiments hold has one in each of them. sheets: files about the records of each sweep, for its parent
    run. files: of each run (see Tracker). rows: each run's synthetic rows too, as a model, and with `picture` a page of them.
    Raises what MLflow raises.
    """
    from experiments.console import bar, console

    records = {record.run_id: record for record in store.all(say)}
    runs: list[tuple[Plan | None, Record]] = []
    seen: set[tuple[str, str]] = set()
    plans = list(Plans(store.results).all())
    for plan in plans:
        for planned in plan.runs:
            if planned.run_id in records and (experiment_of(plan), planned.run_id) not in seen:
                seen.add((experiment_of(plan), planned.run_id))
                runs.append((plan, records[planned.run_id]))
    placed = {run_id for _, run_id in seen}
    runs += [(None, record) for run_id, record in records.items() if run_id not in placed]
    written: set[tuple[str, str]] = set()
    (store.results / "runs").mkdir(parents=True, exist_ok=True)
    with bar(console(), "runs") as shown, Tracker(store, files) as tracker:
        task = shown.add_task("runs", total=len(runs))
        for first in range(0, len(runs), _AT_ONCE):
            written |= tracker.log(runs[first : first + _AT_ONCE])
            shown.update(task, completed=first + _AT_ONCE)
        for plan in plans:
            own = {planned.run_id: records[planned.run_id] for planned in plan.runs if planned.run_id in records}
            if plan.is_sweep and own:
                ended = max(_ended(store, record) for record in own.values())
                tracker.end(plan, own, ended, sheets, killed=len(own) < len(plan.runs))
        if rows:
            task = shown.add_task("rows of runs", total=len(runs))
            for plan_or_none, record in runs:
                written |= tracker.keep_rows(plan_or_none, record, picture)
                shown.advance(task)
        tracker.show()
        _leave_former(store)
    settle(store)
    return len(runs), len(written)


def settle(store: Store) -> None:
    """Mark parent runs of sweeps that were killed, which had no time to say so. Raises what MLflow raises."""
    client = client_of(store)
    experiments = [experiment.experiment_id for experiment in client.search_experiments(max_results=5000)]
    for run in pages(client, experiments, "attributes.status = 'RUNNING'"):
        if SWEEP in run.data.tags:
            Parents(client, store, run.info.experiment_id).killed(run)


def first_view(store: Store) -> tuple[str, str] | None:
    """Experiment and id of the view to open on: of the experiment that changed last. Raises what MLflow raises."""
    client = client_of(store)
    ours = [(found, best) for found in client.search_experiments(max_results=5000) if (best := best_view(found.tags))]
    latest = max(ours, key=lambda pair: pair[0].last_update_time or 0, default=None)
    return (latest[0].experiment_id, latest[1]) if latest else None


def _leave_former(store: Store) -> None:
    """Delete what earlier versions wrote into `single`; the experiment too, if nothing else is in it."""
    client = client_of(store)
    former = client.get_experiment_by_name(SINGLE)
    if former is None or former.lifecycle_stage == "deleted":
        return
    found = list(pages(client, [former.experiment_id]))
    ours = [run for run in found if RUN in run.data.tags or SWEEP in run.data.tags]
    if len(ours) == len(found):
        client.delete_experiment(former.experiment_id)
        return
    for run in ours:
        client.delete_run(run.info.run_id)
