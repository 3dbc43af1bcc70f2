"""Pieces of the report as HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from experiments.report.figures.style import THEMED
from experiments.report.tables.table import Table

_LONG = 36  # characters
_TAGS = {"best": "strong", "second": "u"}


def tag(name: str, content: str, **attributes: str | None) -> str:
    """content is HTML; values of attributes are text, and those that are None are left out."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items() if value is not None
    )
    return f"<{name}{given}>{content}</{name}>"


def paragraphs(texts: Iterable[str], kind: str | None = None) -> str:
    return "".join(tag("p", with_code(text), class_=kind) for text in texts)


def with_code(text: str) -> str:
    """Escaped, with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def table(made: Table, place: str | None = None) -> str:
    """With its title as caption; it scrolls by itself where it is too wide. place: its id."""
    head = "".join(tag("th", escape(name), scope="col") for name in made.columns)
    body = []
    for row, cells in enumerate(made.rows):
        line = []
        for column, cell in enumerate(cells):
            how = made.emphasis.get((row, column))
            said = escape(cell).replace("≥ ", "≥\N{NO-BREAK SPACE}").replace("≤ ", "≤\N{NO-BREAK SPACE}")
            text = tag(_TAGS[how], said) if how else said
            long = "long" if len(cell) > _LONG else None  # in several lines
            line.append(tag("td", text, class_=long) if column else tag("th", text, scope="row", class_=long))
        body.append(tag("tr", "".join(line)))
    inner = tag("caption", tag("span", escape(made.title))) + tag("thead", tag("tr", head)) + tag("tbody", "\n".join(body))
    return scrolling(tag("table", inner, id=place), made.title) + paragraphs(made.notes, "note")


def scrolling(content: str, label: str) -> str:
    return tag("div", content, class_="scroll", role="region", tabindex="0", aria_label=label)


def folded(summary: str, content: str) -> str:
    return tag("details", tag("summary", escape(summary)) + content)


def folded_part(summary: str, part: str) -> str:
    """What opens when it is pressed, from a part that is packed (`experiments.report.html.packing`)."""
    return tag("details", tag("summary", escape(summary)) + unpacking(part))


def unpacking(part: str) -> str:
    """Where a packed part is put when a reader comes to it."""
    return tag("div", tag("p", "unpacked when it is come to", class_="empty"), class_="packed", data_part=part)


def inline(svg: str, label: str, prefix: str) -> str:
    """A figure as part of a page: it takes the page's width, font and colours. prefix: makes its ids, numbers, its own."""
    svg = svg[svg.index("<svg") :]
    said = f' role="img" aria-label="{escape(label)}">'
    svg = re.sub(r'^<svg [^>]*?viewBox="([^"]*)"[^>]*>', lambda found: f'<svg viewBox="{found[1]}"{said}', svg)
    svg = re.sub(r"<style.*?</style>|<defs></defs>| transform=\"rotate\(-0 [^\"]*\"", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font: (?:(bold|\d00) )?([\d.]+)px [^;\"]*", _font, svg).replace("font-family: 'DejaVu Sans'; ", "")
    numbers: dict[str, int] = {}  # of ids, in the order in which they are met: they are named thousands of times
    svg = re.sub(
        r'( id="|url\(#|xlink:href="#)([\w-]+)',
        lambda found: f"{found[1].removeprefix('xlink:')}{prefix}{numbers.setdefault(found[2], len(numbers))}",
        svg,
    )
    svg = re.sub(r"<[^>]*>", lambda found: re.sub(r"\d+\.\d{3,}", _rounded, found[0]), svg)
    for colour, name in THEMED.items():
        svg = svg.replace(colour, f"var(--{name})")
    return svg.strip()


def _rounded(found: re.Match[str]) -> str:
    return f"{float(found[0]):.2f}"


def _font(found: re.Match[str]) -> str:
    return f"font-size: {found[2]}px" + (f"; font-weight: {found[1]}" if found[1] else "")
