"""The guide's network: a linear path and a hidden layer over encoded rows, with clipped gradients in closed form.

Rows are encoded as integers, so the first layer is a sum of one table row per column, and the norm of each row's
gradient has a closed form (Goodfellow 2015): the norm of a layer's input times that of the error it sends back.
No per-row gradient and no one-hot matrix is ever made. With m columns (a constant one included), hidden values h
and errors e (output) and e1 (hidden), the squared norm is m (|e1|^2 + |e|^2) + |h|^2 |e|^2. The output are
*scores*: the logits of a head, or the few numbers that an ordered one makes its logits of (`guides.ordered_head`); errors of the
latter's offsets add their squares.

What a row adds is computed by operations on each row in the same order, whatever rows are beside it: in double precision, bit for
bit a function of the row alone. A matrix product would make it depend on where the row stands.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from dpdsyn.guides.ordered_head import Head, product, waves

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True)
class Network:
    """Shapes and arithmetic of the guide: a linear path and, beside it, one hidden ReLU layer.

    sizes: domain size of each feature column; heads: number of classes of each target; hidden: units, 0 for plain
    (multinomial) logistic regression. ordered: of each head how many of its classes, the first ones, are ordered; 0 (or left out)
    where they have no order. Parameters are one flat vector, float64 in training and float32 when kept: the table of encoded
    values, shape (1 + sum(sizes), hidden + scores), whose row 0 is the bias; the output weights, shape (hidden, scores), with the
    scores of all heads side by side; the offsets of the classes of ordered heads.
    """

    sizes: tuple[int, ...]
    heads: tuple[int, ...]
    hidden: int
    ordered: tuple[int, ...] = ()

    @property
    def classes(self) -> int:
        """How many classes all heads have together."""
        return sum(self.heads)

    @property
    def slices(self) -> list[slice]:
        """Where each head's classes stand."""
        return _side_by_side(self.heads)

    @cached_property
    def parts(self) -> list[Head]:
        """The heads: how each makes logits of scores, and where these stand."""
        ordered = self.ordered or (0,) * len(self.heads)
        bases = [waves(values, size) if values else None for values, size in zip(ordered, self.heads, strict=True)]
        scores = _side_by_side([size if basis is None else basis.shape[1] for size, basis in zip(self.heads, bases, strict=True)])
        offsets = _side_by_side([0 if basis is None else len(basis) for basis in bases])
        return [Head(*each) for each in zip(self.slices, scores, offsets, bases, strict=True)]

    @property
    def scores(self) -> int:
        """How many scores all heads have together."""
        return self.parts[-1].scores.stop

    @property
    def offsets(self) -> int:
        """How many offsets all heads have together."""
        return self.parts[-1].offsets.stop

    @property
    def rows(self) -> int:
        """Rows of the table of encoded values, that of the bias included."""
        return 1 + sum(self.sizes)

    @property
    def parameters(self) -> int:
        """Length of the flat vector."""
        return (self.rows + self.hidden) * self.scores + self.rows * self.hidden + self.offsets

    def split(self, flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Views of the table of encoded values and the output weights."""
        cut = self.rows * (self.hidden + self.scores)
        return flat[:cut].reshape(self.rows, -1), flat[cut : len(flat) - self.offsets].reshape(self.hidden, self.scores)

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """He-scaled hidden layer; the linear path and the output weights start at zero and small."""
        flat = np.zeros(self.parameters)
        table, output = self.split(flat)
        table[:, : self.hidden] = rng.normal(0, math.sqrt(2 / (len(self.sizes) + 1)), (self.rows, self.hidden))
        output[:] = rng.normal(0, 1 / math.sqrt(max(self.hidden, 1)), output.shape)
        return flat

    def index(self, features: np.ndarray) -> np.ndarray:
        """Rows of the table of encoded values that each row of encoded features adds up, shape (rows, 1 + columns), int64."""
        offsets = np.cumsum([1, *self.sizes[:-1]])
        index = np.zeros((len(features), 1 + len(self.sizes)), dtype=np.int64)
        np.add(features, offsets, out=index[:, 1:], casting="unsafe")
        return index

    def picks(self, index: np.ndarray, dtype: np.dtype) -> csr_array:
        """The matrix, shape (rows, rows of the table), that has a one for every row of the table which a row adds up."""
        from scipy.sparse import csr_array

        starts = np.arange(0, index.size + 1, index.shape[1])
        return csr_array((np.ones(index.size, dtype), index.ravel(), starts), shape=(len(index), self.rows))

    def forward(self, flat: np.ndarray, index: np.ndarray, margin: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Hidden values, shape (rows, hidden), and class probabilities, those of all heads together of shape (rows, classes).

        margin: what is added to the logits, shape (rows, classes).
        """
        table, output = self.split(flat)
        sums = np.ascontiguousarray((self.picks(index, flat.dtype) @ table).T)  # operations along rows are the fast ones
        hidden = np.maximum(sums[: self.hidden], 0)
        scores = sums[self.hidden :] + product(output.T, hidden)
        offsets = flat[len(flat) - self.offsets :]
        logits = np.concatenate([head.logits(scores, offsets) for head in self.parts])
        if margin is not None:
            logits += margin.T
        for head in self.slices:
            part = logits[head]
            part -= part.max(axis=0)
            np.exp(part, out=part)
            part /= added(part)
        return hidden.T, logits.T

    def clipped_gradient_sum(
        self, flat: np.ndarray, index: np.ndarray, labels: np.ndarray, clip: float, margin: np.ndarray | None = None
    ) -> np.ndarray:
        """Sum over rows of the gradient of all heads' cross-entropies, each row's scaled down to norm `clip`.

        labels: shape (rows, heads). Shape of the sum: (parameters,), of the type of `flat`. A row adds nothing if its gradient
        has no finite norm.
        """
        back, hidden, error, offsets = self.clipped_parts(flat, index, labels, clip, margin)
        total = np.empty(self.parameters, dtype=flat.dtype)
        total[self.parameters - self.offsets :] = offsets.sum(axis=0)
        table_total, output_total = self.split(total)
        table_total[:] = self.picks(index, flat.dtype).T @ np.ascontiguousarray(back)
        output_total[:] = hidden.T @ error
        return total

    def clipped_parts(
        self, flat: np.ndarray, index: np.ndarray, labels: np.ndarray, clip: float, margin: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What makes up each row's gradient, scaled down to norm `clip`.

        First what it adds to each of its rows of the table, shape (rows, hidden + scores); then, of shapes (rows, hidden) and
        (rows, scores), the two whose outer product it adds to the output weights; last what it adds to the offsets.
        """
        _, output = self.split(flat)
        hidden, wrong = (part.T for part in self.forward(flat, index, margin))
        for head, own in zip(self.slices, labels.T, strict=True):
            wrong[head.start + own.astype(np.int64), np.arange(len(labels))] -= 1
        error, offsets = self._errors(wrong)
        back = np.concatenate([product(output, error) * (hidden > 0), error])
        square = index.shape[1] * _squares(back) + _squares(hidden) * _squares(error) + _squares(offsets)
        known = np.isfinite(square)
        if not known.all():
            square = np.where(known, square, 1)
            back, hidden, error, offsets = (np.where(known, part, 0) for part in (back, hidden, error, offsets))
        scale = np.minimum(1, clip / np.sqrt(square + np.finfo(flat.dtype).tiny)).astype(flat.dtype)
        return (back * scale).T, hidden.T, (error * scale).T, (offsets * scale).T

    def _errors(self, wrong: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Errors of all scores and of all offsets, shapes (scores, rows) and (offsets, rows), from those of all logits."""
        heads = [(head, wrong[head.classes]) for head in self.parts]
        return np.concatenate([head.score_errors(own) for head, own in heads]), np.concatenate(
            [own[: head.offsets.stop - head.offsets.start] for head, own in heads]
        )

    def corrected(self, flat: np.ndarray, index: np.ndarray, clip: float, margin: np.ndarray | None = None) -> np.ndarray:
        """Class probabilities that training with this clip is at rest with, shape (rows, classes); see `dpdsyn.guide`.

        Each class's own is divided by what a row with that label would be scaled down by, other heads having their likeliest. In
        double precision a row's are the same beside any rows, as what it adds to a sum is.
        """
        _, output = self.split(flat)
        hidden, given = (part.T for part in self.forward(flat, index, margin))
        wrong = given.copy()
        for classes in self.slices:
            wrong[classes.start + given[classes].argmax(axis=0), np.arange(len(index))] -= 1
        error, offsets = self._errors(wrong)
        result = np.empty_like(given)
        columns, active, reach = index.shape[1], hidden > 0, index.shape[1] + _squares(hidden)
        for head in self.parts:
            likeliest, own = error[head.scores].copy(), given[head.classes]
            error[head.scores] = expected = head.score_errors(own)
            sent, squares = product(output, error), _squares(error)
            beside = _squares(np.delete(offsets, head.offsets, axis=0))
            if head.basis is not None:
                beside += _squares(own) + 1
            for k, unit in enumerate(head.units.astype(flat.dtype)):  # with the label k errors of scores are less by `unit`
                back = (sent - (output[:, head.scores] @ unit)[:, None]) * active
                size = squares - 2 * product(unit[None], expected)[0] + unit @ unit
                rest = beside if head.basis is None else beside - 2 * own[k]
                norm = np.sqrt(np.maximum(columns * _squares(back) + reach * size + rest, 0))
                result[head.classes.start + k] = own[k] * np.maximum(1, norm / clip)
            error[head.scores] = likeliest
            result[head.classes] /= added(result[head.classes])
        return result.T


def _side_by_side(sizes: Sequence[int]) -> list[slice]:
    ends = list(itertools.accumulate(sizes))
    return [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]


def _squares(columns: np.ndarray) -> np.ndarray:
    """The squared norm of each column."""
    return added(np.square(columns))


def added(columns: np.ndarray) -> np.ndarray:
    """The sum of each column, made in one order; numpy's own depends on how many columns there are."""
    total = np.zeros(columns.shape[1], dtype=columns.dtype)
    for values in columns:
        total += values
    return total
