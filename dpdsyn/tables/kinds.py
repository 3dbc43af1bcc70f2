"""The kinds of a table's columns: as a Parquet file declares them, or guessed from cells that are texts.

A declared type is public, as the names are. A guess is not: a single cell may turn it. So it is marked as one (`inferred`), and
the table's owner is asked whether the kinds may be known (`dpdsyn.schema.Schema.kinds_inferred`). Remarks tell of rows and
are for the owner alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from dpdsyn.parquet import cells_of, declares_text, files_of, readable, unlike_parts, utf8
from dpdsyn.reading.cells import canonical
from dpdsyn.reading.column import MOST_DECIMALS, SchemaError
from dpdsyn.reading.reach import LARGEST, YEARS
from dpdsyn.reading.schema_values import shortened
from dpdsyn.tables.date_forms import MONTH_NUMBERS, MONTHS, Dates, are_month_numbers, are_months, dates_of, finest, may_be_dates
from dpdsyn.tables.identifiers import CODE_REMARK, FEW, ID_REMARK, INDEX_REMARK, PLACES_REMARK, is_unnamed_index, naming
from dpdsyn.tables.packed_cells import uneven_decimals, unlike_spellings
from dpdsyn.tables.quantities import IGNORE, as_numbers, beyond_quantities, quantities_as_texts
from dpdsyn.tables.repeats import repeats
from dpdsyn.tables.sentinels import Sentinels, date_sentinels
from dpdsyn.tables.worded_numbers import measures_as_texts, moments_as_numbers, one_form

_FLAG_CELLS = 10  # of 0 and of 1, from which on a column of nothing else is one of both
_ID_ROWS = 20  # so many rows, all different, make a column look like an id
_NEARLY_ALL = 0.95  # of cells that are different; ids, telephones for one, may meet by chance or be written twice
_EDGE = 3  # rows that may be a second line of names, units, or sums and sources
_SPELLINGS = 8  # of 0 and 1, as 0, 1, 0.0 and 1.00
_LONG = 100  # characters; longer texts look like remarks that somebody typed
_FIRST = 16  # pieces of a Parquet file, of some 65,000 rows, in which repeats are looked for
_DIGITS = 15  # of a number in floating point, before and behind its point
_TOO_LARGE = (
    "some numbers are beyond 2^53, up to which they are learnt: if they are ids, put it under `ignore`; if they stand for "
    "missing cells, give them as missing; else state `bounds`"
)
_MOSTLY = 0.5
_OTHER_YEARS = (
    f"most of these dates lie outside the years {YEARS[0]} to {YEARS[1] - 1}, in which dates are looked for: if they are of "
    "another calendar, write them in the Gregorian one, as 2024-03-31, and draft again; else state `bounds`"
)
_FEW_DECIMALS = 4  # that leave room for numbers up to some 10^11
_THREE_DECIMALS = r"^[+-]?[1-9]\d{0,2}\.\d{3}$"
_ONLY_0_AND_1 = "in the first rows 0 and 1 alone; if it can hold nothing else, say {kind: categorical, categories: [0, 1]}"
_GAPS = "some cells are missing: add `missing: own_code`, a value of its own, or `missing: drop`, which leaves their rows out"
_SO = "so it is taken for categories"


@dataclass(frozen=True)
class Kind:
    """What a schema is to say of one column.

    spec: its description, as of `reading.column.Column.from_mapping`; empty if no column can hold its type. inferred: whether
    cells decided. remarks: for the owner, who may be told of rows. also: another format that fits all dates as well.
    repeats: whether it may say whose row it is (`dpdsyn.tables.repeats`). edge: whether all cells are numbers but for the `first`
    rows or the `last` ones, which may be no rows at all. measures: whether cells are numbers or dates, though
    they are taken for categories, so that they do not look like ids.
    """

    spec: Mapping[str, Any] = field(default_factory=dict)
    inferred: bool = False
    remarks: tuple[str, ...] = ()
    also: str | None = None
    repeats: bool = False
    measures: bool = False
    edge: Literal["first", "last"] | None = None


# --- guessed from cells ----------------------------------------------------------------------------------------


def guessed(cells: pd.Series, is_target: bool = False) -> Kind:
    """The kind of a column whose cells are texts, missing ones NaN; all cells that are there have to fit it.

    A target of numbers is categorical if there are few different ones.
    """
    kind = _flag(cells, is_target) or _guessed(cells, is_target)
    if kind.spec.get("kind") == "categorical" and (edge := _edge(cells)) is not None:
        kind = replace(kind, measures=True, edge=edge)
    if is_target or kind.spec.get("kind") == "date" or cells.isna().all():
        return kind
    found = cells.value_counts()
    numbers = as_numbers(pd.Series(found.index, dtype="str"))
    values = (found.index if numbers is None else numbers).tolist()
    written = dict(zip(values[::-1], found.index[::-1], strict=True))  # the commonest, where a number is written in several ways
    return remarked(kind, str(cells.name), values, found.to_numpy(), written)


def _flag(cells: pd.Series, is_target: bool) -> Kind | None:
    """The kind of a column in which nothing but 0 and 1 stands, each often enough that it is no chance, else None."""
    found = cells.value_counts()
    found = found[found > 0]
    if not 2 <= len(found) <= _SPELLINGS:
        return None
    numbers = as_numbers(pd.Series(found.index, dtype="str"))
    if numbers is None or set(numbers.tolist()) != {0.0, 1.0}:
        return None
    if min(int(found[numbers == value].sum()) for value in (0, 1)) < _FLAG_CELLS:
        return None
    missing = {"missing": "drop" if is_target else "own_code"} if cells.isna().any() else {}
    return Kind({"kind": "categorical", "categories": [0, 1], "other": False, **missing}, True)


def _guessed(cells: pd.Series, is_target: bool) -> Kind:
    texts = pd.Series(cells.dropna().unique(), dtype="str")
    if not len(texts):
        return _categorical("every cell is missing, so nothing can be learnt of it; you may put it under `ignore`")
    numbers = as_numbers(texts)
    whole = numbers is not None and bool((numbers % 1 == 0).all())
    if not is_target and is_unnamed_index(str(cells.name), whole):
        return Kind(inferred=True, remarks=(INDEX_REMARK,))
    date = None if numbers is not None and not may_be_dates(texts) else dates_of(texts)
    all_differ = len(texts) == int(cells.notna().sum()) >= _ID_ROWS
    if date is not None:
        return _of_dates(date, cells.value_counts().reindex(texts).to_numpy())
    if numbers is not None:
        if is_target and len(np.unique(numbers)) <= FEW:
            return _categorical()
        if whole and (counted := moments_as_numbers(str(cells.name), numbers)) is not None:
            return Kind({"kind": "integer"}, True, (counted,))
        if whole and not is_target and (found := _of_names(str(cells.name), numbers, int(cells.notna().sum()))):
            return found
        remarks = (f"whole numbers, every one different; {IGNORE}",) if whole and all_differ and not is_target else ()
        if are_month_numbers(texts):
            remarks = (MONTH_NUMBERS,)
        elif (uneven := uneven_decimals(texts, numbers)) is not None:
            remarks = (uneven,)
        elif whole and may_be_dates(texts) and (nearly := quantities_as_texts(texts)) is not None:
            remarks = (f"{nearly}; so it is taken for a quantity",)
        if texts.str.match(_THREE_DECIMALS).all():
            remarks = (
                "numbers of three decimals throughout; if their point groups thousands, say `--decimal ,` and draft again",
            )
        return Kind({"kind": "integer" if whole else "real"}, True, remarks)
    if (quantities := measures_as_texts(texts)) is not None:
        return Kind({"kind": "categorical"}, True, (f"{quantities}; {_SO}",), measures=True)
    return _categorical(*_of_texts(texts, int(cells.notna().sum()), bool(cells.isna().any())))


def _of_names(name: str, numbers: np.ndarray | None = None, rows: int = 0) -> Kind | None:
    """The kind of whole numbers that name something (`dpdsyn.tables.identifiers`); without numbers by its name alone."""
    inferred, what = numbers is not None, naming(name, numbers, rows)
    if what == "id":
        return Kind(inferred=inferred, remarks=(ID_REMARK,))
    remark = PLACES_REMARK if naming(name) == "id" else CODE_REMARK
    return Kind({"kind": "categorical"}, inferred, (remark,)) if what == "code" else None


def _edge(cells: pd.Series) -> Literal["first", "last"] | None:
    """Where the only cells stand that are no numbers, if there are few of them, and nowhere else."""
    present = cells[cells.notna()]
    first, last = (
        pd.Series(some.astype("str"), dtype="str") for some in (cells.iloc[:_EDGE].dropna(), cells.iloc[-_EDGE:].dropna())
    )
    at_first, at_last = not _are_numbers(first), not _are_numbers(last)
    if len(present) < _ID_ROWS or at_first == at_last:
        return None
    rest = cells.iloc[_EDGE:] if at_first else cells.iloc[:-_EDGE]
    if not _are_numbers(pd.Series(rest.dropna().unique(), dtype="str")):
        return None
    return "first" if at_first else "last"


def _are_numbers(texts: pd.Series) -> bool:
    return as_numbers(texts) is not None


def _categorical(*remarks: str) -> Kind:
    return Kind({"kind": "categorical"}, True, remarks)


def _of_texts(texts: pd.Series, cells: int, some_missing: bool) -> list[str]:
    """What to tell an owner of a column that is neither numbers nor dates. cells: how many have one of these different texts."""
    if (large := beyond_quantities(texts)) is not None:
        return [large]
    if are_months(texts):
        return [MONTHS]
    differ = _differ(len(texts), cells)
    if differ or (texts.str.len() > _LONG).any():
        return [f"{differ or 'some cells are long texts'}; {IGNORE}"]
    if texts.map(canonical).nunique() > 1:
        return [said for said in (unlike_spellings(texts), one_form(texts)) if said is not None]
    empty = '; the other cells are empty, and if that says something, list both: categories: [x, ""]' if some_missing else ""
    return [f"one value throughout{empty}"]


def _differ(different: int, cells: int) -> str | None:
    """What to say of cells of which each is different, or nearly each; None if they repeat."""
    if cells < _ID_ROWS or different < _NEARLY_ALL * cells:
        return None
    return "every cell is different" if different == cells else f"nearly every cell is different ({different:,} of {cells:,})"


def _of_dates(found: Dates, counts: np.ndarray | None = None) -> Kind:
    """counts: of each of its different texts, where these are all that there are."""
    spec = {"kind": "date"} | ({} if found.form is None else {"format": found.form})
    spec |= {"resolution": found.resolution} if found.resolution else {}
    years = found.moments.dt.year
    if (~years.between(YEARS[0], YEARS[1] - 1)).mean() > _MOSTLY:
        return Kind(spec, True, (_OTHER_YEARS,), found.also)
    odd = () if counts is None or found.is_clock else date_sentinels(found.moments, found.texts.__getitem__, counts)
    return Kind(spec, True, (*found.remarks, *(one.told for one in odd)), found.also)


def remarked(kind: Kind, name: str, values: Sequence[Any], counts: np.ndarray, written: Mapping[Any, str] | None = None) -> Kind:
    """The kind of a column with what its cells say besides: that it may be the `person`, or has a code for missing cells.

    values: the different ones, numbers where the column holds them, and counts of each. written: how they stand in the file.
    """
    what = kind.spec.get("kind")
    again = None if what in ("date", "real") else repeats(name, values, counts, kind.measures)
    if again is not None and isinstance(values[0], str) and dates_of(pd.Series(values, dtype="str")) is not None:
        again = None  # texts of days, as a Parquet file may declare them
    remarks: tuple[str, ...] = () if again is None else (again.told,)
    if what in ("integer", "real"):
        if not kind.inferred and are_month_numbers(pd.Series(list(map(canonical, values)), dtype="str")):
            remarks += (MONTH_NUMBERS,)
        if not kind.inferred and (counted := moments_as_numbers(name, np.array(values, dtype=float))) is not None:
            remarks += (counted,)
        if not kind.inferred and set(values) == {0, 1} and counts.min() >= _FLAG_CELLS:
            remarks += (_ONLY_0_AND_1,)
        numbers = Sentinels()
        numbers.add(np.repeat(np.array(values, dtype=float), counts))
        remarks += (
            (_TOO_LARGE,) if max((abs(value) for value in values if np.isfinite(float(value))), default=0) > LARGEST else ()
        )
        remarks += tuple(replace(one, written=(written or {}).get(one.value, "")).told for one in numbers.found())
    return replace(kind, remarks=(*kind.remarks, *remarks), repeats=again is not None and again.likely)


# --- declared by a Parquet file --------------------------------------------------------------------------------


def declared(path: Path) -> dict[str, Kind]:
    """The kinds of a Parquet file's columns, by the types that it declares; of a folder of them, its first file's.

    Of a moment the type does not say whether there is a time of day, so that this is guessed from cells. Remarks look at the
    first rows alone. Raises SchemaError for a file that is no Parquet, or that has columns of the same name, and for files of
    other columns.
    """
    import pyarrow.parquet as pq

    first = files_of(path)[0]
    with readable(first), pq.ParquetFile(first) as file:
        fields = file.schema_arrow
        if twice := sorted({name for name in fields.names if fields.names.count(name) > 1}):
            raise SchemaError(f"there are columns of the same name: {shortened(twice)}")
        kinds = {field.name: _of_field(field, partial(_cells_of, file, field.name)) for field in fields}
    unlike = unlike_parts(path)
    return {
        name: replace(kind, remarks=(*kind.remarks, unlike[name])) if name in unlike else kind for name, kind in kinds.items()
    }


def _cells_of(file: Any, name: str) -> Iterator[Any]:
    """The cells of one column as Arrow arrays, piece by piece."""
    return (batch.column(0) for batch in file.iter_batches(1 << 16, columns=[name]))


def _of_field(field: Any, read: Callable[[], Iterator[Any]]) -> Kind:
    """The kind of one column, by its type and its name."""
    import pyarrow.types as is_

    whole = is_.is_integer(field.type)
    if is_unnamed_index(field.name, whole):
        return Kind(remarks=(INDEX_REMARK,))
    named = _of_names(field.name) if whole else None
    kind = named or _of_type(field.type, read)
    if is_.is_date(field.type) or is_.is_timestamp(field.type):
        return replace(kind, remarks=(*kind.remarks, *_odd_dates(read())))
    if not (is_.is_integer(field.type) or is_.is_floating(field.type) or declares_text(field.type)):
        return kind
    values, counts = _counted(read())
    return remarked(_with_all_different(kind, values, counts), field.name, values, counts) if len(values) else kind


def _odd_dates(arrays: Iterable[Any]) -> list[str]:
    """What to say of a column's first dates or moments of which some are codes for a missing one."""
    import pyarrow as pa

    seconds, counts = _counted(cells.cast(pa.timestamp("s"), safe=False).cast(pa.int64()) for cells in arrays)
    moments = pd.Series(np.array(seconds, dtype="datetime64[s]"))
    return [one.told for one in date_sentinels(moments, lambda place: canonical(moments.iloc[place]), counts)]


