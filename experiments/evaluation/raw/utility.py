"""TSTR in raw space: models trained on typed synthetic rows are tested on typed real ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.schema import Schema
from experiments.evaluation.given import naming, numbers_of, probabilities_of
from experiments.evaluation.metrics import METRICS, scores
from experiments.evaluation.own import Given
from experiments.evaluation.raw.models import FOR_A_NUMBER, RAW_MODELS, RawBuilder
from experiments.evaluation.raw.quantiles import with_quantiles
from experiments.evaluation.raw.regression import regression_scores
from experiments.evaluation.raw.typed_frame import Features, is_numeric
from experiments.evaluation.settings import raw_builders


def raw_utility(
    train: pd.DataFrame,
    test: pd.DataFrame,
    schema: Schema,
    target: str,
    evaluators: Sequence[Given],
    repeats: int,
    seed: int,
    extra: Mapping[str, Callable[..., float]] | None = None,
) -> dict[str, dict[str, float]]:
    """Metrics of each evaluator trained on `train` to predict the column `target` and tested on `test` (both typed).

    Models see the features that both frames have. Rows whose target says nothing are left out. A categorical target is judged by
    the metrics of `metrics`, a number by those of `regression`, besides by `extra`: functions of labels and class probabilities,
    or of labels and predictions. Averaged over `repeats` seeds of the evaluator; which seeds these are depends on its place
    in the list. Raises InputError for an evaluator that there is not, and for one that gives no probabilities or numbers;
    OwnError for an error of a person's own.
    """
    train, test = (frame[frame[target].notna()].reset_index(drop=True) for frame in (train, test))
    number = is_numeric(schema[target])
    judged = _number_scores if number else _class_scores
    features = Features.of(schema, target, train, test)
    results = {}
    for place, (name, build) in enumerate(raw_builders(evaluators).items()):
        runs = []
        for repeat in range(repeats):
            model_seed = int(np.random.SeedSequence([seed, place, repeat]).generate_state(1)[0])
            runs.append(judged(name, build, features, train, test, schema, target, model_seed, extra))
        called = FOR_A_NUMBER.get(name, name) if number else name
        results[called] = {metric: float(np.mean([run[metric] for run in runs])) for metric in runs[0]}
    return results


def _class_scores(
    name: str,
    build: RawBuilder,
    features: Features,
    train: pd.DataFrame,
    test: pd.DataFrame,
    schema: Schema,
    target: str,
    seed: int,
    extra: Mapping[str, Callable[..., float]] | None,
) -> dict[str, float]:
    """One class in `train`, or none, gives a constant; without a feature each class gets its share of `train`."""
    labels, truth = (frame[target].to_numpy().astype(np.int64) for frame in (train, test))
    classes = max(schema[target].size, *(int(codes.max(initial=-1)) + 1 for codes in (labels, truth)))
    probabilities = np.zeros((len(test), classes))
    present = np.unique(labels)
    if len(present) < 2:
        probabilities[:, present[0] if len(present) else 0] = 1
    elif not features.names:
        probabilities[:] = np.bincount(labels, minlength=classes) / len(labels)
    else:
        with naming("evaluator", name, own=name not in RAW_MODELS):
            model = _fitted(build(features, False, seed), train, labels)
            given = _quietly(model.predict_proba, test) if len(test) else None
        if len(test):
            probabilities = probabilities_of(name, given, getattr(model.model, "classes_", present), len(test), classes)
    return scores(truth, probabilities, extra)


def _number_scores(
    name: str,
    build: RawBuilder,
    features: Features,
    train: pd.DataFrame,
    test: pd.DataFrame,
    schema: Schema,
    target: str,
    seed: int,
    extra: Mapping[str, Callable[..., float]] | None,
) -> dict[str, float]:
    labels, truth, own = train[target].to_numpy(), test[target].to_numpy(), name not in RAW_MODELS

    def learn(rows: np.ndarray) -> Callable[[pd.DataFrame], np.ndarray]:
        """Without a feature, or with one value alone, the mean is predicted; without any row 0."""
        if not features.names or len(np.unique(labels[rows])) < 2:
            constant = float(labels[rows].mean()) if len(rows) else 0.0
            return lambda frame: np.full(len(frame), constant)
        with naming("evaluator", name, own):
            model = _fitted(build(features, True, seed), train.iloc[rows], labels[rows])
        return lambda frame: predict(model, frame) if len(frame) else np.zeros(0)

    def predict(model: Any, frame: pd.DataFrame) -> np.ndarray:
        with naming("evaluator", name, own):
            given = _quietly(model.predict, frame)
        return numbers_of(name, given) if own else given

    predicted = with_quantiles(learn, train, labels, test, np.random.default_rng(seed))
    return regression_scores(truth, predicted, {name: metric for name, metric in (extra or {}).items() if name not in METRICS})


def _fitted(model: Any, train: pd.DataFrame, labels: np.ndarray) -> Any:
    _quietly(model.fit, train, labels)
    return model


def _quietly(call: Callable[..., Any], *given: Any) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(iterations|converge).*")  # iteration counts are fixed on purpose
        warnings.filterwarnings("ignore", message=".*(unknown categories|batch_size).*")  # as the preprocessing says; few rows
        return call(*given)
