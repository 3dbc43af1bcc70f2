"""Tuning: trials are asked of Optuna, done as ordinary runs, and told back, until there are as many as were asked for.

The study is kept nowhere. Its sampler is seeded and is told what records say, so the same command asks for the same trials again,
reads those that have their records, and goes on with the first that has not, whatever stopped it before; more trials
(`hydra.sweeper.n_trials`) go on from there too. A failed run makes its trial a failed one, of which a sampler learns that alone.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from dpdsyn.base.files import write_whole
from experiments.console import say, silent
from experiments.paths import results_dir
from experiments.records.record import Record
from experiments.records.store import Store
from experiments.sweep import launch
from experiments.sweep.local.composition import Known
from experiments.sweep.plan import Plan, Planned, Plans, composed
from experiments.sweep.plugins import tracked
from experiments.sweep.plugins.trials import Trial, Tuned
from experiments.sweep.plugins.tuning import Tuning
from experiments.sweep.processes import prepare_processes
from experiments.sweep.progress import running
from experiments.sweep.sweep import check_data

if TYPE_CHECKING:
    from experiments.run import Run


def tune(tuning: Tuning, retried: set[str] | None = None) -> Tuned:
    """Do all trials; `retried` is as in `sweep`. Raises InputError, in one line, for a setting that cannot be meant."""
    from optuna import create_study, logging
    from optuna.study import StudyDirection
    from optuna.trial import TrialState

    logging.set_verbosity(logging.WARNING)
    os.environ["DPDSYN_RESULTS"] = str(results_dir())  # for Hydra's folders and for the processes of runs
    prepare_processes()
    study = create_study(direction=StudyDirection[tuning.direction.upper()], sampler=tuning.sampler())
    space = {dimension.key: dimension.distribution for dimension in tuning.space}
    work = _Work(tuning, retried)
    trials: list[Trial] = []
    while len(trials) < tuning.trials and not work.refused:
        asked = [study.ask(space) for _ in range(min(tuning.at_once, tuning.trials - len(trials)))]
        chosen = [tuple(d.override(one.params[d.key]) for d in tuning.space) for one in asked]
        runs = [work.planned(settings) for settings in chosen]
        work.do([planned for own in runs for planned in own])
        if work.refused:
            break
        for one, settings, own in zip(asked, chosen, runs, strict=True):
            value = work.value(own)
            study.tell(one, value, state=TrialState.COMPLETE if value is not None else TrialState.FAIL)
            trials.append(Trial(len(trials) + 1, settings, value, tuple(planned.run_id for planned in own)))
            tuned = Tuned(tuning, tuple(trials), work.tried)
            work.note(tuned)
    tuned = Tuned(tuning, tuple(trials), work.tried, tuple(work.refused))
    work.mirror(tuned)
    return tuned


class _Work:
    """The runs of a tuning, of which its plan has those that were asked for until now."""

    def __init__(self, tuning: Tuning, retried: set[str] | None) -> None:
        self._tuning, self._retried = tuning, retried
        self._store, self._plans = Store(results_dir()), Plans(results_dir())
        experiments = ", ".join(tuning.request.experiments) or "single"
        plan = Plan(tuning.arguments, experiments, (), time.time(), "", str(Path.cwd()))
        known = self._plans.read(plan.sweep_id)
        self._plan = replace(plan, started=known.started) if known else plan
        self._checked: set[str] = set()
        self._new: list[Run] = []
        self._composed = Known()
        self.tried = 0
        self.refused: list[str] = []

    def planned(self, settings: Sequence[str]) -> list[Planned]:
        """The runs of a trial, composed and checked; they are part of the plan from now on."""
        found = []
        for overrides, config, run in composed(self._tuning.jobs(settings), self._tuning.request.config_dir, self._composed):
            what = (run.dataset.name, run.method, run.budget.epsilon, run.seed)
            found.append(Planned(run.run_id, tuple(overrides), *what, compute=config["compute"], encoding=run.encoding.name))
            if run.dataset_key not in self._checked:
                self._checked.add(run.dataset_key)
                self._new.append(run)
        runs = {planned.run_id: planned for planned in (*self._plan.runs, *found)}
        self._plan = replace(self._plan, runs=tuple(runs.values()))
        return found

    def do(self, runs: Sequence[Planned]) -> None:
        """Those of the runs that are due."""
        unique = {planned.run_id: planned for planned in runs}
        due = [p for p in unique.values() if launch.due(p, self._store.read(p.run_id), self._retried, self._store.has_fit)]
        missing = [p for p in unique.values() if self._store.read(p.run_id) is None]  # with `retry` too: what follows hangs on it
        todo = list({p.run_id: p for p in (*due, *missing)}.values())
        if not todo:
            return
        if self._retried is not None:
            self._retried |= {planned.run_id for planned in todo}
        self._store.prepare()
        check_data(self._new)
        self._new = []
        self._plans.write(self._plan)
        before = self._records([planned.run_id for planned in todo])
        others = self._records(planned.run_id for planned in self._plan.runs if planned not in todo)
        with running(self._plan, self._store, todo, before, list(others), silent if self.tried else say):
            self.refused += launch.launch(self._plan, self._tuning.request, self._store, todo, before, say).refused
        self.tried += len(todo)

    def _records(self, run_ids: Iterable[str]) -> dict[str, Record]:
        return {run_id: record for run_id in run_ids if (record := self._store.read(run_id)) is not None}

    def value(self, runs: Sequence[Planned]) -> float | None:
        """Of a trial: the mean over its runs, each once however often it stands there; None if any has no number."""
        records = [self._store.read(run_id) for run_id in dict.fromkeys(planned.run_id for planned in runs)]
        values = [_number(record, self._tuning.objective) for record in records]
        known = [value for value in values if value is not None]
        return fmean(known) if len(known) == len(values) else None

    def note(self, tuned: Tuned) -> None:
        """Say how the last trial went, and keep all of them beside the plans, for people and for views."""
        path = tuning_file(results_dir(), self._plan.sweep_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(tuned.plain(), indent=1).encode())
        if self.tried:
            trial, best = tuned.trials[-1], tuned.best
            told = "failed" if trial.value is None else f"{self._tuning.objective} {trial.value:.4f}"
            above = f" (best {best.value:.4f}, trial {best.number})" if best else ""
            say(f"trial {trial.number} of {self._tuning.trials}: {told}{above}: {' '.join(trial.settings)}")

    def mirror(self, tuned: Tuned) -> None:
        """Have MLflow know the trials, and the runs, under one parent, where this command did none of them."""
        if not self.tried and self._plan.runs and not self.refused:
            self._plans.write(self._plan)
            with running(self._plan, self._store, [], {}, [planned.run_id for planned in self._plan.runs], silent):
                pass
        if tuned.trials:
            tracked.note(self._store, self._plan.sweep_id, tuned, say)


def tuning_file(results: Path, sweep_id: str) -> Path:
    """Where a tuning's trials are kept: objective, direction, best and all trials. Made anew by the same command."""
    return results / "runs" / "tunings" / f"{sweep_id}.json"


def _number(record: Record | None, objective: str) -> float | None:
    if record is None or record.status != "ok":
        return None
    value: Mapping[str, Any] | Any = record.flat().get(objective)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value == value else None
