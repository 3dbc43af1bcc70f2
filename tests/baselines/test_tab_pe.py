"""Tab-PE: how rows vote, which candidates survive, how they vary, and what all this spends."""

from __future__ import annotations

import math

import numpy as np
import pytest
from builders.columns import schema_of, uniform
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.tab_pe import _EXACT, Population, Space, TabPE, Votes, divided, joined, survivors
from dpdsyn.accounting.spends import ZCDP, Gaussian, SampledGaussian
from dpdsyn.base.checks import InputError
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import draw

WEIGHT = 1 / 3
MIXED = Schema(
    (
        Column("number", "integer", bounds=(0, 9), bins=10, missing="own_code"),
        Column("kind", "categorical", categories=("a", "b", "c")),
        Column("constant", "categorical", categories=("only",)),
        Column("other", "real", bounds=(0.0, 1.0), bins=4),
        Column("label", "categorical", categories=("no", "yes")),
    ),
    "label",
    500,
)


def fitted(encoded: np.ndarray, schema: Schema, epsilon: float = 1.0, **parameters: object) -> tuple[TabPE, Ledger]:
    ledger = Ledger(Budget(epsilon, 1e-6))
    private = PrivateTable(encoded, schema, ledger, np.random.default_rng(7))
    return TabPE(**parameters).fit(private, np.random.default_rng(8)), ledger  # type: ignore[arg-type]


def population(schema: Schema, rows: int, rng: np.random.Generator) -> Population:
    space = Space.of(schema, WEIGHT)
    classes = np.sort(rng.integers(schema.classes, size=rows))
    return Population(uniform(schema.select(space.names), rows, rng), classes)


def apart(a: int, b: int, column: Column) -> float:
    """The squared distance of two codes as the paper's embedding has it: numbers between 0 and 1, categories one-hot / 3."""
    if a == b:
        return 0.0
    if column.ordered and max(a, b) < column.values:
        return float(((int(a) - int(b)) / (column.values - 1)) ** 2)
    return 2 * WEIGHT**2


# --- votes: the mechanism's function ---------------------------------------------------------------------------


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(0, 40), st.integers(0, 30))
def test_a_row_votes_for_the_nearest_candidate_of_its_class(seed: int, rows: int, candidates: int) -> None:
    rng = np.random.default_rng(seed)
    crowd, encoded = population(MIXED, candidates, rng), uniform(MIXED, rows, rng)
    expected = np.zeros(candidates)
    features = MIXED.columns[:4]
    unit = (2**24 - 1 - 4) / sum(max(apart(0, code, column) for code in range(column.size)) for column in features)
    for row in encoded:
        own = [i for i in range(candidates) if crowd.classes[i] == row[4]]
        far = [
            sum(round(apart(a, b, column) * unit) for a, b, column in zip(row, crowd.codes[i], features, strict=False))
            for i in own
        ]
        if own:
            expected[own[far.index(min(far))]] += 1
    assert np.array_equal(Votes(Space.of(MIXED, WEIGHT), crowd, MIXED)(encoded, 1.0), expected)


@pytest.mark.parametrize("columns", [3, 40])
def test_one_row_moves_the_votes_by_one_whatever_rows_are_beside_it(columns: int, rng: np.random.Generator) -> None:
    """On neighbouring tables, brute force. Votes of rows are equal bit for bit alone and in any batch, ties included."""
    schema = schema_of([*(2 + i % 7 for i in range(columns)), 3])
    crowd, encoded = population(schema, 90, rng), uniform(schema, 300, rng)
    crowd.codes[10:30] = crowd.codes[0]  # many ties
    encoded[:50] = encoded[0]
    votes = Votes(Space.of(schema, WEIGHT), crowd, schema)
    alone = np.array([votes(row[None], 1.0) for row in encoded])
    assert np.array_equal(np.linalg.norm(alone, axis=1), np.ones(300))
    whole = votes(encoded, 1.0)
    assert np.array_equal(whole, alone.sum(axis=0)) and whole.sum() == 300
    for i in (0, 49, 299):
        assert np.array_equal(whole - votes(np.delete(encoded, i, axis=0), 1.0), alone[i])
    assert np.array_equal(votes(encoded, 0.5), 0.5 * whole)


