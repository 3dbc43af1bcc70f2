"""What a fitted model says of one column, given all other cells of a row.

The joint probability of a row is the product of its cells in the cliques' tables over that of the separators' (Lauritzen and
Spiegelhalter 1988), and only tables with the column in them say anything of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from baselines.marginal.inference import Model
from baselines.marginal.junction_tree import Clique, spread, summed

_LEAST = 1e-9  # rows that count for none


@dataclass(frozen=True)
class Posterior:
    """P(column | other cells), a function of each row alone: bit for bit the same beside any rows.

    size: how many values the column has. parts: of each table with the column in it the other columns, how far one more in each
    moves in the table, and the table's logarithms, shape (cells of the others, size).
    """

    size: int
    parts: tuple[tuple[Clique, tuple[int, ...], np.ndarray], ...]

    @classmethod
    def of(cls, model: Model, column: int) -> Posterior:
        """By a fitted model, of one of its columns."""
        tree, parts = model.tree, []
        for clique, separator, belief in zip(tree.cliques, tree.separators, model.beliefs, strict=True):
            if column not in clique:
                continue
            logs = np.log(np.maximum(belief, _LEAST))
            if column in separator:
                logs = logs - spread(np.log(np.maximum(summed(belief, clique, separator), _LEAST)), separator, clique)
            others = tuple(c for c in clique if c != column)
            lengths = [tree.sizes[c] for c in others]
            steps = tuple(math.prod(lengths[place + 1 :]) for place in range(len(others)))
            table = np.moveaxis(logs, clique.index(column), -1).reshape(-1, tree.sizes[column])
            parts.append((others, steps, np.ascontiguousarray(table)))
        return cls(tree.sizes[column], tuple(parts))

    def __call__(self, encoded: np.ndarray) -> np.ndarray:
        """Of encoded rows, shape (rows, columns), the probability of each value, shape (rows, size), float64.

        What stands in the column itself is not looked at.
        """
        logs = np.zeros((len(encoded), self.size))
        for others, steps, table in self.parts:
            cell = np.zeros(len(encoded), dtype=np.int64)
            for column, step in zip(others, steps, strict=True):
                cell += encoded[:, column].astype(np.int64) * step
            logs += table[cell]
        found = np.ascontiguousarray(logs.T)  # sums along rows are made in one order, whatever rows there are
        found -= found.max(axis=0)
        np.exp(found, out=found)
        total = np.zeros(len(encoded))
        for values in found:
            total += values
        found /= total
        return found.T
