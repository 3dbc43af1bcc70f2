"""All that an object holds, piece by piece with the way to it, so that two objects can be compared bit for bit."""

from __future__ import annotations

import collections
import functools
import gc
import logging
import re
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

from dpdsyn.checking.leaves import difference, digest, number
from dpdsyn.learning.raw_table import RawTable
from dpdsyn.private_table import PrivateTable

_SELF_EVIDENT = (bool, int, str, bytes, complex, type(None), type(Ellipsis), type(NotImplemented))
_BY_NAME = (types.ModuleType, logging.Logger, property, staticmethod, classmethod, types.GenericAlias, types.UnionType)
_OF_EVERY_CLASS = (
    "__dict__",
    "__weakref__",
    "__doc__",
    "__module__",
    "__qualname__",
    "__firstlineno__",
    "__annotations__",
    "__slotnames__",
)
_ADDRESSED = (types.FunctionType, types.MethodType, types.BuiltinMethodType)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_CACHE = type(functools.lru_cache(lambda: None))
_LOCKS = (type(threading.Lock()), type(threading.RLock()))
_STRIDED: Any = type(np.lib.stride_tricks.as_strided(np.zeros(1)).base)  # what it puts between two arrays holds an address
_CLOSED = object()


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
        for way in [*self.leaves, *other.leaves]:
            if way not in self.leaves or way not in other.leaves:
                return f"{way} is not always there"
            if (found := difference(way, self.leaves[way], other.leaves[way])) is not None:
                return found
        return None


def content(parts: Mapping[str, Any]) -> Content:
    """Everything that can be reached from these named objects.

    Arrays with what they are views of, tensors with their whole storage, generators with their state, functions with their
    code, defaults, attributes and closures, caches with their keys and values, exceptions with the variables of the frames that
    they came through, objects with their attributes and slots, objects of compiled classes as they would be pickled. Modules,
    loggers, and classes that a module holds, are told by their names.
    """
    return _walked(parts, members=True)


def _walked(parts: Mapping[str, Any], members: bool) -> Content:
    """members: whether those of sets are opened too, and not only told as texts."""
    found = Content()
    seen: dict[int, str] = {}
    kept: list[Any] = []  # what is made on the way lives until the end, so that no identity is used twice
    waiting = [*reversed(list(parts.items()))]
    while waiting:
        way, value = waiting.pop()
        kept.append(value)
        if isinstance(value, PrivateTable | RawTable):
            found.leaves[way] = "a private table"
            found.tables.append(way)
        elif value is _CLOSED:
            found.closed.append(way)
        elif type(value) in _SELF_EVIDENT:
            found.leaves[way] = value
        elif id(value) in seen and not _atomic(value):
            found.leaves[way] = f"the same as {seen[id(value)]}"
        else:
            seen[id(value)] = way
            leaf, inner = _opened(value)
            found.leaves[way] = leaf
            opened = [*inner, *(_members(value) if members and isinstance(value, set | frozenset) else ())]
            waiting.extend((way + step, part) for step, part in reversed(opened))
    return found


def _atomic(value: Any) -> bool:
    """Whether it is no matter if two such things are one and the same."""
    if isinstance(value, tuple):
        return all(type(part) in _SELF_EVIDENT for part in value)
    return isinstance(value, float | np.generic | type)


