"""Numbers and dates that stand apart from all others of their column and are codes for a missing cell: 999, -1, 9999-12-31.

Codes come in families, 97 beside 98 and 99, so all that are known are set aside before it is judged how far each lies from what
is left; a family that what is left reaches gradually, as ages reach 98 and 99, is none.

It tells of rows: for a table's owner, before a budget opens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dpdsyn.reading.cells import canonical

_NINES = tuple(10**places - 1 for places in range(2, 10))
_BESIDE = tuple(
    float(nines - less) for nines in _NINES for less in (1, 2, 3)
)  # 98, 97, 96: codes where 99 is one or they are many
_REPEATED = tuple(float(str(digit) * places) for digit in (7, 8, 9) for places in range(2, 10))
_POINTED = (99.9, 999.9, 9999.9, 99.99, 999.99, 9999.99)
_OF_BITS = (2.0**15 - 1, 2.0**16 - 1, 2.0**31 - 1, 2.0**32 - 1)
_BELOW = (-1.0, -7.0, -8.0, -9.0, -(2.0**15), -(2.0**31))
_ABOVE = {*_BESIDE, *_REPEATED, *_POINTED, *_OF_BITS}
_OF_ANSWERS = (7.0, 8.0, 9.0)  # beside answers from 0 or 1 to 5 at most
_CODES = tuple(sorted({*_ABOVE, *(-code for code in _ABOVE), *_BELOW, *_OF_ANSWERS}))
_NEGATIVE = (
    -1.0,
    -9.0,
    -99.0,
    -999.0,
    -9999.0,
    -99.9,
    -999.9,
    -9999.9,
)  # codes even near to what else there is, none of it negative
_APART = 1.0  # times the width of all others
_CELLS = 2
_FAMILY = 10  # cells of 99 that make codes of 98 and 97
_MANY = 0.005  # of all cells
_ANSWERS = 5
_DATES = (
    *(
        "0001-01-01",
        "0001-01-02",
        "1753-01-01",
        "1800-01-01",
        "1899-12-30",
        "1899-12-31",
        "1900-01-01",
        "1900-01-02",
        "1901-01-01",
    ),
    *("1904-01-01", "1960-01-01", "1970-01-01", "2099-12-31", "2100-12-31", "2199-12-31", "2222-02-22", "2999-12-31"),
    *(
        "3000-01-01",
        "3000-12-31",
        "4712-12-31",
        "7777-07-07",
        "8888-08-08",
        "9000-01-01",
        "9999-01-01",
        "9999-09-09",
        "9999-12-30",
    ),
    "9999-12-31",
)
_COMMON = 0.02  # of all cells
_COMMONER = 10  # times as many as the commonest other date, where a date stands among the others


@dataclass(frozen=True)
class Sentinel:
    """A number, or a text that is a date, and how many of a column's cells have it. how: in what it differs from all others.

    written: how it stands in the file, where that is known, as -999.0 for -999.
    """

    value: float | str
    cells: int
    of: int
    how: str = "stands apart from all other values"
    written: str = ""

    @property
    def told(self) -> str:
        """For the owner alone."""
        code = self.value if isinstance(self.value, str) else f"{self.value:.0f}" if self.value % 1 == 0 else f"{self.value:.12g}"
        code = self.written or code
        what, word = ("a date", f"'{code}'" if " " in code else code) if isinstance(self.value, str) else ("a number", code)
        return (
            f"{code} {self.how}, in {self.cells / self.of:.1%} of cells: a code for a missing cell? Then "
            f"say `--missing {word}` wherever the file is read, or {code} is taken for {what}. It counts for all columns: where "
            "another one means what it says, empty these cells instead"
        )


class Sentinels:
    """What is needed of a column's numbers to tell, piece by piece."""

    def __init__(self) -> None:
        self._cells = np.zeros(len(_CODES), dtype=np.int64)
        self._of = 0
        self._low, self._high = np.inf, -np.inf
        self._answers = np.zeros(_ANSWERS + 1, dtype=np.int64)  # cells that are 0, 1, ..., if all others are codes
        self._rest = 0

    def add(self, values: np.ndarray) -> None:
        """Numbers of cells, NaN where there is none."""
        values = values[np.isfinite(values)]
        at = np.minimum(np.searchsorted(_CODES, values), len(_CODES) - 1)
        coded = np.array(_CODES)[at] == values
        self._cells += np.bincount(at[coded], minlength=len(_CODES))
        self._of += len(values)
        rest = values[~coded]
        self._rest += len(rest)
        if len(rest):
            self._low, self._high = min(self._low, float(rest.min())), max(self._high, float(rest.max()))
            answers = rest[(rest >= 0) & (rest <= _ANSWERS) & (rest % 1 == 0)]
            self._answers += np.bincount(answers.astype(np.int64), minlength=len(self._answers))

    def found(self) -> list[Sentinel]:
        """Codes that lie far from everything else; a negative one too where nothing else is negative."""
        seen = {code: int(cells) for code, cells in zip(_CODES, self._cells, strict=True) if cells}
        found = dict.fromkeys(self._beside_answers(seen), True)
        others = [code for code in seen if code not in found and not self._is_known(code, seen)]
        low, high = min([self._low, *others]), max([self._high, *others])
        if not low < high:
            return []
        negative = low >= 0 and any(seen.get(code, 0) >= _CELLS for code in _NEGATIVE)
        for code in sorted(seen.keys() - found.keys() - set(others), key=abs):  # 99 beside 98 and 97 is a number as these are
            far = max(code - high, low - code) > _APART * (high - low)
            found[code] = far or (code < 0 and negative and (code in _NEGATIVE or code in _BELOW))
            if not found[code]:
                low, high = min(low, code), max(high, code)
        return [Sentinel(code, seen[code], self._of) for code in sorted(seen) if found.get(code) and seen[code] >= _CELLS]

    def _is_known(self, code: float, seen: dict[float, int]) -> bool:
        """Whether a number is a code by itself, or by others that are there: 98 is one beside 99, or where many cells have it."""
        if code in _OF_ANSWERS:
            return False
        if abs(code) not in _BESIDE:
            return True
        nines = float(str(int(abs(code)))[:-1] + "9")
        return seen.get(float(np.copysign(nines, code)), 0) >= _FAMILY or seen[code] >= max(_CELLS, _MANY * self._of)

    def _beside_answers(self, seen: dict[float, int]) -> list[float]:
        """7, 8 and 9, or the last of them, where all else are codes, and answers up to 5, each given, with a gap behind them."""
        given = np.flatnonzero(self._answers)
        if self._answers.sum() != self._rest or len(given) < 2 or len(given) != given[-1] - given[0] + 1:
            return []
        codes = [code for code in _OF_ANSWERS if seen.get(code, 0)]
        if not codes or codes[-1] != 9 or len(codes) != 10 - codes[0] or min(seen[code] for code in codes) < _CELLS:
            return []
        least = 2 if any(code >= 77 and cells >= _CELLS for code, cells in seen.items()) else 3
        return codes if codes[0] - given[-1] >= least else []


