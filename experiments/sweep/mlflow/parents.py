"""The parent run of a sweep in MLflow: running while the sweep runs, then what became of it, with its tables and figures."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from experiments.records.record import Record
from experiments.records.store import Store, StoreError
from experiments.sweep.launch import typed_command
from experiments.sweep.locks import Lock
from experiments.sweep.mlflow.client import put
from experiments.sweep.plan import Plan, Plans

SWEEP = "dpdsyn.sweep"
_CONTENT = "dpdsyn.sweep_content"  # a tag: of all that was told of its records
_NAMED = 4  # methods and data sets that a name lists
_ERRORS = 20  # failed runs that a note lists


def live(store: Store, sweep_id: str) -> Lock:
    """The lock that a sweep holds, together with others of the same command, as long as it lives."""
    return Lock(Plans(store.results).folder / f"{sweep_id}.live", shared=True)


def is_live(store: Store, sweep_id: str) -> bool:
    """Whether a process that computes the sweep is at work, on this machine or one that shares the folder."""
    path = Plans(store.results).folder / f"{sweep_id}.live"
    if not path.exists():
        return False
    lock = Lock(path)
    try:
        mine = lock.take()
    except StoreError:
        return False
    lock.release()
    return not mine


class Parents:
    """The parent runs of one MLflow experiment, by sweep."""

    def __init__(self, client: Any, store: Store, experiment_id: str) -> None:
        self._client, self._store, self._id = client, store, experiment_id
        self._known: dict[str, Any] = {}
        self._names: dict[str, str] = {}  # whose each name is

    def remember(self, sweep_id: str, run: Any) -> None:
        self._known[sweep_id] = run
        self._names.setdefault(run.info.run_name or "", sweep_id)

    def of(self, plan: Plan) -> str:
        """The id of a sweep's parent run, which is made if there is none: running, until somebody says how it ended."""
        if plan.sweep_id not in self._known:
            from mlflow.entities import Param

            command = typed_command(plan)
            tags = {SWEEP: plan.sweep_id, "mlflow.source.name": "dpdsyn", "mlflow.source.type": "LOCAL"}
            tags["mlflow.note.content"] = _note(plan, {}, command)
            name = _name(plan)
            if self._names.setdefault(name, plan.sweep_id) != plan.sweep_id:
                name = f"{name} #{plan.sweep_id[:6]}"
                self._names[name] = plan.sweep_id
            run = self._client.create_run(self._id, int(plan.started * 1000), tags, run_name=name)
            experiment = self._client.get_experiment(self._id).name
            params = {"command": command[:6000], "experiment": experiment, "runs": str(len(plan.runs))}
            self._client.log_batch(run.info.run_id, params=[Param(key, value) for key, value in params.items()])
            self._known[plan.sweep_id] = run
        return str(self._known[plan.sweep_id].info.run_id)

    def begin(self, plan: Plan) -> str:
        """The same, running again if it had ended."""
        run_id = self.of(plan)
        if self._known[plan.sweep_id].info.status != "RUNNING":
            self._client.update_run(run_id, status="RUNNING")
            self._known[plan.sweep_id] = self._client.get_run(run_id)
        return run_id

    def end(
        self,
        plan: Plan,
        records: Mapping[str, Record],
        ended: float,
        sheets: Callable[[Sequence[Record]], Mapping[str, str | bytes]] | None,
        killed: bool = False,
    ) -> None:
        """Say what became of a sweep, unless it was said before or a process is still at work on it (this one excepted).

        records: by run. ended: seconds since 1970. sheets: makes files of records. killed: nobody goes on with what is missing.
        """
        from mlflow.entities import RunTag

        if plan.sweep_id not in self._known:  # a command of which another had done every run
            return
        run_id = self.of(plan)
        run, told = self._known[plan.sweep_id], _content(plan, records)
        ending = _ending(plan, records, killed)
        if run.data.tags.get(_CONTENT) == told and run.info.status == ending:
            return
        if is_live(self._store, plan.sweep_id):
            return
        tags = {"mlflow.note.content": _note(plan, records, typed_command(plan)), _CONTENT: told}
        counts = Counter(record.status for record in records.values())
        tags |= {f"runs_{status}": str(count) for status, count in counts.items()}
        if failed := [record for record in records.values() if record.failed]:
            tags["error"] = f"{len(failed)} of {len(plan.runs)} runs failed"
        self._client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])
        if sheets is not None and not killed:
            put(self._client, run.info, sheets(list(records.values())))
        self._client.set_terminated(run_id, status=ending, end_time=max(int(ended * 1000), run.info.start_time))
        self._known[plan.sweep_id] = self._client.get_run(run_id)

    def killed(self, run: Any) -> None:
        """Mark a parent run, said to be running, whose sweep is dead; its end is that of the last of its runs."""
        if is_live(self._store, run.data.tags[SWEEP]):
            return
        plan = Plans(self._store.results).read(run.data.tags[SWEEP])
        if plan is None:  # of another results folder, on the same server
            return
        ends = [
            path.stat().st_mtime for planned in plan.runs if (path := self._store.records / f"{planned.run_id}.json").exists()
        ]
        end = max([run.info.start_time, *(int(1000 * moment) for moment in ends)])
        self._client.set_terminated(run.info.run_id, status="KILLED", end_time=end)


def _ending(plan: Plan, records: Mapping[str, Record], killed: bool) -> str:
    """Whether all that was asked for is there and ended well, as the exit code of the command has it."""
    missing = len(records) < len(plan.runs)
    if killed and missing:
        return "KILLED"
    return "FAILED" if missing or any(record.failed for record in records.values()) else "FINISHED"


def _content(plan: Plan, records: Mapping[str, Record]) -> str:
    text = "".join(f"{run_id}{record.content}" for run_id, record in sorted(records.items()))
    return hashlib.sha256(f"{len(plan.runs)}{text}".encode()).hexdigest()[:16]


def _name(plan: Plan) -> str:
    return (
        f"sweep of {len(plan.runs)} runs: {_some(run.method for run in plan.runs)} on {_some(run.dataset for run in plan.runs)}"
    )


def _some(names: Any) -> str:
    known = list(dict.fromkeys(names))
    return ", ".join(known[:_NAMED]) + (f" and {len(known) - _NAMED} more" if len(known) > _NAMED else "")


def _note(plan: Plan, records: Mapping[str, Record], command: str) -> str:
    """The sweep in Markdown: its command, what became of its runs, and what those that failed say."""
    counts = Counter(record.status for record in records.values())
    lines = ["```sh", command[:2000], "```"]
    if records:
        lines.append(
            f"{len(records)} of {len(plan.runs)} runs done: " + ", ".join(f"{n} {name}" for name, n in sorted(counts.items()))
        )
    failed = [record for record in records.values() if record.failed]
    for record in failed[:_ERRORS]:
        name = f"{record.method.name} {record.dataset.name} eps={record.privacy.epsilon:g} seed={record.seed}"
        lines.append(f"- {name}: **{record.status}** {' '.join((record.error or '').split())[:200]}")
    if len(failed) > _ERRORS:
        lines.append(f"- and {len(failed) - _ERRORS} more")
    return "\n".join(lines)[:7000]
