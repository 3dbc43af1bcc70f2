"""Where which method wins: the map's runs stand in its table alone."""

from __future__ import annotations

from builders.records import changed, one

from experiments.records.record import Record
from experiments.report.grouped import View
from experiments.report.tables import accuracy, map_of_winners
from experiments.report.winners import winner


def on_map(method: str, accuracy: float, order: int, **more: object) -> Record:
    made = one(method, accuracy, seed=10)
    return changed(
        made,
        run_id=f"{method}{accuracy}{order}{more}",
        dataset={"name": "simulated", "n_train": 9, "n_test": 3, "generator": {"order": order, "rows": 2000, "columns": 8}},
        experiment={"name": "map", "sha256": "0" * 16},
        **more,
    )


def runs() -> list[Record]:
    known = {
        1: {"dpdsyn": 0.9, "mst": 0.896, "aim": 0.85, "independent": 0.5},
        3: {"dpdsyn": 0.502, "mst": 0.501, "independent": 0.5},
    }
    return [on_map(method, accuracy, order) for order, found in known.items() for method, accuracy in found.items()]


def test_the_most_accurate_win_together_and_nobody_where_nothing_is_learnt() -> None:
    view = View.of(runs())
    (table,) = map_of_winners.build(view)
    assert table.columns == ["order", "columns", "rows", "epsilon 1"]
    assert table.rows == [["1", "8", "2000", "dpdsyn, mst (0.900, +0.050)"], ["3", "8", "2000", "nobody"]]
    case = next(iter(view.mapped.cases))
    assert winner(view, case, tie=0.0).first == ("dpdsyn",)


def test_the_map_s_runs_stand_in_no_other_table() -> None:
    assert accuracy.build(View.of(runs())) == [] and map_of_winners.build(View.of([one("dpdsyn")])) == []
