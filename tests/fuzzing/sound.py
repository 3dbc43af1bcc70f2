"""Trials of files that are clean tables: right schemas, wrong ones, drafts, learnt domains, and the way there and back."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.base.checks import InputError
from dpdsyn.draft import draft_schema
from dpdsyn.learning.domain_learning import DomainLearning
from dpdsyn.learning.raw_table import RawTable
from dpdsyn.parquet import pieces, stream
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.schema import Schema
from dpdsyn.tables.kinds import declared, guessed
from dpdsyn.tables.open_draft import open_draft
from dpdsyn.tables.preflight import examined
from experiments.data.errors import DataError
from experiments.data.synthetic_file import Types, owners_types, write_csv, write_parquet
from experiments.data.table_file import read_table
from fuzzing.carriers import Style, as_read
from fuzzing.kinds import Drawn
from fuzzing.meaning import Meaning
from fuzzing.schemas import Table, as_yaml, contradicted, mapping_of
from fuzzing.trial import Entrance, Mismatch, entrances, hold, meanings_of, refused, some_of, table_of
from fuzzing.whole import by_api, by_release, options, typed


def sound(r: random.Random, folder: Path) -> str:
    """A clean table at all entrances. Returns what was tried; raises Mismatch."""
    table = table_of(r)
    style = Style.drawn(r, table.names)
    mapping = mapping_of(r, table)
    schema = written(r, mapping, folder / "right.yaml")
    meanings = meanings_of(schema, mapping)
    _agree(table, meanings)
    ways = list(entrances(r, table, style, meanings, folder))
    passed = [way for way in some_of(r, ways) if hold(way, schema, meanings)]
    if passed:
        there_and_back(r, r.choice(passed), schema, folder)
        if r.random() < 0.2:
            by_api(r, r.choice(passed), schema, folder)
    csv = next((way for way in ways if way.name == "CSV"), None)
    if csv is not None and r.random() < 0.1:
        by_command(csv, folder / "right.yaml", schema, meanings)
    files = [way for way in passed if way.table is None]
    if files and schema.target is not None and r.random() < 0.2:
        return by_release(r, r.choice(files), folder / "right.yaml", folder)
    said = [wrong(r, table, mapping, ways, style, folder)] if r.random() < 0.6 else []
    ways = [reread(way, style if way.name == "CSV" else Style(), {}) if way.words else way for way in ways]
    said += [drafts(r, table, ways, folder, r.random() < 0.4)] if r.random() < 0.5 else []
    return ", ".join(["sound", *dict.fromkeys(said)])


def written(r: random.Random, mapping: dict[str, Any], path: Path) -> Schema:
    """The schema by way of its file. Raises Mismatch if the file says something else than the mapping."""
    path.write_text(as_yaml(r, mapping), encoding="utf-8", newline="")
    schema = Schema.from_yaml(path)
    columns = {name: _with_texts(spec) for name, spec in mapping["columns"].items()}
    meant = Schema.from_mapping({**mapping, "columns": columns})
    spelt = tuple(replace(own, written=column.written) for own, column in zip(meant.columns, schema.columns, strict=True))
    if schema != replace(meant, columns=spelt):  # numbers may be spelt otherwise in the file
        raise Mismatch(f"{path.name} is read as another schema: {schema} and not {meant}")
    return schema


def _with_texts(spec: dict[str, Any]) -> dict[str, Any]:
    """Dates among categories as the texts that a file has for them."""
    listed = spec.get("categories")
    return {**spec, "categories": [str(c) if isinstance(c, date) else c for c in listed]} if isinstance(listed, list) else spec


def _agree(table: Table, meanings: dict[str, Meaning]) -> None:
    """That texts and cells mean the same under the right schema; else the fuzzer itself is at fault."""
    for name, column in zip(table.names, table.columns, strict=True):
        if name in meanings and column.kind != "zoned":
            for text, cell in zip(column.texts, column.cells, strict=True):
                if meanings[name].of(text) != meanings[name].of(cell):
                    raise RuntimeError(f"{column.kind}: {text!r} and {cell!r} differ under {meanings[name].spec}")


def wrong(r: random.Random, table: Table, mapping: dict[str, Any], ways: Sequence[Entrance], style: Style, folder: Path) -> str:
    """A schema that contradicts the table: refused by its columns, or told of to the cell."""
    changed = contradicted(r, mapping, table.names)
    try:
        schema = written(r, changed, folder / "wrong.yaml")
    except InputError as error:
        refused(error)
        return "wrong: no schema"
    meanings = meanings_of(schema, changed)
    known = {*schema.names, *schema.ignore, schema.person, *(made.name for made in schema.made)}
    for way in r.sample(list(ways), 2):
        if way.words:
            way = reread(way, style if way.name == "CSV" else Style(), meanings)
        if set(schema.names) <= set(table.names) <= known:
            hold(way, schema, meanings)
            continue
        try:
            examined(way.opened(schema), schema)
        except InputError as error:
            refused(error)
        else:
            raise Mismatch(f"{way.name}: columns {table.names} pass for {schema.names}")
    return "wrong"


def reread(way: Entrance, style: Style, meanings: dict[str, Meaning]) -> Entrance:
    """A CSV file as it is read under another schema, which may list words for missing cells."""
    return replace(way, cells={name: as_read(written, style, meanings.get(name)) for name, written in way.words.items()})


def by_command(way: Entrance, path: Path, schema: Schema, meanings: dict[str, Meaning]) -> None:
    """`dpdsyn schema check` says by its exit code what the cells mean, and nothing that is none of its business."""
    expected = hold(way, schema, meanings)
    code, _, told = typed("schema", "check", str(way.path), "--schema", str(path), *options(way))
    if code != (0 if expected else 2):
        raise Mismatch(f"schema check ends with {code}, though the table {'fits' if expected else 'does not fit'}: {told}")


def drafts(r: random.Random, table: Table, ways: Sequence[Entrance], folder: Path, public: bool) -> str:
    """A draft of one entrance: of the right kinds, accepted by the tool itself, and learnt and encoded as its cells mean."""
    files = [way for way in ways if way.table is None]
    way = r.choice(files)
    path = folder / "draft.yaml"
    columns = dict(zip(table.names, table.columns, strict=True))
    target = r.choice([None, *table.names])
    try:
        text = drafted(r, way, target, public)
    except (InputError, DataError) as error:
        return f"draft refused: {refused(error)[:0]}"
    path.write_text(text, encoding="utf-8")
    schema = Schema.from_yaml(path)
    if way.name == "CSV" and way.reading.decimal == "." and not public:
        _right_kinds(schema, columns, way, target)
    if way.reading.decimal == ",":
        return "draft"
    meanings = meanings_of(schema, schema.to_mapping())
    alike = [other for other in ways if other.reading.decimal == "." and (other.cells is way.cells or _same_cells(other, way))]
    for other in dict.fromkeys([way.name, r.choice(alike).name]):
        if not hold(_named(alike, other), schema, meanings) and not _may_be_refused(way, schema, meanings):
            raise Mismatch(f"{way.name}: the draft of a table does not fit it: {text}")
    return learnt(r, way, alike, schema, folder) if schema.is_open else "draft"


def _named(ways: Sequence[Entrance], name: str) -> Entrance:
    return next(way for way in ways if way.name == name)


def _same_cells(one: Entrance, other: Entrance) -> bool:
    return all(list(one.cells[name]) == list(other.cells[name]) for name in one.cells)


def _may_be_refused(way: Entrance, schema: Schema, meanings: dict[str, Meaning]) -> bool:
    """Where a draft's table is refused with good reason: a column without any cell, rows left out for their target, numbers
    and dates beyond what is learnt.
    """
    far = any(meaning.of(cell)[1] for name, meaning in meanings.items() for cell in way.cells[name])
    gaps = any(True in schema[name].categories and None in way.cells[name] for name in schema.names)  # as the draft remarks
    empty = any(all(cell is None for cell in way.cells[name]) for name in schema.names)
    return schema.target is not None or far or gaps or empty or len(next(iter(way.cells.values()))) < 2


def drafted(r: random.Random, way: Entrance, target: str | None, public: bool) -> str:
    """The text of a draft, by the command or by the functions that it calls."""
    if r.random() < 0.15:
        more = [*(["--target", target] if target else []), *(["--public"] if public else [])]
        code, out, told = typed("schema", "draft", str(way.path), *more, *options(way))
        if code:
            raise InputError(told.splitlines()[-1])
        return out
    if public:
        return draft_schema(read_table(way.path, way.reading), way.path.name, target)
    if way.name != "CSV":
        return open_draft(declared(way.path), way.path.name, target).text
    frame = read_table(way.path, way.reading)
    return open_draft({str(name): guessed(frame[name], name == target) for name in frame}, way.path.name, target).text


def _right_kinds(schema: Schema, columns: dict[str, Drawn], way: Entrance, target: str | None) -> None:
    for column in schema.columns:
        cells = [cell for cell in way.cells[column.name] if cell is not None]
        wanted = columns[column.name].drafted
        if wanted and len(set(cells)) > 12 and column.name != target and column.kind not in wanted:
            raise Mismatch(f"column {column.name!r} of {columns[column.name].kind} is drafted as {column}: {cells[:5]}")
        if columns[column.name].kind == "codes" and cells and column.kind != "categorical":
            raise Mismatch(f"codes {cells[:5]} are drafted as {column.kind}")


def learnt(r: random.Random, way: Entrance, alike: Sequence[Entrance], schema: Schema, folder: Path) -> str:
    """The domain that is learnt of one entrance, then all entrances under it, and the way there and back."""
    seed = r.getrandbits(32)

    def learn(one: Entrance) -> Schema:
        raw = RawTable(one.opened(schema), schema, Ledger(Budget(2e4, 0.1)), np.random.default_rng(seed), bytes(32))
        return DomainLearning().learn(raw).schema

    try:
        closed = learn(way)
    except InputError as error:
        refused(error)
        return "nothing learnt"
    others = [other for other in alike if other.name.startswith("Parquet") == way.name.startswith("Parquet")]
    other = r.choice(others)
    if isinstance(other.table, Path) == isinstance(way.table, Path) and (found := learn(other)) != closed:
        raise Mismatch(f"{other.name} and {way.name} are learnt as different domains: {found} and {closed}")
    mapping = closed.to_mapping()
    if Schema.from_mapping(mapping) != closed:
        raise Mismatch(f"a learnt schema is not what it says: {mapping}")
    known = replace(closed, ignore=tuple(name for name in way.cells if name not in closed.names and name not in schema.made))
    meanings = meanings_of(known, mapping)
    for name in dict.fromkeys([way.name, r.choice(alike).name]):
        hold(_named(alike, name), known, meanings)
    there_and_back(r, way, known, folder)
    return "learnt"


def there_and_back(r: random.Random, way: Entrance, schema: Schema, folder: Path) -> None:
    """What is encoded, decoded and read back again, by every entrance, is encoded the same. Raises Mismatch."""
    if any(column.is_open for column in schema.columns):
        return
    opened = way.opened(schema)
    rng = np.random.default_rng(r.getrandbits(32))
    frames = list(pieces(opened, schema)) if isinstance(opened, Path) else [opened]
    part = schema.select(schema.names)
    part = replace(part, ignore=(), made=(), constraints=(), person=None, max_rows_per_person=None)
    codes = np.concatenate([part.encode(frame[list(part.names)]) for frame in frames]).astype(np.int64)
    more = np.column_stack([rng.integers(0, column.size, 5) for column in schema.columns])
    codes = np.concatenate([codes[:100], more])
    for i, column in enumerate(schema.columns):  # what is not published, or is published as no value, is none to come back
        hidden = column.other_code
        if hidden is not None and not (column.emit_other and all(isinstance(c, str) for c in column.categories)):
            codes[codes[:, i] == hidden, i] = 0
    made = schema.decode(codes, rng)
    owners = owners_types(way.path) if way.table is None else {}
    write_csv([made], folder / "back.csv", part, packed=False)
    write_parquet([made], folder / "back.parquet", Types.of(part, owners))
    backs: dict[str, Any] = {
        "as it is": lambda: part.encode(made),
        "CSV": lambda: part.encode(read_table(folder / "back.csv", schema=part)),
        "Parquet": lambda: part.encode(read_table(folder / "back.parquet", schema=part)),
        "Parquet in pieces": lambda: np.concatenate(list(stream(folder / "back.parquet", part).chunks())),
        "texts": lambda: part.encode(pd.read_csv(folder / "back.csv", dtype=str, keep_default_na=False, na_values=[""])),
    }
    for name, encoded in backs.items():
        if not np.array_equal(found := encoded(), codes):
            row, place = (int(i[0]) for i in np.nonzero(found != codes)) if found.shape == codes.shape else (0, 0)
            column = part.columns[place]
            raise Mismatch(
                f"{way.name}, back by {name}: column {column.name!r} of {column.to_mapping()}: code "
                f"{codes[row, place]} is decoded to "
                f"{made.iloc[row, place]!r} and encoded as {found[row, place] if found.shape == codes.shape else found.shape}"
            )
