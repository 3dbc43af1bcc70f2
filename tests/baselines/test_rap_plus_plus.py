"""RAP++: thresholds and their counts, what rounds spend, what is chosen, and relaxed rows held against loops."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from builders.columns import schema_of, uniform
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.rap_plus_plus import Above, Asked, RAPPlusPlus, RelaxedRows, Threshold, marginal_pool, threshold_pool
from dpdsyn.accounting.spends import ZCDP, Exponential, Gaussian, SampledGaussian
from dpdsyn.base.checks import InputError
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable, marginal
from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import draw


def mixed(numbers: int = 3, categories: int = 2, rows_public: int = 400) -> Schema:
    """Numbers of four to six bins, the first with missing cells, categories, and a label of three classes."""
    columns = [
        *(Column(f"n{i}", "integer", bounds=(0, 9), bins=4 + i, missing="own_code" if i == 0 else None) for i in range(numbers)),
        *(Column(f"k{i}", "categorical", categories=("a", "b", "c")) for i in range(categories)),
        Column("label", "categorical", categories=("x", "y", "z")),
    ]
    return Schema(tuple(columns), "label", rows_public)


SHORT: dict[str, Any] = {"rows": 60, "threshold_rounds": 3, "chosen": 2, "offered": 12, "iterations": 3, "last_iterations": 9}


def fitted(encoded: np.ndarray, schema: Schema, epsilon: float = 1.0, **parameters: Any) -> tuple[RAPPlusPlus, Ledger]:
    ledger = Ledger(Budget(epsilon, 1e-6))
    private = PrivateTable(encoded, schema, ledger, np.random.default_rng(7))
    return RAPPlusPlus(**{**SHORT, **parameters}).fit(private, np.random.default_rng(8)), ledger


def thresholds(schema: Schema, count: int, rng: np.random.Generator) -> list[Threshold]:
    pool = threshold_pool(schema, 10_000)
    return [Threshold.drawn(schema, pool[int(rng.integers(len(pool)))], rng) for _ in range(count)]


# --- thresholds, and the mechanism's function ------------------------------------------------------------------


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(0, 40), st.integers(1, 6))
def test_rows_above_thresholds_are_counted_by_class(seed: int, rows: int, count: int) -> None:
    rng, schema = np.random.default_rng(seed), mixed()
    encoded, asked = uniform(schema, rows, rng), thresholds(schema, count, rng)
    expected = np.zeros((count, 3))
    for row in encoded:
        for i, threshold in enumerate(asked):
            if threshold.above[tuple(row[list(threshold.clique[:-1])])]:
                expected[i, row[-1]] += 1
    counts = Above(asked, schema)
    assert np.allclose(counts(encoded, math.sqrt(count)), expected, atol=1e-9)
    of_marginals = [threshold.of(marginal(encoded, schema, threshold)) for threshold in asked]
    assert np.array_equal(of_marginals, expected)  # what is chosen by is what is measured


def test_a_threshold_is_a_half_of_the_plane_of_two_numbers(rng: np.random.Generator) -> None:
    schema = mixed(2)
    for threshold in thresholds(schema, 60, rng):
        assert threshold == threshold and tuple(threshold) == ("n0", "n1", "label") and threshold.above.shape == (5, 5)
        assert not threshold.above[4].any()  # missing
        for line in (*threshold.above[:4], *threshold.above[:4].T):
            assert (np.diff(line) >= 0).all() or (np.diff(line) <= 0).all()
    assert len({threshold.above.tobytes() for threshold in thresholds(schema, 60, rng)}) > 20


@pytest.mark.parametrize("count", [1, 5])
def test_one_row_moves_the_counts_by_no_more_than_the_clip(count: int, rng: np.random.Generator) -> None:
    """On neighbouring tables, brute force over all rows that there can be."""
    schema = mixed(2, 0)
    others = uniform(schema, 30, rng)
    every = np.stack(np.meshgrid(*map(np.arange, schema.sizes), indexing="ij"), axis=-1).reshape(-1, 3).astype(schema.dtype)
    asked = thresholds(schema, count, rng)
    asked[0].above[1, 1] = 1
    for threshold in asked[1:]:
        threshold.above[1, 1] = 1  # one row that is above all of them
    counts, clip = Above(asked, schema), 0.7
    before = counts(others, clip)
    moved = [np.linalg.norm(counts(np.concatenate([others, row[None]]), clip) - before) for row in every]
    assert max(moved) == pytest.approx(clip)


def test_errors_that_choices_are_made_by_move_by_one_with_a_row(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    schema, asked = mixed(), list[tuple[Any, ...]]()

    class Noted(PrivateTable):
        def select(self, queries, score, sensitivity, epsilon):  # type: ignore[no-untyped-def]
            asked.append((list(queries), score, sensitivity))
            return super().select(queries, score, sensitivity, epsilon)

    RAPPlusPlus(**SHORT).fit(Noted(uniform(schema, 300, rng), schema, Ledger(Budget(1.0, 1e-6)), rng), rng)
    assert len(asked) == 1 + 3 * 2
    for queries, score, sensitivity in asked:
        for rows in (0, 3, 40):
            encoded = uniform(schema, rows + 1, rng)
            encoded[: rows // 2] = encoded[-1]
            for query in queries:
                one, other = (score(marginal(part, schema, query), query) for part in (encoded, encoded[:-1]))
                assert abs(one - other) <= sensitivity * (1 + 1e-9) == 1 + 1e-9


# --- budget and choice -----------------------------------------------------------------------------------------


def test_every_share_of_the_budget_is_spent_as_told(rng: np.random.Generator) -> None:
    schema = mixed(3, 3)
    private = PrivateTable(uniform(schema, 300, rng), schema, Ledger(ZCDP(0.5)), rng)
    RAPPlusPlus(**{**SHORT, "counting": 0.1}).fit(private, rng)
    spent: dict[str, float] = {}
    for entry in private.ledger.entries:
        label, kind = entry["label"], entry["mechanism"]
        spend = {
            "Gaussian": lambda e: Gaussian(e["noise_multiplier"], e["count"]),
            "Exponential": lambda e: Exponential(e["epsilon"], e["count"]),
            "SampledGaussian": lambda e: SampledGaussian(e["rate"], e["noise_multiplier"], e["count"]),
        }[kind](entry)
        assert kind != "SampledGaussian" or spend.rate == 1.0  # type: ignore[union-attr]
        spent[label] = spent.get(label, 0.0) + spend.rho
    assert sum(spent.values()) == pytest.approx(0.5)
    measured = spent["rows of each class above linear thresholds"]
    assert measured == pytest.approx(0.5 * 0.9 / 2 / 2)  # three categorical features, three ordered ones: a half each
    assert spent["selection"] == pytest.approx(0.5 * 0.9 / 2) and spent["1 noisy marginals"] == pytest.approx(0.05 + 0.9 * 0.125)


@pytest.mark.parametrize(("numbers", "categories", "expected"), [(3, 2, (1, 3)), (0, 3, (3, 0)), (2, 0, (0, 3)), (1, 1, (1, 3))])
def test_kinds_of_rounds_follow_the_kinds_of_columns(numbers: int, categories: int, expected: tuple[int, int]) -> None:
    schema, method = mixed(numbers, categories), RAPPlusPlus(**SHORT)
    pools = marginal_pool(schema, 10_000), threshold_pool(schema, 10_000)
    rounds = method._rounds(schema, *map(len, pools), np.random.default_rng(0))
    assert (sum(kind for kind, _ in rounds), sum(not kind for kind, _ in rounds)) == expected
    assert sum(share for _, share in rounds) == pytest.approx(1)
    weight = sum(share for kind, share in rounds if kind)
    assert weight == pytest.approx(categories / (numbers + categories))


def test_pools_hold_what_is_small_enough() -> None:
    schema = mixed(3, 2)
    assert marginal_pool(schema, 10_000) == [(3, 4, 5)] and marginal_pool(schema, 20) == [(3, 5), (4, 5)]
    assert threshold_pool(schema, 80) == [(0, 1, 5)]
    assert threshold_pool(schema, 10_000) == [(0, 1, 5), (0, 2, 5), (1, 2, 5)]
    assert threshold_pool(schema, 15) == [(0, 5), (1, 5)] and threshold_pool(mixed(1), 99) == [(0, 3)]


def test_with_hardly_any_noise_the_worst_are_chosen_and_measured(rng: np.random.Generator) -> None:
    """Against a naive choice: by errors that are computed from the rows themselves."""
    schema = mixed(3, 4)
    encoded = uniform(schema, 400, rng)
    encoded[:, 3] = encoded[:, 4]
    private = PrivateTable(encoded, schema, Ledger(ZCDP(1e9)), rng)
    private.ledger.cap()
    method = RAPPlusPlus(**SHORT)
    method.total_ = 400.0
    model, asked = RelaxedRows(schema.sizes, 30, 0.1, rng), Asked(400.0)
    pool = marginal_pool(schema, 10_000)
    off = [
        np.abs(marginal(encoded, schema, [schema.names[c] for c in clique]) - 400 * model.marginal(clique)).sum()
        for clique in pool
    ]
    method._add_marginal(private, model, asked, pool, 1e7)
    (clique,) = asked.marginals
    assert clique == pool[int(np.argmax(off))]
    shares, _ = asked.marginals[clique]
    assert np.allclose(400 * shares, marginal(encoded, schema, [schema.names[c] for c in clique]), atol=0.1)

    random = np.random.default_rng(5)
    method._add_thresholds(private, model, asked, threshold_pool(schema, 10_000), 1e7, random)
    random, pairs = np.random.default_rng(5), threshold_pool(schema, 10_000)
    offered = [Threshold.drawn(schema, pairs[int(random.integers(len(pairs)))], random) for _ in range(12)]
    exact = [Above([t], schema)(encoded, 1.0)[0] for t in offered]
    wrong = [np.abs(e - 400 * t.of(model.marginal(t.clique))).sum() for e, t in zip(exact, offered, strict=True)]
    found = [(above, counts) for own in asked.thresholds.values() for above, counts, _ in own]
    naive = np.argsort(wrong)[-2:]
    assert {above.tobytes() for above, _ in found} == {offered[i].above.tobytes() for i in naive}
    assert np.allclose(np.sort([400 * c.sum() for _, c in found]), np.sort([exact[i].sum() for i in naive]), atol=0.1)


# --- relaxed rows ----------------------------------------------------------------------------------------------


def test_marginals_of_relaxed_rows_are_means_of_products(rng: np.random.Generator) -> None:
    model = RelaxedRows((3, 4, 2, 5), 7, 0.1, rng)
    cells = model.distributions()
    for clique in [(0,), (2, 1), (0, 3, 2), (3, 1, 0)]:
        naive = np.zeros([(3, 4, 2, 5)[column] for column in clique])
        for row in range(7):
            for at in np.ndindex(naive.shape):
                naive[at] += math.prod(cells[column][row, code] for column, code in zip(clique, at, strict=True)) / 7
        assert np.allclose(model.marginal(clique), naive, atol=1e-6)


def test_relaxed_rows_come_to_have_what_was_measured(rng: np.random.Generator) -> None:
    schema = mixed(2, 2)
    encoded = uniform(schema, 500, rng)
    encoded[:, 4] = encoded[:, 2]
    encoded[:, 1] = np.minimum(encoded[:, 0], 3) + encoded[:, 4] // 2
    model, asked = RelaxedRows(schema.sizes, 100, 0.1, rng), Asked(500.0)
    asked.add_marginal((2, 3, 4), marginal(encoded, schema, ["k0", "k1", "label"]), 1.0)
    some = thresholds(schema, 10, rng)
    asked.add_thresholds(some, np.array([threshold.of(marginal(encoded, schema, threshold)) for threshold in some]), 1.0)
    model.fit(asked, 300)
    assert np.abs(model.marginal((2, 3, 4)) - marginal(encoded, schema, ["k0", "k1", "label"]) / 500).sum() < 0.06
    for threshold in some:
        own = threshold.of(model.marginal(threshold.clique)) - threshold.of(marginal(encoded, schema, threshold)) / 500
        assert np.abs(own).sum() < 0.03


def test_rows_are_drawn_from_the_distributions_of_relaxed_ones(rng: np.random.Generator) -> None:
    model = RAPPlusPlus()
    model.cells_ = [np.array([[0.2, 0.8, 0.0], [1, 0, 0]]), np.array([[0.0, 1], [1, 0]])]
    model.dtype_ = np.dtype(np.uint8)
    rows = model.sample(20_001, rng)
    assert set(rows[rows[:, 1] == 0, 0]) == {0} and (rows[:, 1] == 0).sum() in (10_000, 10_001)
    assert (rows[rows[:, 1] == 1, 0] == 1).mean() == pytest.approx(0.8, abs=0.02) and rows[:, 0].max() == 1


# --- the whole method ------------------------------------------------------------------------------------------


def test_what_the_label_leans_on_is_found(rng: np.random.Generator) -> None:
    schema = mixed(2, 2, 3000)
    encoded = uniform(schema, 3000, rng)
    encoded[:, 4] = np.where(encoded[:, 1] >= 3, encoded[:, 2], 0)
    model, ledger = fitted(encoded, schema, 3.0, threshold_rounds=10, offered=50, iterations=20, last_iterations=200, rows=200)
    assert 2.999 < (ledger.spent or 0) <= 3
    sample = model.sample(6000, rng)
    for columns, off in [(["n1", "label"], 0.08), (["k0", "label"], 0.08), (["k0", "k1"], 0.08)]:
        shares = marginal(sample, schema, columns) / 6000 - marginal(encoded, schema, columns) / 3000
        assert np.abs(shares).sum() / 2 < off


@pytest.mark.parametrize(("numbers", "categories"), [(2, 2), (0, 2), (3, 0), (1, 0), (0, 1), (0, 0), (1, 1)])
def test_every_table_gives_rows_without_a_word(numbers: int, categories: int, rng: np.random.Generator) -> None:
    schema = mixed(numbers, categories, 50)
    for rows, epsilon in ((0, 1e-3), (1, 1.0), (50, 1000.0)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model, _ = fitted(uniform(schema, rows, rng), schema, epsilon, threshold_rounds=1)
            assert draw(model, schema, 70, rng).shape == (70, numbers + categories + 1)


def test_a_table_without_a_target_is_left_out() -> None:
    assert "target" in (RAPPlusPlus().skip(schema_of((3, 4), target=False), Budget(1.0, 1e-6)) or "")
    assert RAPPlusPlus().skip(mixed(), Budget(1.0, 1e-6)) is None


@pytest.mark.parametrize("bad", [{"rows": 0}, {"chosen": 0}, {"offered": 4}, {"counting": 1.0}, {"learning_rate": 0}])
def test_parameters_that_cannot_be_meant_are_refused(bad: dict) -> None:
    with pytest.raises(InputError, match=next(iter(bad))):
        RAPPlusPlus(**bad)
