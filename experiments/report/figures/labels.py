"""Names beside what is drawn: at the right edge, moved apart, or near their markers where there is room."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.report.figures.style import FAINT, GREY, OTHER, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = 8.0  # points
_ROOM = 17  # letters of that size beside the right edge


@dataclass
class Label:
    """x, y: data coordinates of what it names. bold: of DPDSyn's family, which choose their places first."""

    x: float
    y: float
    text: str
    colour: str
    bold: bool = False


def label_right(axes: Axes, labels: Sequence[Label]) -> None:
    """Names beside the right edge, moved apart, with a line to where they belong."""
    if not labels:
        return
    settle(axes)
    box = axes.get_window_extent()
    points = axes.figure.dpi / 72
    ys = [float(axes.transData.transform((label.x, label.y))[1]) for label in labels]
    places = spread(ys, (SIZE + 1.8) * points, box.y0, box.y1)
    edge = box.x1 + 10 * points
    for label, place in zip(labels, places, strict=True):
        x, y = axes.transAxes.inverted().transform((edge, place))
        axes.annotate(
            label.text,
            xy=(label.x, label.y),
            xytext=(x, y),
            textcoords="axes fraction",
            fontsize=fitted(label.text, SIZE, _ROOM),
            color=_readable(label.colour),
            fontweight="bold" if label.bold else "normal",
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": label.colour,
                "linewidth": 0.5,
                "alpha": 0.7,
                "shrinkA": 1,
                "shrinkB": 3,
                "relpos": (0, 0.5),
            },
        )


def fitted(text: str, size: float, most: float) -> float:
    """The size in points at which a text has the room of `most` letters of `size`."""
    return size * min(1.0, most / max(len(text), 1))


def _readable(colour: str) -> str:
    return GREY if colour == OTHER else colour


def settle(axes: Axes) -> None:
    """Fix the limits, which would otherwise follow the data later, when labels have found their places."""
    axes.set_xlim(*axes.get_xlim())
    axes.set_ylim(*axes.get_ylim())


def label_near(axes: Axes, labels: Sequence[Label], avoided: Sequence[tuple[float, float]]) -> None:
    """Each name in the first free place around its marker; those without a place go unnamed, the last of them first.

    avoided: data coordinates of all markers, named or not.
    """
    settle(axes)
    renderer = axes.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    frame = axes.get_window_extent(renderer)
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in (axes.transData.transform(spot) for spot in avoided)] + _strokes(axes)
    for label in sorted(labels, key=lambda label: not label.bold):
        x, y = (float(v) for v in axes.transData.transform((label.x, label.y)))
        text = axes.text(label.x, label.y, label.text, fontsize=SIZE, color=_readable(label.colour),
                         fontweight="bold" if label.bold else "normal", va="center", zorder=6)  # fmt: skip
        box = text.get_window_extent(renderer)
        for dx, dy in _AROUND:
            left = x + dx - (box.width if dx < 0 else box.width / 2 if dx == 0 else 0)
            place = (left, y + dy - box.height / 2, left + box.width, y + dy + box.height / 2)
            inside = place[0] >= frame.x0 + 3 and place[2] <= frame.x1 + 6 and place[1] >= frame.y0 and place[3] <= frame.y1 + 4
            if inside and not any(_touch(place, other) for other in taken):
                text.set_position(tuple(axes.transData.inverted().transform((left, y + dy)).tolist()))
                taken.append(place)
                if abs(dy) > 13 or abs(dx) > 9:  # far enough for a doubt which marker it names
                    end = left if dx > 0 else left + box.width if dx < 0 else x
                    near = axes.transData.inverted().transform([(end, y + dy - (dy > 0) * 4 + (dy < 0) * 4), (x, y)])
                    axes.plot(*near.T, color=FAINT, linewidth=0.4, zorder=1.2)
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
_AROUND += [(0, up) for up in (12, -12, 20, -20)]
_AROUND += [(side * 14, up) for up in (24, -24, 34, -34, 46, -46) for side in (1, -1)]


def _touch(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
