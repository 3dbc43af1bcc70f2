"""Many data sets as one small figure: panels three beside each other, the leaders marked under one key, all others faint.

What is worse than all leaders is an arrow at the edge, and so is what is better than all that ran with seeds enough to tell.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import fmean
from typing import TYPE_CHECKING, Any

from experiments.report.cases import Method
from experiments.report.evidence import OWN
from experiments.report.figures import marks
from experiments.report.figures.labels import SIZE, fitted
from experiments.report.figures.looks import Look, Looks
from experiments.report.figures.marks import Spot
from experiments.report.figures.panels import tip
from experiments.report.figures.scales import FINE, Height, bounds, budget_ticks, gap_axis, plain_logs
from experiments.report.figures.style import FAINT, INK, OTHER, front
from experiments.report.roles import YARDSTICK
from experiments.report.summary import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 4.6  # inches, as of the other figures that a phone shows
_ACROSS, _TALL, _LEFT, _RIGHT = 3, 1.24, 0.62, 0.08  # panels in a row; inches of one, and beside them
_TICKS, _NAME, _GAP, _LINE, _FOOT = 0.33, 0.2, 0.12, 0.19, 0.4  # inches of tick labels, names, between rows, of the key, below
_LEADERS, _MORE = 7, 4  # marked beside DPDSyn, and what the key says besides
_APART, _BETWEEN = 0.17, 0.28  # of a panel's height, and of its width, between two ticks
_EDGE = 0.055  # of a panel's height, from what is in sight to the arrows of what is not
_FAINT = Look(OTHER, ".", (), True, False)  # of what is not marked


@dataclass(frozen=True)
class Small:
    """One data set: what is drawn of it."""

    name: str
    drawn: tuple[Summary, ...]


@dataclass(frozen=True)
class Across:
    """What stands on the level axis. joined: whether a method's markers are of one line.

    told: what the figure says of its own marks. stops: whether it is time, of which a run that was stopped tells the least.
    """

    title: str
    of: Callable[[Summary], float | None]
    told: str = ""
    joined: bool = False
    stops: bool = False

    def cost(self, summary: Summary) -> float | None:
        """None where it is only a lower bound."""
        return None if self.is_least(summary) else self.of(summary)

    def is_least(self, summary: Summary) -> bool:
        return self.stops and summary.at_least


def leaders(smalls: Iterable[Small]) -> list[Method]:
    """DPDSyn, then those methods that are nearest to it or ahead in the mean over most of what is drawn, the best first.

    Where one is less accurate than the larger class counts too; where it ran with less than half of DPDSyn's seeds does not.
    """
    leads: dict[Method, list[float]] = defaultdict(list)
    for summary in (summary for small in smalls for summary in small.drawn):
        if summary.kind == "ranked" and summary.lead and summary.often and summary.method.about.role == "method":
            leads[summary.method].append(summary.lead.mean)
    most = max(map(len, leads.values()), default=0)
    others = [method for method, known in leads.items() if 2 * len(known) >= most and method.about.family != YARDSTICK]
    best = sorted(others, key=lambda method: (-fmean(leads[method]), method))[:_LEADERS]
    return [*(method for method in leads if method == OWN), *best]


def size(smalls: Sequence[Small], marked: Sequence[Method]) -> tuple[float, float]:
    """Of the figure, in inches."""
    rows = ceil(len(smalls) / _ACROSS)
    return WIDTH, _key_height(len(marked)) + rows * (_TALL + _GAP) + _FOOT


def draw(figure: Figure, smalls: Sequence[Small], marked: Sequence[Method], looks: Looks, across: Across, top: float) -> None:
    """marked: the `leaders`. top: inches from the figure's upper edge."""
    width, tall = (float(side) for side in figure.get_size_inches())
    _key(figure, marked, looks, across, top)
    above = top + _key_height(len(marked))
    step = (WIDTH - _LEFT + _TICKS - _RIGHT) / _ACROSS
    values = [x for small in smalls for p in small.drawn if _is_drawn(p, across) and (x := across.of(p))]
    for place, small in enumerate(smalls):
        left, y = _LEFT + step * (place % _ACROSS), above + (place // _ACROSS) * (_TALL + _GAP) + _NAME
        box = (left / width, 1 - (y + _TALL - _NAME) / tall, (step - _TICKS) / width, (_TALL - _NAME) / tall)
        axes = figure.add_axes(box)
        axes.set_xscale("log")
        axes.set_xlim(min(values) / 1.25, max(values) * 1.25)
        _panel(axes, small, marked, looks, across)
        axes.text(
            0, 1.04, small.name, transform=axes.transAxes, fontsize=fitted(small.name, SIZE, 16), fontweight="bold", color=INK
        )
        if place + _ACROSS < len(smalls):
            axes.tick_params(axis="x", labelbottom=False)
    rows = ceil(len(smalls) / _ACROSS)
    middle = 1 - (above + rows * (_TALL + _GAP) / 2) / tall
    figure.text(0.12 / width, middle, "points of accuracy below real rows", rotation=90, va="center", ha="center", fontsize=SIZE)
    foot = 1 - (above + rows * (_TALL + _GAP) + 0.24) / tall
    figure.text((_LEFT + (WIDTH - _LEFT) / 2) / width, foot, across.title, va="center", ha="center", fontsize=SIZE)


def _is_drawn(summary: Summary, across: Across) -> bool:
    """Of what is compared, and what would be had its run not been stopped."""
    return summary.kind == "ranked" or (across.is_least(summary) and summary.kind == "unknown")


def _panel(axes: Axes, small: Small, marked: Sequence[Method], looks: Looks, across: Across) -> None:
    height = Height.of(small.drawn, of_gaps=True)
    lines: dict[Method, list[tuple[Spot, Summary]]] = defaultdict(list)
    for summary in sorted(small.drawn, key=lambda p: p.epsilon):
        x, y = across.of(summary), height.at(summary)
        if x and y is not None and summary.kind == "ranked":
            lines[summary.method].append(((x, y), summary))
    compared = [summary for line in lines.values() for _, summary in line]
    best, worst = _ends(lines, marked)
    lowest, highest = height.limits(best, worst, _EDGE)
    sight = highest, lowest
    for method in sorted(lines, key=lambda m: (m in marked, -marked.index(m) if m in marked else 0, m)):
        _line(axes, lines[method], looks[method] if method in marked else None, height, sight, across)
    edge = [] if across.joined else front(compared, height.worth, across.cost)
    if edge:
        marks.steps(axes, [(across.of(p) or 0.0, marks.within(height.at(p) or 0.0, sight)) for p in edge], 0.8)
    for name, at in bounds(small.drawn, height).items():
        dashes: Any = (0, (1, 1.5)) if name == "real rows" else (0, (5, 2))
        axes.axhline(at, color=INK, linestyle=dashes, linewidth=0.8, zorder=1)
    gap_axis(axes.yaxis, best, worst, _APART)
    axes.set_ylim(*height.limits(best, worst))
    for summary in small.drawn:
        if not summary.accuracy and across.is_least(summary) and _is_drawn(summary, across):
            look = looks[summary.method] if summary.method in marked else _FAINT
            marks.marker(axes, (summary.took, lowest), look, 4, tip(summary), marks.LONGER, clip_on=False, markeredgewidth=0)
    if across.joined:
        budget_ticks(axes, Counter(summary.epsilon for summary in compared))
    else:
        plain_logs(axes.xaxis, _BETWEEN)
    axes.tick_params(labelsize=SIZE - 1, length=2, pad=2)


def _ends(lines: Mapping[Method, Sequence[tuple[Spot, Summary]]], marked: Sequence[Method]) -> Spot:
    """From the best of those that ran with seeds enough, or are marked, to the worst of the marked.

    Real rows are in it, unless everything is far below them.
    """
    best = min((y for method, line in lines.items() for (_, y), p in line if p.often or method in marked), default=0.0)
    worst = max([FINE, *(y for method in marked for (_, y), _ in lines.get(method, []))])
    return (best * 0.8 if best > FINE else min(best, 0.0)), worst


def _line(
    axes: Axes, points: Sequence[tuple[Spot, Summary]], look: Look | None, height: Height, sight: Spot, across: Across
) -> None:
    """look: of a method that is marked."""
    own = look is not None and look.strong
    spots = [(x, marks.within(y, sight)) for (x, y), _ in points]
    if across.joined:
        width, alpha = (0.6, 0.45) if look is None else (1.8 if own else 1.0, 1.0)
        marks.line(axes, spots, look or _FAINT, width, alpha)
    for spot, ((_, y), summary) in zip(spots, points, strict=True):
        arrow = marks.LONGER if across.is_least(summary) else marks.out_of(sight, y)
        if look is None:
            size, alpha = (4, 0.7) if arrow or not across.joined else (3, 0.45)
            faint: dict[str, Any] = {"alpha": alpha, "markeredgewidth": 0, "zorder": 6 if arrow else 1.8, "clip_on": False}
            marks.marker(axes, spot, _FAINT, size, arrow=arrow, **faint)
            continue
        ends = height.interval(summary) if own and across.joined else None
        if ends:
            marks.interval(axes, spot[0], ends, look)
        rim: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.4}
        marks.marker(axes, spot, look, 5.5 if own else 4.5, tip(summary), arrow, **rim)


