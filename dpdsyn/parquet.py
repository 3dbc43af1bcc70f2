"""Rows of Parquet files, read and encoded piece by piece, for tables larger than memory.

A table is a file, or a folder whose files are its parts, in the order of their names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.partitioned_rows import PartitionedRows, Workers
from dpdsyn.reading.column import SchemaError
from dpdsyn.reading.schema_values import shortened
from dpdsyn.schema import Schema

ENDING = ".parquet"
_ROWS = 1 << 18  # read at once
_CHANGED = "it is not the file that was opened first: it has changed since, or a worker finds another one at this path"
_PART_ROWS = 1 << 21  # of a part, or one row group more


def stream(path: Path, schema: Schema, workers: Workers | None = None) -> PartitionedRows:
    """The rows of Parquet files, encoded as they are read. workers: who reads them; this process, unless it is said.

    Raises SchemaError, naming the file, for a file that is no Parquet or has other columns, or for a schema that names a
    person (rows of each cannot be chosen from pieces).
    """
    _check(path, schema)
    none = np.empty((0, len(schema.columns)), dtype=schema.dtype)
    return PartitionedRows(list(_parts(path, schema)), none, workers)


def pieces(path: Path, schema: Schema) -> Iterator[pd.DataFrame]:
    """The rows of Parquet files as frames, the columns of the schema alone. Raises SchemaError as `stream` does."""
    _check(path, schema)
    for part in _parts(path, schema):
        yield from part.frames()


def files_of(path: Path) -> list[Path]:
    """The files that a table lies in.

    Raises SchemaError for a folder without any, or with anything else whose name does not begin with `_` or `.`.
    """
    if not path.is_dir():
        return [path]
    within = sorted(entry for entry in path.iterdir() if entry.name[0] not in "_.")
    if others := [entry.name for entry in within if entry.suffix != ENDING or entry.is_dir()]:
        raise SchemaError(f"{path} holds {shortened(others)}; of a folder, all have to be files that end in {ENDING}")
    if not within:
        raise SchemaError(f"{path} is a folder without a file that ends in {ENDING}")
    return within


def unlike_parts(path: Path, wanted: Collection[str] | None = None) -> dict[str, str]:
    """Of a folder's columns whose files declare types of several kinds a sentence each, for whoever wrote them.

    wanted: the columns that are looked at; all, if it is None. Raises SchemaError for a file that has other ones than the first.
    """
    import pyarrow.parquet as pq

    if not path.is_dir():
        return {}
    first, *others = files_of(path)
    with readable(first):
        own = pq.read_schema(first)
    unlike: dict[str, str] = {}
    for other in others:
        with readable(other):
            declared = pq.read_schema(other)
        lacks, more = (
            [name for name in some if name not in rest and (wanted is None or name in wanted)]
            for some, rest in ((own.names, declared.names), (declared.names, own.names))
        )
        if lacks or more:
            told = [f"lacks {shortened(lacks)}"] * bool(lacks) + [f"has {shortened(more)} besides"] * bool(more)
            raise SchemaError(
                f"{other} has other columns than {first}: it {' and '.join(told)}; write all files of a folder with the same ones"
            )
        for name in {*own.names} & {*declared.names} & {*(own.names if wanted is None else wanted)}:
            pair = own.field(name).type, declared.field(name).type
            if name not in unlike and _family(pair[0]) != _family(pair[1]) and None not in map(_family, pair):
                unlike[name] = (
                    f"its type is {pair[0]} in {first.name} and {pair[1]} in {other.name}; write all files with one type"
                )
    return unlike


def _family(kind: Any) -> str | None:
    """Types of one kind have one name, whatever their width; None for a column without a cell."""
    import pyarrow.types as is_

    if is_.is_null(kind):
        return None
    if declares_text(kind):
        return "text"
    families = ("integer", "floating", "decimal", "boolean", "date", "timestamp", "time", "dictionary", "duration")
    return next((family for family in families if getattr(is_, f"is_{family}")(kind)), str(kind))


@dataclass(frozen=True)
class ParquetPart:
    """Row groups of a file, one after another. first: how many rows of the table lie before them. rows: how many they
    have. size: bytes of the file.

    It travels to workers, who have to find the same file at the same path.
    """

    path: Path
    groups: tuple[int, ...]
    first: int
    rows: int
    size: int
    schema: Schema

    def frames(self) -> Iterator[pd.DataFrame]:
        """Its rows, piece by piece. Raises SchemaError if there are not as many as there were when the table was opened."""
        import pyarrow.parquet as pq

        names, read = list(self.schema.names), 0
        with readable(self.path), pq.ParquetFile(self.path) as file:
            if self.path.stat().st_size != self.size:
                raise SchemaError(_CHANGED)
            for batch in file.iter_batches(_ROWS, row_groups=self.groups, columns=names):
                read += batch.num_rows
                yield frame_of(batch)[names]
            if read != self.rows:
                raise SchemaError(_CHANGED)

    def read(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        wanted, place = self.schema.select(self.schema.names), self.first
        for frame in self.frames():
            encoded, kept = wanted.encode_all(frame)
            yield encoded, place + np.flatnonzero(kept)
            place += len(frame)


def _check(path: Path, schema: Schema) -> None:
    import pyarrow.parquet as pq

    if schema.person is not None:
        raise SchemaError(f"{path}: rows of each person cannot be chosen while streaming; give the table as a frame")
    for file_path in files_of(path):
        with readable(file_path), pq.ParquetFile(file_path) as file:
            schema.check_names(file.schema_arrow.names)


def _parts(path: Path, schema: Schema) -> Iterator[ParquetPart]:
    """Row groups of all files, in their order, together as long as they have few rows: a part takes opening a file."""
    import pyarrow.parquet as pq

    first = 0
    for file_path in files_of(path):
        with readable(file_path), pq.ParquetFile(file_path) as file:
            sizes, size = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)], file_path.stat().st_size
        ends = np.cumsum(sizes, dtype=np.int64)
        places = ((ends - 1) // _PART_ROWS).tolist()
        for _, group in groupby(range(len(sizes)), places.__getitem__):
            groups = tuple(group)
            start, end = int(ends[groups[0]]) - sizes[groups[0]], int(ends[groups[-1]])
            yield ParquetPart(file_path.absolute(), groups, first + start, end - start, size, schema)
        first += sum(sizes)


def frame_of(batch: Any) -> pd.DataFrame:
    """The cells of an Arrow batch or table, of which none changes how another comes out: whole numbers stay so beside a null."""
    return pd.DataFrame({name: cells_of(batch.column(i)) for i, name in enumerate(batch.schema.names)})


def cells_of(column: Any) -> pd.Series:
    """The cells of an Arrow column, as `frame_of` gives them."""
    import pyarrow as pa

    return _cells(_plain(column), {getattr(pa, name.lower())(): kind() for name, kind in _WHOLE.items()})


def _plain(column: Any) -> Any:
    """The array of a column in one piece, without a dictionary."""
    import pyarrow as pa

    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def declares_text(kind: Any) -> bool:
    """Whether an Arrow type is one of texts."""
    import pyarrow.types as is_

    kind = kind.value_type if is_.is_dictionary(kind) else kind
    return bool(is_.is_string(kind) or is_.is_large_string(kind) or is_.is_string_view(kind))


def texts_of(path: Path) -> frozenset[str]:
    """The columns that Parquet files declare as texts. Raises SchemaError for a file that is no Parquet."""
    import pyarrow.parquet as pq

    found = frozenset[str]()
    for file_path in files_of(path):
        with readable(file_path), pq.ParquetFile(file_path) as file:
            found |= {field.name for field in file.schema_arrow if declares_text(field.type)}
    return found


def _cells(column: Any, whole: dict[Any, Any]) -> pd.Series:
    """The cells of a column. One that pandas cannot hold, such as a time in nanoseconds, harms no other: it is given as an
    empty list, which says nothing of any kind.
    """
    import pyarrow as pa

    if declares_text(column.type):
        column = utf8(column)
    try:
        return pa.table([column], names=[""]).to_pandas(ignore_metadata=True, types_mapper=whole.get, date_as_object=False)[""]
    except Exception:  # whatever stands in the column: Arrow and pandas have errors of many kinds
        if len(column) < 2:
            return pd.Series([[]], dtype=object)
        halves = (column.slice(0, len(column) // 2), column.slice(len(column) // 2))
        return pd.concat([_cells(half, whole).astype(object) for half in halves], ignore_index=True)


def utf8(texts: Any) -> Any:
    """Arrow texts with marks in place of bytes that are no UTF-8: Arrow reads such a cell, and stumbles over it later."""
    import pyarrow as pa

    raw = texts.cast(pa.large_binary())
    try:
        return raw.cast(pa.large_string())  # which looks at every byte
    except pa.ArrowInvalid:
        return pa.array(
            (None if cell is None else cell.decode("utf-8", "replace") for cell in raw.to_pylist()), pa.large_string()
        )


_WHOLE = {f"{sign}Int{bits}": getattr(pd, f"{sign}Int{bits}Dtype") for sign in ("", "U") for bits in (8, 16, 32, 64)}


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Make of what Arrow says of a damaged file a SchemaError that names it."""
    import pyarrow as pa

    try:
        yield
    except SchemaError as error:
        raise SchemaError(f"{path}: {error}") from error
    except (pa.ArrowException, UnicodeError, OSError) as error:  # names of a damaged file need not be UTF-8
        raise SchemaError(f"{path} cannot be read as Parquet ({' '.join(str(error).split())})") from error
