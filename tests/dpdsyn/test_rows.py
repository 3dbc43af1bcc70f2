"""Rows in memory and rows that stream answer alike, and samples are what the accounting assumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders.samples import assert_independent_trials

from dpdsyn import DPDSyn, Schema
from dpdsyn.accounting.spends import Gaussian, SampledGaussian
from dpdsyn.privacy import Budget, BudgetExceeded, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.reading.column import SchemaError
from dpdsyn.rows import Rows, StreamedRows, only, recoded

SCHEMA = Schema.from_mapping(
    {
        "target": "ill",
        "rows_public": 900,
        "ignore": ["note"],
        "columns": {
            "age": {"kind": "integer", "bounds": [0, 99], "bins": 10, "missing": "own_code"},
            "ward": {"kind": "categorical", "categories": ["north", "south"], "missing": "drop"},
            "ill": {"kind": "categorical", "categories": ["no", "yes"]},
        },
    }
)


def encoded(rng: np.random.Generator, rows: int = 900) -> np.ndarray:
    return np.stack([rng.integers(size, size=rows) for size in (11, 2, 2)], axis=1).astype(np.uint8)


def streamed(table: np.ndarray, size: int = 70) -> StreamedRows:
    return StreamedRows(lambda: (table[i : i + size] for i in range(0, len(table), size)))


def test_streamed_rows_give_the_same_marginals_and_views(rng: np.random.Generator) -> None:
    table = encoded(rng)
    answers = []
    for rows in (Rows(table), streamed(table)):
        private = PrivateTable(rows, SCHEMA, Ledger(Budget(1e6, 0.5)), np.random.default_rng(0))
        private.ledger.open([Gaussian(1e-3)])
        merged = private.recode({"age": np.arange(11) // 2})
        queries = [("age",), ("ward", "ill")]
        answers.append(private.noisy_marginals(queries, [2.0] * 2) + merged.noisy_marginals(queries, [2.0] * 2))
        assert np.array_equal(private.unprotected("for comparison"), table)
        assert np.array_equal(rows.changed(only([2, 0])).together(), table[:, [2, 0]])
        assert np.array_equal(rows.changed(recoded({1: np.array([1, 0])})).together()[:, 1], 1 - table[:, 1])
    for plain, stream in zip(*answers, strict=True):
        assert np.array_equal(plain, stream)


def test_samples_of_streamed_rows_are_independent_trials_of_every_row_in_every_step(rng: np.random.Generator) -> None:
    table = np.arange(300, dtype=np.uint16)[:, None]
    assert_independent_trials(lambda: streamed(table, 41), 300, rng)


def test_all_planned_steps_are_drawn_in_one_pass(rng: np.random.Generator) -> None:
    passes = 0
    table = encoded(rng)

    def chunks():
        nonlocal passes
        passes += 1
        yield from np.array_split(table, 5)

    private = PrivateTable(StreamedRows(chunks), SCHEMA, Ledger(Budget(1e6, 0.5)), rng)
    private.ledger.open([SampledGaussian(0.05, 1.0, 40)])
    sizes = [private.noisy_sum(lambda batch, clip: np.array([float(len(batch))]), 0.05, 1.0, 1.0) for _ in range(40)]
    assert passes == 1 and np.mean(sizes) == pytest.approx(45, abs=5)
    with pytest.raises(BudgetExceeded):
        private.noisy_sum(lambda batch, clip: np.zeros(1), 0.05, 1.0, 1.0)


@pytest.fixture
def parquet(tmp_path: Path, rng: np.random.Generator) -> Path:
    age = rng.integers(0, 100, 3000).astype(float)
    ill = np.where(age > 50, "yes", "no")
    age[::20] = np.nan
    frame = pd.DataFrame({"age": age, "ward": rng.choice(["north", "south", None], 3000), "note": "x", "ill": ill})
    frame.to_parquet(tmp_path / "people.parquet", row_group_size=500)
    return tmp_path / "people.parquet"


@pytest.mark.filterwarnings("ignore:seeded noise")
def test_a_parquet_file_is_learnt_from_without_a_frame(parquet: Path) -> None:
    model = DPDSyn(epsilon=4, random_state=0).fit(parquet, SCHEMA)
    made = model.sample(2000)
    known = made.dropna()
    assert model.guarantee.kind == "dp" and ((known["age"] > 50) == (known["ill"] == "yes")).mean() > 0.85


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.write_bytes(b"no parquet"), "people.parquet cannot be read as Parquet"),
        (lambda path: path.unlink(), "cannot be read as Parquet"),
        (lambda path: pd.read_parquet(path).head(1).to_parquet(path), "1 rows can be used; at least two"),
        (
            lambda path: pd.read_parquet(path).drop(columns="age").to_parquet(path),
            "people.parquet: the data lack the column 'age'",
        ),
        (
            lambda path: pd.read_parquet(path).assign(ill="?").to_parquet(path),
            r"people.parquet: column 'ill', row 1: a cell is not among .* \(3,000 such cells\)",
        ),
    ],
)
def test_a_file_that_contradicts_the_schema_is_refused(change: object, message: str, parquet: Path) -> None:
    change(parquet)  # type: ignore[operator]
    with pytest.raises(SchemaError, match=message):
        DPDSyn().fit(parquet, SCHEMA)
    with pytest.raises(SchemaError, match="cannot be chosen while streaming"):
        DPDSyn().fit(parquet, {**SCHEMA.to_mapping(), "person": "note", "max_rows_per_person": 1})
