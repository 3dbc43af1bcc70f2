"""smartnoise-synth 1.0.8, as its makers ship it; run by `serve.py` in an environment of its own.

The guarantee is the package's own word, unverified. Every column is given as categories that are known beforehand, so that no
budget is spent on bounds and no domain is learnt from rows. Seeds come from us: noise is drawn from NumPy's and torch's
generators in place of OpenDP's and Opacus's own seed, which could not be repeated; its distribution is the same. What its
source shows:

- `mst`, `aim`: rows are made by mbi 1.1.0 in a way (`synthetic_data("round")`) that couples columns which the model holds
  independent given others, so their two-way marginals are worse than those of independent columns. They never stand for
  MST or AIM. MST takes the exact number of rows as its total.
- `mwem`: splits the columns into groups that are independent of each other (the whole domain at once is out of reach);
  reads the smallest and largest code of each column and the number of rows off the table. Its guarantee has no delta.
- `dpgan`: batches are shuffled and cut, and accounted as Poisson samples. Epsilon is looked at before each epoch only, so that
  up to an epoch is spent beyond it; so it is in `dpctgan`.
- `dpctgan`, `patectgan`: how often each category occurs is used exactly and without a charge, and rows are drawn by their
  category: those of rare ones far more often than is accounted.
- `patectgan`: all teachers and the student are one and the same network, which sees all rows, and sampling conditions on
  training rows as they are.
- `pategan`, `patectgan`: as many teachers as there are thousands of rows, by the exact count; the epsilon that ends training is
  itself computed from the rows.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

METHODS = {
    "mst": ("snsynth.mst.mst", "MSTSynthesizer"),
    "aim": ("snsynth.aim.aim", "AIMSynthesizer"),
    "mwem": ("snsynth.mwem", "MWEMSynthesizer"),
    "patectgan": ("snsynth.pytorch.nn.patectgan", "PATECTGAN"),
    "dpctgan": ("snsynth.pytorch.nn.dpctgan", "DPCTGAN"),
    "pategan": ("snsynth.pytorch.nn.pategan", "PATEGAN"),
    "dpgan": ("snsynth.pytorch.nn.dpgan", "DPGAN"),
}
_OF_COUNTS = ("mst", "aim", "mwem")
_SILENT = ("pategan", "dpgan")  # take no `verbose`


def prepare(method: str) -> Callable[..., Callable[[int, int], pd.DataFrame]]:
    """The method's `fit`, with everything imported that it needs."""
    module_name, class_name = METHODS[method]
    module = import_module(module_name)
    kind = getattr(module, class_name)
    networks = method not in _OF_COUNTS

    def fit(
        frame: pd.DataFrame, sizes: list[int], epsilon: float, delta: float, seed: int, options: dict[str, Any]
    ) -> Callable[[int, int], pd.DataFrame]:
        _seed(seed)
        _seed_networks(seed) if networks else _draw_noise_from_numpy(module)
        given = {} if method == "mwem" else {"delta": delta}
        told = {} if method in _SILENT else {"verbose": True}
        synthesizer = kind(epsilon=epsilon, **given, **told, **options)
        synthesizer.fit(frame, transformer=_public_domain(sizes, one_hot=networks))

        def sample(rows: int, seed: int) -> pd.DataFrame:
            _seed(seed)
            if networks:
                _seed_networks(seed)
            return synthesizer.sample(rows)

        return sample

    return fit


def _public_domain(sizes: list[int], one_hot: bool) -> Any:
    """How the package is told of the categories: transformers that have been fitted on every code once, and on no row."""
    from snsynth.transform import ChainTransformer, LabelTransformer, OneHotEncoder, TableTransformer

    columns = []
    for size in sizes:
        labels = LabelTransformer(nullable=False)
        column = ChainTransformer([labels, OneHotEncoder()]) if one_hot else labels
        column.fit(list(range(size)))
        columns.append(column)
    return TableTransformer(columns)


def _seed(seed: int) -> None:
    """Set the global generators that the package draws from."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002


def _seed_networks(seed: int) -> None:
    import opacus
    import torch

    torch.manual_seed(seed)
    opacus.PrivacyEngine._set_seed = lambda engine, entropy: torch.manual_seed(seed)


def _draw_noise_from_numpy(module: Any) -> None:
    if hasattr(module, "gaussian_noise"):
        module.gaussian_noise = lambda sigma, size=None: np.random.normal(0.0, sigma, size)  # noqa: NPY002
    if hasattr(module, "laplace_noise"):
        module.laplace_noise = lambda scale, size=None: np.random.laplace(0.0, scale, size)  # noqa: NPY002
