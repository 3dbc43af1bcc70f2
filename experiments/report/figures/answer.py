"""The answer as one figure: on each data set, how far DPDSyn stays below real rows, and each other method from DPDSyn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from experiments.report.cases import Method
from experiments.report.evidence import OWN, Cell
from experiments.report.figures.labels import SIZE, fitted
from experiments.report.figures.marks import TIP
from experiments.report.figures.panels import tip
from experiments.report.figures.scales import Height, gap_axis
from experiments.report.figures.style import FAINT, GREY, GRID, INK, OTHER
from experiments.report.figures.style import OWN as COLOUR
from experiments.report.roles import MAJORITY, YARDSTICK
from experiments.report.summary import Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 4.6  # inches
_ROW, _ABOVE, _BELOW, _LEFT, _RIGHT = 0.36, 0.02, 1.04, 1.28, 0.1


def height(cells: Sequence[Cell]) -> float:
    """Of the figure, in inches."""
    return _ABOVE + _ROW * len(cells) + _BELOW


def draw(figure: Figure, cells: Sequence[Cell], top: float = 0.0) -> None:
    """cells: at one budget, those that have real rows beside them. top: inches from the figure's upper edge."""
    width, tall = (float(side) for side in figure.get_size_inches())
    box = (_LEFT, _BELOW + tall - top - height(cells), WIDTH - _LEFT - _RIGHT, _ROW * len(cells))
    axes = figure.add_axes((box[0] / width, box[1] / tall, box[2] / width, box[3] / tall))
    values = [0.0]
    for row, cell in enumerate(cells):
        spots = places(cell)
        others = [p for p in cell.known.values() if _is_other(p) and p.method in spots]
        own, best = spots[OWN], cell.known[cell.best.method]
        axes.plot([own, spots.get(best.method, own)], [row, row], color=GRID, linewidth=3, zorder=1, solid_capstyle="butt")
        often = {pair.method for pair in cell.pairs}
        for summary in others:
            if summary.method != best.method:
                dot = _dot("o", OTHER, 3.5, 0.75) if summary.method in often else _ring(OTHER)
                axes.plot([spots[summary.method]], [row], **dot, gid=TIP + tip(summary))
        floor = next((p for p in cell.known.values() if p.name == MAJORITY and p.method in spots), None)
        if floor is not None:
            axes.plot([spots[floor.method]], [row], marker="|", color=INK, markersize=7, gid=TIP + tip(floor), zorder=3)
        if best.method in spots:
            axes.plot([spots[best.method]], [row], **_dot("D", INK, 5, 1) | {"zorder": 5}, gid=TIP + tip(best))
        axes.plot([own], [row], **_dot("o", COLOUR, 8, 1), gid=TIP + tip(cell.own))
        axes.text(-0.02, row - 0.16, cell.case.dataset.name, transform=axes.get_yaxis_transform(), ha="right", va="center",
                  fontsize=fitted(cell.case.dataset.name, SIZE + 0.5, 17), color=INK)  # fmt: skip
        axes.text(-0.02, row + 0.2, _told(cell), transform=axes.get_yaxis_transform(), ha="right", va="center",
                  fontsize=fitted(_told(cell), SIZE - 1.2, 24), color=GREY)  # fmt: skip
        values += spots.values()
    gap_axis(axes.xaxis, min(values), max(values))
    axes.set_xlim(min(values) - 0.12, max(values) * 1.25)
    axes.set_ylim(len(cells) - 0.5, -0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.axvline(0, color=INK, linestyle=(0, (1, 1.5)), linewidth=1, zorder=0.5)
    axes.set_xlabel("points of accuracy below real rows (left is better)", fontsize=SIZE)
    axes.tick_params(labelsize=SIZE, length=2)
    _legend(figure, tall, top + height(cells))


def places(cell: Cell) -> dict[Method, float]:
    """Where DPDSyn, the others and the larger class stand, in points below real rows."""
    height = Height.of(cell.known.values(), of_gaps=True)
    shown = [p for p in cell.known.values() if p.method == OWN or p.name == MAJORITY or _is_other(p)]
    return {p.method: at for p in shown if (at := height.at(p)) is not None}


def _is_other(summary: Summary) -> bool:
    return summary.kind == "ranked" and summary.method != OWN and summary.method.about.family != YARDSTICK


def _told(cell: Cell) -> str:
    """The best of the others, and how long it takes."""
    ratio = cell.times_as_long
    return f"{cell.best.method}" + (f", {float(f'{ratio:.2g}'):.10g}x" if ratio else "")


def _dot(shape: str, colour: str, size: float, alpha: float) -> dict[str, Any]:
    return {"marker": shape, "color": colour, "markersize": size, "alpha": alpha, "markeredgecolor": "white",
            "markeredgewidth": 0.5, "zorder": 2 + size / 4, "linestyle": ""}  # fmt: skip


def _ring(colour: str) -> dict[str, Any]:
    return {"marker": "o", "color": colour, "markerfacecolor": "white", "markersize": 3.2, "markeredgewidth": 0.7, "zorder": 2,
            "linestyle": ""}  # fmt: skip


def _legend(figure: Figure, tall: float, bottom: float) -> None:
    from matplotlib.lines import Line2D

    entries: list[tuple[str, dict[str, Any]]] = [
        ("DPDSyn", {"marker": "o", "color": COLOUR, "markersize": 7}),
        ("best of the others: name, times as long", {"marker": "D", "color": INK, "markersize": 5}),
        ("others, same guarantee", {"marker": "o", "color": OTHER, "markersize": 3.5}),
        ("others, fewer seeds", _ring(OTHER)),
        ("guessing the larger class", {"marker": "|", "color": INK, "markersize": 7}),
    ]
    handles = [Line2D([], [], label=text, **{"linestyle": "", **how}) for text, how in entries]
    figure.legend(handles=handles, loc="lower left", bbox_to_anchor=(0.02, (tall - bottom + 0.02) / tall), ncols=2, frameon=False,
                  fontsize=SIZE, labelcolor=FAINT, handletextpad=0.2, borderaxespad=0, columnspacing=1.2)  # fmt: skip
