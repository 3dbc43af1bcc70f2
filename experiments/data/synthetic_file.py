"""A synthetic table as a file: CSV, or Parquet with types that the schema decides before anything is sampled.

A Parquet column has one type. Categories of several kinds, as in [1, 2, 3+], and numbers that no type of Parquet holds are
written as texts, those by which cells are compared with categories, so that the file is read back as it was meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpdsyn.cells import canonical

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from dpdsyn.column import Column
    from dpdsyn.schema import Schema

ENDINGS = (".csv", ".parquet")


@dataclass(frozen=True)
class Types:
    """made: what decoded cells are. written: what the file is to have. as_text: columns whose cells become texts first."""

    made: pa.Schema
    written: pa.Schema
    as_text: tuple[str, ...]

    @classmethod
    def of(cls, schema: Schema, owners: Mapping[str, pa.DataType]) -> Types:
        """Of columns that are not to be learnt. owners: types of the private file, taken where every value can be written so."""
        import pyarrow as pa

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
            written.append((column.name, own if _castable(cells, own) else cells.type))
        return cls(pa.schema(made), pa.schema(written), tuple(as_text))


def write_csv(chunks: Iterable[pd.DataFrame], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        for i, chunk in enumerate(chunks):
            chunk.to_csv(file, index=False, header=i == 0, lineterminator="\n")


def write_parquet(chunks: Iterable[pd.DataFrame], path: Path, types: Types) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetWriter(path, types.written) as writer:
        for chunk in chunks:
            texts = {name: chunk[name].astype(object).map(canonical, na_action="ignore") for name in types.as_text}
            table = pa.Table.from_pandas(chunk.assign(**texts), schema=types.made, preserve_index=False)
            columns = [_cast(*pair) for pair in zip(table.columns, types.written, strict=True)]
            writer.write_table(pa.table(columns, schema=types.written))


def owners_types(path: Path) -> dict[str, pa.DataType]:
    """Types that a Parquet file declares, which are public, where synthetic cells would have another one of the same kind."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from experiments.data.table_file import is_parquet

    if not is_parquet(path):
        return {}
    kept = {}
    for field in pq.read_schema(path):
        if pa.types.is_date(field.type):
            kept[field.name] = pa.date32()
        elif pa.types.is_decimal(field.type):
            kept[field.name] = field.type
        elif pa.types.is_string(field.type) or pa.types.is_large_string(field.type) or pa.types.is_dictionary(field.type):
            kept[field.name] = pa.string()
    return kept


def _made(column: Column) -> pa.Array | None:
    """A cell of every value that may be published; None where they have no type in common."""
    import numpy as np
    import pyarrow as pa

    codes = np.arange(column.size - (column.other and not column.emit_other))  # undeclared ones are not published
    if any(isinstance(category, int) and abs(category) >= 2**63 for category in column.categories):
        return None  # which type it is would depend on the rest
    cells = column.decode(codes, np.random.default_rng(0))
    try:
        found = pa.array(cells, from_pandas=True)
        return found if pa.array(cells[::-1], from_pandas=True).type == found.type else None  # whichever is drawn first
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        return None


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

    if pa.types.is_decimal(field.type):
        cells = pc.round(cells.cast(pa.float64()), field.type.scale).cast(pa.string())
    return cells.cast(field.type, safe=False)
