"""Rules between columns that every published row keeps: what they are. `rules.constraint_words` reads them as people write them.

A rule is public, as the schema is that states it. It is kept by what is done to synthetic rows alone (`rules.kept_rules`), which
costs no budget; no real row is looked at.

A missing cell breaks no rule, as in a CHECK of SQL: a comparison with it holds, and as the condition of an implication it does
not. `is missing` and `is not missing` speak of missing cells themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol

import numpy as np

from dpdsyn.reading.cells import RESOLUTIONS
from dpdsyn.reading.column import Column

_TOLERANCE = 1e-9  # by which a sum of real numbers may differ from what it equals, relative to its terms
DAY = RESOLUTIONS["day"]

Interval = tuple[np.ndarray, np.ndarray]


class Rows(Protocol):
    """Rows whose cells a rule asks for; every answer has the shape (rows,)."""

    def number(self, name: str) -> np.ndarray:
        """Numbers, or seconds since 1970-01-01 of a date; NaN where it is missing."""

    def among(self, name: str, texts: tuple[str, ...]) -> np.ndarray:
        """Whether a category is one of these, in their canonical texts."""

    def absent(self, name: str) -> np.ndarray:
        """Whether the cell is missing."""


class Cells(Protocol):
    """What the cells of rows may be: of numbers a range, of categories whether they are known."""

    def range(self, name: str) -> Interval:
        """The least and the largest number, each of shape (rows,); NaN where it is missing."""

    def known(self, name: str) -> bool:
        """Whether the category of each row is settled, so that `among` and `absent` answer."""

    def among(self, name: str, texts: tuple[str, ...]) -> np.ndarray:
        """As of `Rows`."""

    def absent(self, name: str) -> np.ndarray:
        """As of `Rows`."""


@dataclass(frozen=True)
class Side:
    """One side of a comparison: the sum of factor times column over `terms`, and a constant; dates are in seconds."""

    terms: tuple[tuple[float, str], ...]
    constant: float = 0.0

    def of(self, rows: Rows) -> np.ndarray:
        """The sum in each row, added up from left to right."""
        total: Any = None
        for factor, name in self.terms:
            term = factor * rows.number(name)
            total = term if total is None else total + term
        if total is None:
            return np.array(self.constant)
        return total + self.constant if self.constant else total

    def size(self, rows: Rows) -> np.ndarray:
        """The sum of the terms' magnitudes."""
        terms = [np.abs(factor * rows.number(name)) for factor, name in self.terms]
        return np.sum(terms, axis=0) + abs(self.constant)

    def range(self, cells: Cells) -> Interval:
        """The least and the largest sum that the cells allow."""
        low: Any = self.constant
        high: Any = self.constant
        for factor, name in self.terms:
            first, last = (factor * end for end in cells.range(name))
            low, high = low + np.minimum(first, last), high + np.maximum(first, last)
        return np.asarray(low, dtype=float), np.asarray(high, dtype=float)


@dataclass(frozen=True)
class Comparison:
    """left COMPARISON right, of numbers or dates; comparison: one of = != < <= > >=."""

    left: Side
    comparison: str
    right: Side

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, those on the left first."""
        return tuple(dict.fromkeys(name for side in (self.left, self.right) for _, name in side.terms))

    def unknown(self, rows: Rows) -> np.ndarray:
        """Whether a cell of it is missing."""
        return np.any([np.isnan(rows.number(name)) for name in self.names], axis=0)

    def holds(self, rows: Rows) -> np.ndarray:
        """Whether it is true; False where a cell is missing. Sums of real numbers count as equal if they differ by rounding."""
        left, right = self.left.of(rows), self.right.of(rows)
        with np.errstate(invalid="ignore"):
            near = np.abs(left - right) <= _TOLERANCE * (self.left.size(rows) + self.right.size(rows))
            return {
                "=": near,
                "!=": ~near & ~self.unknown(rows),
                "<": left < right,
                "<=": left <= right,
                ">": left > right,
                ">=": left >= right,
            }[self.comparison]

    def possible(self, cells: Cells) -> tuple[np.ndarray, np.ndarray]:
        """(whether it may be true, whether it may be false) in cells of these ranges; where one is missing it is neither."""
        left, right = self.left.range(cells), self.right.range(cells)
        slack = _TOLERANCE * reduce(np.maximum, [np.abs(end) for end in (*left, *right)])
        low, high = left[0] - right[1], left[1] - right[0]  # of left less right
        with np.errstate(invalid="ignore"):
            below, above, single = low < 0, high > 0, (low >= -slack) & (high <= slack)
            equal = (low <= slack) & (high >= -slack)
            return {
                "=": (equal, ~single & ~np.isnan(low)),
                "!=": (~single & ~np.isnan(low), equal),
                "<": (below, high >= 0),
                "<=": (low <= 0, above),
                ">": (above, low <= 0),
                ">=": (high >= 0, below),
            }[self.comparison]


@dataclass(frozen=True)
class Among:
    """Whether a cell is one of some values, or none of them.

    texts: of a categorical column, as `reading.cells.canonical` gives them; numbers: of one of numbers or dates (in seconds).
    """

    column: str
    texts: tuple[str, ...] = ()
    numbers: tuple[float, ...] = ()
    negated: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def unknown(self, rows: Rows) -> np.ndarray:
        """Whether the cell is missing."""
        return rows.absent(self.column)

    def holds(self, rows: Rows) -> np.ndarray:
        """Whether it is true; False where the cell is missing."""
        found = np.isin(rows.number(self.column), self.numbers) if self.numbers else rows.among(self.column, self.texts)
        return (~found if self.negated else found) & ~self.unknown(rows)

    def possible(self, cells: Cells) -> tuple[np.ndarray, np.ndarray]:
        """As of `Comparison`."""
        if self.numbers:
            low, high = cells.range(self.column)
            with np.errstate(invalid="ignore"):
                true = np.any([(low <= number) & (number <= high) for number in self.numbers], axis=0)
                false = ~((low == high) & true) & ~np.isnan(low)
        elif not cells.known(self.column):
            return np.array(True), np.array(True)
        else:
            true = cells.among(self.column, self.texts)
            true, false = true & ~cells.absent(self.column), ~true & ~cells.absent(self.column)
        return (false, true) if self.negated else (true, false)


@dataclass(frozen=True)
class Missing:
    """Whether a cell is missing, or is not."""

    column: str
    negated: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def unknown(self, rows: Rows) -> np.ndarray:
        """Nowhere: it is about missing cells."""
        return np.zeros_like(rows.absent(self.column))

    def holds(self, rows: Rows) -> np.ndarray:
        """Whether it is true."""
        return rows.absent(self.column) != self.negated

    def possible(self, cells: Cells) -> tuple[np.ndarray, np.ndarray]:
        """As of `Comparison`."""
        if not cells.known(self.column):
            return np.array(True), np.array(True)
        true = cells.absent(self.column) != self.negated
        return true, ~true


Test = Comparison | Among | Missing


@dataclass(frozen=True)
class Implication:
    """Where all conditions hold, all conclusions do; without conditions, everywhere. written: as in the schema."""

    written: str
    conditions: tuple[Test, ...]
    conclusions: tuple[Test, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it speaks of."""
        return tuple(dict.fromkeys(name for test in (*self.conditions, *self.conclusions) for name in test.names))

    def applies(self, rows: Rows) -> np.ndarray:
        """Where its conditions hold, shape (rows,) or ()."""
        return reduce(np.logical_and, [test.holds(rows) for test in self.conditions], np.array(True))

    def broken(self, rows: Rows) -> np.ndarray:
        """Which rows do not keep it, bool."""
        kept = [test.holds(rows) | test.unknown(rows) for test in self.conclusions]
        return self.applies(rows) & ~np.all(kept, axis=0)

    def impossible(self, cells: Cells) -> np.ndarray:
        """Where no values in such cells can keep it, bool; where True it is certain."""
        surely = [true & ~false for true, false in (test.possible(cells) for test in self.conditions)]
        never = [~true & false for true, false in (test.possible(cells) for test in self.conclusions)]
        return reduce(np.logical_and, [*surely, reduce(np.logical_or, never)])

    def to_plain(self) -> Any:
        """As it stands in a schema file."""
        return self.written


