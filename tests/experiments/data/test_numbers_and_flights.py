"""The data sets whose target is a number, and flights, whose date is made of three columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from builders.published import here

from experiments.data import datasets
from experiments.data.datasets import load


@pytest.mark.parametrize(("name", "rows", "features", "lowest", "highest"), [("diamonds", 53_940, 9, 326, 18_823)])
def test_a_table_whose_target_is_a_number_is_whole_and_within_its_schema(
    name: str, rows: int, features: int, lowest: float, highest: float
) -> None:
    dataset = here(name)
    split = load(datasets.resolved(dataset.raw), 0, frames=True)
    assert (sum(split.sizes), len(split.schema.features)) == (rows, features) and not dataset.development
    assert abs(split.sizes[0] / split.schema.rows_public - 1) < 0.1
    assert not any(datasets.undeclared(split.schema, np.concatenate([split.train, split.test])).values())
    target = split.schema[str(split.schema.target)]
    cells = pd.concat([pd.to_numeric(frame[target.name]) for frame in (split.train_frame, split.test_frame)])
    assert target.ordered and target.bounds is not None
    assert (cells.min(), cells.max()) == (lowest, highest) and target.bounds[0] <= lowest < highest <= target.bounds[1]
    assert np.corrcoef(split.train[:, -1], pd.to_numeric(split.train_frame[target.name]))[0, 1] > 0.99
    assert datasets.positive_class(dataset, split.schema, target.name) is None


def test_salaries_are_numbers_in_the_rows_of_acs() -> None:
    income, acs = (datasets.resolved(here(name).raw) for name in ("acs_income", "acs"))
    numbers, classes = load(income, 0), load(acs, 0)
    assert numbers.schema["salary"].ordered and numbers.schema["age"].bins == 48
    assert {"positive"}.isdisjoint(income.raw) and datasets.positive_class(income, numbers.schema, "salary") is None
    assert np.array_equal(numbers.test[:, 0], classes.test[:, 0]) and len(numbers.train) == len(classes.train)
    above, position = numbers.schema["salary"].edges[10], numbers.schema.target_position
    assert above == 50_000 or above == 50_001
    agree = (numbers.train[:, position] >= 10) == (classes.train[:, position] == 1)
    assert agree.mean() > 0.95  # but for those of exactly 50,000


def test_flights_have_a_date_made_of_three_columns_and_fewer_rows_than_their_file() -> None:
    dataset = here("flights")
    split = load(datasets.resolved(dataset.raw), 0, frames=True)
    assert dataset.development and abs(split.sizes[0] - 48_000) < 1_000 and split.sizes[1] == pytest.approx(16_400, rel=0.03)
    dates = pd.to_datetime(split.train_frame["date"], format="%Y-%m-%d")
    assert (dates.min(), dates.max()) == (pd.Timestamp("2013-01-01"), pd.Timestamp("2013-12-31"))
    assert split.train[:, split.schema.target_position].mean() == pytest.approx(0.237, abs=0.005)
    assert (split.train[:, split.schema.position("dest")] == split.schema["dest"].other_code).mean() < 0.15
