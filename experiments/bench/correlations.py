"""How much of what columns have in common is kept, on wide tables of numbers that a schema leaves open.

Run: python -m experiments.bench.correlations 2e3 1e4 5e4 [--columns 20 60] [--epsilon 1] [--seeds 0 1] > results/correlations.md

Rows are made up: normal columns with two decimals in pairs, every other pair correlated closely (.8), the rest weakly (.3), and a
target of two classes that hangs on the first six columns. DPDSyn learns domains and rows from one budget, as the command does.
What is kept: the rank correlation in its rows as a share of that in the table, in the mean over pairs; and how many of the pairs
keep half of it. A pair is lost where no marginal holds it.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from dpdsyn import DPDSyn, Schema
from experiments.machine import describe, pin_threads

_CLOSE, _WEAK = 0.8, 0.3
_OF_TARGET = 6  # columns that the target hangs on
_SAMPLE = 20_000
_DELTA = 1e-6
_KEPT = 0.5  # of a correlation, from which on a pair counts as kept


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=float, nargs="+")
    parser.add_argument("--columns", type=int, nargs="+", default=[20, 60])
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    asked = parser.parse_args(given)
    pin_threads(1)
    print(f"DPDSyn at epsilon {asked.epsilon:g}, seeds {', '.join(map(str, asked.seeds))}, commit {describe(1)['commit']}.\n")
    print(f"| columns | rows | close pairs ({_CLOSE:g}) | weak pairs ({_WEAK:g}) | columns with the target |")
    print("| --- | --- | --- | --- | --- |")
    for columns in asked.columns:
        for rows in map(int, asked.rows):
            shares = [kept(table(rows, columns, seed), asked.epsilon, seed) for seed in asked.seeds]
            cells = [_told(np.concatenate(group)) for group in zip(*shares, strict=True)]
            print(f"| {columns} | {rows:,} | {' | '.join(cells)} |", flush=True)


def table(rows: int, columns: int, seed: int) -> pd.DataFrame:
    """The made-up rows; an even number of columns, `c0` with `c1` and so on, and `y`."""
    rng = np.random.default_rng(seed)
    made = rng.standard_normal((rows, columns))
    for first in range(0, columns, 2):
        close = _WEAK if first % 4 else _CLOSE
        made[:, first + 1] = close * made[:, first] + np.sqrt(1 - close**2) * made[:, first + 1]
    positive = made[:, :_OF_TARGET].sum(axis=1) / 2 + rng.standard_normal(rows) > 0
    features = {f"c{place}": (50 + 10 * made[:, place]).round(2) for place in range(columns)}
    return pd.DataFrame({**features, "y": np.where(positive, "yes", "no")})


def kept(real: pd.DataFrame, epsilon: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The share of each rank correlation that is kept: of close pairs, of weak ones, and of columns with the target."""
    columns = len(real.columns) - 1
    described: dict[str, dict[str, object]] = {name: {"kind": "real"} for name in real.columns[:-1]}
    described["y"] = {"kind": "categorical", "categories": ["no", "yes"]}
    schema = Schema.from_mapping({"target": "y", "columns": described})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the seed, which is for research
        made = DPDSyn(epsilon=epsilon, delta=_DELTA, random_state=seed).fit(real, schema).sample(_SAMPLE)
    ours, theirs = (_correlated(frame[list(real.columns)]) for frame in (made, real))
    share = ours / theirs
    close, weak = ([share[first, first + 1] for first in range(begin, columns, 4)] for begin in (0, 2))
    return np.array(close), np.array(weak), share[:_OF_TARGET, columns]


def _correlated(frame: pd.DataFrame) -> np.ndarray:
    """Rank correlations of all columns; a column that is constant, or left out, has none."""
    numbers = frame.assign(y=(frame["y"] == "yes").astype(float)).astype(float)
    return np.nan_to_num(numbers.corr(method="spearman").to_numpy())


def _told(shares: np.ndarray) -> str:
    return f"{shares.mean():.2f} ({(shares > _KEPT).sum()} of {len(shares)})"


if __name__ == "__main__":
    main()
