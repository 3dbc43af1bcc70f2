"""The class of a torch module by its name, and the name of a class, under which a saved guide finds it again."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from dpdsyn.base.checks import InputError

_NEEDED = ("torch", "opacus")


def load_module(given: str | Callable[..., Any]) -> Callable[..., Any]:
    """What makes the module: the class named "module:Class" or "module.Class", or what is given itself, a class or a function.

    A name can stand in a file that somebody sent, so it names a class of torch modules and nothing else that could be called.
    Raises InputError if there is no such class, or if torch or Opacus is missing.
    """
    for needed in _NEEDED:
        try:
            import_module(needed)
        except ModuleNotFoundError as error:
            raise InputError(f"a guide of a torch module needs {needed}: pip install 'dpdsyn[torch]' ({error})") from error
    from torch import nn

    found = _named(given) if isinstance(given, str) else given
    if isinstance(found, type) and issubclass(found, nn.Module):
        return found
    if isinstance(given, str) or isinstance(found, type | nn.Module) or not callable(found):
        raise InputError(f"guide module {given!r} is no class of torch.nn.Module")
    return found


def module_name(given: str | Callable[..., Any]) -> str:
    """The name under which `load_module` finds it again, to be saved. Raises InputError for what has none."""
    if isinstance(given, str):
        return given
    name = f"{getattr(given, '__module__', None)}:{getattr(given, '__qualname__', None)}"
    try:
        same = load_module(name) is given
    except InputError:
        same = False
    if not same:
        raise InputError(f"guide module {name} cannot be found again by its name; define it as a class in a module of its own")
    return name


def _named(name: str) -> Any:
    place, _, own = name.replace(":", ".").rpartition(".")
    try:
        found = getattr(import_module(place), own, None) if place else None
    except Exception as error:  # whatever a person's own file does when it is imported
        raise InputError(f"guide module {name!r} cannot be imported ({type(error).__name__}: {error})") from error
    if found is None:
        raise InputError(f"guide module {name!r} is not there; give MODULE:CLASS of an importable module")
    return found
