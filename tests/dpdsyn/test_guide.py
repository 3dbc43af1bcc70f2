"""The guide: its gradients beside naive ones and Opacus's, its training, its learning rate."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dpdsyn.column import Column
from dpdsyn.composition import compose
from dpdsyn.guide import Guide, GuideSettings, Network
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema
from dpdsyn.spends import SampledGaussian

NETWORK = Network(sizes=(3, 5, 2), heads=(3,), hidden=4)
TWO_HEADS = Network(sizes=(3, 5, 2), heads=(3, 2), hidden=4)


class Reference(torch.nn.Module):
    """The same network on one-hot rows, as plain torch layers."""

    def __init__(self, network: Network, flat: np.ndarray) -> None:
        super().__init__()
        table, output = (torch.from_numpy(part.copy()) for part in network.split(flat))
        self.hidden = torch.nn.Linear(network.rows, network.hidden, bias=False)
        self.direct = torch.nn.Linear(network.rows, network.classes, bias=False)
        self.output = torch.nn.Linear(network.hidden, network.classes, bias=False)
        with torch.no_grad():
            self.hidden.weight.copy_(table[:, : network.hidden].T)
            self.direct.weight.copy_(table[:, network.hidden :].T)
            self.output.weight.copy_(output.T)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.output(torch.relu(self.hidden(x))) + self.direct(x)

    def flatten(self, hidden: torch.Tensor, direct: torch.Tensor, output: torch.Tensor) -> np.ndarray:
        table = torch.cat([hidden.T, direct.T], dim=1)
        return torch.cat([table.flatten(), output.T.flatten()]).numpy()


def batch(rng: np.random.Generator, rows: int, network: Network = NETWORK) -> tuple[np.ndarray, np.ndarray, torch.Tensor]:
    features = np.stack([rng.integers(size, size=rows) for size in network.sizes], axis=1)
    labels = np.stack([rng.integers(size, size=rows) for size in network.heads], axis=1)
    index = network.index(features)
    one_hot = torch.zeros(rows, network.rows).scatter_(1, torch.from_numpy(index), 1.0)
    return index, labels, one_hot


def parameters(rng: np.random.Generator, network: Network = NETWORK) -> np.ndarray:
    return rng.normal(0, 0.7, network.parameters).astype(np.float32)


@pytest.mark.parametrize("clip", [0.3, 2.0, 1e6])
@pytest.mark.parametrize("network", [NETWORK, TWO_HEADS])
def test_clipped_sums_equal_those_of_naive_per_row_gradients(network: Network, clip: float, rng: np.random.Generator) -> None:
    flat, (index, labels, one_hot) = parameters(rng, network), batch(rng, 40, network)
    reference = Reference(network, flat)
    total = np.zeros(network.parameters)
    for x, y in zip(one_hot, torch.from_numpy(labels), strict=True):
        logits = reference(x[None])
        losses = [
            torch.nn.functional.cross_entropy(logits[:, head], label[None]) for head, label in zip(network.slices, y, strict=True)
        ]
        loss = torch.stack(losses).sum()
        gradient = reference.flatten(*torch.autograd.grad(loss, tuple(reference.parameters())))
        total += gradient * min(1.0, clip / np.linalg.norm(gradient))
    assert network.clipped_gradient_sum(flat, index, labels, clip) == pytest.approx(total, abs=2e-4)


@pytest.mark.parametrize("network", [NETWORK, TWO_HEADS, Network((40, 7, 3), (2,), 16), Network((9, 4), (12,), 0)])
def test_what_a_row_adds_is_the_same_bit_for_bit_whatever_rows_are_beside_it(network: Network, rng: np.random.Generator) -> None:
    flat, (index, labels, _) = rng.normal(0, 2.0, network.parameters), batch(rng, 301, network)
    for chosen in (np.arange(1, 301), rng.permutation(301)[:77], np.arange(0), *np.arange(301)[:, None]):
        together = network.clipped_parts(flat, index, labels, 0.7)
        alone = network.clipped_parts(flat, index[chosen], labels[chosen], 0.7)
        for whole, part in zip(together, alone, strict=True):
            assert np.array_equal(whole[chosen], part)


def test_no_row_adds_more_than_its_clip(rng: np.random.Generator) -> None:
    flat, (index, labels, _) = rng.normal(0, 3.0, NETWORK.parameters), batch(rng, 50)
    for clip in (1e-9, 0.7, 3.0):
        for i in range(50):
            added = NETWORK.clipped_gradient_sum(flat, index[i : i + 1], labels[i : i + 1], clip)
            assert added.dtype == np.float64 and np.linalg.norm(added) <= clip * (1 + 1e-12)


@pytest.mark.parametrize("wild", [1e200, np.inf, np.nan])
def test_a_row_without_a_finite_gradient_adds_nothing(wild: float, rng: np.random.Generator) -> None:
    """Parameters may be driven anywhere by noise; the sum stays a sum of bounded vectors."""
    flat, (index, labels, _) = rng.normal(0, 1.0, NETWORK.parameters), batch(rng, 60)
    NETWORK.split(flat)[0][1] = wild  # the first category of the first column
    there = index[:, 1] == 1
    with np.errstate(all="ignore"):
        total = NETWORK.clipped_gradient_sum(flat, index, labels, 1.0)
        rest = NETWORK.clipped_gradient_sum(flat, index[~there], labels[~there], 1.0)
    assert there.sum() > 5 and np.isfinite(total).all()
    assert np.linalg.norm(total - rest) <= there.sum() * (1 + 1e-9)


def test_clipped_sums_equal_those_of_opacus(rng: np.random.Generator) -> None:
    from opacus import GradSampleModule
    from opacus.optimizers import DPOptimizer

    flat, (index, labels, one_hot) = parameters(rng), batch(rng, 64)
    module = GradSampleModule(Reference(NETWORK, flat), loss_reduction="sum")
    optimizer = DPOptimizer(
        torch.optim.SGD(module.parameters(), lr=1.0),
        noise_multiplier=0.0,
        max_grad_norm=0.8,
        expected_batch_size=1,
        loss_reduction="sum",
    )
    torch.nn.functional.cross_entropy(module(one_hot), torch.from_numpy(labels[:, 0]), reduction="sum").backward()
    optimizer.clip_and_accumulate()
    theirs = module._module.flatten(*(p.summed_grad for p in module._module.parameters()))
    assert NETWORK.clipped_gradient_sum(flat, index, labels, 0.8) == pytest.approx(theirs, abs=2e-4)


@pytest.mark.parametrize("epsilon", [0.5, 2.0])
def test_noise_for_a_budget_agrees_with_opacus(epsilon: float) -> None:
    from opacus.accountants.utils import get_noise_multiplier

    ledger = Ledger(Budget(epsilon, 1e-5))
    ours = ledger.open_calibrated(lambda noise: [SampledGaussian(0.1, noise, 400)])
    theirs = get_noise_multiplier(
        target_epsilon=epsilon, target_delta=1e-5, sample_rate=0.1, steps=400, accountant="prv", epsilon_tolerance=0.001
    )
    assert ours == pytest.approx(theirs, rel=0.02)


def test_logistic_regression_is_the_network_without_hidden_units(rng: np.random.Generator) -> None:
    network = Network((3, 5, 2), (3,), 0)
    flat = rng.normal(size=network.parameters).astype(np.float32)
    index, labels, one_hot = batch(rng, 20)
    _, probabilities = network.forward(flat, index)
    logits = one_hot.numpy() @ network.split(flat)[0]
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert probabilities == pytest.approx(expected, abs=1e-5)
    gradient = one_hot.numpy().T @ (expected - np.eye(3)[labels[:, 0]])
    assert network.clipped_gradient_sum(flat, index, labels, 1e6) == pytest.approx(gradient.ravel(), abs=1e-4)


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
        step = rng.normal(0, noise * settings.clip, 4000) / guide.expected_batch
        velocity = settings.momentum * velocity + step
        position = position - rate * velocity
    assert position.std() == pytest.approx(0.5, rel=0.05)
    assert guide.learning_rate(noise / 2) == pytest.approx(2 * rate) and guide.learning_rate(1e-6) == settings.learning_rate


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
