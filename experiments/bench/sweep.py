"""What the harness itself costs.

Run: python -m experiments.bench.sweep [--runs 60] [--finished 1000]
Real commands in processes of their own, on simulated rows, in a results folder that is thrown away. Four numbers:
seconds that a run costs beyond its own work in a warm worker, that `dpdsyn status` takes over many finished runs, that a
resumed sweep adds for each finished run, and the time of two workers as a share of that of one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from experiments.records.store import Store
from experiments.sweep.plan import Plans, plan_of
from experiments.sweep.request import inspect_request

_SMALL = (
    "dataset=simulated",
    "dataset.generator.rows=1000",
    "dataset.generator.test_rows=500",
    "evaluation.evaluators=[logistic]",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=60, help="instant runs to compute")
    parser.add_argument("--finished", type=int, default=1000, help="runs that have their record already")
    given = parser.parse_args()
    for name, measure in (
        ("a run beyond its own work, warm worker", lambda: _overhead(given.runs)),
        (f"dpdsyn status over {given.finished} finished runs", lambda: _status(given.finished)),
        (f"resumed sweep of {given.finished} finished runs, first time, each", lambda: _resumed(given.finished, known=False)),
        (f"resumed sweep of {given.finished} finished runs, each", lambda: _resumed(given.finished, known=True)),
    ):
        sys.stdout.write(f"{name:<62} {measure():8.4f} s\n")
        sys.stdout.flush()
    sys.stdout.write(f"{'two workers, time as a share of one':<62} {_share_of_two():8.2f}\n")


def _overhead(runs: int) -> float:
    """From the times of a few runs and of many, so that what a command does once drops out."""
    few, many = runs // 6, runs
    took, own = {}, 0.0
    for count in (few, many):
        with tempfile.TemporaryDirectory() as folder:
            took[count] = _seconds(folder, "run", "-m", *_SMALL, "synthesizer=uniform", _seeds(count), "compute.workers=1")
            records = list(Store(Path(folder)).all())
            own = sum(_own_work(*_SMALL, "synthesizer=uniform", f"seed={seed}") for seed in range(5)) / 5
            assert len(records) == count
    return (took[many] - took[few]) / (many - few) - own


def _own_work(*overrides: str) -> float:
    """Seconds of the run itself in this process: load, fit, sample, judge."""
    from experiments.run import execute
    from experiments.sweep.plan import composed

    ((_, _, run),) = composed([list(overrides)], None)
    execute(run)  # imports, and whatever else happens once
    start = time.perf_counter()
    execute(run)
    return time.perf_counter() - start


def _status(runs: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        _finish(folder, runs, remember=True)
        return _seconds(folder, "status")


def _resumed(runs: int, known: bool) -> float:
    """known: whether the plan is still there, as it is unless code or configuration has changed since."""
    took = {}
    for count in (1, runs):
        with tempfile.TemporaryDirectory() as folder:
            took[count] = _seconds(folder, *_finish(folder, count, remember=known), MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    return (took[runs] - took[1]) / (runs - 1)


def _finish(folder: str, runs: int, remember: bool) -> list[str]:
    """Give every run of a sweep a record, copied from one that was done; the sweep's command."""
    call = ["-m", *_SMALL, "synthesizer=uniform", _seeds(runs)]
    _seconds(folder, "run", *_SMALL, "synthesizer=uniform", "seed=0")
    store = Store(Path(folder))
    (record,) = store.all()
    plan, _ = plan_of(inspect_request(call), Plans(store.results))
    for planned in plan.runs:
        store.write(replace(record, run_id=planned.run_id, seed=planned.seed))
    if remember:
        Plans(store.results).write(plan)
    return ["run", *call]


def _share_of_two() -> float:
    took = {}
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            call = ("run", "-m", "dataset=simulated", "dataset.generator.rows=60000", "synthesizer=dpdsyn", _seeds(40))
            took[workers] = _seconds(folder, *call, "evaluation.evaluators=[forest]", f"compute.workers={workers}")
    return took[2] / took[1]


def _seeds(count: int) -> str:
    return "seed=" + ",".join(map(str, range(count)))


def _seconds(folder: str, *arguments: str, **environment: str) -> float:
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "experiments.cli.main", *arguments],
        env={**os.environ, "DPDSYN_RESULTS": folder, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(arguments)}: {done.stderr}")
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
