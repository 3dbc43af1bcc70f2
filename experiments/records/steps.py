"""Which steps of a fit a record and MLflow have: of a method with thousands of them some fifty."""

from __future__ import annotations

import math
from collections.abc import Sequence

_MOST = 50


def kept(count: int) -> list[int]:
    """Of so many steps, counted from 0, about fifty at even distances; the first and the last are among them."""
    return sorted({*range(0, count, math.ceil(count / _MOST) or 1), *range(count)[-1:]})


def thinned(values: Sequence[float]) -> list[list[float]]:
    """Pairs of a step and its value, with five digits, of the steps that are kept."""
    return [[step, float(f"{values[step]:.5g}")] for step in kept(len(values))]
