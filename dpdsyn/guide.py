"""The guide: a small network that predicts the target (or several), trained by DP-SGD (Abadi et al. 2016).

It may be *pretrained*, without noise and for free, on rows that are already public (those of the source of candidates), and then
begins its private training where that ended; where the source can say what it thinks of a row's label, it begins at that
(`dpdsyn.guides.head_start`).

**What clipping does to probabilities, and how it is undone.** Let a row of features x have the label k with probability q_k, and
let w_k be the factor by which the gradient of a row (x, k) is scaled down to the clip. What such rows send back to the logits is
w_k (p - e_k), and the mean of that is zero where p sum_j(q_j w_j) = q_k w_k in each class k: not at p = q, but where q_k is
proportional to p_k / w_k. Rows with a rare label are further off, so scaled down more, so that p leans to the common classes and
claims too much (of two classes, where p is below c = clip / |gradient for an error of 1|: p = c q / (1 - q)). `Guide.corrected`
gives q, which is free: it is made of parameters alone. It is as right as the training is at rest; two hundred noisy steps are
about that. Pretraining clips as well, so that p means the same all the way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Self

import numpy as np

from dpdsyn.accounting.spends import SampledGaussian
from dpdsyn.base.checks import InputError, positive, whole_number
from dpdsyn.guides.head_start import CLIP, HeadStart, Posterior, weight_of
from dpdsyn.guides.named_module import module_name
from dpdsyn.guides.network import Network
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema

WEIGHED = "how far the source's own labels are to be trusted"  # what a ledger calls that question
_CHUNK = 65536  # rows predicted at once
_PRETRAINING_RATE = 0.02  # of Adam; from half of the steps on it falls to 0
_PRETRAINED_SHARE = 0.25  # of the last steps of pretraining, whose parameters are averaged


@dataclass(frozen=True)
class GuideSettings:
    """How a guide is built and trained; one setting for every table and every budget.

    hidden: units of the ReLU layer, 0 for logistic regression.
    batch: expected rows per step; the sampling rate is batch / rows_public.
    steps: how many, fixed beforehand whatever the number of rows.
    wander: how far noise alone may carry each parameter, as the standard deviation of its random walk. The learning
    rate follows from it and from the noise, so that a large budget or table learns fast and a small one carefully.
    pull: parameters are drawn back to where they began, so that by the end e^-pull is left of a step that no gradient
    renews; what the rows say little of stays as pretrained.
    learning_rate: its upper limit. momentum: of heavy-ball SGD on the noisy sum divided by the expected batch size.
    clip: L2 norm to which each row's gradient is scaled down.
    average: share of the last steps whose parameters are averaged (free: it is post-processing).
    pretraining: steps of Adam without noise on synthetic rows; 0 for none.
    module: a torch module in place of the built-in network, "module:Class" or what makes it; options: its own
    (`dpdsyn.guides.module_guide`).
    """

    hidden: int = 16
    batch: int = 4096
    steps: int = 200
    wander: float = 0.7
    pull: float = 0.0
    learning_rate: float = 8.0
    momentum: float = 0.8
    clip: float = 1.0
    average: float = 0.5
    pretraining: int = 0
    module: str | Callable[..., Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        whole_number("hidden", self.hidden, least=0)
        whole_number("steps", self.steps, least=1)
        whole_number("pretraining", self.pretraining, least=0)
        for name in ("batch", "wander", "learning_rate", "clip", "average"):
            positive(name, getattr(self, name))
        if self.pull != 0:
            positive("pull", self.pull)
        if not 0 <= self.momentum < 1 or self.average > 1:
            raise InputError(f"momentum is {self.momentum!r} and average {self.average!r}; both are shares of 1")
        if self.module is not None and not isinstance(self.module, str) and not callable(self.module):
            raise InputError(f"module is {self.module!r}; MODULE:CLASS is needed, a class of torch modules, or None")
        if not isinstance(self.options, Mapping):
            raise InputError(f"options is {self.options!r}; values by name are needed")

    @classmethod
    def of(
        cls, given: GuideSettings | Mapping[str, Any] | Callable[..., Any] | None, default: GuideSettings | None = None
    ) -> GuideSettings:
        """Settings from settings, from a mapping of those that differ from `default`, or of a module's class."""
        default = cls() if default is None else default
        if isinstance(given, GuideSettings):
            return given
        if callable(given):
            given = {"module": given}
        if given is not None and not isinstance(given, Mapping):
            raise InputError(f"guide is {given!r}; settings by name are needed, or None for the defaults")
        unknown = sorted(set(given or {}) - {own.name for own in fields(cls)})
        if unknown:
            raise InputError(f"the guide has no setting {', '.join(unknown)}; it has {', '.join(f.name for f in fields(cls))}")
        return cls(**{own.name: getattr(default, own.name) for own in fields(cls)} | dict(given or {}))

    def to_mapping(self) -> dict[str, Any]:
        """Names and plain values, from which `of` makes the same settings. Raises InputError for a module without a name."""
        values = {own.name: getattr(self, own.name) for own in fields(self)} | {"options": dict(self.options)}
        return values if self.module is None else values | {"module": module_name(self.module)}


