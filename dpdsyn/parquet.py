"""Rows of a Parquet file, read and encoded piece by piece, for tables larger than memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.column import SchemaError
from dpdsyn.rows import StreamedRows
from dpdsyn.schema import Schema

_ROWS = 1 << 18  # read at once


def stream(path: Path, schema: Schema) -> StreamedRows:
    """The rows of a Parquet file, encoded as they are read.

    Raises SchemaError, naming the file, for a file that is no Parquet or has other columns, or for a schema that names a
    person (rows of each cannot be chosen from pieces).
    """
    _check(path, schema)
    return StreamedRows(lambda: _encoded(path, schema))


def pieces(path: Path, schema: Schema) -> Iterator[pd.DataFrame]:
    """The rows of a Parquet file as frames, the columns of the schema alone. Raises SchemaError as `stream` does."""
    import pyarrow.parquet as pq

    _check(path, schema)
    with _readable(path), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_ROWS, columns=list(schema.names)):
            yield frame_of(batch)[list(schema.names)]


def _check(path: Path, schema: Schema) -> None:
    import pyarrow.parquet as pq

    if schema.person is not None:
        raise SchemaError(f"{path}: rows of each person cannot be chosen while streaming; give the table as a frame")
    with _readable(path), pq.ParquetFile(path) as file:
        schema.check_names(file.schema_arrow.names)


def _encoded(path: Path, schema: Schema) -> Iterator[np.ndarray]:
    wanted = schema.select(schema.names)
    none = True
    for frame in pieces(path, schema):
        none = False
        yield wanted.encode(frame)
    if none:
        yield np.empty((0, len(schema.columns)), dtype=schema.dtype)


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
    """The columns that a Parquet file declares as texts. Raises SchemaError for a file that is no Parquet."""
    import pyarrow.parquet as pq

    with _readable(path), pq.ParquetFile(path) as file:
        return frozenset(field.name for field in file.schema_arrow if declares_text(field.type))


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
def _readable(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except SchemaError as error:
        raise SchemaError(f"{path}: {error}") from error
    except (pa.ArrowException, UnicodeError, OSError) as error:  # names of a damaged file need not be UTF-8
        raise SchemaError(f"{path} cannot be read as Parquet ({' '.join(str(error).split())})") from error
