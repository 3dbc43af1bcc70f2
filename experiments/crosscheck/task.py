"""What a run of a reference implementation is given, and the rounds that it tells of."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Task:
    """encoded: training rows, shape (rows, columns); sizes: of each column's domain; rho: what (epsilon, delta) is in zCDP.

    folder: the clone. scratch: a folder that may be written to and is removed afterwards. rows: how many are wanted.
    """

    folder: Path
    scratch: Path
    encoded: np.ndarray
    sizes: tuple[int, ...]
    epsilon: float
    delta: float
    rho: float
    rows: int
    settings: Mapping[str, Any]


class Stopped(Exception):
    """A round was not begun, because of a limit. model: what the rounds before it had fitted."""

    def __init__(self, why: str, model: Any) -> None:
        super().__init__(why)
        self.model = model


class Rounds:
    """Hears of the beginning of each round; tells seconds and memory maps of each as it ends; stops the run at a limit."""

    def __init__(self, limit: float | None, most: int | None, tell: Callable[[dict[str, Any]], None]) -> None:
        self._limit, self._most, self._tell = limit, most, tell
        self._begun = 0
        self._start = self._since = time.perf_counter()
        self._processor = 0.0

    def begin(self, model: Any) -> None:
        """Raises Stopped, with `model`, if this round is not to be."""
        now = time.perf_counter()
        if self._begun:
            processor = time.process_time() - self._processor
            self._tell({"round": self._begun, "seconds": now - self._since, "processor": processor, "maps": memory_maps()})
        if self._most is not None and self._begun >= self._most:
            raise Stopped(f"after {self._begun} rounds, as asked", model)
        if self._limit is not None and now - self._start > self._limit:
            raise Stopped(f"after {self._begun} rounds, at the limit of {self._limit:g} s", model)
        self._begun += 1
        self._since, self._processor = time.perf_counter(), time.process_time()

    @property
    def done(self) -> int:
        return self._begun


def memory_maps() -> int | None:
    """Of this process (Linux; None elsewhere)."""
    try:
        return len(Path("/proc/self/maps").read_text().splitlines())
    except OSError:
        return None
