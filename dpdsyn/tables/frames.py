"""Tables of other libraries as pandas frames, without importing any: by `to_pandas`, or by Arrow's stream protocol.

Polars, PyArrow, DuckDB, Modin and others offer one or both. Cells come as Arrow has them: whole numbers beside a missing cell
stay whole numbers, texts are texts, times keep their zones.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from dpdsyn.base.checks import InputError

_VIEW = "string_view"
ACCEPTED = "a pandas DataFrame, a table of polars or Arrow, or the path of a Parquet file"


def as_pandas(table: Any) -> pd.DataFrame:
    """The table as a pandas frame with texts for names; a frame of pandas itself is not copied.

    A lazy frame of polars (`collect`) is collected. Raises InputError for anything that is no table.
    """
    if isinstance(table, pd.DataFrame):
        return table.set_axis(table.columns.map(str), axis=1)
    if type(table).__name__ == "LazyFrame" and hasattr(table, "collect"):
        table = table.collect()
    if isinstance(table, type):
        found = None
    elif hasattr(table, "__arrow_c_stream__"):
        found = _by_arrow(table)
    elif hasattr(table, "to_pandas"):
        found = _by_itself(table)
    else:
        found = None
    if not isinstance(found, pd.DataFrame):
        raise InputError(f"{ACCEPTED} is needed; given is a {type(table).__name__}")
    return found.set_axis(found.columns.map(str), axis=1)


def _by_arrow(table: Any) -> pd.DataFrame | None:
    """By the PyCapsule interface of Arrow, as the cells of Parquet files are read; None for one column alone."""
    import pyarrow as pa

    from dpdsyn.parquet import frame_of

    try:
        read = pa.table(table)
    except (pa.ArrowException, TypeError, ValueError, NotImplementedError):
        return _by_itself(table) if hasattr(table, "to_pandas") else None
    columns = [_plain_texts(column) for column in read.columns]
    return frame_of(pa.table(columns, names=[str(name) for name in read.column_names]))


def _by_itself(table: Any) -> Any:
    """What its own `to_pandas` makes of it. Raises InputError where it has a type of cells that it cannot hand over."""
    try:
        return table.to_pandas()
    except Exception as error:  # of whatever kind its library raises: whole numbers of 128 bits, for one
        said = " ".join(str(error).split())
        raise InputError(
            f"the {type(table).__name__} cannot be made a pandas frame ({said}); cast columns of types that pandas has not"
        ) from error


def _plain_texts(column: Any) -> Any:
    """Texts as Arrow has always had them: polars gives views, of which categories cannot be made cells."""
    import pyarrow as pa

    if str(column.type) == _VIEW:
        return column.cast(pa.large_string())
    if pa.types.is_dictionary(column.type) and str(column.type.value_type) == _VIEW:
        kind = pa.dictionary(column.type.index_type, pa.large_string())
        parts = [pa.DictionaryArray.from_arrays(part.indices, part.dictionary.cast(kind.value_type)) for part in column.chunks]
        return pa.chunked_array(parts, kind)
    return column
