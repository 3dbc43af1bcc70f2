"""What `synthesize` writes: types that a Parquet file declares come back, and money with its cents."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dpdsyn import Schema
from experiments.data.synthetic_file import Types, owners_types, write_csv, write_parquet

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
