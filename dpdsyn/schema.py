"""The public description of a table: what each column may hold, and how rows become integer codes.

A schema is public knowledge, written by a person in YAML. Nothing in it is learnt from rows, so encoding a
table and the same table with one more row gives the same domain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

KINDS = ("categorical", "integer", "real")
MISSING_RULES = ("drop", "own_code")
SCALES = ("linear", "log")
OTHER_LABEL = "other"
_WHOLE = re.compile(r"^(-?\d+)\.0+$")
_COLUMN_KEYS = {"kind", "categories", "bounds", "bins", "scale", "missing", "other"}
_SCHEMA_KEYS = {"columns", "target", "rows_public", "groups", "ignore"}


class SchemaError(ValueError):
    """The schema contradicts itself, or the data contradict the schema."""


def canonical(value: Any) -> str:
    """The text by which a cell is compared with a category: 1, 1.0, "1" and "1.0" are the same category."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return _WHOLE.sub(r"\1", str(value).strip())


@dataclass(frozen=True)
class Column:
    """One column of the domain.

    Codes run over the categories (or bins), then one code for missing cells (rule `own_code`), then one code
    for categories nobody declared (`other`, categorical columns only).
    """

    name: str
    kind: str
    categories: tuple[Any, ...] = ()
    bounds: tuple[float, float] | None = None
    bins: int = 0
    scale: str = "linear"
    missing: str | None = None
    other: bool = False

    def __post_init__(self) -> None:
        where = f"column {self.name!r}"
        if self.kind not in KINDS:
            raise SchemaError(f"{where}: kind is {self.kind!r}; accepted: {', '.join(KINDS)}")
        if self.missing is not None and self.missing not in MISSING_RULES:
            raise SchemaError(f"{where}: missing is {self.missing!r}; accepted: {', '.join(MISSING_RULES)}, or left out")
        if self.kind == "categorical":
            self._check_categories(where)
        else:
            self._check_bounds(where)

    def _check_categories(self, where: str) -> None:
        if not self.categories:
            raise SchemaError(f"{where}: a categorical column needs its list of categories")
        if any(isinstance(c, bool) for c in self.categories) and not all(isinstance(c, bool) for c in self.categories):
            raise SchemaError(f"{where}: YAML reads unquoted yes/no/on/off as true/false; quote these categories")
        texts = [canonical(c) for c in self.categories]
        if len(set(texts)) < len(texts):
            twice = sorted({t for t in texts if texts.count(t) > 1})
            raise SchemaError(f"{where}: categories given twice: {', '.join(twice)}")
        if self.bounds is not None or self.bins or self.scale != "linear":
            raise SchemaError(f"{where}: bounds, bins and scale belong to integer and real columns")

    def _check_bounds(self, where: str) -> None:
        if self.categories or self.other:
            raise SchemaError(f"{where}: categories and other belong to categorical columns")
        if self.bounds is None or len(self.bounds) != 2:
            raise SchemaError(f"{where}: {self.kind} columns need bounds: [lowest, highest]")
        low, high = self.bounds
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise SchemaError(f"{where}: bounds are [{low}, {high}]; the first must be below the second, both finite")
        if self.kind == "integer" and (low != int(low) or high != int(high)):
            raise SchemaError(f"{where}: bounds [{low}, {high}] of an integer column must be whole numbers")
        if self.scale not in SCALES:
            raise SchemaError(f"{where}: scale is {self.scale!r}; accepted: {', '.join(SCALES)}")
        if not isinstance(self.bins, int) or self.bins < 1:
            raise SchemaError(f"{where}: bins is {self.bins!r}; a whole number of at least 1 is needed")
        if len(self.edges) != self.bins + 1:
            raise SchemaError(f"{where}: {self.bins} bins do not fit between {low} and {high}; use fewer")

    @property
    def ordered(self) -> bool:
        return self.kind != "categorical"

    @property
    def edges(self) -> np.ndarray:
        """Lower edges of the bins, then the upper end (exclusive for integers), shape (bins + 1,)."""
        low, high = self.bounds or (0.0, 0.0)
        span = high - low + (1 if self.kind == "integer" else 0)
        steps = np.linspace(0.0, 1.0, self.bins + 1)
        if self.scale == "log":
            steps = np.expm1(steps * np.log1p(span)) / span
        edges = low + span * steps
        edges[-1] = low + span
        return np.unique(np.ceil(edges - 1e-9)) if self.kind == "integer" else edges

    @property
    def values(self) -> int:
        """Number of codes that stand for a declared category or a bin."""
        return self.bins if self.ordered else len(self.categories)

    @property
    def missing_code(self) -> int | None:
        return self.values if self.missing == "own_code" else None

    @property
    def other_code(self) -> int | None:
        return self.values + (self.missing == "own_code") if self.other else None

    @property
    def size(self) -> int:
        """Number of codes."""
        return self.values + (self.missing == "own_code") + self.other

    def encode(self, cells: pd.Series) -> np.ndarray:
        """Codes of the cells, shape (rows,), int64; -1 where the cell is missing and its row is to be dropped.

        Raises SchemaError for a missing cell without a rule, text in a numeric column, and an undeclared
        category where the column has no `other`.
        """
        absent = cells.isna().to_numpy()
        if absent.any() and self.missing is None:
            raise SchemaError(
                f"column {self.name!r}: {int(absent.sum())} missing cells (first in row {int(absent.argmax()) + 1}) "
                "and no rule for them; add `missing: own_code` or `missing: drop` to its schema"
            )
        codes = self._encode_numbers(cells, absent) if self.ordered else self._encode_categories(cells, absent)
        codes[absent] = -1 if self.missing_code is None else self.missing_code
        return codes

    def _encode_numbers(self, cells: pd.Series, absent: np.ndarray) -> np.ndarray:
        numbers = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        wrong = np.isnan(numbers) & ~absent
        if wrong.any():
            row = int(wrong.argmax())
            raise SchemaError(
                f"column {self.name!r}, row {row + 1}: {cells.iloc[row]!r} is not a number, "
                f"and the schema says the column is {self.kind}"
            )
        return np.clip(np.searchsorted(self.edges, numbers, side="right") - 1, 0, self.bins - 1)

    def _encode_categories(self, cells: pd.Series, absent: np.ndarray) -> np.ndarray:
        index = {canonical(category): code for code, category in enumerate(self.categories)}
        positions, distinct = pd.factorize(cells)
        unknown = -1 if self.other_code is None else self.other_code
        lookup = np.array([index.get(canonical(value), unknown) for value in distinct] + [0], dtype=np.int64)
        codes = lookup[positions]
        if self.other_code is None and (codes[~absent] < 0).any():
            row = int(((codes < 0) & ~absent).argmax())
            raise SchemaError(
                f"column {self.name!r}, row {row + 1}: {cells.iloc[row]!r} is not among its categories "
                f"({_shortened(self.categories)}) and the column has no code for others"
            )
        return codes

    def decode(self, codes: np.ndarray, rng: np.random.Generator) -> pd.Series:
        """Cells in the owner's own types; numbers are uniform inside their bin, missing cells are NaN."""
        if not self.ordered:
            labels = list(self.categories) + [None] * (self.missing == "own_code") + [OTHER_LABEL] * self.other
            plain = self.missing is None and not self.other
            return pd.Series(
                np.array(labels, dtype=object)[codes], name=self.name, dtype=None if plain else object
            ).infer_objects()
        edges = self.edges
        bins = np.minimum(codes, self.bins - 1)
        low, high = edges[bins], edges[bins + 1]
        numbers = low + (high - low) * rng.random(len(codes))
        numbers = np.floor(numbers) if self.kind == "integer" else np.minimum(numbers, edges[-1])
        if self.missing_code is not None:
            numbers[codes == self.missing_code] = np.nan
        if self.kind == "integer":
            numbers = pd.array(numbers, dtype="Int64" if self.missing_code is not None else "int64")
        return pd.Series(numbers, name=self.name)


