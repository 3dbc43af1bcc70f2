"""One reader for all entrances: a CSV file, a Parquet file whole or in pieces, a frame. All read a cell alike, and none loses one
without a word.

`DPDSYN_FUZZ` raises the number of hostile tables.
"""

from __future__ import annotations

import os
import unicodedata
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from dpdsyn.parquet import stream
from dpdsyn.reading.cells import canonical
from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema
from dpdsyn.tables.preflight import OFTEN, PreflightError, Report, examined, preflight
from experiments.cli.main import main
from experiments.data.table_file import WORDS_FOR_MISSING, Reading, read_table

FUZZ = int(os.environ.get("DPDSYN_FUZZ", "12"))
COMMAS = Reading(sep=";", decimal=",")
AWKWARD = [
    *(
        "NA",
        "None",
        "null",
        "nan",
        "x",
        "yes",
        "no",
        "true",
        "02115",
        "12:30",
        "1e3",
        "1,5",
        "1.5",
        "1.234",
        "1.50",
        "007",
        "2024-01-31",
    ),
    *(
        " a ",
        "é",
        "e\u0301",
        "31/12/2024",
        "a\nb",
        'a"b',
        "a;b",
        "#",
        "- a",
        "-0",
        "+1",
        "other",
        "drop",
        "\ufeff",
        "\xa0b",
    ),
]
TEXTS = st.sampled_from(AWKWARD) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), min_size=1, max_size=4
)


def different(values: Any) -> Any:
    """Lists of categories of which no two are the same."""
    return st.lists(values, min_size=2, max_size=5, unique_by=canonical).filter(lambda found: "" not in map(canonical, found))


CATEGORIES = st.one_of(
    different(TEXTS),
    different(st.integers(-(2**63), 2**63 - 1)),
    different(st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.5, 0.1, 1e20, 1e-7])),
    st.just([False, True]),
)
MISSING = st.sampled_from([None, "own_code", "drop"])
WHOLE, REAL = st.integers(-(10**6), 10**6), st.floats(-1e6, 1e6, width=32)


def between(kind: str, ends: Any) -> Any:
    pairs = st.tuples(ends, ends).map(sorted).filter(lambda pair: float(pair[1]) - float(pair[0]) >= 16)
    return st.fixed_dictionaries(
        {"kind": st.just(kind), "bounds": pairs.map(list), "bins": st.integers(2, 8), "missing": MISSING}
    )


DAYS = st.tuples(st.dates(date(1000, 1, 1), date(2100, 1, 1)), st.integers(20, 9000)).map(
    lambda pair: [str(np.datetime64(pair[0]) + days) for days in (0, pair[1])]
)
SPEC = st.one_of(
    st.fixed_dictionaries({"kind": st.just("categorical"), "categories": CATEGORIES, "missing": MISSING}),
    between("integer", WHOLE),
    between("real", REAL),
    st.fixed_dictionaries(
        {"kind": st.just("date"), "bounds": DAYS, "bins": st.integers(1, 8), "missing": MISSING},
        optional={"format": st.sampled_from(["%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y%m%d"])},
    ),
)
SCHEMA = st.lists(SPEC, min_size=2, max_size=4).map(lambda specs: {f"c{i}": spec for i, spec in enumerate(specs)})


