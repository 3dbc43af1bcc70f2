"""Whole numbers that name something and measure nothing: ids, and codes such as zip codes. One rule for all drafts.

A column's name, which is public, says most; cells say only that a column counts rows, or holds long numbers that are all
different. Where neither says anything a number is taken for a quantity.
"""

from __future__ import annotations

import re
from typing import Literal

import numpy as np

Naming = Literal["id", "code"]

FEW = 12  # a column of no more different numbers holds classes, whatever its name says
_WORDS = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![a-z])")
_IDS = {"id", "ids", "uid", "pid", "uuid", "guid", "identifier", "ssn", "mrn", "iban"}
_OF_SOMEBODY = re.compile(
    r"(account|case|client|customer|employee|household|member|order|patient|person|record|row|student|subject|user)ids?"
)
_CODES = {
    "zip",
    "zipcode",
    "zcta",
    "postcode",
    "postal",
    "postalcode",
    "plz",
    "postleitzahl",
    "fips",
    "phone",
    "telephone",
    "tel",
}
_UNNAMED = re.compile(r"__index_level_\d+__")
_UNNAMED_IN_TEXT = re.compile(r"Unnamed: \d+")
_ROWS = 20  # so many, all different, before cells say anything
_DIGITS = 8
ID_REMARK = "whole numbers that look like ids, so it is left out; if it says whose row it is, name it as `person`"
CODE_REMARK = "whole numbers that look like codes, so they are taken for categories and not for quantities"
INDEX_REMARK = (
    "what pandas calls row numbers that have no name, so it is left out; if it says whose row it is, name it as `person`; if it "
    "measures something, give it a name"
)


def is_unnamed_index(name: str, whole: bool) -> bool:
    """Whether a column is called as pandas calls an index without a name. whole: whether it holds whole numbers."""
    return bool(_UNNAMED.fullmatch(name) or (whole and _UNNAMED_IN_TEXT.fullmatch(name)))


def naming(name: str, numbers: np.ndarray | None = None, rows: int = 0) -> Naming | None:
    """What the whole numbers of a column are, if they are no quantities.

    numbers: the different ones, shape (different,), of so many cells; None where only the name is known.
    """
    if numbers is not None and (len(numbers) <= FEW or (numbers % 1 != 0).any()):
        return None
    words = {word.casefold() for word in _WORDS.findall(name)}
    if words & _IDS or any(map(_OF_SOMEBODY.fullmatch, words)):
        return "id"
    all_differ = numbers is not None and len(numbers) == rows >= _ROWS
    if words & _CODES:
        return "id" if all_differ else "code"
    if numbers is None or not all_differ:
        return None
    counts_rows = numbers.max() - numbers.min() == rows - 1
    return "id" if counts_rows or numbers.min() >= 10 ** (_DIGITS - 1) else None
