"""The command line. Heavy libraries are imported by the commands that need them, so that the others answer at once."""

from __future__ import annotations

import argparse
import csv
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.paths import config_dir, options, read_option, results_dir


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Exit code 0: done; 1: some cells or checks failed; 2: refused, with one line that says why."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    warnings.filterwarnings("ignore", module="mbi")  # it warns of single precision when imported; we fit in double
    try:
        if arguments[:1] in (["run"], ["retry"], ["audit"]):  # everything after it is Hydra's, flags included
            return _run(*arguments)
        given = _parser().parse_args(arguments)
        return given.command(given)
    except KeyboardInterrupt:
        print("dpdsyn: interrupted; what was finished is kept, and the same command goes on from there", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("dpdsyn", "baselines", "experiments"):
            raise
        return _refuse(f"{error.name} is not installed; this command needs: pip install 'dpdsyn[bench]'")
    except Exception as error:
        if not _is_for_the_person(error):
            raise
        return _refuse(" ".join(str(error).split()))


def _is_for_the_person(error: Exception) -> bool:
    """Whether the message says what was given and what is accepted, so that no traceback is of use."""
    return isinstance(error, ValueError | FileNotFoundError | PermissionError | ConnectionError) or type(error).__name__ in (
        "DataError",
        "StoreError",
    )


def _refuse(message: str) -> int:
    print(f"dpdsyn: {message}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dpdsyn", description="Differentially private synthetic tables, and a benchmark of them."
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    commands.add_parser("run", help="run cells: dpdsyn run [-m] [HYDRA FLAGS] dataset=NAME synthesizer=NAME ...", add_help=False)
    commands.add_parser("list", help="names of data sets, methods and experiments").set_defaults(command=_list)
    status = commands.add_parser("status", help="what is done, running, failed and missing; live while a sweep runs")
    status.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="of one command, as experiment=confirm")
    status.add_argument("--once", action="store_true", help="print once, also on a terminal")
    status.set_defaults(command=_status)
    commands.add_parser("retry", help="run again what failed: dpdsyn retry [KEY=VALUE ...]", add_help=False)
    commands.add_parser(
        "audit", help="attack a method: dpdsyn audit [-m] dataset=NAME synthesizer=NAME privacy.epsilon=E ...", add_help=False
    )
    merge = commands.add_parser("merge", help="bring in the records of other results folders")
    merge.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    merge.set_defaults(command=_merge)
    commands.add_parser("track", help="bring MLflow up to date with the records").set_defaults(command=_track)

    records = commands.add_parser("records", help="one flat row a cell")
    records.add_argument("--format", choices=("csv", "jsonl"), default="csv")
    records.set_defaults(command=_records)
    commands.add_parser("export", help="write the working store's records to results/records.jsonl").set_defaults(command=_export)
    tables = commands.add_parser("tables", help="print the tables and write them to results/tables")
    tables.set_defaults(command=_tables)
    figures = commands.add_parser("figures", help="draw the figures, as SVG and PNG in results/figures")
    figures.set_defaults(command=_figures)
    report = commands.add_parser("report", help="write results/report.html, one file with everything that the records say")
    report.set_defaults(command=_report)
    for reader in (records, tables, figures, report):
        reader.add_argument("--working", action="store_true", help="read the working store instead of results/records.jsonl")

    ui = commands.add_parser("ui", help="open the MLflow dashboard on 127.0.0.1")
    ui.add_argument("--port", type=int, default=5000)
    ui.set_defaults(command=_ui)

    data = commands.add_parser("data", help="data sets: list, fetch, verify, describe").add_subparsers(
        metavar="ACTION", required=True
    )
    for action, names, text in (
        ("list", None, "what there is, what it predicts, and whether it is on this machine"),
        ("fetch", "+", "bring data sets to this machine, verified"),
        ("verify", "*", "hold files against their hashes and all rows against the schemas"),
        ("describe", "+", "origin, licence, balance, copies, split, accuracy of a model trained on real rows"),
    ):
        chosen = data.add_parser(action, help=text)
        if names:
            chosen.add_argument("names", nargs=names, metavar="NAME")
        chosen.set_defaults(command=_data, action=action, names=[])

    env = commands.add_parser("env", help="environments of packages with conflicting pins: create, list").add_subparsers(
        metavar="ACTION", required=True
    )
    make_env = env.add_parser("create", help="make them from their lock files; needs the package index")
    make_env.add_argument("names", nargs="+", metavar="NAME")
    make_env.set_defaults(command=_env, action="create")
    env.add_parser("list", help="what there is, and whether it is on this machine").set_defaults(
        command=_env, action="overview", names=[]
    )

    schema = commands.add_parser("schema", help="schema files").add_subparsers(metavar="ACTION", required=True)
    draft = schema.add_parser("draft", help="print a schema to begin with, read off a CSV or Parquet file")
    draft.add_argument("table", type=Path, metavar="FILE")
    draft.add_argument("--target", help="the column to be predicted")
    draft.set_defaults(command=_draft)

    make = commands.add_parser("synthesize", help="a synthetic table from a CSV or Parquet file and its schema")
    make.add_argument("table", type=Path, metavar="FILE")
    make.add_argument("--schema", type=Path, required=True, metavar="YAML")
    make.add_argument("--output", type=Path, required=True, metavar="OUT", help="a name that ends in .csv or .parquet")
    make.add_argument("--target", help="the column to be predicted, if the schema does not name it")
    make.add_argument("--epsilon", type=float, required=True)
    make.add_argument("--delta", type=float, default=1e-6)
    make.add_argument("--rows", type=int, help="how many to make; rows_public of the schema by default")
    make.add_argument("--candidates", default="class_conditional", metavar="NAME", help="source of candidate rows")
    make.add_argument("--seed", type=int, help="for research only: seeded noise is not private")
    make.add_argument("--overwrite", action="store_true", help="replace an earlier release; its epsilon stays spent")
    make.add_argument("--draft", action="store_true", help="try out a schema that is still a draft, without any guarantee")
    make.set_defaults(command=_synthesize)
    for reader in (draft, make):
        reader.add_argument("--encoding", default="utf-8")
        reader.add_argument("--sep", help="one character; without it comma, semicolon, tab or bar, by the first line")
        reader.add_argument("--decimal", default=".", choices=(".", ","))
        reader.add_argument(
            "--missing", action="append", default=[], metavar="TEXT", help="a text that stands for a missing cell"
        )

    check = commands.add_parser("check", help="hold a method against the contract: dpdsyn check MODULE:CLASS")
    check.add_argument("target", metavar="MODULE:CLASS")
    check.set_defaults(command=_check)
    return parser


def _run(command: str, *arguments: str) -> int:
    _see_own_modules()
    if command == "audit":
        from experiments.cli import audit as audit_command

        return audit_command.main(arguments)
    from experiments.sweep import sweep as run

    return run.main(arguments) if command == "run" else run.retry(arguments)


def _see_own_modules() -> None:
    """Let a person's method be found in the folder where the command is typed; workers inherit the path."""
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))


