"""Tables for a terminal: columns one below the other, within its width, without the signs of a markup language."""

from __future__ import annotations

import shutil
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from experiments.report.missing import briefly
from experiments.report.tables.table import Table

_USUAL = (100, 40)  # columns and lines where nobody says how large the screen is
_NARROWEST = 40
_GAP = "  "
_STRESS = {"best": "\x1b[1m{}\x1b[0m", "second": "\x1b[4m{}\x1b[0m"}


def screen() -> tuple[int, int]:
    """Columns and lines of the terminal that the command writes to (or COLUMNS and LINES)."""
    size = shutil.get_terminal_size(_USUAL)
    return max(size.columns, _NARROWEST), size.lines


def page(tables: Sequence[Table], width: int) -> str:
    """All of them; what is to be known of several is said once, at the end."""
    often = Counter(note for table in tables for note in table.notes)
    shared = [note for note, count in often.items() if count > 1]
    alone = [replace(table, notes=[note for note in table.notes if note not in shared]) for table in tables]
    return "\n".join([*(plain(table, width) for table in alone), *(f"{textwrap.fill(note, width)}\n" for note in shared)])


def plain(table: Table, width: int) -> str:
    """One table, on a terminal: the best cells bold, the second underlined; one that is too wide comes in parts."""
    rows = [table.columns, *([briefly(cell) for cell in row] for row in table.rows)]
    stress = {(r + 1, c): how for (r, c), how in table.emphasis.items()}
    parts = []
    for columns in in_parts(rows, width):
        widths = [_width(rows, c, width) for c in columns]
        lines = []
        for r, row in enumerate(rows):
            cells = []
            for c, wide in zip(columns, widths, strict=True):
                text = cut(row[c], wide)
                how = stress.get((r, c))
                cells.append((_STRESS[how].format(text) if how else text) + " " * (wide - len(text)))
            lines.append(_GAP.join(cells).rstrip())
        parts.append("\n".join(lines))
    notes = [textwrap.fill(note, width) for note in table.notes]
    return "\n\n".join([textwrap.fill(table.title, width), *parts, *notes]) + "\n"


def in_parts(rows: Sequence[Sequence[str]], width: int) -> Iterator[list[int]]:
    """Places of columns that fit beside each other, the first one among them each time."""
    first = _width(rows, 0, width)
    part, used = [0], first
    for c in range(1, len(rows[0])):
        wide = len(_GAP) + _width(rows, c, width - first)
        if len(part) > 1 and used + wide > width:
            yield part
            part, used = [0], first
        part.append(c)
        used += wide
    yield part


def cut(text: str, width: int) -> str:
    """The text, or its beginning with a sign that there was more."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def _width(rows: Sequence[Sequence[str]], column: int, most: int) -> int:
    """Of a column; the first leaves room for others."""
    return min(max(len(row[column]) for row in rows), max(most // (3 if column == 0 else 1) - len(_GAP), 8))
