"""PrivMRF: a Markov random field on a graph of dependent columns (Cai, Lei, Wei and Xiao 2021, VLDB 14(11))."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
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

SCORE_SHARE, MARGINAL_SHARE, NORM_SHARE = 0.1, 0.8, 0.1  # of rho; reference implementation, main.py: beta1, the rest, beta3


class PrivMRF(ModelSynthesizer):
    """Marginals within the cliques of a graph of dependent columns, some chosen by that graph, some by what the model lacks.

    Steps, after the paper and its reference implementation (caicre/PrivMRF), whose files are named; d columns:
    1. a tenth of rho: the dependence of every pair (attribute_graph.py, TVD);
    2. edges, one at a time, each the one after which the triangulated graph has the highest sum of dependences less
       size_penalty times its cells, as long as any edge keeps it within the size limits (local_search);
    3. in every maximal clique a greedy Bayesian network from a random column on: the next column and its parents are
       those of the highest merit among maximal parent sets whose marginal is useful (construct_inner_Bayesian_network).
       Every column's best marginal is taken, then others at random until there are d; a column whose pair of the most
       dependence shows more of it than its useful marginals gets that pair too, if a mean cell of it is at least one
       standard deviation of noise, and a column in none gets a one-way;
    4. eight tenths of rho: these and extra_marginals * d more, all with the same noise (markov_random_field.py);
    5. a tenth of rho: the latter come in min(d / 2, 8) rounds, those of `queries` random candidates that are farthest
       from the model in noisy L1 distance; candidates lie in a clique, are useful or of one column, and are drawn with
       weight columns^2 / candidates of each clique they lie in, halved for the nearer half of a round (select_measure);
    6. Private-PGM on all measurements; sample.
    A marginal is useful if it has at most rows_public / (theta * mean size of the noise) cells (in step 3, as in
    attribute_graph.py, / (theta * standard deviation)).

    Size limits and penalty are the reference implementation's where it runs without a GPU (its setting for ACS); with one it
    allows 1e7 cells a clique and 5e7 in all. Its special settings for single data sets, hierarchies of categories among them, are
    left out. There, hierarchies make a useful marginal for every column; here the pair of step 3 is in their place: without it
    a target of many classes is independent of all but the narrowest. What else differs: its noise on the number of rows, never
    charged and ten times the whole budget, is not needed; rows_public replaces that number in all decisions; noise is lowered,
    not overspent, where candidates are too few; a marginal is not measured twice; the nearer half of a round is that by distance,
    not an arbitrary half; fits end when they gain little (`fit_model`), not at a multiple of the expected loss; the junction
    tree is that of the measured marginals, which is smaller, and marginals that would make it too large are left out.

    theta: how many times a useful marginal's mean cell is larger than its mean noise.
    iterations: at most, of every fit.
    engine: `own`, or `mbi` for private-pgm's own fits (`baselines.marginal.fitting`).
    """

    version = 3
    most_values: ClassVar[int | None] = 32
    spends: ClassVar[Literal["gaussian", "zcdp", "nothing"]] = "gaussian"

    def __init__(
        self,
        theta: float = 6.0,
        extra_marginals: float = 0.8,
        queries: int = 400,
        most_columns: int = 6,
        clique_cells: float = 2e5,
        model_cells: float = 1e6,
        size_penalty: float = 1e-7,
        iterations: int = 3000,
        engine: Engine = "own",
    ) -> None:
        self.theta = theta
        self.extra_marginals = extra_marginals
        self.queries = queries
        self.most_columns = most_columns
        self.clique_cells = clique_cells
        self.model_cells = model_cells
        self.size_penalty = size_penalty
        self.iterations = iterations
        self.engine = known_engine(engine)
        for name in ("theta", "extra_marginals", "clique_cells", "model_cells"):
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
        guess = _sigma(len(sizes) + extra, MARGINAL_SHARE * rho)
        wanted = self._initial(cliques, cells, shares, rows / (guess * self.theta), rng)
        initial = fitting_together(sizes, [columns_of(marginal) for marginal in wanted], self.model_cells)

        guess = _sigma(len(initial) + extra, MARGINAL_SHARE * rho)
        candidates = self._candidates(cliques, cells, rows / (guess * MEAN_NOISE * self.theta))
        candidates = {marginal: weight for marginal, weight in candidates.items() if columns_of(marginal) not in initial}
        extra = min(extra, len(candidates))
        sigma = _sigma(len(initial) + extra, MARGINAL_SHARE * rho)
        growing = MeasuredModel(private, initial, sigma, self.iterations, self.model_cells, self.engine)
        self._descend(growing, candidates, extra, sigma, NORM_SHARE * rho, rng)
        self.model_, self.steps_ = growing.model, growing.told.steps
        return self

    def _grow(self, cells: Cells, shares: np.ndarray) -> Neighbours:
        """The graph of step 2."""
        columns = range(len(cells.sizes))

        @cache
        def tied(column: int, others: int) -> float:
            return float(shares[column, list(columns_of(others))].sum()) / 2

        def value(graph: Neighbours) -> float | None:
            chordal, cliques = triangulate(graph)
            if not cells.fit(cliques, self.clique_cells, self.model_cells):
                return None
            size = sum(cells.of(clique) for clique in cliques)
            return sum(tied(column, chordal[column]) for column in columns) - self.size_penalty * size

        graph: Neighbours = tuple(0 for _ in columns)
        while True:
            grown = [join(graph, a, b) for a in columns for b in columns if a < b and not graph[a] >> b & 1]
            valued = [(v, bigger) for v, bigger in ((value(bigger), bigger) for bigger in grown) if v is not None]
            if not valued:
                return graph
            graph = max(valued, key=lambda pair: pair[0])[1]

    def _initial(
        self, cliques: Sequence[int], cells: Cells, shares: np.ndarray, most_cells: float, rng: np.random.Generator
    ) -> list[int]:
        """The marginals of step 3."""
        best: dict[int, tuple[float, int]] = {}
        found: list[int] = []
        for clique in cliques:
            for column, marginal, score in _bayesian_network(clique, cells, shares, most_cells, rng):
                found.append(marginal)
                if column not in best or score > best[column][0]:
                    best[column] = score, marginal
        pairs = [_closest_pair(column, cliques, cells, shares, most_cells * self.theta) for column in range(len(cells.sizes))]
        unmet = [pair for column, (pair, score) in enumerate(pairs) if column not in best or score > best[column][0]]
        chosen = without_contained([*(marginal for _, marginal in best.values()), *unmet])
        others = without_contained(found)
        for index in rng.permutation(len(others)):
            if len(chosen) >= len(cells.sizes):
                break
            if not any(others[index] & m == others[index] for m in chosen):
                chosen.append(others[index])
        return chosen

    def _candidates(self, cliques: Sequence[int], cells: Cells, most_cells: float) -> dict[int, float]:
        """The candidates of step 5 and their weights."""
        weights: dict[int, float] = {}
        for clique in cliques:
            inside = [m for m in subsets(clique, self.most_columns) if m.bit_count() == 1 or cells.of(m) < most_cells]
            inside = [m for m in inside if m != clique]
            for marginal in inside:
                weights[marginal] = weights.get(marginal, 0.0) + clique.bit_count() ** 2 / len(inside)
        return weights

    def _descend(
        self,
        growing: MeasuredModel,
        candidates: dict[int, float],
        extra: int,
        sigma: float,
        rho: float,
        rng: np.random.Generator,
    ) -> None:
        """The rounds of step 5."""
        rounds = min(extra, max(1, min(growing.columns // 2, 8)))
        for taken in range(rounds):
            self.report(f"round {taken + 1} of {rounds}")
            left = list(candidates)
            if not left:
                return
            if len(left) > self.queries:
                weights = np.array([candidates[m] for m in left])
                drawn = np.unique(rng.choice(len(left), self.queries, p=weights / weights.sum()))
                left = [left[index] for index in drawn]
            most = extra // rounds + (taken < extra % rounds)
            chosen, distances = growing.farthest([columns_of(m) for m in left], most, rho / rounds)
            for index in np.argsort(-distances, kind="stable")[len(left) // 2 :]:
                candidates[left[index]] /= 2
            for clique in chosen:
                del candidates[sum(1 << column for column in clique)]
            if chosen:
                measuring = (len(growing.measurements) + len(chosen)) / (2 * sigma**2)
                used = SCORE_SHARE + NORM_SHARE * ((taken + 1) / rounds + measuring / rho)
                growing.add(chosen, sigma, used)


def _closest_pair(column: int, cliques: Sequence[int], cells: Cells, shares: np.ndarray, most_cells: float) -> tuple[int, float]:
    """A column's pair of the most dependence, of those in a clique with so few cells, and how much; or the column alone."""
    own = 1 << column
    near = {other for clique in cliques if clique & own for other in columns_of(clique & ~own)}
    fitting = [(float(shares[column, other]), -other) for other in near if cells.of(own | 1 << other) <= most_cells]
    score, other = max(fitting, default=(0.0, -column))
    return own | 1 << -other, score


