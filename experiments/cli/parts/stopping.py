"""What ends a command politely ends it as Ctrl-C does: what is half written is taken back, and what was spent is said."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

_POLITE = (signal.SIGTERM, signal.SIGHUP)  # `kill` and a terminal that is closed


@contextmanager
def as_interrupt() -> Iterator[None]:
    """Within the block these signals raise KeyboardInterrupt, those alone that end a process, so none that `nohup` keeps off."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _POLITE}
    ours = [number for number in _POLITE if before[number] == signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
