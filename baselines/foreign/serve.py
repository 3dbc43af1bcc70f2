"""The far end of `baselines.foreign.isolated`: fits and samples in the interpreter of a package's own environment.

It reads one JSON object a line from its standard input and answers each with one line on a descriptor of its own, so that
whatever the package prints goes into the log and nowhere else. Tables pass through one nameless file, as Parquet. Nothing
of this project is imported here, and nothing is written to the disk under a name.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import pandas as pd
import pyarrow.parquet  # noqa: F401 - so that no clock sees it load

Sample = Callable[[int, int], pd.DataFrame]  # rows wanted, seed -> encoded rows
Fit = Callable[..., Sample]  # encoded rows, sizes, epsilon, delta, seed, options


def main(adapter: str, method: str, table: int, answers: int) -> None:
    """Serve until the other side closes its end, which ends this process at once, whatever it is doing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the other side's business
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with os.fdopen(answers, "w", encoding="utf-8") as out, os.fdopen(table, "r+b", buffering=0) as file:
        try:
            session = _Session(_prepared(adapter, method), file)
            _say(out, ready=True, python=".".join(map(str, sys.version_info[:3])))
            for line in _lines():
                _say(out, seconds=session.answer(**json.loads(line)), peak_memory_mb=_peak_memory())
        except Exception as error:
            traceback.print_exc()
            text = f"{type(error).__name__}: {' '.join(str(error).split())}"
            _say(out, error=text, memory=isinstance(error, MemoryError))
            sys.exit(1)


class _Session:
    def __init__(self, fit: Fit, file: io.FileIO) -> None:
        self._fit = fit
        self._file = file
        self._sample: Sample | None = None

    def answer(self, do: str, **asked: Any) -> float:
        """Seconds that the package took; reading and writing the tables is not on this clock."""
        return self._fitted(**asked) if do == "fit" else self._sampled(**asked)

    def _fitted(self, **asked: Any) -> float:
        frame = self._take()
        start = time.perf_counter()
        self._sample = self._fit(frame, **asked)
        return time.perf_counter() - start

    def _sampled(self, rows: int, seed: int) -> float:
        assert self._sample is not None
        start = time.perf_counter()
        frame = self._sample(rows, seed)
        seconds = time.perf_counter() - start
        self._give(frame.astype("int64"))
        return seconds

    def _take(self) -> pd.DataFrame:
        self._file.seek(0)
        frame = pd.read_parquet(io.BytesIO(self._file.read()))
        self._file.truncate(0)
        return frame.astype("int64")

    def _give(self, frame: pd.DataFrame) -> None:
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False)
        self._file.truncate(0)
        self._file.seek(0)
        left = memoryview(buffer.getbuffer())
        while left:
            left = left[self._file.write(left) :]


def _prepared(adapter: str, method: str) -> Fit:
    """What the adapter's `prepare` gives, with all imports made."""
    spec = importlib.util.spec_from_file_location(f"adapter_{Path(adapter).stem}", adapter)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.prepare(method)


def _end_with_parent() -> None:
    poller = select.poll()
    poller.register(0, 0)  # hanging up is always reported
    poller.poll()
    os.kill(os.getpid(), signal.SIGKILL)


def _lines() -> Iterator[bytes]:
    """Lines of the standard input, read without holding a lock that the watching thread could need."""
    buffer = b""
    while chunk := os.read(0, 1 << 16):
        buffer += chunk
        while b"\n" in buffer:
            line, _, buffer = buffer.partition(b"\n")
            yield line


def _say(out: TextIO, **message: Any) -> None:
    out.write(json.dumps(message) + "\n")
    out.flush()


def _peak_memory() -> float | None:
    """The most resident memory of this process so far, libraries included, in MiB (Linux; None elsewhere)."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), None)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
