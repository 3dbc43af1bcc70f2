"""Where a command was typed: the folder that its `--config-dir`, its files and modules of one's own are looked for from."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import invalidate_caches
from itertools import pairwise
from pathlib import Path
from types import ModuleType

from dpdsyn.base.checks import InputError
from experiments import sources
from experiments.configuration import options
from experiments.paths import results_dir, see_own_modules
from experiments.sweep.overrides import MULTIRUN, split
from experiments.sweep.plan import Plan

CONFIG_DIR = ("--config-dir", "-cd")
_KEPT, _INSTALLED = ("dpdsyn", "baselines", "experiments", "__main__"), {"site-packages", "dist-packages"}
_FOLDERS = ("DPDSYN_DATA", "XDG_CACHE_HOME")  # in the environment, beside the results folder


def config_words(arguments: Sequence[str]) -> list[str]:
    """The words that name a folder of configuration, flag and all."""
    pairs = [pair for pair in pairwise(arguments) if pair[0] in CONFIG_DIR]
    joined = [word for word in arguments if word.startswith(tuple(f"{flag}=" for flag in CONFIG_DIR))]
    return [word for pair in pairs for word in pair] + joined


def only_flags(arguments: Sequence[str]) -> bool:
    """Whether no run is named, so that what the results folder knows is meant, if a folder of configuration is, that one's."""
    return set(arguments) <= {*MULTIRUN, *config_words(arguments)}


def chosen(plans: Iterable[Plan], arguments: Sequence[str], results: Path) -> list[Plan]:
    """Those whose command has the folder of configuration that these arguments, flags alone, name; all if they name none.

    Raises InputError if there is no such folder, or no such plan.
    """
    given = split(arguments).config_dir
    if given is None:
        return list(plans)
    folder = _from(Path.cwd(), given)
    options("dataset", folder)  # refuses a folder that there is not
    found = [plan for plan in plans if _config_folder(plan) == folder]
    if not found:
        raise InputError(f"no command with --config-dir {folder} is known in {results}; without it all are meant")
    return found


def _config_folder(plan: Plan) -> Path | None:
    words = config_words(plan.arguments)
    return _from(Path(plan.folder or Path.cwd()), words[-1].removeprefix("--config-dir=").removeprefix("-cd=")) if words else None


def _from(folder: Path, name: str) -> Path:
    return Path(os.path.normpath(folder / name))


def hangs_on_folder(plan: Plan) -> bool:
    """Whether other runs, or none, could be meant elsewhere: of own configuration, rows or code, which no fingerprint covers."""
    return bool(config_words(plan.arguments)) or not plan.fingerprint


@contextmanager
def typed_there(plan: Plan) -> Iterator[None]:
    """Be in the folder where the plan's command was typed, its modules found and no others, if it hangs on that.

    Raises InputError if that folder is gone. Results and data stay those of the folder that one comes from.
    """
    if not plan.folder or not hangs_on_folder(plan) or Path(plan.folder) == Path.cwd():
        yield
        return
    if not Path(plan.folder).is_dir():
        raise InputError(f"it was typed in {plan.folder}, which is not here; where its files are now, type: {_retry(plan)}")
    os.environ["DPDSYN_RESULTS"] = str(results_dir())
    for name in _FOLDERS:
        if os.environ.get(name):
            os.environ[name] = str(Path(os.environ[name]).absolute())
    here, path = Path.cwd(), list(sys.path)
    os.chdir(plan.folder)
    aside = _take_away(here)
    try:
        see_own_modules()
        yield
    finally:
        os.chdir(here)
        sys.path[:] = path
        _take_away(Path(plan.folder))
        sys.modules.update(aside)


def _take_away(folder: Path) -> dict[str, ModuleType]:
    """A person's own modules of a folder, which are not known afterwards: another folder may have others of these names."""
    found = {name: module for name, module in sys.modules.items() if _lies_in(folder, name, module)}
    for name in found:
        del sys.modules[name]
    invalidate_caches()
    sources.forget()
    return found


def _lies_in(folder: Path, name: str, module: ModuleType) -> bool:
    file = Path(str(getattr(module, "__file__", None) or "/"))
    return file.is_relative_to(folder) and name.partition(".")[0] not in _KEPT and not _INSTALLED & set(file.parts)


def typed(plan: Plan, words: Sequence[str]) -> str:
    """The words as a person would type them here, with the way to the folder that they hang on, if that is another one."""
    command = shlex.join(words)
    if not plan.folder or not hangs_on_folder(plan) or Path(plan.folder) == Path.cwd():
        return command
    kept = [("DPDSYN_RESULTS", results_dir())] if Path(plan.folder, "results") != results_dir() else []
    data = os.environ.get("DPDSYN_DATA")
    kept += [("DPDSYN_DATA", Path(data).absolute())] if data else []
    told = "".join(f"{name}={shlex.quote(str(place))} " for name, place in kept)
    return f"cd {shlex.quote(plan.folder)} && {told}{command}"


def where_typed(plan: Plan) -> str:
    """What to say of a command that cannot be read here, if it may be of an earlier version, which did not keep its folder."""
    if plan.folder or not hangs_on_folder(plan):
        return ""
    return f"; go to the folder where it was typed, which an earlier version did not keep, and type there: {_retry(plan)}"


def _retry(plan: Plan) -> str:
    return shlex.join(["dpdsyn", "retry", *plan.arguments])
