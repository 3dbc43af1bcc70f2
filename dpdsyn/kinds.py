"""The kinds of a table's columns: as a Parquet file declares them, or guessed from cells that are texts.

A declared type is public, as the names are. A guess is not: a single cell may turn it. So it is marked as one (`inferred`), and
the table's owner is asked whether the kinds may be known (`dpdsyn.schema.Schema.kinds_inferred`). Remarks tell of rows and
are for the owner alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.cells import canonical
from dpdsyn.column import SchemaError
from dpdsyn.identifiers import CODE_REMARK, FEW, ID_REMARK, Naming, naming
from dpdsyn.numerals import COMMA_HINT, DECIMAL_COMMA, POINT_HINT, STRAY_POINT
from dpdsyn.parquet import cells_of

_ID_ROWS = 20  # so many rows, all different, make a column look like an id
_LONG = 100  # characters; longer texts look like remarks that somebody typed
_NEARLY = 0.9  # such a share of different cells that are numbers, or dates, is worth a remark
_LARGEST = 1e15  # beyond it whole numbers are ids rather than quantities
_TRIED = 200  # different cells that are tried before all are
_DAYS = ("%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%Y%m%d")
_TIMES = ("%H:%M:%S", "%H:%M")
_WITH_TIME = tuple(f"{day}{between}{time}" for day in ("%Y-%m-%d", *_DAYS) for between in (" ", "T") for time in _TIMES)
_FORMS = (None, *_WITH_TIME, *_DAYS)  # None is ISO 8601
_ISO_DAY = r"^\d{4}-\d\d-\d\d$"
_ISO = r"^\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$"
_ZONE = r"(?:Z|[+-]\d\d:?\d\d)$"
_THREE_DECIMALS = r"^[+-]?[1-9]\d{0,2}\.\d{3}$"
_CLOCKS = "moments of a time zone; the day and the time are those written down, and the zone is left out"
_GAPS = "some cells are missing: add `missing: own_code`, a value of its own, or `missing: drop`, which leaves their rows out"
_IGNORE = "if it is an id or a remark that somebody typed, put it under `ignore`, for nothing can be learnt of it"


@dataclass(frozen=True)
class Kind:
    """What a schema is to say of one column.

    spec: its description, as of `dpdsyn.column.Column.from_mapping`; empty if no column can hold its type. inferred: whether
    cells decided. remarks: for the owner, who may be told of rows. also: another format that fits all dates as well.
    """

    spec: Mapping[str, Any] = field(default_factory=dict)
    inferred: bool = False
    remarks: tuple[str, ...] = ()
    also: str | None = None


# --- guessed from cells ----------------------------------------------------------------------------------------


def guessed(cells: pd.Series, is_target: bool = False) -> Kind:
    """The kind of a column whose cells are texts, missing ones NaN; all cells that are there have to fit it.

    A target of numbers is categorical if there are few different ones.
    """
    texts = pd.Series(cells.dropna().unique(), dtype="str")
    if not len(texts):
        return _categorical("every cell is missing, so nothing can be learnt of it; you may put it under `ignore`")
    numbers = as_numbers(texts)
    date = None if numbers is not None and texts.str.len().ne(8).any() else _as_dates(texts)
    all_differ = len(texts) == int(cells.notna().sum()) >= _ID_ROWS
    if date is not None:
        return date
    if numbers is not None:
        whole = bool((numbers % 1 == 0).all())
        if is_target and len(np.unique(numbers)) <= FEW:
            return _categorical()
        if whole and not is_target and (found := _of_names(naming(str(cells.name), numbers, int(cells.notna().sum())))):
            return found
        remarks = (f"whole numbers, every one different; {_IGNORE}",) if whole and all_differ and not is_target else ()
        if texts.str.match(_THREE_DECIMALS).all():
            remarks = (
                "numbers of three decimals throughout; if their point groups thousands, say `--decimal ,` and draft again",
            )
        return Kind({"kind": "integer" if whole else "real"}, True, remarks)
    return _categorical(*_of_texts(texts, all_differ, len(texts) < len(cells) and bool(cells.isna().any())))


def _of_names(what: Naming | None, inferred: bool = True) -> Kind | None:
    """The kind of whole numbers that name something (`dpdsyn.identifiers`)."""
    if what == "id":
        return Kind(inferred=inferred, remarks=(ID_REMARK,))
    return Kind({"kind": "categorical"}, inferred, (CODE_REMARK,)) if what == "code" else None


def _categorical(*remarks: str) -> Kind:
    return Kind({"kind": "categorical"}, True, remarks)


def _of_texts(texts: pd.Series, all_differ: bool, some_missing: bool) -> list[str]:
    """What to tell an owner of a column that is neither numbers nor dates."""
    if (stray := int(texts.str.endswith(STRAY_POINT).sum())) > 0:
        return [f"{stray:,} different cells have a point as no number does here: {POINT_HINT}; so it is taken for categories"]
    if as_numbers(texts.str.replace(DECIMAL_COMMA, r"\1.\2", regex=True)) is not None:
        return [f"numbers with commas; {COMMA_HINT}"]
    unlike = int(pd.to_numeric(texts, errors="coerce").isna().sum())
    what = "numbers"
    if unlike > (1 - _NEARLY) * len(texts):
        unlike, what = int((~texts.str.match(_ISO)).sum()), "dates"
    if 0 < unlike <= (1 - _NEARLY) * len(texts):
        return [
            f"all but {unlike:,} of {len(texts):,} different cells are {what}, and so it is taken for categories; if the others "
            "stand for missing cells, name them (--missing TEXT) and draft again"
        ]
    if all_differ or (texts.str.len() > _LONG).any():
        return [f"{'every cell is different' if all_differ else 'some cells are long texts'}; {_IGNORE}"]
    if texts.map(canonical).nunique() > 1:
        return []
    empty = '; the other cells are empty, and if that says something, list both: categories: [x, ""]' if some_missing else ""
    return [f"one value throughout{empty}"]


def as_numbers(texts: pd.Series) -> np.ndarray | None:
    """The numbers that the texts write, or None if some do not; 007 is a code, not a number."""
    numbers = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    codes = texts.str.match(r"^[+-]?0\d").any()
    return None if codes or not np.isfinite(numbers).all() or np.abs(numbers).max() > _LARGEST else numbers


def _as_dates(texts: pd.Series) -> Kind | None:
    """The first form in which all texts are dates, and how fine they are; None if there is none."""
    for form in _FORMS:
        if _moments(texts.head(_TRIED), form) is None:
            continue
        moments = _moments(texts, form)
        if moments is not None:
            spec = {"kind": "date"} | ({} if form is None else {"format": form})
            other = swapped(form)
            if other is None or _moments(texts, other) is None:
                return Kind({**spec, **_resolution(moments)}, True)
            remark = f"dates that fit {form} and {other} alike; the first is taken, so correct `format` if it is the other"
            return Kind({**spec, **_resolution(moments)}, True, (remark,), other)
    return _as_iso(texts)


def swapped(form: str | None) -> str | None:
    """The form that has the day where this one has the month and the month where it has the day; None for ISO and the like."""
    if form is None or not form.startswith(("%m/%d", "%d/%m")):
        return None
    return form.translate(str.maketrans("md", "dm"))


def _as_iso(texts: pd.Series) -> Kind | None:
    """Of ISO 8601, some with a time of day and some without, or with a time zone."""
    if not texts.str.match(_ISO).all():
        return None
    moments = pd.to_datetime(texts.str.replace(_ZONE, "", regex=True), format="ISO8601", errors="coerce")
    zoned = texts.str.contains(r"\d\d:\d\d.*" + _ZONE, regex=True).any()
    return None if moments.isna().any() else Kind({"kind": "date", **_resolution(moments)}, True, (_CLOCKS,) if zoned else ())


def _moments(texts: pd.Series, form: str | None) -> pd.Series | None:
    """The moments that the texts write in this form, or None if some do not."""
    if form is None and not texts.str.match(_ISO_DAY).all():
        return None
    if no_compact_date(texts, form):
        return None
    moments = pd.to_datetime(texts, format=form or "ISO8601", errors="coerce")
    return None if moments.isna().any() else moments


def no_compact_date(texts: pd.Series, form: str | None) -> bool:
    """Whether the form is of digits alone and a text has not as many: 018926 is a code, which pandas would take for year 189."""
    return form is not None and form.startswith("%Y%m%d") and bool(texts.str.match(r"\d{8}").ne(True).any())


def _resolution(moments: pd.Series) -> dict[str, str]:
    """How fine a column of moments is, where it is finer than days."""
    for name, parts in (("second", moments.dt.second), ("minute", moments.dt.minute), ("hour", moments.dt.hour)):
        if (parts != 0).any() or (name == "second" and (moments.dt.microsecond != 0).any()):
            return {"resolution": name}
    return {}


# --- declared by a Parquet file --------------------------------------------------------------------------------


def declared(path: Path) -> dict[str, Kind]:
    """The kinds of a Parquet file's columns, by the types that it declares.

    Of a moment the type does not say whether there is a time of day, so that this is guessed from cells. Remarks look at the
    first rows alone. Raises SchemaError for a file that is no Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            fields = file.schema_arrow
            return {field.name: _of_field(field, partial(_read, file, field.name)) for field in fields}
    except (pa.ArrowException, OSError) as error:
        raise SchemaError(f"{path} cannot be read as Parquet ({' '.join(str(error).split())})") from error


