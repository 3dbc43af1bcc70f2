"""One run of a reference implementation in a process of its own, started by `experiments.crosscheck` with any interpreter.

Imports nothing of this project but the clock and this folder, since references need libraries of other versions than ours.
"""

from __future__ import annotations

import contextlib
import json
import random
import sys
import time
import tomllib
import traceback
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from experiments.crosscheck.reference_implementations import REFERENCES, as_encoded
from experiments.crosscheck.task import Rounds, Stopped, Task, memory_maps
from experiments.machine import OtherWork, PeakMemory

_PACKAGES = ("numpy", "pandas", "jax")


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
    code = REFERENCES[asked["method"]]
    scratch = Path(asked["folder"])
    given = np.load(scratch / "given.npz")
    budget = {key: asked[key] for key in ("epsilon", "delta", "rho")}
    folder = Path(asked["references"]) / code.name
    sizes = tuple(map(int, given["sizes"]))
    task = Task(folder, scratch, given["encoded"], sizes, rows=asked["rows"], settings=asked["settings"], **budget)
    run = code.prepare(task)
    tell({"versions": _versions(folder)})
    random.seed(asked["seed"])
    np.random.seed(asked["seed"])  # noqa: NPY002 (what references draw from)
    with PeakMemory() as memory, OtherWork() as others:
        rounds = Rounds(asked["limit"], asked["rounds"], tell)
        start, processor = time.perf_counter(), time.process_time()
        status, message = "ok", ""
        try:
            encoded = run(rounds)
        except Stopped as stopped:
            status, message = "timeout", f"stopped {stopped}; errors are of its model then"
            encoded = as_encoded(stopped.model.synthetic_data())
        seconds, processor = time.perf_counter() - start, time.process_time() - processor
    np.save(scratch / "made.npy", encoded)
    measured = {
        "seconds": seconds,
        "processor_seconds": processor,
        "peak_memory_mb": memory.megabytes,
        "contended": others.contended,
    }
    if rounds.done:
        measured["rounds"] = rounds.done
    return {
        "status": status,
        "message": message,
        **measured,
        "memory_maps": memory_maps(),
    }


def _versions(folder: Path) -> dict[str, str]:
    """Of the package that the clone is, if it is one, and of what it stands on."""
    project = folder / "pyproject.toml"
    about = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {}) if project.is_file() else {}
    found = {about["name"]: about["version"]} if "version" in about else {}
    for name in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


if __name__ == "__main__":
    main()
