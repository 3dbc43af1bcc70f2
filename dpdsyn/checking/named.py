"""Functions, code, classes and modules: which of them a name tells all of, and what the others hold."""

from __future__ import annotations

import logging
import sys
import types
from collections.abc import Iterator
from typing import Any

from dpdsyn.checking.arrays import Attributes, Opened
from dpdsyn.checking.leaves import parts_of_code

_OF_EVERY_CLASS = (
    "__dict__",
    "__weakref__",
    "__module__",
    "__qualname__",
    "__firstlineno__",
    "__slotnames__",
)
_OF_FUNCTIONS = ("__defaults__", "__kwdefaults__", "__name__", "__doc__")
_COMPILED = (
    *(types.MemberDescriptorType, types.GetSetDescriptorType, types.MethodDescriptorType),
    *(types.WrapperDescriptorType, types.ClassMethodDescriptorType),
)
_CHANGEABLE, _SEALED = 1 << 9, 1 << 8  # flags of classes: made at run time, and that nobody can change (Include/object.h)
_OF_LOGGING = ("parent", "manager", "_cache")


def is_known(value: types.ModuleType | type) -> bool:
    """Whether the interpreter has a module, or the module of a class has it, by that very name: then the name tells all.

    So it does of a class that nobody can change.
    """
    if isinstance(value, types.ModuleType):
        return sys.modules.get(value.__name__) is value
    if value.__flags__ & _SEALED or not value.__flags__ & _CHANGEABLE:
        return True
    found: Any = sys.modules.get(value.__module__)
    for name in value.__qualname__.split("."):
        found = getattr(found, "__dict__", {}).get(name)
    return found is value


def of_module(value: types.ModuleType) -> Opened:
    return f"module {value.__name__}", () if is_known(value) else (
        (f".{name}", part) for name, part in _apart(vars(value)).items()
    )


def of_logger(value: logging.Logger) -> Opened:
    """Its name, and what was set of it; what listens to all loggers belongs to the process."""
    beside = (*_OF_LOGGING, "handlers") if isinstance(value, logging.RootLogger) else _OF_LOGGING
    return f"logger {value.name}", ((f".{name}", part) for name, part in vars(value).items() if name not in beside)


def of_type(value: type) -> Opened:
    """A class that nobody finds by its name may hold anything."""
    name = f"class {value.__module__}.{value.__qualname__}"
    return name, () if is_known(value) else ((".__bases__", value.__bases__), *of_class(value))


def of_class(kind: type) -> Iterator[tuple[str, Any]]:
    """Attributes of a class itself."""
    for name, part in vars(kind).items():
        if name in _OF_EVERY_CLASS or name.startswith("_abc_") or isinstance(part, _COMPILED):
            continue
        if name != "__annotations__" or part:  # empty ones are made when somebody asks for them
            yield f".{name}", part


def of_function(value: Any, attributes: Attributes) -> Opened:
    name = f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}"
    if isinstance(value, types.MethodType):
        return name, ((".__func__", value.__func__), (".__self__", value.__self__))
    if isinstance(value, types.BuiltinMethodType):
        own = value.__self__
        return name, () if own is None or isinstance(own, types.ModuleType | type) else ((".__self__", own),)
    cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
    inner = [(".__code__", value.__code__)]
    inner += [(f".{own}", part) for own in _OF_FUNCTIONS if (part := getattr(value, own)) is not None]
    if annotations := value.__annotations__:
        inner.append((".__annotations__", annotations))
    inner += [found for free, cell in cells for found in of_cell(f".<{free}>", cell)]
    around = value.__globals__
    if getattr(sys.modules.get(around.get("__name__", "")), "__dict__", None) is not around:
        inner.append((".__globals__", _apart(around)))
    return name, (*inner, *attributes(value))


def of_code(value: types.CodeType) -> Opened:
    return parts_of_code(value), ((".co_consts", value.co_consts),)


def of_cell(step: str, cell: types.CellType) -> Iterator[tuple[str, Any]]:
    try:
        yield step, cell.cell_contents
    except ValueError:  # nothing has been bound to it yet
        yield step, None


def variables(frame: types.FrameType) -> Iterator[tuple[str, Any]]:
    """Those of a call; a module's are told by its name."""
    if frame.f_locals is not frame.f_globals:
        yield from ((f".<{name}>", part) for name, part in frame.f_locals.items())


def _apart(variables: dict[str, Any]) -> dict[str, Any]:
    """Those of a module without what every module has."""
    return {name: part for name, part in variables.items() if name not in ("__builtins__", "__loader__", "__spec__")}
