"""All that an object holds, piece by piece with the way to it, so that two objects can be compared bit for bit."""

from __future__ import annotations

import collections
import functools
import gc
import logging
import re
import struct
import threading
import types
import weakref
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.offsets import BaseOffset

from dpdsyn.checking.arrays import of_array, of_dtype, of_torch
from dpdsyn.checking.leaves import difference, digest, number, unchanging
from dpdsyn.checking.named import is_known, of_cell, of_code, of_function, of_logger, of_module, of_type, variables
from dpdsyn.learning.raw_table import RawTable
from dpdsyn.private_table import PrivateTable

_SELF_EVIDENT = (bool, int, str, bytes, type(None), type(Ellipsis), type(NotImplemented))
_EVIDENT = frozenset(map(id, _SELF_EVIDENT))  # of a class of others nobody knows whether it can be hashed
_OF_ROWS = (PrivateTable, RawTable)
_SETS = (set, frozenset)
_WRAPPED = (property, staticmethod, classmethod)
_BOUND = (types.MethodType, types.BuiltinMethodType)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
CACHE = type(functools.lru_cache(lambda: None))
_LOCKS = (type(threading.Lock()), type(threading.RLock()))
_CLOSED, _NOT_THERE = object(), object()
_POINTER = struct.calcsize("P")
IN_CACHE = ".(cache)"  # the step to what a functools cache holds; no attribute has such a name
MET = "the same as "  # how the leaf of what was met before begins; then comes the way to it


@dataclass
class Content:
    """What was found. leaves: by the way to it, in the order of the walk. tables: ways to private tables. closed: ways to objects
    that nothing opens, which may hold anything.

    Containers that are met again, cycles among them, are leaves that say where they were met first.
    """

    leaves: dict[str, Any] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def difference(self, other: Content) -> str | None:
        """The first place where the two differ, and how; None if they are the same bit for bit."""
        for way, leaf in self.leaves.items():
            another = other.leaves.get(way, _NOT_THERE)
            if another is _NOT_THERE:
                return f"{way} is not always there"
            if leaf is not another and (found := difference(way, leaf, another)) is not None:
                return found
        if len(self.leaves) < len(other.leaves):
            return f"{next(way for way in other.leaves if way not in self.leaves)} is not always there"
        moved = next((one for one, two in zip(self.leaves, other.leaves, strict=True) if one != two), None)
        return None if moved is None else f"{moved} does not always stand in the same place"


def content(parts: Mapping[str, Any]) -> Content:
    """Everything that can be reached from these named objects.

    Arrays with their layout and what they are views of, tensors with their whole storage and hooks, generators with their state,
    functions with their code, defaults, attributes and closures, caches with their keys and values, finalizers with what they are
    to call, exceptions with the variables of the frames that they came through, objects with their attributes and slots, objects
    of compiled classes as they would be pickled. Modules, and classes that a module holds, are told by their names; objects of
    other classes come with their class.
    """
    return _walked(parts, members=True)


def _walked(parts: Mapping[str, Any], members: bool) -> Content:
    """members: whether those of sets are opened too, and not only told as texts."""
    found = Content()
    seen: dict[int, str] = {}
    classes: dict[type, bool] = {}  # whether each is told by its name
    kept: list[Any] = []  # what is made on the way lives until the end, so that no identity is used twice
    waiting = [*reversed(list(parts.items()))]
    while waiting:
        way, value = waiting.pop()
        if id(type(value)) in _EVIDENT:  # what there is most of
            found.leaves[way] = value
            continue
        kept.append(value)
        if isinstance(value, _OF_ROWS):
            found.leaves[way] = "a private table"
            found.tables.append(way)
        elif value is _CLOSED:
            found.closed.append(way)
        elif id(value) in seen and not _atomic(value):
            found.leaves[way] = f"{MET}{seen[id(value)]}"
        elif type(value) is types.CodeType and (told := unchanging(value)) is not None:
            found.leaves[way], seen[id(value)] = told, way
        else:
            seen[id(value)] = way
            leaf, inner = _opened(value)
            found.leaves[way] = leaf
            opened = [*inner]
            if members and isinstance(value, _SETS):
                opened += _members(value)
            kind = type(value)
            if kind not in classes:
                classes[kind] = is_known(kind)
            if not classes[kind]:
                opened.append((".__class__", kind))
            opened.reverse()
            waiting += [(way + step, part) for step, part in opened]
    return found


def _atomic(value: Any) -> bool:
    """Whether it is no matter if two such things are one and the same."""
    if isinstance(value, tuple):
        return all(type(part) in _SELF_EVIDENT for part in value)
    return isinstance(value, float | complex | np.generic | type)


