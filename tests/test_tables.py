from __future__ import annotations

from pathlib import Path

from conftest import ROOT
from test_store import record

from experiments.store import read_export
from experiments.tables import accuracy_tables, render, time_tables, write


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
    ((title, columns, rows),) = accuracy_tables(many())
    assert title == "toy, epsilon 1, delta 1e-06: accuracy"
    assert [row[0] for row in rows] == ["dpdsyn_as_printed", "dpdsyn", "mst", "snsynth_mst"]
    table = {row[0]: dict(zip(columns, row, strict=True)) for row in rows}
    assert table["dpdsyn"]["accuracy"] == "0.810 ± 0.014" and table["dpdsyn"]["guarantee"] == "dp"
    assert table["mst"]["accuracy"] == "0.700" and table["mst"]["seeds"] == "1 (1 of 2 failed)"
    assert table["dpdsyn_as_printed"]["guarantee"] == "no DP guarantee (as described in secondary notes)"
    assert table["snsynth_mst"]["guarantee"] == "claimed"


def test_records_of_an_older_version_are_marked() -> None:
    method = {"name": "real", "guarantee": "none", "parameters": {}, "target": "baselines.references.Real", "version": 1}
    ((_, columns, rows),) = accuracy_tables([record("a", method=method), record("b", method={**method, "version": 0})])
    assert dict(zip(columns, rows[0], strict=True))["seeds"] == "2 (1 of 2 from an older version)"


def test_times_are_medians_beside_those_of_dpdsyn() -> None:
    ((_, columns, rows),) = time_tables(many())
    table = {row[0]: dict(zip(columns, row, strict=True)) for row in rows}
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
