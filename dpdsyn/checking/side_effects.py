"""What a fit leaves beside its result: what it tells, what it writes, and what classes, modules and the process keep of it."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import stat
import sys
import tempfile
import threading
import traceback
import types
import warnings
import weakref
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from dpdsyn.synthesizer import Synthesizer

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
_ACTIONS = ("os", "shutil", "socket", "sqlite3", "subprocess", "syslog")  # modules whose audit events are of what is done
_HARMLESS = (
    *("os.listdir", "os.scandir", "os.walk", "os.fwalk", "os.getxattr", "os.listxattr"),
    *("socket.__new__", "socket.gethostname", "sqlite3.connect/handle"),
)
_OF_PROCESS, _OF_THREADS = Path("/proc/self/io"), Path("/proc/self/task")  # how much was written, where the system tells
_TRIES = 9  # to read both while nothing changes


@dataclass
class Told:
    """Everything that was told while something was watched.

    reported: lines given to `report` by the method or one nested in it. printed: to either of the process's streams, by Python or
    past it. warned, logged: with their kinds. raised: the exception or exit that ended it, None if it came to an end by itself.
    later: what is to be called once something is gone, but for what imported modules do of their own. left: files and folders
    that were written, processes and threads that were started, connections made. imported: whether a module was imported that
    wrote something, as compiled code. loggers: those that were told anything.
    """

    reported: list[str] = field(default_factory=list)
    printed: str = ""
    warned: list[str] = field(default_factory=list)
    warned_at: list[tuple[str, int]] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    raised: Exception | SystemExit | None = None
    later: list[Any] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    imported: bool = False
    loggers: set[str] = field(default_factory=set)

    def words(self) -> dict[str, Any]:
        """What is to be the same on every table."""
        raised = None if self.raised is None else "".join(traceback.format_exception_only(self.raised))
        words: dict[str, Any] = {"report": self.reported, "printed": self.printed, "warned": self.warned, "logged": self.logged}
        words |= {"warned at": self.warned_at, "raised": raised, "raised from": [*_errors(self.raised)], "later": self.later}
        return words


def _errors(raised: BaseException | None) -> Iterator[dict[str, Any]]:
    """An exception and those that it came from: all that they hold but the variables of the frames that they came through."""
    waiting, seen = [raised], list[BaseException]()
    while waiting:
        error = waiting.pop()
        if error is None or any(error is one for one in seen):
            continue
        seen.append(error)
        lines = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
        yield {"kind": type(error).__qualname__, "args": error.args, "beside": vars(error), "lines": lines}
        waiting += [error.__cause__, error.__context__]


@contextlib.contextmanager
def watched() -> Iterator[Told]:
    """Note all that is told; an exception, or an exit, is noted too and goes no further.

    Files are seen as Python opens them (audit events, PEP 578); of compiled code only whether it writes to a disk. What other
    threads do that Python had before is not what is watched.
    """
    told, text = Told(), io.StringIO()
    tempfile.gettempdir()  # which tries, once in a process, whether it can be written to
    report, kept, level = Synthesizer.report, warnings.showwarning, logging.root.level
    threads, finalizers, modules = set(threading.enumerate()), set(_finalizers()), set(sys.modules)
    handler = _Listening(told, level)
    others = {thread.native_id for thread in threads if thread.native_id is not None} - {threading.get_native_id()}
    with _past_python(told, others):
        _listen(told, sys._getframe(2), others)  # whose `with` it is
        logging.root.addHandler(handler)
        logging.root.setLevel(1)
        Synthesizer.report = staticmethod(told.reported.append)
        try:
            with (
                contextlib.redirect_stdout(text),
                contextlib.redirect_stderr(text),
                warnings.catch_warnings(record=True) as caught,
            ):
                warnings.simplefilter("always")
                try:
                    yield told
                except (Exception, SystemExit) as error:
                    told.raised = error
        finally:
            Synthesizer.report = staticmethod(report)
            logging.root.setLevel(level)
            logging.root.removeHandler(handler)
            _ears.pop()
            warnings.showwarning = kept
    told.printed = text.getvalue() + told.printed
    told.warned = [f"{warning.category.__name__}: {warning.message}" for warning in caught]
    told.warned_at = [(warning.filename, warning.lineno) for warning in caught]
    later = [finalizer.peek() for finalizer in _finalizers() if finalizer not in finalizers]
    told.later = [
        found[1:] for found in later if found and getattr(found[1], "__module__", None) not in set(sys.modules) - modules
    ]
    told.left += [f"left a thread running, {thread.name}" for thread in threading.enumerate() if thread not in threads]


def _finalizers() -> list[weakref.finalize]:
    return [*weakref.finalize._registry]  # type: ignore[attr-defined]


@contextlib.contextmanager
def _past_python(told: Told, others: Collection[int]) -> Iterator[None]:
    """Note what goes to the process's streams without Python's own, and whether a disk is written to that no file tells of.

    others: threads that are not watched.
    """
    streams = [stream for stream in (sys.__stdout__, sys.__stderr__) if stream is not None]
    _listen(Told(), sys._getframe(), ())  # so that nobody else hears of this file
    on_disk = not hasattr(os, "memfd_create")
    with _file(on_disk) as file, contextlib.ExitStack() as back:
        _ears.pop()
        for stream in streams:
            stream.flush()
        for number in (1, 2):
            with contextlib.suppress(OSError):  # one that is closed
                kept = os.dup(number)
                back.callback(os.close, kept)
                back.callback(os.dup2, kept, number)
                os.dup2(file.fileno(), number)
        before = _written(others)
        yield
        for stream in streams:
            stream.flush()
        after, size = _written(others), os.fstat(file.fileno()).st_size
        explained = told.left or told.imported or _logs_to_a_file(told.loggers) or (size and on_disk)
        if before is not None and after is not None and after > before and not explained:
            told.left.append("wrote to a disk past Python")
        file.seek(0)
        told.printed = file.read().decode(errors="backslashreplace")


def _file(on_disk: bool) -> IO[bytes]:
    """An empty file without a name; one in memory is in no disk's count of what was written."""
    return tempfile.TemporaryFile() if on_disk else os.fdopen(os.memfd_create("streams"), "w+b")


