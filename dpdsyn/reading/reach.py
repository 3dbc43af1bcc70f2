"""How far numbers and dates are told apart where a schema states no bounds; what lies beyond is clipped."""

from __future__ import annotations

import numpy as np

from dpdsyn.reading.times_of_day import ends

YEARS = (1800, 2200)  # that dates are looked for in, the last one not among them
LARGEST = 2.0**53  # units that a number is counted in


def reach(kind: str, decimals: int, step: int, form: str | None) -> tuple[float, float]:
    """The lowest and the highest value of a column without bounds, dates in units of `step` seconds, as they are written."""
    if kind != "date":
        return -LARGEST / 10.0**decimals, LARGEST / 10.0**decimals
    first, end = (float(np.datetime64(f"{year}-01-01", "D").astype(np.int64)) for year in YEARS)
    return ends(kind, (first, end - 1), step, form)


def finite(values: np.ndarray) -> np.ndarray:
    """The numbers with NaN for infinite ones, which say nothing where no bounds are stated that they could be clipped to."""
    infinite = np.isinf(values)
    return np.where(infinite, np.nan, values) if infinite.any() else values
