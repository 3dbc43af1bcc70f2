"""What is told, written and left while something is watched, and that watching leaves nothing itself."""

from __future__ import annotations

import atexit
import contextvars
import gc
import importlib
import json
import logging
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import types
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dpdsyn.candidates import Independent
from dpdsyn.checking.content import Content, content
from dpdsyn.checking.outside import left_behind, outside
from dpdsyn.checking.side_effects import _written, watched
from dpdsyn.synthesizer import Synthesizer


def test_everything_that_is_told_is_noted(capsys: pytest.CaptureFixture[str]) -> None:
    with watched() as told:
        Independent().report("one line")
        print("to one stream")  # noqa: T201
        print("to the other", file=sys.stderr)  # noqa: T201
        logging.getLogger("some").error("%s happened", "this")
        warnings.warn("look", DeprecationWarning, stacklevel=1)
        raise KeyError("what was sought")
    assert told.reported == ["one line"] and told.logged == ["some ERROR: this happened"]
    assert "to one stream\nto the other\n" in told.printed and told.warned == ["DeprecationWarning: look"]
    assert told.words()["raised"] == "KeyError: 'what was sought'\n"
    Independent().report("not heard")
    assert told.reported == ["one line"] and "stream" not in capsys.readouterr().out


def test_an_exit_is_not_kept_back() -> None:
    report = Synthesizer.report
    with pytest.raises(KeyboardInterrupt), watched():
        raise KeyboardInterrupt
    assert Synthesizer.report is report


def test_files_processes_and_connections_are_noted_and_reading_is_not(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("before")
    with watched() as told:
        (tmp_path / "there").read_text()
        assert told.left == []
        with watched() as inner:
            (tmp_path / "new").write_text("x")
        with (tmp_path / "there").open("a") as file:
            file.write("more")
        (tmp_path / "folder").mkdir()
        subprocess.run([sys.executable, "-c", ""], check=True)
        with socket.socket() as connection, pytest.raises(OSError):
            connection.connect(("127.0.0.1", 1))
    assert inner.left == [f"wrote {tmp_path / 'new'}"]
    assert told.left[0] == f"wrote {tmp_path / 'there'}" and told.left[1].startswith("called os.mkdir")
    assert any("subprocess.Popen" in line for line in told.left) and "socket.connect" in told.left[-1]
    (tmp_path / "later").write_text("x")
    assert "later" not in " ".join(told.left)


def test_a_process_that_is_forked_is_noted() -> None:
    with watched() as told:
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
    assert told.left == ["called os.fork()"]


def test_what_an_import_writes_is_no_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "writes_when_imported.py").write_text(f"open({str(tmp_path / 'x')!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with watched() as told:
        import writes_when_imported  # type: ignore[import-not-found]  # noqa: F401
    assert told.left == [] and (tmp_path / "x").exists()


def test_modules_and_caches_may_grow_and_nothing_else() -> None:
    before = {"a.x": 1, "a.f.(cache)": 3}

    def left(changed: dict[str, object]) -> str | None:
        return left_behind(Content(before), Content(before | changed))

    assert left({"a.f.(cache)": 4, "b.y": 2}) is None
    assert left({"a.x": 2}) == "a.x is 1 and 2"
    assert left({"a.z": 1}) == "a.z is not always there"


@pytest.mark.parametrize("way", ["models.cached_rows", "f.cached", "context_trees.x", "settings_of_mine.x", "modules_x.y"])
def test_no_name_of_a_user_s_own_is_taken_for_a_cache_or_a_setting(way: str) -> None:
    assert left_behind(Content({way: 1}), Content({way: 2})) == f"{way} is 1 and 2"
    assert left_behind(Content({way: "x"}), Content({way: "in .(cache)"})) is not None


def test_top_level_modules_in_the_folder_of_a_method_s_file_are_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "method_with_helpers.py").write_text("import its_helper\nclass Method:\n    pass\n")
    (tmp_path / "its_helper.py").write_text("seen = []\n")
    (tmp_path / "its_package").mkdir()
    (tmp_path / "its_package" / "__init__.py").write_text("kept = {}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    names = ("method_with_helpers", "its_helper", "its_package")
    method, helper, package = map(importlib.import_module, names)
    before = outside(method.Method())
    helper.seen.append(4)
    assert (left_behind(before, outside(method.Method())) or "").startswith("its_helper.seen is ")
    helper.seen.clear()
    package.kept["rows"] = 4
    assert (left_behind(before, outside(method.Method())) or "").startswith("its_package.kept is ")
    for name in names:
        del sys.modules[name]


def test_what_goes_to_the_streams_past_python_is_noted(capfd: pytest.CaptureFixture[str]) -> None:
    with watched() as told:
        os.write(2, b"three\n")
        print("one", file=sys.__stdout__)
        print("two")  # noqa: T201
    assert sorted(told.printed.split()) == ["one", "three", "two"] and told.left == []
    assert capfd.readouterr() == ("", "")
    os.write(1, b"not heard")
    assert capfd.readouterr().out == "not heard"


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="this system does not say how much a process has written")
def test_that_compiled_code_writes_to_a_disk_is_noted(tmp_path: Path) -> None:
    before = _written()
    (tmp_path / "probe").write_bytes(bytes(9000))
    if _written() == before:
        pytest.skip("what is written here is in no disk's count")
    for hides in (lambda: None, lambda: logging.getLogger("planted").info("round 1"), lambda: os.write(1, b"round 1")):
        with watched() as told:
            hides()
            torch.save(torch.zeros(9), str(tmp_path / "some.pt"))
        assert told.left == ["wrote to a disk past Python"]
    with watched() as told:
        os.write(2, bytes(9000))
    assert told.left == []
    handler = logging.FileHandler(tmp_path / "log")
    logging.getLogger("planted").addHandler(handler)
    with watched() as told:
        logging.getLogger("planted").warning("!" * 9000)
    logging.getLogger("planted").removeHandler(handler)
    handler.close()
    assert told.left == [] and len(told.logged) == 1
    read, write = os.pipe()
    with watched() as told:
        os.write(write, b"woken")
    assert told.left == []
    os.close(read)
    os.close(write)


