"""Tables and figures of a person's own: functions from the records' `View`, named by configuration, and how they are written.

A table is a function that gives a `Table`, or several; a figure one that gives a figure of matplotlib, or several by name. Each
is named by a file `table/NAME.yaml` or `figure/NAME.yaml` of `--config-dir`, with its function under `_target_` and parameters
beside it; by an entry point in the group `dpdsyn.tables` or `dpdsyn.figures`, for a package that brings some; or on the command
line, as `--also module:function`. They go into the folder `own` beside ours, of which version control keeps nothing.
"""

from __future__ import annotations

import inspect
import re
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from dpdsyn.base.checks import InputError
from dpdsyn.base.files import write_whole
from dpdsyn.synthesizer import named
from experiments.configuration import options, read_option
from experiments.paths import see_own_modules
from experiments.report.grouped import View
from experiments.report.tables.table import Table, as_csv, latex, markdown

FOLDER = "own"
_NAME = re.compile(r"\w[\w.-]*")  # of a file


@dataclass(frozen=True)
class Own:
    """One function. kind: table or figure. name: of its files. target: module:function. parameters: beside the view."""

    kind: str
    name: str
    target: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"the {self.kind} {self.name} ({self.target})"

    def of(self, view: View) -> Any:
        """What it makes of these records; a list of what it yields. Raises InputError, with the place, for whatever it raises."""
        function = self.function
        with self.telling():
            made = function(view)
            return list(made) if isinstance(made, Iterator) else made

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Whatever goes wrong within is told as this function's: ours were written before, and the others go on."""
        try:
            yield
        except Exception as error:  # a person's own code
            where = traceback.extract_tb(error.__traceback__)[-1]
            said = f"{type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno}, in {where.name})"
            raise InputError(f"{self} failed: {said}") from error

    def refused(self, made: Any, needed: str) -> InputError:
        """What to raise for what is none of its kind."""
        return InputError(f"{self} gave {' '.join(repr(made).split())[:80]}; {needed}")

    @property
    def function(self) -> Callable[[View], Any]:
        """Raises InputError for one that there is not, or that does not take its parameters."""
        found = named(self.target)
        try:
            inspect.signature(found).bind(None, **self.parameters)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"the {self.kind} {self.name}: {self.target} has to be a function of the view and its parameters ({error})"
            ) from error
        return partial(found, **self.parameters)


def found(kind: str, config_dir: Path | None, also: Sequence[str], taken: Sequence[str] = ()) -> list[Own]:
    """All that are named, each name once: the command line goes before the folder, and that before packages.

    taken: names of ours. Raises InputError, before anything is written, for one of these and for what cannot be loaded.
    """
    packaged = {point.name: Own(kind, point.name, point.value) for point in entry_points(group=f"dpdsyn.{kind}s")}
    filed = {name: _filed(kind, name, config_dir) for name in options(kind, config_dir)} if config_dir else {}
    typed = [Own(kind, target.replace(":", ".").rpartition(".")[2], target) for target in also]
    if config_dir or also:
        see_own_modules()
    for one in [*filed.values(), *typed]:
        one.function  # noqa: B018  # refused here
        if one.name in taken or not _NAME.fullmatch(one.name):
            raise InputError(
                f"a {kind} cannot be called {one.name!r}: letters and digits are needed, and none of {', '.join(taken)}"
            )
    if len({one.name for one in typed}) < len(typed):
        raise InputError(f"two of {', '.join(also)} have the same name, and would be one file; put one into {kind}/NAME.yaml")
    return [*{**packaged, **filed, **{one.name: one for one in typed}}.values()]


def _filed(kind: str, name: str, config_dir: Path | None) -> Own:
    raw = read_option(kind, name, config_dir)
    target = raw.pop("_target_", None)
    if not isinstance(target, str):
        raise InputError(f"{kind}/{name}.yaml: it needs _target_: module.function, and under their names what this takes besides")
    raw.pop("name", None)
    return Own(kind, name, target, raw)


