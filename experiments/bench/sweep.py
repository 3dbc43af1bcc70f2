"""What the harness itself costs.

Run: python -m experiments.bench.sweep [--runs 60] [--finished 1000] [--only WORD ...]
Real commands in processes of their own, on simulated rows, in a results folder that is thrown away: the light commands,
what a run costs beyond its own work in a warm worker, `dpdsyn status` over many finished runs, a sweep of so many when it is
typed again (its plan known, or not), and 40 runs by one worker and by two. Beside the seconds on the clock stand the processor
seconds of all processes that ended with the command, which other work on the machine changes little; the speed-up of two workers
means something on an idle machine alone, where its processor seconds are those of one worker.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from experiments.records.store import Store
from experiments.sweep.local.notes import MIRRORED, UNCHANGED, Notes, state_of_mlflow, state_of_records
from experiments.sweep.plan import Plans, plan_of
from experiments.sweep.request import inspect_request

_SMALL = (
    "dataset=simulated",
    "dataset.generator.rows=1000",
    "dataset.generator.test_rows=500",
    "evaluation.evaluators=[logistic]",
)


@dataclass(frozen=True)
class Took:
    """Seconds on the clock and of processors."""

    clock: float
    processor: float

    def __sub__(self, other: Took) -> Took:
        return Took(self.clock - other.clock, self.processor - other.processor)

    def each(self, runs: int) -> Took:
        return Took(self.clock / runs, self.processor / runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=60, help="instant runs to compute")
    parser.add_argument("--finished", type=int, default=1000, help="runs that have their record already")
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD", help="measure that alone whose line has one of these")
    given = parser.parse_args()
    finished = given.finished
    for name, measure in (
        ("dpdsyn --help", lambda: _light("--help")),
        ("dpdsyn list", lambda: _light("list")),
        ("dpdsyn status (empty folder)", lambda: _light("status")),
        ("a run beyond its own work, warm worker", lambda: _overhead(given.runs)),
        (f"dpdsyn status over {finished} finished runs", lambda: _status(finished)),
        (f"resumed sweep of {finished} finished runs, plan unknown", lambda: _resumed(finished, known=False)),
        (f"resumed sweep of {finished} finished runs", lambda: _resumed(finished, known=True)),
        ("40 runs, 1 worker", lambda: _forty(1)),
        ("40 runs, 2 workers", lambda: _forty(2)),
    ):
        if any(word in name for word in given.only):
            took = measure()
            sys.stdout.write(f"{name:<62} {took.clock:8.3f} s {took.processor:8.3f} processor s\n")
            sys.stdout.flush()


def _light(*arguments: str) -> Took:
    """The quickest of a few, for other work on the machine only makes them slower."""
    with tempfile.TemporaryDirectory() as folder:
        return min((_took(folder, *arguments) for _ in range(5)), key=lambda took: took.processor)


def _overhead(runs: int) -> Took:
    """From the times of a few runs and of many, so that what a command does once drops out."""
    few, many = runs // 6, runs
    took = {}
    for count in (few, many):
        with tempfile.TemporaryDirectory() as folder:
            took[count] = _took(folder, "run", "-m", *_SMALL, "synthesizer=uniform", _seeds(count), "compute.workers=1")
            assert len(list(Store(Path(folder)).all())) == count
    own = sum(_own_work(*_SMALL, "synthesizer=uniform", f"seed={seed}") for seed in range(5)) / 5
    return (took[many] - took[few]).each(many - few) - Took(own, own)


def _own_work(*overrides: str) -> float:
    """Seconds of the run itself in this process: load, fit, sample, judge."""
    from experiments.run import execute
    from experiments.sweep.plan import composed

    ((_, _, run),) = composed([list(overrides)], None)
    execute(run)  # imports, and whatever else happens once
    start = time.perf_counter()
    execute(run)
    return time.perf_counter() - start


def _status(runs: int) -> Took:
    with tempfile.TemporaryDirectory() as folder:
        _finish(folder, runs, remember=True)
        return _took(folder, "status")


def _resumed(runs: int, known: bool) -> Took:
    """known: whether the plan is still there, as it is unless code or configuration has changed since."""
    with tempfile.TemporaryDirectory() as folder:
        return _took(folder, *_finish(folder, runs, remember=known))


def _finish(folder: str, runs: int, remember: bool) -> list[str]:
    """Give every run of a sweep a record, copied from one that was done, as if MLflow had been told; the sweep's command."""
    call = ["-m", *_SMALL, "synthesizer=uniform", _seeds(runs)]
    _took(folder, "run", *_SMALL, "synthesizer=uniform", "seed=0")
    store = Store(Path(folder))
    (record,) = store.all()
    plan, _ = plan_of(inspect_request(call), Plans(store.results))
    for planned in plan.runs:
        store.write(replace(record, run_id=planned.run_id, seed=planned.seed))
    if remember:
        Plans(store.results).write(plan)
    state = state_of_records(store, [planned.run_id for planned in plan.runs])
    notes = Notes(store, plan.sweep_id)
    notes.write(MIRRORED, [state_of_mlflow(store), state])
    notes.write(UNCHANGED, [plan.fingerprint, state])
    return ["run", *call]


def _forty(workers: int) -> Took:
    with tempfile.TemporaryDirectory() as folder:
        call = ("run", "-m", "dataset=simulated", "dataset.generator.rows=60000", "synthesizer=dpdsyn", _seeds(40))
        return _took(folder, *call, "evaluation.evaluators=[forest]", f"compute.workers={workers}")


def _seeds(count: int) -> str:
    return "seed=" + ",".join(map(str, range(count)))


def _took(folder: str, *arguments: str) -> Took:
    start, before = time.perf_counter(), _processor()
    done = subprocess.run(
        [sys.executable, "-m", "experiments.cli.main", *arguments],
        env={name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"} | {"DPDSYN_RESULTS": folder},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(arguments)}: {done.stderr}")
    return Took(time.perf_counter() - start, _processor() - before)


def _processor() -> float:
    """Seconds of all processes that have ended, of whatever depth as long as their parents waited for them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
