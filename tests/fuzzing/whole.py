"""Whole releases of fuzzed tables: from Python, and by the command, in this process."""

from __future__ import annotations

import json
import random
import warnings
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pandas as pd

from dpdsyn import DPDSyn
from dpdsyn.base.checks import InputError
from dpdsyn.release import Release
from dpdsyn.schema import Schema
from dpdsyn.tables.preflight import PreflightWarning, examined
from experiments.cli.main import main
from experiments.data.table_file import read_table
from fuzzing.trial import Entrance, Mismatch, refused

_METHODS = ("dpdsyn.candidates:Uniform", "dpdsyn.candidates:Independent")


def options(way: Entrance) -> list[str]:
    """How a file is written, for the command line."""
    reading = way.reading
    more = ["--encoding", reading.encoding, "--decimal", reading.decimal, *(["--sep", reading.sep] if reading.sep else [])]
    more += [word for text in reading.missing for word in ("--missing", text)]
    return [*more, *(word for text in reading.not_missing for word in ("--not-missing", text))]


def typed(*words: str) -> tuple[int, str, str]:
    """Exit code, output and error of a command, in this process. Raises Mismatch for a fault of the program."""
    out, said = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(said):
        code = main(list(words))
    told = said.getvalue()
    if code not in (0, 2) or "Traceback" in told or "fault of the program" in told or (code == 2 and "dpdsyn: " not in told):
        raise Mismatch(f"dpdsyn {' '.join(words)} ends with {code}: {told[-3000:]}")
    return code, out.getvalue(), told


def by_api(r: random.Random, way: Entrance, schema: Schema, folder: Path) -> None:
    """fit and sample: what the preflight says of the table is warned of, and what is sampled fits the schema. Raises Mismatch."""
    table = way.opened(schema) if way.table is None else way.table
    model: DPDSyn = Release(r.choice(_METHODS), epsilon=r.choice([0.1, 5.0, 1e4]), delta=1e-6)
    if schema.target is not None and r.random() < 0.1:
        model = DPDSyn(epsilon=20.0, candidates=r.choice(["swift", "independent", "class_conditional"]))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model.fit(table, schema, confirm_kinds=True)
            made = model.sample(r.choice([0, 1, 30]))
        except InputError as error:
            refused(error)
            return
    told = sorted(str(one.message) for one in caught if issubclass(one.category, PreflightWarning))
    if told != sorted(examined(way.opened(schema), schema).cautions):
        raise Mismatch(f"{way.name}: fit warns of {told}")
    others = [one for one in caught if not one.category.__module__.startswith("dpdsyn")]
    if others:
        raise Mismatch(f"{way.name}: a warning that is none of ours: {others[0].message} ({others[0].filename})")
    fits(made, model.schema_, f"{way.name}, sampled")
    if r.random() < 0.3:
        _saved(model, made, folder / "model.dpdsyn", way.name)


def _saved(model: DPDSyn, made: pd.DataFrame, path: Path, name: str) -> None:
    """What a saved model samples is of the same types, and fits the same schema."""
    try:
        model.save(path)
    except InputError as error:
        refused(error)
        return
    again = type(model).load(path)
    rows = again.sample(len(made))
    if again.schema_ != model.schema_ or list(rows.dtypes) != list(made.dtypes) or list(rows) != list(made):
        raise Mismatch(f"{name}: a saved model has {again.schema_} and samples {dict(rows.dtypes)}, not {dict(made.dtypes)}")
    fits(rows, again.schema_, f"{name}, saved and sampled")


def by_release(r: random.Random, way: Entrance, schema: Path, folder: Path) -> str:
    """`dpdsyn synthesize`: all of its files are there or none, and the table that it writes fits the schema that it states."""
    out = folder / "out"
    out.mkdir()
    output = out / f"made{r.choice(['.csv', '.csv.gz', '.parquet'])}"
    method = r.choice(["uniform", "independent", "independent", "dpdsyn"])
    more = [
        *(["--evaluate", "0.1"] if r.random() < 0.1 else []),
        *(["--no-preflight"] if r.random() < 0.15 else []),
        *options(way),
    ]
    words = ["synthesize", str(way.path), "--schema", str(schema), "--output", str(output), "--epsilon", r.choice(["1", "50"])]
    words += ["--method", method, "--rows", "20", "--confirm-kinds", *more]
    if (name := Schema.from_yaml(schema).target) is None:
        words += ["--target", next(iter(way.cells))]
    code, _, told = typed(*words)
    left = sorted(path.name for path in out.iterdir())
    if left != ([] if code else sorted([output.name, "made.privacy.json", "made.html"])):
        raise Mismatch(f"{' '.join(words)} ends with {code} and leaves {left}: {told}")
    if code:
        return "release refused"
    closed = Schema.from_mapping(json.loads((out / "made.privacy.json").read_text())["schema"])
    part = replace(closed, ignore=(), person=None, max_rows_per_person=None)
    fits(read_table(output, schema=part), part, f"{way.name} released as {output.name} (target {name})")
    return "released"


def fits(made: pd.DataFrame, schema: Schema, name: str) -> None:
    """Raise Mismatch unless synthetic rows are what their closed schema says."""
    wanted = {*schema.names, *(one.name for one in schema.made)}
    if not len(made):
        return
    known = schema.select([name for name in schema.names if name in made])  # a column of which nothing was learnt may be left out
    report = examined(made, replace(known, person=None, max_rows_per_person=None))
    wrong = [
        share
        for share in report.shares
        if share.kind != "missing" and not (share.kind == "undeclared" and schema[share.column].emit_other)
    ]
    faults = [fault for fault in report.faults if not _hidden(schema, fault.column)]
    if not set(made) <= wanted or faults or wrong:
        raise Mismatch(f"{name}: {list(made)} of {sorted(wanted)}; {faults}; {wrong}")


def _hidden(schema: Schema, name: str) -> bool:
    """Whether `other` is published as a missing cell: among numbers it has no text."""
    column = schema[name]
    return column.emit_other and not all(isinstance(category, str) for category in column.categories)
