"""Exact counts of many queries beside one naive count for each.

Run: python -m experiments.bench.counting [--rows 1e7]
All pairs of columns, and all triples with the target, on Adult and ACS in memory (the best of five, one thread), on columns of
500 values, whose tables have more cells than there are rows, and on simulated rows that are made while they are counted
(once; making them alone is timed too). What is counted is compared. Nothing else is timed: no noise, no scores.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from dpdsyn.mechanisms.counting import counted
from dpdsyn.private_table import Query, marginal
from dpdsyn.reading.column import Column
from dpdsyn.rows import Chunks, StreamedRows
from dpdsyn.schema import Schema
from experiments.configuration import read_option
from experiments.data import datasets
from experiments.data.description import named
from experiments.data.simulated import TRAIN, Simulated
from experiments.machine import pin_threads

_REPEATS = 5
_FINE, _COLUMNS, _ROWS = 500, 8, 39_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=lambda text: int(float(text)), default=10**7, help="of the simulated table")
    rows: int = parser.parse_args().rows
    pin_threads(1)
    print("| table | rows | columns | queries | naive ms | counted ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in ("adult", "acs"):
        split = datasets.load(named(name), 0)
        _row(name, split.schema, _whole(split.train), _REPEATS)
    fine = [Column(f"x{i}", "integer", bounds=(0, _FINE - 1), bins=_FINE) for i in range(_COLUMNS)]
    schema = Schema((*fine, Column("label", "categorical", categories=(0, 1))), "label", _ROWS)
    _row("500 values a column", schema, _whole((np.random.default_rng(0).random((_ROWS, 9)) * schema.sizes).astype("u2")), 1)
    generator = {**read_option("dataset", "simulated")["generator"], "rows": rows}
    source = Simulated.from_mapping(generator)
    _row("simulated, made meanwhile", source.schema, lambda: source.chunks(rows, 0, TRAIN), 1)
    making, _ = _best(lambda: [sum(map(len, source.chunks(rows, 0, TRAIN)))], 1)
    print(f"\nMaking the simulated rows alone: {1000 * making:.0f} ms.")


def _whole(encoded: np.ndarray) -> Chunks:
    return lambda: iter([encoded])


def _row(name: str, schema: Schema, chunks: Chunks, repeats: int) -> None:
    pairs = itertools.combinations(schema.features, 2)
    queries: list[Query] = [*itertools.combinations(schema.names, 2), *((*pair, str(schema.target)) for pair in pairs)]
    positions = [schema.positions(query) for query in queries]
    before, expected = _best(lambda: _naive(chunks, schema, queries), repeats)
    after, found = _best(lambda: list(counted(StreamedRows(chunks).counts, schema.sizes, positions, schema.rows_public)), repeats)
    assert all(map(np.array_equal, found, expected)), "the counts differ"
    numbers = f"{expected[0].sum():,} | {len(schema.columns)} | {len(queries)} | {1000 * before:.0f} | {1000 * after:.0f}"
    print(f"| {name} | {numbers} |", flush=True)


def _naive(chunks: Chunks, schema: Schema, queries: Sequence[Query]) -> list[np.ndarray]:
    """Each query by itself."""
    exact = [np.zeros(schema.shape(query), dtype=np.int64) for query in queries]
    for encoded in chunks():
        for counts, query in zip(exact, queries, strict=True):
            counts += marginal(encoded, schema, query)
    return exact


def _best(run: Callable[[], list], repeats: int) -> tuple[float, list]:
    """The least seconds of the processor, and what came out."""

    def once() -> Iterator[tuple[float, list]]:
        for _ in range(repeats):
            start = time.process_time()
            result = run()
            yield time.process_time() - start, result

    return min(once(), key=lambda pair: pair[0])


if __name__ == "__main__":
    main()
