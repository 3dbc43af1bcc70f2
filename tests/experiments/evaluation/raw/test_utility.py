"""Models of raw space: patterns are found, whatever is missing, constant or new, and the same seed gives the same metrics."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders.mixed_rows import mixed_rows, mixed_schema

from dpdsyn.base.checks import InputError
from dpdsyn.schema import Schema
from experiments.evaluation.metrics import ALSO, METRICS
from experiments.evaluation.raw import models as raw_models
from experiments.evaluation.raw.models import RAW_MODELS
from experiments.evaluation.raw.preprocessing import MOST_CATEGORIES, Native, WithinRange, matrix
from experiments.evaluation.raw.regression import REGRESSION_METRICS, median_floor
from experiments.evaluation.raw.typed_frame import Features, typed
from experiments.evaluation.raw.utility import raw_utility

OURS = ("logistic", "forest", "boosting", "mlp")
SCHEMA = mixed_schema()


def judged(
    train: pd.DataFrame, test: pd.DataFrame, target: str = "label", evaluators: tuple[str, ...] = OURS, schema: Schema = SCHEMA
) -> dict[str, dict[str, float]]:
    frames = (typed(frame, schema, target) for frame in (train, test))
    return raw_utility(*frames, schema, target, evaluators, 1, seed=0)


def test_models_find_what_hangs_on_numbers_categories_and_missing_cells() -> None:
    train, test = mixed_rows(3000, seed=1), mixed_rows(1500, seed=2)
    results = judged(train, test)
    assert set(results) == set(OURS) and all(set(result) == {*METRICS, *ALSO} for result in results.values())
    for name, result in results.items():
        assert result["accuracy"] > 0.82 and result["auroc"] > 0.9, name
    assert results == judged(train, test)


def test_a_number_is_predicted_better_than_by_its_median() -> None:
    train, test = mixed_rows(3000, seed=1), mixed_rows(1500, seed=2)
    results, floor = judged(train, test, "pay"), median_floor(train["pay"].to_numpy(), test["pay"].to_numpy())
    assert set(results) == {"linear", "forest", "boosting", "mlp"}
    for name, result in results.items():
        assert set(result) == set(REGRESSION_METRICS)
        assert result["r2"] > 0.8 and floor["r2"] == pytest.approx(0, abs=0.02), name
        assert result["mae"] < floor["mae"] / 2 and result["pinball"] < floor["pinball"] / 2, name
    assert results == judged(train, test, "pay")


def test_a_date_is_a_number_to_be_predicted_too() -> None:
    train, test = mixed_rows(400, seed=1), mixed_rows(200, seed=2)
    assert judged(train, test, "joined", ("boosting",))["boosting"]["r2"] < 0.1  # it hangs on nothing


def test_rows_whose_target_says_nothing_are_left_out() -> None:
    train, test = mixed_rows(500, seed=1), mixed_rows(400, seed=2)
    without = judged(train, test, evaluators=("boosting",))
    nothing = train.iloc[:50].assign(label=None, age=10_000)
    assert judged(pd.concat([train, nothing]), pd.concat([test, nothing]), evaluators=("boosting",)) == without


def test_a_feature_that_the_synthetic_rows_lack_is_not_seen() -> None:
    train, test = mixed_rows(500, seed=1), mixed_rows(400, seed=2)
    results = judged(train.drop(columns=["age", "city"]), test)
    assert results == judged(train.drop(columns=["age", "city"]), test.drop(columns=["age", "city"]))
    assert results["boosting"]["accuracy"] < judged(train, test)["boosting"]["accuracy"]


def test_without_a_feature_classes_get_their_shares_and_a_number_its_mean() -> None:
    train, test = mixed_rows(500, seed=1)[["label", "pay"]], mixed_rows(400, seed=2)
    classes = judged(train[["label"]], test, evaluators=("mlp",))["mlp"]
    shares = train["label"].value_counts(normalize=True)
    assert classes["log_loss"] == pytest.approx(-np.log(shares[test["label"]]).mean())
    number = judged(train[["pay"]], test, "pay", ("mlp",))["mlp"]
    known = test["pay"].dropna()
    assert number["r2"] == pytest.approx(1 - ((known - train["pay"].mean()) ** 2).mean() / known.var(ddof=0))


def test_one_class_or_one_value_gives_the_constant_predictor() -> None:
    train, test = mixed_rows(100, seed=1).assign(label="yes", pay=7.0), mixed_rows(300, seed=2)
    for result in judged(train, test).values():
        assert result["accuracy"] == (test["label"] == "yes").mean() and result["auroc"] == 0.5
    for result in judged(train, test, "pay").values():
        assert result["mae"] == pytest.approx((test["pay"] - 7).abs().mean())


@pytest.mark.parametrize("target", ["label", "pay"])
def test_training_rows_without_a_target_predict_the_first_class_or_zero(target: str) -> None:
    train, test = mixed_rows(30, seed=1).assign(label=None, pay=np.nan), mixed_rows(300, seed=2)
    for result in judged(train, test, target).values():
        assert result.get("accuracy", 0) == (target == "label") * (test["label"] == "no").mean()
        assert result.get("mae", 0) == pytest.approx((target == "pay") * test["pay"].abs().mean())


def degenerate() -> dict[str, Callable[[pd.DataFrame], pd.DataFrame]]:
    return {
        "numbers all missing": lambda f: f.assign(age=None, pay=np.nan, joined=pd.NaT),
        "categories all missing": lambda f: f.assign(city=None),
        "constant": lambda f: f.assign(age=5, joined=pd.Timestamp("2020-01-01"), city="Ulm"),
        "nothing missing": lambda f: f.assign(city=f["city"].fillna("Ulm"), pay=f["pay"].fillna(3.0)),
        "beyond floats of single precision": lambda f: f.assign(age=np.where(f["age"] > 50, 1e300, -1e300)),
        "all distinct": lambda f: f.assign(city=[f"place {i}" for i in range(len(f))]),
        "only three rows": lambda f: f.iloc[:3],
        "numbers alone": lambda f: f.drop(columns="city"),
        "categories alone": lambda f: f.drop(columns=["age", "pay", "joined"]),
    }


@pytest.mark.parametrize("what", degenerate())
@pytest.mark.parametrize("target", ["label", "pay"])
@pytest.mark.filterwarnings("error:.*(invalid value|overflow|divide|All-NaN).*:RuntimeWarning")
def test_degenerate_training_columns_are_no_error(what: str, target: str) -> None:
    train = degenerate()[what](mixed_rows(400, seed=1)).assign(
        **({"pay": np.arange(400.0)[: 3 if "three" in what else 400]} if target == "pay" else {})
    )
    results = judged(train, mixed_rows(200, seed=2), target)
    assert len(results) == 4
    for result in results.values():
        assert np.isfinite(result["pinball" if target == "pay" else "log_loss"])


@pytest.mark.parametrize("target", ["label", "pay"])
def test_test_rows_that_no_training_row_is_like_do_not_carry_predictions_away(target: str) -> None:
    """A column that is constant in the training rows tells nothing, whatever the test rows have in it."""
    train, test = mixed_rows(500, seed=1).assign(age=5), mixed_rows(300, seed=2)
    assert judged(train, test.assign(age=10**9), target) == judged(train, test.assign(age=5), target)


def test_numbers_are_moved_into_the_range_of_the_training_rows() -> None:
    rows = pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": [np.nan] * 3})
    moved = WithinRange().fit(rows).transform(pd.DataFrame({"a": [0.0, 2.0, 9.0, np.nan], "b": [1.0, np.nan, 2.0, 3.0]}))
    assert moved[:, 0].tolist() == pytest.approx([1, 2, 3, np.nan], nan_ok=True) and np.isnan(moved[:, 1]).all()


def test_the_rarest_of_many_categories_are_pooled() -> None:
    texts = [f"t{i:03}" for i in range(300) for _ in range(2 if i < 260 else 1)]
    rows, features = pd.DataFrame({"x": texts}), Features((), ("x",))
    native = Native(features).fit(rows)
    made = native.transform(pd.DataFrame({"x": ["t000", "t252", "t253", "t299", "new", None]}))["c0"]
    assert made.cat.codes.nunique() == 3 and len(made.cat.categories) == MOST_CATEGORIES
    assert made.cat.codes[2:].nunique() == 1 and (made.cat.codes >= 0).all()
    assert matrix(features, dense=True).fit(rows).transform(rows).shape[1] == MOST_CATEGORIES


def test_few_categories_are_kept_apart_and_missing_is_one() -> None:
    features = Features((), ("x",))
    rows = pd.DataFrame({"x": ["a", "b", None]}, dtype=object)
    new = pd.DataFrame({"x": ["b", None, "new"]}, dtype=object)
    made = Native(features).fit(rows).transform(new)["c0"]
    assert made.cat.codes[0] != made.cat.codes[1] and made.cat.codes.tolist()[2] == -1
    assert matrix(features, dense=True).fit(rows).transform(new).tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 0]]
    assert Native(features, texts=True).fit(rows).transform(new)["c0"].tolist() == ["b", " missing", " unknown"]


def test_missing_numbers_are_the_median_and_marked() -> None:
    rows = pd.DataFrame({"x": [0.0, 1.0, 5.0, np.nan]})
    made = matrix(Features(("x",), ()), dense=True).fit(rows).transform(rows)
    assert made.shape == (4, 2) and made[3, 0] == made[1, 0] and len(set(made[:3, 1])) == 1 and made[3, 1] > made[0, 1]
    assert made.mean(axis=0) == pytest.approx([0, 0]) and made.std(axis=0) == pytest.approx([1, 1])


OWN = """
import numpy as np

