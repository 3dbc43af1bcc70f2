"""The choice of the marginal that a model has most wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from baselines.marginal.junction_tree import Clique
from baselines.marginal.marginals import named
from dpdsyn.private_table import PrivateTable, Query

MEASURING = 0.9  # of what a round may spend, for the answer; the rest is for the choice (AIM's alpha, MWEM+PGM's too)


class Projecting(Protocol):
    """A model that has expected counts for any marginal."""

    def project(self, clique: Clique) -> np.ndarray: ...


def round_noise(rho: float) -> tuple[float, float]:
    """(sigma of the answer, epsilon of the choice) for a round that may spend rho (zCDP)."""
    return math.sqrt(1 / (2 * MEASURING * rho)), math.sqrt(8 * (1 - MEASURING) * rho)


def round_cost(sigma: float, epsilon: float) -> float:
    """rho (zCDP) of one answer and one choice."""
    return 1 / (2 * sigma**2) + epsilon**2 / 8


def choose_worst(
    private: PrivateTable,
    allowed: Sequence[Clique],
    model: Projecting,
    worth: Callable[[Clique, float], float],
    steepness: float,
    epsilon: float,
) -> Clique:
    """One of the allowed marginals, by the exponential mechanism; charges it.

    worth: of a marginal, given the L1 distance of its counts from the model's. One row moves that distance by at most
    1, and so the worth by at most `steepness`, how many times as fast it changes at most.
    """
    queries = named(private.schema, allowed)
    clique_of = dict(zip(queries, allowed, strict=True))

    def score(exact: np.ndarray, query: Query) -> float:
        clique = clique_of[query]
        return worth(clique, float(np.abs(exact - model.project(clique)).sum()))

    return allowed[private.select(queries, score, steepness, epsilon)]
