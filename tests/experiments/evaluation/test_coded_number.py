"""Numbers predicted by the probabilities of their codes, beside those that decoding draws."""

from __future__ import annotations

import numpy as np
import pytest

from dpdsyn.reading.column import Column
from dpdsyn.reading.pieces import Pieces
from experiments.evaluation.raw.quantiles import LEVELS, ends, of_codes

COLUMNS = [
    Column("a", "integer", bounds=(0, 99), bins=7),
    Column("b", "real", bounds=(-2, 3), bins=5),
    Column("c", "integer", pieces=Pieces((0, 1, 40, 41), (0, 1, 40, 41), (0, 39, 40, 90))),
    Column("d", "real", decimals=2, missing="own_code", pieces=Pieces((-500, 999), (-500, 999), (998, 999))),
]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_mean_and_quantiles_are_those_of_decoded_values(column: Column, rng: np.random.Generator) -> None:
    shares = rng.dirichlet(np.ones(column.size), 3)
    shares[:, column.values :] = 0  # a missing cell is no number
    found = of_codes(shares.astype(np.float32), column)
    for row, share in enumerate(shares / shares.sum(axis=1, keepdims=True)):
        drawn = column.decode(rng.choice(column.size, 200_000, p=share), rng).to_numpy(dtype=float)
        width = np.ptp(drawn)
        assert found.mean[row] == pytest.approx(drawn.mean(), abs=0.01 * width)
        grain = 1.0 if column.kind == "integer" else 0.01  # of drawn numbers, which quantiles of a density lie between
        for level, quantile in zip(LEVELS, found.quantiles[row], strict=True):
            assert (drawn < quantile - grain).mean() - 0.01 <= level <= (drawn <= quantile + grain).mean() + 0.01


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_codes_end_where_decoding_does(column: Column, rng: np.random.Generator) -> None:
    low, high = ends(column)
    for code in range(column.values):
        drawn = column.decode(np.full(3000, code), rng).to_numpy(dtype=float)
        assert low[code] <= drawn.min() and drawn.max() <= high[code]
        assert drawn.min() - low[code] <= 0.02 * max(high[code] - low[code], 0) + 1e-9
    certain = of_codes(np.eye(column.size)[: column.values], column)
    assert np.allclose(certain.mean, (low + high) / 2)


def test_rows_without_any_probability_are_numbers_all_the_same() -> None:
    found = of_codes(np.zeros((2, 7)), COLUMNS[0])
    assert np.isfinite(found.mean).all() and (np.diff(found.quantiles, axis=1) >= 0).all()
