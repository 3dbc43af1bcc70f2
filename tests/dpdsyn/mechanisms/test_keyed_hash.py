"""Keyed hashes: of a key and content alone, spread evenly, and equal rows told apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dpdsyn.mechanisms.keyed_hash import content, hashes, numbered, occurrences


def test_a_hash_is_that_of_its_key_and_row_alone(rng: np.random.Generator) -> None:
    rows = rng.integers(0, 256, (500, 24), dtype=np.uint8)
    found = hashes(rows, bytes(16))
    assert found.shape == (500, 2) and found.dtype == np.uint64
    assert np.array_equal(hashes(rows[7:9], bytes(16)), found[7:9]) and len(np.unique(found)) == 1000
    other = hashes(rows, bytes(15) + b"\x01")
    bits = np.unpackbits((found ^ other).view(np.uint8))
    assert bits.mean() == pytest.approx(0.5, abs=0.01)
    for key in (bytes(15), bytes(65)):
        with pytest.raises(ValueError, match="16 to 64 are needed"):
            hashes(rows, key)
    assert hashes(rows[:0], bytes(16)).shape == (0, 2)


def test_content_is_the_same_for_the_same_cells_and_for_no_others() -> None:
    frame = pd.DataFrame({"a": ["x", "xy", "x", None, "", "1"], "b": ["yz", "z", "yz", "q", "q", 1]}, dtype=object)
    found = content(frame)
    assert found.shape == (6, 32) and len(np.unique(found, axis=0)) == 5
    assert np.array_equal(found[0], found[2]) and np.array_equal(content(frame.iloc[[3]])[0], found[3])


def test_equal_rows_are_numbered() -> None:
    rows = np.array([[1, 2], [3, 4], [1, 2], [1, 2], [3, 4]], dtype=np.uint8)
    assert occurrences(rows).tolist() == [0, 0, 1, 2, 1]
    assert len(np.unique(numbered(rows), axis=0)) == 5
    assert occurrences(rows[:0]).tolist() == [] and occurrences(np.zeros((2, 0), dtype=np.uint8)).tolist() == [0, 1]
