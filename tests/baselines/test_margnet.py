"""MargNet: AIM's choice by a network's marginals, how a round's budget grows, and what answers the network is trained on."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from builders.columns import schema_of, uniform

from baselines.marginal.marginals import Measurement
from baselines.margnet import MargNet, pooled
from baselines.mixtures.network import MixtureNetwork
from dpdsyn.accounting.spends import ZCDP
from dpdsyn.base.checks import InputError
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable, marginal
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import draw

SIZES = (3, 2, 4, 2)
SMALL: dict[str, Any] = {"parts": 40, "hidden": 16, "iterations": 10}


def table(encoded: np.ndarray, schema: Schema, epsilon: float = 1.0) -> PrivateTable:
    return PrivateTable(encoded, schema, Ledger(Budget(epsilon, 1e-6)), np.random.default_rng(7))


# --- the choice, and what it costs -----------------------------------------------------------------------------


class Asked(PrivateTable):
    """Keeps what is asked of `select`."""

    kept: list[Any] = []

    def select(self, queries, score, sensitivity, epsilon):  # type: ignore[no-untyped-def]
        self.kept.append((queries, score, sensitivity))
        return super().select(queries, score, sensitivity, epsilon)


def test_scores_are_distances_less_the_noise_of_an_answer(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    models: list[Any] = []
    whole = MixtureNetwork.mixture
    monkeypatch.setattr(MixtureNetwork, "mixture", lambda self, total: models.append(whole(self, total)) or models[-1])
    schema, encoded = schema_of(SIZES), uniform(schema_of(SIZES), 80, rng)
    Asked.kept.clear()
    method = MargNet(**SMALL).fit(Asked(encoded, schema, Ledger(Budget(1.0, 1e-6)), np.random.default_rng(7)), rng)
    queries, score, sensitivity = Asked.kept[0]
    assert sensitivity == 1.0 and len(queries) == 6
    for query in queries:
        clique = schema.positions(query)
        scores = []
        for part in (encoded, encoded[1:]):
            exact = marginal(part, schema, query)
            noise = math.sqrt(2 / math.pi) * method.rounds_[0].sigma * exact.size
            scores.append(score(exact, query))
            assert scores[-1] == pytest.approx(np.abs(exact - models[0].project(tuple(clique))).sum() - noise)
        assert abs(scores[0] - scores[1]) <= 1 + 1e-9


def test_the_cap_is_spent_to_the_last(rng: np.random.Generator) -> None:
    schema = schema_of(SIZES)
    private = PrivateTable(uniform(schema, 200, rng), schema, Ledger(ZCDP(0.3)), rng)
    method = MargNet(**SMALL).fit(private, rng)
    first, *rounds = private.ledger.entries
    measured = [entry for entry in rounds if entry["mechanism"] == "Gaussian"]
    spent = [entry.get("count", 1) / (2 * entry["noise_multiplier"] ** 2) for entry in (first, *measured)]
    chosen = [entry["count"] * entry["epsilon"] ** 2 / 8 for entry in rounds if entry["mechanism"] == "Exponential"]
    assert sum(spent) + sum(chosen) == pytest.approx(0.3)
    assert spent[0] == pytest.approx(4 * 0.9 * 0.3 / (16 * 4))  # of 16 rounds a column, each column one answer
    sigmas = [one.sigma for one in method.rounds_]
    assert [1 / (2 * sigma**2) for sigma in sigmas] == pytest.approx(spent[1:])
    assert [share / 9 for share in spent[1:]] == pytest.approx(chosen)


def test_a_round_that_taught_nothing_doubles_the_budget_the_first_time_only(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    monkeypatch.setattr(MargNet, "_train", lambda *_: None)  # nothing ever moves the network
    schema = schema_of((2, 2, 2))
    rounds = MargNet(**SMALL).fit(table(uniform(schema, 100, rng), schema), rng).rounds_
    seen: set[tuple[int, ...]] = set()
    for one, following in itertools.pairwise(rounds[:-1]):
        factor = 1.0 if one.clique in seen else math.sqrt(2)
        assert one.sigma / following.sigma == pytest.approx(factor)
        seen.add(one.clique)
    assert len(seen) == 3  # chosen again and again, for nothing forbids it


# --- what the network is trained on ----------------------------------------------------------------------------


def test_answers_of_one_marginal_are_averaged_by_weight_and_the_last_weighs_most() -> None:
    one_way = [Measurement((0,), np.array([30.0, -10.0, 30.0]), 2.0), Measurement((1,), np.array([-1.0, -2.0]), 2.0)]
    answers = [Measurement((0, 1), np.array([[4.0, 0.0], [0.0, 4.0], [0.0, 0.0]]), 2.0)]
    answers += [Measurement((0, 1), np.array([[10.0, -3.0], [0.0, 0.0], [0.0, 0.0]]), 1.0)]
    began = pooled(one_way, 2.0, 2)
    assert began[0,][0] == pytest.approx([0.5, 0, 0.5]) and began[1,][0] == pytest.approx([0.5, 0.5])
    assert [weight for _, weight in began.values()] == [1.0, 1.0]  # none of those that begin is the last answer
    share, weight = pooled([*one_way, *answers], 2.0, 2)[0, 1]
    assert weight == 1.0 + 2.0 * 2  # half the noise, twice the weight; and twice that, for there are two columns
    assert share == pytest.approx((np.array([[0.5, 0], [0, 0.5], [0, 0]]) + 4 * np.array([[1.0, 0], [0, 0], [0, 0]])) / 5)
    assert pooled([*one_way, *answers, answers[0]], 2.0, 2)[0, 1][1] == 1.0 + 2.0 + 2.0


def test_the_loss_is_the_weighted_sum_of_squared_errors_of_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    random = torch.Generator().manual_seed(0)
    network = MixtureNetwork(torch.randn(20, 4, generator=random), (8,), (3, 2), random)
    mixture = network.mixture(1.0)
    answers = [Measurement((0,), np.array([3.0, 1.0, 4.0]), 1.0), Measurement((1,), np.array([1.0, 1.0]), 1.0)]
    answers += [Measurement((0, 1), np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 2.0]]), 0.5)]
    losses: list[float] = []
    backward = torch.Tensor.backward
    monkeypatch.setattr(torch.Tensor, "backward", lambda self: losses.append(float(self.detach())) or backward(self))
    MargNet(**(SMALL | {"iterations": 30, "rate": 0.01}))._train(network, answers, 1.0)
    expected = sum(w * np.square(mixture.project(c) - share).sum() for c, (share, w) in pooled(answers, 1.0, 2).items())
    assert losses[0] == pytest.approx(expected, rel=1e-5) and losses[-1] < losses[0] / 2


# --- what it finds ---------------------------------------------------------------------------------------------


def test_planted_pairs_are_found(rng: np.random.Generator) -> None:
    schema = schema_of((4, 3, 4, 2), rows_public=4000)
    encoded = uniform(schema, 4000, rng)
    encoded[:, 2] = np.where(rng.random(4000) < 0.9, encoded[:, 0], encoded[:, 2])
    encoded[:, 3] = np.where(rng.random(4000) < 0.8, encoded[:, 1] > 0, encoded[:, 3])
    method = MargNet(**(SMALL | {"iterations": 12, "rate": 0.03})).fit(table(encoded, schema, 3.0), rng)
    assert {one.clique for one in method.rounds_[:4]} >= {(0, 2), (1, 3)}
    sample = draw(method, schema, 4000, rng)
    assert (sample[:, 2] == sample[:, 0]).mean() > 0.8 and (sample[:, 3] == (sample[:, 1] > 0)).mean() > 0.8


@pytest.mark.parametrize("sizes", [(4, 2), (5,), (1, 3, 2), (150, 150)], ids=str)
@pytest.mark.parametrize("rows", [0, 300])
def test_every_kind_of_table_gives_rows(sizes: tuple[int, ...], rows: int, rng: np.random.Generator) -> None:
    schema = schema_of(sizes)
    method = MargNet(**(SMALL | {"iterations": 2})).fit(table(uniform(schema, rows, rng), schema, 0.01), rng)
    assert draw(method, schema, 30, rng).shape == (30, len(sizes))
    assert np.isfinite(method.mixture_.shares).all()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"workload": "all"}, "workload is 'all'"),
        ({"iterations": 0}, "iterations is 0"),
        ({"parts": 1}, "parts is 1"),
        ({"rate": 0}, "rate is 0"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        MargNet(**given)
