"""What is drawn of a method on axes: its line, its marker, its interval, and the steps of a Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from experiments.report.figures.looks import Look
from experiments.report.figures.style import FAINT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TIP = "tip|"  # begins the id of whatever says something when pointed at
BETTER, WORSE, LONGER = "^", "v", ">"  # arrows: the best are at the top, and a run that was stopped took longer
Spot = tuple[float, float]


def line(axes: Axes, spots: Sequence[Spot], look: Look, width: float, alpha: float = 1.0) -> None:
    """Through a method's markers."""
    axes.plot(*zip(*spots, strict=True), linestyle=dashed(look), color=look.colour, linewidth=width, alpha=alpha,
              zorder=2 + look.strong)  # fmt: skip


def dashed(look: Look) -> Any:
    """Its dashes, as matplotlib calls them."""
    return (0, look.dashes) if look.dashes else "-"


def marker(axes: Axes, spot: Spot, look: Look, size: float, says: str = "", arrow: str | None = None, **more: Any) -> None:
    """says: when it is pointed at. arrow: instead of the method's own shape."""
    face, rim = (look.colour, 0.3) if look.filled else ("white", 1.0)
    how: dict[str, Any] = {"color": look.colour, "markerfacecolor": face, "markeredgewidth": rim, "zorder": 4 + look.strong}
    axes.plot([spot[0]], [spot[1]], linestyle="", marker=arrow or look.shape, markersize=size, gid=TIP + says if says else None,
              **how | more)  # fmt: skip


def interval(axes: Axes, x: float, ends: Spot, look: Look) -> None:
    """An upright bar."""
    axes.plot([x, x], ends, color=look.colour, linewidth=0.9, alpha=0.4, zorder=2)


def steps(axes: Axes, spots: Sequence[Spot], width: float = 1.0) -> None:
    """Of a Pareto front, the cheapest first."""
    axes.plot(*zip(*spots, strict=True), drawstyle="steps-post", color=FAINT, linewidth=width, zorder=1.5)


def within(value: float, sight: Spot) -> float:
    """The nearest that is in sight."""
    return min(max(value, sight[0]), sight[1])


def out_of(sight: Spot, value: float) -> str | None:
    """The arrow of what is out of sight, the best being the least; None for what is in it."""
    return BETTER if value < sight[0] else WORSE if value > sight[1] else None
