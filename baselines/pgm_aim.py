"""AIM run by private-pgm's own code (McKenna et al. 2022, arXiv 2201.12677; ryan112358/private-pgm, mechanisms/aim.py)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import ClassVar, Literal, Self, get_args

import numpy as np

from baselines.pgm.choice import ROUND_MEASURES, Columns, farthest
from baselines.pgm.needs import ENGINE, needs_mbi
from dpdsyn.base.checks import one_of, positive, whole_number
from dpdsyn.base.steps import MEAN_NOISE, Rounds
from dpdsyn.private_table import PrivateTable
from dpdsyn.synthesizer import Synthesizer

Degree = Literal[2, 3]


class PGMAIM(Synthesizer):
    """As mechanisms/aim.py of private-pgm (Apache-2.0, as of 2026), under our mechanisms: a second opinion on `aim`.

    mbi closes the workload downwards, says how large a model would be, estimates (always all `iterations`, beginning at the last
    model), answers marginals, estimates the number of rows and draws them. No code is shared with `baselines.aim` or
    `baselines/marginal`.

    What differs from aim.py: noise and choices are those of our mechanisms, and rho is what our accounting has for epsilon and
    delta; the last model is not estimated a second time from the same start.

    degree: the workload is all sets of so many columns with at most `max_cells` cells. rounds: at most; null for 16 a column.
    max_model_size: megabytes of the junction tree; 80 is the authors' setting for official comparisons.
    """

    version = 1
    most_values: ClassVar[int | None] = 32

    def __init__(
        self,
        degree: Degree = 2,
        rounds: int | None = None,
        max_model_size: float = 80,
        max_cells: int = 10_000,
        iterations: int = 1000,
    ) -> None:
        self.degree = one_of("degree", degree, get_args(Degree))
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
        from mbi import clique_utils

        from baselines.pgm import engine

        domain, rho = engine.domain_of(private.schema.sizes), private.ledger.cap()
        degree = min(self.degree, len(domain))
        workload = [c for c in itertools.combinations(domain, degree) if domain.size(c) <= self.max_cells]
        workload = workload or [(column,) for column in domain]
        weight = {c: sum(len(set(c) & set(w)) for w in workload) for c in clique_utils.downward_closure(workload)}

        rounds = self.rounds or 16 * len(domain)
        sigma, epsilon = _shares(rho / rounds)
        first = [(column,) for column in domain]
        measurements = engine.measured(private, first, sigma)
        used = len(first) * 0.5 / sigma**2
        model = engine.estimated(domain, measurements, self.iterations)
        self.rounds_: list[tuple[tuple[int, ...], float]] = []  # what each measured, and its noise
        told = Rounds()
        last = False
        while not last:
            if rho - used < 2 * (0.5 / sigma**2 + epsilon**2 / 8):
                sigma, epsilon = _shares(rho - used)
                last = True
            used += 0.5 / sigma**2 + epsilon**2 / 8
            most = self.max_model_size * min(used / rho, 1.0)
            free, cliques = set(clique_utils.downward_closure(model.cliques)), list(model.cliques)
            small = [c for c in weight if c in free or engine.megabytes(domain, [*cliques, c]) <= most]
            before = engine.marginals(model, small)
            worth = _worth(weight, {c: MEAN_NOISE * sigma * domain.size(c) for c in small})
            place = farthest(private, small, before, worth, max(weight[c] for c in small), epsilon)
            chosen = small[place]
            measurements += engine.measured(private, [chosen], sigma)
            told.add([engine.counts(measurements[-1], domain)], [before[place]], sigma, float(model.total), used / rho)
            model = engine.estimated(domain, measurements, self.iterations, start=model)
            self.rounds_.append((chosen, sigma))
            self.report(f"round {len(self.rounds_)}, {min(used / rho, 1.0):.0%} of the budget used")
            (after,) = engine.marginals(model, [chosen])
            if np.linalg.norm((after - before[place]).ravel(), 1) <= sigma * MEAN_NOISE * after.size:
                sigma, epsilon = sigma / 2, epsilon * 2
        self.model_, self.steps_ = engine.learnt(model), told.steps
        return self

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        from baselines.pgm import engine

        return engine.drawn(self.model_, n, rng)


def _shares(rho: float) -> tuple[float, float]:
    """(sigma of the answer, epsilon of the choice) of a round that may spend rho (zCDP)."""
    return math.sqrt(1 / (2 * ROUND_MEASURES * rho)), math.sqrt(8 * (1 - ROUND_MEASURES) * rho)


def _worth(weight: Mapping[Columns, int], of_noise: Mapping[Columns, float]) -> Callable[[Columns, float], float]:
    """What a marginal is worth, given its distance from the model: what is wrong beyond noise, by weight."""
    return lambda columns, distance: weight[columns] * (distance - of_noise[columns])
