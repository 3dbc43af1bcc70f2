"""A batch-adaptive method, inspired by ABSyn (Jia et al. 2024, IEEE TIFS); not ABSyn itself, whose text was not found."""

from __future__ import annotations

import math
from typing import ClassVar, Self

import numpy as np

from baselines.marginal.fitting import Engine, ModelSynthesizer, fit, known_engine
from baselines.marginal.junction_tree import Clique
from baselines.marginal.marginals import estimate_total, measure
from baselines.marginal.selection import choose_worst, round_noise
from baselines.marginal.workload import affordable, cells_of, workload
from dpdsyn.base.checks import positive, whole_number
from dpdsyn.base.steps import MEAN_NOISE, Rounds
from dpdsyn.private_table import PrivateTable


class BatchAdaptive(ModelSynthesizer):
    """All one-way marginals, then a few rounds that each choose a batch of two-way marginals and fit once.

    What is known of ABSyn is that it selects a batch of marginals at a time, adaptively. The rest is ours: a tenth of
    the budget for the one-ways, equal rounds for the rest; within a round the exponential mechanism picks marginals one
    after the other without replacement, by the score |x_r - model_r|_1 - sqrt(2/pi) sigma n_r (sensitivity 1), a tenth of
    the round's budget in all; the batch shares the other nine tenths.

    About as many pairs as there are columns are measured, whatever the budget is. With more of it, pairs of wide features win
    over those with the target, so that likeness grows and accuracy can fall: on ACS mean 2-way TVD goes from .031 to .025 and
    accuracy from .763 to .737 between epsilon 0.2 and 3.2 (five seeds).

    batch: null for a quarter of the columns, rounded up. max_model_size: megabytes of the junction tree in the last
    round, in proportion before. max_cells: larger marginals are never chosen.
    engine: `own`, or `mbi` for private-pgm's own fits (`baselines.marginal.fitting`).
    """

    version = 3
    most_values: ClassVar[int | None] = 32

    def __init__(
        self,
        rounds: int = 4,
        batch: int | None = None,
        max_model_size: float = 25,
        max_cells: int = 10_000,
        iterations: int = 1000,
        engine: Engine = "own",
    ) -> None:
        self.rounds = rounds
        self.batch = batch
        self.max_model_size = max_model_size
        self.max_cells = max_cells
        self.iterations = iterations
        self.engine = known_engine(engine)
        whole_number("rounds", rounds, least=1)
        if batch is not None:
            whole_number("batch", batch, least=1)
        positive("max_model_size", max_model_size)
        whole_number("max_cells", max_cells, least=1)
        whole_number("iterations", iterations, least=1)

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        schema, rho = private.schema, private.ledger.cap()
        columns: list[Clique] = [(column,) for column in range(len(schema.names))]
        candidates = workload(schema, "all_2way", self.max_cells)
        batch = self.batch or math.ceil(len(columns) / 4)
        measurements = measure(private, columns, math.sqrt(len(columns) / (2 * 0.1 * rho)))
        sigma, epsilon = round_noise(0.9 * rho / self.rounds / batch)
        model = fit(self.engine, schema.sizes, measurements, estimate_total(measurements), self.iterations)

        def worth(clique: Clique, off: float) -> float:
            return off - MEAN_NOISE * sigma * cells_of(schema.sizes, clique)

        told = Rounds()
        for i in range(1, self.rounds + 1):
            chosen: list[Clique] = []
            for _ in range(batch):
                known = [m.clique for m in measurements] + chosen
                left = [clique for clique in candidates if clique not in known]
                allowed = affordable(schema.sizes, left, known, self.max_model_size * i / self.rounds) or columns
                chosen.append(choose_worst(private, allowed, model, worth, 1.0, epsilon))
            answers = measure(private, chosen, sigma)
            before = [model.project(clique) for clique in chosen]
            told.add([m.values for m in answers], before, sigma, model.total, 0.1 + 0.9 * i / self.rounds)
            measurements += answers
            model = fit(self.engine, schema.sizes, measurements, estimate_total(measurements), self.iterations, model)
            self.report(f"round {i} of {self.rounds}")
        self.model_, self.steps_ = model, told.steps
        return self
