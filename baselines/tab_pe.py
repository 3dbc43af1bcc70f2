"""Tab-PE: rows that evolve by the votes of private rows (arXiv 2606.08259; after Lin et al. 2023, arXiv 2305.15560)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np

from dpdsyn.accounting.spends import Gaussian, SampledGaussian, Spend
from dpdsyn.base.checks import InputError, positive, whole_number
from dpdsyn.candidates import as_distribution, uniform_rows
from dpdsyn.mechanisms.row_count import RowCount
from dpdsyn.privacy import Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer

_EXACT = 2**24  # whole numbers below it, and their sums below it, are exact in single precision, in any order
_PIECE = 1 << 11  # private rows whose distances are held at once


class TabPE(Synthesizer):
    """A population of rows. Round after round each private row votes for the candidate of its class that is nearest to it.

    After the public code of the paper (microsoft/DPSDA, MIT; read, not copied), as set in its `example/tabular/adult.py`:
    1. the classes are counted, with the share `counting` of the budget (zCDP), and `rows` are divided among them;
    2. the first rows are uniform within the domain;
    3. `rounds` times: votes are counted with Gaussian noise, as a histogram that one row moves by 1 in L2. In the first
       `by_lot` rounds the survivors are drawn with probabilities as the votes that are above 0, and a variation of each takes its
       place; from then on those of the most votes survive, and beside each stand `variations` of it;
    4. the survivors of the last round are the sample, each as often as any other.
    Distance: squared, places of numbers between 0 and 1, categories one-hot times `categorical_weight`. Variation: a category
    becomes a random one with a probability that falls from `first_rate` to `last_rate` as rounds to the power `decay`; a number
    moves uniformly by at most that share of its range.

    Distances are added up in whole numbers, about 2^24 to the largest one, so that the candidate for which a row votes
    depends on this row alone, whatever rows are beside it and in whatever order a processor adds; of candidates alike near the
    first has the vote.

    What differs:
    - the number of rows of each class is measured; the public code takes the exact shares to be public, and says so;
    - categories and bounds are those of the schema; the public code reads both off the private rows;
    - numbers are codes of bins, each a cell of that width in which the number lies anywhere; the public code has them as
      they are. A missing number is a category beside the others;
    - a table without a target is one class; a class whose share of `rows` is nothing has no row, where the public code stops;
    - `sample` gives as many rows as are asked for, by repetition; the public code publishes `rows`.

    rows: of the population, 1,000 as for Adult there (150 to 5,000 for other tables), at most rows_public.
    """

    version = 1
    uses_target: ClassVar[bool] = True
    spends: ClassVar[Literal["gaussian", "zcdp", "nothing"]] = "zcdp"  # votes are sums of functions, which no Gaussian cap takes

    def __init__(
        self,
        rows: int = 1000,
        rounds: int = 29,
        by_lot: int = 4,
        variations: int = 3,
        first_rate: float = 0.5,
        last_rate: float = 0.01,
        decay: float = 0.2,
        categorical_weight: float = 1 / 3,
        counting: float = 0.02,
    ) -> None:
        self.rows = rows
        self.rounds = rounds
        self.by_lot = by_lot
        self.variations = variations
        self.first_rate = first_rate
        self.last_rate = last_rate
        self.decay = decay
        self.categorical_weight = categorical_weight
        self.counting = counting
        for name, least in (("rows", 1), ("rounds", 1), ("by_lot", 0), ("variations", 1)):
            whole_number(name, getattr(self, name), least)
        for name in ("first_rate", "last_rate", "decay", "categorical_weight", "counting"):
            positive(name, getattr(self, name))
        for name in ("first_rate", "counting"):
            if getattr(self, name) >= 1:
                raise InputError(f"{name} is {getattr(self, name)!r}; a number between 0 and 1, both excluded, is needed")

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        schema = private.schema
        counts_noise, votes_noise = self._open(private.ledger, schema.target is not None)
        rows = max(1, min(self.rows, schema.rows_public))
        shares = np.ones(1)
        if schema.target is not None:
            (counts,) = private.noisy_marginals([(schema.target,)], [counts_noise])
            found = RowCount.of_marginals([counts], [counts_noise])
            self.noisy_rows_, self.noisy_rows_sd_ = found.rows, found.sd
            shares = as_distribution(counts)
        wanted = divided(rows, shares)
        space = Space.of(schema, self.categorical_weight)
        first = uniform_rows(schema.select(space.names), rows, rng) if space.names else np.zeros((rows, 0), dtype=np.int64)
        kept = Population(first, np.repeat(np.arange(len(wanted)), wanted))
        candidates = kept
        for turn in range(self.rounds):
            votes = private.noisy_sum(Votes(space, candidates, schema), 1.0, votes_noise, 1.0, "votes for the nearest candidate")
            lot = turn < self.by_lot
            kept = candidates.taken(survivors(votes, candidates.classes, wanted, rng if lot else None))
            rate = self._rate(turn)
            varied = [Population(space.varied(kept.codes, rate, rng), kept.classes) for _ in range(1 if lot else self.variations)]
            candidates = joined(varied if lot else [kept, *varied])
            self.report(f"round {turn + 1} of {self.rounds}")
        self.kept_ = np.empty((rows, len(schema.names)), dtype=schema.dtype)
        self.kept_[:, schema.positions(space.names)] = kept.codes
        if schema.target is not None:
            self.kept_[:, schema.target_position] = kept.classes
        return self

    def _open(self, ledger: Ledger, has_classes: bool) -> tuple[float, float]:
        """Opens the ledger; gives the noise of the class counts and of the votes of each round."""
        counting = self.counting if has_classes else 0.0

        def plan(scale: float) -> list[Spend]:
            votes = SampledGaussian(1.0, scale * math.sqrt(self.rounds / (1 - counting)), self.rounds)
            return [Gaussian(scale / math.sqrt(counting)), votes] if has_classes else [votes]

        scale = ledger.open_calibrated(plan)
        return scale / math.sqrt(counting or 1.0), scale * math.sqrt(self.rounds / (1 - counting))

    def _rate(self, turn: int) -> float:
        """The rate of variation in the round of that number, the first being 0."""
        return self.first_rate - (self.first_rate - self.last_rate) * (turn / (self.rounds + 1)) ** self.decay

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        order = rng.permutation(len(self.kept_))
        return rng.permutation(self.kept_[order[np.arange(n) % len(order)]], axis=0)


@dataclass(frozen=True)
class Population:
    """codes: of the columns that vary, shape (rows, columns). classes: of each row, ascending, shape (rows,)."""

    codes: np.ndarray
    classes: np.ndarray

    def taken(self, which: np.ndarray) -> Population:
        """Those rows, by their indices, ordered by class."""
        return Population(self.codes[which], self.classes[which])


def joined(parts: list[Population]) -> Population:
    """All rows of several populations, ordered by class; within a class those of the first part come first."""
    codes, classes = np.concatenate([part.codes for part in parts]), np.concatenate([part.classes for part in parts])
    return Population(codes, classes).taken(np.argsort(classes, kind="stable"))


def divided(rows: int, shares: np.ndarray) -> np.ndarray:
    """How many rows each class gets, shape (classes,): the whole part of its share, the rest to the largest remainders."""
    wanted = shares * rows
    whole = np.floor(wanted).astype(np.int64)
    whole[np.argsort(whole - wanted, kind="stable")[: rows - whole.sum()]] += 1
    return whole


def survivors(votes: np.ndarray, classes: np.ndarray, wanted: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
    """Indices of candidates, so many of each class as are wanted, class after class.

    votes, classes: of the candidates, shape (candidates,), classes ascending. Drawn with replacement, with probabilities as the
    votes that are above 0 (all alike where there are none), by `rng`; without one those of the most votes.
    """
    found = []
    for one, count in enumerate(wanted):
        own = np.flatnonzero(classes == one)
        if not count:
            continue
        if rng is None:
            found.append(own[np.argsort(-votes[own], kind="stable")[:count]])
        else:
            weights = np.maximum(votes[own], 0.0)
            total = weights.sum()
            found.append(own[rng.choice(len(own), size=count, p=weights / total if total > 0 else None)])
    return np.concatenate(found)


@dataclass(frozen=True)
class Space:
    """The columns that vary, and how far apart their codes are.

    names: of the columns. columns: themselves. tables: for each the distances of its codes, whole numbers, shape (size, size),
    float32; a sum of one of each column is below 2^24, hence exact.
    """

    names: tuple[str, ...]
    columns: tuple[Column, ...]
    tables: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, schema: Schema, categorical_weight: float) -> Space:
        """All columns but the target. categorical_weight: of a category's 1 in one-hot coding; a number runs from 0 to 1."""
        names = schema.features
        columns = tuple(schema[name] for name in names)
        squares = [_squares(column, 2 * categorical_weight**2) for column in columns]
        largest = sum(float(table.max()) for table in squares) or 1.0
        unit = (_EXACT - 1 - len(columns)) / largest
        return cls(names, columns, tuple(np.rint(table * unit).astype(np.float32) for table in squares))

    def varied(self, codes: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
        """A variation of each row, shape as `codes`."""
        new = codes.copy()
        for i, column in enumerate(self.columns):
            own, size, values = codes[:, i], column.size, column.values
            jumps, random = rng.random(len(own)), rng.integers(size, size=len(own))
            if not column.ordered:
                new[:, i] = np.where(jumps < rate, random, own)
                continue
            places = own + rng.random(len(own)) + rng.uniform(-rate, rate, len(own)) * values
            moved = np.clip(np.floor(places), 0, values - 1).astype(codes.dtype)
            out_of_order = (own >= values) | (random >= values)  # from or to the code of missing cells: as between categories
            new[:, i] = np.where(out_of_order, np.where(jumps < rate, random, own), moved)
        return new


def _squares(column: Column, apart: float) -> np.ndarray:
    """Squared distances of a column's codes, shape (size, size). apart: of two codes that have no order."""
    table = np.full((column.size, column.size), apart)
    if column.ordered:
        places = np.arange(column.values) / max(1, column.values - 1)
        table[: column.values, : column.values] = (places[:, None] - places) ** 2
    np.fill_diagonal(table, 0.0)
    return table


class Votes:
    """For a mechanism: how many rows of a batch vote for each candidate, times the clip, shape (candidates,).

    A row adds `clip` at one candidate, or nothing where its class has none: its norm is at most the clip.
    """

    def __init__(self, space: Space, candidates: Population, schema: Schema) -> None:
        self._positions = schema.positions(space.names)
        self._target = None if schema.target is None else schema.target_position
        self._starts = np.cumsum([0, *(len(table) for table in space.tables)])
        bounds = np.searchsorted(candidates.classes, np.arange((schema.classes if schema.target is not None else 1) + 1))
        self._bounds = list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))
        far = [table[:, candidates.codes[:, i]] for i, table in enumerate(space.tables)]
        self._distances = np.concatenate(far) if far else np.zeros((0, len(candidates.codes)), np.float32)  # (codes, candidates)

    def __call__(self, batch: np.ndarray, clip: float) -> np.ndarray:
        votes = np.zeros(self._distances.shape[1])
        for one, (start, end) in enumerate(self._bounds):
            rows = batch if self._target is None else batch[batch[:, self._target] == one]
            if start == end:
                continue
            for first in range(0, len(rows), _PIECE):
                near = self._nearest(rows[first : first + _PIECE][:, self._positions], start, end)
                votes[start:end] += np.bincount(near, minlength=end - start)
        return votes * clip

    def _nearest(self, codes: np.ndarray, start: int, end: int) -> np.ndarray:
        """Of each row the nearest of the candidates from `start` to `end`, counted from `start`."""
        chosen = np.zeros((len(codes), len(self._distances)), dtype=np.float32)
        np.put_along_axis(chosen, self._starts[:-1] + codes.astype(np.int64), np.float32(1), axis=1)
        return np.argmin(chosen @ self._distances[:, start:end], axis=1)
