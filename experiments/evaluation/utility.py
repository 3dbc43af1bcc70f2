"""TSTR: models trained on synthetic rows are tested on real ones."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np

from dpdsyn.schema import Schema
from experiments.evaluation.by_group import group_scores, groups
from experiments.evaluation.given import naming, probabilities_of
from experiments.evaluation.metrics import Metric, scores
from experiments.evaluation.models import MODELS, Builder
from experiments.evaluation.own import Given
from experiments.evaluation.settings import builders


def utility(
    train: np.ndarray,
    test: np.ndarray,
    schema: Schema,
    target: str,
    evaluators: Sequence[Given],
    repeats: int,
    seed: int,
    extra: Mapping[str, Metric] | None = None,
    sensitive: Sequence[str] = (),
) -> dict[str, dict[str, float]]:
    """Metrics of each evaluator trained on `train` to predict the column `target` and tested on `test` (both encoded).

    Averaged over `repeats` seeds of the evaluator; which seeds these are depends on its place in the list. extra: metrics
    besides ours. sensitive: columns of whose values accuracy is told one by one. Raises InputError for an evaluator that
    there is not, and for one that gives no probabilities; OwnError for an error of a person's own.
    """
    labels, members = test[:, schema.position(target)], groups(test, schema, sensitive)
    results = {}
    for number, (name, build) in enumerate(builders(evaluators).items()):
        runs = []
        for repeat in range(repeats):
            model_seed = int(np.random.SeedSequence([seed, number, repeat]).generate_state(1)[0])
            probabilities = predicted(build, train, test, schema, target, model_seed, name)
            runs.append(scores(labels, probabilities, extra) | group_scores(labels, probabilities, members))
        results[name] = {metric: float(np.mean([run[metric] for run in runs])) for metric in runs[0]}
    return results


def predicted(
    build: Builder, train: np.ndarray, test: np.ndarray, schema: Schema, target: str, seed: int, name: str = "model"
) -> np.ndarray:
    """Class probabilities for the test rows, shape (rows, classes). One class in `train` gives a constant.

    A model may change what it is given: that is never part of `train` or `test`. name: of the evaluator, for messages.
    """
    labels = train[:, schema.position(target)].copy()
    classes, own = np.unique(labels), build not in MODELS.values()
    if len(classes) < 2:
        probabilities = np.zeros((len(test), schema[target].size))
        probabilities[:, classes[0] if len(classes) else 0] = 1
        return probabilities
    features = schema.select([column for column in schema.names if column != target])
    positions = schema.positions(features.names)
    with naming("evaluator", name, own), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(iterations|converge).*")  # iteration counts are fixed on purpose
        encode, model = build(features, seed)
        model.fit(encode(train[:, positions]), labels)
    with naming("evaluator", name, own):
        given = model.predict_proba(encode(test[:, positions]))
    return probabilities_of(name, given, getattr(model, "classes_", classes), len(test), schema[target].size)
