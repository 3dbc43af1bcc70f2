"""Figures from records alone, the same bytes whenever the records are the same."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import ceil, log
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dpdsyn.files import write_whole
from experiments.records.record import as_text
from experiments.report.cases import Case, Dataset
from experiments.report.figures import panels
from experiments.report.figures.style import COLOURS, FAINT, INK, OTHER, SHAPES, marker_of, rgb, style
from experiments.report.grouped import View
from experiments.report.summary import Summary, summaries

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 3.5, 2.7  # inches of one panel
_LEFT, _RIGHT, _NARROW, _TOP, _BOTTOM = 0.55, 1.02, 0.2, 0.42, 0.45  # inches around its axes
_HEAD, _TITLE, _LINE = 0.45, 0.3, 0.17  # inches of the sheet's title, of a panel's, of a line below the panels
_ACROSS = 3
_FEWEST = 3  # methods that are compared in a panel
_TINTS, _SHARPNESS = 20, 120  # of a PNG: steps from white to each colour, and dots an inch
_MOST = 256 // _TINTS  # colours of a PNG


@dataclass(frozen=True)
class Panel:
    """One data set drawn. remark: what to know of these numbers."""

    title: str
    remark: str
    named_right: bool
    draw: Callable[[Axes, Sequence[Summary]], None]
    drawn: tuple[Summary, ...]


@dataclass(frozen=True)
class Chart:
    """name: of its files. caption: how to read it. cautions: what the data sets shown warn of."""

    name: str
    title: str
    caption: str
    panels: tuple[Panel, ...]

    @property
    def cautions(self) -> list[str]:
        runs = (run for panel in self.panels for summary in panel.drawn for run in summary.runs)
        warned = dict.fromkeys((run.dataset.name, run.dataset.caution) for run in runs if run.dataset.caution)
        return [f"{name}: {caution}." for name, caution in warned]


def charts(view: View) -> list[Chart]:
    """Those charts for which there are records."""
    known = [summary for summary in summaries(view.plain) if summary.dataset.is_usually_judged]
    whole = [summary for summary in known if not summary.dataset.settings]
    sized = [summary for summary in known if summary.dataset.is_sized]
    orders = [summary for summary in known if summary.dataset.settings and not summary.dataset.is_sized]
    made = [
        Chart(
            "accuracy_epsilon",
            "Accuracy against epsilon",
            "Mean accuracy of models trained on synthetic rows and tested on real ones; bars are 95% intervals over seeds, from "
            "three seeds on.",
            _over_epsilon(whole),
        ),
        Chart(
            "accuracy_time",
            "Accuracy against time",
            "Median seconds of fit and sample; times from sweeps are of runs that had others beside them. The grey steps are the "
            "Pareto front of the methods that are compared; an arrow at the bottom is a run that was stopped.",
            _one_budget(whole, panels.accuracy_over_time, lambda p: p.seconds is not None),
        ),
        Chart(
            "accuracy_fidelity",
            "Accuracy against mean 2-way TVD",
            "The upper left is best: rows that models learn from as they do from real ones, and two-way marginals that are near "
            "the real ones.",
            _one_budget(whole, panels.accuracy_over_error, lambda p: p.accuracy is not None and p.tvd2 is not None),
        ),
        Chart(
            "interactions",
            "Labels that hang on several columns together",
            "Simulated rows. order: how many columns have to be seen together, two unless it is said.",
            _over_epsilon(orders),
        ),
        Chart(
            "scale",
            "Time and accuracy against rows",
            "Nested subsamples or simulated rows at a fixed budget; an upward arrow is a run that was stopped.",
            _over_rows(sized),
        ),
    ]
    return [chart for chart in made if chart.panels]


def _over_epsilon(drawn: Sequence[Summary]) -> tuple[Panel, ...]:
    found = []
    several = len({p.delta for p in drawn}) > 1
    for (dataset, delta), own in _by_dataset(drawn).items():
        compared = [p for p in own if p.accuracy and p.kind != "reference"]
        if len({p.epsilon for p in compared}) > 1:
            found.append(_panel(dataset, f"delta {delta:g}" if several else "", True, panels.accuracy_over_epsilon, own))
    return tuple(found)


def _one_budget(
    drawn: Sequence[Summary], draw: Callable[[Axes, Sequence[Summary]], None], counts: Callable[[Summary], bool]
) -> tuple[Panel, ...]:
    """A panel for each data set on which at least three methods can be compared, at the budget with most of them."""
    found = []
    several = len({summary.delta for summary in drawn}) > 1
    for (dataset, delta), own in _by_dataset(drawn).items():
        budgets: dict[float, list[Summary]] = defaultdict(list)
        for summary in own:
            budgets[summary.epsilon].append(summary)
        ranked = {e: sum(p.kind == "ranked" and counts(p) for p in group) for e, group in budgets.items()}
        alone = {e: sum(p.alone and p.kind == "ranked" for p in group) for e, group in budgets.items()}
        timed = draw is panels.accuracy_over_time
        best = max(budgets, key=lambda e: (timed and alone[e] >= _FEWEST, ranked[e], -abs(log(e))))
        if ranked[best] >= _FEWEST:
            conditions = _conditions(best, budgets[best], draw) + (f"; delta {delta:g}" if several else "")
            found.append(_panel(dataset, conditions, False, draw, budgets[best]))
    return tuple(found)


def _conditions(epsilon: float, drawn: Sequence[Summary], draw: object) -> str:
    """The budget and, where time is shown, how it was measured."""
    if draw is not panels.accuracy_over_time:
        return f"epsilon {epsilon:g}"
    timed = [p for p in drawn if p.seconds is not None and p.kind != "reference"]
    alone = sum(p.alone for p in timed)
    how = "measured alone" if alone == len(timed) else f"{alone} of {len(timed)} measured alone" if alone else "times from sweeps"
    return f"epsilon {epsilon:g}; {how}"


def _over_rows(drawn: Sequence[Summary]) -> tuple[Panel, ...]:
    """Two panels for each data set that ran with several numbers of rows and one budget."""
    families: dict[Case, list[Summary]] = defaultdict(list)
    for summary in drawn:
        families[replace(summary.case, dataset=summary.dataset.of_any_size)].append(summary)
    found = []
    several = len({case.delta for case in families}) > 1
    for case, own in sorted(families.items(), key=lambda item: item[0]):
        told = f"; delta {case.delta:g}" if several else ""
        timed = [p for p in own if "time" in p.method.about.drawn]
        if any(p.seconds for p in timed):
            conditions = _conditions(case.epsilon, timed, panels.accuracy_over_time) + told
            found.append(_panel(case.dataset, conditions, True, panels.time_over_rows, timed))
        if any(p.accuracy for p in own):
            found.append(_panel(case.dataset, f"epsilon {case.epsilon:g}{told}", True, panels.accuracy_over_rows, own))
    return tuple(found)


def _by_dataset(drawn: Iterable[Summary]) -> dict[tuple[Dataset, float], list[Summary]]:
    found: dict[tuple[Dataset, float], list[Summary]] = defaultdict(list)
    for summary in drawn:
        found[summary.dataset, summary.delta].append(summary)
    return dict(sorted(found.items(), key=lambda item: item[0]))


def _panel(
    dataset: Dataset, remark: str, named_right: bool, draw: Callable[[Axes, Sequence[Summary]], None], drawn: Sequence[Summary]
) -> Panel:
    """The data set's settings go into the remark."""
    remarks = [as_text(dict(dataset.settings)), remark, "development set" if dataset.facts.development else ""]
    return Panel(dataset.name, "; ".join(filter(None, remarks)), named_right, draw, tuple(drawn))