@pytest.mark.parametrize("columns", [1, 13, 300])
def test_distances_are_whole_numbers_that_single_precision_adds_exactly(columns: int) -> None:
    schema = schema_of([*(2 + i % 9 for i in range(columns)), 2])
    tables = Space.of(schema, WEIGHT).tables
    assert all(np.array_equal(table, np.rint(table)) for table in tables)
    assert _EXACT // 2 < sum(int(table.max()) for table in tables) < _EXACT


def test_a_class_without_a_candidate_has_no_vote(rng: np.random.Generator) -> None:
    crowd, encoded = population(MIXED, 20, rng), uniform(MIXED, 100, rng)
    only = crowd.taken(np.flatnonzero(crowd.classes == 1))
    assert Votes(Space.of(MIXED, WEIGHT), only, MIXED)(encoded, 1.0).sum() == (encoded[:, 4] == 1).sum()


# --- what survives, and how it varies --------------------------------------------------------------------------


def test_those_of_the_most_votes_survive_class_by_class() -> None:
    votes, classes = np.array([5.0, -1, 7, 7, 2, 9]), np.array([0, 0, 0, 0, 2, 2])
    assert survivors(votes, classes, np.array([3, 0, 1]), None).tolist() == [2, 3, 0, 5]


def test_lots_are_drawn_as_votes_are(rng: np.random.Generator) -> None:
    drawn = survivors(np.array([3.0, -50, 1, 0, -1]), np.array([0, 0, 0, 1, 1]), np.array([20_000, 4000]), rng)
    counts = np.bincount(drawn, minlength=5)
    assert counts[1] == 0 and counts[0] / 20_000 == pytest.approx(0.75, abs=0.02)
    assert counts[3:].sum() == 4000 and counts[3] == pytest.approx(2000, abs=200)  # no vote above 0: all alike


@given(st.integers(1, 300), st.lists(st.floats(0, 1), min_size=1, max_size=9).filter(lambda shares: sum(shares) > 0.1))
def test_rows_are_divided_by_the_largest_remainders(rows: int, shares: list[float]) -> None:
    wanted = np.array(shares) / sum(shares) * rows
    given_ = divided(rows, np.array(shares) / sum(shares))
    assert given_.sum() == rows and (np.abs(given_ - wanted) < 1 + 1e-9).all()
    more = given_ > wanted
    assert not more.any() or (wanted % 1)[more].min() >= (wanted % 1)[~more].max(initial=0) - 1e-9


def test_variations_change_categories_by_the_rate_and_move_numbers_within_it(rng: np.random.Generator) -> None:
    space = Space.of(MIXED, WEIGHT)
    codes = np.tile([5, 1, 0, 2], (40_000, 1))
    new = space.varied(codes, 0.3, rng)
    assert ((new >= 0) & (new < MIXED.shape(space.names))).all() and not new[:, 2].any()
    assert (new[:, 1] != 1).mean() == pytest.approx(0.3 * 2 / 3, abs=0.01)
    missing = new[:, 0] == 10
    assert missing.mean() == pytest.approx(0.3 / 11, abs=0.005) and np.abs(new[~missing, 0] - 5).max() == 3
    assert new[~missing, 0].mean() == pytest.approx(5, abs=0.05)
    back = space.varied(np.tile([10, 1, 0, 2], (40_000, 1)), 0.3, rng)[:, 0]
    assert (back != 10).mean() == pytest.approx(0.3 * 10 / 11, abs=0.01)
    still = space.varied(codes, 1e-9, rng)
    assert np.array_equal(still, codes)


def test_of_a_joined_population_classes_stand_together() -> None:
    one, other = (Population(np.full((3, 1), code), np.array([0, 0, 1])) for code in (1, 2))
    both = joined([one, other])
    assert both.classes.tolist() == [0, 0, 0, 0, 1, 1] and both.codes.ravel().tolist() == [1, 1, 2, 2, 1, 2]


