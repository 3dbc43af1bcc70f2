"""TSTR in raw space: models trained on typed synthetic rows are tested on typed real ones. (To be filled.)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from dpdsyn.schema import Schema
from experiments.evaluation.metrics import METRICS, Metric


def raw_utility(
    train: pd.DataFrame,
    test: pd.DataFrame,
    schema: Schema,
    target: str,
    evaluators: Sequence[str],
    repeats: int,
    seed: int,
    extra: Mapping[str, Metric] | None = None,
) -> dict[str, dict[str, float]]:
    """Metrics by evaluator."""
    return {name: dict.fromkeys([*METRICS, *(extra or {})], float("nan")) for name in evaluators}
