"""Mixtures of independent columns: their marginals against sums over all rows, what is drawn, and the network that gives them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from baselines.gans.networks import seeded
from baselines.mixtures.mixture import Mixture, blocks
from baselines.mixtures.network import Marginals, MixtureNetwork, flat, uniform_one_hot

SIZES = (3, 1, 4, 2)
CLIQUES = [(2,), (0, 2), (3, 1), (0, 2, 3), (3, 0, 1), (0, 1, 2), (0, 2, 3, 1)]


def shares(rng: np.random.Generator, parts: int = 5) -> np.ndarray:
    return np.concatenate([rng.dirichlet(np.full(size, 0.5), size=parts) for size in SIZES], axis=1)


def naive(mixture: Mixture, clique: tuple[int, ...]) -> np.ndarray:
    """The expected counts, cell by cell and part by part."""
    own = [mixture.shares[:, place] for place in blocks(SIZES)]
    table = np.zeros([SIZES[column] for column in clique])
    for cell in itertools.product(*(range(size) for size in table.shape)):
        for part in range(len(mixture.shares)):
            table[cell] += np.prod([own[column][part, value] for column, value in zip(clique, cell, strict=True)])
    return table * mixture.total / len(mixture.shares)


@pytest.mark.parametrize("clique", CLIQUES, ids=str)
def test_a_mixture_s_marginals_are_the_means_of_its_parts(clique: tuple[int, ...], rng: np.random.Generator) -> None:
    mixture = Mixture(SIZES, shares(rng), 70.0)
    assert mixture.project(clique) == pytest.approx(naive(mixture, clique), abs=1e-12)


@pytest.mark.parametrize(
    "cliques", [CLIQUES, CLIQUES[:3], [(0, 2, 3)], [(0, 1, 3), (0, 2, 3), (1, 2, 3)], [(0, 1, 2, 3)]], ids=str
)
def test_marginals_of_many_columns_at_once_are_those_one_by_one(cliques: list[tuple[int, ...]], rng: np.random.Generator) -> None:
    mixture = Mixture(SIZES, shares(rng), 1.0)
    together = Marginals(SIZES, cliques)(torch.from_numpy(mixture.shares))
    assert together.numpy() == pytest.approx(np.concatenate([naive(mixture, clique).ravel() for clique in cliques]), abs=1e-12)


def test_marginals_with_a_common_column_are_computed_together() -> None:
    assert Marginals((2, 2, 2, 2), [(0, 1, 3), (0, 2, 3), (1, 2, 3)])._alone == []
    assert Marginals((2, 2, 9, 9), [(0, 2, 3), (1, 2, 3)])._alone == [(0, 2, 3), (1, 2, 3)]  # nine matrices would cost more


def test_draws_are_as_common_as_the_mixture_has_them(rng: np.random.Generator) -> None:
    mixture = Mixture(SIZES, shares(rng, 3), 1.0)
    rows = mixture.sample(9000, rng)
    assert rows.shape == (9000, 4)
    for clique in [(0,), (2, 3), (0, 2), (0, 2, 3)]:
        drawn = np.zeros([SIZES[column] for column in clique])
        np.add.at(drawn, tuple(rows[:, list(clique)].T), 1)
        assert np.abs(drawn / 9000 - mixture.project(clique)).max() < 0.02
    halves = [np.bincount(half, minlength=3) / 4500 for half in (rows[:4500, 0], rows[4500:, 0])]
    assert np.abs(halves[0] - halves[1]).max() < 0.03  # rows are in random order
    assert mixture.sample(0, rng).shape == (0, 4) and mixture.sample(1, rng).shape == (1, 4)


def test_a_network_gives_distributions_and_learns_a_marginal(rng: np.random.Generator) -> None:
    random = seeded(rng)
    network = MixtureNetwork(torch.randn(40, 8, generator=random), (16, 16), SIZES, random)
    wanted = np.array([[0.3, 0.0, 0.1, 0.0], [0.0, 0.3, 0.0, 0.0], [0.1, 0.0, 0.0, 0.2]])
    before = network.mixture(1.0)
    for place in blocks(SIZES):
        assert before.shares[:, place].sum(axis=1) == pytest.approx(1, abs=1e-15)
    optimizer, marginals = torch.optim.Adam(network.parameters(), 0.01), Marginals(SIZES, [(0, 2)])
    for _ in range(150):
        optimizer.zero_grad()
        (marginals(network()) - flat([wanted])).square().sum().backward()
        optimizer.step()
    after = network.mixture(1.0)
    assert np.abs(after.project((0, 2)) - wanted).sum() < 0.1 < np.abs(before.project((0, 2)) - wanted).sum()


def test_equal_seeds_give_equal_networks() -> None:
    one, other, third = (
        MixtureNetwork(uniform_one_hot(SIZES, 6, random), (4,), SIZES, random).mixture(1.0).shares
        for random in (torch.Generator().manual_seed(seed) for seed in (1, 1, 2))
    )
    assert np.array_equal(one, other) and not np.array_equal(one, third)


def test_batches_of_one_hot_rows_are_uniform() -> None:
    rows = uniform_one_hot(SIZES, 6000, torch.Generator().manual_seed(3)).numpy()
    for place, size in zip(blocks(SIZES), SIZES, strict=True):
        assert (rows[:, place].sum(axis=1) == 1).all()
        assert np.abs(rows[:, place].mean(axis=0) - 1 / size).max() < 0.03
