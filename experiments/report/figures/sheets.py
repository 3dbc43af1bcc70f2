"""Figures as files, the same bytes whenever the records are the same."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dpdsyn.base.files import folder as made
from dpdsyn.base.files import removed, write_whole
from experiments.report.figures.charts import Chart, Panel, charts
from experiments.report.figures.charts import cautions as warned
from experiments.report.figures.labels import SIZE
from experiments.report.figures.looks import MEANINGS, Look, Looks
from experiments.report.figures.marks import TIP
from experiments.report.figures.style import COLOURS, FAINT, INK, INKS, OTHER, TINTS, rgb, style
from experiments.report.grouped import View

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 3.9, 3.05  # inches of one panel
_LEFT, _RIGHT, _NARROW, _TOP, _BOTTOM = 0.64, 1.2, 0.2, 0.48, 0.5  # inches around its axes
_HEAD, _TITLE, _LINE = 0.45, 0.4, 0.18  # inches of the sheet's title, of a panel's, of a line below the panels
_ACROSS = 2
_SHARPNESS = 140  # dots an inch of a PNG
_PALETTE, _MOST = 256, 16  # entries of a PNG's, and colours of which it has steps from white
_SHARED = "not compared:"  # begins what is said of a marker that methods share
_FINE = re.compile(r"-?\d+\.\d{3,}")  # numbers of a drawing
_ENTRY = 1.5  # inches of one name in the key, at least
_MARK, _LETTER = 0.5, 0.066  # inches of the line before a name and of each of its letters, bold ones


def write(view: View, folder: Path) -> list[Path]:
    """Each chart as SVG and PNG; gives the paths. Files of charts that these records do not make go. Raises FileError."""
    made(folder)
    paths = []
    for chart in charts(view):
        with style():
            figure = sheet(chart)
            for ending, content in (("svg", as_svg(figure).encode()), ("png", _as_png(figure, _colours(chart)))):
                paths.append(folder / f"{chart.name}.{ending}")
                write_whole(paths[-1], content)
    for path in sorted({*folder.glob("*.svg"), *folder.glob("*.png")} - set(paths)):
        removed(path)
    return paths


def sheet(chart: Chart) -> Figure:
    """A whole chart with its title, what its marks mean, how to read it and what its data sets warn of. Call it in `style`."""
    across = min(_ACROSS, max(len(chart.panels), 1))
    whole = chart.whole or chart.small
    entries = key_of(chart) if chart.keyed and not whole else []
    if whole:
        width, inner = whole.size
    else:
        width, inner = across * WIDTH, ceil(len(chart.panels) / across) * HEIGHT
    caption = whole.caption if whole and whole.caption else chart.caption
    told = _folded([caption, *(warned(whole.drawn) if whole else chart.cautions)], width)
    tall = _key_height(entries, width)
    height = _HEAD + inner + tall + _LINE * (len(told) + 0.5)
    figure = _figure(width, height)
    figure.text(0.12 / width, 1 - 0.15 / height, chart.title, fontsize=11, fontweight="bold", va="top")
    if whole:
        whole.draw(figure, _HEAD)
    for place, panel in enumerate(() if whole else chart.panels):
        _draw(figure, panel, chart.looks, (place % across) * WIDTH, _HEAD + (place // across) * HEIGHT)
    for line, text in enumerate(told, 1):
        figure.text(
            0.15 / width, (_LINE * (len(told) - line + 0.6)) / height, text, fontsize=SIZE - 0.5, color=FAINT, va="center"
        )
    _draw_key(figure, entries, _LINE * (len(told) + 0.3))
    return figure


def alone(panel: Panel, looks: Looks) -> Figure:
    """One panel as a figure of its own, without its title. Call it inside `style`."""
    figure = _figure(WIDTH, HEIGHT - _TITLE)
    _draw(figure, panel, looks, 0.0, -_TITLE, titled=False)
    return figure


def unbound(chart: Chart) -> Figure:
    """A chart that is no rows of panels, without its title. Call it inside `style`."""
    assert chart.whole
    figure = _figure(*chart.whole.size)
    chart.whole.draw(figure, 0.0)
    return figure


def key_of(chart: Chart) -> list[tuple[str, Look]]:
    """Each method that is compared with what it looks like, then what the other markers mean."""
    if not chart.looks:
        return []
    drawn = [summary for summary in chart.drawn if not summary.is_bound]
    compared = {summary.method for summary in drawn if summary.kind == "ranked"}
    order = sorted(compared, key=lambda method: (not chart.looks[method].strong, not chart.looks[method].coloured, method))
    others = {summary.method for summary in drawn if summary.kind == "reference"}
    entries = [(str(method), chart.looks[method]) for method in [*order, *sorted(others)]]
    for kind, shape in (("apart", "D"), ("unverified", "s"), ("none", "X")):
        if any(summary.kind == kind for summary in drawn):
            entries.append((f"{_SHARED} {MEANINGS[kind]}", Look(OTHER, shape, (2.5, 2.5), False, False)))
    return entries


def _key_height(entries: Sequence[tuple[str, Look]], width: float) -> float:
    return _LINE * (len(_key_rows(entries, width)) + 0.3) if entries else 0.0


def _key_rows(entries: Sequence[tuple[str, Look]], width: float) -> list[list[tuple[str, Look]]]:
    """As many beside each other as have room; a long one has a line of its own."""
    short, long = ([entry for entry in entries if entry[0].startswith(_SHARED) == which] for which in (False, True))
    columns = max(int((width - 0.2) / _entry(entries)), 1)
    return [short[at : at + columns] for at in range(0, len(short), columns)] + [[entry] for entry in long]


def _entry(entries: Sequence[tuple[str, Look]]) -> float:
    """Inches of each name but the long ones."""
    return max([_ENTRY, *(_MARK + _LETTER * len(text) for text, _ in entries if not text.startswith(_SHARED))])


def _draw_key(figure: Figure, entries: Sequence[tuple[str, Look]], bottom: float) -> None:
    """bottom: inches from the figure's lower edge."""
    if not entries:
        return
    from matplotlib.lines import Line2D

    width, height = (float(side) for side in figure.get_size_inches())
    rows = _key_rows(entries, width)
    top = bottom + _key_height(entries, width)
    for row, line in enumerate(rows):
        y = (top - _LINE * (row + 0.6)) / height
        for column, (text, look) in enumerate(line):
            x = 0.15 + column * _entry(entries)
            dashes: Any = (0, look.dashes) if look.dashes else "-"
            face = look.colour if look.filled else "white"
            figure.add_artist(Line2D([x / width, (x + 0.34) / width], [y, y], color=look.colour, linestyle=dashes, linewidth=1.3))
            figure.add_artist(Line2D([(x + 0.17) / width], [y], marker=look.shape, color=look.colour, markerfacecolor=face,
                                     markersize=5, linestyle=""))  # fmt: skip
            figure.text((x + 0.42) / width, y, text, fontsize=SIZE - 0.5, va="center", color=INK,
                        fontweight="bold" if look.strong else "normal")  # fmt: skip


