"""How good models are that learn from the synthetic rows, measured on real rows under differential privacy.

A model is trained on synthetic rows, which cost nothing more, and one mechanism asks for three sums over real rows: a table
of true by predicted class, the log loss of each row, and its square, of which the width of an interval is made. A row adds 1 to
one cell of the table, its loss over the bound to the second sum, half the square of that to the third: a vector of norm at most
sqrt(1 + 1 + 1/4) = 1.5. The loss is clipped to log(50 classes), as if no probability were below 1 in 50 classes, whatever
the rows are. A person's k rows weigh 1/k each, so one person's vector is no longer. The answer is one Gaussian mechanism; all
else is made of it.

Its noise is fixed in the plan before the first answer (`Ledger.keep_back`), from a share of the budget's zCDP, and composed with
all else in sequence. That also holds of rows that the release was not made of (`quality.held_out`): a unit is then on one side
alone, and the dearer side would be what it pays; that is not claimed, so that the statement needs one sentence less.

A prediction depends on its row alone, bit for bit: trees are walked row by row, and the rest is arithmetic on a row's own scores.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from numbers import Real
from typing import Any, Self

import numpy as np
import pandas as pd

from dpdsyn.accounting.spends import SampledGaussian
from dpdsyn.base.checks import InputError
from dpdsyn.privacy import Budget, BudgetExceeded, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.quality.evaluation_intervals import Estimate, NoisyTable
from dpdsyn.quality.held_out import check_part
from dpdsyn.schema import Schema

LABEL = "private evaluation: noisy sums over real rows"  # what a ledger calls it
MODEL = "gradient boosting (scikit-learn's HistGradientBoostingClassifier, 100 trees a class, columns as the schema encodes them)"
CLIP = 1.5  # of a row's vector
MOST_LESSONS = 100_000  # synthetic rows that the model is trained on
IN_SAMPLE = "in-sample: on the rows that the release was made of"
HELD_OUT = "held out: on rows that the release was not made of"
_LARGEST_TABLE = 5  # classes whose every mistake is counted; of more it is counted whether a row is right
_PARTS = 5  # classes that a target with an order is cut into
_SCALE = 50.0  # the clipped loss is log(_SCALE * classes)
_FLATTERED = 1.5  # times its interval, by which a measure on the rows that were fitted has to be above chance: see `verdict`
_NATIVE = 255  # categories that scikit-learn's boosting takes; wider columns are read as ordered


@dataclass(frozen=True)
class PrivateEvaluation:
    """What was measured; all of it is as public as the guarantee.

    target: what is predicted. classes: its classes, in order. table: noisy counts of rows, one line a true class; one number for
    each predicted class, or how many rows are right and wrong. sd: the standard deviation of the noise in each. loss: the
    noisy sums of the clipped log loss and of its square. bound: what the loss is clipped to. share: of the budget. part: of the
    rows, which were held out; 0 if none were. lessons: how many synthetic rows the model learnt from.
    """

    target: str
    classes: tuple[str, ...]
    table: tuple[tuple[float, ...], ...]
    sd: float
    loss: tuple[float, float]
    bound: float
    share: float
    part: float
    lessons: int

    @property
    def basis(self) -> str:
        """On which rows it was measured."""
        return HELD_OUT if self.part else IN_SAMPLE

    @property
    def is_whole(self) -> bool:
        """Whether the table has a number for each predicted class."""
        return len(self.table[0]) == len(self.classes)  # a table of right and wrong has at least six lines

    @property
    def noisy(self) -> NoisyTable:
        """The table as intervals are made of it."""
        counts = np.array(self.table)
        right = np.eye(len(counts), dtype=bool) if self.is_whole else np.tile([True, False], (len(counts), 1))
        return NoisyTable(counts, right, self.sd)

    @property
    def accuracy(self) -> Estimate:
        """The share of real rows whose class is predicted."""
        return self.noisy.accuracy()

    @property
    def balanced_accuracy(self) -> Estimate:
        """The mean over classes of the share of each class's rows that are predicted."""
        return self.noisy.balanced_accuracy()

    @property
    def log_loss(self) -> Estimate:
        """The mean clipped log loss, in nats."""
        squares_sd = 2 * self.sd * self.bound**2
        return self.noisy.mean(self.loss[0], self.sd * self.bound, self.loss[1], squares_sd, self.bound)

    @property
    def guessing(self) -> dict[str, float]:
        """The same three of whoever knows how common classes are, and nothing else."""
        shares = self.noisy.shares
        known = shares[shares > 0]
        loss = min(float(-(known * np.log(known)).sum()), self.bound)
        return {"accuracy": float(shares.max()), "balanced_accuracy": 1 / len(shares), "log_loss": loss}

    @property
    def measures(self) -> dict[str, Estimate]:
        """The three by name."""
        return {"accuracy": self.accuracy, "balanced_accuracy": self.balanced_accuracy, "log_loss": self.log_loss}

    @property
    def verdict(self) -> str:
        """In words, whether models learn anything from these rows.

        On the rows that the release was made of they seem better than they are: where the target tells of nothing, by about one
        standard deviation of what the interval covers (4,500 rows of two classes, epsilon 1). So more is asked for there.
        """
        found, chance = self.balanced_accuracy, self.guessing["balanced_accuracy"]
        if found.low > chance:
            if worse := self._worse:
                return (
                    f"balanced accuracy is better than by guessing, but {' and '.join(worse)} worse: whether models learn "
                    "anything of use from these rows cannot be told"
                )
            if not self.part and found.value - chance < _FLATTERED * (found.value - found.low):
                return (
                    "perhaps better than guessing, but by no more than it may flatter models to be measured on the rows that the "
                    "release was made of; rows that are held out would tell"
                )
            return "models learn from these rows what tells the classes apart, better than guessing does"
        if found.high - found.low > 0.5 * (1 - chance):
            return "the noise is too large to tell whether models learn anything from these rows; a larger share or budget would"
        return "no better than guessing, as far as can be told: models learn little or nothing from these rows"

    @property
    def _worse(self) -> list[str]:
        """Which measures are worse than by guessing, all of their intervals."""
        known = self.guessing
        lower = ["accuracy"] if self.accuracy.high < known["accuracy"] else []
        return lower + (["log loss"] if self.log_loss.low > known["log_loss"] else [])

    def to_mapping(self) -> dict[str, Any]:
        """For JSON: what is measured, and what it was made of."""
        return {
            **{name: {"estimate": e.value, "low": e.low, "high": e.high} for name, e in self.measures.items()},
            "interval": "95%, of noise and of the sampling of rows",
            "guessing": self.guessing,
            "verdict": self.verdict,
            "basis": self.basis,
            "model": MODEL,
            **{name: value for name, value in vars(self).items() if name not in ("table", "classes", "loss")},
            "classes": list(self.classes),
            "columns": list(self.classes) if self.is_whole else ["right", "wrong"],
            "table": [list(line) for line in self.table],
            "loss": list(self.loss),
        }

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any]) -> Self:
        """The inverse of `to_mapping`."""
        kept = {name: raw[name] for name in ("target", "sd", "bound", "share", "part", "lessons")}
        table = tuple(tuple(map(float, line)) for line in raw["table"])
        return cls(classes=tuple(raw["classes"]), table=table, loss=(float(raw["loss"][0]), float(raw["loss"][1])), **kept)

    def __str__(self) -> str:
        lines = [f"models trained on the synthetic rows to predict {self.target}, measured on real rows ({self.basis}):"]
        for name, estimate in self.measures.items():
            called = name.replace("_", " ") + (f", clipped to {self.bound:.2f}" if name == "log_loss" else "")
            lines.append(f"  {called}: {estimate}; by guessing {self.guessing[name]:.3f}")
        return "\n".join([*lines, f"  in words: {self.verdict}"])


