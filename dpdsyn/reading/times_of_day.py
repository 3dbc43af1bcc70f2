"""Columns that are a time of day alone: moments of 1900-01-01, as strptime reads a text without a day.

Their bounds are times of day too, the whole day where none are stated. In a `Column` bounds are days since 1970-01-01, here with
the fraction that has passed of one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from dpdsyn.reading.cells import RESOLUTIONS, moment
from dpdsyn.reading.schema_values import SchemaError, bounds

_CLOCK = -25567.0  # 1900-01-01, in days since 1970-01-01
_DAY = RESOLUTIONS["day"]
_FORMS = ("%H:%M", "%H:%M:%S", "%H")  # in which bounds may be written, besides the column's own
_NEEDED = 'two times of day such as ["08:00", "18:30"] are needed'


def is_time_of_day(form: str | None) -> bool:
    """Whether texts of this form (as of strptime) are times of day without a day."""
    parts = _parts(form)
    return bool(parts & set("HI")) and parts <= set("HIMSpf")


def resolution_of(kind: str, spec: Mapping[str, Any]) -> Any:
    """The resolution that a column's description in a schema file states, or as fine as its form if it is a time of day."""
    form, stated = spec.get("format"), spec.get("resolution")
    if stated is not None or kind != "date" or not isinstance(form, str) or not is_time_of_day(form):
        return stated
    parts = _parts(form)
    return "second" if parts & set("Sf") else "minute" if "M" in parts else "hour"


def bounds_of(name: str, kind: str, spec: Mapping[str, Any]) -> tuple[float, float] | None:
    """Bounds of a column by its description in a schema file, None if it has none. Raises SchemaError for what are none."""
    form, given, step = spec.get("format"), spec.get("bounds"), RESOLUTIONS.get(str(resolution_of(kind, spec)))
    if kind != "date" or not isinstance(form, str) or not is_time_of_day(form) or step in (None, _DAY):
        return None if given is None else bounds(name, kind, given)
    if given is None:
        return _CLOCK, _CLOCK + 1 - step / _DAY
    if not isinstance(given, list | tuple) or len(given) != 2:
        raise SchemaError(f"column {name!r}: bounds are {given!r}; {_NEEDED}")
    low, high = (_seconds(end, form) for end in given)
    if np.isnan(low) or np.isnan(high):
        return bounds(name, kind, given) if _are_days(given) else _refuse(name, given, _NEEDED)
    if low >= high:
        return _refuse(
            name, given, "the first must be before the second, for a day begins at 00:00; leave them out for all of it"
        )
    return low / _DAY, high / _DAY


def ends(kind: str, given: tuple[float, float], step: int, form: str | None) -> tuple[float, float]:
    """The lowest and the highest value within bounds, in units of `step` seconds of a date; whole numbers of them."""
    if kind != "date":
        return given
    parts = _DAY // step
    if not is_time_of_day(form) or step == _DAY:
        return given[0] * parts, given[1] * parts + parts - 1
    low, high = (round(end * _DAY) // step for end in given)
    return float(low), float(high)


def written(days: float, form: str | None) -> str:
    """A bound of a date, as a schema file has it: a day, or the time of day of a column of these."""
    at = np.datetime64(round(days * _DAY), "s")
    if not is_time_of_day(form):
        return str(at)[:10]
    clock = str(at)[11:]
    return clock.removesuffix(":00") if str(at)[:10] == "1900-01-01" else str(at)[:10]


def _parts(form: str | None) -> set[str]:
    return set(re.findall(r"%-?([A-Za-z])", form or ""))


def _seconds(end: Any, form: str) -> float:
    """The second that a bound shows, since 1970-01-01 00:00:00; NaN if it is no time of day."""
    found = [moment(end if not isinstance(end, int) else str(end), written) for written in (form, *_FORMS)]
    return next((seconds for seconds in found if not np.isnan(seconds)), np.nan)


def _are_days(given: Any) -> bool:
    """Whether bounds are dates, as schemas of earlier versions have them."""
    return all(str(end).startswith("1900-01-0") for end in given)


def _refuse(name: str, given: Any, needed: str) -> Any:
    raise SchemaError(f"column {name!r}: bounds are {list(given)!r}; {needed}")