def _read(file: Any, name: str) -> Iterator[Any]:
    """The cells of one column as Arrow arrays, piece by piece."""
    return (batch.column(0) for batch in file.iter_batches(1 << 16, columns=[name]))


def _of_field(field: Any, read: Callable[[], Iterator[Any]]) -> Kind:
    """The kind of one column, by its type and its name."""
    import pyarrow.types as is_

    named = _of_names(naming(field.name), inferred=False) if is_.is_integer(field.type) else None
    return named or _of_type(field.type, read)


def _of_type(kind: Any, read: Callable[[], Iterator[Any]]) -> Kind:
    """The kind that a column of an Arrow type has. read: its cells."""
    import pyarrow.types as is_

    if is_.is_boolean(kind):
        some = next(read(), None)
        gone = some is not None and some.null_count > 0
        return Kind({"kind": "categorical", "categories": [True, False], "other": False}, remarks=(_GAPS,) if gone else ())
    if is_.is_integer(kind) or (is_.is_decimal(kind) and kind.scale <= 0):
        return Kind({"kind": "integer"})
    if is_.is_decimal(kind):
        return Kind({"kind": "real", "decimals": kind.scale})
    if is_.is_floating(kind):
        return Kind({"kind": "real"})
    if is_.is_date(kind):
        return Kind({"kind": "date"})
    if is_.is_timestamp(kind):
        remarks = (f"moments of a time zone; the day and the time are those that clocks of {kind.tz} show",) if kind.tz else ()
        return Kind({"kind": "date"} | _finest(read()), True, remarks)
    if is_.is_duration(kind):
        return Kind(remarks=("it holds durations; give them as numbers, of days for one. It is left out",))
    if is_.is_nested(kind) or is_.is_binary(kind) or is_.is_large_binary(kind) or is_.is_fixed_size_binary(kind):
        return Kind(remarks=(f"it holds {kind} values, which no column of a schema can; it is left out",))
    return Kind({"kind": "categorical"}, remarks=tuple(_of_first_texts(next(read(), None))))