class DateSentinels:
    """The same of a column's dates, piece by piece."""

    def __init__(self) -> None:
        self._cells: Counter[int] = Counter()  # of each day since 1970-01-01
        self._texts: dict[int, str] = {}  # of days that may be codes the first cell's

    def add(self, days: np.ndarray, cells: pd.Series) -> None:
        """Days since 1970-01-01 that cells show, NaN where they show none."""
        (there,) = np.nonzero(np.isfinite(days))
        known, first, counts = np.unique(days[there].astype(np.int64), return_index=True, return_counts=True)
        self._cells.update(dict(zip(known.tolist(), counts.tolist(), strict=True)))
        for place in np.flatnonzero(np.isin(known, _coded_days())):
            cell = cells.iloc[int(there[first[place]])]
            self._texts.setdefault(int(known[place]), cell.strip() if isinstance(cell, str) else canonical(cell))

    def found(self) -> list[Sentinel]:
        days = np.array(sorted(self._cells), dtype=np.int64)
        counts = np.array([self._cells[int(day)] for day in days], dtype=np.int64)
        return date_sentinels(pd.Series(days.astype("datetime64[D]")), lambda place: self._texts[int(days[place])], counts)


def _coded_days() -> np.ndarray:
    return np.array(_DATES, dtype="datetime64[D]").astype(np.int64)


def date_sentinels(moments: pd.Series, text_of: Callable[[int], str], counts: np.ndarray) -> list[Sentinel]:
    """Dates that are written for a missing one and lie further from all others than these from each other, or are far commoner.

    moments: the different ones, and counts of each, shape (different,). text_of: how the one of a place is written.
    """
    numbers = moments.to_numpy().astype("datetime64[D]").astype(np.int64)
    coded = np.isin(numbers, _coded_days())
    if not coded.any() or len(set(numbers[~coded])) < 2:
        return []
    others, of = numbers[~coded], int(counts.sum())
    low, high = others.min(), others.max()
    found = []
    for at in np.unique(numbers[coded]):
        own = np.flatnonzero(numbers == at)
        cells = int(counts[own].sum())
        far = max(at - high, low - at) > _APART * (high - low)
        common = cells >= _COMMON * of and cells >= _COMMONER * int(counts[~coded].max())
        if cells >= _CELLS and (far or common):
            text = text_of(int(own[np.argmax(counts[own])]))
            how = "stands apart from all other dates" if far else "is far more common than any other date"
            found.append(Sentinel(text, cells, of, how))
    return found