def check(table: object, share: float | None, part: float | None) -> None:
    """Raise InputError, before anything is spent, for an evaluation that cannot be. None: nothing was asked for."""
    if share is not None:
        check_share(share)
        if find_spec("sklearn") is None:
            raise InputError("an evaluation trains a model of scikit-learn, which is not here: `pip install scikit-learn`")
    if part is not None:
        check_part(part)
        if share is None:
            raise InputError("rows are held out for an evaluation alone; say with which share of the budget to make one")
        if not isinstance(table, pd.DataFrame):
            raise InputError("rows cannot be held out of a file that is read piece by piece; give the table as a frame")


def check_share(share: float) -> None:
    """Raise InputError unless 0 < share < 1."""
    if isinstance(share, bool) or not isinstance(share, Real) or not 0 < share < 1:
        raise InputError(f"the share of the budget that buys an evaluation is {share!r}; a number between 0 and 1 is needed")


def keep_back(ledger: Ledger, share: float) -> float:
    """Fix the noise of an evaluation, before anything else, at a share of the budget's zCDP; gives its noise multiplier.

    Raises InputError for a share that is none, BudgetExceeded if the ledger is not whole.
    """
    check_share(share)
    if not isinstance(ledger.allowance, Budget):
        raise BudgetExceeded("an evaluation is paid for from an (epsilon, delta) budget, not under a cap")
    multiplier = 1 / math.sqrt(2 * share * ledger.allowance.rho)
    ledger.keep_back([SampledGaussian(1.0, multiplier)])
    return multiplier


