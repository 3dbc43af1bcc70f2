"""Fast counts are the naive ones, bit for bit, in bounded memory, and in fewer tables than are asked for."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpdsyn.accounting.spends import ZCDP
from dpdsyn.mechanisms import counting
from dpdsyn.mechanisms.counting import blocks, counted
from dpdsyn.mechanisms.exact_noise import rounded_gaussian
from dpdsyn.privacy import Ledger
from dpdsyn.private_table import Grid, PrivateTable, marginal
from dpdsyn.reading.column import Column
from dpdsyn.rows import Rows, StreamedRows, only
from dpdsyn.schema import Schema


def schema_of(sizes: Sequence[int], rows: int = 100) -> Schema:
    columns = (Column(f"x{i}", "categorical", categories=tuple(range(size))) for i, size in enumerate(sizes))
    return Schema(tuple(columns), None, rows)


def encoded_of(sizes: Sequence[int], rows: int, seed: int = 0) -> np.ndarray:
    """Skewed codes, of the type that a schema of these sizes gives."""
    rng = np.random.default_rng(seed)
    return np.floor(rng.random((rows, len(sizes))) ** 2 * sizes).astype(schema_of(sizes).dtype)


def naive(encoded: np.ndarray, sizes: Sequence[int], queries: Sequence[Sequence[int]]) -> list[np.ndarray]:
    schema = schema_of(sizes)
    return [marginal(encoded, schema, tuple(f"x{c}" for c in query)) for query in queries]


def assert_same(found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> None:
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == np.int64 and ours.shape == theirs.shape and ours.flags.c_contiguous
        assert np.array_equal(ours, theirs)


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    sizes = draw(st.lists(st.sampled_from([1, 2, 3, 5, 16, 17, 255, 256, 300]), min_size=1, max_size=7))
    some = st.lists(st.integers(0, len(sizes) - 1), max_size=4).filter(lambda q: math.prod(sizes[c] for c in q) < 200_000)
    rows = draw(st.sampled_from([0, 1, 7, 300, 3000]))
    return {
        "sizes": sizes,
        "queries": draw(st.lists(some, max_size=12)),  # of no column, of one twice, in any order, asked again
        "encoded": encoded_of(sizes, rows, draw(st.integers(0, 5))),
        "cuts": sorted(draw(st.lists(st.integers(0, rows), max_size=3))),
        "rows_public": draw(st.sampled_from([1, 40, 3000, 10**6])),
        "piece": draw(st.sampled_from([1, 64, 1 << 17])) if rows < 1000 else 1 << 17,
        "most_cells": draw(st.sampled_from([1, 500, 1 << 25])),
        "most_sets": draw(st.sampled_from([1, 3, 1 << 13])),
        "block_cells": draw(st.sampled_from([1, 100, 1 << 14])),
    }


@settings(max_examples=100, deadline=None)
@given(cases())
def test_counts_are_the_naive_ones(case: dict[str, Any]) -> None:
    pieces = np.split(case["encoded"], case["cuts"])
    with pytest.MonkeyPatch.context() as patch:
        for name in ("piece", "most_cells", "most_sets", "block_cells"):
            patch.setattr(counting, f"_{name.upper()}", case[name])
        found = list(counted(StreamedRows(lambda: iter(pieces)).counts, case["sizes"], case["queries"], case["rows_public"]))
    assert_same(found, naive(case["encoded"], case["sizes"], case["queries"]))


@pytest.mark.parametrize("rows", [0, 50, 5000])
def test_all_pairs_and_triples_with_a_target_are_the_naive_ones(rows: int) -> None:
    sizes = [16, 3, 43, 8, 2, 7, 16, 5, 9, 2]
    queries = pairs_and_triples(len(sizes))
    encoded = encoded_of(sizes, rows)
    assert_same(list(counted(Rows(encoded).counts, sizes, queries, 5000)), naive(encoded, sizes, queries))


def pairs_and_triples(columns: int) -> list[tuple[int, ...]]:
    """All pairs, and all triples with the last column."""
    features = range(columns - 1)
    return [*itertools.combinations(range(columns), 2), *((a, b, columns - 1) for a, b in itertools.combinations(features, 2))]


@pytest.mark.parametrize("layout", ["F", "wide", "part"])
def test_rows_may_lie_in_memory_in_any_way(layout: str) -> None:
    sizes = [4, 2, 9]
    encoded = encoded_of(sizes, 500)
    laid = {"F": np.asfortranarray(encoded), "wide": encoded.astype(np.int64), "part": np.repeat(encoded, 2, axis=0)[::2]}
    queries = [(0, 1), (2, 1, 0), (2,)]
    assert_same(list(counted(Rows(laid[layout]).counts, sizes, queries, 500)), naive(encoded, sizes, queries))


# --- which tables are counted ----------------------------------------------------------------------------------


@settings(max_examples=70, deadline=None)
@given(cases())
def test_every_set_of_columns_is_answered_once_from_a_table_that_holds_it(case: dict[str, Any]) -> None:
    sizes, rows = case["sizes"], case["rows_public"]
    sets = list({counting._ordered(query, sizes, rows) for query in case["queries"]})
    planned = blocks(sizes, sets, rows)
    assert sorted(answer for block in planned for answer in block.answers) == sorted(sets)
    for block in planned:
        cells = math.prod(sizes[c] for c in block.columns)
        assert all(set(answer) <= set(block.columns) for answer in block.answers)
        assert block.columns in sets or cells <= min(counting._BLOCK_CELLS, rows / counting._ROWS_A_CELL)
        assert block.answers == (block.columns,) or cells <= rows  # or counting rows would be less than summing cells


def test_few_tables_are_counted_where_there_are_many_rows() -> None:
    sizes = [8] * 12 + [2]
    queries = pairs_and_triples(13)
    assert len(blocks(sizes, queries, 10**7)) <= 16  # blocks of four features hold six of the 66 pairs: 12 at best
    assert len(blocks(sizes, queries, 200)) == 66  # what lies within a triple is summed even there
    assert len(blocks(sizes, queries, 100)) == len(queries)  # but not from more cells than there are rows


def test_all_together_have_no_more_cells_than_may_be_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "_MOST_CELLS", 50_000)
    sizes = [8] * 12 + [2]
    sets = [counting._ordered(query, sizes, 10**7) for query in pairs_and_triples(13)]
    cells = [math.prod(sizes[c] for c in block.columns) for block in blocks(sizes, sets, 10**7) if block.columns not in sets]
    assert 0 < sum(cells) <= 50_000


def test_memory_is_bounded_however_many_cells_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty-six tables of 10,000 cells, 5 MB of counts, looked at one by one; five of them may be held."""
    monkeypatch.setattr(counting, "_MOST_CELLS", 50_000)
    sizes = [100] * 12
    encoded = encoded_of(sizes, 300)
    passes = []

    def chunks() -> Iterator[np.ndarray]:
        passes.append(1)
        return iter([encoded])

    tracemalloc.start()
    total = sum(
        int(counts.sum())
        for counts in counted(StreamedRows(chunks).counts, sizes, list(itertools.combinations(range(12), 2)), 300)
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 66 * 300 and len(passes) == 14
    assert peak < 1.5 * 8 * 50_000 + 200_000
    monkeypatch.setattr(counting, "_MOST_SETS", 3)
    assert (
        len(list(counted(StreamedRows(chunks).counts, sizes, [(i,) for i in range(12)] * 2, 300))) == 24 and len(passes) == 14 + 8
    )


def test_no_query_reads_no_row() -> None:
    def never() -> Iterator[np.ndarray]:
        pytest.fail("rows were read")

    assert list(counted(StreamedRows(never).counts, [2, 3], [], 10)) == []


@pytest.mark.parametrize(("sizes", "rows"), [((4, 40), 1000), ((40, 40), 1000)])
def test_a_value_that_no_encoding_gives_is_refused_without_a_word_of_it(sizes: tuple[int, int], rows: int) -> None:
    encoded = np.zeros((rows, 2), dtype=np.uint8)
    encoded[17] = sizes[0] - 1, 77
    for most in (1000, 10**9):
        with pytest.raises(ValueError, match=r"^encoded rows lie outside the schema's domain$") as raised:
            list(counted(Rows(encoded).counts, sizes, [(0, 1)], most))
        assert raised.value.__suppress_context__


# --- inside the mechanisms -------------------------------------------------------------------------------------

SIZES = [16, 3, 9, 2, 5]
NAMES = [f"x{i}" for i in range(5)]
QUERIES = [("x3", "x0"), ("x0", "x1", "x3"), ("x2",), ("x3", "x0"), ("x4", "x2", "x3"), ()]
PERSONS = np.repeat(np.arange(200), 2)


def table(rows: Rows, most: int = 1) -> PrivateTable:
    ledger = Ledger(ZCDP(1e9))
    ledger.open([ZCDP(1e8)])
    schema = schema_of(SIZES, 400)
    if most > 1:
        schema = replace(schema, person="who", max_rows_per_person=most)
    return PrivateTable(rows, schema, ledger, np.random.default_rng(3))


def ragged(counts: np.ndarray, _: tuple[str, ...]) -> float:
    """A score whose last bits depend on the order in which cells are added."""
    return float((np.sqrt(counts + 0.1) * 1.1).ravel().cumsum()[-1] / 10) + float(np.log1p(counts).sum())


@pytest.mark.parametrize("kind", ["memory", "streamed", "persons", "view"])
def test_answers_of_mechanisms_are_what_naive_counts_give_bit_for_bit(kind: str) -> None:
    encoded, most = encoded_of(SIZES, 400), 2 if kind == "persons" else 1
    rows = {
        "memory": Rows(encoded),
        "streamed": StreamedRows(lambda: iter(np.split(encoded, [3, 3, 250]))),
        "persons": Rows(encoded, PERSONS, 2),
        "view": Rows(encoded).changed(only([0, 1, 2, 3, 4])),
    }[kind]
    schema, rng = schema_of(SIZES), np.random.default_rng(3)
    exact = [marginal(encoded, schema, query) for query in QUERIES]
    private, sigmas = table(rows, most), [1.0 + i for i in range(len(QUERIES))]
    for ours, counts, sigma in zip(private.noisy_marginals(QUERIES, sigmas), exact, sigmas, strict=True):
        expected = (counts + rounded_gaussian(sigma * most, counts.size, rng).reshape(counts.shape)) / most
        assert np.array_equal(ours, expected) and ours.shape == counts.shape
    scores = np.array([ragged(counts / most, query) for counts, query in zip(exact, QUERIES, strict=True)])
    private, rng = table(rows, most), np.random.default_rng(3)
    grid = Grid.of(1.0, len(QUERIES))
    noise = rounded_gaussian(2.0 * (1 + 2.0**-13) / grid.step, len(QUERIES), rng)
    assert np.array_equal(private.noisy_scores(QUERIES, ragged, 1.0, 2.0), (grid.steps(scores) + noise) * grid.step)


def test_a_mechanism_keeps_nothing_of_its_counts() -> None:
    """Rows that have changed since are counted anew."""
    encoded = encoded_of(SIZES, 400)
    private = table(Rows(encoded))
    before = private.noisy_marginals([("x0",)], [1e-3])[0]
    encoded[:, 0] = 0
    after = private.noisy_marginals([("x0",)], [1e-3])[0]
    assert before[0] < 400 and after.tolist() == [400] + [0] * 15
