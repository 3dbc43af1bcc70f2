"""A distribution of rows as a mixture of equal parts, in each of which columns are independent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from baselines.marginal.drawing import systematic_draw
from baselines.marginal.junction_tree import Clique


def blocks(sizes: Sequence[int]) -> list[slice]:
    """Where each column's block lies in a row of length sum(sizes)."""
    ends = np.cumsum(sizes)
    return [slice(int(end) - size, int(end)) for end, size in zip(ends, sizes, strict=True)]


@dataclass(frozen=True)
class Mixture:
    """A distribution of `total` rows.

    shares: shape (parts, sum(sizes)), float64; in a part's row the block of each column adds up to 1.
    """

    sizes: tuple[int, ...]
    shares: np.ndarray
    total: float

    def project(self, clique: Clique) -> np.ndarray:
        """Expected counts of every combination of values of these columns, axes in the order given."""
        places = blocks(self.sizes)
        own = [self.shares[:, places[column]] for column in clique]
        outer = np.ones((len(self.shares), 1))
        for block in own[:-1]:
            outer = (outer[:, :, None] * block[:, None, :]).reshape(len(outer), -1)
        joint = outer.T @ own[-1] * (self.total / len(self.shares))
        return joint.reshape([self.sizes[column] for column in clique])

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n encoded rows in random order, shape (n, columns), int64; as many of each part, or one more.

        Within a part the counts of a column's values are the expected ones, rounded up or down at random.
        """
        parts = len(self.shares)
        part = rng.permutation(np.resize(rng.permutation(parts), n))
        drawn = [systematic_draw(self.shares[:, place], part, rng) for place in blocks(self.sizes)]
        return np.stack(drawn, axis=1)
