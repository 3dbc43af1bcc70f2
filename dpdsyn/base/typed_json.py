"""Values with their types in JSON: what a category of a schema may be, and comes back as, when a model is saved and loaded.

A text, a truth value, a whole number, a float and None are themselves. Anything else that is kept is a mapping with the key
`dpdsyn.type`. Values of other types are refused, for a text that looks like them is another category.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from dpdsyn.base.checks import InputError

_TYPE, _VALUE = "dpdsyn.type", "value"
_TEXTS: Mapping[type, tuple[str, Callable[[Any], str], Callable[[str], Any]]] = {
    dt.date: ("date", dt.date.isoformat, dt.date.fromisoformat),
    dt.time: ("time", dt.time.isoformat, dt.time.fromisoformat),
    Decimal: ("decimal", str, Decimal),
    UUID: ("uuid", str, UUID),
    bytes: ("bytes", bytes.hex, bytes.fromhex),
    pd.Timedelta: ("Timedelta", pd.Timedelta.isoformat, pd.Timedelta),
}
_READERS = {name: read for name, _, read in _TEXTS.values()}


def plain(value: Any, where: str) -> Any:
    """The value, or what it is made of, as JSON can hold it. Raises InputError for a type that would not come back."""
    kind = type(value)
    if value is None or kind in (str, bool, int, float):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(part, f"{where}, {key}") for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part, where) for part in value]
    if kind in _TEXTS:
        name, write, _ = _TEXTS[kind]
        return {_TYPE: name, _VALUE: write(value)}
    if kind is dt.timedelta:
        return {_TYPE: "timedelta", _VALUE: [value.days, value.seconds, value.microseconds]}
    if kind in (dt.datetime, pd.Timestamp):
        return _moment(value, where)
    if isinstance(value, np.str_):
        return str(value)
    if isinstance(value, np.generic) and value.dtype.kind in "biufMm":
        return {_TYPE: "numpy", "dtype": value.dtype.str, _VALUE: np.atleast_1d(value).tobytes().hex()}
    raise InputError(
        f"{where}: {value!r} is a {kind.__module__}.{kind.__qualname__}, which a saved model cannot keep; kept are texts, "
        "numbers, truth values, dates and times, and numbers of numpy. Give its text instead"
    )


def typed(value: Any) -> Any:
    """What `plain` was given; sequences are lists. Raises ValueError, KeyError or TypeError for what it cannot have given."""
    if isinstance(value, list):
        return [typed(part) for part in value]
    if not isinstance(value, dict):
        return value
    if _TYPE not in value:
        return {key: typed(part) for key, part in value.items()}
    name, held = value[_TYPE], value[_VALUE]
    if name in _READERS:
        return _READERS[name](held)
    if name == "timedelta":
        return dt.timedelta(*held)
    if name == "numpy":
        return np.frombuffer(bytes.fromhex(held), dtype=np.dtype(value["dtype"]))[0]
    if name in ("datetime", "Timestamp"):
        return _moment_of(value)
    raise ValueError(f"no type {name!r} is kept")


def _moment(value: dt.datetime, where: str) -> dict[str, Any]:
    zone = value.tzinfo
    if not (zone is None or isinstance(zone, ZoneInfo | dt.timezone)) or value.fold:
        raise InputError(f"{where}: {value!r} has a time zone that a saved model cannot keep; use zoneinfo, or its text")
    raw: dict[str, Any] = {_TYPE: type(value).__name__, _VALUE: value.isoformat()}
    if isinstance(value, pd.Timestamp):
        raw["unit"] = value.unit
    return raw | ({"zone": zone.key} if isinstance(zone, ZoneInfo) else {})


def _moment_of(raw: Mapping[str, Any]) -> dt.datetime:
    zone = ZoneInfo(raw["zone"]) if "zone" in raw else None
    if raw[_TYPE] == "Timestamp":
        moment = pd.Timestamp(raw[_VALUE]).as_unit(raw["unit"])
        return moment if zone is None else moment.tz_convert(zone)
    written = dt.datetime.fromisoformat(raw[_VALUE])
    return written if zone is None else written.astimezone(zone)
