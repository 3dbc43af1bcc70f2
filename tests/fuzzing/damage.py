"""Trials of files that are torn, ragged, mangled, in another encoding, or no tables at all."""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dpdsyn.base.checks import InputError
from dpdsyn.draft import draft_schema
from dpdsyn.schema import Schema
from dpdsyn.tables.kinds import declared, guessed
from dpdsyn.tables.open_draft import open_draft
from dpdsyn.tables.preflight import preflight
from experiments.data.errors import DataError
from experiments.data.table_file import Reading, read_table
from fuzzing.carriers import Style
from fuzzing.meaning import FOR_MISSING
from fuzzing.schemas import Table
from fuzzing.trial import Mismatch, refused, table_of, words_of
from fuzzing.whole import typed

_NONE: list[Callable[[random.Random, bytes], bytes]] = [
    lambda r, b: b"",
    lambda r, b: b"\xef\xbb\xbf",
    lambda r, b: b"\n\r\n  \n",
    lambda r, b: b.splitlines(keepends=True)[0],
    lambda r, b: b"PK\x03\x04" + b,
    lambda r, b: r.randbytes(r.randint(1, 300)),
    lambda r, b: b"\xff\xfe" + b,
    lambda r, b: b'"' + b,
]
_NEVER_READ = {"torn": "a torn gzip file", "ragged": "a row with another number of cells", "twice": "two columns of one name"}


def damaged(r: random.Random, folder: Path) -> str:
    """A damaged file: refused in one line, or read as what stands in it. Returns what was tried; raises Mismatch."""
    return _parquet(r, folder) if r.random() < 0.3 else _csv(r, folder)


def _csv(r: random.Random, folder: Path) -> str:
    table = table_of(r)
    style = replace(Style.drawn(r, table.names), packed=False)
    content = None
    while content is None:
        content = style.written(r, table.names, list(words_of(r, table, style).values()))
        style = style if content is not None else replace(style, encoding="utf-8", sep=",", words=("",), named=False)
    what = r.choice(
        ["torn", "ragged", "twice", "cut", "cut", "bytes", "bytes", "bytes", "encoding", "lines", "none", "none", "quote"]
    )
    path = folder / ("damaged.csv.gz" if what == "torn" or r.random() < 0.1 else "damaged.csv")
    reading = style.reading
    if what == "torn":
        packed = gzip.compress(content)
        path.write_bytes(packed[: r.randint(10, max(len(packed) - 1, 10))])
    else:
        if what in ("ragged", "twice"):
            table = Table([*table.names], table.columns, table.rows)
            content = _misshapen(r, table, style, what)
        else:
            content = _mangled(r, content, what)
        reading = replace(reading, encoding=r.choice(["utf-8", "cp1252", "utf-16", "ascii"])) if what == "encoding" else reading
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    frame = _read(path, reading)
    if frame is None:
        return f"damaged {what}: refused"
    if what in _NEVER_READ:
        raise Mismatch(f"{_NEVER_READ[what]} is read: {frame.shape}")
    _hold_reference(path, content, reading, frame)
    _draft(r, path, reading, frame)
    return f"damaged {what}: read"


def _misshapen(r: random.Random, table: Table, style: Style, what: str) -> bytes:
    rows = [[style.cell(r, name) for name in table.names]]
    rows += [[style.cell(r, "x") for _ in table.names] for _ in range(max(table.rows, 1))]
    if what == "twice":
        rows = [[*row, row[0]] for row in rows]
    else:
        row = r.choice(rows[1:])
        _ = row.append(style.cell(r, "y")) if r.random() < 0.5 else row.pop()
        if len(row) == 1 and not row[0].strip(' "'):
            row[0] = "x"
    return style.mark + (style.end.join(style.sep.join(row) for row in rows) + style.end).encode(style.encoding)


def _mangled(r: random.Random, content: bytes, what: str) -> bytes:
    place = r.randint(0, len(content))
    if what == "cut":
        return content[:place]
    if what == "bytes":
        junk = r.choice(
            [b"\x00", b'"', b"\r", b"\n", b",", b";", b"\xff", b"\xc3", b"\\", b'""', r.randbytes(3), "\u2028".encode(), b"\x1a"]
        )
        return content[:place] + junk + content[place + r.randint(0, 2) :]
    if what == "lines":
        return b"".join(line + r.choice([b"", b"\n", b"\r\n", b" \n"]) for line in content.splitlines(keepends=True))
    if what == "none":
        return r.choice(_NONE)(r, content)
    return content[:place] + b'"' + content[place:] if what == "quote" else content


def _read(path: Path, reading: Reading) -> pd.DataFrame | None:
    try:
        return read_table(path, reading)
    except (DataError, InputError) as error:
        refused(error)
        return None


