"""Schemas and columns: what they accept, how cells are encoded and decoded, what messages say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpdsyn.reading.cells import canonical
from dpdsyn.reading.column import ABSENT, KEYS, UNREADABLE, Column, SchemaError
from dpdsyn.schema import Schema, marked_lines
from dpdsyn.tables.complaints import complaint

SCHEMA = Schema.from_mapping(
    {
        "target": "label",
        "rows_public": 100,
        "ignore": ["id"],
        "columns": {
            "colour": {"kind": "categorical", "categories": ["red", "green"], "missing": "own_code"},
            "grade": {"kind": "categorical", "categories": [1, 2, 3], "missing": "drop"},
            "age": {"kind": "integer", "bounds": [0, 99], "bins": 7, "missing": "own_code"},
            "income": {"kind": "real", "bounds": [0, 1e5], "bins": 5, "scale": "log", "missing": "drop"},
            "label": {"kind": "categorical", "categories": ["no", "yes"]},
        },
    }
)

ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.sampled_from(["red", "green"]), st.text(max_size=4)),
        st.one_of(st.none(), st.integers(-3, 9)),
        st.one_of(st.none(), st.integers(-(10**12), 10**12)),
        st.one_of(st.none(), st.floats(allow_nan=False)),
        st.sampled_from(["no", "yes"]),
    ),
    max_size=30,
)


def frame(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(SCHEMA.names)).astype(object)


@given(ROWS, st.integers(0, 2**32))
def test_encode_then_decode_stays_inside_the_schema(rows: list[tuple], seed: int) -> None:
    encoded = SCHEMA.encode(frame(rows))
    assert encoded.dtype == np.uint8
    assert (encoded < np.array(SCHEMA.sizes)).all()
    decoded = SCHEMA.decode(encoded, np.random.default_rng(seed))
    assert decoded["age"].dropna().between(0, 99).all()
    assert decoded["income"].between(0, 1e5).all()
    assert set(decoded["colour"].dropna()) <= {"red", "green", "other"}
    assert set(decoded["label"]) <= {"no", "yes"}
    if len(decoded):
        assert np.array_equal(SCHEMA.encode(decoded), encoded)


@given(ROWS)
def test_one_more_row_changes_no_other_row_and_no_domain(rows: list[tuple]) -> None:
    kept = frame([(*row[:1], 1, *row[2:3], 1.0, row[4]) for row in rows])
    wild = pd.concat([kept, frame([("never seen", 1, 10**15, 1e300, "no")])], ignore_index=True)
    assert np.array_equal(SCHEMA.encode(wild)[:-1], SCHEMA.encode(kept))


def test_rows_with_a_missing_cell_are_dropped_or_get_their_own_code() -> None:
    encoded = SCHEMA.encode(frame([(None, 1, None, 3.0, "no"), ("red", None, 5, 3.0, "no"), ("red", 1, 5, None, "yes")]))
    assert encoded.shape == (1, 5)
    assert encoded[0, 0] == SCHEMA["colour"].missing_code and encoded[0, 2] == SCHEMA["age"].missing_code
    assert SCHEMA.decode(encoded, np.random.default_rng(0))[["colour", "age"]].isna().all(axis=None)


def test_bins_are_public_and_cover_the_bounds() -> None:
    column = Column("x", "integer", bounds=(1, 16), bins=16)
    assert column.encode(pd.Series(range(1, 17))).tolist() == list(range(16))
    assert column.encode(pd.Series([-5, 1e9])).tolist() == [0, 15]
    log = Column("gain", "integer", bounds=(0, 99999), bins=16, scale="log")
    assert log.encode(pd.Series([0, 2, 99999])).tolist() == [0, 1, 15]


def test_numbers_and_texts_name_the_same_category() -> None:
    assert {canonical(1), canonical(1.0), canonical("1"), canonical(np.int64(1)), canonical(" 1 "), canonical("1.0")} == {"1"}
    column = Column("c", "categorical", categories=("0", "1"))
    assert column.encode(pd.Series([0.0, 1.0])).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": {"a": {"kind": "integer", "bounds": [5, 1], "bins": 2}}}, "first must be below the second"),
        ({"columns": {"a": {"kind": "integer", "bounds": [0, 3], "bins": 9}}}, "9 bins do not fit"),
        ({"columns": {"a": {"kind": "number"}}}, "accepted: categorical, integer, real, date"),
        ({"columns": {"a": {"kind": "categorical", "categories": ["x"], "bin": 3}}}, "unknown key bin"),
        ({"columns": {"a": {"kind": "categorical", "categories": ["x", True]}}}, "quote these categories"),
        ({"columns": {"a": {"kind": "categorical", "categories": [1, "1"]}}}, "categories given twice: 1"),
        ({"columns": {"a": {"kind": "real", "bounds": ["low", 3], "bins": 2}}}, "a list of numbers"),
        ({"columns": {"a": {"kind": "real", "bounds": [3], "bins": 2}}}, "two numbers"),
        ({"columns": {"a": {"kind": "date", "bounds": ["soon", "later"], "bins": 2}}}, "two dates"),
        ({"columns": {"a": {"kind": "integer", "bounds": [0, 9], "bins": 2, "format": "%Y"}}}, "belongs to date columns"),
        ({"columns": {"a": {"kind": "categorical", "categories": "abc"}}}, "a list such as"),
        ({"columns": {"a": {"kind": "categorical", "categories": ["x", None]}}}, "missing cells have a rule"),
        (
            {"columns": {"a": {"kind": "categorical", "categories": ["low", "high"], "cut_at": [1, 2]}}},
            "2 cuts make 3 classes",
        ),
        ({"columns": {"a": {"kind": "categorical", "categories": ["a", "b", "c"], "cut_at": [2, 1]}}}, "rising numbers"),
        ({"columns": {"a": {"kind": "categorical", "categories": [0, 1], "cut_at": [2]}}}, "names that are no numbers"),
        ({"person": "id"}, "needs `max_rows_per_person: 1`"),
        ({"max_rows_per_person": 1}, "no `person`"),
        ({"person": "id", "max_rows_per_person": 0}, "a whole number of at least 1"),
        ({"person": "id", "max_rows_per_person": True}, "a whole number of at least 1"),
        ({"person": "id", "max_rows_per_person": 1.5}, "a whole number of at least 1"),
        (
            {"person": "id", "max_rows_per_person": 1, "columns": {"id": {"kind": "categorical", "categories": ["x"]}}},
            "cannot be a",
        ),
        ({"ignore": "id"}, "`ignore` is a list"),
        ({"ignore": ["b", "a"]}, "a: under `ignore` and also under `columns`, which are published"),
        ({"columns": {"a": {"kind": "integer", "bounds": [0, 2**64 - 1], "bins": 2}}}, "beyond the whole numbers of 64 bits"),
        ({"columns": {"a": {"kind": "integer", "bounds": [0, 2**63], "bins": 2}}}, "beyond the whole numbers of 64 bits"),
        ({"columns": {"a": {"kind": "date", "resolution": []}}}, "resolution is \\[\\]; accepted for dates"),
        ({"target": "b"}, "target 'b' is not a column"),
        ({"rows_public": 0}, "rows_public is 0"),
        ({"rows_public": 10**22}, "rows_public is 10000000000000000000000; about how many rows there are, at most 1,000,000"),
        ({"groups": "people"}, "accepted: rows, identical_rows"),
        ({"columns": {"a": {"kind": "categorical", "categories": ["x"]}}, "target": "a"}, "has one class"),
        ({"columnz": {}}, "unknown key columnz"),
    ],
)
def test_a_bad_schema_is_refused_by_name(change: dict, message: str) -> None:
    good = {"columns": {"a": {"kind": "categorical", "categories": ["x", "y"]}}, "rows_public": 10}
    with pytest.raises(SchemaError, match=message):
        Schema.from_mapping({**good, **change})


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda f: f.drop(columns="age"), "lack the column 'age'"),
        (lambda f: f.assign(extra=1), "does not know: extra"),
        (lambda f: pd.concat([f, f["age"]], axis=1), "columns of the same name: age"),
        (lambda f: f.rename(columns={"age": " age"}), "age is there in another form of Unicode, or with spaces around it"),
    ],
)
def test_columns_that_contradict_the_schema_are_refused_by_name(edit, message: str) -> None:
    good = frame([("red", 1, 5, 3.0, "no")]).assign(id=7)
    assert len(SCHEMA.encode(good)) == 1
    with pytest.raises(SchemaError, match=message):
        SCHEMA.encode(edit(good))


def one(**spec: object) -> Column:
    return Column.from_mapping("a", spec, is_target=False)


def test_dates_are_days_in_the_owner_s_own_format(rng: np.random.Generator) -> None:
    iso = one(kind="date", bounds=["2000-01-01", "2009-12-31"], bins=10)
    cells = pd.Series(["1999-05-05", "2000-01-01", "2004-02-29T23:59:59", "2009-12-31", "2030-01-01"], dtype="str")
    assert iso.encode(cells).tolist() == [0, 0, 4, 9, 9]
    decoded = iso.decode(np.arange(10).repeat(50), rng)
    assert decoded.between(pd.Timestamp("2000-01-01"), pd.Timestamp("2009-12-31")).all()
    assert (decoded.dt.normalize() == decoded).all()
    assert iso.encode(decoded).tolist() == np.arange(10).repeat(50).tolist()
    german = one(kind="date", bounds=["2000-01-01", "2009-12-31"], bins=10, format="%d.%m.%Y", missing="own_code")
    assert german.encode(pd.Series(["02.01.2000", None])).tolist() == [0, 10]
    texts = german.decode(np.array([0, 9, 10]), rng)
    assert texts.str.match(r"\d\d\.\d\d\.200[09]")[:2].all() and texts.isna()[2]
    assert iso.read(pd.Series(["2001-12-31", "31.12.2001", None])).tolist() == [1, UNREADABLE, ABSENT]


def test_a_number_is_cut_into_classes_and_the_cut_belongs_below(rng: np.random.Generator) -> None:
    column = one(kind="categorical", categories=["low", "high"], cut_at=[50])
    assert column.encode(pd.Series(["49.9", "50", "50.1", "1e9", "high"])).tolist() == [0, 0, 1, 1, 1]
    assert column.encode(column.decode(np.array([0, 1]), rng)).tolist() == [0, 1]
    assert column.read(pd.Series(["much"])).tolist() == [UNREADABLE]
    assert "is neither a number nor one of its classes (low, high)" in complaint(column, "much", "a cell")


def test_booleans_are_one_category_however_they_are_written() -> None:
    column = one(kind="categorical", categories=[False, True])
    assert column.encode(pd.Series([True, False])).tolist() == [1, 0]
    assert column.encode(pd.Series(["true", "False", "TRUE"])).tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("columns: {a: 1}\nrows_public: 5\nrows_public: 6\n", "people.yaml: line 3: 'rows_public' is given twice"),
        ("columns: [\n", "people.yaml: is not YAML"),
        ("", "people.yaml: a schema is a mapping"),
        ("? [a]\n: 1\n", "people.yaml: "),
    ],
)
def test_a_schema_file_is_refused_by_its_name_and_line(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "people.yaml").write_text(text)
    with pytest.raises(SchemaError, match=message.replace("(", "\\(")) as caught:
        Schema.from_yaml(tmp_path / "people.yaml")
    assert "\n" not in str(caught.value)
    with pytest.raises(SchemaError, match="cannot be read"):
        Schema.from_yaml(tmp_path / "absent.yaml")


ANYTHING = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.sampled_from(["integer", "a", "date"])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=8,
)
COLUMN = st.fixed_dictionaries(
    {"kind": st.sampled_from(["categorical", "integer", "real", "date", 3, None, []])},
    optional=dict.fromkeys(KEYS - {"kind"}, st.one_of(st.just("learn"), ANYTHING)),
)
MAPPING = st.fixed_dictionaries(
    {"columns": st.one_of(ANYTHING, st.dictionaries(st.sampled_from("abc"), st.one_of(COLUMN, ANYTHING), max_size=3))},
    optional={
        key: st.one_of(st.sampled_from(["a", 5, 1]), ANYTHING)
        for key in ("target", "rows_public", "groups", "ignore", "person", "max_rows_per_person", "drafted", "kinds_inferred")
    },
)


@given(st.one_of(ANYTHING, MAPPING))
@settings(max_examples=200)
def test_whatever_a_schema_file_holds_it_is_a_schema_or_refused_with_a_reason(raw: object) -> None:
    try:
        schema = Schema.from_mapping(raw)  # type: ignore[arg-type]
    except SchemaError as error:
        assert str(error)
    else:
        assert all(column.size >= 1 or column.is_open for column in schema.columns)
        assert Schema.from_mapping(schema.to_mapping()) == schema


def test_yes_and_no_are_texts_in_a_schema_file_and_truth_is_true_or_false(tmp_path: Path) -> None:
    path = tmp_path / "people.yaml"
    text = "rows_public: 10\ncolumns:\n  smokes: {kind: categorical, categories: [yes, no, Off]}\n"
    path.write_text(text)
    schema = Schema.from_yaml(path)
    assert schema["smokes"].categories == ("yes", "no", "Off") and not schema.drafted
    assert schema.encode(pd.DataFrame({"smokes": ["no", "Off"]})).ravel().tolist() == [1, 2]
    path.write_text(text + "  well: {kind: categorical, categories: [true, False]}\n")
    assert Schema.from_yaml(path)["well"].categories == (True, False)
    for wrong in (f"drafted: no\n{text}", text.replace("}", ", other: no}")):
        path.write_text(wrong)
        with pytest.raises(SchemaError, match="is 'no'; accepted: true, false"):
            Schema.from_yaml(path)


def test_inferred_kinds_are_kept_and_written_only_where_they_are() -> None:
    raw = {"rows_public": 10, "columns": {"a": {"kind": "categorical", "categories": ["x", "y"]}}}
    known, inferred = Schema.from_mapping(raw), Schema.from_mapping({**raw, "kinds_inferred": True})
    assert inferred.kinds_inferred and Schema.from_mapping(inferred.to_mapping()) == inferred
    assert not known.kinds_inferred and "kinds_inferred" not in known.to_mapping()  # identities of earlier records hold
    with pytest.raises(SchemaError, match="kinds_inferred is 'maybe'; accepted: true, false"):
        Schema.from_mapping({**raw, "kinds_inferred": "maybe"})


def test_a_file_that_still_bears_a_mark_is_a_draft(tmp_path: Path) -> None:
    path = tmp_path / "people.yaml"
    text = "# Lines marked READ OFF THE ROWS were computed.\nrows_public: 10 # READ OFF THE ROWS: about\ncolumns:\n"
    text += "  a: {kind: categorical, categories: [x, y]}\n"
    path.write_text(text)
    assert marked_lines(path) == [2] and Schema.from_yaml(path).drafted
    path.write_text(text.replace(" # READ OFF THE ROWS: about", ""))
    assert marked_lines(path) == [] and not Schema.from_yaml(path).drafted
    path.write_text(text.replace("rows_public: 10 # READ OFF THE ROWS", "# read off the rows\nrows_public: 10 #"))
    assert marked_lines(path) == [2] and Schema.from_yaml(path).drafted
    path.write_text(text.replace("rows_public: 10 # READ", "rows_public: 20\n# rows_public: 10 # READ"))
    assert marked_lines(path) == [] and not Schema.from_yaml(path).drafted


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "real", "bounds": [0, 9], "bins": 3, "decimals": 2},
        {"kind": "integer", "bounds": [0, 9], "bins": 3, "unlearnt": "noise"},
        {"kind": "categorical", "categories": ["a", "b"], "unlearnt": "noise"},
        {"kind": "categorical", "categories": "learned"},
        {"kind": "integer", "bins": "learnt", "bounds": [0, 9]},
        {"kind": "integer", "bounds": "lern"},
    ],
)
def test_what_is_said_of_learning_beside_what_is_stated_is_refused(spec: dict[str, object]) -> None:
    with pytest.raises(SchemaError, match="column 'a'"):
        Schema.from_mapping({"rows_public": 10, "columns": {"a": spec}})


def test_a_name_that_differs_in_its_form_of_unicode_alone_is_said_to() -> None:
    schema = Schema.from_mapping({"rows_public": 9, "columns": {"Gr\u00f6\u00dfe": {"kind": "integer"}}})
    with pytest.raises(SchemaError, match=r"lack the column 'Gr\u00f6\u00dfe'.*is there in another form of Unicode"):
        schema.check_names(["Gro\u0308\u00dfe"])
    with pytest.raises(SchemaError) as caught:
        schema.check_names(["Weight"])
    assert "Unicode" not in str(caught.value)


@pytest.mark.parametrize("make", [np.array, pd.Series, pd.Index])
def test_what_a_schema_lists_may_be_an_array(make: Callable[[list], object]) -> None:
    columns: dict[str, dict[str, object]] = {
        "a": {"kind": "categorical", "categories": ["x", "y"]},
        "b": {"kind": "integer", "bounds": [0, 9], "bins": 2},
        "c": {"kind": "categorical", "categories": [1, 2]},
    }
    arrays = {name: {key: make(v) if isinstance(v, list) else v for key, v in spec.items()} for name, spec in columns.items()}
    assert Schema.from_mapping({"columns": arrays, "ignore": make(["d"])}) == Schema.from_mapping(
        {"columns": columns, "ignore": ["d"]}
    )
