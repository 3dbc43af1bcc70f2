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


def silent(view):
    return None


def late(view):
    yield counted(view)
    raise KeyError("late")


def made(view, **changed):
    return Table(**{"title": "made", "columns": ["a", "b"], "rows": [["1", "2"]], "notes": [], **changed})


def broken_lines(view):
    return Table("two\\nlines", ["a|b", "c\\nd"], [["1\\n\\n2", "x|y"]], ["a note"], parts={0: "p|q\\nr"})


def huge(view):
    return Figure(figsize=(1e6, 1))


def elsewhere(view):
    return {"a/b": Figure(figsize=(1, 1))}


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


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rows": [["1", "2"], ["3", 4.5]]}, "row 2, column 'b' is 4.5; text is needed"),
        ({"rows": [[None, "2"]]}, "row 1, column 'a' is None; text is needed"),
        ({"rows": [["1", "2"], ["3"]]}, "row 2 has 1 cells, and the header 2; as many are needed"),
        ({"rows": ["12"]}, "row 1 is '12'; a list of text is needed"),
        ({"rows": None}, "rows is None; a list of lists of text is needed"),
        ({"columns": "ab"}, "columns is 'ab'; a list of text is needed"),
        ({"columns": ["a", 2]}, r"columns is \['a', 2\]; a list of text is needed"),
        ({"columns": ["a", "a"]}, "two columns are called 'a'; names that differ are needed"),
        ({"columns": [], "rows": []}, "it has no columns; at least one is needed"),
        ({"notes": "a note"}, "notes is 'a note'; a list of text is needed"),
    ],
)
def test_a_table_that_cannot_be_written_is_refused_with_its_function_and_the_place(
    tmp_path: Path, changed: dict, message: str
) -> None:
    with pytest.raises(InputError, match=rf"^the table made \(reported_by_me:made\), table 'made': {message}") as refused:
        own.write_tables(View.of(few()), [own.Own("table", "made", "reported_by_me:made", changed)], tmp_path / "out")
    assert "\n" not in str(refused.value) and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("kind", "function", "message"),
    [
        ("table", "silent", "gave None; a Table or a list of them is needed, an empty list for none"),
        ("table", "late", r"failed: KeyError: 'late' \(reported_by_me.py, line \d+, in late\)"),
        ("figure", "silent", "gave None; a figure of matplotlib, or a mapping of some by name, is needed"),
        ("figure", "wrong", "gave 'a text'; a figure of matplotlib, or a mapping of some by name, is needed"),
        ("figure", "broken", "failed: AttributeError: .*nosuch.* in broken"),
        ("figure", "huge", "failed: ValueError: Image size of"),
        ("figure", "elsewhere", "gave 'a/b'; the name of a figure is part of a file's, and has no slash"),
    ],
)
def test_what_is_none_of_its_kind_or_fails_on_the_way_is_told_as_one_s_own(
    tmp_path: Path, kind: str, function: str, message: str
) -> None:
    write = {"table": own.write_tables, "figure": own.write_figures}[kind]
    found = own.found(kind, None, [f"reported_by_me:{function}"])
    with pytest.raises(InputError, match=rf"^the {kind} {function} \(reported_by_me:{function}\) {message}"):
        write(View.of(few()), found, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_bars_and_line_breaks_end_no_cell(tmp_path: Path) -> None:
    found = own.found("table", None, ["reported_by_me:broken_lines"])
    text, _, tex = (path.read_text() for path in own.write_tables(View.of(few()), found, tmp_path / "out"))
    title, _, head, rule, part, row, _, note = text.splitlines()
    assert (title, note) == ("### two lines", "a note")
    assert [cell.strip() for cell in head.split(" | ")] == [r"| a\|b", "c<br>d |"] and set(rule) == set("| -")
    assert part.startswith(r"| *p\|q<br>r* ") and row.startswith("| 1<br><br>2 ") and r"x\|y" in row
    assert r"a\textbar{}b & c d \\" in tex and r"1  2 & x\textbar{}y \\" in tex


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
    assert main(["tables", "--also", "reported_by_me:silent"]) == 2
    assert capsys.readouterr().err.startswith("dpdsyn: the table silent (reported_by_me:silent) gave None; ")
    assert main(["figures", "--also", "reported_by_me:nosuch"]) == 2 and not (tmp_path / "results" / "figures").exists()


def test_a_package_brings_some(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    points = [EntryPoint("packaged", "reported_by_me:counted", "dpdsyn.tables")]
    monkeypatch.setattr(own, "entry_points", lambda group: [point for point in points if point.group == group])
    (found,) = own.found("table", None, [])
    assert found.name == "packaged" and found.of(View.of(few())).title == "runs" and own.found("figure", None, []) == []
