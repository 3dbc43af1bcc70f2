"""Numbers that a key and a row's content decide alone, so that no row changes what becomes of another."""

from __future__ import annotations

import numpy as np
import pandas as pd


def keyed_hash(ids: np.ndarray, key: int) -> np.ndarray:
    """64-bit hashes of 64-bit ids, shape (rows,); another key gives unrelated ones."""
    return _mix(ids ^ _mix(np.array([key], dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)))


def content_ids(frame: pd.DataFrame) -> np.ndarray:
    """One 64-bit id for each distinct row, shape (rows,)."""
    return pd.util.hash_pandas_object(frame, index=False).to_numpy(dtype=np.uint64)


def _mix(x: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every input bit changes every output bit."""
    with np.errstate(over="ignore"):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
