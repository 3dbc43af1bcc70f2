"""Who wins where: a grid of data sets by budgets, in each cell the most accurate method and DPDSyn's lead over the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from experiments.configuration import default_parameters, options
from experiments.records.record import settings
from experiments.report.cases import SIZES, Case, Dataset, Method
from experiments.report.comparison import LEVEL, Pair, beats_guessing, pairs
from experiments.report.evidence import OWN
from experiments.report.figures.labels import SIZE, fitted
from experiments.report.figures.style import FAINT, GRID, INK, ON_TINT, PALETTE, tint
from experiments.report.figures.style import OWN as COLOUR
from experiments.report.grouped import Group, View
from experiments.report.over_seeds import on_same_splits
from experiments.report.roles import YARDSTICK
from experiments.report.winners import TIE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 4.6  # inches, of the whole figure where three budgets are beside each other
_LEFT, _CELL, _ROW, _HEAD, _GAP, _FOOT = 1.55, 1.0, 0.36, 0.58, 0.1, 0.5
_STRIP = 0.11  # inches of strokes at the edge of a cell
_STEPS = (0.2, 1.0)  # points of accuracy, at which a lead is shown stronger
_OURS = tuple(tint(COLOUR, step) for step in (3, 7, 11))
_THEIRS = tuple(tint(PALETTE["blue"], step) for step in (3, 6, 9))
_NOBODY = "none beats guessing"
_ALIKE = "several alike"
_COUNTED = ("columns", "classes")  # settings of a data set that are numbers of something
_MOST = 5  # budgets beside each other
FEWEST = 3  # methods that are compared in a cell


@dataclass(frozen=True)
class Won:
    """winner: the more accurate of DPDSyn and the best of the others, None where that one has learnt nothing.

    lead: DPDSyn's over the best of the others, on the seeds that both have. mark: ▲ where the others' best is significantly less
    accurate, ▼ where more. few: whether all others ran with less than half of DPDSyn's seeds.
    """

    winner: Method | None
    lead: float
    mark: str
    seeds: int
    few: bool = False

    @property
    def ours(self) -> bool:
        return self.winner == OWN

    @property
    def level(self) -> bool:
        """Whether DPDSyn and the best of the others are as accurate as each other."""
        return abs(self.lead) < LEVEL

    @property
    def name(self) -> str:
        return _NOBODY if self.winner is None else _ALIKE if self.level else str(self.winner)

    @property
    def text(self) -> str:
        """The lead in points, and of how many seeds where these are few."""
        told = "level" if self.level else f"{self.lead * 100:+.2f}{self.mark}"
        return f"{told}, {self.seeds} seed" + "s" * (self.seeds > 1) if self.few else told


@dataclass(frozen=True)
class Block:
    """Rows and columns that belong together."""

    title: str
    datasets: Sequence[Dataset]
    budgets: Sequence[float]
    cells: dict[tuple[Dataset, float], Won]

    def name(self, dataset: Dataset) -> str:
        """With those settings alone in which the rows differ; without the name where these tell all rows apart."""
        own = [other for other in self.datasets if other.name == dataset.name]
        given = [dict(other.settings) for other in own]
        differing = sorted({key for settings in given for key in settings if len({other.get(key) for other in given}) > 1})
        values = _usual(dataset.name) | dict(dataset.settings)
        told = [_setting(key, values[key]) for key in differing if key in values]
        return ", ".join(told if told and len(own) == len(self.datasets) else [dataset.name, *told])


def _usual(name: str) -> dict[str, str]:
    """What a data set is where nothing else is set."""
    flat = settings(default_parameters("dataset", name)) if name in options("dataset") else {}
    return {key.removeprefix("generator."): value for key, value in flat.items()}


def _setting(key: str, value: str) -> str:
    if key in SIZES and value.isdigit():
        return f"{_plain(int(value))} rows"
    return f"{value} {key}" if key in _COUNTED else f"{key} {value}"


def _plain(rows: int) -> str:
    if rows >= 1e6:
        return f"{rows / 1e6:g}M"
    return f"{rows // 1000}k" if rows >= 1e5 and rows % 1000 == 0 else f"{rows:,}"


def blocks(view: View) -> list[Block]:
    """What counts in answers; other whole data sets; simulated rows whose label hangs on several columns; data sets of several
    sizes. Those with a cell. view: judged alike.
    """
    won = _cells(view)
    kinds = {
        "data sets": lambda dataset: dataset.counts,
        "development sets, and other splits of the same rows": lambda dataset: not (dataset.settings or dataset.counts),
        "labels that hang on several columns": lambda dataset: bool(dataset.settings) and not dataset.is_sized,
        "numbers of rows": lambda dataset: dataset.is_sized,
    }
    made = [_block(title, {case: cell for case, cell in won.items() if keep(case.dataset)}) for title, keep in kinds.items()]
    return [block for block in made if block.cells]


def map_blocks(view: View) -> list[Block]:
    """The map of simulated rows, one block for each order of what their label hangs on. view: judged alike."""
    orders: dict[str, dict[Case, Won]] = defaultdict(dict)
    for case, cell in _cells(view).items():
        orders[dict(case.dataset.settings).get("order", "2")][case] = cell
    return [_block(f"order {order}: that many columns have to be seen together", own) for order, own in sorted(orders.items())]


def _cells(view: View) -> dict[Case, Won]:
    """Of every case with methods enough that are judged as usual."""
    every = {case: _won(view, case, found) for case, found in pairs(view).items() if case.dataset.is_usually_judged}
    return {case: cell for case, cell in every.items() if cell is not None}


def _won(view: View, case: Case, known: Sequence[Pair]) -> Won | None:
    """None where too few ran. Other forms of DPDSyn take no part; who ran with few seeds does where nobody ran with more."""
    others = [pair for pair in known if pair.method.about.family != YARDSTICK]
    if len(others) + 1 < FEWEST:
        return None
    often = [pair for pair in others if pair.often_enough]
    best = max(often or others, key=lambda pair: pair.difference.mean)
    winner = OWN if best.difference.mean <= 0 else best.method
    mark = {"▲": "▼", "▼": "▲"}.get(best.mark, "")
    has_learnt = _has_learnt(view, view.group(case, winner))
    return Won(winner if has_learnt else None, -best.difference.mean, mark, best.difference.seeds, not often)


def _has_learnt(view: View, group: Group) -> bool:
    """Whether a method is no less accurate than the larger class, and more than rows with independent columns."""
    floor, own = on_same_splits(view.group(group.case, "independent").runs, group.runs)
    return beats_guessing(view, group) and (not own or fmean(own) > fmean(floor) + TIE)


def _block(title: str, won: dict[Case, Won]) -> Block:
    """With the budgets at which at least half as many data sets ran as at the fullest one."""
    counts: dict[float, int] = defaultdict(int)
    for case in won:
        counts[case.epsilon] += 1
    kept = sorted(counts, key=lambda e: (-counts[e], e))[:_MOST]
    budgets = sorted(e for e in kept if 2 * counts[e] >= max(counts.values()))
    cells: dict[tuple[Dataset, float], Won] = {}
    for case, cell in sorted(won.items(), key=lambda item: item[0], reverse=True):  # of two deltas the smaller one
        if case.epsilon in budgets:
            cells[case.dataset, case.epsilon] = cell
    return Block(title, sorted({dataset for dataset, _ in cells}, key=_by_size), budgets, cells)


def _by_size(dataset: Dataset) -> tuple[str, list[tuple[str, int, str]]]:
    return dataset.name, [(key, int(value) if value.isdigit() else 0, value) for key, value in dataset.settings]


def size(made: Sequence[Block]) -> tuple[float, float]:
    """Of the figure, in inches."""
    most = max((len(block.budgets) for block in made), default=1)
    tall = sum(_HEAD + _ROW * len(block.datasets) + _GAP for block in made)
    return _LEFT + max(_CELL * most, WIDTH - _LEFT), tall + _FOOT


def draw(figure: Figure, made: Sequence[Block], top: float = 0.0) -> None:
    """top: inches from the figure's upper edge."""
    width, tall = (float(side) for side in figure.get_size_inches())
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(tall, 0)
    above = top
    for block in made:
        axes.text(0.1, above + _HEAD - 0.38, block.title, fontsize=SIZE + 1, fontweight="bold", va="center", color=INK)
        for column, epsilon in enumerate(block.budgets):
            middle = _LEFT + _CELL * (column + 0.5)
            axes.text(middle, above + _HEAD - 0.12, f"epsilon {epsilon:g}", fontsize=SIZE, ha="center", va="center", color=FAINT)
        for row, dataset in enumerate(block.datasets):
            y = above + _HEAD + _ROW * row
            axes.text(_LEFT - 0.08, y + _ROW / 2, block.name(dataset), fontsize=SIZE, ha="right", va="center", color=INK)
            for column, epsilon in enumerate(block.budgets):
                _cell(axes, _LEFT + _CELL * column, y, block.cells.get((dataset, epsilon)))
        above += _HEAD + _ROW * len(block.datasets) + _GAP
    _legend(axes, above)


