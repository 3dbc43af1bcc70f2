"""Runs that fail: what is kept of them, who can read it, and how to stop where they fail. Real commands, real processes."""

from __future__ import annotations

import errno
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from builders.configuration import composed
from builders.processes import command, process_environment
from builders.records import record
from hydra import initialize_config_dir

from experiments.configuration import config_dir
from experiments.records.record import Record
from experiments.records.store import Fit, Store, StoreError
from experiments.run import Run, execute
from experiments.sweep import supervisor, worker
from experiments.sweep.merge import merge
from experiments.sweep.output import Output
from experiments.sweep.supervisor import Supervisor

Dpdsyn = Callable[..., subprocess.CompletedProcess]
ONE = ("dataset=toy", "evaluation.evaluators=[logistic]")


def the_record(tmp_path: Path) -> Record:
    (record,) = Store(tmp_path / "results").all()
    return record


def test_an_error_keeps_its_traceback_and_what_was_printed(dpdsyn: Dpdsyn, tmp_path: Path) -> None:
    done = dpdsyn("run", *ONE, "synthesizer=mistaken")
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    failed = the_record(tmp_path)
    assert failed.status == "failed" and str(failed.error).startswith("ValueError: cannot reshape")
    assert failed.log == f"runs/logs/{failed.run_id}.txt"
    path = tmp_path / "results" / failed.log
    text = path.read_text()
    for part in ("toy mistaken epsilon=1 seed=0", failed.run_id, "about to reshape", "a child speaks", "Traceback"):
        assert part in text
    assert "toy_methods.py" in text and "in fit_and_sample" in text  # all of the stack
    assert path.stat().st_mode & 0o777 == 0o600
    shown = dpdsyn("status").stdout
    assert f"{failed.error} (in full: {path})" in shown
    assert "to stop where one of them fails: dpdsyn run --debug --config-dir " in shown and "synthesizer=mistaken" in shown


@pytest.mark.slow
def test_a_process_that_dies_or_is_killed_leaves_what_it_said_and_where_it_was(dpdsyn: Dpdsyn, tmp_path: Path) -> None:
    done = dpdsyn("run", "-m", *ONE, "synthesizer=crashing,slow,instant", "compute.timeout=15", "compute.workers=1")
    assert done.returncode == 1, done.stderr
    found = {record.method.name: record for record in Store(tmp_path / "results").all()}
    assert found["instant"].log is None
    texts = {name: (tmp_path / "results" / str(found[name].log)).read_text() for name in ("crashing", "slow")}
    assert "nothing can go wrong" in texts["crashing"] and "Segmentation fault" in texts["crashing"]
    assert "this may take a while" in texts["slow"]
    for text in texts.values():
        assert 'toy_methods.py", line' in text and " in fit\n" in text
    assert "nothing can go wrong" not in texts["slow"]  # one run's words are not another's
    (tmp_path / "enough").touch()
    again = dpdsyn("run", "-m", *ONE, "synthesizer=slow", "compute.timeout=16")
    assert again.returncode == 0, again.stderr
    assert not (tmp_path / "results" / str(found["slow"].log)).exists()  # it has ended well by now
    assert (tmp_path / "results" / str(found["crashing"].log)).exists()


def test_the_end_of_much_output_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    output = Output()
    os.write(output.descriptor, b"of an earlier run")
    output.begin()
    os.write(output.descriptor, b"x" * 2**20 + b"\xff the end")
    assert output.text() == "[the first 9 bytes are left out]\n" + "x" * (2**20 - 9) + "\ufffd the end"
    output.begin()
    assert output.text() == ""
    os.write(output.descriptor, b"short")
    assert output.text() == "short"
    output.close()


def test_logs_go_with_their_records(tmp_path: Path) -> None:
    here, there = Store(tmp_path / "here"), Store(tmp_path / "there")
    there.prepare()
    log = there.write_log("a", "why")
    there.write(record("a", status="failed", error="x", log=log))
    merge(here, [there.results], print)
    assert (here.results / log).read_text() == "why" and (here.results / log).stat().st_mode & 0o777 == 0o600
    here.write(record("a"))
    assert not (here.results / log).exists() and (there.results / log).exists()


def test_debugging_does_the_run_here_and_records_nothing(dpdsyn: Dpdsyn, tmp_path: Path) -> None:
    failed = dpdsyn("run", "--debug", *ONE, "synthesizer=mistaken")
    assert failed.returncode == 1 and "about to reshape" in failed.stdout
    assert "no record is written" in failed.stderr and "ValueError: cannot reshape" in failed.stderr
    assert 'toy_methods.py", line' in failed.stderr and "- fit" in failed.stderr
    ended = dpdsyn("run", *ONE, "synthesizer=instant", "--debug")
    assert ended.returncode == 0 and "toy instant epsilon=1 seed=0: ok, accuracy 0." in ended.stderr, ended.stderr
    assert not (tmp_path / "results").exists()
    for arguments, said in (
        (("-m", *ONE, "synthesizer=instant"), "leave -m out"),
        ((*ONE, "synthesizer=instant", "seed=1,2"), "this command names 2"),
    ):
        refused = dpdsyn("run", "--debug", *arguments)
        assert refused.returncode == 2 and said in refused.stderr and refused.stderr.count("\n") == 1, refused.stderr


