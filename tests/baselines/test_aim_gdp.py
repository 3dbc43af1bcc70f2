"""AIM-GDP: what it buys and for how much, held against the algorithm told anew; what it finds."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from baselines.aim_gdp import AIMGDP
from baselines.marginal.workload import weights, workload
from dpdsyn.accounting.spends import Gaussian, GaussianCap
from dpdsyn.base.checks import InputError
from dpdsyn.checking.blind import sight
from dpdsyn.contract import toy_encoded, toy_schema
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable, marginal
from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import draw

SIZES = (2, 2, 3, 3, 2)


def schema_of(sizes: tuple[int, ...], rows_public: int) -> Schema:
    columns = (Column(f"c{i}", "categorical", categories=tuple(range(size))) for i, size in enumerate(sizes))
    return Schema(tuple(columns), f"c{len(sizes) - 1}" if sizes[-1] > 1 else None, rows_public)


def planted(rows: int) -> np.ndarray:
    """c4 is nearly the exclusive or of c0 and c1, c3 nearly copies c2."""
    rng = np.random.default_rng(0)
    encoded = np.stack([rng.integers(size, size=rows) for size in SIZES], axis=1)
    encoded[:, 3] = np.where(rng.random(rows) < 0.9, encoded[:, 2], encoded[:, 3])
    encoded[:, 4] = np.where(rng.random(rows) < 0.95, encoded[:, 0] ^ encoded[:, 1], encoded[:, 4])
    return encoded.astype(np.uint8)


class Told(PrivateTable):
    """Keeps what was asked and answered."""

    calls: list[tuple[Any, ...]]

    def noisy_marginals(self, queries, sigmas):  # type: ignore[no-untyped-def]
        answers = super().noisy_marginals(queries, sigmas)
        self.calls.append(("measured", list(queries), list(sigmas), answers))
        return answers

    def noisy_scores(self, queries, score, l2_sensitivity, sigma):  # type: ignore[no-untyped-def]
        answers = super().noisy_scores(queries, score, l2_sensitivity, sigma)
        self.calls.append(("distances", list(queries), l2_sensitivity, sigma, score, answers))
        return answers


def fitted(method: AIMGDP, encoded: np.ndarray, schema: Schema, epsilon: float) -> Told:
    private = Told(encoded, schema, Ledger(Budget(epsilon, 1e-6)), np.random.default_rng(1))
    private.calls = []
    method.fit(private, np.random.default_rng(2))
    return private


def positions(queries: list[tuple[str, ...]]) -> list[tuple[int, ...]]:
    return [tuple(int(name[1:]) for name in query) for query in queries]


@pytest.mark.parametrize("epsilon", [0.3, 2.0])
def test_it_asks_what_the_algorithm_asks_given_the_same_answers(epsilon: float) -> None:
    """A naive run of it: budgets as mu^2 of Gaussian DP, distances kept by candidate, the sixteen best looked at again."""
    schema, method = schema_of(SIZES, 3000), AIMGDP(evaluated=4)
    private = fitted(method, planted(3000), schema, epsilon)
    calls = iter(private.calls)
    budget = 2 * private.ledger._plan[0].rho  # mu^2
    weight = weights(workload(schema, "all_3way", 10**6))

    _, queries, sigmas, _ = next(calls)
    assert positions(queries) == [(c,) for c in range(5)] and sum(s**-2 for s in sigmas) == pytest.approx(0.1 * budget)
    remaining = 0.9 * budget
    per_round = remaining / (16 * 5)

    _, queries, sensitivity, sigma, _, answers = next(calls)
    assert set(positions(queries)) == set(weight) and sensitivity == pytest.approx(math.sqrt(len(weight)))
    assert (sensitivity / sigma) ** 2 == pytest.approx(0.5 * per_round)
    remaining -= 0.5 * per_round
    last_known = dict(zip(positions(queries), answers, strict=True))

    rounds, finished = 0, False
    for _, queries, sensitivity, sigma, _, answers in calls:
        _, chosen, sigmas, _ = next(calls)
        if remaining < 2 * per_round * (1 - 1e-9):
            per_round, finished = remaining, True
        elif (sensitivity / sigma) ** 2 > 3 * 0.1 * per_round:  # the model had not moved in the round before
            per_round *= 4
            if remaining < 2 * per_round * (1 - 1e-9):
                per_round, finished = remaining, True
        remaining -= per_round
        rounds += 1
        assert (sensitivity / sigma) ** 2 == pytest.approx(0.1 * per_round, rel=1e-6)
        assert sigmas[0] ** -2 == pytest.approx(0.9 * per_round, rel=1e-6)

        def score(clique: tuple[int, ...], noise: float = sigmas[0], known: dict[Any, float] = last_known) -> float:
            cells = math.prod(SIZES[c] for c in clique)
            return weight[clique] * (known[clique] - math.sqrt(2 / math.pi) * noise * cells)

        assert len(queries) == 4 and sensitivity == pytest.approx(2.0)
        assert min(map(score, positions(queries))) >= max(score(c) for c in weight if c not in positions(queries))
        last_known.update(zip(positions(queries), answers, strict=True))
        assert positions(chosen) == [max(positions(queries), key=score)] == [method.chosen_[rounds - 1]]
    assert finished and remaining == pytest.approx(0, abs=1e-9 * budget) and rounds == len(method.chosen_)


def test_distances_are_of_counts_from_the_model_and_one_row_moves_them_by_one() -> None:
    schema, encoded, method = schema_of(SIZES, 200), planted(200), AIMGDP()
    private = fitted(method, encoded, schema, 0.5)
    _, queries, sensitivity, _, score, _ = next(call for call in private.calls if call[0] == "distances")
    rows = score(np.zeros(schema.shape(queries[0])), queries[0])  # the model's
    assert rows == pytest.approx(200, abs=150)
    for query in queries:
        exact = marginal(encoded, schema, query)
        moved = [abs(score(exact, query) - score(marginal(np.delete(encoded, i, 0), schema, query), query)) for i in range(20)]
        assert max(moved) <= 1 + 1e-9
        assert score(exact * 0, query) == pytest.approx(rows)
        assert score(exact, query) <= rows + 200
    assert sensitivity == pytest.approx(math.sqrt(len(queries)))


@pytest.mark.parametrize("sizes", [(1,), (4,), (3, 2), (1, 1), (1, 5, 1), (2, 40, 3, 1)])
@pytest.mark.parametrize("rows", [0, 2, 300])
def test_all_that_is_opened_is_spent_and_no_more(sizes: tuple[int, ...], rows: int, rng: np.random.Generator) -> None:
    schema, method = schema_of(sizes, 300), AIMGDP()
    encoded = np.stack([rng.integers(size, size=rows) for size in sizes], axis=1).astype(schema.dtype)
    private = fitted(method, encoded, schema, 1.0)
    (planned,) = private.ledger.plan or []
    spent = sum(Gaussian(entry["noise_multiplier"], entry["count"]).rho for entry in private.ledger.entries)
    assert planned["mechanism"] == "Gaussian" and {entry["mechanism"] for entry in private.ledger.entries} == {"Gaussian"}
    assert spent == pytest.approx(Gaussian(planned["noise_multiplier"]).rho, rel=1e-8)
    assert draw(method, schema, 20, rng).shape == (20, len(sizes))


def test_as_a_source_it_spends_a_gaussian_cap(rng: np.random.Generator) -> None:
    schema = schema_of(SIZES, 300)
    ledger = Ledger(GaussianCap(2.0))
    ledger.open([GaussianCap(2.0)])
    child = PrivateTable(planted(300), schema, ledger, rng).child(GaussianCap(2.0), ["c0", "c2"])
    AIMGDP().fit(child, rng)
    assert child.ledger._plan[0].noise_multiplier == pytest.approx(2.0, rel=1e-3)


def test_planted_dependence_is_found(rng: np.random.Generator) -> None:
    schema, encoded, method = schema_of(SIZES, 5000), planted(5000), AIMGDP()
    fitted(method, encoded, schema, 1.0)
    rows = method.sample(20_000, rng)
    for columns in itertools.combinations(range(5), 3):
        query = tuple(schema.names[c] for c in columns)
        assert np.abs(marginal(rows, schema, query) / 40_000 - marginal(encoded, schema, query) / 10_000).sum() < 0.05


def test_the_junction_tree_stays_within_its_share(rng: np.random.Generator) -> None:
    schema = schema_of((20, 20, 20, 20), 2000)
    encoded = np.stack([rng.integers(20, size=2000)] * 4, axis=1).astype(np.uint8)
    method = AIMGDP(max_model_size=2 * 400 * 8 / 2**20)  # two pairs, no more
    fitted(method, encoded, schema, 3.0)
    assert method.model_.tree.cells <= 2 * 400 and any(len(c) == 2 for c in method.chosen_)


def test_no_row_shows_but_through_answers() -> None:
    schema = toy_schema()
    tables = {"": toy_encoded(schema, 80), "one row less": toy_encoded(schema, 80)[1:]}
    assert sight(AIMGDP, tables, [toy_encoded(schema, 80, seed=5)], schema, Budget(1.0, 1e-6)) is None


@pytest.mark.parametrize(
    "given_",
    [{"workload": "all_4way"}, {"max_model_size": 0}, {"max_cells": 0}, {"evaluated": 0}, {"first": 1}, {"iterations": 0}],
)
def test_what_cannot_be_meant_is_refused(given_: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(given_))):
        AIMGDP(**given_)
