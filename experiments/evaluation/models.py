"""Models that are trained on synthetic rows: each a function of the features' schema and a seed.

It gives how encoded rows become the model's input, and the model, with `fit` and `predict_proba`. Categories are one-hot
columns and numbers the index of the bin scaled to [0, 1] (for the linear model and the network the bins one-hot as well);
`boosting` reads categories natively. Training rows are encoded alike whether they are real or not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dpdsyn.schema import Schema
from experiments.evaluation.own import made

Encoder = Callable[[np.ndarray], Any]
Builder = Callable[[Schema, int], tuple[Encoder, Any]]


def logistic(features: Schema, seed: int) -> tuple[Encoder, Any]:
    """Logistic regression."""
    from sklearn.linear_model import LogisticRegression

    return one_hot(features, numbers=True), LogisticRegression(C=1.0, max_iter=200)


def forest(features: Schema, seed: int) -> tuple[Encoder, Any]:
    """A random forest; leaves of at least ten rows, for a default forest overfits real rows."""
    from sklearn.ensemble import RandomForestClassifier

    return dense(features), RandomForestClassifier(n_estimators=50, min_samples_leaf=10, random_state=seed, n_jobs=1)


def boosting(features: Schema, seed: int) -> tuple[Encoder, Any]:
    """Gradient boosting over histograms."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    # scikit-learn's native categories stop at 255 values; wider columns are read as ordered
    categories = [i for i, column in enumerate(features.columns) if not column.ordered and column.size <= 255]
    model = HistGradientBoostingClassifier(max_iter=100, early_stopping=False, categorical_features=categories, random_state=seed)
    return lambda encoded: encoded, model


def mlp(features: Schema, seed: int) -> tuple[Encoder, Any]:
    """A network of one hidden layer."""
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(hidden_layer_sizes=(64,), batch_size=256, max_iter=10, random_state=seed)
    return one_hot(features, numbers=True), model


MODELS: Mapping[str, Builder] = {"logistic": logistic, "forest": forest, "boosting": boosting, "mlp": mlp}


def own_model(make: Callable[..., Any]) -> Builder:
    """The builder of a person's own model: `make` gives an object with `fit` and `predict_proba` for dense one-hot input.

    It is called with the seed as `seed` or `random_state` if it takes either, else with nothing.
    """

    def build(features: Schema, seed: int) -> tuple[Encoder, Any]:
        return dense(features), made(make, seed)

    return build


def dense(features: Schema) -> Encoder:
    """Encoded rows to a dense matrix, shape (rows, inputs): categories one-hot, numbers as scaled index."""
    sparse = one_hot(features, numbers=False)
    return lambda encoded: sparse(encoded).toarray()


def one_hot(features: Schema, numbers: bool) -> Encoder:
    """Encoded rows to a sparse matrix: categories one-hot, numbers as scaled index (and, if so asked, one-hot too)."""
    from scipy.sparse import csr_array, hstack

    def indicators(values: np.ndarray, size: int) -> Any:
        rows = len(values)
        return csr_array((np.ones(rows, np.float32), values.astype(np.int64), np.arange(rows + 1)), shape=(rows, size))

    def encode(encoded: np.ndarray) -> Any:
        parts = []
        for column, values in zip(features.columns, encoded.T, strict=True):
            if column.ordered:
                parts.append(csr_array((values / max(column.size - 1, 1)).astype(np.float32)[:, None]))
            if numbers or not column.ordered:
                parts.append(indicators(values, column.size))
        return hstack(parts, format="csr")

    return encode
