"""Who is called best, by how much, and over what: leaderboards, comparisons, ranks, claims and scale."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from builders.records import changed, record

from experiments.records.record import Record
from experiments.report.comparison import pairs
from experiments.report.figures.charts import charts
from experiments.report.grouped import View
from experiments.report.over_seeds import ratio_of_seconds, seconds_of, timed_alike
from experiments.report.tables import headline
from experiments.report.tables.all import BUILDERS, write
from experiments.report.tables.table import Table, latex, markdown


def tables(kind: str, records: Iterable[Record]) -> list[Table]:
    return BUILDERS[kind](View.of(records))


def run(method: str, seed: int, accuracy: float = 0.8, seconds: float = 1.0, dataset: str = "toy", **more: object) -> Record:
    guarantee = more.pop("guarantee", "dp")
    return record(
        f"{dataset}{method}{seed}{more}",
        seed=seed,
        dataset={"name": dataset, "n_train": 800, "n_test": 200, **more.pop("data", {})},  # type: ignore[dict-item]
        method={"name": method, "guarantee": guarantee, "parameters": {}},
        metrics={"logistic": {"accuracy": accuracy, "auroc": 0.9}},
        seconds={"fit": seconds, "sample": 0.0, "total": seconds, **more.pop("clock", {})},  # type: ignore[dict-item]
        **more,
    )


def stopped(method: str, seed: int = 0, limit: float = 600.0, alone: bool | None = None, **more: object) -> Record:
    made = run(method, seed, guarantee=None, status="timeout", error="longer than 600 s", **more)
    return changed(made, metrics={}, seconds={"limit": limit, "reached": limit, "alone": alone})


def by_method(table: Table) -> dict[str, dict[str, str]]:
    return {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}


def several() -> list[Record]:
    seeds = range(5)
    return [
        *(run("dpdsyn", s, 0.80 + 0.001 * s) for s in seeds),
        *(run("mst", s, 0.70 + 0.002 * s, seconds=4.0) for s in seeds),
        *(run("aim", s, 0.80 + 0.001 * s - 0.0003 * (-1) ** s, seconds=40.0) for s in seeds),
        run("privmrf", 0, 0.85, seconds=2.0),
        *(run("dpdsyn_as_published", s, 0.9, guarantee="none") for s in seeds),
        *(run("snsynth_mst", s, 0.95, guarantee="unverified") for s in seeds),
        *(run("absyn", s, 0.95) for s in seeds),
        *(run("guide_only", s, 0.95) for s in seeds),
    ]


def test_only_methods_under_our_guarantee_are_best_and_differences_are_marked_from_five_seeds_on() -> None:
    (board,) = tables("leaderboard", several())
    cells = {method: row["epsilon 1"] for method, row in by_method(board).items()}
    assert cells["mst"].startswith("0.704 ± ") and cells["mst"].endswith("▼ (5)")
    assert "▼" not in cells["aim"] + cells["dpdsyn"] + cells["privmrf"] and "▲" not in "".join(cells.values())
    assert cells["privmrf"] == "0.850 (1)"
    stressed = {board.rows[row][0]: how for (row, _), how in board.emphasis.items()}
    assert stressed == {"dpdsyn": "best", "aim": "second"}, "privmrf ran with one seed of five"
    assert f"**{cells['dpdsyn']}**" in markdown(board)
    assert r"\textbf{" in latex([board]) and r"\toprule" in latex([board]) and r"dpdsyn\_as\_publ" in latex([board])


def test_methods_are_compared_on_the_seeds_that_both_have() -> None:
    """A method that ran on the hard split alone has the lower mean and is nevertheless the better one."""
    own = [run("dpdsyn", 0, 0.9), run("dpdsyn", 1, 0.7, seconds=3.0)]
    records = [*own, run("mst", 1, 0.72, seconds=6.0), run("aim", 0, 0.88), run("mwem", 0, 0.4), run("majority", 0, 0.5)]
    (board,) = tables("leaderboard", records)
    stressed = {board.rows[row][0]: how for (row, _), how in board.emphasis.items()}
    assert stressed == {"mst": "best", "dpdsyn": "second"}
    assert [row[0] for row in board.rows] == ["mst", "dpdsyn", "aim", "majority", "mwem"]
    assert by_method(tables("synthesis_time", records)[0])["mst"]["epsilon 1"] == "6.00 = 2.0x (1)"
    claims = by_method(tables("headline", records)[0])
    assert claims["smallest accuracy ratio over a baseline"]["here"] == "0.97x"
    three = [
        changed(r, run_id=f"{r.run_id}{d}", dataset={**r.dataset.plain(), "name": d}) for r in records for d in ("a", "b", "c")
    ]
    assert [row[0] for row in tables("ranks", three)[0].rows] == ["mst", "dpdsyn", "aim", "mwem"]


def test_nothing_is_best_that_is_less_accurate_than_the_larger_class_or_stands_without_dpdsyn() -> None:
    (board,) = tables("leaderboard", [run("dpdsyn", 0, 0.6), run("mst", 0, 0.65), run("aim", 0, 0.8), run("majority", 0, 0.7)])
    assert board.emphasis == {}  # one alone beats guessing, and there is nothing to compare it with
    (board,) = tables("leaderboard", [run("aim", 0, 0.65), run("mst", 0, 0.8)])
    assert board.emphasis == {} and [row[0] for row in board.rows] == ["mst", "aim"]


def test_holm_is_over_the_methods_of_one_data_set_and_budget() -> None:
    (found,) = pairs(View.of(several())).values()
    assert {str(pair.method) for pair in found} == {"mst", "aim", "privmrf"}
    by_name = {str(pair.method): pair for pair in found}
    mst, aim = by_name["mst"], by_name["aim"]
    assert mst.difference.p is not None and mst.adjusted == pytest.approx(2 * mst.difference.p)
    assert aim.adjusted == pytest.approx(aim.difference.p) and by_name["privmrf"].adjusted is None
    (table,) = tables("comparison", several())
    assert [row[1] for row in table.rows] == ["privmrf", "aim", "mst"]  # the most accurate first


def test_only_seeds_that_both_ended_well_are_compared() -> None:
    records = [run("dpdsyn", 0, 0.8), run("dpdsyn", 1, 0.6), run("mst", 0, 0.7), stopped("mst", 1)]
    ((pair,),) = pairs(View.of(records)).values()
    assert (pair.difference.seeds, pair.own, pair.missing) == (1, 0.8, "1 of 2 timeout")


def test_a_ratio_to_stopped_runs_is_a_lower_bound_over_the_seeds_that_both_have() -> None:
    assert seconds_of([run("aim", 0, seconds=10.0), stopped("aim", 1)]) == (305.0, True)
    assert seconds_of([changed(stopped("aim"), seconds={"limit": 600.0, "phase": "evaluate"})]) == (None, False)
    records = [run("dpdsyn", 2), run("aim", 0, seconds=5.0), run("aim", 1, seconds=5.0), stopped("aim", 2)]
    assert by_method(tables("synthesis_time", records)[0])["aim"]["epsilon 1"] == "5.00 = ≥ 600.0x (3; 1 of 3 timeout)"
    (times,) = tables("time", records)
    assert by_method(times)["aim"]["total / dpdsyn"] == "≥ 600.0"
    (alone,) = tables(
        "efficiency",
        [
            run("dpdsyn", 0, clock={"alone": True}),
            stopped("absyn", alone=True),
            run("snsynth_aim", 0, guarantee="unverified", clock={"alone": True}),
        ],
    )
    assert {row["total / dpdsyn"] for row in by_method(alone).values()} == {"-"}


def test_a_ratio_of_seconds_leaves_out_the_runs_of_a_seed_on_another_processor() -> None:
    def on(cpu: str, method: str, seed: int, seconds: float) -> Record:
        return changed(run(method, seed, seconds=seconds), run_id=f"{cpu}{method}{seed}", environment={"cpu": cpu})

    own = [on("A", "dpdsyn", 0, 1.0), on("B", "dpdsyn", 0, 100.0), on("B", "dpdsyn", 1, 3.0)]
    other = [on("A", "mst", 0, 2.0), on("A", "mst", 1, 50.0)]
    assert ratio_of_seconds(other, own) == (2.0, False)
    ours, theirs = timed_alike(own, other)
    assert [one.run_id for one in (*ours, *theirs)] == ["Adpdsyn0", "Amst0"]
    found = headline.carriers(View.of([*own, *other]))[headline.BESIDE]
    assert {one.run_id for one in found} == {"Adpdsyn0", "Amst0"}


def test_what_other_models_judged_and_runs_that_failed_are_not_compared() -> None:
    records = several()
    other = [changed(r, evaluation={"evaluators": ["boosting"]}) for r in records if r.method.name == "aim"]
    assert tables("comparison", [*records[:5], *other]) == []
    failed = [run("dpdsyn", 9, status="failed", error="x"), run("privmrf", 1, status="failed", error="x")]
    (table,) = tables("headline", [*records, *failed])
    smallest = by_method(table)["smallest accuracy ratio over a baseline"]
    assert (smallest["here"], smallest["baseline"]) == ("0.94x", "privmrf")
    assert smallest["seeds"] == "1 (dpdsyn: 1 of 6 failed; privmrf: 1 of 2 failed)"


def test_a_timeout_is_a_lower_bound_of_time() -> None:
    assert seconds_of([stopped("aim")]) == (600.0, True)
    assert seconds_of([run("aim", 0, seconds=500.0), run("aim", 1, seconds=510.0), stopped("aim", 2)]) == (510.0, False)
    assert seconds_of([run("aim", 0, status="failed")]) == (None, False)
    (board,) = tables("synthesis_time", [stopped("dpdsyn"), run("mst", 0)])
    assert by_method(board)["mst"]["epsilon 1"] == "1.00 (1)"  # no ratio to what is a lower bound
    (board,) = tables("synthesis_time", [*several(), stopped("aim_target")])
    rows = by_method(board)
    assert rows["aim_target"]["epsilon 1"] == "≥ 600.00 (1; 1 of 1 timeout)"  # nothing says that it is under our guarantee
    assert rows["mst"]["epsilon 1"] == "4.00 = 4.0x (5)" and "x" not in rows["snsynth_mst"]["epsilon 1"].split(" (")[0]


def test_the_claims_name_their_cells_and_leave_out_what_is_no_baseline() -> None:
    elsewhere = [
        run("dpdsyn", 0, 0.8, dataset="other"),
        run("aim", 0, 0.79, 5.0, dataset="other"),
        stopped("mst", dataset="other"),
    ]
    (table,) = tables("headline", [*several(), *elsewhere])
    rows = by_method(table)
    largest = rows["largest accuracy ratio over a baseline"]
    assert (largest["here"], largest["baseline"], largest["cell"]) == ("1.14x", "mst", "toy, epsilon 1, delta 1e-06")
    for claim, ratio in ((headline.BESIDE, "40.00x"), (headline.BESIDE_STOPPED, "600.00x")):
        assert (rows[claim]["here"], rows[claim]["verdict"]) == (ratio, "-"), "other work stretches times"
    assert rows["smallest accuracy ratio over a baseline"]["baseline"] == "privmrf"
    assert rows["smallest accuracy ratio over a baseline"]["here"] == "0.94x"
    collapsed = [changed(run("dpwgan", s, 0.2), metrics={"logistic": {"accuracy": 0.2, "auroc": 0.5}}) for s in range(3)]
    (table,) = tables("headline", [*several(), *collapsed[:2]])
    assert table.rows[0][2:5] == ["1.14x", "not reached", "mst"]  # two seeds carry no claim of the largest
    (table,) = tables("headline", [*several(), *collapsed])
    assert [row[2:5] for row in table.rows[:2]] == [["4.00x", "reached", "dpwgan"], ["1.14x", "not reached", "mst"]]
    assert largest["paper"] == "2.40x" and headline.ALONE not in rows and headline.STOPPED not in rows
    alone = [run(m, 0, seconds=s, clock={"alone": True}) for m, s in (("dpdsyn", 0.5), ("mst", 1.0), ("aim", 4.0))]
    (table,) = tables(
        "headline", [*several(), *alone, *(run(m, 0, a, dataset="br2000") for m, a in (("dpdsyn", 0.9), ("mst", 0.1)))]
    )
    disturbed = run("mwem", 0, seconds=50.0, clock={"alone": True, "contended": True})
    assert tables("headline", [*several(), *alone, disturbed]) == tables("headline", [*several(), *alone])
    measured = [row[2:5:2] for row in table.rows if "alone" in row[0]]
    assert measured == [["8.00x", "aim"], ["2.00x", "mst"]]
    engine = [run("pgm_mst", 0, seconds=400.0, clock={"alone": True})]
    (authors,) = tables("headline", [*several(), *alone, *engine])
    assert {row[0]: row[1:5] for row in authors.rows}[headline.ENGINE] == ["333.73x", "800.00x", "reached", "pgm_mst"]
    elsewhere = [changed(each, environment={"cpu": "of another kind"}) for each in engine]
    (other,) = tables("headline", [*several(), *alone, *elsewhere])
    assert headline.ENGINE not in [row[0] for row in other.rows], "another machine's time is no other method's"
    for limit, verdict in ((600.0, "reached"), (60.0, "not shown")):
        stop = stopped("pgm_aim", limit=limit, alone=True)
        (bounded,) = tables("headline", [*several(), *alone, run("pgm_aim", 0), stop])
        assert {row[0]: row[2:5] for row in bounded.rows}[headline.STOPPED] == [f"{2 * limit:.2f}x", verdict, "pgm_aim"]
    assert table.rows[0][2] == "1.14x"  # a set that settings were chosen on backs no claim


def test_ranks_need_three_data_sets_and_three_methods_and_say_who_is_left_out() -> None:
    accuracies = {"dpdsyn": 0.8, "mst": 0.7, "aim": 0.75}
    records = [run(m, 0, a, dataset=d) for m, a in accuracies.items() for d in ("one", "two", "three")]
    assert tables("ranks", records[:-1]) == []
    developed = [run(m, 0, 1 - a, dataset="br2000") for m, a in accuracies.items()]
    (table,) = tables("ranks", [*records, *developed, run("mwem", 0, 0.9, dataset="one")])
    assert table.columns == ["method", "mean rank", "one", "three", "two"]
    assert [row[:2] for row in table.rows] == [["dpdsyn", "1.00"], ["aim", "2.00"], ["mst", "3.00"]]
    assert table.notes[1] == "Not on all of them, so left out: mwem."


def test_signs_of_markup_in_names_stay_text() -> None:
    table = Table("t", ["method"], [["a|b_c"]], [])
    assert r"a\|b_c" in markdown(table) and r"a\textbar{}b\_c" in latex([table])


def test_what_ran_alone_stands_apart(tmp_path: Path) -> None:
    alone = {"alone": True}
    sizes = [
        run(method, 0, seconds=seconds * rows, n_synth=rows, clock=alone, data={"train_rows": rows})
        for method, seconds in (("dpdsyn", 0.001), ("mst", 0.002))
        for rows in (100, 1000)
    ]
    single = [run("dpdsyn", 0, seconds=2.0, clock=alone), run("mst", 0, seconds=5.0, clock=alone)]
    seconds, _, accuracy = tables("scale", sizes)
    assert seconds.title == "toy, epsilon 1, delta 1e-06: seconds of fit and sample against rows"
    assert seconds.rows == [["dpdsyn", "0.10", "1.00"], ["mst", "0.20", "2.00"]] and accuracy.columns == [
        "method",
        "100",
        "1,000",
    ]
    other = {"evaluators": ["forest"]}  # as large as one of the sizes, but judged by others: no part of the scale
    (table,) = tables("efficiency", [*sizes, *(changed(one, evaluation=other, n_synth=1000) for one in single)])
    assert table.title == "toy, epsilon 1, delta 1e-06: time and memory"
    assert by_method(table)["mst"]["total / dpdsyn"] == "2.5"
    write(View.of([*single, run("dpdsyn", 1, 0.9)]), tmp_path)
    assert "0.900" in (tmp_path / "leaderboard.md").read_text() and "0.800" not in (tmp_path / "leaderboard.md").read_text()


def test_tables_of_time_say_who_was_timed_on_another_kind_of_processor() -> None:
    def on(cpu: str, method: str, rows: int) -> Record:
        made = run(method, 0, seconds=float(rows), n_synth=rows, clock={"alone": True}, data={"train_rows": rows})
        return changed(made, environment={"cpu": cpu})

    alike = [on("one", method, rows) for method in ("dpdsyn", "mst", "aim") for rows in (100, 1000)]
    assert "processor" not in tables("scale", alike)[0].notes[-1]
    differ = [on("two" if record.method.name == "dpdsyn" else "one", record.method.name, record.n_synth) for record in alike]
    told = "Timed on 2 kinds of processor, whose seconds do not compare: dpdsyn on two; the others on one."
    assert told in tables("scale", differ)[0].notes[-1] and told in tables("efficiency", differ[::2])[0].notes[-1]
    (scale,) = (chart for chart in charts(View.of(differ)) if chart.name == "scale")
    assert "several kinds of processor" in scale.caption
    assert not any("several kinds of processor" in chart.caption for chart in charts(View.of(alike)))


def test_runs_for_an_older_experiment_file_are_counted() -> None:
    stamped = run("dpdsyn", 0, experiment={"name": "quickstart", "sha256": "0" * 16})
    (board,) = tables("leaderboard", [stamped, run("dpdsyn", 1)])
    assert "1 of these runs were made for an older quickstart.yaml." in board.notes
