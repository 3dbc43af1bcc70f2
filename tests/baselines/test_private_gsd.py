"""Private-GSD: what it measures, and a search whose bookkeeping is held against counting everything anew."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from builders.columns import schema_of, uniform
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines import private_gsd
from baselines.private_gsd import (
    Change,
    Crossover,
    Matched,
    Mutation,
    Number,
    Operator,
    PrivateGSD,
    Swap,
    evolved,
    measured_cliques,
)
from dpdsyn.accounting.spends import Gaussian, GaussianCap
from dpdsyn.base.checks import InputError
from dpdsyn.candidates import Independent
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable, marginal
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer, draw

SIZES = (3, 4, 2, 5)
CLIQUES = [*itertools.combinations(range(4), 2), (0, 1, 3), (2,)]


def fitted(method: Synthesizer, encoded: np.ndarray, schema: Schema, epsilon: float = 1.0) -> tuple[Synthesizer, Ledger]:
    ledger = Ledger(Budget(epsilon, 1e-6))
    private = PrivateTable(encoded, schema, ledger, np.random.default_rng(7))
    return method.fit(private, np.random.default_rng(8)), ledger


def counts(table: np.ndarray, clique: tuple[int, ...]) -> np.ndarray:
    found = np.zeros([SIZES[column] for column in clique])
    for row in table:
        found[tuple(row[list(clique)])] += 1
    return found


def table(rows: int, rng: np.random.Generator) -> np.ndarray:
    return np.stack([rng.integers(size, size=rows) for size in SIZES], axis=1)


def wanted(rows: int, rng: np.random.Generator) -> dict[tuple[int, ...], np.ndarray]:
    """Noisy counts of a table with dependences."""
    other = table(rows, rng)
    other[:, 3] = other[:, 1]
    return {clique: (exact := counts(other, clique)) + rng.normal(0, 1, exact.shape) for clique in CLIQUES}


def naive_fitness(table: np.ndarray, goal: dict[tuple[int, ...], np.ndarray]) -> float:
    return float(sum(((cells - counts(table, clique)) ** 2).sum() for clique, cells in goal.items()))


def operators() -> list[Operator]:
    every = range(4)
    return [
        Mutation(SIZES, every),
        Crossover(SIZES, every, 1),
        Crossover(SIZES, every, 2),
        Swap(SIZES, every),
        Number(SIZES, [3]),
    ]


def applied(before: np.ndarray, change: Change, which: list[int]) -> np.ndarray:
    after = before.copy()
    after[change.rows[which]] = change.codes[which]
    return after


# --- the search ------------------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.integers(1, 70), st.sampled_from([1, 3, 50]))
def test_fitness_is_kept_up_to_date_and_never_falls_back(seed: int, rows: int, taken: int) -> None:
    rng = np.random.default_rng(seed)
    goal = wanted(rows, rng)
    state = Matched.of(table(rows, rng), SIZES, goal)
    assert state.fitness == pytest.approx(naive_fitness(state.table, goal))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(private_gsd, "_TAKEN", taken)  # 1: all that do good may be taken
        for operator in operators() * 3:
            before = state.fitness
            gain = state.take(operator.candidates(state.table, rng))
            assert gain >= 0 and state.fitness == pytest.approx(before - gain)
            assert state.fitness == pytest.approx(naive_fitness(state.table, goal))


@settings(max_examples=15)
@given(st.integers(0, 2**32))
def test_what_a_candidate_does_is_as_counted_anew_and_the_best_is_taken(seed: int) -> None:
    rng = np.random.default_rng(seed)
    goal = wanted(12, rng)
    for operator in operators():
        state = Matched.of(table(12, rng), SIZES, goal)
        change = operator.candidates(state.table, rng)
        marginals = state.touched(change.columns)
        alone = state._alone(
            state.cells(state.table[change.rows], marginals), state.cells(change.codes, marginals), change.paired
        )
        half = len(change.rows) // 2
        parts = [[i, i + half] if change.paired else [i] for i in range(len(alone))]
        naive = [naive_fitness(applied(state.table, change, part), goal) - state.fitness for part in parts]
        assert alone.tolist() == pytest.approx(naive)
        best = min(naive)
        assert state.take(change) == pytest.approx(max(0.0, -best))  # of twelve candidates at most one


@pytest.mark.parametrize("kind", [Mutation, Swap, Number])
def test_candidates_change_one_column_of_rows_that_are_drawn_once(kind: type[Operator], rng: np.random.Generator) -> None:
    before = table(60, rng)
    change = kind(SIZES, [3]).candidates(before, rng)
    assert len(set(change.rows.tolist())) == len(change.rows) == 60 and change.columns == (3,)
    assert np.array_equal(change.codes[:, :3], before[change.rows, :3])
    assert change.codes[:, 3].max() < 5 and (change.codes[:, 3] != before[change.rows, 3]).any()
    if kind is Swap:
        assert np.array_equal(np.sort(change.codes[:, 3]), np.sort(before[:, 3]))


def test_two_values_of_a_crossover_come_from_one_row(rng: np.random.Generator) -> None:
    before = table(60, rng)
    before[:, 3] = before[:, 1]
    change = Crossover(SIZES, [1, 3], 2).candidates(before, rng)
    assert np.array_equal(change.codes[:, 1], change.codes[:, 3]) and change.columns in ((1, 3), (3, 1))


def test_without_noise_a_small_table_is_found_again(rng: np.random.Generator) -> None:
    other = table(40, rng)
    goal = {clique: counts(other, clique) for clique in itertools.combinations(range(4), 2)}
    state = Matched.of(table(40, rng), SIZES, goal)
    first = state.fitness
    found = evolved(state, SIZES, [3], 5000, 1e-9, rng)
    assert naive_fitness(found, goal) < first / 50


def test_the_search_ends_when_nothing_is_gained(rng: np.random.Generator) -> None:
    goal = wanted(20, rng)
    told: list[tuple[int, float]] = []

    def hear(generation: int, now: Matched) -> None:
        naive = [np.abs(goal[clique] - counts(now.table, clique)).sum() / (2 * len(now.table)) for clique in goal]
        assert now.misfit == pytest.approx(np.mean(naive))
        told.append((generation, now.misfit))

    evolved(Matched.of(table(20, rng), SIZES, goal), SIZES, [3], 100_000, 1e-3, rng, hear)
    assert 1 < len(told) < 100 and told[-1][1] <= told[0][1]
    told.clear()
    evolved(Matched.of(table(20, rng), SIZES, goal), SIZES, [3], 250, 1e-12, rng, hear)
    assert [generation for generation, _ in told] == [100, 200]


# --- what is measured, and what it costs -----------------------------------------------------------------------


def test_what_is_too_large_is_measured_in_smaller_parts() -> None:
    schema = schema_of((3, 4, 2, 60))
    assert set(measured_cliques(schema, "all_2way", 10_000)) == set(itertools.combinations(range(4), 2))
    assert set(measured_cliques(schema, "all_2way", 150)) == {(0, 1), (0, 2), (1, 2), (2, 3)}
    assert set(measured_cliques(schema, "target", 400)) == {(0, 1), (0, 2, 3), (1, 2)} | {(1, 3)}
    assert set(measured_cliques(schema, "all_2way", 20)) == {(0, 1), (0, 2), (1, 2), (3,)}
    assert measured_cliques(schema_of((5,)), "all_2way", 10) == [(0,)]


@pytest.mark.parametrize("workload", ["all_2way", "target", "all_3way"])
def test_all_is_measured_at_once_with_one_gaussian(workload: str, rng: np.random.Generator) -> None:
    schema = schema_of((3, 4, 2, 3), rows_public=300)
    _, ledger = fitted(PrivateGSD(workload, iterations=5), uniform(schema, 300, rng), schema)  # type: ignore[arg-type]
    (planned,), (spent,) = ledger.plan or [], ledger.entries
    assert planned["mechanism"] == spent["mechanism"] == "Gaussian" and 0.999 < (ledger.spent or 0) <= 1
    assert Gaussian(spent["noise_multiplier"]).rho == pytest.approx(Gaussian(planned["noise_multiplier"]).rho)


def test_as_a_source_it_spends_a_gaussian_cap(rng: np.random.Generator) -> None:
    schema = schema_of((3, 4, 2))
    ledger = Ledger(GaussianCap(2.0))
    ledger.open([GaussianCap(2.0)])
    child = PrivateTable(uniform(schema, 300, rng), schema, ledger, rng).child(GaussianCap(2.0), ["c0", "c2"])
    PrivateGSD(iterations=5).fit(child, rng)
    assert child.ledger.entries[0]["noise_multiplier"] == pytest.approx(2.0, rel=1e-3)


# --- what it finds ---------------------------------------------------------------------------------------------


def test_pairs_are_nearer_than_those_of_independent_columns(rng: np.random.Generator) -> None:
    schema = schema_of((6, 4, 5, 3), rows_public=1000)
    encoded = uniform(schema, 1000, rng)
    encoded[:, 3] = np.where(rng.random(1000) < 0.9, encoded[:, 0] // 2, encoded[:, 3])
    encoded[:, 1] = encoded[:, 2] % 4

    def off(method: Synthesizer) -> float:
        sample = draw(fitted(method, encoded, schema)[0], schema, 5000, rng)
        pairs = itertools.combinations(schema.names, 2)
        return sum(np.abs(marginal(sample, schema, p) / 5000 - marginal(encoded, schema, p) / 1000).sum() / 12 for p in pairs)

    assert off(PrivateGSD()) < off(Independent()) / 3


def test_triples_with_the_target_tell_what_pairs_do_not(rng: np.random.Generator) -> None:
    schema = schema_of((2, 2, 3, 2), rows_public=1000)
    encoded = uniform(schema, 1000, rng)
    encoded[:, 3] = encoded[:, 0] ^ encoded[:, 1]
    agrees = {}
    for workload in ("all_2way", "target"):
        sample = fitted(PrivateGSD(workload), encoded, schema)[0].sample(2000, rng)  # type: ignore[arg-type]
        agrees[workload] = (sample[:, 3] == sample[:, 0] ^ sample[:, 1]).mean()
    assert agrees["all_2way"] < 0.75 and agrees["target"] > 0.9


@pytest.mark.parametrize("sizes", [(3, 4, 2), (5,), (1, 3, 2), (1, 1, 2), (1,), (200, 300)])
@pytest.mark.parametrize("rows", [0, 1, 50])
def test_every_table_gives_rows_without_a_word(sizes: tuple[int, ...], rows: int, rng: np.random.Generator) -> None:
    schema = schema_of(sizes, sizes[-1] > 1, rows_public=max(1, rows))
    for epsilon in (1e-3, 1000.0):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model, _ = fitted(PrivateGSD(iterations=60), uniform(schema, rows, rng), schema, epsilon)
            assert draw(model, schema, 70, rng).shape == (70, len(sizes))


@pytest.mark.parametrize("bad", [{"workload": "pairs"}, {"rows": 0}, {"iterations": 0}, {"tolerance": 0}, {"max_cells": 0}])
def test_parameters_that_cannot_be_meant_are_refused(bad: dict) -> None:
    with pytest.raises(InputError, match=next(iter(bad))):
        PrivateGSD(**bad)
