"""One row of each person is kept, and which one it is no other person decides."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdsyn.column import SchemaError
from dpdsyn.contribution_bounding import one_row_per_person
from dpdsyn.schema import Schema

COLUMNS = {"visit": {"kind": "integer", "bounds": [0, 9], "bins": 10}}
SCHEMA = Schema.from_mapping({"rows_public": 10, "person": "who", "max_rows_per_person": 1, "columns": COLUMNS})
ROWS = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 9).map(str)), max_size=40)


def table(rows: list) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["who", "visit"], dtype="str")


def used(rows: list, key: int) -> pd.DataFrame:
    frame = table(rows)
    return frame[one_row_per_person(frame, SCHEMA, key)].reset_index(drop=True)


@given(ROWS, st.integers(0, 2**32))
def test_everybody_keeps_exactly_one_of_their_rows(rows: list, key: int) -> None:
    kept = used(rows, key)
    assert sorted(kept["who"]) == sorted({who for who, _ in rows})
    assert set(map(tuple, kept.to_numpy())) <= set(rows)


@given(ROWS, st.sampled_from("abcdef"), st.integers(0, 2**32), st.randoms())
def test_taking_a_person_away_changes_one_kept_row_and_no_other(rows: list, who: str, key: int, random: object) -> None:
    kept = used(rows, key)
    without = used([row for row in rows if row[0] != who], key)
    assert without.equals(kept[kept["who"] != who].reset_index(drop=True))
    shuffled = rows.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    again = used(shuffled, key)
    assert sorted(map(tuple, again.to_numpy())) == sorted(map(tuple, kept.to_numpy()))


def test_which_row_is_kept_depends_on_the_key_and_favours_none() -> None:
    rows = [(f"p{i}", str(visit)) for i in range(400) for visit in range(4)]
    kept = [used(rows, key)["visit"].astype(int) for key in (0, 1)]
    assert (kept[0] != kept[1]).mean() == pytest.approx(0.75, abs=0.1)
    assert np.bincount(kept[0]) / 400 == pytest.approx(np.full(4, 0.25), abs=0.08)


def test_without_a_person_column_every_row_stays_and_a_nameless_row_is_refused() -> None:
    plain = Schema.from_mapping({"rows_public": 10, "ignore": ["who"], "columns": COLUMNS})
    frame = table([("a", "1"), ("a", "1")])
    assert one_row_per_person(frame, plain, 0).all()
    assert (plain.unit, SCHEMA.unit) == ("row", "person")
    with pytest.raises(SchemaError, match="column 'who', row 2: no person is named") as caught:
        one_row_per_person(table([("a", "1"), (None, "2")]), SCHEMA, 0)
    assert caught.value.row == 1
    with pytest.raises(SchemaError, match="the data lack the column 'who'"):
        one_row_per_person(frame[["visit"]], SCHEMA, 0)