@dataclass(frozen=True)
class Dependence:
    """Rows of equal `sources` have equal `target`.

    mapping: (value of the source, value of the target), stated by the owner; what it leaves out is learnt from synthetic rows.
    """

    written: str
    sources: tuple[str, ...]
    target: str
    mapping: tuple[tuple[Any, Any], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it speaks of."""
        return (*self.sources, self.target)

    def to_plain(self) -> Any:
        """As it stands in a schema file."""
        return {self.written: dict(self.mapping)} if self.mapping else self.written


Rule = Implication | Dependence


def seconds(column: Column) -> int:
    """What one unit of a column's numbers is in a rule: the seconds of a date's resolution, 1 of a number."""
    return RESOLUTIONS[column.resolution or "day"] if column.kind == "date" else 1


def computed(rules: tuple[Rule, ...]) -> list[tuple[Rule, str]]:
    """The columns that rules compute from others, each with its rule, in an order in which they can be computed.

    A dependence computes its target. An equation without conditions computes the column alone on its left side or, where that
    does not do, another of factor 1 or -1: one that no other rule computes and that does not lead in a circle. One that
    computes none is only tested. Raises ValueError, naming them, for dependences that compute a column twice or in a circle.
    """
    owners: dict[str, Rule] = {}
    needs: dict[str, tuple[str, ...]] = {}
    for rule in sorted(rules, key=lambda rule: isinstance(rule, Implication)):
        if isinstance(rule, Dependence):
            if rule.target in owners:
                raise ValueError(f"{rule.target!r} follows from two rules: {owners[rule.target].written}; {rule.written}")
            if _leads_to(rule.target, rule.sources, needs):
                raise ValueError(f"dependences lead in a circle: {'; '.join(r.written for r in (*owners.values(), rule))}")
            owners[rule.target], needs[rule.target] = rule, rule.sources
        else:
            for name, others in _solvable(rule):
                if name not in owners and not _leads_to(name, others, needs):
                    owners[name], needs[name] = rule, others
                    break
    order: list[str] = []
    while len(order) < len(owners):
        order += [name for name in owners if name not in order and all(n in order or n not in owners for n in needs[name])]
    return [(owners[name], name) for name in order]


def _solvable(rule: Implication) -> list[tuple[str, tuple[str, ...]]]:
    """Columns that an equation may compute, the one alone on its left first, each with the others."""
    if rule.conditions or len(rule.conclusions) != 1 or not isinstance(equation := rule.conclusions[0], Comparison):
        return []
    if equation.comparison != "=":
        return []
    factors = factors_of(equation)
    return [(name, tuple(n for n in factors if n != name)) for name, factor in factors.items() if abs(factor) == 1]


def factors_of(equation: Comparison) -> Mapping[str, float]:
    """Of left less right, each column's factor."""
    factors = dict.fromkeys(equation.names, 0.0)
    for sign, side in ((1.0, equation.left), (-1.0, equation.right)):
        for factor, name in side.terms:
            factors[name] += sign * factor
    return factors


def _leads_to(name: str, sources: tuple[str, ...], needs: Mapping[str, tuple[str, ...]]) -> bool:
    return any(source == name or _leads_to(name, needs.get(source, ()), needs) for source in sources)
