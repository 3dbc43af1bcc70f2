"""How rules are kept: combinations of codes that break them are passed over, and numbers are chosen within their codes.

1. Rows whose codes no numbers could make keep every rule are *impossible*: whoever draws, draws others in their place. That is
   to condition the model on the rules.
2. What a rule computes (a sum, a dependence) is computed.
3. Where a rule is broken still, the numbers of its columns are drawn again within their codes; then one of them is moved to
   where the rule holds. That leaves the model's codes as they are.
4. What is left is drawn again too. Where that does not come to an end (`rules.published_rows`), rows are *repaired*: cells are
   moved, out of their codes too, until all rules hold.

All of it is a function of synthetic rows and of the public schema, so it costs no budget; no real row is at hand here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dpdsyn.rules.constraints import (
    Among,
    Comparison,
    Dependence,
    Implication,
    Missing,
    Rule,
    Test,
    computed,
    factors_of,
    seconds,
)
from dpdsyn.rules.drawn_rows import CodedCells, DrawnRows, absent, among, as_shown, ends, limits, step
from dpdsyn.rules.learnt_dependence import LearntDependence
from dpdsyn.schema import Schema

_REDRAWN = 8  # times that numbers are drawn again within their codes
_MOVED = 3  # rounds in which numbers are moved within their codes
_REPAIRED = 40  # rounds in which cells are moved whereto they must
_SHORT = 15  # significant digits of a computed sum, so that .1 + .2 is .3


class Kept:
    """The rules of a closed schema and, besides, tests that every row is to pass.

    learnt: of each dependence, by its words, what was learnt of it; without it dependences are left as they are drawn. Rules that
    speak of a column that the schema lacks, for nothing could be learnt of it, are dropped.
    """

    def __init__(self, schema: Schema, given: Sequence[Test] = (), learnt: Mapping[str, LearntDependence] | None = None) -> None:
        rules = tuple(rule for rule in schema.constraints if set(rule.names) <= set(schema.names))
        self.schema = schema
        self.learnt = dict(learnt or {})
        self.given = tuple(given)
        self.rules = (
            *(rule for rule in rules if isinstance(rule, Implication)),
            *(Implication("", (), (test,)) for test in self.given),
        )
        self.computed: list[tuple[Rule, str]] = [
            (rule, name) for rule, name in computed(rules) if isinstance(rule, Implication) or rule.written in self.learnt
        ]
        self.names = tuple(dict.fromkeys(name for rule in (*rules, *self.rules) for name in rule.names))
        self.fixed = frozenset(name for _, name in self.computed)

    def __bool__(self) -> bool:
        return bool(self.rules or self.computed)

    def impossible(self, encoded: np.ndarray) -> np.ndarray:
        """Which encoded rows, shape (rows, columns), cannot keep every rule whatever numbers their codes are decoded to, bool."""
        codes = {name: encoded[:, self.schema.position(name)].astype(np.int64) for name in self.names}
        cells = CodedCells(self.schema, codes, self.fixed)
        found = np.zeros(len(encoded), dtype=bool)
        for rule in self.rules:
            found |= rule.impossible(cells)
        return found

    def settled(self, encoded: np.ndarray, rng: np.random.Generator) -> tuple[DrawnRows, np.ndarray, int]:
        """(the rows, which of them keep every rule, of how many numbers were moved within their codes to that end)."""
        rows = DrawnRows.decoded(self.schema, encoded, self.names, rng)
        self.compute(rows, np.arange(len(rows)))
        moved = np.zeros(len(rows), dtype=bool)
        for round_ in range(_REDRAWN + _MOVED):
            (where,) = np.nonzero(self.broken(rows))
            if not len(where):
                break
            part = rows.taken(where)
            if round_ < _REDRAWN:
                part.decode([name for name in self.names if name not in self.fixed], np.arange(len(part)), rng)
            else:
                self._move(part, rng, within=True)
            self.compute(part, np.arange(len(part)))
            better = ~self.broken(part)
            if round_ >= _REDRAWN:
                moved[where[better]] = True
            rows.put(where, part)
        return rows, ~self.broken(rows), int(moved.sum())

    def repaired(self, rows: DrawnRows, rng: np.random.Generator) -> tuple[DrawnRows, np.ndarray]:
        """(the rows with cells moved until all rules hold, which of them now keep every rule)."""
        rows = rows.taken(np.arange(len(rows)))
        for round_ in range(_REPAIRED):
            (where,) = np.nonzero(self.broken(rows))
            if not len(where):
                break
            part = rows.taken(where)
            self._move(part, rng, within=False, conditions=round_ % 4 == 3)
            self.compute(part, np.arange(len(part)))
            rows.put(where, part)
        return rows, ~self.broken(rows)

    def broken(self, rows: DrawnRows) -> np.ndarray:
        """Which rows break a rule, shape (rows,), bool."""
        found = np.zeros(len(rows), dtype=bool)
        for rule in self.rules:
            found |= rule.broken(rows)
        for name in self.fixed:  # what is computed may be beyond what its column may show
            column = self.schema[name]
            if column.ordered:
                low, high = limits(column)
                with np.errstate(invalid="ignore"):
                    found |= (rows.numbers[name] < low) | (rows.numbers[name] > high)
        return found

    def compute(self, rows: DrawnRows, where: np.ndarray) -> None:
        """Set what rules compute, in the rows at these positions."""
        for rule, name in self.computed:
            if isinstance(rule, Dependence):
                self.learnt[rule.written].apply(rows, where)
            elif isinstance(equation := rule.conclusions[0], Comparison):
                self._solve(equation, name, rows, where)

    def _solve(self, equation: Comparison, name: str, rows: DrawnRows, where: np.ndarray) -> None:
        """Let the column make the equation true, where no cell of it is missing."""
        part = rows.taken(where)
        known = ~equation.unknown(part)
        values = _solution(equation, name, part)
        column = self.schema[name]
        if column.kind != "real":
            values = np.rint(values)
        rows.set_numbers(name, where[known], as_shown(column, values[known]))

    def _move(self, rows: DrawnRows, rng: np.random.Generator, within: bool, conditions: bool = False) -> None:
        """In rows that break a rule let its conclusions hold, one after the other, or one of its conditions not.

        within: numbers stay within the codes that they have, and categories stay.
        """
        for rule in self.rules:
            (where,) = np.nonzero(rule.broken(rows))
            if not len(where):
                continue
            if conditions and rule.conditions:
                test = rule.conditions[int(rng.integers(len(rule.conditions)))]
                self._let(test, False, rows, where, rng, within)
                continue
            for test in rule.conclusions:
                part = rows.taken(where)
                failing = where[~(test.holds(part) | test.unknown(part))]
                if len(failing):
                    self._let(test, True, rows, failing, rng, within)

    def _let(self, test: Test, true: bool, rows: DrawnRows, where: np.ndarray, rng: np.random.Generator, within: bool) -> None:
        """Change a cell of these rows so that a test is true, or not, as far as can be."""
        if isinstance(test, Comparison):
            sign = test.comparison if true else _OPPOSITE[test.comparison]
            self._let_compare(Comparison(test.left, sign, test.right), rows, where, rng, within)
            return
        column = self.schema[test.column]
        if test.column in self.fixed:
            return
        positive = true != test.negated
        if isinstance(test, Among) and column.ordered:
            if positive:
                values = rng.choice(np.array(test.numbers), len(where)) / seconds(column)
                low, high = self._room(test.column, rows, where, within)
                fits = (values >= low) & (values <= high)
                rows.set_numbers(test.column, where[fits], as_shown(column, values[fits]))
            else:
                self._redraw(test.column, np.ones(column.size, dtype=bool), rows, where, rng, within)
            return
        allowed = absent(column) if isinstance(test, Missing) else among(column, test.texts)
        if not positive:
            allowed = ~allowed
        if isinstance(test, Among):
            allowed &= ~absent(column)
        self._redraw(test.column, allowed, rows, where, rng, within)

    def _redraw(
        self, name: str, allowed: np.ndarray, rows: DrawnRows, where: np.ndarray, rng: np.random.Generator, within: bool
    ) -> None:
        """Give cells a code that is allowed, by how often these rows have it, and a number of it."""
        column, position = self.schema[name], self.schema.position(name)
        if not within:
            if column.other_code is not None and not column.emit_other:
                allowed = allowed & (np.arange(column.size) != column.other_code)
            weights = np.where(allowed, np.bincount(rows.codes[:, position], minlength=column.size) + 1e-3, 0.0)
            if not weights.any():
                return
            rows.codes[where, position] = rng.choice(column.size, len(where), p=weights / weights.sum())
        rows.decode([name], where, rng)

    def _room(self, name: str, rows: DrawnRows, where: np.ndarray, within: bool) -> tuple[np.ndarray, np.ndarray]:
        """The least and the largest number that a cell of these rows may show."""
        column = self.schema[name]
        if not within:
            low, high = limits(column)
            return np.full(len(where), low), np.full(len(where), high)
        lows, highs = ends(column)
        codes = rows.codes[where, self.schema.position(name)]
        return lows[codes], highs[codes]

    def _let_compare(self, test: Comparison, rows: DrawnRows, where: np.ndarray, rng: np.random.Generator, within: bool) -> None:
        """Move one number of a comparison that is false, the first that can be moved far enough."""
        names = [name for name in test.names if name not in self.fixed]
        given = {name for each in self.given for name in each.names}
        names = sorted(rng.permutation(np.array(names, dtype=object)), key=lambda name: name in given)
        for name in names:
            if not len(where):
                return
            part, column, grid = rows.taken(where), self.schema[name], step(self.schema[name])
            at = _solution(test, name, part)
            low, high = self._room(name, rows, where, within)
            rising = factors_of(test)[name] > 0
            sign = test.comparison
            if sign == "=":
                low, high = np.maximum(low, at), np.minimum(high, at)
            elif sign != "!=":
                less = (sign in ("<", "<=")) == rising
                strict = 0.0 if "=" in sign else grid
                low, high = (low, np.minimum(high, at - strict)) if less else (np.maximum(low, at + strict), high)
            exact = sign == "=" and column.kind == "real"
            values = np.where(low <= high, at, np.nan) if exact else _between(low, high, grid, rng)
            fits = ~np.isnan(values)
            rows.set_numbers(name, where[fits], as_shown(column, values[fits]))
            where = where[~fits]


_OPPOSITE = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def _solution(test: Comparison, name: str, rows: DrawnRows) -> np.ndarray:
    """The number of a column with which both sides are equal, in its own units, shape (rows,), to 15 significant digits."""
    factors = factors_of(test)
    rest = np.full(len(rows), test.left.constant - test.right.constant)
    largest = np.abs(rest)
    for other, factor in factors.items():
        if other != name:
            rest = rest + factor * rows.number(other)
            largest = np.maximum(largest, np.abs(factor * rows.number(other)))
    if not factors[name]:
        return np.full(len(rows), np.nan)
    values = -rest / factors[name] / seconds(rows.schema[name])
    whole = all(rows.schema[other].kind != "real" for other in factors) and float(test.left.constant).is_integer()
    if whole and float(test.right.constant).is_integer() and abs(factors[name]) == 1:
        return values + 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        digits = _SHORT - 1 - np.ceil(np.log10(np.maximum(largest, 1e-12)))
    found = values.copy()
    for digit in np.unique(digits[~np.isnan(digits)]):
        same = digits == digit
        found[same] = np.round(values[same], int(digit))
    return found + 0.0


def _between(low: np.ndarray, high: np.ndarray, grid: float, rng: np.random.Generator) -> np.ndarray:
    """For each row a random multiple of the grid between two numbers, both included; the lower if none is; NaN if low > high."""
    digits = int(max(0, round(-np.log10(grid))))
    with np.errstate(invalid="ignore"):
        first, last = np.ceil(low / grid - 1e-9), np.floor(high / grid + 1e-9)
        drawn = np.round((first + np.floor(rng.random(len(low)) * (last - first + 1))) * grid, digits)
        drawn = np.clip(drawn, low, high)
        if grid == 1.0:
            return np.where(first <= last, drawn, np.nan) + 0.0
        return np.where(low <= high, np.where(first <= last, drawn, low), np.nan) + 0.0
