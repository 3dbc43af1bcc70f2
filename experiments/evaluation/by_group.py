"""Accuracy for each sensitive group of the test rows, and how far apart groups are.

Group fairness in the sense of equal accuracy (Berk et al. 2021, "Fairness in criminal justice risk assessments", section 3.2);
the groups are the values of columns that the data set's file names (`sensitive`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from dpdsyn.schema import Schema

GAP = "accuracy_gap"
FEWEST = 50  # test rows: accuracy of fewer says little, and the gap would be that of chance
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_\-. /]+")  # of what trackers accept


def groups(test: np.ndarray, schema: Schema, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """By `column value` a mask of encoded test rows, shape (rows,), for values that at least 50 test rows have."""
    found = {}
    for name in columns:
        codes = test[:, schema.position(name)]
        for code, value in enumerate(_values(schema, name)):
            if (members := codes == code).sum() >= FEWEST:
                found[_NOT_IN_A_NAME.sub("_", f"{name} {value}")] = members
    return found


def group_scores(labels: np.ndarray, probabilities: np.ndarray, members: Mapping[str, np.ndarray]) -> dict[str, float]:
    """`accuracy NAME` of each group, and `accuracy_gap`, the largest less the smallest within one column; empty without groups.

    labels: shape (rows,). probabilities: shape (rows, classes). members: as `groups` gives them.
    """
    right = probabilities.argmax(axis=1) == labels
    accuracies = {name: float(right[mask].mean()) for name, mask in members.items()}
    columns: dict[str, list[float]] = {}
    for name, accuracy in accuracies.items():
        columns.setdefault(name.partition(" ")[0], []).append(accuracy)
    gaps = [max(own) - min(own) for own in columns.values()]
    told = {f"accuracy {name}": accuracy for name, accuracy in accuracies.items()}
    return told | ({GAP: max(gaps)} if gaps else {})


def _values(schema: Schema, name: str) -> list[object]:
    """What each code stands for, as text for a person."""
    column = schema[name]
    known: list[object] = list(column.categories or range(column.size))
    return known + [f"code {code}" for code in range(len(known), column.size)]
