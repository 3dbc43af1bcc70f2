"""RAP++: relaxed rows fitted to marginals and to linear thresholds by class (Vietri et al. 2022, arXiv 2209.07400)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from baselines.marginal.junction_tree import Clique
from baselines.marginal.marginals import named
from baselines.marginal.workload import cells_of
from dpdsyn.base.checks import InputError, positive, whole_number
from dpdsyn.base.steps import Rounds
from dpdsyn.candidates import as_distribution
from dpdsyn.mechanisms.row_count import RowCount
from dpdsyn.privacy import Allowance
from dpdsyn.private_table import PrivateTable, Query
from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer

if TYPE_CHECKING:
    import torch

_PIECE = 1 << 16  # rows that are drawn at once
Answered = tuple[list[np.ndarray], list[np.ndarray], float]  # noisy counts of a round, those that the model had, and their noise


class RAPPlusPlus(Synthesizer):
    """Rows whose cells are distributions, moved by gradients towards what was measured, which is what they have most wrong.

    After the paper and its authors' public code (amazon-science/relaxed-adaptive-projection; its LICENSE is CC BY-NC 4.0, its
    README says MIT-0; read, not copied):
    1. the classes are counted, with the share `counting` of the budget (zCDP);
    2. round after round, half of the round's share chooses queries that the relaxed rows have most wrong, half measures them.
       In as many rounds as there are categorical features the query is one marginal of two of these and the target; in
       `threshold_rounds` they are `chosen` of `offered` random linear thresholds: how many rows of each class have a weighted
       sum of numbers above a bound. The order of rounds is random. The two kinds share the budget as the numbers of
       categorical and of ordered features do;
    3. after each round, `iterations` steps of Adam on the squared errors of all that was measured, `last_iterations` at the end;
    4. a synthetic row is one of the `rows` relaxed ones, each as often as any other, its cells drawn from their distributions.
    A choice is by the exponential mechanism, `chosen` times, which is the paper's one-shot top-k by Gumbel noise, taken one after
    the other (their equality is Lemma 4.2 of Durfee and Rogers 2019, arXiv 1905.04273).

    What differs:
    - weighted sums are of two numbers at random, the public code's of all numbers: our choosing mechanism sees marginals, and a
      threshold of two numbers by class is a sum of cells of one. A few hundred are drawn anew in every round, for pairs of
      binned numbers have few that differ; there are 200,000 for all rounds;
    - numbers are codes of bins, relaxed to distributions as categories are. Thresholds are sums of cells of such rows, so they
      have a gradient as they stand; the public code has numbers as they are and a sigmoid of rising slope in place of the step;
    - distributions are softmax of what is moved; there they are projected (sparsemax) after each step;
    - errors are weighted by their noise, and all that was measured is fitted after each round; there, what the round is of;
    - a bound lies within the range of its sum, where it is normal there, and often outside;
    - a missing number is above no bound. The number of rows is private here: errors are of counts, of which one row moves one
      by one; shares are those of the noisy count of step 1.

    rows: at most rows_public. max_cells: of a marginal that is chosen or that a threshold is a sum of.
    """

    version = 1
    most_values: ClassVar[int | None] = 32
    uses_target: ClassVar[bool] = True

    def __init__(
        self,
        rows: int = 1000,
        threshold_rounds: int = 50,
        chosen: int = 5,
        offered: int = 200,
        iterations: int = 30,
        last_iterations: int = 300,
        learning_rate: float = 0.1,
        max_cells: int = 10_000,
        counting: float = 0.02,
    ) -> None:
        self.rows = rows
        self.threshold_rounds = threshold_rounds
        self.chosen = chosen
        self.offered = offered
        self.iterations = iterations
        self.last_iterations = last_iterations
        self.learning_rate = learning_rate
        self.max_cells = max_cells
        self.counting = counting
        for name in ("rows", "threshold_rounds", "chosen", "iterations", "last_iterations", "max_cells"):
            whole_number(name, getattr(self, name), least=1)
        whole_number("offered", offered, least=chosen)
        positive("learning_rate", learning_rate)
        if positive("counting", counting) >= 1:
            raise InputError(f"counting is {counting!r}; a number between 0 and 1, both excluded, is needed")

    def imports(self) -> tuple[str, ...]:
        return ("torch",)

    def skip(self, schema: Schema, budget: Allowance) -> str | None:
        return "no target column whose classes thresholds could be of" if schema.target is None else None

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        schema, rho = private.schema, private.ledger.cap()
        sigma = 1 / math.sqrt(2 * self.counting * rho)
        (classes,) = private.noisy_marginals([(schema.names[schema.target_position],)], [sigma])
        count = RowCount.of_marginals([classes], [sigma])
        self.noisy_rows_, self.noisy_rows_sd_ = count.rows, count.sd
        self.total_ = max(1.0, float(classes.sum()))
        model = RelaxedRows(schema.sizes, max(1, min(self.rows, schema.rows_public)), self.learning_rate, rng)
        asked = Asked(self.total_)
        asked.add_marginal((schema.target_position,), as_distribution(classes) * self.total_, sigma)
        marginals, pairs = marginal_pool(schema, self.max_cells), threshold_pool(schema, self.max_cells)
        told, used = Rounds(), self.counting
        for of_marginals, share in self._rounds(schema, len(marginals), len(pairs), rng):
            budget = share * (1 - self.counting) * rho / 2  # half to choose, half to measure
            if of_marginals:
                answers = self._add_marginal(private, model, asked, marginals, budget)
            else:
                answers = self._add_thresholds(private, model, asked, pairs, budget, rng)
            used += share * (1 - self.counting)
            told.add(*answers, self.total_, used)
            model.fit(asked, self.iterations)
            self.report(f"{asked.measured} queries measured")
        model.fit(asked, self.last_iterations)
        self.cells_, self.steps_ = model.distributions(), told.steps
        self.dtype_ = schema.dtype
        return self

    def _rounds(self, schema: Schema, marginals: int, pairs: int, rng: np.random.Generator) -> list[tuple[bool, float]]:
        """Of each round, in their order, whether it is of marginals, and its share of the budget that is left."""
        ordered = sum(schema[name].ordered for name in schema.features)
        weights = [(len(schema.features) - ordered) * bool(marginals), ordered * bool(pairs)]
        counts = [min(len(schema.features) - ordered, marginals), self.threshold_rounds * bool(pairs)]
        rounds = [
            (kind == 0, weight / sum(weights) / count)
            for kind, (weight, count) in enumerate(zip(weights, counts, strict=True))
            for _ in range(count)
        ]
        return [rounds[i] for i in rng.permutation(len(rounds))]

    def _add_marginal(
        self, private: PrivateTable, model: RelaxedRows, asked: Asked, pool: Sequence[Clique], budget: float
    ) -> Answered:
        """Chooses the marginal of those not yet measured that the model has most wrong, and measures it; costs twice `budget`."""
        left = [clique for clique in pool if clique not in asked.marginals]
        queries = named(private.schema, left)
        expected = {query: model.marginal(clique) * self.total_ for query, clique in zip(queries, left, strict=True)}

        def wrong(exact: np.ndarray, query: Query) -> float:
            return float(np.abs(exact - expected[query]).sum()) - exact.size

        clique = left[private.select(queries, wrong, sensitivity=1.0, epsilon=math.sqrt(8 * budget))]
        sigma = 1 / math.sqrt(2 * budget)
        (answer,) = private.noisy_marginals(named(private.schema, [clique]), [sigma])
        asked.add_marginal(clique, answer, sigma)
        return [answer], [model.marginal(clique) * self.total_], sigma

    def _add_thresholds(
        self,
        private: PrivateTable,
        model: RelaxedRows,
        asked: Asked,
        pairs: Sequence[Clique],
        budget: float,
        rng: np.random.Generator,
    ) -> Answered:
        """Chooses thresholds that the model has most wrong, one after another, and measures them; costs twice `budget`."""
        schema = private.schema
        offered = [Threshold.drawn(schema, pairs[int(rng.integers(len(pairs)))], rng) for _ in range(self.offered)]
        shares = {clique: model.marginal(clique) for clique in {threshold.clique for threshold in offered}}
        expected = {threshold: threshold.of(shares[threshold.clique]) * self.total_ for threshold in offered}

        def wrong(exact: np.ndarray, threshold: Query) -> float:
            assert isinstance(threshold, Threshold)
            return float(np.abs(threshold.of(exact) - expected[threshold]).sum())

        chosen: list[Threshold] = []
        for _ in range(self.chosen):
            epsilon = math.sqrt(8 * budget / self.chosen)
            chosen.append(offered.pop(private.select(offered, wrong, sensitivity=1.0, epsilon=epsilon)))
        clip = math.sqrt(self.chosen)
        noise = 1 / math.sqrt(2 * budget)
        counts = private.noisy_sum(Above(chosen, schema), 1.0, noise, clip, "rows of each class above linear thresholds")
        asked.add_thresholds(chosen, counts, noise * clip)
        return list(counts), [expected[threshold] for threshold in chosen], noise * clip

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        rows = len(self.cells_[0])
        relaxed = rng.permutation(rng.permutation(rows)[np.arange(n) % rows])
        encoded = np.empty((n, len(self.cells_)), dtype=self.dtype_)
        for i, shares in enumerate(self.cells_):
            above = np.cumsum(shares, axis=1)
            for start in range(0, n, _PIECE):
                own = above[relaxed[start : start + _PIECE]]
                passed = own <= (rng.random(len(own)) * own[:, -1])[:, None]
                encoded[start : start + _PIECE, i] = np.minimum(passed.sum(axis=1), shares.shape[1] - 1)
        return encoded


def marginal_pool(schema: Schema, max_cells: int) -> list[Clique]:
    """Two categorical features and the target, or one if there is no other; column positions, the target last."""
    categorical = [schema.position(name) for name in schema.features if not schema[name].ordered]
    return _pool(schema, categorical, max_cells)


def threshold_pool(schema: Schema, max_cells: int) -> list[Clique]:
    """Two ordered features of more than one value and the target, or one if there is no other."""
    ordered = [schema.position(name) for name in schema.features if schema[name].ordered and schema[name].values > 1]
    return _pool(schema, ordered, max_cells)


def _pool(schema: Schema, features: Sequence[int], max_cells: int) -> list[Clique]:
    for width in (2, 1):
        cliques = [(*part, schema.target_position) for part in itertools.combinations(features, width)]
        if fitting := [clique for clique in cliques if cells_of(schema.sizes, clique) <= max_cells]:
            return fitting
    return []


class Threshold(tuple[str, ...]):
    """A question to a mechanism: names of the ordered columns and of the target, with which of their cells are above the bound.

    clique: the positions of the columns. above: 1.0 where the weighted sum is above, else 0.0, shape (values, ...).
    """

    clique: Clique
    above: np.ndarray

    @classmethod
    def made(cls, schema: Schema, clique: Clique, above: np.ndarray) -> Threshold:
        threshold = cls(schema.names[column] for column in clique)
        threshold.clique, threshold.above = clique, above
        return threshold

    __hash__ = object.__hash__
    __eq__ = object.__eq__

    @classmethod
    def drawn(cls, schema: Schema, clique: Clique, rng: np.random.Generator) -> Threshold:
        """Weights normal, the bound uniform between the least and the largest sum; places of numbers run from 0 to 1."""
        weights = rng.standard_normal(len(clique) - 1)
        bound = rng.uniform(np.minimum(weights, 0).sum(), np.maximum(weights, 0).sum())
        total = np.zeros(())
        for weight, column in zip(weights, clique[:-1], strict=True):
            total = np.add.outer(total, weight * _places(schema.columns[column]))
        return cls.made(schema, clique, (total > bound).astype(float))  # what is missing is above nothing

    def of(self, marginal: np.ndarray) -> np.ndarray:
        """How much of a marginal of these columns lies above the bound, by class, shape (classes,)."""
        return self.above.ravel() @ marginal.reshape(self.above.size, -1)


def _places(column: Column) -> np.ndarray:
    """Of every code, between 0 and 1; of missing cells NaN."""
    places = np.full(column.size, np.nan)
    places[: column.values] = np.arange(column.values) / (column.values - 1)
    return places


class Above:
    """For a mechanism: how many rows of each class are above each threshold, shape (thresholds, classes).

    A row adds 1 to its class at each threshold that it is above, so its norm is at most the root of their number, the clip.
    """

    def __init__(self, thresholds: Sequence[Threshold], schema: Schema) -> None:
        self._tables = [(threshold.clique[:-1], threshold.above) for threshold in thresholds]
        self._target, self._classes = schema.target_position, schema.classes

    def __call__(self, batch: np.ndarray, clip: float) -> np.ndarray:
        labels = batch[:, self._target].astype(np.int64)
        counts = [
            np.bincount(labels, weights=above[tuple(batch[:, column] for column in columns)], minlength=self._classes)
            for columns, above in self._tables
        ]
        return np.stack(counts) * (clip / math.sqrt(len(counts)))


class Asked:
    """What was measured, by marginal, as shares of the rows, each with one over the noise of a share."""

    def __init__(self, total: float) -> None:
        self._total = total
        self.marginals: dict[Clique, tuple[np.ndarray, float]] = {}
        self.thresholds: dict[Clique, list[tuple[np.ndarray, np.ndarray, float]]] = {}

    @property
    def measured(self) -> int:
        """How many queries."""
        return len(self.marginals) + sum(map(len, self.thresholds.values()))

    def add_marginal(self, clique: Clique, counts: np.ndarray, sigma: float) -> None:
        """Noisy counts of a marginal."""
        self.marginals[clique] = counts / self._total, self._total / sigma

    def add_thresholds(self, thresholds: Sequence[Threshold], counts: np.ndarray, sigma: float) -> None:
        """Noisy counts by class, shape (thresholds, classes)."""
        for threshold, own in zip(thresholds, counts, strict=True):
            self.thresholds.setdefault(threshold.clique, []).append(
                (threshold.above.ravel(), own / self._total, self._total / sigma)
            )


class RelaxedRows:
    """So many rows, each cell a distribution over its column's codes: softmax of numbers that Adam moves."""

    def __init__(self, sizes: Sequence[int], rows: int, learning_rate: float, rng: np.random.Generator) -> None:
        import torch

        self._logits = [
            torch.tensor(rng.standard_normal((rows, size)), dtype=torch.float32, requires_grad=True) for size in sizes
        ]
        self._optimizer = torch.optim.Adam(self._logits, lr=learning_rate)

    def distributions(self) -> list[np.ndarray]:
        """Of every column, shape (rows, size)."""
        return [logits.detach().softmax(dim=1).numpy().astype(float) for logits in self._logits]

    def marginal(self, clique: Clique) -> np.ndarray:
        """The shares of rows that the mean relaxed row has in every cell, shape as the columns' sizes."""
        shape = tuple(self._logits[column].shape[1] for column in clique)
        cells = {column: self._logits[column].detach().softmax(dim=1) for column in clique}
        return _marginal(cells, clique).numpy().astype(float).reshape(shape)

    def fit(self, asked: Asked, steps: int) -> None:
        """Steps on the sum of squared errors over their noise."""
        import torch

        def tensor(array: object) -> torch.Tensor:
            return torch.as_tensor(np.asarray(array), dtype=torch.float32)

        marginals = {clique: (tensor(shares).reshape(-1), weight) for clique, (shares, weight) in asked.marginals.items()}
        thresholds = {
            clique: (tensor([a for a, _, _ in own]), tensor([s for _, s, _ in own]), tensor([[w] for _, _, w in own]))
            for clique, own in asked.thresholds.items()
        }
        used = sorted({column for clique in (*marginals, *thresholds) for column in clique})
        for _ in range(steps):
            self._optimizer.zero_grad()
            cells = {column: self._logits[column].softmax(dim=1) for column in used}
            loss = torch.zeros(())
            for clique, (shares, weight) in marginals.items():
                loss = loss + ((_marginal(cells, clique).reshape(-1) - shares) * weight).square().sum()
            for clique, (above, shares, weights) in thresholds.items():
                loss = loss + ((above @ _marginal(cells, clique) - shares) * weights).square().sum()
            loss.backward()
            self._optimizer.step()


def _marginal(cells: Mapping[int, torch.Tensor], clique: Clique) -> torch.Tensor:
    """Mean products of the rows' cells, shape (cells of all columns but the last, size of the last)."""
    first = cells[clique[0]]
    if len(clique) == 1:
        return first.mean(dim=0)[None]
    for column in clique[1:-1]:
        first = (first[:, :, None] * cells[column][:, None, :]).flatten(start_dim=1)
    return first.T @ cells[clique[-1]] / len(first)
