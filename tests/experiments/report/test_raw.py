"""Records of raw space and of learnt domains: beside each other in tables of their own, mixed into no other."""

from __future__ import annotations

from typing import Any

import pytest
from builders.records import changed, few, one

from experiments.configuration import read_option
from experiments.records.record import Record
from experiments.report.cases import Dataset
from experiments.report.commands import commands
from experiments.report.comparison import share_of_real
from experiments.report.figures.charts import charts
from experiments.report.grouped import View
from experiments.report.tables.all import BUILDERS
from experiments.report.tables.table import Table

SETTINGS = {key: value for key, value in read_option("encoding", "learned").items() if key != "name"}


def raw(method: str, accuracy: float, encoding: str = "public", seed: int = 0, **more: Any) -> Record:
    """A run judged in raw space by two models, boosting a hundredth above logistic regression."""
    learnt = {"encoding": {"name": encoding, "settings": more.pop("settings", SETTINGS)}} if encoding != "public" else {}
    metrics = {
        name: {"accuracy": accuracy + by, "auroc": accuracy + by + 0.05, "log_loss": 1 - accuracy, "calibration_error": 0.01}
        for name, by in (("logistic", -0.005), ("boosting", 0.005))
    }
    made = {
        "run_id": f"{method}{encoding}{seed}{more.get('epsilon', 1.0)}raw",
        "fit_id": f"{method}{encoding}{seed}",
        "seed": seed,
        "evaluation": {"name": "raw", "space": "raw", "evaluators": ["logistic", "boosting"], "repeats": 1},
        "metrics": metrics,
        "fidelity": {"wasserstein": 0.1},
        "guarantee": "none" if method.startswith("real") else "dp",
    }
    return one(method, **{**made, **learnt, **more})


def both() -> list[Record]:
    """Three seeds of DPDSyn, MST and SWIFT under both encodings, and of what real rows reach."""
    made = []
    for seed in range(3):
        by = seed / 100
        made += [raw("real", 0.9 + by, seed=seed)]
        for encoding, through, own, swift in (("public", 0.86, 0.84, 0.85), ("learned", 0.88, 0.87, 0.86)):
            reached = {"real_encoded": through, "dpdsyn": own, "swift": swift, "mst": 0.8}
            made += [raw(method, accuracy + by, encoding, seed) for method, accuracy in reached.items()]
    return made


def tables(kind: str, records: list[Record]) -> list[Table]:
    return BUILDERS[kind](View.of(records))


def test_methods_stand_under_both_encodings_beside_raw_real_rows() -> None:
    (table,) = tables("raw", both())
    assert table.title == "toy, raw space, epsilon 1, delta 1e-06: methods and encodings"
    assert [row[:2] for row in table.rows] == [
        ["real", "-"],
        *(["real_encoded", encoding] for encoding in ("learned", "public")),
        ["dpdsyn", "learned"],
        ["swift", "learned"],
        ["swift", "public"],
        ["dpdsyn", "public"],
        *(["mst", encoding] for encoding in ("public", "learned")),  # alike
    ]
    best = table.rows[3]
    assert best[table.columns.index("accuracy")] == "0.880 ± 0.010" and best[table.columns.index("AUROC, boosting")].startswith(
        "0.935"
    )
    accuracy, loss = table.columns.index("accuracy"), table.columns.index("log loss")
    assert table.emphasis[3, accuracy] == table.emphasis[3, loss] == "best" and table.emphasis[4, loss] == "second"
    assert not any(row < 3 for row, _ in table.emphasis), "references take no part"


def test_raw_real_rows_stand_once_whatever_encoding_they_ran_under() -> None:
    (table,) = tables("raw", [*both(), raw("real", 0.9, "learned")])
    assert [row[0] for row in table.rows].count("real") == 1
    (only,) = tables("raw", [raw("real", 0.9, "learned"), raw("dpdsyn", 0.8, "learned")])
    assert [row[0] for row in only.rows] == ["real", "dpdsyn"]


def test_costs_are_differences_on_the_same_seeds_and_add_up() -> None:
    records = [record for record in both() if not (record.method.name == "real" and record.seed == 2)]
    found = {table.title.partition(": ")[2]: table for table in tables("costs", records)}
    assert list(found) == ["accuracy", "AUROC", "accuracy, boosting", "AUROC, boosting"]
    rows = [row[3:] for row in found["accuracy"].rows]
    assert rows == [  # 0.905 is the mean of the two seeds that real rows ran with; the best other method is SWIFT
        ["public", "dpdsyn", "2", "0.9050", "+0.0400", "+0.0200", "+0.0600"],
        ["public", "swift", "2", "0.9050", "+0.0400", "+0.0100", "+0.0500"],
        ["learned", "dpdsyn", "2", "0.9050", "+0.0200", "+0.0100", "+0.0300"],
        ["learned", "swift", "2", "0.9050", "+0.0200", "+0.0200", "+0.0400"],
    ]
    assert found["accuracy"].rows[0][:3] == ["toy", "1", "1e-06"] and found["accuracy, boosting"].rows[0][6] == "0.9100"


