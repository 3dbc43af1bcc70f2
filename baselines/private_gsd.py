"""Private-GSD: marginals measured once, and a table that evolves until it has them (Liu et al. 2023, arXiv 2306.03257).

The table's fitness is the sum of squared differences of all cells. A row that leaves a cell which lacks e rows (negative: has
too many) changes it by 2 e + 1, and a row that comes to it by 1 - 2 e; so what a change of some rows does is a sum over the
cells that they leave and enter, and no marginal is counted again.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, Self

import numpy as np

from baselines.marginal.junction_tree import Clique
from baselines.marginal.marginals import estimate_total, measure
from baselines.marginal.workload import WORKLOADS, Workload, cells_of, workload
from dpdsyn.accounting.spends import Gaussian
from dpdsyn.base.checks import one_of, positive, whole_number
from dpdsyn.candidates import uniform_rows
from dpdsyn.mechanisms.row_count import RowCount
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer

_CANDIDATES = 1000  # of a generation
_TAKEN = 50  # of so many candidates at most one is taken; where too many are, the search ends at a worse table
_QUANTILES = 32  # of a column of numbers, between whose neighbours new values lie
_WINDOW = 100  # generations after which is asked whether it was worth it
_LEAST = 0.1  # of all generations, divided evenly among the operators whatever they gain
_MEMORY = 0.9  # of what an operator gained before, against its last gain


class PrivateGSD(Synthesizer):
    """All marginals of a workload, all with the same noise, and one table of `rows` rows that evolves until it has them.

    After the paper and its authors' public code (giusevtr/private_gsd, without a licence; read, not copied):
    1. every marginal of the workload is measured once, by the Gaussian mechanism, the budget divided evenly;
    2. the table begins with uniform rows. In each generation there are candidates, each the table with one row changed
       (two by a swap): a random value in one column (*mutation*); one or two values of another row (*crossover*); a number
       between two neighbouring quantiles of its column; one value of two rows swapped. The fittest replaces the table if it is
       fitter. Fitness is the sum of squared differences from all measured cells, and is kept up to date by what changes;
    3. operators that make the table fitter are tried more often; the search ends when fitness hardly falls.

    What differs:
    - a generation has 1,000 candidates, and the best twenty or fewer that make the table fitter together change it; there a
      generation has 50, and the best one changes it. Where far more than one of fifty were taken, the search ended at worse
      tables;
    - operators are chosen by how much fitter they made the table of late, there by how often; two values are taken over from any
      columns, there from those of categories;
    - numbers are codes of the domain's bins, and each pair is measured once; the public code measures numbers in cells of
      several widths (a tree of depth 3) and spends a part of the budget on where to cut;
    - cells of all measured marginals count; the public code leaves out the rarest where there are more cells than rows;
    - the number of rows is private: shares are those of an estimate from the answers, and `rows` says how many rows evolve, at
      most rows_public. `sample` repeats them, each as often as any other.

    workload: `all_2way`, as in the public code; `target` for every triple with the target, `all_3way`. max_cells: marginals of
    more cells are left out; their pairs, or their columns, take their place.
    iterations: generations at most; they end when fitness falls by less than the share `tolerance` in a hundred of them.
    """

    version = 1
    most_values: ClassVar[int | None] = 32
    spends: ClassVar[Literal["gaussian", "zcdp", "nothing"]] = "gaussian"
    uses_target: ClassVar[bool] = True

    def __init__(
        self,
        workload: Workload = "all_2way",
        max_cells: int = 10_000,
        rows: int = 10_000,
        iterations: int = 50_000,
        tolerance: float = 1e-3,
    ) -> None:
        self.workload = one_of("workload", workload, WORKLOADS)
        self.max_cells = max_cells
        self.rows = rows
        self.iterations = iterations
        self.tolerance = tolerance
        for name in ("max_cells", "rows", "iterations"):
            whole_number(name, getattr(self, name), least=1)
        positive("tolerance", tolerance)

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        schema = private.schema
        noise = private.ledger.open_calibrated(lambda scale: [Gaussian(scale)])
        cliques = measured_cliques(schema, self.workload, self.max_cells)
        answers = measure(private, cliques, noise * math.sqrt(len(cliques)))
        count = RowCount.of_marginals([m.values for m in answers], [m.sigma for m in answers])
        self.noisy_rows_, self.noisy_rows_sd_ = count.rows, count.sd
        self.report(f"{len(cliques)} marginals measured")

        rows = max(1, min(self.rows, schema.rows_public))
        shares = rows / estimate_total(answers)
        start = Matched.of(uniform_rows(schema, rows, rng), schema.sizes, {m.clique: m.values * shares for m in answers})
        ordered = [i for i, column in enumerate(schema.columns) if column.ordered]
        misfits: list[float] = []

        def told(generation: int, now: Matched) -> None:
            misfits.append(now.misfit)
            self.report(f"generation {generation} of at most {self.iterations}")

        table = evolved(start, schema.sizes, ordered, self.iterations, self.tolerance, rng, told)
        self.steps_ = {"misfit": misfits}
        self.table_ = table.astype(schema.dtype)
        return self

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        order = rng.permutation(len(self.table_))
        return rng.permutation(self.table_[order[np.arange(n) % len(order)]], axis=0)


def measured_cliques(schema: Schema, name: Workload, max_cells: int) -> list[Clique]:
    """The workload's marginals of at most so many cells, then pairs within none of them, then columns within none of these."""
    cliques = workload(schema, name, max_cells)
    columns = range(len(schema.names))
    for smaller in (itertools.combinations(columns, 2), ((column,) for column in columns)):
        cliques += [part for part in smaller if _fits(schema.sizes, part, max_cells) and not _within(part, cliques)]
    return cliques


