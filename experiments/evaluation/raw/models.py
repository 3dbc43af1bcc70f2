"""Models that are trained on typed rows: each a function of the features, the kind of target and a seed.

It gives an object with `fit(frame, labels)` and `predict_proba(frame)` (classes) or `predict(frame)` (a number), preprocessing
included. Settings are the usual ones and were fixed before the first results; everything runs on one thread and is repeated
exactly by its seed. `lightgbm` and `catboost` need the extra `boosters`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.base.checks import InputError
from experiments.evaluation.own import made
from experiments.evaluation.raw.typed_frame import Features

RawBuilder = Callable[[Features, bool, int], Any]
EXTRA = "boosters"  # of pyproject.toml


class Preprocessed:
    """A model behind its preprocessing, both fitted on the training rows; scikit-learn's pipeline takes its own models only."""

    def __init__(self, preprocessing: Any, model: Any) -> None:
        self.preprocessing, self.model = preprocessing, model

    def fit(self, frame: pd.DataFrame, labels: np.ndarray) -> Preprocessed:
        """Fit both. labels: codes of classes or numbers, shape (rows,)."""
        self.model.fit(self.preprocessing.fit_transform(frame), labels)
        return self

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        """Of classes, shape (rows, classes)."""
        return self.model.predict_proba(self.preprocessing.transform(frame))

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Of a number, shape (rows,)."""
        return np.asarray(self.model.predict(self.preprocessing.transform(frame)), dtype=float).reshape(len(frame))


def logistic(features: Features, number: bool, seed: int) -> Any:
    """Logistic regression; for a number linear regression with the same kind of penalty (ridge)."""
    from sklearn.linear_model import LogisticRegression, Ridge

    return _behind(features, "sparse", Ridge(alpha=1.0) if number else LogisticRegression(C=1.0, max_iter=200))


def forest(features: Features, number: bool, seed: int) -> Any:
    """A random forest; leaves of at least ten rows, for a default forest overfits real rows.

    For a number each split looks at a third of the inputs (Breiman 2001, "Random forests", section 11), for classes at their
    square root.
    """
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    settings: dict[str, Any] = {"n_estimators": 50, "min_samples_leaf": 10, "random_state": seed, "n_jobs": 1}
    model = RandomForestRegressor(max_features=1 / 3, **settings) if number else RandomForestClassifier(**settings)
    return _behind(features, "dense", model)


def boosting(features: Features, number: bool, seed: int) -> Any:
    """Gradient boosting over histograms; categories and missing cells are read natively."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if number else HistGradientBoostingClassifier
    model = kind(max_iter=100, early_stopping=False, categorical_features="from_dtype", random_state=seed)
    return _behind(features, "native", model)


def mlp(features: Features, number: bool, seed: int) -> Any:
    """A network of one hidden layer; a number is predicted in units of its standard deviation."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.preprocessing import StandardScaler

    settings: dict[str, Any] = {"hidden_layer_sizes": (64,), "batch_size": 256, "max_iter": 10, "random_state": seed}
    if number:
        model = TransformedTargetRegressor(MLPRegressor(**settings), transformer=StandardScaler())
    else:
        model = MLPClassifier(**settings)
    return _behind(features, "sparse", model)


def lightgbm(features: Features, number: bool, seed: int) -> Any:
    """LightGBM with its own settings."""
    _installed("lightgbm")
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMRegressor if number else LGBMClassifier
    model = kind(random_state=seed, n_jobs=1, deterministic=True, force_row_wise=True, verbose=-1)
    return _behind(features, "native", model)


def catboost(features: Features, number: bool, seed: int) -> Any:
    """CatBoost with its own settings but for 300 trees; it chooses the learning rate by their number."""
    _installed("catboost")
    from catboost import CatBoostClassifier, CatBoostRegressor

    kind = CatBoostRegressor if number else CatBoostClassifier
    model = kind(
        iterations=300,
        random_seed=seed,
        thread_count=1,
        verbose=False,
        allow_writing_files=False,
        cat_features=[f"c{i}" for i in range(len(features.categories))],
    )
    return _behind(features, "texts", model)


RAW_MODELS: Mapping[str, RawBuilder] = {
    "logistic": logistic,
    "forest": forest,
    "boosting": boosting,
    "mlp": mlp,
    "lightgbm": lightgbm,
    "catboost": catboost,
}
FOR_A_NUMBER = {"logistic": "linear"}  # the name in records of models that are called otherwise when they predict a number


def own_raw_model(make: Callable[..., Any]) -> RawBuilder:
    """The builder of a person's own model: `make` gives an object with `fit` and `predict_proba`, or `predict` for a number.

    Its input is a dense matrix of floats: numbers imputed and scaled, categories one-hot. It is called with the seed as
    `seed` or `random_state` if it takes either, else with nothing.
    """

    def build(features: Features, number: bool, seed: int) -> Any:
        return _behind(features, "dense", made(make, seed))

    return build


def check_installed(name: str) -> None:
    """Raise InputError, naming the extra, if a model of ours needs a package that is not installed."""
    if name in ("lightgbm", "catboost"):
        _installed(name)


def _installed(package: str) -> None:
    if find_spec(package) is None:
        raise InputError(f"the evaluator {package} needs the package {package}; install it with `pip install 'dpdsyn[{EXTRA}]'`")


def _behind(features: Features, form: str, model: Any) -> Preprocessed:
    """The model behind its input: a `sparse` or `dense` matrix, or columns as they are, categories `native` or `texts`."""
    from experiments.evaluation.raw.preprocessing import Native, matrix

    matrices = form in ("sparse", "dense")
    return Preprocessed(matrix(features, form == "dense") if matrices else Native(features, texts=form == "texts"), model)
