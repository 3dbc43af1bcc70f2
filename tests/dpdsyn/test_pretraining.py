"""Where private training begins, what holds it there, and that pretraining and counts of rows decide nothing that is charged."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import pytest

from dpdsyn.accounting.spends import SampledGaussian
from dpdsyn.contract import toy_encoded, toy_schema
from dpdsyn.guide import PRETRAINED, Guide, GuideSettings
from dpdsyn.guides.module_guide import guide_of
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import ClippedSum, PrivateTable
from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema

CROSSES = {"module": "dpdsyn.crosses:Crosses", "options": {"width": 3, "hidden": 3}}
BOTH = pytest.mark.parametrize("kind", [{"hidden": 5}, CROSSES], ids=["built-in", "module"])


def copied_column(rows: int, seed: int = 0) -> tuple[Schema, np.ndarray]:
    """The label is the first of three columns, but for one row in ten."""
    rng = np.random.default_rng(seed)
    columns = [Column(f"x{i}", "categorical", categories=tuple(range(3))) for i in range(3)]
    schema = Schema((*columns, Column("y", "categorical", categories=("a", "b", "c"))), "y", max(rows, 1))
    x = rng.integers(3, size=(rows, 3))
    return schema, np.column_stack([x, np.where(rng.random(rows) < 0.1, rng.integers(3, size=rows), x[:, 0])]).astype(np.uint8)


def right(guide: Guide, encoded: np.ndarray) -> float:
    return float(np.mean(guide.predict_proba(encoded[:, :3]).argmax(axis=1) == encoded[:, 3]))


class Scripted:
    """In place of a private table: its sums are over all rows, with noise that was drawn beforehand; asked: what was asked."""

    def __init__(self, encoded: np.ndarray, noise: list[np.ndarray]) -> None:
        self.encoded, self.noise, self.asked = encoded, noise, list[tuple[float, float, float]]()

    def noisy_sum(self, f: ClippedSum, rate: float, sigma: float, clip: float) -> np.ndarray:
        self.asked.append((rate, sigma, clip))
        return f(self.encoded, clip) + sigma * clip * self.noise[len(self.asked) - 1]


# --- pretraining


def test_pretraining_is_given_public_rows_and_chance_and_nothing_else() -> None:
    for kind in (Guide, type(guide_of(toy_schema(), GuideSettings(**CROSSES)))):
        assert list(inspect.signature(kind.pretrain).parameters) == ["self", "encoded", "rng"]


@BOTH
def test_pretraining_learns_and_is_free(kind: dict[str, Any]) -> None:
    schema, encoded = copied_column(4000)
    guide = guide_of(schema, GuideSettings(pretraining=150, **kind))
    spend = guide.spend(3.0)
    assert right(guide.pretrain(encoded, np.random.default_rng(0)), copied_column(4000, seed=1)[1]) > 0.9
    assert guide.spend(3.0) == spend == SampledGaussian(guide.rate, 3.0, guide.settings.steps)


@BOTH
def test_pretraining_comes_from_its_generator_alone(kind: dict[str, Any]) -> None:
    schema, encoded = copied_column(300)

    def made(seed: int) -> np.ndarray:
        return guide_of(schema, GuideSettings(pretraining=7, **kind)).pretrain(encoded, np.random.default_rng(seed)).parameters_

    np.random.seed(1)  # noqa: NPY002 - a state that it must not look at
    first = made(0)
    np.random.seed(2)  # noqa: NPY002
    assert np.array_equal(first, made(0)) and not np.array_equal(first, made(1)) and first.dtype == np.float32


@BOTH
def test_pretraining_goes_through_all_rows_before_any_comes_again(kind: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    schema, encoded = copied_column(50)
    encoded[:, :3] = np.stack(np.unravel_index(np.arange(50) % 27, (3, 3, 3)), axis=1)
    guide = guide_of(schema, GuideSettings(pretraining=6, **kind))
    monkeypatch.setattr(type(guide), "pretraining_batch", 16)
    seen: list[np.ndarray] = []
    whole = guide._clipped_sum

    def noted(flat: np.ndarray, features: np.ndarray, labels: np.ndarray, clip: float) -> np.ndarray:
        seen.append(np.column_stack([features, labels]))
        assert clip == guide.settings.clip
        return whole(flat, features, labels, clip)

    monkeypatch.setattr(guide, "_clipped_sum", noted)
    guide.pretrain(encoded, np.random.default_rng(0))
    assert [len(batch) for batch in seen] == [16] * 6
    there = {tuple(row): count for row, count in zip(*np.unique(encoded, axis=0, return_counts=True), strict=True)}
    for epoch in (seen[:3], seen[3:]):
        drawn, counts = np.unique(np.concatenate(epoch), axis=0, return_counts=True)
        assert all(count <= there[tuple(row)] for row, count in zip(drawn, counts, strict=True))


@BOTH
@pytest.mark.parametrize("rows", [0, 1, 20])
def test_few_rows_or_none_are_no_error(kind: dict[str, Any], rows: int) -> None:
    schema, encoded = copied_column(rows)
    guide = guide_of(schema, GuideSettings(pretraining=12, **kind)).pretrain(encoded, np.random.default_rng(0))
    fresh = guide_of(schema, GuideSettings(pretraining=0, **kind)).pretrain(encoded, np.random.default_rng(0))
    assert np.isfinite(guide.parameters_).all()
    assert np.array_equal(guide.parameters_, fresh.parameters_) == (rows == 0)  # of no rows nothing is learnt
    for found in (guide.predict_proba(encoded[:, :3]), guide.corrected(encoded[:, :3])[0]):
        assert found.shape == (rows, 3) and np.isfinite(found).all()


@BOTH
def test_pretraining_teaches_every_head(kind: dict[str, Any]) -> None:
    schema, encoded = copied_column(4000)
    encoded[:, 2] = (encoded[:, 1] + encoded[:, 2] // 2) % 3  # mostly the second column
    guide = guide_of(schema, GuideSettings(pretraining=150, **kind), other_targets=("x2",))
    guide.pretrain(encoded, np.random.default_rng(0))
    for name, probabilities in zip(guide.targets, guide.predict_all(encoded[:, :2]), strict=True):
        assert np.mean(probabilities.argmax(axis=1) == encoded[:, schema.position(name)]) > 0.6, name


def test_columns_are_read_as_the_schema_orders_them() -> None:
    """Here the target is the first of them."""
    columns = [
        Column("y", "categorical", categories=(0, 1)),
        *(Column(f"x{i}", "integer", bounds=(0, 3), bins=4) for i in (1, 2)),
    ]
    schema, rng = Schema(tuple(columns), "y", 500), np.random.default_rng(0)
    x = rng.integers(4, size=(2000, 2))
    encoded = np.column_stack([x[:, 1] > 1, x]).astype(np.uint8)
    guide = Guide(schema, GuideSettings(hidden=0, pretraining=200)).pretrain(encoded, np.random.default_rng(1))
    assert np.mean(guide.predict_proba(x).argmax(axis=1) == encoded[:, 0]) > 0.99


# --- where fitting begins


@BOTH
def test_fitting_begins_where_pretraining_ended(kind: dict[str, Any]) -> None:
    """With much noise and a small wander it stays there, and without pretraining it begins elsewhere."""
    schema, public = copied_column(2000)
    private_rows = copied_column(200, seed=5)[1]
    settings = GuideSettings(pretraining=60, wander=1e-4, steps=12, batch=64, **kind)

    def fitted(pretrained: bool) -> Guide:
        guide, ledger = guide_of(schema, settings), Ledger(Budget(0.1, 1e-6))
        if pretrained:
            guide.pretrain(public, np.random.default_rng(3))
        noise = ledger.open_calibrated(lambda noise: [guide.spend(noise)])
        private = PrivateTable(private_rows, schema, ledger, np.random.default_rng(4))
        return guide.fit(private, noise, np.random.default_rng(3))

    start = guide_of(schema, settings).pretrain(public, np.random.default_rng(3)).parameters_
    near, far = fitted(True), fitted(False)
    assert 0 < np.abs(near.parameters_ - start).max() < 1e-3 and np.array_equal(near.begin_, start)
    assert np.abs(far.parameters_ - start).max() > 0.1
    assert right(near, public) > 0.85


# --- what holds it there, beside a naive loop


def naive(
    guide: Guide, encoded: np.ndarray, begin: np.ndarray, sigma: float, noises: list[np.ndarray], rows: float, pull: bool
) -> np.ndarray:
    """Heavy-ball SGD, term by term, as the settings' docstring tells it."""
    s, network = guide.settings, guide.network
    batch = guide.rate * rows
    rate = min(s.learning_rate, s.wander * (1 - s.momentum) / (sigma * s.clip / batch * math.sqrt(s.steps)))
    back = s.pull * (1 - s.momentum) / (rate * s.steps)
    index, labels = network.index(encoded[:, :3]), encoded[:, 3:]
    flat, velocity, seen = begin.copy(), np.zeros_like(begin), []
    for noise in noises:
        answer = network.clipped_gradient_sum(flat, index, labels, s.clip) + sigma * s.clip * noise
        velocity = s.momentum * velocity + answer / batch
        if pull:
            velocity = velocity + back * (flat - begin)
        flat = flat - rate * velocity
        seen.append(flat)
    kept = seen[-max(1, round(s.steps * s.average)) :]
    return (np.add.reduce(kept) / len(kept)).astype(np.float32)


