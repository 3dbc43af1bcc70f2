"""Whose each row is: an id that may be several people's names nobody, so that nobody chooses among another one's rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdsyn.mechanisms.contribution_bounding import bounded
from dpdsyn.mechanisms.persons import lossy, whose
from dpdsyn.schema import Schema
from dpdsyn.tables.preflight import PreflightError, preflight

SCHEMA = Schema.from_mapping(
    {
        "rows_public": 10,
        **{"person": "who", "max_rows_per_person": 1},
        "columns": {"visit": {"kind": "integer", "bounds": [0, 9], "bins": 10}},
    }
)


def arrow(cells: list, kind: Any) -> pd.Series:
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(cells, kind)])))


TWO_IN_ONE = {
    "float32": pd.Series([2**24, 2**24 + 1], dtype="float32"),
    "float16": pd.Series([2**11, 2**11 + 1], dtype="float16"),
    "float64": pd.Series([2**53, 2**53 + 1], dtype="float64"),
    "Float32": pd.Series([2**24, 2**24 + 1], dtype="float32").astype("Float32"),
    "float32 of Arrow": arrow([2.0**24, 2.0**24 + 1], pa.float32()),
    "float32 as categories": pd.Series([2**24, 2**24 + 1], dtype="float32").astype("category"),
    "float32 as objects": pd.Series(list(np.array([2**24, 2**24 + 1], dtype="float32")), dtype=object),
    "texts that pandas wrote": pd.Series([str(float(2**55 + 1)), str(float(2**55 + 2))]),
    "texts of a spreadsheet": pd.Series(["1.23457E+11", "1.23457E+11"]),
    "texts of 17 digits": pd.Series([str(float(66488397849837541)), str(float(66488397849837542))]),
    "texts of Java": pd.Series(["1.2345678901234568E16", "1.2345678901234568E16"]),
    "its texts with a comma": pd.Series(["1,23457E+11", "1,23457E+11"]),
    "numbers of a workbook": pd.Series([repr(float(2**53)), repr(float(2**53 + 1))]),
    "bytes that are no text": pd.Series([b"M\xfcller", b"M\xf6ller"]),
    "texts of such bytes": pd.Series(["M\ufffdller", "M\ufffdller"]),
    "infinite": pd.Series([np.inf, np.inf]),
}


@pytest.mark.parametrize("cells", TWO_IN_ONE.values(), ids=TWO_IN_ONE)
def test_an_id_that_two_people_share_names_nobody_and_the_owner_is_told(cells: pd.Series) -> None:
    assert list(whose(cells)[0]) == [-1, -1]
    both = pd.DataFrame({"who": cells, "visit": [1, 2]})
    for key in range(8):
        alone, together = (bounded(frame, SCHEMA, bytes([key]) * 16).used for frame in (both.iloc[:1], both))
        assert (alone == together[:1]).all(), "with another person's row beside it a row is used or left as without"
    with pytest.raises(PreflightError, match=r"column 'who', row 1: .* may be several people's; .* \(2 such cells\)"):
        preflight(both, SCHEMA)


@pytest.mark.parametrize(
    "ids",
    [
        ["7e12345", "1234e567", "12e4"],  # hexadecimal
        [str(2**60), str(2**60 + 1), "12345678901234567.5"],
        ["1.5e+1", "1.25e+2", "10.0", "9007199254740991.0"],
        [2**60, 2**60 + 1, np.uint64(2**64 - 1)],
        [2.0**52, 2.0**52 + 1, 0.5],
        ["M\u00fcller", "M\u00f6ller", b"Mu", "E+11", "1." * 4000],
        ["9" * 5000 + ".0x", "Zo\u00eb", "1e+"],
    ],
)
def test_other_ids_are_told_apart(ids: list) -> None:
    places, names = whose(pd.Series(ids, dtype=object))
    assert sorted(places) == list(range(len(ids))) and len(names) == len(ids)


def as_java_has_it(number: float) -> str:
    digits, exponent = f"{number!r}e+0".split("e+")[:2]
    return f"{digits if '.' in digits else digits + '.0'}E{exponent}" if exponent != "0" else digits


@given(st.integers(2**53 + 1, 10**40), st.sampled_from([str, as_java_has_it]))
def test_whatever_writes_a_number_that_lost_digits_it_is_seen(number: int, write: Callable[[float], str]) -> None:
    assert lossy(write(float(number))) and lossy(write(float(-number)).replace(".", ","))


def test_numbers_of_many_digits_are_no_error() -> None:
    assert lossy("9" * 5000 + ".0") and lossy("1e+" + "9" * 5000) and not lossy("9" * 5000)
