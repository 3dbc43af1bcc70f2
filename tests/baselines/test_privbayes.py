"""PrivBayes: its score and how far a unit moves it, the parents that it offers, its budget, and the rows it draws."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import baselines.privbayes as module
from baselines.privbayes import SENSITIVITY, Family, PrivBayes, dependence, maximal_parents
from dpdsyn.base.checks import InputError
from dpdsyn.candidates import Independent
from dpdsyn.checking.blind import sight
from dpdsyn.contract import toy_encoded, toy_schema
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable, marginal
from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer, draw

QUERY = ("a", "b", "x")


def schema_of(sizes: tuple[int, ...], rows_public: int) -> Schema:
    columns = (Column(f"c{i}", "categorical", categories=tuple(range(size))) for i, size in enumerate(sizes))
    return Schema(tuple(columns), f"c{len(sizes) - 1}" if sizes[-1] > 1 else None, rows_public)


def fitted(method: Synthesizer, encoded: np.ndarray, schema: Schema, epsilon: float) -> PrivateTable:
    private = PrivateTable(encoded.astype(schema.dtype), schema, Ledger(Budget(epsilon, 1e-6)), np.random.default_rng(1))
    method.fit(private, np.random.default_rng(2))
    return private


def planted(rows: int, rng: np.random.Generator) -> np.ndarray:
    """The last is nearly the exclusive or of c0 and c1, c3 nearly a copy of c2."""
    encoded = np.stack([rng.integers(size, size=rows) for size in (2, 2, 4, 4, 3, 2)], axis=1)
    encoded[:, 3] = np.where(rng.random(rows) < 0.9, encoded[:, 2], encoded[:, 3])
    encoded[:, 5] = np.where(rng.random(rows) < 0.95, encoded[:, 0] ^ encoded[:, 1], encoded[:, 5])
    return encoded


# --- the score ---------------------------------------------------------------------------------------------------


def naive_dependence(counts: np.ndarray) -> float:
    """n times half the L1 distance of Pr[parents, child] from Pr[parents] Pr[child], cell by cell."""
    n, total = counts.sum(), 0.0
    for cell in np.ndindex(*counts.shape):
        parents, child = counts[cell[:-1]].sum() / n, counts[..., cell[-1]].sum() / n
        total += abs(counts[cell] / n - parents * child)
    return float(n * total / 2)


@given(st.integers(0, 2**32))
def test_the_score_is_n_times_the_papers_r(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.choice([0.3, 5, 100]), size=rng.integers(1, 4, 3)).astype(float)
    if counts.sum():
        assert dependence(counts, QUERY) == pytest.approx(naive_dependence(counts), abs=1e-9)


def test_one_row_moves_the_score_by_less_than_its_sensitivity() -> None:
    rng, most = np.random.default_rng(0), 0.0
    for _ in range(300):
        shape = tuple(rng.integers(1, 4, 3))
        counts = np.floor(rng.exponential(rng.choice([0.3, 2, 20]), shape) * (rng.random(shape) < rng.random()))
        before = dependence(counts, QUERY)
        for cell in np.ndindex(*shape):
            more = counts.copy()
            more[cell] += 1
            most = max(most, abs(dependence(more, QUERY) - before))
    assert 1.5 < most < SENSITIVITY


@given(st.integers(0, 2**32), st.integers(1, 4))
def test_a_person_of_several_rows_moves_it_no_further(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.choice([0.2, 3]), size=(2, 3, 3)) / rows * rng.integers(0, 2, (2, 3, 3))
    more = counts.copy()
    for _ in range(rng.integers(1, rows + 1)):
        more[tuple(rng.integers(size) for size in counts.shape)] += 1 / rows
    assert abs(dependence(more, QUERY) - dependence(counts, QUERY)) < SENSITIVITY


def test_the_bound_is_reached_in_the_limit() -> None:
    for n in (1, 10, 1000):
        assert dependence(np.diag([float(n), 0.0]), QUERY) == 0
        assert dependence(np.diag([float(n), 1.0]), QUERY) == pytest.approx(2 * n / (n + 1))
    assert dependence(np.zeros((2, 3)), QUERY) == 0


# --- what is offered ---------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.floats(0.5, 200))
def test_maximal_parents_are_all_that_fit_and_cannot_grow(seed: int, most: float) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 6, 7).tolist()
    placed = sorted(rng.choice(7, size=rng.integers(0, 8), replace=False).tolist())

    def fits(columns: tuple[int, ...]) -> bool:
        return math.prod(sizes[c] for c in columns) <= most

    every = [c for k in range(len(placed) + 1) for c in itertools.combinations(placed, k) if fits(c)]
    expected = {c for c in every if not any(set(c) < set(larger) for larger in every)} or {()}
    assert set(maximal_parents(placed, sizes, most, 5, rng)) == expected


def test_where_there_are_too_many_some_are_drawn_that_cannot_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_TRIED", 50)
    placed, sizes = list(range(40)), [2, 3] * 20
    found = maximal_parents(placed, sizes, 100.0, 30, np.random.default_rng(0))
    assert 20 < len(found) <= 30 and len(set(found)) == len(found)
    for columns in found:
        cells = math.prod(sizes[c] for c in columns)
        assert cells <= 100 < cells * min(sizes[c] for c in placed if c not in columns)


def test_joint_distributions_are_useful_by_the_public_number_of_rows() -> None:
    widest = []
    for rows_public in (50, 3000, 300_000):
        schema = schema_of((2, 2, 4, 4, 3, 2), rows_public)
        method = PrivBayes(theta=4)
        private = fitted(method, planted(500, np.random.default_rng(0)), schema, 1.0)
        rho = private.ledger.allowance.rho
        most = rows_public / (4 * math.sqrt(2 / math.pi) * math.sqrt(6 / (2 * 0.7 * rho)))
        for family in method.network_:
            assert not family.parents or math.prod(schema.sizes[c] for c in family.columns) <= most
        widest.append(max(len(family.columns) for family in method.network_))
    assert widest[0] < widest[1] < widest[2] == 6


def test_no_more_is_offered_in_a_step_than_was_asked_for() -> None:
    asked: list[int] = []

    class Watched(PrivateTable):
        def select(self, queries, score, sensitivity, epsilon):  # type: ignore[no-untyped-def]
            asked.append(len(queries))
            assert score is dependence and sensitivity == SENSITIVITY and len(set(queries)) == len(queries)
            return super().select(queries, score, sensitivity, epsilon)

    schema = schema_of((2,) * 12, 100_000)
    private = Watched(np.zeros((10, 12), dtype=schema.dtype), schema, Ledger(Budget(1.0, 1e-6)), np.random.default_rng(0))
    PrivBayes(most_offered=7).fit(private, np.random.default_rng(0))
    assert len(asked) == 11 and max(asked) == 7


# --- the whole ---------------------------------------------------------------------------------------------------


def test_shares_of_the_budget_are_as_told() -> None:
    schema = schema_of((2, 2, 4, 4, 3, 2), 2000)
    private = fitted(PrivBayes(choosing=0.3), planted(2000, np.random.default_rng(0)), schema, 1.0)
    rho = private.ledger.allowance.rho
    choices, answers = private.ledger.entries
    assert choices["mechanism"] == "Exponential" and choices["count"] == 5
    assert 5 * choices["epsilon"] ** 2 / 8 == pytest.approx(0.3 * rho)
    assert 1 / (2 * answers["noise_multiplier"] ** 2) == pytest.approx(0.7 * rho)
    assert private.ledger.guarantee == "dp" and private.ledger.spent <= 1.0


def test_conditionals_are_those_of_the_noisy_joint_counts() -> None:
    """Answers without noise: the network drawn by hand from exact counts gives the same shares."""
    schema, encoded = schema_of((2, 2, 4, 4, 3, 2), 3000), planted(3000, np.random.default_rng(0))
    method = PrivBayes()
    fitted(method, encoded, schema, 1e6)
    for family, cumulative in zip(method.network_, method.conditionals_, strict=True):
        counts = marginal(encoded, schema, tuple(schema.names[c] for c in family.columns)).astype(float)
        for given_ in np.ndindex(*counts.shape[:-1]):
            row = counts[given_] if counts[given_].sum() else counts.reshape(-1, counts.shape[-1]).sum(axis=0)
            assert np.diff(cumulative[given_], prepend=0) == pytest.approx(row / row.sum(), abs=2e-3)


def test_a_family_within_another_is_not_measured_again() -> None:
    network = [Family(2, ()), Family(0, (2,)), Family(1, (0, 2)), Family(3, (1,))]
    assert module._measured_of(network) == [Family(1, (0, 2)), Family(3, (1,))]
    same = [Family(2, ()), Family(0, (2,)), Family(1, ())]
    assert module._measured_of(same) == same[1:]
    joint = np.arange(24.0).reshape(2, 3, 4)
    joints = {(0, 2, 1): joint, (3, 1): np.zeros((7, 4))}
    assert np.array_equal(module._joint(joints, (2, 0)), joint.sum(axis=2).T)
    assert np.array_equal(module._joint(joints, (1,)), joint.sum(axis=(0, 1)))


def test_counts_below_zero_and_parents_without_rows() -> None:
    joint = np.maximum(np.array([[3.0, 1.0], [-2.0, -1.0], [0.0, 5.0]]), 0)
    assert module._conditional(joint).tolist() == [[0.75, 1.0], [3 / 9, 1.0], [0.0, 1.0]]
    assert module._conditional(np.zeros((2, 4)))[1].tolist() == [0.25, 0.5, 0.75, 1.0]


def test_rows_are_drawn_by_the_network(rng: np.random.Generator) -> None:
    method = PrivBayes()
    method.network_, method.dtype_ = [Family(1, ()), Family(0, (1,)), Family(2, (1, 0))], np.dtype(np.uint8)
    tables = [rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(2), size=3), rng.dirichlet(np.ones(4), size=(3, 2))]
    method.conditionals_ = [module._conditional(table) for table in tables]
    rows = method.sample(150_000, rng)
    joint = np.zeros((2, 3, 4))
    np.add.at(joint, tuple(rows.T), 1 / len(rows))
    expected = np.einsum("b,ba,bac->abc", *tables)
    assert np.abs(joint - expected).max() < 0.006 and rows.dtype == np.uint8
    assert method.sample(0, rng).shape == (0, 3)


def test_planted_dependence_is_kept_where_columns_alone_lose_it(rng: np.random.Generator) -> None:
    schema, encoded = schema_of((2, 2, 4, 4, 3, 2), 8000), planted(8000, rng)
    kept = {}
    for kind in (PrivBayes, Independent):
        method: Any = kind()
        fitted(method, encoded, schema, 1.0)
        rows = draw(method, schema, 20_000, rng)
        kept[kind] = (rows[:, 5] == rows[:, 0] ^ rows[:, 1]).mean(), (rows[:, 2] == rows[:, 3]).mean()
    assert min(kept[PrivBayes][0] - 0.9, kept[PrivBayes][1] - 0.85) > 0 > max(kept[Independent]) - 0.6


def test_no_row_shows_but_through_answers() -> None:
    schema = toy_schema()
    tables = {"": toy_encoded(schema, 80), "one row less": toy_encoded(schema, 80)[1:]}
    assert sight(PrivBayes, tables, [toy_encoded(schema, 80, seed=5)], schema, Budget(1.0, 1e-6)) is None


@pytest.mark.parametrize("sizes", [(1,), (4,), (3, 2), (1, 1), (1, 5, 1), (500, 400, 2)])
@pytest.mark.parametrize("rows", [0, 1, 300])
def test_tables_of_any_shape(sizes: tuple[int, ...], rows: int, rng: np.random.Generator) -> None:
    schema = schema_of(sizes, 50)
    method = PrivBayes()
    private = fitted(method, np.stack([rng.integers(size, size=rows) for size in sizes], axis=1), schema, 0.5)
    assert draw(method, schema, 30, rng).shape == (30, len(sizes))
    assert 0.999 < sum(entry.rho for _, entry in private.ledger._charges) / private.ledger.allowance.rho <= 1 + 1e-9


@pytest.mark.parametrize("given_", [{"choosing": 1}, {"choosing": 0}, {"theta": 0}, {"most_offered": 0}])
def test_what_cannot_be_meant_is_refused(given_: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(given_))):
        PrivBayes(**given_)
