"""The mechanisms, which are the only way to private rows.

A mechanism charges the ledger, reads the rows, adds its noise and lets only the noisy answer out. Neighbouring tables
differ by one row more or less, so a marginal (a table of counts) has L2 sensitivity 1 and the number of rows is
private; `schema.rows_public` stands in for it. Mechanisms prevent mistakes, not malice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dpdsyn.checks import positive
from dpdsyn.column import Column
from dpdsyn.privacy import DRAFTED, Ledger
from dpdsyn.rows import Rows, only, recoded
from dpdsyn.schema import Schema
from dpdsyn.spends import ZCDP, Exponential, Gaussian, GaussianCap, Nothing, SampledGaussian

Query = tuple[str, ...]
Score = Callable[[np.ndarray, Query], float]
ClippedSum = Callable[[np.ndarray, float], np.ndarray]

_CLIP_ROUNDING = 1e-4  # single-precision gradients may exceed their clip by rounding


class ClippingError(AssertionError):
    """A function given to `noisy_sum` is not a sum over rows of vectors of norm at most `clip`."""


class PrivateTable:
    """Training rows that are reached through mechanisms only.

    rows: encoded, shape (rows, columns), unsigned, in the order of the schema's columns; or Rows that give them.
    rng: the source of all noise and of all Poisson samples.
    verify: also check, row by row, what `noisy_sum` assumes (slow; for tests and `dpdsyn check`).
    """

    def __init__(
        self, rows: np.ndarray | Rows, schema: Schema, ledger: Ledger, rng: np.random.Generator, verify: bool = False
    ) -> None:
        if isinstance(rows, np.ndarray):
            _check_encoded(rows, schema)
            rows = Rows(rows)
        if schema.drafted:
            ledger.expose(DRAFTED)
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
        """Counts of every combination of values of each query's columns, plus N(0, sigma^2) in each cell.

        Each answer has the shape `schema.shape(query)`. L2 sensitivity 1 each; charges them together, as one Gaussian.
        Raises BudgetExceeded, before any row is read, if the plan does not cover all of them.
        """
        if len(queries) != len(sigmas):
            raise ValueError(f"{len(queries)} queries but {len(sigmas)} sigmas")
        shapes = [self.schema.shape(query) for query in queries]
        if queries:
            total = sum(Gaussian(sigma).rho for sigma in sigmas)
            self.ledger.charge(Gaussian(1 / math.sqrt(2 * total)), f"{len(queries)} noisy marginals")
        exact = self.__marginals(queries)
        return [counts + self.__rng.normal(0.0, sigma, shape) for counts, sigma, shape in zip(exact, sigmas, shapes, strict=True)]

    def select(self, queries: Sequence[Query], score: Score, sensitivity: float, epsilon: float) -> int:
        """Index of a query with a high score(exact marginal, query), by the exponential mechanism.

        The chance of a query is proportional to exp(epsilon * score / (2 * sensitivity)), where `sensitivity`
        bounds how far one row can move any score. Charges Exponential(epsilon).
        """
        if not queries:
            raise ValueError("nothing to select from")
        positive("sensitivity", sensitivity)
        self.ledger.charge(Exponential(epsilon), "selection")
        scores = np.array([score(*pair) for pair in zip(self.__marginals(queries), queries, strict=True)], dtype=float)
        return int(np.argmax(scores * (epsilon / (2 * sensitivity)) + self.__rng.gumbel(size=len(scores))))

    def noisy_scores(self, queries: Sequence[Query], score: Score, l2_sensitivity: float, sigma: float) -> np.ndarray:
        """All scores plus N(0, sigma^2), shape (queries,); one row moves the vector by at most `l2_sensitivity`.

        Charges Gaussian(sigma / l2_sensitivity).
        """
        positive("l2_sensitivity", l2_sensitivity)
        self.ledger.charge(Gaussian(sigma / l2_sensitivity), "noisy scores")
        exact = np.array([score(*pair) for pair in zip(self.__marginals(queries), queries, strict=True)], dtype=float)
        return exact + self.__rng.normal(0.0, sigma, len(exact))

    def noisy_sum(self, f: ClippedSum, rate: float, sigma: float, clip: float) -> np.ndarray:
        """f(batch, clip) of a Poisson sample of the rows, plus N(0, sigma^2 clip^2) in each coordinate.

        Every row enters the batch independently with probability `rate`; the batch may be empty. `f` must be a
        sum over the batch's rows of vectors of L2 norm at most `clip`. Charges SampledGaussian(rate, sigma).
        """
        positive("clip", clip)
        spend = SampledGaussian(rate, sigma)
        left = self.ledger.steps_left(spend)
        self.ledger.charge(spend, "noisy sum over a Poisson sample")
        batch = self.__rows.batch(rate, left, self.__rng)
        total = f(batch, clip)
        if self.__verify:
            _check_clipped_sum(f, batch, clip, total)
        return total + self.__rng.standard_normal(total.shape, dtype=total.dtype) * (sigma * clip)

    # --- ways out without our guarantee ------------------------------------------------------------------------

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
        return self._view(change, self.schema.select(columns), ledger, self.__rng.spawn(1)[0])

    def recode(self, mappings: Mapping[str, np.ndarray]) -> PrivateTable:
        """The same rows and ledger with some columns' values merged.

        mappings: for a column, the new code of each old code, shape (size,); new codes run from 0 without gaps.
        A mapping may depend on noisy answers, never on rows.
        """
        columns = list(self.schema.columns)
        changes = {self.schema.position(name): np.asarray(mapping) for name, mapping in mappings.items()}
        for name, mapping in mappings.items():
            columns[self.schema.position(name)] = Column(name, "categorical", categories=tuple(range(int(np.max(mapping)) + 1)))
        schema = Schema(tuple(columns), None, self.schema.rows_public)
        return self._view(recoded(changes), schema, self.ledger, self.__rng)

    def _view(
        self, change: Callable[[np.ndarray], np.ndarray], schema: Schema, ledger: Ledger, rng: np.random.Generator
    ) -> PrivateTable:
        """The rows after a change that treats each alone, behind mechanisms of the same kind."""
        return type(self)(self.__rows.changed(change), schema, ledger, rng, self.__verify)

    def __marginals(self, queries: Sequence[Query]) -> list[np.ndarray]:
        """Exact marginals, in one pass over the rows."""
        exact = [np.zeros(self.schema.shape(query)) for query in queries]
        for encoded in self.__rows.chunks() if queries else ():
            for counts, query in zip(exact, queries, strict=True):
                counts += marginal(encoded, self.schema, query)
        return exact


def _check_encoded(encoded: np.ndarray, schema: Schema) -> None:
    if encoded.ndim != 2 or encoded.shape[1] != len(schema.columns):
        raise ValueError(f"encoded rows have shape {encoded.shape}; the schema has {len(schema.columns)} columns")
    if encoded.size and (encoded.max(axis=0) >= np.array(schema.sizes)).any():
        raise ValueError("encoded rows lie outside the schema's domain")


def marginal(encoded: np.ndarray, schema: Schema, query: Query) -> np.ndarray:
    """Exact counts of every combination of values of the query's columns, shape `schema.shape(query)`, float."""
    shape = schema.shape(query)
    cells = np.zeros(len(encoded), dtype=np.int64)
    for position, size in zip(schema.positions(query), shape, strict=True):
        cells = cells * size + encoded[:, position]
    return np.bincount(cells, minlength=math.prod(shape)).astype(float).reshape(shape)


def _check_clipped_sum(f: ClippedSum, batch: np.ndarray, clip: float, total: np.ndarray) -> None:
    parts = [f(batch[i : i + 1], clip) for i in range(len(batch))]
    for i, part in enumerate(parts):
        norm = float(np.linalg.norm(part))
        if not norm <= clip * (1 + _CLIP_ROUNDING):
            raise ClippingError(f"row {i} of the batch adds a vector of norm {norm:.6g}; the clip is {clip:.6g}")
    expected = np.sum(parts, axis=0) if parts else np.zeros_like(total)
    if not np.allclose(total, expected, atol=clip * _CLIP_ROUNDING * (1 + len(batch)), rtol=1e-3):
        raise ClippingError("the function's value on the batch is not the sum of its values on the rows")