def write(view: View, folder: Path) -> list[Path]:
    """Each chart as SVG and PNG; files of charts that these records do not make are removed. Gives the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for chart in charts(view):
        with style():
            figure = sheet(chart)
            for ending, content in (("svg", as_svg(figure).encode()), ("png", _as_png(figure, _colours(chart)))):
                paths.append(folder / f"{chart.name}.{ending}")
                write_whole(paths[-1], content)
    for path in sorted({*folder.glob("*.svg"), *folder.glob("*.png")} - set(paths)):
        path.unlink()
    return paths


def sheet(chart: Chart) -> Figure:
    """All panels of a chart, three across, what the markers mean and what the data sets warn of. Call it inside `style`."""
    across = max(min(_ACROSS, len(chart.panels)), 2)
    down = ceil(len(chart.panels) / across)
    width, height = across * WIDTH, _HEAD + down * HEIGHT + _LINE * (2 + len(chart.cautions))
    figure = _figure(width, height)
    for place, panel in enumerate(chart.panels):
        _draw(figure, panel, (place % across) * WIDTH, _HEAD + (place // across) * HEIGHT)
    figure.text(0.15 / width, 1 - 0.15 / height, chart.title, fontsize=12, fontweight="bold", va="top")
    for line, caution in enumerate(reversed(chart.cautions)):
        figure.text(0.15 / width, (_LINE * (line + 1.9)) / height, caution, fontsize=7, color=FAINT, va="center")
    _legend(figure, {shape for panel in chart.panels for shape in _shapes(panel)}, 0.15 / width, _LINE * 0.8 / height)
    return figure


def alone(panel: Panel) -> Figure:
    """One panel as a figure of its own, without its title. Call it inside `style`."""
    figure = _figure(WIDTH, HEIGHT - _TITLE)
    _draw(figure, panel, 0.0, -_TITLE, titled=False)
    return figure


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def _draw(figure: Figure, panel: Panel, left: float, top: float, titled: bool = True) -> None:
    """left, top: inches from the figure's upper left corner to the panel's."""
    width, height = (float(side) for side in figure.get_size_inches())
    right = _RIGHT if panel.named_right else _NARROW
    box = (left + _LEFT, height - top - HEIGHT + _BOTTOM, WIDTH - _LEFT - right, HEIGHT - _TOP - _BOTTOM)
    axes = figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
    panel.draw(axes, panel.drawn)
    axes.xaxis.label.set_fontsize(7.5)
    axes.yaxis.label.set_fontsize(7.5)
    axes.tick_params(labelsize=7, length=2)
    if titled:
        title = axes.set_title(panel.title, pad=13)
        axes.annotate(panel.remark, (0, 1), (0, 4), "axes fraction", "offset points", fontsize=6.5, color=FAINT)
        title.set_wrap(False)


def _shapes(panel: Panel) -> set[str]:
    return {marker_of(summary).shape for summary in panel.drawn if summary.kind != "reference"}


def _legend(figure: Figure, shapes: set[str], left: float, middle: float) -> None:
    from matplotlib.lines import Line2D

    handles = []
    for marker, meaning in SHAPES.items():
        if marker in shapes:
            colour, face = (INK, INK) if marker == "o" else (OTHER, "white")
            handles.append(Line2D([], [], ls="", marker=marker, ms=5, color=colour, markerfacecolor=face, label=meaning))
    figure.legend(handles=handles, loc="center left", bbox_to_anchor=(left, middle), ncols=len(handles) or 1,
                  frameon=False, fontsize=7, borderaxespad=0, handletextpad=0.1)  # fmt: skip


def as_svg(figure: Figure) -> str:
    """Without dates and versions; what a marker stands for is its title, which browsers show when it is pointed at."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _smaller(re.sub(rf'<g id="{re.escape(panels.TIP)}([^"]*)">', r"<g><title>\1</title>", buffer.getvalue()))


def _smaller(svg: str) -> str:
    """Without ids that nothing refers to, comments, line breaks and groups of one."""
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    used = set(re.findall(r"#([\w-]+)", svg))
    svg = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", svg)
    return re.sub(r">\s+<", "><", re.sub(r"\s*\n\s*", " ", svg)).strip() + "\n"


def _colours(chart: Chart) -> list[str]:
    """Ours, and what methods of a person's own have besides, as many as a palette holds."""
    own = {marker_of(summary).colour for panel in chart.panels for summary in panel.drawn}
    return [*COLOURS, *sorted(own - set(COLOURS))][:_MOST]


def _as_png(figure: Figure, colours: Sequence[str]) -> bytes:
    """With a palette of these colours in steps from white, so that the file is small and no colour is replaced by another's."""
    from PIL import Image

    figure.set_dpi(_SHARPNESS)
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]  # type: ignore[attr-defined]
    tints = np.linspace(0, 1, _TINTS)[:, None, None]
    palette = np.rint(255 - (255 - np.array([rgb(colour) for colour in colours])) * tints).reshape(-1, 3)
    packed = pixels.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.int32)
    found, places = np.unique(packed, return_inverse=True)
    shades = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1)
    nearest = np.array([np.abs(palette - colour).sum(axis=1).argmin() for colour in shades], dtype=np.uint8)
    picture = Image.fromarray(nearest[places].reshape(packed.shape))
    picture.putpalette(palette.astype(np.uint8).tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
