"""One column of three typed tables side by side: synthetic rows, real training rows, real test rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dpdsyn.schema import Schema
from experiments.evaluation.raw.typed_frame import is_numeric

MISSING = 0  # the code of a missing category


@dataclass(frozen=True)
class Compared:
    """Numbers as float64, NaN where missing; or codes of categories from 1, in the order of their texts, 0 where missing.

    synthetic, train, test: shape (rows,) of each. number: which of both it is. size: how many codes there are, `MISSING`
    included.
    """

    number: bool
    size: int
    synthetic: np.ndarray
    train: np.ndarray
    test: np.ndarray


def compared(synthetic: pd.DataFrame, train: pd.DataFrame, test: pd.DataFrame, schema: Schema) -> list[Compared]:
    """The columns that the real rows have, in the schema's order; what the synthetic rows lack is missing in each of them."""
    found = []
    for column in schema.columns:
        if column.name in train and column.name in test:
            absent = pd.Series(np.nan, index=synthetic.index, dtype=float)
            ours = synthetic.get(column.name, absent)
            found.append(_compared(is_numeric(column), ours, train[column.name], test[column.name]))
    return found


def _compared(number: bool, *tables: pd.Series) -> Compared:
    if number:
        return Compared(True, 0, *(cells.to_numpy(dtype=float) for cells in tables))
    together = pd.concat([cells.astype(object) for cells in tables], ignore_index=True)
    codes, values = pd.factorize(together, sort=True)
    ends = np.cumsum([len(cells) for cells in tables])[:-1]
    return Compared(False, len(values) + 1, *np.split(codes + 1, ends))
