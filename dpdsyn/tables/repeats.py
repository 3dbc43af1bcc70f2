"""Columns that may say whose row it is: many different values, numbers or codes, that come up a few times each.

Whether one does only its owner knows, so a draft asks. A column's name says most: of one that is named like a person, or a
person's id, any repeats are asked about, but not where it counts them, as num_accounts does; of other ids, few each; where the
name says nothing, cells have to look like ids: many, none of them common, and, if they are numbers, spread evenly, as numbers
that are given out are and quantities are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from dpdsyn.tables.identifiers import MANY_EACH, QUANTITIES, is_person, naming, words_of

_LEAST = 20  # different values; fewer are classes, whatever the column is called
_MANY, _EACH = 500, (1.02, 20.0)  # different values, and cells of each, of what is named like neither
_COMMON = 0.15  # of all cells, that the commonest hundredth of such values may have
_EVEN = 0.1  # largest distance of such numbers' distribution from an even one
_SHAPES = 5  # that such codes may have
_LONGEST = 40  # characters of a code
_LOOKED_AT = 5000  # different codes


@dataclass(frozen=True)
class Repeats:
    """different: how many values there are. cells: how many have one. most: those of the commonest value.

    likely: enough for a draft to be refused until it is answered. Of numbers whose name says nothing it is not, for they may be a
    quantity that is spread evenly: their owner is asked and may leave it at that.
    """

    different: int
    cells: int
    most: int
    likely: bool = True

    @property
    def told(self) -> str:
        """For the owner alone: it tells of rows."""
        each = self.cells / self.different
        return (
            f"values repeat: {self.different:,} different ones in {self.cells:,} rows, {each:.1f} each, at most {self.most:,}. "
            "Is this the `person`, whose rows they are? Without it the guarantee protects a row, and whoever has several is "
            "protected less"
        )


def repeats(name: str, values: Iterable[object], counts: np.ndarray, measures: bool = False) -> Repeats | None:
    """How often values repeat where the column may say whose row it is, else None.

    values: the different ones, numbers or texts, and counts of each, shape (different,). measures: whether texts are numbers or
    dates in another dress, so that the name alone can say so.
    """
    counts = np.asarray(counts)
    different, cells = len(counts), int(counts.sum())
    if different < _LEAST or cells == different or naming(name) == "code":
        return None
    values, words = list(values), words_of(name)
    numbers = isinstance(values[0], int | float | np.number)
    each = cells / different
    counted = numbers and each > MANY_EACH and len(words) > 1 and words[-1].endswith("s")  # current_installment_accounts
    if (is_person(words) and not counted) or (naming(name) == "id" and each <= MANY_EACH):
        return Repeats(different, cells, int(counts.max()))
    if measures or set(words) & QUANTITIES or different < _MANY or not _EACH[0] <= each <= _EACH[1]:
        return None
    common = np.sort(counts)[-max(1, different // 100) :].sum()
    alike = _are_even(values, counts) if numbers else _are_codes(values)
    return Repeats(different, cells, int(counts.max()), not numbers) if common <= _COMMON * cells and alike else None


def _are_even(values: list, counts: np.ndarray) -> bool:
    """Whether whole numbers are spread evenly from the least to the largest."""
    numbers = np.array(values, dtype=float)
    if (numbers % 1 != 0).any():
        return False
    order = np.argsort(numbers)
    numbers, shares = numbers[order], np.cumsum(counts[order]) / counts.sum()
    even = (numbers - numbers[0]) / (numbers[-1] - numbers[0])
    return bool(np.abs(shares - even).max() <= _EVEN)


def _are_codes(values: list) -> bool:
    """Whether texts are short, have digits, and look alike but for which letters and digits they have."""
    texts = [str(value).strip() for value in values[:_LOOKED_AT]]
    if not all(len(text) <= _LONGEST and re.search(r"\d", text) and " " not in text for text in texts):
        return False
    shapes = {re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", text)) for text in texts}
    return len(shapes) <= _SHAPES or (len({len(text) for text in texts}) == 1 and len(texts[0]) >= 8)
