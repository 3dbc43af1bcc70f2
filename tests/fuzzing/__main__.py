"""Try fuzzed files through all entrances, several processes at once, and name each that fails by its number.

    python -m fuzzing --files 10000 [--start 0] [--jobs 2]

A process that a file takes down is another fault; the next goes on behind it. A run that was interrupted says where to go on.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

_LONGEST = 300  # seconds of processor time for one file
_EACH = 10.0  # seconds between two lines of progress
WORKER = (sys.executable, "-m", "fuzzing", "--worker")


def main(words: Sequence[str] | None = None) -> int:
    """0 if every file came through, 1 if one did not."""
    given = _parser().parse_args(words)
    if given.worker:
        return _work(given.start, given.files, given.step)
    if given.planted:
        return _planted(given.start, given.files)
    found: queue.Queue[Any] = queue.Queue()
    jobs = max(1, min(given.jobs, given.files))
    for job in range(jobs):
        numbers = range(given.start + job, given.start + given.files, jobs)
        threading.Thread(target=watched, args=(numbers, found), daemon=True).start()
    done: set[int] = set()
    sorts: Counter[str] = Counter()
    failed: list[int] = []
    began = said = time.monotonic()
    try:
        while len(done) < given.files:
            outcome = found.get()
            done.add(outcome["seed"])
            sorts[outcome["said"]] += 1
            if outcome["failed"]:
                failed.append(outcome["seed"])
                print(
                    f"\nFAILED: file {outcome['seed']} ({outcome['said']})\n{outcome['failed'].rstrip()}\n"
                    f"{_again(outcome['seed'])}\n",
                    flush=True,
                )
            if time.monotonic() - said > _EACH:
                said = time.monotonic()
                print(f"{len(done):,} of {given.files:,} files in {said - began:.0f} s, {len(failed)} failed", flush=True)
    except KeyboardInterrupt:
        least = min(set(range(given.start, given.start + given.files)) - done)
        print(f"\nstopped; to go on: python -m fuzzing --start {least} --files {given.start + given.files - least}", flush=True)
    for sort, files in sorts.most_common():
        print(f"{files:>7,}  {sort}")
    print(f"{len(done):,} files from {given.start} on in {time.monotonic() - began:.0f} s: {len(failed)} failed{_listed(failed)}")
    return 1 if failed or len(done) < given.files else 0


def _listed(failed: list[int]) -> str:
    return f" ({', '.join(map(str, sorted(failed)[:50]))})" if failed else ""


def _again(seed: int) -> str:
    return f"again: cd tests && PYTHONPATH=..:. python -m fuzzing --start {seed} --files 1"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fuzzing", description=__doc__.split("\n\n")[0])
    parser.add_argument("--files", type=int, default=int(os.environ.get("DPDSYN_FUZZ", "1000")))
    parser.add_argument("--start", type=int, default=0, help="number of the first file")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    parser.add_argument("--planted", action="store_true", help="say of each planted fault how many files convict it")
    parser.add_argument("--step", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser


def _planted(start: int, most: int) -> int:
    """0 if each fault of `fuzzing.planted` is convicted by one of so many files."""
    from fuzzing.planted import FAULTS, convicted

    missed = 0
    for name, fault in FAULTS.items():
        tries, outcome = convicted(fault, start, most)
        missed += outcome is None
        print(f"{tries:>5,} files  {name}: {'NOT CONVICTED' if outcome is None else f'file {outcome.seed}'}", flush=True)
    return 1 if missed else 0


def _work(start: int, files: int, step: int) -> int:
    """Try every step-th file, one line of JSON each."""
    from fuzzing.files import tried

    told = sys.stdout
    sys.stdout = sys.stderr
    for seed in range(start, start + files, step):
        signal.setitimer(signal.ITIMER_PROF, _LONGEST)  # which ends the process, and counts no time in which it was stopped
        print(json.dumps(asdict(tried(seed))), file=told, flush=True)
    return 0


def watched(numbers: range, found: queue.Queue[Any]) -> None:
    """The files of one process, and of those that take its place where a file takes it down."""
    while len(numbers):
        words = ["--start", str(numbers.start), "--files", str(numbers.stop - numbers.start), "--step", str(numbers.step)]
        worker = subprocess.Popen([*WORKER, *words], stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert worker.stdout is not None
        for line in worker.stdout:
            outcome = json.loads(line)
            found.put(outcome)
            numbers = range(outcome["seed"] + numbers.step, numbers.stop, numbers.step)
        code = worker.wait()
        if len(numbers):
            found.put({"seed": numbers.start, "said": "a process that died", "failed": f"the process ended with {code}"})
            numbers = numbers[1:]


if __name__ == "__main__":
    sys.exit(main())
