"""The source that a run is computed by: hashes of the files of modules, and of those that they import.

What lies in installed packages has a version. A person's own file has none that anybody remembers to raise, so its content is
part of what a run is identified by, and a changed method, metric or model is computed anew. Of built-in methods `version` is the
identity, and a hash of their code only lets `run` say that it has changed since.

Imports are read off the text, functions included, and nothing is imported for it. What a module finds at run time, by a name that
it puts together or in a file of another kind, is not seen.
"""

from __future__ import annotations

import ast
import hashlib
import re
import sys
import sysconfig
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

_OURS = ("dpdsyn", "baselines", "experiments")
_INSTALLED = ("site-packages", "dist-packages")
_IMPORTING = (b"import_module", b"__import__")  # functions that import what they are given
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # where statements have others
_PARSING = Lock()  # Python 3.11 parses on two threads at once with one counter between them, and may fail on either
_NAMED = re.compile(r"([^\W\d][\w.]*)[:.][^\W\d]\w*\Z")  # module:Name or module.Name


@dataclass(frozen=True)
class Source:
    """One module. sha256: 16 digits, of its file as it was when this process first asked. imports: names that it may."""

    file: Path
    sha256: str
    imports: tuple[str, ...]


def own(modules: Iterable[str]) -> dict[str, str]:
    """The hash of each of these modules that is a person's own, outside the packages, and of all such that they import."""
    return {name: source.sha256 for name, source in sorted(_reached(modules, _is_own).items())}


def code(modules: Iterable[str]) -> str:
    """One hash of these modules and of all that they import, installed packages left out; 16 hexadecimal digits."""
    found = _reached(modules, lambda name, file: name.partition(".")[0] in _OURS or _is_own(name, file))
    said = "".join(f"{name} {source.sha256}\n" for name, source in sorted(found.items()))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def of_method(target: str, parameters: Mapping[str, Any]) -> list[str]:
    """The modules that a method's class lies in, and those of modules and methods that its parameters name."""
    return [*named(target), *named(parameters)]


def named(value: Any) -> list[str]:
    """Modules that texts in a configuration may name, at any depth: as `module:Name`, `module.Name`, or a registered method."""
    if isinstance(value, str):
        found = _NAMED.match(value)
        return [found[1]] if found else [_registered()[value]] if value in _registered() else []
    if isinstance(value, Mapping):
        return [name for part in value.values() for name in named(part)]
    return [name for part in value for name in named(part)] if isinstance(value, list | tuple) else []


@cache
def _registered() -> dict[str, str]:
    """The module of each method that has an entry point, by its name."""
    from dpdsyn.synthesizer import GROUP  # which loads numeric libraries

    return {point.name: point.module for point in entry_points(group=GROUP)}


def _reached(modules: Iterable[str], wanted: Callable[[str, Path], bool]) -> dict[str, Source]:
    found: dict[str, Source] = {}
    seen: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        package = name.rpartition(".")[0]
        waiting += [package] if package else []  # which is carried out before what lies in it
        source = _source(name)
        if source is not None and wanted(name, source.file):
            found[name] = source
            waiting += source.imports
    return found


def _is_own(name: str, file: Path) -> bool:
    if name.partition(".")[0] in _OURS or set(_INSTALLED) & set(file.parts):
        return False
    return not any(file.is_relative_to(sysconfig.get_path(folder)) for folder in ("stdlib", "platstdlib"))


@cache  # so that it is of the file that this process has imported, whatever becomes of the file meanwhile
def _source(name: str) -> Source | None:
    """None for what is no module, or none of a file."""
    spec = _spec(name)
    if spec is None or not spec.has_location or spec.origin is None:
        return None
    file = Path(spec.origin).absolute()
    try:
        content = file.read_bytes().replace(b"\r\n", b"\n")
    except OSError:
        return None
    package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
    imports = _imports(content, package) if file.suffix == ".py" else ()
    return Source(file, hashlib.sha256(content).hexdigest()[:16], imports)


def _spec(name: str) -> ModuleSpec | None:
    """As the import system finds it, without importing the package that it lies in."""
    top, *rest = name.split(".")
    if top in sys.builtin_module_names or top in sys.stdlib_module_names:
        return None
    spec = _top(top)
    for i in range(len(rest)):
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(".".join([top, *rest[: i + 1]]), list(spec.submodule_search_locations))
    return spec


@cache
def _top(name: str) -> ModuleSpec | None:
    """Of a package or module that lies in none; None for one that is installed."""
    try:
        spec = find_spec(name) if name else None
    except (ImportError, ValueError):  # such as __main__, which has none
        return None
    place = None if spec is None else spec.origin or next(iter(spec.submodule_search_locations or ()), None)
    return None if place is None or set(_INSTALLED) & set(Path(place).parts) else spec


def _imports(content: bytes, package: str) -> tuple[str, ...]:
    """Names of modules that a file may import, in their order; what is taken from a module may be one too."""
    try:
        with _PARSING:
            tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return ()
    found: dict[str, None] = {}
    called = any(word in content for word in _IMPORTING)  # else statements are enough, which are a tenth of all nodes
    for node in ast.walk(tree) if called else _statements(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Call) and _called(node.func).encode() in _IMPORTING:
            names = [part.value for part in node.args[:1] if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        else:
            continue
        found |= dict.fromkeys(names)
    return tuple(found)


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """A module and all statements in it, at any depth, the outer ones first."""
    waiting = deque([tree])
    while waiting:
        node = waiting.popleft()
        yield node
        for name in _BLOCKS:
            waiting.extend(getattr(node, name, ()))


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""


def forget() -> None:
    """Read files anew, in a process that imports them anew."""
    _source.cache_clear()
    _top.cache_clear()
