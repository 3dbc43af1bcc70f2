"""Each kind of table, from a few records and from all that are committed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from shutil import copy

import pytest
from builders.paths import ROOT
from builders.records import changed, record

from dpdsyn.accounting.spends import DRAFTED
from experiments.records.export import read_export
from experiments.records.record import Record
from experiments.report.grouped import View
from experiments.report.tables.all import BUILDERS, first_screen, write
from experiments.report.tables.table import Table, as_csv, markdown


def tables(kind: str, records: Iterable[Record]) -> list[Table]:
    return BUILDERS[kind](View.of(records))


def many() -> list:
    def one(method: str, seed: int, accuracy: float, guarantee: str = "dp", seconds: float = 1.0, **more: object):
        return record(
            f"{method}{seed}",
            seed=seed,
            method={"name": method, "guarantee": guarantee, "parameters": {}},
            metrics={"logistic": {"accuracy": accuracy, "auroc": 0.95}},
            seconds={"fit": seconds, "sample": 0.0, "total": seconds},
            **more,
        )

    return [
        one("dpdsyn", 0, 0.8),
        one("dpdsyn", 1, 0.82),
        one("mst", 0, 0.7, seconds=5.0),
        one("mst", 1, 0.0, status="failed", error="x"),
        one("dpdsyn_as_published", 0, 0.9, "none"),
        one("snsynth_mst", 0, 0.6, "unverified"),
    ]


def test_methods_stand_by_accuracy_with_their_badges_and_what_failed() -> None:
    (made,) = tables("accuracy", many())
    columns, rows = made.columns, made.rows
    assert made.title == "toy, epsilon 1, delta 1e-06: accuracy"
    assert [row[0] for row in rows] == ["dpdsyn_as_published", "dpdsyn", "mst", "snsynth_mst"]
    table = {row[0]: dict(zip(columns, row, strict=True)) for row in rows}
    assert table["dpdsyn"]["accuracy"] == "0.810 ± 0.014" and table["dpdsyn"]["guarantee"] == "dp"
    assert table["mst"]["accuracy"] == "0.700" and table["mst"]["seeds"] == "1 (1 of 2 failed)"
    assert table["dpdsyn_as_published"]["guarantee"] == "no DP guarantee (as described in secondary notes)"
    assert table["snsynth_mst"]["guarantee"] == "unverified (smartnoise-synth; couples independent columns, not MST itself)"
    assert {row["of real"] for row in table.values()} == {"-"}
    real = changed(
        many()[0], run_id="r", metrics={"logistic": {"accuracy": 0.6}}, method={**many()[0].method.plain(), "name": "real"}
    )
    (beside,) = tables("accuracy", [*many(), real])
    assert {row[0]: row[5] for row in beside.rows}["dpdsyn"] == "133.3%"  # 0.8 of 0.6, on the seed that both ran with
    (others,) = tables("accuracy", [*many(), changed(real, metrics={"logistic": {"accuracy": 0.6}, "mlp": {"accuracy": 0.6}})])
    assert {row[0]: row[5] for row in others.rows}["dpdsyn"] == "-"  # what other models judged is not compared


def test_records_of_an_older_version_are_marked() -> None:
    method = {"name": "real", "guarantee": "none", "parameters": {}, "target": "baselines.references.Real", "version": 1}
    (made,) = tables("accuracy", [record("a", method=method), record("b", seed=1, method={**method, "version": 0})])
    assert dict(zip(made.columns, made.rows[0], strict=True))["seeds"] == "2 (1 of 2 from an older version)"


def test_what_to_know_of_the_data_stands_beside_their_numbers() -> None:
    data = {"name": "toy", "ceiling": 0.95, "leak": 0.956, "caution": "inflated by the split"}
    drafted = [{"label": DRAFTED, "mechanism": "Unprotected"}]
    privacy = {"epsilon": 1.0, "delta": 1e-6, "unit": "person", "ledger": drafted}
    method = {"name": "dpdsyn", "guarantee": "none", "parameters": {}}
    (made,) = tables("accuracy", [record("a", dataset=data, privacy=privacy, method=method)])
    assert made.rows[0][:2] == ["best possible", "-"] and made.rows[0][made.columns.index("accuracy")] == "0.950"
    assert made.rows[1][made.columns.index("guarantee")] == "no DP guarantee (schema read off the rows)"
    assert made.notes == [
        "Guarantees are for one person, added or removed.",
        "Share of test rows whose profile is also in training: 95.6%.",
        "Caution: inflated by the split.",
    ]
    assert all(note in markdown(made) and note in as_csv([made]) for note in made.notes)


def test_log_loss_and_slope_of_calibration_are_shown_where_records_have_them() -> None:
    newer = {"accuracy": 0.8, "auroc": 0.9, "log_loss": 0.4, "calibration_slope": 0.5}
    records = [changed(r, metrics={"logistic": newer, "mlp": {**newer, "calibration_slope": None}}) for r in many()[:2]]
    (former,), (made,) = tables("accuracy", many()), tables("accuracy", [*records, *many()[2:]])
    assert set(made.columns) - set(former.columns) == {"log_loss", "calibration_slope"}
    table = {row[0]: dict(zip(made.columns, row, strict=True)) for row in made.rows}
    assert (table["dpdsyn"]["log_loss"], table["dpdsyn"]["calibration_slope"]) == ("0.400 ± 0.000", "0.500 ± 0.000")
    assert (table["mst"]["log_loss"], table["mst"]["calibration_slope"]) == ("-", "-")
    known = [changed(r, dataset={"name": "toy", "ceiling": 0.95}) for r in records]
    (beside,) = tables("accuracy", known)
    assert {len(row) for row in beside.rows} == {len(beside.columns)} and beside.rows[0][0] == "best possible"
    flat = records[0].flat()
    assert (flat["log_loss"], flat["calibration_slope.logistic"], flat["calibration_slope.mlp"]) == (0.4, 0.5, None)


def chosen(run_id: str, method: dict | None = None, generator: dict | None = None, accuracy: float = 0.8, **evaluation: object):
    """A record of dpdsyn on simulated rows with settings of its own."""
    parameters = {"labels": "sample", "guide": {"hidden": 16}, **(method or {})}
    return record(
        run_id,
        method={"name": "dpdsyn", "guarantee": "dp", "parameters": parameters},
        dataset={"name": "simulated", "generator": {"classes": 2, "order": 2, **(generator or {})}},
        metrics={"logistic": {"accuracy": accuracy, "auroc": 0.9}},
        evaluation=evaluation,
    )


def test_what_ran_with_several_settings_stands_apart_and_names_what_is_not_the_default() -> None:
    several = [
        chosen("a"),
        chosen("b", {"guide": {"hidden": 0}}),
        chosen("c", None, {"order": 3}),
        chosen("d", column="x8"),
    ]
    assert [(table.title, sorted(row[0] for row in table.rows)) for table in tables("accuracy", several)] == [
        ("simulated, epsilon 1, delta 1e-06: accuracy", ["dpdsyn"]),
        ("simulated (order=3), epsilon 1, delta 1e-06: accuracy", ["dpdsyn"]),
        ("simulated, predicting x8 (off-task), epsilon 1, delta 1e-06: accuracy", ["dpdsyn"]),
    ]
    assert [table.title.partition(", epsilon")[0] for table in tables("time", several)] == ["simulated", "simulated (order=3)"]
    flat = several[2].flat()
    assert (flat["dataset_settings"], flat["method_settings"]) == ("classes=2, order=3", "guide.hidden=16, labels=sample")
    assert several[3].flat()["offtask"] == "x8"


def test_settings_beside_the_default_have_a_table_of_their_own(tmp_path: Path) -> None:
    smaller = {"guide": {"hidden": 0}}
    records = [chosen("a"), changed(chosen("b", accuracy=0.7), seed=1), changed(chosen("c", smaller, accuracy=0.6), seed=1)]
    records = [changed(each, positive_rate=0.25) for each in records]
    (made,) = tables("settings", records)
    assert made.title == "simulated, delta 1e-06: settings of dpdsyn"
    assert made.columns == ["settings", "seeds", "accuracy at 1", "auroc at 1", "positive rate at 1", "mean 2-way TVD at 1"]
    assert [row[:3] for row in made.rows] == [["default", "1", "0.700"], ["guide.hidden=0", "1", "0.600"]]
    assert made.rows[0][3:] == ["0.900", "0.250", "0.200"]
    newer = [
        changed(each, metrics={"logistic": {"accuracy": 0.6, "log_loss": 0.4, "calibration_slope": 0.5}}) for each in records
    ]
    (beside,) = tables("settings", newer)
    assert beside.columns[2:5] == ["accuracy at 1", "log loss at 1", "calibration slope at 1"]
    assert beside.rows[0][2:5] == ["0.600", "0.400", "0.500"]
    assert [View.of(some).plain.records for some in (records, records[2:])] == [tuple(records[:2]), tuple(records[2:])]
    write(View.of(records), tmp_path)
    assert "hidden" not in (tmp_path / "accuracy.md").read_text() and "hidden=0" in (tmp_path / "settings.csv").read_text()
    assert tables("settings", many()) == []


def test_what_has_no_configuration_is_told_apart_by_what_differs() -> None:
    def own(run_id: str, smoothing: float):
        parameters = {"smoothing": smoothing, "bins": 3}
        return record(run_id, method={"name": "my_method", "guarantee": "dp", "parameters": parameters})

    (made,) = tables("accuracy", [own("a", 0.5), own("b", 1.0)])
    assert [row[0] for row in made.rows] == ["my_method (smoothing=0.5)", "my_method (smoothing=1.0)"]


def test_a_file_that_changed_or_got_another_schema_is_another_data_set() -> None:
    def own(version: str):
        return record(version, dataset={"name": "people.csv", "version": version})

    titles = {table.title.partition(", epsilon")[0] for table in tables("accuracy", [own("ab"), own("cd")])}
    assert titles == {"people.csv (version=ab)", "people.csv (version=cd)"}
    assert tables("accuracy", [own("ab")])[0].title.startswith("people.csv, epsilon")


def test_times_are_medians_beside_those_of_dpdsyn() -> None:
    (made,) = tables("time", many())
    table = {row[0]: dict(zip(made.columns, row, strict=True)) for row in made.rows}
    assert table["snsynth_mst"]["total / dpdsyn"] == "-"  # only unverified
    assert table["mst"]["total / dpdsyn"] == "5.0" and table["dpdsyn"]["total s"] == "1.000"


def test_the_overview_sets_methods_against_data_sets_and_says_what_became_of_the_lost() -> None:
    def one(method: str, dataset: str, took: float, **more: object):
        return changed(
            record(f"{method}{dataset}{took}", method={"name": method, "guarantee": "dp", "parameters": {}}),
            dataset={"name": dataset},
            **{"seconds": {"total": took}, **more},  # type: ignore[arg-type]
        )

    cut = {"status": "timeout", "seconds": {"reached": 600.0, "phase": "fit, round 12"}}
    records = [one("aim", d, 3.0) for d in "abc"] + [one("aim", "a", 5.0), one("mst", "a", 1.0), one("mst", "b", 1.0)]
    records += [one("slow", "a", 9.0), one("slow", "b", 0.0, **cut), one("slow", "c", 9.0), one("slow", "c", 0.0, **cut)]
    times = next(table for table in tables("overview", records) if "seconds" in table.title)
    assert times.title == "epsilon 1, delta 1e-06: seconds of fit and sample"
    assert times.columns == ["method", "a", "b", "c"]
    assert times.rows == [["aim", "4.0", "3.0", "3.0"], ["slow", "9.0", "timeout (fit, round 12)", "9.0 (1 of 2 timeout)"]]


def test_inspired_methods_have_their_badge_and_no_ratio() -> None:
    inspired = record("i", method={"name": "absyn", "guarantee": "dp", "parameters": {}}, seconds={"total": 3.0})
    (accuracy,), (time,) = tables("accuracy", [*many(), inspired]), tables("time", [*many(), inspired])
    assert {row[0]: row[1] for row in accuracy.rows}["absyn"] == "dp (batch-adaptive, ABSyn-inspired; not ABSyn itself)"
    assert {row[0]: row[5] for row in time.rows} | {"absyn": "-", "dpdsyn": "-", "mst": "5.0"} == {
        row[0]: row[5] for row in time.rows
    }


def test_tables_are_rebuilt_from_records_byte_for_byte(tmp_path: Path) -> None:
    first = {path.name: path.read_bytes() for path in write(View.of(many()), tmp_path / "a")}
    assert first == {path.name: path.read_bytes() for path in write(View.of(many()[::-1]), tmp_path / "b")}
    kinds = {"headline", "leaderboard", "synthesis_time", "comparison", "measures", "accuracy", "time", "runs"}
    assert set(first) == {f"{kind}.{ending}" for kind in kinds for ending in ("md", "csv", "tex")}
    assert first != {path.name: path.read_bytes() for path in write(View.of(many()[1:]), tmp_path / "c")}
    assert {table.title for table in first_screen(View.of(many()))} >= {"toy, delta 1e-06: accuracy"}


def test_what_made_the_records_is_summed_up_by_experiment() -> None:
    made = {"name": "main_gan", "sha256": "0"}
    clean, dirty = (
        {"commit": "0123456789", "dirty": dirty, "cpu": "X", "cores": 2, "python": "3.11.7"} for dirty in (False, True)
    )
    runs = [
        *(record(f"g{s}", seed=s, experiment=made, environment=clean, seconds={"total": 1.0, "run": 900.0}) for s in (0, 1, 3)),
        record("t", seed=4, experiment=made, environment=dirty, status="timeout", seconds={"limit": 900, "reached": 900.0}),
    ]
    (table,) = tables("runs", [*runs, record("single", experiment=None)])
    row, single = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    assert (row["experiment"], row["runs"], row["ended otherwise"]) == ("main_gan", "4", "1 timeout")
    assert (row["hours"], row["seeds"], row["commits"]) == ("1.00", "0-1, 3-4", "0123456, 0123456+")
    assert row["machine"] == "X, 2 cores, Python 3.11.7" and single["experiment"] == "-"
    assert single["hours"] == "≥ 0.00"  # its whole time is not known


@pytest.mark.slow
def test_the_committed_tables_are_those_of_the_committed_records(tmp_path: Path) -> None:
    for name in ("published.yaml", "audited.csv", "audits.csv"):
        copy(ROOT / "results" / name, tmp_path)
    folder = tmp_path / "tables"
    for path in write(View.of(read_export(ROOT / "results"), tmp_path), folder):
        assert path.read_bytes() == (ROOT / "results" / "tables" / path.name).read_bytes(), f"{path.name}: run `dpdsyn tables`"


def test_tables_of_one_kind_with_different_columns_make_one_file() -> None:
    first = Table("one", ["method", "2", "4"], [["a", "x", "y"]], [])
    second = Table("two", ["method", "4", "8"], [["b", "z", "w"]], ["n"])
    lines = list(csv.DictReader(io.StringIO(as_csv([first, second]))))
    assert [line["4"] for line in lines] == ["y", "z"] and [line["8"] for line in lines] == ["", "w"] and lines[1]["notes"] == "n"