@given(columns=SCHEMA, seed=st.integers(0, 2**32), rows=st.integers(1, 12))
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_decoded_and_written_is_encoded_the_same_by_every_entrance(
    columns: dict, seed: int, rows: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    schema = Schema.from_mapping({"rows_public": 9, "columns": columns})
    (folder / "s.yaml").write_text(yaml.safe_dump(schema.to_mapping(), allow_unicode=True), encoding="utf-8", newline="")
    schema = Schema.from_yaml(folder / "s.yaml")
    given = Schema.from_mapping({"rows_public": 9, "columns": columns})
    truths = {c.name for c in given.columns if c.categories and all(isinstance(value, bool) for value in c.categories)}
    spelled = [replace(c, written=()) if c.name in truths else c for c in schema.columns]  # YAML writes them false and true
    assert replace(schema, columns=tuple(spelled)) == given
    rng = np.random.default_rng(seed)
    codes = np.column_stack([rng.integers(0, column.size - column.other, rows) for column in schema.columns])
    made = schema.decode(codes, rng)
    made.to_csv(folder / "t.csv", index=False, lineterminator="\n")
    made.to_csv(folder / "t.csv2", index=False, lineterminator="\n", sep=";", decimal=",")
    made.to_parquet(folder / "t.parquet")
    found = {
        "a frame": schema.encode(made),
        "a frame of texts": schema.encode(pd.read_csv(folder / "t.csv", dtype=str, keep_default_na=False, na_values=[""])),
        "CSV": schema.encode(read_table(folder / "t.csv", schema=schema)),
        "CSV with decimal commas": schema.encode(read_table(folder / "t.csv2", COMMAS, schema=schema)),
        "Parquet": schema.encode(read_table(folder / "t.parquet", schema=schema)),
        "Parquet in pieces": np.concatenate(list(stream(folder / "t.parquet", schema).chunks())),
    }
    for entrance, encoded in found.items():
        assert np.array_equal(encoded, codes), entrance
    assert not any(share.kind != "missing" for share in examined(made, schema).shares)


# --- hostile tables ----------------------------------------------------------------------------------------------

POOL: list[dict[str, Any]] = [
    {"kind": "categorical", "categories": [0.5, 1, 2.5], "missing": "own_code"},
    {"kind": "categorical", "categories": ["0.50", "1.00", "NA", "None"], "missing": "own_code"},
    {"kind": "categorical", "categories": ["02115", "12:30", "yes", "é"], "missing": "drop"},
    {"kind": "categorical", "categories": [False, True], "missing": "own_code"},
    {"kind": "categorical", "categories": ["2024-01-31", "1e3"], "missing": "own_code"},
    {"kind": "categorical", "categories": ["low", "high"], "cut_at": [1.5], "missing": "own_code"},
    {"kind": "integer", "bounds": [0, 30], "bins": 4, "missing": "own_code"},
    {"kind": "real", "bounds": [0, 1.5], "bins": 4, "missing": "own_code"},
    {"kind": "date", "bounds": ["2024-01-01", "2024-12-31"], "bins": 12, "missing": "own_code"},
    {"kind": "date", "bounds": ["2024-01-01", "2024-12-31"], "bins": 12, "format": "%d/%m/%Y", "missing": "own_code"},
]
HOSTILE = st.one_of(
    st.none(),
    TEXTS,
    st.sampled_from(
        ["0.50", "1.00", "2.5", "-0.0", "+1", ".5", "1.", "1e0", "1e400", "inf", "1_000", "0x1F", "low", "high", "TRUE"]
    ),
    st.sampled_from(
        ["2024-01-31T23:30:00-05:00", "2024-01-31 00:00:00", "2024-02-30", "01/02/2024", "28/02/2024", "1 days", "?"]
    ),
    st.integers(-5, 40).map(str),
    st.floats(-1, 3, width=16).map(str),
    st.dates(date(2023, 12, 1), date(2025, 1, 31)).map(str),
).filter(lambda cell: cell is None or cell.strip() not in {*WORDS_FOR_MISSING} - {"NA", "None"})


def same_number(a: str, b: str) -> bool:
    try:
        return not (a.startswith("00") or "_" in a) and Decimal(a) == Decimal(b)
    except InvalidOperation:
        return False


def says_so(cell: str, column: Column, code: int, spec: dict[str, Any]) -> bool:
    """Whether the code stands for what the cell says, told without the code of the library."""
    text = unicodedata.normalize("NFC", cell.strip())
    if column.kind == "categorical" and not column.cut_at:
        category = spec["categories"][code] if code < len(spec["categories"]) else None
        written = str(category).lower() if isinstance(category, bool) else str(category)
        midnight = text.removesuffix(" 00:00:00") == written and len(written) == len("2024-01-31")  # as frames write a day
        same = text == written or text.lower() == written or midnight
        return same or (isinstance(category, int | float) and same_number(text, written))
    if column.kind == "date":
        form = spec.get("format")
        day = datetime.strptime(text, form) if form else datetime.fromisoformat(text)
        value = float((day.date() - date(1970, 1, 1)).days)
    else:
        value = float(text)
    if column.cut_at:
        return code == int(value > 1.5)
    assert column.bounds is not None
    return column.bounds[0] <= value <= column.bounds[1] and column.edges[code] <= value <= column.edges[code + 1]


def silently_lost(frame: pd.DataFrame, schema: Schema, report: Report, specs: dict[str, dict[str, Any]]) -> list[str]:
    """Columns of which more than a small share of cells became something else, and of which nothing is said."""
    told = {share.column for share in report.often}
    lost = []
    for column in schema.columns:
        codes, wrong = column.read(frame[column.name]), 0
        for cell, code in zip(frame[column.name], codes, strict=True):
            if isinstance(cell, str) and not (column.cut_at and cell.strip() in ("low", "high")):
                try:
                    wrong += not says_so(cell, column, int(code), specs[column.name])
                except ValueError:
                    wrong += 1
        if wrong > OFTEN * len(frame) and column.name not in told:
            lost.append(column.name)
    return lost


TABLE = st.lists(st.sampled_from(range(len(POOL))), min_size=2, max_size=3).flatmap(
    lambda chosen: st.tuples(
        st.just({f"c{i}": POOL[which] for i, which in enumerate(chosen)}),
        st.lists(st.tuples(*[HOSTILE] * len(chosen)), min_size=2, max_size=8),
    )
)


def outcome(table: pd.DataFrame | Path, schema: Schema) -> tuple[str, Any]:
    """What the preflight says of a table: the faults, or the report."""
    try:
        return "", preflight(table, schema)
    except PreflightError as error:
        assert "\n" not in str(error)
        return "; ".join(
            sorted(f"{fault.column} {fault.kind} {fault.cells} {fault.row}" for fault in error.faults)
        ) or "few", None


DAYS = {"kind": "categorical", "categories": ["2024-01-31", "1e3"], "missing": "own_code"}


@given(table=TABLE)
@example(table=({"c0": DAYS, "c1": DAYS}, [("2024-01-31", None), ("2024-01-31 00:00:00", "0")]))  # a day is its midnight
@settings(max_examples=FUZZ, deadline=None, suppress_health_check=list(HealthCheck))
def test_hostile_tables_are_read_alike_by_every_entrance_and_nothing_is_lost_without_a_word(
    table: tuple[dict, list], tmp_path_factory: pytest.TempPathFactory
) -> None:
    specs, rows = table
    folder = tmp_path_factory.getbasetemp()
    frame = pd.DataFrame(rows, columns=list(specs), dtype=object)
    listed = {name: {*map(canonical, spec.get("categories", ()))} for name, spec in specs.items()}
    for name in specs:  # a text that a CSV file has for a missing cell, and no other entrance
        frame[name] = [None if cell in ("NA", "None") and cell not in listed[name] else cell for cell in frame[name]]
    schema = Schema.from_mapping({"rows_public": 9, "columns": specs})
    frame.to_csv(folder / "h.csv", index=False, lineterminator="\n")
    frame.astype("str").to_parquet(folder / "h.parquet")
    (folder / "h.yaml").write_text(yaml.safe_dump(schema.to_mapping(), allow_unicode=True), encoding="utf-8")
    entrances: dict[str, Any] = {
        "a frame": frame,
        "CSV": read_table(folder / "h.csv", schema=schema),
        "Parquet": read_table(folder / "h.parquet", schema=schema),
        "Parquet in pieces": folder / "h.parquet",
    }
    expected, codes = outcome(frame, schema), schema.encode(frame)
    for entrance, cells in entrances.items():
        assert outcome(cells, schema) == expected, entrance
        encoded = np.concatenate(list(stream(cells, schema).chunks())) if isinstance(cells, Path) else schema.encode(cells)
        assert np.array_equal(encoded, codes), entrance
    faults, report = expected
    event("refused" if faults else "read")
    if report is not None:
        assert silently_lost(frame, schema, report, specs) == []
    for call in (("schema", "check", "h.csv", "--schema", "h.yaml"), ("schema", "check", "h.parquet", "--schema", "h.yaml")):
        code, said = typed(folder, *call)
        assert code == (2 if faults else 0), said
        assert report is None or all(share.told in said for share in report.often)
    for more in ((), ("--public",), ("--decimal", ",")):
        code, said = typed(folder, "schema", "draft", "h.csv", *more)
        assert code in (0, 2) and "Traceback" not in said and "fault of the program" not in said, said


def typed(folder: Path, *words: str) -> tuple[int, str]:
    """Exit code and all words of a command."""
    said = StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
        patch.setattr("experiments.machine.leave_no_core", lambda: None)
        patch.chdir(folder)
        code = main(list(words))
    return code, said.getvalue()
