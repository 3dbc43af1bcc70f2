"""AIM: an adaptive and iterative mechanism (McKenna, Mullins, Sheldon and Miklau 2022, arXiv 2201.12677)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from baselines.marginal.fitting import Engine, ModelSynthesizer, fit, known_engine
from baselines.marginal.inference import Model
from baselines.marginal.junction_tree import Clique
from baselines.marginal.marginals import Measurement, estimate_total, measure
from baselines.marginal.selection import choose_worst, round_cost, round_noise
from baselines.marginal.workload import WORKLOADS, Workload, affordable, cells_of, weights, workload
from dpdsyn.base.checks import one_of, positive, whole_number
from dpdsyn.base.steps import MEAN_NOISE, Rounds
from dpdsyn.private_table import PrivateTable


@dataclass(frozen=True)
class Round:
    """What one round measured. clique: column positions; cells: of the junction tree afterwards."""

    clique: Clique
    sigma: float
    cells: int
    loss: float
    iterations: int


class AIM(ModelSynthesizer):
    """Round after round, measure the marginal that the model of all earlier answers gets most wrong.

    Algorithm 2 of the paper, with the numbers of its reference implementation (private-pgm, mechanisms/aim.py):
    - at most 16 rounds a column; a round spends nine tenths of its budget on the answer, a tenth on the choice;
    - candidates are all parts of the workload's marginals, weighted by the columns they share with it (section 4.2);
    - the score w_r (|x_r - model_r|_1 - sqrt(2/pi) sigma n_r) moves by at most w_r when a row comes or goes;
    - a candidate must keep the junction tree under `max_model_size` times the share of the budget that is used by then;
    - where the model moved less than the noise would have moved it, a round's budget is quadrupled;
    - when less than two rounds' budget is left, one round spends all of it.

    workload: `all_2way`, `all_3way`, `target`, every three columns with the target among them, or `target_4way`, every four.
    max_model_size: megabytes at 8 bytes a cell; 80 is the authors' setting for official comparisons.
    max_cells: marginals with more cells are no part of the workload.
    iterations: of belief propagation in one fit, at most.
    engine: `own`, or `mbi` for private-pgm's own fits (`baselines.marginal.fitting`).

    What differs: the number of rows is estimated from all answers, and a fit ends when it gains no more (`fit_model`)
    instead of after 1,000 steps; answers of different noise are weighted by their variances.
    """

    version = 3
    most_values: ClassVar[int | None] = 32

    def __init__(
        self,
        workload: Workload = "all_2way",
        max_model_size: float = 80,
        max_cells: int = 10_000,
        iterations: int = 1000,
        engine: Engine = "own",
    ) -> None:
        self.workload = one_of("workload", workload, WORKLOADS)
        self.max_model_size = max_model_size
        self.max_cells = max_cells
        self.iterations = iterations
        self.engine = known_engine(engine)
        positive("max_model_size", max_model_size)
        whole_number("max_cells", max_cells, least=1)
        whole_number("iterations", iterations, least=1)

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        schema, rho = private.schema, private.ledger.cap()
        columns: list[Clique] = [(column,) for column in range(len(schema.names))]
        candidates = weights(workload(schema, self.workload, self.max_cells) or columns)
        limit = 16 * len(columns)
        sigma, epsilon = round_noise(rho / limit)
        measurements = measure(private, columns, sigma)
        used = len(columns) / (2 * sigma**2)
        model = self._fitted(schema.sizes, measurements, None)
        self.rounds_: list[Round] = []
        told = Rounds()
        last = False
        while not last:
            if rho - used < 2 * round_cost(sigma, epsilon):
                sigma, epsilon = round_noise(rho - used)
                last = True
            used += round_cost(sigma, epsilon)
            allowed = affordable(
                schema.sizes, candidates, [m.clique for m in measurements], self.max_model_size * min(used / rho, 1.0)
            )
            steepness = max(candidates[c] for c in allowed)
            worth = _worth(candidates, schema.sizes, sigma)
            clique = choose_worst(private, allowed, model, worth, steepness, epsilon)
            before = model.project(clique)
            measurements += measure(private, [clique], sigma)
            told.add([measurements[-1].values], [before], sigma, model.total, used / rho)
            model = self._fitted(schema.sizes, measurements, model)
            self.rounds_.append(Round(clique, sigma, model.tree.cells, model.loss, model.iterations))
            self.report(f"round {len(self.rounds_)}, {min(used / rho, 1.0):.0%} of the budget used")
            if np.abs(model.project(clique) - before).sum() <= sigma * MEAN_NOISE * before.size:
                sigma, epsilon = sigma / 2, epsilon * 2
        self.model_, self.steps_ = model, told.steps
        return self

    def _fitted(self, sizes: tuple[int, ...], measurements: list[Measurement], start: Model | None) -> Model:
        return fit(self.engine, sizes, measurements, estimate_total(measurements), self.iterations, start)


def _worth(weight: dict[Clique, float], sizes: tuple[int, ...], sigma: float) -> Callable[[Clique, float], float]:
    """The score of Algorithm 2: what is wrong beyond what the noise of the answer would be, by weight."""
    return lambda clique, off: weight[clique] * (off - MEAN_NOISE * sigma * cells_of(sizes, clique))
