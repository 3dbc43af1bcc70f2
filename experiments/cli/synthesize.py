"""`dpdsyn synthesize`: a person's table in, a synthetic one out, and a statement of what protects it."""

from __future__ import annotations

import argparse
import gzip
import io
import json
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpdsyn.checks import InputError
from dpdsyn.files import whole, write_whole
from experiments.cli.schema import held_against, reading, reads_table, shows_cells, still_a_draft, streamed
from experiments.console import say
from experiments.data.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from dpdsyn.api import DPDSyn
    from dpdsyn.cautions import Caution
    from dpdsyn.conditions import Conditions
    from dpdsyn.schema import Schema
    from experiments.data.table_file import Reading

_CENTS = 3  # decimals up to which they are all written
_CHUNK = 1_000_000  # rows sampled and written at once
_ENDINGS = (".csv", ".csv.gz", ".parquet")


def add(commands: argparse._SubParsersAction) -> None:
    make = commands.add_parser("synthesize", help="a synthetic table from a CSV or Parquet file and its schema")
    make.add_argument("table", type=Path, metavar="FILE")
    make.add_argument("--schema", type=Path, required=True, metavar="YAML")
    make.add_argument("--output", type=Path, required=True, metavar="OUT", help="a name that ends in .csv, .csv.gz or .parquet")
    make.add_argument("--target", help="the column to be predicted, if the schema does not name it")
    make.add_argument("--epsilon", type=float, required=True)
    make.add_argument("--delta", type=float, default=1e-6)
    make.add_argument(
        "--rows", type=int, help="how many to make; rows_public by default, as the schema states it or as it was learnt"
    )
    make.add_argument(
        "--given",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a value that every row is to have, such as sex=Female; several times for several columns",
    )
    make.add_argument(
        "--balance", action="append", default=[], metavar="CLASS=SHARE,...", help="shares of the target's classes: yes=0.5,no=0.5"
    )
    make.add_argument("--candidates", default="swift", metavar="NAME", help="source of candidate rows")
    make.add_argument("--seed", type=int, help="for research only: seeded noise is not private")
    make.add_argument("--overwrite", action="store_true", help="replace an earlier release; its epsilon stays spent")
    make.add_argument("--draft", action="store_true", help="try out a schema that is still a draft, without any guarantee")
    make.add_argument(
        "--confirm-kinds",
        action="store_true",
        help="that the kinds of columns, which `schema draft` guessed from cells, may be known; the statement says so",
    )
    make.add_argument(
        "--no-preflight",
        action="store_false",
        dest="preflight",
        help="do not hold the rows against the schema first; cells that contradict it are then encoded without a word",
    )
    shows_cells(make)
    make.set_defaults(command=release)
    reads_table(make)


def release(given: argparse.Namespace) -> int:
    from dpdsyn.conditions import Conditions, pairs, shares

    names = [field.name for field in fields(Request) if field.name not in ("reading", "conditions")]
    conditions = Conditions(pairs(given.given, "--given", "sex=Female"), shares(given.balance))
    return synthesize(Request(**{name: getattr(given, name) for name in names}, reading=reading(given), conditions=conditions))


@dataclass(frozen=True)
class Request:
    """What was asked for. rows: None for `rows_public`. draft: whether a schema that is still a draft will do.

    confirm_kinds: that the kinds of columns may be known, where they were guessed from cells. preflight: whether to hold the rows
    against the schema first. show_cells: whether it may quote cells. conditions: what rows are to be.
    """

    table: Path
    schema: Path
    output: Path
    target: str | None
    epsilon: float
    delta: float
    rows: int | None
    candidates: str
    seed: int | None
    reading: Reading
    overwrite: bool
    draft: bool
    confirm_kinds: bool
    preflight: bool
    show_cells: bool
    conditions: Conditions

    @property
    def statement(self) -> Path:
        return self.output.with_name(f"{self.output.name.removesuffix('.gz').rpartition('.')[0]}.privacy.json")


