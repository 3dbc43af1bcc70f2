"""CSV files of synthetic rows: whatever categories hold is read back the same, and numbers are spelled as they are listed."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dpdsyn.reading.cells import canonical
from dpdsyn.reading.schema_values import SchemaError
from dpdsyn.rules.made_columns import with_made
from dpdsyn.schema import Schema
from experiments.data.synthetic_file import Types, write_csv, write_parquet
from experiments.data.table_file import read_table

SIGNS = st.sampled_from("\r\n\",;\t| '#")
TEXTS = st.text(SIGNS | st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=5) | st.tuples(
    st.sampled_from("xyé"), SIGNS, st.sampled_from("xyé")
).map("".join)
NAMES = st.text(st.sampled_from('a;b,c|"#') | st.characters(categories=["L"]), min_size=1, max_size=6)


def frame_of(schema: Schema, rows: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = np.column_stack([rng.integers(0, column.size - column.other, rows) for column in schema.columns])
    return with_made(schema.decode(codes, rng), schema.made, 1, rng), codes


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(names=["a;b;c", "d"], texts=["x\ry", "z"], seed=0)
@given(
    names=st.lists(NAMES.map(str.strip).filter(lambda name: name[:1] not in ("", '"')), min_size=2, max_size=3, unique=True),
    texts=st.lists(TEXTS, min_size=2, max_size=5, unique_by=canonical).filter(lambda found: "" not in map(canonical, found)),
    seed=st.integers(0, 999),
)
def test_every_text_and_every_name_is_read_back_by_us_and_by_others(
    names: list[str], texts: list[str], seed: int, tmp_path: Path
) -> None:
    spec = {"kind": "categorical", "categories": texts, "missing": "own_code"}
    schema = Schema.from_mapping({"rows_public": 9, "columns": dict.fromkeys(names, spec)})
    made, codes = frame_of(schema, 8, seed)
    write_csv([made[:5], made[5:]], tmp_path / "made.csv", schema)
    assert np.array_equal(schema.encode(read_table(tmp_path / "made.csv", schema=schema)), codes)
    others = pd.read_csv(tmp_path / "made.csv", dtype=str, keep_default_na=False)
    assert list(others) == names and others.to_numpy().tolist() == made.astype(object).fillna("").to_numpy().tolist()
    with (tmp_path / "made.csv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.reader(file))) == 9


YAML = """
rows_public: 9
columns:
  dose: {kind: categorical, categories: [2.00, 0.50, 3, +4, 1.0e+2], other: false}
  mixed: {kind: categorical, categories: [none, 1.10, 7, "1.1e0"], other: false, missing: own_code}
  plain: {kind: categorical, categories: [1, 2], other: false, missing: own_code}
  flag: {kind: categorical, categories: [true, FALSE], other: false}
  land: {constant: 1.50}
  here: {constant: TRUE}
"""


def test_numbers_are_published_as_they_are_listed_and_stay_numbers_in_a_frame(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(YAML, encoding="utf-8")
    schema = Schema.from_yaml(tmp_path / "s.yaml")
    made, codes = frame_of(schema, 60)
    write_csv([made], tmp_path / "made.csv", schema)
    found = pd.read_csv(tmp_path / "made.csv", dtype=str, keep_default_na=False)
    assert set(found["dose"]) == {"2.00", "0.50", "3", "+4", "1.0e+2"} and set(found["land"]) == {"1.50"}
    assert set(found["mixed"]) == {"none", "1.10", "7", "1.1e0", ""} and set(found["plain"]) == {"1", "2", ""}
    assert set(found["flag"]) == {"true", "FALSE"} and set(found["here"]) == {"TRUE"}
    assert np.array_equal(schema.encode(read_table(tmp_path / "made.csv", schema=schema)), codes)
    assert made["dose"].dtype == float and made["flag"].dtype == bool and set(made["land"]) == {1.5}
    types = Types.of(schema, {})
    write_parquet([made], tmp_path / "made.parquet", types)
    parquet = pd.read_parquet(tmp_path / "made.parquet")
    assert set(parquet["mixed"].dropna()) == {"none", "1.10", "7", "1.1e0"} and parquet["dose"].dtype == float


def test_spellings_survive_what_a_schema_is_written_to_and_are_no_word_of_a_persons(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(YAML, encoding="utf-8")
    schema = Schema.from_yaml(tmp_path / "s.yaml")
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(schema.to_mapping(), sort_keys=False), encoding="utf-8")
    assert Schema.from_yaml(tmp_path / "again.yaml") == schema and schema["plain"].written == ()
    assert schema["dose"].categories == (2.0, 0.5, 3, 4, 100.0) and schema["flag"].categories == (True, False)
    raw: dict[str, Any] = {
        "rows_public": 9,
        "columns": {"x": {"kind": "categorical", "categories": [2.0, 3], "written": ["1", "3"]}},
    }
    with pytest.raises(SchemaError, match=r"written is \['1', '3'\]; it holds the spelling of each category"):
        Schema.from_mapping(raw)


def test_a_number_as_yaml_writes_it_has_no_spelling_of_its_own(tmp_path: Path) -> None:
    listed = {"kind": "categorical", "categories": [1e300, 2.5, -1e-9], "other": False}
    schema = Schema.from_mapping({"rows_public": 9, "columns": {"x": listed}})
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(schema.to_mapping()), encoding="utf-8")
    assert "1.0e+300" in (tmp_path / "s.yaml").read_text(encoding="utf-8")
    assert Schema.from_yaml(tmp_path / "s.yaml") == schema and Schema.from_yaml(tmp_path / "s.yaml")["x"].written == ()
