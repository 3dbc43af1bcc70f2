"""The mechanisms, which are the only way to private rows.

A mechanism charges the ledger, reads the rows, adds its noise and lets only the noisy answer out. Neighbouring tables
differ by one privacy unit more or less: a row, or a person, of whom each of at most k rows weighs 1/k. So a marginal (a table of
counts) has L2 sensitivity 1 and the number of rows is private; `schema.rows_public` stands in for it.

All noise is a rounded Gaussian on a public grid (`mechanisms.exact_noise`). Counts lie on one already. Sums and scores are real:
they are rounded to a grid first, which moves two answers apart by at most the grid's step times the root of their length, and
they are computed in double precision, which moves them by at most what `_SLACK` says. Mechanisms prevent mistakes, not malice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dpdsyn.accounting.spends import DRAFTED, ZCDP, Exponential, Gaussian, GaussianCap, Nothing, SampledGaussian
from dpdsyn.base.checks import positive
from dpdsyn.mechanisms.counting import counted
from dpdsyn.mechanisms.entropy import apart
from dpdsyn.mechanisms.exact_noise import exponential_choice, rounded_gaussian
from dpdsyn.own_mechanism import OwnMechanism, stated
from dpdsyn.privacy import Ledger
from dpdsyn.reading.schema_values import SchemaError
from dpdsyn.rows import Rows, only, recoded
from dpdsyn.schema import Schema

Query = tuple[str, ...]
Score = Callable[[np.ndarray, Query], float]
ClippedSum = Callable[[np.ndarray, float], np.ndarray]

SUMMED = "noisy sum over a Poisson sample"  # what a ledger calls it, unless it is told of otherwise
_CLIP_ROUNDING = 1e-9  # by which a vector made in double precision may exceed its clip
_STEP = 2.0**-14  # of the grid of real answers, over the sensitivity and the root of how many answers there are
_PIECE = 1 << 17  # rows that are summed at once
# By how much more noise real answers have than their sensitivity asks for, as a share. Rounding to the grid takes _STEP of it. A
# sum of n vectors of norm at most C in double precision, in any order, is off by at most n^2 2^-53 C (Higham 2002, "Accuracy and
# stability of numerical algorithms", section 4.2), so in pieces by about n 2^-36 C; neighbouring tables are off each, so that two
# answers move apart by n 2^-35 C, which is 2^-14 C for a batch of 2 million rows. A score that sums up the counts of n rows is
# off by far less, and so is a norm from its clip.
_SLACK = 2.0**-13


class ClippingError(AssertionError):
    """A function given to `noisy_sum` is not a sum over rows of vectors of norm at most `clip`, in double precision."""


class PrivateTable:
    """Training rows that are reached through mechanisms only.

    rows: encoded, shape (rows, columns), unsigned, in the order of the schema's columns; or Rows that give them. Where the schema
    lets a person have k > 1 rows, they are Rows that know whose each is.
    schema: as methods see it, which is of one row a unit: with k rows a person it says that there are rows_public / k.
    rng: the source of all noise and of all Poisson samples.
    verify: also check, row by row, what `noisy_sum` assumes (slow; for tests and `dpdsyn check`).
    """

    def __init__(
        self, rows: np.ndarray | Rows, schema: Schema, ledger: Ledger, rng: np.random.Generator, verify: bool = False
    ) -> None:
        if schema.is_open:
            raise SchemaError("the schema leaves open what columns hold, or how many rows there are; that has to be learnt first")
        if isinstance(rows, np.ndarray):
            _check_encoded(rows, schema)
            rows = Rows(rows)
        most = schema.max_rows_per_person or 1
        if most != rows.most and schema.person is not None:
            raise ValueError(f"a person may have {most} rows, and the rows are bounded to {rows.most} of each")
        if schema.drafted:
            ledger.expose(DRAFTED)
        if most > 1:
            shared = max(1, schema.rows_public // most)
            schema = replace(schema, rows_public=shared, person=None, max_rows_per_person=None)
        self.schema = schema
        self.ledger = ledger
        self.__rows = rows
        self.__rng = rng
        self.__verify = verify

    def __repr__(self) -> str:
        return f"PrivateTable({len(self.schema.columns)} columns, about {self.schema.rows_public} rows)"

    def __getstate__(self) -> object:
        raise TypeError("a PrivateTable is not to be pickled: it would carry private rows with it")

    # --- mechanisms: each charges, then reads ------------------------------------------------------------------

    def noisy_marginals(self, queries: Sequence[Query], sigmas: Sequence[float]) -> list[np.ndarray]:
        """Counts of every combination of values of each query's columns, plus N(0, sigma^2), rounded, in each cell.

        Each answer has the shape `schema.shape(query)`. L2 sensitivity 1 each; charges them together, as one Gaussian.
        Raises BudgetExceeded, before any row is read, if the plan does not cover all of them.
        """
        if len(queries) != len(sigmas):
            raise ValueError(f"{len(queries)} queries but {len(sigmas)} sigmas")
        if queries:
            total = sum(Gaussian(sigma).rho for sigma in sigmas)
            self.ledger.charge(Gaussian(1 / math.sqrt(2 * total)), f"{len(queries)} noisy marginals")
        most = self.__rows.most
        return [
            (counts + rounded_gaussian(sigma * most, counts.size, self.__rng).reshape(counts.shape)) / most
            for counts, sigma in zip(self.__counts(queries), sigmas, strict=True)
        ]

    def select(self, queries: Sequence[Query], score: Score, sensitivity: float, epsilon: float) -> int:
        """The exponential mechanism: an index into queries, each with probability ~ exp(epsilon score / (2 sensitivity)).

        score: of an exact marginal and its query; one unit, which adds a mass of at most 1 to a marginal, in up to k cells if it
        may have k rows, moves it by at most `sensitivity`. Charges Exponential(epsilon).
        """
        positive("sensitivity", sensitivity)
        self.ledger.charge(Exponential(epsilon), "selection")
        return exponential_choice(self.__scores(queries, score) * (epsilon / (2 * sensitivity * (1 + _SLACK))), self.__rng)

    def noisy_scores(self, queries: Sequence[Query], score: Score, l2_sensitivity: float, sigma: float) -> np.ndarray:
        """All scores plus N(0, sigma^2), rounded, shape (queries,); one unit moves the vector by at most `l2_sensitivity`.

        Charges Gaussian(sigma / l2_sensitivity).
        """
        positive("l2_sensitivity", l2_sensitivity)
        self.ledger.charge(Gaussian(sigma / l2_sensitivity), "noisy scores")
        return self.__noisy(self.__scores(queries, score), l2_sensitivity, sigma)

    def noisy_sum(self, f: ClippedSum, rate: float, sigma: float, clip: float, label: str = SUMMED) -> np.ndarray:
        """f(batch, clip) of a Poisson sample of the rows, plus N(0, sigma^2 clip^2), rounded, in each coordinate.

        Every unit enters the batch independently with probability `rate`; the batch may be empty. `f` must be a sum over the
        batch's rows of vectors of L2 norm at most `clip`, in double precision; it is called on large batches piece by piece.
        Charges SampledGaussian(rate, sigma), which the ledger calls by the label. The last sum at a rate of 1 reads the
        rows piece by piece and never holds them together. Raises ClippingError if `f` gives anything else than finite numbers.
        """
        positive("clip", clip)
        spend = SampledGaussian(rate, sigma)
        left = self.ledger.steps_left(spend)
        self.ledger.charge(spend, label)
        whole = rate == 1 and left == 1 and not self.__verify
        batches = self.__rows.chunks() if whole else iter((self.__rows.batch(rate, left, self.__rng),))
        pieces = []
        for batch in batches:
            parts = (batch[i : i + _PIECE] for i in range(0, max(1, len(batch)), _PIECE))
            # Of all rows `f` gets a copy, as a sample is one: what it writes into its batch reaches no other mechanism.
            pieces += [f(part.copy() if whole else part, clip) for part in parts]
        _check_numbers(pieces)
        total = np.sum(pieces, axis=0)
        if self.__verify:
            _check_clipped_sum(f, batch, clip, total)
        return self.__noisy(total / self.__rows.most, clip, sigma * clip).reshape(total.shape)

    def __noisy(self, exact: np.ndarray, sensitivity: float, sigma: float) -> np.ndarray:
        """Real answers, rounded once to their grid, plus noise on it, flat."""
        grid = Grid.of(sensitivity, exact.size)
        return (grid.steps(exact) + rounded_gaussian(sigma * (1 + _SLACK) / grid.step, exact.size, self.__rng)) * grid.step

    # --- ways out without our guarantee ------------------------------------------------------------------------

    def stated(self, mechanism: OwnMechanism) -> Any:
        """The answer of a mechanism of the method's own, which charges what its author states; the result is `unverified`.

        Raises BudgetExceeded, before a row is read, if the plan does not have it, and SchemaError where a unit is a person with
        several rows, which such a mechanism knows nothing of.
        """
        if self.__rows.most > 1:
            raise SchemaError("a mechanism of one's own protects a row, and here a person may have several: use those of ours")
        self.ledger.charge(stated(mechanism.event), f"{type(mechanism).__name__}, as its author states it")
        return mechanism.answer(self.__rows.together(), self.schema, apart(self.__rng))

    def hand_over(self, promise: str) -> np.ndarray:
        """A copy of the encoded rows for an outside library, which promises `promise`; the result is `unverified`."""
        self.ledger.hand_over(promise)
        return self.__rows.together()

    def unprotected(self, why: str) -> np.ndarray:
        """A copy of the encoded rows; nothing built on it has a guarantee."""
        self.ledger.expose(why)
        return self.__rows.together()

    # --- views: no row is read, nothing is charged -------------------------------------------------------------

    def child(self, cap: ZCDP | GaussianCap | Nothing, columns: Sequence[str]) -> PrivateTable:
        """A table of some columns with a ledger of its own, its cap charged to this table's ledger at once."""
        if not isinstance(cap, Nothing):
            self.ledger.charge(cap, "reserved for a nested synthesizer")
        ledger = Ledger(cap, parent=self.ledger)
        change = only(self.schema.positions(columns))
        return self._view(change, self.schema.select(columns), ledger, apart(self.__rng))

    def recode(self, mappings: Mapping[str, np.ndarray]) -> PrivateTable:
        """The same rows and ledger with some columns' values merged.

        mappings: for a column, the new code of each old code, shape (size,); new codes run from 0 without gaps.
        A mapping may depend on noisy answers, never on rows. Raises ValueError for one of another shape or with gaps.
        """
        changes = {self.schema.position(name): np.asarray(mapping) for name, mapping in mappings.items()}
        for position, mapping in changes.items():  # here, for later only rows with such a value would stumble over it
            _check_mapping(mapping, self.schema.columns[position].size)
        schema = self.schema.recoded(mappings)
        return self._view(recoded(changes), schema, self.ledger, self.__rng)

    def _view(
        self, change: Callable[[np.ndarray], np.ndarray], schema: Schema, ledger: Ledger, rng: np.random.Generator
    ) -> PrivateTable:
        """The rows after a change that treats each alone, behind mechanisms of the same kind."""
        return type(self)(self.__rows.changed(change), schema, ledger, rng, self.__verify)

    def __counts(self, queries: Sequence[Query]) -> Iterator[np.ndarray]:
        """How many rows there are of each combination, int64, query by query. Rows are read when the first is asked for."""
        names = list(dict.fromkeys(name for query in queries for name in query))
        place = dict(zip(names, self.schema.positions(names), strict=True))
        positions = [[place[name] for name in query] for query in queries]
        return counted(self.__rows.counts, self.schema.sizes, positions, self.schema.rows_public)

    def __scores(self, queries: Sequence[Query], score: Score) -> np.ndarray:
        """Of exact marginals, each row weighing what its unit has for it. Raises ValueError for scores that are not finite."""
        most, exact = self.__rows.most, self.__counts(queries)
        scores = np.array([score(counts / most, query) for counts, query in zip(exact, queries, strict=True)], dtype=float)
        if not np.isfinite(scores).all():
            raise ValueError("a score is not finite; scores have to be finite for every table")
        return scores


