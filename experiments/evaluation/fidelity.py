"""How near the marginals of a synthetic table are to those of the real one."""

from __future__ import annotations

import itertools

import numpy as np

from dpdsyn.private_table import marginal
from dpdsyn.schema import Schema


def fidelity(synthetic: np.ndarray, real: np.ndarray, schema: Schema) -> dict[str, float]:
    """Mean total variation distance over all marginals of one column (tvd1) and of two (tvd2); both tables encoded."""

    def distance(query: tuple[str, ...]) -> float:
        ours, theirs = (marginal(encoded, schema, query) / max(len(encoded), 1) for encoded in (synthetic, real))
        return 0.5 * float(np.abs(ours - theirs).sum())

    return {f"tvd{k}": float(np.mean([distance(query) for query in itertools.combinations(schema.names, k)])) for k in (1, 2)}
