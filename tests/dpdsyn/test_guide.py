"""The guide: its training, its learning rate, where it begins and what holds it there."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from dpdsyn.accounting.composition import compose
from dpdsyn.accounting.spends import SampledGaussian
from dpdsyn.guide import Guide, GuideSettings
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema


@pytest.mark.parametrize("epsilon", [0.5, 2.0])
def test_noise_for_a_budget_agrees_with_opacus(epsilon: float) -> None:
    from opacus.accountants.utils import get_noise_multiplier

    ledger = Ledger(Budget(epsilon, 1e-5))
    ours = ledger.open_calibrated(lambda noise: [SampledGaussian(0.1, noise, 400)])
    theirs = get_noise_multiplier(
        target_epsilon=epsilon, target_delta=1e-5, sample_rate=0.1, steps=400, accountant="prv", epsilon_tolerance=0.001
    )
    assert ours == pytest.approx(theirs, rel=0.02)


def xor_table(rng: np.random.Generator, rows: int) -> tuple[Schema, np.ndarray]:
    columns = [Column(f"x{i}", "categorical", categories=(0, 1)) for i in range(6)]
    schema = Schema((*columns, Column("y", "categorical", categories=("a", "b"))), "y", rows)
    bits = rng.integers(2, size=(rows, 6))
    return schema, np.column_stack([bits, bits[:, 0] ^ bits[:, 3]]).astype(np.uint8)


def test_the_hidden_layer_learns_what_no_column_shows_alone(rng: np.random.Generator) -> None:
    schema, encoded = xor_table(rng, 20_000)
    accuracy = {}
    for hidden in (0, 32):
        ledger = Ledger(Budget(2.0, 1e-6))
        guide = Guide(schema, GuideSettings(hidden=hidden))
        noise = ledger.open_calibrated(lambda noise, guide=guide: [guide.spend(noise)])
        guide.fit(PrivateTable(encoded, schema, ledger, np.random.default_rng(1)), noise, np.random.default_rng(2))
        accuracy[hidden] = np.mean(guide.predict_proba(encoded[:, :6]).argmax(axis=1) == encoded[:, 6])
        assert compose([guide.spend(noise)], 1e-6) <= ledger.spent <= 2.0
    assert accuracy[32] > 0.95 and accuracy[0] < 0.8  # a line separates three of the four corners


@pytest.mark.parametrize(
    "bad",
    [{"hidden": -1}, {"hidden": 1.5}, {"clip": 0}, {"steps": 0}, {"wander": float("inf")}, {"momentum": 1.0}, {"average": 2}],
)
def test_settings_that_cannot_be_meant_are_refused(bad: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        GuideSettings(**bad)
    with pytest.raises(ValueError, match="no setting depth"):
        GuideSettings.of({"depth": 3})


def test_the_learning_rate_lets_noise_wander_as_far_as_stated_and_no_faster_than_its_limit(rng: np.random.Generator) -> None:
    schema, _ = xor_table(rng, 20_000)
    settings = GuideSettings(wander=0.5, steps=300, momentum=0.7, average=1e-9)
    guide = Guide(schema, settings)
    noise = 40.0
    rate = guide.learning_rate(noise)
    velocity = position = np.zeros(4000)
    for _ in range(settings.steps):
        step = rng.normal(0, noise * settings.clip, 4000) / guide.expected_batch()
        velocity = settings.momentum * velocity + step
        position = position - rate * velocity
    assert position.std() == pytest.approx(0.5, rel=0.05)
    assert guide.learning_rate(noise / 2) == pytest.approx(2 * rate) and guide.learning_rate(1e-6) == settings.learning_rate


class Summing(PrivateTable):
    """Keeps the norms of the sums that it answers."""

    norms: list[float]

    def noisy_sum(self, *given: Any, **more: Any) -> np.ndarray:
        answer = super().noisy_sum(*given, **more)
        self.norms = [*getattr(self, "norms", []), float(np.linalg.norm(answer))]
        return answer


def test_the_norm_of_each_noisy_sum_is_told_beside_that_of_noise_alone(rng: np.random.Generator) -> None:
    schema, encoded = xor_table(rng, 500)
    guide, ledger = Guide(schema, GuideSettings(steps=40, clip=0.5)), Ledger(Budget(0.05, 1e-6))
    noise = ledger.open_calibrated(lambda noise: [guide.spend(noise)])
    private = Summing(encoded, schema, ledger, np.random.default_rng(1))
    guide.fit(private, noise, np.random.default_rng(2))
    alone = noise * 0.5 * math.sqrt(len(guide.parameters_))
    assert guide.gradient_to_noise_ == pytest.approx([norm / alone for norm in private.norms]) and len(private.norms) == 40
    assert np.mean(guide.gradient_to_noise_) == pytest.approx(1.0, abs=0.05), "so small a budget leaves noise alone"


def test_one_guide_labels_several_targets_for_one_price(rng: np.random.Generator) -> None:
    schema, encoded = xor_table(rng, 20_000)
    encoded[:, 5] = encoded[:, 1]
    ledger = Ledger(Budget(2.0, 1e-6))
    guide = Guide(schema, GuideSettings(), other_targets=("x5",))
    assert guide.features == ("x0", "x1", "x2", "x3", "x4") and guide.targets == ("y", "x5")
    noise = ledger.open_calibrated(lambda noise: [guide.spend(noise)])
    guide.fit(PrivateTable(encoded, schema, ledger, np.random.default_rng(1)), noise, np.random.default_rng(2))
    for name, probabilities in zip(guide.targets, guide.predict_all(encoded[:, :5]), strict=True):
        assert probabilities.sum(axis=1) == pytest.approx(np.ones(len(encoded)), abs=1e-5)
        assert np.mean(probabilities.argmax(axis=1) == encoded[:, schema.position(name)]) > 0.95, name
    assert ledger.spent <= 2.0
    for wrong in (("y",), ("x1", "x1"), schema.features):
        with pytest.raises(ValueError, match="different columns are needed"):
            Guide(schema, GuideSettings(), wrong)
