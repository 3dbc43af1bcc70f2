"""What one cell says: whether it is missing, and its text, its number or its day.

Each function here looks at a cell alone, so that no row changes how another is read. Columns are read by their different
cells, for speed; cells count as one cell only where equality means that they say the same. True and 1, a Decimal and a float, or
one moment in two time zones are equal in Python and are kept apart.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

RESOLUTIONS = {
    **{"day": 86_400, "hour": 3600, "30 minutes": 1800, "15 minutes": 900, "10 minutes": 600, "5 minutes": 300},
    **{"minute": 60, "second": 1},
}  # seconds of each

_WHOLE = re.compile(r"^(-?\d+)\.0+$")
_MIDNIGHT = re.compile(r"^(\d{4}-\d\d-\d\d)[ T]00:00(?::00(?:\.0+)?)?$")
_WHOLE_DAYS = re.compile(r"^(-?\d+ days) \+?00:00:00$")
_LENIENT_DATE = re.compile(r"^(\d{4})(?:[-/](\d{1,2})(?:[-/](\d{1,2}))?)?$")
_PARTS = {"%Y": "year", "%m": "month", "%d": "day", "%H": "hour", "%M": "minute", "%S": "second"}
_EPOCH = date(1970, 1, 1).toordinal()
_MOST_DIGITS = 400  # of a number that is written out; longer ones keep their exponent
_NOTHING = {type(None), type(pd.NA), type(pd.NaT)}
_NUMBERS = (np.bool_, np.integer, np.floating)
_TEXTS = {str, np.str_}
_SAME_IF_EQUAL = {str, np.str_, bytes, bool, int, float, Decimal, date}


def is_missing(cell: Any) -> bool:
    """Whether nothing stands in the cell: None, NaN, NaT or NA. A text is never missing."""
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return True
    if isinstance(cell, float | np.floating):
        return bool(cell != cell)
    if isinstance(cell, Decimal):
        return cell.is_nan()
    return isinstance(cell, np.datetime64 | np.timedelta64) and bool(np.isnat(cell))


def is_single(cell: Any) -> bool:
    """Whether the cell holds one value, no list or the like."""
    return not pd.api.types.is_list_like(cell)


def canonical(cell: Any) -> str:
    """The text by which a cell is compared with a category.

    1, 1.0, "1" and "1.0" are the same category; so are True, "True" and "true", and a date and its midnight. Bytes are read
    as UTF-8. Texts that look the same in Unicode are the same (normal form C).
    """
    if isinstance(cell, bool | np.bool_):
        return "true" if cell else "false"
    text = _written(cell)
    if ":" in text:
        return _MIDNIGHT.sub(r"\1", text)
    text = _WHOLE.sub(r"\1", text)
    if text == "-0":
        return "0"
    return text.lower() if is_truth(text) else text


def as_spelled(cell: Any) -> str:
    """The text under which a cell's value is learnt: `canonical`, but of true and false as they are spelled in the cell.

    So the spelling is counted with the value, in the same histogram: a cell still counts once. That of a truth value, which has
    none, is Python's.
    """
    if isinstance(cell, bool | np.bool_):
        return str(bool(cell))
    text = canonical(cell)
    return _written(cell) if is_truth(text) else text


def is_truth(text: str) -> bool:
    """Whether a text says true or false, in whatever spelling."""
    return text.lower() in ("true", "false")


def _written(cell: Any) -> str:
    if isinstance(cell, bytes):
        return _written(cell.decode("utf-8", "replace"))
    if isinstance(cell, str):
        text = str.strip(cell)
        return text if text.isascii() else unicodedata.normalize("NFC", text)
    if isinstance(cell, Integral) and not isinstance(cell, np.timedelta64):
        whole = int(cell)
        return str(whole) if whole.bit_length() < 3 * _MOST_DIGITS else hex(whole)
    if isinstance(cell, float | np.floating):
        return str(int(cell)) if float(cell).is_integer() else str(cell)
    if isinstance(cell, Decimal):
        return _decimal(cell)
    try:
        if isinstance(cell, timedelta | np.timedelta64):
            return _WHOLE_DAYS.sub(r"\1", str(pd.Timedelta(cell)))
        return str(cell).strip()
    except Exception:  # whatever a foreign class raises, the cell says nothing
        return ""


def _decimal(cell: Decimal) -> str:
    """The same text for equal decimals: 0.5 for 0.50."""
    sign, digits, exponent = cell.as_tuple()
    if not isinstance(exponent, int) or not any(digits):
        return str(cell) if not isinstance(exponent, int) else "0"
    while digits[-1] == 0:
        digits, exponent = digits[:-1], exponent + 1
    short = Decimal((sign, digits, exponent))
    return format(short, "f") if abs(short.adjusted()) < _MOST_DIGITS else str(short)


def number(cell: Any) -> float:
    """The number that a cell is or writes, NaN if it is none; dates and durations are none."""
    try:
        if isinstance(cell, str):
            return np.nan if "_" in cell else float(str.strip(cell))
        if isinstance(cell, bytes):
            return number(cell.decode("utf-8"))
        if isinstance(cell, Real | Decimal | np.bool_) and not isinstance(cell, np.timedelta64):
            return float(cell)
    except OverflowError:
        return np.inf if cell > 0 else -np.inf
    except Exception:  # a text that is no number, or whatever a foreign class raises
        return np.nan
    return np.nan


def day(cell: Any, form: str | None = None) -> float:
    """The calendar day that a cell shows, in days since 1970-01-01; NaN if it shows none.

    form: how texts are written, as of strptime; None for ISO 8601. The day is the one written down, in whatever time zone.
    """
    try:
        if isinstance(cell, str):
            return float(_parsed(str.strip(cell), form).toordinal() - _EPOCH)
        if isinstance(cell, date):
            return float(cell.toordinal() - _EPOCH)
        if isinstance(cell, np.datetime64):
            return float(cell.astype("datetime64[D]").astype(np.int64))
        return day(_written(cell), form) if is_single(cell) else np.nan
    except Exception:  # a text that is no date; dates beyond the calendar
        return np.nan


def moment(cell: Any, form: str | None = None) -> float:
    """The second that a cell shows, since 1970-01-01 00:00:00, NaN if it shows none; texts are read as by `day`.

    It is the time written down, in whatever time zone; a date alone is its midnight, and a time of day alone, where the form has
    one too, is that of 1900-01-01, as strptime has it.
    """
    try:
        if isinstance(cell, str):
            cell = _parsed(str.strip(cell), form)
        if isinstance(cell, time) and form is not None:
            cell = datetime.combine(date(1900, 1, 1), cell)
        if isinstance(cell, datetime):
            seconds = (cell.hour * 60 + cell.minute) * 60 + cell.second
            return float((cell.toordinal() - _EPOCH) * RESOLUTIONS["day"] + seconds)
        if isinstance(cell, np.datetime64):
            return float(cell.astype("datetime64[s]").astype(np.int64))
        if isinstance(cell, date):
            return day(cell) * RESOLUTIONS["day"]
        return moment(_written(cell), form) if is_single(cell) else np.nan  # bytes, and what writes itself as a text does
    except Exception:  # a text that is no date; dates beyond the calendar
        return np.nan


def _parsed(text: str, form: str | None) -> date:
    if form is not None:
        found = plain.fullmatch(text) if (plain := _digits(form)) is not None else None
        if found is not None:
            with suppress(ValueError):  # no such day; strptime has the last word
                parts = {name: int(digits) for name, digits in found.groupdict().items()}
                return datetime(**parts)  # type: ignore[arg-type]  # none of them is a time zone
        return datetime.strptime(text, form)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        found = _LENIENT_DATE.match(text)
        if found is None:
            raise
        return date(*(int(part or 1) for part in found.groups()))


@cache
def _digits(form: str) -> re.Pattern[str] | None:
    """What texts of a form look like where all of its parts are digits, as they mostly are: five times as fast as strptime.

    None for a form with other parts.
    """
    pieces = re.split(r"(%.)", form)
    names = [_PARTS.get(piece, "") for piece in pieces[1::2]]
    if not {"year", "month", "day"} <= set(names) or "" in names or len(set(names)) < len(names):
        return None
    widths = [f"(?P<{name}>[0-9]{{{4 if name == 'year' else 2}}})" for name in names]
    between = [re.escape(piece) for piece in pieces[::2]]
    return re.compile("".join(text + width for text, width in zip(between, [*widths, ""], strict=True)))


def distinct(cells: pd.Series) -> tuple[np.ndarray, list[Any]]:
    """The place of each cell in a list of different ones, shape (rows,), int64, -1 where it is missing; and the list.

    All of the list occur: a frame may keep categories of rows that are not in it any more, which a neighbouring one would not.
    """
    if isinstance(cells.dtype, pd.ArrowDtype):
        cells = _without_dictionary(cells, cells.dtype.pyarrow_dtype)
    if cells.dtype == object:
        positions, values = _distinct_objects(cells.to_numpy(dtype=object))
    elif isinstance(cells.dtype, pd.CategoricalDtype):
        positions, values = cells.cat.codes.to_numpy().astype(np.int64), _listed(cells.cat.categories)
    else:
        try:
            positions, index = pd.factorize(cells)
            values = _listed(index)
        except NotImplementedError:  # of Arrow's lists and short numbers, which it tells apart by no code of its own
            positions, values = _distinct_objects(cells.to_numpy(dtype=object))
    if any(type(value) is not str for value in values):
        gone = np.fromiter((is_missing(value) for value in values), dtype=bool, count=len(values))
        positions = np.where(np.append(gone, True)[positions], -1, positions) if gone.any() else positions
    return _occurring(positions, values)


def _without_dictionary(cells: pd.Series, kind: Any) -> pd.Series:
    """Cells of Arrow's with each value in its place, for a dictionary is of all rows, and may have a missing value in it."""
    import pyarrow as pa

    if not pa.types.is_dictionary(kind):
        return cells
    parts = pa.chunked_array(pa.array(cells.array), kind).chunks
    decoded = pa.chunked_array([part.dictionary_decode() for part in parts], kind.value_type)
    return pd.Series(pd.arrays.ArrowExtensionArray(decoded), index=cells.index, name=cells.name)


