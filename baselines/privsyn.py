"""PrivSyn: many small marginals, each chosen by its worth against its noise (Zhang et al. 2021, arXiv 2012.15128)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np

from baselines.marginal.consistency import Clique, consistent
from baselines.marginal.drawing import rounded_draw
from baselines.marginal.gum import synthesize
from baselines.marginal.marginals import Measurement, all_gaussian, merge_rare
from dpdsyn.base.checks import whole_number
from dpdsyn.private_table import PrivateTable, Query
from dpdsyn.synthesizer import Synthesizer

_ONE_WAY, _CHOICE, _JOINT = 0.1, 0.1, 0.8  # shares of rho (Algorithm 3)
_RARE = 3.0  # standard deviations of a one-way count (section 5.3)
_SENSITIVITY = 4.0  # of one score, see `dependence`


class PrivSyn(Synthesizer):
    """A tenth of the zCDP budget for one-way marginals, a tenth for choosing pairs, the rest for the joint marginals.

    Steps, after the paper (section and algorithm in brackets):
    1. all one-way marginals; values whose noisy count is under 3 standard deviations are merged, or left out if
       together they are under it too [5.3]; 2. a noisy `dependence` of every pair [4.1]; 3. pairs are chosen while
       that lowers the expected error [4.2, Algorithm 1]; 4. cliques of chosen pairs are measured together if they
       have at most `cells` cells [Algorithm 2]; 5. the joint marginals, each with a share of rho proportional to
       its cells^(2/3) [4.2]; 6. weighted averages and norm-sub until all agree [4.3]; 7. rows by GUM [5.2, 5.3].

    What differs from the authors' reference implementation (vvv214/privsyn-tabular at 568e3d0): there, scores that are counts
    are multiplied by the number of rows, so that nearly all pairs with a positive score are chosen, and choosing stops
    at a gain under 20,000; here it stops when nothing is gained, as published, which needs no number of rows. A
    column in no chosen pair stays alone, as published; there it joins one. One-way marginals take part in step 6 by
    their precision; there they follow. Averages are exact; there, steps are scaled by rho. Parts of the graph that
    no pair links are made apart [5.3]; there that is switched off. `sample` makes at least `rows_public` rows and
    gives n of them, so that a short sample keeps the dependences. (Later commits there correct the scores but neither
    average marginals nor copy rows.)

    cells: the paper's gamma [4.2]. iterations: of GUM, 50 in the reference implementation; the paper does not say.
    """

    version = 3
    most_values: ClassVar[int | None] = 32
    spends: ClassVar[Literal["gaussian", "zcdp", "nothing"]] = "gaussian"

    def __init__(self, cells: int = 5000, iterations: int = 50) -> None:
        self.cells = cells
        self.iterations = iterations
        whole_number("cells", cells, least=1)
        whole_number("iterations", iterations, least=1)

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        rho = all_gaussian(private.ledger)
        names = private.schema.names
        self.rows_ = private.schema.rows_public

        sigma = math.sqrt(len(names) / (2 * _ONE_WAY * rho))
        noisy = private.noisy_marginals([(name,) for name in names], [sigma] * len(names))
        self.domains_ = [Domain.of(counts, sigma) for counts in noisy]
        merged = private.recode({name: domain.mapping for name, domain in zip(names, self.domains_, strict=True)})
        measured = [
            Measurement((i,), domain.reduced(counts), sigma)
            for i, (domain, counts) in enumerate(zip(self.domains_, noisy, strict=True))
        ]

        sizes = [domain.size for domain in self.domains_]
        cliques = combine(self._choose(merged, sizes, rho), sizes, self.cells)
        measured += self._measure(merged, cliques, sizes, _JOINT * rho)
        self.marginals_ = consistent(measured)
        return self

    def _choose(self, merged: PrivateTable, sizes: Sequence[int], rho: float) -> list[Clique]:
        names = merged.schema.names
        pairs = [(a, b) for a, b in itertools.combinations(range(len(sizes)), 2) if min(sizes[a], sizes[b]) > 1]
        if not pairs:
            return []
        sensitivity = _SENSITIVITY * math.sqrt(len(pairs))
        sigma = sensitivity / math.sqrt(2 * _CHOICE * rho)
        scores = merged.noisy_scores([(names[a], names[b]) for a, b in pairs], dependence, sensitivity, sigma)
        cells = np.array([sizes[a] * sizes[b] for a, b in pairs])
        return [pairs[i] for i in choose(scores, cells, _JOINT * rho)]

    def _measure(self, merged: PrivateTable, cliques: list[Clique], sizes: Sequence[int], rho: float) -> list[Measurement]:
        names = merged.schema.names
        power = np.array([math.prod(sizes[column] for column in clique) for clique in cliques]) ** (2 / 3)
        sigmas = np.sqrt(power.sum() / (2 * rho * power)).tolist()
        noisy = merged.noisy_marginals([tuple(names[column] for column in clique) for clique in cliques], sigmas)
        return [
            Measurement(clique, counts[tuple(slice(sizes[column]) for column in clique)], sigma)
            for clique, counts, sigma in zip(cliques, noisy, sigmas, strict=True)
        ]

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        rows = synthesize(self.marginals_, len(self.domains_), max(n, self.rows_), self.iterations, rng)[:n]
        return np.stack([domain.restored(rows[:, i], rng) for i, domain in enumerate(self.domains_)], axis=1)


@dataclass(frozen=True)
class Domain:
    """The domain of a column after its rare values were merged into one, the last, or left out.

    mapping: the new code of each old one. size: how many new codes are in use; a merged one beyond it is left
    out. noisy: counts of the old values.
    """

    mapping: np.ndarray
    size: int
    noisy: np.ndarray

    @classmethod
    def of(cls, noisy: np.ndarray, sigma: float) -> Domain:
        """From noisy counts of the old values, shape (old size,), and the standard deviation of their noise."""
        mapping = merge_rare(noisy, sigma, _RARE)
        common = int((noisy >= _RARE * sigma).sum())
        worthless = noisy[mapping == common].sum() < _RARE * sigma  # also if no code is rare
        return cls(mapping, common if worthless and common else common + 1, noisy)

    def reduced(self, counts: np.ndarray) -> np.ndarray:
        """Counts of the new values in use, for counts of the old ones."""
        return np.bincount(self.mapping, weights=counts)[: self.size]

    def restored(self, encoded: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Old values for new ones; those merged into one are drawn in proportion to their noisy counts."""
        old = np.unique(self.mapping, return_index=True)[1][encoded]
        several = np.flatnonzero(np.bincount(self.mapping) > 1)
        for code in several:
            rows = np.flatnonzero(encoded == code)
            among = np.flatnonzero(self.mapping == code)
            old[rows] = among[rounded_draw(np.maximum(self.noisy[among], 0), len(rows), rng)]
        return old


