"""Trials of the mechanisms of raw tables, on rows that are no secret: noise, and which values are told of, are as charged for.

They are held against `RawTable` as it is when they run, so that a change of it is tried by every `dpdsyn check domains`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from dpdsyn.accounting.spends import Gaussian, Threshold
from dpdsyn.checking import residuals
from dpdsyn.checking.raw_twin import RawTwin
from dpdsyn.learning.grids import Decimals, Grid, Magnitudes, Values, Years
from dpdsyn.learning.raw_table import RawTable
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema

Source = Callable[[int], np.random.Generator]
KEY = bytes(32)
_FITS, _ALONE, _DELTA = 12, 400, 0.1
_COLUMNS = (
    Column("amount", "real", missing="own_code"),
    Column("day", "date", missing="own_code"),
    Column("word", "categorical", missing="own_code", other=True),
    Column("name", "categorical", missing="own_code", other=True),
)


def schema_of(most: int) -> Schema:
    """Open columns of every kind, of people with at most so many rows, or of rows."""
    person = {"person": "who", "max_rows_per_person": most} if most > 1 else {}
    return Schema(_COLUMNS, None, 100, **person)  # type: ignore[arg-type]


def rows_of(rows: int, seed: int, most: int = 1) -> pd.DataFrame:
    """Rows of people who have `most` rows each; of each word and name some, of a few of them many."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "amount": rng.integers(-300, 300, rows) / 4,
            "day": np.datetime64("2019-06-01") + rng.integers(0, 900, rows),
            "word": pd.Series([f"w{number:.0f}" for number in rng.exponential(4, rows)]).mask(rng.random(rows) < 0.1),
            "name": [f"n{number:.0f}" for number in rng.exponential(4, rows)],
        }
    )
    return frame if most == 1 else frame.assign(who=[f"p{seed}-{i // most}" for i in range(rows)])


def fault(chance: float, source: Source = np.random.default_rng) -> str | None:
    """What is wrong with the mechanisms, or None. chance: of a fault being told where there is none."""
    for most in (1, 3):
        if (found := _noise(most, chance / 4, source) or _thresholds(most, chance / 4, source)) is not None:
            return found
    return None


def _grids() -> list[Grid]:
    amount, day, *_ = _COLUMNS
    fine = Values.between(Column("amount", "real", decimals=2), -8000, 8000)
    return [Magnitudes(amount), Decimals(amount), Years(day), fine, Values.between(day, 18000, 18200)]


def _noise(most: int, chance: float, source: Source) -> str | None:
    grids = _grids()
    sigmas, rng, streams = [1.0 + i for i in range(len(grids))], np.random.default_rng(1), []
    for seed in range(_FITS):
        ledger = Ledger(Budget(1e6, 0.9))
        ledger.reserve([Gaussian(0.01), Threshold(_DELTA, 2)])
        others, row = rows_of(90 * most, seed, most), rows_of(most, 1000, most)
        twin = RawTwin.of(others, row, seed % 2 == 1, schema_of(most), ledger, source(seed), KEY)
        twin.noisy_count(3.0, ledger)
        twin.histograms(grids, sigmas, ["word", "name"], 1.5, _DELTA)
        for call in twin.calls:
            if not call.moved <= call.stated * (1 + 1e-9) and call.moved:
                return f"one unit moves {call.asked[0]} by {call.moved:.6g} of its noise; {call.stated:.6g} was charged for"
        if twin.untold:
            return f"histograms: {twin.untold[0]}"
        streams.append(residuals.Stream.of(twin.calls, rng))
    return residuals.fault(streams, chance)


def _thresholds(most: int, chance: float, source: Source) -> str | None:
    """Units that have a value of their own in every row: how many of these are told of, against the delta that was charged.

    Of values that pandas knows and no row has none may be.
    """
    from scipy.stats import binom

    words = [f"w{i}" for i in range(_ALONE)]
    known = pd.Categorical(np.repeat(words, most), [*words, *(f"v{i}" for i in range(_ALONE))])
    frame = rows_of(_ALONE * most, 0, most).assign(word=known)
    told, charged = 0, 0.0
    for seed in range(4):
        ledger = Ledger(Budget(1e6, 0.9))
        ledger.reserve([Gaussian(0.01), Threshold(_DELTA)])
        raw = RawTable(frame, schema_of(most), ledger, source(seed), KEY)
        texts = raw.histograms([], [], ["word"], 1.5, _DELTA)[1][0].keys() - {None}
        if not texts <= set(words):
            return "histograms: a value is told of that no row has"
        told += len(texts)
        charged += sum(entry["delta"] for entry in ledger.entries if entry["mechanism"] == "Threshold") / 4
    allowed = min(1.0, charged / most)  # for one of up to `most` values that a unit has
    if binom.sf(told - 1, 4 * _ALONE, allowed) < chance:
        return (
            f"histograms: of {4 * _ALONE} values that one unit alone has {told} are told of; at the delta that was charged "
            f"{4 * _ALONE * allowed:.0f} are expected"
        )
    return None
