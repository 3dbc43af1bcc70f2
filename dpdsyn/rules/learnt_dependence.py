"""What follows from what, where one column depends on others: the mapping that is stated; the rest is learnt from synthetic rows.

The value that most synthetic rows have beside those of the sources is the one. It is learnt once for a fitted model, so that all
samples of it agree; no real row is looked at, so it costs no budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from dpdsyn.reading.cells import canonical, moment, number
from dpdsyn.reading.column import Column
from dpdsyn.reading.listed import Listed
from dpdsyn.rules.constraints import Dependence, seconds
from dpdsyn.rules.drawn_rows import DrawnRows, as_shown, code_of
from dpdsyn.schema import Schema


@dataclass(frozen=True)
class LearntDependence:
    """keys: codes of the sources, shape (keys, sources), all different. codes, numbers: the target's that belong to each, and
    last those of all other keys; shape (keys + 1,); numbers are NaN where the target has none.
    """

    rule: Dependence
    keys: np.ndarray
    codes: np.ndarray
    numbers: np.ndarray

    @classmethod
    def of(cls, rule: Dependence, rows: DrawnRows) -> Self:
        """From synthetic rows, one at least; those of missing targets count as any other."""
        schema = rows.schema
        positions = schema.positions(rule.sources)
        target = rows.codes[:, schema.position(rule.target)]
        numbers = rows.numbers.get(rule.target, np.full(len(rows), np.nan))
        keys, place = np.unique(rows.codes[:, positions], axis=0, return_inverse=True)
        found = pd.DataFrame({"key": np.asarray(place).ravel(), "code": target, "row": np.arange(len(rows))})
        pairs = found.groupby(["key", "code"], sort=True)["row"].agg(["size", "first"]).reset_index()
        best = pairs.sort_values(["key", "size", "code"], ascending=[True, False, True]).drop_duplicates("key")
        firsts = np.append(best["first"].to_numpy(), _commonest(target))
        return cls(rule, keys, target[firsts], numbers[firsts])

    def apply(self, rows: DrawnRows, where: np.ndarray) -> None:
        """Set the target in the rows at these positions, by the codes of the sources, or by what is stated of their values."""
        schema, rule = rows.schema, self.rule
        column, position = schema[rule.target], schema.position(rule.target)
        place = _places(self.keys, rows.codes[where][:, schema.positions(rule.sources)])
        codes, numbers = self.codes[place].copy(), self.numbers[place].copy()
        for value, wanted in rule.mapping:
            same = _is(schema[rule.sources[0]], value, rows, where)
            if not column.ordered:
                code = _code(column, wanted)
                codes[same] = code if code >= 0 else codes[same]  # which learning has not found
            else:
                shown = as_shown(column, np.array([stated_number(column, wanted)]))
                codes[same], numbers[same] = code_of(column, shown)[0], shown[0]
        rows.codes[where, position] = codes
        if column.ordered:
            rows.numbers[rule.target][where] = numbers

    def to_mapping(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        numbers = [None if np.isnan(value) else value for value in self.numbers.tolist()]
        return {"keys": self.keys.tolist(), "codes": self.codes.tolist(), "numbers": numbers}

    @classmethod
    def from_mapping(cls, rule: Dependence, raw: Mapping[str, Any]) -> Self:
        """What `to_mapping` gave. Raises KeyError, TypeError or ValueError for anything else."""
        keys = np.array(raw["keys"], dtype=np.int64).reshape(-1, len(rule.sources))
        numbers = np.array([np.nan if value is None else value for value in raw["numbers"]], dtype=float)
        return cls(rule, keys, np.array(raw["codes"], dtype=np.int64), numbers)

    def check(self, schema: Schema) -> None:
        """Raise ValueError unless its codes are codes of the schema's columns."""
        sizes = np.array([schema[name].size for name in self.rule.sources])
        good = len(self.codes) == len(self.keys) + 1 == len(self.numbers)
        if not good or (self.codes < 0).any() or (self.codes >= schema[self.rule.target].size).any():
            raise ValueError("the saved dependence does not fit its schema")
        if ((self.keys < 0) | (self.keys >= sizes)).any():
            raise ValueError("the saved dependence does not fit its schema")


def stated_codes(rule: Dependence, schema: Schema) -> list[tuple[int, int]]:
    """(code of the source, code of the target) of what is stated of two categorical columns; other columns have none."""
    if len(rule.sources) > 1 or schema[rule.sources[0]].ordered or schema[rule.target].ordered:
        return []
    pairs = [(_code(schema[rule.sources[0]], source), _code(schema[rule.target], target)) for source, target in rule.mapping]
    return [pair for pair in pairs if min(pair) >= 0]


def _commonest(codes: np.ndarray) -> int:
    """The first row that has the commonest code."""
    _, firsts, counts = np.unique(codes, return_index=True, return_counts=True)
    return int(firsts[np.argmax(counts)])


def _places(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where each wanted key stands among the keys; their number if it does not."""
    index = pd.MultiIndex.from_arrays(list(keys.T)) if len(keys) else None
    if index is None:
        return np.zeros(len(wanted), dtype=np.int64)
    found = index.get_indexer(pd.MultiIndex.from_arrays(list(wanted.T)))
    return np.where(found < 0, len(keys), found)


def _is(column: Column, value: Any, rows: DrawnRows, where: np.ndarray) -> np.ndarray:
    if column.ordered:
        return rows.numbers[column.name][where] == stated_number(column, value)
    return rows.codes[where, rows.schema.position(column.name)] == _code(column, value)


def _code(column: Column, value: Any) -> int:
    """The code of a category; -1 of one that was not learnt, so that no row has it."""
    code = Listed(column.categories).code(value)
    return -1 if code is None else code


def stated_number(column: Column, value: Any) -> float:
    """A value of an ordered column as people write it, in the units of its numbers."""
    if column.kind != "date":
        return number(canonical(value))
    text = canonical(value)
    found = moment(text, None)
    return (found if np.isfinite(found) else moment(text, column.format)) // seconds(column)
