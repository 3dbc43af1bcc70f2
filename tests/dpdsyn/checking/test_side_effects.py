"""What is told, written and left while something is watched, and that watching leaves nothing itself."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from dpdsyn.candidates import Independent
from dpdsyn.checking.content import Content
from dpdsyn.checking.side_effects import left_behind, outside, watched
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
    def found(**leaves: object) -> Content:
        return Content({name.replace("__", "."): leaf for name, leaf in leaves.items()})

    before = found(a__x=1, a__f__cached=3)
    assert left_behind(before, found(a__x=1, a__f__cached=4, b__y=2)) is None
    assert left_behind(before, found(a__x=2, a__f__cached=3)) == "a.x is 1 and 2"
    assert left_behind(before, found(a__x=1, a__f__cached=3, a__z=1)) == "a.z is not always there"


def test_looking_twice_at_what_lies_outside_shows_no_difference() -> None:
    assert outside(Independent()).difference(outside(Independent())) is None
