"""What was stored in former words is read in today's: records, plans, fits, audits."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders.paths import ROOT

from experiments.records import former
from experiments.records.audits import audits_folder, stored
from experiments.records.record import Record
from experiments.records.store import Fit, Store
from experiments.sweep.plan import Plan, Planned, Plans

COMPUTE = {"threads": 1, "workers": -1, "timeout": 60, "memory": None, "retry": False, "fresh": False, "alone": False}


def lines_of(method: str) -> list[dict[str, Any]]:
    """Committed records of a method, as they stand in the export."""
    files = sorted((ROOT / "results").glob("records*.jsonl"))
    texts = (line for path in files for line in path.read_text(encoding="utf-8").splitlines())
    return [raw for raw in map(json.loads, texts) if former.today(raw["method"]["name"], former.METHODS) == method]


FORMAT_2: dict[str, Any] = {
    "format": 2,
    "cell_id": "c",
    "fit_id": "f",
    "status": "ok",
    "error": None,
    "seed": 1,
    "n_synth": 9,
    "label_share": 0.25,
    "peak_memory_mb": None,
    "dataset": {"name": "toy", "sha256": {}, "split_seed": 1, "n_train": 9, "n_test": 3, "leak": None},
    "method": {
        "name": "rdp_gan_as_printed",
        "target": "baselines.rdp_gan.RDPGANAsPrinted",
        "version": 1,
        "parameters": {"epochs": 1},
        "guarantee": "none",
    },
    "privacy": {"epsilon": 1.0, "delta": 1e-6, "spent": None, "ledger": [{"mechanism": "Unprotected", "label": "rows"}]},
    "seconds": {"fit": 1.0, "sample": 0.5, "total": 1.5, "cell": 4.0},
    "metrics": {"logistic": {"accuracy": 0.5}},
    "fidelity": {"tvd1": 0.1, "tvd2": 0.2},
    "evaluation": {"name": "standard", "evaluators": ["logistic"], "repeats": 1},
    "environment": {"commit": "abc", "dirty": False, "packages": {"numpy": "2"}},
    "experiment": None,
}


def test_a_record_of_format_2_is_read_in_todays_words_and_written_in_todays_format() -> None:
    record = Record.from_json(json.dumps(FORMAT_2))
    assert (record.run_id, record.positive_rate, record.seconds.run) == ("c", 0.25, 4.0)
    assert (record.method.name, record.method.target) == ("rdp_gan_as_published", "baselines.rdp_gan.RDPGANAsPublished")
    assert record.experiment is None and record.evaluation.evaluators == ("logistic",) and record.log is None
    written = json.loads(record.to_json())
    assert written["format"] == 3 and written["run_id"] == "c" and written["positive_rate"] == 0.25
    assert not {"cell_id", "label_share"} & set(written) and "cell" not in written["seconds"]
    assert Record.from_json(record.to_json()) == record


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ({"guarantee": "claimed"}, ("guarantee", "unverified")),
        ({"guarantee": "dp"}, ("guarantee", "dp")),
        ({"target": "baselines.isolated.Isolated"}, ("target", "baselines.foreign.isolated.Isolated")),
        ({"name": "dpdsyn_as_printed"}, ("name", "dpdsyn_as_published")),
        ({"name": "dp_ctgan"}, ("name", "clipped_ctgan")),
        ({"target": "baselines.dp_ctgan.DPCTGAN"}, ("target", "baselines.clipped_ctgan.ClippedCTGAN")),
        ({"name": "mst"}, ("name", "mst")),
    ],
)
def test_words_and_places_that_have_changed(then: dict[str, str], now: tuple[str, str]) -> None:
    record = Record.from_json(json.dumps({**FORMAT_2, "method": {**FORMAT_2["method"], **then}}))
    assert getattr(record.method, now[0]) == now[1]


def test_an_added_parameter_counts_where_it_changes_what_is_done() -> None:
    assert former.parameters({"iterations": 50, "engine": "own"}) == former.parameters({"iterations": 50}) == {"iterations": 50}
    assert former.parameters({"engine": "mbi", "rounds": None}) == {"engine": "mbi", "rounds": None}
    guide = {"hidden": 16, "pull": 0.0, "pretraining": 0, "module": None, "options": {}}
    assert former.parameters({"guide": guide}) == {"guide": {"hidden": 16}}
    assert former.parameters({"guide": {**guide, "pull": 2.0}}) == {"guide": {"hidden": 16, "pull": 2.0}}


def test_a_record_has_parameters_that_came_later_as_they_were_before() -> None:
    usual = {"guide": {"hidden": 8, "pull": 2.0}, "engine": "own", "labels": "calibrated"}
    assert former.completed({"guide": {"hidden": 16}}, usual) == {"guide": {"hidden": 16, "pull": 0.0}, "engine": "own"}
    assert former.completed({"guide": {"pull": 1.0}}, {}) == {"guide": {"pull": 1.0}}


def test_committed_records_say_in_todays_words_what_they_said() -> None:
    for method, guarantee in (
        ("dpdsyn_as_published", "none"),
        ("mst", "dp"),
    ):
        raw = next(line for line in lines_of(method) if line["status"] == "ok")
        record = Record.from_json(json.dumps(raw))
        first = raw.get("run_id", raw.get("cell_id"))
        assert (record.run_id, record.method.name, record.method.guarantee) == (first, method, guarantee)
        assert record.positive_rate == raw.get("positive_rate", raw.get("label_share"))
        assert record.metrics == raw["metrics"] and record.fit_id == raw["fit_id"]


def test_a_plan_of_the_former_layout_is_read(tmp_path: Path) -> None:
    composed = ("x=1", "synthesizer=dpdsyn_as_published")
    today = Plan(("-m", "x=1"), "single", (Planned("a", composed, "toy", "dpdsyn_as_published", 1.0, 0, COMPUTE),), 3.0, "f")
    plans, raw = Plans(tmp_path), asdict(today)
    (run,) = raw.pop("runs")
    first = {**{key: value for key, value in run.items() if key != "run_id"}, "cell_id": "a", "method": "dpdsyn_as_printed"}
    first["overrides"] = ["x=1", "synthesizer=dpdsyn_as_printed"]
    plans.folder.mkdir(parents=True)
    (plans.folder / f"{today.sweep_id}.json").write_text(json.dumps({**raw, "cells": [first]}))
    assert plans.read(today.sweep_id) == today and list(plans.all()) == [today]
    plans.write(today)
    assert "cells" not in (plans.folder / f"{today.sweep_id}.json").read_text() and plans.read(today.sweep_id) == today


def test_a_former_command_names_its_methods_as_they_are_called_today() -> None:
    typed = ("-m", "synthesizer=mst,dpdsyn_as_printed,real", "dataset=toy", "experiment=x_as_printed")
    said = ["-m", "synthesizer=mst,dpdsyn_as_published,real", "dataset=toy", "experiment=x_as_printed"]
    assert list(map(former.override, typed)) == said


def test_a_fit_of_the_former_layout_is_read(tmp_path: Path) -> None:
    store, rows = Store(tmp_path), np.arange(6, dtype=np.uint8).reshape(3, 2)
    store.prepare()
    meta = {"guarantee": "claimed", "spent": None, "ledger": [], "seconds": {"fit": 1.0}, "peak_memory_mb": None}
    np.savez_compressed(store.fits / "f.npz", codes=rows, meta=np.array(json.dumps(meta)))
    fit = store.read_fit("f")
    assert isinstance(fit, Fit) and fit.guarantee == "unverified" and np.array_equal(fit.encoded, rows)
    store.write_fit("f", fit)
    with np.load(store.fits / "f.npz") as file:
        assert set(file) == {"encoded", "meta"}
    again = store.read_fit("f")
    assert again is not None and np.array_equal(again.encoded, rows) and again.guarantee == "unverified"


def test_an_audit_of_the_former_layout_is_read(tmp_path: Path) -> None:
    row = {"dataset": "toy", "delta": 1e-6, "claimed_epsilon": 1.0, "columns": 4, "rows": 40, "guarantee": "claimed"}
    row |= {"method": "dpdsyn_as_printed (x=1)", "attack": "door answers", "verdict": "violation"}
    (audits_folder(tmp_path) / "a").mkdir(parents=True)
    (audits_folder(tmp_path) / "a" / "result.json").write_text(json.dumps({"rows": [row]}))
    (audited,) = stored(tmp_path)
    (read,) = audited.rows
    assert (read["method"], read["attack"], read["guarantee"]) == ("dpdsyn_as_published (x=1)", "noisy answers", "unverified")


def test_an_experiment_that_was_only_reworded_has_the_hash_of_today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(former.EXPERIMENTS, "then", "now")
    assert former.experiment("then") == "now" and former.experiment("another") == "another"
