"""Balanced labels: nearer to what groups expect than coins are, and each with its own probability."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpdsyn.guides.balanced_labels import _BANDS, _MOST_ROWS, balanced, bands_of, drawn


def skewed(rows: int, columns: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Encoded rows whose columns have common values and many rare ones."""
    shares = 1 / np.arange(1, size + 1) ** 1.5
    return rng.choice(size, (rows, columns), p=shares / shares.sum()).astype(np.uint16)


def modelled(features: np.ndarray, size: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Probabilities of two classes by a logistic model, shape (rows, 2), the second about `share` on the whole."""
    weights = rng.normal(0, 0.5, (features.shape[1], size))
    logits = weights[np.arange(features.shape[1]), features].sum(axis=1)
    positive = 1 / (1 + np.exp(-(logits - logits.mean() + np.log(share / (1 - share)))))
    return np.stack([1 - positive, positive], axis=1)


def off(labels: np.ndarray, probabilities: np.ndarray, features: np.ndarray, size: int) -> float:
    """How far counts of positives are from what is expected, by column value, in rows (root of the mean square)."""
    beyond = labels - probabilities[:, 1]
    return float(np.sqrt(np.mean([np.square(np.bincount(own, beyond, minlength=size)) for own in features.T])))


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_groups_are_nearer_to_what_they_expect_than_with_coins(share: float) -> None:
    rng = np.random.default_rng(0)
    features = skewed(20_000, 12, 16, rng)
    probabilities = modelled(features, 16, share, rng)
    ours, coins = balanced(probabilities, features, [16] * 12, rng), drawn(probabilities, rng)
    assert off(ours, probabilities, features, 16) < off(coins, probabilities, features, 16) / 3


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_labels_keep_their_probabilities_whatever_these_are_and_however_rare_the_row(share: float) -> None:
    rng = np.random.default_rng(1)
    found, expected = np.zeros(6), np.zeros(6)
    rare = np.zeros(2)
    for _ in range(4):
        features = skewed(20_000, 12, 16, rng)
        probabilities = modelled(features, 16, share, rng)
        labels = balanced(probabilities, features, [16] * 12, rng)
        sixth = np.argsort(np.argsort(probabilities[:, 1])) * 6 // len(labels)
        found += np.bincount(sixth, labels, minlength=6)
        expected += np.bincount(sixth, probabilities[:, 1], minlength=6)
        apart = (features > 12).any(axis=1)
        rare += labels[apart].sum(), probabilities[apart, 1].sum()
    assert found == pytest.approx(expected, abs=4 * np.sqrt(expected).max() / 3, rel=0.08)
    assert rare[0] == pytest.approx(rare[1], rel=0.08)


@pytest.mark.parametrize(
    ("rows", "columns", "size", "share"), [(1, 4, 3, 0.3), (10, 4, 3, 0.1), (50, 10, 20, 0.02), (1000, 5, 999, 0.3)]
)
def test_small_samples_have_the_classes_that_they_should(rows: int, columns: int, size: int, share: float) -> None:
    rng = np.random.default_rng(2)
    probabilities = np.tile([1 - share, share], (rows, 1))
    times = max(1, min(4_000, 20_000 // rows))
    positives = sum(balanced(probabilities, skewed(rows, columns, size, rng), [size] * columns, rng).sum() for _ in range(times))
    expected = times * rows * share
    assert abs(positives - expected) < 4.5 * np.sqrt(expected * (1 - share))


@pytest.mark.parametrize(
    ("rows", "columns", "size", "share"), [(20_000, 10, 32, 0.01), (20_000, 10, 32, 0.06), (5_000, 10, 20, 0.02)]
)
def test_a_rare_class_stays_as_common_as_it_is(rows: int, columns: int, size: int, share: float) -> None:
    rng = np.random.default_rng(3)
    probabilities = np.tile([1 - share, share], (rows, 1))
    labels = [balanced(probabilities, skewed(rows, columns, size, rng), [size] * columns, rng) for _ in range(4)]
    assert np.mean(labels) == pytest.approx(share, rel=0.05)


def test_many_classes_stay_as_common_as_they_are_too() -> None:
    rng = np.random.default_rng(4)
    features = skewed(8_000, 8, 12, rng)
    logits = rng.normal(0, 0.4, (8, 12, 5))[np.arange(8), features].sum(axis=1) + np.log([0.5, 0.3, 0.15, 0.04, 0.01])
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    found = np.mean([np.bincount(balanced(probabilities, features, [12] * 8, rng), minlength=5) for _ in range(4)], axis=0)
    assert found == pytest.approx(probabilities.sum(axis=0), rel=0.05, abs=8)


@settings(max_examples=50, deadline=None)
@given(rows=st.integers(0, 40), classes=st.integers(2, 4), columns=st.integers(1, 3), seed=st.integers(0, 2**32 - 1))
def test_no_row_gets_a_label_that_it_cannot_have(rows: int, classes: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(classes, 0.5), rows) if rows else np.empty((0, classes))
    forbidden = rng.integers(classes, size=rows)
    probabilities[np.arange(rows), forbidden] = 0
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    labels = balanced(probabilities, rng.integers(0, 3, (rows, columns)).astype(np.uint8), [3] * columns, rng)
    assert labels.shape == (rows,) and (labels != forbidden).all() and ((labels >= 0) & (labels < classes)).all()


def test_more_rows_than_are_balanced_are_drawn() -> None:
    probabilities = np.tile([0.7, 0.3], (_MOST_ROWS + 1, 1))
    features = np.zeros((_MOST_ROWS + 1, 1), dtype=np.uint8)
    ours = balanced(probabilities, features, [2], np.random.default_rng(5))
    assert np.array_equal(ours, drawn(probabilities, np.random.default_rng(5)))


# --- ordered classes ----------------------------------------------------------------------------------------------


def along(features: np.ndarray, classes: int) -> np.ndarray:
    """Probabilities of ordered classes that lie about a place that the features say, shape (rows, classes)."""
    place = features.sum(axis=1) / features.sum(axis=1).max() * (classes - 1)
    near = np.exp(-0.5 * np.square((np.arange(classes) - place[:, None]) / (0.15 * classes)))
    return near / near.sum(axis=1, keepdims=True)


def test_means_of_ordered_classes_are_nearer_to_what_groups_expect_than_with_coins() -> None:
    rng = np.random.default_rng(5)
    features = skewed(20_000, 8, 12, rng)
    probabilities = along(features, 60)
    expected = probabilities @ np.arange(60)
    ours = balanced(probabilities, features, [12] * 8, rng, ordered=60)
    coins = drawn(probabilities, rng)

    def beyond(labels: np.ndarray) -> float:
        return float(np.mean([np.square(np.bincount(own, labels - expected, minlength=12)).sum() for own in features.T]))

    assert beyond(ours) < beyond(coins) / 4
    assert np.bincount(ours, minlength=60) == pytest.approx(probabilities.sum(axis=0), rel=0.25, abs=40)


@pytest.mark.parametrize(("classes", "ordered"), [(40, 40), (40, 39), (_BANDS, _BANDS), (12, 0), (90, 88)])
def test_bands_are_of_about_equal_mass_and_keep_the_order(classes: int, ordered: int) -> None:
    rng = np.random.default_rng(6)
    probabilities = rng.dirichlet(np.full(classes, 5.0), 500)
    bands = bands_of(probabilities, ordered)
    assert (
        bands.shape == (classes,) and (np.diff(bands) >= 0).all() and np.array_equal(np.unique(bands), np.arange(bands[-1] + 1))
    )
    if ordered <= _BANDS:
        assert np.array_equal(bands, np.arange(classes))
        return
    mass = np.bincount(bands, probabilities.mean(axis=0))
    assert len(mass) == _BANDS + classes - ordered
    assert mass[:_BANDS] == pytest.approx(np.full(_BANDS, mass[:_BANDS].mean()), abs=0.05)


def test_classes_that_no_row_can_have_are_not_drawn_and_one_atom_may_hold_most() -> None:
    rng = np.random.default_rng(7)
    features = skewed(4000, 4, 6, rng)
    probabilities = np.tile(np.array([0.0, 0.9, *np.full(18, 0.1 / 18)]), (4000, 1))
    labels = balanced(probabilities, features, [6] * 4, rng, ordered=20)
    assert not (labels == 0).any() and (labels == 1).mean() == pytest.approx(0.9, abs=0.005)
    assert len(balanced(probabilities[:0], features[:0], [6] * 4, rng, ordered=20)) == 0
