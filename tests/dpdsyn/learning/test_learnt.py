"""What is told of learnt columns, in a line each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dpdsyn.learning.learnt import left_out, told
from dpdsyn.reading.column import Column
from dpdsyn.reading.pieces import Pieces
from dpdsyn.schema import Schema

KNOWN = Column("known", "categorical", categories=("a", "b"))


def line(column: Column, closed: Column | None) -> str:
    given = Schema((column, KNOWN), None, 100)
    (said,) = told(given, replace(given, columns=(KNOWN,) if closed is None else (closed, KNOWN)))
    return said


NUMBERS = {"pieces": Pieces((0, 40, 41), (3, 40, 50), (39, 40, 60)), "counts": (50.0, 30.0, 20.0), "count_sds": (1.0,) * 3}
ATOMS = {"pieces": Pieces((1, 2, 3, 4), (1, 2, 3, 4), (1, 2, 3, 4)), "counts": (1.0, 4.0, 3.0, 2.0)}


@pytest.mark.parametrize(
    ("column", "closed", "said"),
    [
        (Column("x", "integer"), NUMBERS, "x: 3 pieces from 3 to 60, of which 1 single value (40)"),
        (Column("x", "real"), {**NUMBERS, "decimals": 1}, "x: 3 pieces from 0.3 to 6, of which 1 single value (4)"),
        (Column("x", "date"), NUMBERS, "x: 3 pieces from 1970-01-04 to 1970-03-02, of which 1 single value (1970-02-10)"),
        (
            Column("x", "date", resolution="minute"),
            NUMBERS,
            "x: 3 pieces from 1970-01-01 00:03 to 1970-01-01 01:00, of which 1 single value (1970-01-01 00:40)",
        ),
        (
            Column("x", "date", resolution="minute", format="%H:%M"),
            NUMBERS,
            "x: 3 pieces from 00:03 to 01:00, of which 1 single value (00:40)",
        ),
        (
            Column("x", "integer"),
            {**ATOMS, "count_sds": (0.1,) * 4},
            "x: 4 pieces from 1 to 4, of which 4 single values (2, 3, 4, ...)",
        ),
        (
            Column("x", "categorical", other=True),
            {"categories": ("a",), "missing": "own_code", "counts": (90.0, 9.0, 1.0), "count_sds": (2.0,) * 3},
            "x: 1 category; missing cells (9%)",  # what noise explains is not told of
        ),
        (
            Column("x", "categorical", other=True),
            {"categories": ("a", "b"), "counts": (500.0, 496.0, 4.0), "count_sds": (1.0,) * 3},
            "x: 2 categories; others (<1%)",
        ),
        (
            Column("x", "categorical", other=True),
            {"categories": ("a", "b"), "counts": (1900.0, 1300.0, 260.0), "count_sds": (55.0, 55.0, 125.0)},
            "x: 2 categories",  # others are what is left of all rows, with the noise of all of that
        ),
        (Column("x", "integer"), None, "x: nothing could be learnt of it with this budget, so it is left out"),
        (
            Column("x", "integer", unlearnt="noise"),
            {"pieces": Pieces((0,), (0,), (9,)), "counts": (0.0,), "count_sds": (1.0,)},
            "x: nothing could be learnt of it with this budget, so it is published as noise",
        ),
    ],
)
def test_a_column_has_its_line(column: Column, closed: dict | None, said: str) -> None:
    assert line(column, None if closed is None else replace(column, **closed)) == said


def test_nothing_is_told_of_what_the_schema_states_and_the_number_of_rows_only_where_it_was_learnt() -> None:
    stated = Schema((KNOWN, replace(KNOWN, name="also")), None, 100)
    assert told(stated, stated) == ()
    assert told(replace(stated, rows_public=0), replace(stated, rows_public=12_000)) == ("about 12,000 rows",)


@pytest.mark.parametrize("counts", [(1500.0, 1000.0), (2900.0, 2000.0)])
def test_rows_of_classes_that_were_not_learnt_are_told_of(counts: tuple[float, float]) -> None:
    """A target has no `other`: rows of any other class are left out."""
    target = Column("y", "categorical", missing="drop")
    wards = Column("ward", "categorical", other=True)
    given = Schema((wards, target), "y", 5000)
    learnt = replace(wards, categories=("a",), counts=(4000.0, 1000.0), count_sds=(30.0, 70.0))
    found = replace(target, categories=("no", "yes"), counts=counts, count_sds=(30.0, 30.0))
    closed = replace(given, columns=(learnt, found))
    _, said = told(given, closed)
    if sum(counts) > 4800:  # which noise explains
        assert said == "y: 2 categories" and left_out(closed, False) == 0
    else:
        assert said.startswith(
            "y: 2 categories; classes that were not learnt hold about 50% of labelled rows; their rows were left"
        )
        assert "state `categories` of the target" in said and left_out(closed, False) == pytest.approx(0.5)
    assert left_out(replace(closed, columns=(learnt, replace(found, missing=None))), False) == 0


def test_where_nothing_else_was_learnt_the_learnt_number_of_rows_tells_it() -> None:
    target = Column("y", "categorical", missing="drop", categories=("no", "yes"), counts=(200.0, 100.0), count_sds=(3.0, 3.0))
    closed = Schema((KNOWN, target), "y", 1000, max_rows_per_person=2, person="who")
    assert left_out(closed, True) == pytest.approx(0.4) and left_out(closed, False) == 0
    assert left_out(replace(closed, rows_public=700), True) == 0, "the number of rows is known to a seventh or so"
