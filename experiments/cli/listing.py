"""`dpdsyn list`: names of data sets, methods with their roles, encodings, evaluations and experiments, each in a line."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path

from experiments.configuration import option_path, options, read_option
from experiments.paths import see_own_modules


def add(commands: argparse._SubParsersAction) -> None:
    names = commands.add_parser("list", help="names of data sets, methods, encodings, evaluations and experiments")
    names.add_argument("--config-dir", type=Path, metavar="DIR", help="a folder of configuration beside ours")
    names.set_defaults(command=show)


def show(given: argparse.Namespace) -> int:
    """Exit code: 0, or 1 if a file of one's own cannot be read, which its line says."""
    extra = given.config_dir
    options("dataset", extra)  # refuses a folder that there is not, before anything is printed
    broken = 0
    for group, (heading, told) in _GROUPS.items():
        print(heading)
        for name in options(group, extra):
            try:
                print(f"  {name:<20} {told(name, extra)}".rstrip())
            except Exception as error:  # whatever a person's file makes of it; the others are listed all the same
                if not _is_own(group, name, extra):
                    raise
                broken += 1
                print(f"  {name:<20} cannot be read: {' '.join(str(error).split())}")
    return 1 if broken else 0


def _is_own(group: str, name: str, extra: Path | None) -> bool:
    return extra is not None and option_path(group, name, extra).is_relative_to(extra)


def _title(name: str, extra: Path | None) -> str:
    return str(read_option("dataset", name, extra).get("title", ""))


def _method(name: str, extra: Path | None) -> str:
    return f"{_role(name, extra):<12} {_summary(name, extra)}"


def _remark_of(group: str) -> Callable[[str, Path | None], str]:
    def remark(name: str, extra: Path | None) -> str:
        if _is_own(group, name, extra):
            read_option(group, name, extra)  # refuses what cannot be read
        return _remark(group, name, extra)

    return remark


def _role(name: str, extra: Path | None) -> str:
    """What the method is to the others, if its file tells."""
    return str((read_option("synthesizer", name, extra).get("about") or {}).get("role") or "")


def _summary(name: str, extra: Path | None) -> str:
    """A method's own words: the remark that opens its file, or its class's first line (read, not imported)."""
    remark, target = _remark("synthesizer", name, extra), read_option("synthesizer", name, extra).get("_target_", "")
    if remark or not target:
        return remark
    from importlib.util import find_spec

    see_own_modules()
    module, _, kind = target.rpartition(".")
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):  # of a method whose module is not here
        spec = None
    if spec is None or not spec.origin:
        return ""
    return _first_line(Path(spec.origin).read_text(encoding="utf-8"), kind)


def _first_line(source: str, kind: str) -> str:
    """Of a class's docstring."""
    usual = re.search(rf'^class {re.escape(kind)}\b[^:"]*:\n    """([^"\n\\]+)', source, re.MULTILINE)
    if usual:
        return usual[1].strip()
    import ast  # which takes as long for one file as all the rest does

    texts = [ast.get_docstring(node) for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == kind]
    return (texts[0] or "").partition("\n")[0] if texts else ""


def _remark(group: str, name: str, extra: Path | None) -> str:
    lines = option_path(group, name, extra).read_text(encoding="utf-8").splitlines()
    return next((line[1:].strip() for line in lines if line.startswith("# ") and "@package" not in line), "")


_GROUPS: dict[str, tuple[str, Callable[[str, Path | None], str]]] = {
    "dataset": ("data sets", _title),
    "synthesizer": ("methods", _method),
    "encoding": ("encodings (encoding=NAME)", _remark_of("encoding")),
    "evaluation": ("evaluations (evaluation=NAME)", _remark_of("evaluation")),
    "experiment": ("experiments (dpdsyn run -m experiment=NAME)", _remark_of("experiment")),
}
