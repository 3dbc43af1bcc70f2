"""`dpdsyn data`: what data sets there are, and whether what is on this machine is what it should be."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dpdsyn.base.checks import InputError
from experiments.configuration import options
from experiments.console import say

if TYPE_CHECKING:
    from dpdsyn.schema import Schema
    from experiments.data.datasets import Split
    from experiments.data.description import Dataset, PublishedTable, SimulatedTable


def add(commands: argparse._SubParsersAction) -> None:
    data = commands.add_parser("data", help="data sets: list, fetch, verify, describe").add_subparsers(
        metavar="ACTION", required=True
    )
    for command, names, text in (
        (overview, None, "what there is, what it predicts, and whether it is on this machine"),
        (fetch, "+", "bring data sets to this machine, verified"),
        (verify, "*", "hold files against their hashes and all rows against the schemas"),
        (describe, "+", "origin, licence, balance, copies, split, accuracy of a model trained on real rows"),
    ):
        action = data.add_parser("list" if command is overview else command.__name__, help=text)
        action.add_argument("--config-dir", type=Path, metavar="DIR", help="a folder of configuration beside ours")
        if names:
            action.add_argument("names", nargs=names, metavar="NAME")
        action.set_defaults(command=command)


def overview(given: argparse.Namespace) -> int:
    """One line a data set. Reads no row."""
    from experiments.data.description import named

    print(f"{'name':<17}{'predicts':<10}{'training rows':>14}{'columns':>9}  {'here':<6}title")
    faults = 0
    for name in options("dataset", given.config_dir):
        try:
            dataset = named(name, given.config_dir)
            target, rows, columns = _outline(dataset)
            print(f"{name:<17}{target:<10}{rows:>14}{columns:>9}  {_here(dataset):<6}{dataset.title}")
        except InputError as error:
            print(f"{name:<17}FAULT  {error}")
            faults += 1
    return 1 if faults else 0


def _outline(dataset: Dataset) -> tuple[str, str, str]:
    from experiments.data.datasets import schema_of

    if dataset.kind == "own":
        return "-", "-", "-"
    schema = schema_of(dataset)
    return str(schema.target), f"{schema.rows_public:,}", str(len(schema.columns))


def _here(dataset: Dataset) -> str:
    from experiments.data.fetch import present

    if not dataset.files:
        return "-"
    return "yes" if all(present(dataset).values()) else "no"


def fetch(given: argparse.Namespace) -> int:
    """Bring the files of the data sets here, each verified."""
    from experiments.data.description import SimulatedTable
    from experiments.data.fetch import locate

    for dataset in [_named(name, given.config_dir) for name in given.names]:
        if isinstance(dataset, SimulatedTable):
            print(f"{dataset.name} is made when it is needed; there is nothing to fetch")
            continue
        for path in locate(dataset, say).values():
            print(f"{path}: verified")
    return 0


def verify(given: argparse.Namespace) -> int:
    """Hold files against their hashes and every row against its schema; without names, of all data sets. Fetches nothing."""
    from rich.console import Console
    from rich.progress import track

    from experiments.data.errors import DataError

    published = _published(given.config_dir)
    chosen = given.names or published
    for name in set(chosen) - set(published):  # no such data set, or a table of one's own
        _named(name, given.config_dir)
    console = Console(stderr=True)
    faults = 0
    for name in track(chosen, "verifying", console=console, disable=not console.is_terminal, transient=True):
        try:
            verdict = f"ok     {_verified(_named(name, given.config_dir))}"
        except (DataError, InputError) as error:
            verdict, faults = f"FAULT  {error}", faults + 1
        print(f"{name:<17}{verdict}", flush=True)
    print(f"{len(chosen) - faults} of {len(chosen)} data sets are as they should be")
    return 1 if faults else 0


def _published(extra: Path | None) -> list[str]:
    """Names of the data sets whose rows can be checked: all but a person's own table."""
    from experiments.configuration import read_option

    return [name for name in options("dataset", extra) if "path" not in read_option("dataset", name, extra)]


def _verified(dataset: PublishedTable | SimulatedTable) -> str:
    from experiments.data.datasets import load, undeclared
    from experiments.data.errors import DataError
    from experiments.data.fetch import present

    absent = [name for name, path in present(dataset).items() if path is None]
    if absent:
        raise DataError(
            f"{', '.join(absent)} is not on this machine; dpdsyn data fetch {dataset.name} brings it or says where to put it"
        )
    split = load(dataset, seed=0)
    if split.schema.is_open:
        return f"{sum(split.sizes):,} rows, {len(split.schema.columns)} columns, {_open(split.schema)}"
    others = sum(sum(undeclared(split.schema, encoded).values()) for encoded in (split.train, split.test))
    categories = f"{others:,} cells of undeclared categories" if others else "every category declared"
    return f"{len(split.train) + len(split.test):,} rows, {len(split.schema.columns)} columns, {categories}"


def describe(given: argparse.Namespace) -> int:
    """All that is known of the data sets, and what a model trained on the real rows reaches."""
    from experiments.data.datasets import load

    for dataset in [_named(name, given.config_dir) for name in given.names]:
        print(f"{dataset.name}: {dataset.title}")
        split = load(dataset, 0, say, frames=True)
        of_rows = [*_open_rows(split)] if split.schema.is_open else [*_rows(split)]
        real = () if split.schema.is_open else _on_real_rows(split)
        for key, value in (*_origin(dataset), *of_rows, *_task(dataset, split), *real):
            print(f"  {key:<16} {value}", flush=True)
    return 0