def test_changes_on_disk_databases_and_threads_are_noted(tmp_path: Path) -> None:
    go = threading.Event()
    with watched() as told:
        (tmp_path / "a").touch()
    assert told.left[-1] == f"wrote {tmp_path / 'a'}"
    with watched() as told:
        os.utime(tmp_path / "a", (1, 1))
    assert told.left[0].startswith("called os.utime")
    with watched() as told:
        sqlite3.connect(tmp_path / "b").close()
    assert told.left[0].startswith("called sqlite3.connect")
    with watched() as told:
        thread = threading.Thread(target=go.wait, name="late")
        thread.start()
    assert told.left == ["left a thread running, late"]
    go.set()
    thread.join()


def test_what_another_thread_does_is_not_what_is_watched(tmp_path: Path) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def write() -> None:
        while not may_end.is_set():
            (tmp_path / "of another thread").write_text("x" * 9000)
            begun.set()

    thread = threading.Thread(target=write)
    thread.start()
    begun.wait()
    with watched() as told:
        begun.clear()
        assert begun.wait(9)
    with watched() as own:
        (tmp_path / "own").write_text("x")
    may_end.set()
    thread.join()
    assert told.left == [] and own.left == [f"wrote {tmp_path / 'own'}"]
    with watched() as told:
        (late := threading.Thread(target=(tmp_path / "late").touch)).start()
        late.join()
    assert f"wrote {tmp_path / 'late'}" in told.left


def test_what_is_to_be_called_later_is_noted() -> None:
    things: list[Any] = []
    for rows in (3, 4):
        kept = types.ModuleType("kept")
        with watched() as told:
            weakref.finalize(kept, list, [rows])
        things.append(content(told.words()))
        del kept
    assert things[0].difference(things[1]) == "later[0][1][0][0] is 3 and 4"


