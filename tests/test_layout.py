"""The house: which room may import from which, no circles, nothing too large, every file with an opening line."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from builders.paths import ROOT

PACKAGES = ("dpdsyn", "baselines", "experiments")
MOST_LINES = 400
MOST_MODULES = 18
FLAT = ("baselines", "experiments/cli", "experiments/report/tables")  # a method, a command, a table each

PARTS = (  # folders of dpdsyn: each may use those before it, and what stands at the top
    "base",
    "reading",
    "accounting",
    "mechanisms",
    "rules",
    "tables",
    "learning",
    "guides",
    "checking",
    "quality",
)
FIRST = ("base", "reading")  # those of them that use nothing at the top

GROUND = (
    "publishing",
    "sources",
    "paths",
    "configuration",
    "console",
    "machine",
    "typed",
)  # modules of experiments that all of it may use
ROOMS: dict[str, tuple[str, ...]] = {  # of experiments: which others each may use
    "records": (),
    "data": ("records",),
    "evaluation": ("records",),
    "judging": ("data", "evaluation", "records"),
    "run": ("judging", "data", "evaluation", "records"),
    "sweep": ("run", "data", "evaluation", "records"),
    "audit": ("sweep", "run", "data", "evaluation", "records"),
    "report": ("records",),
    "page": ("evaluation",),
    "bench": ("audit", "crosscheck", "data", "evaluation", "records", "report", "run", "sweep"),
    "crosscheck": ("audit", "bench", "data", "evaluation", "records", "report", "run", "sweep"),
    "examples": ("audit", "bench", "crosscheck", "data", "evaluation", "records", "report", "run", "sweep"),
    "cli": ("audit", "bench", "crosscheck", "data", "evaluation", "examples", "page", "records", "report", "run", "sweep"),
}
MACHINERY = ("marginal", "gans", "mixtures", "pgm", "foreign")  # of baselines; what lies beside them is a method each


@cache
def modules() -> dict[str, Path]:
    """Every module of the packages by its dotted name."""
    paths = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return {_name(path): path for path in paths}


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def imports() -> dict[str, dict[str, int]]:
    """Of every module those of ours that it imports, wherever in the file, each with the first line that does."""
    return {name: dict(sorted(_imports(name, path), reverse=True)) for name, path in modules().items()}


def _imports(name: str, path: Path) -> Iterator[tuple[str, int]]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((found, node.lineno) for alias in node.names if (found := _module(alias.name)))
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                if found := _module(f"{source}.{alias.name}") or _module(source):
                    yield found, node.lineno


def _module(name: str) -> str | None:
    """The module of ours that this name is, or is in."""
    while name and name not in modules():
        name = name.rpartition(".")[0]
    return name or None


def room(module: str) -> str:
    """Of a module: the folder or the module of its package that it lies in, or is."""
    return module.split(".")[1] if "." in module else ""


def complaint(module: str, used: str) -> str | None:
    """Why a module must not import another, or None if it may."""
    package, other = module.partition(".")[0], used.partition(".")[0]
    if PACKAGES.index(other) > PACKAGES.index(package):
        return f"{package} knows nothing of {other}"
    if package != other:
        return None
    if package == "experiments":
        return _inside_experiments(room(module), room(used))
    return _inside_baselines(module, used) if package == "baselines" else _inside_dpdsyn(module, used)


def _inside_dpdsyn(module: str, used: str) -> str | None:
    own, other = room(module), room(used)
    if own not in PARTS or own == other:
        return None
    if other not in PARTS:
        return f"{own} uses nothing at the top" if own in FIRST else None
    return None if PARTS.index(other) < PARTS.index(own) else f"{own} comes before {other}"


def _inside_experiments(own: str, used: str) -> str | None:
    if own == used or used in ("", *GROUND):
        return None
    if own in GROUND:
        return f"{own} is used by all rooms and uses none"
    return None if used in ROOMS[own] else f"{own} may use {', '.join(ROOMS[own]) or 'no other room'}"


def _inside_baselines(module: str, used: str) -> str | None:
    own, other = room(module), room(used)
    if other in ("", own):
        return None
    if own in MACHINERY:
        return None if other in MACHINERY else "machinery knows no method"
    return None if other in MACHINERY else "a method knows no other method"


def test_every_room_has_its_place() -> None:
    rooms = {room(name) for name in modules() if name.startswith("experiments.")}
    assert rooms - {*GROUND, *ROOMS} == set(), "say in ROOMS what these may use"
    assert sorted(PARTS) == sorted(path.parent.name for path in (ROOT / "dpdsyn").glob("*/__init__.py"))


def test_imports_go_one_way() -> None:
    wrong = [
        f"{modules()[module].relative_to(ROOT)}, line {line}: imports {used}; {why}"
        for module, found in imports().items()
        for used, line in found.items()
        if (why := complaint(module, used))
    ]
    assert not wrong, "\n".join(wrong)


def test_there_is_no_circle() -> None:
    circles = ["-> ".join(f"{name} " for name in [*circle, circle[0]]) for circle in _circles()]
    assert not circles, "\n".join(circles)


def _circles() -> list[list[str]]:
    """A shortest way round in each knot of modules that import one another."""
    graph = {name: [used for used in found if used != name] for name, found in imports().items()}
    found: list[list[str]] = []
    seen: set[str] = set()
    for start in graph:
        if start not in seen and (way := _way_back(graph, start)):
            found.append(way)
            seen |= set(way)
    return found


def _way_back(graph: dict[str, list[str]], start: str) -> list[str] | None:
    """The shortest chain of imports from a module back to itself, by breadth first search."""
    came_from: dict[str, str] = {}
    waiting = [start]
    for name in waiting:
        for used in graph[name]:
            if used == start:
                way = [name]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return way[::-1]
            if used not in came_from:
                came_from[used] = name
                waiting.append(used)
    return None


def python_files() -> list[Path]:
    folders = (ROOT / name for name in (*PACKAGES, "tests"))
    return [ROOT / "noxfile.py", *(path for folder in folders for path in sorted(folder.rglob("*.py")))]


def test_no_file_is_long() -> None:
    lengths = {path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files()}
    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_folder_is_crowded() -> None:
    folders = {path.parent for path in modules().values()}
    counts = {folder.relative_to(ROOT): sum(p.name != "__init__.py" for p in folder.glob("*.py")) for folder in folders}
    assert {folder: n for folder, n in counts.items() if n > MOST_MODULES and str(folder) not in FLAT} == {}


def test_every_file_opens_with_a_sentence() -> None:
    silent = []
    for path in python_files():
        text = path.read_text(encoding="utf-8")
        if text.strip() and not ast.get_docstring(ast.parse(text)):
            silent.append(str(path.relative_to(ROOT)))
    assert not silent, "\n".join(silent)


def test_tests_lie_as_what_they_test() -> None:
    own = ("builders", "services")  # what tests are built from, and tests that need servers
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")}
    astray = [folder for folder in folders if folder.parts[:1] not in [(name,) for name in own] and not (ROOT / folder).is_dir()]
    assert astray == []


@pytest.mark.parametrize(
    ("module", "used", "wrong"),
    [
        ("dpdsyn.guide", "baselines.mst", True),
        ("dpdsyn.api", "dpdsyn.quality.held_out", False),
        ("dpdsyn.rules.conditions", "dpdsyn.schema", False),
        ("dpdsyn.rules.conditions", "dpdsyn.tables.kinds", True),
        ("dpdsyn.reading.cells", "dpdsyn.schema", True),
        ("baselines.aim", "experiments.run", True),
        ("baselines.aim", "baselines.mst", True),
        ("baselines.aim", "baselines.marginal.inference", False),
        ("baselines.marginal.inference", "baselines.mst", True),
        ("baselines.foreign.isolated", "dpdsyn.synthesizer", False),
        ("experiments.report.tables.all", "experiments.run", True),
        ("experiments.report.tables.all", "experiments.sweep.plan", True),
        ("experiments.sweep.status", "experiments.report.tables.all", True),
        ("experiments.audit.trials", "experiments.sweep.locks", False),
        ("experiments.sweep.plan", "experiments.audit.trials", True),
        ("experiments.records.store", "experiments.run", True),
        ("experiments.records.store", "experiments.paths", False),
        ("experiments.paths", "experiments.records.store", True),
        ("experiments.cli.main", "experiments.report.tables.all", False),
        ("experiments.bench.sweep", "experiments.cli.main", True),
    ],
)
def test_the_rules_tell_right_from_wrong(module: str, used: str, wrong: bool) -> None:
    assert (complaint(module, used) is not None) is wrong


def test_circles_are_found_and_named() -> None:
    graph = {"a": ["b", "d"], "b": ["c"], "c": ["a"], "d": [], "e": ["a"]}
    assert _way_back(graph, "a") == ["a", "b", "c"] and _way_back(graph, "e") is None and _way_back(graph, "d") is None


def test_imports_are_read_wherever_they_stand() -> None:
    found = imports()["experiments.sweep.plan"]
    assert {"experiments.run", "experiments.sweep.request", "dpdsyn.base.files", "experiments.configuration"} <= set(found)
