"""Combinations of codes that rules make impossible, as tables: structural zeros for methods whose models can hold them.

They are a function of the closed schema, which is public, so they cost nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dpdsyn.rules.constraints import Dependence
from dpdsyn.rules.drawn_rows import CodedCells
from dpdsyn.rules.learnt_dependence import stated_codes
from dpdsyn.schema import Schema

_MOST_COLUMNS = 3
_MOST_CELLS = 1 << 18


@dataclass(frozen=True, eq=False)
class Impossible:
    """names: of two or three columns. cells: their combinations of codes that no row has, of the columns' shape, bool."""

    names: tuple[str, ...]
    cells: np.ndarray

    def merged(self, mappings: Mapping[str, np.ndarray]) -> Impossible:
        """After some columns' codes are merged: impossible is what consists of impossible combinations alone."""
        possible = ~self.cells
        for axis, name in enumerate(self.names):
            if (mapping := mappings.get(name)) is not None:
                lines = np.moveaxis(possible, axis, 0)
                fewer = np.zeros((int(mapping.max()) + 1, *lines.shape[1:]), dtype=bool)
                np.logical_or.at(fewer, mapping, lines)
                possible = np.moveaxis(fewer, 0, axis)
        return Impossible(self.names, ~possible)


def impossible(schema: Schema) -> tuple[Impossible, ...]:
    """Of each rule that speaks of two or three columns, all of them in the schema, and makes something impossible."""
    found = []
    for rule in schema.constraints:
        names = rule.names
        if not 2 <= len(names) <= _MOST_COLUMNS or not set(names) <= set(schema.names):
            continue
        shape = schema.shape(names)
        if math.prod(shape) > _MOST_CELLS:
            continue
        if isinstance(rule, Dependence):
            cells = np.zeros(shape, dtype=bool)
            for source, target in stated_codes(rule, schema):
                cells[source] = np.arange(shape[-1]) != target
        else:
            codes = dict(zip(names, np.indices(shape), strict=True))
            cells = np.broadcast_to(rule.impossible(CodedCells(schema, codes, frozenset())), shape)
        if cells.any() and not cells.all():
            found.append(Impossible(names, cells))
    return tuple(found)
