"""Columns that are a time of day alone: dates of 1900-01-01, as strptime reads a text without a day."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_CLOCK = -25567.0  # 1900-01-01, in days since 1970-01-01


def is_time_of_day(form: str | None) -> bool:
    """Whether texts of this form (as of strptime) are times of day without a day."""
    parts = set(re.findall(r"%-?([A-Za-z])", form or ""))
    return bool(parts & set("HI")) and parts <= set("HIMSpf")


def of_clock(kind: str, spec: Mapping[str, Any]) -> tuple[float, float] | None:
    """Bounds, in days, of a column whose format is a time of day alone, read more finely than by the day; None of any other.

    spec: its description in a schema file.
    """
    form = spec.get("format")
    if kind != "date" or not isinstance(form, str) or spec.get("resolution") in (None, "day") or "bins" in spec:
        return None
    return (_CLOCK, _CLOCK + 1) if is_time_of_day(form) else None
