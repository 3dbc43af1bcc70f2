"""A schema file says what its owner wrote, whatever YAML makes of scalars that nobody quoted."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dpdsyn.draft import scalar
from dpdsyn.reading.column import SchemaError
from dpdsyn.reading.schema_file import read_yaml
from dpdsyn.schema import Schema


def held(folder: Path, text: str) -> Any:
    (folder / "people.yaml").write_text(text, encoding="utf-8", newline="")
    return read_yaml(folder / "people.yaml")


AS_WRITTEN = [
    *("02115", "010", "007", "-012", "12:30", "190:20:30.15", "1_000", "0x1F", "0b101", "0o17", "1e3", "2024-01-31", "yes", "no"),
    *("2024-01-31 12:00:00", "On", "off", ".inf", ".nan", "0.12345678901234567890", "None", "NA", "=", "<<", "1.5e3"),
]


@pytest.mark.parametrize("text", AS_WRITTEN)
def test_what_is_not_quoted_stays_what_was_written(text: str, tmp_path: Path) -> None:
    assert held(tmp_path, f"a: [{text}, '{text}']\n") == {"a": [text, text]}


def test_numbers_truth_and_nothing_are_what_they_are(tmp_path: Path) -> None:
    text = "[0, 7, -3, +1, 0.5, .5, 1., 1.0e+20, 123456789012345678901, true, FALSE, null, ~, 'null', '']"
    found = held(tmp_path, f"a: {text}\nb:\n")
    assert found == {
        "a": [0, 7, -3, 1, 0.5, 0.5, 1.0, 1e20, 123456789012345678901, True, False, None, None, "null", ""],
        "b": None,
    }


def test_names_of_columns_are_texts_wherever_they_stand(tmp_path: Path) -> None:
    columns = (
        "columns: {1.10: {kind: integer}, 010: {kind: real}, null: {kind: date}, 2024-01-31: {kind: integer}, b: {kind: real}}"
    )
    schema = Schema.from_mapping(
        held(tmp_path, f"target: 1.10\nperson: 0123\nmax_rows_per_person: 1\nignore: [1.50, 2]\n{columns}")
    )
    assert schema.names == ("1.10", "010", "null", "2024-01-31", "b")
    assert (schema.target, schema.person, schema.ignore) == ("1.10", "0123", ("1.50", "2"))
    with pytest.raises(SchemaError, match="line 2: '1' is given twice"):
        held(tmp_path, "1: 2\n'1': 3\n")


def test_codes_are_found_in_the_cells_and_numbers_read_as_written(tmp_path: Path) -> None:
    text = "rows_public: 9\ncolumns:\n  zip: {kind: categorical, categories: [02115, 01234, 94103]}\n"
    (tmp_path / "people.yaml").write_text(text + "  at: {kind: categorical, categories: [12:30, 18:45]}\n")
    schema = Schema.from_yaml(tmp_path / "people.yaml")
    frame = pd.DataFrame({"zip": ["02115", "94103"], "at": ["12:30", "18:45"]})
    assert schema.encode(frame).tolist() == [[0, 0], [2, 1]]
    (tmp_path / "people.yaml").write_text("rows_public: 0400\ncolumns: {a: {kind: integer}}\n")
    with pytest.raises(SchemaError, match="rows_public is '0400'"):
        Schema.from_yaml(tmp_path / "people.yaml")
    (tmp_path / "people.yaml").write_text("columns: {a: {kind: real, bounds: [0, 0100], bins: 4}}\n")
    assert Schema.from_yaml(tmp_path / "people.yaml")["a"].bounds == (0, 100)


@pytest.mark.parametrize(("categories", "words"), [("[1.10, 1.1]", "so quote codes"), ("[null, mild]", 'quote it, "null"')])
def test_categories_that_yaml_would_lose_are_refused_with_the_way_out(categories: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "people.yaml").write_text(f"columns: {{a: {{kind: categorical, categories: {categories}}}}}\n")
    with pytest.raises(SchemaError, match=words):
        Schema.from_yaml(tmp_path / "people.yaml")


SCALARS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.sampled_from(AS_WRITTEN)


@settings(max_examples=40, deadline=None)
@given(st.lists(SCALARS | st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=5))
def test_what_a_draft_writes_comes_back(values: list[Any]) -> None:
    with TemporaryDirectory() as folder:
        found = held(Path(folder), f"a: [{', '.join(map(scalar, values))}]\n")
        dumped = held(Path(folder), yaml.safe_dump({"a": values}))
    assert [(type(value), value) for value in found["a"]] == [(type(value), value) for value in values]
    assert dumped == found
