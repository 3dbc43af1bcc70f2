"""Judging in raw space as a whole: from frames as they were read to metrics and fidelity."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from builders.mixed_rows import as_texts, mixed_rows, mixed_schema

from dpdsyn.schema import Schema
from experiments.configuration import read_option
from experiments.evaluation.metrics import ALSO, METRICS
from experiments.evaluation.raw.fidelity import NAMES
from experiments.evaluation.raw.judge import judge
from experiments.evaluation.raw.regression import REGRESSION_METRICS

SETTINGS = {**read_option("evaluation", "raw"), "evaluators": ["boosting", "logistic"]}
SCHEMA = mixed_schema()


def judged(synthetic: pd.DataFrame, target: str = "label", schema: Schema = SCHEMA) -> tuple[dict, dict]:
    train, test = as_texts(mixed_rows(800, seed=1)), as_texts(mixed_rows(400, seed=2))
    return judge(synthetic, train, test, schema, target, SETTINGS, seed=3)


def test_real_rows_are_the_ceiling_and_at_no_distance() -> None:
    metrics, fidelity = judged(mixed_rows(800, seed=1))  # the training rows, written in other types
    assert fidelity == pytest.approx(dict.fromkeys(NAMES, 0.0), abs=1e-12)
    assert list(metrics) == ["boosting", "logistic"] and all(set(scores) == {*METRICS, *ALSO} for scores in metrics.values())
    nonsense = mixed_rows(800, seed=1)
    nonsense["label"] = nonsense["label"].to_numpy()[np.random.default_rng(0).permutation(800)]
    worse, farther = judged(nonsense)
    assert worse["boosting"]["accuracy"] < metrics["boosting"]["accuracy"] - 0.1
    assert farther["correlation_error"] > 0 and farther["wasserstein"] == pytest.approx(0)


def test_rows_that_went_through_an_encoding_are_judged_against_raw_ones() -> None:
    frame, coarse = (
        mixed_rows(800, seed=1),
        Schema.from_mapping(
            {
                **SCHEMA.to_mapping(),
                "columns": {**SCHEMA.to_mapping()["columns"], "pay": {"kind": "real", "bounds": [0, 1000], "bins": 1}},
            }
        ),
    )
    metrics, fidelity = judged(coarse.decode(coarse.encode(frame), np.random.default_rng(0)))
    real, _ = judged(frame)
    assert 0.6 < metrics["boosting"]["accuracy"] <= real["boosting"]["accuracy"] + 0.02
    assert fidelity["category_tvd"] == pytest.approx(0) and fidelity["wasserstein"] > 0.05


def test_a_number_is_judged_as_one_and_the_first_target_is_then_a_feature() -> None:
    metrics, fidelity = judged(mixed_rows(800, seed=1), "pay", mixed_schema("label"))
    assert list(metrics) == ["boosting", "linear"] and all(set(scores) == set(REGRESSION_METRICS) for scores in metrics.values())
    assert metrics["boosting"]["r2"] > 0.8 and fidelity["grid_tvd2"] == pytest.approx(0)


def test_the_same_seed_gives_the_same_numbers() -> None:
    assert judged(mixed_rows(300, seed=5)) == judged(mixed_rows(300, seed=5))


def test_kinds_alone_are_enough() -> None:
    """A schema that leaves bounds and categories of features open judges as one that states them; classes may be open too."""
    raw = SCHEMA.to_mapping()["columns"]
    kinds = {name: {"kind": column["kind"]} for name, column in raw.items()}
    closed = judged(mixed_rows(300, seed=5))
    opened = Schema.from_mapping({"rows_public": 100, "target": "label", "columns": {**kinds, "label": raw["label"]}})
    assert judged(mixed_rows(300, seed=5), schema=opened) == closed
    without = Schema.from_mapping({"rows_public": 100, "columns": {**kinds}})
    metrics, _ = judged(mixed_rows(300, seed=5), schema=without)
    assert metrics["boosting"]["accuracy"] == pytest.approx(
        closed[0]["boosting"]["accuracy"], abs=0.02
    )  # classes in another order
