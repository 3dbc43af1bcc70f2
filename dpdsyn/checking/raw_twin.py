"""A raw table whose mechanisms note how far one unit moves their answers, and which noise these have.

What is exact is counted anew here, cell by cell and without the code of the mechanisms; what was charged is read off the ledger.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from dpdsyn.checking.blind_learning import Answers
from dpdsyn.checking.twin import Call
from dpdsyn.learning.grids import Grid, Values
from dpdsyn.learning.raw_table import LONGEST, RawTable
from dpdsyn.mechanisms.contribution_bounding import bounded
from dpdsyn.privacy import Ledger
from dpdsyn.reading.cells import as_spelled, is_missing, is_single
from dpdsyn.schema import Schema

_CERTAIN = 8.0  # standard deviations above the threshold, from which on a value is told of whatever its noise is


class RawTwin(RawTable):
    """A raw table that knows which of its rows are in question: one, or all those of one person.

    calls: as of `checking.twin.Twin`; `stated` and `moved` are in units of the noise of one answer: what of zCDP was charged, and
    what it takes to cover how far the exact answers with and without the rows lie apart. untold: what is wrong with values that
    were told of, one clause each.
    """

    others: pd.DataFrame
    row: pd.DataFrame
    present: bool
    most: int
    calls: list[Call]
    untold: list[str]
    books: Ledger

    @classmethod
    def of(
        cls,
        others: pd.DataFrame,
        row: pd.DataFrame,
        present: bool,
        schema: Schema,
        ledger: Ledger,
        rng: np.random.Generator,
        key: bytes = b"",
    ) -> Self:
        """The table of the other rows and, if they are `present`, the rows in question."""
        whole = pd.concat([others, row], ignore_index=True)
        twin = cls(whole if present else others, schema, ledger, rng, key)
        used, held = bounded(whole, schema, key).used, len(others)
        twin.others, twin.row, twin.present = others[used[:held]], row[used[held:]], present
        twin.most, twin.calls, twin.untold, twin.books = schema.max_rows_per_person or 1, [], [], ledger
        return twin

    def noisy_count(self, sigma: float, ledger: Ledger) -> float:
        before = _charged(self.books)[0]
        answer = super().noisy_count(sigma, ledger)
        pull, exact = len(self.row) / self.most, len(self.others) / self.most
        noise = answer - exact - pull * self.present
        stated = math.sqrt(2 * (_charged(self.books)[0] - before))
        self._note(("noisy_count", sigma), stated, pull / sigma, np.array([noise / sigma]), sigma)
        return answer

    def histograms(
        self,
        grids: Sequence[Grid],
        sigmas: Sequence[float],
        listed: Sequence[str] = (),
        listed_sigma: float = 1.0,
        listed_delta: float = 0.0,
    ) -> Answers:
        before = _charged(self.books)
        answers, told = super().histograms(grids, sigmas, listed, listed_sigma, listed_delta)
        rho, delta = (after - own for after, own in zip(_charged(self.books), before, strict=True))
        moved = 0.0
        noises: list[tuple[Any, np.ndarray, float]] = []
        for grid, sigma, given in zip(grids, sigmas, answers, strict=True):
            for level, (answer, counts, pull) in enumerate(zip(given, *self._both(grid), strict=True)):
                moved += float((pull**2).sum()) / sigma**2
                noises.append(((type(grid).__name__, grid.name, level), (answer - counts) / sigma, sigma))
        for name, values in zip(listed, told, strict=True):
            said, own = _said(self.others[name]), _said(self.row[name])
            moved += sum((n / self.most) ** 2 for text, n in own.items() if text in said or text is None) / listed_sigma**2
            noises.append((("values", name), self._sure(values, said, own, listed_sigma, delta / len(listed)), listed_sigma))
        for asked, noise, sigma in noises:
            self._note(("histograms", *asked, sigma), 0.0, 0.0, noise, sigma)
        self._note(("histograms", len(noises)), math.sqrt(2 * rho), math.sqrt(moved))
        return answers, told

    def _note(self, asked: tuple[Any, ...], stated: float, moved: float, noise: Any = None, sigma: float = 1.0) -> None:
        self.calls.append(Call(asked, stated, moved, 0.0, noise, 1 / (self.most * sigma)))

    def _both(self, grid: Grid) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Of each resolution the exact counts of this very table, and how far those with and without the rows lie apart."""
        with_row, without = (_resolutions(grid, frame) for frame in (pd.concat([self.others, self.row]), self.others))
        exact = with_row if self.present else without
        return [counts / self.most for counts in exact], [(a - b) / self.most for a, b in zip(with_row, without, strict=True)]

    def _sure(
        self, told: Mapping[str | None, float], counts: Counter[Any], pulls: Counter[Any], sigma: float, delta: float
    ) -> np.ndarray:
        """The noise of values that are told of for certain; notes values that should not have been."""
        exact = {text: (counts[text] + pulls[text] * self.present) / self.most for text in (*counts, *pulls, None)}
        least = least_count(sigma, delta, self.most)
        for text, noisy in told.items():
            if text not in exact:
                self.untold.append("a value is told of that no row has")
            elif text is not None and noisy < least - 1e-9:
                self.untold.append(
                    f"a value is told of at a noisy count of {noisy:.4g}; the delta charged for asks for {least:.4g}"
                )
        sure = [text for text, count in exact.items() if text is None or count > least + _CERTAIN * sigma]
        return np.array([(told.get(text, -math.inf) - exact[text]) / sigma for text in sure])


def least_count(sigma: float, delta: float, most: int) -> float:
    """The count from which on a value may be told of at this delta, in units; infinite at none. By bisection, in rows."""
    if not delta > 0:
        return math.inf

    def chance(rows: float) -> float:  # that a value with `most` rows has so many after noise, which is rounded
        return most * math.erfc((rows - most - 0.5) / (sigma * most * math.sqrt(2))) / 2

    low, high = -100 * sigma * most, most + 100 * sigma * most
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if chance(middle) > delta else (low, middle)
    return high / most


def _charged(ledger: Ledger) -> tuple[float, float]:
    """The zCDP of all Gaussians, and the delta of all thresholds, that a ledger has been charged."""
    rho = delta = 0.0
    for entry in ledger.entries:
        if entry["mechanism"] == "Gaussian":
            rho += entry["count"] / (2 * entry["noise_multiplier"] ** 2)
        elif entry["mechanism"] == "Threshold":
            delta += entry["count"] * entry["delta"]
    return rho, delta


def _resolutions(grid: Grid, frame: pd.DataFrame) -> list[np.ndarray]:
    """Exact counts: of each code, and of a grid of many values those of the runs of neighbours that it names."""
    codes = grid.codes(frame[grid.name])
    counts = np.bincount(codes, minlength=grid.size)
    if not isinstance(grid, Values):
        return [counts]
    said = codes[codes < grid.size - 1]
    runs = [(np.searchsorted(begins, said, side="right") - 1, len(begins)) for begins in grid.coarser]
    return [counts, *(np.bincount(places, minlength=size) for places, size in runs)]


def _said(cells: Iterable[Any]) -> Counter[Any]:
    """How often each value occurs; None stands for cells that say nothing. One cell after the other."""
    found: Counter[Any] = Counter()
    for cell in cells:
        if is_missing(cell) or not is_single(cell):
            found[None] += 1
        elif len(text := as_spelled(cell)) <= LONGEST:
            found[text] += 1
    return found
