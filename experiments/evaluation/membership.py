"""Membership inference by public attacks on the synthetic table alone: a sanity check, no audit.

Half of the rows that are asked about are training rows, half are test rows, and the attack orders them:
- `membership_nearest`: by how near the nearest synthetic row is (GAN-Leaks, Chen et al. 2020, section 4.1, full black box);
- `membership_calibrated`: by how much nearer it is than the nearest of other test rows, which are the population (section 4.3
  there, with rows in place of a reference model; DOMIAS, van Breugel et al. 2023, has the same idea as a ratio).

Both as AUROC: .5 where the attack knows nothing. A value near .5 proves no privacy: these attacks are weak, average over people,
and know nothing of the method. What a guarantee is worth is told by the ledger, and refuted by `dpdsyn audit`.
"""

from __future__ import annotations

import numpy as np

from dpdsyn.schema import Schema
from experiments.evaluation.models import dense

ASKED = 1_000  # training rows, and as many test rows
SYNTHETIC = 10_000  # rows that are searched at most


def membership(synthetic: np.ndarray, train: np.ndarray, test: np.ndarray, schema: Schema, seed: int) -> dict[str, float]:
    """Both by name; tables are encoded, shape (rows, columns). NaN with fewer than four test rows or two training rows."""
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(seed)
    held = test[rng.permutation(len(test))]
    outsiders, population = np.array_split(held, 2)
    size = min(ASKED, len(train), len(outsiders))
    if size < 2 or not len(synthetic):
        return {"membership_nearest": float("nan"), "membership_calibrated": float("nan")}
    members = train[rng.permutation(len(train))[:size]]
    asked, labels = np.concatenate([members, outsiders[:size]]), np.repeat([1, 0], size)
    searched = synthetic[rng.permutation(len(synthetic))[:SYNTHETIC]]
    near = _to_nearest(asked, searched, schema)
    usual = _to_nearest(asked, population, schema)
    return {
        "membership_nearest": float(roc_auc_score(labels, -near)),
        "membership_calibrated": float(roc_auc_score(labels, usual - near)),
    }


def _to_nearest(asked: np.ndarray, others: np.ndarray, schema: Schema) -> np.ndarray:
    """City-block distance to the nearest of the others: a category counts 1, a number its share of the range (Gower 1971)."""
    from sklearn.neighbors import NearestNeighbors

    scale = np.concatenate([np.ones(1) if column.ordered else np.full(column.size, 0.5) for column in schema.columns])
    inputs = dense(schema)
    search = NearestNeighbors(n_neighbors=1, algorithm="brute", metric="manhattan").fit(inputs(others) * scale)
    return np.asarray(search.kneighbors(inputs(asked) * scale)[0][:, 0])
