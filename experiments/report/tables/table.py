"""A table as Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

Line = TypeVar("Line")
Emphasis = Literal["best", "second"]
_SENTENCE = 60  # characters
_IN_A_LINE, _IN_A_CAPTION = 45, 95  # characters of a sentence in a cell, and of a caption
_ON_A_PAGE = 48  # lines of a float, its caption among them
_FLOATS = 12  # that LaTeX is given before it has to put them onto pages; with too many it gives up
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "±": r"$\pm$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "†": r"\dag{}",
    "°": r"$^\circ$",
    "▲": r"$\blacktriangle$",
    "▼": r"$\blacktriangledown$",
}
_SPECIAL |= {sign: f"\\{sign}" for sign in "&%$#_{}"} | {
    "|": r"\textbar{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
}


@dataclass(frozen=True)
class Table:
    """Cells as text. notes: what a reader of these numbers has to know. emphasis: cells, by row and column, that stand out.

    parts: the titles of parts that rows fall into, by the row that each begins with.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str]
    emphasis: Mapping[tuple[int, int], Emphasis] = field(default_factory=dict)
    parts: Mapping[int, str] = field(default_factory=dict)

    @property
    def named_rows(self) -> list[dict[str, str]]:
        """Each row by its columns."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def markdown(table: Table) -> str:
    plain = [[_in_one_cell(cell) for cell in row] for row in table.rows]
    columns = [_in_one_cell(name) for name in table.columns]
    stressed = _stressed(table, plain, {"best": "**{}**", "second": "<u>{}</u>"})
    rows = _in_parts(table.parts, stressed, lambda title: [f"*{_in_one_cell(title)}*", *[""] * (len(columns) - 1)])
    widths = [max(len(line[i]) for line in [columns, *rows]) for i in range(len(columns))]
    lines = [columns, ["-" * width for width in widths], *rows]
    body = "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )
    notes = "".join(f"\n{note}\n" for note in table.notes)
    return f"### {_on_one_line(table.title)}\n\n{body}\n{notes}"


def _in_one_cell(text: str) -> str:
    """As Markdown has it in a cell, which a bar or a line break would end."""
    return "<br>".join(text.replace("|", r"\|").splitlines())


def _on_one_line(text: str) -> str:
    return " ".join(text.splitlines())


def of_methods(table: Table, methods: Collection[str]) -> Table:
    """With the rows of these methods alone, whatever their settings; as it is if it has no methods in its first column."""
    if table.columns[0] != "method":
        return table
    kept = [r for r, row in enumerate(table.rows) if row[0].partition(" (")[0] in methods]
    emphasis = {(kept.index(r), c): how for (r, c), how in table.emphasis.items() if r in kept}
    return replace(table, rows=[table.rows[r] for r in kept], emphasis=emphasis)


def latex(tables: Sequence[Table]) -> str:
    r"""Floats that `\input` brings in: a table that is wider than the lines is scaled down to them, one that is longer than a
    page goes on in another float.
    """
    floats = [made for table in tables for made in _latex(table)]
    breaks = (r"\clearpage" + "\n" if number and number % _FLOATS == 0 else "" for number in range(len(floats)))
    return "% Needs \\usepackage{amssymb,booktabs,graphicx}\n" + "\n".join(map("".join, zip(breaks, floats, strict=True)))


def _latex(table: Table) -> Iterator[str]:
    rows = [[_escaped(cell) for cell in row] for row in table.rows]
    rows = _stressed(table, rows, {"best": r"\textbf{{{}}}", "second": r"\underline{{{}}}"})
    head, *lines = (" & ".join(line) + r" \\" for line in [[_escaped(name) for name in table.columns], *rows])
    notes = " ".join(_escaped(note) for note in table.notes)
    caption = f"{_escaped(table.title)}." + (f" {notes}" if notes else "")
    aligned = "".join(_alignment(column) for column in zip(table.columns, *table.rows, strict=True))
    for shown in _pages(table, len(caption)):
        parts = {row - shown.start: title for row, title in table.parts.items() if row in shown}
        body = _in_parts(
            parts,
            lines[shown.start : shown.stop],
            lambda title: rf"\multicolumn{{{len(table.columns)}}}{{l}}{{\emph{{{_escaped(title)}}}}} \\",
        )
        whole = [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{f'{_escaped(table.title)}, continued.' if shown.start else caption}}}",
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{{aligned}}}",
            r"\toprule",
            head,
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}}",
            r"\end{table}",
        ]
        yield "\n".join(whole) + "\n"


def _pages(table: Table, caption: int) -> Iterator[range]:
    """The rows that each float of a table shows; caption: its characters, in the first of them."""
    sentences = [i for i, column in enumerate(zip(table.columns, *table.rows, strict=True)) if _is_of_sentences(column)]
    first, left = 0, _ON_A_PAGE - math.ceil(caption / _IN_A_CAPTION)
    for number, row in enumerate(table.rows):
        needed = max((math.ceil(len(row[i]) / _IN_A_LINE) for i in sentences), default=1) + (number in table.parts)
        if needed > left and number > first:
            yield range(first, number)
            first, left = number, _ON_A_PAGE - 1
        left -= needed
    yield range(first, len(table.rows))


def _in_parts(parts: Mapping[int, str], rows: Sequence[Line], titled: Callable[[str], Line]) -> list[Line]:
    """The rows, each part's title before its first."""
    return [line for i, row in enumerate(rows) for line in ([titled(parts[i]), row] if i in parts else [row])]


def _alignment(column: Sequence[str]) -> str:
    """Numbers to the right, words to the left, sentences in several lines. column: its name, then its cells."""
    cells = [cell for cell in column[1:] if cell.strip("- ")]
    if _is_of_sentences(column):
        return r"p{.45\linewidth}"
    return "r" if cells and all(cell[0] in "+-.0123456789≥▲▼" for cell in cells) else "l"


def _is_of_sentences(column: Sequence[str]) -> bool:
    return max(map(len, column)) > _SENTENCE


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(sign, sign) for sign in _on_one_line(text))


def _stressed(table: Table, rows: list[list[str]], how: Mapping[Emphasis, str]) -> list[list[str]]:
    return [
        [how[table.emphasis[r, c]].format(cell) if (r, c) in table.emphasis else cell for c, cell in enumerate(row)]
        for r, row in enumerate(rows)
    ]


def as_csv(tables: Sequence[Table]) -> str:
    """All of them in one, with the columns that any has."""
    buffer = io.StringIO()
    columns = list(dict.fromkeys(column for table in tables for column in table.columns))
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["table", *columns, "notes"])
    for table in tables:
        for row in table.rows:
            cells = dict(zip(table.columns, row, strict=True))
            writer.writerow([table.title, *(cells.get(column, "") for column in columns), " ".join(table.notes)])
    return buffer.getvalue()
