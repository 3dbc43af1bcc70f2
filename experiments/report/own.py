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
from collections.abc import Callable, Mapping, Sequence
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

    def of(self, view: View) -> Any:
        """What it makes of these records. Raises InputError, with the place, for whatever it raises."""
        try:
            return self.function(view)
        except Exception as error:  # a person's own code: ours were written before, and the others go on
            where = traceback.extract_tb(error.__traceback__)[-1]
            said = f"{type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno}, in {where.name})"
            raise InputError(f"the {self.kind} {self.name} ({self.target}) failed: {said}") from error

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
    tables = [made] if isinstance(made, Table) else list(made or ())
    if not all(isinstance(table, Table) for table in tables):
        raise InputError(f"the table {own.name} ({own.target}) gave {made!r:.80}; a Table or a list of them is needed")
    if not tables:
        return {}
    texts = {"md": "\n".join(map(markdown, tables)), "csv": as_csv(tables), "tex": latex(tables)}
    return {f"{own.name}.{ending}": text.encode() for ending, text in texts.items()}


def _as_pictures(own: Own, view: View) -> dict[str, bytes]:
    import io

    from matplotlib.figure import Figure

    from experiments.report.figures.sheets import as_svg

    made = own.of(view)
    figures = {"": made} if isinstance(made, Figure) else dict(made or {})
    if not all(isinstance(figure, Figure) for figure in figures.values()):
        raise InputError(
            f"the figure {own.name} ({own.target}) gave {made!r:.80}; a figure of matplotlib, or some by name, is needed"
        )
    files: dict[str, bytes] = {}
    for name, figure in figures.items():
        file, png = f"{own.name}_{name}" if name else own.name, io.BytesIO()
        figure.savefig(png, format="png", dpi=120, metadata={"Software": None})
        files |= {f"{file}.svg": as_svg(figure).encode(), f"{file}.png": png.getvalue()}
    return files
