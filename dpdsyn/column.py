"""One column of a table: what it may hold, and how its cells are encoded as integers and decoded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.cells import canonical, days, each, is_single, number, numbers
from dpdsyn.checks import InputError
from dpdsyn.grain import uniform

KINDS = ("categorical", "integer", "real", "date")
MISSING_RULES = ("drop", "own_code")
SCALES = ("linear", "log")
OTHER_LABEL = "other"
DECIMAL_COMMA = re.compile(r"^([+-]?\d*),(\d+(?:[eE][+-]?\d+)?)$")
COMMA_HINT = "if the comma is a decimal mark, say so where the file is read (`decimal`)"
ABSENT, UNREADABLE = -1, -2  # what `Column.read` says of a cell that has no code
KEYS = {"kind", "categories", "bounds", "bins", "scale", "format", "cut_at", "missing", "other"}


class SchemaError(InputError):
    """The schema contradicts itself, or the data contradict the schema.

    row: the first row at fault, counted from 0, where there is one.
    """

    def __init__(self, message: str, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row


@dataclass(frozen=True)
class Column:
    """One column of the domain.

    Encoded values run over the categories (or bins), then there is one for missing cells (rule `own_code`), then one for
    categories nobody declared (`other`, categorical columns only). A date is the whole number of days since
    1970-01-01; its time of day is dropped. Its text follows `format` (as of strftime), or ISO 8601 if that is None.
    A categorical column may be a number cut into classes: `cut_at` holds the highest number of each class but the last.
    """

    name: str
    kind: str
    categories: tuple[Any, ...] = ()
    bounds: tuple[float, float] | None = None
    bins: int = 0
    scale: str = "linear"
    format: str | None = None
    cut_at: tuple[float, ...] = ()
    missing: str | None = None
    other: bool = False

    def __post_init__(self) -> None:
        where = f"column {self.name!r}"
        if self.kind not in KINDS:
            raise SchemaError(f"{where}: kind is {self.kind!r}; accepted: {', '.join(KINDS)}")
        if self.missing is not None and self.missing not in MISSING_RULES:
            raise SchemaError(f"{where}: missing is {self.missing!r}; accepted: {', '.join(MISSING_RULES)}, or left out")
        if self.format is not None and (self.kind != "date" or not isinstance(self.format, str)):
            raise SchemaError(f"{where}: format is {self.format!r}; it is a text such as %d.%m.%Y and belongs to date columns")
        if self.kind == "categorical":
            self._check_categories(where)
        else:
            self._check_bounds(where)

    @classmethod
    def from_mapping(cls, name: str, spec: Any, is_target: bool) -> Column:
        """A column as a YAML file describes it. Raises SchemaError, naming the key at fault."""
        if not isinstance(spec, Mapping):
            raise SchemaError(f"column {name!r}: a description such as {{kind: integer, bounds: [0, 120], bins: 16}} is needed")
        refuse_unknown(spec, KEYS, f"column {name!r}")
        kind, categories = spec.get("kind", ""), spec.get("categories")
        if categories is not None and not isinstance(categories, list | tuple):
            raise SchemaError(f"column {name!r}: categories are {categories!r}; a list such as [small, large] is needed")
        return cls(
            name=name,
            kind=kind,
            categories=tuple(categories or ()),
            bounds=None if spec.get("bounds") is None else _bounds(name, kind, spec["bounds"]),
            bins=spec.get("bins", 0),
            scale=spec.get("scale", "linear"),
            format=spec.get("format"),
            cut_at=_floats(name, "cut_at", spec["cut_at"]) if "cut_at" in spec else (),
            missing=spec.get("missing"),
            other=truth(
                spec.get("other", kind == "categorical" and not is_target and "cut_at" not in spec), f"column {name!r}: other"
            ),
        )

    def to_mapping(self) -> dict[str, Any]:
        """What `from_mapping` takes to give this column again."""
        raw: dict[str, Any] = {"kind": self.kind}
        if not self.ordered:
            raw |= {"categories": list(self.categories), "other": self.other} | (
                {"cut_at": list(self.cut_at)} if self.cut_at else {}
            )
        else:
            days = [str(np.datetime64("1970-01-01") + int(b)) for b in self.bounds or ()] if self.kind == "date" else self.bounds
            raw |= {"bounds": list(days or ()), "bins": self.bins, "scale": self.scale}
        return raw | {key: value for key, value in (("format", self.format), ("missing", self.missing)) if value is not None}

    def _check_categories(self, where: str) -> None:
        if not self.categories:
            raise SchemaError(f"{where}: a categorical column needs its list of categories")
        if any(isinstance(c, bool) for c in self.categories) and not all(isinstance(c, bool) for c in self.categories):
            raise SchemaError(f"{where}: YAML reads unquoted yes/no/on/off as true/false; quote these categories")
        if any(c is None or isinstance(c, list | dict) for c in self.categories):
            raise SchemaError(f"{where}: every category is a text or a number; missing cells have a rule, `missing`")
        texts = [canonical(c) for c in self.categories]
        if len(set(texts)) < len(texts):
            twice = sorted({t for t in texts if texts.count(t) > 1})
            raise SchemaError(f"{where}: categories given twice: {', '.join(twice)}")
        if self.bounds is not None or self.bins or self.scale != "linear":
            raise SchemaError(f"{where}: bounds, bins and scale belong to integer, real and date columns")
        if self.cut_at:
            self._check_cuts(where, texts)

    def _check_cuts(self, where: str, texts: list[str]) -> None:
        if any(low >= high for low, high in pairwise(self.cut_at)) or not np.isfinite(self.cut_at).all():
            raise SchemaError(f"{where}: cut_at is {list(self.cut_at)}; rising numbers are needed")
        if len(self.cut_at) != len(texts) - 1 or self.other:
            raise SchemaError(
                f"{where}: {len(self.cut_at)} cuts make {len(self.cut_at) + 1} classes and no `other`; given are {len(texts)}"
            )
        if not all(np.isnan(number(text)) for text in texts):
            raise SchemaError(f"{where}: classes cut out of a number need names that are no numbers")

    def _check_bounds(self, where: str) -> None:
        if self.categories or self.other or self.cut_at:
            raise SchemaError(f"{where}: categories, cut_at and other belong to categorical columns")
        if self.bounds is None or len(self.bounds) != 2:
            raise SchemaError(f"{where}: {self.kind} columns need bounds: [lowest, highest]")
        low, high = self.bounds
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise SchemaError(f"{where}: bounds are [{low}, {high}]; the first must be below the second, both finite")
        if self._whole and (low != int(low) or high != int(high)):
            raise SchemaError(f"{where}: bounds [{low}, {high}] of an {self.kind} column must be whole numbers")
        if self.scale not in SCALES:
            raise SchemaError(f"{where}: scale is {self.scale!r}; accepted: {', '.join(SCALES)}")
        if isinstance(self.bins, bool) or not isinstance(self.bins, int) or not 1 <= self.bins <= MOST_BINS:
            raise SchemaError(f"{where}: bins is {self.bins!r}; a whole number from 1 to {MOST_BINS} is needed")
        if len(self.edges) != self.bins + 1:
            raise SchemaError(f"{where}: {self.bins} bins do not fit between {low:g} and {high:g}; use fewer")

    @property
    def ordered(self) -> bool:
        """Whether the column holds numbers or dates, in bins."""
        return self.kind != "categorical"

    @property
    def _whole(self) -> bool:
        return self.kind in ("integer", "date")

    @property
    def edges(self) -> np.ndarray:
        """Lower edges of the bins, then the upper end (exclusive for whole numbers), shape (bins + 1,)."""
        low, high = self.bounds or (0.0, 0.0)
        span = high - low + (1 if self._whole else 0)
        steps = np.linspace(0.0, 1.0, self.bins + 1)
        if self.scale == "log":
            steps = np.expm1(steps * np.log1p(span)) / span
        edges = low + span * steps
        edges[-1] = low + span
        return np.unique(np.ceil(edges - 1e-9)) if self._whole else np.unique(edges)

    @property
    def values(self) -> int:
        """Number of encoded values that stand for a declared category or a bin."""
        return self.bins if self.ordered else len(self.categories)

    @property
    def missing_code(self) -> int | None:
        """The code of missing cells, or None if they have none of their own."""
        return self.values if self.missing == "own_code" else None

    @property
    def other_code(self) -> int | None:
        """The code of undeclared categories, or None if there is none."""
        return self.values + (self.missing == "own_code") if self.other else None

    @property
    def size(self) -> int:
        """Size of the domain: the number of encoded values."""
        return self.values + (self.missing == "own_code") + self.other

    def encode(self, cells: pd.Series) -> np.ndarray:
        """The encoded cells, shape (rows,), int64; -1 where the row is to be dropped. Raises nothing, whatever a cell holds.

        The code depends on the cell alone. A cell that says nothing of the column's kind (text in a column of numbers, a
        category nobody declared where there is no `other`, a list) counts as missing. A missing cell follows the rule
        `missing`; without one it gets code 0, the first category or the lowest bin. `dpdsyn.preflight`
        tells of such cells.
        """
        return self.settled(self.read(cells))

    def settled(self, codes: np.ndarray) -> np.ndarray:
        """Of codes as `read` gives them what `encode` makes of them."""
        stand_ins = {"own_code": self.values, "drop": -1}  # without a rule the first value
        return np.where(codes < 0, stand_ins.get(self.missing or "", 0), codes)

    def read(self, cells: pd.Series) -> np.ndarray:
        """The code of each cell, int64; ABSENT where it is missing, UNREADABLE where it says nothing of the column's kind."""
        if self.ordered:
            found = days(cells, self.format) if self.kind == "date" else numbers(cells)
            codes = np.clip(np.searchsorted(self.edges, found.values, side="right") - 1, 0, self.bins - 1)
            codes[np.isnan(found.values)] = UNREADABLE
            codes[found.absent] = ABSENT
            return codes[found.positions]
        index = {canonical(category): code for code, category in enumerate(self.categories)}
        unknown = UNREADABLE if self.other_code is None else self.other_code

        def code(cell: Any) -> int:
            if not is_single(cell):
                return UNREADABLE
            if self.cut_at and not np.isnan(value := number(cell)):
                return int(np.searchsorted(self.cut_at, value, side="left"))
            return index.get(canonical(cell), unknown)

        return each(cells, code, ABSENT, np.int64)

    def complaint(self, cell: Any, named: str) -> str:
        """Why a cell is at fault, for its owner; `named` stands for the cell."""
        if not is_single(cell):
            return f"{named} is no single value but a {type(cell).__name__}"
        if self.kind == "date":
            form = f"written as {self.format}" if self.format else "of ISO 8601 such as 2024-03-31 (others: state its `format`)"
            return f"{named} is not a date {form}, and the schema says the column is one"
        if self.ordered:
            hint = f"; {COMMA_HINT}" if DECIMAL_COMMA.match(canonical(cell)) else ""
            return f"{named} is not a number, and the schema says the column is {self.kind}{hint}"
        if self.cut_at:
            return f"{named} is neither a number nor one of its classes ({shortened(self.categories)})"
        return f"{named} is not among its categories ({shortened(self.categories)}) and the column has no code for others"

    def decode(self, encoded: np.ndarray, rng: np.random.Generator) -> pd.Series:
        """Cells in the owner's own types, which the schema alone decides; missing cells are NaN.

        Whole numbers and dates are uniform inside their bin; real numbers too, among multiples of the largest power of ten that
        is at most a hundredth of the bin's width (`dpdsyn.grain`).
        """
        if not self.ordered:
            labels = [*self.categories, *([None] if self.missing == "own_code" else [])]
            numbered = all(isinstance(category, int) and not isinstance(category, bool) for category in self.categories)
            whole = numbered and self.missing == "own_code"  # beside a missing cell they would become 1.0 and 2.0
            cells = pd.Series(np.array(labels, dtype=object), dtype="Int64" if whole else object).infer_objects()
            if (encoded == self.other_code).any():  # never so in a sample
                cells = pd.concat([cells.astype(object), pd.Series([OTHER_LABEL], dtype=object)], ignore_index=True)
            return cells.take(encoded).reset_index(drop=True).rename(self.name)
        edges = self.edges
        bins = np.minimum(encoded, self.bins - 1)
        if self._whole:
            low, high = edges[bins], edges[bins + 1]
            numbers = np.floor(low + (high - low) * rng.random(len(encoded)))
        else:
            numbers = uniform(edges, bins, rng)
        if self.missing_code is not None:
            numbers[encoded == self.missing_code] = np.nan
        if self.kind == "date":
            return self._dates(numbers)
        if self.kind == "integer":
            numbers = pd.array(numbers, dtype="Int64" if self.missing_code is not None else "int64")
        return pd.Series(numbers, name=self.name)

    def _dates(self, days: np.ndarray) -> pd.Series:
        whole = np.where(np.isnan(days), 0, days).astype("timedelta64[D]") + np.datetime64("1970-01-01", "D")
        dates = pd.Series(whole.astype("datetime64[s]"), name=self.name).mask(np.isnan(days))
        return dates if self.format is None else dates.dt.strftime(self.format)


