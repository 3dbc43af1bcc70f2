"""Which steps of a fit a record and MLflow have: of a method with thousands of them fifty."""

from __future__ import annotations

from collections.abc import Sequence

_MOST = 50


def kept(count: int) -> list[int]:
    """Of so many steps, counted from 0, fifty at even distances; the first and the last are among them."""
    if count <= _MOST:
        return list(range(count))
    return [round(one * (count - 1) / (_MOST - 1)) for one in range(_MOST)]


def thinned(values: Sequence[float]) -> list[list[float]]:
    """Pairs of a step and its value, with five digits, of the steps that are kept."""
    return [[step, float(f"{values[step]:.5g}")] for step in kept(len(values))]
