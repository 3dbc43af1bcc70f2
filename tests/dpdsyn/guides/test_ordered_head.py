"""The head of an ordered target: logits that are smooth in the order."""

from __future__ import annotations

import numpy as np
import pytest

from dpdsyn.guides.network import Network
from dpdsyn.guides.ordered_head import SCORES, waves


@pytest.mark.parametrize(("values", "size"), [(1, 1), (2, 2), (3, 4), (9, 9), (160, 161)])
def test_waves_are_of_one_size_and_tell_every_class_from_every_other(values: int, size: int) -> None:
    found = waves(values, size)
    assert found.shape == (size, min(SCORES, max(1, values - 1)) + size - values)
    if values > 1:
        assert np.square(found[:values]).sum(axis=1).mean() == pytest.approx(1)
    assert len(np.unique(found.round(9), axis=0)) == size
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = 1


def test_near_classes_have_near_scores() -> None:
    found = waves(40, 40)
    apart = np.linalg.norm(found[:, None] - found[None], axis=2)
    assert apart[np.arange(39), np.arange(1, 40)].max() < 0.3 < 1.2 < apart[0, -1]


def test_offsets_alone_let_classes_be_as_common_as_they_are() -> None:
    network = Network((3,), (6,), 0, ordered=(6,))
    flat, shares = np.zeros(network.parameters), np.array([0.4, 0.01, 0.2, 0.29, 0.05, 0.05])
    flat[-6:] = np.log(shares)
    assert network.forward(flat, network.index(np.array([[0], [2]])))[1] == pytest.approx(np.stack([shares, shares]))


def test_a_score_moves_all_odds_the_same_way_along_the_order() -> None:
    """With the first score alone, the odds of each class against the one before it rise or fall together."""
    network = Network((2,), (12,), 0, ordered=(12,))
    flat = np.zeros(network.parameters)
    network.split(flat)[0][2, 0] = -1.5  # the second category's weight on the slowest wave, which falls along the order
    low, high = network.forward(flat, network.index(np.array([[0], [1]])))[1]
    assert low == pytest.approx(np.full(12, 1 / 12))
    assert (np.diff(np.log(high)) > 0).all()
