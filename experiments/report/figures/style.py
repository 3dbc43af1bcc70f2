"""How figures look: the same on every machine, colours that the colour-blind tell apart, a marker for each guarantee."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from experiments.report.points import Point

INK, FAINT, GRID = "#1b1f24", "#6e7681", "#e4e7eb"
OWN = "#d55e00"
# Okabe and Ito's colours, of which the strongest is DPDSyn's; methods without a colour of their own are grey
_COLOURS = {
    "dpdsyn": OWN,
    "guide_only": OWN,
    "dpdsyn_mst": "#b8860b",
    "mst": "#0072b2",
    "aim": "#009e73",
    "privmrf": "#a2559b",
}
OTHER = "#8b949e"
COLOURS = (*dict.fromkeys(_COLOURS.values()), INK, FAINT, GRID, OTHER)
THEMED = {  # what a page calls these colours, to show others in the dark
    INK: "ink", FAINT: "faint", GRID: "grid", "#ffffff": "paper", OWN: "own", OTHER: "other",
    "#b8860b": "own-mst", "#0072b2": "mst", "#009e73": "aim", "#a2559b": "privmrf",
}  # fmt: skip
STATIC: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "text.parse_math": False,
    "svg.hashsalt": "dpdsyn",
    "svg.fonttype": "path",
    "path.simplify": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "text.color": INK,
    "figure.dpi": 100,
    "savefig.dpi": 100,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}
SHAPES = {  # of each guarantee, in words
    "o": "dp: accounted by our ledger",
    "D": "dp, inspired by a paper only; not compared",
    "s": "unverified: an outside library says so; not compared",
    "X": "no DP guarantee; not compared",
}


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


@dataclass(frozen=True)
class Look:
    """filled: hollow markers are for what takes no part in comparisons."""

    colour: str
    marker: str
    filled: bool
    strong: bool


def look(point: Point) -> Look:
    marker = {"none": "X", "unverified": "s", "apart": "D"}.get(point.kind, "o")
    colour = _COLOURS.get(point.name, OTHER) if point.kind in ("ranked", "reference") else OTHER
    return Look(colour, marker, point.kind == "ranked", point.name in ("dpdsyn", "dpdsyn_mst"))


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


def front(candidates: Iterable[Point]) -> list[Point]:
    """The ranked points that no other ranked point beats in both time and accuracy, quickest first."""
    known = [p for p in candidates if p.kind == "ranked" and p.accuracy and p.seconds is not None and not p.at_least]
    best: list[Point] = []
    for point in sorted(known, key=lambda p: (p.seconds or 0.0, -_accuracy(p), p.method)):
        if not best or _accuracy(point) > _accuracy(best[-1]):
            best.append(point)
    return best


def _accuracy(point: Point) -> float:
    return point.accuracy.mean if point.accuracy else 0.0
