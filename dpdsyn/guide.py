"""The guide: a small network that predicts the target (or several), trained by DP-SGD (Abadi et al. 2016).

Rows are encoded as integers, so the first layer is a sum of one table row per column, and the norm of each row's
gradient has a closed form (Goodfellow 2015): the norm of a layer's input times that of the error it sends back.
No per-row gradient and no one-hot matrix is ever made. With m columns (a constant one included), hidden values h
and errors e (output) and e1 (hidden), the squared norm is m (|e1|^2 + |e|^2) + |h|^2 |e|^2.

Training is in double precision, and what a row adds is computed by operations on each row in the same order, whatever rows are
beside it: bit for bit a function of the row alone. A matrix product would make it depend on where the row stands.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from dpdsyn.checks import InputError, positive, whole_number
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema
from dpdsyn.spends import SampledGaussian

if TYPE_CHECKING:
    from scipy.sparse import csr_array

GUIDE_IMPORTS = ("scipy.sparse",)
_CHUNK = 65536  # rows predicted at once


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
        scale = np.minimum(1, clip / np.sqrt(square + 1e-300)).astype(flat.dtype)
        return (back * scale).T, hidden.T, (error * scale).T


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


@dataclass(frozen=True)
class GuideSettings:
    """How a guide is built and trained; one setting for every table and every budget.

    hidden: units of the ReLU layer, 0 for logistic regression.
    batch: expected rows per step; the sampling rate is batch / rows_public.
    steps: how many, fixed beforehand whatever the number of rows.
    wander: how far noise alone may carry each parameter, as the standard deviation of its random walk. The learning
    rate follows from it and from the noise, so that a large budget or table learns fast and a small one carefully.
    learning_rate: its upper limit. momentum: of heavy-ball SGD on the noisy sum divided by the expected batch size.
    clip: L2 norm to which each row's gradient is scaled down.
    average: share of the last steps whose parameters are averaged (free: it is post-processing).
    module: a torch module in place of the built-in network, "module:Class" or what makes it; options: its own
    (`dpdsyn.module_guide`).
    """

    hidden: int = 16
    batch: int = 4096
    steps: int = 200
    wander: float = 0.7
    learning_rate: float = 8.0
    momentum: float = 0.8
    clip: float = 1.0
    average: float = 0.5
    module: str | Callable[..., Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        whole_number("hidden", self.hidden, least=0)
        whole_number("steps", self.steps, least=1)
        for name in ("batch", "wander", "learning_rate", "clip", "average"):
            positive(name, getattr(self, name))
        if not 0 <= self.momentum < 1 or self.average > 1:
            raise InputError(f"momentum is {self.momentum!r} and average {self.average!r}; both are shares of 1")
        if self.module is not None and not isinstance(self.module, str) and not callable(self.module):
            raise InputError(f"module is {self.module!r}; MODULE:CLASS is needed, a class of torch modules, or None")
        if not isinstance(self.options, Mapping):
            raise InputError(f"options is {self.options!r}; values by name are needed")

    @classmethod
    def of(cls, given: GuideSettings | Mapping[str, Any] | Callable[..., Any] | None) -> GuideSettings:
        """Settings from a mapping (as configuration files give it), from settings, of a module's class, or the defaults."""
        if isinstance(given, GuideSettings):
            return given
        if callable(given):
            return cls(module=given)
        if given is not None and not isinstance(given, Mapping):
            raise InputError(f"guide is {given!r}; settings by name are needed, or None for the defaults")
        unknown = sorted(set(given or {}) - {own.name for own in fields(cls)})
        if unknown:
            raise InputError(f"the guide has no setting {', '.join(unknown)}; it has {', '.join(f.name for f in fields(cls))}")
        return cls(**(given or {}))


class Guide:
    """A network for the schema's target and, beside it, `other_targets`; and its private training."""

    def __init__(self, schema: Schema, settings: GuideSettings, other_targets: Sequence[str] = ()) -> None:
        if schema.target is None:
            raise InputError("a guide needs a schema with a target")
        self.settings = settings
        self.targets = (schema.target, *other_targets)
        self.features = tuple(name for name in schema.names if name not in self.targets)
        if len(set(self.targets)) < len(self.targets) or not self.features:
            raise InputError(f"targets are {', '.join(self.targets)}; different columns are needed, and one more to learn from")
        self.network = Network(schema.shape(self.features), schema.shape(self.targets), settings.hidden)
        self.rate = min(1.0, settings.batch / schema.rows_public)
        self.expected_batch = self.rate * schema.rows_public
        self.parameters_: np.ndarray | None = None

    def spend(self, noise: float) -> SampledGaussian:
        """What training costs with noise of `noise` times the clip."""
        return SampledGaussian(self.rate, noise, self.settings.steps)

    def learning_rate(self, noise: float) -> float:
        """The rate at which the noise of all steps together moves a parameter by `wander`, or the limit if that is lower."""
        settings = self.settings
        step = noise * settings.clip / self.expected_batch  # of the mean gradient's noise, in each coordinate
        return min(settings.learning_rate, settings.wander * (1 - settings.momentum) / (step * math.sqrt(settings.steps)))

    def fit(self, private: PrivateTable, noise: float, rng: np.random.Generator) -> Guide:
        """Train through `private.noisy_sum`; every use of the rows is inside that mechanism."""
        features = private.schema.positions(self.features)
        targets = private.schema.positions(self.targets)
        flat = self.network.initial(rng)
        velocity = np.zeros_like(flat)
        mean = np.zeros(flat.shape)
        steps, learning_rate = self.settings.steps, self.learning_rate(noise)
        averaged = max(1, round(steps * self.settings.average))

        def gradient_sum(batch: np.ndarray, clip: float) -> np.ndarray:
            with np.errstate(all="ignore"):  # a warning would tell of a row
                return self.network.clipped_gradient_sum(flat, self.network.index(batch[:, features]), batch[:, targets], clip)

        for step in range(steps):
            noisy = private.noisy_sum(gradient_sum, self.rate, noise, self.settings.clip)
            velocity = self.settings.momentum * velocity + noisy / self.expected_batch
            flat = flat - learning_rate * velocity
            if step >= steps - averaged:
                mean += flat
        self.parameters_ = (mean / averaged).astype(np.float32)
        return self

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        """Class probabilities of the schema's target for encoded features, shape (rows, classes)."""
        return self.predict_all(features)[0]

    def predict_all(self, features: np.ndarray) -> list[np.ndarray]:
        """Class probabilities of each target."""
        if self.parameters_ is None:
            raise RuntimeError("the guide has not been fitted")
        parts = [
            self.network.forward(self.parameters_, self.network.index(features[i : i + _CHUNK]))[1]
            for i in range(0, len(features), _CHUNK)
        ]
        together = np.concatenate(parts) if parts else np.empty((0, self.network.classes), dtype=np.float32)
        return [together[:, head] for head in self.network.slices]