def _entries(marked: Sequence[Method], looks: Looks, across: Across) -> list[tuple[str, dict[str, Any]]]:
    """Names with how each is drawn."""
    found: list[tuple[str, dict[str, Any]]] = []
    for method in marked:
        look = looks[method]
        line = marks.dashed(look) if across.joined else ""
        found.append((str(method), {"color": look.colour, "marker": look.shape, "linestyle": line, "linewidth": 1.2}))
    others: dict[str, Any] = {"color": OTHER, "marker": ".", "alpha": 0.6, "linewidth": 0.6}
    found.append(("others", others if across.joined else {**others, "linestyle": ""}))
    found.append(("real rows", {"color": INK, "linestyle": (0, (1, 1.5)), "linewidth": 0.8}))
    found.append(("larger class", {"color": INK, "linestyle": (0, (5, 2)), "linewidth": 0.8}))
    return found if across.joined else [*found, ("Pareto front", {"color": FAINT, "linewidth": 0.8})]


def _key_height(marked: int) -> float:
    return _LINE * ceil((marked + _MORE) / _ACROSS) + 0.12


def _key(figure: Figure, marked: Sequence[Method], looks: Looks, across: Across, top: float) -> None:
    from matplotlib.lines import Line2D

    width, tall = (float(side) for side in figure.get_size_inches())
    for place, (name, how) in enumerate(_entries(marked, looks, across)):
        left, y = 0.12 + 1.5 * (place % _ACROSS), 1 - (top + _LINE * (place // _ACROSS + 0.5)) / tall
        shape = {"markevery": [1], "markersize": 5, "markeredgecolor": "white", "markeredgewidth": 0.4}
        xs = [left / width, (left + 0.17) / width, (left + 0.34) / width]
        figure.add_artist(Line2D(xs, [y] * 3, **{**shape, **how}))
        figure.text((left + 0.42) / width, y, name, fontsize=fitted(name, SIZE, 20), va="center", color=INK,
                    fontweight="bold" if name == YARDSTICK else "normal")  # fmt: skip
