"""PrivPetal's model of a single table (Cai, Xiao and Yang 2025, arXiv 2503.22970)."""

from __future__ import annotations

import math
from typing import ClassVar, Literal, Self

import numpy as np

from baselines.marginal.attribute_graph import (
    Cells,
    Neighbours,
    columns_of,
    join,
    merit,
    noisy_dependence,
    subsets,
    triangulate,
    without_contained,
)
from baselines.marginal.fitting import Engine, ModelSynthesizer, known_engine
from baselines.marginal.marginals import all_gaussian
from baselines.marginal.measured_model import MeasuredModel, fitting_together
from dpdsyn.base.checks import positive, whole_number
from dpdsyn.base.steps import MEAN_NOISE
from dpdsyn.private_table import PrivateTable

SCORE_SHARE = 0.05  # of rho; reference implementation, PrivPetal.py: R_score_budget
MARGINAL_SHARE, NORM_SHARE = 0.9 * 0.95, 0.1 * 0.95  # of rho; PrivPetal.py, function PrivMRF, applied to all the rest


class PrivPetal(ModelSynthesizer):
    """Single-table adaptation: how PrivPetal models the columns of one table, without what joins two tables.

    PrivPetal synthesizes two tables joined by a key, first the attributes within each (its function PrivMRF), then
    those across and within groups. Only the former exists for one table. Steps, after the reference
    implementation (caicre/PrivPetal), whose files are named; d columns:
    1. .05 of rho: the dependence of every pair (utils/privacy.py, unnormalized R score);
    2. edges by descending dependence, each if the triangulated graph stays within the size limits and its sum of
       dependences positive, from the top again after every edge (MRF/attribute_graph.py, local_search_by_R);
    3. candidates: subsets of up to most_columns columns of a clique with fewer than
       min(most_marginal_cells, rows_public / (theta * mean size of the noise)) cells; for every column, the maximal
       candidate of the highest merit for it (MRF/init_marginal.py, select_CFS_marginal);
    4. .9 of the rest: these and d / 2 more, all with the same noise;
    5. .1 of the rest: the latter come in min(d / 2, 10) rounds, those of `queries` random candidates that are farthest
       from the model in noisy L1 distance (PrivPetal.py, unordered_structure_learning); 6. Private-PGM; sample.

    What we could not know: how its authors would split the budget on one table. Here the shares of the steps that do
    not exist (sizes of groups, the second table, refinement across tables) go to those that do, in proportion. Size
    limits are those of PrivMRF's reference implementation without a GPU; PrivPetal, with one, allows 1e7 cells a clique
    and 3e7 in all. What else differs: rows_public replaces the noisy number of rows in all decisions; noise is that of the
    marginals really measured, where several columns share one; a column in no candidate gets its one-way marginal;
    scores are divided by the number of rows once, not twice; distances are |.|_1 with sensitivity 1, not half of that
    with the same noise; fits end when they gain little (`fit_model`); marginals that would make the junction tree of
    the measured ones too large are left out.

    theta: how many times a candidate's mean cell is larger than its mean noise. iterations: at most, of every fit.
    engine: `own`, or `mbi` for private-pgm's own fits (`baselines.marginal.fitting`).
    """

    version = 3
    most_values: ClassVar[int | None] = 32
    spends: ClassVar[Literal["gaussian", "zcdp", "nothing"]] = "gaussian"

    def __init__(
        self,
        theta: float = 6.0,
        extra_marginals: float = 0.5,
        queries: int = 400,
        most_columns: int = 5,
        most_marginal_cells: float = 5e4,
        clique_cells: float = 2e5,
        model_cells: float = 1e6,
        iterations: int = 1000,
        engine: Engine = "own",
    ) -> None:
        self.theta = theta
        self.extra_marginals = extra_marginals
        self.queries = queries
        self.most_columns = most_columns
        self.most_marginal_cells = most_marginal_cells
        self.clique_cells = clique_cells
        self.model_cells = model_cells
        self.iterations = iterations
        self.engine = known_engine(engine)
        for name in ("theta", "extra_marginals", "most_marginal_cells", "clique_cells", "model_cells"):
            positive(name, getattr(self, name))
        for name in ("queries", "most_columns", "iterations"):
            whole_number(name, getattr(self, name), least=1)

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        rho = all_gaussian(private.ledger)
        rows, sizes = private.schema.rows_public, private.schema.sizes
        cells = Cells(sizes)
        extra = int(self.extra_marginals * len(sizes))

        shares = noisy_dependence(private, SCORE_SHARE * rho)
        cliques = triangulate(self._grow(cells, shares))[1]
        guess = math.sqrt((len(sizes) + extra) / (2 * MARGINAL_SHARE * rho))
        most_cells = min(rows / (guess * MEAN_NOISE * self.theta), self.most_marginal_cells)
        candidates = list(
            dict.fromkeys(m for clique in cliques for m in subsets(clique, self.most_columns) if cells.of(m) < most_cells)
        )
        wanted = [columns_of(marginal) for marginal in _best_for_each(len(sizes), candidates, shares)]
        initial = fitting_together(sizes, wanted, self.model_cells)
        candidates = [m for m in candidates if columns_of(m) not in initial]
        extra = min(extra, len(candidates))
        sigma = math.sqrt((len(initial) + extra) / (2 * MARGINAL_SHARE * rho))

        growing = MeasuredModel(private, initial, sigma, self.iterations, self.model_cells, self.engine)
        rounds = min(extra, 10)
        for taken in range(rounds):
            self.report(f"round {taken + 1} of {rounds}")
            asked = [columns_of(candidates[i]) for i in rng.permutation(len(candidates))[: self.queries]]
            most = extra // rounds + (taken < extra % rounds)
            chosen, _ = growing.farthest(asked, most, NORM_SHARE * rho / rounds)
            if chosen:
                measuring = (len(growing.measurements) + len(chosen)) / (2 * sigma**2)
                growing.add(chosen, sigma, SCORE_SHARE + NORM_SHARE * (taken + 1) / rounds + measuring / rho)
                candidates = [m for m in candidates if columns_of(m) not in chosen]
        self.model_, self.steps_ = growing.model, growing.told.steps
        return self

    def _grow(self, cells: Cells, shares: np.ndarray) -> Neighbours:
        """The graph of step 2."""
        columns = range(len(cells.sizes))

        def fits(graph: Neighbours) -> bool:
            chordal, cliques = triangulate(graph)
            ties = sum(shares[column, list(columns_of(chordal[column]))].sum() for column in columns)
            return bool(ties > 0) and cells.fit(cliques, self.clique_cells, self.model_cells)

        graph: Neighbours = tuple(0 for _ in columns)
        left = sorted(((a, b) for a in columns for b in columns if a < b), key=lambda pair: -shares[pair])
        while True:
            pair = next((pair for pair in left if fits(join(graph, *pair))), None)
            if pair is None:
                return graph
            graph = join(graph, *pair)
            left.remove(pair)


def _best_for_each(columns: int, candidates: list[int], shares: np.ndarray) -> list[int]:
    """For every column the maximal candidate of the highest merit for it, or its one-way marginal; each once."""
    maximal = without_contained(candidates)
    chosen = []
    for column in range(columns):
        with_column = [m for m in maximal if m >> column & 1]
        chosen.append(max(with_column, key=lambda m: merit(column, m, shares, doubled=True), default=1 << column))
    return list(dict.fromkeys(chosen))
