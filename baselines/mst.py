"""MST: a maximum spanning tree of two-way marginals (McKenna, Miklau and Sheldon 2021, arXiv 2108.04978)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np

from baselines.marginal.conditioned import GivenRows
from baselines.marginal.fitting import Engine, ModelSynthesizer, fit, known_engine
from baselines.marginal.junction_tree import Clique
from baselines.marginal.marginals import (
    estimate_total,
    measure,
    merge_rare,
    merged_measurement,
    named,
    nearest_marginal,
    unmerge,
)
from dpdsyn.base.checks import whole_number
from dpdsyn.guides.balanced_labels import drawn
from dpdsyn.private_table import PrivateTable, Query


class MST(ModelSynthesizer):
    """A third of the zCDP budget each for one-way marginals, choosing a tree, and the tree's two-way marginals.

    Steps, after the paper and its reference implementation (private-pgm, mechanisms/mst.py):
    1. all one-way marginals, noise sigma * sqrt(d), sigma = sqrt(3 / (2 rho));
    2. values whose noisy count is under 3 standard deviations are merged, column by column;
    3. d - 1 edges of a spanning tree, one after the other, each by the exponential mechanism with
       epsilon = sqrt(8 (rho / 3) / (d - 1)) and score |x_ab - xhat_ab|_1 (sensitivity 1), where xhat is the
       product of the one-way estimates;
    4. the two-way marginals of the tree, same noise; 5. Private-PGM on all measurements; sample; unmerge.

    What differs: xhat is the exact solution of the one-way problem instead of 2,500 steps towards it, and step 5 ends when
    it gains no more (`fit_model`). `noisy_counts_` has what it counted of each column.
    iterations: of belief propagation in step 5, at most.
    engine: `own`, or `mbi` for private-pgm's own fits (`baselines.marginal.fitting`).
    """

    version = 4
    noisy_counts_: Mapping[str, np.ndarray] | None = None
    most_values: ClassVar[int | None] = 32

    def __init__(self, iterations: int = 10_000, engine: Engine = "own") -> None:
        self.iterations = iterations
        self.engine = known_engine(engine)
        whole_number("iterations", iterations, least=1)

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        names, columns = private.schema.names, range(len(private.schema.names))
        third = private.ledger.cap() / 3
        sigma = math.sqrt(1 / (2 * third))

        one_way = measure(private, [(column,) for column in columns], sigma * math.sqrt(len(names)))
        self.noisy_counts_ = {name: m.values for name, m in zip(names, one_way, strict=True)}
        total = estimate_total(one_way)
        self.mappings_ = [merge_rare(m.values, m.sigma) for m in one_way]
        one_way = [merged_measurement(m, mapping) for m, mapping in zip(one_way, self.mappings_, strict=True)]
        merged = private.recode(dict(zip(names, self.mappings_, strict=True)))

        edges = self._select_tree(merged, [nearest_marginal(m, total) for m in one_way], total, third)
        two_way = measure(merged, edges, sigma * math.sqrt(len(edges)))
        self.model_ = fit(self.engine, merged.schema.sizes, one_way + two_way, total, self.iterations)
        return self

    def _select_tree(self, private: PrivateTable, one_way: list[np.ndarray], total: float, rho: float) -> list[Clique]:
        expected = dict(zip(private.schema.names, one_way, strict=True))

        def distance(exact: np.ndarray, pair: Query) -> float:
            return float(np.abs(exact - np.outer(expected[pair[0]], expected[pair[1]]) / total).sum())

        part = list(range(len(one_way)))  # the tree (by its first column) that each column belongs to
        edges: list[Clique] = []
        pairs = list(itertools.combinations(part, 2))
        while pairs:
            queries = named(private.schema, pairs)
            chosen = pairs[private.select(queries, distance, sensitivity=1.0, epsilon=math.sqrt(8 * rho / (len(one_way) - 1)))]
            edges.append(chosen)
            joined, into = part[chosen[1]], part[chosen[0]]
            part = [into if tree == joined else tree for tree in part]
            pairs = [(a, b) for a, b in pairs if part[a] != part[b]]
        return edges

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        merged = self.model_.sample(n, rng)
        return np.stack([unmerge(merged[:, i], mapping, rng) for i, mapping in enumerate(self.mappings_)], axis=1)

    def shares(self, position: int) -> np.ndarray | None:
        mapping = self.mappings_[position]
        return (GivenRows(self.model_).shares(position) / np.bincount(mapping))[mapping]

    def sample_given(self, n: int, weights: Mapping[int, np.ndarray], rng: np.random.Generator) -> np.ndarray | None:
        means = {i: np.bincount(self.mappings_[i], w) / np.bincount(self.mappings_[i]) for i, w in weights.items()}
        merged = GivenRows(self.model_).sample(n, means, rng)
        if merged is None:
            return None
        rows = np.stack([unmerge(merged[:, i], mapping, rng) for i, mapping in enumerate(self.mappings_)], axis=1)
        for i, weight in weights.items():
            members = (self.mappings_[i] == np.arange(len(means[i]))[:, None]) * weight
            rows[:, i] = drawn(members[merged[:, i]], rng)
        return rows