def _with_all_different(kind: Kind, values: Sequence[Any], counts: np.ndarray) -> Kind:
    """With a word to the owner on whole numbers that never repeat."""
    if kind.spec.get("kind") not in ("integer", "real") or len(values) < _ID_ROWS or counts.max() > 1:
        return kind
    if (np.array(values, dtype=float) % 1 != 0).any():
        return kind
    return replace(kind, remarks=(*kind.remarks, f"in the first rows whole numbers, every one different; {IGNORE}"))


def _counted(arrays: Iterable[Any]) -> tuple[list[Any], np.ndarray]:
    """The different values of a column's first rows, and how often each stands there."""
    import pyarrow as pa
    import pyarrow.compute as pc

    some = list(islice(arrays, _FIRST))
    if not some:
        return [], np.zeros(0, dtype=np.int64)
    first = pa.chunked_array(some).combine_chunks()
    first = (
        utf8(first.dictionary_decode() if pa.types.is_dictionary(first.type) else first) if declares_text(first.type) else first
    )
    first = first.cast(pa.float32()) if pa.types.is_float16(first.type) else first  # which Arrow does not count
    counted = pc.value_counts(first.drop_null())
    return counted.field("values").to_pylist(), counted.field("counts").to_numpy()


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
        return _of_decimals(kind.precision, kind.scale)
    if is_.is_floating(kind):
        return Kind({"kind": "real"})
    if is_.is_date(kind):
        return Kind({"kind": "date"})
    if is_.is_timestamp(kind):
        remarks = (f"moments of a time zone; the day and the time are those that clocks of {kind.tz} show",) if kind.tz else ()
        return Kind({"kind": "date"} | _finest(read()), True, remarks)
    if is_.is_time(kind):
        found = _finest(read())
        return Kind({"kind": "date", "format": "%H:%M:%S" if found == {"resolution": "second"} else "%H:%M"} | found, True)
    if is_.is_duration(kind):
        return Kind(remarks=("it holds durations; give them as numbers, of days for one. It is left out",))
    if is_.is_nested(kind) or is_.is_binary(kind) or is_.is_large_binary(kind) or is_.is_fixed_size_binary(kind):
        return Kind(remarks=(f"it holds {kind} values, which no column of a schema can; it is left out",))
    return _of_first_texts(next(read(), None))


