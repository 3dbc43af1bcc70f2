"""Codes for missing cells among numbers are named to an owner; numbers that are what they seem are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dpdsyn.tables.kinds import guessed
from dpdsyn.tables.sentinels import Sentinels


def told(*pieces: object) -> list[float]:
    column = Sentinels()
    for piece in pieces:
        column.add(np.asarray(piece, dtype=float))
    return [one.value for one in column.found()]


@pytest.mark.parametrize(
    ("cells", "codes"),
    [
        ([120, 135, 90, 999, 999], [999]),
        ([120, 135, np.nan, 999, 999, -1, -1], [-1, 999]),
        ([0.5, 1.25, 99.0, 99.0], [99]),
        ([0, 1, 2, -1, -1], [-1]),
        ([10, 20, 88, 99, 88, 99], [88, 99]),
        ([18, 50, 97, 98, 99, 99], []),  # ages
        ([120, 135, 90, 999], []),  # once is no code
        ([-20, -9, -9, 15], []),  # degrees
        ([0, -1, -1, -2, 5], []),
        ([5, 5, 999, 999], []),  # a column of two numbers
        ([100, 900, 999, 999, 990], []),
        ([1, 2, 5000, 5000], []),  # far, and no code
        ([], []),
    ],
)
def test_codes_that_stand_apart_are_found(cells: list[float], codes: list[float]) -> None:
    assert told(cells) == codes
    assert told(cells[:2], cells[2:]) == codes  # piece by piece


def test_a_draft_names_them() -> None:
    systolic = pd.Series([*map(str, range(90, 190)), "999", "999"], name="systolic")
    (remark,) = guessed(systolic).remarks
    assert remark.startswith("999 stands apart from all other values, in 2.0% of cells") and "`--missing 999`" in remark
