"""Texts that are numbers, or nearly, or numbers and dates in another dress: what to tell a table's owner of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dpdsyn.reading.numerals import POINT_HINT, STRAY_POINT, with_points
from dpdsyn.reading.schema_values import shortened
from dpdsyn.tables.date_forms import NEARLY, no_dates, several_forms, unlike_dates, unread_dates
from dpdsyn.tables.dressed_numbers import dressed

_LARGEST = 1e15  # beyond it whole numbers are ids rather than quantities
_GROUPED_BY_COMMAS = r"^[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?$"
_LIKE_DATES = r"\d{8}|(?:19|20|00)\d{10}|(?:19|20|00)\d{12}"
_NAMED = 3  # texts for missing dates that a remark names
NEARLY_ALL = "all but"  # with which a remark begins
_USE_COMMA = "say `--decimal ,` and draft again"
IGNORE = "if it is an id or a remark that somebody typed, put it under `ignore`, for nothing can be learnt of it"


def quantities_as_texts(texts: pd.Series) -> str | None:
    """Of different texts that are numbers or dates but for some, or in another dress, what to say to an owner."""
    if (stray := int(texts.str.endswith(STRAY_POINT).sum())) > 0:
        return f"{stray:,} different cells have a point as no number does here: {POINT_HINT}"
    if (commas := numbers_with_commas(texts)) is not None:
        return commas
    if (found := dressed(texts)) is not None:
        return found.told
    numbers = _read(texts)
    unlike, what = int((~np.isfinite(numbers)).sum()), "numbers"
    infinite = int(np.isinf(numbers).sum())
    named = "TEXT"
    if unlike > (1 - NEARLY) * len(texts) or texts.str.fullmatch(_LIKE_DATES).all():
        if (forms := several_forms(texts)) is not None:
            return (
                f"dates written in {len(forms)} forms ({shortened(forms)}): write all in one, best as 2024-03-31, and draft again"
            )
        infinite, (unlike, what) = 0, unlike_dates(texts) or (0, "")
        named = " --missing ".join(map(_quoted, no_dates(texts)[:_NAMED])) or named
        if not unlike and (unread := unread_dates(texts)) is not None:
            return unread
    elif _are_codes(texts) or _large(numbers):
        return None
    if not 0 < unlike <= (1 - NEARLY) * len(texts):
        return None
    return (
        f"{NEARLY_ALL} {unlike:,} of {len(texts):,} different cells are {what}; if the others stand for missing cells, name them "
        f"(--missing {named}) and draft again{_on_infinite(infinite, len(texts)) if infinite else ''}"
    )


def _quoted(text: str) -> str:
    """As a word of a command line."""
    return f"'{text}'" if " " in text else text


def _on_infinite(infinite: int, of: int) -> str:
    return (
        f". {infinite:,} of {of:,} different ones are infinite: as missing ones name them (--missing=-inf, with an equals sign); "
        "else say {kind: real} with `bounds`, to which they are clipped"
    )


def beyond_quantities(texts: pd.Series) -> str | None:
    """Of different texts that are nearly all numbers, some so large that they may be ids, what to say to an owner."""
    numbers = _read(texts)
    large, unlike = _large(numbers), int((~np.isfinite(numbers)).sum())
    if not large or unlike > (1 - NEARLY) * len(texts) or _are_codes(texts):
        return None
    others = f", {unlike:,} no numbers" if unlike else ""
    return (
        f"numbers, {large:,} of {len(texts):,} different ones beyond 10^15, as ids are{others}, so it is taken for categories; "
        f"{IGNORE}. If the large ones stand for missing cells, name them (--missing TEXT) and draft again; if they measure "
        "something, write them in a larger unit"
    )


def _read(texts: pd.Series) -> np.ndarray:
    """The numbers that texts write, NaN of those that write none."""
    return pd.to_numeric(texts, errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def _are_codes(texts: pd.Series) -> bool:
    """Whether some are written as no number is, such as 007."""
    return bool(texts.str.match(r"^[+-]?0\d").any())


def _large(numbers: np.ndarray) -> int:
    """How many are finite and too large for a quantity."""
    return int((np.isfinite(numbers) & (np.abs(numbers) > _LARGEST)).sum())


def numbers_with_commas(texts: pd.Series) -> str | None:
    """Of different texts that are numbers with decimal commas, or of which nearly all are, what to say to an owner."""
    commas = texts.str.contains(",", regex=False)
    if not commas.any():
        return None
    english = texts.str.match(_GROUPED_BY_COMMAS)
    if (english | ~commas).all() and as_numbers(texts.str.replace(",", "", regex=False)) is not None:
        return f"numbers whose commas group thousands, which is not read: write them without, or {_USE_COMMA} if they are decimal"
    pointed = pd.Series(with_points(pd.Index(texts), True), dtype="str")
    unlike = int(pd.to_numeric(pointed, errors="coerce").isna().sum())
    if unlike > (1 - NEARLY) * len(texts) or _are_codes(texts):
        return None
    others = f" but for {unlike:,} of {len(texts):,} different cells (if they stand for missing ones: --missing TEXT)"
    return f"numbers with commas{others if unlike else ''}: {_USE_COMMA} if the comma is the decimal mark"


def as_numbers(texts: pd.Series) -> np.ndarray | None:
    """The numbers that the texts write, or None if some do not; 007 is a code, not a number."""
    numbers = _read(texts)
    return None if _are_codes(texts) or not np.isfinite(numbers).all() or _large(numbers) else numbers
