"""Files that are to be kept are not written over, whatever name they go by; what cannot be written is said beforehand."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from dpdsyn.base.checks import InputError
from dpdsyn.base.files import FileError, free_names, put, refuse_equal, refuse_over, refuse_unwritable

NAMES: dict[str, Callable[[Path], Path]] = {
    "itself": lambda own: own,
    "with dots": lambda own: own.parent / "sub" / ".." / own.name,
    "relative": lambda own: Path(os.path.relpath(own)),
    "a symbolic link": lambda own: linked(own, os.symlink),
    "a hard link": lambda own: linked(own, os.link),
    "through a linked folder": lambda own: own.parent / "here" / own.name,
}


def linked(own: Path, link: Callable[[Path, Path], None]) -> Path:
    other = own.parent / f"other {own.name}"
    link(own, other)
    return other


@pytest.mark.parametrize("way", NAMES)
def test_a_file_is_known_by_device_and_inode(way: str, tmp_path: Path) -> None:
    own, schema = tmp_path / "people.csv", tmp_path / "people.yaml"
    (tmp_path / "sub").mkdir()
    (tmp_path / "here").symlink_to(tmp_path)
    for path in (own, schema):
        path.write_text("x")
    for name, path in (("the private table", own), ("the schema", schema)):
        written = NAMES[way](path)
        for label in ("--output", "the statement"):
            with pytest.raises(InputError, match=f"^{label} .* is {name} itself; give another name$"):
                refuse_over(
                    [(label, tmp_path / "absent"), (label, written), (label, tmp_path / "new")],
                    {"the private table": own, "the schema": schema},
                )
    refuse_over([("--output", tmp_path / "sub" / "new.csv")], {"the private table": own, "absent": tmp_path / "absent"})
    (tmp_path / "copy.csv").write_text("x")
    refuse_over([("--output", tmp_path / "copy.csv")], {"the private table": own})


def test_what_cannot_be_written_is_said_before_anything_is_spent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_unwritable(tmp_path / "new.csv")
    with pytest.raises(InputError, match="is a folder; the name of a file is needed"):
        refuse_unwritable(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(InputError, match="nothing can be written to"):
        refuse_unwritable(tmp_path / "new.csv")


@pytest.mark.parametrize("way", ["a.parquet", "new.csv", "deep/new.csv", "../here/new.csv", "../pointed.csv", "out.csv"])
def test_whatever_lies_in_a_folder_that_is_kept_is_a_part_of_it(way: str, tmp_path: Path) -> None:
    table = tmp_path / "parts"
    (table / "deep").mkdir(parents=True)
    (table / "a.parquet").write_text("x")
    (tmp_path / "here").symlink_to(table)
    (tmp_path / "pointed.csv").symlink_to(table / "b.csv")
    (table / "out.csv").symlink_to(tmp_path / "out.csv")
    for folder in (table, tmp_path / "here"):
        with pytest.raises(
            InputError, match=r"^--output .* lies in the folder .*, which is the private table; give a name outside"
        ):
            refuse_over(iter([("--output", table / way)]), {"the schema": tmp_path / "absent", "the private table": folder})
        refuse_over([("--output", tmp_path / "parts.csv"), ("--output", tmp_path / "nowhere" / "x")], {"the table": folder})


def test_two_files_that_are_written_do_not_have_one_name(tmp_path: Path) -> None:
    own = tmp_path / "made.csv"
    (tmp_path / "sub").mkdir()
    (tmp_path / "here").symlink_to(tmp_path)
    refuse_equal([("--output", own), ("the page", tmp_path / "made.html"), ("--model", tmp_path / "sub" / "made.csv")])
    for other in (own, tmp_path / "sub" / ".." / "made.csv", tmp_path / "here" / "made.csv"):
        with pytest.raises(InputError, match=r"^--model .* is written already \(--output\)"):
            refuse_equal([("--output", own), ("--model", other)])
    own.write_text("x")
    linked(own, os.link)
    with pytest.raises(InputError, match="is written already"):
        refuse_equal([("--output", own), ("--model", tmp_path / "other made.csv")])


def written(text: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_text(text)

    return write


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_somebody_made_is_left_as_it_is(links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*given: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", refused)
    path = tmp_path / "made.csv"
    for number in (1, 2, 3):
        name = put(path, False, written(str(number)))
        assert name.name == ("made.csv" if number == 1 else f"made-{number}.csv") and name.read_text() == str(number)
    assert put(path, True, written("new")) == path and path.read_text() == "new"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["made-2.csv", "made-3.csv", "made.csv"]
    with pytest.raises(FileError, match=r"cannot write .*absent/made.csv"):
        put(tmp_path / "absent" / "made.csv", False, written("x"))


@pytest.mark.parametrize(
    ("name", "next_one"), [("m.csv", "m-2.csv"), ("a.b.csv.gz", "a.b-2.csv.gz"), ("m", "m-2"), (".m", ".m-2"), ("m.gz", "m.gz-2")]
)
def test_the_next_free_name_keeps_the_ending(name: str, next_one: str) -> None:
    assert [path.name for path in islice(free_names(Path("here") / name), 2)] == [name, next_one]
