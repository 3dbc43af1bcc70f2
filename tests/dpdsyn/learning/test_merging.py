"""Merged codes: at most so many, neighbours or the rarest, drawn apart again as common as they were, saved and restored."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpdsyn.candidates import ClassConditional, Independent
from dpdsyn.contract import toy_encoded
from dpdsyn.learning import merging
from dpdsyn.learning.merging import Merged, Merging, few_enough, merged
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.reading.column import Column
from dpdsyn.reading.pieces import Pieces
from dpdsyn.schema import Schema

COUNTS = st.lists(st.floats(0, 1000), min_size=1, max_size=60)


def ordered(counts: list[float], missing: str | None = None, name: str = "x") -> Column:
    size = len(counts) - (missing == "own_code")
    runs = tuple(range(size))
    return Column(
        name, "integer", pieces=Pieces(runs, runs, runs), missing=missing, counts=tuple(counts), count_sds=(1.0,) * len(counts)
    )


def listed(counts: list[float], name: str = "x", other: bool = True) -> Column:
    size = len(counts) - other
    return Column(
        name,
        "categorical",
        categories=tuple(range(size)),
        other=other,
        emit_other=other,
        counts=tuple(counts),
        count_sds=(1.0,) * len(counts),
    )


def schema_of(*columns: Column) -> Schema:
    return Schema((*columns, Column("label", "categorical", categories=("a", "b"))), "label", 500)


@given(COUNTS, st.integers(2, 70), st.booleans())
def test_there_are_at_most_so_many_codes_without_gaps_and_numbers_stay_in_order(
    counts: list[float], most: int, own: bool
) -> None:
    column = ordered([*counts, 5.0], "own_code") if own else ordered(counts)
    mapping = merged(column, most)
    assert mapping.shape == (column.size,) and len(set(mapping)) == mapping.max() + 1 <= max(most, 1 + own)
    assert mapping.max() + 1 == min(column.size, most)
    assert (np.diff(mapping[: column.values]) >= 0).all()
    if own:
        assert (mapping == mapping[-1]).sum() == 1  # missing cells are merged with nothing


@given(COUNTS, st.integers(2, 70))
def test_of_categories_the_rarest_share_a_code_and_other_keeps_its_own(counts: list[float], most: int) -> None:
    column = listed([*counts, 5.0])
    mapping = merged(column, most)
    assert mapping.max() + 1 == min(column.size, most) and (mapping == mapping[-1]).sum() == 1
    together = [code for code in range(column.values) if (mapping == mapping[code]).sum() > 1]
    alone = [counts[code] for code in range(column.values) if code not in together]
    assert all(counts[code] <= least for code in together for least in alone)


def test_neighbours_that_have_least_together_are_merged_first() -> None:
    assert merged(ordered([100.0, 1.0, 1.0, 100.0, 3.0]), 4).tolist() == [0, 1, 1, 2, 3]
    assert merged(listed([5.0, 90.0, 3.0, 80.0, 7.0, 1.0]), 4).tolist() == [2, 0, 2, 1, 2, 3]


@given(COUNTS, st.integers(2, 12), st.integers(0, 100))
@settings(deadline=None)
def test_drawn_apart_and_merged_again_nothing_has_changed(counts: list[float], most: int, seed: int) -> None:
    for column in (ordered([*counts, 2.0], "own_code"), listed([*counts, 2.0])):
        merge = Merging.of(schema_of(column), most)
        if merge is None:
            assert column.size <= most
            continue
        mapping = merge.mappings["x"]
        codes = np.random.default_rng(seed).integers(mapping.max() + 1, size=200)
        view = np.stack([codes, np.zeros(200, dtype=int)], axis=1)
        apart = merge.restored(view, np.random.default_rng(seed))
        assert apart.dtype == merge.schema.dtype and np.array_equal(mapping[apart[:, 0]], codes) and not apart[:, 1].any()


def test_codes_are_as_common_as_they_were_counted() -> None:
    counts = [400.0, 100.0, 0.0, 300.0, 200.0, 50.0]
    merge = Merging.of(schema_of(ordered(counts)), 2)
    assert merge is not None
    mapping = merge.mappings["x"]
    codes = np.repeat([0, 1], 50_000)
    apart = merge.restored(np.stack([codes, codes], axis=1), np.random.default_rng(0))[:, 0]
    for group in (0, 1):
        own = np.flatnonzero(mapping == group)
        shares = np.array([counts[code] for code in own]) / sum(counts[code] for code in own)
        found = np.bincount(apart[codes == group], minlength=len(counts))[own] / 50_000
        assert np.abs(found - shares).max() < 0.01
    assert not (apart == 2).sum()  # which nobody has


@pytest.mark.parametrize(("noise", "codes"), [(1.0, 32), (4.9, 32), (40.0, 11), (1e4, 8)])
def test_the_larger_the_noise_the_fewer_codes_numbers_have(noise: float, codes: int) -> None:
    """20,000 rows: codes^2 cells of four times the noise each hold about as many."""
    column = dataclasses.replace(ordered([500.0] * 40), count_sds=(noise,) * 40)
    assert few_enough(column, 32) == codes
    assert few_enough(column, 5) == 5
    merge = Merging.of(schema_of(column), 32)
    assert merge is not None and merge.mappings["x"].max() + 1 == codes


def test_categories_and_numbers_to_be_predicted_are_merged_the_same_at_any_noise() -> None:
    noisy = dict.fromkeys(["count_sds"], (1e4,) * 40)
    cities = dataclasses.replace(listed([500.0] * 40), **noisy)
    income = dataclasses.replace(ordered([500.0] * 40, name="income"), **noisy)
    merge = Merging.of(Schema((cities, income), "income", 20_000), 32)
    assert merge is not None and {name: mapping.max() + 1 for name, mapping in merge.mappings.items()} == {"x": 32, "income": 32}


def test_what_has_few_codes_or_was_not_learnt_stays_and_so_do_classes() -> None:
    public = Column("x", "integer", bounds=(0, 99), bins=50)
    schema = schema_of(public, ordered([1.0] * 5, name="y"))
    assert Merging.of(schema, 10) is None and Merging.of(schema, None) is None
    classes = Schema((ordered([1.0] * 40, name="y"), listed([1.0] * 40, "label", other=False)), "label", 500)
    merge = Merging.of(classes, 10)
    assert merge is not None and set(merge.mappings) == {"y"}


def private(schema: Schema) -> PrivateTable:
    return PrivateTable(toy_encoded(schema, 300), schema, Ledger(Budget(10.0, 1e-6)), np.random.default_rng(0))


class Few(ClassConditional):
    most_values = 8


def fitted(schema: Schema) -> Any:
    return merging.fit(Few(), private(schema), np.random.default_rng(1))


def test_a_method_is_fitted_on_few_codes_and_gives_rows_in_all() -> None:
    schema = schema_of(ordered([float(i) for i in range(50)]), listed([5.0] * 30, "y"))
    method = fitted(schema)
    assert isinstance(method, Merged) and [len(m[0]) for m in method.inner.conditional_] == [8, 8]
    encoded = method.sample(500, np.random.default_rng(2))
    assert encoded.shape == (500, 3) and encoded[:, 0].max() > 30 and (encoded.max(axis=0) < schema.sizes).all()
    assert method.spends == "gaussian" and method.conditional_ is method.inner.conditional_
    with pytest.raises(AttributeError):
        _ = method.nothing_of_that_name


def test_a_method_that_takes_all_codes_is_left_as_it_is() -> None:
    schema = schema_of(ordered([1.0] * 50))
    assert type(merging.fit(Independent(), private(schema), np.random.default_rng(1))) is Independent


def test_what_was_fitted_is_saved_and_restored() -> None:
    schema = schema_of(ordered([float(i) for i in range(50)]), listed([5.0] * 30, "y"))
    method = fitted(schema)
    closed = Schema.from_mapping(schema.to_mapping())
    again = merging.restored(Few(), closed, method.state())
    assert isinstance(again, Merged)
    one, other = (each.sample(300, np.random.default_rng(3)) for each in (method, again))
    assert np.array_equal(one, other)


def test_merging_charges_nothing_and_the_view_moves_as_the_table_does() -> None:
    """The mapping is of the schema alone: on another table it is the same."""
    schema = schema_of(ordered([float(i) for i in range(50)]))
    one, other = Merging.of(schema, 8), Merging.of(Schema.from_mapping(schema.to_mapping()), 8)
    assert one is not None and other is not None and np.array_equal(one.mappings["x"], other.mappings["x"])
    table = private(schema)
    table.recode(one.mappings)
    assert table.ledger.entries == []
