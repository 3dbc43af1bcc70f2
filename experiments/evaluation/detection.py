"""Whether synthetic rows can be told from real ones.

- `detection_auroc`: of gradient boosting that learns to tell them on one half of each and is asked about the other (a classifier
  two-sample test, Lopez-Paz and Oquab 2017): .5 where it cannot, 1 where it always can.
- `pmse`: the mean squared distance from one half of the propensities of a logistic regression, fitted and asked on all rows
  (Woo et al. 2009, section 3; Snoke et al. 2018): 0 where they say nothing, .25 where they say all.

The real rows are test rows, which no method has seen, so that copying the training rows earns nothing.
"""

from __future__ import annotations

import warnings

import numpy as np

from dpdsyn.schema import Schema
from experiments.evaluation.models import boosting, logistic

MOST = 10_000  # rows of each side


def detection(synthetic: np.ndarray, real: np.ndarray, schema: Schema, seed: int) -> dict[str, float]:
    """Both by name; tables are encoded, shape (rows, columns), and cut to the same number of rows. NaN with fewer than four."""
    rng = np.random.default_rng(seed)
    size = min(len(synthetic), len(real), MOST)
    if size < 4:
        return {"detection_auroc": float("nan"), "pmse": float("nan")}
    sides = [table[rng.permutation(len(table))[:size]] for table in (synthetic, real)]
    return {"detection_auroc": _told_apart(sides, schema, seed), "pmse": _propensity_error(sides, schema, seed)}


def _told_apart(sides: list[np.ndarray], schema: Schema, seed: int) -> float:
    from sklearn.metrics import roc_auc_score

    half = len(sides[0]) // 2
    learn, asked = (np.concatenate([side[part] for side in sides]) for part in (slice(half), slice(half, None)))
    encode, model = boosting(schema, seed)
    model.fit(encode(learn), np.repeat([1, 0], half))
    return float(roc_auc_score(np.repeat([1, 0], len(asked) // 2), model.predict_proba(encode(asked))[:, 1]))


def _propensity_error(sides: list[np.ndarray], schema: Schema, seed: int) -> float:
    rows, labels = np.concatenate(sides), np.repeat([1, 0], len(sides[0]))
    encode, model = logistic(schema, seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(iterations|converge).*")  # iteration counts are fixed on purpose
        model.fit(encode(rows), labels)
    return float(np.mean((model.predict_proba(encode(rows))[:, 1] - 0.5) ** 2))