def test_logs_are_heard_that_nobody_has_asked_for() -> None:
    level = logging.root.level
    with watched() as told:
        logging.getLogger("planted").info("%d rows", 3)
        logging.getLogger("planted").warning("look", extra={"rows": 3})
    assert told.logged == ["planted INFO: 3 rows", "planted WARNING: look {'rows': 3}"] and logging.root.level == level


def raised_from(rows: int) -> None:
    raise ValueError("no more") from KeyError(rows)


def raised_with(rows: int) -> None:
    error = ValueError("no more")
    error.rows = rows  # type: ignore[attr-defined]
    raise error


def raised_elsewhere(rows: int) -> None:
    if rows == 3:
        raise ValueError("no more")
    raise ValueError("no more")


def ended(rows: int) -> None:
    sys.exit(rows)


def warned_elsewhere(rows: int) -> None:
    warnings.warn_explicit("look", UserWarning, "a file", rows)


@pytest.mark.parametrize("does", [raised_from, raised_with, raised_elsewhere, ended, warned_elsewhere])
def test_exceptions_exits_and_warnings_are_told_apart_by_more_than_their_words(does: Callable[[int], None]) -> None:
    found = []
    for rows in (3, 3, 4):
        with watched() as told:
            does(rows)
        found.append(content(told.words()))
    assert found[0].difference(found[1]) is None and found[0].difference(found[2]) is not None


def module_of(rows: int) -> types.ModuleType:
    found = types.ModuleType("planted")
    found.rows = rows  # type: ignore[attr-defined]
    return found


VARIABLE: contextvars.ContextVar[int] = contextvars.ContextVar("planted", default=0)


@pytest.mark.parametrize(
    ("put", "where"),
    [
        (lambda: json.__dict__.update(planted=4), "(modules).json.planted is "),
        (lambda: json.__dict__.update(planted={"rows": 4}), "(modules).json.planted is "),
        (lambda: sys.modules.update(planted=module_of(4)), "(modules).planted.rows is not always there"),
        (lambda: VARIABLE.set(4), "(context)['planted']"),
        (lambda: atexit.register(int), "(atexit) is "),
        (lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 1), "(settings)['recursion']"),
        (lambda: signal.signal(signal.SIGUSR1, lambda *_: None), f"(settings)['signals'][{int(signal.SIGUSR1)}]"),
        (lambda: logging.getLogger("planted").setLevel(4), "(settings)['logging']"),
        (lambda: os.chdir("/"), "(settings)['folder']"),
        (lambda: torch.set_default_dtype(torch.float64), "(settings)['torch']"),
    ],
)
def test_what_is_put_into_the_process_is_seen(put: Callable[[], Any], where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path.cwd())
    before, kind, limit, signalled = outside(Independent()), torch.get_default_dtype(), sys.getrecursionlimit(), signal.SIGUSR1
    handler = signal.getsignal(signalled)
    try:
        put()
        assert where in (before.difference(outside(Independent())) or "")
    finally:
        torch.set_default_dtype(kind)
        sys.setrecursionlimit(limit)
        signal.signal(signalled, handler)
        atexit.unregister(int)
        VARIABLE.set(0)
        logging.getLogger("planted").setLevel(logging.NOTSET)
        json.__dict__.pop("planted", None)
        sys.modules.pop("planted", None)


def test_looking_twice_at_what_lies_outside_shows_no_difference() -> None:
    assert outside(Independent()).difference(outside(Independent())) is None


def test_a_clock_that_another_package_sets_when_memory_is_collected_is_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    ticking = types.ModuleType("ticking")
    ticking.__dict__.update(at=0, rows=80)
    monkeypatch.setitem(sys.modules, "ticking", ticking)
    gc.callbacks.append(tick := lambda *_: ticking.__dict__.update(at=ticking.at + 1))
    try:
        before = outside(Independent())
        gc.collect(0)
        assert before.difference(outside(Independent())) is None
        ticking.rows = 81
        assert "(modules).ticking.rows" in (before.difference(outside(Independent())) or "")
    finally:
        gc.callbacks.remove(tick)