def _origin(dataset: PublishedTable | SimulatedTable) -> Iterator[tuple[str, str]]:
    from experiments.data.description import PublishedTable

    yield "licence", dataset.licence or "not stated"
    if isinstance(dataset, PublishedTable):
        for source in dataset.sources:
            yield "origin", source.url or f"{source.wheel} on the package index"
        if dataset.origin:
            yield "origin", dataset.origin
    for name, sha256 in dataset.files.items():
        yield "file", f"{name}, sha256 {sha256}"


def _open(schema: Schema) -> str:
    """What a schema does not say, which each run learns out of its budget."""
    columns = [column.name for column in schema.columns if column.is_open]
    return f"left open, to be learnt: {', '.join([*columns, *([] if schema.rows_public else ['rows_public'])])}"


def _open_rows(split: Split) -> Iterator[tuple[str, str]]:
    """Of rows that cannot be encoded yet."""
    schema = split.schema
    yield "rows", f"{sum(split.sizes):,}, of them {split.sizes[0]:,} for training with seed 0"
    yield "columns", f"{len(schema.columns)}; {_open(schema)}. So no row is encoded, and no model is trained here"
    yield "left out", ", ".join(schema.ignore) or "none"
    yield "target", str(schema.target)


def _rows(split: Split) -> Iterator[tuple[str, str]]:
    import numpy as np

    schema, encoded = split.schema, np.concatenate([split.train, split.test])
    yield (
        "rows",
        f"{len(encoded):,}, of them {len(split.train):,} for training with seed 0; rows_public is {schema.rows_public:,}",
    )
    yield "copies", f"{len(encoded) - len(np.unique(encoded, axis=0)):,} rows are equal to another once encoded"
    yield "columns", f"{len(schema.columns)}, of {min(schema.sizes)} to {max(schema.sizes)} encoded values"
    yield "left out", ", ".join(schema.ignore) or "none"
    yield "missing cells", "; ".join(f"{c.name}: {c.missing}" for c in schema.columns if c.missing) or "none expected"
    target = schema[str(schema.target)]
    if target.ordered:
        yield "target", f"{schema.target}; a number, in {target.size} encoded values"
        return
    shares = np.bincount(encoded[:, schema.target_position], minlength=schema.classes) / len(encoded)
    named = zip(target.categories, shares, strict=True)
    yield "target", f"{schema.target}; " + ", ".join(f"{category}: {share:.1%}" for category, share in named)


def _task(dataset: Dataset, split: Split) -> Iterator[tuple[str, str]]:
    from experiments.data.datasets import ceiling

    groups = split.schema.groups
    yield "off-task target", "none" if dataset.offtask is None else str(dataset.offtask)
    yield "kept together", ", ".join(groups) if isinstance(groups, tuple) else groups
    if split.leak is not None:
        yield "leak", f"{split.leak:.1%} of test rows have their profile in training"
    yield "protected", f"one {split.schema.unit}, added or removed"
    if dataset.caution:
        yield "caution", dataset.caution
    best = ceiling(dataset)
    if best is not None:
        yield "best possible", f"accuracy {best:.3f}"


def _on_real_rows(split: Split) -> Iterator[tuple[str, str]]:
    import numpy as np

    from experiments.evaluation.utility import utility

    say("  training gradient boosting on the real rows ...")
    target = str(split.schema.target)
    if split.schema[target].ordered:
        yield from _number_on_real_rows(split, target)
        return
    train, test = (encoded[:, split.schema.target_position] for encoded in (split.train, split.test))
    yield "majority", f"accuracy {np.mean(test == np.bincount(train).argmax()):.3f}"
    scores = utility(split.train, split.test, split.schema, target, ["boosting"], 1, 0)["boosting"]
    yield "boosting", f"accuracy {scores['accuracy']:.3f}, AUROC {scores['auroc']:.3f} on real rows"


def _number_on_real_rows(split: Split, target: str) -> Iterator[tuple[str, str]]:
    from experiments.evaluation.raw.regression import median_floor
    from experiments.evaluation.raw.typed_frame import typed
    from experiments.evaluation.raw.utility import raw_utility

    train, test = (typed(frame, split.schema) for frame in (split.train_frame, split.test_frame))
    floor = median_floor(train[target].to_numpy(), test[target].to_numpy())
    yield "median", f"mean absolute error {floor['mae']:,.4g}"
    scores = raw_utility(train, test, split.schema, target, ["boosting"], 1, 0)["boosting"]
    yield "boosting", f"R2 {scores['r2']:.3f}, mean absolute error {scores['mae']:,.4g} on real rows as they were read"


def _named(name: str, extra: Path | None) -> PublishedTable | SimulatedTable:
    from experiments.data.description import OwnTable, named
    from experiments.data.errors import DataError

    dataset = named(name, extra)
    if isinstance(dataset, OwnTable):
        raise DataError(f"{name} stands for a table of your own; the commands of `dpdsyn data` are for published ones")
    return dataset