def _list(given: argparse.Namespace) -> int:
    print("data sets")
    for name in options("dataset"):
        print(f"  {name:<20} {read_option('dataset', name)['title']}")
    print("methods")
    for name in options("synthesizer"):
        print(f"  {name:<20} {_summary(name)}")
    print("experiments (dpdsyn run -m experiment=NAME)")
    for name in options("experiment"):
        print(f"  {name:<20} {_remark('experiment', name)}")
    return 0


def _summary(name: str) -> str:
    """A method's own words: the remark that opens its file, or its class's first line (read, not imported)."""
    remark, target = _remark("synthesizer", name), read_option("synthesizer", name).get("_target_", "")
    if remark or not target:
        return remark
    import ast
    from importlib.util import find_spec

    module, _, kind = target.rpartition(".")
    spec = find_spec(module)
    if spec is None or not spec.origin:
        return ""
    body = ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body
    texts = [ast.get_docstring(node) for node in body if isinstance(node, ast.ClassDef) and node.name == kind]
    return (texts[0] or "").partition("\n")[0] if texts else ""


def _remark(group: str, name: str) -> str:
    lines = (config_dir() / group / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    return next((line[1:].strip() for line in lines if line.startswith("# ") and "@package" not in line), "")


def _status(given: argparse.Namespace) -> int:
    from experiments.records.store import Store
    from experiments.sweep.status import status

    return status(Store(results_dir()), given.overrides, given.once, _say)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _merge(given: argparse.Namespace) -> int:
    from experiments.records.store import Store
    from experiments.sweep.merge import merge

    store = Store(results_dir())
    counts = merge(store, given.folders, _say)
    words = {"new": "new", "same": "the same", "better": "instead of one that had failed", "kept": "left, as ours is as good"}
    print(f"{store.records}: " + ", ".join(f"{counts[key]} {text}" for key, text in words.items() if counts[key]))
    return 0


def _track(given: argparse.Namespace) -> int:
    from experiments.records.store import Store
    from experiments.sweep.tracking import track, uri_in_words

    store = Store(results_dir())
    if not any(store.records.glob("*.json")):
        raise FileNotFoundError(f"no records in {store.records}; run some cells first")
    try:
        runs, written = track(store, _say)
    except Exception as error:  # of MLflow, its database or the network, each with errors of its own
        raise ConnectionError(f"MLflow ({uri_in_words(store)}) did not take the records: {error}") from error
    print(f"{runs} runs in {uri_in_words(store)}, {written} of them written now")
    return 0


def _load_records(given: argparse.Namespace) -> list:
    """From the export, or from the working store if asked for or if the results folder is a person's own."""
    from experiments.records.store import Store, read_export, sort_key

    if given.working or os.environ.get("DPDSYN_RESULTS"):
        store = Store(results_dir())
        records = sorted(store.all(lambda text: print(text, file=sys.stderr)), key=sort_key)
        if not records:
            raise FileNotFoundError(f"no records in {store.records}; run some cells first")
        return records
    try:
        return read_export(results_dir())
    except FileNotFoundError:
        raise FileNotFoundError(
            f"there is no {results_dir() / 'records.jsonl'}; run cells and `dpdsyn export`, "
            "or read the working store with --working"
        ) from None


def _records(given: argparse.Namespace) -> int:
    import json

    rows = [record.flat() for record in _load_records(given)]
    if given.format == "jsonl":
        for row in rows:
            print(json.dumps(row))
    else:
        writer = csv.DictWriter(sys.stdout, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return 0


def _export(given: argparse.Namespace) -> int:
    from experiments.audit.results import stored, write_audits
    from experiments.records.store import Store, write_export

    store = Store(results_dir())
    records, audits = list(store.all(lambda text: print(text, file=sys.stderr))), stored(store.results)
    if not records and not audits:
        raise FileNotFoundError(f"no records in {store.records}; nothing was exported")
    if records:
        print(f"{len(records)} records in {write_export(store.results, records)}")
    if audits:
        print(f"{len(audits)} audits in {write_audits(store.results, audits)}")
    return 0


def _tables(given: argparse.Namespace) -> int:
    from experiments.audit.results import write_table
    from experiments.report.tables.all import first_screen, write

    records = _load_records(given)
    print(first_screen(records))
    folder = results_dir() / "tables"
    for path in [*write(records, folder), *write_table(results_dir(), folder)]:
        print(path)
    return 0


def _figures(given: argparse.Namespace) -> int:
    from experiments.report.figures.charts import write

    for path in write(_load_records(given), results_dir() / "figures"):
        print(path)
    return 0


def _report(given: argparse.Namespace) -> int:
    from experiments.report.html.page import write

    print(write(_load_records(given), results_dir()))
    return 0


def _ui(given: argparse.Namespace) -> int:
    import subprocess

    from experiments.sweep.tracking import tracking_uri

    uri = tracking_uri(results_dir())
    if uri.startswith("sqlite:///") and not (results_dir() / "mlflow.db").exists():
        raise FileNotFoundError(f"there is no {results_dir() / 'mlflow.db'} yet; run some cells first")
    print(f"MLflow shows {uri} on http://127.0.0.1:{given.port} (Ctrl-C ends it)", flush=True)
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--backend-store-uri",
        uri,
        "--host",
        "127.0.0.1",
        "--port",
        str(given.port),
    ]
    return subprocess.run(
        [*command, "--workers", "1"], env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}, check=False
    ).returncode


