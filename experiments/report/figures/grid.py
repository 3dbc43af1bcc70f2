"""Many data sets as one small figure: panels three beside each other, the leaders marked under one key, all others faint."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import fmean
from typing import TYPE_CHECKING, Any

from experiments.report.cases import Method
from experiments.report.figures.labels import SIZE, fitted
from experiments.report.figures.looks import Look, Looks
from experiments.report.figures.panels import TIP, tip
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


@dataclass(frozen=True)
class Small:
    """One data set: what is drawn of it."""

    name: str
    drawn: tuple[Summary, ...]


@dataclass(frozen=True)
class Across:
    """What stands on the level axis. joined: whether a method's markers are of one line."""

    title: str
    of: Callable[[Summary], float | None]
    joined: bool = False


def leaders(smalls: Iterable[Small]) -> list[Method]:
    """DPDSyn, then those methods that are nearest to it or ahead in the mean over most of what is drawn, the best first."""
    leads: dict[Method, list[float]] = defaultdict(list)
    for summary in (summary for small in smalls for summary in small.drawn):
        if summary.kind == "ranked" and summary.contest is not None and summary.method.about.role == "method":
            leads[summary.method].append(summary.contest)
    most = max(map(len, leads.values()), default=0)
    others = [method for method, known in leads.items() if 2 * len(known) >= most and method.about.family != YARDSTICK]
    best = sorted(others, key=lambda method: (-fmean(leads[method]), method))[:_LEADERS]
    return [*(method for method in leads if method == Method(YARDSTICK)), *best]


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
    values = [x for small in smalls for p in small.drawn if p.method in marked and (x := across.of(p))]
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


def _panel(axes: Axes, small: Small, marked: Sequence[Method], looks: Looks, across: Across) -> None:
    height = Height(of_gaps=True)
    lines: dict[Method, list[tuple[float, float, Summary]]] = defaultdict(list)
    for summary in sorted(small.drawn, key=lambda p: p.epsilon):
        x, y = across.of(summary), height.at(summary)
        if x and y is not None and summary.kind == "ranked":
            lines[summary.method].append((x, y, summary))
    seen = [y for method in marked for _, y, _ in lines.get(method, [])] or [0.0]
    best, worst = min(seen), max([FINE, *seen])
    best = best * 0.8 if best > FINE else min(best, 0.0)  # where nothing is near real rows they are out of sight
    for method in sorted(lines, key=lambda m: (m in marked, -marked.index(m) if m in marked else 0, m)):
        _line(axes, lines[method], looks[method] if method in marked else None, across.joined)
    if not across.joined:
        edge = [(across.of(p), height.at(p)) for p in front([p for line in lines.values() for *_, p in line], across.of)]
        axes.plot(*zip(*edge, strict=True), drawstyle="steps-post", color=FAINT, linewidth=0.8, zorder=1.5)
    for name, at in bounds(small.drawn, height).items():
        dashes: Any = (0, (1, 1.5)) if name == "real rows" else (0, (5, 2))
        axes.axhline(at, color=INK, linestyle=dashes, linewidth=0.8, zorder=1)
    room = height.limits(best, worst)
    gap_axis(axes.yaxis, best, worst, _APART)
    axes.set_ylim(*room)
    if across.joined:
        budget_ticks(axes, Counter(p.epsilon for line in lines.values() for *_, p in line))
    else:
        plain_logs(axes.xaxis, _BETWEEN)
    axes.tick_params(labelsize=SIZE - 1, length=2, pad=2)


def _line(axes: Axes, points: Sequence[tuple[float, float, Summary]], look: Look | None, joined: bool) -> None:
    """look: of a method that is marked."""
    xs, ys, known = zip(*points, strict=True)
    own = look is not None and look.strong
    if look is None:
        how: dict[str, Any] = {"color": OTHER, "alpha": 0.45, "linewidth": 0.6, "marker": ".", "markersize": 3, "zorder": 1.8}
        axes.plot(xs, ys, linestyle="-" if joined else "", markeredgewidth=0, **how)
        return
    if joined:
        dashes: Any = (0, look.dashes) if look.dashes else "-"
        axes.plot(xs, ys, color=look.colour, linestyle=dashes, linewidth=1.8 if own else 1.0, zorder=3 + own)
    for x, y, summary in zip(xs, ys, known, strict=True):
        ends = Height(of_gaps=True).interval(summary) if own and joined else None
        if ends:
            axes.plot([x, x], ends, color=look.colour, linewidth=0.9, alpha=0.5, zorder=2)
        axes.plot([x], [y], marker=look.shape, markersize=5.5 if own else 4.5, color=look.colour, markeredgecolor="white",
                  markeredgewidth=0.4, linestyle="", zorder=4 + own, gid=TIP + tip(summary))  # fmt: skip


def _entries(marked: Sequence[Method], looks: Looks, across: Across) -> list[tuple[str, dict[str, Any]]]:
    """Names with how each is drawn."""
    found: list[tuple[str, dict[str, Any]]] = []
    for method in marked:
        look = looks[method]
        line: Any = "" if not across.joined else (0, look.dashes) if look.dashes else "-"
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
