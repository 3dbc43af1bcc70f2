"""A fitted model under a condition: evidence is passed along its junction tree, so rare values cost no more than others.

Tables of a junction tree stay products of conditional distributions when a column is weighted: each weight goes into one clique,
sums of what changed go from the leaves to the root and from there back (Lauritzen and Spiegelhalter 1988; evidence as in
Koller and Friedman 2009, section 10.3.3). No row is drawn in vain. And what the model says of one column, given all other cells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from baselines.marginal.inference import Model
from baselines.marginal.junction_tree import Clique, spread, summed

_LEAST = 1e-9  # rows that count for none


def conditioned(model: Model, weights: Mapping[int, np.ndarray]) -> Model | None:
    """The model whose rows have the probability of `model` times the weights of their codes, up to a constant.

    weights: of columns by position, shape (size,), 0 or more. None if no row has any such probability.
    """
    tree = model.tree
    beliefs = [belief.copy() for belief in model.beliefs]
    for column, weight in weights.items():
        home = tree.home((column,))
        beliefs[home] *= spread(np.asarray(weight, dtype=float), (column,), tree.cliques[home])
    upward = [np.empty(0)] * len(beliefs)
    for i in reversed(range(len(beliefs))):
        if (parent := tree.parents[i]) < 0:
            continue
        upward[i] = summed(beliefs[i], tree.cliques[i], tree.separators[i])
        before = summed(model.beliefs[i], tree.cliques[i], tree.separators[i])
        beliefs[parent] *= spread(_ratio(upward[i], before), tree.separators[i], tree.cliques[parent])
    total = float(beliefs[0].sum())
    if not total > 0:
        return None
    for i, parent in enumerate(tree.parents):
        if parent < 0:
            continue
        onto = tuple(c for c in tree.cliques[parent] if c in tree.separators[i])
        now = summed(beliefs[parent], tree.cliques[parent], onto)
        now = now.transpose([onto.index(c) for c in tree.separators[i]])
        beliefs[i] *= spread(_ratio(now, upward[i]), tree.separators[i], tree.cliques[i])
    return Model(tree, total, {}, beliefs)


def _ratio(now: np.ndarray, before: np.ndarray) -> np.ndarray:
    return np.divide(now, before, out=np.zeros_like(now), where=before > 0)


@dataclass(frozen=True)
class GivenRows:
    """What a method that samples one model answers under conditions (`dpdsyn.synthesizer.Synthesizer`)."""

    model: Model

    def shares(self, position: int) -> np.ndarray:
        """Of each code of a column, shape (size,)."""
        counts = self.model.project((position,))
        return counts / counts.sum()

    def sample(self, n: int, weights: Mapping[int, np.ndarray], rng: np.random.Generator) -> np.ndarray | None:
        """n rows, or None where the model has none."""
        under = conditioned(self.model, weights)
        return None if under is None else under.sample(n, rng)


@dataclass(frozen=True)
class Posterior:
    """P(column | other cells), a function of each row alone: bit for bit the same beside any rows.

    The joint probability of a row is the product of its cells in the cliques' tables over that of the separators', and only
    tables with the column in them say anything of it.

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