def test_debugging_shows_where_a_run_hangs_or_takes_its_interpreter_down(dpdsyn: Dpdsyn, toy_world: Path, tmp_path: Path) -> None:
    crashed = dpdsyn("run", "--debug", *ONE, "synthesizer=crashing")
    assert crashed.returncode == -signal.SIGSEGV and 'toy_methods.py", line' in crashed.stderr, crashed.stderr
    process = subprocess.Popen(
        command(toy_world, "run", "--debug", *ONE, "synthesizer=slow"),
        cwd=tmp_path,
        env=process_environment(toy_world, tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    assert process.stdout is not None
    while "this may take a while" not in (line := process.stdout.readline()):
        assert line, "it ended before"
    process.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in (told := process.communicate(timeout=60)[1]) and 'toy_methods.py", line' in told
    assert process.returncode == 1


def test_debugging_at_a_terminal_stops_where_the_run_fails(toy_world: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(toy_world, "run", "--debug", *ONE, "synthesizer=mistaken"),
        cwd=tmp_path,
        env=process_environment(toy_world, tmp_path),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        assert "cannot reshape" in _until(ours, b"(Pdb) ")
        os.write(ours, b"p private.schema.target\n")
        assert "'ill'" in _until(ours, b"(Pdb) ")
        os.write(ours, b"q\n")
        assert process.wait(30) == 1
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _until(terminal: int, prompt: bytes, seconds: float = 90) -> str:
    seen, deadline = b"", time.monotonic() + seconds
    while prompt not in seen:
        assert time.monotonic() < deadline, seen
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 1 << 16)
    return seen.decode()


def test_a_process_that_is_killed_from_outside_gets_another_try(dpdsyn: Dpdsyn, tmp_path: Path) -> None:
    call = ("run", "dataset=toy", "synthesizer=shot", "evaluation.evaluators=[logistic]")
    (tmp_path / "shots").write_text("1")
    once = dpdsyn(*call, "seed=0")
    assert once.returncode == 0 and "0 not ok" in once.stderr, once.stderr
    (tmp_path / "shots").write_text("2")
    twice = dpdsyn(*call, "seed=1")
    assert twice.returncode == 1 and "the process ended by SIGKILL" in twice.stderr + twice.stdout, twice.stderr
    assert (tmp_path / "shots").read_text() == "0"


def test_a_process_that_does_not_start_is_tried_again_and_is_no_timeout_of_the_method(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    slow = [sys.executable, "-c", "import time; time.sleep(60)"]
    real = worker.command

    def first_slow(answers: int, cores: list[int]) -> list[str]:
        started.append(slow if len(started) < slow_starts else real(answers, cores))
        return started[-1]

    monkeypatch.setattr(worker, "command", first_slow)
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = composed(
            "dataset=simulated", "dataset.generator.rows=300", "synthesizer=independent", "evaluation.evaluators=[logistic]"
        )
    run, store = Run.of(config), Store(tmp_path)
    store.prepare()
    own = Supervisor()
    try:
        monkeypatch.setattr(supervisor, "_START", 0.5)
        slow_starts = 2
        record = own.execute(run, config, tmp_path, lambda phase: None)
        assert record.status == "failed" and record.failed and len(started) == 2 and record.seconds.limit is None
        assert "its process did not start within 0.5 s, which says nothing of the method" in str(record.error)
        monkeypatch.setattr(supervisor, "_START", 60.0)
        assert own.execute(run, config, tmp_path, lambda phase: None).status == "ok"
    finally:
        own.stop()


def test_rows_that_cannot_be_cached_leave_their_record(tmp_path: Path) -> None:
    heard: list[str] = []

    class Full(Store):
        def write_fit(self, fit_id: str, fit: Fit) -> None:
            raise StoreError("no space left")

    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = composed("dataset=simulated", "dataset.generator.rows=300", "synthesizer=uniform", "seed=0")
    record = execute(Run.of(config), Full(tmp_path), say=heard.append)
    assert record.status == "ok" and any("not cached (no space left)" in line for line in heard)


def test_nothing_is_computed_where_no_record_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StoreError, match="No space left on device"):
        Store(tmp_path).prepare()
    assert not list((tmp_path / "runs").rglob(".writable*"))
