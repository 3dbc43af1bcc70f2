"""How near the marginals of a synthetic table are to those of the real one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from dpdsyn.private_table import marginal
from dpdsyn.schema import Schema

MOST_TRIPLES = 200
_SEED = 0  # public: all methods are held against the same triples


def fidelity(synthetic: np.ndarray, real: np.ndarray, schema: Schema) -> dict[str, float]:
    """Mean total variation distance over all marginals of one column (tvd1) and of two (tvd2); both tables encoded."""
    sets = {k: list(itertools.combinations(schema.names, k)) for k in (1, 2)}
    return {f"tvd{k}": _mean_distance(synthetic, real, schema, queries) for k, queries in sets.items()}


def triples_tvd(synthetic: np.ndarray, real: np.ndarray, schema: Schema) -> float:
    """The same over three columns: over all triples, or 200 of them drawn with a public seed. NaN with fewer columns."""
    triples = list(itertools.combinations(schema.names, 3))
    if len(triples) > MOST_TRIPLES:
        drawn = np.random.default_rng(_SEED).choice(len(triples), size=MOST_TRIPLES, replace=False)
        triples = [triples[i] for i in sorted(drawn)]
    return _mean_distance(synthetic, real, schema, triples) if triples else float("nan")


def _mean_distance(synthetic: np.ndarray, real: np.ndarray, schema: Schema, queries: Sequence[tuple[str, ...]]) -> float:
    def distance(query: tuple[str, ...]) -> float:
        ours, theirs = (marginal(encoded, schema, query) / max(len(encoded), 1) for encoded in (synthetic, real))
        return 0.5 * float(np.abs(ours - theirs).sum())

    return float(np.mean([distance(query) for query in queries]))
