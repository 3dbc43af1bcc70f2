"""AIM with Gaussian noise alone (AIM-GDP in google/dpsynth, by AIM's first author; McKenna et al. 2022, arXiv 2201.12677)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal, Self

import numpy as np

from baselines.marginal.fitting import Engine, ModelSynthesizer, fit, known_engine
from baselines.marginal.inference import Model
from baselines.marginal.junction_tree import Clique
from baselines.marginal.marginals import Measurement, all_gaussian, estimate_total, measure, named
from baselines.marginal.selection import MEASURING
from baselines.marginal.workload import WORKLOADS, Workload, affordable, cells_of, weights, workload
from dpdsyn.base.checks import InputError, one_of, positive, whole_number
from dpdsyn.base.steps import MEAN_NOISE, Rounds
from dpdsyn.private_table import PrivateTable, Query

_FIRST_DISTANCES = 0.5  # of one round's budget, for the distances of all candidates from independence
_ANNEALED = 4.0  # how many times as much later rounds may spend, once a model moved less than noise would have moved it


class AIMGDP(ModelSynthesizer):
    """AIM whose choices are noisy maxima too: all noise is Gaussian, so all of it composes exactly, as one Gaussian.

    Steps, after google/dpsynth (Apache-2.0, as of 2026; `discrete_mechanisms/aim_gdp.py`, and `discrete.py` around it):
    1. a tenth of the budget: all one-way marginals, and the model of independent columns;
    2. the rest in at most 16 rounds a column; before the first, half a round's budget buys a noisy L1 distance of every candidate
       from that model. One row moves each by at most 1, so all k together by sqrt(k);
    3. in a round, the `evaluated` candidates with the highest scores by the last distance that was bought of each are looked at
       again, by noisy distances from today's model, with a tenth of the round's budget; the highest of the new scores is measured
       with the rest, and the model fitted again. Scores are AIM's: w_r (distance - sqrt(2/pi) sigma n_r);
    4. where the model moved less than that noise, later rounds have four times the budget; the last one takes what is left.
    Candidates, their weights, and how large the junction tree may be by then are as in `baselines.aim`.

    What differs: the number of rows is estimated anew from all answers, and a fit ends when it gains no more (`fit_model`)
    instead of after 1,000 steps; the fit is ours unless `engine` is `mbi`.

    workload: `all_3way`, dpsynth's default, `all_2way`, or `target`. max_model_size: megabytes at 8 bytes a cell.
    max_cells: larger marginals are no part of the workload. evaluated: dpsynth's max_candidates_per_round.
    first: the share of one-way marginals. iterations: of belief propagation in one fit, at most.
    """

    version = 1
    most_values: ClassVar[int | None] = 32
    spends: ClassVar[Literal["gaussian", "zcdp", "nothing"]] = "gaussian"

    def __init__(
        self,
        workload: Workload = "all_3way",
        max_model_size: float = 80,
        max_cells: int = 1_000_000,
        evaluated: int = 16,
        first: float = 0.1,
        iterations: int = 1000,
        engine: Engine = "own",
    ) -> None:
        self.workload = one_of("workload", workload, WORKLOADS)
        self.max_model_size = max_model_size
        self.max_cells = max_cells
        self.evaluated = evaluated
        self.first = first
        self.iterations = iterations
        self.engine = known_engine(engine)
        positive("max_model_size", max_model_size)
        if not positive("first", first) < 1:
            raise InputError(f"first is {first!r}; a share that leaves something of 1 is needed")
        for name in ("max_cells", "evaluated", "iterations"):
            whole_number(name, getattr(self, name), least=1)

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        schema, rho = private.schema, all_gaussian(private.ledger)
        columns: list[Clique] = [(column,) for column in range(len(schema.names))]
        candidates = weights(workload(schema, self.workload, self.max_cells) or columns)
        measurements = measure(private, columns, math.sqrt(len(columns) / (2 * self.first * rho)))
        model = self._fitted(schema.sizes, measurements, None)

        left = (1 - self.first) * rho
        of_round = left / (16 * len(columns))
        distances = noisy_distances(private, list(candidates), model, _FIRST_DISTANCES * of_round)
        left -= _FIRST_DISTANCES * of_round
        self.chosen_: list[Clique] = []
        told = Rounds()
        last = False
        while not last:
            if left < 2 * of_round:
                of_round, last = left, True
            left -= of_round
            sigma = math.sqrt(1 / (2 * MEASURING * of_round))
            known = [m.clique for m in measurements]
            allowed = affordable(schema.sizes, candidates, known, self.max_model_size * (1 - left / rho))
            score = _scores(distances, candidates, schema.sizes, sigma)
            again = sorted(allowed, key=score, reverse=True)[: self.evaluated]
            distances |= noisy_distances(private, again, model, (1 - MEASURING) * of_round)
            clique = max(again, key=score)
            before = model.project(clique)
            measurements += measure(private, [clique], sigma)
            told.add([measurements[-1].values], [before], sigma, model.total, 1 - left / rho)
            model = self._fitted(schema.sizes, measurements, model)
            self.chosen_.append(clique)
            self.report(f"round {len(self.chosen_)}, {1 - left / rho:.0%} of the budget used")
            if np.abs(model.project(clique) - before).sum() <= sigma * MEAN_NOISE * before.size:
                of_round *= _ANNEALED
        self.model_, self.steps_ = model, told.steps
        return self

    def _fitted(self, sizes: tuple[int, ...], measurements: list[Measurement], start: Model | None) -> Model:
        return fit(self.engine, sizes, measurements, estimate_total(measurements), self.iterations, start)


def noisy_distances(private: PrivateTable, cliques: Sequence[Clique], model: Model, rho: float) -> dict[Clique, float]:
    """Of each marginal the L1 distance of its counts from the model's, with Gaussian noise; costs rho (zCDP) in all.

    Given the model, one row moves each distance by at most 1, and the vector of all by the root of their number.
    """
    queries = named(private.schema, cliques)
    expected = dict(zip(queries, map(model.project, cliques), strict=True))

    def distance(exact: np.ndarray, query: Query) -> float:
        return float(np.abs(exact - expected[query]).sum())

    together = math.sqrt(len(cliques))
    noisy = private.noisy_scores(queries, distance, together, together / math.sqrt(2 * rho))
    return dict(zip(cliques, noisy.tolist(), strict=True))


def _scores(
    distances: Mapping[Clique, float], weight: Mapping[Clique, float], sizes: tuple[int, ...], sigma: float
) -> Callable[[Clique], float]:
    """AIM's score of a marginal, by the last distance bought of it: what is wrong beyond the noise of an answer, by weight."""
    return lambda clique: weight[clique] * (distances[clique] - MEAN_NOISE * sigma * cells_of(sizes, clique))
