"""What the processes of a sweep cost beside the runs themselves: processor seconds a run and memory as runs go on.

Run: python -m experiments.bench.processes [--runs 2000] [--workers 1] [--code FOLDER] [KEY=VALUE ...]
A real sweep of instant runs (`uniform` and `majority` on 200 simulated rows, judged by one small model) in a results folder
that is thrown away. Its processes are looked at from outside twice a second. Processor seconds are those of the kernel's
books, so that other work on the machine changes little; wall time is told but counts only on an idle machine. `--code` names
another checkout, so that two commits can be held side by side.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

INSTANT = (
    "dataset=simulated",
    "dataset.generator.rows=200",
    "dataset.generator.test_rows=100",
    "evaluation.evaluators=[logistic]",
    "privacy.epsilon=1",
)
_PAUSE = 0.5


@dataclass(frozen=True)
class Seen:
    """One look at a sweep. done: records there are. main, others: processor seconds so far. memory: MB of the main process."""

    done: int
    main: float
    others: float
    memory: float
    all_memory: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--code", type=Path, default=Path(__file__).parents[2], help="the checkout whose code is to run")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="more of the sweep, as hydra/launcher=joblib")
    given = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as folder:
        seeds = ",".join(map(str, range(given.runs // 2)))
        more = ("synthesizer=uniform,majority", f"seed={seeds}", f"compute.workers={given.workers}", *given.overrides)
        start = time.perf_counter()
        looks = list(watched(Path(folder), given.code, ("run", "-m", *INSTANT, *more)))
        took = time.perf_counter() - start
    first, last = looks[_at(looks, 0.1)], looks[-1]
    runs = max(last.done - first.done, 1)
    sys.stdout.write(f"{last.done} runs, {given.workers} workers, {took:.0f} s of wall time, code of {given.code}\n")
    for word, value, unit in (
        ("main process, once: before the first tenth was done", first.main, "processor s"),
        ("main process, a run after that", (last.main - first.main) / runs, "processor s"),
        ("its other processes, a run after that", (last.others - first.others) / runs, "processor s"),
        ("main process's memory, growth a run after that", (last.memory - first.memory) / runs * 1024, "kB"),
    ):
        sys.stdout.write(f"  {word:<56} {value:9.3f} {unit}\n")
    told = (f"{looks[_at(looks, share / 4)].memory:.0f}" for share in range(1, 5))
    sys.stdout.write(f"  {'its memory after each quarter':<56} {', '.join(told)} MB; all processes {last.all_memory:.0f} MB\n")


def watched(results: Path, code: Path, arguments: Sequence[str]) -> Iterator[Seen]:
    """Looks at a command while it runs."""
    environment = {**os.environ, "DPDSYN_RESULTS": str(results), "PYTHONPATH": str(code)}
    with (
        tempfile.TemporaryFile() as told,
        subprocess.Popen(
            [sys.executable, "-m", "experiments.cli.main", *arguments], cwd=code, env=environment, stdout=told, stderr=told
        ) as process,
    ):
        own, spent = psutil.Process(process.pid), {}
        while process.poll() is None:
            try:
                memory = all_memory = own.memory_info().rss / 2**20
                used = _processor(own)
                for child in own.children(recursive=True):
                    try:
                        spent[child.pid] = _processor(child)
                        all_memory += child.memory_info().rss / 2**20
                    except psutil.Error:
                        continue
                done = sum(1 for _ in (results / "runs" / "records").glob("*.json"))
                yield Seen(done, used, sum(spent.values()), memory, all_memory)
            except psutil.Error:
                break
            time.sleep(_PAUSE)
        if process.wait():
            told.seek(0)
            sys.exit(told.read().decode()[-2000:])


def _processor(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _at(looks: Sequence[Seen], share: float) -> int:
    """The first look at which this share of the runs was done."""
    return next(i for i, look in enumerate(looks) if look.done >= share * looks[-1].done)


if __name__ == "__main__":
    main()
