"""Numbers that stand apart from all others of their column and are written as a code for a missing cell: 999, -1, -99.

It tells of rows: for a table's owner, before a budget opens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_CODES = tuple(
    sorted(
        {sign * float(str(digit) * places) for digit in (7, 8, 9) for places in range(2, 10) for sign in (1, -1)}
        | {-1.0, -7.0, -8.0, -9.0}
    )
)
_APART = 1.0  # times the width of all others
_CELLS = 2


@dataclass(frozen=True)
class Sentinel:
    """A number and how many of a column's cells have it."""

    value: float
    cells: int
    of: int

    @property
    def told(self) -> str:
        """For the owner alone."""
        code = f"{self.value:.0f}"
        return (
            f"{code} stands apart from all other values, in {self.cells / self.of:.1%} of cells: a code for a missing cell? Then "
            f"say `--missing {code}` wherever the file is read, or {code} is taken for a number"
        )


class Sentinels:
    """What is needed of a column's numbers to tell, piece by piece."""

    def __init__(self) -> None:
        self._cells = np.zeros(len(_CODES), dtype=np.int64)
        self._of = 0
        self._low, self._high = np.inf, -np.inf

    def add(self, values: np.ndarray) -> None:
        """Numbers of cells, NaN where there is none."""
        values = values[np.isfinite(values)]
        at = np.minimum(np.searchsorted(_CODES, values), len(_CODES) - 1)
        coded = np.array(_CODES)[at] == values
        self._cells += np.bincount(at[coded], minlength=len(_CODES))
        self._of += len(values)
        rest = values[~coded]
        if len(rest):
            self._low, self._high = min(self._low, float(rest.min())), max(self._high, float(rest.max()))

    def found(self) -> list[Sentinel]:
        """Codes that lie far from everything else; a negative one too where nothing else is negative."""
        low, high = self._low, self._high
        if not low < high:
            return []
        seen = [(code, int(cells)) for code, cells in zip(_CODES, self._cells, strict=True) if cells]
        for code, _ in sorted(seen, key=lambda pair: abs(pair[0])):  # 99 beside 98 and 97 is a number as these are
            if not self._stands_apart(code, low, high):
                low, high = min(low, code), max(high, code)
        apart = [pair for pair in seen if self._stands_apart(pair[0], low, high) and pair[1] >= _CELLS]
        return [Sentinel(code, cells, self._of) for code, cells in apart]

    @staticmethod
    def _stands_apart(code: float, low: float, high: float) -> bool:
        gap = max(code - high, low - code)
        return gap > _APART * (high - low) or (code < 0 <= low and code in (-1.0, -9.0, -99.0, -999.0, -9999.0))