def _opened(value: Any) -> tuple[Any, Iterable[tuple[str, Any]]]:
    """The value's own content and, by the step to each, what it holds."""
    if type(value) is types.FunctionType:  # first what there is most of
        return of_function(value, attributes)
    if type(value) is types.CodeType:
        return of_code(value)
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if type(value) in (list, tuple):
        return (kind, len(value)), [(f"[{i}]", part) for i, part in enumerate(value)]
    if type(value) is dict:
        return (kind, _keys(value)), _items(value)
    if isinstance(value, float):
        return number(value), () if isinstance(value, np.generic) else attributes(value)
    if isinstance(value, complex) and not isinstance(value, np.generic):
        return (kind, number(value.real), number(value.imag)), attributes(value)
    if isinstance(value, pd.Period | pd.Timestamp | pd.Timedelta | BaseOffset):  # never change, but note what was asked of them
        return f"{kind} {value!r}", ()
    if isinstance(value, np.ndarray | np.generic):
        return of_array(value, attributes)
    if isinstance(value, np.dtype):
        return of_dtype(value)
    if isinstance(value, types.ModuleType):
        return of_module(value)
    if isinstance(value, logging.Logger):
        return of_logger(value)
    if isinstance(value, types.GenericAlias | types.UnionType):
        return kind, _named(value, *(name for name in ("__origin__", "__args__") if hasattr(value, name)))
    if isinstance(value, type):
        return of_type(value)
    if isinstance(value, _WRAPPED):
        return f"{kind} {getattr(value, '__name__', '')}", _inside(value)
    if isinstance(value, _BOUND):
        return of_function(value, attributes)
    if kind.startswith("pandas._libs.index."):  # how an index finds its own values again, made when they are looked for
        return kind, ()
    if kind.startswith("typing.") or isinstance(value, PurePath):  # which remember what they were asked
        return f"{kind} {value!r}", ()
    if kind.startswith("torch.") or hasattr(value, "next_functions"):
        return of_torch(value, kind, attributes) or (kind, _inside(value))
    if isinstance(value, np.ufunc):
        return f"{kind} {value.__name__}", ((".held", gc.get_referents(value)),)
    if isinstance(value, np.random.BitGenerator):
        return kind, ((".state", value.state), (".seed_seq", value.seed_seq))
    if isinstance(value, np.random.Generator):
        return kind, _named(value, "bit_generator")
    if isinstance(value, functools.partial):
        return kind, ((".func", value.func), (".args", value.args), (".keywords", value.keywords), *attributes(value))
    if isinstance(value, CACHE):
        return kind, ((".__wrapped__", value.__wrapped__), (IN_CACHE, cached(value)), *attributes(value))
    if isinstance(value, BaseException):
        return kind, (*_inside(value), *_named(value, "__cause__", "__context__", "__traceback__"))
    if isinstance(value, types.TracebackType):
        return (kind, value.tb_lineno), _named(value, "tb_frame", "tb_next")
    if isinstance(value, types.FrameType):
        return (kind, value.f_code.co_qualname, value.f_lasti), variables(value)
    if isinstance(value, re.Pattern):
        return (kind, value.flags), _named(value, "pattern")
    if isinstance(value, re.Match):
        return (kind, value.regs), _named(value, "re", "string")
    if isinstance(value, _LOCKS):
        return _ADDRESS.sub("", repr(value)), ()
    if isinstance(value, types.GeneratorType):
        return kind, (*_named(value, "gi_frame", "gi_yieldfrom"), (".held", gc.get_referents(value)))
    if isinstance(value, types.CoroutineType):
        return kind, (*_named(value, "cr_frame", "cr_await"), (".held", gc.get_referents(value)))
    if isinstance(value, types.CellType):
        return kind, of_cell("", value)
    if isinstance(value, weakref.ReferenceType):
        return kind, (("()", value()), *_named(value, "__callback__"))
    if isinstance(value, weakref.finalize):
        return kind, ((".called", (value.peek() or (None,))[1:]),)
    if isinstance(value, memoryview | bytearray):
        return (kind, bytes(value)), _named(value, "obj") if isinstance(value, memoryview) else attributes(value)
    if isinstance(value, Mapping):
        made = _named(value, "default_factory") if isinstance(value, collections.defaultdict) else ()
        return (kind, _keys(value)), (*_items(value), *attributes(value), *made)
    if isinstance(value, set | frozenset):
        texts = [*map(_text, value)]  # in their order, unless that is one of addresses
        return (kind, texts if all(map(plain, value)) else sorted(texts)), attributes(value)
    if isinstance(value, list | tuple | collections.deque | KeysView | ValuesView | ItemsView):
        room = (value.maxlen,) if isinstance(value, collections.deque) else ()
        return (kind, len(value), *room), (*((f"[{i}]", part) for i, part in enumerate(value)), *attributes(value))
    if isinstance(value, str | bytes | int):
        return (kind, value), attributes(value)
    return kind, _inside(value)


