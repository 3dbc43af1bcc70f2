"""HTML of the pages. Contents are HTML, values of attributes are text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template

ASSETS = Path(__file__).parent / "assets"


def tag(name: str, content: str, **attributes: str | None) -> str:
    """Attributes that are None are left out; `class_` is class, and underscores become hyphens."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items() if value is not None
    )
    return f"<{name}{given}>{content}</{name}>"


def paragraph(text: str, kind: str | None = None) -> str:
    """Of text."""
    return tag("p", escape(text), class_=kind)


def items(texts: Iterable[str]) -> str:
    """A list of texts."""
    return tag("ul", "".join(tag("li", escape(text)) for text in texts))


def terms(pairs: Iterable[tuple[str, str]]) -> str:
    """Words and what they mean here, both as text."""
    return tag("dl", "".join(tag("dt", escape(word)) + tag("dd", escape(meaning)) for word, meaning in pairs))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """Cells are text; the first of each line is its heading. It scrolls by itself where it is too wide."""
    head = tag("thead", tag("tr", "".join(tag("th", escape(name), scope="col") for name in columns)))
    lines = (tag("th", escape(row[0]), scope="row") + "".join(tag("td", escape(cell)) for cell in row[1:]) for row in rows)
    body = tag("tbody", "".join(tag("tr", line) for line in lines))
    scrolled = tag("div", tag("table", head + body), class_="scroll", role="region", tabindex="0", aria_label=caption)
    return tag("div", paragraph(caption, "note") + scrolled, class_="table")


def whole_page(title: str, body: str, kind: str) -> str:
    """One file without links to others. kind: a class of the body."""
    template = Template((ASSETS / "page.html").read_text(encoding="utf-8"))
    style = (ASSETS / "style.css").read_text(encoding="utf-8")
    return template.substitute(title=escape(title), style=style, body=body, kind=kind)


def section(title: str, *content: str) -> str:
    """A part of a page under its heading. content: as HTML."""
    return tag("section", tag("h2", escape(title)) + "".join(content))


def share(part: float) -> str:
    """A share as a person reads it."""
    if 0 < part < 0.0005:
        return "<0.1%"
    return f"{part:.1%}" if part < 0.9995 or part == 1 else ">99.9%"


def number(value: float) -> str:
    """Four digits, without an exponent where that can be; four digits before the point stay together, as years do."""
    if value != value or value in (float("inf"), float("-inf")):
        return "none"
    if abs(value) >= 1e15:
        return f"{value:.3g}"
    if abs(value) >= 1e4:
        return f"{value:,.0f}"
    if value == int(value):
        return str(int(value))
    return f"{value:.4g}" if abs(value) >= 1e-4 else f"{value:.3g}"
