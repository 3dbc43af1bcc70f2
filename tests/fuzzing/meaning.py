"""What a cell means under a column's description, told without the code of the library: the fuzzer's oracle.

Cells are plain Python values: None, texts, numbers, truth values, dates, moments, times of day. The edges of bins alone are taken
from the library, for they are part of what a schema states.
"""

from __future__ import annotations

import math
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

MISSING, UNREADABLE = -1, -2
_CLOCK = -25567.0  # 1900-01-01, the day of times of day
FOR_MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None")  # what these cells are in a CSV file
SECONDS = {"day": 86_400, "hour": 3600, "minute": 60, "second": 1}
_DAY_ZERO = date(1970, 1, 1)
_NUMERAL = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")


def is_number(value: Any) -> bool:
    """Whether it is a number, no truth value."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def said(value: Any) -> str:
    """The text of a cell, as the README has it: 1, 1.0 and "1.0" are one, so are true and True, a day and its midnight."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | Decimal) and math.isfinite(value):
        exact = Decimal(repr(value)) if isinstance(value, float) else value
        if exact == exact.to_integral_value():
            return str(int(value))
        return repr(value) if isinstance(value, float) else f"{exact.normalize():f}"
    if isinstance(value, datetime):
        text = str(value)
        return text.removesuffix(" 00:00:00") if value.tzinfo is None else text
    text = unicodedata.normalize("NFC", str(value).strip())
    if found := re.fullmatch(r"(\d{4}-\d\d-\d\d)[ T]00:00(:00(\.0+)?)?", text):
        return found[1]
    if found := re.fullmatch(r"(-?\d+)\.0+", text):
        text = found[1]
    return "0" if text == "-0" else text.lower() if text.lower() in ("true", "false") else text


def amount(value: Any) -> Decimal | None:
    """The number that a number or a text is, None if it is none; 007 is a code."""
    if is_number(value):
        return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if isinstance(value, str) and _NUMERAL.fullmatch(said(value)):
        return Decimal(said(value))
    return None


def _equal(one: Decimal, other: Decimal) -> bool:
    """Whole numbers by all their digits, others as doubles."""
    if one == other:
        return True
    fractions = any(number % 1 for number in (one, other)) if max(abs(one), abs(other)) < 2**53 else False
    return fractions and float(one) == float(other)


