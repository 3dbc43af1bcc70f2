"""One run of one of our methods in a process of its own, told in the same words as `run_public`."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from experiments.crosscheck.task import memory_maps


def main() -> None:
    """Argument: what is asked, in JSON. Answers are lines of JSON in the file `messages` of the folder named there."""
    asked = json.loads(sys.argv[1])
    with (Path(asked["folder"]) / "messages").open("a", encoding="utf-8", buffering=1) as out:
        try:
            answers = _answers(asked)
        except Exception as error:  # a crash is a row, whatever raised it
            traceback.print_exc()
            answers = [{"status": "failed", "message": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}]
        out.writelines(json.dumps(answer) + "\n" for answer in answers)


def _answers(asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rounds, if the method has some, and how it went."""
    from experiments import datasets
    from experiments.cell import fit_and_sample
    from experiments.machine import describe, pin_threads
    from experiments.plan import composed

    overrides = [f"dataset={asked['dataset']}", f"synthesizer={asked['method']}", f"seed={asked['seed']}"]
    overrides += [f"privacy.epsilon={asked['epsilon']}", f"privacy.delta={asked['delta']}"]
    (_, _, cell), *_ = composed([overrides], None)
    pin_threads(1)
    split = datasets.load(cell.dataset, cell.seed)
    for module in cell.synthesizer.imports():
        import_module(module)
    processor = time.process_time()
    fit = fit_and_sample(cell, split)
    processor = time.process_time() - processor
    np.save(Path(asked["folder"]) / "made.npy", fit.codes)
    rounds = getattr(cell.synthesizer, "rounds_", [])
    told = [{"round": number, "seconds": each.seconds, "maps": memory_maps()} for number, each in enumerate(rounds, 1)]
    packages = describe(1)["packages"]
    last = {
        "status": "ok",
        "seconds": fit.seconds["total"],
        "processor_seconds": processor,
        "peak_memory_mb": fit.peak_memory_mb,
        "contended": fit.seconds["contended"],
        "memory_maps": memory_maps(),
        "versions": {name: packages[name] for name in ("numpy", "pandas", "jax", "mbi")},
    }
    return [*told[: asked["rounds"]], last | ({"rounds": len(rounds)} if rounds else {})]


if __name__ == "__main__":
    main()