@pytest.mark.parametrize(("pull", "rows"), [(0.0, None), (2.0, None), (2.0, 50.0), (0.7, 3000.0)])
@pytest.mark.parametrize("sigma", [0.01, 5.0])
def test_training_is_what_a_naive_loop_makes_of_the_same_answers(pull: float, rows: float | None, sigma: float) -> None:
    schema, encoded = copied_column(400)
    settings = GuideSettings(hidden=4, steps=25, batch=100, wander=0.4, pull=pull, pretraining=10, learning_rate=3.0)
    guide = Guide(schema, settings).pretrain(copied_column(100, seed=7)[1], np.random.default_rng(0))
    begin = guide.parameters_.astype(np.float64)
    rng = np.random.default_rng(1)
    noises = [rng.standard_normal(guide.network.parameters) for _ in range(25)]
    guide.fit(Scripted(encoded, noises), sigma, np.random.default_rng(2), rows)  # type: ignore[arg-type]
    expected = naive(guide, encoded, begin, sigma, noises, 400 if rows is None else rows, pull > 0)
    assert guide.parameters_ == pytest.approx(expected, abs=1e-6)
    if pull == 0:
        assert np.array_equal(guide.parameters_, expected)  # bit for bit what it was without one


@pytest.mark.parametrize("pull", [0.5, 2.0])
def test_the_pull_leaves_of_a_step_that_nothing_renews_what_it_says(pull: float) -> None:
    """One answer pushes, all others are nothing: by the end e^-pull of the way is left, and the average is of those on it."""
    schema, _ = copied_column(10)
    guide = Guide(schema, GuideSettings(hidden=0, steps=4000, pull=pull, average=1e-9))
    push = np.zeros((4000, guide.network.parameters))
    push[0] = 1.0
    guide.fit(Scripted(np.empty((0, 4), np.uint8), list(push)), 2.0, np.random.default_rng(0))  # type: ignore[arg-type]
    whole = guide.learning_rate(2.0) * 2.0 / guide.expected_batch() / (1 - guide.settings.momentum)
    assert guide.parameters_ == pytest.approx(-whole * math.exp(-pull), rel=0.01)