def dependence(exact: np.ndarray, pair: Query) -> float:
    """InDif: the L1 distance of a pair's counts from those of independent columns, |M_ab - M_a M_b / n|_1 [4.1].

    One row moves it by less than 4 (Lemma 4), n being this table's own count. With p = M_a / n, q = M_b / n and
    the unit vectors e and f of the values of one more row, M_ab - M_a M_b / n moves by n / (n + 1) (e - p)(f - q)',
    exactly; both factors have an L1 norm of at most 2. From no row to one it stays 0. So one row moves a vector
    of P scores by less than 4 sqrt(P) in L2.
    """
    n = exact.sum()
    return float(np.abs(exact - np.outer(exact.sum(axis=1), exact.sum(axis=0)) / n).sum()) if n else 0.0


def choose(scores: np.ndarray, cells: np.ndarray, rho: float) -> list[int]:
    """Indices of the pairs to measure, in the order chosen [Algorithm 1].

    The expected error is that of the noise on the pairs chosen, (sum of cells^(2/3))^(3/2) / sqrt(pi rho) if rho is
    shared out well, plus the dependence of all others; the pair that lowers it most is added while one does.
    """
    power = cells ** (2 / 3)
    chosen: list[int] = []
    spent, left = 0.0, np.ones(len(scores), dtype=bool)
    error = float(scores.sum())
    while left.any():
        errors = (spent + power) ** 1.5 / math.sqrt(math.pi * rho) + scores[left].sum() - scores
        best = int(np.argmin(np.where(left, errors, np.inf)))
        if errors[best] >= error:
            break
        chosen.append(best)
        left[best] = False
        spent, error = spent + power[best], float(errors[best])
    return chosen


def combine(pairs: Sequence[Clique], sizes: Sequence[int], cells: int) -> list[Clique]:
    """Cliques of three and more columns joined by chosen pairs, then the pairs in none of them [Algorithm 2].

    The largest first; each has at most `cells` cells and at most two columns of those before it.
    """
    linked: dict[int, set[int]] = {}
    for a, b in pairs:
        linked.setdefault(a, set()).add(b)
        linked.setdefault(b, set()).add(a)
    cliques: list[Clique] = []
    covered: set[int] = set()
    for length in range(len(linked), 2, -1):
        while clique := _clique((), sorted(linked), length, linked, sizes, cells, covered):
            cliques.append(clique)
            covered.update(clique)
    return cliques + [pair for pair in pairs if not any(set(pair) <= set(clique) for clique in cliques)]


def _clique(
    start: Clique,
    others: list[int],
    length: int,
    linked: dict[int, set[int]],
    sizes: Sequence[int],
    cells: int,
    covered: set[int],
) -> Clique:
    """The first clique of a length, in the order of the columns, that continues `start`; () if there is none."""
    if len(covered.intersection(start)) > 2 or math.prod(sizes[column] for column in start) > cells:
        return ()
    missing = length - len(start)
    if missing == 0:
        return start
    smallest = sorted(sizes[column] for column in others)[:missing]
    if len(smallest) < missing or math.prod([sizes[column] for column in start] + smallest) > cells:
        return ()
    for i, column in enumerate(others):
        following = [other for other in others[i + 1 :] if other in linked[column]]
        if found := _clique((*start, column), following, length, linked, sizes, cells, covered):
            return found
    return ()