def _named(value: Any, *names: str) -> list[tuple[str, Any]]:
    return [(f".{name}", getattr(value, name)) for name in names]


def cached(value: Any) -> list[Any]:
    """Keys and results that a functools cache holds, read as the garbage collector does."""
    own = (value.__wrapped__, value.__dict__)
    return [part for part in gc.get_referents(value) if not isinstance(part, type) and not any(part is mine for mine in own)]


def _inside(value: Any) -> list[tuple[str, Any]]:
    """Attributes and slots; where there are none, or not all is among them, what pickling would carry.

    Where neither tells all, because compiled code keeps the rest, `_CLOSED` stands beside them.
    """
    if isinstance(value, property):
        return _named(value, "fget", "fset", "fdel")
    if isinstance(value, staticmethod | classmethod):
        return [(".__func__", value.__func__)]
    found, kind = list(attributes(value)), type(value)
    if found and not _pickled_its_own_way(kind) and not _compiled(kind):
        return found
    try:
        return found + [(f".__reduce__[{i}]", _listed(part)) for i, part in enumerate(value.__reduce_ex__(4)) if i]
    except Exception:  # there is no way into such an object for anybody who holds it, but its own methods
        return found if found and not _compiled(kind) else [*found, ("", _CLOSED)]


def _compiled(kind: type) -> bool:
    """Whether a compiled class is among its bases: objects then have room for more than attributes and slots."""
    return any(base.__itemsize__ or base.__basicsize__ > _room(base) for base in kind.__mro__ if base is not object)


def _room(kind: type) -> int:
    """Bytes of an object if its class adds nothing but slots, attributes and weak references to what its base has."""
    slots, base = vars(kind).get("__slots__", ()), kind.__base__ or object
    added = 1 if isinstance(slots, str) else len(tuple(slots))
    return base.__basicsize__ + _POINTER * (added + sum(name in vars(kind) for name in ("__dict__", "__weakref__")))


def _pickled_its_own_way(kind: type) -> bool:
    """Whether a class says itself what pickling carries, as compiled ones do whose state no attribute shows."""
    return any(getattr(kind, name) is not getattr(object, name) for name in ("__reduce__", "__reduce_ex__", "__getstate__"))


def _listed(part: Any) -> Any:
    return list(part) if isinstance(part, Iterator) else part


def attributes(value: Any) -> Iterator[tuple[str, Any]]:
    """Attributes and slots of one object, by the step to each."""
    for name, part in getattr(value, "__dict__", {}).items():
        yield f".{name}", part
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            name = f"_{kind.__name__.lstrip('_')}{slot}" if slot.startswith("__") and not slot.endswith("__") else slot
            if slot not in ("__dict__", "__weakref__") and hasattr(value, name):
                yield f".{slot}", getattr(value, name)


def _items(value: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    for place, (key, part) in enumerate(value.items()):
        if not plain(key):
            yield f".key[{place}]", key
        yield f"[{_text(key) if plain(key) else place}]", part


def _members(value: set[Any] | frozenset[Any]) -> Iterator[tuple[str, Any]]:
    """Members that no text tells whole, in an order that depends on what they hold alone, not on where they lie in memory."""
    opaque = [part for part in value if not plain(part)]
    if len(opaque) > 1:
        opaque.sort(key=lambda part: (_text(part), digest(_walked({"": part}, members=False).leaves)))
    return ((f"{{{i}}}", part) for i, part in enumerate(opaque))


def plain(value: Any) -> bool:
    """Whether a text tells all of a key or member."""
    if isinstance(value, tuple | frozenset):
        return all(map(plain, value))
    return type(value) in _SELF_EVIDENT or isinstance(value, float | complex | np.generic)


def _keys(value: Mapping[Any, Any]) -> list[str]:
    return [_text(key) for key in value]


def _text(value: Any) -> str:
    """A key or member of a set, told without its address in memory."""
    if isinstance(value, tuple | frozenset):
        parts = map(_text, value)
        return f"({', '.join(sorted(parts) if isinstance(value, frozenset) else parts)})"
    if isinstance(value, int | float | str | bytes | complex | np.generic | type(None)):
        return repr(value)
    return f"<{type(value).__qualname__} {_ADDRESS.sub('', repr(value))}>"
