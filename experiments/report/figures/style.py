"""How figures look: the same on every machine, colours that the colour-blind tell apart, a marker for each guarantee."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from experiments.report.roles import YARDSTICK
from experiments.report.summary import Summary

INK, FAINT, GRID, OTHER = "#1b1f24", "#6e7681", "#e4e7eb", "#8b949e"
OWN = "#d55e00"
# Okabe and Ito's colours, of which the strongest is DPDSyn's; methods choose theirs in their YAML, and are grey without one
PALETTE = {"orange": OWN, "gold": "#b8860b", "blue": "#0072b2", "green": "#009e73", "purple": "#a2559b"}
COLOURS = (*PALETTE.values(), INK, FAINT, GRID, OTHER)
THEMED = {  # what a page calls these colours, to show others in the dark
    **{INK: "ink", FAINT: "faint", GRID: "grid", "#ffffff": "paper", OTHER: "other"},
    **{colour: name for name, colour in PALETTE.items()},
}
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
class Marker:
    """shape: as matplotlib calls it. filled: hollow markers are for what takes no part in comparisons. strong: of DPDSyn."""

    colour: str
    shape: str
    filled: bool
    strong: bool


def marker_of(summary: Summary) -> Marker:
    shape = {"none": "X", "unverified": "s", "apart": "D"}.get(summary.kind, "o")
    about = summary.method.about
    colour = about.colour if about.colour and summary.kind in ("ranked", "reference") else OTHER
    strong = about.family == YARDSTICK and about.role in ("method", "variant")
    return Marker(colour, shape, summary.kind == "ranked", strong)


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


def front(candidates: Iterable[Summary]) -> list[Summary]:
    """The ranked methods that no other ranked one beats in both time and accuracy, quickest first."""
    known = [p for p in candidates if p.kind == "ranked" and p.accuracy and p.seconds is not None and not p.at_least]
    best: list[Summary] = []
    for summary in sorted(known, key=lambda p: (p.seconds or 0.0, -_accuracy(p), p.method)):
        if not best or _accuracy(summary) > _accuracy(best[-1]):
            best.append(summary)
    return best


def _accuracy(summary: Summary) -> float:
    return summary.accuracy.mean if summary.accuracy else 0.0