def _occurring(positions: np.ndarray, values: list[Any]) -> tuple[np.ndarray, list[Any]]:
    """Without values that no position is of."""
    occurs = np.bincount(positions + 1, minlength=len(values) + 1)[1:] > 0
    if occurs.all():
        return positions, values
    places = np.append(np.cumsum(occurs) - 1, -1)
    return places[positions], [value for value, kept in zip(values, occurs, strict=True) if kept]


def _listed(index: Any) -> list[Any]:
    """Numbers as numpy's, of their own precision; everything else as objects, an empty list for what Python has none for.

    A moment of a time zone beyond Python's calendar is such a thing.
    """
    plain = isinstance(index.dtype, np.dtype) and index.dtype.kind in "iufb"
    try:
        return list(index.to_numpy() if plain else index.to_numpy(dtype=object))
    except Exception:  # of many kinds, and it tells of one value only
        half = len(index) // 2
        return [*_listed(index[:half]), *_listed(index[half:])] if half else [[]]


def _distinct_objects(cells: np.ndarray) -> tuple[np.ndarray, list[Any]]:
    if _one_equality(cells):
        try:
            found, different = pd.factorize(cells)
            return found, list(different)
        except (TypeError, ArithmeticError):  # a signalling NaN among decimals cannot be compared
            pass
    places: dict[tuple[type, Any], int] = {}
    positions: np.ndarray = np.full(len(cells), -1, dtype=np.int64)
    values: list[Any] = []
    for i, cell in enumerate(cells):
        kind = type(cell)
        if kind in _NOTHING or is_missing(cell):
            continue
        place = places.setdefault((kind, cell), len(values)) if _same_if_equal(kind) else len(values)
        positions[i] = place
        if place == len(values):
            values.append(cell)
    return positions, values


