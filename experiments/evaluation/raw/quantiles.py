"""Quantiles of a number that a model predicts, by what it gets wrong on synthetic rows that it was not fitted on.

Any model predicts a mean; how far the truth lies from it is learnt from synthetic rows alone. A fifth of them, drawn at random,
is held out, the model is fitted on the others, and its residuals on those held out are kept by how much was predicted: the
held-out rows are cut into at most ten equal parts by their prediction. The model that is judged is fitted on all rows; its
prediction plus the quantiles of the residuals of rows with like predictions are its quantiles. Residuals of rows that a model
was fitted on would be too small (a forest's are), and one set of residuals for all rows would say that high incomes vary as
little as low ones. The idea is that of split conformal prediction (Lei et al. 2018, "Distribution-free predictive inference
for regression", JASA 113, section 2.2), without its guarantee: the residuals are those of synthetic rows, which are judged too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dpdsyn.reading.column import Column
from dpdsyn.reading.pieces import values_of

LEVELS = (0.1, 0.5, 0.9)
_HELD_OUT = 0.2
_PARTS, _LEAST = 10, 50  # most parts by prediction, and how many held-out rows a part needs
_FEW = 10  # rows below which none is held out

Learn = Callable[[np.ndarray], Callable[[pd.DataFrame], np.ndarray]]


@dataclass(frozen=True)
class Predicted:
    """mean: shape (rows,). quantiles: of `LEVELS`, rising, shape (rows, levels)."""

    mean: np.ndarray
    quantiles: np.ndarray


def with_quantiles(
    learn: Learn, train: pd.DataFrame, labels: np.ndarray, test: pd.DataFrame, rng: np.random.Generator
) -> Predicted:
    """Predictions for the test rows. learn: from positions of training rows gives what predicts the rows of a frame."""
    everything = np.arange(len(train))
    predict = learn(everything)
    mean = predict(test)
    if len(train) < _FEW:
        held, on_held = everything, predict(train)
    else:
        mixed = rng.permutation(len(train))
        cut = int(len(train) * _HELD_OUT)
        held, others = np.sort(mixed[:cut]), np.sort(mixed[cut:])
        on_held = learn(others)(train.iloc[held])
    return Predicted(mean, mean[:, None] + _residual_quantiles(on_held, labels[held] - on_held, mean))


def _residual_quantiles(predicted: np.ndarray, residuals: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Quantiles of the residuals of rows with like predictions, shape (wanted, levels); 0 where there are no rows."""
    if not len(predicted):
        return np.zeros((len(wanted), len(LEVELS)))
    parts = int(np.clip(len(predicted) // _LEAST, 1, _PARTS))
    cuts = np.unique(np.quantile(predicted, np.arange(1, parts) / parts, method="inverted_cdf"))
    cuts = cuts[cuts < predicted.max()]  # a part lies below each cut, with it, and one above the last
    part = np.searchsorted(cuts, predicted, side="left")
    table = np.array([np.quantile(residuals[part == k], LEVELS) for k in range(len(cuts) + 1)])
    return table[np.searchsorted(cuts, wanted, side="left")]


def of_codes(probabilities: np.ndarray, column: Column) -> Predicted:
    """What a method predicts that gives probabilities of a number's codes: mean and quantiles of their mixture.

    Every code stands for the numbers between its ends, all alike likely. probabilities: shape (rows, codes); those of codes that
    stand for no number are left out. column: closed, of numbers.
    """
    low, high = ends(column)
    shares = np.maximum(np.asarray(probabilities, dtype=float)[:, : len(low)], 0.0)
    shares += 1e-12  # so that a row without any probability has a quantile too
    shares /= shares.sum(axis=1, keepdims=True)
    below = np.cumsum(shares, axis=1)
    quantiles = np.empty((len(shares), len(LEVELS)))
    rows = np.arange(len(shares))
    for place, level in enumerate(LEVELS):
        codes = np.minimum((below < level).sum(axis=1), len(low) - 1)
        into = 1 - (below[rows, codes] - level) / shares[rows, codes]
        quantiles[:, place] = low[codes] + np.clip(into, 0, 1) * (high - low)[codes]
    return Predicted(shares @ ((low + high) / 2), quantiles)


def ends(column: Column) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest number that each code is decoded to, shape (values,); of a whole number both are reached."""
    if column.pieces is None:
        edges = column.edges
        return edges[:-1], edges[1:] - (1 if column.kind == "integer" else 0)
    units = (np.array(side, dtype=float) for side in (column.pieces.firsts, column.pieces.lasts))
    low, high = (values_of(side, column.decimals or 0) for side in units)
    return low, high
