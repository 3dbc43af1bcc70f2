"""How a synthetic table is judged: models trained on it are tested on real rows, and its marginals are compared.

Settings were fixed before the first results. Models see codes, whether their training rows are real or not:
one-hot columns for categories and, for numbers, the index of the bin scaled to [0, 1] (for the linear model and
the network the bins one-hot as well). `boosting` reads categories natively.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dpdsyn.private_table import marginal
from dpdsyn.schema import Schema
from experiments.records.record import METRICS

VERSION = 1  # raised when a metric or an evaluator changes


def utility(
    train: np.ndarray, test: np.ndarray, schema: Schema, target: str, evaluators: Sequence[str], repeats: int, seed: int
) -> dict[str, dict[str, float]]:
    """Metrics of each evaluator trained on `train` to predict the column `target` and tested on `test` (both codes).

    Averaged over `repeats` seeds of the evaluator.
    """
    labels = test[:, schema.position(target)]
    results = {}
    for number, name in enumerate(evaluators):
        runs = []
        for repeat in range(repeats):
            model_seed = int(np.random.SeedSequence([seed, number, repeat]).generate_state(1)[0])
            runs.append(scores(labels, _predict(name, train, test, schema, target, model_seed)))
        results[name] = {metric: float(np.mean([run[metric] for run in runs])) for metric in METRICS}
    return results


def scores(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Accuracy, balanced accuracy, macro F1 and AUROC (one against the rest, macro) of class probabilities."""
    from sklearn.metrics import accuracy_score, f1_score, recall_score, roc_auc_score

    predicted = probabilities.argmax(axis=1)
    present = np.unique(labels)
    areas = [roc_auc_score(labels == c, probabilities[:, c]) for c in present] if len(present) > 1 else [float("nan")]
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        "balanced_accuracy": float(recall_score(labels, predicted, labels=present, average="macro", zero_division=0)),
        "macro_f1": float(f1_score(labels, predicted, labels=present, average="macro", zero_division=0)),
        "auroc": float(np.mean(areas)),
    }


def fidelity(synthetic: np.ndarray, real: np.ndarray, schema: Schema) -> dict[str, float]:
    """Mean total variation distance over all one-way (tvd1) and all two-way (tvd2) marginals."""

    def distance(query: tuple[str, ...]) -> float:
        ours, theirs = (marginal(codes, schema, query) / max(len(codes), 1) for codes in (synthetic, real))
        return 0.5 * float(np.abs(ours - theirs).sum())

    return {f"tvd{k}": float(np.mean([distance(query) for query in itertools.combinations(schema.names, k)])) for k in (1, 2)}


def _predict(name: str, train: np.ndarray, test: np.ndarray, schema: Schema, target: str, seed: int) -> np.ndarray:
    """Class probabilities for the test rows, shape (rows, classes). One class in `train` gives a constant."""
    labels = train[:, schema.position(target)]
    probabilities = np.zeros((len(test), schema[target].size))
    classes = np.unique(labels)
    if len(classes) < 2:
        probabilities[:, classes[0] if len(classes) else 0] = 1
        return probabilities
    features = schema.select([column for column in schema.names if column != target])
    positions = schema.positions(features.names)
    encode, model = _BUILD[name](features, seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(iterations|converge).*")  # iteration counts are fixed on purpose
        model.fit(encode(train[:, positions]), labels)
    probabilities[:, model.classes_] = model.predict_proba(encode(test[:, positions]))
    return probabilities


Encoder = Callable[[np.ndarray], Any]


def _columns(features: Schema, one_hot_numbers: bool) -> Encoder:
    """Codes to a sparse matrix: categories one-hot, numbers as index (and one-hot too if so asked)."""
    from scipy.sparse import csr_array, hstack

    def one_hot(codes: np.ndarray, size: int) -> Any:
        rows = len(codes)
        return csr_array((np.ones(rows, np.float32), codes.astype(np.int64), np.arange(rows + 1)), shape=(rows, size))

    def encode(codes: np.ndarray) -> Any:
        parts = []
        for column, values in zip(features.columns, codes.T, strict=True):
            if column.ordered:
                parts.append(csr_array((values / max(column.size - 1, 1)).astype(np.float32)[:, None]))
            if one_hot_numbers or not column.ordered:
                parts.append(one_hot(values, column.size))
        return hstack(parts, format="csr")

    return encode


def _logistic(features: Schema, seed: int) -> tuple[Encoder, Any]:
    from sklearn.linear_model import LogisticRegression

    return _columns(features, True), LogisticRegression(C=1.0, max_iter=200)


def _forest(features: Schema, seed: int) -> tuple[Encoder, Any]:
    from sklearn.ensemble import RandomForestClassifier

    dense = _columns(features, False)
    model = RandomForestClassifier(n_estimators=50, min_samples_leaf=10, random_state=seed, n_jobs=1)
    return lambda codes: dense(codes).toarray(), model


def _boosting(features: Schema, seed: int) -> tuple[Encoder, Any]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    # scikit-learn's native categories stop at 255 codes; wider columns are read as ordered
    categories = [i for i, column in enumerate(features.columns) if not column.ordered and column.size <= 255]
    model = HistGradientBoostingClassifier(max_iter=100, early_stopping=False, categorical_features=categories, random_state=seed)
    return lambda codes: codes, model


def _mlp(features: Schema, seed: int) -> tuple[Encoder, Any]:
    from sklearn.neural_network import MLPClassifier

    return _columns(features, True), MLPClassifier(hidden_layer_sizes=(64,), batch_size=256, max_iter=10, random_state=seed)


_BUILD = {"logistic": _logistic, "forest": _forest, "boosting": _boosting, "mlp": _mlp}
