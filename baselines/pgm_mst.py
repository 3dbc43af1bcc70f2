"""MST run by private-pgm's own code (McKenna, Miklau and Sheldon 2021, arXiv 2108.04978; ryan112358/private-pgm)."""

from __future__ import annotations

import itertools
import math
from importlib.metadata import version
from typing import ClassVar, Self

import numpy as np

from baselines.pgm.choice import farthest
from baselines.pgm.needs import ENGINE, needs_mbi
from dpdsyn.base.checks import whole_number
from dpdsyn.private_table import PrivateTable
from dpdsyn.synthesizer import Synthesizer


class PGMMST(Synthesizer):
    """As mechanisms/mst.py of private-pgm (Apache-2.0, as of 2026), under our mechanisms: a second opinion on `mst`.

    mbi merges values, estimates (2,500 steps for choosing, `iterations` at the end, always all of them), answers marginals, draws
    rows and puts merged values back; the tree is SciPy's. No code is shared with `baselines.mst` or `baselines/marginal`.

    What differs from mst.py: noise and choices are those of our mechanisms, and rho is what our accounting has for epsilon and
    delta; the number of rows is estimated from the one-way marginals before values are merged, for mbi takes no merged one for
    that (google/dpsynth, by the same author, does so too).

    iterations: of mirror descent in the last fit. first_iterations: in the fit of the one-way marginals.
    """

    version = 1
    most_values: ClassVar[int | None] = 32

    def __init__(self, iterations: int = 10_000, first_iterations: int = 2500) -> None:
        self.iterations = iterations
        self.first_iterations = first_iterations
        whole_number("iterations", iterations, least=1)
        whole_number("first_iterations", first_iterations, least=1)
        needs_mbi()

    def imports(self) -> tuple[str, ...]:
        return (ENGINE,)

    def foreign_versions(self) -> dict[str, int | str]:
        return {"mbi": version("mbi")}

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        from baselines.pgm import engine

        names, columns = private.schema.names, list(range(len(private.schema.names)))
        third = private.ledger.cap() / 3
        sigma = math.sqrt(1 / (2 * third))

        whole = engine.measured(private, [(c,) for c in columns], sigma * math.sqrt(len(columns)))
        mappings = {c: _merging(np.asarray(m.noisy_measurement), m.stddev) for c, m in zip(columns, whole, strict=True)}
        self.merged_ = {c: mapping for c, mapping in mappings.items() if mapping.max() + 1 < len(mapping)}
        one_way = [m.compress(self.merged_, engine.domain_of(private.schema.sizes)) for m in whole]
        table = private.recode({names[c]: mapping for c, mapping in self.merged_.items()})
        domain = engine.domain_of(table.schema.sizes)

        first = engine.estimated(domain, one_way, self.first_iterations, engine.rows_measured(whole))
        pairs = list(itertools.combinations(columns, 2))
        edges = _spanning_tree(table, pairs, engine.marginals(first, pairs), third)
        two_way = engine.measured(table, edges, sigma * math.sqrt(len(edges)))
        total = engine.rows_measured(whole + two_way)
        self.model_ = engine.learnt(engine.estimated(domain, one_way + two_way, self.iterations, total))
        return self

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        from baselines.pgm import engine

        return engine.drawn(self.model_, n, rng, self.merged_)


def _merging(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """The new code of each value: one of its own for a noisy count of at least 3 sigma, the last for all others."""
    kept = noisy >= 3 * sigma
    return np.where(kept, np.cumsum(kept) - 1, kept.sum()).astype(np.int64)


def _spanning_tree(
    private: PrivateTable, pairs: list[tuple[int, int]], expected: list[np.ndarray], rho: float
) -> list[tuple[int, int]]:
    """Edges of a spanning tree, chosen one by one among pairs of columns that are not yet joined; costs rho in all."""
    from scipy.cluster.hierarchy import DisjointSet

    trees = DisjointSet(range(len(private.schema.names)))
    edges: list[tuple[int, int]] = []
    steps = trees.n_subsets - 1
    for _ in range(steps):
        left = [i for i, pair in enumerate(pairs) if not trees.connected(*pair)]
        place = farthest(
            private,
            [pairs[i] for i in left],
            [expected[i] for i in left],
            lambda _, distance: distance,
            1.0,
            math.sqrt(8 * rho / steps),
        )
        edges.append(pairs[left[place]])
        trees.merge(*edges[-1])
    return edges
