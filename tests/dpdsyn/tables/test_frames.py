"""Tables of other libraries, by the protocols that they speak.

The stand-ins here speak them by pyarrow and nothing else. That polars itself does is tried by hand: no test needs it.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from dpdsyn.base.checks import InputError
from dpdsyn.tables.frames import as_pandas

TABLE = pa.table(
    {"n": pa.array([2**53 + 1, None, 3]), "t": ["a", None, "NA"], "d": pa.array([1, 2, 3], pa.timestamp("us", tz="Europe/Oslo"))}
)


class Stream:
    """Speaks Arrow's stream protocol."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return TABLE.__arrow_c_stream__(requested_schema)


class Convertible:
    """Has `to_pandas` and no more."""

    def __init__(self, found: Any) -> None:
        self.found = found

    def to_pandas(self) -> Any:
        return self.found


class LazyFrame:
    """Named as polars names a query that is not run yet."""

    def collect(self) -> Stream:
        return Stream()


@pytest.mark.parametrize("table", [Stream(), LazyFrame(), TABLE])
def test_cells_come_as_arrow_has_them(table: Any) -> None:
    frame = as_pandas(table)
    assert frame["n"].tolist()[0] == 2**53 + 1 and frame["n"].isna().tolist() == [False, True, False]
    assert frame["t"].isna().tolist() == [False, True, False] and str(frame["d"].dt.tz) == "Europe/Oslo"


def test_frames_and_what_becomes_one() -> None:
    frame = pd.DataFrame({1: [1]})
    assert list(as_pandas(frame)) == list(as_pandas(Convertible(frame))) == ["1"]
    assert len(as_pandas(TABLE.slice(0, 0))) == 0


def test_views_of_texts_as_polars_has_them_are_read() -> None:
    views = pa.array(["x", None, "y"], pa.string_view())
    coded = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0]), pa.array(["x", "y"], pa.string_view()))
    ordered = pa.DictionaryArray.from_arrays(coded.indices, coded.dictionary, ordered=True)
    frame = as_pandas(pa.table({"views": views, "coded": coded, "ordered": ordered}))
    assert frame["ordered"].tolist() == frame["coded"].tolist()
    assert frame["views"].dropna().tolist() == ["x", "y"] and frame["coded"].tolist() == ["x", "y", "x"]
    assert len(as_pandas(pa.table({"coded": coded}).slice(0, 0))) == 0


@pytest.mark.parametrize("table", [{"a": [1]}, [[1]], 3, pd.DataFrame, Convertible(3), None])
def test_what_is_no_table_is_refused(table: Any) -> None:
    with pytest.raises(InputError, match="a pandas DataFrame, a table of polars or Arrow, or the path"):
        as_pandas(table)


def test_cells_that_no_pandas_frame_can_hold_are_refused_in_one_line() -> None:
    class Wide:
        """As polars with whole numbers of 128 bits: neither protocol hands them over."""

        def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
            raise pa.ArrowInvalid("Invalid or unsupported format string: '_pli128'")

        def to_pandas(self) -> Any:
            return pa.array(self.__arrow_c_stream__())

    with pytest.raises(InputError, match=r"the Wide cannot be made a pandas frame \(Invalid or.*cast columns of types") as caught:
        as_pandas(Wide())
    assert "\n" not in str(caught.value)