@dataclass(frozen=True)
class Grid:
    """Multiples of a power of two, on which real answers lie."""

    step: float

    @classmethod
    def of(cls, sensitivity: float, answers: int) -> Grid:
        """So fine that rounding moves so many answers apart by at most _STEP of the sensitivity, in L2 norm."""
        return cls(2.0 ** math.floor(math.log2(sensitivity * _STEP / math.sqrt(max(1, answers)))))

    def steps(self, numbers: np.ndarray) -> np.ndarray:
        """The nearest whole number of steps to each, flat, int64."""
        return np.rint(numbers.ravel() / self.step).astype(np.int64)


def _check_encoded(encoded: np.ndarray, schema: Schema) -> None:
    if encoded.ndim != 2 or encoded.shape[1] != len(schema.columns):
        raise ValueError(f"encoded rows have shape {encoded.shape}; the schema has {len(schema.columns)} columns")
    if encoded.size and (encoded.max(axis=0) >= np.array(schema.sizes)).any():
        raise ValueError("encoded rows lie outside the schema's domain")


def marginal(encoded: np.ndarray, schema: Schema, query: Query) -> np.ndarray:
    """Exact counts of every combination of values of the query's columns, shape `schema.shape(query)`, int64."""
    shape = schema.shape(query)
    cells = np.zeros(len(encoded), dtype=np.int64)
    for position, size in zip(schema.positions(query), shape, strict=True):
        cells = cells * size + encoded[:, position]
    return np.bincount(cells, minlength=math.prod(shape)).reshape(shape)