def _opened(value: Any) -> tuple[Any, Iterable[tuple[str, Any]]]:
    """The value's own content and, by the step to each, what it holds."""
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, float):
        return number(value), ()
    if isinstance(value, pd.Period | pd.Timestamp | pd.Timedelta | BaseOffset):  # never change, but note what was asked of them
        return f"{kind} {value!r}", ()
    if isinstance(value, np.ndarray | np.generic):
        return _array(value)
    if isinstance(value, type):
        return f"class {value.__module__}.{value.__qualname__}", of_class(value) if "<locals>" in value.__qualname__ else ()
    if isinstance(value, _BY_NAME):
        return f"{kind} {getattr(value, '__name__', '')}", _inside(value)
    if isinstance(value, _ADDRESSED):
        return _function(value)
    if kind.startswith("typing.") or isinstance(value, PurePath):  # which remember what they were asked
        return f"{kind} {value!r}", ()
    if kind.startswith("torch.") or hasattr(value, "next_functions"):
        return _torch(value, kind)
    if isinstance(value, np.random.BitGenerator):
        return kind, ((".state", value.state), (".seed_seq", value.seed_seq))
    if isinstance(value, np.random.Generator):
        return kind, _named(value, "bit_generator")
    if isinstance(value, functools.partial):
        return kind, ((".func", value.func), (".args", value.args), (".keywords", value.keywords), *attributes(value))
    if isinstance(value, _CACHE):
        return kind, ((".__wrapped__", value.__wrapped__), (".cached", _cached(value)), *attributes(value))
    if isinstance(value, BaseException):
        return kind, (*_inside(value), *_named(value, "__cause__", "__context__", "__traceback__"))
    if isinstance(value, types.TracebackType):
        return (kind, value.tb_lineno), _named(value, "tb_frame", "tb_next")
    if isinstance(value, types.FrameType):
        return (kind, value.f_code.co_qualname, value.f_lasti), _variables(value)
    if isinstance(value, re.Pattern):
        return (kind, value.flags), _named(value, "pattern")
    if isinstance(value, re.Match):
        return (kind, value.regs), _named(value, "re", "string")
    if isinstance(value, _LOCKS):
        return _ADDRESS.sub("", repr(value)), ()
    if isinstance(value, types.GeneratorType):
        return kind, _named(value, "gi_frame", "gi_yieldfrom")
    if isinstance(value, types.CoroutineType):
        return kind, _named(value, "cr_frame", "cr_await")
    if isinstance(value, types.CellType):
        return kind, _cell("", value)
    if isinstance(value, types.CodeType):
        return (value.co_qualname, value.co_code), ((".co_consts", value.co_consts),)
    if isinstance(value, weakref.ReferenceType):
        return kind, (("()", value()),)
    if isinstance(value, memoryview | bytearray):
        return (kind, bytes(value)), _named(value, "obj") if isinstance(value, memoryview) else ()
    if isinstance(value, Mapping):
        made = _named(value, "default_factory") if isinstance(value, collections.defaultdict) else ()
        return (kind, _keys(value)), (*_items(value), *attributes(value), *made)
    if isinstance(value, set | frozenset):
        return (kind, sorted(map(_text, value))), attributes(value)
    if isinstance(value, list | tuple | collections.deque | KeysView | ValuesView | ItemsView):
        room = (value.maxlen,) if isinstance(value, collections.deque) else ()
        return (kind, len(value), *room), (*((f"[{i}]", part) for i, part in enumerate(value)), *attributes(value))
    if isinstance(value, str | bytes | int):
        return (kind, value), attributes(value)
    return kind, _inside(value)


def _array(value: np.ndarray | np.generic) -> tuple[Any, Iterable[tuple[str, Any]]]:
    held: Any = value.base
    if isinstance(held, _STRIDED):
        held = held.base
    beside = [(".base", held)] if held is not None else []
    if value.dtype.metadata is not None:
        beside.append((".dtype.metadata", value.dtype.metadata))
    if type(value) is not np.ndarray:
        beside += attributes(value)
    if value.dtype.hasobject:
        parts = enumerate(np.ravel(np.asarray(value)).tolist())
        return (value.dtype.str, value.shape), (*((f"[{i}]", part) for i, part in parts), *beside)
    return np.array(value), beside


def _torch(value: Any, kind: str) -> tuple[Any, Iterable[tuple[str, Any]]]:
    import torch

    if isinstance(value, torch.Tensor):
        if value.layout != torch.strided:
            return kind, ((".coalesced", value.detach().to_dense()),)
        storage = value.detach().untyped_storage().cpu()
        whole = np.array(torch.tensor([], dtype=torch.uint8).set_(storage).numpy())
        place = (str(value.dtype), tuple(value.shape), value.storage_offset(), tuple(value.stride()), value.requires_grad)
        beside = ((".grad", value.grad if value.is_leaf else None), (".grad_fn", value.grad_fn), *attributes(value))
        return _as_type(whole, str(value.dtype)), ((".layout", place), *beside)
    if isinstance(value, torch.autograd.graph.Node):
        return kind, ((".next_functions", value.next_functions), *_saved(value))
    if isinstance(value, torch.Generator):
        return kind, ((".state", value.get_state().numpy()),)
    if isinstance(value, torch.dtype | torch.device | torch.layout):
        return str(value), ()
    return kind, _inside(value)


