"""How often rows of the owner's own table break the rules of its schema, for the owner alone: see `dpdsyn.tables.preflight`.

No method hears of it: a rule that real rows break is kept by the published rows all the same.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dpdsyn.reading.cells import canonical, distinct, each
from dpdsyn.reading.listed import Listed
from dpdsyn.rules.constraints import Among, Dependence, Implication, seconds
from dpdsyn.rules.learnt_dependence import stated_number
from dpdsyn.schema import Schema


class RawRows:
    """Rows of raw cells, which answer what a rule asks (`dpdsyn.rules.constraints.Rows`)."""

    def __init__(self, schema: Schema, frame: pd.DataFrame) -> None:
        self.schema = schema
        self.frame = frame
        self._numbers: dict[str, np.ndarray] = {}

    def number(self, name: str) -> np.ndarray:
        """See `dpdsyn.rules.constraints.Rows`; of cells that say nothing NaN."""
        if name not in self._numbers:
            found = self.schema[name].found(self.frame[name])
            self._numbers[name] = found.values[found.positions] * seconds(self.schema[name])
        return self._numbers[name]

    def among(self, name: str, texts: tuple[str, ...]) -> np.ndarray:
        """See `dpdsyn.rules.constraints.Rows`."""
        column = self.schema[name]
        if column.cut_at:
            codes = column.read(self.frame[name])
            wanted = [code for code, category in enumerate(column.categories) if canonical(category) in texts]
            return np.isin(codes, wanted)
        listed = Listed(column.categories)
        return each(self.frame[name], lambda cell: listed.text(cell) in texts, False, bool)

    def absent(self, name: str) -> np.ndarray:
        """See `dpdsyn.rules.constraints.Rows`."""
        column = self.schema[name]
        return np.isnan(self.number(name)) if column.ordered else distinct(self.frame[name])[0] < 0


def broken(schema: Schema, frame: pd.DataFrame) -> dict[str, int]:
    """How many rows break each rule, by its words. Of a dependence: those of another target than most rows of their sources."""
    rows = RawRows(schema, frame)
    return {
        rule.written: int((rule.broken(rows) if isinstance(rule, Implication) else _strays(rule, rows)).sum())
        for rule in schema.constraints
    }


def applied(schema: Schema, frame: pd.DataFrame) -> dict[str, int]:
    """In how many rows the conditions of each rule hold that has some, by its words."""
    rows = RawRows(schema, frame)
    conditional = [rule for rule in schema.constraints if isinstance(rule, Implication) and rule.conditions]
    return {rule.written: int(np.sum(rule.applies(rows))) for rule in conditional}


def misspelt(schema: Schema, rows: Mapping[str, int]) -> list[str]:
    """Of the rules of `applied` whose conditions hold in no row those that name a category that nobody listed, by their words.

    Where categories are listed a rule with another one is refused.
    """
    never = [rule for rule in schema.constraints if isinstance(rule, Implication) and rows.get(rule.written) == 0]
    return [
        rule.written
        for rule in never
        if any(isinstance(test, Among) and test.texts and schema[test.column].is_open for test in rule.conditions)
    ]


def _strays(rule: Dependence, rows: RawRows) -> np.ndarray:
    cells = {name: _keys(rows, name) for name in rule.names}
    frame = pd.DataFrame({str(i): cells[name] for i, name in enumerate(rule.sources)} | {"target": cells[rule.target]})
    keys = [str(i) for i in range(len(rule.sources))]
    counts = frame.groupby([*keys, "target"], sort=False)["target"].transform("size")
    most = counts.groupby([frame[key] for key in keys], sort=False).transform("max")
    first = frame[counts == most].groupby(keys, sort=False)["target"].transform("first")
    common = first.groupby([frame.loc[first.index, key] for key in keys], sort=False).first()
    index = pd.MultiIndex.from_frame(frame[keys]) if len(keys) > 1 else pd.Index(frame[keys[0]])
    wanted = common.reindex(index).to_numpy()
    for value, target in rule.mapping:
        same = cells[rule.sources[0]] == _key(rows, rule.sources[0], value)
        wanted = np.where(same, _key(rows, rule.target, target), wanted)
    absent = np.any([rows.absent(name) for name in rule.names], axis=0)
    return (cells[rule.target] != wanted) & ~absent


def _keys(rows: RawRows, name: str) -> np.ndarray:
    """A text for each cell, the same for cells that say the same."""
    if rows.schema[name].ordered:
        return np.array([repr(float(value)) for value in rows.number(name)], dtype=object)
    return each(rows.frame[name], Listed(rows.schema[name].categories).text, "", object)


def _key(rows: RawRows, name: str, value: object) -> str:
    column = rows.schema[name]
    if column.ordered:
        return repr(float(stated_number(column, value) * seconds(column)))
    return Listed(column.categories).text(value)
