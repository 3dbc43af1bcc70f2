"""Marginals chosen once, measured at once: a one-shot tree of marginals, after SWIFT (google/dpsynth, by the author of AIM)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

import numpy as np

from baselines.marginal.conditioned import GivenRows, Posterior
from baselines.marginal.junction_tree import Clique
from baselines.marginal.marginals import Measurement, estimate_total, measure, named, nearest_marginal
from baselines.marginal.maximum_entropy import fit_maximum_entropy
from baselines.marginal.model_arrays import from_arrays, to_arrays
from baselines.marginal.one_shot import ONE_SHOT_WORKLOADS, Candidate, Limits, OneShotWorkload, candidates, chosen, cost
from baselines.marginal.workload import cells_of
from dpdsyn.accounting.spends import Gaussian
from dpdsyn.base.checks import InputError, one_of, positive, whole_number
from dpdsyn.mechanisms.row_count import RowCount
from dpdsyn.private_table import PrivateTable, Query
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer

_PIECE = 1 << 16  # rows that are drawn at once: so many stay in the processor's cache


class Swift(Synthesizer):
    """One Gaussian, divided in three: one-way marginals, noisy distances of candidates, and the marginals chosen by them.

    1. All one-way marginals, with the share `first` of the budget (zCDP).
    2. With the share `choosing`, the L1 distance of every candidate marginal from the product of the one-way estimates. Given
       these, a row moves each distance by at most 1, and all of them together by the root of their number.
    3. From the distances alone, a chordal graph of columns and the marginals in it that promise most
       (`baselines.marginal.one_shot`); beside these every (feature, target) pair that the graph can hold. They are measured with
       the rest of the budget, divided in proportion to (cells)^(2/3). Where nothing is worth it, the one-way marginals are
       measured again.
       Columns of rules that the schema states (`impossible`) are joined in the graph too, where they fit in.
    4. One fit by regularised maximum entropy (`baselines.marginal.maximum_entropy`), from which rows are drawn; what
       those rules make impossible is impossible in it.

    All noise is Gaussian and its sum is fixed beforehand; what depends on answers is how that one Gaussian is divided (Smith and
    Thakurta 2022, arXiv 2210.17520). So a method that uses this one as a source composes it exactly.

    The source is SWIFT in google/dpsynth (Apache-2.0; `discrete_mechanisms/swift.py` and `swift_utils.py`, as of 2026); no paper
    on it was found. The same: one round; a tenth of the budget on noisy distances from independence; a tree of cliques grown
    greedily from them, several of which compete; the budget's division and the gain that it maximises.
    What differs:
    - candidates are all pairs, and triples with the target only, all of the same weight; SWIFT's are by default all triples and
      their parts, weighted by the columns that they share with the workload;
    - the graph grows by whole candidates, triples too, as far as they promise a gain; SWIFT grows it by pairs, until nothing
      fits, and chooses among the marginals within it afterwards;
    - graphs compete over orders (by distance, or by what a triple adds to the most distant of its pairs, over a power of the
      cost) and by the expected gain of what is added; SWIFT's by penalties on size, and by the distances of the pairs that they
      hold; `max_cells` is of all cliques together, not of the largest;
    - the expected error of noise is held against a distance with the factor `caution`, one half: a distance that is left out is
      an error for certain, while consistency with other marginals takes part of the noise away;
    - (feature, target) pairs are measured as of right;
    - one-way marginals are part of the method; SWIFT takes them from whoever calls it;
    - the fit holds counts as loosely as their noise calls for; SWIFT maximises the likelihood by mirror descent.

    workload: `target`, all pairs and every triple with the target (all pairs where there is none); `all_2way`; `all_3way`.
    max_cells: of the model's cliques together; marginals with more are no candidates, and a graph that takes none may have more.
    first, choosing: shares of the budget. trust: how strongly the fit holds to counts, against independence. iterations: of that
    fit at most.
    """

    version = 2  # 1: graphs took triples by their whole distance alone
    most_values: ClassVar[int | None] = 32
    spends: ClassVar[Literal["gaussian", "zcdp", "nothing"]] = "gaussian"
    uses_target: ClassVar[bool] = True

    def __init__(
        self,
        workload: OneShotWorkload = "target",
        max_cells: int = 100_000,
        first: float = 0.1,
        choosing: float = 0.1,
        caution: float = 0.5,
        trust: float = 0.4,
        iterations: int = 150,
    ) -> None:
        self.workload = one_of("workload", workload, ONE_SHOT_WORKLOADS)
        self.max_cells = max_cells
        self.first = first
        self.choosing = choosing
        self.caution = caution
        self.trust = trust
        self.iterations = iterations
        whole_number("max_cells", max_cells, least=1)
        for name in ("first", "choosing", "caution", "trust"):
            positive(name, getattr(self, name))
        if not first + choosing < 1:
            raise InputError(f"first is {first!r} and choosing {choosing!r}; shares that leave something of 1 are needed")
        whole_number("iterations", iterations, least=1)

    def imports(self) -> tuple[str, ...]:
        return ("scipy.optimize", "scipy.sparse")

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        schema = private.schema
        noise = private.ledger.open_calibrated(lambda scale: [Gaussian(scale)])
        columns: list[Clique] = [(column,) for column in range(len(schema.names))]
        one_way = measure(private, columns, noise * math.sqrt(len(columns) / self.first))
        self.report(f"{len(columns)} one-way marginals measured")

        offered = candidates(schema, self.workload, self.max_cells)
        distances = self._distances(private, offered, one_way, noise) if offered else []
        left = 1 - self.first - (self.choosing if offered else 0.0)
        limits = Limits(schema.sizes, left / noise**2, self.caution, self.max_cells)
        costs = [cost(cells_of(limits.sizes, clique)) for clique in offered]
        weighed = [Candidate(*each) for each in zip(offered, distances, costs, strict=True)]
        target = -1 if schema.target is None else schema.target_position
        of_right = [clique for clique in offered if len(clique) == 2 and target in clique]
        zeros = [(tuple(schema.positions(part.names)), part.cells) for part in self.impossible if part.cells.any()]
        cliques, subset = chosen(weighed, of_right, limits, [columns for columns, _ in zeros])
        self.report(f"{len(subset)} marginals chosen of {len(offered)}")

        measurements = one_way + _measured(private, subset or columns, limits.budget)
        total = estimate_total(measurements)
        count = RowCount.of_marginals([m.values for m in measurements], [m.sigma for m in measurements])
        self.noisy_rows_, self.noisy_rows_sd_ = count.rows, count.sd
        self.model_ = fit_maximum_entropy(
            schema.sizes, measurements, total, self.trust, self.iterations, cliques=cliques, zeros=zeros
        )
        self.chosen_ = subset
        self.dtype_ = schema.dtype
        self.report(f"a model of {self.model_.tree.cells} cells fitted in {self.model_.iterations} steps")
        return self

    def _distances(
        self, private: PrivateTable, offered: Sequence[Clique], one_way: Sequence[Measurement], noise: float
    ) -> list[float]:
        """Of each candidate's counts from the product of one-way estimates, in L1, noisy; costs the share `choosing`."""
        total = estimate_total(one_way)
        names = private.schema.names
        shares = {name: nearest_marginal(m, total) / total for name, m in zip(names, one_way, strict=True)}

        def distance(exact: np.ndarray, query: Query) -> float:
            return float(np.abs(exact - total * _product([shares[name] for name in query])).sum())

        together = math.sqrt(len(offered))
        sigma = together * noise / math.sqrt(self.choosing)
        return private.noisy_scores(named(private.schema, offered), distance, together, sigma).tolist()

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        encoded = np.empty((n, len(self.model_.tree.sizes)), dtype=self.dtype_)
        for start in range(0, n, _PIECE):
            piece = encoded[start : start + _PIECE]
            piece[...] = self.model_.sample(len(piece), rng)
        return encoded

    def shares(self, position: int) -> np.ndarray | None:
        return GivenRows(self.model_).shares(position)

    def sample_given(self, n: int, weights: Mapping[int, np.ndarray], rng: np.random.Generator) -> np.ndarray | None:
        rows = GivenRows(self.model_).sample(n, weights, rng)
        return None if rows is None else rows.astype(self.dtype_)

    def posterior(self, position: int) -> Posterior:
        return Posterior.of(self.model_, position)

    def state(self) -> dict[str, np.ndarray]:
        return to_arrays(self.model_)

    def restore(self, schema: Schema, state: Mapping[str, np.ndarray]) -> Self:
        self.model_ = from_arrays(schema.sizes, state)
        self.dtype_ = schema.dtype
        return self


def _product(shares: Sequence[np.ndarray]) -> np.ndarray:
    """The joint distribution of independent columns."""
    joint = np.ones(())
    for share in shares:
        joint = np.multiply.outer(joint, share)
    return joint


def _measured(private: PrivateTable, cliques: Sequence[Clique], budget: float) -> list[Measurement]:
    """The marginals, with a budget (twice its zCDP) divided among them by their costs."""
    sizes = private.schema.sizes
    costs = np.array([cost(cells_of(sizes, clique)) for clique in cliques])
    sigmas = np.sqrt(costs.sum() / (budget * costs))
    answers = private.noisy_marginals(named(private.schema, cliques), sigmas.tolist())
    return [Measurement(*each) for each in zip(cliques, answers, sigmas.tolist(), strict=True)]
