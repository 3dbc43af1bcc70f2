"""Rows of a Parquet file, read and encoded piece by piece, for tables larger than memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from dpdsyn.column import SchemaError
from dpdsyn.rows import StreamedRows
from dpdsyn.schema import Schema

_ROWS = 1 << 18  # read at once


def stream(path: Path, schema: Schema) -> StreamedRows:
    """The rows of a Parquet file. What a row has that contradicts the schema is found when the rows are first read.

    Raises SchemaError, naming the file, for a file that is no Parquet, has fewer than two rows or other columns, or
    for a schema that names a person (one row of each cannot be chosen from pieces).
    """
    import pyarrow.parquet as pq

    if schema.person is not None:
        raise SchemaError(f"{path}: one row a person cannot be chosen while streaming; give the table as a frame")
    with _readable(path), pq.ParquetFile(path) as file:
        schema.check_names(file.schema_arrow.names)
        if file.metadata.num_rows < 2:
            raise SchemaError(f"{file.metadata.num_rows} rows can be used; at least two are needed")
    return StreamedRows(lambda: _encoded(path, schema))


def _encoded(path: Path, schema: Schema) -> Iterator[np.ndarray]:
    import pyarrow.parquet as pq

    before = 0
    with _readable(path), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_ROWS, columns=list(schema.names)):
            try:
                yield schema.select(schema.names).encode(batch.to_pandas(ignore_metadata=True))
            except SchemaError as error:
                raise SchemaError(f"rows from {before + 1} on: {error}") from error
            before += len(batch)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except SchemaError as error:
        raise SchemaError(f"{path}: {error}") from error
    except (pa.ArrowException, OSError) as error:
        raise SchemaError(f"{path} cannot be read as Parquet ({' '.join(str(error).split())})") from error
