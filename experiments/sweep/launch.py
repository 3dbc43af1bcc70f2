"""The runs of a plan on whichever launcher Hydra is configured with, until each of them has its record.

The launcher (our own, joblib, Slurm or Ray) only brings runs to processes. What is done and what is not is read from the
store, so a launcher that breaks, a second sweep beside this one, or an earlier one that was killed make no difference.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from experiments.console import Say
from experiments.records.printable import one_line
from experiments.records.record import Record
from experiments.records.store import Store
from experiments.sweep import processors
from experiments.sweep.composing import hydra_with
from experiments.sweep.job import Ended, Errand, job
from experiments.sweep.local.limits import Limits
from experiments.sweep.local.places import config_words, typed
from experiments.sweep.locks import held
from experiments.sweep.plan import Plan, Planned
from experiments.sweep.plugins.launchers import hint
from experiments.sweep.plugins.launchers import launcher as launcher_of
from experiments.sweep.reaper import nothing_left_behind

if TYPE_CHECKING:
    from experiments.sweep.request import Request

_ROUNDS_WITHOUT_PROGRESS = 3
_CARRIED = ("DPDSYN_RESULTS", "DPDSYN_DATA", "XDG_CACHE_HOME", "MLFLOW_TRACKING_URI")  # to processes on other machines


def due(
    planned: Planned,
    record: Record | None,
    retried: set[str] | None = None,
    has_fit: Callable[[str], bool] = lambda fit_id: False,
) -> bool:
    """Whether a run is due: it has no record, or one that may be replaced.

    One that lacks a metric is judged anew where `has_fit` knows its synthetic rows, so that nothing is fitted for it.
    retried: ask instead whether it failed and is not among these.
    """
    if record is None:
        return retried is None
    if retried is not None:
        return record.failed and planned.run_id not in retried
    if record.status == "skipped":
        return True  # asking again costs nothing, and what was lacking may be there by now
    if record.status == "ok":
        return record.lacks_metrics and has_fit(record.fit_id)
    return planned.compute["retry"] or Limits.of(planned.compute).raised_since(record)


@dataclass(frozen=True)
class Launched:
    """What became of runs. computed: how many this command did. refused: why others were not brought to an end, a line each."""

    computed: int
    refused: list[str]


def launch(
    plan: Plan, request: Request, store: Store, todo: Sequence[Planned], before: Mapping[str, Record], say: Say
) -> Launched:
    """Launch runs until all have a new record. before: those that they have so far, by run.

    Raises UsageError if there is no such launcher.
    """
    from experiments.sweep.request import UsageError

    contents = {planned.run_id: before[planned.run_id].content for planned in todo if planned.run_id in before}
    errand = Errand(contents, list(sys.path), request.stamps())
    refused: dict[str, str] = {}
    computed: set[str] = set()
    stuck, waiting = 0, False
    last: Exception | None = None

    def is_open(planned: Planned) -> bool:
        if planned.run_id in computed or planned.run_id in refused:
            return False
        return store.read(planned.run_id) in (None, before.get(planned.run_id))

    left = [planned for planned in todo if is_open(planned)]
    while left:
        elsewhere = held(store.locks)
        mine = [planned for planned in left if planned.run_id not in elsewhere]
        if not mine:
            if not waiting:
                say(f"waiting for {len(left)} runs that another process is at work on")
            waiting = True
            time.sleep(0.5)
            left = [planned for planned in left if is_open(planned)]
            continue
        last = None
        try:
            ended = _launch(mine, request, plan, errand)
            refused |= {run_id: one.refused for run_id, one in ended.items() if one.refused}
            computed |= {run_id for run_id, one in ended.items() if one.computed}
        except UsageError:
            raise
        except Exception as error:  # whatever a launcher does when a process or a node dies; what is open is tried again
            say(f"the launcher stopped ({type(error).__name__}: {one_line(error, 300)})")
            last = error
        waiting = False
        still = [planned for planned in left if is_open(planned)]
        if last is not None:  # nothing came back: what has its record now is most likely ours
            computed |= {planned.run_id for planned in mine} - {planned.run_id for planned in still}
        stuck = stuck + 1 if len(still) == len(left) and not held(store.locks) else 0
        left = still
        if left and stuck == _ROUNDS_WITHOUT_PROGRESS:
            why = f" ({type(last).__name__}: {one_line(last)})" if last else ""
            return Launched(
                len(computed), [*refused.values(), f"{len(left)} runs could not be done{why}; the same command tries again"]
            )
    return Launched(len(computed), list(refused.values()))


def _launch(runs: Sequence[Planned], request: Request, plan: Plan, errand: Errand) -> dict[str, Ended]:
    """Give the runs to the configured launcher; how each ended."""
    from hydra.errors import HydraException
    from hydra.types import HydraContext, RunMode

    from experiments.sweep.local import launcher as local
    from experiments.sweep.request import UsageError

    fixed = [text for text in request.sweeps[0] if len(request.axes.get(text.partition("=")[0], ())) == 1]  # as typed
    with hydra_with(request.config_dir, "dpdsyn") as hydra:
        overrides = [*_of_hydra(request, plan), *fixed]
        try:
            config = hydra.compose_config("config", overrides, run_mode=RunMode.MULTIRUN, with_log_configuration=False)
        except (HydraException, ValueError) as error:  # the latter for a name that reads as a number
            reason = " ".join(str(error).partition("Config search path")[0].split())
            raise UsageError(reason + hint(reason)) from error
        launcher = config.hydra.launcher
        if launcher["_target_"] == local.TARGET:
            if config.hydra.callbacks:
                raise UsageError("hydra.callbacks: launchers of Hydra's own call them; add hydra/launcher=joblib")
            if lack := processors.lacking(max(planned.compute["threads"] for planned in runs)):
                raise UsageError(lack)
            with nothing_left_behind():
                ended = local.launch(runs, errand, _workers(runs), dict(config.hydra.job.env_set))
            return {planned.run_id: one for planned, one in zip(runs, ended, strict=True)}
        if launcher.get("n_jobs") == -1:
            launcher.n_jobs = _workers(runs)
        context = HydraContext(config_loader=hydra.config_loader, callbacks=_callbacks(config))
        own = launcher_of(context, partial(job, errand=errand), config)
        queued = "submitit" in launcher["_target_"]  # jobs of a queue are the queue's, and go on without whoever sent them
        with nullcontext() if queued else nothing_left_behind():
            returned = own.launch([list(planned.overrides) for planned in runs], initial_job_idx=0)
    return {planned.run_id: _returned(planned, result) for planned, result in zip(runs, returned, strict=True)}


def _returned(planned: Planned, result: Any) -> Ended:
    """What a job of Hydra's came back with."""
    try:
        return result.return_value
    except Exception as error:
        return Ended(refused=f"{planned.name}: {type(error).__name__}: {one_line(error)}")


