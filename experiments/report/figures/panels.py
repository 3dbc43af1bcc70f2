"""One panel of a figure: a data set's methods drawn on axes. Every marker carries what it stands for as text."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.records.about import DRAWN
from experiments.report.cases import Method
from experiments.report.figures.style import FAINT, INK, OTHER, front, marker_of, spread
from experiments.report.missing import briefly
from experiments.report.roles import MAJORITY, REAL
from experiments.report.summary import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TIP = "tip|"  # begins the id of whatever says something when pointed at
_LABEL = 6.5  # points
_MOST_LABELS = 16  # beside an axis
_BELOW = 0.03  # under the majority class: what falls further is drawn at the bottom edge


def tip(summary: Summary) -> str:
    """What the marker says when it is pointed at."""
    parts = [f"{summary.method}, epsilon {summary.epsilon:g}", summary.badge]
    if summary.accuracy:
        half = summary.accuracy.half_width
        seeds = f"{summary.accuracy.seeds} seed" + "s" * (summary.accuracy.seeds > 1)
        parts.append(f"accuracy {summary.accuracy.mean:.4f}" + (f" ± {half:.4f}" if half is not None else "") + f" ({seeds})")
    if summary.tvd2 is not None:
        parts.append(f"mean 2-way TVD {summary.tvd2:.4f}")
    if summary.seconds is not None:
        parts.append(("≥ " if summary.at_least else "") + f"{summary.seconds:.3g} s")
    return "; ".join([*parts, briefly(summary.missing)] if summary.missing else parts)


@dataclass
class Label:
    """x, y: data coordinates of what it names. weight: the smaller, the more it matters that it is named."""

    x: float
    y: float
    text: str
    colour: str
    weight: int

    @property
    def bold(self) -> bool:
        return self.weight == 0


def _label(summary: Summary, x: float, y: float, text: str | None = None) -> Label:
    how = marker_of(summary)
    bound = summary.is_bound
    weight = 0 if how.strong else 1 if bound or how.colour != OTHER else 2 if summary.kind == "ranked" else 3
    return Label(x, y, text or str(summary.method), INK if bound else how.colour, weight)


def accuracy_over_epsilon(axes: Axes, drawn: Sequence[Summary]) -> None:
    """A line a method, named at its right end; real rows and the majority class as bounds."""
    shown = _judged_alike(drawn)
    series: dict[Method, list[Summary]] = defaultdict(list)
    for summary in sorted(shown, key=lambda p: p.epsilon):
        series[summary.method].append(summary)
    counts = Counter(summary.epsilon for summary in shown)
    last, floor = max(counts), _floor(shown)
    axes.set_xscale("log")
    _ticks(axes, counts)
    labels = []
    for method, line in sorted(series.items(), key=lambda item: (marker_of(item[1][0]).strong, item[0])):
        how = marker_of(line[0])
        bound = line[0].is_bound
        values = [max(p.accuracy.mean, floor) for p in line if p.accuracy]
        colour = INK if bound else how.colour
        width, dashes = (1.8, "-") if how.strong else (1.0, ":" if bound else "--" if line[0].kind == "reference" else "-")
        alpha = 1.0 if colour != OTHER or bound else 0.75
        axes.plot([p.epsilon for p in line], values, dashes, color=colour, linewidth=width, alpha=alpha, zorder=2 + how.strong)
        for summary in line:
            _mark(axes, summary.epsilon, summary, floor, small=bound)
        if len(line) > 1 or line[-1].epsilon == last:
            below = f" {line[-1].accuracy.mean:.2f}" if line[-1].accuracy and line[-1].accuracy.mean < floor else ""
            labels.append(_label(line[-1], line[-1].epsilon, values[-1], f"{method}{below}"))
    axes.set_xlabel("epsilon")
    _accuracy_axis(axes, shown)
    axes.margins(x=0.05)
    _label_right(axes, _fewer(labels))


def accuracy_over_time(axes: Axes, drawn: Sequence[Summary]) -> None:
    """A marker a method with the Pareto front of what may be compared; runs that were stopped as arrows at the bottom."""
    judged = _judged_alike(drawn)
    placed = [p for p in judged if p.seconds and set(DRAWN) <= set(p.method.about.drawn)]
    stopped = [p for p in drawn if not p.accuracy and p.at_least]
    axes.set_xscale("log")
    floor = _floor(judged)
    _bounds(axes, judged, floor)
    edge = front(placed)
    if edge:
        steps = [p.took for p in edge], [p.accuracy.mean for p in edge if p.accuracy]
        axes.plot(*steps, drawstyle="steps-post", color=FAINT, linewidth=1.0, zorder=1.5)
    labels = []
    for summary in sorted(placed, key=lambda p: (marker_of(p).strong, p.method)):
        _mark(axes, summary.took, summary, floor)
        labels.append(_named(summary, summary.took, floor))
    axes.margins(x=0.12, y=0.1)
    bottom = axes.get_ylim()[0]
    for summary in stopped:
        style: dict[str, Any] = {"marker": ">", "markersize": 6, "color": marker_of(summary).colour, "clip_on": False}
        axes.plot([summary.took], [bottom], gid=TIP + tip(summary), **style)
        labels.append(_label(summary, summary.took, bottom, _bounded(summary)))
    axes.set_ylim(bottom=bottom)
    axes.set_xlabel("seconds of fit and sample")
    _accuracy_axis(axes, placed)
    _plain_logs(axes.xaxis)
    _label_near(axes, labels, edge)


def accuracy_over_error(axes: Axes, drawn: Sequence[Summary]) -> None:
    """What models learn from the rows against how far off their two-way marginals are: the upper left is best."""
    judged = _judged_alike(drawn)
    placed = [p for p in judged if p.tvd2 and p.kind != "reference"]
    axes.set_xscale("log")
    floor = _floor(judged)
    _bounds(axes, judged, floor)
    labels = []
    for summary in sorted(placed, key=lambda p: (marker_of(p).strong, p.method)):
        _mark(axes, summary.tvd2 or 0.0, summary, floor)
        labels.append(_named(summary, summary.tvd2 or 0.0, floor))
    axes.margins(x=0.12, y=0.1)
    axes.set_xlabel("mean 2-way TVD")
    _accuracy_axis(axes, placed)
    _plain_logs(axes.xaxis)
    _label_near(axes, labels, [])


def time_over_rows(axes: Axes, drawn: Sequence[Summary]) -> None:
    """A line a method; a run that was stopped is an arrow at the time it was given."""
    labels = []
    for line in _by_rows(p for p in drawn if p.seconds):
        how = marker_of(line[0])
        axes.plot([p.rows for p in line], [p.took for p in line], color=how.colour, linewidth=1.8 if how.strong else 1.0)
        for summary in line:
            style: dict[str, Any] = {"marker": "^" if summary.at_least else how.shape, "markersize": 6 if summary.at_least else 4}
            face = how.colour if how.filled else "white"
            axes.plot([summary.rows], [summary.took], color=how.colour, markerfacecolor=face, gid=TIP + _sized(summary), **style)
        labels.append(_label(line[-1], line[-1].rows, line[-1].took, _bounded(line[-1])))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("training rows")
    axes.set_ylabel("seconds of fit and sample")
    _plain_logs(axes.xaxis)
    _plain_logs(axes.yaxis)
    _label_right(axes, labels)


def accuracy_over_rows(axes: Axes, drawn: Sequence[Summary]) -> None:
    """A line a method, judged by the same models throughout."""
    labels, judged = [], _judged_alike(drawn)
    for line in _by_rows(judged):
        how, real = marker_of(line[0]), line[0].name == REAL
        values = [p.accuracy.mean for p in line if p.accuracy]
        colour, dashes = (INK, ":") if real else (how.colour, "-")
        axes.plot([p.rows for p in line], values, dashes, color=colour, linewidth=1.8 if how.strong else 1.0)
        for summary in line:
            _mark(axes, summary.rows, summary, -math.inf, text=_sized(summary), small=real)
        labels.append(_label(line[-1], line[-1].rows, values[-1]))
    axes.set_xscale("log")
    axes.set_xlabel("training rows")
    _plain_logs(axes.xaxis)
    _accuracy_axis(axes, judged)
    _label_right(axes, labels)


def _sized(summary: Summary) -> str:
    return f"{tip(summary)}; {summary.rows:,.0f} rows"


def _bounded(summary: Summary) -> str:
    return f"{summary.method} ≥ {summary.seconds:g} s" if summary.at_least else str(summary.method)


def _by_rows(drawn: Iterable[Summary]) -> list[list[Summary]]:
    lines: dict[Method, list[Summary]] = defaultdict(list)
    for summary in sorted(drawn, key=lambda p: p.rows):
        lines[summary.method].append(summary)
    return sorted(lines.values(), key=lambda line: (marker_of(line[0]).strong, line[0].method))


def _judged_alike(drawn: Iterable[Summary]) -> list[Summary]:
    """Those whose accuracy is over the same models, the ones that judged most of them; none whose accuracy is not drawn."""
    known = [summary for summary in drawn if summary.accuracy and "accuracy" in summary.method.about.drawn]
    judges = Counter(summary.evaluators for summary in known)
    usual = max(judges, key=lambda evaluators: (judges[evaluators], len(evaluators), evaluators), default=())
    return [summary for summary in known if summary.evaluators == usual]


def _floor(drawn: Iterable[Summary]) -> float:
    """Below this accuracy a marker is drawn at the bottom edge, so that one collapse does not flatten all the others."""
    majority = [summary.accuracy.mean for summary in drawn if summary.accuracy and summary.name == MAJORITY]
    return min(majority) - _BELOW if majority else -math.inf


def _mark(axes: Axes, x: float, summary: Summary, floor: float, text: str | None = None, small: bool = False) -> None:
    """The summary's marker with its interval, or an arrow at the bottom if it falls below `floor`."""
    how, value = marker_of(summary), summary.accuracy
    if value is None:
        return
    below = value.mean < floor
    colour = INK if small else how.colour
    if value.half_width is not None and not below and not small:
        ends = [max(value.mean - value.half_width, floor), value.mean + value.half_width]
        axes.plot([x, x], ends, color=colour, linewidth=0.9, alpha=0.7, zorder=2)
    axes.plot(
        [x],
        [max(value.mean, floor)],
        marker="v" if below else how.shape,
        markersize=2.5 if small else 6 if how.strong else 4.5,
        color=colour,
        markerfacecolor=colour if how.filled or small else "white",
        markeredgewidth=1.0,
        zorder=4 + how.strong,
        gid=TIP + (text or tip(summary)),
    )


