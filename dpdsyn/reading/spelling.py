"""How an owner spelled the numbers and truth values among listed categories: 2.00, +1, TRUE. They are compared as what they say
and published as listed.

A frame holds numbers and truth values, which have no spelling; it is for files of text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dpdsyn.reading.listed import Listed, is_number
from dpdsyn.reading.schema_values import SchemaError


class SpelledInt(int):
    """A whole number, with how it was written."""

    written: str


class SpelledFloat(float):
    """A number, with how it was written."""

    written: str


class SpelledTruth(int):
    """True or false, of which Python has no kinds, with how it was written."""

    written: str


def spelled(number: float, written: str) -> float:
    """The number, or truth value, which remembers how it was written where it would be written otherwise."""
    if str(number) in (written, written.replace(".0e", "e")):  # as YAML writes 1e+300
        return number
    kind = SpelledTruth if isinstance(number, bool) else SpelledInt if isinstance(number, int) else SpelledFloat
    kept = kind(number)
    kept.written = written
    return kept


def plain_number(value: Any) -> Any:
    """The value, if it is such a number or truth value without its spelling."""
    if isinstance(value, SpelledTruth):
        return bool(value)
    return int(value) if isinstance(value, SpelledInt) else float(value) if isinstance(value, SpelledFloat) else value


def written_of(values: Iterable[Any]) -> tuple[str, ...]:
    """The texts of all values, empty where none of them is spelled in a way of its own."""
    values = list(values)
    own = any(isinstance(value, SpelledInt | SpelledFloat | SpelledTruth) for value in values)
    return tuple(getattr(value, "written", str(value)) for value in values) if own else ()


def check_written(where: str, categories: Sequence[Any], written: Any) -> tuple[str, ...]:
    """Texts given as spellings of categories. Raises SchemaError unless each is that of its own category."""
    known = isinstance(written, list | tuple) and len(written) == len(categories)
    if not known or not all(Listed([one]).code(str(text)) == 0 for one, text in zip(categories, written, strict=True)):
        raise SchemaError(f"{where}: written is {written!r}; it holds the spelling of each category, and is best left out")
    return tuple(map(str, written))


def spellings(categories: Sequence[Any], written: Sequence[str]) -> Mapping[Any, str]:
    """Of each category that is a number or a truth value its text in a file; empty where a file's own way does as well.

    A spelling that would be read back as another category is not used: 1.10 beside "1.10".
    """
    if not written and not any(isinstance(category, float) for category in categories):
        return {}
    listed = Listed(categories)
    texts = written or [str(category) for category in categories]
    found = zip(range(len(categories)), categories, texts, strict=True)
    return {
        category: text if listed.code(text) == code else str(category)
        for code, category, text in found
        if is_number(category) or isinstance(category, bool)
    }
