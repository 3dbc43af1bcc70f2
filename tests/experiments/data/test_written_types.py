"""What `synthesize` writes: types that a Parquet file declares come back, and money with its cents."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dpdsyn import Schema
from experiments.data.synthetic_file import Types, owners_types, write_csv, write_parquet
from experiments.data.table_file import read_table

LEARNT = {"counts": [1, 1], "count_sds": [1, 1]}
PIECES = {"starts": [0, 100], "firsts": [0, 100], "lasts": [99, 2000]}
SCHEMA = Schema.from_mapping(
    {
        "rows_public": 2,
        "columns": {
            "clock": {"kind": "date", "format": "%H:%M:%S", "resolution": "second", "bounds": None, "pieces": PIECES} | LEARNT,
            "when": {"kind": "date", "resolution": "minute", "pieces": PIECES} | LEARNT,
            "cents": {"kind": "real", "decimals": 2, "pieces": PIECES} | LEARNT,
        },
    }
)
WHEN = pd.Series(["2024-01-31 10:30", "2024-03-10 02:30"], dtype="datetime64[s]")  # the latter is on no clock in New York
MADE = pd.DataFrame({"clock": ["09:05:00", "23:59:00"], "when": WHEN, "cents": [12.5, 10.0]})


def test_times_of_day_and_time_zones_of_a_parquet_file_come_back(tmp_path: Path) -> None:
    types = {"clock": pa.time64("us"), "when": pa.timestamp("us", tz="America/New_York"), "cents": pa.decimal128(8, 2)}
    pq.write_table(pa.table({name: pa.array([], kind) for name, kind in types.items()}), tmp_path / "real.parquet")
    kinds = Types.of(SCHEMA, owners_types(tmp_path / "real.parquet"))
    write_parquet([MADE], tmp_path / "made.parquet", kinds)
    made = pq.read_table(tmp_path / "made.parquet")
    assert {field.name: field.type for field in made.schema} == types
    assert made["clock"].to_pylist() == [time(9, 5), time(23, 59)]
    assert str(made["when"][0].as_py()) == "2024-01-31 10:30:00-05:00" and str(made["cents"][0].as_py()) == "12.50"


def test_money_is_written_with_its_cents(tmp_path: Path) -> None:
    write_csv([MADE], tmp_path / "made.csv", SCHEMA, packed=False)
    assert [line.split(",")[2] for line in (tmp_path / "made.csv").read_text().splitlines()] == ["cents", "12.50", "10.00"]


@pytest.mark.parametrize("names", [["a;b"], ["a;b;c", "d"], ['say "hi|"', "tab\t"], ["x", "y"]])
def test_a_name_with_another_separator_in_it_hides_no_comma(names: list[str], tmp_path: Path) -> None:
    columns = {name: {"kind": "categorical", "categories": ["u", "v"]} for name in names}
    schema = Schema.from_mapping({"rows_public": 2, "columns": columns})
    write_csv([pd.DataFrame({name: ["u", "v"] for name in names})], tmp_path / "made.csv", schema)
    written = (tmp_path / "made.csv").read_text()
    assert ('"' in written) == (names != ["x", "y"])
    if "tab" not in names[-1]:  # a name with a control character is written, and refused
        assert schema.encode(read_table(tmp_path / "made.csv", schema=schema)).tolist() == [[0] * len(names), [1] * len(names)]


def test_a_carriage_return_in_a_category_makes_no_row(tmp_path: Path) -> None:
    column = {"kind": "categorical", "categories": ["c\rd", "e"], "missing": "own_code"}
    schema = Schema.from_mapping(
        {"rows_public": 2, "columns": {"t": column, "n": {"kind": "integer", "bounds": [0, 9], "bins": 5}}}
    )
    codes = np.array([[0, 0], [1, 1], [2, 2]])
    write_csv([schema.decode(codes, np.random.default_rng(0))], tmp_path / "made.csv", schema)
    assert schema.encode(read_table(tmp_path / "made.csv", schema=schema)).tolist() == codes.tolist()


def test_numbers_that_lose_decimals_to_the_owners_type_stay_in_their_bin(tmp_path: Path) -> None:
    columns = {
        "wide": {"kind": "real", "bounds": [-1, 6], "bins": 7, "missing": "own_code"},
        "narrow": {"kind": "real", "bounds": [0, 1], "bins": 20},
    }
    schema = Schema.from_mapping({"rows_public": 2, "columns": columns})
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, column.size, 500) for column in schema.columns], axis=1)
    types = Types.of(schema, {"wide": pa.decimal128(9, 1), "narrow": pa.decimal128(9, 1)})
    write_parquet([schema.decode(codes, rng)], tmp_path / "made.parquet", types)
    made = pq.read_table(tmp_path / "made.parquet")
    assert made.schema.field("wide").type == pa.decimal128(9, 1) and made.schema.field("narrow").type == pa.float64()
    assert Decimal("0.9") in made["wide"].to_pylist() and Decimal("1.0") in made["wide"].to_pylist()
    assert np.array_equal(schema.encode(read_table(tmp_path / "made.parquet", schema=schema)), codes)
