"""From a data set's description to encoded training and test rows: published files, a person's own file, or simulated rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.base.checks import InputError
from dpdsyn.mechanisms.contribution_bounding import Bounded, used_rows
from dpdsyn.reading.cells import canonical
from dpdsyn.reading.column import SchemaError
from dpdsyn.schema import Schema
from dpdsyn.tables.preflight import Report, examined
from experiments.configuration import options, read_option
from experiments.console import Say, silent
from experiments.data import own_table, published, simulated, split
from experiments.data.description import Dataset, OwnTable, PublishedTable, SimulatedTable, description
from experiments.data.errors import DataError
from experiments.data.split import content_ids, test_side
from experiments.records.record import Record

VERSION = 1  # raised when the same configuration would give other encoded rows or another split
_IDENTITY = ("name", "files", "read", "replace", "derive", "deduplicate", "schema", "test_share")  # keys of a table of a file


@dataclass(frozen=True)
class Split:
    """The rows that are used, on both sides: encoded, shape (rows, columns), as cells, or both.

    schema: what the encoded rows follow. codes: training and test rows, encoded; None where the schema is open, so that its
    domain has to be learnt first. frames: the same rows in the same order, every cell as it was read; None unless asked for.
    persons: whose each training row is, shape (rows,), from 0, if the schema names a person.
    leak: the share of test rows that agree with a training row in the columns `leak_by`, if the data set names some.
    """

    schema: Schema
    codes: tuple[np.ndarray, np.ndarray] | None = None
    frames: tuple[pd.DataFrame, pd.DataFrame] | None = None
    leak: float | None = None
    persons: np.ndarray | None = None

    @property
    def train(self) -> np.ndarray:
        """Encoded training rows. Raises ValueError if nothing can be encoded yet."""
        return self._encoded[0]

    @property
    def test(self) -> np.ndarray:
        """Encoded test rows. Raises ValueError if nothing can be encoded yet."""
        return self._encoded[1]

    @property
    def train_frame(self) -> pd.DataFrame:
        """Training rows as they were read. Raises ValueError unless they were asked for."""
        return self._read[0]

    @property
    def test_frame(self) -> pd.DataFrame:
        """Test rows as they were read. Raises ValueError unless they were asked for."""
        return self._read[1]

    @property
    def sizes(self) -> tuple[int, int]:
        """How many rows there are for training and for testing."""
        train, test = self.codes or self._read
        return len(train), len(test)

    def encoded(self, schema: Schema) -> Split:
        """The same rows under a schema that is closed. Raises ValueError unless the rows as they were read are at hand."""
        train, test = (schema.encode(frame) for frame in self._read)
        return replace(self, schema=schema, codes=(train, test))

    @property
    def _encoded(self) -> tuple[np.ndarray, np.ndarray]:
        if self.codes is None:
            raise ValueError("the schema is open: nothing is encoded before its domain is learnt")
        return self.codes

    @property
    def _read(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        if self.frames is None:
            raise ValueError("rows as they were read are kept where load is asked for them (frames=True)")
        return self.frames


@dataclass(frozen=True)
class _Written:
    """What was written, to be found again by its text."""

    text: str
    raw: Any = field(compare=False)


def resolved(raw: Mapping[str, Any]) -> Dataset:
    """The description of a configured data set, with all that a person's own files say, checked as far as no row is needed.

    The runs of a sweep ask for the same few again and again; only a person's own files may say something else by then.
    Raises DataError, SchemaError or ValueError, naming what is missing or wrong.
    """
    return _resolved(raw) if "path" in raw else _checked_before(_Written(repr(raw), raw))


def of_record(record: Record) -> PublishedTable | SimulatedTable | None:
    """The data set that a record names, as its settings had it; None of a person's own table or of a file not known here."""
    if record.dataset.version is not None or record.dataset.name not in options("dataset"):
        return None
    raw = {
        **read_option("dataset", record.dataset.name),
        **record.data_settings,
        "offtask": None,
    }  # which it may be too small for
    dataset = resolved(raw)
    return None if isinstance(dataset, OwnTable) else dataset


@lru_cache(maxsize=16)
def _checked_before(written: _Written) -> Dataset:
    return _resolved(written.raw)


