"""The near end of a package in another interpreter: a process that is started, asked, listened to, and never left behind.

The far end is `foreign/serve.py`. Rows and results pass through one nameless file: nobody else can open it, and the kernel takes
it back however the processes end. What the package prints goes to another such file, which is kept only if something fails.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import select
import signal
import subprocess
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

_PAUSE = 0.5  # seconds between two readings of what the package has printed
_LONGEST = 80  # characters of what it printed that are passed on
_SERVE = Path(__file__).with_name("serve.py")


class PackageFailed(RuntimeError):
    """What a package in its own interpreter did instead of answering."""


class OtherInterpreter:
    """One method of one package, in a process of its own that ends with `close`, with this object, or with this process.

    name: what messages call it. adapter: the file that calls the package. hear: gets the last line that the package has printed,
    whenever it is a new one. Waits until everything is imported; raises PackageFailed if that fails.
    """

    def __init__(self, name: str, python: Path, adapter: Path, method: str, hear: Callable[[str], None]) -> None:
        self._name = name
        self._hear = hear
        self._buffer = b""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._table = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        self._replies, theirs = os.pipe()
        arguments = [str(_SERVE), str(adapter), method, str(self._table.fileno()), str(theirs)]
        try:
            self._process = subprocess.Popen(
                [str(python), "-P", "-s", *arguments],
                stdin=subprocess.PIPE,
                stdout=self._log,
                stderr=self._log,
                pass_fds=(theirs, self._table.fileno()),
                env=_environment(),
            )
        except OSError as error:
            os.close(self._replies)
            raise PackageFailed(f"{name}: {python} cannot be started ({error.strerror})") from error
        finally:
            os.close(theirs)
        self.close = weakref.finalize(self, _end, self._process, self._replies, self._log, self._table)
        with self._closed_if_it_fails():
            self._reply()

    def fit(self, encoded: np.ndarray, **parameters: Any) -> dict[str, Any]:
        """Hand over encoded rows, shape (rows, columns), and have the method fitted; gives what was measured there."""
        with self._closed_if_it_fails():
            left = memoryview(_parquet(encoded))
            while left:
                left = left[self._table.write(left) :]
            return self._ask(do="fit", **parameters)

    def sample(self, rows: int, seed: int, columns: int) -> tuple[np.ndarray, dict[str, Any]]:
        """Synthetic rows, encoded, shape (rows, columns), int64, and what was measured there."""
        with self._closed_if_it_fails():
            self._hear = lambda line: None
            measured = self._ask(do="sample", rows=rows, seed=seed)
            self._table.seek(0)
            return self._encoded(self._table.read(), rows, columns), measured

    @contextlib.contextmanager
    def _closed_if_it_fails(self) -> Any:
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _ask(self, **message: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended, as the missing answer will say
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        return self._reply()

    def _reply(self) -> dict[str, Any]:
        """Its next answer, however long that takes."""
        said = ""
        while b"\n" not in self._buffer:
            if select.select([self._replies], [], [], _PAUSE)[0]:
                chunk = os.read(self._replies, 1 << 16)
                if not chunk:
                    raise self._failure(f"the process ended by {self._ending()}")
                self._buffer += chunk
            elif (last := self._last_line()) != said:
                said = last
                self._hear(last)
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or not answer.keys() & {"ready", "seconds", "error"}:
            raise self._failure(f"it answered {line[:_LONGEST]!r}, which is no answer")
        if "error" in answer:
            if answer.get("memory"):
                raise MemoryError(f"{self._name}: {answer['error']}")
            raise self._failure(answer["error"])
        return answer

    def _ending(self) -> str:
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "closing its end"
        if code >= 0:
            return f"itself with exit code {code}"
        number = signal.Signals(-code).name
        return number + (", as when the machine has run out of memory" if number == "SIGKILL" else "")

    def _failure(self, what: str) -> PackageFailed:
        """The reason, the last line that was printed, and where all of it is kept."""
        log, last = self._printed(), self._last_line()
        if not log:
            return PackageFailed(f"{self._name}: {what}")
        with tempfile.NamedTemporaryFile(prefix="dpdsyn-", suffix=".log", delete=False) as kept:
            kept.write(log)
        told = "" if last in what or what in last else f"; its last line: {last}"
        return PackageFailed(f"{self._name}: {what}{told}; all it printed: {kept.name}")

    def _printed(self) -> bytes:
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0)

    def _last_line(self) -> str:
        size = os.fstat(self._log.fileno()).st_size
        lines = os.pread(self._log.fileno(), 4096, max(0, size - 4096)).decode(errors="replace").split("\n")
        return next((" ".join(line.split())[:_LONGEST] for line in reversed(lines) if line.strip()), "")

    def _encoded(self, content: bytes, rows: int, columns: int) -> np.ndarray:
        import pandas as pd

        try:
            frame = pd.read_parquet(io.BytesIO(content))
            encoded = frame.to_numpy(dtype=np.int64)
        except Exception as error:  # whatever a file that is no Parquet, or none of integers, makes the reader do
            raise self._failure(f"its table cannot be read as Parquet ({' '.join(str(error).split())[:_LONGEST]})") from error
        if list(frame.columns) != _column_names(columns):
            raise self._failure(
                f"it gave the columns {', '.join(map(str, frame.columns))}; wanted are {', '.join(_column_names(columns))}"
            )
        if len(frame) != rows:
            raise self._failure(f"it gave {len(frame)} rows; {rows} were asked for")
        return encoded


def _column_names(columns: int) -> list[str]:
    """Columns are named by their position: no package can trip over a person's own names."""
    return [f"c{position}" for position in range(columns)]


def _parquet(encoded: np.ndarray) -> bytes:
    import pandas as pd

    buffer = io.BytesIO()
    pd.DataFrame(encoded, columns=_column_names(encoded.shape[1])).to_parquet(buffer, index=False)
    return buffer.getvalue()


def _environment() -> dict[str, str]:
    """Ours without what would make another interpreter see our modules; sets are iterated in the same order every time."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return {**kept, "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore"}


def _end(process: subprocess.Popen[bytes], replies: int, *files: Any) -> None:
    process.kill()
    process.wait()
    os.close(replies)
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    for file in files:
        file.close()
