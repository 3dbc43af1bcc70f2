"""How typed columns become a model's input: the usual preprocessing of mixed tables, fitted on the training rows alone.

Numbers in a test row are first moved into the range that the training rows have. Trees do so by themselves; for linear models
and networks it means that a value which no training row is near, or a column that is constant in the training rows, cannot carry
a prediction away. A missing category is a category of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from experiments.evaluation.raw.typed_frame import Features

MOST_CATEGORIES = 254  # of one column; the rarest are pooled. scikit-learn's boosting takes 255
_LARGEST = 1e100  # numbers beyond count as this, for their squares have to be finite
_MISSING, _RARE, _UNKNOWN = " missing", " rare", " unknown"  # no cell's text begins with a space


class WithinRange(TransformerMixin, BaseEstimator):
    """Moves numbers into the range of the training rows; a column without any number there is all missing."""

    def fit(self, rows: pd.DataFrame, labels: Any = None) -> WithinRange:
        """Keep the lowest and the highest number of each column."""
        values = np.clip(np.asarray(rows, dtype=float), -_LARGEST, _LARGEST)
        self.low_, self.high_ = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
        return self

    def transform(self, rows: pd.DataFrame) -> np.ndarray:
        """The numbers, missing ones as NaN, shape (rows, columns)."""
        return np.clip(np.asarray(rows, dtype=float), self.low_, self.high_)


class Native(TransformerMixin, BaseEstimator):
    """A frame of numbers, NaN where missing, and of categories, for models that read both as they are.

    Of a column's texts the commonest `MOST_CATEGORIES` in the training rows are categories. Where there are more, the rest is one
    category, to which then belongs what no training row has; else that is a missing value. Equally common texts are taken in
    the order of texts. Columns are renamed (n0, n1, ..., c0, ...), for not every model takes every name. texts: categories are
    given as texts instead of pandas' categories, a text of its own for those that would be missing values.
    """

    def __init__(self, features: Features, texts: bool = False) -> None:
        self.features, self.texts = features, texts

    def fit(self, rows: pd.DataFrame, labels: Any = None) -> Native:
        """Keep the range of each number and the commonest texts of each category."""
        self.range_ = WithinRange().fit(rows[list(self.features.numbers)])
        self.kept_ = [_commonest(rows[name]) for name in self.features.categories]
        return self

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The model's input, one column for each feature."""
        numbers = self.range_.transform(rows[list(self.features.numbers)])
        numbers[:, np.isnan(self.range_.low_)] = 0.0  # scikit-learn's boosting cannot bin a column without any number
        made: dict[str, Any] = {f"n{i}": values for i, values in enumerate(numbers.T)}
        for i, (name, kept) in enumerate(zip(self.features.categories, self.kept_, strict=True)):
            codes = pd.Index(kept).get_indexer(pd.Index(_filled(rows[name])))
            codes = np.where(codes < 0, len(kept) - 1, codes) if kept[-1] == _RARE else codes
            known = pd.Index(kept, dtype=object)
            made[f"c{i}"] = known.append(pd.Index([_UNKNOWN]))[codes] if self.texts else pd.Categorical.from_codes(codes, known)
        return pd.DataFrame(made, index=rows.index)


def _commonest(cells: pd.Series) -> list[str]:
    counts = _filled(cells).value_counts()
    texts = sorted(counts.index, key=lambda text: (-counts[text], text))
    return texts if len(texts) <= MOST_CATEGORIES else [*texts[: MOST_CATEGORIES - 1], _RARE]


def matrix(features: Features, dense: bool) -> Any:
    """To one matrix: numbers imputed by the median (with a column that says where) and scaled, categories one-hot.

    The rarest of more than `MOST_CATEGORIES` categories are one; a category that no training row has is none of them, or one of
    the rarest.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    imputed = SimpleImputer(strategy="median", keep_empty_features=True, add_indicator=True)
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=MOST_CATEGORIES, sparse_output=not dense, dtype=np.float32
    )
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(WithinRange(), imputed, StandardScaler()), list(features.numbers)),
            ("categories", make_pipeline(FunctionTransformer(_all_filled), one_hot), list(features.categories)),
        ],
        sparse_threshold=0.0 if dense else 1.0,
    )


def _all_filled(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.apply(_filled)


def _filled(cells: pd.Series) -> pd.Series:
    return cells.astype(object).where(cells.notna(), _MISSING)
