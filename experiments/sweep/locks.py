"""Locks: who is at work on what. A lock is a lock on a file, which the kernel takes back when its holder dies.

So no clock is involved and nothing has to be cleaned up after a crash: a file that was left behind is not a lock.
On a shared file system locks reach as far as that file system carries them (NFS 4, Lustre mounted with `flock`).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from experiments.records.store import StoreError

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)


class Lock:
    """A file held locked by this process. shared: others may hold it too, as long as all of them share."""

    def __init__(self, path: Path, shared: bool = False) -> None:
        self.path = path
        self._mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        self._descriptor: int | None = None

    def take(self, wait: bool = False) -> bool:
        """Whether it could be had; with `wait` it can. Raises StoreError if the folder cannot be written."""
        while self._descriptor is None:
            try:
                descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            except OSError as error:
                raise StoreError(f"cannot write {self.path} ({error.strerror})") from error
            try:
                fcntl.flock(descriptor, self._mode | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                os.close(descriptor)
                return False
            except OSError as error:
                if error.errno not in _NO_LOCKS:  # without locks two sweeps may do the same work, and records stay whole
                    os.close(descriptor)
                    raise StoreError(f"cannot lock {self.path} ({error.strerror})") from error
            if _is_at(descriptor, self.path):
                self._descriptor = descriptor
            else:  # its last holder deleted the file between our opening and our locking it
                os.close(descriptor)
        return True

    def note(self, text: str) -> None:
        """Replace what stands in the file. Raises StoreError if it cannot be written."""
        assert self._descriptor is not None
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, text.encode(), 0)
        except OSError as error:
            raise StoreError(f"cannot write {self.path} ({error.strerror})") from error

    def text(self) -> str:
        """What stands in the file."""
        assert self._descriptor is not None
        return os.pread(self._descriptor, 1 << 16, 0).decode(errors="replace")

    def release(self, delete: bool = True) -> None:
        if self._descriptor is not None:
            if delete:
                self.path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


_TRY = "import fcntl, sys; fcntl.flock(open(sys.argv[1], 'rb'), fcntl.LOCK_EX | fcntl.LOCK_NB)"


def exclude(folder: Path) -> bool:
    """Whether a lock on a file of this folder keeps another process out: on some network file systems every lock is granted.

    Of other machines this says nothing: there a file system may grant what it refuses here. Raises StoreError if the folder
    cannot be written.
    """
    lock = Lock(folder / f".lock-{socket.gethostname()}-{os.getpid()}")
    lock.take()
    try:
        other = subprocess.run([sys.executable, "-S", "-c", _TRY, str(lock.path)], capture_output=True, check=False)
        return other.returncode != 0 and b"BlockingIOError" in other.stderr
    finally:
        lock.release()


class RunLock:
    """The lock of one run, whose file tells whoever asks who is at work on it and how far."""

    def __init__(self, lock: Lock, about: Mapping[str, Any]) -> None:
        self._lock = lock
        self._about = {**about, "host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}
        self.note_phase("starting")

    def note_phase(self, phase: str) -> None:
        self._lock.note(json.dumps({**self._about, "phase": phase}))


@contextlib.contextmanager
def locked(folder: Path, run_id: str, about: Mapping[str, Any]) -> Iterator[RunLock | None]:
    """The lock of a run while the block runs, or None if somebody else has it. Raises StoreError for a full or closed disk."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot write to {folder} ({error.strerror})") from error
    lock = Lock(folder / run_id)
    if not lock.take():
        yield None
        return
    try:
        yield RunLock(lock, about)
    finally:
        lock.release()


def held(folder: Path) -> dict[str, dict[str, Any]]:
    """The runs that somebody is at work on now, each with what its lock says."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*")) if folder.is_dir() else ():
        try:
            with path.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    found[path.name] = _parsed(file.read())
        except OSError:  # gone in the meantime, or a file system without locks
            continue
    return found


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        about = json.loads(content)
    except ValueError:  # being written at this moment
        return {}
    return about if isinstance(about, dict) else {}
