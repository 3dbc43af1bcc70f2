"""Files as people have them: other encodings, separators and line ends; and what is no table at all."""

from __future__ import annotations

import gzip
import os
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from dpdsyn.draft import draft_schema
from dpdsyn.reading.cells import canonical
from dpdsyn.reading.column import SchemaError
from dpdsyn.schema import Schema, read_yaml
from dpdsyn.tables.kinds import declared
from dpdsyn.tables.preflight import examined
from experiments.data import table_file
from experiments.data.errors import DataError
from experiments.data.names import MOST_COLUMNS
from experiments.data.table_file import Reading, lines_of, names_with_blanks, read_as_missing, read_table

PLAIN = "name,grade\nZoë,1\nJürgen,\n"


def rows(path: Path, reading: Reading | None = None) -> list[list]:
    frame = read_table(path, reading)
    return [list(frame.columns), *frame.astype(object).where(frame.notna(), None).to_numpy().tolist()]


@pytest.mark.parametrize(
    ("content", "reading"),
    [
        (PLAIN.encode(), Reading()),
        (PLAIN.encode("utf-8-sig"), Reading()),
        (PLAIN.encode("utf-16"), Reading()),
        (PLAIN.encode("utf-32"), Reading()),
        (PLAIN.encode("utf-16-le"), Reading(encoding="utf-16-le")),
        (PLAIN.encode("latin-1"), Reading(encoding="latin-1")),
        (PLAIN.replace(",", ";").encode(), Reading()),
        (PLAIN.replace(",", "\t").encode(), Reading()),
        (PLAIN.replace(",", "|").encode(), Reading()),
        (PLAIN.replace(",", "~").encode(), Reading(sep="~")),
        (PLAIN.replace("\n", "\r\n").encode(), Reading()),
        (PLAIN.replace("\n", "\r").encode(), Reading()),
        (PLAIN.rstrip("\n").encode(), Reading()),
        (b"\n\n" + PLAIN.encode().replace(b"\n", b"\n\n"), Reading()),
        (b'"name" , grade\nZo\xc3\xab, 1\n"J\xc3\xbcrgen", NA\n', Reading()),
        (PLAIN.replace(",\n", ",?\n").encode(), Reading(missing=("?",))),
    ],
)
def test_one_table_is_read_however_it_is_written(content: bytes, reading: Reading, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_bytes(content)
    (tmp_path / "people.csv.gz").write_bytes(gzip.compress(content))
    for name in ("people.csv", "people.csv.gz"):
        assert rows(tmp_path / name, reading) == [["name", "grade"], ["Zoë", "1"], ["Jürgen", None]]


def test_cells_keep_their_text_and_quoted_line_breaks(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text('zip,note\n00123,"two\nlines, one cell"\n1.50,"say ""hi"""\n')
    assert rows(path)[1:] == [["00123", "two\nlines, one cell"], ["1.50", 'say "hi"']]
    assert lines_of(path, (0, 1)) == {0: 3, 1: 4}


def test_a_row_below_a_huge_cell_is_found(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(f"name,note\nZoë,{'x' * 300_000}\n\nJürgen,y\n", encoding="utf-8")
    assert len(rows(path)[1][1]) == 300_000 and lines_of(path, [1]) == {1: 4}


def test_a_row_too_long_to_be_read_is_named_by_its_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_file, "_BLOCK", 1 << 16)
    path = tmp_path / "people.csv"
    path.write_text(f"name,note\na,b\nc,{'x' * 300_000}\nd,e\n")
    with pytest.raises(DataError, match=r"line 3 is longer than 65,536 bytes, the most that is read$"):
        read_table(path)
    path.write_text('name,note\na,b\nc,"d\n' + "e,f\n" * 90_000)
    with pytest.raises(
        DataError, match=r"the row from line 3 to line 90003 is longer .*; a quotation mark in it may never be closed"
    ):
        read_table(path)


def test_decimal_commas_become_points(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("weight;grade;home;left\n70,5;1,3;house, big;-,5e3\n71;2;1,2,3;a,5\n")
    assert rows(tmp_path / "people.csv", Reading(decimal=","))[1:] == [
        ["70.5", "1.3", "house, big", "-.5e3"],
        ["71", "2", "1,2,3", "a,5"],
    ]


def test_parquet_gives_cells_that_say_the_same_as_those_of_a_csv_file(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "number": [1, None, 3],
            "size": [0.5, 2.0, np.nan],
            "name": ["a", None, "c"],
            "well": [True, False, True],
            "day": pd.to_datetime(["2020-01-31", None, "2021-12-01"]),
            "kind": pd.Categorical(["x", "y", "x"]),
        }
    )
    frame["number"] = frame["number"].astype("Int64")
    frame.to_parquet(tmp_path / "people.parquet")
    read = read_table(tmp_path / "people.parquet")
    frame.to_csv(tmp_path / "people.csv", index=False)
    texts = read_table(tmp_path / "people.csv")
    assert list(read) == list(frame) == list(texts)
    for name in frame:
        assert [*read[name].dropna().map(canonical)] == [*texts[name].dropna().map(canonical)]
    assert read.isna().equals(frame.isna()) and lines_of(tmp_path / "people.parquet", [1]) == {}
    written = pd.DataFrame({"country": ["NA", "", None], "size": [1.0, np.nan, 3.0]})  # Namibia, as it stands there
    written.to_parquet(tmp_path / "countries.parquet")
    countries = read_table(tmp_path / "countries.parquet")
    assert countries["country"].tolist()[:2] == ["NA", ""] and countries.isna().equals(written.isna())
    assert read_table(tmp_path / "countries.parquet", Reading(missing=("",)))["country"].isna().tolist() == [False, True, True]
    pd.DataFrame({"tags": [["a"], ["b"]]}).to_parquet(tmp_path / "nested.parquet")
    with pytest.raises(DataError, match=r"nested.parquet, column 'tags': holds list<.*> values"):
        read_table(tmp_path / "nested.parquet")
    pd.DataFrame({"tags": [["a"], ["b"]], "a": [1, 2]}).to_parquet(tmp_path / "nested.parquet")
    known = Schema.from_mapping({"ignore": ["tags"], "columns": {"a": {"kind": "integer"}}})
    assert list(read_table(tmp_path / "nested.parquet", schema=known)) == ["a"]


def test_what_stands_for_a_missing_cell_does_so_in_every_column_of_a_parquet_file(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "whole": [-999, None, 3],
            "size": [-999.0, 2.5, np.nan],
            "small": np.array([-999, 2.5, 1e4], dtype="float32"),
            "price": [Decimal("-999.00"), Decimal("1.50"), None],
            "until": pd.to_datetime(["9999-12-31", "2024-02-29", None]).astype("datetime64[ms]"),
            "text": ["-999", " -999 ", "a"],
            "listed": [-999, 1, 2],
            "well": [True, False, True],
        }
    ).astype({"whole": "Int64"})
    frame.to_parquet(tmp_path / "people.parquet")
    columns = {"listed": {"kind": "categorical", "categories": [-999, 1, 2]}}
    columns |= {name: {"kind": "real"} for name in ("whole", "size", "small", "price", "text", "until", "well")}
    schema = Schema.from_mapping({"columns": columns})
    read = read_table(tmp_path / "people.parquet", Reading(missing=("-999", "9999-12-31", "1e4")), schema=schema)
    expected = frame.isna()
    expected.loc[0, ["whole", "size", "small", "price", "until", "text"]] = True
    expected.loc[1, "text"] = expected.loc[2, "small"] = True
    assert read.isna().equals(expected)
    assert (read["whole"][2], read["size"][1], read["price"][1]) == (3, 2.5, Decimal("1.50"))


def test_names_of_a_parquet_file_are_kept_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    pd.DataFrame({" age ": [1, 2], "ward": ["a", "b"]}).to_parquet(path)
    assert list(read_table(path)) == list(declared(path)) == [" age ", "ward"]


def test_a_packed_file_is_known_by_its_ending_in_capitals_too(tmp_path: Path) -> None:
    (tmp_path / "X.CSV.GZ").write_bytes(gzip.compress(PLAIN.encode()))
    assert rows(tmp_path / "X.CSV.GZ")[0] == ["name", "grade"]


def test_a_category_that_the_schema_lists_is_no_missing_cell(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("pain,country,box,y\nNone,NA,x,NA\nmild,ZA,,null\n?,,x,no\n")
    lists = {"pain": ["None", "mild"], "country": ["NA", "ZA"], "box": ["x", ""], "y": ["no", "yes"]}
    columns = {name: {"kind": "categorical", "categories": listed, "missing": "own_code"} for name, listed in lists.items()}
    schema = Schema.from_mapping({"columns": columns})
    frame = read_table(tmp_path / "people.csv", Reading(missing=("?", "mild")), schema=schema)
    assert schema.encode(frame).tolist() == [[0, 0, 0, 2], [1, 1, 1, 2], [2, 2, 0, 0]]
    assert read_table(tmp_path / "people.csv")["pain"].isna().tolist() == [True, False, False]
    kept = read_table(tmp_path / "people.csv", Reading(not_missing=("NA", "None")))
    assert kept["country"].isna().tolist() == [False, False, True] and kept["y"].isna().tolist() == [False, True, False]
    assert read_as_missing(tmp_path / "people.csv", Reading()) == {
        "pain": {"None": 1},
        "country": {"NA": 1},
        "y": {"NA": 1, "null": 1},
    }
    assert read_as_missing(tmp_path / "people.csv", Reading(missing=("NA",), not_missing=("None",))) == {"y": {"null": 1}}


def test_what_a_point_is_beside_decimal_commas_the_schema_says(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("wage;grade;code;share\n1.234,56;1,5;1.234;0.5\n2.000;1.000;250.10;1,5\n")
    schema = Schema.from_mapping(
        {
            "columns": {
                "wage": {"kind": "real"},
                "grade": {"kind": "categorical", "categories": [1.5, 1000]},
                "code": {"kind": "categorical", "categories": ["1.234", "250.10"]},
                "share": {"kind": "real", "missing": "own_code"},
            }
        }
    )
    frame = read_table(tmp_path / "people.csv", Reading(decimal=","), schema=schema)
    assert frame["wage"].tolist() == ["1234.56", "2000"] and schema.encode(frame)[:, 1:3].tolist() == [[0, 0], [1, 1]]
    assert examined(frame, schema).faults[0].told(show_cells=True) == (
        "column 'share', row 1: '0.5 (its point groups no thousands)' is not a number, and the schema says the column is real; "
        "where the comma is the decimal mark, a point groups thousands, as in 1.234"
    )
    pd.DataFrame({"wage": [1.234, 2.5], "grade": "1,5", "code": "1.234", "share": "1,5"}).to_parquet(tmp_path / "people.parquet")
    assert read_table(tmp_path / "people.parquet", Reading(decimal=","), schema=schema)["wage"].tolist() == [1.234, 2.5]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"a,b\n", "holds the names of 2 columns and no row"),
        (b"a,b,a\n1,2,3\n", "line 1: columns of the same name: a"),
        (b"a,,b\n1,2,3\n", "line 1: column 2 has no name"),
        (b"a,b\n1,2\n1,2,3\n", "line 3 has 3 cells, and the first line names 2 columns"),
        (b'a,b\n"1\n2",3\n4\n', "line 4 has 1 cells, and the first line names 2 columns"),
        (b"a,b\n\n1,2\n\n4\n", "line 5 has 1 cells, and the first line names 2 columns"),
        (
            b'a,b\n1,2\n"3,4\n5,6\n7,8\n',
            "the row from line 3 to line 5 has 1 cells, and the first line names 2 columns; a quotation mark in it may never be",
        ),
        (b"a,b\n1,\xe9\n", "line 2 is not utf-8 text; name the encoding it is in, often cp1252"),
        (b'a,b\n1,"2\n3,4\n', "line 2: a quotation mark is opened and never closed"),
        (b"PK\x03\x04rest", "is a zip archive or a damaged workbook; unpack it, or save"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "is a binary file, neither CSV nor Parquet"),
        (b"PAR1 but nothing more", "cannot be read as a table"),
        (",".join(f"c{i}" for i in range(10_000)).encode() + b"\n", f"has 10,000 columns; at most {MOST_COLUMNS:,} are read"),
        (b"a" * 300 + b",b\n1,2\n", "line 1: the name of column 1 has 300 characters"),
        (b'a,"b\nc"\n1,2\n', "line 1: the name of column 2 has a line break"),
    ],
)
def test_what_is_no_clean_table_is_refused_by_file_and_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_table(path)
    assert str(caught.value).startswith(str(path)) and message in str(caught.value) and "\n" not in str(caught.value)


