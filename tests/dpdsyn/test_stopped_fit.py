"""A fit that is stopped, by whatever, leaves the model as it was: rows of one fit never go under the guarantee of another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from dpdsyn import DPDSyn, api
from dpdsyn.accounting.guarantee import HELD_AGAINST, SEEDED

QUICK = {"hidden": 8, "steps": 20, "pretraining": 20}
SCHEMA = {
    "target": "ill",
    "rows_public": 1000,
    "columns": {
        "age": {"kind": "integer", "bounds": [0, 99], "bins": 10},
        "ill": {"kind": "categorical", "categories": ["no", "yes"]},
    },
}


@pytest.fixture
def people() -> pd.DataFrame:
    age = np.random.default_rng(0).integers(0, 100, 1000)
    return pd.DataFrame({"age": age, "ill": np.where(age > 50, "yes", "no")})


@pytest.mark.parametrize("stops", [KeyboardInterrupt, RuntimeError])
def test_a_second_fit_that_is_stopped_leaves_the_first_with_its_own_guarantee(
    stops: type[BaseException], people: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = DPDSyn(epsilon=1.0, guide=QUICK).fit(people, SCHEMA)
    before, rows = dict(vars(model)), model.sample(50)

    def stopped(*_: Any) -> None:
        raise stops

    monkeypatch.setattr(api.private_evaluation, "evaluated", stopped)
    with pytest.raises(stops):
        model.set_params(epsilon=30.0).fit(people.iloc[::-1], SCHEMA, evaluate=0.1)
    assert {**vars(model), "epsilon": 1.0} == before and model.guarantee.epsilon == 1.0 and len(model.sample(50)) == len(rows)
    first = DPDSyn(guide=QUICK)
    with pytest.raises(stops) as caught:
        first.fit(people, SCHEMA, evaluate=0.1)
    assert "epsilon 1 and delta 1e-06 of this table are spent" in caught.value.__notes__[0]
    with pytest.raises(ValueError, match="has not been fitted"):
        first.sample()


def test_what_stops_a_fit_before_a_row_is_read_says_nothing_of_spending(
    people: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(api.merging, "fit", stopped)
    with pytest.raises(MemoryError) as caught:
        DPDSyn(guide=QUICK).fit(people, SCHEMA)
    assert not getattr(caught.value, "__notes__", [])


def test_the_guarantee_says_that_rows_were_held_against_the_schema_where_they_were(people: pd.DataFrame) -> None:
    for preflight in (True, False):
        model = DPDSyn(guide=QUICK).fit(people, SCHEMA, preflight=preflight)
        assert (HELD_AGAINST in model.guarantee.assumptions) == preflight
        assert SEEDED not in model.guarantee.assumptions
