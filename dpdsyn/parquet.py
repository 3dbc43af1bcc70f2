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
            yield _frame(batch)[list(schema.names)]


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


def _frame(batch: Any) -> pd.DataFrame:
    """The cells of a batch, of which none changes how another comes out: whole numbers beside a null stay whole numbers."""
    import pyarrow as pa

    whole = {getattr(pa, name.lower())(): kind() for name, kind in _WHOLE.items()}
    columns = [
        column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        for column in (batch.column(i) for i in range(batch.num_columns))
    ]
    return pd.DataFrame({name: _cells(column, whole) for name, column in zip(batch.schema.names, columns, strict=True)})


def arrow_frame(table: Any) -> pd.DataFrame:
    """An Arrow table as a frame, its cells as those of a Parquet file come out."""
    parts = [_frame(batch) for batch in table.to_batches(_ROWS)]
    return pd.concat(parts, ignore_index=True) if parts else _frame(_no_rows(table.schema))


def _no_rows(schema: Any) -> Any:
    import pyarrow as pa

    return pa.RecordBatch.from_pylist([], schema=schema)


def _cells(column: Any, whole: dict[Any, Any]) -> pd.Series:
    """The cells of a column. One that pandas cannot hold, such as a time in nanoseconds, harms no other: it is given as an
    empty list, which says nothing of any kind.
    """
    import pyarrow as pa

    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
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
    except (pa.ArrowException, OSError) as error:
        raise SchemaError(f"{path} cannot be read as Parquet ({' '.join(str(error).split())})") from error
