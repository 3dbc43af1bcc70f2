"""Companions of the table for a paper: likeness, another column, raw space and parts, each on one screen."""

from __future__ import annotations

from typing import Any

from builders.paths import ROOT
from builders.records import changed, one

from experiments.records.export import read_export
from experiments.records.record import Record
from experiments.report.grouped import View
from experiments.report.tables import companions
from experiments.report.tables.table import Table, latex, markdown

METHODS = {"dpdsyn": 0.02, "mst": 0.01, "aim": 0.03}


def runs(dataset: str, of: str = "", seeds: int = 4, **more: Any) -> list[Record]:
    """Of three methods, whose two-way distance is told, and of real rows; `aim` has one seed."""
    made = []
    for method, off in [*METHODS.items(), ("real", 0.0)]:
        for seed in range(1 if method == "aim" else seeds):
            guarantee = "none" if method == "real" else "dp"
            run = one(method, 0.9 - off, epsilon=0.8, seed=seed, guarantee=guarantee)
            near = {"tvd1": off, "tvd2": off + seed / 1000, "detection_auroc": 0.5 + off}
            data = {"name": dataset, "n_train": 900, "n_test": 100}
            made.append(changed(run, run_id=f"{dataset}{of}{run.run_id}", dataset=data, fidelity=near, **more))
    return made


def tables(records: list[Record]) -> dict[str, Table]:
    return {table.title.partition(" at epsilon")[0]: table for table in companions.build(View.of(records))}


def test_the_nearest_rows_are_the_best_and_one_seed_is_left_out() -> None:
    made = tables([*runs("adult"), *runs("acs")])
    far, told = made["Mean 2-way TVD"], made["Told from test rows, AUROC"]
    assert far.columns == ["method", "adult", "acs"] and [row[0] for row in far.rows] == ["dpdsyn", "mst", "real"]
    assert far.rows[1] == ["mst", ".011±.001", ".011±.001"]
    assert far.emphasis == {(1, 1): "best", (1, 2): "best"}, "the least of those with a guarantee"
    assert [row[1] for row in told.rows] == [".520±.000", ".510±.000", ".500±.000"] and set(told.columns[1:]) == {"adult", "acs"}


def test_a_cell_of_few_seeds_in_a_row_that_has_enough_is_marked_and_never_the_best() -> None:
    usual = [*runs("adult"), *runs("acs"), *runs("smoking")]
    few = [run for run in usual if (run.dataset.name, run.method.name) != ("smoking", "mst") or run.seed == 0]
    far = tables(few)["Mean 2-way TVD"]
    assert far.columns == ["method", "adult", "smoking", "acs"] and far.rows[1] == ["mst", ".011±.001", ".010°", ".011±.001"]
    assert far.emphasis == {(1, 1): "best", (1, 3): "best"}
    assert "at least in two columns" in far.notes[0] and "°: fewer than half of dpdsyn's seeds, never bold." in far.notes[0]
    assert r".010$^\circ$" in latex([far])


def test_real_rows_as_they_were_read_stand_beside_learnt_cuts_too() -> None:
    decoded = {"evaluation": {"evaluators": ["logistic"], "space": "raw"}}
    stated = [run for name in ("adult", "acs") for run in runs(name, "raw", **decoded)]
    learned = {**decoded, "encoding": {"name": "learned", "settings": {}}}
    methods = [run for name in ("adult", "acs") for run in runs(name, "learned", **learned) if run.method.name != "real"]
    told = {table.title.partition(", cuts ")[2]: table for table in companions.build(View.of([*stated, *methods]))}
    assert [row[0] for row in told["learnt out of the budget"].rows] == ["dpdsyn", "mst", "real"]
    assert told["learnt out of the budget"].rows[-1] == told["as schemas state them"].rows[-1]
    assert all("real_encoded: real rows, encoded and decoded." in table.notes for table in told.values())


def test_the_parts_are_explained_and_real_is_said_to_be_no_ceiling_for_the_guide() -> None:
    made = tables([*runs("br2000"), *runs("fair")])["Accuracy of DPDSyn's parts on development sets"]
    for told in ("swift:", "guide_only:", "dpdsyn_class_conditional:", "dpdsyn_crosses:", "no ceiling for the guide"):
        assert told in made.notes[0]


def test_other_columns_and_raw_space_have_tables_of_their_own() -> None:
    other, decoded = ({"evaluators": ["logistic"], **told} for told in ({"column": "7"}, {"space": "raw"}))
    off = [each for name in ("adult", "br2000") for each in runs(name, "off", evaluation=other)]
    raw = [each for name in ("adult", "acs") for each in runs(name, "raw", evaluation=decoded)]
    made = companions.build(View.of([*off, *raw]))
    assert [table.columns for table in made] == [["method", "adult: 7", "br2000*: 7"], ["method", "acs", "adult"]]
    assert "settings were chosen" in made[0].notes[-1]
    assert made[1].emphasis == {(1, 1): "best", (1, 2): "best"}


def test_there_is_no_table_of_one_column() -> None:
    assert companions.build(View.of(runs("adult"))) == []


def test_each_of_the_committed_records_fits_one_screen_and_one_column() -> None:
    made = companions.build(View.of(read_export(ROOT / "results")))
    assert len(made) >= 5
    for table in made:
        lines = markdown(table).splitlines()
        grid = [line for line in lines if line.startswith("|")]
        assert len(grid) <= 25 and max(map(len, grid)) <= 112, table.title
    text = latex(made)
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == len(made)