def test_the_rate_falls_as_in_the_public_code() -> None:
    method = TabPE()
    assert method._rate(0) == 0.5 and method._rate(28) == pytest.approx(0.5 - 0.49 * (28 / 30) ** 0.2)


# --- the whole method ------------------------------------------------------------------------------------------


def test_it_spends_what_it_has_on_class_counts_and_on_votes(rng: np.random.Generator) -> None:
    schema = schema_of((3, 4, 2), rows_public=300)
    _, ledger = fitted(uniform(schema, 300, rng), schema, rounds=5, counting=0.1)
    assert ledger.guarantee == "dp" and 0.999 < (ledger.spent or 0) <= 1
    counts, votes = ledger.entries
    assert (counts["mechanism"], votes["mechanism"], votes["rate"], votes["count"]) == ("Gaussian", "SampledGaussian", 1.0, 5)
    rho = [Gaussian(counts["noise_multiplier"]).rho, SampledGaussian(1.0, votes["noise_multiplier"], 5).rho]
    assert rho[0] / sum(rho) == pytest.approx(0.1)
    one = Budget(1.0, 1e-6).spent([Gaussian(1 / math.sqrt(2 * sum(rho)))])
    assert one == pytest.approx(1, rel=1e-3)  # composed as one Gaussian, which all of them are


def test_it_runs_under_a_cap(rng: np.random.Generator) -> None:
    schema = schema_of((3, 4, 2), rows_public=300)
    private = PrivateTable(uniform(schema, 300, rng), schema, Ledger(ZCDP(0.5)), rng)
    TabPE(rounds=3).fit(private, rng)
    assert sum(SampledGaussian(1.0, e["noise_multiplier"], e["count"]).rho for e in private.ledger.entries) <= 0.5 * (1 + 1e-9)


def test_dependences_of_three_columns_are_found(rng: np.random.Generator) -> None:
    """The label is the exclusive or of two columns: no pair of columns tells anything of it."""
    schema = schema_of((2, 2, 9, 9, 2), rows_public=4000)
    encoded = uniform(schema, 4000, rng)
    encoded[:, 4] = encoded[:, 0] ^ encoded[:, 1]
    sample = fitted(encoded, schema, 4.0, rows=100)[0].sample(3000, rng)
    assert (sample[:, 4] == sample[:, 0] ^ sample[:, 1]).mean() > 0.9
    assert sample[:, 4].mean() == pytest.approx(encoded[:, 4].mean(), abs=0.03)


@pytest.mark.parametrize("sizes", [(3, 4, 2), (5, 2), (2,), (1, 1, 2), (1,), (300, 2)])
@pytest.mark.parametrize("rows", [0, 30])
def test_every_table_gives_rows(sizes: tuple[int, ...], rows: int, rng: np.random.Generator) -> None:
    for target in (True, False):
        if sizes == (1,) and target:
            continue
        schema = schema_of(sizes, target, rows_public=max(1, rows))
        model, _ = fitted(uniform(schema, rows, rng), schema, rounds=6, by_lot=3)
        assert draw(model, schema, 70, rng).shape == (70, len(sizes)) and len(model.kept_) == max(1, rows)


def test_a_sample_has_every_survivor_as_often_as_any_other(rng: np.random.Generator) -> None:
    model = TabPE()
    model.kept_ = np.arange(7)[:, None]
    assert np.bincount(model.sample(14, rng)[:, 0]).tolist() == [2] * 7
    assert sorted(np.bincount(model.sample(10, rng)[:, 0], minlength=7)) == [1] * 4 + [2] * 3


@pytest.mark.parametrize("bad", [{"rows": 0}, {"rounds": 0}, {"by_lot": -1}, {"counting": 1}, {"first_rate": 1.5}])
def test_parameters_that_cannot_be_meant_are_refused(bad: dict) -> None:
    with pytest.raises(InputError, match=next(iter(bad))):
        TabPE(**bad)
