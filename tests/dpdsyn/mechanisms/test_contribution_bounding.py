"""At most so many rows of each person are kept, and which ones no other person decides."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdsyn.mechanisms.contribution_bounding import bounded, used_rows
from dpdsyn.reading.column import SchemaError
from dpdsyn.schema import Schema
from dpdsyn.tables.preflight import PreflightError, preflight

COLUMNS = {
    "visit": {"kind": "integer", "bounds": [0, 9], "bins": 10},
    "ward": {"kind": "categorical", "categories": ["n", "s"], "missing": "drop"},
}
ROWS = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 9).map(str), st.sampled_from(["n", "s", None])), max_size=40)
KEYS = st.binary(min_size=16, max_size=64)
MOST = st.integers(1, 4)


def schema(most: int) -> Schema:
    return Schema.from_mapping({"rows_public": 10, "person": "who", "max_rows_per_person": most, "columns": COLUMNS})


def table(rows: list) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["who", "visit", "ward"], dtype=object)


def used(rows: list, most: int, key: bytes) -> list[tuple]:
    frame = table(rows)
    return list(map(tuple, frame[bounded(frame, schema(most), key).used].to_numpy()))


@given(ROWS, MOST, KEYS)
def test_everybody_keeps_as_many_usable_rows_as_they_have_or_may(rows: list, most: int, key: bytes) -> None:
    kept = used(rows, most, key)
    usable = [row for row in rows if row[2] is not None]  # a row that is dropped takes up no place
    assert Counter(row[0] for row in kept) == {who: min(n, most) for who, n in Counter(row[0] for row in usable).items()}
    assert not Counter(kept) - Counter(usable)


@given(ROWS, st.sampled_from("abcdef"), MOST, KEYS, st.randoms())
def test_one_person_more_or_less_changes_no_other_person_s_rows(
    rows: list, who: str, most: int, key: bytes, random: Random
) -> None:
    kept = used(rows, most, key)
    assert used([row for row in rows if row[0] != who], most, key) == [row for row in kept if row[0] != who]
    shuffled = random.sample(rows, len(rows))
    assert Counter(used(shuffled, most, key)) == Counter(kept)


@given(ROWS, MOST, KEYS)
def test_persons_are_numbered_without_gaps_and_told_apart(rows: list, most: int, key: bytes) -> None:
    frame = table(rows)
    encoded, found = used_rows(frame, schema(most), key)
    assert found.persons is not None and found.persons.dtype == np.int64
    assert len(encoded) == len(found.persons) == found.used.sum()
    assert set(found.persons) == set(range(frame["who"][found.used].nunique()))
    assert pd.Series(found.persons).groupby(frame["who"][found.used].to_numpy()).nunique().le(1).all()


def test_which_rows_are_kept_depends_on_the_key_and_favours_none() -> None:
    rows = [(f"p{i}", str(visit), "n") for i in range(400) for visit in range(4)]
    for most in (1, 2):
        kept = [np.array([int(row[1]) for row in used(rows, most, bytes([key]) * 16)]) for key in (0, 1)]
        assert np.bincount(kept[0]) / 400 == pytest.approx(np.full(4, most / 4), abs=0.08)
        assert (kept[0] != kept[1]).mean() > 0.5


def test_one_person_is_one_however_the_name_is_written_and_equal_rows_are_told_apart() -> None:
    for ids in ([7, "7", 7.0, " 7"], ["\u00e9", "e\u0301"] * 2, ["A1", "A1 "] * 2):
        frame = table([(who, str(i), "n") for i, who in enumerate(ids)])
        assert bounded(frame, schema(1), bytes(16)).used.sum() == 1
    assert bounded(table([("a", "1", "n")] * 5), schema(3), bytes(16)).used.sum() == 3
    two = table([(1, "1", "n"), (True, "2", "n")])
    assert bounded(two, schema(1), bytes(16)).used.sum() == 2


def test_a_row_without_a_person_is_left_out_and_without_a_person_column_every_row_stays() -> None:
    frame = table([("a", "1", "n"), (None, "2", "n"), ("", "3", "n"), ("b", "4", None), ("b", "5", "s")])
    assert bounded(frame, schema(1), bytes(16)).used.tolist() == [True, False, False, False, True]
    plain = Schema.from_mapping({"rows_public": 10, "ignore": ["who"], "columns": COLUMNS})
    found = bounded(frame, plain, bytes(16))
    assert found.used.tolist() == [True, True, True, False, True] and found.persons is None
    assert (plain.unit, schema(1).unit) == ("row", "person")
    with pytest.raises(SchemaError, match="the data lack the column 'who'"):
        bounded(frame[["visit", "ward"]], schema(1), bytes(16))
    assert len(used_rows(frame.head(0), schema(2), bytes(16))[0]) == 0


def test_large_ids_that_floating_point_has_blurred_are_nobodys() -> None:
    """One missing id makes pandas keep all as doubles, in which many of 19 digits are the same number."""
    ids = 10**18 + np.arange(40)
    frame = pd.DataFrame({"who": [*ids, None], "visit": "1", "ward": "n"})
    assert frame["who"].dtype == float and bounded(frame.head(40).assign(who=ids), schema(1), bytes(16)).used.all()
    assert not bounded(frame, schema(1), bytes(16)).used.any()
    with pytest.raises(PreflightError, match=r"row 1: digits or letters of this id are lost, .* as text \(41 such cells"):
        preflight(frame, schema(1))
    assert bounded(frame.assign(who=[*range(40), None]), schema(1), bytes(16)).used.sum() == 40


def test_a_short_key_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="the key has 4 bytes"):
        bounded(table([("a", "1", "n")] * 2), schema(1), b"four")
