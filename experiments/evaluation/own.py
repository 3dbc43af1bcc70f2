"""A person's own metrics and models, as a configuration names them.

Either as text, `module:function` (or `module.function`), or with parameters: `{_target_: my.module.Model, depth: 3}`, to which
`name` may be added, under which records keep it; without one it is called as the function or class is.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

from dpdsyn.base.checks import InputError
from experiments.typed import suggestion

Given = str | Mapping[str, Any]
TARGET, NAME = "_target_", "name"  # keys of a mapping that are no parameters
OF_PLACE = ("seed", "random_state")  # parameters that a model is given, if it takes them


@dataclass(frozen=True)
class Named:
    """One of ours, or a person's own. target: as given. name: in records. parameters: of one's own, by their names."""

    target: str
    name: str
    parameters: Mapping[str, Any]
    ours: bool

    @classmethod
    def of(cls, given: Given, what: str, known: Mapping[str, Any]) -> Named:
        """Raises InputError for a mapping without a class or function. what: it is, for messages. known: ours, by name."""
        if isinstance(given, str):
            return cls(given, given if given in known else _last(given), {}, given in known)
        target, name = given.get(TARGET), given.get(NAME)
        if not isinstance(target, str) or not isinstance(name, str | None) or name == "":
            raise InputError(
                f"the {what} {dict(given)!r} names nothing; a name is needed, or {{{TARGET}: module.Class}} with parameters of "
                f"it, by their names, and `{NAME}` for what records are to call it"
            )
        if target in known:
            raise InputError(f"the {what} {target} is one of ours and takes no parameters; write {target}, or name a class")
        parameters = {str(key): value for key, value in given.items() if key not in (TARGET, NAME)}
        return cls(target, name or _last(target), parameters, False)

    def load(self, what: str, known: Mapping[str, Any]) -> Callable[..., Any]:
        """The function or class with its parameters. Raises InputError for one that there is not, or that does not take them."""
        found = _imported(self.target, what, known)
        if not self.parameters:
            return found
        try:
            inspect.signature(found).bind_partial(**self.parameters)
        except TypeError as error:
            accepted = ", ".join(inspect.signature(found).parameters) or "no parameters"
            raise InputError(f"the {what} {self.target}: {error}; it has {accepted}") from error
        except ValueError:  # of what has no signature; the call will tell
            pass
        return WithParameters(found, **self.parameters)


class WithParameters(partial[Any]):
    """A function or class with parameters, copied for each call, so that one which changes them changes no other's."""

    def __call__(self, /, *given: Any, **more: Any) -> Any:
        return super().__call__(*given, **{**copy.deepcopy(self.keywords), **more})


def named(given: Sequence[Given], what: str, known: Mapping[str, Any]) -> dict[str, Named]:
    """By the name in records, in the order given; the same given twice counts once.

    Raises InputError for names that are taken by ours, or that two have.
    """
    found: dict[str, Named] = {}
    for one in given:
        each = Named.of(one, what, known)
        if each.name in known and not each.ours:
            raise InputError(f"the {what} {each.target} is called like one of ours; give it another name than {', '.join(known)}")
        if found.get(each.name, each) != each:
            raise InputError(
                f"two {what}s are called {each.name}; records could not tell them apart. With `{NAME}` one can be called "
                f"otherwise: {{{NAME}: other, {TARGET}: {each.target}}}"
            )
        found[each.name] = each
    return found


def made(build: Callable[..., Any], seed: int) -> Any:
    """A model: called with the seed as `seed` or `random_state` if it takes either and was not given it, else with nothing."""
    given = build.keywords if isinstance(build, partial) else {}
    taken = [name for name in OF_PLACE if name in inspect.signature(build).parameters and not set(OF_PLACE) & set(given)]
    return build(**dict.fromkeys(taken[:1], seed))


def _last(target: str) -> str:
    return target.replace(":", ".").rpartition(".")[2]


def _imported(target: str, what: str, known: Mapping[str, Any]) -> Callable[..., Any]:
    module, _, function = target.replace(":", ".").rpartition(".")
    if not module:
        hint = suggestion(target, known)
        raise InputError(f"no {what} is called {target}{hint}; there are {', '.join(known)}, or module:function of your own")
    try:
        found = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"cannot load the {what} {target!r} ({error}); give module:function of an importable module") from error
    if not callable(found):
        raise InputError(f"the {what} {target!r} is {found!r}; a function or a class is needed")
    return found
