"""The guide's network: a linear path and a hidden layer over encoded rows, with clipped gradients in closed form.

Rows are encoded as integers, so the first layer is a sum of one table row per column, and the norm of each row's
gradient has a closed form (Goodfellow 2015): the norm of a layer's input times that of the error it sends back.
No per-row gradient and no one-hot matrix is ever made. With m columns (a constant one included), hidden values h
and errors e (output) and e1 (hidden), the squared norm is m (|e1|^2 + |e|^2) + |h|^2 |e|^2.

What a row adds is computed by operations on each row in the same order, whatever rows are beside it: in double precision, bit for
bit a function of the row alone. A matrix product would make it depend on where the row stands.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True)
class Network:
    """Shapes and arithmetic of the guide: a linear path and, beside it, one hidden ReLU layer.

    sizes: domain size of each feature column; heads: number of classes of each target; hidden: units, 0 for plain
    (multinomial) logistic regression. Parameters are one flat vector, float64 in training and float32 when kept: the table of
    encoded values, shape (1 + sum(sizes), hidden + classes), whose row 0 is the bias, then the output weights, shape (hidden,
    classes), with the classes of all heads side by side.
    """

    sizes: tuple[int, ...]
    heads: tuple[int, ...]
    hidden: int

    @property
    def classes(self) -> int:
        """How many classes all heads have together."""
        return sum(self.heads)

    @property
    def slices(self) -> list[slice]:
        """Where each head's classes stand."""
        ends = list(itertools.accumulate(self.heads))
        return [slice(end - size, end) for end, size in zip(ends, self.heads, strict=True)]

    @property
    def rows(self) -> int:
        """Rows of the table of encoded values, that of the bias included."""
        return 1 + sum(self.sizes)

    @property
    def parameters(self) -> int:
        """Length of the flat vector."""
        return self.rows * (self.hidden + self.classes) + self.hidden * self.classes

    def split(self, flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Views of the table of encoded values and the output weights."""
        cut = self.rows * (self.hidden + self.classes)
        return flat[:cut].reshape(self.rows, -1), flat[cut:].reshape(self.hidden, self.classes)

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

    def forward(self, flat: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Hidden values, shape (rows, hidden), and class probabilities, those of all heads together of shape (rows, classes)."""
        table, output = self.split(flat)
        sums = np.ascontiguousarray((self.picks(index, flat.dtype) @ table).T)  # operations along rows are the fast ones
        hidden = np.maximum(sums[: self.hidden], 0)
        logits = sums[self.hidden :] + _product(output.T, hidden)
        for head in self.slices:
            part = logits[head]
            part -= part.max(axis=0)
            np.exp(part, out=part)
            part /= _added(part)
        return hidden.T, logits.T

    def clipped_gradient_sum(self, flat: np.ndarray, index: np.ndarray, labels: np.ndarray, clip: float) -> np.ndarray:
        """Sum over rows of the gradient of all heads' cross-entropies, each row's scaled down to norm `clip`.

        labels: shape (rows, heads). Shape of the sum: (parameters,), of the type of `flat`. A row adds nothing if its gradient
        has no finite norm.
        """
        back, hidden, error = self.clipped_parts(flat, index, labels, clip)
        total = np.empty(self.parameters, dtype=flat.dtype)
        table_total, output_total = self.split(total)
        table_total[:] = self.picks(index, flat.dtype).T @ np.ascontiguousarray(back)
        output_total[:] = hidden.T @ error
        return total

    def clipped_parts(
        self, flat: np.ndarray, index: np.ndarray, labels: np.ndarray, clip: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What makes up each row's gradient, scaled down to norm `clip`.

        First what it adds to each of its rows of the table, shape (rows, hidden + classes); then, of shapes (rows, hidden) and
        (rows, classes), the two whose outer product it adds to the output weights.
        """
        _, output = self.split(flat)
        hidden, error = (part.T for part in self.forward(flat, index))
        for head, own in zip(self.slices, labels.T, strict=True):
            error[head.start + own.astype(np.int64), np.arange(len(labels))] -= 1
        back = np.concatenate([_product(output, error) * (hidden > 0), error])
        square = index.shape[1] * _squares(back) + _squares(hidden) * _squares(error)
        known = np.isfinite(square)
        if not known.all():
            square = np.where(known, square, 1)
            back, hidden, error = (np.where(known, part, 0) for part in (back, hidden, error))
        scale = np.minimum(1, clip / np.sqrt(square + np.finfo(flat.dtype).tiny)).astype(flat.dtype)
        return (back * scale).T, hidden.T, (error * scale).T

    def corrected(self, flat: np.ndarray, index: np.ndarray, clip: float) -> np.ndarray:
        """Class probabilities that training with this clip is at rest with, shape (rows, classes); see `dpdsyn.guide`.

        Each class's own is divided by what a row with that label would be scaled down by, other heads having their likeliest.
        """
        _, output = self.split(flat)
        hidden, given = (part.T for part in self.forward(flat, index))
        error = given.copy()
        for head in self.slices:
            error[head.start + given[head].argmax(axis=0), np.arange(len(index))] -= 1
        result = np.empty_like(given)
        for head in self.slices:
            likeliest = error[head].copy()
            for k in range(head.start, head.stop):
                error[head] = given[head]
                error[k] -= 1
                back, squares = (output @ error) * (hidden > 0), np.square(error).sum(axis=0)
                norm = np.sqrt(index.shape[1] * (np.square(back).sum(axis=0) + squares) + np.square(hidden).sum(axis=0) * squares)
                result[k] = given[k] * np.maximum(1, norm / clip)
            error[head] = likeliest
            result[head] /= result[head].sum(axis=0)
        return result.T


def _product(matrix: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """matrix @ columns, the sums of each column made in one order."""
    product = np.zeros((len(matrix), columns.shape[1]), dtype=columns.dtype)
    for weights, values in zip(matrix.T, columns, strict=True):
        product += weights[:, None] * values
    return product


def _squares(columns: np.ndarray) -> np.ndarray:
    """The squared norm of each column."""
    return _added(np.square(columns))


def _added(columns: np.ndarray) -> np.ndarray:
    """The sum of each column, made in one order; numpy's own order depends on how many columns there are."""
    total = np.zeros(columns.shape[1], dtype=columns.dtype)
    for values in columns:
        total += values
    return total
