"""PrivBayes: a Bayesian network chosen column by column, and its noisy conditionals (Zhang et al. 2014 and 2017)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from dpdsyn.base.checks import InputError, positive, whole_number
from dpdsyn.base.steps import MEAN_NOISE
from dpdsyn.private_table import PrivateTable, Query
from dpdsyn.synthesizer import Synthesizer

SENSITIVITY = 2.0  # of `dependence`
_MOST_TRIED = 5_000  # sets of columns, before parents are drawn instead of enumerated
_PIECE = 1 << 16  # rows that are drawn at once

Columns = tuple[int, ...]


@dataclass(frozen=True)
class Family:
    """A column and its parents; by positions."""

    child: int
    parents: Columns

    @property
    def columns(self) -> Columns:
        """Parents first."""
        return (*self.parents, self.child)


class PrivBayes(Synthesizer):
    """A network of columns, each with the parents that say most about it, and a noisy conditional distribution of each.

    Steps, after the paper (SIGMOD 2014; for columns of many values TODS 42(4), 2017; its names in brackets); d columns:
    1. the first column at random, without parents; then d - 1 times a column and its parents among those already there, by the
       exponential mechanism with the score R, half the L1 distance of their joint distribution from independence [GreedyBayes];
       together the share `choosing` of the budget, the paper's beta;
    2. offered are, for every column left, all maximal sets of parents with which its joint distribution is theta-useful: a mean
       cell has at least theta times as many rows as the noise has in the mean [MaximalParentSets];
    3. the joint counts of every column with its parents, with noise for the rest of the budget; a column whose joint lies within
       another's takes it from there, as the paper's first k columns do [NoisyConditionals];
    4. counts below 0 become 0, and rows are drawn column by column.

    What differs. The budget is zCDP: the exponential mechanism costs epsilon^2/8, and noise is Gaussian. n is private:
    the score is n R, in rows, with the n of the table at hand, of sensitivity 2 under add or remove (`dependence`; the paper's R
    moves by at most 3/n + 2/n^2 where n is public), and theta-usefulness goes by the public number of rows. Categories are not
    generalised along a hierarchy, which no schema here has. Where there are more than `most_offered` families in a step, or too
    many sets of parents to enumerate, so many are drawn at random, whatever the rows are. Where no row has certain values of the
    parents, a child is drawn as it is without parents. (dpmm's PrivBayes, by contrast, states a sensitivity that is too small.)

    It sees no target: every column is like the others.
    """

    version = 1
    most_values: ClassVar[int | None] = 32

    def __init__(self, choosing: float = 0.3, theta: float = 4.0, most_offered: int = 2000) -> None:
        self.choosing = choosing
        self.theta = theta
        self.most_offered = most_offered
        if not positive("choosing", choosing) < 1:
            raise InputError(f"choosing is {choosing!r}; a share that leaves something of 1 is needed")
        positive("theta", theta)
        whole_number("most_offered", most_offered, least=1)

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        sizes, rho = private.schema.sizes, private.ledger.cap()
        choosing = self.choosing * rho if len(sizes) > 1 else 0.0
        guess = math.sqrt(len(sizes) / (2 * (rho - choosing)))
        most_cells = private.schema.rows_public / (self.theta * MEAN_NOISE * guess)
        self.network_ = self._choose(private, most_cells, choosing, rng)
        measured = _measured_of(self.network_)
        sigma = math.sqrt(len(measured) / (2 * (rho - choosing)))
        queries = [_names(private, family.columns) for family in measured]
        answers = private.noisy_marginals(queries, [sigma] * len(queries))
        joints = {family.columns: np.maximum(answer, 0) for family, answer in zip(measured, answers, strict=True)}
        self.conditionals_ = [_conditional(_joint(joints, family.columns)) for family in self.network_]
        self.dtype_ = private.schema.dtype
        return self

    def _choose(self, private: PrivateTable, most_cells: float, rho: float, rng: np.random.Generator) -> list[Family]:
        """The families in the order in which their columns can be drawn; costs rho (zCDP)."""
        sizes = private.schema.sizes
        steps = len(sizes) - 1
        network = [Family(int(rng.integers(len(sizes))), ())]
        for step in range(steps):
            offered = self._offered(sizes, [family.child for family in network], most_cells, rng)
            queries = [_names(private, family.columns) for family in offered]
            place = private.select(queries, dependence, SENSITIVITY, math.sqrt(8 * rho / steps))
            network.append(offered[place])
            self.report(f"{step + 1} of {steps} columns have their parents")
        return network

    def _offered(self, sizes: Sequence[int], placed: Sequence[int], most_cells: float, rng: np.random.Generator) -> list[Family]:
        """The families of step 2."""
        left = [column for column in range(len(sizes)) if column not in placed]
        share = math.ceil(self.most_offered / len(left))
        offered = [
            Family(column, parents)
            for column in left
            for parents in maximal_parents(sorted(placed), sizes, most_cells / sizes[column], share, rng)
        ]
        if len(offered) > self.most_offered:
            offered = [offered[i] for i in np.sort(rng.choice(len(offered), self.most_offered, replace=False))]
        return offered

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        encoded = np.empty((n, len(self.network_)), dtype=self.dtype_)
        for start in range(0, n, _PIECE):
            piece = encoded[start : start + _PIECE]
            for family, cumulative in zip(self.network_, self.conditionals_, strict=True):
                given = cumulative[tuple(piece[:, parent] for parent in family.parents)]
                piece[:, family.child] = (rng.random((len(piece), 1)) >= given[..., :-1]).sum(axis=1)
        return encoded


def dependence(exact: np.ndarray, query: Query) -> float:
    """n R: half the L1 distance of a column's counts with its parents from those of independence, |M - r c^T / n|_1 / 2; in rows.

    exact: counts, the child's axis last. n, r, c: their sum, the sums over the child, and over the parents, as one column.
    One unit more, of mass m at most 1 in any cells E with sums e and f, moves M by m, and r c^T / n by
    m (r f^T + e c^T + m e f^T) / (n + m), of sum below 2m, less m r c^T / (n (n + m)), of sum below m: by less than 4m in all,
    half of which is 2. In the limit it is reached: n rows in one cell have 0, and with another elsewhere 2n / (n + 1). Without
    rows it is 0.
    """
    joint = exact.reshape(-1, exact.shape[-1])
    n = joint.sum()
    if n == 0:
        return 0.0
    return float(np.abs(joint - np.outer(joint.sum(axis=1), joint.sum(axis=0)) / n).sum()) / 2


def maximal_parents(
    placed: Sequence[int], sizes: Sequence[int], most_cells: float, share: int, rng: np.random.Generator
) -> list[Columns]:
    """Sets of columns with at most so many cells to which no other can be added; the empty set where not even one fits.

    All of them, if there are few sets to try; else `share` drawn at random, each by trying all columns in random order.
    """
    found = list(itertools.islice(_feasible(list(placed), sizes, most_cells), _MOST_TRIED))
    if len(found) < _MOST_TRIED:
        maximal = [set_ for set_ in found if _full(set_, placed, sizes, most_cells)]
        return maximal or [()]
    drawn: dict[Columns, None] = {}
    for _ in range(share):
        parents: list[int] = []
        cells = 1.0
        for column in rng.permutation(np.array(placed)).tolist():
            if cells * sizes[column] <= most_cells:
                parents.append(column)
                cells *= sizes[column]
        drawn[tuple(sorted(parents))] = None
    return list(drawn)


def _feasible(placed: list[int], sizes: Sequence[int], most_cells: float) -> Iterator[Columns]:
    """All sets of these columns with at most so many cells, one after the other."""
    if most_cells < 1:
        return
    yield ()
    for i, column in enumerate(placed):
        for more in _feasible(placed[i + 1 :], sizes, most_cells / sizes[column]):
            yield (column, *more)


def _full(parents: Columns, placed: Sequence[int], sizes: Sequence[int], most_cells: float) -> bool:
    others = [sizes[column] for column in placed if column not in parents]
    return not others or math.prod(sizes[column] for column in parents) * min(others) > most_cells


def _measured_of(network: Sequence[Family]) -> list[Family]:
    """Those whose columns no other family has all of, the later one where two have the same."""
    sets = [frozenset(family.columns) for family in network]
    return [
        family
        for i, family in enumerate(network)
        if not any(sets[i] < other or (sets[i] == other and i < j) for j, other in enumerate(sets) if i != j)
    ]


def _joint(joints: dict[Columns, np.ndarray], columns: Columns) -> np.ndarray:
    """Counts over these columns, in their order, from the smallest of the joint counts that have them."""
    of = min((c for c in joints if set(columns) <= set(c)), key=lambda c: joints[c].size)
    left = [column for column in of if column in columns]
    summed = joints[of].sum(axis=tuple(i for i, column in enumerate(of) if column not in columns))
    return summed.transpose([left.index(column) for column in columns])


def _conditional(joint: np.ndarray) -> np.ndarray:
    """Cumulative shares of the last column given the others, same shape; the last of each is 1."""
    alone = joint.reshape(-1, joint.shape[-1]).sum(axis=0)
    alone = alone if alone.sum() > 0 else np.ones_like(alone)
    sums = joint.sum(axis=-1, keepdims=True)
    shares = np.where(sums > 0, joint / np.where(sums > 0, sums, 1), alone / alone.sum())
    cumulative = shares.cumsum(axis=-1)
    cumulative[..., -1] = 1.0
    return cumulative


def _names(private: PrivateTable, columns: Columns) -> Query:
    names = private.schema.names
    return tuple(names[column] for column in columns)