def test_paths_and_settings_that_cannot_be_meant_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_table(tmp_path)
    (tmp_path / "people.csv.gz").write_bytes(b"not packed")
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path / "people.csv.gz")
    for setting in ({"encoding": "utf-9"}, {"sep": ",,"}, {"sep": '"'}, {"sep": "§"}, {"decimal": ";"}):
        with pytest.raises(DataError, match=f"{next(iter(setting.values()))!r}"):
            Reading(**setting)


CELL = st.one_of(
    st.sampled_from(["", "1", "2", "x", "NA", "2020-01-31", "1e400", "-7.5", "007", '"q"', '"', "true", " a ", "é", "\x00"]),
    st.text(max_size=6),
)
TEXT = st.lists(st.lists(CELL, min_size=1, max_size=4), min_size=1, max_size=8).map(
    lambda lines: "\n".join(",".join(line) for line in lines).encode("utf-8", "replace")
)
MANGLED = st.tuples(TEXT, st.integers(0, 200), st.binary(max_size=4)).map(lambda t: t[0][: t[1]] + t[2] + t[0][t[1] :])
KINDS = (
    st.integers().map(str),
    st.integers(0, 40).map(str),
    st.floats().map(str),
    st.floats(0, 9, width=16).map(str),
    st.dates().map(str),
    st.datetimes().map(lambda moment: moment.strftime("%d.%m.%Y")),
    st.sampled_from(["", "red", "green", "yes", "no", "null", "- x", "#", "a: b", "é"]),
    CELL,
)
TIDY = (
    st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS))
    .flatmap(lambda kinds: st.lists(st.tuples(kinds[0], kinds[1], st.sampled_from("ab")), min_size=1, max_size=60))
    .map(lambda lines: pd.DataFrame(lines, columns=["first", "second", "third"]).to_csv(index=False).encode("utf-8", "replace"))
)