def _cell(axes: Any, x: float, y: float, won: Won | None) -> None:
    from matplotlib.patches import Rectangle

    place: dict[str, Any] = {"xy": (x + 0.02, y + 0.02), "width": _CELL - 0.04, "height": _ROW - 0.04}
    if won is None:
        axes.add_patch(Rectangle(**place, facecolor="white", edgecolor=GRID, linewidth=0.6))
        return
    filling = _filling(won)
    hatch = filling.pop("hatch", None)
    axes.add_patch(Rectangle(**place, **filling))
    if hatch:  # at its edge alone, where no text is
        axes.add_patch(Rectangle(**place | {"width": _STRIP}, **filling, hatch=hatch))
    name = won.name
    strong = won.ours and not won.level
    ink = INK if won.winner is None else ON_TINT
    middle, room = (x + (_CELL + _STRIP) / 2, 12.5) if hatch else (x + _CELL / 2, 14)
    if won.winner is None:
        axes.text(middle, y + 0.125, name, fontsize=SIZE - 2, ha="center", va="center", color=ink)
    else:
        axes.text(middle, y + 0.125, name, fontsize=fitted(name, SIZE, room - 2 * strong), ha="center", va="center", color=ink,
                  fontweight="bold" if strong else "normal")  # fmt: skip
    axes.text(middle, y + 0.25, won.text, fontsize=fitted(won.text, SIZE - 1, room + 1), ha="center", va="center", color=ink)