def _check_mapping(mapping: np.ndarray, size: int) -> None:
    if (
        mapping.shape != (size,)
        or mapping.dtype.kind not in "iu"
        or not np.array_equal(np.unique(mapping), np.arange(mapping.max() + 1))
    ):
        raise ValueError(f"a mapping of {size} values has {size} whole numbers from 0 without gaps; given is {mapping.tolist()}")


def _check_numbers(sums: Sequence[np.ndarray]) -> None:
    for total in sums:
        if not isinstance(total, np.ndarray) or total.dtype != np.float64:
            given = getattr(total, "dtype", type(total).__name__)
            raise ClippingError(f"the function gave {given}; an array of float64 is needed, computed in double precision")
        if not np.isfinite(total).all():
            raise ClippingError("the function gave a sum that is not finite: a row adds a vector that has no norm")


def _check_clipped_sum(f: ClippedSum, batch: np.ndarray, clip: float, total: np.ndarray) -> None:
    parts = [f(batch[i : i + 1], clip) for i in range(len(batch))]
    for i, part in enumerate(parts):
        norm = float(np.linalg.norm(part))
        if not norm <= clip * (1 + _CLIP_ROUNDING):
            raise ClippingError(f"row {i} of the batch adds a vector of norm {norm:.6g}; the clip is {clip:.6g}")
    expected = np.sum(parts, axis=0) if parts else np.zeros_like(total)
    if not np.allclose(total, expected, atol=clip * _CLIP_ROUNDING * (1 + len(batch)), rtol=1e-6):
        raise ClippingError("the function's value on the batch is not the sum of its values on the rows")
