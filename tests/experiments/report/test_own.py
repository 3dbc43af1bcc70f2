"""Tables and figures of one's own are named by configuration, written beside ours, and a broken one stops no other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from builders.records import few

from dpdsyn.base.checks import InputError
from experiments.cli.main import main
from experiments.records.store import Store
from experiments.report import own
from experiments.report.grouped import View
from experiments.report.tables.all import BUILDERS

OWN = """\
from matplotlib.figure import Figure

from experiments.report.tables.table import Table


def counted(view, title="runs"):
    return Table(title, ["method", "runs"], [[str(group.method), str(len(group.runs))] for group in view.groups], [])


def nothing(view):
    return []


def broken(view):
    return view.nosuch


def wrong(view):
    return "a text"


def drawn(view, several=False):
    figure = Figure(figsize=(1, 1))
    figure.add_subplot().plot([len(view.records)], [1], "o")
    return {"a": figure, "b": figure} if several else figure
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration of one's own, beside a module of that name."""
    (tmp_path / "reported_by_me.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(os.environ, "DPDSYN_RESULTS", str(tmp_path / "results"))
    for kind, name, text in (
        ("table", "mine", "_target_: reported_by_me.counted\ntitle: Mine\n"),
        ("figure", "dots", "_target_: reported_by_me:drawn\nseveral: true\n"),
    ):
        (tmp_path / "conf" / kind).mkdir(parents=True)
        (tmp_path / "conf" / kind / f"{name}.yaml").write_text(text)
    return tmp_path / "conf"


def test_a_table_by_a_file_and_one_on_the_command_line(folder: Path, tmp_path: Path) -> None:
    found = own.found("table", folder, ["reported_by_me:nothing"], tuple(BUILDERS))
    assert [(one.name, dict(one.parameters)) for one in found] == [("mine", {"title": "Mine"}), ("nothing", {})]
    paths = own.write_tables(View.of(few()), found, tmp_path / "out" / "own")
    assert [path.name for path in paths] == ["mine.md", "mine.csv", "mine.tex"]
    assert paths[0].read_text().startswith("### Mine\n\n| method") and "| dpdsyn" in paths[0].read_text()


def test_figures_are_written_as_both_and_the_same_twice(folder: Path, tmp_path: Path) -> None:
    found = own.found("figure", folder, ["reported_by_me:drawn"])
    first = {path.name: path.read_bytes() for path in own.write_figures(View.of(few()), found, tmp_path / "figures")}
    assert sorted(first) == ["dots_a.png", "dots_a.svg", "dots_b.png", "dots_b.svg", "drawn.png", "drawn.svg"]
    again = {path.name: path.read_bytes() for path in own.write_figures(View.of(few()), found, tmp_path / "figures")}
    assert again == first and first["drawn.svg"].startswith(b"<?xml") and first["drawn.png"].startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("kind", "file", "also", "message"),
    [
        ("table", None, ["reported_by_me:nosuch"], "cannot load 'reported_by_me:nosuch'"),
        (
            "table",
            "_target_: reported_by_me.counted\ntitel: Mine\n",
            [],
            "has to be a function of the view and its parameters .*titel",
        ),
        ("table", "title: Mine\n", [], "mine.yaml: it needs _target_: module.function"),
        ("table", "[1]\n", [], "keys with values are needed"),
        ("figure", None, ["reported_by_me:drawn", "os:drawn"], "cannot load 'os:drawn'"),
    ],
)
def test_what_cannot_be_found_is_refused_in_a_line(
    folder: Path, kind: str, file: str | None, also: list[str], message: str
) -> None:
    if file is not None:
        (folder / kind / "mine.yaml").write_text(file)
    with pytest.raises(InputError, match=message) as refused:
        own.found(kind, folder, also)
    assert "\n" not in str(refused.value)


def test_names_of_ours_are_taken(folder: Path) -> None:
    (folder / "table" / "accuracy.yaml").write_text("_target_: reported_by_me.counted\n")
    with pytest.raises(InputError, match="a table cannot be called 'accuracy'"):
        own.found("table", folder, [], tuple(BUILDERS))


def test_one_that_fails_is_told_with_its_place_after_the_others_are_written(tmp_path: Path) -> None:
    found = own.found("table", None, ["reported_by_me:broken", "reported_by_me:wrong", "reported_by_me:counted"])
    with pytest.raises(
        InputError, match=r"the table broken .* failed: AttributeError: .*nosuch.* \(reported_by_me.py, line \d+, in broken\)"
    ):
        own.write_tables(View.of(few()), found, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["counted.csv", "counted.md", "counted.tex"]
    with pytest.raises(InputError, match="gave 'a text'; a Table or a list of them is needed"):
        own.write_tables(View.of(few()), found[1:2], tmp_path / "out")


def test_the_commands_write_them_beside_ours_and_only_when_asked(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    store = Store(tmp_path / "results")
    store.prepare()
    for record in few()[:3]:
        store.write(record)
    assert main(["tables"]) == 0 and not (tmp_path / "results" / "tables" / "own").exists()
    assert main(["tables", "--config-dir", str(folder)]) == 0
    assert (tmp_path / "results" / "tables" / "own" / "mine.md").is_file() and "own/mine.md" in capsys.readouterr().out
    assert main(["figures", "--also", "reported_by_me:nosuch"]) == 2 and not (tmp_path / "results" / "figures").exists()


def test_a_package_brings_some(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    points = [EntryPoint("packaged", "reported_by_me:counted", "dpdsyn.tables")]
    monkeypatch.setattr(own, "entry_points", lambda group: [point for point in points if point.group == group])
    (found,) = own.found("table", None, [])
    assert found.name == "packaged" and found.of(View.of(few())).title == "runs" and own.found("figure", None, []) == []