def _same_if_equal(kind: type) -> bool:
    """Whether two equal values of this very type always say the same."""
    return kind in _SAME_IF_EQUAL or (issubclass(kind, _NUMBERS) and kind is not np.timedelta64)


def _one_equality(cells: np.ndarray) -> bool:
    """Whether cells of this column that are equal in Python say the same, so that they may be told apart by equality."""
    kinds = set(map(type, cells)) - _NOTHING - _TEXTS - {bytes}
    if not all(map(_same_if_equal, kinds)):
        return False
    if len(kinds) == 2 and float in kinds:  # whole numbers or truth values among NaN
        return pd.api.types.infer_dtype(cells, skipna=True) in ("integer", "boolean")
    return len(kinds) <= 1


def each(cells: pd.Series, reading: Callable[[Any], Any], absent: Any, dtype: Any) -> np.ndarray:
    """reading(cell) of every cell, shape (rows,); `absent` where it is missing."""
    positions, values = distinct(cells)
    return np.array([*map(reading, values), absent], dtype=dtype)[positions]


@dataclass(frozen=True)
class Different:
    """What the different cells of a column say.

    values, absent (whether it is missing): shape (different,). positions: where that of each row stands.
    """

    values: np.ndarray
    absent: np.ndarray
    positions: np.ndarray | slice

    @classmethod
    def of(cls, cells: pd.Series, reading: Callable[[Any], float]) -> Different:
        """By a reading of one cell; the last value is that of missing cells."""
        positions, values = distinct(cells)
        absent = np.zeros(len(values) + 1, dtype=bool)
        absent[-1] = True
        return cls(np.array([*map(reading, values), np.nan]), absent, positions)


