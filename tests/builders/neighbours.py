"""Neighbouring tables of one schema, and a way to replace all noise, so that only side doors can tell them apart."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dpdsyn import api, method
from dpdsyn.base import files
from dpdsyn.checking.blind import Blind
from dpdsyn.learning import raw_table
from dpdsyn.learning.raw_table import RawTable
from dpdsyn.schema import Schema

COLUMNS = """\
columns:
  age: {kind: integer, bounds: [0, 110], bins: 8}
  weight: {kind: real, bounds: [30, 200], bins: 10, missing: own_code}
  cost: {kind: real, bounds: [0, 100000], bins: 6, scale: log, missing: drop}
  ward: {kind: categorical, categories: [north, south]}
  floor: {kind: categorical, categories: [1, 2, 3], other: false, missing: own_code}
  seen: {kind: date, bounds: [2020-01-01, 2024-12-31], bins: 5}
  ill: {kind: categorical, categories: ["no", "yes"]}
"""
BY_ROW = f"target: ill\nrows_public: 100\nignore: [patient, note]\n{COLUMNS}"
ONE_ROW_EACH = f"target: ill\nrows_public: 100\nperson: patient\nmax_rows_per_person: 1\nignore: [note]\n{COLUMNS}"
TWO_ROWS_EACH = ONE_ROW_EACH.replace("max_rows_per_person: 1", "max_rows_per_person: 2")
KINDS = """\
columns:
  age: {kind: integer}
  weight: {kind: real}
  cost: {kind: real, missing: drop}
  ward: {kind: categorical}
  floor: {kind: categorical, unlearnt: noise}
  seen: {kind: date}
  note: {kind: categorical}
  ill: {kind: categorical}
"""
OPEN_BY_ROW = f"target: ill\nkinds_inferred: true\nignore: [patient]\n{KINDS}"
OPEN_TWO_ROWS_EACH = f"target: ill\nrows_public: 100\nperson: patient\nmax_rows_per_person: 2\n{KINDS}"
SECRET = "Zbigniew-Quux-4711"  # stands in private cells, and nowhere else


def people(rows: int = 60) -> pd.DataFrame:
    """Two rows of each patient, every cell a text, as a CSV file has them."""
    rng = np.random.default_rng(7)
    age = rng.integers(18, 90, rows)
    return pd.DataFrame(
        {
            "patient": [f"{SECRET}-{i // 2}" for i in range(rows)],
            "age": age.astype(str),
            "weight": rng.uniform(40, 120, rows).round(1).astype(str),
            "cost": rng.uniform(1, 9000, rows).round(2).astype(str),
            "ward": rng.choice(["north", "south"], rows),
            "floor": rng.choice(["1", "2", "3"], rows),
            "seen": (pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 1800, rows), unit="D")).strftime("%Y-%m-%d"),
            "note": [f"{SECRET} slept badly, {i}" for i in range(rows)],
            "ill": np.where(age > 50, "yes", "no"),
        },
        dtype=object,
    )


def one_more(table: pd.DataFrame, **cells: Any) -> pd.DataFrame:
    """The table with another row, a copy of its first but for these cells, somewhere in its middle."""
    row = table.iloc[:1].assign(patient=f"{SECRET}-new", **cells)
    return pd.concat([table.iloc[:17], row, table.iloc[17:]], ignore_index=True)


def clean_neighbours() -> dict[str, pd.DataFrame]:
    """Tables that fit their schema, by what tells each from `people()`."""
    table = people()
    busy = pd.concat([table, *[table.iloc[[5]].assign(age=str(age)) for age in range(20, 70)]], ignore_index=True)
    return {
        "one row more": one_more(table),
        "one row less": table.iloc[1:],
        "a category nobody declared": one_more(table, ward=SECRET),
        "a weight that is missing": one_more(table, weight=None),
        "a cost that is missing, so that the row is dropped": one_more(table, cost=None),
        "a number far out of bounds": one_more(table, age="99999999999", cost="-1e12"),
        "a person with far more rows": busy,
        "many rows more": pd.concat([table] * 40, ignore_index=True),
        "other rows": table.assign(age=table["age"].iloc[::-1].to_numpy(), ill=["yes"] + ["no"] * (len(table) - 1)),
    }


def wild_neighbours() -> dict[str, pd.DataFrame]:
    """Tables that a preflight refuses."""
    table = people()
    return {
        "no row at all": table.iloc[:0],
        "one row": table.iloc[:1],
        "a number beyond what is learnt": one_more(table, cost="-1e300"),
        "a number that is a text": one_more(table, age=SECRET, cost=SECRET, weight=SECRET),
        "a date that is none": one_more(table, seen=SECRET),
        "an age that is missing": one_more(table, age=None),
        "nobody's row": one_more(table).assign(patient=lambda t: t["patient"].where(t["patient"] != f"{SECRET}-new")),
        "a target nobody declared": one_more(table, ill=SECRET, floor=SECRET),
        "a row of nothing": one_more(table, **dict.fromkeys(("age", "weight", "cost", "ward", "floor", "seen", "note", "ill"))),
        "a target of one class": table.assign(ill="no"),
        "strange cells": one_more(table, age="1_0", weight="inf", cost="-nan", seen="9999-99-99", ward="\x01", floor="1e400"),
        "a very long cell": one_more(table, note="x" * 100_000, ward="y" * 100_000),
    }


def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let fits see rows through mechanisms whose answers no row moves, and draw everything else from streams that repeat."""
    numbers = itertools.count()
    others = people(3000)

    def table(rows: Any, schema: Schema, ledger: Any, rng: np.random.Generator, verify: bool = False) -> Blind:
        made = Blind(rows, schema, ledger, np.random.default_rng(0))
        public = np.random.default_rng(1)
        made.fake = np.stack([public.integers(size, size=90) for size in made.schema.sizes], axis=1).astype(schema.dtype)
        made.answers, made.asked, made.ledgers = np.random.default_rng(2), [], [ledger]
        return made

    def raw(given: Any, schema: Schema, ledger: Any, rng: np.random.Generator, key: bytes, workers: Any) -> RawTable:
        made = RawTable(given, schema, ledger, np.random.default_rng(4), key, workers=workers)
        made._RawTable__frames = lambda: iter((others,))  # type: ignore[attr-defined]  # what domains are learnt from
        return made

    short = dataclasses.replace(method.PRETRAINED, steps=20, pretraining=20)  # all steps are alike
    monkeypatch.setattr(method, "PRETRAINED", short)
    monkeypatch.setattr(api, "PrivateTable", table)
    monkeypatch.setattr(api, "RawTable", raw)
    monkeypatch.setattr(raw_table, "PrivateTable", table)
    monkeypatch.setattr(api, "fresh", lambda: np.random.default_rng([3, next(numbers)]))
    monkeypatch.setattr(api.secrets, "token_bytes", lambda size: bytes(range(size)))
    monkeypatch.setattr(files.secrets, "token_hex", lambda size: "0" * (2 * size))


def held_in(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its name, with what it holds; folders too."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"" for path in sorted(folder.rglob("*"))}


def first_difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """What differs between two releases, for a message."""
    for name in [*one, *(name for name in other if name not in one)]:
        if one.get(name) != other.get(name):
            return f"{name}: {str(one.get(name))[-1500:]}\nand\n{str(other.get(name))[-1500:]}"
    return None


Writer = Callable[[pd.DataFrame, Path], None]


def write_csv(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False)


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """With texts in all columns, so that every table has the same types."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.string()) for name in table])
    pq.write_table(pa.Table.from_pandas(table, schema=schema, preserve_index=False), path)
