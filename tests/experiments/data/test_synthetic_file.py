"""Files of synthetic rows: what a Parquet column cannot hold is written as texts that are read back as they were meant."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dpdsyn.schema import Schema
from experiments.data.synthetic_file import Types, write_parquet

MIXED: dict[str, list[Any]] = {
    "children": [1, 2, "3+"],
    "severity": ["low", 0.5, "high"],
    "date or text": ["unknown", dt.date(2024, 1, 1)],
    "zeros": ["08", "09", 7],
    "large": [2**64, -1, 3],
    "up to 2^64": [2**64 - 1, 1],
    "moment or date": [pd.Timestamp("2024-01-01 12:30"), "never"],
}
PLAIN: dict[str, tuple[list[Any], str]] = {
    "whole": ([1, 2], "int64"),
    "half": ([1, 0.5], "double"),
    "truth": ([True, False], "bool"),
    "text": (["a", "b"], "string"),
    "date": ([dt.date(2024, 1, 1), dt.date(2024, 2, 1)], "date32[day]"),
}


def schema(columns: dict[str, list[Any]], **rules: Any) -> Schema:
    specs = {name: {"kind": "categorical", "categories": values, "other": False, **rules} for name, values in columns.items()}
    return Schema.from_mapping({"rows_public": 9, "columns": specs})


@pytest.mark.parametrize("rules", [{}, {"missing": "own_code"}])
def test_mixed_categories_are_written_as_texts_and_read_back_as_the_same_codes(rules: dict[str, str], tmp_path: Path) -> None:
    public = schema({**MIXED, **{name: values for name, (values, _) in PLAIN.items()}}, **rules)
    types = Types.of(public, {})
    assert types.as_text == tuple(MIXED) and all(types.written.field(name).type == pa.string() for name in MIXED)
    assert {name: str(types.written.field(name).type).removeprefix("large_") for name in PLAIN} == {
        name: kind for name, (_, kind) in PLAIN.items()
    }
    rng = np.random.default_rng(0)
    for first in range(3):  # whichever value is drawn first, and in chunks of one row
        codes = np.stack([(np.arange(12) + first) % size for size in public.sizes], axis=1)
        write_parquet((public.decode(codes[i : i + 1], rng) for i in range(12)), tmp_path / "made.parquet", types)
        assert (public.encode(pd.read_parquet(tmp_path / "made.parquet")) == codes).all()
    write_parquet([public.decode(codes[:0], rng)], tmp_path / "made.parquet", types)
    assert pq.read_schema(tmp_path / "made.parquet").equals(types.written, check_metadata=False)


def test_the_owners_types_are_taken_where_every_value_can_be_written_so(tmp_path: Path) -> None:
    date = {"kind": "date", "bounds": ["2020-01-01", "2021-01-01"], "bins": 3}
    columns: dict[str, Any] = {"plain": date, "formed": {**date, "format": "%d.%m.%Y"}}
    columns |= {"price": {"kind": "real", "bounds": [0, 10], "bins": 5}}
    columns |= {"listed": {"kind": "categorical", "categories": [Decimal("1.50"), "none"]}}
    public = Schema.from_mapping({"rows_public": 9, "columns": columns})
    owners = {"plain": pa.date32(), "formed": pa.date32(), "price": pa.decimal128(6, 2), "listed": pa.decimal128(6, 2)}
    types = Types.of(public, owners)
    assert [str(field.type).removeprefix("large_") for field in types.written] == [
        "date32[day]",
        "string",
        "decimal128(6, 2)",
        "string",
    ]
    rows = public.decode(np.zeros((5, 4), dtype=np.int64), np.random.default_rng(0))
    write_parquet([rows], tmp_path / "made.parquet", types)
    assert set(pd.read_parquet(tmp_path / "made.parquet")["listed"]) == {"1.5"}