def _resolved(raw: Mapping[str, Any]) -> Dataset:
    dataset: Dataset = description(raw)
    if isinstance(dataset, OwnTable):
        dataset = own_table.resolved(dataset)
    schema = schema_of(dataset)
    if not isinstance(dataset, SimulatedTable) and dataset.train_rows is not None:
        dataset = _cut(dataset, dataset.train_rows, schema)
        schema = schema_of(dataset)
    if schema.target is None:
        raise SchemaError(f"schema of {dataset.name}: no target is named; add `target: COLUMN`, or dataset.target=COLUMN")
    target = schema[schema.target]
    if target.ordered and dataset.positive is not None:
        raise InputError(f"dataset.positive is {dataset.positive!r}; {dataset.name} predicts a number, which has no such class")
    _check_choice(dataset, "positive", dataset.positive, [canonical(category) for category in target.categories])
    if not isinstance(dataset, SimulatedTable):  # whose default has no meaning where fewer columns are drawn
        _check_offtask(dataset, schema)
    return dataset


def _cut(dataset: PublishedTable | OwnTable, rows: int, schema: Schema) -> PublishedTable | OwnTable:
    """The data set with about that many of its training rows; the schema then states that number in public.

    Raises InputError for a number out of range.
    """
    full = schema.rows_public
    if not 1 <= rows <= full:
        raise InputError(f"dataset.train_rows is {rows!r}; a whole number from 1 to {full} is needed, or null for all")
    if rows == full:
        return dataset
    smaller = {**dataset.raw["schema"], "rows_public": rows}
    return replace(dataset.with_values(schema=smaller), kept_share=rows / full)


def _check_choice(dataset: Dataset, key: str, value: Any, accepted: list[str]) -> None:
    if value is not None and canonical(value) not in accepted:
        raise InputError(f"dataset.{key} is {value!r}; accepted for {dataset.name}: {', '.join(accepted)}")


def _check_offtask(dataset: Dataset, schema: Schema) -> None:
    _check_choice(dataset, "offtask", dataset.offtask, [name for name in schema.features if not schema[name].ordered])


def schema_of(dataset: Dataset) -> Schema:
    """The public schema. Raises SchemaError, naming the data set."""
    if isinstance(dataset, SimulatedTable):
        return dataset.generator.schema
    try:
        return _read_before(_Written(repr(dataset.schema), dataset.schema))
    except SchemaError as error:
        raise SchemaError(f"schema of {dataset.name}: {error}") from error


@lru_cache(maxsize=16)
def _read_before(written: _Written) -> Schema:
    return Schema.from_mapping(written.raw)  # what is none is refused there


def judged_column(dataset: Dataset, schema: Schema, target: str | None) -> str:
    """The column that models are to predict when synthetic rows are judged: the schema's target, or `offtask`.

    Raises InputError if the data set names none, or one that it has not.
    """
    if target is None:
        return str(schema.target)
    if target != "offtask":
        raise InputError(f"evaluation.target is {target!r}; accepted: null (the schema's own target), offtask")
    if dataset.offtask is None:
        raise InputError(f"{dataset.name} names no off-task column; add dataset.offtask=COLUMN")
    _check_offtask(dataset, schema_of(dataset))
    return str(dataset.offtask)


def positive_class(dataset: Dataset, schema: Schema, column: str) -> int | None:
    """The category whose rate is reported, as its code in a closed schema: for the target `positive`, if given; else the last.

    It is the last that the data set's own schema states. None of numbers, of categories that nobody stated, and of one that was
    not learnt.
    """
    stated = [canonical(category) for category in schema_of(dataset)[column].categories]
    found = [canonical(category) for category in schema[column].categories] if column in schema.names else []
    positive = dataset.positive if column == schema.target else None
    wanted = canonical(positive) if positive is not None else stated[-1] if stated else None
    return found.index(wanted) if wanted in found else None


def identity(dataset: Dataset) -> dict[str, Any]:
    """Everything of the configuration that decides which encoded rows come out, as it was configured."""
    if isinstance(dataset, SimulatedTable):
        generator = {key: value for key, value in dataset.raw["generator"].items() if value is not None}  # null: as if left out
        return {"version": [VERSION, simulated.VERSION], "name": dataset.name, "generator": generator}
    cut = {} if dataset.kept_share is None else {"kept_share": dataset.kept_share}
    return {"version": VERSION, **split_version(dataset), **{key: dataset.raw.get(key) for key in _IDENTITY}, **cut}


def split_version(dataset: Dataset) -> dict[str, int]:
    """The version of the split, of data sets that version 1 split otherwise: by row number, or with other rows of a person."""
    if isinstance(dataset, SimulatedTable):
        return {}
    by_content = isinstance(dataset, OwnTable) or schema_of(dataset).groups == "rows"
    return {"split": split.VERSION} if by_content else {}


def ceiling(dataset: Dataset) -> float | None:
    """The accuracy of the best possible model, where it is known."""
    return dataset.generator.bayes_accuracy if isinstance(dataset, SimulatedTable) else None


