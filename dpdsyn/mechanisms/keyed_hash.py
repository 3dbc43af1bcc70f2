"""Numbers that a key and a row's content decide alone, so that no row changes what becomes of another."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pandas as pd

from dpdsyn.reading.cells import canonical, distinct

LEAST_KEY = 16  # bytes
_WIDTH = 16  # bytes of a hash: two contents with the same one are not to be found


def hashes(rows: np.ndarray, key: bytes) -> np.ndarray:
    """128-bit hashes of rows of bytes, shape (rows, 2), uint64: keyed BLAKE2b (RFC 7693). Another key gives unrelated ones.

    rows: shape (rows, bytes), uint8. key: 16 to 64 bytes.
    """
    if not LEAST_KEY <= len(key) <= 64:
        raise ValueError(f"the key has {len(key)} bytes; {LEAST_KEY} to 64 are needed")
    width = rows.shape[1]
    raw = np.ascontiguousarray(rows, dtype=np.uint8).tobytes()
    found = b"".join(
        blake2b(raw[start : start + width], digest_size=_WIDTH, key=key).digest() for start in range(0, width * len(rows), width)
    )
    return np.frombuffer(found, dtype="<u8").reshape(len(rows), 2)


def content(frame: pd.DataFrame) -> np.ndarray:
    """What each row says, shape (rows, 16 * columns), uint8: the same bytes for the same cells, and no others."""
    parts = [cells_content(frame.iloc[:, i]) for i in range(frame.shape[1])]
    return np.hstack(parts) if parts else np.zeros((len(frame), 0), dtype=np.uint8)


def cells_content(cells: pd.Series) -> np.ndarray:
    """What each cell says, shape (rows, 16), uint8; zeros where it is missing."""
    positions, values = distinct(cells)
    texts = (canonical(value).encode("utf-8", "surrogatepass") for value in values)
    found = b"".join(blake2b(text, digest_size=_WIDTH).digest() for text in texts) + bytes(_WIDTH)
    return np.frombuffer(found, dtype=np.uint8).reshape(-1, _WIDTH)[positions]


def occurrences(rows: np.ndarray) -> np.ndarray:
    """How many rows of the same bytes stand before each, shape (rows,), int64: it tells equal rows apart."""
    if not len(rows) or not rows.shape[1]:
        return np.arange(len(rows), dtype=np.int64)
    whole = np.ascontiguousarray(rows, dtype=np.uint8).view(f"V{rows.shape[1]}").ravel()
    _, groups = np.unique(whole, return_inverse=True)
    return pd.Series(groups).groupby(groups).cumcount().to_numpy(dtype=np.int64)


def numbered(rows: np.ndarray) -> np.ndarray:
    """Rows of bytes with their occurrence numbers behind, shape (rows, bytes + 8), uint8: no two are the same."""
    return np.hstack([rows.astype(np.uint8, copy=False), occurrences(rows).astype("<i8")[:, None].view(np.uint8)])
