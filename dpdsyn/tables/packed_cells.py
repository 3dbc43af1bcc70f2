"""Cells that hold more than one value, or one value in several spellings: what to tell a table's owner, once for each column."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd

from dpdsyn.reading.cells import canonical
from dpdsyn.tables.date_forms import NEARLY, are_months, spread
from dpdsyn.tables.identifiers import FEW

_TRIED = 20  # different texts that are tried before all are
_NUMBER = r"[+-]?\d+(?:[.,]\d+)?"
_PAIR = re.compile(rf"{_NUMBER} ?/ ?\d+(?:[.,]\d+)?|\d+ \d+ ?/ ?\d+")
_PLAIN = re.compile(_NUMBER)
_DEGREES = re.compile(
    rf"[NSEWO]? ?{_NUMBER} ?[°º] ?(?:\d+(?:[.,]\d+)? ?['′’´] ?(?:\d+(?:[.,]\d+)? ?(?:[\"″”]|''))?)? ?[NSEWO]?"  # noqa: RUF001
)
_FEET = re.compile(r"\d+ ?['′’] ?\d+(?:\.\d+)? ?(?:[\"″”]|'')?")  # noqa: RUF001
_MEASURES = (
    (
        _PAIR,
        "two numbers with a slash between them: write a fraction as one number, such as 0.5, a pair such as 120/80 as two "
        "columns, and draft again",
    ),
    (_DEGREES, "degrees and minutes: write them as plain numbers of degrees, such as -13.405, and draft again"),
    (_FEET, "feet and inches: write them as plain numbers of one unit and draft again"),
)
_SEPARATORS = (";", "|", ",")
_LISTS = 0.2  # of the different texts that hold several values
_LEAST_LISTS = 5
_BOTH = 0.3  # of all values that stand both first in some lists and later in others; parts of names and addresses do not
_LONGEST = 40  # characters of a value in a list
_ONE_COLUMN_EACH = "give each that matters a column of its own (1 where it is there, else 0), and draft again"
_JSON = "JSON, which is taken for one text each: give each field that matters a column of its own, and draft again"
_AS_WRITTEN = (
    "some numbers end in a zero behind the point where others have fewer decimals, as in 1.10 beside 1.9. If they are versions "
    "or codes, in which 1.10 is not 1.1, say {kind: categorical}"
)


def packed(texts: pd.Series) -> str | None:
    """Of different texts of which each is two numbers in one, JSON or a list, what to say to an owner."""
    return pairs(texts) or (_JSON if _are_json(texts) else None) or _lists(texts)


def pairs(texts: pd.Series) -> str | None:
    """Of different texts that are two numbers in one, such as 1/2, 120/80 and 52°31', what to say to an owner."""
    if len(texts) <= FEW or are_months(texts):
        return None
    few = [text.strip() for text in spread(texts, _TRIED)]
    for form, said in _MEASURES:
        if 3 * sum(form.fullmatch(text) is not None for text in few) < len(few):
            continue
        fit = sum(form.fullmatch(text.strip()) is not None for text in texts)
        fit += sum(_PLAIN.fullmatch(text.strip()) is not None for text in texts) if 4 * fit >= len(texts) else 0
        if fit >= NEARLY * len(texts):
            return said
    return None


def _are_json(texts: pd.Series) -> bool:
    if texts.str.match(r"\s*[{\[]").mean() < NEARLY:
        return False
    return sum(map(_is_json, few := spread(texts, _TRIED))) >= NEARLY * len(few)


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _lists(texts: pd.Series) -> str | None:
    for mark in _SEPARATORS:
        if texts.str.contains(mark, regex=False).sum() < max(_LEAST_LISTS, _LISTS * len(texts)):
            continue
        lists = [[part.strip() for part in text.split(mark)] for text in texts]
        first, later = {one[0] for one in lists}, {part for one in lists for part in one[1:]}
        values = (first | later) - {""}
        if any(len(value) > _LONGEST for value in values) or 2 * len(values) > len(texts):
            continue
        if len((first & later) - {""}) >= _BOTH * len(values):
            return (
                f"lists of several values with {mark} between them, of which each is taken for one category: {_ONE_COLUMN_EACH}"
            )
    return None


def unlike_spellings(texts: pd.Series) -> str | None:
    """Of different texts of which some differ by capital letters or blanks alone, what to say to an owner."""
    different = {canonical(text) for text in texts}
    alike = pd.Series([" ".join(text.casefold().split()) for text in different], dtype="str")
    if not (again := int(alike.duplicated(keep=False).sum())):
        return None
    return (
        f"{again:,} of {len(different):,} different values differ from another one by capital letters or blanks alone, and each "
        "is a category of its own: if they are the same, write them alike and draft again"
    )


def uneven_decimals(texts: pd.Series, numbers: np.ndarray) -> str | None:
    """Of different texts that are numbers of which some may be versions, such as 1.10 beside 1.9, what to say to an owner."""
    decimals = texts.str.extract(r"^[+-]?\d+\.(\d+)$", expand=False)
    below_one = texts.str.match(r"[+-]?0+\.").to_numpy(dtype=bool)  # 0.10 beside 1.1 has as many digits that count
    pointed = decimals.notna().to_numpy()
    ends_in_zero = decimals[pointed & ~below_one]
    ends_in_zero = ends_in_zero[ends_in_zero.str.match(r"\d*[1-9]0+$")]
    uneven = len(ends_in_zero) and decimals[pointed].str.len().min() < ends_in_zero.str.len().max()
    return _AS_WRITTEN if uneven or pd.Series(numbers[pointed]).duplicated().any() else None
