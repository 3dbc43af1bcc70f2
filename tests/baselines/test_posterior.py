"""What a model says of one column given the others, against all rows of the domain."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.marginal.conditioned import Posterior
from baselines.marginal.inference import Model
from baselines.marginal.junction_tree import JunctionTree, calibrated

SIZES = (3, 2, 4, 2, 3)
CLIQUES = st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=3, unique=True).map(tuple), max_size=6, unique=True)


@settings(max_examples=40)
@given(CLIQUES, st.integers(0, 4), st.integers(0, 2**32))
def test_it_is_that_of_all_rows(cliques: list[tuple[int, ...]], column: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    factors = {clique: np.exp(rng.normal(size=[SIZES[c] for c in clique]) / 2) for clique in cliques}
    joint = np.ones(SIZES)
    for clique, table in factors.items():
        order = tuple(np.argsort(clique))
        joint = joint * table.transpose(order).reshape([SIZES[c] if c in clique else 1 for c in range(len(SIZES))])
    tree = JunctionTree.of(SIZES, factors)
    found = Posterior.of(Model(tree, 50.0, {}, calibrated(tree, factors, 50.0, [])[0]), column)
    rows = rng.integers(np.array(SIZES), size=(200, len(SIZES))).astype(np.uint8)
    expected = np.moveaxis(joint, column, -1)[tuple(np.delete(rows, column, axis=1).T)]
    given = found(rows)
    assert np.allclose(given, expected / expected.sum(axis=1, keepdims=True), atol=1e-9)

    chosen = rng.permutation(200)[:77]
    assert np.array_equal(found(rows[chosen]), given[chosen])  # bit for bit, whatever rows are beside it
    assert all(np.array_equal(found(rows[i : i + 1])[0], given[i]) for i in range(9))
    rows[:, column] = 0
    assert np.array_equal(found(rows), given)  # it does not look at the column itself


def test_a_model_that_holds_zeros_gives_finite_shares() -> None:
    tree = JunctionTree.of((2, 3), [(0, 1)])
    (clique,) = tree.cliques
    table = np.array([[5.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    found = Posterior.of(Model(tree, 5.0, {}, [table.transpose([(0, 1).index(c) for c in clique])]), 1)
    shares = found(np.array([[0, 0], [1, 0]]))
    assert np.isfinite(shares).all() and np.allclose(shares.sum(axis=1), 1) and shares[0, 0] > 0.999
    assert np.allclose(shares[1], 1 / 3)  # where nothing was counted nothing is said