MOST_BINS = 1000


def refuse_unknown(raw: Mapping[Any, Any], known: set[str], where: str) -> None:
    """Raise SchemaError, naming the accepted keys, if there is one that nobody knows."""
    unknown = sorted(str(key) for key in raw if key not in known)
    if unknown:
        close = get_close_matches(unknown[0], known, n=1, cutoff=0.7)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise SchemaError(f"{where}: unknown key {', '.join(unknown)}{hint}; accepted: {', '.join(sorted(known))}")


def truth(value: Any, where: str) -> bool:
    """The value, if it is true or false; else SchemaError."""
    if not isinstance(value, bool):
        raise SchemaError(f"{where} is {value!r}; accepted: true, false")
    return value


def shortened(names: Iterable[Any], most: int = 12) -> str:
    """The first of the names, and how many there are in all."""
    texts = [str(name) for name in names]
    return ", ".join(texts[:most]) + (f", ... ({len(texts)} in all)" if len(texts) > most else "")


def _bounds(name: str, kind: str, given: Any) -> tuple[float, float]:
    if kind == "date":
        given = _days(name, given)
    numbers = _floats(name, "bounds", given)
    if len(numbers) != 2:
        raise SchemaError(f"column {name!r}: bounds are {given!r}; two numbers [lowest, highest] are needed")
    return numbers[0], numbers[1]


def _days(name: str, given: Any) -> list[int]:
    try:
        return [int((np.datetime64(str(b), "D") - np.datetime64("1970-01-01", "D")).astype(int)) for b in given]
    except (TypeError, ValueError, OverflowError):
        raise SchemaError(f"column {name!r}: bounds are {given!r}; two dates [1990-01-01, 2025-12-31] are needed") from None


def _floats(name: str, key: str, given: Any) -> tuple[float, ...]:
    try:
        return tuple(float(number) for number in given)
    except (TypeError, ValueError, OverflowError):
        raise SchemaError(f"column {name!r}: {key} is {given!r}; a list of numbers is needed") from None