class Seeded:
    def __init__(self, random_state):
        self.seed = random_state

    def fit(self, rows, labels):
        assert isinstance(rows, np.ndarray) and rows.dtype.kind == "f" and np.isfinite(rows).all()
        self.inputs = rows.shape[1]
        return self

    def predict_proba(self, rows):
        assert rows.shape[1] == self.inputs and np.isfinite(rows).all()
        return np.tile([0.25, 0.25, 0.5], (len(rows), 1))

    def predict(self, rows):
        return np.full(len(rows), float(self.seed))

def off_by(labels, predicted):
    return float(np.abs(labels - predicted).max())
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "raw_by_me.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "raw_by_me", raising=False)


def test_models_and_metrics_of_one_s_own(own: None) -> None:
    from experiments.evaluation.settings import metrics

    train, test = mixed_rows(200, seed=1), mixed_rows(100, seed=2)
    classes = judged(train, test, evaluators=("raw_by_me:Seeded",))["Seeded"]
    assert classes["accuracy"] == (test["label"] == "maybe").mean()
    frames = (typed(frame, SCHEMA, "pay") for frame in (train, test))
    number = raw_utility(*frames, SCHEMA, "pay", ["raw_by_me:Seeded"], 1, 0, metrics(["raw_by_me:off_by"]))["Seeded"]
    seed = int(np.random.SeedSequence([0, 0, 0]).generate_state(1)[0])
    assert number["off_by"] == pytest.approx(np.abs(test["pay"] - seed).max())
    assert number["mae"] < 1e9  # the median is that of rows with like predictions


