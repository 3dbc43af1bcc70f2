"""A sweep from its command line to its last record: runs are composed, computed once each, recorded and mirrored to MLflow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dpdsyn.base.files import FileError
from experiments.console import say
from experiments.paths import results_dir
from experiments.records.record import Record
from experiments.records.store import Store
from experiments.sweep import launch, locks
from experiments.sweep.local.notes import MIRRORED, UNCHANGED, Notes, state_of_mlflow, state_of_records
from experiments.sweep.plan import Plan, Planned, Plans, composed, plan_of
from experiments.sweep.processes import prepare_processes
from experiments.sweep.progress import planning, running
from experiments.sweep.request import Request

if TYPE_CHECKING:
    from experiments.run import Run
    from experiments.sweep.mlflow.runs import Sheets

_KEPT = 5000  # records that are kept in memory between looking for what is due and telling what there is


@dataclass(frozen=True)
class Outcome:
    """plan: of the command, whose runs have their records in the store. known: how many had one that was not replaced.

    computed: how many this command did. refused: why others were not, a line each. kept: records that were read already.
    """

    plan: Plan
    store: Store
    known: int
    computed: int
    refused: list[str]
    kept: Mapping[str, Record] = field(default_factory=dict)

    def records(self) -> Iterator[Record]:
        """What the sweep's runs have now, read one after the other: there may be very many."""
        for planned in self.plan.runs:
            record = self.kept.get(planned.run_id) or self.store.read(planned.run_id)
            if record is not None:
                yield record

    def changed(self, lines: Callable[[], list[str]]) -> list[str]:
        """What is to be said of code that has changed since records were made, unless it is known that none has."""
        notes, state = Notes(self.store, self.plan.sweep_id), self._state
        if notes.holds(UNCHANGED, state):
            return []
        found = lines()
        if not found:
            notes.write(UNCHANGED, state)
        return found

    @property
    def _state(self) -> list[str] | None:
        """Of the code, a person's own excepted, and of the records; None where that does not tell all."""
        records = state_of_records(self.store, (planned.run_id for planned in self.plan.runs))
        return [self.plan.fingerprint, records] if self.plan.fingerprint and records else None


def sweep(request: Request, retried: set[str] | None = None, sheets: Sheets | None = None) -> Outcome:
    """Do every run of the request that is due. Raises InputError, in one line, for the first value that cannot be meant.

    retried: do only runs whose record is not ok, and of these none that is in the set; those that are done are added.
    sheets: makes files about all records, for MLflow.
    """
    os.environ["DPDSYN_RESULTS"] = str(results_dir())  # for Hydra's folders and for the processes of runs
    store, plans = Store(results_dir()), Plans(results_dir())
    with planning() as progress:
        plan, examples = plan_of(request, plans, progress)
    todo: list[Planned] = []
    before: dict[str, Record] = {}  # of those that are due
    recorded: list[str] = []
    kept: dict[str, Record] = {}
    for planned in plan.runs:
        record = store.read(planned.run_id)
        if launch.due(planned, record, retried, store.has_fit):
            todo.append(planned)
            if record is not None:
                before[planned.run_id] = record
        elif record is not None:
            recorded.append(planned.run_id)
            if len(kept) < _KEPT:
                kept[planned.run_id] = record
    if retried is not None:
        retried |= {planned.run_id for planned in todo}
    if todo:
        store.prepare()
        if not locks.exclude(store.records):
            say(
                f"CAUTION: locks do not hold in {store.results}, as on some network file systems: start one sweep at a time. "
                "Two at once would do the same runs twice; records stay whole"
            )
        check_data(examples or _examples(plan, request))
    if todo or examples:
        _keep(plan, plans, needed=bool(todo))
    prepare_processes()
    launched = launch.Launched(0, [])
    notes = Notes(store, plan.sweep_id)
    if todo or (recorded and not notes.holds(MIRRORED, _mirrored(store, recorded))):
        with running(plan, store, todo, before, recorded, say, sheets) as seen:
            if todo:
                launched = launch.launch(plan, request, store, todo, before, say)
        if not (launched.refused or seen.behind):
            notes.write(MIRRORED, _mirrored(store, [planned.run_id for planned in todo] + recorded))
    return Outcome(plan, store, len(recorded), launched.computed, launched.refused, kept)


def _keep(plan: Plan, plans: Plans, needed: bool) -> None:
    """Write the plan down; where nothing is to be done a folder that can only be read is good enough."""
    try:
        plans.write(plan)
    except (FileError, OSError):
        if needed:
            raise


def _mirrored(store: Store, run_ids: Sequence[str]) -> list[Any] | None:
    """What it depends on whether MLflow has been told of these records."""
    file, records = state_of_mlflow(store), state_of_records(store, run_ids)
    return [file, records] if file and records else None


def failures(store: Store) -> Iterator[tuple[Plan, list[Record]]]:
    """Every plan that the folder knows, the oldest first, with those of its records that are not ok."""
    for plan in Plans(store.results).all():
        yield plan, [record for record in launch.records_of(plan, store).values() if record.failed]


def _examples(plan: Plan, request: Request) -> list[Run]:
    """A run for each data set of a plan that was made before."""
    first = {planned.dataset: list(planned.overrides) for planned in plan.runs}
    return [run for _, _, run in composed(list(first.values()), request.config_dir)]


def check_data(runs: list[Run]) -> None:
    """Have every data set on this machine, with the columns that its schema names, before the first run starts."""
    from experiments.data import datasets

    for run in runs:
        datasets.check(run.dataset, say)
        if run.budget.delta * run.schema.rows_public >= 1:
            say(
                f"CAUTION: delta {run.budget.delta:g} is not below 1/{run.schema.rows_public:,}, one over the public number of "
                f"rows of {run.dataset.name}: guarantees say little there. Take a smaller privacy.delta"
            )
        if run.schema.drafted:
            say(
                f"CAUTION: the schema of {run.dataset.name} is a draft, read off the rows: no result has a guarantee. "
                "Replace what was read by public knowledge, delete its marks and the line `drafted: true`"
            )
        if run.schema.kinds_inferred:
            say(f"note: kinds of columns of {run.dataset.name} were guessed from cells; its guarantees take them as public")
