"""Where results and data lie."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from baselines.foreign.environments import cache_dir


def results_dir() -> Path:
    """`DPDSYN_RESULTS`, or `results` under the current folder."""
    return Path(os.environ.get("DPDSYN_RESULTS") or "results").absolute()


def data_dirs() -> tuple[Path | None, Path]:
    """The person's own data folder (`DPDSYN_DATA`), if set, and the cache that downloads go to."""
    own = os.environ.get("DPDSYN_DATA")
    return (Path(own).absolute() if own else None), cache_dir() / "data"


def see_own_modules() -> None:
    """Let a person's method be found in the folder where the command is typed; workers inherit the path."""
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
