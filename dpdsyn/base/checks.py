"""Checks of single values, with messages that say what was given and what is accepted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, TypeVar

T = TypeVar("T")


class InputError(ValueError):
    """What somebody gave cannot be meant: the message says what it is and what is accepted.

    Any other ValueError is a mistake of the program, and shows where it comes from.
    """


def whole_number(name: str, value: Any, least: int) -> int:
    """The value, if it is a whole number of at least `least`; else InputError."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise InputError(f"{name} is {value!r}; a whole number of at least {least} is needed")
    return int(value)


def positive(name: str, value: Any) -> float:
    """The value, if it is a finite number above 0; else InputError."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < math.inf:
        raise InputError(f"{name} is {value!r}; a finite number above 0 is needed")
    return float(value)


def inside_0_and_1(name: str, value: Any) -> float:
    """The value, if it is a number between 0 and 1, both excluded; else InputError."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < 1:
        raise InputError(f"{name} is {value!r}; a number between 0 and 1, both excluded, is needed")
    return float(value)


def one_of(name: str, value: T, accepted: Sequence[T]) -> T:
    """The value, if it is one of those accepted; else InputError."""
    if value not in accepted:
        raise InputError(f"{name} is {value!r}; accepted: {', '.join(map(str, accepted))}")
    return value
