"""Simulated rows follow the distribution that is stated of them."""

from __future__ import annotations

import itertools
from itertools import pairwise

import numpy as np
import pytest

from experiments.configuration import read_option
from experiments.data import datasets
from experiments.data.description import description
from experiments.data.simulated import TEST, TRAIN, Simulated

OPTION = read_option("dataset", "simulated")


def made(**change: object) -> Simulated:
    return Simulated.from_mapping({**OPTION["generator"], **change})


def distance_from_uniform(encoded: np.ndarray, features: tuple[int, ...], sizes: tuple[int, ...]) -> float:
    """Mean over cells of these features of how far the label's share is from even."""
    shape = [sizes[i] for i in features]
    cells = np.ravel_multi_index(encoded[:, features].astype(int).T, shape)
    counts = np.bincount(cells, minlength=np.prod(shape)).clip(1)
    shares = np.bincount(cells, weights=encoded[:, -1], minlength=np.prod(shape)) / counts
    return float(np.average(abs(shares - 0.5), weights=counts))


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize(("classes", "sizes"), [(2, [2, 4]), (3, [3, 6]), (4, [4])])
def test_no_rule_beats_the_stated_accuracy_and_one_reaches_it(order: int, classes: int, sizes: list[int]) -> None:
    source = made(order=order, columns=4, sizes=sizes, classes=classes, label_noise=0.1)
    encoded = source.sample(200_000, 0, TRAIN)
    seen = np.zeros(source.schema.sizes)
    np.add.at(seen, tuple(encoded.astype(int).T), 1)
    best_seen = seen.max(axis=-1).sum() / len(encoded)
    assert source.bayes_accuracy == pytest.approx(0.9)
    assert best_seen == pytest.approx(0.9, abs=0.005)
    assert (source.clean_labels(encoded[:, :-1]) == encoded[:, -1]).mean() == pytest.approx(0.9, abs=0.005)


@pytest.mark.parametrize("order", [2, 3])
def test_fewer_columns_than_the_order_say_nothing_of_the_label(order: int) -> None:
    source = made(order=order, columns=6, sizes=[2, 4], dependence=0.7)
    encoded = source.sample(200_000, 0, TRAIN)
    sizes = source.schema.sizes
    for size in range(1, order):
        for features in itertools.combinations(range(6), size):
            assert distance_from_uniform(encoded, features, sizes) < 0.02, features
    assert distance_from_uniform(encoded, tuple(range(order)), sizes) > 0.4


def test_order_one_is_linear_and_its_classes_are_even() -> None:
    from sklearn.linear_model import LogisticRegression

    source = made(order=1, classes=3, label_noise=0.0)
    train, test = source.sample(20_000, 0, TRAIN), source.sample(5_000, 0, TEST)
    model = LogisticRegression(max_iter=2000, C=100).fit(train[:, :-1] / np.array(source.schema.sizes[:-1]), train[:, -1])
    assert model.score(test[:, :-1] / np.array(source.schema.sizes[:-1]), test[:, -1]) > 0.95
    assert np.bincount(train[:, -1]) / len(train) == pytest.approx(np.full(3, 1 / 3), abs=0.03)


def test_columns_are_uniform_and_depend_as_much_as_asked() -> None:
    for dependence in (0.0, 0.6):
        source = made(order=1, columns=2, sizes=[8], dependence=dependence)
        encoded = source.sample(100_000, 0, TRAIN)
        assert np.bincount(encoded[:, 0]) / len(encoded) == pytest.approx(np.full(8, 1 / 8), abs=0.005)
        assert (encoded[:, 0] == encoded[:, 1]).mean() == pytest.approx(dependence + (1 - dependence) / 8, abs=0.01)


def test_a_longer_table_begins_with_the_shorter_and_comes_in_chunks() -> None:
    source = made()
    long = source.sample(150_000, 7, TRAIN)
    assert np.array_equal(long[:70_001], source.sample(70_001, 7, TRAIN))
    chunks = list(source.chunks(150_000, 7, TRAIN))
    assert np.array_equal(np.concatenate(chunks), long) and max(map(len, chunks)) == 1 << 16
    assert long.dtype == np.uint8 and (long < np.array(source.schema.sizes)).all()
    for a, b in pairwise([source.sample(1000, 7, TRAIN), source.sample(1000, 8, TRAIN), source.sample(1000, 8, TEST)]):
        assert not np.array_equal(a, b)


def test_as_a_data_set_it_has_its_own_test_rows_and_a_ceiling() -> None:
    described = description(OPTION)
    split = datasets.load(described, 3)
    larger = datasets.load(description({**OPTION, "generator": {**OPTION["generator"], "rows": 60_000}}), 3)
    assert (len(split.train), len(split.test), split.schema.rows_public) == (40_000, 20_000, 40_000)
    assert np.array_equal(larger.test, split.test) and np.array_equal(larger.train[:40_000], split.train)
    assert datasets.ceiling(described) == pytest.approx(0.95)
    assert {column.kind for column in split.schema.columns} == {"categorical", "integer"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": 0}, "rows is 0"),
        ({"order": 13}, "order is 13; it cannot exceed the number of columns, 12"),
        ({"classes": 3}, "must be multiples of the number of classes, 3; 2 is not"),
        ({"label_noise": 0.6}, "label_noise is 0.6; a number from 0 to 0.5"),
        ({"dependence": "much"}, "dependence is 'much'"),
        ({"sizes": [1]}, "size is 1"),
        ({"sizes": []}, "at least one"),
        ({"kinds": ["real"]}, "accepted: categorical, integer"),
        ({"colour": 1}, "there is no key colour; accepted: rows, test_rows"),
        ({"row": 1}, r"there is no key row \(did you mean rows\?\)"),
    ],
)
def test_parameters_that_cannot_be_meant_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made(**change)
