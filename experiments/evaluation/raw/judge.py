"""Judging where a person stands: synthetic rows decoded to the owner's types, real rows as they were read.

Frames are raw or decoded, not yet typed. Models learn from synthetic rows and are tested on real ones (`raw_utility`); marginals,
associations and counting queries are held against the real training rows (`raw_fidelity`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dpdsyn.schema import Schema
from experiments.evaluation.metrics import Metric
from experiments.evaluation.raw.fidelity import raw_fidelity
from experiments.evaluation.raw.typed_frame import classes_of, typed
from experiments.evaluation.raw.utility import raw_utility
from experiments.evaluation.settings import judges_of


def judge(
    synthetic: pd.DataFrame,
    train: pd.DataFrame,
    test: pd.DataFrame,
    schema: Schema,
    target: str,
    settings: Mapping[str, Any],
    seed: int,
    extra: Mapping[str, Metric] | None = None,
) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """Metrics by evaluator, then by name; and fidelity by name.

    synthetic: decoded rows (or real ones, for the ceiling); it may lack features that nothing could be learnt of. schema: its
    kinds decide how cells are read, and its classes those of the target; pass the data set's public one, so that all methods are
    judged by the same classes. target: the column to predict, a number or categorical. settings: as of `conf/evaluation`;
    evaluators and repeats are used. extra: metrics besides ours.
    """
    frames = [synthetic, train, test]
    classes = classes_of(frames, schema[target])
    ours, theirs, held_out = (typed(frame, schema, target, classes) for frame in frames)
    metrics = raw_utility(ours, held_out, schema, target, judges_of(settings), settings["repeats"], seed, extra)
    return metrics, raw_fidelity(ours, theirs, held_out, schema)
