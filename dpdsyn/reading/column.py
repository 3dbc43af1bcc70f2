"""One column of a table: what it may hold, and how its cells are encoded as integers and decoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.reading.cells import RESOLUTIONS, Different, canonical, days, each, is_missing, is_single, moments, number, numbers
from dpdsyn.reading.grain import uniform
from dpdsyn.reading.listed import Listed, plain
from dpdsyn.reading.numerals import numeral
from dpdsyn.reading.pieces import Pieces, units_of, values_of
from dpdsyn.reading.reach import finite, reach
from dpdsyn.reading.schema_values import SchemaError, check_cuts, floats, is_whole, pieces, refuse_unknown, shortened, truth
from dpdsyn.reading.spelling import check_written, plain_number, written_of
from dpdsyn.reading.times_of_day import bounds_of, ends, resolution_of, written

KINDS = ("categorical", "integer", "real", "date")
MISSING_RULES = ("drop", "own_code")
SCALES = ("linear", "log")
OTHER_LABEL = "other"
ABSENT, UNREADABLE = -1, -2  # what `Column.read` says of a cell that has no code
LEARN = "learn"  # what may stand in a schema where it leaves something open
UNLEARNT = ("leave_out", "noise")
MOST_DECIMALS = 12
MOST_BINS = 1000
_LEARNT = ("pieces", "counts", "count_sds", "written")  # of a column as a program keeps it; nothing that a person writes
KEYS = {
    *("kind", "categories", "bounds", "bins", "scale", "format", "cut_at", "missing", "other"),
    *("decimals", "resolution", "unlearnt", "emit_other", *_LEARNT),
}


@dataclass(frozen=True)
class Column:
    """One column of the domain.

    Encoded values run over the categories (or bins, or pieces), then there is one for missing cells (rule `own_code`), then one
    for categories nobody declared (`other`, categorical columns only). A date is the whole number of days since
    1970-01-01; its time of day is dropped, unless `resolution` is finer. Its text follows `format` (as of strftime), or ISO 8601
    if that is None.
    A categorical column may be a number cut into classes: `cut_at` holds the highest number of each class but the last.

    A column is *open* where it leaves to be learnt what it may hold: one of numbers or dates without bins and pieces, or a
    categorical one without categories. `learning.domain_learning` closes it and states, besides, noisy counts of its encoded
    values and the standard deviations of their noise (counts, count_sds). unlearnt: what becomes of it if nothing can be learnt:
    `leave_out` (also None), or `noise`.
    emit_other: whether `other` is published as a value of its own, else its cells get values that others have.
    written: how numbers among the categories were spelled (`dpdsyn.reading.spelling`), if in a way of their own.
    decimals: of numbers in pieces. resolution: of dates in pieces: day (also None), hour, minute or second.
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
    decimals: int | None = None
    resolution: str | None = None
    unlearnt: str | None = None
    emit_other: bool = False
    pieces: Pieces | None = None
    counts: tuple[float, ...] = ()
    count_sds: tuple[float, ...] = ()
    written: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        where = f"column {self.name!r}"
        if self.kind not in KINDS:
            raise SchemaError(f"{where}: kind is {self.kind!r}; accepted: {', '.join(KINDS)}")
        if self.missing is not None and self.missing not in MISSING_RULES:
            raise SchemaError(f"{where}: missing is {self.missing!r}; accepted: {', '.join(MISSING_RULES)}, or left out")
        if self.format is not None and (self.kind != "date" or not isinstance(self.format, str)):
            raise SchemaError(f"{where}: format is {self.format!r}; it is a text such as %d.%m.%Y and belongs to date columns")
        if self.unlearnt is not None and self.unlearnt not in UNLEARNT:
            raise SchemaError(f"{where}: unlearnt is {self.unlearnt!r}; accepted: {', '.join(UNLEARNT)}, or left out")
        if self.resolution is not None and (self.kind != "date" or self.resolution not in list(RESOLUTIONS)):
            raise SchemaError(
                f"{where}: resolution is {self.resolution!r}; accepted for dates: {', '.join(RESOLUTIONS)}, or left out"
            )
        if self.decimals is not None and (self.kind != "real" or not is_whole(self.decimals, 0, MOST_DECIMALS)):
            raise SchemaError(
                f"{where}: decimals is {self.decimals!r}; a whole number from 0 to {MOST_DECIMALS} belongs to real columns"
            )
        if self.counts and not len(self.counts) == len(self.count_sds) == self.size:
            raise SchemaError(f"{where}: counts and count_sds have one number for each of its {self.size} encoded values")
        if self.emit_other and not self.other:
            raise SchemaError(f"{where}: emit_other is true and there is no `other` to be published")
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
        spec = {key: value for key, value in spec.items() if value != LEARN or key not in ("bounds", "bins", "categories")}
        for key, needed in (("bins", f"a whole number from 1 to {MOST_BINS}"), ("categories", "a list such as [small, large]")):
            if key in spec and not spec[key]:
                raise SchemaError(f"column {name!r}: {key} is {spec[key]!r}; {needed} is needed, or {LEARN}")
        kind, categories = spec.get("kind", ""), spec.get("categories")
        is_open = not (categories if kind == "categorical" else "bins" in spec or "pieces" in spec)
        if categories is not None and not isinstance(categories, list | tuple):
            raise SchemaError(f"column {name!r}: categories are {categories!r}; a list such as [small, large] is needed")
        listed = tuple(c if isinstance(c, date) else plain_number(plain(c)) for c in categories or ())  # dates stay dates
        written = (
            check_written(f"column {name!r}", listed, spec["written"]) if "written" in spec else written_of(categories or ())
        )
        return cls(
            name=name,
            kind=kind,
            categories=listed,
            bounds=bounds_of(name, kind, spec),
            bins=spec.get("bins", 0),
            scale=spec.get("scale", "linear"),
            format=spec.get("format"),
            cut_at=floats(name, "cut_at", spec["cut_at"]) if "cut_at" in spec else (),
            missing=spec.get("missing") or ("drop" if is_target and is_open else None),
            decimals=spec.get("decimals"),
            resolution=resolution_of(kind, spec),
            unlearnt=spec.get("unlearnt"),
            emit_other=truth(spec.get("emit_other", False), f"column {name!r}: emit_other"),
            pieces=pieces(name, spec.get("pieces")),
            counts=floats(name, "counts", spec.get("counts", ())),
            count_sds=floats(name, "count_sds", spec.get("count_sds", ())),
            written=written,
            other=truth(
                spec.get("other", kind == "categorical" and not is_target and "cut_at" not in spec), f"column {name!r}: other"
            ),
        )

    def to_mapping(self) -> dict[str, Any]:
        """What `from_mapping` takes to give this column again."""
        raw: dict[str, Any] = {"kind": self.kind}
        if not self.ordered:
            raw |= {"categories": list(self.categories) or LEARN, "other": self.other}
            raw |= {"cut_at": list(self.cut_at)} if self.cut_at else {}
            raw |= {"emit_other": True} if self.emit_other else {}
        else:
            days = [written(end, self.format) for end in self.bounds or ()] if self.kind == "date" else self.bounds
            cut = {"pieces": self.pieces.to_mapping()} if self.pieces else {"bins": self.bins or LEARN, "scale": self.scale}
            raw |= {"bounds": list(days) if days else LEARN} | cut
        raw |= {key: list(getattr(self, key)) for key in ("counts", "count_sds", "written") if getattr(self, key)}
        rest = {key: getattr(self, key) for key in ("format", "decimals", "resolution", "missing", "unlearnt")}
        return raw | {key: value for key, value in rest.items() if value is not None}

    def _check_categories(self, where: str) -> None:
        if not self.categories and self.cut_at:
            raise SchemaError(f"{where}: `cut_at` needs the names of its classes, in `categories`")
        if any(isinstance(c, bool) for c in self.categories) and not all(isinstance(c, bool) for c in self.categories):
            raise SchemaError(f"{where}: YAML reads unquoted yes/no/on/off as true/false; quote these categories")
        if any(is_missing(c) or isinstance(c, list | dict) for c in self.categories):
            raise SchemaError(
                f"{where}: every category is a text or a number; missing cells have a rule, `missing`. If the text null is one, "
                'quote it, "null"'
            )
        texts = [canonical(c) for c in self.categories]
        if len(set(texts)) < len(texts):
            twice = sorted({t for t in texts if texts.count(t) > 1})
            codes = "; numbers are compared as numbers, so quote codes" if any(numeral(text) for text in twice) else ""
            raise SchemaError(f"{where}: categories given twice: {shortened(twice)}{codes}")
        if self.categories and self.unlearnt is not None and not self.is_learnt:
            raise SchemaError(f"{where}: unlearnt is of what is learnt, and its categories are listed; keep one of both")
        if self.bounds is not None or self.bins or self.scale != "linear":
            raise SchemaError(f"{where}: bounds, bins and scale belong to integer, real and date columns")
        if self.cut_at:
            check_cuts(where, self.cut_at, texts, self.other)

    def _check_bounds(self, where: str) -> None:
        if self.categories or self.other or self.cut_at:
            raise SchemaError(f"{where}: categories, cut_at and other belong to categorical columns")
        if self.bounds is None and self.bins:
            raise SchemaError(f"{where}: {self.kind} columns with bins need bounds: [lowest, highest]")
        if self.scale not in SCALES or (self.scale != "linear" and not self.bins):
            raise SchemaError(f"{where}: scale is {self.scale!r}; accepted: {', '.join(SCALES)}, where there are bins")
        if self.bins and (self.decimals is not None or self.unlearnt is not None):
            raise SchemaError(f"{where}: decimals and unlearnt are of what is learnt, and it has bins; keep one")
        if self.pieces and self.bins:
            raise SchemaError(f"{where}: it has bins, so there is nothing to be learnt of it; keep bins or pieces")
        if self.bounds is None:
            return
        low, high = self.bounds
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise SchemaError(f"{where}: bounds are [{low}, {high}]; the first must be below the second, both finite")
        if self._whole and not all(float(end).is_integer() for end in self.ends):
            raise SchemaError(f"{where}: bounds [{low}, {high}] of an {self.kind} column must be whole numbers")
        if not self.bins and max(abs(low), abs(high)) * 10.0 ** (self.decimals or 0) > 2.0**53:
            raise SchemaError(f"{where}: bounds [{low:g}, {high:g}] with {self.decimals or 0} decimals are beyond 2^53 units")
        if not is_whole(self.bins, 0, MOST_BINS):
            raise SchemaError(
                f"{where}: bins is {self.bins!r}; a whole number from 1 to {MOST_BINS} is needed, or {LEARN}, or nothing at all"
            )
        if self.bins and len(self.edges) != self.bins + 1:
            between = self.to_mapping()["bounds"] if self.kind == "date" else [f"{low:g}", f"{high:g}"]
            raise SchemaError(f"{where}: {self.bins} bins do not fit between {' and '.join(between)}; use fewer")

    @property
    def ordered(self) -> bool:
        """Whether the column holds numbers or dates, in bins or pieces."""
        return self.kind != "categorical"

    @property
    def is_open(self) -> bool:
        """Whether it is still to be learnt what the column may hold."""
        return not self.values

    @property
    def is_learnt(self) -> bool:
        """Whether what it may hold was learnt."""
        return bool(self.counts)

    @property
    def _whole(self) -> bool:
        return self.kind in ("integer", "date")

    @property
    def edges(self) -> np.ndarray:
        """Lower edges of the bins, then the upper end (exclusive for whole numbers), shape (bins + 1,)."""
        low, high = self.ends if self.bounds else (0.0, 0.0)
        span = high - low + (1 if self._whole else 0)
        steps = np.linspace(0.0, 1.0, self.bins + 1)
        if self.scale == "log":
            steps = np.expm1(steps * np.log1p(span)) / span
        edges = low + span * steps
        edges[-1] = low + span
        return np.unique(np.ceil(edges - 1e-9)) if self._whole else np.unique(edges)

    @property
    def values(self) -> int:
        """Number of encoded values that stand for a declared category, a bin or a piece; 0 of an open column."""
        return (len(self.pieces) if self.pieces else self.bins) if self.ordered else len(self.categories)

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
        `missing`; without one it gets code 0, the first category or the lowest bin. `dpdsyn.tables.preflight`
        tells of such cells.
        """
        return self.settled(self.read(cells))

    def settled(self, codes: np.ndarray) -> np.ndarray:
        """Of codes as `read` gives them what `encode` makes of them."""
        stand_ins = {"own_code": self.values, "drop": -1}  # without a rule the first value
        return np.where(codes < 0, stand_ins.get(self.missing or "", 0), codes)

    def read(self, cells: pd.Series) -> np.ndarray:
        """The code of each cell, int64; ABSENT where it is missing, UNREADABLE where it says nothing of the column's kind.

        Of an open column 0 for every other cell.
        """
        return self.held(cells)[0]

    def held(self, cells: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        """As `read`, and whether each cell lies outside the bounds, or beyond `reach` without any, shape (rows,), bool."""
        if self.ordered:
            found = self.found(cells)
            if self.is_open:
                codes = np.zeros(len(found.values), dtype=np.int64)
            elif self.pieces:
                codes = self.pieces.encode(self.units(found.values))
            else:
                codes = np.clip(np.searchsorted(self.edges, found.values, side="right") - 1, 0, self.bins - 1)
            codes[np.isnan(found.values)] = UNREADABLE
            codes[found.absent] = ABSENT
            low, high = self.ends if self.bounds else self.reach
            return codes[found.positions], ((found.values < low) | (found.values > high))[found.positions]
        listed = Listed(self.categories)
        unknown = (UNREADABLE if self.other_code is None else self.other_code) if self.categories else 0

        def code(cell: Any) -> int:
            if not is_single(cell):
                return UNREADABLE
            if self.cut_at and not np.isnan(value := number(cell)):
                return int(np.searchsorted(self.cut_at, value, side="left"))
            return unknown if (known := listed.code(cell)) is None else known

        return each(cells, code, ABSENT, np.int64), np.zeros(len(cells), dtype=bool)

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest of what `found` gives that lie within the bounds."""
        if self.bounds is None:
            return -np.inf, np.inf
        return ends(self.kind, self.bounds, RESOLUTIONS[self.resolution or "day"], self.format)

    @property
    def reach(self) -> tuple[float, float]:
        """The lowest and the highest of what `found` gives that is told apart where no bounds are stated."""
        return reach(self.kind, self.decimals or 0, RESOLUTIONS[self.resolution or "day"], self.format)

    def found(self, cells: pd.Series) -> Different:
        """What the cells of a column of numbers or dates say: numbers, days, or parts of days where it is read so finely.

        Infinite numbers are none where no bounds are stated.
        """
        if self.kind != "date":
            found = numbers(cells)
            return found if self.bounds else replace(found, values=finite(found.values))
        if self.resolution in (None, "day"):
            return days(cells, self.format)
        found = moments(cells, self.format)
        return replace(found, values=np.floor(found.values / RESOLUTIONS[str(self.resolution)]))

    def units(self, values: np.ndarray) -> np.ndarray:
        """Values as `found` gives them in units of its pieces, float."""
        return units_of(values, self.decimals or 0)

    def decode(self, encoded: np.ndarray, rng: np.random.Generator) -> pd.Series:
        """Cells in the owner's own types, which the schema alone decides; missing cells are NaN.

        Whole numbers and dates are uniform inside their bin; real numbers too, among multiples of the largest power of ten that
        is at most a hundredth of the bin's width (`dpdsyn.reading.grain`). Pieces are decoded as they say. Categories that are
        numbers have no text for `other`: such cells are missing.
        """
        if not self.ordered:
            labels = [*self.categories, *([None] if self.missing == "own_code" else []), *self._of_other]
            numbered = all(isinstance(category, int) and not isinstance(category, bool) for category in self.categories)
            huge = any(isinstance(category, int) and abs(category) >= 2**63 for category in self.categories)  # for any type
            whole = numbered and None in labels and not huge  # beside a missing cell they would become 1.0 and 2.0
            cells = pd.Series(np.array(labels, dtype=object), dtype="Int64" if whole else object)
            cells = cells if huge else cells.infer_objects()
            if not self.emit_other and (encoded == self.other_code).any():  # never so in a sample
                cells = pd.concat([cells.astype(object), pd.Series([OTHER_LABEL], dtype=object)], ignore_index=True)
            return cells.take(encoded).reset_index(drop=True).rename(self.name)
        return self.cells_of(self.numbers_of(encoded, rng))

    def numbers_of(self, encoded: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Of a column of numbers or dates what `decode` makes cells of: numbers, days or parts of days, NaN where missing."""
        bins = np.minimum(encoded, self.values - 1)
        edges = self.edges if self.bins else np.empty(0)
        if self.pieces:
            units = self.pieces.decode(bins, rng)
            numbers: Any = values_of(units, self.decimals or 0) if self.kind == "real" else units.astype(float)
        elif self._whole:
            low, high = edges[bins], edges[bins + 1]
            numbers = np.floor(low + (high - low) * rng.random(len(encoded)))
        else:
            numbers = uniform(edges, bins, rng)
        if self.missing_code is not None:
            numbers[encoded == self.missing_code] = np.nan
        return numbers

    def cells_of(self, numbers: Any) -> pd.Series:
        """Cells in the owner's types, of numbers as `numbers_of` gives them."""
        if self.kind == "date":
            return self._dates(numbers)
        if self.kind == "integer":
            numbers = pd.array(numbers, dtype="Int64" if self.missing_code is not None else "int64")
        return pd.Series(numbers, name=self.name)

    @property
    def _of_other(self) -> list[Any]:
        """What `other` is decoded to where it is published: its text, or nothing among numbers and truth values."""
        if not self.emit_other:
            return []
        if not all(isinstance(category, str) for category in self.categories):
            return [None]
        return [OTHER_LABEL if OTHER_LABEL not in self.categories else f"({OTHER_LABEL})"]

    def _dates(self, units: np.ndarray) -> pd.Series:
        seconds = np.where(np.isnan(units), 0, units).astype(np.int64) * RESOLUTIONS[self.resolution or "day"]
        dates = pd.Series(seconds.astype("datetime64[s]"), name=self.name).mask(np.isnan(units))
        return dates if self.format is None else dates.dt.strftime(self.format)
