"""What else says how like the real rows synthetic ones are, on request: `evaluation.likeness`, in encoded space."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dpdsyn.schema import Schema
from experiments.evaluation.detection import detection
from experiments.evaluation.fidelity import triples_tvd
from experiments.evaluation.membership import membership

Tables = tuple[np.ndarray, np.ndarray, np.ndarray]  # synthetic, training and test rows, encoded

LIKENESS: Mapping[str, Callable[[Tables, Schema, int], dict[str, float]]] = {
    "triples": lambda tables, schema, seed: {"tvd3": triples_tvd(tables[0], tables[1], schema)},
    "detection": lambda tables, schema, seed: detection(tables[0], tables[2], schema, seed),
    "membership": lambda tables, schema, seed: membership(*tables, schema, seed),
}


def likeness(names: Sequence[str], tables: Tables, schema: Schema, seed: int) -> dict[str, float]:
    """The values of each measure named, by the names that records give them."""
    found: dict[str, float] = {}
    for name in names:
        found |= LIKENESS[name](tables, schema, seed)
    return found
