"""What `dpdsyn schema check` says of each column of a table: how its cells go into the codes of its schema.

It tells of rows without noise: for the table's owner, and not for publishing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from experiments.console import aligned

if TYPE_CHECKING:
    from dpdsyn.schema import Schema
    from dpdsyn.tables.preflight import Report

_NEARLY_ALL = 0.9  # of a column's cells, that share a code
_FACTOR = 1.25  # between the stated and the real number of rows, as `dpdsyn.mechanisms.row_count` has it


def lines(report: Report, schema: Schema) -> Iterator[str]:
    """A line a column, what stands out, and the rows that are used beside those that the schema states."""
    yield "NOT FOR PUBLISHING: exact shares of the cells of private rows"
    shares = {(share.column, share.kind): share.cells for share in report.shares}
    rows = [("column", "kind", "clipped", "unlisted", "missing", "unreadable", "in one code")]
    unreadable = {fault.column: fault.cells for fault in report.faults if fault.kind == "unreadable"}
    for column in schema.columns:
        clipped = _share(shares.get((column.name, "clipped"), 0), report.rows) if column.bounds else "-"
        listed = not column.ordered and not column.is_open
        unlisted = _share(shares.get((column.name, "undeclared"), 0), report.rows) if listed and column.other else "-"
        missing = _share(shares.get((column.name, "missing"), 0), report.rows)
        refused = _share(unreadable.get(column.name, 0), report.rows)
        common = _share(report.common[column.name], report.rows) if column.name in report.common else "learnt"
        rows.append((column.name, column.kind, clipped, unlisted, missing, refused, common))
    yield from aligned(rows)
    for column in schema.columns:
        cells = report.common.get(column.name, 0)
        unlike = column.ordered or (column.name, "undeclared") in shares or column.name in unreadable
        if unlike and column.size > 1 and cells > _NEARLY_ALL * max(report.rows, 1):
            yield f"note: {column.name}: {_share(cells, report.rows)} of cells are one code. {_WHY[column.ordered]}"
        yield from (f"note: {column.name}: {one.told}" for one in report.sentinels.get(column.name, ()))
    yield from _rules(report)
    yield _used(report, schema)


def _rules(report: Report) -> Iterator[str]:
    """Of each rule to how many rows it applies, and how many of them break it."""
    for written, broken in report.broken.items():
        if (applies := report.applied.get(written)) is None:
            yield f"rule {written}: {broken:,} of {report.rows:,} rows break it"
        else:
            yield f"rule {written}: its condition holds for {applies:,} rows of the table, of which {broken:,} break it"


_WHY = {
    True: "If they differ, the bounds are too wide or the bins too few; `scale: log` helps where most are small",
    False: "If they differ, their categories are not listed as they are written",
}


def _used(report: Report, schema: Schema) -> str:
    left = report.rows - report.usable
    why = "" if not left else f" ({left:,} are left out, by the rules for missing cells{' and persons' if schema.person else ''})"
    used = f"{report.usable:,} of {report.rows:,} rows can be used{why}"
    if not schema.rows_public:
        open_rows = "the schema leaves their number open (rows_public), and it is learnt"
        return f"{used}; {open_rows}; `dpdsyn doctor` has to be told about how many: --rows"
    stated = f"{used}; the schema states about {schema.rows_public:,} (rows_public)"
    if max(schema.rows_public, report.usable) <= _FACTOR * min(schema.rows_public, report.usable):
        return stated
    return (
        f"{stated}, which is off by more than a factor of {_FACTOR:g}. Sampling rate, noise and the number of synthetic rows "
        "follow it: correct it by what may be known of the table, not by this count"
    )


def _share(cells: int, rows: int) -> str:
    if not cells:
        return "0%"
    share = cells / rows
    return "<0.1%" if share < 0.001 else ">99.9%" if 0.999 < share < 1 else f"{share:.1%}"
