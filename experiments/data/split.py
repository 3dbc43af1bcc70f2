"""Which rows are held out for testing, and which training rows a smaller table keeps: keyed hashes, so no row moves another."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dpdsyn.mechanisms.keyed_hash import content, hashes, numbered

VERSION = 2  # of the split of single rows: by content since 2, by row number before
_CUT = 2**32  # added to the seed, so that which rows are kept is no matter of which are for testing


def test_side(frame: pd.DataFrame, groups: str | tuple[str, ...], share: float, seed: int) -> np.ndarray:
    """Which rows are for testing, shape (rows,), bool: a keyed hash of (seed, group), below a threshold.

    A single row (`groups` "rows") is known by its content and the number of equal rows before it. The share of test rows is
    binomial about `share`.
    """
    if groups == "rows":
        return single_rows(frame, share, seed)
    ids = content_ids(frame if groups == "identical_rows" else frame[list(groups)])
    return _below(_mixed(ids, seed), share)


def single_rows(frame: pd.DataFrame, share: float, seed: int) -> np.ndarray:
    """About that share of the rows, shape (rows,), bool, each decided by the seed, its content and its occurrence number."""
    return _below(hashes(numbered(content(frame)), seed.to_bytes(32, "little"))[:, 0], share)


def kept(frame: pd.DataFrame, groups: str | tuple[str, ...], share: float | None, seed: int) -> np.ndarray:
    """Which training rows a smaller table has, shape (rows,), bool; a larger share keeps all of a smaller one."""
    if share is None:
        return np.ones(len(frame), dtype=bool)
    if groups == "rows":
        return single_rows(frame, share, seed + _CUT)
    return _below(_mixed(np.arange(len(frame), dtype=np.uint64), seed + _CUT), share)


def content_ids(frame: pd.DataFrame) -> np.ndarray:
    """One 64-bit id for each distinct row, shape (rows,); pandas' own, good for data that nobody made up to deceive."""
    return pd.util.hash_pandas_object(frame, index=False).to_numpy(dtype=np.uint64)


def _below(found: np.ndarray, share: float) -> np.ndarray:
    return found < np.uint64(int(share * 2**64))


def _mixed(ids: np.ndarray, seed: int) -> np.ndarray:
    """64-bit hashes of 64-bit ids; another seed gives unrelated ones."""
    return _mix(ids ^ _mix(np.array([seed], dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)))


def _mix(x: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every input bit changes every output bit."""
    with np.errstate(over="ignore"):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
