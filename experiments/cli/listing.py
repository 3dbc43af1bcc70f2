"""`dpdsyn list`: names of data sets, methods with their roles, and experiments, each in a line."""

from __future__ import annotations

import argparse
from pathlib import Path

from experiments.configuration import config_dir, options, read_option


def add(commands: argparse._SubParsersAction) -> None:
    commands.add_parser("list", help="names of data sets, methods and experiments").set_defaults(command=show)


def show(given: argparse.Namespace) -> int:
    print("data sets")
    for name in options("dataset"):
        print(f"  {name:<20} {read_option('dataset', name)['title']}")
    print("methods")
    for name in options("synthesizer"):
        print(f"  {name:<20} {_role(name):<12} {_summary(name)}".rstrip())
    print("experiments (dpdsyn run -m experiment=NAME)")
    for name in options("experiment"):
        print(f"  {name:<20} {_remark('experiment', name)}")
    return 0


def _role(name: str) -> str:
    """What the method is to the others, if its file tells."""
    return str((read_option("synthesizer", name).get("about") or {}).get("role") or "")


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
