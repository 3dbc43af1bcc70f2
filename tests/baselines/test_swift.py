"""The one-shot tree: what it asks, what it spends, what it finds, and what of it is saved."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from builders.columns import schema_of, uniform
from hypothesis import given, settings
from hypothesis import strategies as st

import baselines.swift
from baselines.marginal.one_shot import Limits, cost
from baselines.swift import Swift
from dpdsyn.accounting.spends import Gaussian, GaussianCap
from dpdsyn.base.checks import InputError
from dpdsyn.checking.blind import sight
from dpdsyn.contract import toy_encoded, toy_schema
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable, marginal
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import draw


def table(encoded: np.ndarray, schema: Schema, epsilon: float, kind: type[PrivateTable] = PrivateTable) -> PrivateTable:
    return kind(encoded, schema, Ledger(Budget(epsilon, 1e-6)), np.random.default_rng(7))


def fitted(encoded: np.ndarray, schema: Schema, epsilon: float, **parameters: Any) -> Swift:
    return Swift(**parameters).fit(table(encoded, schema, epsilon), np.random.default_rng(8))


# --- what it asks and spends -----------------------------------------------------------------------------------


class Asked(PrivateTable):
    """Keeps what was asked of `noisy_scores`."""

    kept: list[Any] = []

    def noisy_scores(self, queries, score, l2_sensitivity, sigma):  # type: ignore[no-untyped-def]
        self.kept[:] = [queries, score, l2_sensitivity, sigma]
        return super().noisy_scores(queries, score, l2_sensitivity, sigma)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 60), st.integers(1, 40), st.sampled_from([0.05, 1.0, 30.0]))
def test_one_row_moves_the_distances_no_further_than_stated(seed: int, rows: int, equal: int, epsilon: float) -> None:
    rng, schema = np.random.default_rng(seed), schema_of((3, 2, 4, 2))
    fit_on = uniform(schema, 50, rng)
    fit_on[:equal] = fit_on[0]  # many equal rows, so that the estimates are far from uniform
    Swift().fit(table(fit_on, schema, epsilon, Asked), rng)
    queries, score, l2_sensitivity, _ = Asked.kept
    assert l2_sensitivity == math.sqrt(len(queries)) == math.sqrt(6 + 3)
    encoded = uniform(schema, rows + 1, rng)
    encoded[1 : equal + 1] = encoded[0]
    one, other = (np.array([score(marginal(part, schema, query), query) for query in queries]) for part in (encoded, encoded[1:]))
    assert np.abs(one - other).max() <= 1 + 1e-9
    assert np.linalg.norm(one - other) <= l2_sensitivity * (1 + 1e-9)


@pytest.mark.parametrize("sizes", [(3, 4, 2), (4, 2), (5,), (1, 3, 2), (600, 700, 2)])
@pytest.mark.parametrize("epsilon", [0.01, 1.0, 30.0])
def test_all_that_is_opened_is_spent_and_no_more(sizes: tuple[int, ...], epsilon: float, rng: np.random.Generator) -> None:
    schema = schema_of(sizes)
    private = table(uniform(schema, 300, rng), schema, epsilon)
    Swift().fit(private, rng)
    (planned,) = private.ledger.plan or []
    spent = sum(Gaussian(entry["noise_multiplier"], entry["count"]).rho for entry in private.ledger.entries)
    assert planned["mechanism"] == "Gaussian" and {entry["mechanism"] for entry in private.ledger.entries} == {"Gaussian"}
    assert spent == pytest.approx(Gaussian(planned["noise_multiplier"]).rho, rel=1e-8)


def test_shares_are_as_told(rng: np.random.Generator) -> None:
    schema = schema_of((3, 4, 2))
    private = table(uniform(schema, 300, rng), schema, 1.0)
    Swift(first=0.2, choosing=0.3).fit(private, rng)
    (planned,) = private.ledger.plan or []
    whole = Gaussian(planned["noise_multiplier"]).rho
    shares = [Gaussian(entry["noise_multiplier"]).rho / whole for entry in private.ledger.entries]
    assert shares == pytest.approx([0.2, 0.3, 0.5], rel=1e-6)


def test_as_a_source_it_spends_a_gaussian_cap(rng: np.random.Generator) -> None:
    schema = schema_of((3, 4, 2))
    ledger = Ledger(GaussianCap(2.0))
    ledger.open([GaussianCap(2.0)])
    private = PrivateTable(uniform(schema, 300, rng), schema, ledger, rng)
    child = private.child(GaussianCap(2.0), ["c0", "c2"])
    Swift().fit(child, rng)
    (planned,) = child.ledger.plan or []
    assert planned["noise_multiplier"] == pytest.approx(2.0, rel=1e-3)


def test_no_row_shows_but_through_answers() -> None:
    schema = toy_schema()
    tables = {"": toy_encoded(schema, 80), "one row less": toy_encoded(schema, 80)[1:], "other rows": toy_encoded(schema, 60, 4)}
    assert sight(Swift, tables, [toy_encoded(schema, 80, seed=5)], schema, Budget(1.0, 1e-6)) is None


# --- what it finds ---------------------------------------------------------------------------------------------


def planted(rows: int, rng: np.random.Generator) -> tuple[Schema, np.ndarray]:
    """c0 and c3 nearly equal; the target nearly the exclusive or of c1 and c2, which no pair tells."""
    schema = schema_of((6, 2, 2, 6, 5, 2), rows_public=rows)
    encoded = uniform(schema, rows, rng)
    encoded[:, 3] = np.where(rng.random(rows) < 0.9, encoded[:, 0], encoded[:, 3])
    encoded[:, 5] = np.where(rng.random(rows) < 0.9, encoded[:, 1] ^ encoded[:, 2], encoded[:, 5])
    return schema, encoded


def test_planted_dependence_is_found(rng: np.random.Generator) -> None:
    schema, encoded = planted(4000, rng)
    model = fitted(encoded, schema, 1.0)
    assert {(0, 3), (1, 2, 5)} <= set(model.chosen_)
    sample = model.sample(4000, rng)
    for columns, off in [((0, 3), 0.12), ((1, 2, 5), 0.09), ((4, 5), 0.05)]:  # of what independence is off: .75, .4, 0
        query = tuple(schema.names[c] for c in columns)
        assert np.abs(marginal(sample, schema, query) - marginal(encoded, schema, query)).sum() / 8000 < off


def test_weak_pairs_are_found_beside_columns_that_the_target_hangs_on(rng: np.random.Generator) -> None:
    """Ten columns in pairs of correlation .3; the target hangs on the first six, each by itself."""
    rows = 40_000
    made = rng.standard_normal((rows, 10))
    made[:, 1::2] = 0.3 * made[:, ::2] + math.sqrt(1 - 0.09) * made[:, 1::2]
    encoded = np.clip(made * 2.5 + 8, 0, 15).astype(int)
    target = made[:, :6].sum(axis=1) / 2 + rng.standard_normal(rows) > 0
    schema = schema_of([16] * 10 + [2], rows_public=rows)
    model = fitted(np.column_stack([encoded, target]).astype(schema.dtype), schema, 1.0)
    assert {(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)} <= set(model.chosen_)


def test_all_pairs_miss_what_triples_tell(rng: np.random.Generator) -> None:
    schema, encoded = planted(4000, rng)
    agrees = {}
    for workload in ("all_2way", "all_3way"):
        sample = fitted(encoded, schema, 1.0, workload=workload).sample(4000, rng)
        agrees[workload] = float((sample[:, 5] == sample[:, 1] ^ sample[:, 2]).mean())
    assert agrees["all_2way"] < 0.56 and agrees["all_3way"] > 0.8


def test_every_feature_is_measured_with_the_target_whatever_noise_says(rng: np.random.Generator) -> None:
    schema = schema_of((4, 3, 5, 2))
    for seed in range(3):
        encoded = uniform(schema, 100, np.random.default_rng(seed))
        assert {(0, 3), (1, 3), (2, 3)} <= set(fitted(encoded, schema, 0.001).chosen_)
    assert (2, 3) not in fitted(encoded, schema, 0.001, max_cells=9).chosen_  # 10 cells


def test_the_budget_is_divided_as_costs_say(rng: np.random.Generator) -> None:
    schema = schema_of((3, 4, 2))
    private = table(uniform(schema, 10, rng), schema, 100.0)
    private.ledger.open([Gaussian(1.0)])
    cliques = [(0, 1), (1, 2), (0, 1, 2)]
    measured = baselines.swift._measured(private, cliques, budget=0.5)
    precision = np.array([m.sigma**-2 for m in measured])
    assert precision.sum() == pytest.approx(0.5)  # twice the zCDP
    cells = np.array([12, 8, 24])
    assert precision / precision.sum() == pytest.approx(cells ** (2 / 3) / (cells ** (2 / 3)).sum())
    # with this division the expected error is (sum of costs)^1.5 / sqrt(budget), as `Limits.gain` has it
    error = math.sqrt(2 / math.pi) * float((cells / np.sqrt(precision)).sum())
    assert -Limits((3, 4, 2), 0.5, 1.0, 100).gain(0.0, sum(map(cost, cells))) == pytest.approx(error)


# --- tables of every kind --------------------------------------------------------------------------------------

KINDS = {
    "three": (3, 4, 2),
    "two": (4, 2),
    "one": (5,),
    "a constant": (1, 3, 2),
    "a constant alone": (1, 1, 2),
    "long": (500, 3, 500, 2),
    "too long for any pair": (500, 500),
    "fourteen": (2, 3, 4, 5, 6, 7, 8, 2, 3, 4, 5, 6, 7, 2),
}


@pytest.mark.parametrize("sizes", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("epsilon", [1e-4, 1.0, 1000.0])
@pytest.mark.parametrize("rows", [0, 20, 1000])
def test_every_table_gives_rows_without_a_word(sizes: tuple[int, ...], epsilon: float, rows: int) -> None:
    rng = np.random.default_rng(3)
    schema = schema_of(sizes, rows_public=max(rows, 2))
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        model = fitted(uniform(schema, rows, rng), schema, epsilon, max_cells=20_000)
        sample = draw(model, schema, 100, rng)
    assert sample.shape == (100, len(sizes))
    assert all(np.isfinite(belief).all() and (belief >= 0).all() for belief in model.model_.beliefs)
    assert model.model_.tree.cells <= 20_000


def test_many_columns(rng: np.random.Generator) -> None:
    schema = schema_of([2, 3, 4] * 28, rows_public=2000)
    encoded = uniform(schema, 2000, rng)
    encoded[:, 40] = encoded[:, 0] % 3
    model = fitted(encoded, schema, 3.0)
    assert model.model_.tree.cells <= 100_000 and (0, 40) in model.chosen_
    assert sum(83 in clique for clique in model.chosen_) >= 83


def test_a_table_without_a_target(rng: np.random.Generator) -> None:
    schema = schema_of((4, 4, 4), target=False)
    encoded = uniform(schema, 1000, rng)
    encoded[:, 2] = encoded[:, 0]
    assert fitted(encoded, schema, 1.0).chosen_[0] == (0, 2)
    assert max(map(len, fitted(encoded, schema, 1000.0).chosen_)) == 2


def test_equal_seeds_give_equal_rows_and_large_samples_come_in_pieces(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema, encoded = planted(500, rng)
    one, other = (fitted(encoded, schema, 1.0).sample(1000, np.random.default_rng(2)) for _ in range(2))
    assert np.array_equal(one, other) and one.dtype == schema.dtype
    model = fitted(encoded, schema, 1.0)
    sizes: list[int] = []
    whole = model.model_.sample

    def noted(_: Any, n: int, rng: np.random.Generator) -> np.ndarray:
        sizes.append(n)
        return whole(n, rng)

    monkeypatch.setattr(type(model.model_), "sample", noted)
    monkeypatch.setattr(baselines.swift, "_PIECE", 400)
    pieces = model.sample(1000, rng)
    assert sizes == [400, 400, 200] and pieces.shape == (1000, 6)
    share = np.bincount(pieces[:, 0], minlength=6) / 1000
    assert share == pytest.approx(model.model_.project((0,)) / model.model_.total, abs=0.005)
    assert model.sample(0, rng).shape == (0, 6)


@pytest.mark.parametrize(
    "parameters, told",
    [
        ({"workload": "all_4way"}, "workload is 'all_4way'"),
        ({"max_cells": 0}, "max_cells is 0"),
        ({"first": 0}, "first is 0"),
        ({"choosing": -0.1}, "choosing is -0.1"),
        ({"first": 0.5, "choosing": 0.5}, "first is 0.5 and choosing 0.5"),
        ({"caution": math.inf}, "caution is inf"),
        ({"trust": 0}, "trust is 0"),
        ({"iterations": 1.5}, "iterations is 1.5"),
    ],
)
def test_what_cannot_be_meant_is_refused(parameters: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Swift(**parameters)