def _saved(node: Any) -> Iterator[tuple[str, Any]]:
    """What a step of a computation keeps of its inputs, for gradients."""
    for name in dir(node):
        if name.startswith("_saved_"):
            try:
                yield f".{name}", getattr(node, name)
            except RuntimeError:  # it was freed once gradients were computed
                yield f".{name}", None


def _as_type(storage: np.ndarray, dtype: str) -> np.ndarray:
    """The storage in the type of its tensor where NumPy has it, so that a difference is told by its place."""
    try:
        return np.array(storage.view(dtype.removeprefix("torch.")))
    except TypeError:
        return storage


def _function(value: Any) -> tuple[Any, Iterable[tuple[str, Any]]]:
    name = f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}"
    if isinstance(value, types.MethodType):
        return name, ((".__func__", value.__func__), (".__self__", value.__self__))
    if isinstance(value, types.BuiltinMethodType):
        own = value.__self__
        return name, () if own is None or isinstance(own, types.ModuleType | type) else ((".__self__", own),)
    cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
    inner = [(".__code__", value.__code__), (".__defaults__", value.__defaults__), (".__kwdefaults__", value.__kwdefaults__)]
    inner += [found for free, cell in cells for found in _cell(f".<{free}>", cell)]
    return name, (*inner, *attributes(value))


def _cell(step: str, cell: types.CellType) -> Iterator[tuple[str, Any]]:
    try:
        yield step, cell.cell_contents
    except ValueError:  # nothing has been bound to it yet
        yield step, None


def _named(value: Any, *names: str) -> list[tuple[str, Any]]:
    return [(f".{name}", getattr(value, name)) for name in names]


def _variables(frame: types.FrameType) -> Iterator[tuple[str, Any]]:
    """Those of a call; a module's are told by its name."""
    if frame.f_locals is not frame.f_globals:
        yield from ((f".<{name}>", part) for name, part in frame.f_locals.items())


def _cached(value: Any) -> list[Any]:
    """Keys and results that a functools cache holds, read as the garbage collector does."""
    own = (value.__wrapped__, value.__dict__)
    return [part for part in gc.get_referents(value) if not isinstance(part, type) and not any(part is mine for mine in own)]


def _inside(value: Any) -> list[tuple[str, Any]]:
    """Attributes and slots; where there are none, or not all is among them, what pickling would carry."""
    if isinstance(value, property):
        return _named(value, "fget", "fset", "fdel")
    if isinstance(value, staticmethod | classmethod):
        return [(".__func__", value.__func__)]
    if isinstance(value, _BY_NAME):
        return []
    found = list(attributes(value))
    if found and not _pickled_its_own_way(type(value)):
        return found
    try:
        return found + [(f".__reduce__[{i}]", _listed(part)) for i, part in enumerate(value.__reduce_ex__(4)) if i]
    except Exception:  # there is no way into such an object for anybody who holds it, but its own methods
        return found or [("", _CLOSED)]


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
        slots = vars(kind).get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            name = f"_{kind.__name__.lstrip('_')}{slot}" if slot.startswith("__") and not slot.endswith("__") else slot
            if slot not in ("__dict__", "__weakref__") and hasattr(value, name):
                yield f".{slot}", getattr(value, name)


def _items(value: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    for place, (key, part) in enumerate(value.items()):
        if not _plain(key):
            yield f".key[{place}]", key
        yield f"[{_text(key) if _plain(key) else place}]", part


def _members(value: set[Any] | frozenset[Any]) -> Iterator[tuple[str, Any]]:
    """Members that no text tells whole, in an order that depends on what they hold alone, not on where they lie in memory."""
    opaque = [part for part in value if not _plain(part)]
    if len(opaque) > 1:
        opaque.sort(key=lambda part: (_text(part), digest(_walked({"": part}, members=False).leaves)))
    return ((f"{{{i}}}", part) for i, part in enumerate(opaque))


def _plain(value: Any) -> bool:
    """Whether a text tells all of a key or member."""
    if isinstance(value, tuple | frozenset):
        return all(map(_plain, value))
    return type(value) in _SELF_EVIDENT or isinstance(value, float | np.generic)


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


def of_class(kind: type) -> Iterator[tuple[str, Any]]:
    """Attributes of a class itself."""
    for name, part in vars(kind).items():
        if name not in _OF_EVERY_CLASS and not name.startswith("_abc_") and not isinstance(part, types.MemberDescriptorType):
            yield f".{name}", part