class Meaning:
    """Of one column. spec: its description as a schema file has it, with plain values. edges: of its bins, if any."""

    def __init__(self, spec: Mapping[str, Any], edges: Sequence[float] = ()) -> None:
        self.spec = spec
        self.kind = spec["kind"]
        listed = spec.get("categories")
        self.categories = list(listed) if isinstance(listed, list | tuple) else []
        self._texts = {said(category): i for i, category in enumerate(self.categories)}
        self._amounts = [None if isinstance(c, bool) else amount(c) for c in self.categories]
        self._seen: dict[str, tuple[int, bool]] = {}
        self.edges = list(edges)
        self.pieces = spec.get("pieces")
        bounds = spec.get("bounds")
        self.bounds = None if bounds in (None, "learn") else [self._bound(end) for end in bounds]
        self._of_clock = self.bounds is not None and self.bounds[0] < _CLOCK + 1 and ":" in str(bounds[0])
        clock = self.kind == "date" and self.bounds is None and not re.search("%[YymdbBjU]", spec.get("format") or "%Y")
        if clock and spec.get("resolution") not in (None, "day"):
            self.bounds = [_CLOCK, _CLOCK + 1]
        self.is_open = not (self.pieces or self.edges or self.categories)
        has_other = spec.get("other", self.kind == "categorical" and "cut_at" not in spec)
        values = len(self.categories) or (len(self.pieces["starts"]) if self.pieces else len(self.edges) - 1)
        self.unknown = values + (spec.get("missing") == "own_code") if has_other else UNREADABLE

    def _bound(self, end: Any) -> float:
        if self.kind == "date" and (clock := re.fullmatch(r"(\d\d):(\d\d)(?::(\d\d))?", str(end))):
            hours, minutes, seconds = (int(part or 0) for part in clock.groups())
            return _CLOCK + (hours * 3600 + minutes * 60 + seconds) / 86400
        return float(_days(date.fromisoformat(str(end)[:10]))) if self.kind == "date" else float(end)

    @property
    def takes_numbers(self) -> bool:
        """Whether a file with decimal commas is read so that points group thousands in this column."""
        return self.kind in ("integer", "real", "date") or "cut_at" in self.spec or any(map(is_number, self.categories))

    def lists(self, text: str) -> bool:
        """Whether a text is one of the categories."""
        return bool(self.categories) and self._listed(text) is not None

    def of(self, cell: Any) -> tuple[int, bool]:
        """The code of a cell, MISSING or UNREADABLE, 0 where the column is open; and whether it lies outside the bounds."""
        if cell is None or (isinstance(cell, float | Decimal) and math.isnan(cell)):
            return MISSING, False
        if isinstance(cell, str):
            if cell not in self._seen:
                self._seen[cell] = self._of(cell)
            return self._seen[cell]
        return self._of(cell)

    def _of(self, cell: Any) -> tuple[int, bool]:
        if self.kind == "categorical":
            return self._category(cell), False
        value = self._moment(cell) if self.kind == "date" else _float(cell)
        if value is None or math.isnan(value) or (self.bounds is None and math.isinf(value)):
            return UNREADABLE, False
        outside = not self._first <= value <= self._last
        if self.is_open:
            return 0, outside
        if self.pieces:
            unit = round(value * 10 ** (self.spec.get("decimals") or 0)) if math.isfinite(value) else value
            return max(bisect_right(self.pieces["starts"], unit) - 1, 0), outside
        return min(max(bisect_right(self.edges, value) - 1, 0), len(self.edges) - 2), outside

    @property
    def _parts(self) -> int:
        return 86_400 // SECONDS[self.spec.get("resolution") or "day"] if self.kind == "date" else 1

    @property
    def _first(self) -> float:
        if self.bounds is None:
            return _days(date(1800, 1, 1)) * self._parts if self.kind == "date" else -self._most
        return self.bounds[0] * self._parts

    @property
    def _last(self) -> float:
        if self.bounds is None:
            return _days(date(2200, 1, 1)) * self._parts - 1 if self.kind == "date" else self._most
        return self.bounds[1] * self._parts + (0 if self._of_clock else self._parts - 1)

    @property
    def _most(self) -> float:
        """The largest number that is told apart where no bounds are stated."""
        return 2.0**53 / 10.0 ** (self.spec.get("decimals") or 0)

    def _category(self, cell: Any) -> int:
        if isinstance(cell, list | dict | set | tuple):
            return UNREADABLE
        if cuts := self.spec.get("cut_at"):
            value = _float(cell)
            if value is not None and not math.isnan(value):
                return bisect_left(list(cuts), value)
        if not self.categories:
            return 0
        found = self._listed(cell)
        return self.unknown if found is None else found

    def _listed(self, cell: Any) -> int | None:
        if (place := self._texts.get(said(cell))) is not None:
            return place
        number = amount(cell)
        if number is None:
            return None
        same = [i for i, other in enumerate(self._amounts) if other is not None and _equal(number, other)]
        if isinstance(cell, str):
            same = [i for i in same if is_number(self.categories[i])]
        return same[0] if len(same) == 1 else None

    def _moment(self, cell: Any) -> float | None:
        """Days, or whole parts of days, as the clock on the wall shows them."""
        form, seconds = self.spec.get("format"), SECONDS[self.spec.get("resolution") or "day"]
        if isinstance(cell, time):
            cell = datetime.combine(date(1900, 1, 1), cell) if form and seconds < 86_400 else str(cell)
        if not isinstance(cell, date):
            if isinstance(cell, list | dict | set | tuple | timedelta):
                return None
            cell = _parsed(said(cell) if not isinstance(cell, str) else cell.strip(), form)
        if cell is None:
            return None
        inside = (cell.hour * 60 + cell.minute) * 60 + cell.second if isinstance(cell, datetime) else 0
        return float((_days(cell) * 86_400 + inside) // seconds)


def _days(day: date) -> int:
    return day.toordinal() - _DAY_ZERO.toordinal()


def _float(cell: Any) -> float | None:
    if isinstance(cell, bytes):
        return _float(cell.decode("utf-8", "replace"))
    if isinstance(cell, str):
        try:
            return None if "_" in cell else float(cell.strip())
        except ValueError:
            return None
    try:
        return float(cell) if isinstance(cell, bool | int | float | Decimal) else None
    except OverflowError:
        return math.inf if cell > 0 else -math.inf
    except (ValueError, InvalidOperation):
        return None


def _parsed(text: str, form: str | None) -> datetime | date | None:
    try:
        if form is not None:
            return datetime.strptime(text, form)
        if found := re.fullmatch(r"(\d{4})(?:[-/](\d{1,2})(?:[-/](\d{1,2}))?)?", text):
            return date(*(int(part or 1) for part in found.groups()))
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def usable(codes: Sequence[Sequence[int]], rules: Sequence[str | None]) -> list[bool]:
    """Of each row whether the rules for missing cells leave it. codes: of each column those of all rows."""
    drops = [i for i, rule in enumerate(rules) if rule == "drop"]
    return [all(codes[i][row] >= 0 for i in drops) for row in range(len(codes[0]))]


def shares(meaning: Meaning, found: Sequence[tuple[int, bool]]) -> Counter[str]:
    """How many cells of a column are missing, unreadable, undeclared, outside bounds, or beyond what is learnt without any."""
    counted: Counter[str] = Counter()
    for code, outside in found:
        counted["missing"] += code == MISSING
        counted["unreadable"] += code == UNREADABLE
        counted["undeclared"] += not meaning.is_open and meaning.kind == "categorical" and code == meaning.unknown >= 0
        counted["beyond" if meaning.bounds is None else "clipped"] += outside
    return counted
