"""What a method may have changed for its whole process, so that a run after it in the same process would not be what it is.

A method is told to keep no global state, and most do. One that sets how numpy treats overflow, puts a function of its own in the
place of a library's, or goes to another folder is found out by looking before and after its run. What libraries do when they are
first loaded (new names, environment variables, filters of warnings) does not count.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_OURS = ("dpdsyn", "baselines", "experiments")  # whose classes are looked into as well
_WATCHED = (  # packages and modules that runs rely on; others (`typing`, `inspect`) are changed by libraries that are loaded
    *_OURS,
    *("numpy", "pandas", "scipy", "sklearn", "pyarrow"),
    *("builtins", "hashlib", "json", "math", "os", "random", "secrets", "statistics", "time"),
)
_MOST = 5  # changes that are named


@dataclass(frozen=True)
class ProcessState:
    """settings: by what is said of them. code: functions and classes by module or class, then by name."""

    settings: dict[str, Any]
    code: dict[Any, dict[str, Any]]

    @classmethod
    def now(cls) -> ProcessState:
        return cls(dict(_settings()), {owner: _code_in(owner) for owner in _owners()})

    def changes(self) -> list[str]:
        """What is another now, in words; what was not there before does not count."""
        settings = dict(_settings())
        found = [words for words, value in self.settings.items() if settings.get(words, value) != value]
        for owner, before in self.code.items():
            now = vars(owner)
            found += [f"{owner.__name__}.{name}" for name, value in before.items() if name in now and now[name] is not value]
        others = len(found) - _MOST
        return found[:_MOST] + ([f"{others} more"] if others > 0 else [])


def _settings() -> Iterator[tuple[str, Any]]:
    yield "how numpy treats floating-point errors (np.seterr)", {**np.geterr(), "call": np.geterrcall()}
    yield "the folder that it works in (os.chdir)", str(Path.cwd())
    yield "how deep calls may go (sys.setrecursionlimit)", sys.getrecursionlimit()
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_default_dtype"):
        yield "what numbers torch makes (torch.set_default_dtype)", torch.get_default_dtype()


def _owners() -> Iterator[Any]:
    """Modules that are loaded and watched, and classes of ours and of tables."""
    for name, module in list(sys.modules.items()):
        if type(module) is not types.ModuleType or name.partition(".")[0] not in _WATCHED:
            continue
        yield module
        if name == "pandas":
            yield from (module.DataFrame, module.Series)
        if name.partition(".")[0] in _OURS:
            yield from {value for value in vars(module).values() if isinstance(value, type) and value.__module__ == name}


def _code_in(owner: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(owner).items() if callable(value)}