def _hold_reference(path: Path, content: bytes, reading: Reading, frame: pd.DataFrame) -> None:
    """Raise Mismatch unless the cells are those that Python's own reader finds."""
    mark = next(
        (
            e
            for m, e in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
            if content.startswith(m)
        ),
        None,
    )
    text = content.decode(mark or reading.encoding)
    seps = [reading.sep] if reading.sep else [",", ";", "\t", "|"]
    for sep in seps:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=sep) if row]
        if rows and [name.strip() for name in rows[0]] == list(frame.columns):
            break
    else:
        raise Mismatch(f"{path.name}: names {list(frame.columns)} are not those of {text[:300]!r}")
    if text.count('"') % 2 and "\n" in rows[-1][-1]:
        raise Mismatch(f"{path.name}: a quotation mark that is never closed swallows the rest of the file: {text[:300]!r}")
    absent = {*FOR_MISSING, *reading.missing} - {*reading.not_missing}
    if reading.decimal == ",":
        if len(rows) - 1 != len(frame):
            raise Mismatch(f"{path.name}: {len(frame)} rows are read of {len(rows) - 1}: {text[:600]!r}")
        return
    expected = [[None if cell.strip() in absent else cell.strip() for cell in row] for row in rows[1:]]
    found = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    if found != expected:
        row = next(
            (i for i, pair in enumerate(zip(found, expected, strict=False)) if pair[0] != pair[1]), min(len(found), len(expected))
        )
        raise Mismatch(
            f"{path.name}: row {row} of {len(found)} is {found[row : row + 2]}, not {expected[row : row + 2]} of {len(expected)}"
        )


def _draft(r: random.Random, path: Path, reading: Reading, frame: pd.DataFrame) -> None:
    """Whatever stands in a file, a draft is refused in a line or is a schema that its table passes as far as it has cells."""
    try:
        if r.random() < 0.5:
            text = draft_schema(frame, path.name)
        else:
            text = open_draft({str(name): guessed(frame[name]) for name in frame}, path.name).text
    except InputError as error:
        refused(error)
        return
    (path.parent / "draft.yaml").write_text(text, encoding="utf-8")
    schema = Schema.from_yaml(path.parent / "draft.yaml")
    try:
        preflight(read_table(path, reading, schema=schema), schema)
    except InputError as error:
        if len(frame) > 1 and "all of its" not in refused(error):
            raise Mismatch(f"the draft of a table refuses it: {error}: {text}") from error


ODD: list[Callable[[random.Random], Any]] = [
    lambda r: pa.array([[1], [2, 3], None]),
    lambda r: pa.array([{"a": 1}, {"a": None}, None]),
    lambda r: pa.array([b"\xff", b"a", None]),
    lambda r: pa.array([b"abcd", None, b"efgh"], pa.binary(4)),
    lambda r: pa.array([timedelta(days=1), None, timedelta(seconds=3)]),
    lambda r: pa.array([None, None, None], pa.null()),
    lambda r: pa.array([1.5, None, float("nan")], pa.float16()),
    lambda r: pa.array([Decimal("1.50"), None, Decimal("1e30")], pa.decimal256(60, 2)),
    lambda r: pa.array([2**64 - 1, None, 0], pa.uint64()),
    lambda r: pa.array([1, None, 3]).dictionary_encode(),
    lambda r: pa.array([10**15, -(10**15), None], pa.timestamp("ms")),
    lambda r: pa.array([9 * 10**18, None, 0], pa.timestamp("ns", "Asia/Tokyo")),
    lambda r: pa.array([1, None, 2], pa.timestamp("us", "+14:00")),
    lambda r: pa.array([-700_000, 2_900_000, None], pa.date32()),
    lambda r: pa.array([float("inf"), -0.0, None]),
    lambda r: pa.array([True, None, False]),
    lambda r: pa.array(["\ud7ff", "", None]),
    lambda r: pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int64())),
]


def odd_table(r: random.Random) -> pa.Table:
    """Three rows of types that hardly anybody has, beside two that everybody has."""
    odd = [r.choice(ODD)(r) for _ in range(r.randint(1, 3))]
    names = [f"odd {i}" for i in range(len(odd))]
    plain = [pa.array(["a", "b", "a"]), pa.array([1, 2, 3])]
    if r.random() < 0.1:
        names[0] = r.choice(["t", "", "a\nb", "x" * 300])
    return pa.table([*plain, *odd], names=["t", "n", *names]).slice(0, r.choice([3, 3, 3, 1, 0]))


def _parquet(r: random.Random, folder: Path) -> str:
    path = folder / "damaged.parquet"
    what = r.choice(["cut", "bytes", "odd", "odd", "odd"])
    if what == "odd":
        pq.write_table(odd_table(r), path)
    else:
        table = table_of(r)
        pq.write_table(pa.table([pa.array(c.texts, pa.string()) for c in table.columns], names=table.names), path)
        content = path.read_bytes()
        place = r.randint(0, len(content) - 1)
        path.write_bytes(content[:place] if what == "cut" else content[:place] + r.randbytes(2) + content[place + 2 :])
    try:
        schema = Schema.from_mapping(
            {
                "columns": {name: dict(kind.spec) for name, kind in declared(path).items() if kind.spec},
                "ignore": [n for n, k in declared(path).items() if not k.spec],
            }
        )
    except InputError as error:
        refused(error)
        schema = Schema.from_mapping({"columns": {"t": {"kind": "categorical", "categories": ["a", "b"]}}})
    for table_given in (path, None):
        try:
            preflight(read_table(path, schema=schema) if table_given is None else path, schema)
        except (InputError, DataError) as error:
            refused(error)
        else:
            if what == "cut":
                raise Mismatch(f"{path.name}: a torn Parquet file is read")
    if r.random() < 0.2:
        typed("schema", "draft", str(path), *(["--public"] if r.random() < 0.5 else []))
    return f"damaged Parquet, {what}"
