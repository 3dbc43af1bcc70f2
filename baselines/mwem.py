"""MWEM with Private-PGM (Hardt, Ligett and McSherry 2012, arXiv 1012.4763; McKenna, Sheldon and Miklau 2019)."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np

from baselines.marginal.fitting import Engine, ModelSynthesizer, fit, known_engine
from baselines.marginal.inference import uniform_model
from baselines.marginal.marginals import Measurement, estimate_total, measure
from baselines.marginal.selection import choose_worst, round_noise
from baselines.marginal.workload import affordable, cells_of, workload
from dpdsyn.base.checks import positive, whole_number
from dpdsyn.base.steps import Rounds
from dpdsyn.private_table import PrivateTable


class MWEM(ModelSynthesizer):
    """As many rounds as columns: choose the two-way marginal that the model has most wrong, measure it, fit again.

    The original keeps a weight for every possible row, which no table of this benchmark allows; as in its
    successor (private-pgm, mechanisms/mwem+pgm.py) a graphical model stands for the weights, whole marginals are measured
    with Gaussian noise (section 3.3 of the paper, parallel composition), and the budget is zCDP in equal rounds.
    The score |x_r - model_r|_1 - n_r moves by at most 1 when a row comes or goes.

    rounds: null for the number of columns. max_model_size: megabytes at 8 bytes a cell that the junction tree may take in
    the last round, and in proportion before. max_cells: larger marginals are never chosen.
    engine: `own`, or `mbi` for private-pgm's own fits (`baselines.marginal.fitting`).

    What differs: the first model needs the number of rows, which is private here. It is uniform with the public row
    count; from the first answer on, the number is estimated from the answers.
    """

    version = 2
    most_values: ClassVar[int | None] = 32

    def __init__(
        self,
        rounds: int | None = None,
        max_model_size: float = 25,
        max_cells: int = 10_000,
        iterations: int = 1000,
        engine: Engine = "own",
    ) -> None:
        self.rounds = rounds
        self.max_model_size = max_model_size
        self.max_cells = max_cells
        self.iterations = iterations
        self.engine = known_engine(engine)
        if rounds is not None:
            whole_number("rounds", rounds, least=1)
        positive("max_model_size", max_model_size)
        whole_number("max_cells", max_cells, least=1)
        whole_number("iterations", iterations, least=1)

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        schema = private.schema
        rounds = self.rounds or len(schema.names)
        sigma, epsilon = round_noise(private.ledger.cap() / rounds)
        candidates = workload(schema, "all_2way", self.max_cells) or [(column,) for column in range(len(schema.names))]
        smallest = min(candidates, key=lambda c: cells_of(schema.sizes, c))
        self.model_ = uniform_model(schema.sizes, schema.rows_public)
        measurements: list[Measurement] = []
        told = Rounds()
        for i in range(1, rounds + 1):
            chosen = [m.clique for m in measurements]
            allowed = affordable(schema.sizes, candidates, chosen, self.max_model_size * i / rounds) or [smallest]
            clique = choose_worst(private, allowed, self.model_, lambda c, off: off - cells_of(schema.sizes, c), 1.0, epsilon)
            measurements += measure(private, [clique], sigma)
            told.add([measurements[-1].values], [self.model_.project(clique)], sigma, self.model_.total, i / rounds)
            total = estimate_total(measurements)
            self.model_ = fit(self.engine, schema.sizes, measurements, total, self.iterations, self.model_)
            self.report(f"round {i} of {rounds}")
        self.steps_ = told.steps
        return self
