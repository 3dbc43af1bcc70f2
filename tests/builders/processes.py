"""Running the real command in a process of its own, and waiting for what it does."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from builders.paths import ROOT


def command(world: Path, *arguments: str) -> list[str]:
    extra = ["--config-dir", str(world / "conf")] if arguments[0] == "run" and "--config-dir" not in arguments else []
    return [str(Path(sys.executable).with_name("dpdsyn")), arguments[0], *extra, *arguments[1:]]


def process_environment(world: Path, results: Path, **more: str) -> dict[str, str]:
    own = {
        "DPDSYN_DATA": str(world / "data"),
        "DPDSYN_RESULTS": str(results / "results"),
        "XDG_CACHE_HOME": str(results / "cache"),
    }
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{world}", **own, **more}


def workers_of(folder: Path) -> list[int]:
    """Processes, of whatever ancestry, that work for this folder's sweep."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"DPDSYN_RESULTS={folder}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def gone(folder: Path, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while workers_of(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not workers_of(folder)


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
