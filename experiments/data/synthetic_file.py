"""A synthetic table as a file: CSV, or Parquet with types that the schema decides before anything is sampled.

A Parquet column has one type. Categories of several kinds, as in [1, 2, 3+], and numbers that no type of Parquet holds are
written as texts, those by which cells are compared with categories, so that the file is read back as it was meant.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from dpdsyn.reading.column import Column
    from dpdsyn.schema import Schema

ENDINGS = (".csv", ".csv.gz", ".parquet")
_BOTH_ENDS = "\r\n"
_CENTS = 3  # decimals up to which they are all written
_CLOCKS = ("%H:%M", "%H:%M:%S")  # forms of a time of day that a Parquet file can hold as one


@dataclass(frozen=True)
class Types:
    """made: what decoded cells are. written: what the file is to have. as_text: columns whose cells become texts first.

    spelled: of these columns, the texts of numbers among their categories. in_bins: columns of numbers in bins whose decimals the
    file limits.
    """

    made: pa.Schema
    written: pa.Schema
    as_text: tuple[str, ...]
    spelled: Mapping[str, Mapping[Any, str]] = field(default_factory=dict)
    in_bins: tuple[Column, ...] = ()

    @classmethod
    def of(cls, schema: Schema, owners: Mapping[str, pa.DataType]) -> Types:
        """Of columns that are not to be learnt. owners: types of the private file, taken where every value can be written so."""
        import numpy as np
        import pyarrow as pa

        from dpdsyn.reading.spelling import spellings
        from experiments.data.kept_types import fits

        made, written, as_text = [], [], []
        for column in schema.columns:
            if column.is_open:
                continue
            cells = _made(column)
            if cells is None:
                as_text.append(column.name)
                made.append((column.name, pa.string()))
                written.append((column.name, pa.string()))
                continue
            made.append((column.name, cells.type))
            own = owners.get(column.name, cells.type)
            kept = _is_of_kind(column, cells, own) and fits(schema, column, own) and _castable(cells, own)
            written.append((column.name, own if kept else cells.type))
        for anew in sorted(schema.made, key=lambda column: column.position):
            kind = _array(anew.cells(1, 1, np.random.default_rng(0)))
            as_text += [anew.name] if kind is None else []
            for fields in (made, written):
                fields.insert(min(anew.position, len(fields)), (anew.name, pa.string() if kind is None else kind.type))
        spelled = {name: spellings(schema[name].categories, schema[name].written) for name in as_text if name in schema.names}
        types = pa.schema(written)
        in_bins = [c for c in schema.columns if c.kind == "real" and c.bins and pa.types.is_decimal(types.field(c.name).type)]
        return cls(pa.schema(made), types, tuple(as_text), spelled, tuple(in_bins))


def write_csv(chunks: Iterable[pd.DataFrame], path: Path, schema: Schema, packed: bool = False) -> None:
    """packed: by gzip, without a name or a time in it."""
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if packed else nullcontext(raw) as binary,
        io.TextIOWrapper(binary, encoding="utf-8", newline="") as file,
    ):
        rows: Any = _Rows(file)
        for i, chunk in enumerate(chunks):
            if i == 0:
                rows.write(_names(chunk.columns))
            _as_listed(_with_cents(chunk, schema), schema).to_csv(rows, index=False, header=False, lineterminator=_BOTH_ENDS)


class _Rows:
    """A file to which rows are written that end in `_BOTH_ENDS`, one a call; in the file they end in a line feed alone.

    Cells are quoted where they have a sign in them that ends a row. A reader takes a lone carriage return for one too, and the
    `csv` module quotes that only where rows end in it.
    """

    def __init__(self, file: io.TextIOBase) -> None:
        self._file = file

    def write(self, row: str) -> None:
        self._file.write(row.removesuffix(_BOTH_ENDS) + "\n")

    def __iter__(self) -> Any:  # by which pandas knows a file
        return iter(())


def _names(names: Iterable[str]) -> str:
    """The line of names, all quoted where one has a sign in it that could be taken for what parts columns."""
    from experiments.data.table_file import SEPARATORS

    text, names = io.StringIO(), list(names)
    quoted = any(sign in name for name in names for sign in SEPARATORS)
    csv.writer(text, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL, lineterminator=_BOTH_ENDS).writerow(names)
    return text.getvalue()


def _with_cents(chunk: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Numbers of few decimals, such as money, as texts that have all of them: 12.50 and 10.00."""
    texts = {}
    for column in schema.columns:
        if column.kind == "real" and column.pieces and 0 < (decimals := column.decimals or 0) <= _CENTS:
            numbers = chunk[column.name]
            if (numbers.isna() | (numbers.round(decimals) == numbers)).all():  # a computed sum may have more
                texts[column.name] = numbers.map(f"{{:.{decimals}f}}".format, na_action="ignore")
    return chunk.assign(**texts)


