"""A fit in rehearsal: the noise that a real one will add, told before it and without a row.

The method, the learning of domains and the ledger are the real ones, and run as in a fit up to the first noisy marginals. What
they read are made-up rows, evenly spread over whatever the schema allows, and what is answered is what that many such rows
would be counted as, without noise. What a plan spends, and how large its noise is, depends on the schema, the budget and the
number of rows alone (`checking.learning_contract`), so both are those of a real fit of this schema. Nothing is spent. What rows
decide is which columns survive learning; the more do, the more the noise of each, as the root of their number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from dpdsyn.accounting.spends import Spend
from dpdsyn.base.checks import InputError
from dpdsyn.checking.blind_learning import Answers
from dpdsyn.learning import merging
from dpdsyn.learning.domain_learning import DomainLearning, learnt_with, weight_of_one
from dpdsyn.learning.grids import Grid, Values
from dpdsyn.learning.noisy_tree import with_coarser
from dpdsyn.learning.raw_table import RawTable, threshold
from dpdsyn.method import GuidedSynthesizer
from dpdsyn.own_mechanism import OwnMechanism
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import SUMMED, ClippedSum, PrivateTable, Query
from dpdsyn.quality import private_evaluation
from dpdsyn.reading.cells import RESOLUTIONS
from dpdsyn.reading.column import Column
from dpdsyn.reading.schema_values import SchemaError, shortened
from dpdsyn.rows import Rows
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer

_MADE_UP = 1024  # rows
_CAREFUL = 0.75  # of all rows
_WIDE_YEARS = 90.0  # of birth, say
_LAST_DAY = 20_000.0  # since 1970
_NARROW = 50.0  # times as wide are bounds
_LARGE = 1000.0
_WORDS = ("a", "b", "c", "d")  # of columns whose categories are open


@dataclass(frozen=True)
class Rehearsal:
    """What a fit will do, as far as no row decides it; all standard deviations are in rows, of one count each.

    seen: of each column of numbers or dates that is to be learnt the share of its rows between the ends that are, and the pieces
    they are cut into, where they are spread as widely as may be: numbers on both sides of 0, dates over `_WIDE_YEARS`; 0 and 0 if
    nothing is.
    noise: of each column's own counts, by name. learning: of the histograms that an open column is learnt from; of a column of
    categories the counts that the threshold is held against. threshold: from how many rows on a value that nobody listed is told
    of, by the column's name. closed: the schema as learning leaves it for rows evenly spread, in which a column is missing that
    nothing would be learnt of; None if nothing would be learnt of the table, and then `why`. plan: all that will be spent, as
    far as that was reached.
    """

    noise: Mapping[str, float]
    learning: Mapping[str, float]
    threshold: Mapping[str, float]
    closed: Schema | None
    why: str | None
    seen: Mapping[str, tuple[float, int]]
    plan: tuple[dict[str, Any], ...] | None


def rehearsed(
    schema: Schema,
    epsilon: float,
    delta: float,
    rows: int,
    evaluate: float | None = None,
    method: Callable[[], Synthesizer] = GuidedSynthesizer,
) -> Rehearsal:
    """Go through a fit of about so many rows, up to its first noisy marginals.

    evaluate: the share of the budget that is kept back, as in `DPDSyn.fit`. method: makes what is to be fitted, DPDSyn's own if
    left out. Raises ValueError where a fit would refuse the schema or the budget; BudgetExceeded where the budget does not cover
    what has to be learnt; Unforeseeable for a method that counts no columns, or not all of them at first.
    """
    ledger = Ledger(Budget(epsilon, delta))
    if evaluate is not None:
        private_evaluation.keep_back(ledger, evaluate)
    most = schema.max_rows_per_person or 1
    public = replace(schema, groups="rows", drafted=False)
    heard = _Heard(rows / most)
    raw = _MadeUpRaw.of(public, ledger, heard)
    closed, why = None, None
    try:
        private = DomainLearning().learn(raw)
        closed = private.schema
        fitted = method()
        if reason := fitted.skip(closed, ledger.allowance):
            raise InputError(reason)
        merging.fit(fitted, private, np.random.default_rng(0))
        raise Unforeseeable("it counts nothing of the rows")
    except SchemaError as error:
        why = str(error)
    except _Enough:
        if left := [name for name in (closed or schema).names if name not in heard.marginals]:
            raise Unforeseeable(f"it does not count {shortened(left)} at first, and later noise depends on answers") from None
    known = {name: sigma * most for name, sigma in heard.marginals.items()}
    learning = {name: sigma * most for name, sigma in heard.histograms.items()}
    told = {name: threshold(sigma, delta, most) * most for name, (sigma, delta) in heard.listed.items()}
    seen = {} if heard.one is None else _seen(public, heard.one, heard.units)
    return Rehearsal(known, learning, told, closed, why, seen, None if ledger.plan is None else tuple(ledger.plan))


def _seen(schema: Schema, sigma: float, units: float) -> dict[str, tuple[float, int]]:
    """As `Rehearsal.seen`. Columns alike are learnt alike, so one of each kind is tried, with fewer rows than there are: what is
    learnt of rows that just stand out of the noise is learnt of half of such tables.
    """
    alike: dict[Column, list[str]] = {}
    for column in schema.columns:
        if column.is_open and column.ordered:
            alike.setdefault(replace(column, name="", missing=None, unlearnt=None), []).append(column.name)
    if not alike:
        return {}
    tried = tuple(replace(column, name=names[0]) for column, names in alike.items())
    alone = replace(schema, columns=tried, target=None, person=None, max_rows_per_person=None, constraints=(), made=())
    raw = _SpreadOut.of(alone, _Free(Budget(1.0, 0.5)), _Heard(_CAREFUL * units), spread_out(alone))
    learnt = learnt_with(raw, sigma)
    found: dict[str, tuple[float, int]] = {}
    for names in alike.values():
        made = learnt[names[0]]
        if made is None or made.pieces is None:
            found.update(dict.fromkeys(names, (0.0, 0)))
            continue
        said = made.found(raw.frame[names[0]])
        places = made.units(said.values[said.positions])
        share = float(((places >= made.pieces.firsts[0]) & (places <= made.pieces.lasts[-1])).mean())
        found.update(dict.fromkeys(names, (share, made.values)))
    return found


class Unforeseeable(InputError):
    """A method of whose noise nothing can be said without rows."""


class _Enough(BaseException):
    """All that was to be heard has been heard. No mistake that code should catch."""


@dataclass
class _Heard:
    """units: how many rows, or persons, are answered for. marginals, histograms: standard deviations in these, by column.

    listed: of columns of open categories, that and the delta of the threshold. one: the standard deviation of a weight of one.
    """

    units: float
    marginals: dict[str, float] = field(default_factory=dict)
    histograms: dict[str, float] = field(default_factory=dict)
    listed: dict[str, tuple[float, float]] = field(default_factory=dict)
    one: float | None = None


class _MadeUp(PrivateTable):
    """Made-up rows behind the mechanisms of a private table, which note the noise that they are asked for."""

    heard: _Heard

    def noisy_sum(self, f: ClippedSum, rate: float, sigma: float, clip: float, label: str = SUMMED) -> np.ndarray:
        raise Unforeseeable(
            "it learns by noisy sums of gradients and counts no column, so how rows stand out of its noise is open"
        )

    def stated(self, mechanism: OwnMechanism) -> np.ndarray:
        raise Unforeseeable(f"it asks by a mechanism of its own ({type(mechanism).__name__}), whose noise is not known here")

    def hand_over(self, promise: str) -> np.ndarray:
        raise Unforeseeable(f"it gives rows to an outside library ({promise}), whose noise is not known here")

    def unprotected(self, why: str) -> np.ndarray:
        raise Unforeseeable(f"it uses rows without protection ({why})")

    def noisy_marginals(self, queries: Sequence[Query], sigmas: Sequence[float]) -> list[np.ndarray]:
        super().noisy_marginals(queries, sigmas)
        for query, sigma in zip(queries, sigmas, strict=True):
            for name in query:  # of a marginal of several columns what each one's counts are, summed over the others
                others = math.prod(self.schema.shape([other for other in query if other != name]))
                spread = sigma * math.sqrt(others)
                self.heard.marginals[name] = min(spread, self.heard.marginals.get(name, math.inf))
        raise _Enough

    def _view(
        self, change: Callable[[np.ndarray], np.ndarray], schema: Schema, ledger: Ledger, rng: np.random.Generator
    ) -> PrivateTable:
        view = super()._view(change, schema, ledger, rng)
        assert isinstance(view, _MadeUp)
        view.heard = self.heard
        return view


class _Free(Ledger):
    """Of made-up rows."""

    def charge(self, spend: Spend, label: str) -> None:
        pass


class _MadeUpRaw(RawTable):
    """Made-up rows before learning; answers are those of `heard.units` rows or persons that are evenly spread."""

    heard: _Heard
    frame: pd.DataFrame

    @classmethod
    def of(cls, schema: Schema, ledger: Ledger, heard: _Heard, frame: pd.DataFrame | None = None) -> Self:
        frame = made_up(schema) if frame is None else frame
        raw = cls(frame, schema, ledger, np.random.default_rng(0))
        raw.heard, raw.frame = heard, frame
        return raw

    def noisy_count(self, sigma: float, ledger: Ledger) -> float:
        super().noisy_count(sigma, ledger)
        return self.heard.units

    def histograms(
        self,
        grids: Sequence[Grid],
        sigmas: Sequence[float],
        listed: Sequence[str] = (),
        listed_sigma: float = 1.0,
        listed_delta: float = 0.0,
    ) -> Answers:
        super().histograms(grids, sigmas, listed, listed_sigma, listed_delta)
        self.heard.histograms.update(dict.fromkeys(listed, listed_sigma))
        self.heard.histograms.update(
            {grid.name: sigma for grid, sigma in zip(grids, sigmas, strict=True) if isinstance(grid, Values)}
        )
        self.heard.one = next((weight_of_one(grid, sigma) for grid, sigma in zip(grids, sigmas, strict=True)), listed_sigma)
        self.heard.listed.update(dict.fromkeys(listed, (listed_sigma, listed_delta)))
        least = threshold(listed_sigma, listed_delta, self.schema.max_rows_per_person or 1) if listed else 1.0
        words = _WORDS[: int(self.heard.units / least)]  # as many as can be above it
        told: list[dict[str | None, float]] = [
            {word: self.heard.units / len(words) for word in words} | {None: 0.0} for _ in listed
        ]
        return [self._even(grid) for grid in grids], told

    def _even(self, grid: Grid) -> list[np.ndarray]:
        """Counts of a grid at each resolution: evenly spread over values, else as the made-up rows are."""
        if not isinstance(grid, Values):
            return [np.bincount(grid.codes(self.frame[grid.name]), minlength=grid.size) * (self.heard.units / len(self.frame))]
        counts = np.asarray(grid.widths * (self.heard.units / grid.widths.sum()), dtype=float)
        return [np.append(counts, 0.0), *with_coarser(counts, grid.coarser)[1:]]

    def _behind(self, rows: Rows, schema: Schema, rng: np.random.Generator) -> PrivateTable:
        private = _MadeUp(rows, schema, self.ledger, rng)
        private.heard = self.heard
        return private


class _SpreadOut(_MadeUpRaw):
    """The same, of which values are spread as those of the frame are and not evenly."""

    def _even(self, grid: Grid) -> list[np.ndarray]:
        if not isinstance(grid, Values):
            return super()._even(grid)
        begins = grid.coarser[-1] if grid.coarser else np.arange(len(grid.starts))
        said = grid.codes(self.frame[grid.name])
        runs = np.bincount(np.searchsorted(begins, said[said < grid.size - 1], side="right") - 1, minlength=len(begins))
        widths = np.add.reduceat(grid.widths, begins)
        lengths = np.diff(np.append(begins, len(grid.starts)))
        counts = np.repeat(runs / widths, lengths) * grid.widths * (self.heard.units / len(self.frame))
        return [np.append(counts, 0.0), *with_coarser(counts, grid.coarser)[1:]]


def spread_out(schema: Schema, rows: int = _MADE_UP) -> pd.DataFrame:
    """Rows of a table that the schema could be of, spread as widely as columns are, or within bounds as closely."""
    return pd.DataFrame({column.name: _spread(column, rows) for column in schema.columns})


def _spread(column: Column, rows: int) -> pd.Series:
    even = (np.arange(rows) + 0.5) / rows
    if column.bounds is not None:
        near = column.ends[0] + (column.ends[1] - column.ends[0]) * even / _NARROW
        return _as_cells(column, near)
    if column.kind == "date":
        step = RESOLUTIONS[column.resolution or "day"]
        return _as_cells(column, (_LAST_DAY - _WIDE_YEARS * 365.25 * even) * RESOLUTIONS["day"] / step)
    from scipy.special import ndtri

    return _as_cells(column, ndtri(even) * _LARGE)


def made_up(schema: Schema, rows: int = _MADE_UP) -> pd.DataFrame:
    """Rows of a table that the schema could be of, evenly spread over what it allows; of persons one row each."""
    frame = pd.DataFrame({column.name: _cells(column, rows) for column in schema.columns})
    return frame if schema.person is None else frame.assign(**{schema.person: [f"person {i}" for i in range(rows)]})


def _cells(column: Column, rows: int) -> pd.Series:
    if not column.ordered:
        values = column.categories or _WORDS
        return pd.Series([values[i % len(values)] for i in range(rows)], dtype=object)
    if column.kind == "date":
        step = RESOLUTIONS[column.resolution or "day"]
        low, high = replace(column, bounds=column.bounds or (16_000.0, 19_999.0)).ends  # days since 1970: some ten years
        return _as_cells(column, np.linspace(low * step, (high + 1) * step - 1, rows) / step)
    low, high = column.bounds or (0.0, 127.0)
    return _as_cells(column, np.linspace(low, high, rows))


def _as_cells(column: Column, numbers: np.ndarray) -> pd.Series:
    """Cells of a column of numbers or dates; of dates the numbers are parts of days since 1970, as it resolves them."""
    if column.kind == "date":
        seconds = (numbers * RESOLUTIONS[column.resolution or "day"]).astype(np.int64).astype("datetime64[s]")
        return pd.Series(pd.Series(seconds).dt.strftime(column.format or "%Y-%m-%dT%H:%M:%S"), dtype=object)
    return pd.Series(
        np.rint(numbers) if column.kind == "integer" else np.round(numbers, column.decimals if column.decimals is not None else 2)
    )