def _written(others: Collection[int] = ()) -> int | None:
    """How many bytes of disks this process has changed, these threads apart.

    None where nobody knows, where one of the threads is gone, and where they write too fast to be told apart.
    """
    with contextlib.suppress(OSError):
        for _ in range(_TRIES):
            before, total, after = _of_threads(others), _bytes(_OF_PROCESS), _of_threads(others)
            if before == after:
                return total - after
    return None


def _of_threads(numbers: Collection[int]) -> int:
    return sum(_bytes(_OF_THREADS / str(number) / "io") for number in numbers)


def _bytes(counted: Path) -> int:
    return next(int(line.split()[1]) for line in counted.read_text().splitlines() if line.startswith("write_bytes"))


def _logs_to_a_file(names: Collection[str]) -> bool:
    """Whether what one of these loggers is told reaches a file, by its own handlers or those of loggers above it."""
    for name in names:
        logger: logging.Logger | None = logging.getLogger(name)
        while logger is not None:
            if any(map(_is_of_a_file, logger.handlers)):
                return True
            logger = logger.parent if logger.propagate else None
    return False


def _is_of_a_file(handler: logging.Handler) -> bool:
    if isinstance(handler, logging.FileHandler):  # which may wait for its first line before it makes the file
        return not Path(handler.baseFilename).exists() or Path(handler.baseFilename).is_file()
    with contextlib.suppress(AttributeError, OSError, ValueError):  # no stream, one that is no file's, or one that was closed
        number = handler.stream.fileno()  # type: ignore[attr-defined]
        return number not in (1, 2) and stat.S_ISREG(os.fstat(number).st_mode)
    return False


class _Listening(logging.Handler):
    """Hears all that is logged, but what libraries would only say to those who ask for more than is usual."""

    def __init__(self, told: Told, level: int) -> None:
        super().__init__()
        self.told, self.usual = told, level

    def emit(self, record: logging.LogRecord) -> None:
        self.told.loggers.add(record.name)
        if record.levelno >= self.usual or "site-packages" not in record.pathname:
            more = {name: part for name, part in vars(record).items() if name not in _OF_EVERY_RECORD}
            self.told.logged.append(f"{record.name} {record.levelname}: {record.getMessage()}{f' {more}' if more else ''}")


_OF_EVERY_RECORD = {*vars(logging.makeLogRecord({})), "message", "asctime"}
_ears: list[tuple[Told, types.FrameType, Collection[int]]] = []
_hooked: list[bool] = []


def _listen(told: Told, frame: types.FrameType, others: Collection[int]) -> None:
    """others: threads whose doing is no matter."""
    if not _hooked:  # an audit hook stays as long as the process
        sys.addaudithook(_hear)
        _hooked.append(True)
    _ears.append((told, frame, others))


def _hear(event: str, given: tuple[Any, ...]) -> None:
    if not _ears or event in _HARMLESS or not (event == "open" or event.partition(".")[0] in _ACTIONS):
        return
    done = f"called {event}{given!r:.100}"
    if event == "open":
        path, mode, flags = given
        writes = any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool((flags or 0) & _WRITING)
        if not writes or str(path) == os.devnull:
            return
        done = f"wrote {path}"
    number = threading.get_native_id()
    told, frame = next(((told, frame) for told, frame, others in reversed(_ears) if number not in others), (None, None))
    if told is None:
        return
    if _importing(frame):
        told.imported = True
    else:
        told.left.append(done)


def _importing(outermost: types.FrameType | None) -> bool:
    """Whether a module is being imported: what libraries then write, compiled code and folders for it, tells of no row."""
    frame: types.FrameType | None = sys._getframe(2)
    while frame is not None and frame is not outermost:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
