"""What lies about outside a method or learner, where a fit could keep something: classes, modules, the process."""

from __future__ import annotations

import atexit
import contextvars
import gc
import logging
import os
import random
import signal
import sys
import types
import weakref
from abc import ABC
from pathlib import Path
from typing import Any, Generic, Protocol

import numpy as np

from dpdsyn.checking.content import CACHE, IN_CACHE, MET, Content, cached, content, plain
from dpdsyn.checking.named import of_class
from dpdsyn.checking.other_packages import MODULES, held_by_others, shown

_OF_PYTHON = ("builtins", "cached", "doc", "file", "loader", "name", "package", "path", "spec", "warningregistry", "annotations")
_ENVIRONMENT, _AT_EXIT, _CONTEXT, _SETTINGS = "(environment)", "(atexit)", "(context)", "(settings)"
_NOT_LASTING = (_ENVIRONMENT, _AT_EXIT, _CONTEXT, _SETTINGS, MODULES)  # none of which can be the name of a module
_PYTHONS, _INSTALLED = str(Path(os.__file__).parent), ("site-packages", "dist-packages")
_OURS = (__name__, f"{__package__}.other_packages", f"{__package__}.side_effects")  # which note what they look at
_NOTED = f"{__package__}.leaves._unchanging"  # as this does
_last_look: tuple[int, list[weakref.ref[Any]]] = 0, []  # references to the class of functools caches, and all of these


def _kept_outside(method: object, packages: set[str]) -> dict[str, Any]:
    """By name: attributes of the method's classes and of all modules of these packages; global generators of random numbers;
    variables of the environment and of the context; settings of the process.

    Of modules, what they hold themselves: names of others' functions and classes, not what is in these.
    """
    kinds = _kinds(method)
    found: dict[str, Any] = {}
    for name, module in list(sys.modules.items()):  # in the order of their import: what is imported later comes last
        if module is not None and name.partition(".")[0] in packages and name not in _OURS:
            found |= _of_module(name, module)
    found.pop(_NOTED, None)
    for kind in kinds:
        found |= {f"{kind.__module__}.{kind.__qualname__}{step}": part for step, part in of_class(kind)}
    found |= {_ENVIRONMENT: dict(os.environ), "random": random.getstate(), "numpy.random": np.random.get_state()}  # noqa: NPY002
    found |= {
        _AT_EXIT: atexit._ncallbacks(),
        _CONTEXT: {var.name: shown(part) for var, part in contextvars.copy_context().items()},
    }
    found[_SETTINGS] = _settings()
    if (torch := sys.modules.get("torch")) is not None:
        found["torch.random"] = torch.get_rng_state()
    return found


def _kinds(method: object) -> list[type]:
    return [kind for kind in type(method).__mro__ if kind not in (object, ABC, Generic, Protocol)]


def _packages(method: object) -> set[str]:
    """The packages and single modules that a method's classes are of, and those that lie in the folder of such a class's file.

    Of these not the program that runs, which tries methods and has variables of its own.
    """
    own = {kind.__module__.partition(".")[0] for kind in _kinds(method)}
    folders = {_folder(sys.modules[kind.__module__]) for kind in _kinds(method) if kind.__module__ in sys.modules} - {None}
    top = {name: module for name, module in list(sys.modules.items()) if "." not in name and name != "__main__"}
    return own | {name for name, module in top.items() if _folder(module, whole=True) in folders}


def _folder(module: types.ModuleType, whole: bool = False) -> str | None:
    """The folder of a module's file; whole: of a package the one that it lies in. None of what was installed, came with Python,
    or has no file.
    """
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or file.startswith(_PYTHONS) or any(part in file for part in _INSTALLED):
        return None
    return str(Path(file).parent.parent if whole and hasattr(module, "__path__") else Path(file).parent)


def forget_computed(method: object) -> None:
    """Empty the functools caches of a method's own packages, ours apart, that hold anything that can be changed.

    What the first fit of a process writes into such a thing would be the same in all later ones.
    """
    global _last_look
    own = _packages(method) - {"dpdsyn"}
    for cache in _of_changeable_things():
        if str(getattr(cache, "__module__", "")).partition(".")[0] in own:
            cache.cache_clear()
    _last_look = sys.getrefcount(CACHE), _last_look[1]  # what was cleared may have held a reference


def _of_changeable_things() -> list[Any]:
    """The functools caches of this process of which a result may be a thing that can be changed.

    Caches of limited size keep each result in a link that is one itself, so all of these are among them.
    """
    held = ((cache, [part for own in cached(cache) if type(own) is dict for part in own.values()]) for cache in _caches())
    return [cache for cache, results in held if not all(map(plain, results))]


def _caches() -> list[Any]:
    """All functools caches. Each refers to its class, so a look through all memory is only needed where that has a reference more
    or less than at the last look, or one that was found then is gone.
    """
    global _last_look
    count, known = _last_look
    caches = [cache for ref in known if (cache := ref()) is not None]
    if count != sys.getrefcount(CACHE) or len(caches) < len(known):
        caches = [part for part in gc.get_referrers(CACHE) if type(part) is CACHE]
        _last_look = sys.getrefcount(CACHE), [weakref.ref(cache) for cache in caches]
    return caches


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


def _settings() -> dict[str, Any]:
    """What is set of the process, where a number could be hidden."""
    found: dict[str, Any] = {"folder": str(Path.cwd()), "recursion": sys.getrecursionlimit(), "switch": sys.getswitchinterval()}
    found |= {"collector": gc.get_threshold(), "errors": np.geterr(), "printing": np.get_printoptions()}
    loggers = {name: logger for name, logger in logging.root.manager.loggerDict.items() if isinstance(logger, logging.Logger)}
    found["logging"] = {name: logger.level for name, logger in loggers.items() if logger.level}
    found["signals"] = {int(number): shown(signal.getsignal(number)) for number in signal.valid_signals()}
    if (torch := sys.modules.get("torch")) is not None:
        found["torch"] = (torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled())
    return found


def outside(method: object) -> Content:
    """What lies about outside, to be compared: `_kept_outside` of the packages of the method's classes, ours too, and of those
    beside them; of modules of other packages `held_by_others`.
    """
    packages = _packages(method) | {"dpdsyn"}
    found = content(_kept_outside(method, packages))
    found.leaves |= held_by_others(packages)
    return found


def left_behind(before: Content, after: Content) -> str | None:
    """What a fit has changed outside, if anything. Modules that it imported and caches of functools may grow.

    Not what imports change too, the environment among it: `Told.left` names what the fit itself sets there.
    """
    known = {way.partition(".")[0] for way in before.leaves} | {way.rpartition(".")[0] for way in before.leaves}
    old, new = (
        Content({way: leaf for way, leaf in found.leaves.items() if way.rpartition(".")[0] in known and _lasts(way, leaf)})
        for found in (before, after)
    )
    return old.difference(new)


def _lasts(way: str, leaf: object) -> bool:
    in_cache = IN_CACHE in way or (isinstance(leaf, str) and leaf.startswith(MET) and IN_CACHE in leaf)
    return not in_cache and not way.startswith(_NOT_LASTING)
