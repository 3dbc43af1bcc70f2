"""Which processors a worker runs on, and whether it is alone on the machine: locks that all sweeps of a person share."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from experiments.sweep.locks import Lock


class Processors:
    """Processors held for one worker until `release`.

    threads: how many; fewer than that free means that the operating system places the worker (`cores` is empty).
    alone: nothing of ours may run beside it on this machine. Raises RuntimeError if something does, or if there are not as many.
    """

    def __init__(self, threads: int, alone: bool) -> None:
        if lack := lacking(threads):
            raise RuntimeError(lack)
        folder = Path(tempfile.gettempdir()) / f"dpdsyn-{os.getuid()}"
        folder.mkdir(exist_ok=True)
        self._locks = [Lock(folder / "machine", shared=not alone)]
        self.cores: list[int] = []
        if not self._locks[0].take(wait=not alone):
            raise RuntimeError("other runs go on on this machine, and compute.alone=true asks for none; wait for them to end")
        for core in _usable():
            lock = Lock(folder / f"core-{core}")
            if len(self.cores) < threads and lock.take():
                self._locks.append(lock)
                self.cores.append(core)
        if len(self.cores) < threads:
            self.cores = []

    def release(self) -> None:
        for lock in self._locks:
            lock.release(delete=False)
        self._locks = []


def count() -> int:
    """Processors that this process may use."""
    return len(_usable())


def lacking(threads: int) -> str | None:
    """Words on more threads than there are processors, which in some libraries only wait for one another, without an end."""
    there = count()
    if threads <= there:
        return None
    return f"compute.threads is {threads}, and runs have {there} processors here; a whole number from 1 to {there} is needed"


def _usable() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
