"""The guide's network: its gradients beside naive ones and Opacus's, and what clipping does to probabilities undone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dpdsyn.guides.network import Network

NETWORK = Network(sizes=(3, 5, 2), heads=(3,), hidden=4)
TWO_HEADS = Network(sizes=(3, 5, 2), heads=(3, 2), hidden=4)
ORDERED = Network(sizes=(3, 5, 2), heads=(9,), hidden=4, ordered=(9,))
MIXED = Network(sizes=(3, 5, 2), heads=(3, 8, 2), hidden=4, ordered=(0, 7, 0))  # the eighth class is that of missing cells
NETWORKS = (NETWORK, TWO_HEADS, ORDERED, MIXED)


class Reference(torch.nn.Module):
    """The same network on one-hot rows, as plain torch layers."""

    def __init__(self, network: Network, flat: np.ndarray) -> None:
        super().__init__()
        table, output = (torch.from_numpy(part.copy()) for part in network.split(flat))
        self.hidden = torch.nn.Linear(network.rows, network.hidden, bias=False)
        self.direct = torch.nn.Linear(network.rows, network.scores, bias=False)
        self.output = torch.nn.Linear(network.hidden, network.scores, bias=False)
        self.offsets = torch.nn.Parameter(torch.from_numpy(flat[len(flat) - network.offsets :].copy()))
        self.heads = network.parts
        with torch.no_grad():
            self.hidden.weight.copy_(table[:, : network.hidden].T)
            self.direct.weight.copy_(table[:, network.hidden :].T)
            self.output.weight.copy_(output.T)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = self.output(torch.relu(self.hidden(x))) + self.direct(x)
        logits = []
        for head in self.heads:
            own = scores[:, head.scores]
            if head.basis is not None:
                own = own @ torch.tensor(head.basis.T, dtype=own.dtype) + self.offsets[head.offsets]
            logits.append(own)
        return torch.cat(logits, dim=1)

    def differentiated(self, loss: torch.Tensor) -> np.ndarray:
        layers = [self.hidden.weight, self.direct.weight, self.output.weight, self.offsets]
        found = torch.autograd.grad(loss, layers, allow_unused=True)  # without an ordered head there are no offsets
        return self.flatten(*(part if part is not None else torch.zeros(0) for part in found))

    def flatten(self, *parts: torch.Tensor) -> np.ndarray:
        hidden, direct, output, *offsets = parts
        table = torch.cat([hidden.T, direct.T], dim=1)
        return torch.cat([table.flatten(), output.T.flatten(), *offsets]).numpy()


def batch(rng: np.random.Generator, rows: int, network: Network = NETWORK) -> tuple[np.ndarray, np.ndarray, torch.Tensor]:
    features = np.stack([rng.integers(size, size=rows) for size in network.sizes], axis=1)
    labels = np.stack([rng.integers(size, size=rows) for size in network.heads], axis=1)
    index = network.index(features)
    one_hot = torch.zeros(rows, network.rows).scatter_(1, torch.from_numpy(index), 1.0)
    return index, labels, one_hot


def parameters(rng: np.random.Generator, network: Network = NETWORK) -> np.ndarray:
    return rng.normal(0, 0.7, network.parameters).astype(np.float32)


@pytest.mark.parametrize("added", [False, True])
@pytest.mark.parametrize("clip", [0.3, 2.0, 1e6])
@pytest.mark.parametrize("network", NETWORKS)
def test_clipped_sums_equal_those_of_naive_per_row_gradients(
    network: Network, clip: float, added: bool, rng: np.random.Generator
) -> None:
    flat, (index, labels, one_hot) = parameters(rng, network), batch(rng, 40, network)
    reference = Reference(network, flat)
    margin = rng.normal(size=(40, network.classes)).astype(np.float32) if added else None
    offsets = torch.zeros(40, network.classes) if margin is None else torch.from_numpy(margin)
    total = np.zeros(network.parameters)
    for x, y, offset in zip(one_hot, torch.from_numpy(labels), offsets, strict=True):
        logits = reference(x[None]) + offset
        losses = [
            torch.nn.functional.cross_entropy(logits[:, head], label[None]) for head, label in zip(network.slices, y, strict=True)
        ]
        loss = torch.stack(losses).sum()
        gradient = reference.differentiated(loss)
        total += gradient * min(1.0, clip / np.linalg.norm(gradient))
    assert network.clipped_gradient_sum(flat, index, labels, clip, margin) == pytest.approx(total, abs=2e-4)


@pytest.mark.parametrize("network", [*NETWORKS, Network((40, 7, 3), (2,), 16), Network((9, 4), (12,), 0)])
def test_what_a_row_adds_is_the_same_bit_for_bit_whatever_rows_are_beside_it(network: Network, rng: np.random.Generator) -> None:
    flat, (index, labels, _) = rng.normal(0, 2.0, network.parameters), batch(rng, 301, network)
    margin = rng.normal(size=(301, network.classes))
    for chosen in (np.arange(1, 301), rng.permutation(301)[:77], np.arange(0), *np.arange(301)[:, None]):
        together = network.clipped_parts(flat, index, labels, 0.7, margin)
        alone = network.clipped_parts(flat, index[chosen], labels[chosen], 0.7, margin[chosen])
        for whole, part in zip(together, alone, strict=True):
            assert np.array_equal(whole[chosen], part)
        whole, part = network.corrected(flat, index, 0.7, margin), network.corrected(flat, index[chosen], 0.7, margin[chosen])
        assert np.array_equal(whole[chosen], part)


@pytest.mark.parametrize("network", NETWORKS)
def test_no_row_adds_more_than_its_clip(network: Network, rng: np.random.Generator) -> None:
    flat, (index, labels, _) = rng.normal(0, 3.0, network.parameters), batch(rng, 50, network)
    for clip in (1e-9, 0.7, 3.0):
        for i in range(50):
            added = network.clipped_gradient_sum(flat, index[i : i + 1], labels[i : i + 1], clip)
            assert added.dtype == np.float64 and np.linalg.norm(added) <= clip * (1 + 1e-12)


@pytest.mark.parametrize("wild", [1e200, np.inf, np.nan])
@pytest.mark.parametrize("network", [NETWORK, MIXED])
def test_a_row_without_a_finite_gradient_adds_nothing(wild: float, network: Network, rng: np.random.Generator) -> None:
    """Parameters may be driven anywhere by noise; the sum stays a sum of bounded vectors."""
    flat, (index, labels, _) = rng.normal(0, 1.0, network.parameters), batch(rng, 60, network)
    network.split(flat)[0][1] = wild  # the first category of the first column
    there = index[:, 1] == 1
    with np.errstate(all="ignore"):
        total = network.clipped_gradient_sum(flat, index, labels, 1.0)
        rest = network.clipped_gradient_sum(flat, index[~there], labels[~there], 1.0)
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
    layers = (module._module.hidden, module._module.direct, module._module.output)
    theirs = module._module.flatten(*(layer.weight.summed_grad for layer in layers))
    assert NETWORK.clipped_gradient_sum(flat, index, labels, 0.8) == pytest.approx(theirs, abs=2e-4)


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


# --- what clipping does to probabilities -------------------------------------------------------------------------


def row_norm(reference: Reference, network: Network, x: torch.Tensor, labels: list[int]) -> float:
    """Of the gradient of one row with these labels, by plain differentiation."""
    logits = reference(x[None])
    losses = [
        torch.nn.functional.cross_entropy(logits[:, head], torch.tensor([label]))
        for head, label in zip(network.slices, labels, strict=True)
    ]
    return float(np.linalg.norm(reference.differentiated(torch.stack(losses).sum())))


@pytest.mark.parametrize("clip", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("network", [*NETWORKS, Network((4, 3), (2,), 6), Network((9, 4), (5,), 0)])
def test_corrected_probabilities_are_divided_by_what_each_label_is_clipped_to(
    network: Network, clip: float, rng: np.random.Generator
) -> None:
    flat, (index, _, one_hot) = parameters(rng, network), batch(rng, 12, network)
    reference, found = Reference(network, flat), network.corrected(flat, index, clip)
    given = network.forward(flat, index)[1]
    scales = []
    for i, x in enumerate(one_hot):
        likeliest = [int(given[i, head].argmax()) for head in network.slices]
        for place, head in enumerate(network.slices):
            expected = np.zeros(head.stop - head.start)
            for k in range(len(expected)):
                labels = [*likeliest[:place], k, *likeliest[place + 1 :]]
                scale = min(1.0, clip / row_norm(reference, network, x, labels))
                expected[k] = given[i, head][k] / scale
                scales.append(scale)
            assert found[i, head] == pytest.approx(expected / expected.sum(), abs=1e-5)
    assert found.shape == given.shape
    assert min(scales) < 1 or clip == 3.0  # all rows are clipped, some, or few
    assert max(scales) == 1 or clip < 3.0


@pytest.mark.parametrize("network", NETWORKS)
def test_without_clipping_nothing_is_corrected(network: Network, rng: np.random.Generator) -> None:
    flat, (index, _, _) = parameters(rng, network), batch(rng, 30, network)
    assert network.corrected(flat, index, 1e6) == pytest.approx(network.forward(flat, index)[1], abs=1e-6)
    assert network.corrected(flat, index[:0], 1.0).shape == (0, network.classes)
