"""Nothing that a sweep starts on this machine outlives it, however it ends: SIGKILL leaves no time to tidy up.

A process that never sleeps would be asked too late, and one inside a C call that holds the interpreter's lock cannot be asked at
all. So a shell waits, in a session of its own, at the end of a pipe whose other end this process alone holds; when that closes
unasked, it kills whatever bears the sweep's mark in its environment, at whatever depth it was started.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

MARK = "DPDSYN_SWEEP"
_ENVIRONMENTS = Path("/proc/self/environ")
_SCRIPT = """
read -r nothing
for again in 1 2 3; do
  for folder in /proc/[0-9]*; do
    grep -qzx -- "$1" "$folder/environ" 2>/dev/null && kill -KILL "${folder#/proc/}" 2>/dev/null
  done
  sleep 0.2
done
"""


@contextmanager
def nothing_left_behind(at_end: bool = False) -> Iterator[None]:
    """Processes that are started within the block end with this one. Does nothing where there is no /proc.

    at_end: they end with the block too.
    """
    if not _ENVIRONMENTS.exists():
        yield
        return
    mark = os.environ[MARK] = _own_mark()
    with subprocess.Popen(
        ["/bin/sh", "-c", _SCRIPT, "dpdsyn-reaper", f"{MARK}={mark}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ.get("PATH", os.defpath)},
        start_new_session=True,  # killing this process's group leaves it there
    ) as reaper:
        try:
            yield
        finally:
            os.environ.pop(MARK, None)
            if at_end and reaper.stdin is not None:
                reaper.stdin.close()
                reaper.wait()
            else:
                reaper.kill()


@cache
def _own_mark() -> str:
    """This process's own: launchers may keep what they started from one block to the next."""
    return uuid4().hex
