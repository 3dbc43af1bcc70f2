"""What a fit leaves beside its result: what it tells, what it writes, and what classes, modules and the process keep of it."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import random
import sys
import tempfile
import traceback
import types
import warnings
from abc import ABC
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol

import numpy as np

from dpdsyn.checking.content import Content, content, of_class
from dpdsyn.synthesizer import Synthesizer

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
_OUTWARD = (
    *("socket.connect", "socket.sendto", "socket.sendmsg"),
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"),
)
_ON_DISK = ("os.mkdir", "os.rename", "os.link", "os.symlink", "os.truncate", "os.remove", "os.rmdir", "os.setxattr", "os.putenv")
_OF_PYTHON = ("builtins", "cached", "doc", "file", "loader", "name", "package", "path", "spec", "warningregistry", "annotations")


@dataclass
class Told:
    """Everything that was told while something was watched.

    reported: lines given to `report` by the method or one nested in it. printed: to either of the process's streams. warned,
    logged: with their kinds. raised: the exception that ended it, None if it came to an end by itself. left: files and folders
    that were written, processes that were started, connections made.
    """

    reported: list[str] = field(default_factory=list)
    printed: str = ""
    warned: list[str] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    raised: Exception | None = None
    left: list[str] = field(default_factory=list)

    def words(self) -> dict[str, Any]:
        """What is to be the same on every table."""
        raised = None if self.raised is None else "".join(traceback.format_exception_only(self.raised))
        return {"report": self.reported, "printed": self.printed, "warned": self.warned, "logged": self.logged, "raised": raised}


@contextlib.contextmanager
def watched() -> Iterator[Told]:
    """Note all that is told; an exception is noted too and goes no further.

    Files are seen as Python opens them (audit events, PEP 578); what compiled code opens by itself is not seen.
    """
    told, text = Told(), io.StringIO()
    tempfile.gettempdir()  # which tries, once in a process, whether it can be written to
    report, kept = Synthesizer.report, warnings.showwarning
    handler = _Listening(told.logged)
    _listen(told.left, sys._getframe(2))  # whose `with` it is
    logging.getLogger().addHandler(handler)
    Synthesizer.report = staticmethod(told.reported.append)
    try:
        with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                yield told
            except Exception as error:
                told.raised = error
    finally:
        Synthesizer.report = staticmethod(report)
        logging.getLogger().removeHandler(handler)
        _ears.pop()
        warnings.showwarning = kept
    told.printed = text.getvalue()
    told.warned = [f"{warning.category.__name__}: {warning.message}" for warning in caught]


class _Listening(logging.Handler):
    def __init__(self, heard: list[str]) -> None:
        super().__init__()
        self.heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(f"{record.name} {record.levelname}: {record.getMessage()}")


_ears: list[tuple[list[str], types.FrameType]] = []
_hooked: list[bool] = []


def _listen(left: list[str], frame: types.FrameType) -> None:
    if not _hooked:  # an audit hook stays as long as the process
        sys.addaudithook(_hear)
        _hooked.append(True)
    _ears.append((left, frame))


def _hear(event: str, given: tuple[Any, ...]) -> None:
    if not _ears or not (event == "open" or event in _OUTWARD or event in _ON_DISK) or _importing():
        return
    if event == "open":
        path, mode, flags = given
        writes = any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool((flags or 0) & _WRITING)
        if writes and str(path) != os.devnull:
            _ears[-1][0].append(f"wrote {path}")
    else:
        _ears[-1][0].append(f"called {event}{given!r:.100}")


def _importing() -> bool:
    """Whether a module is being imported: what libraries then write, compiled code and folders for it, tells of no row."""
    frame: types.FrameType | None = sys._getframe(2)
    while frame is not None and frame is not _ears[-1][1]:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def kept_outside(method: object) -> dict[str, Any]:
    """What lies about outside a method or learner, by name: attributes of its classes and of all modules of their packages, ours
    too; global generators of random numbers; variables of the environment.

    Of modules, what they hold themselves: names of others' functions and classes, not what is in these.
    """
    kinds = [kind for kind in type(method).__mro__ if kind not in (object, ABC, Generic, Protocol)]
    packages = {kind.__module__.partition(".")[0] for kind in kinds} | {"dpdsyn"}
    found: dict[str, Any] = {}
    for name, module in list(sys.modules.items()):  # in the order of their import: what is imported later comes last
        if module is not None and name.partition(".")[0] in packages and name != __name__:
            found |= _of_module(name, module)
    for kind in kinds:
        found |= {f"{kind.__module__}.{kind.__qualname__}{step}": part for step, part in of_class(kind)}
    found |= {"os.environ": dict(os.environ), "random": random.getstate(), "numpy.random": np.random.get_state()}  # noqa: NPY002
    if (torch := sys.modules.get("torch")) is not None:
        found["torch"] = torch.get_rng_state()
    return found


def _of_module(name: str, module: types.ModuleType) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for own, value in list(vars(module).items()):
        if own in {f"__{name}__" for name in _OF_PYTHON}:
            continue
        elsewhere = getattr(value, "__module__", None) != name
        if isinstance(value, types.ModuleType) or (elsewhere and isinstance(value, type | types.FunctionType)):
            found[f"{name}.{own}"] = f"{getattr(value, '__module__', '')} {value.__name__}"
        elif isinstance(value, type):
            found |= {f"{name}.{own}{step}": part for step, part in of_class(value)}
        else:
            found[f"{name}.{own}"] = value
    return found


def outside(method: object) -> Content:
    """The content of `kept_outside`, to be compared."""
    return content(kept_outside(method))


def left_behind(before: Content, after: Content) -> str | None:
    """What a fit has changed outside, if anything. Modules that it imported and caches of functools may grow.

    Not the environment, which imports change too: `Told.left` names what the fit itself sets there.
    """
    known = {way.partition(".")[0] for way in before.leaves} | {way.rpartition(".")[0] for way in before.leaves}
    old, new = (
        Content({way: leaf for way, leaf in found.leaves.items() if way.rpartition(".")[0] in known and _lasts(way, leaf)})
        for found in (before, after)
    )
    return old.difference(new)


def _lasts(way: str, leaf: object) -> bool:
    return not way.startswith("os.environ") and ".cached" not in way and not (isinstance(leaf, str) and ".cached" in leaf)
