"""A spoilt record is named and left out, and a folder that cannot be written is refused in a line: neither stops a table."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders.records import changed, few

from dpdsyn.base.files import FileError
from experiments.cli.main import main
from experiments.records.audits import write_audits
from experiments.records.export import read_export, write_export
from experiments.records.record import Record
from experiments.records.store import Store
from experiments.report.figures import sheets
from experiments.report.grouped import View
from experiments.report.html import page, sections
from experiments.report.html.leaderboard import leaderboard
from experiments.report.summary import summaries
from experiments.report.tables import all as tables
from experiments.report.tables import runs

WRONG: tuple[Any, ...] = ("many", -3, 1.5, True, [], ["x"], {}, {"x": "y"}, 1e400)


def whole() -> dict[str, Any]:
    """A record in which every part says something."""
    ledger = [{"mechanism": "Gaussian", "label": "answers", "count": 2, "noise_multiplier": 3.0}]
    made = changed(
        few()[2],
        privacy={"epsilon": 1.0, "delta": 1e-6, "spent": 0.9, "unit": "row", "ledger": ledger},
        dataset={"name": "toy", "n_train": 9, "n_test": 3, "caution": "mind", "leak": 0.5, "floor": {"accuracy": 0.5}},
        method={"name": "mine", "version": 1, "guarantee": "dp", "parameters": {"a": 1}, "about": {"role": "method"}},
        environment={"commit": "abc", "cpu": "x", "cores": 2, "packages": {"numpy": "2"}, "threads": 1},
        experiment={"name": "quickstart", "sha256": "abc"},
        peak_memory_mb=9.0,
        positive_rate=0.5,
        run_id="spoilt",
    )
    return json.loads(made.to_json())


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside, those that hold others included."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, other in inner:
        yield from leaves(other, (*path, key))


def spoilt(path: tuple[Any, ...], value: Any) -> str:
    made = whole()
    place: Any = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(made)


def test_whatever_is_read_as_a_record_can_be_shown() -> None:
    read = refused = 0
    for place, path in enumerate(leaves(whole())):
        kept = []
        for number, value in enumerate(WRONG[place % 3 :: 3]):
            try:
                kept.append(changed(Record.from_json(spoilt(path, value)), run_id=f"s{number}", seed=number))
            except ValueError:
                refused += 1
        read += len(kept)
        for record in kept:
            view = View.of([few()[0], record])
            assert leaderboard(summaries(view.plain), {}) and runs.build(view) and sections.made(view.records), path
    assert read > 10 and refused > 100


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("metrics", "logistic", "accuracy"), "high"),
        (("privacy", "ledger", 0, "mechanism"), None),
        (("privacy", "epsilon"), 0),
        (("dataset", "n_test"), -5),
        (("seconds", "total"), -1),
        (("method", "about", "role"), "king"),
    ],
)
def test_a_spoilt_record_is_set_aside_or_left_out_and_named(
    path: tuple[Any, ...], value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    write_export(tmp_path, few())
    with (tmp_path / "records.jsonl").open("a") as file:
        file.write(spoilt(path, value) + "\n")
    said: list[str] = []
    assert len(read_export(tmp_path, said.append)) == len(few())
    assert f"records.jsonl, line {len(few()) + 1}: " in said[0] and "left out" in said[0] and "1 of 29" in said[1]
    with pytest.raises(ValueError, match=f"line {len(few()) + 1}"):
        read_export(tmp_path)
    store = Store(tmp_path)
    store.prepare()
    for record in few():
        store.write(record)
    (store.records / "spoilt.json").write_text(spoilt(path, value))
    monkeypatch.setenv("DPDSYN_RESULTS", str(tmp_path))
    assert main(["records"]) == 0
    assert "spoilt.json is not a record" in capsys.readouterr().err and (store.records / "spoilt.unreadable").exists()


def refuse(*_: object, **__: object) -> None:
    raise OSError(errno.EROFS, "Read-only file system")


def test_a_folder_that_cannot_be_written_is_refused_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    write_export(tmp_path, few())
    store = Store(tmp_path)
    store.prepare()
    store.write(few()[0])
    (store.records / "spoilt.json").write_text("{}")
    monkeypatch.setenv("DPDSYN_RESULTS", str(tmp_path))
    for name in ("mkdir", "unlink", "replace", "write_bytes", "touch"):
        monkeypatch.setattr(Path, name, refuse)
    for command in ("tables", "figures", "report", "export"):
        assert main([command]) == 2, command
        told = capsys.readouterr().err.splitlines()
        assert told[-1].startswith("dpdsyn: cannot ") and "Read-only file system" in told[-1] and len(told) == 2
        assert "left out, and cannot be set aside" in told[0]
    with pytest.raises(FileError):
        write_audits(tmp_path, [])
    for write in (tables.write, sheets.write, page.write):
        with pytest.raises(FileError, match="Read-only"):
            write(View.of(few()), tmp_path / "new")
