"""A drafted schema reads back as what the table holds, whatever characters that is."""

from __future__ import annotations

from decimal import Decimal
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


def test_what_a_draft_says_of_a_parquet_file_is_found_in_its_cells() -> None:
    frame = pd.DataFrame(
        {
            "seen": pd.to_datetime(["2024-03-31", "2024-06-30"] * 20),
            "dose": [Decimal("0.50"), Decimal("1.00")] * 20,
            "zoned": pd.to_datetime(["2024-03-31 23:30", "2024-06-30 12:00"] * 20).tz_localize("America/New_York"),
            "well": [True, False] * 20,
        }
    )
    schema = read_back(frame)
    assert schema["seen"].categories == ("2024-03-31", "2024-06-30") and schema["dose"].categories == (0.5, 1)
    assert {tuple(codes) for codes in schema.encode(frame).tolist()} == {(0, 0, 0, 1), (1, 1, 1, 0)}


def test_a_skewed_count_gets_bins_that_fit_and_outliers_make_no_bins_wide(rng: np.random.Generator) -> None:
    frame = pd.DataFrame({f"c{most}": np.minimum(rng.geometric(0.5, 2000) - 1, most) for most in (15, 40, 120, 330)})
    frame.iloc[0] = [15, 40, 120, 330]
    frame["ages"] = rng.normal(40, 8, 2000).round()
    frame.loc[[0, 1], "ages"] = [-5000, 9000]
    schema = read_back(frame.astype("str"))
    assert all(column.values >= 4 for column in schema.columns)
    assert schema["ages"].bounds[0] > 0 and schema["ages"].bounds[1] < 100  # type: ignore[index]
    assert len(np.unique(schema["ages"].encode(frame["ages"]))) > 10


def test_values_too_many_to_list_are_left_to_be_learnt_and_times_and_both_orders_of_a_date_are_marked() -> None:
    frame = pd.DataFrame(
        {
            "name": [f"family {i % 60}" for i in range(240)],
            "seen": [f"2024-01-{i % 28 + 1:02d} {i % 24:02d}:15" for i in range(240)],
            "first": [f"01/{i % 12 + 1:02d}/{1900 + i % 90}" for i in range(240)],
            "box": ["x", None] * 120,
        }
    )
    text = draft_schema(frame.astype("str"), "people.csv")
    assert "  name:\n    kind: categorical # READ OFF THE ROWS; too many values to be listed, so these are learnt" in text
    assert "kind: date # READ OFF THE ROWS; TIMES OF DAY ARE LEFT OUT" in text
    assert "format: '%m/%d/%Y' # READ OFF THE ROWS; '%d/%m/%Y' fits all cells as well, so keep the one that is meant" in text
    assert "    categories: [x] # READ OFF THE ROWS\n    missing: own_code" in text


def test_codes_of_six_digits_are_no_dates() -> None:
    codes = [f"0{100 + i}26" for i in range(60)] * 4  # which pandas takes for days of the years 101 to 1592
    assert read_back(pd.DataFrame({"code": codes, "t": ["a", "b"] * 120}, dtype="str"))["code"].kind == "categorical"


def test_times_of_day_are_drafted_as_what_they_are_and_moments_say_how_to_keep_theirs(tmp_path: Path) -> None:
    minutes = range(0, 1440, 15)
    frame = pd.DataFrame(
        {
            "at": [f"{minute // 60}:{minute % 60:02d}" for minute in minutes],
            "seen": [f"{minute % 28 + 1:02d}.01.24 {minute // 60:02d}:{minute % 60:02d}" for minute in minutes],
            "ill": ["yes", "no"] * 48,
        },
        dtype="str",
    )
    text = draft_schema(frame, "t.csv", "ill")
    assert "    resolution: 15 minutes # READ OFF THE ROWS\n    bins: 24\n" in text
    assert "kind: date # READ OFF THE ROWS; TIMES OF DAY ARE LEFT OUT: to keep them write `resolution: 15 minutes`" in text
    (tmp_path / "t.yaml").write_text(text)
    schema = Schema.from_yaml(tmp_path / "t.yaml")
    assert schema["at"].to_mapping()["bounds"] == ["00:00", "23:45"]
    assert set(schema.encode(frame)[:, 0]) == set(range(24))


def test_row_numbers_of_pandas_are_left_out_by_their_name() -> None:
    frame = pd.DataFrame({"__index_level_0__": [3, 1, 1] * 20, "ward": ["n", "s", "w"] * 20, "ill": ["yes", "no"] * 30})
    assert "  - __index_level_0__ # READ OFF THE ROWS: row numbers of pandas, which measure nothing\n" in draft_schema(frame, "t")
