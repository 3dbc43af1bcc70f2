"""Synthetic rows while rules are held against them: codes, and the numbers that their cells are going to show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dpdsyn.reading.cells import canonical
from dpdsyn.reading.column import OTHER_LABEL, Column
from dpdsyn.rules.constraints import Interval, seconds
from dpdsyn.schema import Schema

_GRAINS = 100  # of a bin's width, as `dpdsyn.reading.grain` has it


class DrawnRows:
    """Rows of a closed schema. codes: shape (rows, columns), int64. numbers: of the ordered columns named, as they are decoded.

    It answers what a rule asks (`dpdsyn.rules.constraints.Rows`).
    """

    def __init__(self, schema: Schema, codes: np.ndarray, numbers: dict[str, np.ndarray]) -> None:
        self.schema = schema
        self.codes = codes
        self.numbers = numbers

    @classmethod
    def decoded(cls, schema: Schema, codes: np.ndarray, names: Sequence[str], rng: np.random.Generator) -> DrawnRows:
        """Of encoded rows; names: of the columns that rules speak of."""
        rows = cls(schema, codes.astype(np.int64), {})
        rows.decode(names, np.arange(len(codes)), rng)
        return rows

    def decode(self, names: Sequence[str], where: np.ndarray, rng: np.random.Generator) -> None:
        """Draw the numbers of these columns again, within their codes, in the rows whose positions are given."""
        for name in names:
            column, position = self.schema[name], self.schema.position(name)
            if column.ordered:
                drawn = as_shown(column, column.numbers_of(self.codes[where, position], rng))
                self.numbers.setdefault(name, np.full(len(self.codes), np.nan))[where] = drawn

    def __len__(self) -> int:
        return len(self.codes)

    def taken(self, where: np.ndarray) -> DrawnRows:
        """Some of the rows, by a mask or by positions."""
        return DrawnRows(self.schema, self.codes[where], {name: numbers[where] for name, numbers in self.numbers.items()})

    def put(self, where: np.ndarray, rows: DrawnRows) -> None:
        """Replace the rows at these positions."""
        self.codes[where] = rows.codes
        for name, numbers in rows.numbers.items():
            self.numbers[name][where] = numbers

    @classmethod
    def joined(cls, parts: Sequence[DrawnRows]) -> DrawnRows:
        """All rows of several, one after the other."""
        numbers = {name: np.concatenate([part.numbers[name] for part in parts]) for name in parts[0].numbers}
        return cls(parts[0].schema, np.concatenate([part.codes for part in parts]), numbers)

    def number(self, name: str) -> np.ndarray:
        """See `dpdsyn.rules.constraints.Rows`."""
        return self.numbers[name] * seconds(self.schema[name])

    def among(self, name: str, texts: tuple[str, ...]) -> np.ndarray:
        """See `dpdsyn.rules.constraints.Rows`."""
        return among(self.schema[name], texts)[self.codes[:, self.schema.position(name)]]

    def absent(self, name: str) -> np.ndarray:
        """See `dpdsyn.rules.constraints.Rows`."""
        column = self.schema[name]
        return np.isnan(self.numbers[name]) if column.ordered else absent(column)[self.codes[:, self.schema.position(name)]]

    def set_numbers(self, name: str, where: np.ndarray, values: np.ndarray) -> None:
        """Let the cells at these positions show numbers, in units as decoded ones are; NaN is a missing cell."""
        column = self.schema[name]
        self.numbers[name][where] = values
        codes = code_of(column, values)
        self.codes[where, self.schema.position(name)] = np.where(np.isnan(values), column.missing_code or 0, codes)

    def frame(self, rng: np.random.Generator) -> pd.DataFrame:
        """Cells in the owner's types."""
        return pd.DataFrame(
            {
                column.name: column.cells_of(self.numbers[column.name])
                if column.name in self.numbers
                else column.decode(self.codes[:, i], rng)
                for i, column in enumerate(self.schema.columns)
            }
        )


