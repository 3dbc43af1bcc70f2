"""Columns of a table that say the same, in the same words or in others: what to tell its owner, who may keep one of them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

import pandas as pd

_LEAST_ROWS = 20
_EACH = 2  # rows of each value, in the mean; of values that hardly repeat, any two columns could be told from each other


def copies(columns: Mapping[str, pd.Series]) -> dict[str, str]:
    """Of each column that says the same as one before it, a remark. columns: of cells, missing ones NaN, by name."""
    first: dict[bytes, str] = {}
    found: dict[str, str] = {}
    for name, cells in columns.items():
        codes, values = pd.factorize(cells)  # by when they first stand there: alike where one column tells the other
        if len(cells) < _LEAST_ROWS or len(values) + bool((codes < 0).any()) < 2:
            continue
        repeats = len(cells) >= _EACH * len(values)
        told = codes if repeats else pd.util.hash_pandas_object(cells.astype("str"), index=False).to_numpy()
        other = first.setdefault(blake2b(told.tobytes()).digest(), name)
        if other != name:
            same = not repeats or cells.astype("str").equals(columns[other].astype("str"))
            how = "it has the same cells" if same else "in other words it says the same"
            found[name] = f"{how} as {other} in every row: keep one, and put the other under `ignore`"
    return found
