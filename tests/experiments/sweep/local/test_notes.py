"""What was noted of a sweep counts for as long as nothing that it depends on is another."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.records import record

from experiments.records.store import Store
from experiments.sweep.local.notes import MIRRORED, UNCHANGED, Notes, state_of_mlflow, state_of_records


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    made = Store(tmp_path)
    made.prepare()
    for run_id in ("a", "b"):
        made.write(record(run_id))
    (tmp_path / "runs" / "sweeps").mkdir()
    (tmp_path / "mlflow.db").write_text("a database")
    return made


def test_a_note_counts_until_a_record_or_the_file_is_another(store: Store) -> None:
    notes = Notes(store, "s")

    def state() -> list:
        return [state_of_mlflow(store), state_of_records(store, ["a", "b"])]

    assert not notes.holds(MIRRORED, state())
    notes.write(MIRRORED, state())
    notes.write(UNCHANGED, ["code"])
    assert Notes(store, "s").holds(MIRRORED, state()) and notes.holds(UNCHANGED, ["code"])
    assert not notes.holds(UNCHANGED, ["other code"]) and not Notes(store, "another").holds(MIRRORED, state())
    store.write(record("b", seed=7))
    assert not notes.holds(MIRRORED, state()) and notes.holds(UNCHANGED, ["code"])
    notes.write(MIRRORED, state())
    (store.results / "mlflow.db").write_text("a database, made anew")
    assert not notes.holds(MIRRORED, state())


def test_what_cannot_be_known_is_not_noted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert state_of_records(store, ["a", "c"]) is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert state_of_mlflow(store) is None
    notes = Notes(store, "s")
    notes.write(MIRRORED, None)
    assert not notes.holds(MIRRORED, None) and not list((store.results / "runs" / "sweeps").iterdir())
    damaged = store.results / "runs" / "sweeps" / "s.notes"
    damaged.write_text("[3")
    assert not notes.holds(MIRRORED, ["x"])
    Notes(Store(store.results / "nowhere"), "s").write(MIRRORED, ["x"])  # a folder that is not there stops nothing
