"""Trials of the mechanisms themselves, on a table that is no secret: noise, choices and Poisson samples are what is charged for,
and all answers are.

They are held against `PrivateTable` as it is when they run, so that a change of it is tried by every `dpdsyn check`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from dpdsyn.accounting.spends import ZCDP, SampledGaussian
from dpdsyn.checking import recount, residuals
from dpdsyn.checking.twin import Twin
from dpdsyn.privacy import Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.rows import Rows, StreamedRows
from dpdsyn.schema import Schema

Source = Callable[[int], np.random.Generator]
_ALL = ZCDP(1e9)
_TABLES, _TIMES, _STEPS, _CHOICES = 300, 16, 600, 3000
_RATE, _ROWS, _LAGS = 0.3, 120, 12


def fault(schema: Schema, chance: float, source: Source = np.random.default_rng) -> str | None:
    """What is wrong with the mechanisms, or None. schema: of two columns or more, one of them a target.

    chance: of a fault being told where there is none. source: from a seed to what a PrivateTable takes its noise from.
    """
    found = _noise(schema, chance / 3, source) or _choices(schema, chance / 3, source)
    return found or _batches(schema, chance / 3, source)


def _table(schema: Schema, rows: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(size, size=rows) for size in schema.sizes], axis=1).astype(schema.dtype)


def _noise(schema: Schema, chance: float, source: Source) -> str | None:
    """Several tables that are asked everything, and many that are asked little: a seed of few bits comes again."""
    encoded, rng = _table(schema, 40, 0), np.random.default_rng(1)
    streams = []
    for seed in range(_TIMES + _TABLES):
        ledger = Ledger(_ALL)
        ledger.cap()
        twin = Twin.of(encoded[1:], encoded[:1], True, schema, ledger, source(seed))
        _ask(twin, everything=seed < _TIMES)
        if seed < _TIMES and (unpaid := recount.fault(twin)) is not None:
            return unpaid
        streams.append(residuals.Stream.of(twin.calls, rng))
    return residuals.fault(streams[:_TIMES], chance / 2) or residuals.fault(streams[_TIMES:], chance / 2)


def _ask(private: PrivateTable, everything: bool) -> None:
    """Marginals of equal shape and of others, scores and sums; of the table, of parts of it, and of parts of these."""
    names = private.schema.names
    if not everything:
        private.noisy_marginals([(name,) for name in names], [20.0] * len(names))
        return
    pairs = [(name, names[0]) for name in names[1:]]
    private.noisy_marginals(pairs, [1.0 + i for i in range(len(pairs))])
    private.noisy_marginals(pairs, [3.0] * len(pairs))
    private.noisy_scores([(name,) for name in names * 40], lambda counts, _: float(counts.flat[0]), 3.0, 2.0)
    for rate in (1.0, 0.5, 0.5):
        private.noisy_sum(_first_codes, rate, 2.0, 0.25)
    part, other = (private.child(ZCDP(1e6), names) for _ in range(2))
    part.ledger.cap()
    deeper = part.child(ZCDP(1e3), names)
    for view in (other, deeper):
        view.ledger.cap()
    merged = private.recode({names[0]: np.zeros(private.schema.sizes[0], dtype=np.int64)})
    for view in (part, private, other, deeper, merged):
        view.noisy_marginals(pairs, [3.0] * len(pairs))


def _first_codes(batch: np.ndarray, clip: float) -> np.ndarray:
    """Rows as one-hot vectors of their first column, 80 numbers."""
    total = np.zeros(80)
    np.add.at(total, batch[:, 0].astype(int), clip)
    return total


def _choices(schema: Schema, chance: float, source: Source) -> str | None:
    """Choices are as likely as the exponential mechanism has them, whatever was chosen before."""
    from scipy.stats import chisquare

    ledger = Ledger(_ALL)
    ledger.cap()
    private = PrivateTable(_table(schema, 40, 0), schema, ledger, source(0))
    queries = [(name,) for name in (schema.names * 3)[:3]]
    worth = iter([0.0, 1.0, 2.0] * _CHOICES)
    drawn = np.array([private.select(queries, lambda *_: next(worth), 2.0, 2.0) for _ in range(_CHOICES)])
    likely = np.exp(np.array([0.0, 1.0, 2.0]) / 2)
    likely /= likely.sum()
    counts = np.bincount(drawn, minlength=3)
    if chisquare(counts, _CHOICES * likely).pvalue < chance / 2:
        return f"select: choices come {counts.tolist()} times; {np.rint(_CHOICES * likely).astype(int).tolist()} are expected"
    both = np.bincount(drawn[0::2] * 3 + drawn[1::2], minlength=9)
    if chisquare(both, _CHOICES // 2 * np.outer(likely, likely).ravel()).pvalue < chance / 2:
        return "select: a choice depends on the one before"
    return None


def _batches(schema: Schema, chance: float, source: Source) -> str | None:
    """Rows in memory and rows that are read piece by piece: every row is in every batch with the rate's chance, by itself."""
    cells = np.random.default_rng(2).permutation(math.prod(schema.sizes))[:_ROWS]
    encoded = np.stack(np.unravel_index(cells, schema.sizes), axis=1).astype(schema.dtype)
    place = {tuple(row): i for i, row in enumerate(encoded.tolist())}
    streamed = StreamedRows(lambda: iter(np.array_split(encoded, 3)))
    for seed, rows in enumerate((Rows(encoded), streamed)):
        ledger = Ledger(_ALL)
        ledger.open([SampledGaussian(_RATE, 1.0, _STEPS)])
        private = PrivateTable(rows, schema, ledger, source(seed))
        drawn = np.zeros((_STEPS, len(encoded)), dtype=np.int64)
        for step in range(_STEPS):
            private.noisy_sum(_into(drawn[step], place), _RATE, 1.0, 1.0)
        if (charged := sum(entry["count"] for entry in ledger.entries)) != _STEPS:
            return f"noisy_sum: {charged} of {_STEPS} sums were charged for"
        if (found := sampling_fault(drawn, _RATE, chance / 2)) is not None:
            return f"noisy_sum: {found}"
    return None