def _of_decimals(digits: int, decimals: int) -> Kind:
    """The kind of decimal numbers: their decimals are stated where all of them fit, or are few, and else are learnt.

    It goes by the type alone, for what the numbers themselves leave room for would tell of them.
    """
    if decimals <= MOST_DECIMALS and (digits <= _DIGITS or decimals <= _FEW_DECIMALS):
        return Kind({"kind": "real", "decimals": decimals})
    remark = (
        f"its type has {decimals} decimals, more than large numbers keep, so that they are learnt; state `decimals` if they may "
        "be known: a number keeps some 15 digits in all"
    )
    return Kind({"kind": "real"}, remarks=(remark,))


def _finest(arrays: Iterable[Any]) -> dict[str, str]:
    """How fine moments or times of day are, by the clocks of their time zone, where they are finer than days."""
    import pyarrow.compute as pc

    clocks, fractions = np.zeros(0, dtype=np.int64), False
    for cells in arrays:
        parts = (pc.multiply(pc.hour(cells), 3600), pc.multiply(pc.minute(cells), 60), pc.second(cells))
        clocks = np.union1d(clocks, pc.unique(pc.add(pc.add(*parts[:2]), parts[2])).drop_null().to_numpy(zero_copy_only=False))
        fractions = fractions or bool(pc.any(pc.not_equal(pc.subsecond(cells), 0)).as_py())
    found = finest(clocks, fractions)
    return {"resolution": found} if found else {}


