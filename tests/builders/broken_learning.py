"""Learners of domains that do what must not be done, and faults for the mechanisms of raw tables, as long as a test lasts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dpdsyn.accounting.spends import Gaussian, Threshold
from dpdsyn.learning import domain_learning, raw_table
from dpdsyn.learning.domain_learning import DomainLearning
from dpdsyn.learning.raw_table import RawTable
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.reading.cells import canonical, is_missing, is_single
from dpdsyn.schema import Schema


def frame_of(raw: RawTable) -> pd.DataFrame:
    """The rows, past the mechanisms."""
    return pd.concat(list(raw._RawTable__frames()), ignore_index=True)  # type: ignore[attr-defined]


class _Peeks(DomainLearning):
    """Closes a part of the schema by what it sees in the rows, and learns the rest as it should."""

    def learn(self, raw: RawTable) -> PrivateTable:
        raw.schema = self.told(raw.schema, frame_of(raw))
        return super().learn(raw)

    def told(self, schema: Schema, frame: pd.DataFrame) -> Schema:
        raise NotImplementedError


class ExactBounds(_Peeks):
    """The bounds of numbers are the least and the greatest of them."""

    def told(self, schema: Schema, frame: pd.DataFrame) -> Schema:
        columns = []
        for column in schema.columns:
            if column.kind in ("integer", "real") and column.is_open and column.bounds is None:
                values = column.found(frame[column.name]).values
                values = np.clip(values[np.isfinite(values)], -1e6, 1e6)
                if len(values) and math.floor(values.min()) < math.ceil(values.max()):
                    column = replace(column, bounds=(math.floor(values.min()), math.ceil(values.max())))
            columns.append(column)
        return replace(schema, columns=tuple(columns))


class SetOfCategories(_Peeks):
    """The categories of a column are all values that it holds."""

    def told(self, schema: Schema, frame: pd.DataFrame) -> Schema:
        columns = []
        for column in schema.columns:
            if column.kind == "categorical" and column.is_open:
                cells = [cell for cell in frame[column.name] if not is_missing(cell) and is_single(cell)]
                if found := sorted({canonical(cell) for cell in cells}):
                    column = replace(column, categories=tuple(found))
            columns.append(column)
        return replace(schema, columns=tuple(columns))


class ExactCount(_Peeks):
    """`rows_public` is the number of rows."""

    def told(self, schema: Schema, frame: pd.DataFrame) -> Schema:
        return replace(schema, rows_public=max(1, len(frame)))


class TellsOfRows(DomainLearning):
    """Says on the terminal how many cells are missing."""

    def learn(self, raw: RawTable) -> PrivateTable:
        missing = int(frame_of(raw).isna().to_numpy().sum())
        if missing:
            print(f"{missing} cells are missing")  # noqa: T201
        return super().learn(raw)


class RefusesWildCells(DomainLearning):
    """Raises for a number that is not finite."""

    def learn(self, raw: RawTable) -> PrivateTable:
        numbers = pd.to_numeric(frame_of(raw)["price"].map(lambda cell: cell if isinstance(cell, float) else 0.0))
        if np.isinf(numbers).any():
            raise ValueError("a price is infinite")
        return super().learn(raw)


class CountsForNothing(DomainLearning):
    """The number of rows is counted on a ledger of its own, which nobody reads."""

    def learn(self, raw: RawTable) -> PrivateTable:
        own = Ledger(Budget(1.0, 1e-6))
        noise = own.open_calibrated(lambda scale: [Gaussian(scale)])
        rows = max(1, round(raw.noisy_count(noise, own)))
        raw.schema = replace(raw.schema, rows_public=rows)
        return super().learn(raw)


class PlansByAnswers(DomainLearning):
    """How much is spent on the histograms depends on a noisy count."""

    def learn(self, raw: RawTable) -> PrivateTable:
        ledger = raw.ledger.set_apart(0.1)
        noise = ledger.open_calibrated(lambda scale: [Gaussian(scale)])
        rows = max(1, round(raw.noisy_count(noise, ledger)))
        raw.schema = replace(raw.schema, rows_public=rows)
        return DomainLearning(share=min(0.4, 20 / rows)).learn(raw)


LEARNERS: tuple[tuple[type[DomainLearning], str], ...] = (
    (ExactBounds, "shows though no answer tells of it: (schema)"),
    (SetOfCategories, "shows though no answer tells of it: (schema)"),
    (ExactCount, "shows though no answer tells of it: (schema)"),
    (TellsOfRows, "shows though no answer tells of it: (printed)"),
    (RefusesWildCells, "a row with infinity shows though no answer tells of it: "),
    (CountsForNothing, "one unit moves noisy_count by"),
    (PlansByAnswers, "what will be spent depends on rows or answers"),
)


def threshold_of_one(patch: pytest.MonkeyPatch) -> None:
    """Every value with a noisy count of one is told of."""
    patch.setattr(raw_table, "threshold", lambda sigma, delta, most=1: 1.0)


def threshold_for_one_row_of_a_person(patch: pytest.MonkeyPatch) -> None:
    """As if a person had one row, where there may be several."""
    right = raw_table.threshold
    patch.setattr(raw_table, "threshold", lambda sigma, delta, most=1: right(sigma, delta))


def delta_not_charged(patch: pytest.MonkeyPatch) -> None:
    charge = Ledger.charge

    def broken(self: Ledger, spend: Any, label: str) -> None:
        if not isinstance(spend, Threshold):
            charge(self, spend, label)

    patch.setattr(Ledger, "charge", broken)


def delta_of_one_column_charged(patch: pytest.MonkeyPatch) -> None:
    """Of several columns with values that nobody listed."""
    charge = Ledger.charge

    def broken(self: Ledger, spend: Any, label: str) -> None:
        charge(self, replace(spend, count=1) if isinstance(spend, Threshold) else spend, label)

    patch.setattr(Ledger, "charge", broken)


def resolutions_charged_as_one(patch: pytest.MonkeyPatch) -> None:
    """A grid that is answered at two resolutions pays for one, in the learner and in the mechanism."""
    patch.setattr(raw_table, "resolutions", lambda grid: 1)
    patch.setattr(domain_learning, "resolutions", lambda grid: 1)


def histograms_not_charged(patch: pytest.MonkeyPatch) -> None:
    """Those of the second pass."""
    histograms, charge = RawTable.histograms, Ledger.charge

    def broken(self: Any, grids: Any, sigmas: Any, listed: Any = (), *more: Any) -> Any:
        if not listed:
            patch.setattr(Ledger, "charge", lambda *_: None)
        try:
            return histograms(self, grids, sigmas, listed, *more)
        finally:
            patch.setattr(Ledger, "charge", charge)

    patch.setattr(RawTable, "histograms", broken)


def one_grid_not_charged(patch: pytest.MonkeyPatch) -> None:
    right = raw_table._rhos
    patch.setattr(raw_table, "_rhos", lambda grids, sigmas: right(grids[1:], sigmas[1:]) or right(grids, sigmas))


def halved_noise(patch: pytest.MonkeyPatch) -> None:
    right = raw_table.rounded_gaussian
    patch.setattr(raw_table, "rounded_gaussian", lambda scale, size, rng: right(scale / 2, size, rng))


def noise_for_one_row_of_a_person(patch: pytest.MonkeyPatch) -> None:
    """A person's rows count 1 / k each, and the noise is that of counts of k."""
    build = RawTable.__init__

    def broken(self: Any, table: Any, schema: Schema, *rest: Any, **more: Any) -> None:
        build(self, table, schema, *rest, **more)
        self._RawTable__most = 1

    patch.setattr(RawTable, "__init__", broken)


def missing_cells_twice(patch: pytest.MonkeyPatch) -> None:
    """The grid's code of cells that say nothing is counted in the first cell too: a row counts twice."""
    right = raw_table._counted

    def broken(grid: Any, frame: pd.DataFrame) -> np.ndarray:
        counts = right(grid, frame)
        counts[0] += counts[-1]
        return counts

    patch.setattr(raw_table, "_counted", broken)


MECHANISMS: tuple[tuple[Callable[[pytest.MonkeyPatch], None], str], ...] = (
    (threshold_of_one, "histograms: a value is told of at a noisy count of"),
    (threshold_for_one_row_of_a_person, "histograms: a value is told of at a noisy count of"),
    (delta_not_charged, "the delta charged for asks for inf"),
    (delta_of_one_column_charged, "histograms: a value is told of at a noisy count of"),
    (resolutions_charged_as_one, "one unit moves histograms by"),
    (histograms_not_charged, "one unit moves histograms by"),
    (one_grid_not_charged, "one unit moves histograms by"),
    (halved_noise, "times the deviation that was charged for"),
    (noise_for_one_row_of_a_person, "histograms: noise"),
    (missing_cells_twice, "noise"),
)