def test_the_best_other_method_is_found_on_the_seeds_that_dpdsyn_has() -> None:
    lucky = [raw("aim", 0.95, seed=5), raw("aim", 0.7, seed=0)]
    (table, *_) = tables("costs", [*both(), *lucky])
    assert [row[4] for row in table.rows if row[3] == "public"] == ["dpdsyn", "swift"]
    without = [record for record in both() if record.method.name != "dpdsyn"]
    assert {row[4] for row in tables("costs", without)[0].rows} == {"swift"}


def test_without_the_rows_that_costs_are_made_of_there_is_no_table() -> None:
    lacking = [record for record in both() if record.method.name != "real_encoded"]
    assert tables("costs", lacking) == [] and tables("raw", lacking) and tables("raw", few()) == tables("costs", few()) == []
    failed = [*lacking, raw("real_encoded", 0.8, status="failed", metrics={})]
    assert tables("costs", failed) == []


def numeric(method: str, r2: float, floor: float = -0.1) -> Record:
    scored = {name: {"r2": r2, "mae": 30.0 - 10 * r2, "pinball": 10 - r2} for name in ("linear", "boosting")}
    return raw(method, 0.0, metrics=scored, dataset={"name": "toy", "floor": {"r2": floor, "mae": 40.0, "pinball": 12.5}})


def test_numbers_are_judged_by_how_near_they_are_with_the_median_as_floor() -> None:
    records = [numeric("real", 0.9), numeric("real_encoded", 0.85), numeric("dpdsyn", 0.6), numeric("mst", 0.5)]
    (table,) = tables("raw", records)
    assert table.columns[4:] == ["R2", "R2, boosting", "mean absolute error", "pinball loss"]
    assert table.rows[-1] == ["median of the training rows", "-", "-", "-", "-0.100", "-", "40.0", "12.5"]
    assert table.rows[2][4:] == ["0.600", "0.600", "24.0", "9.4"] and table.emphasis[2, 6] == "best"
    (costs,) = tables("costs", records)
    assert costs.title.endswith("cost: R2") and costs.rows[0][6:] == ["0.9000", "+0.0500", "+0.2500", "+0.3000"]
    assert tables("leaderboard", records) == tables("accuracy", records) == [], "of a number there is no accuracy"


def test_runs_of_raw_space_and_of_learnt_domains_change_no_other_table() -> None:
    learnt = changed(one("dpdsyn", 0.95), run_id="x", fit_id="x", encoding={"name": "learned", "settings": SETTINGS})
    plain, more = View.of(few()), View.of([*few(), *both(), learnt])
    for kind in ("headline", "ranks", "overview"):
        assert BUILDERS[kind](more) == BUILDERS[kind](plain), kind
    for kind in ("leaderboard", "accuracy", "time", "comparison", "synthesis_time"):
        every = {table.title: table for table in BUILDERS[kind](more)}
        assert all(every[table.title] == table for table in BUILDERS[kind](plain)), kind
        others = set(every) - {table.title for table in BUILDERS[kind](plain)}
        assert others and all("raw space" in title or "encoding learned" in title for title in others), kind
    assert [len(chart.panels) for chart in charts(more)] == [len(chart.panels) for chart in charts(plain)]


def test_a_data_set_says_how_it_was_encoded_and_judged() -> None:
    other = raw("mst", 0.8, "learned", settings={**SETTINGS, "share": 0.2, "cutting": {**SETTINGS["cutting"], "atoms": 8}})
    view = View.of([raw("mst", 0.8), raw("mst", 0.8, "learned"), other])
    assert {group.case.dataset for group in view.groups} == {
        Dataset("toy", space="raw", encoding=encoding) for encoding in ("", "learned", "learned (cutting.atoms=8, share=0.2)")
    }
    assert sorted(str(group.case.dataset) for group in view.groups) == [
        "toy, raw space",
        "toy, raw space, encoding learned",
        "toy, raw space, encoding learned (cutting.atoms=8, share=0.2)",
    ]
    (first, second, third) = (commands([record])[0] for record in (raw("mst", 0.8), raw("mst", 0.8, "learned"), other))
    assert "evaluation=raw" in first and "encoding" not in first and "encoding=learned" in second and "share" not in second
    assert {"encoding.share=0.2", "encoding.cutting.atoms=8"} <= set(third.split())


def test_a_fit_that_is_judged_in_both_spaces_took_its_time_once() -> None:
    encoded = changed(one("mst"), fit_id="f")
    again, alone = raw("mst", 0.8, fit_id="f"), raw("aim", 0.8, fit_id="g")
    kept = {record.run_id for record in View.of([encoded, again, alone]).on_task.records}
    assert kept == {encoded.run_id, alone.run_id}


def test_accuracy_is_a_share_of_that_on_raw_real_rows_under_either_encoding() -> None:
    view = View.of(both())
    shares = {group.case.dataset.encoding: share_of_real(view, group) for group in view.groups if group.method.name == "dpdsyn"}
    assert shares == {"": pytest.approx(0.85 / 0.91), "learned": pytest.approx(0.88 / 0.91)}
    encoded = View.of([*few(), raw("real", 0.99)])
    (own,) = (g for g in encoded.groups if g.method.name == "mst" and g.case.epsilon == 1.0)
    assert share_of_real(encoded, own) == pytest.approx(0.8 / 0.9)
