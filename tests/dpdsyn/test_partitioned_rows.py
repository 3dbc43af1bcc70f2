"""Rows in parts answer as rows in memory do, whoever reads them, and samples are what the accounting assumes."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders.samples import assert_independent_trials

from dpdsyn import DPDSyn, Schema, parquet, partitioned_rows, ray_workers
from dpdsyn.accounting.spends import Gaussian
from dpdsyn.base.checks import InputError
from dpdsyn.parquet import pieces, stream
from dpdsyn.partitioned_rows import PartitionedRows
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.ray_workers import RayWorkers
from dpdsyn.reading.column import SchemaError
from dpdsyn.rows import Rows, only, recoded

SCHEMA = Schema.from_mapping(
    {
        "target": "ill",
        "rows_public": 900,
        "columns": {
            "age": {"kind": "integer", "bounds": [0, 99], "bins": 10, "missing": "own_code"},
            "ward": {"kind": "categorical", "categories": ["north", "south"], "missing": "drop"},
            "ill": {"kind": "categorical", "categories": ["no", "yes"]},
        },
    }
)


@dataclass(frozen=True)
class InMemory:
    """A part that lies in memory, read in pieces of a size."""

    rows: np.ndarray
    first: int
    size: int = 37

    def read(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, len(self.rows), self.size):
            piece = self.rows[start : start + self.size]
            yield piece, self.first + start + np.arange(len(piece))


class Scattered:
    """Workers to whom everything travels as bytes, and who do the last item first."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.tasks: list[int] = []

    def each(self, work: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        self.tasks.append(len(items))
        packed = [pickle.dumps((work, item)) for item in items]
        done = {}
        for i in reversed(range(len(items))):
            there, item = pickle.loads(packed[i])
            done[i] = pickle.dumps(there(item))
        return (pickle.loads(done[i]) for i in range(len(items)))


def cut(table: np.ndarray, ends: Sequence[int], workers: Any = None) -> PartitionedRows:
    starts = [0, *ends]
    parts = [InMemory(table[a:b], a) for a, b in zip(starts, [*ends, len(table)], strict=True)]
    return PartitionedRows(parts, table[:0], workers)


def encoded(rng: np.random.Generator, rows: int = 900) -> np.ndarray:
    return np.stack([rng.integers(size, size=rows) for size in (11, 2, 2)], axis=1).astype(np.uint8)


@dataclass(frozen=True)
class Halved:
    """A change that travels."""

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        return rows // 2


def test_counts_are_those_of_rows_in_memory_before_and_after_changes(rng: np.random.Generator) -> None:
    table = encoded(rng)
    answers = []
    for rows in (Rows(table), cut(table, [100, 101, 101, 640])):
        private = PrivateTable(rows, SCHEMA, Ledger(Budget(1e6, 0.5)), np.random.default_rng(0))
        private.ledger.open([Gaussian(1e-3)])
        merged = private.recode({"age": np.arange(11) // 2})
        queries = [("age",), ("ward", "ill"), ("ill", "age", "ward")]
        answers.append(private.noisy_marginals(queries, [2.0] * 3) + merged.noisy_marginals(queries, [2.0] * 3))
        assert np.array_equal(private.unprotected("for comparison"), table)
        assert np.array_equal(rows.changed(only([2, 0])).together(), table[:, [2, 0]])
        assert np.array_equal(rows.changed(recoded({1: np.array([1, 0])})).changed(only([1])).together()[:, 0], 1 - table[:, 1])
    for plain, parts in zip(*answers, strict=True):
        assert np.array_equal(plain, parts)


@pytest.mark.parametrize("block", [8, 64, 1 << 16])
def test_samples_are_independent_trials_of_every_row_in_every_step(
    block: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitioned_rows, "_BLOCK", block)
    table = np.arange(300, dtype=np.uint16)[:, None]
    assert_independent_trials(lambda: cut(table, [41, 200]), 300, rng)


def test_a_sample_depends_on_the_key_the_step_and_the_place_alone(rng: np.random.Generator) -> None:
    """Not on where parts begin, on how pieces lie, on who reads them, nor on what any row says."""
    table = np.arange(3000, dtype=np.uint16)[:, None]
    steps = 5

    def samples(rows: PartitionedRows) -> list[np.ndarray]:
        source = np.random.default_rng(7)
        return [rows.batch(0.2, steps - step, source) for step in range(steps)]

    expected = samples(cut(table, []))
    for ends, workers in (([1], None), ([500, 500, 2999], Scattered(1)), ([10, 900, 2000], Scattered(3))):
        for ours, theirs in zip(samples(cut(table, ends, workers)), expected, strict=True):
            assert np.array_equal(ours, theirs)
    other = table.copy()
    other[77] = 60_000
    for ours, theirs in zip(samples(cut(other, [90])), expected, strict=True):
        assert np.array_equal(np.where(ours == 60_000, 77, ours), theirs)
    assert not np.array_equal(expected[0], expected[1])
    again = cut(table, [])
    first = again.batch(0.2, 1, source := np.random.default_rng(7))
    assert not np.array_equal(first, again.batch(0.2, 1, source))  # each draw has a key of its own


def test_a_row_that_is_not_there_moves_no_other(rng: np.random.Generator) -> None:
    """Of rows that the schema drops, the places stay empty."""
    table = np.arange(1000, dtype=np.uint16)[:, None]
    kept = np.delete(np.arange(1000), [3, 500, 501])

    @dataclass(frozen=True)
    class Dropped:
        def read(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
            yield table[kept[:200]], kept[:200]
            yield table[kept[200:]], kept[200:]

    whole = cut(table, []).batch(0.3, 1, np.random.default_rng(1)).ravel()
    fewer = PartitionedRows([Dropped()], table[:0]).batch(0.3, 1, np.random.default_rng(1)).ravel()
    assert np.array_equal(fewer, whole[np.isin(whole, kept)])


@pytest.mark.parametrize("rate", [1.0, 0.5])
def test_no_rows_and_empty_parts(rate: float) -> None:
    nothing = np.empty((0, 3), dtype=np.uint8)
    for rows in (PartitionedRows([], nothing), cut(nothing, [0, 0])):
        assert rows.batch(rate, 2, np.random.default_rng(0)).shape == (0, 3)
        assert rows.together().shape == (0, 3)
        assert rows.changed(only([1])).batch(rate, 1, np.random.default_rng(0)).shape == (0, 1)


def frame(rows: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.integers(0, 100, rows)
    ill = np.where(rng.random(rows) < 0.2 + 0.6 * (age > 50), "yes", "no")
    ward = pd.Series(rng.choice(["north", "south"], rows)).mask(rng.random(rows) < 0.05)
    return pd.DataFrame({"age": pd.Series(age).mask(rng.random(rows) < 0.05), "ward": ward, "ill": ill})


def folder_of(path: Path, table: pd.DataFrame, ends: Sequence[int], groups: int = 100) -> Path:
    """The table in several files, of small row groups."""
    path.mkdir()
    starts = [0, *ends]
    for i, (a, b) in enumerate(zip(starts, [*ends, len(table)], strict=True)):
        table.iloc[a:b].to_parquet(path / f"part-{i:03}.parquet", row_group_size=groups, index=False)
    (path / "_SUCCESS").write_text("")
    return path


def test_a_folder_of_parquet_files_is_one_table(tmp_path: Path) -> None:
    table = frame(900)
    folder = folder_of(tmp_path / "people", table, [250, 251, 600])
    table.to_parquet(tmp_path / "people.parquet", index=False)
    assert pd.concat(pieces(folder, SCHEMA), ignore_index=True).equals(
        pd.concat(pieces(tmp_path / "people.parquet", SCHEMA), ignore_index=True)
    )
    expected = SCHEMA.encode(table)
    for path in (folder, tmp_path / "people.parquet"):
        rows = stream(path, SCHEMA)
        assert np.array_equal(rows.together(), expected) and len(expected) < 900
    one, other = (stream(path, SCHEMA).batch(0.3, 1, np.random.default_rng(5)) for path in (folder, tmp_path / "people.parquet"))
    assert np.array_equal(one, other) and len(one)


@pytest.mark.filterwarnings("ignore::dpdsyn.api.SeededNoiseWarning")
def test_a_seed_gives_the_same_fit_whatever_the_number_of_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_PART_ROWS", 200)
    table = frame(900)
    folder = folder_of(tmp_path / "people", table, [400])
    made, used = [], []
    for workers in (None, Scattered(1), Scattered(3)):
        model = DPDSyn(epsilon=2.0, random_state=3).fit(folder, SCHEMA, workers=workers)
        made.append(model.sample(500))
        used += getattr(workers, "tasks", [])
    assert made[0].equals(made[1]) and made[0].equals(made[2])
    assert set(used) == {4, 5}, "counts and samples were read by the workers"


def test_what_cannot_be_is_refused_before_anything_is_spent(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(SchemaError, match=r"empty is a folder without a file that ends in \.parquet"):
        DPDSyn().fit(empty, SCHEMA)
    folder = folder_of(tmp_path / "people", frame(60), [30])
    frame(30).rename(columns={"ward": "room"}).to_parquet(folder / "z.parquet")
    with pytest.raises(SchemaError, match=r"z\.parquet: .*ward"):
        DPDSyn().fit(folder, SCHEMA)
    (folder / "z.parquet").rename(folder / "z.PARQUET")
    (folder / "year=2020").mkdir()
    with pytest.raises(SchemaError, match=r"people holds year=2020, z\.PARQUET; of a folder, all have to be files that end in"):
        DPDSyn().fit(folder, SCHEMA)
    with pytest.raises(InputError, match="workers read Parquet files"):
        DPDSyn().fit(frame(60), SCHEMA, workers=Scattered(1))


def test_ray_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'dpdsyn\[ray\]'"):
        RayWorkers()


@pytest.mark.parametrize("rows", [30, 31, 500])
def test_a_file_that_has_changed_since_is_no_part(tmp_path: Path, rows: int) -> None:
    """With fewer rows or more, or fewer groups of them: places that belong to others would be drawn twice, or not at all."""
    folder = folder_of(tmp_path / "people", frame(250), [120], groups=60)
    opened = stream(folder, SCHEMA)
    frame(rows).to_parquet(folder / "part-000.parquet", row_group_size=60, index=False)
    for answer in (opened.together, lambda: opened.batch(0.5, 1, np.random.default_rng(0))):
        with pytest.raises(SchemaError, match=r"part-000\.parquet: it is not the file that was opened first"):
            answer()


def test_a_node_of_another_version_is_refused() -> None:
    assert ray_workers._done(len, "abc", version("dpdsyn")) == 3
    with pytest.raises(InputError, match=r"a node of the Ray cluster has dpdsyn .*, and this process 0\.0\.9"):
        ray_workers._done(len, "abc", "0.0.9")
