"""Files that are to be kept are not written over, whatever name they go by; what cannot be written is said beforehand."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dpdsyn.base.checks import InputError
from dpdsyn.base.files import refuse_over, refuse_unwritable

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