@dataclass(frozen=True)
class Schema:
    """The public domain of a table.

    target: the column to be predicted, or None for a table of features alone.
    rows_public: a rounded row count that is not to change when one row is added; every default that depends on
    the number of rows uses it.
    groups: rows of one group stay on one side of a split: "rows" (each row alone), "identical_rows", or a tuple
    of column names.
    ignore: columns of the raw data that are known and left out.
    """

    columns: tuple[Column, ...]
    target: str | None
    rows_public: int
    groups: str | tuple[str, ...] = "rows"
    ignore: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.columns:
            raise SchemaError("the schema has no columns")
        if len(set(self.names)) < len(self.names):
            raise SchemaError(f"columns given twice: {', '.join(sorted({n for n in self.names if self.names.count(n) > 1}))}")
        if isinstance(self.rows_public, bool) or not isinstance(self.rows_public, int) or self.rows_public < 1:
            raise SchemaError(f"rows_public is {self.rows_public!r}; a rounded, public row count of at least 1 is needed")
        if isinstance(self.groups, str) and self.groups not in ("rows", "identical_rows"):
            raise SchemaError(f"groups is {self.groups!r}; accepted: rows, identical_rows, or a list of columns")
        if self.target is not None:
            self._check_target()

    def _check_target(self) -> None:
        if self.target not in self.names:
            raise SchemaError(f"target {self.target!r} is not a column; columns: {_shortened(self.names)}")
        column = self[self.target]
        if column.kind != "categorical":
            raise SchemaError(f"target {self.target!r} is {column.kind}; a categorical column is needed")
        if len(column.categories) < 2:
            raise SchemaError(f"target {self.target!r} has one class; at least two are needed")
        if column.missing == "own_code" or column.other:
            raise SchemaError(
                f"target {self.target!r} can have neither `missing: own_code` nor `other`: a label is a declared class"
            )

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any]) -> Schema:
        """Build a schema from what a YAML file holds. Raises SchemaError, naming the key at fault."""
        if not isinstance(raw, Mapping):
            raise SchemaError("a schema is a mapping with the keys columns, target and rows_public")
        _refuse_unknown(raw, _SCHEMA_KEYS, "schema")
        missing = {"columns", "rows_public"} - set(raw)
        if missing:
            raise SchemaError(f"the schema lacks {', '.join(sorted(missing))}")
        if not isinstance(raw["columns"], Mapping):
            raise SchemaError("`columns` is a mapping from column name to its description")
        target = None if raw.get("target") is None else str(raw["target"])
        groups = raw.get("groups", "rows")
        return cls(
            columns=tuple(_column(str(name), spec, str(name) == target) for name, spec in raw["columns"].items()),
            target=target,
            rows_public=raw["rows_public"],
            groups=groups if isinstance(groups, str) else tuple(map(str, groups)),
            ignore=tuple(map(str, raw.get("ignore") or ())),
        )

    @classmethod
    def from_yaml(cls, path: str | Path) -> Schema:
        """Read a schema file. Raises SchemaError naming the file."""
        import yaml

        try:
            return cls.from_mapping(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, yaml.YAMLError, SchemaError) as error:
            raise SchemaError(f"{path}: {' '.join(str(error).split())}") from error

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(column.size for column in self.columns)

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(name for name in self.names if name != self.target)

    @property
    def dtype(self) -> np.dtype:
        return np.min_scalar_type(max(self.sizes) - 1)

    @property
    def target_position(self) -> int:
        if self.target is None:
            raise SchemaError("the schema has no target")
        return self.position(self.target)

    @property
    def classes(self) -> int:
        return self.sizes[self.target_position]

    def __getitem__(self, name: str) -> Column:
        return self.columns[self.position(name)]

    def position(self, name: str) -> int:
        try:
            return self.names.index(name)
        except ValueError:
            raise SchemaError(f"no column {name!r}; columns: {_shortened(self.names)}") from None

    def positions(self, names: Iterable[str]) -> list[int]:
        return [self.position(name) for name in names]

    def shape(self, names: Iterable[str]) -> tuple[int, ...]:
        """Numbers of codes of the named columns: the shape of their joint marginal."""
        return tuple(self[name].size for name in names)

    def select(self, names: Sequence[str]) -> Schema:
        """The schema of some of the columns, in the order given; the target stays only if it is among them."""
        target = self.target if self.target in names else None
        return replace(self, columns=tuple(self[name] for name in names), target=target)

    def check_frame(self, frame: pd.DataFrame) -> None:
        """Raise SchemaError unless the frame has every column of the schema and none that nobody declared."""
        twice = frame.columns[frame.columns.duplicated()].unique()
        if len(twice):
            raise SchemaError(f"the data have columns of the same name: {_shortened(twice)}")
        absent = [name for name in self.names if name not in frame.columns]
        if absent:
            raise SchemaError(f"the data lack the column {', '.join(map(repr, absent))}; they have {_shortened(frame.columns)}")
        extra = [name for name in frame.columns if name not in self.names and name not in self.ignore]
        if extra:
            raise SchemaError(
                f"the data have columns that the schema does not know: {_shortened(extra)}; "
                "describe them or list them under `ignore`"
            )

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """Codes, shape (rows kept, columns), of the smallest unsigned type that fits.

        Rows with a missing cell in a column whose rule is `drop` are left out. Raises SchemaError (see
        `check_frame` and `Column.encode`).
        """
        self.check_frame(frame)
        columns = [column.encode(frame[column.name]) for column in self.columns]
        codes = np.stack(columns, axis=1) if len(frame) else np.empty((0, len(self.columns)), dtype=np.int64)
        return np.ascontiguousarray(codes[(codes >= 0).all(axis=1)].astype(self.dtype))

    def decode(self, codes: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
        """A frame in the owner's types, from codes of shape (rows, columns)."""
        return pd.DataFrame(
            {column.name: column.decode(codes[:, i].astype(np.int64), rng) for i, column in enumerate(self.columns)}
        )


def _column(name: str, spec: Any, is_target: bool) -> Column:
    if not isinstance(spec, Mapping):
        raise SchemaError(f"column {name!r}: a description such as {{kind: integer, bounds: [0, 120], bins: 16}} is needed")
    _refuse_unknown(spec, _COLUMN_KEYS, f"column {name!r}")
    kind = spec.get("kind", "")
    bounds = spec.get("bounds")
    try:
        numeric = None if bounds is None else tuple(float(b) for b in bounds)
    except (TypeError, ValueError):
        raise SchemaError(f"column {name!r}: bounds are {bounds!r}; two numbers [lowest, highest] are needed") from None
    return Column(
        name=name,
        kind=kind,
        categories=tuple(spec.get("categories") or ()),
        bounds=numeric,  # type: ignore[arg-type]
        bins=spec.get("bins", 0),
        scale=spec.get("scale", "linear"),
        missing=spec.get("missing"),
        other=bool(spec.get("other", kind == "categorical" and not is_target)),
    )


def _refuse_unknown(raw: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(str(key) for key in raw if key not in known)
    if unknown:
        raise SchemaError(f"{where}: unknown key {', '.join(unknown)}; accepted: {', '.join(sorted(known))}")


def _shortened(names: Iterable[Any], most: int = 12) -> str:
    texts = [str(name) for name in names]
    return ", ".join(texts[:most]) + (f", ... ({len(texts)} in all)" if len(texts) > most else "")