def _as_listed(chunk: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Numbers that a schema lists, as categories or constants, as texts in its own spelling."""
    from dpdsyn.reading.spelling import spellings

    listed = {column.name: spellings(column.categories, column.written) for column in schema.columns}
    listed |= {made.name: spellings([made.constant], made.written) for made in schema.made if made.pattern is None}
    return chunk.assign(**{name: _spelled(chunk[name], texts) for name, texts in listed.items() if texts})


def _text(cells: pd.Series, texts: Mapping[Any, str]) -> pd.Series:
    """Texts of all cells that are there."""
    from dpdsyn.reading.cells import canonical

    cells = cells.astype(object)
    known = cells.isin(list(texts))
    return cells.map(canonical, na_action="ignore").where(~known, cells.map(texts))


def _spelled(cells: pd.Series, texts: Mapping[Any, str]) -> pd.Series:
    """What is no number of these, texts and missing cells, stays."""
    cells = cells.astype(object)
    return cells.map(texts).where(cells.isin(list(texts)), cells)


def write_parquet(chunks: Iterable[pd.DataFrame], path: Path, types: Types) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetWriter(path, types.written) as writer:
        for chunk in chunks:
            texts = {name: _text(chunk[name], types.spelled.get(name, {})) for name in types.as_text}
            rounded = {c.name: _rounded(chunk[c.name], c, types.written.field(c.name).type.scale) for c in types.in_bins}
            table = pa.Table.from_pandas(chunk.assign(**texts, **rounded), schema=types.made, preserve_index=False)
            columns = [_cast(*pair) for pair in zip(table.columns, types.written, strict=True)]
            writer.write_table(pa.table(columns, schema=types.written))


def _rounded(numbers: pd.Series, column: Column, scale: int) -> pd.Series:
    """Numbers of so many decimals, each in the bin that it was in: .98 is no 1.0 where another bin begins with 1."""
    import numpy as np
    import pandas as pd

    found, edges, unit = numbers.to_numpy(dtype=float, na_value=np.nan), column.edges, 10.0**-scale
    bins = np.clip(np.searchsorted(edges, found, side="right") - 1, 0, column.bins - 1)
    near = np.round(found, scale)
    near += unit * (near < edges[bins]) - unit * ((near >= edges[bins + 1]) & (bins < column.bins - 1))
    return pd.Series(np.round(near, scale), index=numbers.index)


def owners_types(path: Path) -> dict[str, pa.DataType]:
    """Types that a Parquet file declares, which are public, where synthetic cells would have another one of the same kind.

    Of a folder of such files, those of the first. Raises SchemaError for one that is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from dpdsyn.parquet import files_of, readable
    from experiments.data.first_bytes import is_parquet

    if not is_parquet(path):
        return {}
    kept, first = {}, files_of(path)[0]
    with readable(first):
        declared = pq.read_schema(first)
    for own in declared:
        kind = own.type
        if pa.types.is_timestamp(kind) and kind.tz is not None and not _known_zone(kind.tz):
            continue
        if pa.types.is_date(kind):
            kept[own.name] = pa.date32()
        elif pa.types.is_string_view(kind) or (pa.types.is_dictionary(kind) and pa.types.is_string_view(kind.value_type)):
            kept[own.name] = pa.string()
        elif pa.types.is_dictionary(kind):  # how wide its codes are tells how many values there are
            kept[own.name] = pa.dictionary(pa.int32(), kind.value_type)
        elif not (pa.types.is_nested(kind) or pa.types.is_null(kind)):
            kept[own.name] = kind
    return kept


def _made(column: Column) -> pa.Array | None:
    """A cell of every value that may be published; None where they have no type in common."""
    import numpy as np

    codes = np.arange(column.size - (column.other and not column.emit_other))  # undeclared ones are not published
    if any(isinstance(category, int) and abs(category) >= 2**63 for category in column.categories):
        return None  # which type it is would depend on the rest
    return _array(column.decode(codes, np.random.default_rng(0)))


def _array(cells: pd.Series) -> pa.Array | None:
    import pyarrow as pa

    try:
        found = pa.array(cells, from_pandas=True)
        return found if pa.array(cells[::-1], from_pandas=True).type == found.type else None  # whichever is drawn first
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        return None


def _is_of_kind(column: Column, cells: pa.Array, own: pa.DataType) -> bool:
    """Whether cells are moments where the owner's are, and times of day where the owner's are, and numbers in bins or pieces have
    decimals enough to stay in them.
    """
    import pyarrow as pa

    if pa.types.is_decimal(own) and column.kind == "real":
        unit = 10.0**-own.scale
        return bool((column.edges[1:] - column.edges[:-1]).min() > unit if column.bins else (column.decimals or 0) <= own.scale)
    if pa.types.is_timestamp(own):
        return bool(pa.types.is_timestamp(cells.type))
    return not pa.types.is_time(own) or column.format in _CLOCKS


def _known_zone(zone: str | None) -> bool:
    """Whether there is a time zone, and Arrow knows it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return zone is not None and pc.assume_timezone(pa.array([0], pa.timestamp("s")), zone) is not None
    except pa.ArrowException:
        return False


def _castable(cells: pa.Array, wanted: pa.DataType) -> bool:
    import pyarrow as pa

    try:
        _cast(cells, pa.field("", wanted))
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        return False
    return True


def _cast(cells: Any, field: pa.Field) -> Any:
    """Cells as another type of the same kind. A decimal is made of a number's shortest text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from experiments.data.kept_types import within

    if pa.types.is_timestamp(field.type) and field.type.tz is not None and cells.type.tz is None:  # what the clocks there show
        local = cells.cast(pa.timestamp(field.type.unit))
        return pc.assume_timezone(local, field.type.tz, ambiguous="earliest", nonexistent="earliest")
    if pa.types.is_time(field.type):
        texts = pc.binary_join_element_wise("1970-01-01", cells.cast(pa.string()), " ")
        moments = texts.cast(pa.timestamp("us"))
        return moments.cast(pa.time64("us")).cast(field.type, safe=False)
    if pa.types.is_dictionary(field.type):
        return _cast(cells, pa.field("", field.type.value_type)).dictionary_encode().cast(field.type)
    if pa.types.is_integer(field.type) and pa.types.is_integer(cells.type):
        return within(cells, field.type)
    if pa.types.is_decimal(field.type):
        cells = pc.round(cells.cast(pa.float64()), field.type.scale).cast(pa.string())
    return cells.cast(field.type, safe=False)
