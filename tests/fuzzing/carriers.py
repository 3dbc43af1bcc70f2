"""Ways to carry the same cells: types of pandas and of Arrow, and how a CSV file may be written."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa

from experiments.data.table_file import Reading
from fuzzing.meaning import FOR_MISSING, Meaning

_UNITS = ("s", "ms", "us", "ns")


def _types(cells: Sequence[Any]) -> set[type]:
    return {type(cell) for cell in cells if cell is not None}


def _fits(cells: Sequence[Any], bits: int, signed: bool) -> bool:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return all(low <= cell <= high for cell in cells if cell is not None)


def _as_floats(cells: Sequence[Any], kind: type = float) -> list[Any] | None:
    """As floating point, None where that loses digits."""
    found = [None if cell is None else kind(cell) for cell in cells]
    same = all(a is None or Decimal(repr(float(a))) == Decimal(b) for a, b in zip(found, cells, strict=True))
    return [None if a is None else float(a) for a in found] if same else None


def as_objects(r: random.Random, cells: Sequence[Any], absent: Sequence[Any] = (None, np.nan, pd.NA)) -> pd.Series:
    """Each cell as it is, missing ones in one way or in all."""
    ways = list(absent) if r.random() < 0.3 else [r.choice(list(absent))]
    found = np.empty(len(cells), dtype=object)
    for i, cell in enumerate(cells):
        found[i] = r.choice(ways) if cell is None else cell
    return pd.Series(found, dtype=object)


def _category(r: random.Random, cells: Sequence[Any]) -> pd.Series:
    kinds = list(dict.fromkeys(cell for cell in cells if cell is not None))
    r.shuffle(kinds)
    places = {cell: i for i, cell in enumerate(kinds)}
    return pd.Series(
        pd.Categorical.from_codes([places.get(cell, -1) for cell in cells], categories=pd.Index(kinds, dtype=object))
    )


def series(r: random.Random, cells: Sequence[Any]) -> pd.Series:
    """The cells in one of the types of pandas that hold them exactly."""
    kinds, gone = _types(cells), None in cells
    ways: list[Callable[[], pd.Series]] = [lambda: as_objects(r, cells)]
    ways += [lambda: as_objects(r, [_otherwise(r, cell) for cell in cells])] if kinds & {int, Decimal, str, bool} else []
    if kinds == {int}:
        fitting = [b for b in (8, 16, 32, 64) if _fits(cells, b, True)]
        ways += [lambda: pd.Series(cells, dtype=f"Int{r.choice(fitting)}")] if fitting else []
        ways += [lambda: pd.Series(cells, dtype=f"int{r.choice(fitting)}")] * 2 if fitting and not gone else []
        ways += [lambda: pd.Series(cells, dtype="UInt64")] if _fits(cells, 64, False) else []
        ways += [lambda: pd.Series(cells, dtype=f"int{fitting[-1]}[pyarrow]")] if fitting else []
        ways += [lambda: as_objects(r, [None if c is None else Decimal(c) for c in cells]), lambda: _category(r, cells)]
    if kinds <= {int, Decimal} and kinds:
        floats = _as_floats(cells)
        ways += [lambda: pd.Series(floats, dtype="float64"), lambda: pd.Series(floats, dtype="Float64")] if floats else []
        ways += [lambda: as_objects(r, floats), lambda: pd.Series(floats, dtype="double[pyarrow]")] if floats else []
        if narrow := _as_floats(cells, np.float32):
            ways += [lambda: pd.Series(narrow, dtype="float32")]
    if kinds == {bool}:
        ways += [
            lambda: pd.Series(cells, dtype="boolean"),
            lambda: pd.Series(cells, dtype="bool[pyarrow]"),
            lambda: _category(r, cells),
        ]
        ways += [] if gone else [lambda: pd.Series(cells, dtype=bool)]
    if kinds == {str}:
        ways += [lambda: pd.Series(cells, dtype="str"), lambda: pd.Series(cells, dtype="string"), lambda: _category(r, cells)]
        ways += [lambda: pd.Series(cells, dtype=pd.ArrowDtype(pa.large_string()))]
        ways += [lambda: as_objects(r, [None if c is None else np.str_(c) for c in cells])]
        ways += [lambda: as_objects(r, [None if c is None else c.encode() for c in cells])]
    if kinds == {date} or (kinds == {datetime} and len(_zones(cells)) == 1):
        zone = next(iter(_zones(cells)), None)
        unit = r.choice(_UNITS)
        dtype: Any = f"datetime64[{unit}]" if zone is None else pd.DatetimeTZDtype(unit, zone)
        ways += [lambda: _moments(cells, dtype, unit, zone)] * 3
        ways += [lambda: as_objects(r, [None if c is None else pd.Timestamp(c) for c in cells], (None, pd.NaT))]
        ways += [lambda: _category(r, cells)]
    if kinds == {date}:
        ways += [lambda: pd.Series(cells, dtype=pd.ArrowDtype(pa.date32()))]
        ways += [lambda: as_objects(r, [None if c is None else np.datetime64(c) for c in cells], (None, np.datetime64("NaT")))]
    if kinds == {time}:
        ways += [lambda: pd.Series(cells, dtype=pd.ArrowDtype(pa.time64("us")))]
    if not kinds:
        ways += [lambda: pd.Series(cells, dtype=r.choice(["float64", "Int64", "str", "datetime64[ns]", "category", "object"]))]
    return r.choice(ways)()


def _otherwise(r: random.Random, cell: Any) -> Any:
    """The same cell as something else that says the same."""
    if isinstance(cell, bool):
        return r.choice([cell, np.bool_(cell)])  # its word says the same to categories alone; files write words
    if isinstance(cell, int):
        exact = [float(cell), np.float64(cell)] if abs(cell) < 2**53 else [cell]
        return r.choice(
            [cell, *exact, Decimal(cell), f"{cell}", *([np.int64(cell), np.int64(cell)] if abs(cell) < 2**63 else [])]
        )
    if isinstance(cell, Decimal):
        return r.choice([cell, float(cell), np.float64(cell), f"{cell:f}"])
    return r.choice([cell, np.str_(cell), cell.encode(), f" {cell}  "]) if isinstance(cell, str) else cell


def _zones(cells: Sequence[Any]) -> set[Any]:
    return {cell.tzinfo for cell in cells if isinstance(cell, datetime)}


def _moments(cells: Sequence[Any], dtype: Any, unit: str, zone: Any) -> pd.Series:
    if zone is None:
        return pd.Series(
            np.array([np.datetime64("NaT") if c is None else np.datetime64(c) for c in cells], dtype=f"datetime64[{unit}]")
        )
    return pd.Series([pd.NaT if c is None else pd.Timestamp(c) for c in cells], dtype=dtype)


def frame(
    r: random.Random,
    names: Sequence[str],
    columns: Sequence[Sequence[Any]],
    how: Callable[[random.Random, Any], pd.Series] = series,
) -> pd.DataFrame:
    """A frame of these columns, with an index as frames come to have."""
    found = pd.concat([how(r, cells) for cells in columns], axis=1, keys=list(names))
    if r.random() < 0.4:
        rows = len(found)
        found.index = r.choice([pd.Index([7] * rows), pd.Index(range(rows, 0, -1)), pd.Index([f"r{i}" for i in range(rows)])])
    return found


def texts(r: random.Random, cells: Sequence[Any]) -> pd.Series:
    """Cells that are texts, in one of the types for these."""
    return r.choice([lambda: as_objects(r, cells), lambda: pd.Series(cells, dtype="str"), lambda: _category(r, cells)])()


def array(r: random.Random, cells: Sequence[Any]) -> pa.Array | None:
    """The cells in one of the types of Arrow that a Parquet file has, None where no type holds them all."""
    kinds, gone = _types(cells), [cell for cell in cells if cell is not None]
    if not kinds:
        return pa.array(cells, r.choice([pa.null(), pa.string(), pa.int64(), pa.float64(), pa.timestamp("us"), pa.date32()]))
    kind: Any
    if kinds == {bool}:
        return pa.array(cells, pa.bool_())
    if kinds == {int}:
        whole = [getattr(pa, f"int{b}")() for b in (8, 16, 32, 64) if _fits(gone, b, True)]
        whole += [getattr(pa, f"uint{b}")() for b in (8, 16, 32, 64) if _fits(gone, b, False)]
        kind = r.choice([*whole, pa.decimal128(38, 0)])
        floats = _as_floats(cells)
        if floats and r.random() < 0.3:
            return pa.array(floats, pa.float64())
        return _coded(r, pa.array([Decimal(c) if c is not None and pa.types.is_decimal(kind) else c for c in cells], kind))
    if kinds <= {int, Decimal}:
        exact = [None if c is None else Decimal(c) for c in cells]
        scale = max(max(-int(c.as_tuple().exponent), 0) for c in exact if c is not None)
        if r.random() < 0.5 and all(c is None or abs(c) < 10**20 for c in exact):
            return pa.array(exact, r.choice([pa.decimal128(38, scale), pa.decimal256(60, scale + r.randint(0, 3))]))
        floats = _as_floats(cells)
        return None if floats is None else pa.array(floats, pa.float64())
    if kinds == {str}:
        return _coded(r, pa.array(cells, r.choice([pa.string(), pa.large_string()])))
    if kinds == {date}:
        if r.random() < 0.3:
            midnights = [None if cell is None else datetime(cell.year, cell.month, cell.day) for cell in cells]
            return pa.array(midnights, pa.timestamp(r.choice(_UNITS[1:])))
        return pa.array(cells, r.choice([pa.date32(), pa.date64()]))
    if kinds == {datetime} and len(_zones(cells)) == 1:
        zone = next(iter(_zones(cells)))
        name = (
            None if zone is None else zone.key if isinstance(zone, ZoneInfo) else datetime(2024, 1, 1, tzinfo=zone).strftime("%z")
        )
        name = name if name is None or "/" in name or name == "UTC" else f"{name[:3]}:{name[3:]}"
        return pa.array(cells, pa.timestamp(r.choice(_UNITS[1:]), name))
    if kinds == {time}:
        return pa.array(cells, r.choice([pa.time32("ms"), pa.time64("us"), pa.time32("s"), pa.time64("ns")]))
    return None


def _coded(r: random.Random, cells: pa.Array) -> pa.Array:
    return cells.dictionary_encode() if r.random() < 0.2 else cells


@dataclass(frozen=True)
class Style:
    """How a CSV file is written. words: what missing cells are written as, one of them or several. packed: by gzip."""

    sep: str = ","
    encoding: str = "utf-8"
    mark: bytes = b""
    end: str = "\n"
    decimal: str = "."
    grouped: bool = False
    words: tuple[str, ...] = ("",)
    quote_all: bool = False
    padded: bool = False
    packed: bool = False
    last_end: bool = True
    named: bool = True
    kept: tuple[str, ...] = ()

    @classmethod
    def drawn(cls, r: random.Random, names: Sequence[str] = ()) -> Style:
        decimal = "," if r.random() < 0.15 else "."
        sep = r.choice([";", "\t", "|", ";", ","]) if decimal == "," else r.choice([",", ",", ",", ";", "\t", "|", "^"])
        encoding, mark = r.choice(
            [("utf-8", b"")] * 8 + [("utf-8", b"\xef\xbb\xbf")] * 2 + [("utf-16", b""), ("cp1252", b""), ("utf-16-le", b"")]
        )
        words = r.choice([("",)] * 5 + [("NA",), ("", "NaN", "null"), ("None",), ("?",), ("k.A.", "")])
        kept = tuple(word for word in r.choice([(), (), (), (), ("NA", "None"), ("nan",)]) if word not in words)
        return cls(
            sep, encoding, mark, r.choice(["\n", "\n", "\n", "\r\n", "\r\n", "\r"]), decimal, r.random() < 0.5, words,
            r.random() < 0.2, r.random() < 0.15, r.random() < 0.1, r.random() < 0.85,
            sep == "^" or r.random() < 0.3 or any(c in name for name in names for c in ",;\t|"), kept,
        )  # fmt: skip

    @property
    def reading(self) -> Reading:
        return Reading(
            self.encoding,
            self.sep if self.named else None,
            self.decimal,
            tuple(w for w in self.words if w not in FOR_MISSING),
            self.kept,
        )

    def number(self, text: str) -> str:
        """A number with a decimal point as this file writes it."""
        if self.decimal == ".":
            return text
        before, point, after = text.partition(".")
        digits = before.lstrip("+-")
        if self.grouped and digits.isdigit() and len(digits) > 3 and digits[0] != "0":
            before = before[: len(before) - len(digits)] + f"{int(digits):,}".replace(",", ".")
        return before + (point and ",") + after

    def cell(self, r: random.Random, text: str) -> str:
        """As it stands in the file, quoted where it has to be."""
        if not text and not self.quote_all:
            return text
        space = r.choice(["", " ", "  "]) if self.padded else ""
        if self.quote_all or any(c in text for c in (self.sep, '"', "\n", "\r")):
            quoted = text.replace('"', '""')
            return f'"{quoted}"'
        return space + text + space

    def written(self, r: random.Random, names: Sequence[str], columns: Sequence[Sequence[str]]) -> bytes | None:
        """The file, None where its encoding does not have all characters."""
        if any(self.sep in word for word in self.words):
            return None
        rows = [list(names), *map(list, zip(*columns, strict=True))]
        text = self.end.join(self.sep.join(self.cell(r, cell) for cell in row) for row in rows) + (
            self.end if self.last_end else ""
        )
        try:
            return self.mark + text.encode(self.encoding)
        except UnicodeEncodeError:
            return None


def as_read(written: Sequence[str], style: Style, meaning: Meaning | None) -> list[str | None]:
    """What the cells of a CSV column are once it is read: None where they stand for a missing cell and the schema lists no such.

    written: the texts as they stand in the file.
    """
    absent = {*FOR_MISSING, *style.words} - {*style.kept}
    listed = {text for text in absent if meaning is not None and meaning.lists(text)}
    found = [None if text.strip() in absent - listed else text.strip() for text in written]
    return found if style.decimal == "." else [None if text is None else _with_point(text, meaning) for text in found]


def _with_point(text: str, meaning: Meaning | None) -> str:
    """A cell of a file with decimal commas. Among numbers points group thousands, and one that groups none makes it no number."""
    if meaning is not None and meaning.takes_numbers:
        if re.fullmatch(r"[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d*)?", text):
            text = text.replace(".", "")
        elif re.fullmatch(r"[+-]?(\d+\.\d*|\.\d+)([eE][+-]?\d+)?", text):
            return text + " is no number here"
    elif meaning is not None and meaning.lists(text):
        return text
    return re.sub(r"^([+-]?\d*),(\d+([eE][+-]?\d+)?)$", r"\1.\2", text)
