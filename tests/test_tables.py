from __future__ import annotations

from pathlib import Path

from conftest import ROOT
from test_store import record

from dpdsyn.privacy import DRAFTED
from experiments.store import read_export
from experiments.tables import accuracy_tables, as_csv, markdown, render, time_tables, write


def many() -> list:
    def one(method: str, seed: int, accuracy: float, guarantee: str = "dp", seconds: float = 1.0, **more: object):
        return record(
            f"{method}{seed}",
            seed=seed,
            method={"name": method, "guarantee": guarantee, "parameters": {}},
            metrics={"logistic": {"accuracy": accuracy, "auroc": 0.9}},
            seconds={"fit": seconds, "sample": 0.0, "total": seconds},
            **more,
        )

    return [
        one("dpdsyn", 0, 0.8),
        one("dpdsyn", 1, 0.82),
        one("mst", 0, 0.7, seconds=5.0),
        one("mst", 1, 0.0, status="failed", error="x"),
        one("dpdsyn_as_printed", 0, 0.9, "none"),
        one("snsynth_mst", 0, 0.6, "claimed"),
    ]


def test_methods_stand_by_accuracy_with_their_badges_and_what_failed() -> None:
    (made,) = accuracy_tables(many())
    columns, rows = made.columns, made.rows
    assert made.title == "toy, epsilon 1, delta 1e-06: accuracy"
    assert [row[0] for row in rows] == ["dpdsyn_as_printed", "dpdsyn", "mst", "snsynth_mst"]
    table = {row[0]: dict(zip(columns, row, strict=True)) for row in rows}
    assert table["dpdsyn"]["accuracy"] == "0.810 ± 0.014" and table["dpdsyn"]["guarantee"] == "dp"
    assert table["mst"]["accuracy"] == "0.700" and table["mst"]["seeds"] == "1 (1 of 2 failed)"
    assert table["dpdsyn_as_printed"]["guarantee"] == "no DP guarantee (as described in secondary notes)"
    assert table["snsynth_mst"]["guarantee"] == "claimed"


def test_records_of_an_older_version_are_marked() -> None:
    method = {"name": "real", "guarantee": "none", "parameters": {}, "target": "baselines.references.Real", "version": 1}
    (made,) = accuracy_tables([record("a", method=method), record("b", method={**method, "version": 0})])
    assert dict(zip(made.columns, made.rows[0], strict=True))["seeds"] == "2 (1 of 2 from an older version)"


def test_what_to_know_of_the_data_stands_beside_their_numbers() -> None:
    data = {"name": "toy", "ceiling": 0.95, "leak": 0.956, "caution": "inflated by the split"}
    drafted = [{"label": DRAFTED, "mechanism": "Unprotected"}]
    privacy = {"epsilon": 1.0, "delta": 1e-6, "unit": "person", "ledger": drafted}
    method = {"name": "dpdsyn", "guarantee": "none", "parameters": {}}
    (made,) = accuracy_tables([record("a", dataset=data, privacy=privacy, method=method)])
    assert made.rows[0][:2] == ["best possible", "-"] and made.rows[0][made.columns.index("accuracy")] == "0.950"
    assert made.rows[1][made.columns.index("guarantee")] == "no DP guarantee (schema read off the rows)"
    assert made.notes == [
        "Guarantees are for one person, added or removed.",
        "Share of test rows whose profile is also in training: 95.6%.",
        "Caution: inflated by the split.",
    ]
    assert all(note in markdown(made) and note in as_csv([made]) for note in made.notes)


def test_times_are_medians_beside_those_of_dpdsyn() -> None:
    (made,) = time_tables(many())
    table = {row[0]: dict(zip(made.columns, row, strict=True)) for row in made.rows}
    assert table["mst"]["total / dpdsyn"] == "5.00" and table["dpdsyn"]["total s"] == "1.000"


def test_tables_are_rebuilt_from_records_byte_for_byte(tmp_path: Path) -> None:
    first = {path.name: path.read_bytes() for path in write(many(), tmp_path / "a")}
    assert first == {path.name: path.read_bytes() for path in write(many()[::-1], tmp_path / "b")}
    assert set(first) == {"accuracy.md", "accuracy.csv", "time.md", "time.csv"}
    assert first != {path.name: path.read_bytes() for path in write(many()[1:], tmp_path / "c")}
    assert render(many()).count("###") == 2


def test_the_committed_tables_are_those_of_the_committed_records(tmp_path: Path) -> None:
    for path in write(read_export(ROOT / "results"), tmp_path):
        assert path.read_bytes() == (ROOT / "results" / "tables" / path.name).read_bytes(), f"{path.name}: run `dpdsyn tables`"
