"""One panel of a figure: a data set's methods drawn on axes. Every marker carries what it stands for as text."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from experiments.records.about import DRAWN
from experiments.report.cases import Method
from experiments.report.evidence import OWN
from experiments.report.figures import marks
from experiments.report.figures.labels import SIZE, Label, label_near, label_right
from experiments.report.figures.looks import Look, Looks, named
from experiments.report.figures.marks import within
from experiments.report.figures.scales import Height, bounds, budget_ticks, judged_alike, judges_of, plain_logs
from experiments.report.figures.style import FAINT, INK, front, seconds
from experiments.report.missing import briefly
from experiments.report.roles import REAL
from experiments.report.summary import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BESIDE, _WITHIN = 9, 10  # names beside an axis, and among markers


def tip(summary: Summary) -> str:
    """What the marker says when it is pointed at."""
    parts = [f"{summary.method}, epsilon {summary.epsilon:g}", summary.badge]
    if summary.accuracy:
        half = summary.accuracy.half_width
        spread = f" ± {half:.4f}" if half is not None else ""
        parts.append(f"accuracy {summary.accuracy.mean:.4f}{spread} ({_seeds(summary.accuracy.seeds)})")
    if summary.lead and summary.method != OWN and not summary.is_bound:
        parts.append(f"{_ahead(summary.lead.mean)} {OWN} on {_seeds(summary.lead.seeds, 'shared ')}")
    elif summary.gap and not summary.is_bound:
        parts.append(f"{_below(summary.gap.mean)} real rows")
    if summary.tvd2 is not None:
        parts.append(f"mean 2-way TVD {summary.tvd2:.4f}")
    if summary.seconds is not None:
        parts.append(("≥ " if summary.at_least else "") + f"{summary.seconds:.3g} s")
    return "; ".join([*parts, briefly(summary.missing)] if summary.missing else parts)


def _seeds(number: int, which: str = "") -> str:
    return f"{number} {which}seed" + "s" * (number > 1)


def _ahead(lead: float) -> str:
    return f"{abs(lead) * 100:.2f} points {'ahead of' if lead >= 0 else 'behind'}"


def _below(gap: float) -> str:
    return f"{abs(gap) * 100:.2f} points {'below' if gap >= 0 else 'above'}"


def gap_over_epsilon(axes: Axes, drawn: Sequence[Summary], looks: Looks) -> None:
    """A line a method, the most important named at their right ends; real rows and the larger class as lines across."""
    shown = judged_alike(drawn)
    height = Height.of(shown)
    series = _series(shown, height, lambda p: p.epsilon)
    counts = Counter(summary.epsilon for summary in shown)
    axes.set_xscale("log")
    budget_ticks(axes, counts)
    chosen = named([p for line in series.values() for p in line], looks, _BESIDE, height.worth)
    compared = [p for line in series.values() for p in line if p.kind == "ranked"]
    sight = height.span(_heights(compared, height))
    labels, last = [], max(counts)
    for method, line in sorted(series.items(), key=lambda item: (item[0] in chosen, looks[item[0]].strong, item[0])):
        look, values = looks[method], [within(value, sight) for value in _heights(line, height)]
        _line(axes, [(p.epsilon, value) for p, value in zip(line, values, strict=True)], look, method in chosen)
        for summary in line:
            _mark(axes, summary.epsilon, summary, look, height, sight, bars=method in chosen)
        if method in chosen and (len(line) > 1 or line[-1].epsilon == last):
            labels.append(_label(line[-1].epsilon, values[-1], str(method), look))
    axes.set_xlabel("epsilon")
    axes.margins(x=0.05)
    _upright(axes, shown, height, _heights(compared, height))
    label_right(axes, labels)


def gap_over_time(axes: Axes, drawn: Sequence[Summary], looks: Looks) -> None:
    """A marker a method with the Pareto front of what is compared; runs that were stopped as arrows at the bottom."""
    placed = [p for p in judged_alike(drawn) if p.seconds and set(DRAWN) <= set(p.method.about.drawn)]
    stopped = [p for p in drawn if not p.accuracy and p.at_least]
    _scatter(axes, drawn, placed, looks, seconds, stopped)
    axes.set_xlabel("seconds of fit and sample")


def gap_over_error(axes: Axes, drawn: Sequence[Summary], looks: Looks) -> None:
    """What models learn from the rows against how far off their two-way marginals are: the upper left is best."""
    placed = [p for p in judged_alike(drawn) if p.tvd2 and p.kind != "reference"]
    _scatter(axes, drawn, placed, looks, lambda summary: summary.tvd2, [])
    axes.set_xlabel("mean 2-way TVD")


def _scatter(
    axes: Axes,
    drawn: Sequence[Summary],
    placed: Sequence[Summary],
    looks: Looks,
    cost: Callable[[Summary], float | None],
    stopped: Sequence[Summary],
) -> None:
    height = Height.of(placed)
    compared = [value for p in placed if p.kind == "ranked" and (value := height.at(p)) is not None]
    sight = height.span(compared)
    spots = {
        p.method: (cost(p) or p.took, within(value, sight))
        for p in placed
        if (value := height.at(p)) is not None and not p.is_bound
    }
    axes.set_xscale("log")
    edge = [summary for summary in front(placed, height.worth, cost) if summary.method in spots]
    if len(edge) > 1:
        marks.steps(axes, [spots[p.method] for p in edge])
    shown = [p for p in placed if p.method in spots]
    for summary in sorted(shown, key=lambda p: (looks[p.method].strong, p.method)):
        _mark(axes, spots[summary.method][0], summary, looks[summary.method], height, sight, bars=looks[summary.method].strong)
    axes.margins(x=0.12)
    _upright(axes, drawn, height, compared, judges_of(placed))
    labels = []
    order = list(dict.fromkeys([*(p.method for p in edge), *named(shown, looks, len(shown), height.worth)]))
    for method in order[:_WITHIN]:
        labels.append(_label(*spots[method], str(method), looks[method]))
    bottom = axes.get_ylim()[0]
    for summary in stopped:
        look = looks[summary.method]
        marks.marker(axes, (summary.took, bottom), look, 6, tip(summary), marks.LONGER, clip_on=False)
        labels.append(_label(summary.took, bottom, _bounded(summary), look))
    axes.set_ylim(bottom=bottom)
    plain_logs(axes.xaxis)
    label_near(axes, labels, [*spots.values(), *((p.took, bottom) for p in stopped)])


def time_over_rows(axes: Axes, drawn: Sequence[Summary], looks: Looks) -> None:
    """A line a method; a run that was stopped is an arrow at the time it was given."""
    labels = []
    series = _series((p for p in drawn if p.seconds), None, lambda p: p.rows)
    for method, line in sorted(series.items(), key=lambda item: (looks[item[0]].strong, item[0])):
        look = looks[method]
        _line(axes, [(p.rows, p.took) for p in line], look, True)
        for summary in line:
            size, arrow = (6, "^") if summary.at_least else (4, None)
            marks.marker(axes, (summary.rows, summary.took), look, size, _sized(summary), arrow)
        labels.append(_label(line[-1].rows, line[-1].took, _bounded(line[-1]), look))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("training rows")
    axes.set_ylabel("seconds of fit and sample")
    plain_logs(axes.xaxis)
    plain_logs(axes.yaxis)
    label_right(axes, labels)


def accuracy_over_rows(axes: Axes, drawn: Sequence[Summary], looks: Looks) -> None:
    """A line a method, judged by the same models throughout; real rows of the same number beside them."""
    judged = judged_alike(drawn)
    height = Height.of(judged, of_gaps=False)
    series, labels = _series(judged, height, lambda p: p.rows), []
    for method, line in sorted(series.items(), key=lambda item: (looks[item[0]].strong, item[0])):
        real, values = method.name == REAL, _heights(line, height)
        look = Look(INK, ".", (1, 1.5), True, False) if real else looks[method]
        _line(axes, [(p.rows, value) for p, value in zip(line, values, strict=True)], look, True)
        for summary in line:
            _mark(axes, summary.rows, summary, look, height, (-math.inf, math.inf), bars=not real, text=_sized(summary))
        labels.append(_label(line[-1].rows, values[-1], "real rows" if real else str(method), look))
    axes.set_xscale("log")
    axes.set_xlabel("training rows")
    height.axis(axes, [], judges_of(judged))
    plain_logs(axes.xaxis)
    label_right(axes, labels)


def _series(drawn: Iterable[Summary], height: Height | None, x: Callable[[Summary], float]) -> dict[Method, list[Summary]]:
    """By method, in the order of x; with `height`, those that have one, bounds that are drawn as lines across left out."""
    found: dict[Method, list[Summary]] = defaultdict(list)
    for summary in sorted(drawn, key=x):
        kept = height is None or (height.at(summary) is not None and not (height.of_gaps and summary.is_bound))
        if kept:
            found[summary.method].append(summary)
    return dict(found)


def _heights(line: Sequence[Summary], height: Height) -> list[float]:
    return [value for summary in line if (value := height.at(summary)) is not None]


def _sized(summary: Summary) -> str:
    return f"{tip(summary)}; {summary.rows:,.0f} rows"


def _bounded(summary: Summary) -> str:
    return f"{summary.method}" + (f" ≥ {summary.seconds:g} s" if summary.at_least else "")


def _line(axes: Axes, spots: Sequence[marks.Spot], look: Look, strong: bool) -> None:
    """Faint where its method is not among the named ones."""
    width, alpha = (2.0 if look.strong else 1.2, 1.0) if strong else (0.8, 0.45)
    marks.line(axes, spots, look, width, alpha)


def _mark(
    axes: Axes,
    x: float,
    summary: Summary,
    look: Look,
    height: Height,
    sight: tuple[float, float],
    bars: bool,
    text: str | None = None,
) -> None:
    """The summary's marker, with its interval if that is asked for and known; an arrow at the edge of what is in sight."""
    value, ends = height.at(summary) or 0.0, height.interval(summary)
    arrow = marks.out_of(sight, value)
    if bars and ends and not arrow:
        marks.interval(axes, x, ends, look)
    size = 6.5 if look.strong else 5.5
    marks.marker(axes, (x, within(value, sight)), look, size, text or tip(summary), arrow)


def _label(x: float, y: float, text: str, look: Look) -> Label:
    return Label(x, y, text, look.colour, look.strong)


def _upright(axes: Axes, drawn: Sequence[Summary], height: Height, heights: Sequence[float], judges: str | None = None) -> None:
    """The upright axis, with lines across for real rows and for the larger class where these are in sight."""
    height.axis(axes, heights, judges_of(drawn) if judges is None else judges)
    low, high = sorted(axes.get_ylim())
    for name, at in bounds(drawn, height).items():
        if low <= at <= high and math.isfinite(at):
            axes.axhline(at, color=INK, linestyle=(0, (1, 1.5)), linewidth=1.0, zorder=1)
            ground = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.8}
            axes.annotate(name, (1, at), (0, 2.5), axes.get_yaxis_transform(), "offset points", ha="right", va="bottom",
                          fontsize=SIZE - 1, color=FAINT, bbox=ground, zorder=3.5)  # fmt: skip
