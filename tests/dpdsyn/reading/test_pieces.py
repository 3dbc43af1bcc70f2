"""Pieces: codes and units there and back, and what is refused."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpdsyn.checking.strange_cells import strange_cells
from dpdsyn.reading.column import Column
from dpdsyn.reading.pieces import Pieces, units_of, values_of
from dpdsyn.reading.schema_values import SchemaError


@st.composite
def some_pieces(draw: st.DrawFn, within: int = 10**9) -> Pieces:
    ends = sorted(draw(st.sets(st.integers(-within, within), min_size=2, max_size=20)))
    cores = [sorted(draw(st.tuples(st.integers(a, b - 1), st.integers(a, b - 1)))) for a, b in itertools.pairwise(ends)]
    return Pieces(tuple(ends[:-1]), tuple(a for a, _ in cores), tuple(b for _, b in cores))


def column_of(pieces: Pieces, kind: str, **more: Any) -> Column:
    return Column("x", kind, pieces=pieces, counts=(1.0,) * len(pieces), count_sds=(1.0,) * len(pieces), **more)


@given(some_pieces(), st.integers(0, 100))
def test_decoded_units_lie_in_their_piece_and_have_its_code_again(pieces: Pieces, seed: int) -> None:
    codes = np.repeat(np.arange(len(pieces)), 5)
    units = pieces.decode(codes, np.random.default_rng(seed))
    assert (units >= np.array(pieces.firsts)[codes]).all() and (units <= np.array(pieces.lasts)[codes]).all()
    assert np.array_equal(pieces.encode(units.astype(float)), codes)
    for atom in np.flatnonzero(pieces.atoms):
        assert set(units[codes == atom]) == {pieces.firsts[atom]}


@given(some_pieces(), st.lists(st.floats(), max_size=20))
def test_every_double_has_a_code(pieces: Pieces, numbers: list[float]) -> None:
    codes = pieces.encode(units_of(np.array(numbers, dtype=float), 0))
    assert ((codes >= 0) & (codes < len(pieces))).all() if numbers else len(codes) == 0


@given(some_pieces(10**5), st.sampled_from(["integer", "real", "date"]), st.integers(0, 6), st.sampled_from(["own_code", None]))
@settings(max_examples=60, deadline=None)
def test_columns_of_pieces_come_back_from_their_own_cells(pieces: Pieces, kind: str, decimals: int, missing: str | None) -> None:
    more = {"decimals": decimals} if kind == "real" else {}
    column = replace(column_of(pieces, kind, **more), missing=missing, counts=(), count_sds=())
    codes = np.arange(column.size)
    cells = column.decode(codes, np.random.default_rng(0))
    assert np.array_equal(column.encode(cells), codes)
    assert np.array_equal(column.encode(cells.astype(object)), codes)


@given(st.integers(-(10**12), 10**12), st.integers(0, 3))
def test_units_and_values_go_there_and_back_in_as_many_decimals_as_are_kept(unit: int, decimals: int) -> None:
    (value,) = values_of(np.array([unit]), decimals)
    assert units_of(np.array([value]), decimals)[0] == unit
    assert round(float(value), decimals) == value and str(value) != "-0.0"


@pytest.mark.parametrize("kind", ["integer", "real", "date"])
def test_whatever_stands_in_a_cell_it_has_a_code(kind: str) -> None:
    column = replace(column_of(Pieces((0, 10), (0, 12), (5, 12)), kind), missing="own_code", counts=(), count_sds=())
    cells = list(strange_cells().values())
    series = pd.Series([None] * len(cells), dtype=object)
    for i, cell in enumerate(cells):
        series.iloc[i : i + 1] = pd.Series([cell], dtype=object)
    codes = column.encode(series)
    assert set(codes.tolist()) <= {0, 1, 2} and codes[0] == 2


def test_pieces_are_written_and_read_as_plain_values() -> None:
    pieces = Pieces((-5, 0, 3), (-5, 0, 3), (-1, 0, 2**53))
    assert Pieces.from_mapping(json.loads(json.dumps(pieces.to_mapping()))) == pieces
    column = column_of(pieces, "real", decimals=1, bounds=(-1.0, 5.0))
    assert Column.from_mapping("x", json.loads(json.dumps(column.to_mapping())), False) == column


@pytest.mark.parametrize(
    "given",
    [
        {"starts": [], "firsts": [], "lasts": []},
        {"starts": [0, 0], "firsts": [0, 0], "lasts": [0, 0]},
        {"starts": [3, 0], "firsts": [3, 0], "lasts": [3, 0]},
        {"starts": [0, 5], "firsts": [0, 5], "lasts": [5, 9]},
        {"starts": [0], "firsts": [-1], "lasts": [0]},
        {"starts": [0], "firsts": [2], "lasts": [1]},
        {"starts": [0], "firsts": [0]},
        {"starts": [0.0], "firsts": [0], "lasts": [0]},
        {"starts": [True], "firsts": [1], "lasts": [1]},
        {"starts": [2**53 + 1], "firsts": [2**53 + 1], "lasts": [2**53 + 1]},
        [1, 2],
    ],
)
def test_what_are_no_pieces_is_refused(given: Any) -> None:
    with pytest.raises(SchemaError, match="pieces"):
        Column.from_mapping("x", {"kind": "integer", "pieces": given}, False)