def _folded(texts: Sequence[str], width: float) -> list[str]:
    """Lines that fit into so many inches."""
    import textwrap

    return [line for text in texts for line in textwrap.wrap(text, int(width * 15.5))]


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def _draw(figure: Figure, panel: Panel, looks: Looks, left: float, top: float, titled: bool = True) -> None:
    """left, top: inches from the figure's upper left corner to the panel's."""
    width, height = (float(side) for side in figure.get_size_inches())
    right = _RIGHT if panel.named_right else _NARROW
    box = (left + _LEFT, height - top - HEIGHT + _BOTTOM, WIDTH - _LEFT - right, HEIGHT - _TOP - _BOTTOM)
    axes = figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
    panel.draw(axes, panel.drawn, looks)
    axes.xaxis.label.set_fontsize(SIZE + 0.5)
    axes.yaxis.label.set_fontsize(SIZE + 0.5)
    axes.tick_params(labelsize=SIZE, length=2)
    if titled:
        title = axes.set_title(panel.title, pad=14)
        axes.annotate(panel.remark, (0, 1), (0, 4), "axes fraction", "offset points", fontsize=SIZE - 0.5, color=FAINT)
        title.set_wrap(False)


def as_svg(figure: Figure) -> str:
    """Without dates and versions; what a marker stands for is its title, which browsers show when it is pointed at."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _smaller(re.sub(rf'<g id="{re.escape(TIP)}([^"]*)">', r"<g><title>\1</title>", buffer.getvalue()))


def _smaller(svg: str) -> str:
    """Without ids that nothing refers to, comments, line breaks and what is finer than a hundredth of a point."""
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    used = set(re.findall(r"#([\w-]+)", svg))
    svg = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", svg)
    svg = re.sub(r' (?:d|x|y|x1|x2|y1|y2)="[^"]*"', lambda found: _FINE.sub(_rounded, found[0]), svg)
    return re.sub(r">\s+<", "><", re.sub(r"\s*\n\s*", " ", svg)).strip() + "\n"


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _colours(chart: Chart) -> list[str]:
    """Of text and lines, then those that what is drawn has, as many as a palette holds; all of ours where looks say nothing."""
    own = {chart.looks[summary.method].colour for summary in chart.drawn if summary.method in chart.looks}
    first = INKS if own else COLOURS
    return [*first, *sorted(own - set(first), key=lambda colour: (colour not in COLOURS, colour))][:_MOST]


def _as_png(figure: Figure, colours: Sequence[str]) -> bytes:
    """With a palette of these colours in steps from white, so that the file is small and no colour is replaced by another's."""
    from PIL import Image

    figure.set_dpi(_SHARPNESS)
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]  # type: ignore[attr-defined]
    tints = np.linspace(0, 1, min(TINTS, _PALETTE // len(colours)))[:, None, None]
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
