"""What was learnt, in words: accuracy as high as that of real rows says nothing where one class is common."""

from __future__ import annotations

import numpy as np
import pytest
from builders.records import record

from experiments.evaluation.metrics import rarest_average_precision, shares_floor
from experiments.records.record import Record
from experiments.report.evidence import share
from experiments.report.grouped import View
from experiments.report.html.leaderboard import leaderboard
from experiments.report.summary import summaries
from experiments.report.tables.accuracy import build
from experiments.report.verdict import learnt, margin

FLOOR = {"accuracy": 0.9, "balanced_accuracy": 1 / 3, "log_loss": 0.4, "rarest_average_precision": 0.01}


def scored(
    name: str, auroc: float | None, balanced: float, role: str = "method", accuracy: float = 0.9, rows: int = 10_000
) -> Record:
    scores = {
        "accuracy": accuracy,
        "balanced_accuracy": balanced,
        "auroc": auroc,
        "log_loss": 0.4,
        "rarest_average_precision": 0.02,
    }
    method = {"name": name, "guarantee": "none" if role == "reference" else "dp", "about": {"role": role}}
    return record(
        name, method=method, metrics={"forest": scores}, dataset={"name": "toy", "n_train": 9, "n_test": rows, "floor": FLOOR}
    )


REAL = scored("real", 0.8, 0.5, "reference")


def test_the_rule() -> None:
    assert learnt([scored("a", 0.515, 0.35)]) is False and learnt([scored("a", 0.53, 0.34)]) is True
    assert learnt([scored("a", None, 0.36)]) is True and learnt([scored("a", 0.5, 0.36)]) is True
    assert learnt([record(status="failed")]) is None and learnt([]) is None
    small = [scored("a", 0.55, 0.34, rows=100)]
    assert margin(small) == pytest.approx(0.1) and learnt(small) is False, "a test of 100 rows says no more"
    assert margin([*small] * 40) == 0.02


def test_no_share_of_real_is_shown_where_nothing_was_learnt_and_a_verdict_stands_below() -> None:
    (table,) = build(View.of([REAL, scored("one", 0.5, 1 / 3), scored("other", 0.49, 0.33)]))
    shares = {row[0]: row[table.columns.index("of real")] for row in table.rows}
    assert shares["one"] == shares["other"] == "nothing learnt" and shares["real"] == "100.0%"
    assert table.notes[0].startswith("**No method learnt anything here**: one (AUROC 0.500, balanced accuracy 0.333); other (")
    assert "by more than 0.020" in table.notes[0] and "real rows learnt nothing" not in table.notes[0]
    floor = next(row for row in table.rows if row[0].startswith("majority"))
    assert floor[table.columns.index("accuracy")] == "0.900" and floor[table.columns.index("balanced_accuracy")] == "0.333"
    assert floor[table.columns.index("average precision, rarest class")] == "0.010"


def test_methods_that_learnt_are_left_in_peace_and_those_that_did_not_are_named() -> None:
    (table,) = build(View.of([REAL, scored("one", 0.8, 0.5)]))
    assert not any("earnt" in note for note in table.notes) and "nothing learnt" not in str(table.rows)
    (table,) = build(View.of([REAL, scored("one", 0.8, 0.5), scored("other", 0.5, 1 / 3)]))
    assert table.notes[0].startswith("Learnt nothing here: other (")
    nothing = scored("real", 0.5, 1 / 3, "reference")
    (table,) = build(View.of([nothing, scored("one", 0.5, 1 / 3)]))
    assert "Models trained on the real rows learnt nothing either" in table.notes[0]
    assert {row[table.columns.index("of real")] for row in table.rows} == {"nothing learnt", "-"}
    (table,) = build(View.of([REAL, scored("majority", 0.5, 1 / 3, "reference"), scored("one", 0.8, 0.5)]))
    assert len([row for row in table.rows if row[0].startswith("majority")]) == 1, "the method itself stands there"


def test_the_rarest_class_and_who_knows_the_shares_alone() -> None:
    labels = np.array([0] * 90 + [1] * 8 + [2] * 2)
    perfect = np.eye(3)[labels]
    assert rarest_average_precision(labels, perfect) == 1.0 and np.isnan(rarest_average_precision(labels[:90], perfect[:90]))
    known = shares_floor(labels, labels, 3)
    assert known["accuracy"] == 0.9 and known["balanced_accuracy"] == pytest.approx(1 / 3)
    assert known["rarest_average_precision"] == pytest.approx(0.02) and shares_floor(labels[:0], labels, 3) == {}


def test_the_report_says_so_too_and_claims_no_share_of_what_was_not_learnt() -> None:
    view = View.of([REAL, scored("dpdsyn", 0.5, 1 / 3), scored("other", 0.8, 0.5)])
    shown = {summary.name: summary for summary in summaries(view)}
    assert shown["dpdsyn"].of_real == 1.0 and shown["dpdsyn"].learnt is False and shown["other"].learnt is True
    rows = {row[3]: row[-1] for row in leaderboard(list(shown.values()), {}).rows}
    assert "nothing learnt" in rows["dpdsyn"] and "100.0%" not in rows["dpdsyn"]
    assert "100.0%" in rows["other"] and "nothing learnt" not in rows["other"]
    assert [share(shown[name]) for name in ("dpdsyn", "other")] == [None, 1.0]
