"""A drafted schema reads back as what the table holds, whatever characters that is."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdsyn.draft import draft_schema
from dpdsyn.schema import Schema

# next line, line and paragraph separators, controls, non-breaking and zero-width spaces, byte-order mark, what YAML has a use for
AWKWARD = "\x85\u2028\u2029\x00\x07\x1b\x7f\t\r\n\xa0\u200b\u3000\ufeff\ufffe\U000e0001#:'\"\\\\%@&*!|>{}[],?- ~aé猫😀"
TEXTS = st.text(st.sampled_from(AWKWARD) | st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


def read_back(frame: pd.DataFrame, target: str | None = None) -> Schema:
    text = draft_schema(frame, "people.csv", target)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "people.yaml"
        path.write_text(text, encoding="utf-8", newline="")
        return Schema.from_yaml(path)


def test_a_category_with_a_next_line_character_comes_back() -> None:
    first = [np.nan, np.nan, np.nan, "1", "\xc3\x850"]
    frame = pd.DataFrame({"first": first, "third": ["a", "a", "a", "a", "b"]}, dtype="str")
    schema = read_back(frame, "first")
    assert schema["first"].categories == ("1", "\xc3\x850")
    assert schema.encode(frame).tolist() == [[0, 0], [1, 1]]


@given(st.sets(TEXTS, min_size=2, max_size=6), TEXTS, TEXTS)
def test_every_text_comes_back(texts: set[str], name: str, other: str) -> None:
    own = sorted({text.strip(): text for text in sorted(texts)}.values())  # spaces at the ends are no difference between cells
    plain = pd.Series([text for text in own for _ in range(2)], dtype="str")
    frame = pd.DataFrame({f"a{name}": plain, f"b{other}": ["x", "y"] * len(own)})
    if any(text.strip() == "" for text in own) or plain.str.strip().str.lower().nunique() < 2:
        return
    if pd.to_numeric(plain, errors="coerce").notna().any():
        return
    schema = read_back(frame)
    assert set(schema.names) == set(frame)
    assert set(schema[f"a{name}"].categories) <= set(own)
    encoded = schema.encode(frame)
    assert [schema[f"a{name}"].categories[code].strip() for code in encoded[:, 0]] == [text.strip() for text in plain]


@pytest.mark.parametrize("name", ["x" * 2000, "\u2028" * 300, "a" * 998, "a" * 1030])
def test_names_longer_than_a_simple_key_come_back(name: str) -> None:
    frame = pd.DataFrame({name: ["a", "b"], "other": ["c", "d"]}, dtype="str")
    assert read_back(frame).names == (name, "other")


def test_texts_that_can_be_seen_stay_readable() -> None:
    frame = pd.DataFrame({"Größe": ["groß", "klein"], "猫": ["是", "否"]}, dtype="str")
    text = draft_schema(frame, "Köln.csv")
    assert "  Größe:\n" in text and "[groß, klein]" in text and "猫" in text and "Köln.csv" in text
