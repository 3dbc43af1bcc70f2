"""Trials of frames that nobody should have: cells of any type, odd names and indexes, types of pandas without a meaning."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.base.checks import InputError
from dpdsyn.checking.strange_cells import strange_cells
from dpdsyn.release import Release
from dpdsyn.schema import Schema
from dpdsyn.tables.frames import as_pandas
from dpdsyn.tables.preflight import preflight
from fuzzing import carriers
from fuzzing.damage import odd_table
from fuzzing.schemas import Table, mapping_of
from fuzzing.trial import Mismatch, refused, table_of

_TYPES: list[Callable[[int], Any]] = [
    lambda n: pd.period_range("2024-01", periods=n, freq="M"),
    lambda n: pd.interval_range(0, n),
    lambda n: pd.timedelta_range("1 day", periods=n),
    lambda n: pd.arrays.SparseArray([0, 1] * n)[:n],
    lambda n: np.arange(n) * 1j,
    lambda n: np.array([b"ab"] * n),
    lambda n: pd.Series(list(strange_cells().values()) * n, dtype=object)[:n],
    lambda n: pd.Categorical([None] * n),
]


def strange(r: random.Random, folder: Path) -> str:
    """A strange frame: every cell has a code, learning says nothing of it, and what is refused is so in one line."""
    if r.random() < 0.25:
        return _odd_arrow(r)
    table = table_of(r)
    mapping = mapping_of(r, table)
    schema = Schema.from_mapping(mapping)
    frame = carriers.frame(r, table.names, [column.cells for column in table.columns])
    what = r.choice(["cells", "cells", "cells", "types", "types", "names", "shape"])
    if what == "cells":
        pool = list(strange_cells().items())
        frame = frame.astype(object)
        for _ in range(r.randint(1, 10)):
            frame.isetitem(
                place := r.randrange(frame.shape[1]), _with(frame.iloc[:, place], r.randrange(len(frame)), r.choice(pool)[1])
            )
    elif what == "types":
        place = r.randrange(frame.shape[1])
        frame = frame.reset_index(drop=True)
        frame[table.names[place]] = (
            pd.Series(np.asarray(r.choice(_TYPES)(len(frame)), dtype=object))
            if r.random() < 0.3
            else r.choice(_TYPES)(len(frame))
        )
    elif what == "names":
        frame = _renamed(r, frame)
    else:
        frame = r.choice(
            [frame.iloc[:0], frame.iloc[:, :0], frame.iloc[:1], pd.DataFrame(), frame.T, pd.concat([frame, frame], axis=1)]
        )
    return f"strange {what}: {_tried(r, frame, schema, table, what)}"


def _with(cells: pd.Series, row: int, cell: Any) -> pd.Series:
    found = np.array(cells.to_numpy(dtype=object), dtype=object)
    found[row] = cell
    return pd.Series(found, index=cells.index, dtype=object)


def _renamed(r: random.Random, frame: pd.DataFrame) -> pd.DataFrame:
    names = list(frame.columns)
    return frame.set_axis(
        r.choice(
            [
                pd.Index(range(len(names))),
                pd.Index([names[0]] * len(names)),
                pd.MultiIndex.from_tuples([(name, "x") for name in names]),
                pd.Index([None, *names[1:]], dtype=object),
                pd.Index([np.datetime64("2024-01-01"), *names[1:]], dtype=object),
                pd.CategoricalIndex(names),
            ]
        ),
        axis=1,
    )


def _tried(r: random.Random, frame: pd.DataFrame, schema: Schema, table: Table, what: str) -> str:
    try:
        read = as_pandas(frame)
        schema.check_names(list(read.columns))
    except InputError as error:
        refused(error)
        return "refused"
    encoded, kept = schema.encode_all(read)
    sizes = [1 if column.is_open else column.size for column in schema.columns]
    closed = [i for i, column in enumerate(schema.columns) if not column.is_open]
    if encoded.shape != (int(kept.sum()), len(sizes)) or (encoded >= np.array(sizes))[:, closed].any():
        raise Mismatch(f"codes {encoded.shape} of {len(read)} rows are beyond {schema.sizes}")
    for column in schema.columns:  # a cell alone has the code that it has among others
        row = r.randrange(len(read)) if len(read) else None
        if row is not None and column.read(read[column.name].iloc[[row]])[0] != column.read(read[column.name])[row]:
            raise Mismatch(f"column {column.name!r}, row {row}: {read[column.name].iloc[row]!r} is read otherwise beside others")
    said = "passes"
    try:
        preflight(read, schema)
    except InputError as error:
        refused(error)
        said = "refused"
    if r.random() < 0.5:
        _learnt(r, frame, schema)
    return said


def _learnt(r: random.Random, frame: Any, schema: Schema) -> None:
    """Without the preflight nothing that a row holds makes a fit refuse or say a word."""
    model = Release("dpdsyn.candidates:Independent", epsilon=1e3, delta=1e-3)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model.fit(frame, schema, preflight=False, confirm_kinds=True).sample(5)
        except InputError as error:
            if "nothing can be learnt" not in refused(error) and "rows" not in str(error):
                raise Mismatch(f"without the preflight a fit refuses: {error}") from error
    said = [str(one.message) for one in caught if not one.category.__module__.startswith("dpdsyn.")]
    if said:
        raise Mismatch(f"a fit says of its rows: {said[0]}")


def _odd_arrow(r: random.Random) -> str:
    """A table of Arrow with types that hardly anybody has."""
    arrow = odd_table(r)
    specs = {
        name: {"kind": r.choice(["categorical", "integer", "real", "date"]), "missing": "own_code"} for name in arrow.column_names
    }
    specs = {
        "t": {"kind": "categorical", "categories": ["a", "b"]},
        **{name: spec for name, spec in specs.items() if name != "t"},
    }
    try:
        read = as_pandas(arrow)
        schema = Schema.from_mapping({"rows_public": 3, "columns": specs})
        preflight(read, schema)
    except InputError as error:
        refused(error)
        return "strange Arrow: refused"
    _learnt(r, arrow, schema)
    return "strange Arrow: passes"