def load(dataset: Dataset, seed: int, say: Say = silent, schema: Schema | None = None, frames: bool = False) -> Split:
    """Read, verify, split and encode a resolved data set. The same seed gives the same split.

    schema: what a run begins with, if not the data set's own; rows of an open one are not encoded. Which rows are used, and on
    which side each is, is decided by the data set's own schema, so that it is the same whatever is learnt later.
    frames: whether to keep the rows as they were read too, as is done anyway where they are not encoded.
    Raises DataError (absent, altered or unreadable file) or SchemaError (rows that contradict the schema).
    """
    own = schema_of(dataset)
    begun = own if schema is None else schema
    frames = frames or begun.is_open
    if isinstance(dataset, SimulatedTable):
        source = dataset.generator
        codes = source.sample(source.rows, seed, simulated.TRAIN), source.sample(source.test_rows, seed, simulated.TEST)
        read = (source.cells(codes[0]), source.cells(codes[1])) if frames else None
        return Split(begun, None if begun.is_open else codes, read)
    frame = read_frame(dataset, say)
    encoded, bounded, _ = _encoded(dataset, own, frame, seed)
    groups = (own.person,) if own.person else own.groups
    test = test_side(frame, groups, dataset.test_share, seed)[bounded.used]
    kept = split.kept(frame, groups, dataset.kept_share, seed)[bounded.used]
    if test.all() or not test.any():
        raise DataError(f"{dataset.name}: {len(encoded)} rows are too few to be split into a training and a test part")
    leak_by = dataset.leak_by if isinstance(dataset, PublishedTable) else None
    leak = _leak(frame.loc[bounded.used, list(leak_by)], test) if leak_by else None
    train = ~test & kept
    persons = None if bounded.persons is None else np.unique(bounded.persons[train], return_inverse=True)[1]
    used = frame[bounded.used] if frames else frame[:0]
    return Split(
        begun,
        codes=None if begun.is_open else (encoded[train], encoded[test]),
        frames=(used[train].reset_index(drop=True), used[test].reset_index(drop=True)) if frames else None,
        leak=leak,
        persons=persons,
    )


def check(dataset: Dataset, say: Say = silent) -> None:
    """Have the files of a resolved data set on this machine, verified, and hold rows against the schema; see `load`.

    The first rows of published files, whose content is known; all rows of a person's own, of which it says where many cells are
    not what the schema says: a misspelt category is no error, nor is another unit.
    """
    if isinstance(dataset, SimulatedTable):
        return
    schema = schema_of(dataset)
    _, _, report = _encoded(dataset, schema, read_frame(dataset, say, rows=100), seed=0)
    for share in report.often:
        if isinstance(dataset, OwnTable) or share.kind == "undeclared":
            say(f"CAUTION: {dataset.name}: {share.told}")


def undeclared(schema: Schema, encoded: np.ndarray) -> dict[str, int]:
    """Of each column with a code for other categories, the number of cells that have it."""
    others = {i: column.other_code for i, column in enumerate(schema.columns) if column.other_code is not None}
    return {schema.names[i]: int((encoded[:, i] == code).sum()) for i, code in others.items()}


def read_frame(dataset: PublishedTable | OwnTable, say: Say = silent, rows: int | None = None) -> pd.DataFrame:
    """The rows (or the first of each published file), every cell as text, so that no row changes how another is read."""
    return own_table.read_frame(dataset) if isinstance(dataset, OwnTable) else published.read_frame(dataset, say, rows)


def _encoded(
    dataset: PublishedTable | OwnTable, schema: Schema, frame: pd.DataFrame, seed: int
) -> tuple[np.ndarray, Bounded, Report]:
    """The rows that are used, encoded, which these are, and what the preflight says.

    The preflight cannot be left out here: a benchmark is no release, and wrong rows make wrong results.
    """
    try:
        report = examined(frame, schema)
        report.refuse_faults(whole=isinstance(dataset, OwnTable))  # of published files, whose content is known, some rows may do
        return *used_rows(frame, schema, bounding_key(seed)), report
    except SchemaError as error:
        where = own_table.place(dataset, error.row) if isinstance(dataset, OwnTable) else ", ".join(dataset.files)
        raise SchemaError(f"{where}: {error}", error.row) from error


def bounding_key(seed: int) -> bytes:
    """Of contribution bounding; a seed is no secret, and results of research are not published rows."""
    return seed.to_bytes(32, "little")


def _leak(frame: pd.DataFrame, test: np.ndarray) -> float:
    ids = content_ids(frame)
    return float(np.isin(ids[test], ids[~test]).mean())
