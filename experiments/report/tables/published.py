"""What others published, mixed into no other table."""

from __future__ import annotations

from pathlib import Path

from experiments.report.grouped import View
from experiments.report.tables.table import Table

LIST = "published.yaml"


def build(view: View) -> list[Table]:
    """One table, if the results folder has such a list."""
    return listed(view.results / LIST) if view.results else []


def listed(path: Path) -> list[Table]:
    """The entries of the list, each a row; nothing without one."""
    import yaml

    if not path.exists():
        return []
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    note = "Other columns, bins, splits and models than ours: to compare with, never mixed in."
    return [
        Table("What others published", ["what", "value", "source"], [[*map(str, entry.values())] for entry in entries], [note])
    ]
