"""The exponential mechanism over marginals, by their distance from the counts that are expected of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dpdsyn.private_table import PrivateTable, Query

Columns = tuple[int, ...]
ROUND_MEASURES = 0.9  # of a round's zCDP; the choice has the rest


def farthest(
    private: PrivateTable,
    candidates: Sequence[Columns],
    expected: Sequence[np.ndarray],
    worth: Callable[[Columns, float], float],
    sensitivity: float,
    epsilon: float,
) -> int:
    """The place of a candidate, chosen with probability ~ exp(epsilon worth / (2 sensitivity)); charges Exponential(epsilon).

    worth: of a candidate and its L1 distance from the counts expected of it, which one row moves by at most 1.
    """
    names = private.schema.names
    queries = [tuple(names[column] for column in columns) for columns in candidates]
    known = dict(zip(queries, zip(candidates, expected, strict=True), strict=True))

    def score(exact: np.ndarray, query: Query) -> float:
        columns, counts = known[query]
        return worth(columns, float(np.linalg.norm((exact - counts).ravel(), 1)))

    return private.select(queries, score, sensitivity, epsilon)
