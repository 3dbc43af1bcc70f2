"""Locks on runs and on processors, held by real processes that are killed."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from experiments.cli.main import main
from experiments.sweep import locks, sweep
from experiments.sweep.locks import Lock, held, locked
from experiments.sweep.processors import Processors
from experiments.sweep.request import inspect_request


def hold(folder: Path, ready: object, end: object) -> None:
    with locked(folder, "run", {"name": "elsewhere"}) as lock:
        assert lock is not None
        lock.note_phase("fit")
        ready.set()  # type: ignore[attr-defined]
        end.wait()  # type: ignore[attr-defined]


def count(folder: Path, times: int) -> None:
    for _ in range(times):
        lock = Lock(folder / "lock")
        lock.take(wait=True)
        number = int((folder / "number").read_text())
        (folder / "number").write_text(str(number + 1))
        lock.release()


def test_a_run_is_locked_by_one_until_it_dies(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, end = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path, ready, end))
    other.start()
    assert ready.wait(60)
    with locked(tmp_path, "run", {}) as lock:
        assert lock is None
    with locked(tmp_path, "another", {"name": "mine"}) as lock:
        assert lock is not None
        assert {name: about["name"] for name, about in held(tmp_path).items()} == {"another": "mine", "run": "elsewhere"}
    (about,) = held(tmp_path).values()
    assert about["phase"] == "fit" and about["pid"] == other.pid
    os.kill(other.pid or 0, signal.SIGKILL)
    other.join()
    assert (tmp_path / "run").exists() and held(tmp_path) == {}
    with locked(tmp_path, "run", {}) as lock:
        assert lock is not None
    assert list(tmp_path.iterdir()) == []


def test_a_lock_whose_file_is_deleted_is_never_held_by_two(tmp_path: Path) -> None:
    (tmp_path / "number").write_text("0")
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=count, args=(tmp_path, 300)) for _ in range(3)]
    for other in others:
        other.start()
    for other in others:
        other.join(60)
    assert (tmp_path / "number").read_text() == "900"


def test_processors_are_shared_out_and_a_run_alone_keeps_others_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("experiments.sweep.processors._usable", lambda: [3, 5, 7])
    one, two = Processors(2, alone=False), Processors(1, alone=False)
    assert (one.cores, two.cores) == ([3, 5], [7])
    assert Processors(1, alone=False).cores == []  # none is free: the operating system places it
    with pytest.raises(RuntimeError, match="other runs go on on this machine"):
        Processors(1, alone=True)
    one.release()
    assert Processors(1, alone=False).cores == [3]
    with pytest.raises(
        RuntimeError, match=r"^compute.threads is 4, and runs have 3 processors here; a whole number from 1 to 3 is"
    ):
        Processors(4, alone=False)
    assert Processors(3, alone=False).cores == [], "two of them are held"


@pytest.mark.parametrize("command", ["run", "run --debug", "audit -m"])
def test_more_threads_than_processors_are_refused_before_a_run_that_might_never_end(
    command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DPDSYN_RESULTS", str(tmp_path / "results"))
    monkeypatch.setattr("experiments.sweep.processors._usable", lambda: [0, 1])
    assert main([*command.split(), "dataset=simulated", "synthesizer=uniform", "compute.threads=3"]) == 2
    told = "dpdsyn: compute.threads is 3, and runs have 2 processors here; a whole number from 1 to 2 is needed"
    assert told in capsys.readouterr().err.splitlines() and not list((tmp_path / "results").rglob("records/*.json"))


def test_a_file_system_that_grants_every_lock_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert locks.exclude(tmp_path) and not list(tmp_path.iterdir())
    monkeypatch.setattr(locks.fcntl, "flock", lambda *_: None)
    assert not locks.exclude(tmp_path)

    def without(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(locks.fcntl, "flock", without)
    assert not locks.exclude(tmp_path) and not list(tmp_path.iterdir())


def test_a_sweep_says_that_locks_do_not_hold_and_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said: list[str] = []
    monkeypatch.setenv("DPDSYN_RESULTS", str(tmp_path / "results"))
    monkeypatch.setattr(locks, "exclude", lambda folder: False)
    monkeypatch.setattr(sweep, "say", said.append)
    sizes = ("dataset.generator.rows=200", "dataset.generator.test_rows=200")
    made = sweep.sweep(inspect_request(["dataset=simulated", *sizes, "synthesizer=uniform", "evaluation.evaluators=[logistic]"]))
    assert [record.status for record in made.records()] == ["ok"]
    assert any("locks do not hold" in text and "one sweep at a time" in text for text in said)
