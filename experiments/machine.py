"""What a run is computed on: threads pinned, memory watched, versions noted."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("dpdsyn", "numpy", "pandas", "scipy", "torch", "dp-accounting", "mbi", "jax", "scikit-learn", "mlflow", "hydra-core")
_SET_DUMPABLE = 4  # of prctl(2)
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def pin_threads(threads: int) -> None:
    """Let the numeric libraries of this process, loaded already or not, use this many threads."""
    from threadpoolctl import threadpool_limits

    for variable in _THREAD_VARIABLES:
        os.environ[variable] = str(threads)
    if "jax" not in sys.modules:
        os.environ["XLA_FLAGS"] = (
            f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()} intra_op_parallelism_threads={threads}"
        )
    threadpool_limits(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def leave_no_core() -> None:
    """Let this process, should it crash, write none of its memory to the disk, for private rows are in it.

    On Linux it is no longer "dumpable" either: programs that the kernel pipes cores to get one whatever the limit is.
    """
    with suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)


class PeakMemory:
    """The most resident memory this process held inside a `with` block, in MiB (Linux; None elsewhere)."""

    megabytes: float | None = None

    def __enter__(self) -> PeakMemory:
        try:
            Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark
        except OSError:
            self._resettable = False
        else:
            self._resettable = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._resettable:
            lines = Path("/proc/self/status").read_text().splitlines()
            self.megabytes = next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


class OtherWork:
    """Whether other processes kept the processors busy during a `with` block: `contended` (None where it cannot be told).

    Busy means more than a tenth of one processor, and more than clock ticks can feign.
    """

    contended: bool | None = None

    def __enter__(self) -> OtherWork:
        self._before = self._readings()
        return self

    def __exit__(self, *_: object) -> None:
        elapsed, busy, own = (after - before for after, before in zip(self._readings(), self._before, strict=True))
        self.contended = busy - own > max(0.1 * elapsed, 0.05)

    @staticmethod
    def _readings() -> tuple[float, float, float]:
        """Seconds: of the clock, of all processors' work, of this process's and its children's, those at work included."""
        import psutil

        every, own = psutil.cpu_times(), os.times()
        children = 0.0
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                children += sum(child.cpu_times()[:2])
        idle = every.idle + getattr(every, "iowait", 0.0)
        guest = getattr(every, "guest", 0.0) + getattr(every, "guest_nice", 0.0)  # already in user and nice
        return (
            time.monotonic(),
            sum(every) - idle - guest,
            (own.user + own.system + own.children_user + own.children_system + children),
        )


@cache
def describe(threads: int) -> dict[str, Any]:
    """Commit, package versions, processor and threads, for a record. Read once: a process runs the code it has loaded."""
    return {
        "commit": _git("rev-parse", "HEAD"),
        "dirty": bool(_git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!results")),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "affinity": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "threads": threads,
    }


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return run.stdout.strip() if run.returncode == 0 else None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
