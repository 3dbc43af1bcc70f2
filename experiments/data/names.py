"""The line of names of a table: what it must not be, and what to do where it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from experiments.data.errors import DataError

MOST_COLUMNS = 1000
ABOVE = "if a title or a comment stands above the names, delete it"
_LONGEST = 200  # characters
_EXCELS = re.compile(r'"?sep=.?"?', re.IGNORECASE | re.DOTALL)


def refuse_hint_for_excel(path: Path, line: int, text: str) -> None:
    """Raise DataError for a line that tells Excel the separator. line: counted from 1."""
    if _EXCELS.fullmatch(text.strip("\r\n")):
        raise DataError(f"{path}, line {line}: `sep=` is a word to Excel and no line of names; delete the line")


def check_names(path: Path, names: Sequence[str], below: Sequence[str] = ()) -> None:
    """Raise DataError for names that cannot be meant. below: the cells of the next row, where that is known."""
    if len(names) > MOST_COLUMNS:
        raise DataError(f"{path} has {len(names):,} columns; at most {MOST_COLUMNS:,} are read; keep those that matter")
    if (told := _nameless(names, below)) is not None:
        raise DataError(f"{path}, line 1: {told}")
    for number, name in enumerate(names, start=1):
        if len(name) > _LONGEST:
            raise DataError(
                f"{path}, line 1: the name of column {number} has {len(name)} characters; at most {_LONGEST} are read"
            )
        if not name.isprintable():
            raise DataError(f"{path}, line 1: the name of column {number} has a line break or control character in it: {name!r}")
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise DataError(f"{path}, line 1: columns of the same name: {', '.join(twice[:12])}; name each otherwise")


def _nameless(names: Sequence[str], below: Sequence[str]) -> str | None:
    """Of a column without a name, what it may be and what to do."""
    empty = [number for number, name in enumerate(names, start=1) if not name.strip()]
    if not empty:
        return None
    first, last = empty[0], len(names)
    what = f"column {first} has no name"
    if first == 1 and len(names) > 1:
        return f"{what}; pandas writes its row numbers so: name it, or leave it out (`to_csv(..., index=False)`)"
    if empty != list(range(first, last + 1)):
        return f"{what}; name it"
    if any(cell.strip() for cell in below[first - 1 :]):
        return f"{what}; name it, or {ABOVE}"
    many = what if first == last else f"columns {first} to {last} have no name"
    return f"{many}, as where lines end in separators; take these off, or name the columns"
