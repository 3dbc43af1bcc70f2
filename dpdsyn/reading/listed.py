"""Which of a column's listed categories a cell is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np

from dpdsyn.reading.cells import canonical, is_missing, is_single
from dpdsyn.reading.numerals import numeral


def is_number(value: Any) -> bool:
    """Whether a cell or a category is a number, no truth value and no text."""
    return isinstance(value, Real | Decimal) and not isinstance(value, bool | np.bool_ | np.timedelta64)


def plain(category: Any) -> Any:
    """A category as a schema file can hold it: a text, a number, or true or false; dates are their texts."""
    if isinstance(category, date | np.datetime64) and not is_missing(category):
        return canonical(category)
    if isinstance(category, str):
        return str(category)
    if isinstance(category, Decimal) and category.is_finite():
        exact = canonical(category)
        number = int(exact) if category == category.to_integral_value() and "E" not in exact else float(exact)
        return number if canonical(number) == exact else exact
    return category.item() if isinstance(category, np.generic) else category


def _said(value: Any) -> str | None:
    """The numeral of a number, or of a text that writes one; of a double the shortest, 1e23 and not 99999999999999991611392."""
    return numeral(str(value) if isinstance(value, float | np.floating) else canonical(value))


class Listed:
    """The categories of a column. A cell is one if both have the same text (`reading.cells.canonical`), or say the same number.

    A number in the list is compared as a number: 0.5 is the cell 0.50. Two texts are compared as texts, for 1.10 and 1.1 may
    be different codes; a cell that is a number itself is the one text that writes it, if there is only one.
    """

    def __init__(self, categories: Sequence[Any]) -> None:
        self._categories = categories
        self._texts = {canonical(category): code for code, category in enumerate(categories)}

    def __contains__(self, text: str) -> bool:
        return self.code(text) is not None

    def code(self, cell: Any) -> int | None:
        """Where the category that the cell is stands in the list, or None if it is in none."""
        text = canonical(cell)
        code = self._texts.get(text)
        if code is None and (among := self._numbers if isinstance(cell, str | bytes) else self._written):
            said = numeral(text) if isinstance(cell, str | bytes) else _said(cell) if is_number(cell) else None
            return None if said is None else among.get(said)
        return code

    def text(self, cell: Any) -> str:
        """The text of the category that the cell is, its own if it is in none: equal for cells that say the same."""
        code = self.code(cell) if is_single(cell) else None
        return canonical(cell if code is None else self._categories[code])

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """Categories that are numbers."""
        return {said: code for said, code in self._all if is_number(self._categories[code])}

    @cached_property
    def _written(self) -> dict[str, int]:
        """Categories that are numbers or write one, where no other one writes the same."""
        often = Counter(said for said, _ in self._all)
        return {said: code for said, code in self._all if often[said] == 1}

    @cached_property
    def _all(self) -> list[tuple[str, int]]:
        said = ((_said(c), code) for code, c in enumerate(self._categories) if not isinstance(c, bool | np.bool_))
        return [(text, code) for text, code in said if text is not None]
