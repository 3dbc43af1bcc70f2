"""Simulated rows follow the distribution that is stated of them."""

from __future__ import annotations

import hashlib
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


@pytest.mark.parametrize(
    ("order", "sizes", "shares"),
    [(1, [8, 16], [0.96, 0.04]), (1, [16], [0.7, 0.25, 0.05]), (2, [16, 16, 4], [0.9375, 0.0625]), (3, [4], [0.25, 0.75]),
     (2, [20, 40, 4], [0.75, 0.2, 0.05])],
)  # fmt: skip
def test_classes_may_be_rare_and_the_best_accuracy_is_still_known(order: int, sizes: list[int], shares: list[float]) -> None:
    source = made(order=order, columns=4, sizes=sizes, classes=len(shares), shares=shares, label_noise=0.02)
    encoded = source.sample(200_000, 0, TRAIN)
    clean = source.clean_labels(encoded[:, :-1])
    share = np.bincount(clean, minlength=len(shares)) / len(clean)
    assert share == pytest.approx(shares, abs=0.003 if order > 1 else 0.015)  # the sum of order 1 has few values
    assert source.bayes_accuracy == 0.98 and (clean == encoded[:, -1]).mean() == pytest.approx(0.98, abs=0.002)


@pytest.mark.parametrize(("order", "shares"), [(2, [0.9375, 0.0625]), (3, [0.75, 0.25])])
def test_fewer_columns_than_the_order_say_nothing_of_a_rare_class_either(order: int, shares: list[float]) -> None:
    source = made(order=order, columns=6, sizes=[16, 16, 16, 4], shares=shares, label_noise=0.0, dependence=0.6)
    encoded = source.sample(200_000, 0, TRAIN).astype(int)
    for features in itertools.combinations(range(6), order - 1):
        cells = np.ravel_multi_index(encoded[:, features].T, [source.schema.sizes[i] for i in features])
        counts = np.bincount(cells)
        seen, rate = np.bincount(cells, weights=encoded[:, -1])[counts > 0], shares[1]
        spread = (seen - counts[counts > 0] * rate) ** 2 / (counts[counts > 0] * rate * (1 - rate))
        assert spread.mean() == pytest.approx(1, abs=5 * np.sqrt(2 / len(seen))), features  # as of independent draws
    carriers = np.ravel_multi_index(encoded[:, :order].T, source.schema.sizes[:order])
    assert set((np.bincount(carriers, weights=encoded[:, -1]) / np.bincount(carriers)).round(6)) == {0.0, 1.0}


def test_with_order_1_shares_may_be_any_numbers() -> None:
    assert made(order=1, classes=3, shares=[0.99815, 0.0015, 0.00035]).classes == 3


@pytest.mark.parametrize("shares", [[0.96, 0.04], [0.5, 0.3, 0.15, 0.05]])
def test_a_logistic_link_gives_labels_as_often_as_it_says(shares: list[float]) -> None:
    source = made(order=1, classes=len(shares), shares=shares, steepness=2.0, label_noise=0.03)
    encoded = source.sample(200_000, 0, TRAIN)
    told, labels = source.probabilities(encoded[:, :-1]), encoded[:, -1].astype(int)
    assert told.sum(axis=1) == pytest.approx(1) and told.min() > 0
    noisy = np.array(shares) * 0.97 + (1 - np.array(shares)) * 0.03 / (len(shares) - 1)
    assert np.bincount(labels) / len(labels) == pytest.approx(noisy, abs=0.005)
    for k in range(len(shares)):  # among rows of about the same probability
        order = np.argsort(told[:, k])
        for part in np.array_split(order, 10):
            deviation = np.sqrt((told[part, k] * (1 - told[part, k])).sum()) / len(part)
            assert abs((labels[part] == k).mean() - told[part, k].mean()) < 4.5 * deviation
    best = source.clean_labels(encoded[:, :-1])
    assert np.array_equal(best, told.argmax(axis=1))
    assert (best == labels).mean() == pytest.approx(source.bayes_accuracy, abs=0.004)


def test_a_steep_link_is_a_cut_and_new_parameters_that_are_null_change_no_row_and_no_identity() -> None:
    plain, steep = made(order=1, label_noise=0.0), made(order=1, label_noise=0.0, steepness=1e4)
    rows = plain.sample(5000, 3, TRAIN)
    assert np.array_equal(steep.sample(5000, 3, TRAIN)[:, :-1], rows[:, :-1])
    assert (steep.clean_labels(rows[:, :-1]) == rows[:, -1]).mean() > 0.995
    old = {key: value for key, value in OPTION["generator"].items() if key not in ("shares", "steepness")}
    assert len(old) == len(OPTION["generator"]) - 2
    assert datasets.identity(description({**OPTION, "generator": old})) == datasets.identity(description(OPTION))
    assert datasets.identity(description(OPTION))["generator"] == old
    assert hashlib.sha256(made().sample(40_000, 0, TRAIN).tobytes()).hexdigest().startswith("821c31e93b97")  # of version 1
    other = {**OPTION["generator"], "order": 1, "shares": [0.5, 0.5]}
    assert datasets.identity(description({**OPTION, "generator": other}))["generator"] == {
        **old,
        "order": 1,
        "shares": [0.5, 0.5],
    }


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
        ({"shares": [0.5, 0.4]}, r"shares are \[0.5, 0.4\]; 2 numbers above 0, .* that sum to 1"),
        ({"shares": [0.5, 0.3, 0.2]}, "2 numbers above 0"),
        ({"shares": [1.0, 0.0]}, "2 numbers above 0"),
        ({"shares": [0.96, 0.04]}, "must be multiples of what the shares are parts of, 25; 2 is not"),
        ({"shares": [2**-0.5, 1 - 2**-0.5]}, "with an order above 1 each is a multiple of 1 / p"),
        ({"steepness": 2.0}, "steepness is 2.0 and order 2; a number above 0, with order 1, is needed"),
        ({"steepness": 0.0, "order": 1}, "steepness is 0.0 and order 1"),
        ({"steepness": float("nan"), "order": 1}, "steepness is nan"),
        ({"colour": 1}, "there is no key colour; accepted: rows, test_rows"),
        ({"row": 1}, r"there is no key row \(did you mean rows\?\)"),
    ],
)
def test_parameters_that_cannot_be_meant_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made(**change)


def test_cells_are_what_was_encoded() -> None:
    split = datasets.load(
        description({**OPTION, "generator": {**OPTION["generator"], "rows": 500, "test_rows": 80}}), 1, frames=True
    )
    for encoded, frame in ((split.train, split.train_frame), (split.test, split.test_frame)):
        assert np.array_equal(split.schema.encode(frame), encoded)
        assert all(np.array_equal(frame[name].astype(int), encoded[:, i]) for i, name in enumerate(split.schema.names))