def _named(summary: Summary, x: float, floor: float) -> Label:
    mean = summary.accuracy.mean if summary.accuracy else floor
    text = (
        f"{summary.method}" + (f" {mean:.2f}" if mean < floor else "") + (f" ≥ {summary.seconds:g} s" if summary.at_least else "")
    )
    return _label(summary, x, max(mean, floor), text)


def _bounds(axes: Axes, drawn: Sequence[Summary], floor: float) -> None:
    """What models reach on real rows, and what the larger class alone reaches, as lines across."""
    for summary in drawn:
        if summary.is_bound and summary.accuracy and summary.accuracy.mean >= floor:
            axes.axhline(summary.accuracy.mean, color=INK, linestyle=":", linewidth=1.0, gid=TIP + tip(summary), zorder=1)
            place: dict[str, Any] = {"xy": (1, summary.accuracy.mean), "xycoords": axes.get_yaxis_transform()}
            axes.annotate(f"{summary.name} rows" if summary.name == REAL else "majority class", **place, xytext=(0, 2),
                          textcoords="offset points", ha="right", va="bottom", fontsize=_LABEL, color=FAINT)  # fmt: skip


def _accuracy_axis(axes: Axes, drawn: Sequence[Summary]) -> None:
    """Says which models judged, unless they are the usual several."""
    from matplotlib.ticker import MaxNLocator

    judges = sorted({", ".join(p.evaluators) for p in drawn if p.accuracy and 0 < len(p.evaluators) < 3})
    axes.set_ylabel("accuracy" + (f" ({'; '.join(judges)})" if judges else ""))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))


