"""Planted faults: each can be planted in the code as it is, is put back after, and is told of in the table."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from builders.paths import ROOT
from mutants.__main__ import FAULTS
from mutants.fault import NotThere, fault
from mutants.table import Told, written
from mutants.trial import planted


@pytest.mark.parametrize("one", FAULTS, ids=lambda one: one.name)
def test_every_fault_fits_the_code_and_its_tests_are_there(one) -> None:
    for name, text in one.planted(ROOT).items():
        ast.parse(text)
        assert text != (ROOT / name).read_text(encoding="utf-8")
    for test in one.tests:
        file, _, name = test.partition("::")
        assert not name or f"def {name.partition('[')[0]}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), test


def test_faults_are_told_apart_by_their_names() -> None:
    assert len({one.name for one in FAULTS}) == len(FAULTS) > 100


def test_a_fault_is_there_while_it_is_tried_and_gone_after(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("one = 1\ntwo = 2\n")
    with planted(tmp_path, fault("three", "code.py", "two = 2", "two = 3", "test_x.py")):
        assert (tmp_path / "code.py").read_text() == "one = 1\ntwo = 3\n"
    assert (tmp_path / "code.py").read_text() == "one = 1\ntwo = 2\n"
    for text, times in (("= ", 2), ("four", 0)):
        with (
            pytest.raises(NotThere, match=f"{times} times in code.py, not once"),
            planted(tmp_path, fault("x", "code.py", text, "")),
        ):
            pass


def test_the_table_counts_what_is_told_and_names_survivors() -> None:
    faults = [fault(name, "a.py", "x", "y", harmless=why) for name, why in (("f", None), ("g", None), ("h", "it is nothing"))]
    by = [{"by": "dpdsyn/test_a.py::test_x[1]", "seconds": 2.4}, {"by": None, "seconds": 9.0}, {"by": None, "seconds": 1.0}]
    rows = [
        Told(one, line, check)
        for one, line, check in zip(faults, by, [{"by": "noise; plan; rows", "seconds": 1.0}, None, None], strict=True)
    ]
    text = written({"Some": rows}, ["test_b.py::test_y"])
    assert (
        "3 faults: tests tell of 1, and 1 of the others take nothing from privacy. `dpdsyn check` was asked of 1 and tells of 1."
        in text
    )
    assert (
        "| f | `a.py` | `test_a.py::test_x` | 2 | noise; plan; and 1 more |" in text
        and "| g | `a.py` | **nothing** | 9 |  |" in text
    )
    assert "| h | `a.py` | nothing: it is nothing | 1 |  |" in text and "too: `test_b.py::test_y`" in text
