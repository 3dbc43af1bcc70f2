"""What the processes of a sweep inherit, and what ends them all."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress

from experiments.console import say

INTERRUPTED = "interrupted; what was finished is kept, and the same command goes on from there"
SPAWNED_BY = "DPDSYN_PARENT"  # process id of the command that a sweep's processes must not outlive
at_interrupt: list[Callable[[], None]] = []  # called when nothing runs any more; each takes a moment at most


def prepare_processes() -> None:
    """What the processes of runs inherit, and what ends them all."""
    os.environ[SPAWNED_BY] = str(os.getpid())
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, _end_at_once)


def _end_at_once(*_: object) -> None:
    """Ctrl-C, or a polite request: end with all processes, without waiting for what launchers would still like to do."""
    import psutil

    say(f"dpdsyn: {INTERRUPTED}")
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "resource_tracker" not in " ".join(process.cmdline()):  # it tidies up after the others, and ends by itself
                process.kill()
    for last in at_interrupt:
        last()
    os._exit(130)
