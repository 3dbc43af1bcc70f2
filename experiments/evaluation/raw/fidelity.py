"""How near typed synthetic rows are to the real training rows, in units that no encoding chose.

- `wasserstein`: of each number or date the first Wasserstein distance between its known values, over the width of the range
  that the real training rows have (not the distance of quartiles, which is 0 where most cells are one value, as gains are). 1
  where the synthetic column has no value, or where the real one is a constant that it does not keep to. The mean over columns.
- `category_tvd`: of each categorical column the total variation distance, a missing cell being a value of its own; the mean.
- `correlation_error`: see `association`. `range_queries`: see `range_queries`. `grid_tvd1`, `grid_tvd2`, `grid_tvd3`: see
  `grid`.

A column that the synthetic table leaves out counts as missing in each of its rows, so that leaving it out is no way to be near.
Real training rows are at distance 0 from themselves; the grid and the queries are fixed by the test rows and a public seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dpdsyn.schema import Schema
from experiments.evaluation.raw.association import correlation_error
from experiments.evaluation.raw.compared import Compared, compared
from experiments.evaluation.raw.grid import grid_tvd
from experiments.evaluation.raw.range_queries import range_queries

NAMES = ("wasserstein", "category_tvd", "correlation_error", "range_queries", "grid_tvd1", "grid_tvd2", "grid_tvd3")


def raw_fidelity(synthetic: pd.DataFrame, train: pd.DataFrame, test: pd.DataFrame, schema: Schema) -> dict[str, float]:
    """The measures by name, each 0 for synthetic rows that are the training rows. NaN where the table has no such column.

    synthetic, train, test: typed, of at least one row each.
    """
    columns = compared(synthetic, train, test, schema)
    return {
        "wasserstein": _mean([wasserstein(column.synthetic, column.train) for column in columns if column.number]),
        "category_tvd": _mean([_category_tvd(column) for column in columns if not column.number]),
        "correlation_error": correlation_error(columns),
        "range_queries": range_queries(columns),
        **{f"grid_tvd{k}": grid_tvd(columns, k) for k in (1, 2, 3)},
    }


def wasserstein(synthetic: np.ndarray, real: np.ndarray) -> float:
    """Over the width of the real range; NaN is left out. NaN if the real column has no value."""
    from scipy.stats import wasserstein_distance

    ours, theirs = synthetic[~np.isnan(synthetic)], real[~np.isnan(real)]
    if not len(theirs):
        return float("nan")
    if not len(ours):
        return 1.0
    distance, width = float(wasserstein_distance(ours, theirs)), float(np.ptp(theirs))
    return distance / width if width > 0 else float(distance > 0)


def _category_tvd(column: Compared) -> float:
    ours, theirs = (np.bincount(codes, minlength=column.size) / len(codes) for codes in (column.synthetic, column.train))
    return 0.5 * float(np.abs(ours - theirs).sum())


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
