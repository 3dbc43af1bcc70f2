"""What is no table is called what it is, and the message says what to do."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, orc

from dpdsyn.schema import Schema, SchemaError
from experiments.data.errors import DataError
from experiments.data.first_bytes import is_parquet
from experiments.data.table_file import Reading, read_table

FRAME = pd.DataFrame({"age": range(40), "ill": ["no", "yes"] * 20})
CSV = FRAME.to_csv(index=False)


def parquet(path: Path) -> bytes:
    FRAME.to_parquet(path)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.csv.bz2",
            bz2.compress(CSV.encode()),
            "is packed by bzip2, which is not read; unpack it (bunzip2), or pack it by gzip",
        ),
        ("a.csv.xz", lzma.compress(CSV.encode()), "is packed by xz, which is not read; unpack it (unxz)"),
        ("a.csv.zst", b"\x28\xb5\x2f\xfd\x24\xff\x81", "is packed by zstd, which is not read; unpack it (unzstd)"),
        ("a.csv", gzip.compress(CSV.encode()), "is packed by gzip; give it a name that ends in .gz"),
        ("a.csv.gz", gzip.compress(gzip.compress(CSV.encode())), "is packed twice; unpack it"),
        ("a.csv", CSV.encode("utf-16-le"), "looks like UTF-16 text without a byte-order mark; say so: --encoding utf-16-le"),
        ("a.csv", CSV.encode("utf-16-be"), "--encoding utf-16-be (of `dpdsyn run` dataset.read.encoding=utf-16-be)"),
        (
            "a.csv",
            b"age,ill\n\x00\x01\x02",
            "is a binary file, neither CSV nor Parquet (a NUL byte is at offset 8); unpack it if",
        ),
        (
            "a.json",
            FRAME.to_json(orient="records").encode(),
            "is JSON, which is not read; write it as CSV or Parquet, as pandas.read",
        ),
        ("a.txt", FRAME.to_json(orient="records", lines=True).encode(), "a.txt', lines=True).to_parquet('table.parquet') does"),
        ("a.json", b"[1, 2]", "is JSON, which is not read"),
        ("a.xls", b"<!DOCTYPE html><table></table>", "is a web page or XML, whatever its name; save the table as CSV"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old workbook (.xls) or another file of Office, which is not read"),
    ],
)
def test_a_file_that_is_no_table_is_called_what_it_is(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_table(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name} ") and message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (feather.write_feather, "is an Arrow or Feather file, which is not read"),
        (orc.write_table, "is an ORC file, which is not"),
    ],
)
def test_so_are_tables_of_other_kinds(write: Callable[..., None], message: str, tmp_path: Path) -> None:
    write(pa.table(FRAME), str(tmp_path / "people"))
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / "people")


@pytest.mark.parametrize("names", ["ORC,BZh", "{a},[b]", "ARROW1,b"])
def test_a_text_is_not_taken_for_another_kind_of_file_by_its_first_letters(names: str, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(f"{names}\n1,2\n")
    assert list(read_table(tmp_path / "people.csv")) == names.split(",")


def test_text_of_two_bytes_a_character_is_read_as_the_message_says(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_bytes(CSV.encode("utf-16-le"))
    assert read_table(tmp_path / "people.csv", Reading(encoding="utf-16-le")).shape == FRAME.shape


def test_a_packed_parquet_file_is_to_be_unpacked(tmp_path: Path) -> None:
    (tmp_path / "people.parquet.gz").write_bytes(gzip.compress(parquet(tmp_path / "people.parquet")))
    with pytest.raises(DataError, match=r"gz is a Parquet file that is packed by gzip, which is not read; unpack it"):
        read_table(tmp_path / "people.parquet.gz")


def test_a_partitioned_folder_is_told_from_one_without_parquet_files(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "people", partition_cols=["ill"])
    with pytest.raises(
        DataError, match=r"people is a folder of folders with Parquet files \(ill=no/.*the column ill stands in"
    ) as caught:
        is_parquet(tmp_path / "people")
    assert "pandas.read_parquet(" in str(caught.value)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(DataError, match="is a folder without Parquet files"):
        is_parquet(tmp_path / "nothing")


def test_files_of_a_folder_need_the_columns_of_the_schema_and_one_type(tmp_path: Path) -> None:
    schema = Schema.from_mapping({"ignore": ["note"], "columns": {"age": {"kind": "integer"}, "ill": {"kind": "categorical"}}})
    FRAME.to_parquet(tmp_path / "0.parquet")
    FRAME.assign(note="x").to_parquet(tmp_path / "1.parquet")
    assert len(read_table(tmp_path, schema=schema)) == 2 * len(FRAME)
    with pytest.raises(SchemaError, match=r"1.parquet has other columns than .*0.parquet: it has note besides"):
        read_table(tmp_path)
    FRAME.drop(columns="age").to_parquet(tmp_path / "1.parquet")
    with pytest.raises(SchemaError, match=r"1.parquet has other columns than .*0.parquet: it lacks age; write all files"):
        read_table(tmp_path, schema=schema)
    FRAME.astype({"age": "str"}).to_parquet(tmp_path / "1.parquet")
    with pytest.raises(
        DataError, match=r"its files declare different types of a column \(.*age.*\); write all of them with one type"
    ):
        read_table(tmp_path, schema=schema)
