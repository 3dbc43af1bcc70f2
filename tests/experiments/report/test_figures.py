"""Figures: what is drawn, in which colours and shapes, with which words, and that bytes follow from records alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from builders.paths import ROOT
from builders.records import changed, few, one
from hypothesis import given
from hypothesis import strategies as st

from experiments.records.export import read_export, write_export
from experiments.records.record import Record
from experiments.report.figures.charts import charts
from experiments.report.figures.labels import SIZE
from experiments.report.figures.looks import OWN_MARKERS, looks
from experiments.report.figures.scales import Height, gap_ticks, log_ticks
from experiments.report.figures.sheets import alone, key_of, sheet, write
from experiments.report.figures.style import OWN, PALETTE, front, rgb, spread, style, tint
from experiments.report.grouped import View
from experiments.report.summary import Summary, summaries


def at(records: list[Record], epsilon: float = 1.0) -> dict[str, Summary]:
    return {str(summary.method): summary for summary in summaries(View.of(records)) if summary.epsilon == epsilon}


def test_a_summary_is_of_all_seeds_of_a_method() -> None:
    failed = one("dpdsyn", status="failed", seed=7, metrics={}, seconds={}, error="x")
    known = at([*few(), failed])
    dpdsyn = known["dpdsyn"]
    assert dpdsyn.accuracy and (round(dpdsyn.accuracy.mean, 9), dpdsyn.accuracy.seeds) == (0.85, 3)
    assert dpdsyn.missing == "1 of 4 failed" and len(dpdsyn.group.ended) == 3 and dpdsyn.seconds == 0.5
    assert (known["slow"].seconds, known["slow"].at_least, known["slow"].accuracy) == (600.0, True, None)
    kinds = {name: summary.kind for name, summary in known.items()}
    assert kinds == {
        **{"real": "reference", "majority": "reference", "dpdsyn": "ranked", "mst": "ranked", "aim": "ranked", "gan": "ranked"},
        **{"wrapped": "unverified", "dpdsyn_as_published": "none", "absyn": "apart", "slow": "unknown"},
    }


def test_times_measured_alone_count_alone_and_accuracy_is_over_one_set_of_models() -> None:
    measured = one("mst", 0.1, 3.0, seconds={"total": 3.0, "alone": True}, run_id="alone", evaluation={"evaluators": ["mlp"]})
    mst = at([*few(), measured])["mst"]
    assert (mst.seconds, mst.alone, mst.evaluators) == (3.0, True, ("logistic",))
    assert mst.accuracy and mst.accuracy.mean == 0.8


def test_the_front_holds_what_may_be_compared_and_nothing_beats() -> None:
    assert at_the_front(few()) == ["mst", "dpdsyn", "aim"]
    slower = [r for r in few() if r.method.name != "dpdsyn"] + [one("dpdsyn", 0.79, 0.5)]
    assert at_the_front(slower) == ["mst", "aim"]
    assert at_the_front([*few(), one("lucky", 0.88, 0.3)]) == ["mst", "dpdsyn", "aim"], "one seed of three tells too little"


def at_the_front(records: list[Record]) -> list[str]:
    drawn = at(records).values()
    return [str(summary.method) for summary in front(drawn, Height.of(drawn).worth)]


def test_markers_tell_the_guarantee() -> None:
    known = looks(at(few()).values())
    drawn = {str(method): (look.shape, look.filled) for method, look in known.items()}
    assert drawn["dpdsyn"] == ("o", True) and drawn["mst"][1] and drawn["mst"][0] in OWN_MARKERS
    assert drawn["wrapped"] == ("s", False)
    assert drawn["dpdsyn_as_published"] == ("X", False) and drawn["absyn"] == ("D", False)


def test_twenty_methods_are_told_apart_without_colours() -> None:
    many = [one(f"method_{number:02}", 0.8, float(number + 1)) for number in range(20)]
    known = {str(method): look for method, look in looks(at([*few(), *many]).values()).items()}
    own = [(look.shape, look.dashes) for name, look in known.items() if look.filled]
    assert len(own) > 20 and len(set(own)) == len(own)
    (chart,) = [c for c in charts(View.of([*few(), *many])) if c.name == "accuracy_epsilon"]
    assert {f"method_{n:02}" for n in range(20)} <= {name for name, _ in key_of(chart)}, "each has a place in the key"


def test_names_beside_a_panel_do_not_touch_however_many_methods_there_are() -> None:
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

    many = [one(f"method_{n:02}", 0.8 + n / 2000, float(n + 1), epsilon=e) for n in range(20) for e in (1.0, 4.0)]
    made = {chart.name: chart for chart in charts(View.of([*few(), *many]))}
    with style():
        for name in ("accuracy_epsilon", "accuracy_time"):
            chart = made[name]
            figure = alone(chart.panels[0], chart.looks)
            figure.canvas.draw()  # which puts annotations where they stand
            (axes,) = figure.axes
            texts = [text for text in axes.texts if text.get_text() not in ("real rows", "larger class")]
            boxes = [Bbox.from_extents(b.x0, b.y0 + 2, b.x1, b.y1 - 2) for b in (Text.get_window_extent(text) for text in texts)]
            assert len(boxes) >= 5 and all(text.get_fontsize() >= SIZE for text in texts)
            assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i]), name


def test_the_map_has_a_figure_of_its_own_with_a_block_an_order() -> None:
    known = {
        "1": {"dpdsyn": 0.9, "mst": 0.88, "aim": 0.85, "independent": 0.5},
        "2": {"dpdsyn": 0.9, "mst": 0.9, "aim": 0.85, "independent": 0.5},
        "3": {"dpdsyn": 0.502, "mst": 0.501, "aim": 0.5, "independent": 0.5},
    }
    mapped = [
        changed(
            one(method, accuracy, seed=10, run_id=f"{method}{order}{rows}"),
            dataset={"name": "simulated", "generator": {"order": order, "rows": rows, "columns": 8}},
            experiment={"name": "map", "sha256": "0" * 16},
        )
        for order, found in known.items()
        for method, accuracy in found.items()
        for rows in (2000, 200_000)
    ]
    made = {chart.name: chart for chart in charts(View.of([*few(), *mapped]))}
    with style():
        said = [text.get_text() for text in sheet(made["map"]).axes[0].texts]
        others = [text.get_text() for text in sheet(made["winners"]).axes[0].texts]
    assert {"order 1: that many columns have to be seen together", "2,000 rows", "200k rows"} <= set(said)
    assert said.count("several alike") == said.count("level") == 2
    assert said.count("dpdsyn") == 2 and said.count("+2.00") == 2 and said.count("none beats guessing") == 2
    assert "scale" not in made and not any("simulated" in text for text in others)


def test_many_data_sets_are_one_small_figure_with_the_leaders_under_one_key() -> None:
    """Which shows what counts alone; the page has every panel."""
    names = [f"table_{number}" for number in range(9)]
    many = [
        changed(r, run_id=f"{name}{r.run_id}", dataset={"name": name, "n_train": 9, "n_test": 3}) for name in names for r in few()
    ]
    more = [
        changed(r, run_id=f"{r.run_id}{name}{method}", method={"name": method, "guarantee": "dp", "parameters": {}})
        for name in names
        for r in many
        if r.dataset.name == name and r.method.name == "mst"
        for method in ("first", "second")
    ]
    developed = [changed(r, run_id=f"dev{r.run_id}", dataset={"name": "br2000", "n_train": 9, "n_test": 3}) for r in few()]
    made = {chart.name: chart for chart in charts(View.of([*many, *more, *developed]))}
    for name in ("accuracy_epsilon", "accuracy_time", "accuracy_fidelity"):
        chart = made[name]
        assert len(chart.panels) == 10 and chart.small
        with style():
            figure = sheet(chart)
            said = [text.get_text() for text in figure.texts]
            assert {"dpdsyn", "aim", "mst", "first", "others", "real rows", "larger class"} <= set(said)
            assert [axes.texts[0].get_text() for axes in figure.axes] == names, "each is named, and development sets are left out"
            assert float(figure.get_size_inches()[0]) < 5, "a phone shows it"
            assert all(text.get_fontsize() >= SIZE - 1 for axes in figure.axes for text in axes.get_yticklabels())


@given(st.floats(-30, 0), st.floats(0.5, 60))
def test_ticks_of_gaps_are_few_and_inside(best: float, worst: float) -> None:
    ticks = gap_ticks(best, worst)
    assert ticks == sorted(set(ticks)) and 0 in ticks and 2 <= len(ticks) <= 12
    assert all(best - 1e-6 <= tick <= worst + 1e-6 for tick in ticks)


@given(st.lists(st.floats(-50, 150), min_size=1, max_size=12))
def test_labels_are_moved_apart_and_no_further_than_they_have_to_be(wanted: list[float]) -> None:
    places = spread(wanted, 5.0, 0.0, 100.0)
    order = np.argsort(wanted, kind="stable")
    gaps = np.diff(np.array(places)[order])
    assert (gaps >= 5.0 * 0.998).all() and min(places) >= -1e-9 and max(places) <= 100 + 1e-9
    apart = np.diff(np.sort(wanted)) if len(wanted) > 1 else np.array([9.0])
    if (apart >= 5.1).all() and min(wanted) >= 0 and max(wanted) <= 100:
        assert places == pytest.approx(wanted)


@given(st.floats(1e-4, 1e6), st.floats(1.2, 1e5))
def test_logarithmic_ticks_are_few_and_inside(low: float, factor: float) -> None:
    ticks = log_ticks(low, low * factor)
    assert ticks == sorted(set(ticks)) and 2 <= len(ticks) <= 14
    assert all(low <= tick <= low * factor for tick in ticks)


def texts(path: Path) -> list[str]:
    """What markers say when they are pointed at."""
    return [node.text or "" for node in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}title")]


def test_every_method_is_in_the_figures_with_its_numbers_and_its_guarantee(tmp_path: Path) -> None:
    paths = {path.name: path for path in write(View.of(few()), tmp_path)}
    assert set(paths) == {f"{c.name}.{e}" for c in charts(View.of(few())) for e in ("svg", "png")}
    said = "\n".join(texts(paths["accuracy_time.svg"]))
    for line in (
        "dpdsyn, epsilon 1; dp; accuracy 0.8500 ± 0.0000 (3 seeds); 5.00 points below real rows; mean 2-way TVD 0.1500; 0.5 s",
        "wrapped, epsilon 1; unverified; accuracy 0.8900 (1 seed)",
        "dpdsyn_as_published, epsilon 1; no DP guarantee (as described in secondary notes)",
        "slow, epsilon 1; -; ≥ 600 s; 1 of 1 timeout",
    ):
        assert line in said, said
    assert "http" not in paths["accuracy_time.svg"].read_text().replace("http://www.w3.org/", "")


def test_leaders_are_told_apart_beside_a_collapse() -> None:
    near = [one(name, 0.9 - gap, epsilon=e) for name, gap in (("first", 0.001), ("second", 0.003)) for e in (1.0, 4.0)]
    (chart,) = [chart for chart in charts(View.of([*few(), *near])) if chart.name == "accuracy_epsilon"]
    with style():
        (axes,) = sheet(chart).axes
        low, high = (axes.transData.transform((1, gap))[1] for gap in (0.3, 0.1))
        assert (high - low) / axes.get_window_extent().height > 0.05, "a fifth of a point can be seen"
        assert axes.get_ylim()[0] > 70, "and the collapse, 70 points below real rows"
        assert {"first", "second", "dpdsyn", "gan"} <= {text.get_text() for text in axes.texts}


def test_where_no_real_rows_ran_accuracy_itself_is_drawn() -> None:
    (chart,) = [c for c in charts(View.of([r for r in few() if r.method.name != "real"])) if c.name == "accuracy_epsilon"]
    with style():
        (axes,) = sheet(chart).axes
        assert axes.get_ylabel().startswith("accuracy") and not axes.yaxis_inverted()


def test_what_is_out_of_sight_is_an_arrow_at_the_edge() -> None:
    far = [changed(r, metrics={"logistic": {"accuracy": 0.99}}) if r.method.name == "wrapped" else r for r in few()]
    (chart,) = [chart for chart in charts(View.of(far)) if chart.name == "accuracy_time"]
    with style():
        (axes,) = sheet(chart).axes
        assert "^" in {str(line.get_marker()) for line in axes.get_lines() if "wrapped" in str(line.get_gid())}


def test_who_wins_is_told_with_the_lead_and_what_is_significant() -> None:
    won = {chart.name: chart for chart in charts(View.of(few()))}["winners"]
    with style():
        said = [text.get_text() for text in sheet(won).axes[0].texts]
    assert said.count("aim") == 2 and said.count("-1.00") == 2 and "epsilon 4" in said and "toy" in said
    nobody = [changed(r, metrics={"logistic": {"accuracy": 0.99}}) if r.method.name == "majority" else r for r in few()]
    won = {chart.name: chart for chart in charts(View.of(nobody))}["winners"]
    with style():
        assert [text.get_text() for text in sheet(won).axes[0].texts].count("none beats guessing") == 2


def test_the_same_records_give_the_same_bytes_and_another_record_other_ones(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "gone.svg").write_text("of a chart that is no more")
    first = {path.name: path.read_bytes() for path in write(View.of(few()), tmp_path / "a")}
    assert not (tmp_path / "a" / "gone.svg").exists()
    assert first == {path.name: path.read_bytes() for path in write(View.of(few()[::-1]), tmp_path / "b")}
    other = [changed(r, metrics={"logistic": {"accuracy": 0.865}}) if r.method.name == "aim" else r for r in few()]
    other = {path.name: path.read_bytes() for path in write(View.of(other), tmp_path / "c")}
    assert all(other[name] != content for name, content in first.items())


def test_scale_is_drawn_where_a_table_ran_in_several_sizes(tmp_path: Path) -> None:
    def sized(method: str, rows: int, took: float, **more: Any) -> Record:
        data = {"name": "acs", "train_rows": rows, "n_train": rows - 3, "n_test": 100}
        about = {"total": took, "alone": True}
        return one(method, 0.7, seconds=about, dataset=data, n_synth=rows, run_id=f"{method}{rows}", **more)

    stopped = changed(sized("mst", 90_000, 0), status="timeout", metrics={}, seconds={"limit": 600, "alone": True}, dataset=
                      {"name": "acs", "train_rows": 90_000})  # fmt: skip
    records = [sized("dpdsyn", 2000, 0.1), sized("dpdsyn", 90_000, 2.0), sized("mst", 2000, 0.3), stopped]
    (chart,) = charts(View.of(records))
    assert chart.name == "scale" and [panel.remark for panel in chart.panels] == ["epsilon 1; measured alone", "epsilon 1"]
    paths = {path.name: path for path in write(View.of(records), tmp_path)}
    said = texts(paths["scale.svg"])
    assert any(text.startswith("mst, epsilon 1") and "≥ 600 s" in text and text.endswith("90,000 rows") for text in said), said


def test_pictures_have_our_colours_and_are_small(tmp_path: Path) -> None:
    from PIL import Image

    for path in write(View.of(few()), tmp_path):
        if path.suffix == ".png":
            picture = Image.open(path).convert("RGB")
            found = {colour for _, colour in picture.getcolors(1 << 24) or ()}
            assert rgb(tint(PALETTE["blue"], 6) if path.stem == "winners" else OWN) in found, path.stem
            assert path.stat().st_size < 250_000 and not picture.info


def test_a_method_of_ones_own_has_the_colour_that_it_tells(tmp_path: Path) -> None:
    from PIL import Image

    method = {"name": "mine", "guarantee": "dp", "about": {"colour": "#7f3c8d"}}
    mine = [changed(one("mine", 0.84, 2.0, epsilon=epsilon), method=method) for epsilon in (1.0, 4.0)]
    (path,) = [path for path in write(View.of([*few(), *mine]), tmp_path) if path.name == "accuracy_time.png"]
    found = {colour for _, colour in Image.open(path).convert("RGB").getcolors(1 << 24) or ()}
    assert {rgb("#7f3c8d"), rgb(OWN)} <= found


@pytest.mark.slow
def test_nothing_is_fitted_or_loaded_to_make_tables_figures_and_report(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    write_export(tmp_path / "results", read_export(ROOT / "results")[::40])
    code = (
        "import sys\nfrom experiments.cli.main import main\n"
        "assert [main([name]) for name in ('tables', 'figures', 'report')] == [0, 0, 0]\n"
        "assert not {'torch', 'sklearn', 'mlflow', 'hydra'} & set(sys.modules), 'loaded'\n"
    )
    env = {key: value for key, value in os.environ.items() if key != "DPDSYN_RESULTS"}
    env |= {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(tmp_path / "results" / "report.html")


@pytest.mark.slow
def test_the_committed_figures_are_those_of_the_committed_records(tmp_path: Path) -> None:
    made = {path.name: path for path in write(View.of(read_export(ROOT / "results")), tmp_path)}
    kept = ROOT / "results" / "figures"
    assert {path.name for path in kept.iterdir()} == set(made)
    for name, path in made.items():
        assert path.read_bytes() == (kept / name).read_bytes(), f"{name}: run `dpdsyn figures`"


def test_a_line_joins_budgets_of_the_same_seeds_alone() -> None:
    """Seeds are splits, some harder than others: a budget that other seeds alone ran at would make a dip that is none."""
    other = [
        changed(r, privacy={"epsilon": 2.0, "delta": 1e-6, "spent": 2.0}, seed=7, run_id=f"{r.run_id}other")
        for r in few()
        if r.privacy.epsilon == 1.0
    ]
    chart = {chart.name: chart for chart in charts(View.of([*few(), *other]))}["accuracy_epsilon"]
    (panel,) = chart.panels
    assert {p.epsilon for p in panel.drawn} == {1.0, 4.0}