def _filling(won: Won) -> dict[str, Any]:
    """Ours in orange, others' in blue with strokes, so that they are told apart without colours."""
    if won.winner is None:
        return {"facecolor": "white", "edgecolor": FAINT, "linewidth": 0.6, "linestyle": ":"}
    if won.level:
        return {"facecolor": GRID, "edgecolor": "white", "linewidth": 0}
    shade = sum(abs(won.lead) * 100 >= step for step in _STEPS)
    if won.ours:
        return {"facecolor": _OURS[shade], "edgecolor": "white", "linewidth": 0}
    return {"facecolor": _THEIRS[shade], "edgecolor": "white", "linewidth": 0, "hatch": "/////"}


def _legend(axes: Any, y: float) -> None:
    """What colours say."""
    from matplotlib.patches import Rectangle

    for line, (text, shades, hatch) in enumerate(
        [("DPDSyn ahead of all others", _OURS, None), ("another method ahead", _THEIRS, "/////")]
    ):
        for place, shade in enumerate(shades):
            where: dict[str, Any] = {"xy": (0.1 + 0.2 * place, y + 0.06 + 0.19 * line), "width": 0.19, "height": 0.13}
            axes.add_patch(Rectangle(**where, facecolor=shade, edgecolor="white", linewidth=0, hatch=hatch))
        axes.text(0.78, y + 0.125 + 0.19 * line, f"{text}, by up to 0.2, 1, and more points", fontsize=SIZE - 0.5, va="center",
                  color=FAINT)  # fmt: skip
