"""One run of one of our methods in a process of its own, told in the same words as `run_reference`."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.crosscheck.task import memory_maps


def main() -> None:
    """Argument: what is asked, in JSON. Answers are lines of JSON in the file `messages` of the folder named there."""
    asked = json.loads(sys.argv[1])
    with (Path(asked["folder"]) / "messages").open("a", encoding="utf-8", buffering=1) as out:

        def tell(message: dict[str, Any]) -> None:
            out.write(json.dumps(message) + "\n")

        try:
            tell(_answer(asked, tell))
        except Exception as error:  # a crash is a row, whatever raised it
            traceback.print_exc()
            tell({"status": "failed", "message": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"})


def _answer(asked: Mapping[str, Any], tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    from dpdsyn.synthesizer import load_imports
    from experiments.data import datasets
    from experiments.machine import describe, pin_threads
    from experiments.run import fit_and_sample
    from experiments.sweep.plan import composed

    overrides = [f"dataset={asked['dataset']}", f"synthesizer={asked['method']}", f"seed={asked['seed']}"]
    overrides += [f"privacy.epsilon={asked['epsilon']}", f"privacy.delta={asked['delta']}"]
    (_, _, run), *_ = composed([overrides], None)
    pin_threads(1)
    split = datasets.load(run.dataset, run.seed)
    load_imports(run.synthesizer)
    packages = describe(1)["packages"]
    tell({"versions": {name: packages[name] for name in ("numpy", "pandas", "jax", "mbi")}})
    rounds = _Rounds(tell)
    processor = time.process_time()
    fit = fit_and_sample(run, split, rounds.hear)
    processor = time.process_time() - processor
    np.save(Path(asked["folder"]) / "made.npy", fit.encoded)
    last = {
        "status": "ok",
        "seconds": fit.seconds["total"],
        "processor_seconds": processor,
        "peak_memory_mb": fit.peak_memory_mb,
        "contended": fit.seconds["contended"],
        "memory_maps": memory_maps(),
    }
    return last | ({"rounds": rounds.done} if rounds.done else {})


class _Rounds:
    """Tells of each round that a fit says has ended; the first is counted from the beginning of the fit."""

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self._tell = tell
        self._since, self._processor = time.perf_counter(), time.process_time()
        self.done = 0

    def hear(self, phase: str) -> None:
        """phase: what `fit_and_sample` enters, `fit, round 3 of 14` among it."""
        now, processor = time.perf_counter(), time.process_time()
        if phase.startswith("fit, round "):
            self.done += 1
            seconds = {"seconds": now - self._since, "processor": processor - self._processor}
            self._tell({"round": self.done, **seconds, "maps": memory_maps()})
        self._since, self._processor = now, processor


if __name__ == "__main__":
    main()
