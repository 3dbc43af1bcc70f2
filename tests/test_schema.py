from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdsyn.column import Column, SchemaError, canonical
from dpdsyn.schema import Schema

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
    codes = SCHEMA.encode(frame(rows))
    assert codes.dtype == np.uint8
    assert (codes < np.array(SCHEMA.sizes)).all()
    decoded = SCHEMA.decode(codes, np.random.default_rng(seed))
    assert decoded["age"].dropna().between(0, 99).all()
    assert decoded["income"].between(0, 1e5).all()
    assert set(decoded["colour"].dropna()) <= {"red", "green", "other"}
    assert set(decoded["label"]) <= {"no", "yes"}
    if len(decoded):
        assert np.array_equal(SCHEMA.encode(decoded), codes)


@given(ROWS)
def test_one_more_row_changes_no_other_row_and_no_domain(rows: list[tuple]) -> None:
    kept = frame([(*row[:1], 1, *row[2:3], 1.0, row[4]) for row in rows])
    wild = pd.concat([kept, frame([("never seen", 1, 10**15, 1e300, "no")])], ignore_index=True)
    assert np.array_equal(SCHEMA.encode(wild)[:-1], SCHEMA.encode(kept))


def test_rows_with_a_missing_cell_are_dropped_or_get_their_own_code() -> None:
    codes = SCHEMA.encode(frame([(None, 1, None, 3.0, "no"), ("red", None, 5, 3.0, "no"), ("red", 1, 5, None, "yes")]))
    assert codes.shape == (1, 5)
    assert codes[0, 0] == SCHEMA["colour"].missing_code and codes[0, 2] == SCHEMA["age"].missing_code
    assert SCHEMA.decode(codes, np.random.default_rng(0))[["colour", "age"]].isna().all(axis=None)


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
        ({"columns": {"a": {"kind": "number"}}}, "accepted: categorical, integer, real"),
        ({"columns": {"a": {"kind": "categorical", "categories": ["x"], "bin": 3}}}, "unknown key bin"),
        ({"columns": {"a": {"kind": "categorical", "categories": ["x", True]}}}, "quote these categories"),
        ({"columns": {"a": {"kind": "categorical", "categories": [1, "1"]}}}, "categories given twice: 1"),
        ({"columns": {"a": {"kind": "real", "bounds": ["low", 3], "bins": 2}}}, "two numbers"),
        ({"target": "b"}, "target 'b' is not a column"),
        ({"rows_public": 0}, "rows_public is 0"),
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
        (lambda f: f.assign(age="old"), "column 'age', row 1: 'old' is not a number"),
        (lambda f: f.assign(label="maybe"), "'maybe' is not among its categories"),
        (lambda f: f.assign(label=None), "missing cells .first in row 1. and no rule"),
        (lambda f: pd.concat([f, f["age"]], axis=1), "columns of the same name: age"),
    ],
)
def test_rows_that_contradict_the_schema_are_refused_by_name(edit, message: str) -> None:
    good = frame([("red", 1, 5, 3.0, "no")]).assign(id=7)
    assert len(SCHEMA.encode(good)) == 1
    with pytest.raises(SchemaError, match=message):
        SCHEMA.encode(edit(good))