def write_tables(view: View, own: Sequence[Own], folder: Path) -> list[Path]:
    """Each as Markdown, CSV and LaTeX under its name; one that makes none of these records is left out. Gives the paths.

    Raises InputError, after all others are written, for the first that fails.
    """
    return _written(own, view, folder, _as_texts)


def write_figures(view: View, own: Sequence[Own], folder: Path) -> list[Path]:
    """As `write_tables`, each as SVG and PNG; of several the name of each follows that of the function."""
    from experiments.report.figures.style import style

    with style():
        return _written(own, view, folder, _as_pictures)


def _written(own: Sequence[Own], view: View, folder: Path, contents: Callable[[Own, View], dict[str, bytes]]) -> list[Path]:
    paths, failed = [], []
    for one in own:
        try:
            files = contents(one, view)
        except InputError as error:
            failed.append(error)
            continue
        for name, content in files.items():
            folder.mkdir(parents=True, exist_ok=True)
            paths.append(folder / name)
            write_whole(paths[-1], content)
    if failed:
        raise failed[0]
    return paths


def _as_texts(own: Own, view: View) -> dict[str, bytes]:
    made = own.of(view)
    tables = [made] if isinstance(made, Table) else list(made) if isinstance(made, Iterable) else [made]
    if not all(isinstance(table, Table) for table in tables):
        raise own.refused(made, "a Table or a list of them is needed, an empty list for none")
    if not tables:
        return {}
    for table in tables:
        if wrong := _wrong(table):
            raise InputError(f"{own}, table {table.title!r}: {wrong}")
    with own.telling():
        texts = {"md": "\n".join(map(markdown, tables)), "csv": as_csv(tables), "tex": latex(tables)}
    return {f"{own.name}.{ending}": text.encode() for ending, text in texts.items()}


def _wrong(table: Table) -> str | None:
    """What cannot be written, with what is needed in its place."""
    if not isinstance(table.title, str):
        return f"the title is {table.title!r}; text is needed"
    for key, texts in (("columns", table.columns), ("notes", table.notes)):
        if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
            return f"{key} is {texts!r}; a list of text is needed"
    if twice := [name for name, count in Counter(table.columns).items() if count > 1]:
        return f"two columns are called {twice[0]!r}; names that differ are needed"
    if not isinstance(table.rows, list | tuple):
        return f"rows is {table.rows!r}; a list of lists of text is needed"
    for number, row in enumerate(table.rows, 1):
        if not isinstance(row, list | tuple):
            return f"row {number} is {row!r}; a list of text is needed"
        if len(row) != len(table.columns):
            return f"row {number} has {len(row)} cells, and the header {len(table.columns)}; as many are needed"
        for name, cell in zip(table.columns, row, strict=True):
            if not isinstance(cell, str):
                return f"row {number}, column {name!r} is {cell!r}; text is needed, for a number with the digits to be shown"
    return None if table.columns else "it has no columns; at least one is needed"


def _as_pictures(own: Own, view: View) -> dict[str, bytes]:
    import io

    from matplotlib.figure import Figure

    from experiments.report.figures.sheets import as_svg

    made = own.of(view)
    figures = {"": made} if isinstance(made, Figure) else made
    if not isinstance(figures, Mapping) or not all(isinstance(figure, Figure) for figure in figures.values()):
        raise own.refused(made, "a figure of matplotlib, or a mapping of some by name, is needed, an empty mapping for none")
    files: dict[str, bytes] = {}
    for name, figure in figures.items():
        file, png = f"{own.name}_{name}" if name else own.name, io.BytesIO()
        if Path(file).name != file:
            raise own.refused(name, "the name of a figure is part of a file's, and has no slash")
        with own.telling():
            figure.savefig(png, format="png", dpi=120, metadata={"Software": None})
            files |= {f"{file}.svg": as_svg(figure).encode(), f"{file}.png": png.getvalue()}
    return files
