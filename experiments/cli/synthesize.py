"""`dpdsyn synthesize`: a person's table in, a synthetic one out, and a statement of what protects it."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dpdsyn.base.checks import InputError
from dpdsyn.base.files import put
from experiments.cli.parts.asked_fit import check_evaluation, check_other_targets, check_seed
from experiments.cli.parts.asked_rows import asks_for_rows, conditions
from experiments.cli.parts.kept_model import Spent, model_file, refuse_unlearnt, spending
from experiments.cli.parts.outputs import check_private_page, refuse_outputs
from experiments.cli.parts.release_files import APPEARED, ReleaseFiles
from experiments.cli.schema import (
    held_against,
    reading,
    reads_table,
    shows_cells,
    still_a_draft,
    streamed,
    table_path,
    tell_of_blanks_around_names,
)
from experiments.console import say
from experiments.data.synthetic_file import Types, owners_types
from experiments.publishing import CHOSEN, CHOSEN_ELSEWHERE, chosen

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from dpdsyn.accounting.cautions import Caution
    from dpdsyn.partitioned_rows import Workers
    from dpdsyn.release import Release
    from dpdsyn.rules.conditions import Conditions
    from dpdsyn.schema import Schema
    from experiments.data.table_file import Reading


def add(commands: argparse._SubParsersAction) -> None:
    make = commands.add_parser("synthesize", help="a synthetic table from a CSV or Parquet file and its schema")
    make.add_argument("table", type=table_path, metavar="FILE", help="CSV, a workbook, Parquet, or a folder of Parquet files")
    make.add_argument("--schema", type=Path, required=True, metavar="YAML")
    make.add_argument("--output", type=Path, required=True, metavar="OUT", help="a name that ends in .csv, .csv.gz or .parquet")
    make.add_argument("--target", help="the column to be predicted, if the schema does not name it")
    make.add_argument("--epsilon", type=float, required=True)
    make.add_argument("--delta", type=float, help="1e-6 or a hundredth of 1 / rows_public if left out; 1e-8 where that is open")
    make.add_argument(
        "--rows", type=int, help="how many to make; rows_public by default, as the schema states it or as it was learnt"
    )
    asks_for_rows(make)
    make.add_argument("--method", metavar="NAME", help="a method of `dpdsyn list` under our guarantee; dpdsyn if left out")
    make.add_argument("--set", action="append", default=[], dest="changes", metavar="KEY=VALUE", help="a setting of the method")
    make.add_argument("--candidates", metavar="NAME", help="source of candidate rows, with the settings of the row that has it")
    make.add_argument("--labels", metavar="NAME", help="how labels are drawn: calibrated, sample, argmax or toward_shares")
    make.add_argument("--other-targets", nargs="+", default=[], metavar="COLUMN", help="more columns to serve models of")
    make.add_argument("--chosen-elsewhere", action="store_true", help="that method and settings were chosen on other data")
    make.add_argument(
        "--evaluate",
        type=float,
        metavar="SHARE",
        help="buy, with this share of the budget, a private estimate of how good models will be that learn from the table",
    )
    make.add_argument(
        "--hold-out",
        type=float,
        metavar="PART",
        help="with --evaluate: estimate on this part of the rows, which the table is then not made of; else on all of them",
    )
    make.add_argument(
        "--private-page",
        type=Path,
        metavar="HTML",
        help="another page, for the owner alone: synthetic beside real, of exact private rows; not for publishing",
    )
    make.add_argument(
        "--model", type=Path, metavar="FILE", help="keep the fitted model, from which `dpdsyn sample` draws more rows for nothing"
    )
    make.add_argument(
        "--ray",
        metavar="HOST:PORT",
        help="count and sample the rows of Parquet files on this Ray cluster; auto: on this machine's",
    )
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
    names = [field.name for field in fields(Request) if field.name not in ("reading", "conditions")]
    asked = {name: getattr(given, name) for name in names}
    return synthesize(Request(**asked, reading=reading(given), conditions=conditions(given)))


@dataclass(frozen=True)
class Request:
    """What was asked for. rows: None for `rows_public`. draft: whether a schema that is still a draft will do.

    method, candidates, labels, other_targets, changes: see `experiments.publishing`. chosen_elsewhere: that these were chosen on
    other data. evaluate, hold_out, private_page: as `DPDSyn.fit` and `experiments.page` have them. confirm_kinds: that the kinds
    of columns may be known, where they were guessed from cells. preflight: whether to hold the rows against the schema first.
    show_cells: whether it may quote cells. conditions: what rows are to be. first_id: where ids are numbered from.
    model: where to keep the fitted model. ray: the address of a cluster that reads the rows.
    """

    table: Path
    schema: Path
    output: Path
    target: str | None
    epsilon: float
    delta: float | None
    rows: int | None
    method: str | None
    changes: Sequence[str]
    candidates: str | None
    labels: str | None
    other_targets: Sequence[str]
    chosen_elsewhere: bool
    seed: int | None
    reading: Reading
    overwrite: bool
    draft: bool
    confirm_kinds: bool
    preflight: bool
    show_cells: bool
    conditions: Conditions
    evaluate: float | None = None
    hold_out: float | None = None
    private_page: Path | None = None

    first_id: int | None = None
    model: Path | None = None
    ray: str | None = None

    @property
    def files(self) -> ReleaseFiles:
        return ReleaseFiles(self.output, self.conditions, self.first_id, self.seed is not None)


def synthesize(request: Request) -> int:
    """Fit, sample and write. Raises InputError or DataError, in one line, before anything is written."""
    from dpdsyn.accounting.cautions import cautions, usual_delta
    from dpdsyn.accounting.guarantee import HELD_AGAINST, TYPES_DECLARED, TYPES_OF_FRAME
    from dpdsyn.method import LEFT_OUT
    from dpdsyn.privacy import Budget
    from dpdsyn.release import Release
    from dpdsyn.rules.published_rows import refuse_contradictions
    from experiments.data.first_bytes import is_parquet
    from experiments.data.kept_types import packed
    from experiments.data.table_file import read_table
    from experiments.machine import leave_no_core

    leave_no_core()
    Budget(request.epsilon, usual_delta(request.delta, 0))
    check_seed(request.seed)
    check_evaluation(request.evaluate, request.hold_out)
    _check_output(request)
    schema = _schema(request)
    if request.rows is None:
        request.files.check_room(f"{request.schema}: rows_public", schema.rows_public)
    check_other_targets(request.other_targets, schema, request.schema)
    refuse_contradictions(schema, request.conditions)
    owners = owners_types(request.table)
    _note_texts(request, schema, owners)
    method = chosen(request.method, request.candidates, request.labels, request.other_targets, request.changes)
    model = Release(method.target, method.parameters, request.epsilon, request.delta, request.target, request.seed)
    model.owners_types = packed(owners)
    kept = model_file(request.output, request.model, schema, request.conditions, model.can_be_saved, method.name)
    if kept is not None:
        _refuse_existing(request, [("--model" if request.model else "--given", kept)])
    said = cautions(request.epsilon, usual_delta(request.delta, schema.rows_public), schema.rows_public)
    _caution(said)
    _note_open_target(request, schema)
    say(f"reading {request.table}")
    pieces = streamed(request.table, request.reading, schema) and request.hold_out is None
    table = request.table if pieces else read_table(request.table, request.reading, not request.preflight, schema)
    workers = _workers(request, pieces)
    tell_of_blanks_around_names(request.table, request.reading)
    if request.preflight:
        held_against(request.table, table, schema, request.reading, request.show_cells)
    spent = Spent(request.epsilon, usual_delta(request.delta, schema.rows_public), bool(request.conditions))
    with spending(spent):
        _learn(model, request, table, schema, workers)
        spent.learnt = True
        if request.private_page is None:
            del table
        said_before = [line for line in model.guarantee_.assumptions if line != TYPES_OF_FRAME]  # cells of text files are texts
        types = [TYPES_DECLARED] if is_parquet(request.table) else []
        held = [HELD_AGAINST] if request.preflight else []
        choice = [] if method.is_usual else [CHOSEN_ELSEWHERE if request.chosen_elsewhere else CHOSEN]
        assumed = dict.fromkeys([*said_before, *types, *held, *choice])
        model.guarantee_ = replace(model.guarantee_, assumptions=tuple(assumed))
        if model.guarantee_.kind != "dp" and not schema.drafted:
            raise InputError(f"method {method.name} left no guarantee of ours, so nothing is written")
        _caution(caution for caution in model.cautions if caution not in said)
        if gone := ", ".join(name for name in request.other_targets if name not in model.schema_.names):
            say(f"CAUTION: {LEFT_OUT.format(gone)}")
        rows = model.schema_.rows_public if request.rows is None else request.rows
        if kept is not None:
            spent.model = kept = put(kept, request.overwrite, model.save)
    if kept is not None:
        refuse_unlearnt(request.conditions, model.schema_, kept, request.output, rows)
    described = {"name": method.name, "version": model.method_.version, **method.parameters}
    with spending(spent):
        pages, files = request.files.write(model, described, rows, owners, request.overwrite)
        spent.table = files.output
    print("\n".join(files.told(model, rows)))
    if files.output != request.output:
        say(f"CAUTION: {APPEARED.format(request.output)} {files.output}. If both are of one table, both spent epsilon of it")
    if kept is not None:
        public = model.guarantee_.kind == "dp" and not model.noise_seeded_
        may = "which may be published too" if public else "NOT FOR PUBLISHING, as the table is not"
        print(f"{kept}: the fitted model, {may}; `dpdsyn sample {kept}` draws more rows and spends nothing")
    if request.private_page is not None:
        with spending(spent):
            page = put(
                request.private_page,
                request.overwrite,
                lambda path: pages.write_private(path, files.output.name, lambda: _real(table, model.schema_)),
            )
            say(f"{page}: synthetic beside real, made of exact private rows; NOT FOR PUBLISHING")
    if request.seed is not None:
        say("CAUTION: the noise was seeded; whoever knows the seed can take it off. For a release leave --seed out")
    return 0


def _learn(model: Release, request: Request, table: pd.DataFrame | Path, schema: Schema, workers: Workers | None) -> None:
    from dpdsyn.accounting.cautions import WeakGuaranteeWarning
    from dpdsyn.api import SeededNoiseWarning
    from dpdsyn.guides.fewest_rows import FewRowsWarning
    from dpdsyn.mechanisms.row_count import RowCountWarning
    from dpdsyn.method import TargetLeftOutWarning

    say("learning under differential privacy")
    with warnings.catch_warnings():
        for kind in (SeededNoiseWarning, WeakGuaranteeWarning, RowCountWarning, FewRowsWarning, TargetLeftOutWarning):
            warnings.simplefilter("ignore", kind)
        try:
            model.fit(
                table,
                schema,
                preflight=False,
                confirm_kinds=request.confirm_kinds,
                evaluate=request.evaluate,
                hold_out=request.hold_out,
                workers=workers,
            )
        except InputError as error:
            raise error if str(error).startswith(str(request.table)) else InputError(f"{request.table}: {error}") from error


def _workers(request: Request, pieces: bool) -> Workers | None:
    """Who reads the rows. Raises InputError for rows that are not read piece by piece."""
    if request.ray is None:
        return None
    if not pieces:
        raise InputError(
            f"--ray: workers read Parquet files as they are, and {request.table} is no such file, or its rows have to be chosen "
            "by person, held out, or changed first"
        )
    from dpdsyn.ray_workers import RayWorkers

    return RayWorkers(request.ray)


def _check_output(request: Request) -> None:
    request.files.check(request.rows)
    check_private_page(request.private_page, [path for _, path in request.files.all])
    written = [*request.files.all, ("--private-page", request.private_page), ("--model", request.model)]
    _refuse_existing(request, [(option, path) for option, path in written if path is not None])


def _refuse_existing(request: Request, written: Sequence[tuple[str, Path]]) -> None:
    kept = {"the private table": request.table, "the schema": request.schema}
    refuse_outputs(written, kept, request.overwrite, "a second release spends epsilon again. Give --overwrite if that is meant")


def _note_texts(request: Request, schema: Schema, owners: Mapping[str, pa.DataType]) -> None:
    """Say of which columns a Parquet file will hold texts, as far as the schema lists their categories."""
    if request.output.suffix == ".parquet" and (texts := Types.of(schema, owners).as_text):
        say(
            f"note: {', '.join(texts)}: no type of a Parquet column holds all of these categories, so they are written as texts; "
            "quote them all in the schema to have texts everywhere"
        )


def _note_open_target(request: Request, schema: Schema) -> None:
    """Say, before anything is spent, what targets cost of which the schema does not say what they hold, if that is not learnt."""
    targets = [name for name in (schema.target, *request.other_targets) if name in schema.names]
    if told := ", ".join(name for name in targets if schema[name].is_open):
        say(
            f"note: what the targets hold is learnt ({told}). If nothing of {schema.target} stands out of the noise, or one "
            "class alone, nothing is published and the whole budget is spent; a further target is left out then. What may be "
            f"known without the rows belongs in {request.schema} (categories, or bounds and bins): stop and state it. "
            f"`dpdsyn doctor --schema {request.schema}` says how many rows a class needs"
        )


def _schema(request: Request) -> Schema:
    from dpdsyn.schema import Schema
    from dpdsyn.tables.stated import refuse_unconfirmed, with_target

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


def _real(table: pd.DataFrame | Path, schema: Schema) -> pd.DataFrame:
    """The private rows for their owner's page; the first ones of a file that is read piece by piece."""
    from experiments.page.private_page import first_rows

    return first_rows(table, schema) if isinstance(table, Path) else table
