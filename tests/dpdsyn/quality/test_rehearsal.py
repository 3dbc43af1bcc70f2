"""A rehearsal tells of the noise of a real fit: the same plan, the same standard deviations, the same threshold."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders.raw_people import KINDS

from dpdsyn import DPDSyn, Schema
from dpdsyn.learning.domain_learning import DomainLearning
from dpdsyn.learning.raw_table import RawTable
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.quality.rehearsal import Unforeseeable, made_up, rehearsed
from dpdsyn.synthesizer import load
from dpdsyn.tables.preflight import preflight

ROWS = 3000
OPEN: dict[str, Any] = {
    "target": "ill",
    "rows_public": ROWS,
    "columns": {
        "age": {"kind": "integer"},
        "weight": {"kind": "real", "bounds": [0, 200]},
        "ward": {"kind": "categorical"},
        "sex": {"kind": "categorical", "categories": ["f", "m"]},
        "ill": {"kind": "categorical"},
    },
}
EVERY_KIND: dict[str, Any] = {
    "target": "class",
    "rows_public": 500,
    "person": "who",
    "max_rows_per_person": 3,
    "columns": {
        "day": {"kind": "date", "bounds": ["2015-01-01", "2015-12-31"], "bins": 4, "format": "%d.%m.%Y"},
        "moment": {"kind": "date", "resolution": "minute"},
        "fee": {"kind": "real", "bounds": [0, 100], "bins": 5, "scale": "log", "missing": "own_code"},
        "size": {"kind": "integer", "bounds": [3, 5], "bins": 2},
        "flag": {"kind": "categorical", "categories": [True, False]},
        "code": {"kind": "categorical", "categories": [1, 2, 7]},
        "class": {"kind": "categorical", "cut_at": [10], "categories": ["low", "high"]},
    },
}


def table(rows: int = ROWS) -> pd.DataFrame:
    """Rows of the open schema, of which every column survives."""
    rng = np.random.default_rng(2)
    age = rng.integers(18, 90, rows)
    return pd.DataFrame(
        {
            "age": age,
            "weight": rng.normal(75, 12, rows).round(1),
            "ward": rng.choice(["north", "south"], rows),
            "sex": rng.choice(["f", "m"], rows),
            "ill": np.where(age + rng.normal(0, 10, rows) > 55, "yes", "no"),
        }
    )


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[float]]:
    """Of every fit that follows the noise that one-way marginals, and values that nobody listed, were asked for with."""
    found: dict[str, list[float]] = {"marginals": [], "listed": []}
    marginals, histograms = PrivateTable.noisy_marginals, RawTable.histograms

    def noisy_marginals(self: PrivateTable, queries: Any, sigmas: Any) -> Any:
        found["marginals"] += [sigma for query, sigma in zip(queries, sigmas, strict=True) if len(query) == 1]
        return marginals(self, queries, sigmas)

    def noisy_histograms(self: RawTable, grids: Any, sigmas: Any, listed: Any = (), sigma: Any = 1.0, delta: Any = 0.0) -> Any:
        found["listed"] += [sigma] * len(listed)
        return histograms(self, grids, sigmas, listed, sigma, delta)

    monkeypatch.setattr(PrivateTable, "noisy_marginals", noisy_marginals)
    monkeypatch.setattr(RawTable, "histograms", noisy_histograms)
    return found


@pytest.mark.slow
def test_plan_and_noise_are_those_of_a_real_fit(heard: dict[str, list[float]]) -> None:
    evaluate = 0.2
    schema = Schema.from_mapping(OPEN)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = DPDSyn(epsilon=1.0, delta=1e-6, random_state=5).fit(table(), schema, evaluate=evaluate)
    real = {name: list(found) for name, found in heard.items()}
    said = rehearsed(schema, 1.0, 1e-6, ROWS, evaluate)
    assert said.plan is not None and said.plan == fitted.guarantee.plan
    assert set(fitted.schema_.names) == set(said.noise) == set(schema.names)
    first = real["marginals"][: len(schema.names)]
    assert np.allclose(list(said.noise.values()), first, rtol=1e-12) and len(set(first)) == 1
    assert [said.learning[name] for name in ("ward", "ill")] == pytest.approx(real["listed"][:2], rel=1e-12)
    spends = [spend for spend in fitted.guarantee.spends if spend["mechanism"] == "GaussianCap"]
    share = sum(1 / sigma**2 for sigma in first) * spends[0]["noise_multiplier"] ** 2  # of what the source may spend
    assert share == pytest.approx(0.1, rel=1e-4)  # calibration rounds upwards


def test_categories_that_are_told_of_are_those_above_the_threshold_that_was_said() -> None:
    schema = Schema.from_mapping(
        {**OPEN, "columns": {**OPEN["columns"], "ill": {"kind": "categorical", "categories": ["no", "yes"]}}}
    )
    said = rehearsed(schema, 2.0, 1e-6, ROWS)
    at, spread = said.threshold["ward"], 2 * said.learning["ward"]
    counts = {"surely": math.ceil(at + spread), "half": round(at), "hardly": math.floor(at - spread)}
    wards = [ward for ward, count in counts.items() for _ in range(count)]
    frame = table().assign(ward=pd.Series(wards + ["common"] * (ROWS - len(wards))))
    trials = 60
    told = dict.fromkeys(counts, 0)
    for seed in range(trials):
        raw = RawTable(frame, schema, Ledger(Budget(2.0, 1e-6)), np.random.default_rng(seed))
        found = DomainLearning().learn(raw).schema["ward"].categories
        assert "common" in found
        for ward in counts:
            told[ward] += ward in found
    assert told["surely"] >= 0.9 * trials and told["hardly"] <= 0.1 * trials and 0.25 * trials < told["half"] < 0.75 * trials


def test_made_up_rows_are_such_as_the_schema_describes() -> None:
    for raw in (OPEN, EVERY_KIND, KINDS):
        schema = Schema.from_mapping(raw)
        report = preflight(made_up(schema), schema)
        assert report.usable == report.rows > 500 and not report.often


def test_noise_is_told_in_rows_where_a_person_has_several() -> None:
    one = Schema.from_mapping({**EVERY_KIND, "max_rows_per_person": 1})
    three = Schema.from_mapping(EVERY_KIND)
    alone, together = (rehearsed(schema, 4.0, 1e-6, 60_000) for schema in (one, three))
    assert alone.closed is not None and alone.closed.names == (together.closed and together.closed.names)
    assert together.noise["size"] == pytest.approx(3 * alone.noise["size"], rel=0.02)  # what is left for it differs a little


def test_of_a_table_too_small_the_fits_own_words_are_kept() -> None:
    said = rehearsed(replace(Schema.from_mapping(OPEN), rows_public=20), 0.5, 1e-6, 20)
    assert said.closed is None and said.why is not None and "nothing can be learnt of the target 'ill'" in said.why


@pytest.mark.parametrize(
    ("method", "why"),
    [("baselines.references:GuideOnly", "learns by noisy sums"), ("baselines.references:Real", "uses rows without protection")],
)
def test_of_methods_that_count_no_columns_it_is_said_that_nothing_can_be(method: str, why: str) -> None:
    with pytest.raises(Unforeseeable, match=why):
        rehearsed(
            Schema.from_mapping({**EVERY_KIND, "person": None, "max_rows_per_person": None}),
            4.0,
            1e-6,
            60_000,
            None,
            load(method),
        )
