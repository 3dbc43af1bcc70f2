"""A table as text, and how it says that some of its runs are missing."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.record import Record


@dataclass(frozen=True)
class Table:
    """Cells as text. notes: what a reader of these numbers has to know."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str]


def markdown(table: Table) -> str:
    columns = table.columns
    widths = [max(len(line[i]) for line in [columns, *table.rows]) for i in range(len(columns))]
    lines = [columns, ["-" * width for width in widths], *table.rows]
    body = "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )
    notes = "".join(f"\n{note}\n" for note in table.notes)
    return f"### {table.title}\n\n{body}\n{notes}"


def as_csv(tables: Sequence[Table]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for i, table in enumerate(tables):
        if i == 0:
            writer.writerow(["table", *table.columns, "notes"])
        writer.writerows([table.title, *row, " ".join(table.notes)] for row in table.rows)
    return buffer.getvalue()


def counted(group: Sequence[Record]) -> str:
    """How many runs ended well, and what became of the others."""
    notes = lost(group)
    return f"{sum(record.status == 'ok' for record in group)}" + (f" ({notes})" if notes else "")


def lost(group: Sequence[Record]) -> str:
    """How many runs did not end well or are of an older version; empty if none."""
    counts: dict[str, int] = defaultdict(int)
    for record in group:
        if record.status != "ok":
            counts[record.status] += 1
    stale = sum(_is_stale(record) for record in group)
    if stale:
        counts["from an older version"] = stale
    return ", ".join(f"{count} of {len(group)} {status}" for status, count in sorted(counts.items()))


def _is_stale(record: Record) -> bool:
    """Whether the method's output has changed since; unknown for methods that are not installed here."""
    from dpdsyn.synthesizer import load

    try:
        return load(record.method["target"]).version != record.method["version"]
    except (KeyError, ValueError):
        return False