def test_repeats_are_seeds_that_are_averaged() -> None:
    train, test = typed(mixed_rows(300, seed=1), SCHEMA), typed(mixed_rows(200, seed=2), SCHEMA)
    once, twice = (raw_utility(train, test, SCHEMA, "label", ["mlp"], repeats, 0)["mlp"] for repeats in (1, 2))
    assert once["log_loss"] != twice["log_loss"]
    assert once == raw_utility(train, test, SCHEMA, "label", ["mlp"], 1, 0)["mlp"]


@pytest.mark.parametrize("name", ["lightgbm", "catboost"])
def test_a_package_that_is_not_installed_is_named_with_its_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_models, "find_spec", lambda package: None)
    train = typed(mixed_rows(50), SCHEMA)
    with pytest.raises(InputError, match=rf"the evaluator {name} needs the package {name}; install it .*dpdsyn\[boosters\]"):
        raw_utility(train, train, SCHEMA, "label", [name], 1, 0)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["label", "pay"])
@pytest.mark.parametrize("name", ["lightgbm", "catboost"])
def test_boosters_of_the_extra_find_the_pattern(name: str, target: str) -> None:
    if raw_models.find_spec(name) is None:
        pytest.skip(f"{name} is an extra that is not installed here")
    train, test = mixed_rows(2000, seed=1), mixed_rows(1000, seed=2)
    result = judged(train, test, target, (name,))
    assert result[name].get("accuracy", 1) > 0.85 and result[name].get("r2", 1) > 0.85
    assert result == judged(train, test, target, (name,))
    for change in degenerate().values():
        judged(change(train.iloc[:200]).assign(pay=train["pay"].iloc[:200].fillna(0)), test.iloc[:50], target, (name,))


def test_every_model_of_raw_space_has_a_line_of_its_own() -> None:
    assert set(RAW_MODELS) == {*OURS, "lightgbm", "catboost"} and all(build.__doc__ for build in RAW_MODELS.values())
