"""What people write into a schema, read: numbers, bounds, pieces, and the error that says what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.base.checks import InputError
from dpdsyn.reading.cells import number
from dpdsyn.reading.pieces import Pieces


class SchemaError(InputError):
    """The schema contradicts itself, or the data contradict the schema.

    row: the first row at fault, counted from 0, where there is one.
    """

    def __init__(self, message: str, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row


def refuse_unknown(raw: Mapping[Any, Any], known: set[str], where: str) -> None:
    """Raise SchemaError, naming the accepted keys, if there is one that nobody knows."""
    unknown = sorted(str(key) for key in raw if key not in known)
    if unknown:
        close = get_close_matches(unknown[0], known, n=1, cutoff=0.7)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise SchemaError(f"{where}: unknown key {', '.join(unknown)}{hint}; accepted: {', '.join(sorted(known))}")


def with_lists(raw: Any) -> Any:
    """A mapping with lists for arrays and columns of numpy and pandas, whose comparisons have no truth value; else as it is."""
    if not isinstance(raw, Mapping):
        return raw
    return {key: value.tolist() if isinstance(value, np.ndarray | pd.Series | pd.Index) else value for key, value in raw.items()}


def truth(value: Any, where: str) -> bool:
    """The value, if it is true or false; else SchemaError."""
    if not isinstance(value, bool):
        raise SchemaError(f"{where} is {value!r}; accepted: true, false")
    return value


def shortened(names: Iterable[Any], most: int = 12) -> str:
    """The first of the names, and how many there are in all; on one line, whatever they hold."""
    texts = [on_one_line(str(name)) for name in names]
    return ", ".join(texts[:most]) + (f", ... ({len(texts)} in all)" if len(texts) > most else "")


def on_one_line(text: str) -> str:
    """A text as it is, with escapes if it has line breaks or other characters that nobody sees."""
    return text if text.isprintable() else repr(text)[1:-1]


def is_whole(value: Any, least: int, most: int) -> bool:
    """Whether it is a whole number in this range."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def pieces(name: str, given: Any) -> Pieces | None:
    """The pieces of a column, None if none are given. Raises SchemaError for what are none."""
    try:
        return None if given is None else Pieces.from_mapping(given)
    except (ValueError, KeyError, TypeError) as error:
        raise SchemaError(f"column {name!r}: pieces are made by learning, and these are none ({error})") from error


def bounds(name: str, kind: str, given: Any) -> tuple[float, float]:
    """Lowest and highest value, dates as days since 1970-01-01. Raises SchemaError for what are none."""
    if kind == "date":
        given = _days(name, given)
    numbers = floats(name, "bounds", given)
    if len(numbers) != 2:
        raise SchemaError(f"column {name!r}: bounds are {given!r}; two numbers [lowest, highest] are needed")
    if kind == "integer" and (min(numbers) < -(2.0**63) or max(numbers) >= 2.0**63):
        raise SchemaError(
            f"column {name!r}: bounds are {list(given)!r}, beyond the whole numbers of 64 bits; state narrower ones"
        )
    return numbers[0], numbers[1]


def _days(name: str, given: Any) -> list[int]:
    try:
        return [int((np.datetime64(str(b), "D") - np.datetime64("1970-01-01", "D")).astype(int)) for b in given]
    except (TypeError, ValueError, OverflowError):
        raise SchemaError(f"column {name!r}: bounds are {given!r}; two dates [1990-01-01, 2025-12-31] are needed") from None


def floats(name: str, key: str, given: Any) -> tuple[float, ...]:
    """A list of numbers. Raises SchemaError for anything else."""
    try:
        return tuple(map(float, given))
    except (TypeError, ValueError, OverflowError):
        raise SchemaError(f"column {name!r}: {key} is {given!r}; a list of numbers is needed") from None


def check_cuts(where: str, cut_at: tuple[float, ...], classes: list[str], other: bool) -> None:
    """Raise SchemaError unless the cuts rise and make these classes, whose names are no numbers, and no `other`."""
    if any(low >= high for low, high in pairwise(cut_at)) or not np.isfinite(cut_at).all():
        raise SchemaError(f"{where}: cut_at is {list(cut_at)}; rising numbers are needed")
    if len(cut_at) != len(classes) - 1 or other:
        raise SchemaError(f"{where}: {len(cut_at)} cuts make {len(cut_at) + 1} classes and no `other`; given are {len(classes)}")
    if not all(np.isnan(number(text)) for text in classes):
        raise SchemaError(f"{where}: classes cut out of a number need names that are no numbers")
