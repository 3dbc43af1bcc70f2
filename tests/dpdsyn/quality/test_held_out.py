"""Held-out rows: one unit more is on one side alone and moves no other."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import yaml
from builders.neighbours import BY_ROW, OPEN_BY_ROW, TWO_ROWS_EACH, clean_neighbours, one_more, people, wild_neighbours

from dpdsyn.base.checks import InputError
from dpdsyn.quality.held_out import fewer, held_out, of_all, sides
from dpdsyn.schema import Schema

KEY = bytes(range(32))
SCHEMAS = {
    name: Schema.from_mapping(yaml.safe_load(text))
    for name, text in (("row", BY_ROW), ("open", OPEN_BY_ROW), ("person", TWO_ROWS_EACH))
}


def parts(table: pd.DataFrame, schema: Schema, key: bytes = KEY) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """What is encoded, or read, of both sides, sorted."""
    names = list(schema.names)
    return tuple(sorted(map(tuple, part[names].astype(str).to_numpy())) for part in sides(table, schema, 0.4, key))  # type: ignore[return-value]


@pytest.mark.parametrize("name", ["row", "open"])
def test_a_row_more_is_on_one_side_and_moves_no_other(name: str) -> None:
    schema, table = SCHEMAS[name], people()
    first = parts(table, schema)
    for changed in (one_more(table), one_more(table, age="77"), table.sample(frac=1, random_state=0), one_more(one_more(table))):
        second = parts(changed, schema)
        moved = [abs(len(b) - len(a)) for a, b in zip(first, second, strict=True)]
        assert sum(moved) == len(changed) - len(table)
        for a, b in zip(first, second, strict=True):
            assert not set(a) - set(b)


def test_all_rows_of_a_person_are_on_one_side_and_of_nobody_on_neither() -> None:
    table = people(400)
    out = held_out(table, SCHEMAS["person"], 0.4, KEY)
    assert pd.Series(out).groupby(table["patient"]).nunique().eq(1).all() and 0.3 < out.mean() < 0.5
    nobody = held_out(table.assign(patient=None), SCHEMAS["person"], 0.4, KEY)
    assert nobody.all()  # no mechanism uses such rows on either side
    more = held_out(one_more(table), SCHEMAS["person"], 0.4, KEY)
    assert np.array_equal(np.delete(more, 17), out)


def test_the_key_decides_and_parts_are_as_large_as_was_said() -> None:
    table, schema = people(3000), SCHEMAS["row"]
    first, other = held_out(table, schema, 0.2, KEY), held_out(table, schema, 0.2, KEY[::-1])
    assert abs(first.mean() - 0.2) < 0.04 and abs((first & other).mean() - 0.04) < 0.02
    equal = table.iloc[[0] * 3000].reset_index(drop=True)
    assert abs(held_out(equal, schema, 0.2, KEY).mean() - 0.2) < 0.04  # rows of the same cells are not all on one side


def test_rows_that_look_alike_and_are_read_otherwise_change_places_with_nobody() -> None:
    schema = Schema.from_mapping(
        {"columns": {"day": {"kind": "date", "format": "%d.%m.%Y"}, "n": {"kind": "integer"}}, "rows_public": 9, "target": "n"}
    )
    stamp, text = pd.Timestamp("2020-01-02"), "2020-01-02"  # the text is no date of this format
    rows = pd.DataFrame({"day": pd.Series([stamp, text] * 40, dtype=object), "n": 1})
    more = pd.concat([pd.DataFrame({"day": pd.Series([text], dtype=object), "n": 1}), rows], ignore_index=True)
    stamps = [held_out(table, schema, 0.5, KEY)[table["day"].map(type) == pd.Timestamp].sum() for table in (rows, more)]
    assert stamps[0] == stamps[1]


@pytest.mark.parametrize("zeros", [(0.0, -0.0), (Decimal("0"), Decimal("-0"))], ids=str)
def test_minus_zero_moves_no_row_that_has_a_zero(zeros: tuple) -> None:
    schema = Schema.from_mapping({"columns": {"n": {"kind": "real"}, "m": {"kind": "real"}}, "rows_public": 9, "target": "n"})
    frames = [pd.DataFrame({"n": pd.Series([*first, *[zeros[0]] * 60], dtype=object), "m": 1}) for first in ((), zeros[1:])]
    alone, beside = (held_out(frame, schema, 0.5, KEY) for frame in frames)
    assert np.array_equal(alone, beside[:-1])  # rows of the same cells, which their number tells apart


def test_a_number_and_its_text_are_rows_apart_before_categories_are_learnt() -> None:
    schema = Schema.from_mapping({"columns": {"c": {"kind": "categorical"}, "n": {"kind": "integer"}}, "rows_public": 9})
    cells = [1.5, "1.5"] * 40
    frames = [pd.DataFrame({"c": pd.Series(more, dtype=object), "n": 1}) for more in (cells, ["1.5", *cells])]
    numbers = [held_out(frame, schema, 0.5, KEY)[frame["c"].map(type).eq(float)] for frame in frames]
    assert np.array_equal(*numbers)


@pytest.mark.parametrize("name", SCHEMAS)
def test_no_table_is_refused(name: str) -> None:
    for table in {**clean_neighbours(), **wild_neighbours()}.values():
        assert held_out(table, SCHEMAS[name], 0.2, KEY).shape == (len(table),)


def test_schemas_of_fewer_rows_and_of_all() -> None:
    closed = SCHEMAS["row"]
    assert fewer(closed, None) is closed and of_all(closed, closed, None) is closed
    assert fewer(closed, 0.2).rows_public == 80 and of_all(fewer(closed, 0.2), closed, 0.2).rows_public == 100
    opened = SCHEMAS["open"]
    assert not fewer(opened, 0.2).rows_public and of_all(closed, opened, 0.2).rows_public == 125
    for part in (0, 1, True, "x"):
        with pytest.raises(InputError, match="held out"):
            held_out(people(), closed, part, KEY)  # type: ignore[arg-type]