PRETRAINED = GuideSettings(hidden=8, wander=0.4, pull=1.5, pretraining=300)  # where candidates say something of the labels


class Guide:
    """A network for the schema's target and, beside it, `other_targets`; and its private training.

    After `fit` or `pretrain`: `parameters_`, flat, float32. After `fit`: `begin_`, those that private training began with, and
    `gradient_to_noise_`, of each private step the norm of the noisy sum of gradients over what noise alone would have: 1 is
    nothing but noise.
    """

    pretraining_batch: ClassVar[int] = 2048  # rows

    def __init__(self, schema: Schema, settings: GuideSettings, other_targets: Sequence[str] = ()) -> None:
        if schema.target is None:
            raise InputError("a guide needs a schema with a target")
        self.settings = settings
        self.targets = (schema.target, *other_targets)
        self.features = tuple(name for name in schema.names if name not in self.targets)
        if len(set(self.targets)) < len(self.targets) or not self.features:
            raise InputError(f"targets are {', '.join(self.targets)}; different columns are needed, and one more to learn from")
        targets = [schema[name] for name in self.targets]
        ordered = tuple(column.values if column.ordered else 0 for column in targets)
        self.network = Network(schema.shape(self.features), schema.shape(self.targets), settings.hidden, ordered)
        self.rate = min(1.0, settings.batch / schema.rows_public)
        self.rows_public = schema.rows_public
        self.parameters_: np.ndarray | None = None
        self.begin_: np.ndarray | None = None
        self.gradient_to_noise_: list[float] = []
        self._columns = schema.positions(self.features), schema.positions(self.targets)
        self._start: np.ndarray | None = None
        self._margin: HeadStart | None = None

    @property
    def slices(self) -> list[slice]:
        """Where each head's classes stand."""
        return self.network.slices

    @property
    def classes(self) -> int:
        """How many classes all heads have together."""
        return self.network.classes

    def spend(self, noise: float) -> SampledGaussian:
        """What training costs with noise of `noise` times the clip."""
        return SampledGaussian(self.rate, noise, self.settings.steps)

    def expected_batch(self, rows: float | None = None) -> float:
        """Rows of a Poisson sample of so many, one at least (`rows_public` if None, or no number)."""
        return self.rate * max(1.0, self.rows_public if rows is None or not math.isfinite(rows) else rows)

    def learning_rate(self, noise: float, rows: float | None = None) -> float:
        """The rate at which the noise of all steps together moves a parameter by `wander`, or the limit if that is lower."""
        settings = self.settings
        step = noise * settings.clip / self.expected_batch(rows)  # of the mean gradient's noise, in each coordinate
        return min(settings.learning_rate, settings.wander * (1 - settings.momentum) / (step * math.sqrt(settings.steps)))

    def pretrain(self, encoded: np.ndarray, rng: np.random.Generator) -> Self:
        """Train without noise on rows that are not private, encoded, shape (rows, all columns of the schema).

        By Adam (Kingma and Ba 2015) on gradients that are clipped as `fit` clips them; `fit` begins where this ends.
        """
        flat: np.ndarray = self._initial(rng).astype(np.float32)
        features, labels = (encoded[:, columns] for columns in self._columns)
        mean, first, second = np.zeros_like(flat), np.zeros_like(flat), np.zeros_like(flat)
        steps = self.settings.pretraining if len(encoded) else 0
        size, order, place = self.pretraining_batch, np.arange(len(encoded)), len(encoded)
        averaged = max(1, round(steps * _PRETRAINED_SHARE))
        for step in range(1, steps + 1):
            if place + size > len(order):
                place, order = 0, rng.permutation(len(order))
            batch, place = order[place : place + size], place + size
            gradient = self._clipped_sum(flat, features[batch], labels[batch], self.settings.clip) / np.float32(len(batch))
            first += 0.1 * (gradient - first)
            second += 0.01 * (np.square(gradient) - second)
            rate = _PRETRAINING_RATE * min(1.0, 2 * (1 - step / (steps + 1)))
            flat = flat - rate * first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
            if step > steps - averaged:
                mean += flat
        self.parameters_ = (mean / averaged if steps else flat).astype(np.float32)
        self._start = self.parameters_.astype(np.float64)
        return self

    @property
    def takes_head_start(self) -> bool:
        """Whether `head_start` may be called: the built-in network has one target, whose classes have no order."""
        return self.settings.module is None and len(self.targets) == 1 and self.network.parts[0].basis is None

    def head_start(self, private: PrivateTable, posterior: Posterior, noise: float) -> Self:
        """Add to the logits what the pretraining's source says beyond them, from here on, as far as private rows confirm it.

        posterior: of encoded features the source's probability of each class; made of nothing private. noise: of the sum over all
        rows that is asked for, times its clip. See `dpdsyn.guides.head_start`.
        """
        features, targets = self._columns
        assert self._start is not None
        found = HeadStart(self.network, self._start, self.settings.clip, posterior)

        def slopes(batch: np.ndarray, clip: float) -> np.ndarray:
            with np.errstate(all="ignore"):  # a warning would tell of a row
                return found.slopes(batch[:, features], batch[:, targets[0]], clip)

        slope, curvature = private.noisy_sum(slopes, 1.0, noise, CLIP, WEIGHED)
        self._margin = replace(found, weight=weight_of(slope, curvature, noise * CLIP))
        return self

    def fit(self, private: PrivateTable, noise: float, rng: np.random.Generator, rows: float | None = None) -> Self:
        """Train through `private.noisy_sum`; every use of the rows is inside that mechanism.

        rows: about how many there are, from a mechanism's answer (`rows_public` if None). It scales what has been answered, and
        decides neither what is asked nor what that costs.
        """
        features, targets = self._columns
        flat = begin = self._initial(rng) if self._start is None else self._start
        velocity, mean = np.zeros_like(flat), np.zeros_like(flat)
        settings, rate, expected = self.settings, self.learning_rate(noise, rows), self.expected_batch(rows)
        self.begin_ = begin
        averaged = max(1, round(settings.steps * settings.average))
        alone = noise * settings.clip * math.sqrt(flat.size)
        self.gradient_to_noise_ = []
        pull = settings.pull * (1 - settings.momentum) / (rate * settings.steps)

        def gradient_sum(batch: np.ndarray, clip: float) -> np.ndarray:
            with np.errstate(all="ignore"):  # a warning would tell of a row
                return self._clipped_sum(flat, batch[:, features], batch[:, targets], clip)

        for step in range(settings.steps):
            noisy = private.noisy_sum(gradient_sum, self.rate, noise, settings.clip)
            self.gradient_to_noise_.append(math.sqrt(float(np.square(noisy).sum())) / alone)
            velocity = settings.momentum * velocity + noisy / expected + pull * (flat - begin)
            flat = flat - rate * velocity
            if step >= settings.steps - averaged:
                mean += flat
        self.parameters_ = (mean / averaged).astype(np.float32)
        return self

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        """Class probabilities of the schema's target for encoded features, shape (rows, classes)."""
        return self.predict_all(features)[0]

    def predict_all(self, features: np.ndarray) -> list[np.ndarray]:
        """Class probabilities of each target, as the network has them."""
        return self._in_chunks(features, self._probabilities)

    def corrected(self, features: np.ndarray) -> list[np.ndarray]:
        """Class probabilities of each target without what clipping did to them."""
        return self._in_chunks(features, self._corrected)

    def state(self) -> dict[str, np.ndarray]:
        """What was learnt, as arrays, for saving; `begun` and `weight` of a head start, which is made of them and the source."""
        margin = self._margin
        begun = {} if margin is None else {"begun": margin.begun.astype(np.float32), "weight": np.array(margin.weight)}
        return {"parameters": self._fitted(), **begun}

    def restore(self, state: Mapping[str, np.ndarray], posterior: Posterior | None = None) -> Self:
        """Take back what `state` gave, with the source's posterior for a head start. Raises ValueError if they do not fit."""
        self.parameters_ = self._of_mine(state["parameters"])
        if "begun" in state:  # guides of earlier versions had no head start
            weight = float(state["weight"])
            if posterior is None or not self.takes_head_start or not 0 <= weight <= 1:
                raise ValueError("the saved guide had a head start, which does not fit its schema or its source")
            begun = self._of_mine(state["begun"]).astype(np.float64)
            self._margin = HeadStart(self.network, begun, self.settings.clip, posterior, weight)
        return self

    def _of_mine(self, saved: np.ndarray) -> np.ndarray:
        parameters = np.asarray(saved, dtype=np.float32)
        if parameters.shape != (self.network.parameters,) or not np.isfinite(parameters).all():
            raise ValueError("the saved guide does not fit its schema")
        return parameters

    def _in_chunks(self, features: np.ndarray, probabilities: Callable[[np.ndarray], np.ndarray]) -> list[np.ndarray]:
        self._fitted()
        parts = [probabilities(features[i : i + _CHUNK]) for i in range(0, len(features), _CHUNK)]
        together = np.concatenate(parts) if parts else np.empty((0, self.classes), dtype=np.float32)
        return [together[:, head] for head in self.slices]

    def _fitted(self) -> np.ndarray:
        if self.parameters_ is None:
            raise RuntimeError("the guide has not been fitted")
        return self.parameters_

    # --- what depends on the network ----------------------------------------------------------------------------

    def _initial(self, rng: np.random.Generator) -> np.ndarray:
        return self.network.initial(rng)

    def _clipped_sum(self, flat: np.ndarray, features: np.ndarray, labels: np.ndarray, clip: float) -> np.ndarray:
        return self.network.clipped_gradient_sum(flat, self.network.index(features), labels, clip, self._added(features))

    def _probabilities(self, features: np.ndarray) -> np.ndarray:
        return self.network.forward(self._fitted(), self.network.index(features), self._added(features))[1]

    def _corrected(self, features: np.ndarray) -> np.ndarray:
        margin = self._added(features)
        return self.network.corrected(self._fitted(), self.network.index(features), self.settings.clip, margin)

    def _added(self, features: np.ndarray) -> np.ndarray | None:
        return None if self._margin is None else self._margin(features)


def guide_imports(settings: GuideSettings) -> tuple[str, ...]:
    """Modules that such a guide imports while it works."""
    if settings.module is None:
        return ("scipy.sparse",)
    own = settings.module.replace(":", ".").rpartition(".")[0] if isinstance(settings.module, str) else settings.module.__module__
    return ("torch", "opacus", "dpdsyn.guides.module_checks", own)