def _into(drawn: np.ndarray, place: dict[tuple[int, ...], int]) -> Callable[[np.ndarray, float], np.ndarray]:
    def count(batch: np.ndarray, clip: float) -> np.ndarray:
        np.add.at(drawn, [place[tuple(row)] for row in batch.tolist()], 1)
        return np.array([clip * len(batch)])

    return count


def sampling_fault(drawn: np.ndarray, rate: float, chance: float) -> str | None:
    """What tells these batches from Poisson samples, or None. drawn: how often each row is in each batch, shape (batches, rows).

    Numbers of rows are held against their binomial distributions, squares of them against chi-squared ones, which is about
    right for the tens of rows and hundreds of batches that are meant here.
    """
    from scipy.stats import binom, binomtest, chi2

    each, (batches, rows) = chance / (6 + _LAGS), drawn.shape
    if drawn.max(initial=0) > 1:
        return "a row is in a batch more than once"
    if binomtest(int(drawn.sum()), drawn.size, rate).pvalue < each:
        return f"batches hold {drawn.sum() / batches:.4g} rows in the mean; {rate * rows:.4g} are expected"
    for what, axis, other in (("batches' sizes", 1, rows), ("rows' numbers of batches", 0, batches)):
        off = (drawn.sum(axis=axis) - rate * other) ** 2 / (other * rate * (1 - rate))
        if 2 * min(chi2.cdf(off.sum(), off.size), chi2.sf(off.sum(), off.size)) < each:
            return f"{what} vary {off.mean():.3g} times as much as those of independent trials"
    together, alone = drawn.T @ drawn, drawn.sum(axis=0)[:, None]
    tails = np.minimum(binom.cdf(together, alone, rate), binom.sf(together - 1, alone, rate))
    tails[np.tril_indices(rows)] = 1.0
    if tails.min(initial=1.0) * rows * rows < each:
        i, j = np.unravel_index(int(tails.argmin()), tails.shape)
        return f"rows {i} and {j} are in {together[i, j]} batches together, of {drawn[:, i].sum()} and {drawn[:, j].sum()}"
    for lag in range(1, _LAGS + 1):
        first = np.flatnonzero(np.arange(batches - lag) // lag % 2 == 0)
        before, later = drawn[first], drawn[first + lag]
        if before.any() and binomtest(int((before * later).sum()), int(before.sum()), rate).pvalue < each:
            again = (before * later).sum() / before.sum()
            return f"rows of a batch are in the one {lag} later {again:.3g} of the time, not {rate:g}"
    return None
