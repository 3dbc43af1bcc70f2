"""Distances of raw tables: against scipy's, by hand, and by the laws that any of them has to keep."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from builders.mixed_rows import mixed_rows, mixed_schema
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance
from scipy.stats.contingency import association

from dpdsyn.schema import Schema
from experiments.evaluation.raw.association import correlation_ratio, cramers_v, pearson
from experiments.evaluation.raw.compared import Compared, compared
from experiments.evaluation.raw.fidelity import NAMES, raw_fidelity, wasserstein
from experiments.evaluation.raw.grid import TRIPLES, column_sets, grid_tvd
from experiments.evaluation.raw.range_queries import QUERIES, range_queries
from experiments.evaluation.raw.typed_frame import typed
from experiments.records.parts import Fidelity

SCHEMA = mixed_schema()


def rows(count: int, seed: int) -> pd.DataFrame:
    return typed(mixed_rows(count, seed), SCHEMA)


def test_records_have_a_field_for_each_measure() -> None:
    assert Fidelity.of(raw_fidelity(rows(60, 1), rows(50, 2), rows(40, 3), SCHEMA)) and len(NAMES) == 7


SEEDS = st.integers(0, 10**6)


@given(SEEDS)
@settings(max_examples=4, deadline=None)
def test_real_rows_are_at_distance_zero_in_whatever_order(seed: int) -> None:
    train, test = rows(120, seed), rows(60, seed + 1)
    mixed = train.sample(frac=1, random_state=seed).reset_index(drop=True)
    for ours in (train, mixed):
        assert raw_fidelity(ours, train, test, SCHEMA) == pytest.approx(dict.fromkeys(NAMES, 0.0), abs=1e-12)


@given(SEEDS)
@settings(max_examples=4, deadline=None)
def test_neither_the_order_of_rows_nor_names_of_categories_matter(seed: int) -> None:
    synthetic, train, test = rows(100, seed), rows(120, seed + 1), rows(60, seed + 2)
    found = raw_fidelity(synthetic, train, test, SCHEMA)
    assert all(value > 0 for value in found.values())
    mixed = [frame.sample(frac=1, random_state=seed).reset_index(drop=True) for frame in (synthetic, train, test)]
    assert raw_fidelity(*mixed, SCHEMA) == pytest.approx(found, abs=1e-9)
    longer = {"Ulm": "Ulm on the Danube", "Kiel": "Kiel on the Baltic", "Bonn": "Bonn on the Rhine"}
    named = [frame.assign(city=frame["city"].map(longer)) for frame in (synthetic, train, test)]
    assert raw_fidelity(*named, SCHEMA) == pytest.approx(found, abs=1e-12)
    turned = {"Ulm": "x", "Kiel": "z", "Bonn": "y"}  # in another order: queries are others
    named = [frame.assign(city=frame["city"].map(turned)) for frame in (synthetic, train, test)]
    again = raw_fidelity(*named, SCHEMA)
    assert {n: again[n] for n in NAMES if n != "range_queries"} == pytest.approx(
        {n: found[n] for n in NAMES if n != "range_queries"}, abs=1e-12
    )


@given(SEEDS, st.floats(0.001, 1000), st.floats(-1e4, 1e4))
@settings(max_examples=5, deadline=None)
def test_units_of_numbers_do_not_matter(seed: int, by: float, origin: float) -> None:
    synthetic, train, test = rows(100, seed), rows(120, seed + 1), rows(60, seed + 2)
    scaled = [frame.assign(age=frame["age"] * by + origin) for frame in (synthetic, train, test)]
    assert raw_fidelity(*scaled, SCHEMA) == pytest.approx(raw_fidelity(synthetic, train, test, SCHEMA), abs=1e-6)


def test_worse_rows_are_farther() -> None:
    train, test = rows(2000, 1), rows(1000, 2)
    near = raw_fidelity(rows(2000, 3), train, test, SCHEMA)
    rng = np.random.default_rng(0)
    independent = rows(2000, 3).apply(lambda cells: cells.to_numpy()[rng.permutation(len(cells))])
    without_ties = raw_fidelity(independent, train, test, SCHEMA)
    for name in ("correlation_error", "range_queries", "grid_tvd2", "grid_tvd3"):
        assert without_ties[name] > 1.5 * near[name], name
    for name in ("wasserstein", "category_tvd", "grid_tvd1"):
        assert without_ties[name] == pytest.approx(near[name]), name
    moved = raw_fidelity(rows(2000, 3).assign(age=lambda f: f["age"] + 50, city="Ulm"), train, test, SCHEMA)
    assert all(moved[name] > 2 * near[name] for name in NAMES)


def test_a_column_that_is_left_out_is_no_way_to_be_near() -> None:
    train, test = rows(500, 1), rows(300, 2)
    found = raw_fidelity(train.drop(columns=["age", "city"]), train, test, SCHEMA)
    missing = raw_fidelity(train.assign(age=np.nan, city=None), train, test, SCHEMA)
    assert found == pytest.approx(missing)
    assert found["wasserstein"] == pytest.approx(1 / 3)  # age, pay, joined
    assert found["category_tvd"] == pytest.approx((train["city"].notna().mean() + 0) / 2)  # city, label
    assert found["grid_tvd1"] == pytest.approx((1 + train["city"].notna().mean()) / 5)
    assert min(found.values()) > 0


def test_wasserstein_is_scipy_s_over_the_real_range() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(size=90), rng.exponential(size=70)
    wanted = wasserstein_distance(ours, theirs) / np.ptp(theirs)
    assert wasserstein(np.append(ours, np.nan), np.append(theirs, [np.nan, np.nan])) == pytest.approx(wanted)
    assert wasserstein(np.array([2.0, 2.0]), np.array([0.0, 4.0])) == pytest.approx(0.5)
    assert wasserstein(np.array([np.nan]), theirs) == 1.0 and np.isnan(wasserstein(ours, np.array([np.nan])))
    assert wasserstein(np.full(3, 5.0), np.full(9, 5.0)) == 0.0 and wasserstein(np.array([5.0, 5.1]), np.full(9, 5.0)) == 1.0


def test_a_missing_category_is_a_value() -> None:
    schema = Schema.from_mapping({"rows_public": 10, "columns": {"x": {"kind": "categorical", "categories": ["a"]}}})
    ours, theirs = (pd.DataFrame({"x": cells}, dtype=object) for cells in (["a", "a", "b", None], ["a", None, None, "c"]))
    found = raw_fidelity(ours, theirs, theirs, schema)
    assert found["category_tvd"] == pytest.approx((1 / 4 + 1 / 4 + 1 / 4 + 1 / 4) / 2)
    assert found["grid_tvd1"] == found["category_tvd"]
    assert all(np.isnan(found[name]) for name in ("wasserstein", "correlation_error", "grid_tvd2", "grid_tvd3"))


@given(SEEDS, st.integers(2, 6), st.integers(2, 6))
@settings(max_examples=40, deadline=None)
def test_associations_are_those_of_scipy_and_numpy(seed: int, many: int, more: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, many, 80), rng.integers(0, more, 80)
    b[::2] = a[::2] % more
    table = pd.crosstab(a, b).to_numpy()
    if min(table.shape) > 1:
        assert cramers_v(a, b) == pytest.approx(association(table, method="cramer", correction=False), abs=1e-9)
    x, y = rng.normal(size=80) + a, rng.normal(size=80)
    x[::7], y[::11] = np.nan, np.nan
    known = ~(np.isnan(x) | np.isnan(y))
    assert pearson(x, y) == pytest.approx(np.corrcoef(x[known], y[known])[0, 1], abs=1e-9)
    groups = pd.DataFrame({"x": x, "a": a}).dropna()
    means = groups.groupby("a")["x"].transform("mean")
    assert correlation_ratio(x, a) ** 2 == pytest.approx(means.var() / groups["x"].var(), abs=1e-9)
    assert cramers_v(a, a) == pytest.approx(1) and correlation_ratio(a.astype(float), a) == pytest.approx(1)


@pytest.mark.parametrize("cells", [np.zeros(5), np.full(5, 0.1), np.full(5, np.nan), np.array([1.0, *[np.nan] * 4]), np.zeros(0)])
def test_what_does_not_vary_hangs_on_nothing(cells: np.ndarray) -> None:
    other, codes = np.arange(len(cells)) * 0.3, np.arange(len(cells))
    assert pearson(cells, other) == 0 and correlation_ratio(cells, codes) == 0
    assert cramers_v(np.zeros(len(cells), int), codes) == 0 and correlation_ratio(other, np.zeros(len(cells), int)) == 0


def test_associations_of_large_numbers_and_of_many_categories_are_finite() -> None:
    large = np.array([1e308, -1e308, 1e308, -1e308])
    assert pearson(large, large) == pytest.approx(1) and correlation_ratio(large, np.array([0, 1, 0, 1])) == pytest.approx(1)
    everyone = np.arange(20_000)
    assert cramers_v(everyone, everyone[::-1]) == pytest.approx(1)  # 4 * 10^8 pairs, few of which occur


def test_the_grid_is_that_of_the_test_rows() -> None:
    test = np.r_[np.zeros(90), np.arange(1.0, 11.0)]  # nine tenths are one value: it is the only cut
    column = Compared(True, 0, np.array([0.0, -5, 0.5, np.nan]), np.array([0.0, 0, 10, 10]), test)
    assert grid_tvd([column], 1) == pytest.approx(0.5 * (0 + 1 / 4 + 1 / 4))
    even = Compared(True, 0, np.arange(0.0, 100), np.arange(0.5, 100), np.arange(100.0))
    assert grid_tvd([even], 1) == pytest.approx(0.5 * (0.01 + 0.01))  # the lowest cut is 9, which 9.5 lies above
    assert grid_tvd([Compared(True, 0, np.array([1.0]), np.array([5.0]), np.array([np.nan]))], 1) == 0


def test_rare_and_unseen_categories_are_one_cell() -> None:
    codes = np.arange(1, 61)  # the test rows have 55 categories, five once and 50 twice
    test = np.r_[codes[:50], codes[:55]]
    ours, theirs = np.full(4, 53), np.full(4, 59)
    assert grid_tvd([Compared(False, 61, ours, theirs, test)], 1) == 0
    assert grid_tvd([Compared(False, 61, np.full(4, 50), theirs, test)], 1) == 1
    assert grid_tvd([Compared(False, 61, np.zeros(4, int), theirs, test)], 1) == 1


def test_grid_distances_by_hand_however_many_cells() -> None:
    rng = np.random.default_rng(0)
    columns = [Compared(False, 41, *rng.integers(0, 41, (3, 300))) for _ in range(4)]
    columns = [Compared(False, 41, c.synthetic, c.train, np.arange(41)) for c in columns]
    for ways in (1, 2, 3, 4):  # 42 cells for each of four columns are too many to be all counted
        wanted = []
        for chosen in itertools.combinations(columns, ways):
            ours, theirs = (
                pd.Series(list(zip(*cells, strict=True))).value_counts(normalize=True)
                for cells in ([c.synthetic for c in chosen], [c.train for c in chosen])
            )
            wanted.append(ours.sub(theirs, fill_value=0).abs().sum() / 2)
        assert grid_tvd(columns, ways) == pytest.approx(np.mean(wanted))


def test_triples_are_all_or_a_public_hundred() -> None:
    assert column_sets(9, 3) == list(itertools.combinations(range(9), 3))
    chosen = column_sets(30, 3)
    assert len(set(chosen)) == len(chosen) == TRIPLES and chosen == column_sets(30, 3)
    assert all(0 <= a < b < c < 30 for a, b, c in chosen) and len({i for three in chosen for i in three}) > 25
    assert len(column_sets(30, 2)) == math.comb(30, 2) and column_sets(2, 3) == []


def test_range_queries_tell_how_wrong_an_analyst_s_shares_are() -> None:
    """All synthetic rows lie where no real ones do: the mean error is that of the shares themselves."""
    column = Compared(True, 0, np.full(50, 1e9), np.arange(1000.0), np.arange(1000.0))
    assert range_queries([column]) == pytest.approx(1 / 3, abs=0.02)  # two uniform draws are a third apart
    assert range_queries([column, column]) == pytest.approx(2 / 15, abs=0.02)  # the integral of (2 t (1 - t))^2
    missing = Compared(True, 0, np.full(50, np.nan), np.full(50, np.nan), np.full(3, np.nan))
    assert range_queries([missing]) == 0 and np.isnan(range_queries([]))
    category = Compared(False, 3, np.full(50, 1), np.full(50, 2), np.array([1, 2]))
    # one of both is asked for in half of the queries, and in those where chance chose nothing
    assert range_queries([category]) == pytest.approx(5 / 8, abs=0.05) and QUERIES == 1000


def test_numbers_and_codes_are_put_side_by_side() -> None:
    frames = [rows(30, seed) for seed in (1, 2, 3)]
    age, pay, joined, city, label = compared(*frames, SCHEMA)
    assert age.number and pay.number and joined.number and not city.number and not label.number
    assert age.train.tolist() == frames[1]["age"].tolist() and city.size == 4 and label.size == 4
    texts = np.array([None, "Bonn", "Kiel", "Ulm"], dtype=object)
    assert texts[city.test].tolist() == frames[2]["city"].tolist()
