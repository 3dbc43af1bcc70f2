"""What a source lends the guide: what is added to logits, the weight that private rows give it, and what that costs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from dpdsyn.guide import WEIGHED, Guide, GuideSettings
from dpdsyn.guides import head_start
from dpdsyn.guides.head_start import HeadStart, OfFeatures, weight_of
from dpdsyn.guides.module_guide import guide_of
from dpdsyn.guides.network import Network
from dpdsyn.learning.merging import Merging, Unmerged
from dpdsyn.method import GuidedSynthesizer
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.reading.column import Column
from dpdsyn.reading.pieces import Pieces
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import draw

NETWORK = Network(sizes=(3, 5, 2), heads=(4,), hidden=3)


def posterior(features: np.ndarray) -> np.ndarray:
    """Some probabilities that are a function of each row, and 0 for one class of some rows."""
    found = 1 + np.stack([(features @ np.array([1, 2, 3]) * step + step) % 7 for step in (1, 2, 3, 5)], axis=1).astype(float)
    found[features[:, 0] == 2, 3] = 0
    return found / found.sum(axis=1, keepdims=True)


def start(rng: np.random.Generator, weight: float = 1.0) -> tuple[HeadStart, np.ndarray, np.ndarray]:
    features = np.stack([rng.integers(size, size=80) for size in NETWORK.sizes], axis=1).astype(np.uint8)
    begun = rng.normal(0, 0.3, NETWORK.parameters)
    return HeadStart(NETWORK, begun, 0.5, posterior, weight), features, rng.integers(4, size=80).astype(np.uint8)


def said(network: Network, begun: np.ndarray, clip: float, features: np.ndarray) -> np.ndarray:
    return network.corrected(begun, network.index(features), clip)


def test_with_all_its_weight_labels_begin_at_the_sources_own_unless_that_goes_too_far(rng: np.random.Generator) -> None:
    found, features, _ = start(rng)
    added, own = found(features), said(NETWORK, found.begun, 0.5, features)
    assert added.dtype == np.float64 and np.abs(added).max() == head_start._MOST
    inside = (np.abs(added) < head_start._MOST).all(axis=1)
    together = own * np.exp(added)
    together /= together.sum(axis=1, keepdims=True)
    assert 10 < inside.sum() < 80 and np.allclose(together[inside], posterior(features)[inside])
    half, _, _ = start(np.random.default_rng(0), 0.5)
    assert np.allclose(half(features), added / 2)


def test_what_is_added_is_a_function_of_each_row_bit_for_bit(rng: np.random.Generator) -> None:
    found, features, labels = start(rng)
    added = found(features)
    for chosen in (rng.permutation(80)[:33], *np.arange(10)[:, None]):
        assert np.array_equal(found(features[chosen]), added[chosen])
    alone = [found.slopes(features[i : i + 1], labels[i : i + 1], 1.0) for i in range(80)]
    assert found.slopes(features, labels, 1.0) == pytest.approx(np.sum(alone, axis=0), abs=1e-12)
    assert found.slopes(features[:0], labels[:0], 1.0).tolist() == [0, 0]


@pytest.mark.parametrize("clip", [0.01, 0.4, 1e6])
def test_slopes_are_the_derivatives_of_each_rows_log_loss_clipped(clip: float, rng: np.random.Generator) -> None:
    found, features, labels = start(rng)
    added, own = found(features), said(NETWORK, found.begun, 0.5, features)

    def loss(v: float) -> np.ndarray:
        logits = np.log(own) + v * added
        return np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(80), labels]

    step = 1e-4
    slope = (loss(0.5 + step) - loss(0.5 - step)) / (2 * step)
    curvature = (loss(0.5 + step) - 2 * loss(0.5) + loss(0.5 - step)) / step**2
    each = np.stack([slope, curvature], axis=1)
    each *= np.minimum(1, clip / np.linalg.norm(each, axis=1))[:, None]
    assert found.slopes(features, labels, clip) == pytest.approx(each.sum(axis=0), rel=1e-4, abs=1e-5)
    alone = [found.slopes(features[i : i + 1], labels[i : i + 1], clip) for i in range(80)]
    assert np.linalg.norm(alone, axis=1).max() <= clip * (1 + 1e-9)


@pytest.mark.parametrize("wild", [1e200, np.inf, np.nan])
def test_a_row_without_finite_slopes_adds_nothing(wild: float, rng: np.random.Generator) -> None:
    found, features, labels = start(rng)
    NETWORK.split(found.begun)[0][1] = wild
    there = features[:, 0] == 1
    with np.errstate(all="ignore"):
        total, rest = (found.slopes(features[rows], labels[rows], 0.3) for rows in (there | ~there, ~there))
    assert there.sum() > 5 and np.isfinite(rest).all() and np.linalg.norm(total - rest) <= 0.3 * there.sum()


def test_the_weight_is_the_signals_share_less_the_noises() -> None:
    assert weight_of(-50, 100, 0) == 1  # best at v = 1
    assert weight_of(0, 100, 0) == 0 and weight_of(30, 100, 0) == 0  # at a half and below
    assert weight_of(-25, 100, 0) == pytest.approx(0.5)  # at three quarters
    assert weight_of(-25, 100, 100) == 0  # nothing that rows do not confirm
    assert weight_of(-25, 100, 20) == pytest.approx(2 * 0.75 / 1.04 - 1)
    assert weight_of(-1e9, 100, 1) == 1 and weight_of(-5, -3, 1) == 0 and weight_of(0, 0, 0) == 0


def test_a_source_is_asked_about_features_where_they_stand() -> None:
    asked: list[np.ndarray] = []
    OfFeatures(lambda rows: asked.append(rows) or np.ones((len(rows), 2)), 4, (0, 3, 1))(np.array([[5, 6, 7]], dtype=np.uint8))
    assert asked[0].tolist() == [[5, 7, 0, 6]] and asked[0].dtype == np.uint8


# --- in the guide and in the method ------------------------------------------------------------------------------


def many_classes(rows: int, seed: int = 0, values: int = 6, classes: int = 10) -> tuple[Schema, np.ndarray]:
    """Classes that hang on a pair of columns: where there are many, a triple holds more of it than eight hidden units."""
    rng = np.random.default_rng(seed)
    x = rng.integers(values, size=(rows, 4))
    told = np.random.default_rng(7).integers(classes, size=(values, values))
    label = np.where(rng.random(rows) < 0.9, told[x[:, 0], x[:, 1]], rng.integers(classes, size=rows))
    columns = [Column(f"x{i}", "categorical", categories=tuple(range(values))) for i in range(4)]
    schema = Schema((*columns, Column("y", "categorical", categories=tuple(range(classes)))), "y", rows)
    return schema, np.column_stack([x, label]).astype(np.uint8)


def fitted(encoded: np.ndarray, schema: Schema, epsilon: float = 2.0, **settings: Any) -> tuple[GuidedSynthesizer, Ledger]:
    ledger = Ledger(Budget(epsilon, 1e-6))
    private = PrivateTable(encoded, schema, ledger, np.random.default_rng(1))
    return GuidedSynthesizer(**settings).fit(private, np.random.default_rng(2)), ledger


def weight(synthesizer: GuidedSynthesizer) -> float:
    assert synthesizer.guide_._margin is not None
    return synthesizer.guide_._margin.weight


def test_what_marginals_have_paid_for_reaches_the_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    schema, encoded = many_classes(20_000, values=16, classes=12)
    _, test = many_classes(5000, 1, 16, 12)

    def right() -> tuple[float, float]:
        synthesizer, _ = fitted(encoded, schema)
        probabilities = synthesizer._probabilities(test[:, :4])[0]
        return float((probabilities.argmax(axis=1) == test[:, 4]).mean()), weight(synthesizer)

    with_it, given = right()
    monkeypatch.setattr("dpdsyn.guide.weight_of", lambda *_: 0.0)
    without, _ = right()
    assert given > 0.9 and with_it > 0.75 and without < 0.65


def test_noise_of_the_source_is_left_out() -> None:
    """Labels that hang on nothing: what the source says of them beyond the guide is noise."""
    schema, encoded = many_classes(20_000)
    encoded[:, 4] = np.random.default_rng(3).permutation(encoded[:, 4])
    assert weight(fitted(encoded, schema)[0]) < 0.2


def test_its_question_is_in_the_ledger_and_within_the_budget() -> None:
    schema, encoded = many_classes(3000)
    synthesizer, ledger = fitted(encoded, schema, 1.0, guide={"steps": 20})
    kinds = [(entry["mechanism"], entry.get("rate"), entry.get("count")) for entry in ledger.entries]
    assert kinds[:2] == [("GaussianCap", None, None), ("SampledGaussian", 1.0, 1)] and kinds[2][2] == 20 and len(kinds) == 3
    asked = ledger.entries[1]
    assert asked["label"] == WEIGHED and 0.99 < ledger.spent <= 1.0
    assert 1 / (2 * asked["noise_multiplier"] ** 2) == pytest.approx(0.02 * ledger.allowance.rho)
    assert synthesizer.version == 7


@pytest.mark.parametrize(
    "settings",
    [
        {"guide": {"pretraining": 0, "steps": 5}},
        {"guide": {"module": "dpdsyn.crosses:Crosses", "options": {"width": 2, "hidden": 2}, "steps": 5, "pretraining": 5}},
        {"other_targets": ("x0",), "guide": {"steps": 5, "pretraining": 5}},
        {"candidates": "class_conditional", "guide": {"steps": 5, "pretraining": 5}},
    ],
)
def test_where_there_is_none_nothing_is_asked(settings: dict[str, Any]) -> None:
    schema, encoded = many_classes(800)
    synthesizer, ledger = fitted(encoded, schema, **settings)
    assert synthesizer.guide_._margin is None and WEIGHED not in [entry["label"] for entry in ledger.entries]


def test_an_ordered_target_has_none() -> None:
    columns = (*many_classes(9)[0].columns[:4], Column("y", "integer", bounds=(0, 9), bins=10))
    guide = guide_of(Schema(columns, "y", 500), GuideSettings())
    assert not guide.takes_head_start


def test_it_is_saved_with_the_model_and_models_without_it_load_as_they_are() -> None:
    schema, encoded = many_classes(4000)
    synthesizer, _ = fitted(encoded, schema, 8.0, guide={"steps": 10})
    assert weight(synthesizer) > 0
    state = synthesizer.state()
    back = GuidedSynthesizer(**synthesizer.parameters()).restore(schema, state)
    ours, theirs = (draw(one, schema, 800, np.random.default_rng(5)) for one in (synthesizer, back))
    assert np.array_equal(ours, theirs)

    earlier = {key: value for key, value in state.items() if key not in ("guide.begun", "guide.weight")}
    old = GuidedSynthesizer(**synthesizer.parameters()).restore(schema, earlier)
    assert old.guide_._margin is None and not np.array_equal(draw(old, schema, 800, np.random.default_rng(5)), ours)


@pytest.mark.parametrize(
    "changed", [{"guide.begun": np.zeros(3)}, {"guide.weight": np.array(2.0)}, {"guide.weight": np.array(math.nan)}]
)
def test_a_saved_one_that_does_not_fit_is_refused(changed: dict[str, np.ndarray]) -> None:
    schema, encoded = many_classes(800)
    synthesizer, _ = fitted(encoded, schema, 8.0, guide={"steps": 3})
    with pytest.raises(ValueError, match="does not fit"):
        GuidedSynthesizer(**synthesizer.parameters()).restore(schema, synthesizer.state() | changed)


def test_a_guide_of_another_target_takes_no_saved_head_start() -> None:
    schema, _ = many_classes(800)
    guide = Guide(schema, GuideSettings(), ("x0",))
    state = {
        "parameters": np.zeros(guide.network.parameters),
        "begun": np.zeros(guide.network.parameters),
        "weight": np.array(1.0),
    }
    with pytest.raises(ValueError, match="head start"):
        guide.restore(state, posterior)


def test_merged_codes_are_asked_as_one_and_told_apart_by_their_counts() -> None:
    runs, counts = tuple(range(6)), (40.0, 1.0, 2.0, 3.0, 9.0, 50.0)
    numbers = Column("n", "integer", pieces=Pieces(runs, runs, runs), counts=counts, count_sds=(1.0,) * 6)
    schema = Schema((numbers, Column("y", "categorical", categories=("a", "b"))), "y", 100)
    merging = Merging(schema, {"n": np.array([0, 1, 1, 1, 2, 2])})
    asked: list[np.ndarray] = []

    def inner(rows: np.ndarray) -> np.ndarray:
        asked.append(rows.copy())
        return np.tile([0.5, 0.3, 0.2], (len(rows), 1))

    rows = np.array([[3, 1], [5, 0]], dtype=np.uint8)
    shares = Unmerged(inner, merging, 0)(rows)
    assert asked[0][:, 0].tolist() == [1, 2] and rows[:, 0].tolist() == [3, 5]
    assert np.allclose(shares, [[0.5, 0.05, 0.1, 0.15, 0.2 * 9 / 59, 0.2 * 50 / 59]] * 2)
    other = Unmerged(lambda rows: np.tile([0.6, 0.4], (len(rows), 1)), merging, 1)
    assert np.allclose(other(rows), [[0.6, 0.4]] * 2)
