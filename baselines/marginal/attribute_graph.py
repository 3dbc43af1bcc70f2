"""Dependence of columns: noisy scores of all pairs, and graphs of columns that a model can be built on.

Sets of columns are bit sets here (column i is bit 1 << i): growing a graph tries every missing edge at every step.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from dpdsyn.private_table import PrivateTable, Query


def dependence(exact: np.ndarray, pair: Query) -> float:
    """n times the total variation distance between two columns' joint distribution and the product of theirs; in rows.

    exact: the pair's counts; n, r and c are their sum, row sums and column sums; the score is |exact - r c^T / n|_1 / 2.

    One row more, in the cell (a, b), moves it by less than 2. The joint counts move by 1. The product gets
    (r_a c + c_b r, plus 1 at (a, b)) / (n + 1), of sum (2n + 1) / (n + 1), and loses r c^T / (n (n + 1)), of sum
    n / (n + 1): together less than 3. Half of 1 + 3 is 2. Nothing smaller holds: n rows in one cell score 0, and
    with one more row elsewhere in both columns 2n / (n + 1).
    """
    n = exact.sum()
    if n == 0:
        return 0.0
    independent = np.outer(exact.sum(axis=1), exact.sum(axis=0)) / n
    return float(np.abs(exact - independent).sum()) / 2


DEPENDENCE_SENSITIVITY = 2.0


def noisy_dependence(private: PrivateTable, rho: float) -> np.ndarray:
    """Every pair's dependence plus noise, in shares of `rows_public`; shape (columns, columns), symmetric, 0 on the diagonal.

    Costs rho (zCDP): P pairs move together by at most 2 sqrt(P) in L2.
    """
    names = private.schema.names
    shares = np.zeros((len(names), len(names)))
    pairs = list(itertools.combinations(range(len(names)), 2))
    if pairs:
        sensitivity = DEPENDENCE_SENSITIVITY * math.sqrt(len(pairs))
        queries = [(names[a], names[b]) for a, b in pairs]
        noisy = private.noisy_scores(queries, dependence, sensitivity, sensitivity / math.sqrt(2 * rho))
        for (a, b), score in zip(pairs, noisy, strict=True):
            shares[a, b] = shares[b, a] = score / private.schema.rows_public
    return shares


Neighbours = tuple[int, ...]  # for each column, the set of columns that it is joined to


def columns_of(columns: int) -> tuple[int, ...]:
    """The members of a set, ascending."""
    found = []
    while columns:
        lowest = columns & -columns
        found.append(lowest.bit_length() - 1)
        columns ^= lowest
    return tuple(found)


def join(graph: Neighbours, a: int, b: int) -> Neighbours:
    """The graph with one edge more."""
    joined = list(graph)
    joined[a] |= 1 << b
    joined[b] |= 1 << a
    return tuple(joined)


def triangulate(graph: Neighbours) -> tuple[Neighbours, list[int]]:
    """A chordal graph with all edges of this one, the graph itself if it is chordal, and its maximal cliques.

    Columns are eliminated by ascending degree, as in PrivMRF's reference implementation (utils/tools.py).
    """
    cliques = _cliques_if_chordal(graph)
    if cliques is not None:
        return graph, cliques
    filled = list(graph)
    left = (1 << len(graph)) - 1
    for column in sorted(range(len(graph)), key=lambda column: graph[column].bit_count()):
        left &= ~(1 << column)
        around = filled[column] & left
        for neighbour in columns_of(around):
            filled[neighbour] |= around & ~(1 << neighbour)
    cliques = _cliques_if_chordal(filled)
    assert cliques is not None
    return tuple(filled), cliques


def _cliques_if_chordal(graph: Sequence[int]) -> list[int] | None:
    """The maximal cliques if the graph is chordal, found by maximum cardinality search (Blair and Peyton 1993, 4.2)."""
    left = set(range(len(graph)))
    visited = before = 0
    place = [0] * len(graph)
    cliques: list[int] = []
    for step in range(len(graph)):
        column = max(left, key=lambda column: (graph[column] & visited).bit_count())
        earlier = graph[column] & visited
        if earlier:
            last = max(columns_of(earlier), key=place.__getitem__)
            if earlier & ~(1 << last) & ~graph[last]:
                return None
        here = earlier | 1 << column
        if step and earlier.bit_count() == before + 1:
            cliques[-1] = here
        else:
            cliques.append(here)
        before = earlier.bit_count()
        place[column] = step
        visited |= 1 << column
        left.remove(column)
    return cliques


class Cells:
    """How many cells a marginal of a set of columns has, remembered set by set."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = tuple(sizes)
        self.of = cache(self._of)

    def _of(self, columns: int) -> int:
        return math.prod(self.sizes[column] for column in columns_of(columns))

    def fit(self, cliques: Sequence[int], most_in_clique: float, most: float) -> bool:
        """Whether no clique has more than `most_in_clique` cells and all together no more than `most`."""
        cells = [self.of(clique) for clique in cliques]
        return max(cells) <= most_in_clique and sum(cells) <= most


def subsets(clique: int, most_columns: int) -> Iterator[int]:
    """All non-empty subsets of at most so many columns, smaller ones first."""
    members = [1 << column for column in columns_of(clique)]
    for length in range(1, min(most_columns, len(members)) + 1):
        for chosen in itertools.combinations(members, length):
            yield sum(chosen)


def merit(column: int, others: int, shares: np.ndarray, doubled: bool = False) -> float:
    """How much other columns say about one, and how little they repeat each other.

    Correlation-based feature selection (Hall 1999) with dependence in place of correlation:
    sum of shares with the column / sqrt(number of others + sum of shares among them), at least 1 under the root.
    doubled: twice that under the root, as PrivPetal's reference implementation has it (MRF/tools.py, get_CFS_score).
    """
    members = list(columns_of(others & ~(1 << column)))
    among = float(shares[np.ix_(members, members)].sum()) / 2
    spread = (len(members) + among) * (2 if doubled else 1)
    return float(shares[column, members].sum()) / math.sqrt(max(spread, 1.0))


def without_contained(cliques: Sequence[int]) -> list[int]:
    """The sets that no other of them contains, each once, in the order given."""
    once = list(dict.fromkeys(cliques))
    return [small for small in once if not any(small != big and small & big == small for big in once)]