def _workers(runs: Sequence[Planned]) -> int:
    """Runs at once on this machine."""
    if any(planned.compute["alone"] for planned in runs):
        return 1
    asked = min(planned.compute["workers"] for planned in runs)
    threads = max(planned.compute["threads"] for planned in runs)
    return asked if asked > 0 else max(1, processors.count() // threads)


def _of_hydra(request: Request, plan: Plan) -> list[str]:
    """Overrides of Hydra itself: those typed, where its files go, and the environment that runs need wherever they run."""
    typed = [a for a in plan.arguments if a.lstrip("+~").startswith(("hydra.", "hydra/")) and "=" in a]
    carried = {name: os.environ[name] for name in _CARRIED if name in os.environ}
    folder = f"hydra.sweep.dir={_quoted(os.environ['DPDSYN_RESULTS'] + '/runs/hydra')}"  # read before the environment is set
    return [folder, *typed, *(f"+hydra.job.env_set.{name}={_quoted(value)}" for name, value in carried.items())]


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _callbacks(config: Any) -> Any:
    from hydra._internal.callbacks import Callbacks

    return Callbacks(config)


def records_of(plan: Plan, store: Store) -> dict[str, Record]:
    """The records that the plan's runs have."""
    return {record.run_id: record for record in each_of(plan, store)}


def each_of(plan: Plan, store: Store) -> Iterator[Record]:
    """The records that the plan's runs have, in its order, each read when it is asked for."""
    for planned in plan.runs:
        record = store.read(planned.run_id)
        if record is not None:
            yield record


def time_left(plan: Plan, records: Mapping[str, Record], workers: int) -> float | None:
    """Seconds until all runs have a record, from what like runs took; None while nothing is known."""
    left = [planned for planned in plan.runs if planned.run_id not in records]
    if not left:
        return 0.0
    took: dict[tuple[str, ...], list[float]] = {}
    for record in records.values():
        if record.seconds.run is not None:
            for kind in ((record.method.name, record.dataset.name), (record.method.name,), ()):
                took.setdefault(kind, []).append(record.seconds.run)
    if not took:
        return None
    typical = {kind: median(seconds) for kind, seconds in took.items()}
    kinds = (((run.method, run.dataset), (run.method,), ()) for run in left)
    expected = sum(next(typical[kind] for kind in alike if kind in typical) for alike in kinds)
    return expected / max(workers, 1)


def debug_command(plan: Plan, planned: Planned) -> str:
    """The command that does one run of a plan where it can be watched."""
    return typed(plan, ["dpdsyn", "run", "--debug", *config_words(plan.arguments), *planned.overrides])


def typed_command(plan: Plan) -> str:
    """The command that the plan is of, as a person would type it."""
    return typed(plan, ["dpdsyn", "run", *plan.arguments])