def _ticks(axes: Axes, counts: Counter[float]) -> None:
    """A tick for each budget; of two that would touch, the one with fewer methods is not named."""
    named: list[float] = []
    for epsilon, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if all(abs(math.log10(epsilon / other)) > 0.14 for other in named):
            named.append(epsilon)
    axes.set_xticks(sorted(named), [f"{epsilon:g}" for epsilon in sorted(named)])
    axes.set_xticks([], minor=True)


def _plain_logs(axis: Any) -> None:
    """Three to six ticks on a logarithmic axis, as plain numbers."""
    low, high = sorted(axis.get_view_interval())
    ticks = log_ticks(low, high)
    axis.set_ticks(ticks, [_plain(tick) for tick in ticks])
    axis.set_ticks([], minor=True)


def _plain(value: float) -> str:
    return f"{value / 1e6:g}M" if value >= 1e6 else f"{value:,.0f}" if value >= 1000 else f"{value:g}"


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers in [low, high], low > 0, from the coarsest steps that give at least three."""
    ticks: list[float] = []
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ("1", "1 3", "1 2 5", "1 1.5 2 3 5 7", "1 1.2 1.5 2 2.5 3 3.5 4 5 6 7 8 9", ""):
        ticks = [float(f"{step}e{decade}") for decade in decades for step in steps.split()]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) >= 3:
            break
    return ticks or [low, high]


def _fewer(labels: list[Label]) -> list[Label]:
    """As many as there is room for, those that say most first."""
    return sorted(labels, key=lambda label: (label.weight, -label.y))[:_MOST_LABELS]


def _label_right(axes: Axes, labels: list[Label]) -> None:
    """Names beside the right edge, moved apart, with a line to where they belong."""
    if not labels:
        return
    _settle(axes)
    box = axes.get_window_extent()
    points = axes.figure.dpi / 72
    ys = [float(axes.transData.transform((label.x, label.y))[1]) for label in labels]
    places = spread(ys, (_LABEL + 1.6) * points, box.y0, box.y1)
    edge = box.x1 + 9 * points
    for label, place in zip(labels, places, strict=True):
        x, y = axes.transAxes.inverted().transform((edge, place))
        axes.annotate(
            label.text,
            xy=(label.x, label.y),
            xytext=(x, y),
            textcoords="axes fraction",
            fontsize=_LABEL,
            color=label.colour,
            fontweight="bold" if label.bold else "normal",
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": label.colour, "linewidth": 0.4, "alpha": 0.6, "shrinkA": 1, "shrinkB": 3},
        )


def _settle(axes: Axes) -> None:
    """Fix the limits, which would otherwise follow the data later, when labels have found their places."""
    axes.set_xlim(*axes.get_xlim())
    axes.set_ylim(*axes.get_ylim())


def _label_near(axes: Axes, labels: list[Label], edge: Sequence[Summary]) -> None:
    """Each name in the first free place around its marker; strong ones choose first, grey ones without a place go unnamed."""
    _settle(axes)
    renderer = axes.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    frame = axes.get_window_extent(renderer)
    spots = [axes.transData.transform((label.x, label.y)) for label in labels]
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in spots] + _strokes(axes)
    on_front = {str(summary.method) for summary in edge}
    order = sorted(range(len(labels)), key=lambda i: (not labels[i].bold, labels[i].text not in on_front, labels[i].weight))
    for index in order:
        label, (x, y) = labels[index], spots[index]
        text = axes.text(label.x, label.y, label.text, fontsize=_LABEL, color=label.colour,
                         fontweight="bold" if label.bold else "normal", va="center", zorder=6)  # fmt: skip
        box = text.get_window_extent(renderer)
        for dx, dy in _AROUND:
            left = x + dx - (box.width if dx < 0 else box.width / 2 if dx == 0 else 0)
            place = (left, y + dy - box.height / 2, left + box.width, y + dy + box.height / 2)
            inside = (
                place[0] >= frame.x0 + 3 and place[2] <= frame.x1 + 12 and place[1] >= frame.y0 - 2 and place[3] <= frame.y1 + 8
            )
            if inside and not any(_touch(place, other) for other in taken):
                text.set_position(tuple(axes.transData.inverted().transform((left, y + dy)).tolist()))
                taken.append(place)
                break
        else:
            text.remove()


def _strokes(axes: Axes) -> list[tuple[float, ...]]:
    """Boxes, in display coordinates, around the straight parts of all lines, and around what is written already."""
    renderer = axes.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    boxes: list[tuple[float, ...]] = [text.get_window_extent(renderer).extents for text in axes.texts]
    for line in axes.get_lines():
        corners = line.get_transform().transform(line.get_xydata()).tolist()
        if line.get_drawstyle() == "steps-post":
            turns = [(x1, y0) for (_, y0), (x1, _) in itertools.pairwise(corners)]
            corners = [corner for pair in itertools.zip_longest(corners, turns) for corner in pair if corner]
        for (x0, y0), (x1, y1) in itertools.pairwise(corners):
            boxes.append((min(x0, x1) - 1, min(y0, y1) - 1, max(x0, x1) + 1, max(y0, y1) + 1))
    return boxes


_AROUND = [(side * distance, up) for distance, up in ((8, 0), (6, 9), (6, -9), (6, 16), (6, -16)) for side in (1, -1)]
_AROUND += [(0, up) for up in (12, -12, 20, -20)] + [(side * 12, up) for up in (24, -24, 34, -34) for side in (1, -1)]


def _touch(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