@pytest.mark.slow
@given(
    content=st.one_of(TIDY, st.binary(max_size=80), TIDY, TEXT, MANGLED, TIDY),
    target=st.sampled_from([None, "first", "third", "1", "x"]),
    encoding=st.sampled_from(["utf-8", "utf-8", "latin-1", "utf-16"]),
)
@settings(max_examples=int(os.environ.get("DPDSYN_FUZZ", "300")), suppress_health_check=list(HealthCheck))
def test_whatever_the_file_there_is_a_message_or_a_schema_that_fits_it(
    content: bytes, target: str | None, encoding: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "people.csv").write_bytes(content)
    try:
        frame = read_table(folder / "people.csv", Reading(encoding=encoding))
        text = draft_schema(frame, "people.csv", target)
    except (DataError, SchemaError) as error:
        assert str(error) and "\n" not in str(error)
        event(f"refused: {type(error).__name__}")
        return
    event(f"a schema of {len(frame)} rows" if len(frame) < 5 else "a schema of 5 rows or more")
    (folder / "people.yaml").write_text(text, encoding="utf-8")
    schema = Schema.from_mapping(read_yaml(folder / "people.yaml"))
    assert schema.drafted and schema.target == target
    encoded = schema.encode(frame)
    assert target is not None or len(encoded) == len(frame)
    assert set(schema.names) | set(schema.ignore) == set(frame.columns)
    decoded = schema.decode(encoded, np.random.default_rng(0))
    assert np.array_equal(schema.encode(decoded.assign(**dict.fromkeys(schema.ignore, ""))), encoded)