def _fits(sizes: tuple[int, ...], clique: Clique, max_cells: int) -> bool:
    return len(clique) == 1 or cells_of(sizes, clique) <= max_cells


def _within(part: Clique, cliques: Sequence[Clique]) -> bool:
    return any(set(part) <= set(clique) for clique in cliques)


# --- the search ------------------------------------------------------------------------------------------


class Change(NamedTuple):
    """Candidates: rows of the table and what becomes of them.

    rows: indices, none twice, shape (changes,). codes: their new codes, shape (changes, columns). columns: those of which some
    differ. Where rows swap a value, the two of a pair stand in the two halves: row i and row i + changes / 2.
    """

    rows: np.ndarray
    codes: np.ndarray
    columns: tuple[int, ...]
    paired: bool = False


@dataclass
class Matched:
    """A table and what its marginals lack.

    table: encoded rows, shape (rows, columns). lacks: of every cell of every marginal, one after another, how many rows more are
    wanted than there are. fitness: the sum of its squares. cliques: column positions of each marginal; steps, shape (columns,
    marginals), and starts: a row's cell in a marginal is the scalar product of its codes with the steps, plus the start.
    """

    table: np.ndarray
    lacks: np.ndarray
    fitness: float
    cliques: tuple[Clique, ...]
    steps: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, table: np.ndarray, sizes: Sequence[int], wanted: Mapping[Clique, np.ndarray]) -> Matched:
        """wanted: the counts that the table is to have, by marginal."""
        cliques = tuple(wanted)
        shapes = [tuple(sizes[column] for column in clique) for clique in cliques]
        steps = np.zeros((table.shape[1], len(cliques)))
        for i, (clique, shape) in enumerate(zip(cliques, shapes, strict=True)):
            for place, column in enumerate(clique):
                steps[column, i] = math.prod(shape[place + 1 :])
        starts = np.array([0, *itertools.accumulate(map(math.prod, shapes))][:-1], dtype=float)
        lacks = np.concatenate([wanted[clique].ravel() for clique in cliques]).astype(float)
        matched = cls(table.astype(np.int64), lacks, 0.0, cliques, steps, starts)
        lacks -= np.bincount(matched.cells(matched.table, range(len(cliques))).ravel(), minlength=len(lacks))
        matched.fitness = float(lacks @ lacks)
        return matched

    @property
    def misfit(self) -> float:
        """Mean total variation distance of the table's marginals from those that are wanted."""
        return float(np.abs(self.lacks).sum()) / (2 * len(self.table) * len(self.cliques))

    def cells(self, codes: np.ndarray, marginals: Sequence[int]) -> np.ndarray:
        """The cells of rows in some marginals, shape (rows, marginals), int64; exact, for doubles hold whole numbers to 2^53."""
        return (codes @ self.steps[:, list(marginals)] + self.starts[list(marginals)]).astype(np.int64)

    def touched(self, columns: Sequence[int]) -> list[int]:
        """Indices of the marginals with one of these columns."""
        return [i for i, clique in enumerate(self.cliques) if not set(columns).isdisjoint(clique)]

    def take(self, change: Change) -> float:
        """Changes the table by the best candidates, at most one of fifty, that make it fitter; gives by how much, 0 or more.

        Candidates are ordered by what each would do alone. Of the best ones that do good, the better half of these, the best
        quarter and so on, that part is taken which does most together. The single best one does together what it does alone,
        so if any does good some are taken.
        """
        marginals = self.touched(change.columns)
        old, new = self.cells(self.table[change.rows], marginals), self.cells(change.codes, marginals)
        alone = self._alone(old, new, change.paired)
        order = np.argsort(alone, kind="stable")
        good = min(int((alone < 0).sum()), max(1, len(change.rows) // _TAKEN))
        gain, part = 0.0, order[:0]
        while good:
            best = order[:good]
            both = np.concatenate([best, best + len(alone)]) if change.paired else best
            gained = self._together(old[both], new[both])
            if gained < gain:
                break
            gain, part = gained, both
            good //= 2
        if len(part):
            self._move(old[part], new[part])
            self.table[change.rows[part]] = change.codes[part]
            self.fitness -= gain
        return gain

    def _alone(self, old: np.ndarray, new: np.ndarray, paired: bool) -> np.ndarray:
        """By how much each candidate would change fitness, shape (changes,), or of pairs (changes / 2,)."""
        moves = np.where(old != new, 2 * (self.lacks[old] - self.lacks[new]) + 2, 0.0)
        if paired:
            half = len(old) // 2
            swapped = old[:half] == new[half:]  # then the cell of either row is left by one and entered by the other
            moves = np.where(swapped, 0.0, moves[:half] + moves[half:])
        return moves.sum(axis=1)

    def _together(self, old: np.ndarray, new: np.ndarray) -> float:
        """How much fitter the table gets if rows leave some cells and come to others; below 0 if it does not."""
        cells, more = _net(old, new)
        return float(2 * (self.lacks[cells] @ more) - more @ more)

    def _move(self, old: np.ndarray, new: np.ndarray) -> None:
        cells, more = _net(old, new)
        self.lacks[cells] -= more


def _net(old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cells that are left or come to, each once, and how many rows more each then has, shape (cells,)."""
    cells, place = np.unique(np.concatenate([new.ravel(), old.ravel()]), return_inverse=True)
    return cells, np.bincount(place[: new.size], minlength=len(cells)) - np.bincount(place[new.size :], minlength=len(cells))


class Operator:
    """What makes a generation's candidates: rows drawn at random, some codes of each changed.

    sizes: of all columns. changing: columns that have more than one value.
    """

    def __init__(self, sizes: Sequence[int], changing: Sequence[int]) -> None:
        self.sizes = sizes
        self.changing = list(changing)

    def candidates(self, table: np.ndarray, rng: np.random.Generator) -> Change:
        """At most so many changes of the table as a generation has."""
        rows = rng.permutation(len(table))[:_CANDIDATES]
        columns = self.columns(rng)
        codes = table[rows]
        codes[:, columns] = self.values(table, rows, columns, rng)
        return Change(rows, codes, tuple(columns))

    def columns(self, rng: np.random.Generator) -> list[int]:
        """Which change: one, any as likely as another."""
        return [int(rng.choice(self.changing))]

    def values(self, table: np.ndarray, rows: np.ndarray, columns: list[int], rng: np.random.Generator) -> np.ndarray:
        """The new codes of these rows in these columns, shape (rows, columns)."""
        raise NotImplementedError


class Mutation(Operator):
    """A random value; columns of many values more often, by the logarithm of their number."""

    def columns(self, rng: np.random.Generator) -> list[int]:
        logs = np.log([self.sizes[column] for column in self.changing])
        return [int(rng.choice(self.changing, p=logs / logs.sum()))]

    def values(self, table: np.ndarray, rows: np.ndarray, columns: list[int], rng: np.random.Generator) -> np.ndarray:
        return rng.integers(self.sizes[columns[0]], size=(len(rows), 1))


class Crossover(Operator):
    """The values of another row, in one column or in two."""

    def __init__(self, sizes: Sequence[int], changing: Sequence[int], width: int) -> None:
        super().__init__(sizes, changing)
        self.width = width

    def columns(self, rng: np.random.Generator) -> list[int]:
        return rng.choice(self.changing, size=self.width, replace=False).tolist()

    def values(self, table: np.ndarray, rows: np.ndarray, columns: list[int], rng: np.random.Generator) -> np.ndarray:
        return table[rng.integers(len(table), size=len(rows))][:, columns]


class Swap(Operator):
    """One value of two rows swapped."""

    def candidates(self, table: np.ndarray, rng: np.random.Generator) -> Change:
        pairs = min(_CANDIDATES, len(table)) // 2
        rows = rng.permutation(len(table))[: 2 * pairs]
        (column,) = self.columns(rng)
        codes = table[rows]
        codes[:, column] = np.roll(codes[:, column], pairs)
        return Change(rows, codes, (column,), paired=True)


class Number(Operator):
    """A number between two neighbouring quantiles of its column, or between the last of them and the end of the domain."""

    def values(self, table: np.ndarray, rows: np.ndarray, columns: list[int], rng: np.random.Generator) -> np.ndarray:
        (column,) = columns
        quantiles = np.quantile(table[:, column], np.linspace(0, 1, _QUANTILES), method="lower")
        edges = np.array([0, *quantiles, self.sizes[column] - 1], dtype=np.int64)
        place = rng.integers(len(edges) - 1, size=len(rows))
        return rng.integers(edges[place], edges[place + 1] + 1)[:, None]


def evolved(
    start: Matched,
    sizes: Sequence[int],
    ordered: Sequence[int],
    generations: int,
    tolerance: float,
    rng: np.random.Generator,
    told: Callable[[int, Matched], None] = lambda generation, now: None,
) -> np.ndarray:
    """The table, encoded rows of shape (rows, columns), after at most so many generations.

    ordered: columns of numbers. told: hears, every hundred generations, how many there were and what they made.
    The search ends once fitness falls by less than the share `tolerance` in a hundred generations.
    """
    changing = [column for column, size in enumerate(sizes) if size > 1]
    if not changing:
        return start.table
    operators = [Mutation(sizes, changing), Crossover(sizes, changing, 1), Swap(sizes, changing)]
    operators += [Crossover(sizes, changing, 2)] if len(changing) > 1 else []
    numbers = [column for column in ordered if sizes[column] > 1]
    operators += [Number(sizes, numbers)] if numbers else []
    gains = np.full(len(operators), math.inf)  # each is tried once before they are weighed
    before = start.fitness
    for generation in range(1, generations + 1):
        chosen = _choice(gains, rng)
        gain = start.take(operators[chosen].candidates(start.table, rng))
        gains[chosen] = gain if math.isinf(gains[chosen]) else _MEMORY * gains[chosen] + (1 - _MEMORY) * gain
        if generation % _WINDOW == 0:
            told(generation, start)
            if before - start.fitness <= tolerance * before:
                break
            before = start.fitness
    return start.table


def _choice(gains: np.ndarray, rng: np.random.Generator) -> int:
    """An operator: one that was not tried yet, else by what it gained of late."""
    untried = np.flatnonzero(np.isinf(gains))
    if len(untried):
        return int(untried[0])
    share = gains / gains.sum() if gains.sum() > 0 else np.full(len(gains), 1 / len(gains))
    return int(rng.choice(len(gains), p=_LEAST / len(gains) + (1 - _LEAST) * share))
