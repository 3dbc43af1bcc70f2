"""What a worker process writes to its standard output and error, kept for the run that it is at work on."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

_MOST = 2**20  # bytes that are kept of what one run has written, its end


class Output:
    """A file without a name, readable by nobody else, that a worker writes to and that ends with it."""

    def __init__(self) -> None:
        descriptor, path = tempfile.mkstemp(prefix="dpdsyn-worker-")
        os.close(descriptor)
        self.descriptor = os.open(path, os.O_RDWR | os.O_APPEND)  # appending, so that a file made empty is not one with a hole
        Path(path).unlink()

    def begin(self) -> None:
        """A run begins: what was written before is none of its business."""
        os.ftruncate(self.descriptor, 0)

    @property
    def size(self) -> int:
        """Bytes written since."""
        return os.fstat(self.descriptor).st_size

    def text(self) -> str:
        """What has been written since, or its end if that is long; bytes that are no text are replaced."""
        left_out = max(0, self.size - _MOST)
        written = os.pread(self.descriptor, _MOST, left_out).decode(errors="replace")
        return (f"[the first {left_out:,} bytes are left out]\n" if left_out else "") + written

    def close(self) -> None:
        os.close(self.descriptor)
