"""Many data sets as one small figure: who is marked, what is in sight, and what the picture itself says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from builders.records import changed, one

from experiments.records.record import Record
from experiments.report.cases import Method
from experiments.report.figures import grid
from experiments.report.figures.charts import charts
from experiments.report.figures.looks import looks
from experiments.report.figures.sheets import sheet
from experiments.report.figures.style import style
from experiments.report.grouped import View
from experiments.report.summary import summaries

SECONDS = grid.Across("seconds of fit and sample", lambda p: p.seconds, stops=True)
NEAR = ("mst", "aim", "privmrf", "privsyn", "swift", "quail", "privbayes")


def runs(*more: Record) -> list[Record]:
    """DPDSyn 5 points below real rows, seven methods half a point each further, and others."""
    bounds = [one("real", 0.9, guarantee="none", seed=s) for s in range(2)]
    bounds += [one("majority", 0.7, guarantee="none", seed=s) for s in range(2)]
    own = [one("dpdsyn", 0.85, 1.0, seed=seed) for seed in range(2)]
    return [*bounds, *own, *(one(name, 0.845 - n / 200, 2.0 + n) for n, name in enumerate(NEAR)), *more]


def small(records: Sequence[Record]) -> grid.Small:
    return grid.Small("toy", tuple(summaries(View.of(records))))


def drawn(records: Sequence[Record], marked: Sequence[str]) -> Any:
    """The axes of one panel."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    only, methods = [small(records)], [Method(name) for name in marked]
    with style():
        figure = Figure(figsize=grid.size(only, methods))
        FigureCanvasAgg(figure)
        grid.draw(figure, only, methods, looks(only[0].drawn), SECONDS, 0.0)
    return figure.axes[0]


def arrows(axes: Any, shape: str) -> list[tuple[float, float]]:
    return [tuple(line.get_xydata()[0]) for line in axes.get_lines() if line.get_marker() == shape]


def at_edge(axes: Any, shape: str, x: float, edge: int) -> bool:
    """Whether an arrow stands beside the lower edge (0) or the upper one (1)."""
    places = [float(axes.transAxes.inverted().transform(axes.transData.transform(spot))[1]) for spot in arrows(axes, shape)]
    return any(spot[0] == x and abs(y - edge) < 0.1 for spot, y in zip(arrows(axes, shape), places, strict=True))


def test_below_the_larger_class_counts_in_the_mean_that_leaders_are_chosen_by() -> None:
    """A method that fails on one of two tables is no leader because it is good on the other."""
    other = [changed(r, run_id=f"{r.run_id}b", dataset={"name": "other", "n_train": 9, "n_test": 3}) for r in runs()]
    fails = [one("gem", 0.86), changed(one("gem", 0.3), run_id="gem b", dataset={"name": "other", "n_train": 9, "n_test": 3})]
    chosen = [str(method) for method in grid.leaders([small([*runs(), fails[0]]), small([*other, fails[1]])])]
    assert chosen == ["dpdsyn", *NEAR]
    assert "gem" in map(str, grid.leaders([small([*runs(), fails[0]])]))


def test_seconds_of_all_that_is_compared_are_in_sight() -> None:
    axes = drawn(runs(one("margnet", 0.8, 194.0), one("gem", 0.8, 0.01)), ["dpdsyn", "mst"])
    low, high = axes.get_xlim()
    assert low < 0.01 and high > 194


def test_who_is_better_than_all_that_are_marked_is_in_sight_and_the_front_stays_there() -> None:
    axes = drawn(runs(one("gem", 0.899, 9.0)), ["dpdsyn", "mst"])
    worst, best = axes.get_ylim()
    assert best < 0.1
    heights = [y for line in axes.get_lines() for _, y in line.get_xydata() if line.get_drawstyle() == "steps-post"]
    assert heights and all(best <= y <= worst for y in heights)


def test_what_is_out_of_sight_is_an_arrow_at_its_edge() -> None:
    """Below: worse than all that are marked. Above: better than all, by fewer seeds than tell it."""
    own = [one("dpdsyn", 0.85, 1.0, seed=seed) for seed in range(2, 5)]
    others = [one(name, 0.84, 2.0, seed=seed) for name in ("mst", "aim") for seed in range(1, 4)]
    axes = drawn(runs(one("gem", 0.3, 9.0), one("gan", 0.99, 8.0), *own, *others), ["dpdsyn", "mst"])
    assert at_edge(axes, "v", 9.0, 0) and at_edge(axes, "^", 8.0, 1)


def test_a_run_that_was_stopped_is_an_arrow_to_the_right() -> None:
    cut: dict[str, Any] = {"status": "timeout", "metrics": {}, "seconds": {"limit": 600}, "fidelity": {}}
    axes = drawn(runs(one("slow", **cut)), ["dpdsyn", "mst"])
    assert at_edge(axes, ">", 600.0, 0) and axes.get_xlim()[1] > 600
    half = [one("gem", 0.83, seed=0), one("gem", seed=1, **cut), one("gem", seed=2, **cut)]
    height = 7.0  # points below real rows, as its rows of one seed say
    assert (600.0, pytest.approx(height)) in arrows(drawn(runs(*half), ["dpdsyn", "privbayes"]), ">")


def test_the_picture_itself_says_how_it_is_read() -> None:
    tables = [
        changed(r, run_id=f"{r.run_id}{name}", dataset={"name": name, "n_train": 9, "n_test": 3})
        for name in (f"table_{number}" for number in range(7))
        for r in runs(*(one(name, 0.84, seed=1) for name in NEAR))
    ]
    made = {chart.name: chart for chart in charts(View.of(tables))}
    for name, words in {
        "answer": ("logarithmic", "the seeds that both have"),
        "accuracy_time": ("logarithmic", "the seeds that both have", "stopped", "out of sight"),
        "accuracy_fidelity": ("logarithmic", "the seeds that both have", "out of sight"),
        "winners": ("on the seeds that both have (2)", "significantly", "Level"),
    }.items():
        with style():
            figure = sheet(made[name])
            width = float(figure.get_size_inches()[0]) * figure.dpi
            said = " ".join(text.get_text() for text in figure.texts)
            assert all(word in said for word in words), said
            assert all(text.get_window_extent().x1 <= width for text in figure.texts), name
