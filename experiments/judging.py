"""How what one fit left is judged: encoded rows by encoded ones, or decoded rows by rows as they were read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.rules.published_rows import decoded
from dpdsyn.schema import Schema
from experiments.data import datasets
from experiments.data.datasets import Split
from experiments.data.description import Dataset
from experiments.evaluation.fidelity import fidelity
from experiments.evaluation.likeness import likeness
from experiments.evaluation.metrics import scores, shares_floor
from experiments.evaluation.raw import judge as raw
from experiments.evaluation.raw.quantiles import of_codes
from experiments.evaluation.raw.regression import median_floor, regression_scores
from experiments.evaluation.raw.typed_frame import typed
from experiments.evaluation.settings import judges_of
from experiments.evaluation.settings import metrics as own_metrics
from experiments.evaluation.utility import utility
from experiments.records.record import DIRECT
from experiments.records.store import Fit

_DECODING = 1  # beside the seed, of the generator that decodes rows to be judged
Metrics = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Judging:
    """One run's judging. column: what models are to predict. evaluation: as configured, checked.

    as_read: in raw space the training rows are judged in place of what was sampled: the reference that encodes nothing.
    """

    dataset: Dataset
    column: str
    evaluation: Mapping[str, Any]
    seed: int
    as_read: bool

    @property
    def in_raw_space(self) -> bool:
        """Whether models learn from decoded rows and are tested on rows as they were read."""
        return self.evaluation.get("space") == "raw"

    def floor(self, split: Split) -> dict[str, float] | None:
        """What has to be beaten: the training rows' median where a number is predicted in raw space, the shares of classes.

        None of anything else.
        """
        own = self._own[self.column]
        if not (own.ordered or own.is_open):
            return shares_floor(*self._classes(split), own.size) or None
        if not (self.in_raw_space and own.ordered):
            return None
        return median_floor(self._numbers(split.train_frame), self._numbers(split.test_frame))

    def _classes(self, split: Split) -> tuple[np.ndarray, np.ndarray]:
        """Codes of the class of each training and test row, under the data set's own schema; labels that say nothing left out."""
        if split.schema.is_open:
            codes = [self._own[self.column].read(frame[self.column]) for frame in (split.train_frame, split.test_frame)]
        else:
            codes = [rows[:, split.schema.position(self.column)].astype(np.int64) for rows in (split.train, split.test)]
        train, test = (labels[labels >= 0] for labels in codes)
        return train, test

    def measured(self, split: Split, fit: Fit) -> dict[str, Any]:
        """Metrics, fidelity and rate of the positive class, as a record has them.

        A method that predicts by itself is scored directly, and its filler rows are not.
        """
        schema = split.schema if fit.schema is None else Schema.from_mapping(fit.schema)
        if fit.test_probabilities is not None:
            return self._directly(split, schema, fit.test_probabilities)
        return self._decoded(split, schema, fit.encoded) if self.in_raw_space else self._encoded(split, schema, fit.encoded)

    def _directly(self, split: Split, schema: Schema, probabilities: np.ndarray) -> dict[str, Any]:
        """By the probabilities of the target's codes for each test row."""
        column = schema[self.column]
        if self.in_raw_space and column.ordered:
            metrics = regression_scores(self._numbers(split.test_frame), of_codes(probabilities, column), self._extra)
        else:
            labels = _under(split, schema).test[:, schema.position(self.column)]
            metrics = scores(labels, probabilities, self._extra)
        return self._result({DIRECT: metrics}, {}, schema, probabilities.argmax(axis=1))

    def _encoded(self, split: Split, schema: Schema, synthetic: np.ndarray) -> dict[str, Any]:
        chosen, split = self.evaluation, _under(split, schema)
        judges = judges_of(chosen)
        judged = (synthetic, split.test, schema, self.column, judges, chosen["repeats"], self.seed, self._extra)
        metrics = utility(*judged, chosen.get("groups") or ())
        near = fidelity(synthetic, split.train, schema)
        near |= likeness(chosen.get("likeness") or (), (synthetic, split.train, split.test), schema, self.seed)
        return self._result(metrics, near, schema, synthetic[:, schema.position(self.column)])

    def _decoded(self, split: Split, schema: Schema, synthetic: np.ndarray) -> dict[str, Any]:
        """By the data set's own kinds and classes, whatever was learnt, so that all are judged alike."""
        train, test, own = split.train_frame, split.test_frame, self._own
        released = train if self.as_read else decoded(schema, synthetic, np.random.default_rng([self.seed, _DECODING]))
        metrics, near = raw.judge(released, train, test, own, self.column, self.evaluation, self.seed, self._extra)
        return self._result(metrics, near, own, own[self.column].read(released[self.column]))

    def _result(self, metrics: Metrics, near: Mapping[str, float], schema: Schema, labels: np.ndarray) -> dict[str, Any]:
        """labels: codes in the schema of the column that is predicted."""
        positive = datasets.positive_class(self.dataset, schema, self.column)
        rate = None if positive is None else float(np.mean(labels == positive))
        return {"metrics": metrics, "fidelity": near, "positive_rate": rate}

    @property
    def _own(self) -> Schema:
        return datasets.schema_of(self.dataset)

    @property
    def _extra(self) -> Mapping[str, Any]:
        return own_metrics(self.evaluation.get("metrics") or ())

    def _numbers(self, frame: pd.DataFrame) -> np.ndarray:
        return typed(frame[[self.column]], self._own, self.column)[self.column].to_numpy(dtype=float)


def _under(split: Split, schema: Schema) -> Split:
    """The rows under a closed schema: encoded already, unless it was learnt."""
    return split.encoded(schema) if split.schema.is_open else split
