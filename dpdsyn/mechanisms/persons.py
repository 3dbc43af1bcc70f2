"""Whose each row is: the person that its cell names, or nobody's."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.reading.cells import canonical, distinct, is_missing

_DOUBLE = 53  # digits of a number in floating point, in bits
_FLOATING = re.compile(r"[+-]?\d+[.,]0*")
_SCIENTIFIC = re.compile(r"[+-]?\d(?:[.,](\d+)[eE]\+?|[eE]\+)(\d+)")  # hexadecimal ids have neither a point nor a sign
_REPLACED = "\ufffd"  # in the place of bytes that are no text


def whose(cells: pd.Series) -> tuple[np.ndarray, list[str]]:
    """The place of each row's person in a list of names, shape (rows,), int64, -1 where none is named; and the list.

    Names are compared as categories are: 7, 7.0 and " 7" are one person, and so are two spellings that look the same in Unicode.
    An id that has lost digits or letters names nobody (`lossy`), for it may be several people's, who would then choose among each
    other's rows.
    """
    positions, values = distinct(cells)
    digits = digits_of(cells.dtype)
    texts = [None if lossy(value, digits) else unicodedata.normalize("NFC", canonical(value)) for value in values]
    places, names = pd.factorize(np.array([text or None for text in texts], dtype=object))
    return np.append(places, -1)[positions], list(names)


def names_somebody(cell: Any) -> bool:
    """Whether a person is named, be it one who cannot be told from others."""
    return not is_missing(cell) and canonical(cell) != ""


def lossy(cell: Any, digits: int = _DOUBLE) -> bool:
    """Whether an id may stand for several, judged by this cell alone.

    So it is with a number in floating point that is so large that neighbours of it are written alike; with such a number as text,
    as pandas, Java and others write it; with a text such as 1.23E+11 that has fewer digits than its number, as spreadsheets
    write it; and with a text in which other letters stand for bytes that are none.
    digits: of the column's numbers in floating point (`digits_of`).
    """
    if isinstance(cell, float | np.floating):
        return beyond_digits(cell, digits)
    if isinstance(cell, bytes):
        return _REPLACED in cell.decode("utf-8", "replace")
    if not isinstance(cell, str):
        return False
    if _REPLACED in cell:
        return True
    text = cell.strip()
    found = _SCIENTIFIC.fullmatch(text)
    if found is not None and len(found[1] or "") < float(found[2]):
        return True
    return bool(found or _FLOATING.fullmatch(text)) and beyond_digits(float(text.replace(",", ".")), _DOUBLE)


def beyond_digits(number: float | np.floating, digits: int) -> bool:
    """Whether a number in floating point is so large that a whole number beside it is written alike; NaN is."""
    own = np.finfo(type(number)).nmant + 1 if isinstance(number, np.floating) else _DOUBLE
    return not abs(float(number)) < 2.0 ** min(digits, own, _DOUBLE)


def digits_of(kind: Any) -> int:
    """How many binary digits the numbers of a column of this type have: 24 of float32, whatever its cells are handed out as."""
    if isinstance(kind, pd.CategoricalDtype):
        return digits_of(kind.categories.dtype)
    if isinstance(kind, pd.ArrowDtype):
        import pyarrow as pa

        inner = kind.pyarrow_dtype.value_type if pa.types.is_dictionary(kind.pyarrow_dtype) else kind.pyarrow_dtype
        return {pa.float16(): 11, pa.float32(): 24}.get(inner, _DOUBLE)
    plain = getattr(kind, "numpy_dtype", kind)  # of pandas' own Float32
    return np.finfo(plain).nmant + 1 if isinstance(plain, np.dtype) and plain.kind == "f" else _DOUBLE