def numbers(cells: pd.Series) -> Different:
    """The numbers of a column's cells, float, NaN where a cell is none."""
    kind = cells.dtype
    if isinstance(kind, np.dtype) and kind.kind == "f":
        values = cells.to_numpy().astype(float)
        return Different(values, np.isnan(values), slice(None))
    if isinstance(kind, np.dtype) and kind.kind in "iub":
        positions, different = pd.factorize(cells)
        return Different(different.to_numpy().astype(float), np.zeros(len(different), dtype=bool), positions)
    if isinstance(cells.array, pd.arrays.IntegerArray | pd.arrays.FloatingArray):
        values = cells.to_numpy(dtype=float, na_value=np.nan)
        return Different(values, np.isnan(values), slice(None))
    return Different.of(cells, number)


def days(cells: pd.Series, form: str | None) -> Different:
    """The days of a column's cells since 1970-01-01, float, NaN where a cell shows none."""
    return _times(cells, "D", lambda cell: day(cell, form))


def moments(cells: pd.Series, form: str | None) -> Different:
    """The seconds of a column's cells since 1970-01-01 00:00:00, float, NaN where a cell shows none."""
    return _times(cells, "s", lambda cell: moment(cell, form))


def _times(cells: pd.Series, unit: str, reading: Callable[[Any], float]) -> Different:
    if isinstance(cells.dtype, pd.DatetimeTZDtype):
        cells = _as_written(cells, cells.dtype.unit)
    if isinstance(cells.dtype, np.dtype) and cells.dtype.kind == "M":
        times = cells.to_numpy().astype(f"datetime64[{unit}]")
        absent = np.isnat(times)
        return Different(np.where(absent, np.nan, times.astype(np.int64).astype(float)), absent, slice(None))
    return Different.of(cells, reading)


def _as_written(moments: pd.Series, unit: str) -> pd.Series:
    """What the clocks of their time zone show, or those of UTC where a moment is beyond the calendar of time zones."""
    universal = moments.dt.tz_convert("UTC").dt.tz_localize(None)
    first, last = ("1678-01-01", "2262-01-01") if unit == "ns" else ("0002-01-01", "9998-01-01")
    instants = universal.to_numpy().astype("datetime64[s]")
    known = (instants > np.datetime64(first)) & (instants < np.datetime64(last))
    return moments.where(known).dt.tz_localize(None).where(known, universal)
