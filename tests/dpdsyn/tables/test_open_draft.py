"""A schema of names and kinds: nothing else of the rows stands in it, and it reads back whatever the names are."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from builders.neighbours import people
from hypothesis import given
from hypothesis import strategies as st

from dpdsyn.reading.column import SchemaError
from dpdsyn.schema import MARK, Schema, marked_lines, read_yaml
from dpdsyn.tables.identifiers import ID_REMARK
from dpdsyn.tables.kinds import Kind, guessed
from dpdsyn.tables.open_draft import open_draft

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30) | st.sampled_from(
    ["no", "1", "1.0", "null", "#x", "a: b", "? a", "x" * 2000, "\u2028" * 300, "{a}", "- a", "a\nb"]
)


def drafted(frame: pd.DataFrame, target: str | None = None) -> str:
    return open_draft({name: guessed(frame[name], name == target) for name in frame}, "people.csv", target).text


def test_a_draft_has_kinds_and_nothing_else_of_the_rows() -> None:
    table, other = people().drop(columns="patient"), people(400).drop(columns="patient").iloc[::-1]
    text = drafted(table, "ill")
    assert text == drafted(other, "ill")  # more rows, other bounds, other ids
    assert not any(str(cell) in text for cell in table.to_numpy().ravel() if len(str(cell)) > 3)
    assert MARK not in text and "drafted" not in text


def test_a_draft_is_short_and_says_what_was_guessed(tmp_path: Path) -> None:
    table = people().drop(columns="patient")
    (tmp_path / "people.yaml").write_text(drafted(table, "ill"))
    raw = read_yaml(tmp_path / "people.yaml")
    assert raw["kinds_inferred"] is True and raw["rows_public"] == "learn" and raw["target"] == "ill"
    assert raw["columns"]["age"] == {"kind": "integer"} and raw["columns"]["note"] == {"kind": "categorical"}
    assert list(raw["columns"]) == list(table) and "ignore" not in raw and marked_lines(tmp_path / "people.yaml") == []
    text = (tmp_path / "people.yaml").read_text()
    assert "# KINDS WERE GUESSED FROM THE CELLS, for the file does not say it." in text and "--confirm-kinds" in text


def test_columns_of_0_and_1_are_said_to_be_guesses(tmp_path: Path) -> None:
    frame = pd.DataFrame({"smokes": ["0", "1", None] * 20, "ill": ["1", "0", "0"] * 20, "age": ["3", "4", "5"] * 20}, dtype="str")
    (tmp_path / "t.yaml").write_text(drafted(frame, "ill"))
    text = (tmp_path / "t.yaml").read_text()
    assert "  smokes: {kind: categorical, categories: [0, 1], other: false, missing: own_code}\n" in text
    assert (
        "  ill: {kind: categorical, categories: [0, 1], other: false}\n" in text and "where nothing but 0 and 1" in text.lower()
    )
    assert Schema.from_yaml(tmp_path / "t.yaml").kinds_inferred and MARK not in text
    assert "nothing but 0" not in drafted(frame.assign(smokes="2", ill="x"))


def test_declared_kinds_need_no_confirmation_but_for_the_time_of_day() -> None:
    known = {"age": Kind({"kind": "integer"}), "blob": Kind(), "ill": Kind({"kind": "categorical", "categories": [True, False]})}
    text = open_draft(known, "people.parquet").text
    assert "kinds_inferred" not in text and "GUESSED" not in text and "\nignore: [blob]\n" in text
    assert "  ill: {kind: categorical, categories: [true, false]}\n" in text and "\n# target: NAME" in text
    moments = open_draft({**known, "seen": Kind({"kind": "date"}, True)}, "people.parquet").text
    assert "# WHETHER seen HAS A TIME OF DAY WAS GUESSED" in moments and "\nkinds_inferred: true\n" in moments


def test_a_format_that_was_chosen_of_two_is_marked_where_it_stands() -> None:
    frame = pd.DataFrame({"first": ["01/07/2023", "01/12/2022"], "other": ["13/07/2023", "01/12/2022"], "ill": ["no", "yes"]})
    text = drafted(frame)
    assert "  first: {kind: date, format: '%m/%d/%Y'} # OR format: '%d/%m/%Y'? Both fit all cells; keep the one" in text
    assert "  other: {kind: date, format: '%d/%m/%Y'}\n" in text


def test_a_number_to_be_predicted_is_told_how_it_becomes_classes() -> None:
    kinds = {"age": Kind({"kind": "integer"}, remarks=("odd",)), "ward": Kind({"kind": "categorical"})}
    assert open_draft(kinds, "t", "ward").remarks == ("age: odd",)
    odd, cut = open_draft(kinds, "t", "age").remarks
    assert odd == "age: odd" and cut.startswith("age: a number") and "cut_at: [50000]" in cut


@pytest.mark.parametrize(
    ("kinds", "target", "message"),
    [
        ({"a": "date", "b": "integer"}, "c", "target 'c' is not a column; columns: a, b"),
        ({"a": "date", "b": "integer"}, "a", "target 'a' cannot be predicted: it holds dates"),
        ({"a": "", "b": "integer", "c": "real"}, "a", "target 'a' cannot be predicted: it holds no single values"),
        ({"a": "", "b": "integer"}, None, "a schema needs two columns or more; the table has b"),
        ({}, None, "a schema needs two columns or more; the table has none"),
    ],
)
def test_what_cannot_be_meant_is_refused(kinds: dict[str, str], target: str | None, message: str) -> None:
    with pytest.raises(SchemaError, match=f"^{message}$"):
        open_draft({name: Kind({"kind": kind} if kind else {}) for name, kind in kinds.items()}, "t", target)


def test_a_column_that_was_taken_for_an_id_is_named_where_it_is_missed() -> None:
    frame = pd.DataFrame({"key": map(str, range(60)), "y": ["no", "yes"] * 30}, dtype="str")
    with pytest.raises(
        SchemaError, match="the table has y, beside key \\(whole numbers that look like ids, so it is left out"
    ) as caught:
        drafted(frame)
    assert str(caught.value).endswith("Add a column, or write a schema that describes one of them under `columns`")
    with pytest.raises(SchemaError, match=r"^target 'id' cannot be predicted: whole numbers that look like ids"):
        open_draft({"id": Kind(remarks=(ID_REMARK,)), "a": Kind({"kind": "real"}), "b": Kind({"kind": "real"})}, "t", "id")


@given(st.lists(NAMES, min_size=2, max_size=4, unique=True))
def test_every_name_comes_back(names: list[str]) -> None:
    kinds = {name: Kind({"kind": "date", "format": "%d.%m.%Y"}, True) for name in names[:-1]} | {
        names[-1]: Kind({"kind": "real"})
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "people.yaml"
        path.write_text(open_draft({**kinds, "x" * 77: Kind()}, "\n".join(names), names[-1]).text, encoding="utf-8", newline="")
        raw = read_yaml(path)
    assert raw["target"] == names[-1] and raw["ignore"] == ["x" * 77]
    assert raw["columns"] == {name: dict(kind.spec) for name, kind in kinds.items()}
