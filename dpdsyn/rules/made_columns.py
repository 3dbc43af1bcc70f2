"""Columns that are made, not learnt: ids generated anew (`kind: id`) and columns carried constant (`constant: value`).

No method reads them, nor does learning or the preflight; what is published is a function of the schema, of a counter and, for
uuids, of random numbers, so it costs no budget. Whether the table has such a column makes no difference.

Ids are numbered on from call to call. A copy of a model, or one that was saved and loaded, cannot know which numbers others have
given: it begins at a random one that is so large that two never meet (`far_first`), unless it is told where to begin.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.base.checks import InputError, whole_number
from dpdsyn.reading.schema_values import SchemaError, refuse_unknown
from dpdsyn.reading.spelling import check_written, plain_number, written_of

KEYS = {"kind", "pattern", "constant", "written"}
UUID = "{uuid}"
_LAST = 2**63 - 1
_PATTERN = re.compile(r"[^{}]*(\{uuid\}|\{(?::(?:0?[1-9]\d?)?d)?\})[^{}]*")


@dataclass(frozen=True)
class MadeColumn:
    """position: where it stands among the published columns. pattern: of an id; None of a constant. constant: its value;
    written: how it was spelled, if it is a number with a spelling of its own (`dpdsyn.reading.spelling`).
    """

    name: str
    position: int
    pattern: str | None = None
    constant: Any = None
    written: tuple[str, ...] = ()

    @classmethod
    def is_one(cls, spec: Any) -> bool:
        """Whether a column's description in a schema file is of this kind."""
        return isinstance(spec, Mapping) and (spec.get("kind") == "id" or "constant" in spec or "pattern" in spec)

    @classmethod
    def from_mapping(cls, name: str, position: int, spec: Mapping[str, Any]) -> MadeColumn:
        """As a YAML file describes it. Raises SchemaError, with what is accepted."""
        refuse_unknown(spec, KEYS, f"column {name!r}")
        if "constant" in spec:
            if not {"constant"} <= set(spec) <= {"constant", "written"}:
                raise SchemaError(f"column {name!r}: a constant has no kind and no pattern; {{constant: VALUE}} is all of it")
            value = spec["constant"]
            if isinstance(value, list | dict):
                raise SchemaError(f"column {name!r}: constant is {value!r}; a text, a number, a date, true or false is needed")
            plain = str(value) if isinstance(value, date) else plain_number(value)
            told = check_written(f"column {name!r}", [plain], spec["written"]) if "written" in spec else written_of([value])
            return cls(name, position, None, plain, told)
        pattern = spec.get("pattern", "uuid")
        pattern = UUID if pattern == "uuid" else pattern
        if spec.get("kind") != "id" or not isinstance(pattern, str) or not _PATTERN.fullmatch(pattern):
            raise SchemaError(
                f"column {name!r}: pattern is {pattern!r}; accepted with `kind: id`: uuid, or a text with one number in it, such "
                "as C{:07d} (C0000001, ...), or with {uuid}"
            )
        return cls(name, position, pattern)

    def to_mapping(self) -> dict[str, Any]:
        """What `from_mapping` takes to give it again."""
        if self.pattern is not None:
            return {"kind": "id", "pattern": self.pattern}
        return {"constant": self.constant} | ({"written": list(self.written)} if self.written else {})

    def cells(self, first: int, n: int, rng: np.random.Generator) -> pd.Series:
        """n cells; ids are those numbered from `first` on, or new uuids. Whole numbers where the pattern is a number alone."""
        if self.pattern is None:
            return pd.Series([self.constant] * n, name=self.name, dtype=None if n else object)
        numbers = np.arange(first, first + n)
        if self.pattern in ("{}", "{:d}"):
            return pd.Series(numbers, name=self.name)
        if UUID in self.pattern:
            before, after = self.pattern.split(UUID)
            raw = rng.bytes(16 * n)
            texts = [f"{before}{uuid.UUID(bytes=raw[16 * i : 16 * i + 16], version=4)}{after}" for i in range(n)]
        else:
            texts = [self.pattern.format(number) for number in numbers.tolist()]
        return pd.Series(texts, name=self.name, dtype=object)


def numbered(name: str, first: Any, rows: int) -> int:
    """The first number, if so many rows can be numbered from it on. Raises InputError where not. name: for the message."""
    number = whole_number(name, first, least=0)
    if number + rows > _LAST:
        raise InputError(
            f"{name} is {number}; with {rows:,} rows ids would go beyond {_LAST}, the largest number that one can be"
        )
    return number


def far_first(rng: np.random.Generator) -> int:
    """A number of 15 digits to begin at: two samples of a million rows each meet about once in 400 million pairs.

    15 digits are as many as a spreadsheet keeps.
    """
    return int(rng.integers(10**14, 10**15 - 10**12))


def with_made(frame: pd.DataFrame, made: Sequence[MadeColumn], first: int, rng: np.random.Generator) -> pd.DataFrame:
    """The frame with its made columns, each where it stands; ids are numbered from `first` on."""
    for column in sorted(made, key=lambda column: column.position):
        frame.insert(min(column.position, frame.shape[1]), column.name, column.cells(first, len(frame), rng))
    return frame
