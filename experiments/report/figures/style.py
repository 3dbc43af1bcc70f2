"""How figures look: the same on every machine, in colours that the colour-blind tell apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from experiments.report.summary import Summary

INK, FAINT, GRID, OTHER = "#1b1f24", "#6e7681", "#e4e7eb", "#8b949e"
GREY = "#59626d"  # of names without a colour: darker than what is drawn in OTHER, so that they can be read
ON_TINT = "#1b1f25"  # ink on a tinted ground, which stays dark where a page is dark
OWN = "#d55e00"
# Okabe and Ito's colours, of which the strongest is DPDSyn's; methods choose theirs in their YAML, and are grey without one
PALETTE = {"orange": OWN, "gold": "#b8860b", "blue": "#0072b2", "green": "#009e73", "purple": "#a2559b"}
INKS = (INK, FAINT, GRID, OTHER, GREY)
COLOURS = (*PALETTE.values(), *INKS)
THEMED = {  # what a page calls these colours, to show others in the dark
    **{INK: "ink", FAINT: "faint", GRID: "grid", "#ffffff": "paper", OTHER: "other", GREY: "faint"},
    **{colour: name for name, colour in PALETTE.items()},
}
TINTS = 20  # steps from white to each colour, of which a PNG has all
STATIC: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "text.parse_math": False,
    "svg.hashsalt": "dpdsyn",
    "svg.fonttype": "path",
    "path.simplify": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "hatch.linewidth": 0.7,
    "hatch.color": "#fefefe",  # which a page leaves as it is, in the dark too
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "text.color": INK,
    "figure.dpi": 100,
    "savefig.dpi": 100,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


def tint(colour: str, step: int) -> str:
    """The colour mixed with white: step 0 is white, step TINTS - 1 the colour itself."""
    return "#" + "".join(f"{round(255 - (255 - part) * step / (TINTS - 1)):02x}" for part in rgb(colour))


def rgb(colour: str) -> tuple[int, int, int]:
    """`#d55e00` as three numbers up to 255."""
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


@contextmanager
def style(**changes: Any) -> Iterator[None]:
    """matplotlib's defaults, whatever a person's own settings are, with ours over them."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        settings: Any = matplotlib.rcParams  # its names are checked when they are set
        settings.update(STATIC | changes)
        yield


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places for labels near where they are wanted, at least `gap` apart and inside [low, high] as far as there is room.

    Labels that would touch are moved together, each group around the mean of where its members want to be.
    """
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    blocks: list[tuple[list[int], float]] = []  # members, from below, and the middle of the block
    for index in order:
        members, middle = [index], wanted[index]
        while True:
            half = gap * (len(members) - 1) / 2
            middle = min(max(middle, low + half), max(high - half, low + half))
            if not blocks or middle - half - (blocks[-1][1] + gap * (len(blocks[-1][0]) - 1) / 2) >= gap * 0.999:
                break
            members = blocks.pop()[0] + members
            middle = sum(wanted[i] for i in members) / len(members)
        blocks.append((members, middle))
    places = [0.0] * len(wanted)
    for members, middle in blocks:
        for position, index in enumerate(members):
            places[index] = middle + gap * (position - (len(members) - 1) / 2)
    return places


def seconds(summary: Summary) -> float | None:
    """Of fit and sample; None where they are only a lower bound."""
    return None if summary.at_least else summary.seconds


def front(
    candidates: Iterable[Summary], worth: Callable[[Summary], float | None], cost: Callable[[Summary], float | None] = seconds
) -> list[Summary]:
    """The ranked methods that no other ranked one beats in both worth and cost (seconds, unless told), cheapest first.

    Who ran with less than half of DPDSyn's seeds takes no part: it may be ahead by one lucky seed.
    """
    ranked = [(cost(p), worth(p), p) for p in candidates if p.kind == "ranked" and p.often]
    known = [(paid, value, p) for paid, value, p in ranked if paid is not None and value is not None]
    best: list[Summary] = []
    most = -math.inf
    for _, value, summary in sorted(known, key=lambda one: (one[0], -one[1], one[2].method)):
        if value > most:
            best.append(summary)
            most = value
    return best