def evaluated(
    private: PrivateTable, schema: Schema, lessons: np.ndarray, multiplier: float, share: float, part: float = 0.0
) -> PrivateEvaluation:
    """Train on synthetic rows, and measure on the rows of `private`. Charges what `keep_back` fixed.

    schema: that of both. lessons: encoded synthetic rows, shape (rows, columns), of which all that is not a mechanism's answer is
    made. part: what was held out, 0 for an evaluation on the rows that the release was made of.
    """
    names, grouped = _classes(schema, lessons[:, schema.target_position])
    judge = Judge(schema, lessons, grouped, len(names))
    answer = private.noisy_sum(judge.sums, 1.0, multiplier, CLIP, LABEL)
    cells = answer[:-2].reshape(judge.shape)
    table = tuple(tuple(map(float, line)) for line in cells)
    loss = float(answer[-2]) * judge.bound, float(answer[-1]) * 2 * judge.bound**2
    return PrivateEvaluation(
        str(schema.target), names, table, CLIP * multiplier, loss, judge.bound, float(share), float(part), len(lessons)
    )


def _classes(schema: Schema, synthetic: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the classes that are predicted, and the class of each code of the target.

    A target with an order is cut into fifths of the synthetic rows.
    """
    target = schema[str(schema.target)]
    if not target.ordered:
        named = [*map(str, target.categories), *["missing"] * (target.missing_code is not None), *["other"] * target.other]
        return tuple(named), np.arange(target.size)
    counts = np.bincount(synthetic, minlength=target.size)
    middles = np.cumsum(counts) - counts / 2
    parts = np.minimum(middles * _PARTS // max(counts.sum(), 1), _PARTS - 1)
    grouped = np.unique(parts, return_inverse=True)[1]
    if not grouped.any():  # one value has nearly all rows, or there are none: lower and upper half of the values
        grouped = (2 * np.arange(target.size) // max(target.size, 1)).clip(0, 1)
    several = int(grouped.max()) + 1
    return tuple(f"part {i + 1} of {several}, from low to high" for i in range(several)), grouped


class Judge:
    """A model that learnt from synthetic rows, as a sum over real ones. Nothing in it comes of a real row."""

    def __init__(self, schema: Schema, lessons: np.ndarray, grouped: np.ndarray, classes: int) -> None:
        self.classes, self.grouped = classes, grouped
        self.target, self.features = schema.target_position, schema.positions(schema.features)
        self.bound = math.log(_SCALE * classes)
        self.shape = (classes, classes) if classes <= _LARGEST_TABLE else (classes, 2)
        self.scores = _learnt(schema, lessons[:, self.features], grouped[lessons[:, self.target]], classes)

    def losses(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each row its class, the likeliest one, and the log loss, clipped; shapes (rows,)."""
        truth = self.grouped[rows[:, self.target].astype(np.int64)]
        scores = self.scores(rows[:, self.features])
        scores = scores - scores.max(axis=1, keepdims=True)
        losses = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(rows)), truth]
        return truth, scores.argmax(axis=1), np.clip(losses, 0.0, self.bound)

    def sums(self, rows: np.ndarray, clip: float) -> np.ndarray:
        """The table, flat, then the sums of losses and squares, each row's vector of norm at most `clip`."""
        truth, predicted, losses = self.losses(rows)
        whole = self.shape[1] == self.classes
        cells = truth * self.classes + predicted if whole else 2 * truth + (truth != predicted)
        counts = np.bincount(cells, minlength=math.prod(self.shape)).astype(float)
        scaled = losses / self.bound
        return np.concatenate([counts, [scaled.sum(), (scaled**2).sum() / 2]]) * (clip / CLIP)


def model(schema: Schema) -> Any:
    """The model, unfitted; its input is encoded features."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    columns = schema.select(schema.features).columns
    native = [i for i, column in enumerate(columns) if not column.ordered and column.size <= _NATIVE]
    return HistGradientBoostingClassifier(max_iter=100, early_stopping=False, categorical_features=native, random_state=0)


def _one_thread() -> Any:
    """The same trees whatever the number of processors, and no threads that wait for one another on a busy machine.

    It holds for libraries that are loaded already.
    """
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def _learnt(schema: Schema, features: np.ndarray, labels: np.ndarray, classes: int) -> Callable[[np.ndarray], np.ndarray]:
    """From encoded features to scores (log-probabilities up to a constant), shape (rows, classes).

    A class that no synthetic row has gets a score so low that its loss is clipped; of one class alone it is the constant.
    """
    present = np.unique(labels)
    nothing = -1e3
    constant = np.where(np.isin(np.arange(classes), present), 0.0, nothing)
    if len(present) < 2 or not features.shape[1]:
        shares = np.bincount(labels, minlength=classes) / max(len(labels), 1)
        constant = np.where(shares > 0, np.log(np.maximum(shares, 1e-300)), nothing)
        return lambda rows: np.tile(constant, (len(rows), 1))
    untrained = model(schema)
    with _one_thread():
        fitted = untrained.fit(features, labels)

    def scores(rows: np.ndarray) -> np.ndarray:
        found = np.tile(constant, (len(rows), 1))
        if len(rows):
            with _one_thread():
                raw = fitted.decision_function(rows)
            found[:, present] = np.stack([np.zeros(len(rows)), raw], axis=1) if raw.ndim == 1 else raw
        return found

    return scores
