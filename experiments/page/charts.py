"""Distributions and intervals as inline SVG. Two tables side by side have two colours: blue and, beside it, orange."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from experiments.page.markup import paragraph, share, tag
from experiments.page.tallies import Tally

_WIDTH, _HEIGHT, _FOOT = 320, 92, 16


def distribution(tallies: Sequence[Tally]) -> str:
    """Of one column: of the synthetic table, and of the real one if it is given too."""
    first = tallies[0]
    parts = [tag("h3", escape(first.column.name))]
    if first.edges is not None:
        parts.append(_histogram(tallies))
    if first.edges is None or first.alone:
        parts.append(_bars(tallies))
    if len(tallies) == 1:
        parts.append(paragraph(f"{first.kind}, {_told(first)}"))
    else:
        parts += [paragraph(f"{name}: {_told(tally)}") for name, tally in zip(("synthetic", "real"), tallies, strict=True)]
    if first.is_logarithmic:
        parts.append(paragraph("logarithmic: each bar is as many times as wide as the one before"))
    return tag("div", "".join(parts), class_="column")


def _told(tally: Tally) -> str:
    """The reach and the mean of numbers, or how many values there are; what is missing."""
    if tally.is_number and tally.rows > tally.missing:
        reach = f"{tally.written(tally.lowest)} to {tally.written(tally.highest)}, mean {tally.written(tally.mean)}"
    else:
        reach = f"{len(tally.values):,} values"
    return reach + (f", missing {share(tally.part(tally.missing))}" if tally.missing else "")


def _histogram(tallies: Sequence[Tally]) -> str:
    first = tallies[0]
    assert first.edges is not None
    count, bars = len(first.edges) - 1, []
    parts = [[tally.part(float(counts)) for counts in tally.ranges] for tally in tallies]
    top = max(max(map(max, parts)), 1e-12)
    step = _WIDTH / count
    width = (step - 1) / len(tallies)
    for which, heights in enumerate(parts):
        for place, height in enumerate(heights):
            tall = _HEIGHT * height / top
            x, said = (
                place * step + which * width,
                f"{first.written(first.edges[place])} to {first.written(first.edges[place + 1])}",
            )
            bars.append(
                f'<rect class="{_colour(which)}" x="{x:.1f}" y="{_HEIGHT - tall:.1f}" '
                f'width="{max(width, 0.5):.1f}" height="{tall:.1f}">'
                f"<title>{escape(said)}: {share(height)}</title></rect>"
            )
    marks = [(0, "start"), (count // 2, "middle"), (count, "end")]
    texts = [
        f'<text x="{place * step:.1f}" y="{_HEIGHT + 13}" text-anchor="{anchor}">{escape(edge)}</text>'
        for place, anchor in marks
        for edge in [first.written(first.edges[place])]
    ]
    line = f'<line class="line" x1="0" x2="{_WIDTH}" y1="{_HEIGHT}" y2="{_HEIGHT}"/>'
    label = f"how {first.column.name} is distributed, highest bar {share(top)} of the rows"
    return _svg(_WIDTH, _HEIGHT + _FOOT, "".join([*bars, line, *texts]), label)


def _bars(tallies: Sequence[Tally]) -> str:
    """A line for each value: its name, a bar and its share, or two."""
    first = tallies[0]
    shown, left, many = first.commonest()
    others = [dict(tally.commonest()[0]) for tally in tallies[1:]]
    lines = []
    for name, part in [*shown, *([(f"{many:,} more values", left)] if many else [])]:
        parts = [part, *(_of(name, other, tally) for other, tally in zip(others, tallies[1:], strict=True))]
        if many and name == f"{many:,} more values" and others:
            parts = [
                part,
                max(0.0, 1 - sum(_of(n, others[0], tallies[1]) for n, _ in shown) - tallies[1].part(tallies[1].missing)),
            ]
        tall = 12 / len(parts)
        rects = "".join(
            f'<rect class="{_colour(which)}" x="0" y="{which * tall:.1f}" '
            f'width="{max(0.0, min(p, 1.0)) * 100:.2f}" height="{tall:.1f}"/>'
            for which, p in enumerate(parts)
        )
        said = f"{name}: " + ", ".join(map(share, parts))
        drawn = f'<svg viewBox="0 0 100 12" preserveAspectRatio="none" role="img" aria-label="{escape(said)}">{rects}</svg>'
        lines.append(tag("span", escape(name), title=name) + drawn + tag("span", " / ".join(map(share, parts)), class_="part"))
    return tag("div", "".join(lines), class_="bars")


def _of(name: str, shares: dict[str, float], tally: Tally) -> float:
    """The share of a value in another table, where it may be a rare one."""
    if name in shares:
        return shares[name]
    return next((tally.part(count) for value, count in tally.values.items() if tally.written(value) == name), 0.0)


def gauge(
    title: str, value: float, low: float, high: float, guessing: float, most: float, better: str, instead: str | None = None
) -> str:
    """A number, its interval on a line from 0 to `most`, and what guessing gives. instead: words in the place of the number."""

    def at(number: float) -> float:
        return 8 + (_WIDTH - 16) * min(max(number / most, 0.0), 1.0)

    reach = f'<line class="reach" x1="{at(low):.1f}" x2="{at(high):.1f}" y1="16" y2="16"/>'
    guess = f'<line class="guess" x1="{at(guessing):.1f}" x2="{at(guessing):.1f}" y1="5" y2="27"/>'
    base = f'<line class="line" x1="8" x2="{_WIDTH - 8}" y1="16" y2="16"/>'
    point = f'<circle class="point" cx="{at(value):.1f}" cy="16" r="5"/>'
    ends = f'<text x="8" y="40">0</text><text x="{_WIDTH - 8}" y="40" text-anchor="end">{most:.3g}</text>'
    label = f"{title}: {value:.3f}, interval {low:.3f} to {high:.3f}, guessing {guessing:.3f}"
    drawn = _svg(_WIDTH, 44, base + reach + guess + point + ends, label)
    head = tag("h3", escape(title)) + (tag("strong", f"{value:.3f}") if instead is None else paragraph(instead, "instead"))
    lines = [f"with a chance of 95% between {low:.3f} and {high:.3f}", f"by guessing (orange): {guessing:.3f}; {better}"]
    return tag("div", head + drawn + "".join(paragraph(line) for line in lines), class_="gauge")


def curves(named: Sequence[tuple[str, tuple[np.ndarray, np.ndarray]]], across: str, up: str) -> str:
    """One or two curves in the unit square, and its diagonal. named: names, and points from 0 to 1 across and up."""
    side = _WIDTH - _FOOT
    lines = [f'<line class="line" x1="{_FOOT}" y1="{side}" x2="{_WIDTH}" y2="0"/>']
    for which, (name, (xs, ys)) in enumerate(named):
        points = " ".join(f"{_FOOT + x * side:.1f},{side - y * side:.1f}" for x, y in zip(xs, ys, strict=True))
        lines.append(f'<polyline class="curve {_colour(which)}" points="{points}"><title>{escape(name)}</title></polyline>')
    frame = f'<line class="line" x1="{_FOOT}" x2="{_WIDTH}" y1="{side}" y2="{side}"/>'
    frame += f'<line class="line" x1="{_FOOT}" x2="{_FOOT}" y1="0" y2="{side}"/>'
    texts = f'<text x="{_WIDTH}" y="{side + 13}" text-anchor="end">{escape(across)}</text>'
    texts += f'<text x="0" y="12" transform="rotate(-90)" text-anchor="end">{escape(up)}</text>'
    label = f"{up} against {across}: {', '.join(name for name, _ in named)}"
    return _svg(_WIDTH, side + _FOOT, "".join([*lines, frame, texts]), label)


def _colour(which: int) -> str:
    return ("bar", "other")[which]


def _svg(width: int, height: int, content: str, label: str) -> str:
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">{content}</svg>'
