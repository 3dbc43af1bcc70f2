"""Rows under a condition from methods that can condition their model, so a value of one row in 10,000 costs no draws in vain.

A method says of a column which share of its rows has each code (`Synthesizer.shares`), and draws rows of which each code is
weighted (`Synthesizer.sample_given`). What is drawn has the law of rows that are drawn and passed over until one fits; undeclared
categories, which are replaced after drawing (`dpdsyn.synthesizer.draw`), are weighted by how often their replacement would fit.
All of this looks at a fitted method alone, after all noise, so it costs no budget.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dpdsyn.rules.constraints import Implication
from dpdsyn.rules.drawn_rows import CodedCells
from dpdsyn.rules.kept_rules import Kept
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer, checked, with_declared

_PROBE = 4096  # rows from which values of undeclared categories in other columns are taken

Weights = Mapping[int, np.ndarray]  # of columns by position: of each code a number from 0 on, shape (size,)


def allowed_codes(kept: Kept, method: Synthesizer) -> dict[int, np.ndarray]:
    """Which codes can pass the tests that every row is to pass, of the columns that the method can condition on.

    Not of columns that rules compute, whose codes come after drawing.
    """
    found: dict[int, np.ndarray] = {}
    for test in kept.given:
        for name in test.names:
            position = kept.schema.position(name)
            if len(test.names) > 1 or name in kept.fixed or method.shares(position) is None:
                continue
            cells = CodedCells(kept.schema, {name: np.arange(kept.schema[name].size)}, kept.fixed)
            fits = ~np.broadcast_to(Implication("", (), (test,)).impossible(cells), kept.schema[name].size)
            found[position] = found.get(position, np.ones(len(fits), dtype=bool)) & fits
    return found


def draw_given(method: Synthesizer, schema: Schema, n: int, weights: Weights, rng: np.random.Generator) -> np.ndarray | None:
    """n encoded rows as `draw` gives them, each with a probability in proportion to the weights of its codes.

    None where no row has any. Raises ContractError as `draw` does.
    """
    asked: dict[int, np.ndarray] = {}
    instead: dict[int, np.ndarray] = {}  # of undeclared categories, what takes their place
    for position, weight in weights.items():
        weight = np.asarray(weight, dtype=float).copy()
        column = schema.columns[position]
        if column.other_code is not None and not column.emit_other:
            shares = np.array(method.shares(position), dtype=float)
            shares[column.other_code] = 0.0
            shares = shares if shares.any() else (np.arange(len(shares)) != column.other_code).astype(float)
            weight[column.other_code] = 0.0
            instead[position] = shares * weight
            weight[column.other_code] = instead[position].sum() / shares.sum()
        asked[position] = weight
    sampled = method.sample_given(n, asked, rng)
    if sampled is None:
        return None
    encoded = checked(sampled, method, schema, n)
    for position, weight in instead.items():
        hidden = encoded[:, position] == schema.columns[position].other_code
        if hidden.any():
            encoded[hidden, position] = rng.choice(len(weight), int(hidden.sum()), p=weight / weight.sum())
    return with_declared(encoded, schema, rng, lambda: checked(method.sample(_PROBE, rng), method, schema, _PROBE))
