"""No method reaches rows other than through a mechanism: read off every file in `baselines/`, and of those of our own method."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.paths import ROOT

_OUR_OWN = ("method.py", "candidates.py", "guide.py", "crosses.py", "guides/*.py", "mechanisms/row_count.py")  # in dpdsyn
_WITHOUT_GUARANTEE = {  # the files that give rows away, on purpose: another one is to be read by a second person first
    "stated": set(),
    "unprotected": {"baselines/references.py", "dpdsyn/candidates.py", "baselines/rdp_gan.py"},
    "hand_over": {"baselines/foreign/isolated.py"},
}
_FORBIDDEN_MODULES = ("experiments", "dpdsyn.rows", "dpdsyn.contract", "dpdsyn.checking", "dpdsyn.api")
_FORBIDDEN_NAMES = ("Rows", "StreamedRows", "Twin", "eval", "exec", "__import__")
_REFLECTION = ("getattr", "setattr", "hasattr", "vars", "object.__getattribute__")


def files_of_methods(root: Path) -> list[str]:
    """Every file that methods are made of, in folders within folders too; by its path from `root`."""
    machinery = [path.relative_to(root).as_posix() for path in (root / "baselines").rglob("*.py")]
    return sorted(
        [*machinery, *(path.relative_to(root).as_posix() for part in _OUR_OWN for path in (root / "dpdsyn").glob(part))]
    )


def reaches(source: str, path: str) -> Iterator[str]:
    """What in a method's source could reach rows past the mechanisms, a line each."""
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Attribute):
            if "PrivateTable__" in node.attr or node.attr in ("__dict__", "__getattribute__", "_view"):
                yield f"line {line}: {node.attr}"
            if node.attr in _WITHOUT_GUARANTEE and path not in _WITHOUT_GUARANTEE[node.attr]:
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


@pytest.mark.parametrize("path", files_of_methods(ROOT))
def test_methods_reach_rows_through_mechanisms_only(path: str) -> None:
    assert list(reaches((ROOT / path).read_text(encoding="utf-8"), path)) == []


def test_a_file_in_a_folder_within_a_folder_is_seen(tmp_path: Path) -> None:
    planted = tmp_path / "baselines" / "marginal" / "deeper" / "references.py"
    planted.parent.mkdir(parents=True)
    planted.write_text("def fit(private, rng):\n    return private.unprotected('nobody looks here')\n")
    own = planted.relative_to(tmp_path).as_posix()
    assert own in files_of_methods(tmp_path)
    assert list(reaches(planted.read_text(), own)) == ["line 2: unprotected in a file that is not listed for it"]
    known = files_of_methods(ROOT)
    assert {
        "baselines/marginal/marginals.py",
        "baselines/gans/gan.py",
        "baselines/foreign/isolated.py",
        "dpdsyn/guides/ordered_head.py",
    } <= set(known)


def test_every_file_listed_as_without_guarantee_uses_what_it_is_listed_for() -> None:
    for way, paths in _WITHOUT_GUARANTEE.items():
        assert paths <= set(files_of_methods(ROOT))
        assert [path for path in paths if f".{way}(" not in (ROOT / path).read_text(encoding="utf-8")] == []


@pytest.mark.parametrize(
    "bad",
    [
        "rows = private._PrivateTable__rows.together()",
        "rows = getattr(private, '_PrivateTable' + '__rows')",
        "rows = getattr(self.private, name)",
        "rows = vars(private)",
        "rows = private.__dict__['x']",
        "rows = private.unprotected('why not')",
        "rows = private.hand_over('a promise')",
        "from dpdsyn.rows import Rows",
        "import dpdsyn.rows",
        "from dpdsyn import rows",
        "from experiments.data.datasets import load",
        "import gc",
        "class Wide(PrivateTable):\n    pass",
        "rows = eval('private._' + 'PrivateTable__rows')",
        "private._view(lambda encoded: print(encoded), schema, ledger, rng)",
    ],
)
def test_a_method_that_reaches_past_the_mechanisms_is_seen(bad: str) -> None:
    assert list(reaches(bad, "baselines/mine.py"))