def test_pulls_that_cannot_be_meant_are_refused() -> None:
    for bad in ({"pull": -1.0}, {"pull": float("nan")}, {"pretraining": -1}, {"pretraining": 1.5}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            GuideSettings(**bad)  # type: ignore[arg-type]
    assert GuideSettings().pull == 0 and GuideSettings().pretraining == 0 < PRETRAINED.pretraining


# --- how many rows there are, by a mechanism's answer


@pytest.mark.parametrize("rows", [None, 80.0, 8.0, 1e9, 1.0, 0.0, -250.0, float("nan"), float("inf"), np.float64(-3.0)])
@BOTH
def test_a_noisy_count_decides_neither_what_is_asked_nor_what_it_costs(kind: dict[str, Any], rows: float | None) -> None:
    """And whatever noise makes of it, parameters stay finite and no further off than wander allows."""
    schema = toy_schema()
    guide, ledger = guide_of(schema, GuideSettings(steps=6, batch=16, **kind)), Ledger(Budget(1.0, 1e-6))
    noise = ledger.open_calibrated(lambda noise: [guide.spend(noise)])
    private = PrivateTable(toy_encoded(schema, 80), schema, ledger, np.random.default_rng(0))
    asked: list[tuple[float, float, float]] = []
    whole = private.noisy_sum
    private.noisy_sum = lambda f, *rest: asked.append(rest) or whole(f, *rest)  # type: ignore[method-assign,func-returns-value]
    spend = guide.spend(noise)
    guide.fit(private, noise, np.random.default_rng(1), rows)
    assert asked == [(16 / 80, noise, 1.0)] * 6 and guide.spend(noise) == spend and guide.rate == 16 / 80
    assert [entry["count"] for entry in ledger.entries] == [6] and ledger.spent <= 1.0
    assert np.isfinite(guide.parameters_).all()
    assert np.abs(guide.parameters_ - guide.begin_).max() < 6 * guide.settings.wander


def test_a_count_scales_the_divisor_and_the_learning_rate() -> None:
    schema, _ = copied_column(400)
    guide = Guide(schema, GuideSettings(batch=100))
    assert guide.expected_batch() == guide.expected_batch(400) == 100 and guide.expected_batch(800) == 200
    assert guide.learning_rate(50.0, 800) == pytest.approx(2 * guide.learning_rate(50.0))
    assert guide.learning_rate(50.0, 800) / 200 == pytest.approx(guide.learning_rate(50.0) / 100)  # so noise goes as far as ever
    assert guide.learning_rate(1e-9, 800) == guide.settings.learning_rate
