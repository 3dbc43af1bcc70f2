"""A model that grows by what is measured: it measures marginals, is fitted again, and asks how far it is from the rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from baselines.marginal.fitting import Engine, fit
from baselines.marginal.inference import Model
from baselines.marginal.junction_tree import Clique, tree_cells
from baselines.marginal.marginals import estimate_total, measure, named
from dpdsyn.base.steps import Rounds
from dpdsyn.private_table import PrivateTable, Query


def fitting_together(sizes: Sequence[int], cliques: Sequence[Clique], most_cells: float) -> list[Clique]:
    """The cliques in order, less each that would make the junction tree of those before it too large.

    A column that is then in none gets its one-way marginal.
    """
    kept: list[Clique] = []
    for clique in cliques:
        if tree_cells(sizes, [*kept, clique]) <= most_cells:
            kept.append(clique)
    covered = {column for clique in kept for column in clique}
    return kept + [(column,) for column in range(len(sizes)) if column not in covered]


class MeasuredModel:
    """Measurements of a private table so far and the model fitted to them.

    cliques: column positions of the first measurements; sigma: standard deviation of their noise.
    iterations: the most that a fit may take. most_cells: of the junction tree that all measured cliques imply.
    engine: what fits, `own` or `mbi`. told: what its rounds tell.
    """

    def __init__(
        self,
        private: PrivateTable,
        cliques: Sequence[Clique],
        sigma: float,
        iterations: int,
        most_cells: float,
        engine: Engine = "own",
    ) -> None:
        self._private = private
        self.columns = len(private.schema.names)
        self._iterations = iterations
        self._most_cells = most_cells
        self._engine = engine
        self.measurements = measure(private, cliques, sigma)
        self.model = self._fit(None)
        self.told = Rounds()

    def add(self, cliques: Sequence[Clique], sigma: float, budget_used: float) -> None:
        """Measure more marginals and refit, beginning at the model so far. budget_used: the share that is spent by then."""
        answers, model = measure(self._private, cliques, sigma), self.model
        before = [model.project(clique) for clique in cliques]
        self.told.add([answer.values for answer in answers], before, sigma, model.total, budget_used)
        self.measurements += answers
        self.model = self._fit(self.model)

    def farthest(self, candidates: Sequence[Clique], most: int, rho: float) -> tuple[list[Clique], np.ndarray]:
        """At most so many candidates of the largest noisy L1 distance, and the distances of all, shape (candidates,).

        Costs rho (zCDP): given the model, one row moves each distance by at most 1. Candidates whose measuring
        would make the junction tree too large are passed over.
        """
        queries = named(self._private.schema, candidates)
        expected = {query: self.model.project(clique) for query, clique in zip(queries, candidates, strict=True)}

        def distance(exact: np.ndarray, query: Query) -> float:
            return float(np.abs(exact - expected[query]).sum())

        sensitivity = math.sqrt(len(candidates))
        distances = self._private.noisy_scores(queries, distance, sensitivity, sensitivity / math.sqrt(2 * rho))
        chosen: list[Clique] = []
        for index in np.argsort(-distances, kind="stable"):
            if len(chosen) == most:
                break
            measured = [m.clique for m in self.measurements] + chosen
            if tree_cells(self._private.schema.sizes, [*measured, candidates[index]]) <= self._most_cells:
                chosen.append(candidates[index])
        return chosen, distances

    def _fit(self, start: Model | None) -> Model:
        total = estimate_total(self.measurements)
        return fit(self._engine, self._private.schema.sizes, self.measurements, total, self._iterations, start)
