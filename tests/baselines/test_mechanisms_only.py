"""No method reaches rows other than through a door: read off its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.paths import ROOT

METHODS = sorted(
    [*(ROOT / "baselines").glob("*.py"), *(ROOT / "dpdsyn" / name for name in ("method.py", "candidates.py", "guide.py"))]
)
_WITHOUT_GUARANTEE = {
    "unprotected": {"references.py", "candidates.py", "rdp_gan.py"},
    "hand_over": {"isolated.py"},
}
_FORBIDDEN_MODULES = ("experiments", "dpdsyn.rows", "dpdsyn.contract", "dpdsyn.twin", "dpdsyn.api")
_FORBIDDEN_NAMES = ("Rows", "StreamedRows", "Twin", "eval", "exec", "__import__")
_REFLECTION = ("getattr", "setattr", "hasattr", "vars", "object.__getattribute__")


def reaches(source: str, name: str) -> Iterator[str]:
    """What in a method's source could reach rows past the doors, a line each."""
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Attribute):
            if "PrivateTable__" in node.attr or node.attr in ("__dict__", "__getattribute__", "_view"):
                yield f"line {line}: {node.attr}"
            if node.attr in _WITHOUT_GUARANTEE and name not in _WITHOUT_GUARANTEE[node.attr]:
                yield f"line {line}: {node.attr} in a file that is not listed for it"
        elif isinstance(node, ast.Name) and node.id in _FORBIDDEN_NAMES:
            yield f"line {line}: {node.id}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "PrivateTable__" in node.value:
            yield f"line {line}: {node.value!r}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in _REFLECTION:
            if node.args and "private" in ast.unparse(node.args[0]).split("."):
                yield f"line {line}: {ast.unparse(node)}"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            names = [f"{modules[0]}.{alias.name}" for alias in node.names] if isinstance(node, ast.ImportFrom) else modules
            for module in (*modules, *names):
                if module in ("gc", "inspect") or any(module == f or module.startswith(f"{f}.") for f in _FORBIDDEN_MODULES):
                    yield f"line {line}: import of {module}"
        elif isinstance(node, ast.ClassDef) and any("PrivateTable" in ast.unparse(base) for base in node.bases):
            yield f"line {line}: a PrivateTable of its own"


@pytest.mark.parametrize("path", METHODS, ids=lambda path: path.name)
def test_methods_reach_rows_through_doors_only(path: Path) -> None:
    assert list(reaches(path.read_text(encoding="utf-8"), path.name)) == []


def test_every_file_listed_as_without_guarantee_uses_what_it_is_listed_for() -> None:
    sources = {path.name: path.read_text(encoding="utf-8") for path in METHODS}
    for way, names in _WITHOUT_GUARANTEE.items():
        assert all(f".{way}(" in sources[name] for name in names & set(sources))


@pytest.mark.parametrize(
    "bad",
    [
        "rows = private._PrivateTable__rows.together()",
        "rows = getattr(private, '_PrivateTable' + '__rows')",
        "rows = getattr(self.private, name)",
        "rows = vars(private)",
        "rows = private.__dict__['x']",
        "rows = private.unprotected('why not')",
        "rows = private.hand_over('a claim')",
        "from dpdsyn.rows import Rows",
        "import dpdsyn.rows",
        "from dpdsyn import rows",
        "from experiments.datasets import load",
        "import gc",
        "class Wide(PrivateTable):\n    pass",
        "rows = eval('private._' + 'PrivateTable__rows')",
        "private._view(lambda codes: print(codes), schema, ledger, rng)",
    ],
)
def test_a_method_that_reaches_past_the_doors_is_seen(bad: str) -> None:
    assert list(reaches(bad, "mine.py"))
