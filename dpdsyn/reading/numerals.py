"""How people write numbers: one text for all ways to write the same one, decimal commas, points that group thousands."""

from __future__ import annotations

import re
from decimal import Decimal

import pandas as pd

from dpdsyn.reading.cells import canonical

DECIMAL_COMMA = re.compile(r"^([+-]?\d*),(\d+(?:[eE][+-]?\d+)?)$")
COMMA_HINT = "if the comma is a decimal mark, say so where the file is read (`decimal`)"
STRAY_POINT = " (its point groups no thousands)"  # stands behind a number that has no business beside decimal commas
POINT_HINT = "where the comma is the decimal mark, a point groups thousands, as in 1.234"
_GROUPED = re.compile(r"^[+-]?[1-9]\d{0,2}(?:\.\d{3})+(?:,\d*)?$")
_POINTED = re.compile(r"^[+-]?(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?$")
_PLAIN = re.compile(r"^[+-]?(?:\d+,?\d*|,\d+)(?:[eE][+-]?\d+)?$")
_NUMERAL = re.compile(r"[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_EXACT = 2**53  # whole numbers up to it are doubles


def numeral(text: str) -> str | None:
    """One text for all ways to write a number: 0.5 for 0.50, .5 and 5e-1; None for a text that writes none.

    007 is a code and no number. Whole numbers keep all their digits, others those of the nearest double.
    """
    if not _NUMERAL.fullmatch(text):
        return None
    value = Decimal(text)
    exact = canonical(value)
    return canonical(float(value)) if ("." in exact or "E" in exact) and abs(value) < _EXACT else exact


def with_points(texts: pd.Index, numeric: bool | None) -> pd.Index:
    """Texts of a file whose decimal mark is the comma, with a point instead.

    numeric: whether the column holds numbers. Then points that group thousands go, and a number whose point groups none is
    marked, so that nobody reads it as one (STRAY_POINT). Else commas alone are replaced, for 1.234 may be a code. None: where it
    is not known the column holds numbers if all its texts are some.
    """
    if numeric is None:
        looks = texts.dropna()
        plain, grouped, pointed = (looks.str.match(form) for form in (_PLAIN, _GROUPED, _POINTED))
        numeric = bool((plain | grouped | pointed).all())
    if numeric:
        grouped = texts.str.match(_GROUPED, na=False)
        stray = texts.str.match(_POINTED, na=False) & ~grouped
        texts = texts.where(~grouped, texts.str.replace(".", "", regex=False)).where(~stray, texts + STRAY_POINT)
    return texts.str.replace(DECIMAL_COMMA, r"\1.\2", regex=True)
