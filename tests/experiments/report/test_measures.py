"""Methods compared by more than accuracy, equivalence over data sets, and runs that were lost."""

from __future__ import annotations

from typing import Any

import pytest
from builders.records import changed, record

from experiments.records.record import Record
from experiments.report.comparison import ACCURACY, OTHER_MEASURES, pairs
from experiments.report.grouped import View
from experiments.report.tables.all import BUILDERS


def run(method: str, seed: int, dataset: str = "toy", **metrics: float) -> Record:
    return record(
        f"{method}{dataset}{seed}",
        seed=seed,
        method={"name": method, "guarantee": "dp", "parameters": {}},
        dataset={"name": dataset, "n_train": 80, "n_test": 20},
        metrics={"logistic": metrics},
    )


def stopped(method: str, dataset: str, status: str = "timeout") -> Record:
    told: dict[str, Any] = {"seconds": {"limit": 600.0, "phase": "fit"}, "metrics": {}, "status": status, "error": "too long"}
    return record(
        f"{method}{dataset}",
        method={"name": method, "parameters": {}},
        dataset={"name": dataset, "n_train": 80, "n_test": 20},
        **told,
    )


def several() -> list[Record]:
    """More accurate than `aim`, and worse by everything else."""
    own = [run("dpdsyn", s, accuracy=0.80 + s / 1e3, balanced_accuracy=0.6, log_loss=0.5 + s / 1e3) for s in range(5)]
    return own + [run("aim", s, accuracy=0.79 + s / 1e3, balanced_accuracy=0.7, log_loss=0.4 + s / 1e3) for s in range(5)]


def test_a_smaller_log_loss_is_marked_as_better_and_stands_first() -> None:
    log_loss = OTHER_MEASURES[-1]
    ((pair,),) = pairs(View.of(several()), log_loss).values()
    assert pair.mark == "▲" and pair.difference.mean == pytest.approx(-0.1)
    worse = [run("mst", s, accuracy=0.7, log_loss=0.9 + s / 1e3) for s in range(5)]
    (found,) = pairs(View.of(several() + worse), log_loss).values()
    assert [(str(pair.method), pair.mark) for pair in found] == [("aim", "▲"), ("mst", "▼")]
    ((pair,),) = pairs(View.of(several()), ACCURACY).values()
    assert pair.mark == "▼"


def test_measures_stand_beside_each_other_with_their_own_marks() -> None:
    (table,) = BUILDERS["measures"](View.of(several()))
    assert table.columns[3:] == ["accuracy", "balanced accuracy", "macro F1", "AUROC", "log loss"]
    own, aim = table.rows
    assert own == ["1", "dpdsyn", "5", "0.8020", "0.6000", "-", "-", "0.5020"]
    assert aim == ["1", "aim", "5", "-0.0100 ▼", "+0.1000 ▲", "-", "-", "-0.1000 ▲"]


def of_sets(method: str, accuracy: float, sets: int = 3) -> list[Record]:
    return [run(method, s, f"set{i}", accuracy=accuracy + 0.0002 * ((s + i) % 3)) for i in range(sets) for s in range(5)]


def test_the_rival_named_beforehand_stands_first_with_a_verdict() -> None:
    records = of_sets("dpdsyn", 0.8) + of_sets("aim_target", 0.801) + of_sets("aim", 0.78) + of_sets("mst", 0.79, sets=1)
    (table,) = BUILDERS["equivalence"](View.of(records))
    verdicts = {row[0]: (row[1], row[5]) for row in table.rows}
    assert verdicts == {"aim_target (named beforehand)": ("3", "yes"), "aim": ("3", "no: less")}
    assert "accuracy" in table.title


def test_without_the_rival_the_table_says_so_and_development_sets_take_no_part() -> None:
    (table,) = BUILDERS["equivalence"](View.of(of_sets("dpdsyn", 0.8) + of_sets("aim", 0.8)))
    assert any("aim_target" in note for note in table.notes)
    development = [run(m, s, d, accuracy=0.8) for m in ("dpdsyn", "aim") for s in range(5) for d in ("br2000", "simulated")]
    assert BUILDERS["equivalence"](View.of(development)) == []


def test_lost_runs_are_named_where_methods_are_compared_and_rank_last() -> None:
    records = [run(m, 0, f"set{i}", accuracy=a) for m, a in (("dpdsyn", 0.8), ("mst", 0.7), ("mwem", 0.6)) for i in range(3)]
    records += [run("aim_3way", 0, f"set{i}", accuracy=0.9) for i in range(2)] + [stopped("aim_3way", "set2")]
    view = View.of(records)
    third = BUILDERS["comparison"](view)[2]
    assert any("aim_3way at 1 (1 of 1 timeout)" in note for note in third.notes)
    (ranks,) = BUILDERS["ranks"](view)
    assert {row[0]: row[2:] for row in ranks.rows}["aim_3way"] == ["1", "1", "4"]
    assert not any("left out" in note for note in ranks.notes)


def test_what_was_skipped_with_a_reason_is_not_lost() -> None:
    records = [run("dpdsyn", 0, accuracy=0.8), run("mst", 0, accuracy=0.7), stopped("aim_3way", "toy", "skipped")]
    (table,) = BUILDERS["comparison"](View.of(records))
    assert not any("counts as lost" in note for note in table.notes)


def test_what_was_measured_on_request_has_a_table_of_its_own() -> None:
    told = [
        changed(run(m, 0, accuracy=0.8), fidelity={"tvd2": 0.01, "tvd3": 0.02, "detection_auroc": a, "membership_nearest": 0.51})
        for m, a in (("mst", 0.9), ("dpdsyn", 0.7))
    ]
    (table,) = BUILDERS["likeness"](View.of([*told, run("aim", 0, accuracy=0.8)]))
    assert [row[0] for row in table.rows] == ["dpdsyn", "mst"]
    assert dict(zip(table.columns, table.rows[0], strict=True))["told apart, AUROC"] == "0.700"


def test_groups_stand_by_their_gap() -> None:
    wide = run("mst", 0, **{"accuracy": 0.8, "accuracy sex Male": 0.7, "accuracy sex Female": 0.95, "accuracy_gap": 0.25})
    fair = run("dpdsyn", 0, **{"accuracy": 0.8, "accuracy sex Male": 0.79, "accuracy sex Female": 0.81, "accuracy_gap": 0.02})
    (table,) = BUILDERS["likeness"](View.of([wide, fair]))
    assert table.columns == ["method", "guarantee", "seeds", "sex Female", "sex Male", "all", "largest gap"]
    assert [row[0] for row in table.rows] == ["dpdsyn", "mst"] and table.rows[0][3:] == ["0.810", "0.790", "0.800", "0.020"]