def _of_first_texts(array: Any) -> Kind:
    """The kind of a column of texts, with what its first cells say to an owner."""
    cells = pd.Series([] if array is None else cells_of(array).to_numpy(dtype=object), dtype=object).dropna().map(canonical)
    texts = pd.Series(cells.unique(), dtype="str")
    if not len(texts):
        return _declared_text("in the first rows every cell is missing")
    found = dates_of(texts)
    if found is not None:
        date = _of_dates(found)
        written = ", ".join(f"{key}: {value}" for key, value in date.spec.items())
        also = f", or {date.also} for the format, which fits as well" if date.also else ""
        return _declared_text(f"in the first rows all cells are dates; if they all are, say {{{written}}}{also}")
    if as_numbers(texts) is not None and len(texts) > FEW:
        return _declared_text("in the first rows all cells are numbers; if they all are and measure something, say {kind: real}")
    if (quantities := measures_as_texts(texts)) is not None:
        return replace(_declared_text(f"by its first rows {quantities}"), measures=True)
    if (differ := _differ(len(texts), len(cells))) is not None:
        return _declared_text(f"in the first rows {differ}; {IGNORE}")
    return _declared_text()


def _declared_text(*remarks: str) -> Kind:
    return Kind({"kind": "categorical"}, remarks=tuple(f"it is declared a text, and {remark}" for remark in remarks))
