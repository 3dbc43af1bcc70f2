"""The types that the owner's Parquet file declares: kept with a model, and taken where every published value fits them.

The schema and those types decide what fits, both public, and no row.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dpdsyn.base.checks import InputError
from dpdsyn.rules.constraints import computed, seconds
from dpdsyn.rules.drawn_rows import ends, limits

if TYPE_CHECKING:
    import pyarrow as pa

    from dpdsyn.reading.column import Column
    from dpdsyn.schema import Schema

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_LARGEST = 2**63 - 1


def fits(schema: Schema, column: Column, own: pa.DataType) -> bool:
    """Whether they all fit. A column that a rule computes from others may leave its bounds, so that it keeps no narrow type."""
    import pyarrow as pa

    kind = own.value_type if pa.types.is_dictionary(own) else own
    if pa.types.is_timestamp(kind):
        low, high = _range(column)
        return max(abs(low), abs(high) + 1) * seconds(column) * _PER_SECOND[kind.unit] < _LARGEST
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return True
    if column.name in {name for _, name in computed(schema.constraints)}:
        return False
    numbers = column.categories if not column.ordered else _range(column) if column.kind in ("integer", "real") else ("",)
    if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers):
        return False
    if pa.types.is_floating(kind):
        if column.kind == "integer" or (column.kind != "real" and all(isinstance(number, int) for number in numbers)):
            return False  # pandas makes floats of whole numbers where a row has none
        return max(abs(float(number)) for number in numbers) <= float(np.finfo(f"float{kind.bit_width}").max)
    low, high = _ends(kind)
    return column.kind != "real" and all(float(number).is_integer() and low <= number <= high for number in numbers)


def packed(owners: Mapping[str, pa.DataType]) -> str:
    """Names of columns and their types as one line of text, for a saved model."""
    import pyarrow as pa

    return base64.b64encode(pa.schema(list(owners.items())).serialize()).decode()


def unpacked(text: str) -> dict[str, pa.DataType]:
    """What `packed` was given. Raises InputError for a text that it did not write."""
    import pyarrow as pa

    try:
        kept = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text, validate=True))) if text else ()
    except (ValueError, OSError) as error:  # of which Arrow's own errors are
        raise InputError(f"the model keeps types of its owner's file that this version does not know ({error})") from error
    return {field.name: field.type for field in kept}


def within(cells: Any, kind: pa.DataType) -> Any:
    """Whole numbers as another type of these; one beyond its ends, which `fits` leaves none of, is its nearest."""
    import pyarrow as pa
    import pyarrow.compute as pc

    low, high = (pa.scalar(end, cells.type) if _holds(cells.type, end) else None for end in _ends(kind))
    cells = cells if low is None else pc.max_element_wise(cells, low, skip_nulls=False)
    return (cells if high is None else pc.min_element_wise(cells, high, skip_nulls=False)).cast(kind)


def _holds(kind: pa.DataType, number: int) -> bool:
    low, high = _ends(kind)
    return low <= number <= high


def _ends(kind: pa.DataType) -> tuple[int, int]:
    """The least and the largest number of a type of whole ones."""
    info = np.iinfo(str(kind))
    return int(info.min), int(info.max)


def _range(column: Column) -> tuple[float, float]:
    """The least and the largest number that a column is published with, in its own units."""
    if not column.ordered:
        return 0.0, 0.0
    firsts, lasts = ends(column)
    low, high = limits(column)
    return min(low, float(np.nanmin(firsts))), max(high, float(np.nanmax(lasts)))
