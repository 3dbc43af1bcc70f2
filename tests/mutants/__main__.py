"""Plant each fault in a copy of the tree, run the tests that should tell of it, and write results/notes/mutants.md.

What was tried already is kept in build/mutants.jsonl and is not tried again unless the fault, the files that it changes or its
tests are others now; so an interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import queue
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from mutants import accounting, encoding, learning, mechanisms, methods, noise
from mutants.fault import Fault
from mutants.table import Told, written
from mutants.trial import Mistaken, Outcome, Trials, copied

ROOT = Path(__file__).resolve().parents[2]
TOLD = ROOT / "build" / "mutants.jsonl"
TABLE = ROOT / "results" / "notes" / "mutants.md"
GROUPS: dict[str, tuple[Fault, ...]] = {
    "Mechanisms": mechanisms.FAULTS,
    "Noise, choices and streams": noise.FAULTS,
    "Accounting": accounting.FAULTS,
    "Tables, encoding and release": encoding.FAULTS,
    "Methods": methods.FAULTS,
    "Learning of domains": learning.FAULTS,
}
FAULTS = tuple(fault for group in GROUPS.values() for fault in group)


def main() -> int:
    """0 if every fault was told of, but for those that do no harm; 1 if there is a survivor or a trial that says nothing."""
    given = _given()
    chosen = [fault for fault in FAULTS if not given.only or any(part in fault.name for part in given.only)]
    told = _told()
    trials = [Trial(fault, kind) for kind in ("tests", "check")[: 1 + given.check] for fault in chosen]
    waiting = [trial for trial in trials if trial.asked and (trial.key not in told or given.again)]
    print(f"{len(chosen)} faults; {len(waiting)} trials to be made", flush=True)
    broken = _try_all(waiting, told, given.jobs, given.seconds) if waiting else 0
    if not given.only:
        found = {name: [Told(fault, *_of(fault, told)) for fault in group] for name, group in GROUPS.items()}
        TABLE.write_text(written(found, told.get("anyway", {}).get("tests", [])), encoding="utf-8")
        print(TABLE.relative_to(ROOT))
    survivors = [fault.name for fault in chosen if fault.harmless is None and not (_of(fault, told)[0] or {}).get("by")]
    print("\n".join(["survivors:", *survivors]) if survivors else "no survivor")
    return 1 if survivors or broken else 0


@dataclass(frozen=True)
class Trial:
    """kind: `tests` or `check`."""

    fault: Fault
    kind: str

    @cached_property
    def key(self) -> str:
        """Of the files as they are when it is first asked for, which is before they are copied."""
        return f"{self.fault.key(ROOT)} {self.kind}"

    @property
    def asked(self) -> bool:
        return self.kind == "tests" or self.fault.check is not None


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mutants", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="WORDS", help="try only faults whose name has these words; writes no table")
    parser.add_argument("--check", action="store_true", help="ask `dpdsyn check` too, where a fault names a method for it")
    parser.add_argument("--jobs", type=int, default=1, help="how many trials at once")
    parser.add_argument("--seconds", type=float, default=180.0, help="how long the tests of one fault may take")
    parser.add_argument("--again", action="store_true", help="make trials again that were made")
    return parser.parse_args()


def _told() -> dict[str, dict]:
    lines = TOLD.read_text(encoding="utf-8").splitlines() if TOLD.exists() else []
    return {line["key"]: line for line in map(json.loads, lines)}


def _note(told: dict[str, dict], line: dict) -> None:
    told[line["key"]] = line
    TOLD.parent.mkdir(exist_ok=True)
    with TOLD.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _of(fault: Fault, told: dict[str, dict]) -> tuple[dict | None, dict | None]:
    return told.get(Trial(fault, "tests").key), told.get(Trial(fault, "check").key)


def _try_all(waiting: list[Trial], told: dict[str, dict], jobs: int, seconds: float) -> int:
    """Each trial in a copy that no other is in. Gives how many say nothing."""
    broken = 0
    trials = Trials(seconds)
    with ExitStack() as stack, ThreadPoolExecutor(jobs) as pool:
        copies: queue.Queue[Path] = queue.Queue()
        for _ in range(jobs):
            copies.put(stack.enter_context(copied(ROOT, Path(stack.enter_context(tempfile.TemporaryDirectory())))))

        def made(trial: Trial) -> Outcome:
            copy = copies.get()
            try:
                return (trials.check if trial.kind == "check" else trials.tests)(copy, trial.fault)
            finally:
                copies.put(copy)

        running = {pool.submit(made, trial): trial for trial in waiting}
        for done, future in enumerate(as_completed(running), 1):
            trial = running[future]
            where = f"[{done}/{len(waiting)}] {trial.fault.name}"
            try:
                outcome = future.result()
            except (Mistaken, ValueError) as error:
                broken += 1
                print(f"{where}: NO TRIAL: {error}", file=sys.stderr, flush=True)
                continue
            _note(told, {"key": trial.key, "fault": trial.fault.name, **asdict(outcome)})
            print(f"{where}: {trial.kind}: {outcome.by or 'NOTHING'}, {outcome.seconds:.0f} s", flush=True)
    former = set(told.get("anyway", {}).get("tests", []))
    _note(told, {"key": "anyway", "tests": sorted(trials.anyway | (former - trials.sound))})
    return broken


if __name__ == "__main__":
    sys.exit(main())
