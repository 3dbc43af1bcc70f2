"""One download: with a bar on a terminal, and going on where an interrupted one stopped."""

from __future__ import annotations

import fcntl
import hashlib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

_TIMEOUT = 30  # seconds without a byte
_BLOCK = 1 << 16


def download(url: str, cache: Path) -> bytes:
    """What the address holds. An interrupted download leaves its part in the cache and is continued from there.

    A part is continued only if the server says that the file has not changed since. Raises OSError.
    """
    partial = cache / "partial" / hashlib.sha256(url.encode()).hexdigest()[:16]
    stamp = partial.with_suffix(".stamp")  # what the server called this version of the file
    partial.parent.mkdir(parents=True, exist_ok=True)
    with partial.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second command waits instead of writing into the same part
        return _complete(url, partial, stamp)


def _complete(url: str, partial: Path, stamp: Path) -> bytes:
    with _opened(url, partial, stamp) as answer:
        goes_on = getattr(answer, "status", None) == 206
        had = partial.stat().st_size if goes_on else 0
        stamp.write_text(answer.headers.get("ETag") or answer.headers.get("Last-Modified") or "", encoding="utf-8")
        left = answer.headers.get("Content-Length")
        total = had + int(left) if left else None
        with partial.open("ab" if goes_on else "wb") as file, _Bar(url, total, had) as bar:
            while block := answer.read(_BLOCK):
                file.write(block)
                bar(len(block))
    content = partial.read_bytes()
    if total is not None and len(content) < total:
        raise OSError(f"the connection broke after {len(content):,} of {total:,} bytes; the same command goes on from there")
    partial.unlink()
    stamp.unlink()
    return content


def _opened(url: str, partial: Path, stamp: Path) -> Any:
    version = stamp.read_text(encoding="utf-8") if partial.exists() and stamp.exists() else ""
    if version and partial.stat().st_size:
        asked = urllib.request.Request(url, headers={"Range": f"bytes={partial.stat().st_size}-", "If-Range": version})
        try:
            return urllib.request.urlopen(asked, timeout=_TIMEOUT)
        except urllib.error.HTTPError as error:
            if error.code != 416:  # the part is longer than the file: begin anew
                raise
    return urllib.request.urlopen(url, timeout=_TIMEOUT)


class _Bar:
    """A progress bar with the time left, on a terminal only; called with the number of bytes that came."""

    def __init__(self, url: str, total: int | None, had: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        columns = (TextColumn(url.rpartition("/")[2]), BarColumn(), DownloadColumn(), TextColumn("left"), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._progress.add_task("", total=total, completed=had)

    def __call__(self, count: int) -> None:
        self._progress.advance(self._task, count)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