class CodedCells:
    """What cells of given codes may show, for `Implication.impossible`.

    codes: of each column, arrays that fit each other. computed: columns that rules compute, which may be whatever they hold.
    """

    def __init__(self, schema: Schema, codes: dict[str, np.ndarray], computed: frozenset[str]) -> None:
        self.schema = schema
        self.codes = codes
        self.computed = computed

    def range(self, name: str) -> Interval:
        """See `dpdsyn.rules.constraints.Cells`."""
        column = self.schema[name]
        scale = seconds(column)
        if name in self.computed:
            low, high = limits(column)
            return np.array(low * scale), np.array(high * scale)
        lows, highs = ends(column)
        return lows[self.codes[name]] * scale, highs[self.codes[name]] * scale

    def known(self, name: str) -> bool:
        """See `dpdsyn.rules.constraints.Cells`."""
        return name not in self.computed

    def among(self, name: str, texts: tuple[str, ...]) -> np.ndarray:
        """See `dpdsyn.rules.constraints.Cells`."""
        return among(self.schema[name], texts)[self.codes[name]]

    def absent(self, name: str) -> np.ndarray:
        """See `dpdsyn.rules.constraints.Cells`."""
        return absent(self.schema[name])[self.codes[name]]


def among(column: Column, texts: Sequence[str]) -> np.ndarray:
    """Which codes of a categorical column stand for one of these values, shape (size,), bool."""
    found = np.zeros(column.size, dtype=bool)
    found[: column.values] = [canonical(category) in texts for category in column.categories]
    if column.other_code is not None and column.emit_other:
        found[column.other_code] = OTHER_LABEL in texts
    return found


def absent(column: Column) -> np.ndarray:
    """Which codes stand for a missing cell, shape (size,), bool: `other` of numbers too, which have no text for it."""
    found = np.zeros(column.size, dtype=bool)
    if column.missing_code is not None:
        found[column.missing_code] = True
    if column.other_code is not None and column.emit_other:
        found[column.other_code] = not all(isinstance(category, str) for category in column.categories)
    return found


def ends(column: Column) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest number that each code of an ordered column is decoded to, shape (size,), NaN of missing ones."""
    if column.pieces:
        factor = 10.0 ** -(column.decimals or 0)
        low, high = np.array(column.pieces.firsts) * factor, np.array(column.pieces.lasts) * factor
    else:
        low, high = column.edges[:-1], column.edges[1:] - (column.kind in ("integer", "date"))
    rest = np.full(column.size - column.values, np.nan)
    return np.append(low, rest), np.append(high, rest)


def limits(column: Column) -> tuple[float, float]:
    """The least and the largest number that a column may show: its bounds, or as far as its pieces reach if it states none."""
    if column.bounds is not None:
        return column.ends
    low, high = ends(column)
    return float(np.nanmin(low)), float(np.nanmax(high))


def code_of(column: Column, numbers: np.ndarray) -> np.ndarray:
    """The code of each number of an ordered column, int64; of NaN any."""
    if column.pieces:
        return column.pieces.encode(column.units(numbers))
    return np.clip(np.searchsorted(column.edges, numbers, side="right") - 1, 0, column.bins - 1)


def as_shown(column: Column, numbers: np.ndarray) -> np.ndarray:
    """The numbers that a reader of the published cells finds: a date's format may leave a part of it out."""
    if column.kind != "date" or column.format is None:
        return numbers
    found = column.found(column.cells_of(numbers))
    return found.values[found.positions]


def step(column: Column) -> float:
    """On what grid new numbers of an ordered column lie: 1 of whole numbers and dates, its decimals of real ones."""
    if column.kind != "real":
        return 1.0
    if column.pieces or column.decimals is not None:
        return 10.0 ** -(column.decimals or 0)
    return float(10.0 ** np.floor(np.log10(np.diff(column.edges).min() / _GRAINS) + 1e-9))
