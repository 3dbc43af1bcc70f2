"""Figures on the page: one drawing a panel, each with what its markers say, under one key."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from experiments.report.figures.charts import Chart
from experiments.report.figures.looks import Look
from experiments.report.figures.sheets import alone, as_svg, key_of, unbound
from experiments.report.figures.style import THEMED, style
from experiments.report.html.index import Entry
from experiments.report.html.markup import inline, paragraphs, tag

_ON_PAGE = {"svg.fonttype": "none"}


def whole(chart: Chart) -> str:
    """A chart of one drawing."""
    with style(**_ON_PAGE):
        drawn = inline(as_svg(unbound(chart)), f"{chart.title}; the same numbers are in the leaderboard", f"{_initials(chart)}-")
    return tag("figure", drawn + tag("figcaption", tag("small", escape(chart.caption))), class_="whole", id=f"fig-{chart.name}")


def panels(chart: Chart, level: int = 3) -> str:
    """A chart with a title, how to read it, its key, and its panels beside each other."""
    figures = []
    with style(**_ON_PAGE):
        for number, panel in enumerate(chart.panels):
            caption = tag("strong", escape(panel.title)) + " " + tag("small", escape(panel.remark))
            label = f"{chart.title}: {panel.title}; the same numbers are in the leaderboard"
            svg = inline(as_svg(alone(panel, chart.looks)), label, f"{_initials(chart)}{number}-")
            figures.append(tag("figure", tag("figcaption", caption) + svg, id=f"fig-{chart.name}-{number}"))
    return (
        tag(f"h{level}", escape(chart.title), id=f"fig-{chart.name}")
        + paragraphs([chart.caption], "note")
        + _key(chart)
        + tag("div", "\n".join(figures), class_="panels")
        + paragraphs(chart.cautions, "note mind")
    )


def _key(chart: Chart) -> str:
    """What markers and lines mean: a sample of each beside its name, so that they wrap as words do."""
    lines = "".join(tag("li", _sample(look) + tag("span", escape(name))) for name, look in key_of(chart))
    return tag("ul", lines, class_="key") if lines else ""


def _sample(look: Look) -> str:
    """A stroke with a marker in its middle, 34 x 12 pixels."""
    colour = f"var(--{THEMED[look.colour]})" if look.colour in THEMED else look.colour
    dashes = f' stroke-dasharray="{" ".join(f"{length * 1.4:g}" for length in look.dashes)}"' if look.dashes else ""
    face = colour if look.filled else "var(--paper)"
    return (
        f'<svg viewBox="0 0 34 12" width="34" height="12" aria-hidden="true" stroke="{colour}">'
        f'<path d="M0 6H34" stroke-width="1.5"{dashes} fill="none"/><path d="{_outline(look.shape)}" fill="{face}"/></svg>'
    )


def _outline(shape: str) -> str:
    """matplotlib's marker as a path around (17, 6), 9 pixels across."""
    from matplotlib.markers import MarkerStyle

    made = MarkerStyle(shape)
    steps = made.get_path().transformed(made.get_transform()).cleaned(curves=True).iter_segments()
    letters = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}
    told = []
    for points, code in steps:
        pairs = zip(points[::2], points[1::2], strict=True)
        spots = " ".join(f"{17 + 9 * float(x):.1f} {6 - 9 * float(y):.1f}" for x, y in pairs)
        told.append("Z" if code == 79 else "" if code == 0 else letters[int(code)] + spots)
    return "".join(told)


def entries(drawn: Sequence[Chart], part: str) -> list[Entry]:
    """What the search finds of these."""
    found = []
    for chart in drawn:
        found.append(Entry(chart.title, "figure", f"fig-{chart.name}", part))
        for number, panel in enumerate(chart.panels):
            name = ", ".join(filter(None, [f"{chart.title}: {panel.title}", panel.remark]))
            found.append(Entry(name, "figure", f"fig-{chart.name}-{number}", part))
    return found


def _initials(chart: Chart) -> str:
    return "".join(word[0] for word in chart.name.split("_")) + str(len(chart.name))
