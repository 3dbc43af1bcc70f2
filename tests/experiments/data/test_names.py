"""A first line that is no line of names is refused with what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.data.errors import DataError
from experiments.data.table_file import read_table

ABOVE = "if a title or a comment stands above the names, delete it"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (",a,b\n0,1,2\n", "line 1: column 1 has no name; pandas writes its row numbers so: name it, or leave it out"),
        ("sep=;\na;b\n1;2\n", "line 1: `sep=` is a word to Excel and no line of names; delete the line"),
        ('\n"sep=,"\na,b\n1,2\n', "line 2: `sep=` is a word to Excel"),
        ("a,b,\n1,2,\n", "line 1: column 3 has no name, as where lines end in separators; take these off"),
        ("a;b;;;\n1;2;;;\n", "line 1: columns 3 to 5 have no name, as where lines end in separators"),
        ("a,,b\n1,2,3\n", "line 1: column 2 has no name; name it"),
        ("a,b,\n1,2,3\n", f"line 1: column 3 has no name; name it, or {ABOVE}"),
        ("Report;;\na;b;c\n1;2;3\n", f"line 1: column 2 has no name; name it, or {ABOVE}"),
        ("Report\na,b\n1,2\n", f"line 2 has 2 cells, and the first line names 1 columns; {ABOVE}"),
        ("Report\na;b\n1;2\n3;4,5\n", f"line 4 has 2 cells, and the first line names 1 columns; {ABOVE}"),
        ("# made, by me\na,b,c\n1,2,3\n", f"line 2 has 3 cells, and the first line names 2 columns; {ABOVE}"),
        ("a,b\n1,2,\n3,4,\n", "line 2 has 3 cells, and the first line names 2 columns; it ends in a separator: take it off"),
        (f"a,b\n1,{'x' * 300},\n", "line 2 has 3 cells, and the first line names 2 columns; it ends in a separator: take it off"),
        ("a,a\n1,2\n", "columns of the same name: a; name each otherwise"),
    ],
)
def test_what_is_no_line_of_names_is_refused_with_the_way_out(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(content)
    with pytest.raises(DataError) as caught:
        read_table(tmp_path / "people.csv")
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_rows_further_down_are_not_blamed_on_a_title(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("a,b\n1,2\n1,2,3\n")
    with pytest.raises(DataError, match=r"line 3 has 3 cells, and the first line names 2 columns$"):
        read_table(tmp_path / "people.csv")