def drafted(tmp_path: Path, *lines: str) -> str:
    (tmp_path / "people.csv").write_text("\n".join(lines), encoding="utf-8")
    return draft_schema(read_table(tmp_path / "people.csv"), "people.csv")


def test_a_draft_leaves_out_long_texts_and_numbers_with_commas_and_says_why(tmp_path: Path) -> None:
    lines = [f"{'x' * (101 if i % 2 else 5)};{i},5;{'north' if i % 3 else 'south'};{i % 4}" for i in range(60)]
    text = drafted(tmp_path, "note;weight;ward;grade", *lines)
    assert "- note # READ OFF THE ROWS: free text or an id: bin it into few categories first\n" in text and "xxxxx" not in text
    assert "- weight # READ OFF THE ROWS: numbers with commas: say `--decimal ,` and draft again" in text


def test_a_draft_of_one_column_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"fewer than two columns can be described; there is only ward$"):
        drafted(tmp_path, "ward", "north", "south")


def test_names_without_a_row_are_a_table_where_that_is_meant(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("a,b\n")
    pd.DataFrame({"a": [], "b": []}, dtype="str").to_parquet(tmp_path / "people.parquet")
    for name in ("people.csv", "people.parquet"):
        assert read_table(tmp_path / name, may_be_empty=True).shape == (0, 2)


def test_lines_of_rows_are_found_in_one_pass(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text('a\n1\n\n"2\n3"\n4\n')
    assert lines_of(tmp_path / "people.csv", [2, 0, 1, 9]) == {0: 2, 1: 5, 2: 6}
    assert lines_of(tmp_path / "people.csv", []) == {}


def test_a_file_of_two_encodings_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("a,b\nKöln,1\n".encode() + "Köln,2\n".encode("latin-1"))
    with pytest.raises(DataError, match="line 3 is not utf-8 text, and lines above it are: the file mixes encodings"):
        read_table(tmp_path / "t.csv")


def test_names_lose_blanks_and_which_do_is_known(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('\ufeffid, income ,"x "\n1,2,3\n', encoding="utf-8")
    assert list(read_table(tmp_path / "t.csv")) == ["id", "income", "x"]
    assert names_with_blanks(tmp_path / "t.csv", Reading()) == [" income ", "x "]