def _sigma(marginals: int, rho: float) -> float:
    """The noise with which so many marginals cost rho together."""
    return math.sqrt(marginals / (2 * rho))


def _bayesian_network(
    clique: int, cells: Cells, shares: np.ndarray, most_cells: float, rng: np.random.Generator
) -> list[tuple[int, int, float]]:
    """Columns of a clique, each with its marginal (itself and its parents) and merit, until no useful one is left."""
    left = list(columns_of(clique))
    placed = 1 << left.pop(int(rng.integers(len(left))))
    found = []
    while left:
        options = [
            (merit(column, parents, shares), column, parents)
            for column in left
            for parents in _maximal_sets(placed, cells, most_cells / cells.sizes[column])
            if parents
        ]
        if not options:
            break
        score, column, parents = max(options)
        found.append((column, parents | 1 << column, score))
        left.remove(column)
        placed |= 1 << column
    return found


def _maximal_sets(columns: int, cells: Cells, most_cells: float) -> set[int]:
    """The subsets with at most so many cells to which no other column can be added; none if not even the empty set fits."""
    if most_cells < 1:
        return set()
    if not columns:
        return {0}
    first = columns & -columns
    rest = columns & ~first
    found = _maximal_sets(rest, cells, most_cells)
    for smaller in _maximal_sets(rest, cells, most_cells / cells.of(first)):
        found.discard(smaller)
        found.add(smaller | first)
    return found
