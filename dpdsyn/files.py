"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FileError(RuntimeError):
    """A file cannot be written or read; the message names it and says why."""


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the place of `path` when the block ends well, and is gone if it does not.

    What was written is on the disk before the name changes, so a reader sees the old file or the new one, whenever the writer
    is killed. Raises FileError if the folder or the disk refuses.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise FileError(f"cannot write {path} ({error.strerror or error}); nothing was left half written") from error
    finally:
        partial.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write the content, whole or not at all. Raises FileError."""
    with whole(path) as partial:
        partial.write_bytes(content)
