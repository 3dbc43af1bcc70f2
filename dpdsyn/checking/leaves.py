"""What cannot be taken apart any further, compared bit for bit, and where two such things differ."""

from __future__ import annotations

import hashlib
import operator
import struct
import types
import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np

_OF_CODE = (
    *("co_qualname", "co_code", "co_name", "co_filename", "co_firstlineno", "co_linetable", "co_exceptiontable", "co_flags"),
    *("co_stacksize", "co_argcount", "co_posonlyargcount", "co_kwonlyargcount"),
    *("co_names", "co_varnames", "co_freevars", "co_cellvars"),
)
parts_of_code = operator.attrgetter(*_OF_CODE)
_CONSTANTS = (bool, int, str, bytes, type(None), type(Ellipsis))
_unchanging: dict[int, tuple[weakref.ref[types.CodeType], str | None]] = {}  # by identity


def number(value: float) -> str:
    """All bits of a float, those of a NaN too, as text that `shown` can read."""
    return value.hex() if value == value else f"nan {struct.pack('>d', value).hex()}"


def difference(way: str, a: Any, b: Any) -> str | None:
    """The first place where two leaves at the end of one way differ, and how; None if they are the same bit for bit."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return _of_arrays(way, a, b)
    if type(a) is type(b) and not isinstance(a, np.ndarray) and a == b:
        return None
    return f"{way} is {_shown(a)} and {_shown(b)}"


def digest(leaves: Mapping[str, Any]) -> bytes:
    """Equal for equal leaves; two that differ have the same by no chance that ever comes."""
    hashed = hashlib.sha256()
    for way, leaf in leaves.items():
        if isinstance(leaf, np.ndarray):
            hashed.update(repr((way, leaf.dtype.str, leaf.shape)).encode() + b"".join(part.tobytes() for part in _plain(leaf)))
        else:
            hashed.update(repr((way, type(leaf).__name__, leaf)).encode("utf-8", "backslashreplace"))
    return hashed.digest()


def _of_arrays(way: str, a: np.ndarray, b: np.ndarray) -> str | None:
    if a.dtype != b.dtype or a.shape != b.shape:
        return f"{way} has shape {a.shape} and {b.shape}, type {a.dtype} and {b.dtype}"
    if a.dtype.names is not None:
        return next(filter(None, (_of_arrays(f"{way}[{name!r}]", a[name], b[name]) for name in a.dtype.names)), None)
    if a.tobytes() == b.tobytes():
        return None
    unlike = (_bits(a) != _bits(b)).reshape(a.size, -1).any(axis=1)
    at = int(unlike.argmax())
    place = f"[{', '.join(map(str, np.unravel_index(at, a.shape)))}]" if a.ndim else ""
    return f"{way}{place} is {a.ravel()[at]} and {b.ravel()[at]}"


def _plain(array: np.ndarray) -> list[np.ndarray]:
    """The array, or each of its fields: between these lie bytes that nobody writes."""
    names = array.dtype.names
    return [array] if names is None else [part for name in names for part in _plain(array[name])]


def _bits(array: np.ndarray) -> np.ndarray:
    return np.frombuffer(array.tobytes(), dtype=np.uint8)


def _shown(value: Any) -> str:
    if isinstance(value, str) and value.startswith(("0x", "-0x")):
        value = float.fromhex(value)
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def unchanging(value: types.CodeType) -> str | None:
    """All that a code object says, as one text that is made once; None for one that was made with constants that can change."""
    known = _unchanging.get(id(value))
    if known is None or known[0]() is not value:
        own = id(value)
        known = weakref.ref(value, lambda _: _unchanging.pop(own, None)), _digest(value)
        _unchanging[own] = known
    return known[1]


def _digest(code: types.CodeType) -> str | None:
    try:
        return f"code {code.co_qualname} {hashlib.sha256(repr(_whole(code)).encode('utf-8', 'backslashreplace')).hexdigest()}"
    except (TypeError, RecursionError):
        return None


def _whole(constant: Any) -> Any:
    """What `repr` tells apart whenever two constants of code differ. Raises TypeError for a constant that can change."""
    kind = type(constant)
    if kind is types.CodeType:
        return "code", _whole(parts_of_code(constant)), _whole(constant.co_consts)
    if kind is tuple:
        return "tuple", [_whole(part) for part in constant]
    if kind is frozenset:
        return "frozenset", sorted(repr(_whole(part)) for part in constant)
    if kind is float:
        return "float", number(constant)
    if kind is complex:
        return "complex", number(constant.real), number(constant.imag)
    if kind in _CONSTANTS:
        return kind.__name__, constant
    raise TypeError(f"{kind} is no constant that the compiler makes")