def synthesize(request: Request) -> int:
    """Fit, sample and write. Raises InputError or DataError, in one line, before anything is written."""
    from dpdsyn.api import DPDSyn, SeededNoiseWarning
    from dpdsyn.cautions import WeakGuaranteeWarning, cautions
    from dpdsyn.privacy import Budget
    from dpdsyn.published_rows import refuse_contradictions
    from dpdsyn.row_count import RowCountWarning
    from experiments.data.table_file import read_table
    from experiments.machine import leave_no_core

    leave_no_core()
    Budget(request.epsilon, request.delta)
    _check_output(request)
    schema = _schema(request)
    refuse_contradictions(schema, request.conditions)
    if request.output.suffix == ".parquet":
        _arrow_types(schema)  # which refuses, before anything is spent, what it cannot hold
    owners = _owners_types(request.table) if request.output.suffix == ".parquet" else {}
    model = DPDSyn(
        epsilon=request.epsilon,
        delta=request.delta,
        target=request.target,
        candidates=request.candidates,
        random_state=request.seed,
    )
    said = cautions(request.epsilon, request.delta, schema.rows_public)
    _caution(said)
    say(f"reading {request.table}")
    pieces = streamed(request.table, request.reading, schema)
    table = request.table if pieces else read_table(request.table, request.reading, may_be_empty=not request.preflight)
    if request.preflight:
        held_against(request.table, table, schema, request.reading, request.show_cells)
    say("learning under differential privacy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeededNoiseWarning)
        warnings.simplefilter("ignore", WeakGuaranteeWarning)
        warnings.simplefilter("ignore", RowCountWarning)
        try:
            model.fit(table, schema, preflight=False, confirm_kinds=request.confirm_kinds)
        except InputError as error:
            raise error if str(error).startswith(str(request.table)) else InputError(f"{request.table}: {error}") from error
    del table
    _caution(caution for caution in model.cautions if caution not in said)
    rows = model.schema_.rows_public if request.rows is None else request.rows
    _write(request, model, rows, owners)
    print(f"{request.output}: {rows:,} synthetic rows\n{request.statement}: the privacy statement\n{model.guarantee}")
    for line in _kept(request, model):
        print(line)
    if request.seed is not None:
        say("CAUTION: the noise was seeded; whoever knows the seed can take it off. For a release leave --seed out")
    return 0


def _check_output(request: Request) -> None:
    if not request.output.name.endswith(_ENDINGS):
        raise DataError(f"--output {request.output}: the name has to end in {', '.join(_ENDINGS[:-1])} or {_ENDINGS[-1]}")
    if not request.output.parent.is_dir():
        raise DataError(f"--output {request.output}: there is no folder {request.output.parent}")
    for path in (request.output, request.statement):
        if path.exists() and not request.overwrite:
            raise DataError(f"{path} exists; a second release spends epsilon again. Give --overwrite if that is meant")
    if request.output.exists() and request.table.exists() and request.output.samefile(request.table):
        raise DataError(f"--output {request.output} is the private table itself")
    if request.rows is not None and request.rows < 1:
        raise InputError(f"--rows is {request.rows}; a whole number of at least 1 is needed")


def _schema(request: Request) -> Schema:
    from dpdsyn.api import refuse_unconfirmed, with_target
    from dpdsyn.schema import Schema

    schema = with_target(Schema.from_yaml(request.schema), request.target)
    if schema.target is None:
        raise InputError(f"{request.schema}: no target is named; add `target: COLUMN`, or --target COLUMN")
    if schema.drafted and not request.draft:
        raise InputError(f"{still_a_draft(request.schema)}; or give --draft to try it out without any guarantee")
    try:
        refuse_unconfirmed(schema, request.confirm_kinds, "give --confirm-kinds, and the privacy statement will say that you did")
    except InputError as error:
        raise InputError(f"{request.schema}: {error}") from error
    return schema


def _caution(cautions: Iterable[Caution]) -> None:
    for caution in cautions:
        say(f"{'CAUTION' if caution.grave else 'note'}: {caution.text}")


def _write(request: Request, model: DPDSyn, rows: int, owners: Mapping[str, pa.DataType]) -> None:
    """The table and its statement, each whole or not at all. owners: types that columns of a Parquet file are to have."""
    with whole(request.output) as table:
        chunks = _chunks(model, rows, request.conditions)
        if request.output.suffix == ".parquet":
            _write_parquet(chunks, table, model.schema_, owners)
        else:
            _write_csv(chunks, table, model.schema_, packed=request.output.suffix == ".gz")
        write_whole(request.statement, _json(_statement(request, model, rows)).encode())  # it is there before the table is


def _json(statement: dict[str, Any]) -> str:
    """Readable: lists of numbers, as a learnt column has them, on one line each."""
    text = json.dumps(statement, indent=2, default=str)
    return re.sub(r"\[\s+(-?\d[^][\"{}]*?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"


def _kept(request: Request, model: DPDSyn) -> list[str]:
    """What to say of rules that rows keep and of conditions that they were drawn under."""
    rules, conditions = [rule.written for rule in model.schema_.constraints], request.conditions.told()
    lines = [f"conditioned on {line}" for line in conditions]
    lines += [f"every row keeps {written}" for written in rules]
    return [*lines, f"to that end {model.tally.told()}; no private row was looked at, so it costs no budget"] if lines else []


def _chunks(model: DPDSyn, rows: int, conditions: Conditions) -> Iterator[pd.DataFrame]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    starts = range(0, rows, _CHUNK)
    for start in track(starts, "sampling", console=console, disable=not console.is_terminal, transient=True):
        yield model.sample(min(_CHUNK, rows - start), conditions.given or None, conditions.balance or None)


def _write_csv(chunks: Iterator[pd.DataFrame], path: Path, schema: Schema, packed: bool) -> None:
    """packed: by gzip, without a name or a time in it."""
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if packed else nullcontext(raw) as binary,
        io.TextIOWrapper(binary, encoding="utf-8", newline="") as file,
    ):
        for i, chunk in enumerate(chunks):
            _with_cents(chunk, schema).to_csv(file, index=False, header=i == 0, lineterminator="\n")


def _with_cents(chunk: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Numbers of few decimals, such as money, as texts that have all of them: 12.50 and 10.00."""
    for column in schema.columns:
        if column.kind == "real" and column.pieces and 0 < (decimals := column.decimals or 0) <= _CENTS:
            numbers = chunk[column.name]
            if (numbers.isna() | (numbers.round(decimals) == numbers)).all():  # a computed sum may have more
                chunk[column.name] = numbers.map(f"{{:.{decimals}f}}".format, na_action="ignore")
    return chunk


def _write_parquet(chunks: Iterator[pd.DataFrame], path: Path, schema: Schema, owners: Mapping[str, pa.DataType]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = _arrow_types(schema)
    wanted = pa.schema([(field.name, _kept_type(field, owners, schema)) for field in types])
    with pq.ParquetWriter(path, wanted) as writer:
        for chunk in chunks:
            table = pa.Table.from_pandas(chunk, schema=types, preserve_index=False)
            writer.write_table(pa.table([_cast(*pair) for pair in zip(table.columns, wanted, strict=True)], schema=wanted))


def _kept_type(field: pa.Field, owners: Mapping[str, pa.DataType], schema: Schema) -> pa.DataType:
    """The owner's type, where the column's cells are of its kind."""
    import pyarrow as pa

    kind = owners.get(field.name, field.type)
    if pa.types.is_timestamp(kind) and not pa.types.is_timestamp(field.type):
        return field.type
    if pa.types.is_time(kind) and not (field.name in schema.names and schema[field.name].format in ("%H:%M", "%H:%M:%S")):
        return field.type
    return kind


def _cast(cells: Any, field: pa.Field) -> Any:
    """Cells as another type of the same kind. A decimal is made of a number's shortest text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_timestamp(field.type) and field.type.tz is not None:  # cells are what the clocks there show
        local = cells.cast(pa.timestamp(field.type.unit))
        return pc.assume_timezone(local, field.type.tz, ambiguous="earliest", nonexistent="earliest")
    if pa.types.is_time(field.type):
        texts = pc.binary_join_element_wise("1970-01-01", cells.cast(pa.string()), " ")
        moments = texts.cast(pa.timestamp("us"))
        return moments.cast(pa.time64("us")).cast(field.type, safe=False)
    if pa.types.is_decimal(field.type):
        cells = pc.round(cells.cast(pa.float64()), field.type.scale).cast(pa.string())
    return cells.cast(field.type, safe=False)


def _owners_types(path: Path) -> dict[str, pa.DataType]:
    """Types that a Parquet file declares, which are public, where synthetic cells would have another one of the same kind."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from experiments.data.table_file import is_parquet

    if not is_parquet(path):
        return {}
    kept = {}
    for field in pq.read_schema(path):
        if pa.types.is_date(field.type):
            kept[field.name] = pa.date32()
        elif (
            pa.types.is_decimal(field.type)
            or pa.types.is_time(field.type)
            or (pa.types.is_timestamp(field.type) and _known_zone(field.type.tz))
        ):
            kept[field.name] = field.type
        elif pa.types.is_string(field.type) or pa.types.is_large_string(field.type) or pa.types.is_dictionary(field.type):
            kept[field.name] = pa.string()
    return kept


def _known_zone(zone: str | None) -> bool:
    """Whether there is a time zone, and Arrow knows it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return zone is not None and pc.assume_timezone(pa.array([0], pa.timestamp("s")), zone) is not None
    except pa.ArrowException:
        return False


def _arrow_types(schema: Schema) -> pa.Schema:
    """Names and types of the columns, whatever a sample holds. Raises InputError for a column that has none."""
    import numpy as np
    import pyarrow as pa

    fields = []
    for column in schema.columns:
        if column.is_open:
            continue  # what is learnt is of one kind
        codes = np.arange(column.size - (column.other and not column.emit_other))  # undeclared ones are not published
        try:
            kind = pa.array(column.decode(codes, np.random.default_rng(0)), from_pandas=True).type
        except pa.ArrowException:
            raise InputError(
                f"column {column.name!r} has categories of several kinds, which a Parquet column cannot hold; quote them all in "
                "the schema, so that they are texts, or write a .csv file"
            ) from None
        fields.append((column.name, kind))
    for made in sorted(schema.made, key=lambda column: column.position):
        cells = made.cells(1, 1, np.random.default_rng(0))
        fields.insert(min(made.position, len(fields)), (made.name, pa.array(cells, from_pandas=True).type))
    return pa.schema(fields)


def _statement(request: Request, model: DPDSyn, rows: int) -> dict[str, Any]:
    """Public values only: what was configured, what the plan spends, and cautions, of the noisy count of the rows too."""
    from importlib.metadata import version

    return {
        **model.guarantee.to_mapping(),
        "program": f"dpdsyn {version('dpdsyn')}",
        "method": {"name": "dpdsyn", "version": model.method_.version, "candidates": request.candidates},
        "rows": rows,
        **({"constraints": [rule.to_plain() for rule in model.schema_.constraints]} if model.schema_.constraints else {}),
        **({"conditioned_on": told} if (told := request.conditions.told()) else {}),
        **({"rows_drawn": vars(model.tally)} if model.schema_.constraints or request.conditions else {}),
        "noise": "operating system's entropy" if request.seed is None else "SEEDED: not private against whoever knows the seed",
        "cautions": [caution.text for caution in model.cautions],
        "schema": model.schema_.to_mapping(),
    }
