"""Faults of the private evaluation that no ledger notices, to be planted in the library for an audit to find.

`quick` puts a small model in the place of the evaluation's own, which is what takes its time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from builders.broken_methods import PlainGaussian, rows_of
from dpdsyn.private_table import PrivateTable
from dpdsyn.quality import held_out, private_evaluation
from dpdsyn.quality.private_evaluation import CLIP, Judge, PrivateEvaluation
from dpdsyn.schema import Schema


class OneClass(PlainGaussian):
    """Its rows are all of the first class, so that a row of another has no chance."""

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        rows = super().sample(n, rng)
        rows[:, self.schema_.target_position] = 0
        return rows


def _small(schema: Schema, features: np.ndarray, labels: np.ndarray, classes: int) -> Callable[[np.ndarray], np.ndarray]:
    """Shares of classes for each value of the first column, learnt as `_learnt` learns trees."""
    counts = np.full((schema.columns[0].size, classes), 1e-300)
    np.add.at(counts, (features[:, 0], labels), 1.0)
    return lambda rows: np.log(counts[rows[:, 0]])


def _unclipped(self: Judge, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth, predicted, _ = _SOUND["losses"](self, rows)
    scores = self.scores(rows[:, self.features])
    return truth, predicted, scores.max(axis=1) - scores[np.arange(len(rows)), truth]


def _charged_for_less(self: Judge, rows: np.ndarray, clip: float) -> np.ndarray:
    """As if the table alone were moved, by one."""
    answer: np.ndarray = _SOUND["sums"](self, rows, clip)
    return answer * CLIP


def _by_place(table: pd.DataFrame, schema: Schema, part: float, key: bytes) -> np.ndarray:
    """A permutation of as many rows as there are: one more deals all of them anew."""
    order = np.random.default_rng(list(key)).permutation(len(table))
    return order < part * len(table)


def _nobodys(closed: Schema, given: Schema, part: float | None) -> Schema:
    """The evaluation forgets whose the rows are."""
    whole: Schema = _SOUND["of_all"](closed, given, part)
    return replace(whole, person=None, max_rows_per_person=None, ignore=(*whole.ignore, str(whole.person)))


def _exact_table(private: PrivateTable, schema: Schema, lessons: np.ndarray, *more: Any) -> PrivateEvaluation:
    """Sums with noise, and beside them a table that is counted past the mechanism."""
    found = _SOUND["evaluated"](private, schema, lessons, *more)
    names, grouped = private_evaluation._classes(schema, lessons[:, schema.target_position])
    counts = Judge(schema, lessons, grouped, len(names)).sums(rows_of(private), CLIP)[:-2].reshape(len(names), -1)
    return replace(found, table=tuple(tuple(map(float, line)) for line in counts))


_SOUND: dict[str, Callable[..., Any]] = {
    "losses": Judge.losses,
    "sums": Judge.sums,
    "of_all": held_out.of_all,
    "evaluated": private_evaluation.evaluated,
}
FAULTS: dict[str, tuple[object, str, Callable[..., Any]]] = {
    "unclipped loss": (Judge, "losses", _unclipped),
    "sensitivity of the loss not charged": (Judge, "sums", _charged_for_less),
    "sides by place": (held_out, "held_out", _by_place),
    "persons forgotten": (held_out, "of_all", _nobodys),
    "exact table": (private_evaluation, "evaluated", _exact_table),
}


@contextmanager
def quick() -> Iterator[None]:
    """A small model for the evaluation's, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(private_evaluation, "_learnt", _small)
        yield


@contextmanager
def planted(fault: str) -> Iterator[None]:
    """One fault of FAULTS in the library, in this process."""
    place, name, broken = FAULTS[fault]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, name, broken)
        yield
