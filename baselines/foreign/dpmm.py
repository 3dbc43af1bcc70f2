"""dpmm 0.1.9, as its makers ship it; run by `serve.py` in an environment of its own.

The guarantee is the package's own word, unverified. Columns are given encoded, with the known sizes of their domains, so that
its binning, which would spend budget, is left out. Gaussian noise is drawn from NumPy's seeded generator in place of
OpenDP's, which takes no seed; its distribution is the same. What its source shows:

- `privbayes`: parents are chosen by mutual information divided by the entropies, with the sensitivity of mutual information
  that is not divided, at the exact number of rows: the charge for the choice can be too small.
- `mst`, `privbayes`: measurements carry more noise than the fit is told of, and rare values are merged by the smaller figure.
- `aim`: its pipeline sets no limit to the model's size; ours is the one of its own class and of the paper, 80 MB.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

METHODS = {"mst": "MSTPipeline", "aim": "AIMPipeline", "privbayes": "PrivBayesPipeline"}
_NOISY = ("dpmm.models.mst", "dpmm.models.aim", "dpmm.models.base.mechanisms.mechanism")


def prepare(method: str) -> Callable[..., Callable[[int, int], pd.DataFrame]]:
    """The method's `fit`, with everything imported that it needs."""
    kind = getattr(import_module("dpmm.pipelines"), METHODS[method])
    for name in _NOISY:
        import_module(name).gaussian_noise = lambda sigma, size=None: np.random.normal(0.0, sigma, size)  # type: ignore[attr-defined]  # noqa: NPY002

    def fit(
        frame: pd.DataFrame, sizes: list[int], epsilon: float, delta: float, seed: int, options: dict[str, Any]
    ) -> Callable[[int, int], pd.DataFrame]:
        np.random.seed(seed)  # noqa: NPY002 - the package draws from it too
        pipeline = kind(epsilon=epsilon, delta=delta, disable_processing=True, n_jobs=1, **options)
        pipeline.fit(frame, domain=dict(zip(frame.columns, sizes, strict=True)), random_state=np.random.RandomState(seed))

        def sample(rows: int, seed: int) -> pd.DataFrame:
            drawn = pipeline.generate(n_records=rows, random_state=np.random.RandomState(seed))
            return drawn[list(frame.columns)].reset_index(drop=True)

        return sample

    return fit
