"""Where Hydra looks for configuration files: in a folder of a person's own first, then among ours.

Hydra itself has the folder of `--config-dir` after the program's, so that a copy of a shipped file in it counts for nothing.
Here it comes first: the nearer file counts in every group, as it does for experiments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from experiments.configuration import config_dir, read_option
from experiments.sweep.overrides import UsageError

_AXES = ("dataset", "synthesizer", "privacy", "encoding", "evaluation", "compute", "audit", "seed")
_OF_EXPERIMENTS = ("methods", "experiments", "each")  # which an experiment's file may have beside the axes
_READ_BY_NAME = ("privacy", "compute", "audit")  # axes of which no class reads all keys: those of our own files are all there are


@contextmanager
def hydra_with(extra: Path | None, job_name: str = "app") -> Iterator[Any]:
    """Hydra, set up on both folders."""
    from hydra import initialize_config_dir
    from hydra._internal.config_repository import ConfigRepository
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.plugins import Plugins

    Plugins.instance()
    with initialize_config_dir(str(config_dir()), job_name=job_name, version_base="1.3"):
        hydra: Any = GlobalHydra.instance().hydra
        if extra:
            loader = hydra.config_loader
            loader.config_search_path.prepend("a folder of one's own", f"file://{extra}", "main")
            loader.repository = ConfigRepository(loader.config_search_path)
        yield hydra


@contextmanager
def composer(extra: Path | None) -> Iterator[Any]:
    """A function that composes the configuration of a list of overrides."""
    from hydra import compose

    with hydra_with(extra):
        yield lambda overrides: compose("config", list(overrides))


def refuse_unknown(config: Mapping[str, Any], overrides: list[str]) -> None:
    """Raise UsageError, with the keys that there are, for one that nothing reads, wherever it comes from."""
    typed = {text.partition("=")[0].lstrip("+"): text for text in overrides if text.startswith("+")}
    added = {key.partition(".")[0]: text for key, text in typed.items()}
    for key in config:
        if key not in _AXES and (key not in _OF_EXPERIMENTS or key in added):
            raise UsageError(f"{added.get(key, key)}: there is no key {key}, so it would do nothing; accepted: {accepted()}")
    for axis in _READ_BY_NAME:
        for key in config[axis] if isinstance(config.get(axis), Mapping) else ():
            if key not in (known := _keys(axis)):
                told = typed.get(f"{axis}.{key}", f"{axis}.{key}")
                raise UsageError(f"{told}: {axis} has no key {key}; accepted: {', '.join(known)}")


def plain_words(error: Exception) -> str:
    """What Hydra says of an override, in a line; of a key that nothing reads, which keys there are in place of its own advice."""
    text = " ".join(str(error).split()).partition(" Config search path")[0]
    absent = re.match(r"In '[^']*': Could not find '((?!hydra/)[^']+)/([^'/]+)'", text)
    if absent:
        return f"no {absent[1]} is called {absent[2]!r} among our files; a folder of one's own is given as --config-dir"
    found = re.match(r"Could not override '([^'.]+)[^']*'", text)
    return f"there is no key {found[1]}; accepted: {accepted()}" if found and found[1] not in _AXES else text


@cache
def _keys(axis: str) -> tuple[str, ...]:
    return tuple(read_option(axis, "default"))


def accepted() -> str:
    """The keys of a run, in a line."""
    return f"{', '.join(_AXES)}, and what these have (dpdsyn run --cfg job dataset=NAME synthesizer=NAME)"
