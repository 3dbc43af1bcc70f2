"""Tables on a terminal: plain, within its width, and what is common to several said once."""

from __future__ import annotations

import re

import pytest
from builders.records import few

from experiments.report.grouped import View
from experiments.report.tables.all import chosen, first_screen
from experiments.report.tables.table import Table, of_methods
from experiments.report.terminal.plain import page, plain, screen

TABLE = Table(
    "A title",
    ["method", "guarantee", *(f"epsilon {e}" for e in range(6))],
    [["dpdsyn (steps=5)", "dp", *(["0.850 ± 0.010 (3)"] * 6)], ["mst", "dp", *(["0.80 | 0.81"] * 6)]],
    ["A note that is " + "long " * 40],
    {(0, 2): "best", (1, 3): "second"},
)


def bare(text: str) -> str:
    return re.sub(r"\x1b\[\d*m", "", text)


@pytest.mark.parametrize("width", [40, 79, 200])
def test_no_line_is_wider_than_the_terminal_and_no_cell_is_lost(width: int) -> None:
    text = plain(TABLE, width)
    assert all(len(line) <= width for line in bare(text).splitlines())
    assert "\x1b[1m0.850 ± 0.010 (3)\x1b[0m" in text and "\x1b[4m0.80 | 0.81\x1b[0m" in text
    assert not re.search(r"\*\*|<u>|^\||###|---", bare(text), re.MULTILINE)
    assert bare(text).count("0.850 ± 0.010 (3)") == 6 and all(f"epsilon {e}" in text for e in range(6))


def test_what_several_tables_note_is_said_once_at_the_end() -> None:
    other = Table("Another", ["a"], [["b"]], [*TABLE.notes, "of this one alone"])
    text = page([TABLE, other], 80)
    assert text.count("A note that is") == 1 and text.index("of this one alone") < text.index("A note that is")


def test_chosen_methods_are_compared_with_all_as_ever() -> None:
    view = View.of(few())
    (whole,) = (table for table in first_screen(view) if table.columns[0] == "method" and "accuracy" in table.title)
    (some,) = chosen(view, {"mst", "real"})
    assert some.rows == [row for row in whole.rows if row[0] in ("mst", "real")] and len(some.rows) == 2
    for (row, column), how in some.emphasis.items():
        assert whole.emphasis[whole.rows.index(some.rows[row]), column] == how
    assert [row[0] for row in of_methods(TABLE, {"dpdsyn"}).rows] == ["dpdsyn (steps=5)"]
    assert of_methods(TABLE, {"mst"}).emphasis == {(0, 3): "second"}
    assert chosen(view, {"nothing"}) == []


def test_the_size_is_that_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "133")
    monkeypatch.setenv("LINES", "50")
    assert screen() == (133, 50)
    monkeypatch.setenv("COLUMNS", "3")
    assert screen()[0] == 40