def _finest(arrays: Iterable[Any]) -> dict[str, str]:
    """How fine moments are, by the clocks of their time zone, where they are finer than days."""
    import pyarrow.compute as pc

    found: set[str] = set()
    for moments in arrays:
        for name, parts in (("second", (pc.second, pc.subsecond)), ("minute", (pc.minute,)), ("hour", (pc.hour,))):
            if name not in found and any(pc.any(pc.not_equal(part(moments), 0)).as_py() for part in parts):
                found.add(name)
    finest = next((name for name in ("second", "minute", "hour") if name in found), None)
    return {"resolution": finest} if finest else {}


def _of_first_texts(array: Any) -> list[str]:
    """What to tell an owner of a column of texts, by its first cells."""
    cells = pd.Series([] if array is None else cells_of(array).to_numpy(dtype=object), dtype=object).dropna().map(canonical)
    texts = pd.Series(cells.unique(), dtype="str")
    if not len(texts):
        return ["in the first rows every cell is missing"]
    if len(texts) == len(cells) >= _ID_ROWS:
        return [f"in the first rows every cell is different; {_IGNORE}"]
    date = _as_dates(texts)
    if date is None:
        return []
    written = ", ".join(f"{key}: {value}" for key, value in date.spec.items())
    also = f", or {date.also} for the format, which fits as well" if date.also else ""
    return [f"it is declared a text, and in the first rows all cells are dates; if they all are, say {{{written}}}{also}"]
