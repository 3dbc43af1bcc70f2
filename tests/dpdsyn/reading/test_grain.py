"""Decoded real numbers: inside their bins, on the grain, short in print."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dpdsyn.reading.column import Column, SchemaError

LARGE = st.floats(-1e12, 1e12, allow_nan=False)


@given(low=LARGE, width=st.floats(1e-9, 1e12), bins=st.integers(1, 60), log=st.booleans(), seed=st.integers(0, 99))
def test_decoded_numbers_lie_in_their_bin_on_a_grain_that_the_schema_decides(
    low: float, width: float, bins: int, log: bool, seed: int
) -> None:
    try:
        column = Column("x", "real", bounds=(low, low + width), bins=bins, scale="log" if log else "linear")
    except SchemaError:
        assume(False)
    codes = np.arange(bins).repeat(20)
    numbers = column.decode(codes, np.random.default_rng(seed)).to_numpy()
    assert np.array_equal(column.encode(column.decode(codes, np.random.default_rng(seed))), codes)
    assert ((numbers >= column.edges[0]) & (numbers <= column.edges[-1])).all()
    assert not np.signbit(numbers[numbers == 0]).any()
    for code, number in zip(codes, numbers, strict=True):
        span = column.edges[code + 1] - column.edges[code]
        largest = max(abs(column.edges[code]), abs(column.edges[code + 1]))
        if span > largest * 1e-11:  # else doubles have too few digits
            grain = Decimal(10) ** math.floor(math.log10(span / 100) + 1e-9)
            assert Decimal(repr(float(number))) % grain == 0, (number, grain)


def test_numbers_are_printed_short_and_all_multiples_are_alike_likely(rng: np.random.Generator) -> None:
    column = Column("x", "real", bounds=(0.0, 3.0), bins=10)  # edges such as 0.8999999999999999
    numbers = column.decode(np.arange(10).repeat(20_000), rng)
    assert set(map(len, map(str, numbers))) <= {3, 4, 5}
    counts = numbers.value_counts()
    assert len(counts) == 3001 and counts.min() > 25 and counts.max() < 120
    assert str(numbers.min()) == "0.0" and numbers.max() == 3.0


@pytest.mark.parametrize(
    ("bounds", "scale", "digits"),
    [((-5.0, 5.0), "linear", 2), ((0.1, 40.0), "log", 3), ((0.0, 1e7), "linear", -4), ((1e-9, 2e-9), "linear", 12)],
)
def test_the_finest_grain(bounds: tuple[float, float], scale: str, digits: int, rng: np.random.Generator) -> None:
    column = Column("x", "real", bounds=bounds, bins=10, scale=scale)
    numbers = column.decode(np.zeros(2000, dtype=int), rng)
    assert {Decimal(repr(number)) % Decimal(10) ** -digits for number in numbers} == {Decimal(0)}
    assert any(Decimal(repr(number)) % Decimal(10) ** (1 - digits) for number in numbers)


def test_bins_of_a_few_doubles_give_numbers_that_lie_in_them(rng: np.random.Generator) -> None:
    low = 1e15
    column = Column("x", "real", bounds=(low, low + 8 * np.spacing(low)), bins=8)
    codes = np.arange(8).repeat(50)
    assert np.array_equal(column.encode(column.decode(codes, rng)), codes)
    tiny = Column("x", "real", bounds=(0.0, 1e-305), bins=4)
    assert np.array_equal(tiny.encode(tiny.decode(np.arange(4).repeat(50), rng)), np.arange(4).repeat(50))
