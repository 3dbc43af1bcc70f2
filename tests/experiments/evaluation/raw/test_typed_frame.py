"""Typed frames: what a cell says, whatever it is written as."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from builders.mixed_rows import CLASSES, as_texts, mixed_rows, mixed_schema
from hypothesis import given, settings
from hypothesis import strategies as st

from dpdsyn.schema import Schema
from experiments.evaluation.raw.typed_frame import classes_of, typed


def one_column(kind: str, cells: list[object], dtype: object = object, **more: object) -> list[object]:
    schema = Schema.from_mapping(
        {
            "rows_public": 10,
            "columns": {"x": {"kind": kind, **more}},
        }
    )
    return list(typed(pd.DataFrame({"x": pd.Series(cells, dtype=dtype)}), schema)["x"])


BOUNDS = {"bounds": [0, 10], "bins": 2}
DATES = {"bounds": ["2000-01-01", "2001-01-01"], "bins": 2}


def test_texts_and_typed_cells_say_the_same() -> None:
    frame, schema = mixed_rows(200), mixed_schema()
    read = typed(frame, schema)
    pd.testing.assert_frame_equal(read, typed(as_texts(frame), schema))
    assert list(read.dtypes) == [float, float, float, object, float]
    assert read["city"].isna().any() and read["pay"].isna().any()
    assert read["age"].tolist() == frame["age"].tolist()
    assert read["label"].tolist() == [CLASSES.index(label) for label in frame["label"]]


def test_decoded_rows_are_read_as_raw_ones() -> None:
    frame, schema = mixed_rows(300), mixed_schema()
    read, decoded = typed(frame, schema), typed(schema.decode(schema.encode(frame), np.random.default_rng(0)), schema)
    for name in ("city", "label"):
        assert decoded[name].map(str).tolist() == read[name].map(str).tolist()
    assert (np.abs(decoded["age"] - read["age"]) < 10).all()  # inside its bin
    assert decoded["pay"].isna().tolist() == read["pay"].isna().tolist()
    assert (np.abs(decoded["joined"] - read["joined"]) < 10958 / 10 + 1).all()


def test_bounds_bins_and_categories_of_features_are_no_matter() -> None:
    assert one_column("integer", ["-5", "700"], **BOUNDS) == [-5, 700]
    assert one_column("categorical", ["never declared", "b"], categories=["a", "b"]) == ["never declared", "b"]


@pytest.mark.parametrize(
    "cell", [None, np.nan, pd.NA, pd.NaT, "", "many", [1], "inf", float("inf"), float("-inf"), date(2000, 1, 1)]
)
def test_what_is_no_number_is_missing(cell: object) -> None:
    assert np.isnan(one_column("real", [cell], **BOUNDS)).all()


@pytest.mark.parametrize(
    ("cell", "days"),
    [
        ("1970-01-02", 1),
        ("1970-01-02T06:00:00", 1.25),
        (datetime(1970, 1, 2, 12), 1.5),
        (np.datetime64("1970-01-02T18:00"), 1.75),
        (pd.Timestamp("1970-01-03"), 2),
        (date(1969, 12, 31), -1),
        (datetime(1970, 1, 2, 6, tzinfo=timezone(timedelta(hours=5))), 1.25),  # as written
        ("soon", np.nan),
        (5, np.nan),
        ([1], np.nan),
    ],
)
def test_dates_are_days_with_the_time_of_day(cell: object, days: float) -> None:
    assert one_column("date", [cell], **DATES) == pytest.approx([days], nan_ok=True)


def test_columns_of_moments_are_read_at_once() -> None:
    moments = pd.Series(["1970-01-02 06:00", None, "1969-12-31 12:00"]).astype("datetime64[ns]")
    assert one_column("date", list(moments), "datetime64[ns]", **DATES) == pytest.approx([1.25, np.nan, -0.5], nan_ok=True)
    zoned = moments.dt.tz_localize(UTC).dt.tz_convert("Asia/Tokyo")
    assert one_column("date", list(zoned), zoned.dtype, **DATES) == pytest.approx([1.625, np.nan, -0.125], nan_ok=True)
    form = {"format": "%d.%m.%Y %H:%M"}
    assert one_column("date", ["02.01.1970 06:00", "1970-01-02"], **DATES, **form) == pytest.approx([1.25, np.nan], nan_ok=True)


def test_categories_are_compared_by_what_they_say() -> None:
    cells = [1, 1.0, "1", " 1.0 ", True, "true", None, ["a"], "A"]
    assert one_column("categorical", cells, categories=["1"]) == ["1", "1", "1", "1", "true", "true", None, None, "A"]


def test_a_column_cut_into_classes_is_the_same_in_numbers_and_in_names() -> None:
    income = {"kind": "categorical", "categories": ["low", "high"], "cut_at": [50000]}
    schema = Schema.from_mapping({"rows_public": 10, "target": "income", "columns": {"income": income}})
    frame = pd.DataFrame({"income": ["50000", 50001.0, "low", "high", None, "unheard of"]})
    wanted = [0, 1, 0, 1, np.nan, np.nan]
    assert typed(frame, schema)["income"].tolist() == pytest.approx(wanted, nan_ok=True)
    beside = Schema.from_mapping({"rows_public": 10, "columns": {"income": income}})
    assert typed(frame, beside)["income"].tolist() == ["low", "high", "low", "high", None, None]


def test_another_target_is_coded_and_the_first_becomes_a_feature() -> None:
    frame, schema = mixed_rows(50), mixed_schema()
    read = typed(frame, schema, "city")
    assert read["label"].tolist() == frame["label"].tolist()
    assert set(read["city"].dropna()) == {0.0, 1.0, 2.0} and read["city"].isna().tolist() == frame["city"].isna().tolist()
    assert typed(frame, mixed_schema(), "pay")["pay"].dtype == float


def test_absent_and_undeclared_columns_are_left_out() -> None:
    frame, schema = mixed_rows(20).drop(columns="pay").assign(note="x"), mixed_schema()
    frame.index = frame.index + 7
    read = typed(frame, schema)
    assert list(read) == ["age", "joined", "city", "label"] and list(read.index) == list(range(20))


def test_classes_that_no_schema_lists_are_the_texts_of_all_frames() -> None:
    schema = Schema.from_mapping({"rows_public": 10, "columns": {"x": {"kind": "categorical"}}})
    frames = [pd.DataFrame({"x": ["b", None, "c"]}), pd.DataFrame({"x": ["a", "b"]})]
    classes = classes_of(frames, schema["x"])
    assert classes == ["a", "b", "c"]
    assert typed(frames[0], schema, "x", classes)["x"].tolist() == pytest.approx([1, np.nan, 2], nan_ok=True)
    assert classes_of(frames, mixed_schema()["city"]) is None and classes_of(frames, mixed_schema()["age"]) is None


@given(
    st.lists(st.one_of(st.none(), st.floats(), st.integers(), st.text(max_size=4), st.dates(), st.booleans()), min_size=1),
    st.data(),
)
@settings(max_examples=30, deadline=None)
def test_a_cell_is_read_by_itself(cells: list[object], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(cells))))
    for kind, more in (("real", BOUNDS), ("date", DATES), ("categorical", {"categories": ["a"]})):
        together = one_column(kind, cells, **more)
        assert list(map(repr, one_column(kind, [cells[i] for i in order], **more))) == [repr(together[i]) for i in order]
        assert [repr(one_column(kind, [cell], **more)[0]) for cell in cells] == list(map(repr, together))
