"""private-pgm without its fits: models and rows at once, for tests of what our code asks of the table around them.

A fit compiles programs for seconds, and what `mbi` computes is a function of answers alone. Tests of the engine itself, and
golden numbers, run the real one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from mbi import CliqueVector, Domain, Factor, LinearMeasurement, MarkovRandomField, clique_utils

from baselines.pgm import engine


def model_of(domain: Domain, potentials: Mapping[tuple[int, ...], np.ndarray], total: float) -> MarkovRandomField:
    """A model with these log-potentials, its marginals computed by brute force over the whole domain."""
    joint = np.zeros(domain.shape)
    for clique, table in potentials.items():
        order = np.argsort(clique)
        shape = [domain[c] if c in clique else 1 for c in domain]
        joint = joint + np.transpose(table, order).reshape(shape)
    joint = np.exp(joint - joint.max())
    joint *= total / joint.sum()
    tables = {c: Factor(domain.project(c), table) for c, table in potentials.items()}
    beliefs = {c: Factor(domain.project(c), summed(joint, c)) for c in potentials}
    names = tuple(potentials)
    return MarkovRandomField(
        potentials=CliqueVector(domain, names, tables), marginals=CliqueVector(domain, names, beliefs), total=total
    )


def summed(joint: np.ndarray, clique: Sequence[int]) -> np.ndarray:
    """A table over all columns, summed to these, in their order."""
    left = joint.sum(axis=tuple(c for c in range(joint.ndim) if c not in clique))
    return left.transpose([sorted(clique).index(c) for c in clique])


def estimated(
    domain: Domain, measurements: Sequence[LinearMeasurement], iterations: int, total: float | None = None, start: Any = None
) -> MarkovRandomField:
    """In place of mirror descent: every maximal marginal that was measured is a potential of its own."""
    if total is None:
        total = engine.rows_measured(measurements)
    cliques = clique_utils.maximal_subset([m.clique for m in measurements])
    potentials = {}
    for clique in cliques:
        (*_, last) = [m for m in measurements if m.clique == clique]
        potentials[clique] = np.log(np.maximum(np.asarray(last.noisy_measurement), 0.5)).reshape(domain.project(clique).shape)
    return model_of(domain, potentials, total)


def drawn(model: engine.Learnt, n: int, rng: np.random.Generator, merged: Mapping[int, np.ndarray] | None = None) -> np.ndarray:
    """In place of `synthetic_data`: columns drawn one by one, each uniformly."""
    merged = merged or {}
    return np.stack([rng.integers(len(merged[c]) if c in merged else size, size=n) for c, size in enumerate(model.sizes)], axis=1)


def without_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the test ends, methods on private-pgm fit and draw as above."""
    monkeypatch.setattr(engine, "estimated", estimated)
    monkeypatch.setattr(engine, "drawn", drawn)