def _data(given: argparse.Namespace) -> int:
    from experiments.cli import data as data_commands

    action = data_commands.overview if given.action == "list" else getattr(data_commands, given.action)
    return action(given.names)


def _env(given: argparse.Namespace) -> int:
    from experiments.cli import env as environment_commands

    return getattr(environment_commands, given.action)(given.names)


def _draft(given: argparse.Namespace) -> int:
    from dpdsyn.draft import draft_schema
    from experiments.data.table_file import read_table

    frame = read_table(given.table, _reading(given))
    try:
        sys.stdout.write(draft_schema(frame, given.table.name, given.target))
    except ValueError as error:
        raise ValueError(f"{given.table}: {error}") from error
    print(
        "dpdsyn: this draft was read off the rows and is not private: replace the marked lines by public knowledge, "
        "then delete the line `drafted: true`",
        file=sys.stderr,
    )
    return 0


def _reading(given: argparse.Namespace) -> Any:
    from experiments.data.table_file import Reading

    return Reading(given.encoding, given.sep, given.decimal, tuple(given.missing))


def _synthesize(given: argparse.Namespace) -> int:
    from experiments.cli.synthesize import Request, synthesize

    names = ("table", "schema", "output", "target", "epsilon", "delta", "rows", "candidates", "seed", "overwrite", "draft")
    return synthesize(Request(**{name: getattr(given, name) for name in names}, reading=_reading(given)))


def _check(given: argparse.Namespace) -> int:
    from dpdsyn.contract import check
    from dpdsyn.synthesizer import load

    _see_own_modules()
    broken = 0
    for name, fault in check(load(given.target)):
        print(f"{'ok    ' if fault is None else 'BROKEN'} {name}" + (f": {fault}" if fault else ""), flush=True)
        broken += fault is not None
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
