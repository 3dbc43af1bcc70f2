"""The table for a paper: methods by data sets at one budget, in parts, the best in bold, times of runs alone."""

from __future__ import annotations

from typing import Any

from builders.records import changed, one

from experiments.records.record import Record
from experiments.report.grouped import View
from experiments.report.tables import paper
from experiments.report.tables.table import Table, as_csv, latex, markdown


def runs(dataset: str, method: str, accuracy: float, **more: Any) -> list[Record]:
    made = []
    for seed in range(5):
        of_seed = one(method, accuracy + 0.001 * seed, epsilon=0.8, seed=seed, **{"guarantee": "dp", **more})
        told = {"name": dataset, "n_train": 900, "n_test": 100}
        made.append(changed(of_seed, run_id=f"{dataset}{method}{seed}{sorted(more)}", dataset=told))
    return made


def records() -> list[Record]:
    made: list[Record] = []
    for dataset in ("adult", "smoking", "acs"):
        made += runs(dataset, "dpdsyn", 0.85, took=2.0) + runs(dataset, "mst", 0.80) + runs(dataset, "aim", 0.852)
        made += runs(dataset, "gem", 0.79) + runs(dataset, "real", 0.9, guarantee="none")
        made += runs(dataset, "snsynth_mst", 0.95, guarantee="unverified")
    made += runs("adult", "privsyn", 0.9)
    alone = {"fit": 0.5, "sample": 0.0, "total": 0.5, "alone": True}
    return made + [changed(each, run_id=f"alone{each.run_id}", seconds=alone) for each in runs("adult", "dpdsyn", 0.85)]


def test_methods_stand_in_parts_by_data_sets_with_marks_and_the_best_in_bold() -> None:
    (table,) = paper.build(View.of(records()))
    assert table.columns == ["method", "adult", "smoking", "acs", "s"]
    assert [row[0] for row in table.rows] == ["dpdsyn", "aim", "mst", "gem", "snsynth_mst", "real"], "privsyn ran on one alone"
    assert table.parts == {
        0: "DPDSyn and its parts",
        1: "models of noisy marginals",
        3: "networks that make rows",
        4: "guarantee claimed by an outside library",
        5: "no guarantee, to read the others by",
    }
    cells = {row[0]: row[1:] for row in table.rows}
    assert cells["dpdsyn"] == [".852±.002", ".852±.002", ".852±.002", "0.5"]
    assert cells["mst"][0] == ".802±.002▼" and cells["aim"][0] == ".854±.002▲" and cells["real"][0] == ".902±.002"
    assert cells["mst"][-1] == "1.0†", "beside other runs"
    assert table.emphasis == {(1, column): "best" for column in (1, 2, 3)}, "neither real rows nor another's guarantee"


def test_parts_are_rows_of_their_own_in_markdown_and_latex_and_none_in_csv() -> None:
    tables = paper.build(View.of(records()))
    lines = markdown(tables[0]).splitlines()
    assert max(map(len, lines[2:12])) <= 110 and any(line.startswith("| *networks that make rows*") for line in lines)
    assert r"\multicolumn{5}{l}{\emph{networks that make rows}} \\" in latex(tables) and r"1.0\dag{}" in latex(tables)
    assert "networks" not in as_csv(tables) and as_csv(tables).count("\n") == 7


def test_a_cell_of_few_seeds_is_marked() -> None:
    few = [run for run in records() if (run.dataset.name, run.method.name) != ("smoking", "aim") or run.seed < 2]
    (table,) = paper.build(View.of(few))
    cells = {row[0]: row[1:] for row in table.rows}
    assert cells["aim"][:3] == [".854±.002▲", ".853±.001°", ".854±.002▲"] and cells["mst"][1] == ".802±.002▼"
    assert table.emphasis == {(1, 1): "best", (0, 2): "best", (1, 3): "best"}
    assert "°: fewer than half of dpdsyn's seeds, never bold." in table.notes[0]


def test_there_is_no_table_before_two_data_sets_have_run() -> None:
    assert paper.build(View.of(runs("adult", "dpdsyn", 0.85))) == []


def test_what_is_longer_than_a_page_goes_on_in_another_float_and_loses_no_row() -> None:
    rows = [[f"m{i}", "≤ 1", "a sentence that takes more than a line of a cell " * (1 + i % 3)] for i in range(60)]
    text = latex([Table("long", ["method", "bound", "says"], rows, ["a note"], {}, {0: "first", 30: "second"})] * 5)
    floats = text.split(r"\begin{table}")[1:]
    assert len(floats) > 12 and text.count(r"\clearpage") == (len(floats) - 1) // 12
    assert [text.count(f"m{i} &") for i in range(60)] == [5] * 60
    assert sum("continued" in shown for shown in floats) == len(floats) - 5 == len(floats) - text.count("a note")
    assert text.count(r"\emph{second}") == 5 and text.index("m29 &") < text.index(r"\emph{second}") < text.index("m30 &")
    assert r"$\leq$ 1" in text and text.isascii()
