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

from dpdsyn.parquet import frame_of
from dpdsyn.schema import Schema
from experiments.data.kept_types import within
from experiments.data.synthetic_file import Types, owners_types, write_parquet

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


KEPT: dict[str, tuple[pa.DataType, dict[str, Any]]] = {
    "small": (pa.int16(), {"kind": "integer", "bounds": [-5, 32767], "bins": 4, "missing": "own_code"}),
    "byte": (pa.uint8(), {"kind": "integer", "bounds": [0, 255], "bins": 4}),
    "listed": (pa.int8(), {"kind": "categorical", "categories": [1, 2, 100], "other": False}),
    "single": (pa.float32(), {"kind": "real", "bounds": [0, 10], "bins": 5}),
    "coded": (pa.dictionary(pa.int32(), pa.string()), {"kind": "categorical", "categories": ["a", "b"], "missing": "own_code"}),
    "long": (pa.large_string(), {"kind": "categorical", "categories": ["a", "b"]}),
    "short": (pa.string(), {"kind": "categorical", "categories": ["a", "b"]}),
    "micro": (pa.timestamp("us"), {"kind": "date", "resolution": "minute", "bounds": ["2020-01-01", "2021-01-01"], "bins": 3}),
    "nano": (pa.timestamp("ns"), {"kind": "date", "bounds": ["1700-01-01", "2021-01-01"], "bins": 3}),
    "clock": (pa.time32("ms"), {"kind": "date", "format": "%H:%M", "bins": 3}),
    "day": (pa.date32(), {"kind": "date", "bounds": ["2020-01-01", "2021-01-01"], "bins": 3}),
}
WIDER: dict[str, tuple[pa.DataType, dict[str, Any], str]] = {
    "small": (pa.int16(), {"kind": "integer", "bounds": [0, 32768], "bins": 4}, "int64"),
    "byte": (pa.uint8(), {"kind": "integer", "bounds": [-1, 5], "bins": 4}, "int64"),
    "listed": (pa.int8(), {"kind": "categorical", "categories": [1, 200], "other": False}, "int64"),
    "halves": (pa.int8(), {"kind": "categorical", "categories": [1, 0.5], "other": False}, "double"),
    "whole": (pa.float64(), {"kind": "integer", "bounds": [0, 9], "bins": 3, "missing": "own_code"}, "int64"),
    "codes": (pa.float32(), {"kind": "categorical", "categories": [1, 2], "other": False, "missing": "own_code"}, "int64"),
    "real": (pa.int8(), {"kind": "real", "bounds": [0, 1], "bins": 4}, "double"),
    "single": (pa.float32(), {"kind": "real", "bounds": [0, 1e39], "bins": 5}, "double"),
    "nano": (pa.timestamp("ns"), {"kind": "date", "bounds": ["1000-01-01", "2021-01-01"], "bins": 3}, "timestamp[s]"),
    "total": (pa.int8(), {"kind": "integer", "bounds": [0, 9], "bins": 3}, "int64"),  # computed by a rule
}


def test_types_are_kept_where_every_value_fits_and_are_wider_where_one_does_not(tmp_path: Path, rng: np.random.Generator) -> None:
    public = Schema.from_mapping({"rows_public": 9, "columns": {name: spec for name, (_, spec) in KEPT.items()}})
    pq.write_table(pa.table({name: pa.nulls(1).cast(kind) for name, (kind, _) in KEPT.items()}), tmp_path / "own.parquet")
    owners = owners_types(tmp_path / "own.parquet")
    types = Types.of(public, owners)
    assert {field.name: field.type for field in types.written} == {name: kind for name, (kind, _) in KEPT.items()}
    codes = np.stack([np.arange(50) % size for size in public.sizes], axis=1)
    codes = np.minimum(codes, [column.size - 1 - column.other for column in public.columns])
    write_parquet((public.decode(codes[i : i + 10], rng) for i in range(0, 50, 10)), tmp_path / "made.parquet", types)
    kinds = {name: kind for name, (kind, _) in KEPT.items()}
    assert {field.name: field.type for field in pq.read_schema(tmp_path / "made.parquet")} == kinds
    assert (public.encode(frame_of(pq.read_table(tmp_path / "made.parquet"))) == codes).all()
    columns = {name: spec for name, (_, spec, _) in WIDER.items()}
    wider = Schema.from_mapping({"rows_public": 9, "columns": columns, "constraints": ["total = byte + 4"]})
    written = Types.of(wider, {name: kind for name, (kind, _, _) in WIDER.items()}).written
    assert {field.name: str(field.type) for field in written} == {name: kind for name, (_, _, kind) in WIDER.items()}


def test_no_number_wraps_around(rng: np.random.Generator) -> None:
    kinds = [pa.int8(), pa.uint8(), pa.int64(), pa.uint64(), pa.uint16()]
    cells = pa.array([-(2**62), -1, None, 300, 2**62])
    assert [within(cells, kind).to_pylist() for kind in kinds] == [
        [-128, -1, None, 127, 127],
        [0, 0, None, 255, 255],
        [-(2**62), -1, None, 300, 2**62],
        [0, 0, None, 300, 2**62],
        [0, 0, None, 300, 65535],
    ]
