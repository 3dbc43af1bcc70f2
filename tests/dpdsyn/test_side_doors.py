"""What `DPDSyn` says, raises, returns and saves tells of no row but through noise (rule 10 of the design).

Noise is replaced by numbers that no row moves; then fits of neighbouring tables have to be the same to the last byte.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from builders.neighbours import (
    BY_ROW,
    ONE_ROW_EACH,
    SECRET,
    TWO_ROWS_EACH,
    blind,
    clean_neighbours,
    first_difference,
    one_more,
    people,
    wild_neighbours,
)

from dpdsyn import DPDSyn, Schema
from dpdsyn.checking.side_effects import watched

SCHEMAS = {"by row": BY_ROW, "one row each": ONE_ROW_EACH, "two rows each": TWO_ROWS_EACH}
BUSY_YEAR = 2**62  # microseconds; the year is beyond any calendar


def released(table: Any, schema: str, folder: Path, monkeypatch: pytest.MonkeyPatch, preflight: bool = False) -> dict[str, Any]:
    """All that a fit, two samples and a saved model give, on blind mechanisms."""
    with monkeypatch.context() as patch:
        blind(patch)
        found: dict[str, Any] = {}
        with watched() as told:
            model = DPDSyn(epsilon=2.0).fit(table, yaml.safe_load(schema), preflight=preflight)
            first, second = model.sample(), model.sample(7)
            model.save(folder / "people.dpdsyn")
            found |= {
                "sample": first.to_csv() + second.to_csv(),
                "types": f"{first.dtypes} {second.dtypes}",
                "guarantee": str(model.guarantee),
                "saved": (folder / "people.dpdsyn").read_bytes(),
            }
    return found | told.words() | {"left": told.left}


@pytest.mark.slow
@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_fit_a_sample_and_a_saved_model_are_the_same_for_neighbouring_tables(
    schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = released(people(), SCHEMAS[schema], tmp_path, monkeypatch)
    assert first["raised"] is None and first["saved"]
    for name, table in {**clean_neighbours(), **wild_neighbours()}.items():
        other = released(table, SCHEMAS[schema], tmp_path, monkeypatch)
        assert (differs := first_difference(first, other)) is None, f"{name} shows in {differs}"
    checked = released(people(), SCHEMAS[schema], tmp_path, monkeypatch, preflight=True)
    assert checked["sample"] == first["sample"], "a preflight changes nothing but the guarantee, which names it"
    for name, table in clean_neighbours().items():
        other = released(table, SCHEMAS[schema], tmp_path, monkeypatch, preflight=True)
        assert (differs := first_difference(checked, other)) is None, f"{name} shows in {differs} after a preflight"


def not_utf8() -> pa.Array:
    """Two texts of which Arrow takes the second on trust."""
    return pa.StringArray.from_buffers(2, pa.array([0, 4, 9], pa.int32()).buffers()[1], pa.py_buffer(b"good\xff\xfebad"))


BERLIN, NANOSECONDS = pa.timestamp("us", tz="Europe/Berlin"), pa.time64("ns")
STRANGE: dict[str, tuple[str, Callable[[], pa.Array], Callable[[], pa.Array]]] = {
    "a null among whole numbers": ("age", lambda: pa.array([30, 30]), lambda: pa.array([30, None], pa.int64())),
    "a null among numbers": ("weight", lambda: pa.array([50.0, 50.0]), lambda: pa.array([50.0, None])),
    "a null among truth values": ("ward", lambda: pa.array([True, True]), lambda: pa.array([True, None])),
    "a null among texts": ("ward", lambda: pa.array(["north"] * 2), lambda: pa.array(["north", None])),
    "bytes that are no text": ("ward", lambda: pa.array(["north"] * 2), not_utf8),
    "bytes that are no text, for a number": ("age", lambda: pa.array(["30"] * 2), not_utf8),
    "a moment beyond the calendar": ("seen", lambda: pa.array([0, 0], BERLIN), lambda: pa.array([0, BUSY_YEAR], BERLIN)),
    "a moment as a category": ("ward", lambda: pa.array([0, 0], BERLIN), lambda: pa.array([0, BUSY_YEAR], BERLIN)),
    "a moment as a number": ("cost", lambda: pa.array([0, 0], BERLIN), lambda: pa.array([0, -BUSY_YEAR], BERLIN)),
    "a time in nanoseconds": ("floor", lambda: pa.array([0, 0], NANOSECONDS), lambda: pa.array([0, 1001], NANOSECONDS)),
    "a list": ("age", lambda: pa.array([[1], [1]]), lambda: pa.array([[1], None])),
    "a day far off": ("seen", lambda: pa.array([0, 0], pa.date32()), lambda: pa.array([0, 2**31 - 1], pa.date32())),
}


@pytest.mark.parametrize("what", STRANGE)
def test_no_cell_of_a_parquet_file_raises_or_changes_how_another_is_read(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    column, usual, strange = STRANGE[what]
    found = []
    for cells in (usual(), strange()):
        table = pa.Table.from_pandas(people(2), preserve_index=False)
        pq.write_table(table.set_column(table.column_names.index(column), column, cells), tmp_path / "people.parquet")
        found.append(released(tmp_path / "people.parquet", BY_ROW, tmp_path, monkeypatch))
    assert found[0]["raised"] is None and (differs := first_difference(*found)) is None, differs


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Tokyo", "UTC"])
@pytest.mark.parametrize("unit", ["ns", "us", "s"])
@pytest.mark.parametrize("moment", [2**63 - 1, -(2**63) + 1])
def test_a_moment_beyond_the_calendar_is_encoded_and_changes_no_other(zone: str, unit: str, moment: int) -> None:
    schema = Schema.from_mapping(yaml.safe_load(BY_ROW))
    usual = datetime.datetime(2023, 5, 6, 23, 30, tzinfo=datetime.UTC)
    instants = np.array([int(usual.timestamp()) * {"ns": 10**9, "us": 10**6, "s": 1}[unit], moment])
    cells = pd.Series(instants.view(f"M8[{unit}]")).dt.tz_localize("UTC").dt.tz_convert(zone)
    for column in schema.columns:
        assert column.encode(cells)[0] == column.encode(cells[:1])[0]
        assert column.encode(cells)[1] == column.encode(cells[1:])[0] or column.missing == "drop"
    assert schema["seen"].encode(cells)[0] == 3 and (moment < 0 or schema["seen"].encode(cells)[1] == 4)


def test_a_saved_model_holds_no_generator_and_no_cell(tmp_path: Path) -> None:
    table = one_more(people(), ward=SECRET)
    with contextlib.suppress(ValueError):
        DPDSyn(epsilon=2.0).fit(table, yaml.safe_load(BY_ROW)).save(tmp_path / "people.dpdsyn")
    with np.load(tmp_path / "people.dpdsyn", allow_pickle=False) as file:
        held = {name: file[name] for name in file.files}
    assert set(held) == {"meta", "sha256", *(name for name in held if name.startswith("state."))}
    for words in (SECRET, "AESCounter", "Generator", "random_state", "_sampling"):
        assert words not in str(held["meta"]) and not any(words in name for name in held)
    sizes = {name: array.size for name, array in held.items()}
    tree = {f"state.source.{name}" for name in ("columns", "lengths", "parents")}  # which columns its cliques join, by position
    assert all((held[name] < len(yaml.safe_load(BY_ROW)["columns"])).all() for name in tree)
    others = {name: array.dtype.kind for name, array in held.items() if name not in tree}
    assert set(others.values()) <= {"f", "U"}, sizes  # neither codes of rows nor words of a generator
