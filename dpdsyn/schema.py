"""The public description of a table: its columns, its target and its privacy unit.

A schema is public knowledge, written by a person in YAML. It may leave open what columns hold, and how many rows there are; that
is learnt through mechanisms (`learning.domain_learning`), and the schema that comes of it is as public as any answer of theirs.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.reading.column import LEARN, Column, SchemaError, refuse_unknown, truth
from dpdsyn.reading.schema_file import read_yaml, text_of
from dpdsyn.reading.schema_values import shortened, with_lists
from dpdsyn.rules.constraint_words import rules_of
from dpdsyn.rules.constraints import Rule
from dpdsyn.rules.made_columns import MadeColumn

MARK = "READ OFF THE ROWS"  # what `dpdsyn schema draft` computed from the table itself
MOST_ROWS = 10**15
_MARKED = re.compile(rf"\s*(?:[^#\s].*{MARK}|#\W*{MARK})", re.IGNORECASE)
KEYS = {"columns", "target", "rows_public", "groups", "ignore", "person", "max_rows_per_person", "drafted", "kinds_inferred"}
KEYS |= {"constraints"}


@dataclass(frozen=True)
class Schema:
    """The public domain of a table.

    target: the column to be predicted, or None for a table of features alone.
    rows_public: a rounded row count that is not to change when one row is added; every default that depends on
    the number of rows uses it. 0 where it is still to be learnt.
    groups: rows of one group stay on one side of a split: "rows" (each row alone), "identical_rows", or a tuple
    of column names.
    ignore: columns of the raw data that are known and left out.
    person: the column that says whose row it is, if a person may have several; it is no feature. Then at most
    max_rows_per_person rows of each are kept (`mechanisms.contribution_bounding`) and the guarantee is for one person; without
    it, for one row.
    drafted: parts of the schema were read off the rows, so that no result has a guarantee.
    kinds_inferred: the kinds of columns, and which hold 0 and 1 alone, were guessed from cells; the guarantee holds if their
    owner says that they are public.
    constraints: rules that every published row keeps (`dpdsyn.rules.constraints`).
    made: columns that no method reads: ids generated anew, and constants; the data may have them or not.
    """

    columns: tuple[Column, ...]
    target: str | None
    rows_public: int
    groups: str | tuple[str, ...] = "rows"
    ignore: tuple[str, ...] = ()
    person: str | None = None
    max_rows_per_person: int | None = None
    drafted: bool = False
    kinds_inferred: bool = False
    constraints: tuple[Rule, ...] = ()
    made: tuple[MadeColumn, ...] = ()

    def __post_init__(self) -> None:
        if not self.columns:
            raise SchemaError("the schema has no columns")
        if len(set(self.names)) < len(self.names):
            raise SchemaError(f"columns given twice: {shortened(sorted({n for n in self.names if self.names.count(n) > 1}))}")
        if isinstance(self.rows_public, bool) or not isinstance(self.rows_public, int) or self.rows_public < 0:
            raise SchemaError(
                f"rows_public is {self.rows_public!r}; a rounded, public row count of at least 1 is needed, or {LEARN}"
            )
        if both := [name for name in self.published if name in self.ignore]:
            raise SchemaError(
                f"{shortened(both)}: under `ignore` and also under `columns`, which are published; keep one of both"
            )
        if isinstance(self.groups, str) and self.groups not in ("rows", "identical_rows"):
            raise SchemaError(f"groups is {self.groups!r}; accepted: rows, identical_rows, or a list of columns")
        if self.target is not None:
            self._check_target()
        self._check_person()

    def _check_target(self) -> None:
        if self.target not in self.names:
            raise SchemaError(f"target {self.target!r} is not a column; columns: {shortened(self.names)}")
        column = self[self.target]
        if column.kind == "date":
            raise SchemaError(f"target {self.target!r} is a date; a categorical, integer or real column is needed")
        if (column.bins if column.ordered else len(column.categories)) == 1:  # what is to be learnt states none
            raise SchemaError(f"target {self.target!r} has one {'bin' if column.ordered else 'class'}; at least two are needed")
        if column.missing == "own_code" or column.other:
            raise SchemaError(
                f"target {self.target!r} can have neither `missing: own_code` nor `other`: labels are classes or numbers"
            )

    def _check_person(self) -> None:
        most = self.max_rows_per_person
        if self.person is None and most is not None:
            raise SchemaError("max_rows_per_person is given but no `person`; name the column that says whose row it is")
        if self.person is None:
            return
        if self.person in self.names:
            raise SchemaError(f"person {self.person!r} is also among the columns; whose row it is cannot be a feature")
        if most is None:
            raise SchemaError("`person` needs `max_rows_per_person: 1`")
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise SchemaError(f"max_rows_per_person is {most!r}; a whole number of at least 1 is needed")

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any]) -> Schema:
        """Build a schema from what a YAML file holds. Raises SchemaError, naming the key at fault."""
        if not isinstance(raw, Mapping):
            raise SchemaError("a schema is a mapping with the keys columns, target and rows_public")
        raw = with_lists(raw)
        refuse_unknown(raw, KEYS, "schema")
        if "columns" not in raw:
            raise SchemaError("the schema lacks columns")
        if raw.get("rows_public", LEARN) in (0, False):
            raise SchemaError(f"rows_public is {raw['rows_public']!r}; a row count of at least 1 is needed, or {LEARN}")
        if isinstance(rows := raw.get("rows_public"), int) and rows > MOST_ROWS:
            raise SchemaError(
                f"rows_public is {rows}; about how many rows there are, at most {MOST_ROWS:,}, is needed, or {LEARN}"
            )
        if not isinstance(raw["columns"], Mapping):
            raise SchemaError("`columns` is a mapping from column name to its description")
        specs = [(str(name), with_lists(spec)) for name, spec in raw["columns"].items()]
        target = None if raw.get("target") is None else str(raw["target"])
        groups = raw.get("groups", "rows")
        if not isinstance(groups, str | list | tuple) or not isinstance(raw.get("ignore") or [], list | tuple):
            raise SchemaError("`groups` is rows, identical_rows or a list of columns; `ignore` is a list of columns")
        made = tuple(
            MadeColumn.from_mapping(name, position, spec)
            for position, (name, spec) in enumerate(specs)
            if MadeColumn.is_one(spec)
        )
        if target in (names := [column.name for column in made]):
            raise SchemaError(f"target {target!r} is made anew for every row; name a column to predict")
        columns = tuple(Column.from_mapping(name, spec, name == target) for name, spec in specs if name not in names)
        return cls(
            columns=columns,
            constraints=rules_of(raw.get("constraints") or (), columns, names),
            made=made,
            target=target,
            rows_public=0 if (rows := raw.get("rows_public", LEARN)) == LEARN else rows,
            groups=groups if isinstance(groups, str) else tuple(map(str, groups)),
            ignore=tuple(map(str, raw.get("ignore") or ())),
            person=None if raw.get("person") is None else str(raw["person"]),
            max_rows_per_person=raw.get("max_rows_per_person"),
            drafted=truth(raw.get("drafted", False), "drafted"),
            kinds_inferred=truth(raw.get("kinds_inferred", False), "kinds_inferred"),
        )

    def to_mapping(self) -> dict[str, Any]:
        """What `from_mapping` takes to give this schema again: plain values, for YAML or JSON."""
        raw = {
            "target": self.target,
            "rows_public": self.rows_public or LEARN,
            "groups": list(self.groups) if isinstance(self.groups, tuple) else self.groups,
            "ignore": list(self.ignore),
            "person": self.person,
            "max_rows_per_person": self.max_rows_per_person,
            "drafted": self.drafted,
        }
        raw |= {"kinds_inferred": True} if self.kinds_inferred else {}
        raw |= {"constraints": [rule.to_plain() for rule in self.constraints]} if self.constraints else {}
        told = {c.name: c.to_mapping() for c in self.columns} | {made.name: made.to_mapping() for made in self.made}
        return {**raw, "columns": {name: told[name] for name in self.published}}

    @classmethod
    def from_yaml(cls, path: str | Path) -> Schema:
        """Read a schema file; one with marks of what was read off the rows (`marked_lines`) counts as a draft.

        Raises SchemaError naming the file.
        """
        try:
            schema = cls.from_mapping(read_yaml(path))
            return replace(schema, drafted=schema.drafted or bool(marked_lines(path)))
        except SchemaError as error:
            raise SchemaError(f"{path}: {error}") from error

    @property
    def is_open(self) -> bool:
        """Whether something is still to be learnt: how many rows there are, or what a column may hold."""
        return not self.rows_public or any(column.is_open for column in self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns, in their order."""
        return tuple(column.name for column in self.columns)

    @property
    def published(self) -> tuple[str, ...]:
        """Names of all columns of a synthetic table in their order, made ones among them."""
        names = list(self.names)
        for made in sorted(self.made, key=lambda column: column.position):
            names.insert(made.position, made.name)
        return tuple(names)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Domain size of each column."""
        return tuple(column.size for column in self.columns)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of all columns but the target."""
        return tuple(name for name in self.names if name != self.target)

    @property
    def dtype(self) -> np.dtype:
        """The smallest unsigned type that every encoded value fits into."""
        return np.min_scalar_type(max(self.sizes) - 1)

    @property
    def unit(self) -> str:
        """The privacy unit, which the guarantee protects: a row or a person."""
        return "row" if self.person is None else "person"

    @property
    def target_position(self) -> int:
        """Where the target stands. Raises SchemaError if there is none."""
        if self.target is None:
            raise SchemaError("the schema has no target")
        return self.position(self.target)

    @property
    def classes(self) -> int:
        """How many classes the target has. Raises SchemaError if there is none."""
        return self.sizes[self.target_position]

    def __getitem__(self, name: str) -> Column:
        return self.columns[self.position(name)]

    def position(self, name: str) -> int:
        """Where a column stands. Raises SchemaError, listing the columns, if there is none of that name."""
        try:
            return self.names.index(name)
        except ValueError:
            raise SchemaError(f"no column {name!r}; columns: {shortened(self.names)}") from None

    def positions(self, names: Iterable[str]) -> list[int]:
        """Where each of these columns stands. Raises SchemaError as `position` does."""
        return [self.position(name) for name in names]

    def shape(self, names: Iterable[str]) -> tuple[int, ...]:
        """Domain sizes of the named columns: the shape of their joint marginal."""
        return tuple(self[name].size for name in names)

    def select(self, names: Sequence[str]) -> Schema:
        """The schema of some of the columns, in the order given; the target stays only if it is among them."""
        target = self.target if self.target in names else None
        return replace(self, columns=tuple(self[name] for name in names), target=target)

    def recoded(self, mappings: Mapping[str, np.ndarray]) -> Schema:
        """The schema with some columns' values merged; a mapping holds the new code of each old one, from 0 without gaps.

        A target that is left with one value is none.
        """
        columns = [
            Column(c.name, "categorical", categories=tuple(range(int(np.max(mappings[c.name])) + 1))) if c.name in mappings else c
            for c in self.columns
        ]
        several = self.target is not None and columns[self.target_position].size > 1
        return Schema(tuple(columns), self.target if several else None, self.rows_public)

    def check_names(self, names: Sequence[str]) -> None:
        """Raise SchemaError unless there is every column of the schema, none twice, and none that nobody declared."""
        twice = sorted({name for name, count in Counter(names).items() if count > 1})
        if twice:
            raise SchemaError(f"the data have columns of the same name: {shortened(twice)}")
        wanted = [*self.names, *([self.person] if self.person else []), *(self.groups if isinstance(self.groups, tuple) else ())]
        absent = [name for name in dict.fromkeys(wanted) if name not in names]
        if absent:
            raise SchemaError(
                f"the data lack the column {', '.join(map(repr, absent))}; they have {shortened(names)}{_alike(absent, names)}"
            )
        known = {*wanted, *self.ignore, *(column.name for column in self.made)}
        extra = [name for name in names if name not in known]
        if extra:
            raise SchemaError(
                f"the data have columns that the schema does not know: {shortened(extra)}; "
                "describe them or list them under `ignore`"
            )

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """The encoded rows, shape (rows kept, columns), of the smallest unsigned type that fits.

        Each cell is encoded by itself, whatever it holds (see `Column.encode`); rows with a missing cell in a column whose
        rule is `drop` are left out. Raises SchemaError for other columns (see `check_names`); `dpdsyn.tables.preflight` tells of
        cells that contradict the schema.
        """
        return self.encode_all(frame)[0]

    def encode_all(self, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """As `encode`, and which rows were kept, shape (rows,), bool."""
        self.check_names(list(frame.columns))
        kept = np.ones(len(frame), dtype=bool)
        encoded = np.empty((len(frame), len(self.columns)), dtype=self.dtype)
        for i, column in enumerate(self.columns):
            cells = column.encode(frame[column.name])
            kept &= cells >= 0
            encoded[:, i] = np.maximum(cells, 0)
        return encoded[kept], kept

    def decode(self, encoded: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
        """A frame in the owner's types, from encoded rows of shape (rows, columns)."""
        return pd.DataFrame(
            {column.name: column.decode(encoded[:, i].astype(np.int64), rng) for i, column in enumerate(self.columns)}
        )


def _alike(absent: Sequence[str], names: Sequence[str]) -> str:
    """What to say of names that look the same as one that is there."""
    there = {unicodedata.normalize("NFC", str(name)).strip() for name in names}
    same = [name for name in absent if unicodedata.normalize("NFC", name).strip() in there]
    if not same:
        return ""
    return f". {shortened(same)} is there in another form of Unicode, or with spaces around it: copy the name from the file"


def marked_lines(path: str | Path) -> list[int]:
    """Numbers, from 1, of the lines of a schema file that still bear the mark of what was read off the rows.

    A remark that only speaks of the mark is none; one that begins with it is, for it belongs to what stands below.
    Raises SchemaError if the file cannot be read.
    """
    return [number for number, line in enumerate(text_of(path).splitlines(), start=1) if _MARKED.match(line)]
