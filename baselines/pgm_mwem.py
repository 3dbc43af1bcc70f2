"""MWEM+PGM run by private-pgm's own code (Hardt et al. 2012, arXiv 1012.4763; ryan112358/private-pgm, mechanisms/mwem+pgm.py)."""

from __future__ import annotations

import itertools
import math
from importlib.metadata import version
from typing import Any, ClassVar, Self

import numpy as np

from baselines.pgm.choice import ROUND_MEASURES, farthest
from baselines.pgm.needs import ENGINE, needs_mbi
from dpdsyn.base.checks import positive, whole_number
from dpdsyn.base.steps import Rounds
from dpdsyn.private_table import PrivateTable
from dpdsyn.synthesizer import Synthesizer


class PGMMWEM(Synthesizer):
    """As mechanisms/mwem+pgm.py of private-pgm (Apache-2.0, as of 2026), under our mechanisms: a second opinion on `mwem`.

    mbi estimates (always all `iterations`), says how large a model would be, answers marginals and draws rows; what is chosen of
    is all pairs of columns, by |x - model|_1 - cells. No code is shared with `baselines.mwem` or `baselines/marginal`.

    What differs from mwem+pgm.py: noise and choices are those of our mechanisms, and rho is what our accounting has for epsilon
    and delta; before anything is measured, the model holds the public number of rows (there it holds one row, so that the first
    round asks for the smallest pair whatever the data are); where every pair is too large, the smallest is taken.

    rounds: null for the number of columns. max_model_size: megabytes of the junction tree in the last round, in proportion
    before. max_cells: larger marginals are never chosen. iterations: of mirror descent in every fit.
    """

    version = 1
    most_values: ClassVar[int | None] = 32

    def __init__(
        self, rounds: int | None = None, max_model_size: float = 25, max_cells: int = 10_000, iterations: int = 1000
    ) -> None:
        self.rounds = rounds
        self.max_model_size = max_model_size
        self.max_cells = max_cells
        self.iterations = iterations
        if rounds is not None:
            whole_number("rounds", rounds, least=1)
        positive("max_model_size", max_model_size)
        whole_number("max_cells", max_cells, least=1)
        whole_number("iterations", iterations, least=1)
        needs_mbi()

    def imports(self) -> tuple[str, ...]:
        return (ENGINE,)

    def foreign_versions(self) -> dict[str, int | str]:
        return {"mbi": version("mbi")}

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        from baselines.pgm import engine

        domain = engine.domain_of(private.schema.sizes)
        pairs = [pair for pair in itertools.combinations(domain, 2) if domain.size(pair) <= self.max_cells]
        workload: list[tuple[int, ...]] = list(pairs) or [(column,) for column in domain]
        rounds = self.rounds or len(domain)
        each = private.ledger.cap() / rounds
        sigma, epsilon = math.sqrt(0.5 / (ROUND_MEASURES * each)), math.sqrt(8 * (1 - ROUND_MEASURES) * each)

        measurements: list[Any] = []
        told = Rounds()
        model = engine.uniform(domain, private.schema.rows_public)
        for i in range(1, rounds + 1):
            chosen = [m.clique for m in measurements]
            small = [c for c in workload if engine.megabytes(domain, [*chosen, c]) <= self.max_model_size * i / rounds]
            small = small or [min(workload, key=domain.size)]
            expected = engine.marginals(model, small)
            place = farthest(private, small, expected, lambda c, distance: distance - domain.size(c), 1.0, epsilon)
            measurements += engine.measured(private, [small[place]], sigma)
            told.add([engine.counts(measurements[-1], domain)], [expected[place]], sigma, float(model.total), i / rounds)
            model = engine.estimated(domain, measurements, self.iterations, start=model)
            self.report(f"round {i} of {rounds}")
        self.model_, self.steps_ = engine.learnt(model), told.steps
        return self

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        from baselines.pgm import engine

        return engine.drawn(self.model_, n, rng)
