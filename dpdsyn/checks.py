"""Checks of single values, with messages that say what was given and what is accepted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, TypeVar

T = TypeVar("T")


def whole_number(name: str, value: Any, least: int) -> int:
    """The value, if it is a whole number of at least `least`; else ValueError."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} is {value!r}; a whole number of at least {least} is needed")
    return int(value)


def positive(name: str, value: Any) -> float:
    """The value, if it is a finite number above 0; else ValueError."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < math.inf:
        raise ValueError(f"{name} is {value!r}; a finite number above 0 is needed")
    return float(value)


def one_of(name: str, value: T, accepted: Sequence[T]) -> T:
    """The value, if it is one of those accepted; else ValueError."""
    if value not in accepted:
        raise ValueError(f"{name} is {value!r}; accepted: {', '.join(map(str, accepted))}")
    return value
