"""A target that is a number: the guide predicts its pieces or bins, and rows carry numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dpdsyn.api import DPDSyn
from dpdsyn.guide import Guide, GuideSettings
from dpdsyn.learning.domain_learning import DomainLearning
from dpdsyn.learning.raw_table import RawTable
from dpdsyn.method import GuidedSynthesizer
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.reading.column import SchemaError
from dpdsyn.rows import Rows
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer, draw, find

ROWS = 8000
PAY = {
    "integer": {"kind": "integer", "bounds": [0, 319], "bins": 32},
    "real": {"kind": "real", "bounds": [0, 320], "bins": 32},
    "open": {"kind": "real"},
}


def wages(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """What somebody is paid, which depends on years, grade and town; 7% are paid 0."""
    rng = np.random.default_rng(seed)
    years, grade, town = rng.integers(0, 40, rows), rng.integers(0, 6, rows), rng.integers(0, 4, rows)
    pay = 60 + 2.2 * years + 18 * grade + 6 * town + rng.normal(0, 20, rows)
    pay = np.where(rng.random(rows) < 0.07, 0, np.clip(pay, 1, 319)).round()
    return pd.DataFrame({"years": years, "grade": grade, "town": town, "pay": pay})


def schema(pay: dict[str, Any] | str = "integer", **others: Any) -> Schema:
    columns = {
        "years": {"kind": "integer", "bounds": [0, 39], "bins": 20},
        "grade": {"kind": "categorical", "categories": list(range(6)), "other": False},
        "town": {"kind": "categorical", "categories": list(range(4)), "other": False},
        "pay": PAY[pay] if isinstance(pay, str) else pay,
    }
    return Schema.from_mapping({"target": "pay", "rows_public": ROWS, "columns": columns, **others})


def fitted(method: Synthesizer, epsilon: float, pay: str = "integer", seed: int = 0) -> tuple[Synthesizer, Schema]:
    public = schema(pay)
    rng = np.random.default_rng(seed)
    private = PrivateTable(Rows(public.encode(wages())), public, Ledger(Budget(epsilon, 1e-6)), rng)
    return method.fit(private, rng), public


def explained(rows: pd.DataFrame, seed: int = 5) -> float:
    """R2, on fresh real rows, of means by grade and years that synthetic rows give; 0 is what the mean alone reaches."""
    test = wages(20_000, seed)
    design = [np.stack([np.ones(len(frame)), frame["years"], frame["grade"]], axis=1).astype(float) for frame in (rows, test)]
    weights = np.linalg.lstsq(design[0], rows["pay"].to_numpy(dtype=float), rcond=None)[0]
    truth = test["pay"].to_numpy(dtype=float)
    return 1 - float(np.square(truth - design[1] @ weights).sum() / np.square(truth - truth.mean()).sum())


@pytest.mark.parametrize("pay", ["integer", "real", "open"])
def test_a_schema_may_predict_a_number(pay: str) -> None:
    own = schema(pay)
    assert own.target == "pay" and own["pay"].missing_code is None and own["pay"].ordered
    assert Schema.from_mapping(own.to_mapping()) == own
    assert own.classes == (0 if own.is_open else 32)


@pytest.mark.parametrize(
    ("pay", "message"),
    [
        ({"kind": "date", "bounds": ["2020-01-01", "2020-12-31"], "bins": 4}, "is a date; a categorical, integer or real"),
        ({"kind": "date"}, "is a date; a categorical, integer or real"),
        ({"kind": "real", "bounds": [0, 9], "bins": 1}, "has one bin; at least two"),
        ({"kind": "real", "bounds": [0, 9], "bins": 4, "missing": "own_code"}, "neither `missing: own_code`"),
        ({"kind": "integer", "missing": "own_code"}, "neither `missing: own_code`"),
    ],
)
def test_what_cannot_be_a_target_is_refused(pay: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        schema(pay)


@pytest.mark.parametrize("pay", ["integer", "real"])
def test_rows_without_a_number_are_dropped_where_the_rule_says_so(pay: str) -> None:
    table = wages(100)
    table.loc[::4, "pay"] = np.nan
    dropping = schema(PAY[pay] | {"missing": "drop"})
    assert len(dropping.encode(table)) == 75
    assert schema("open")["pay"].missing == "drop"


def test_real_rows_explain_as_much_as_can_be() -> None:
    assert explained(wages()) == pytest.approx(0.40, abs=0.02)


@pytest.mark.parametrize("candidates", ["swift", "class_conditional", "independent"])
def test_synthetic_numbers_depend_on_features_as_real_ones_do(candidates: str) -> None:
    method, public = fitted(GuidedSynthesizer(candidates), 2.0)
    rng = np.random.default_rng(1)
    rows = public.decode(draw(method, public, ROWS, rng), rng)
    assert rows["pay"].dtype == np.int64 and rows["pay"].between(0, 319).all()
    assert explained(rows) > 0.36
    assert rows["pay"].mean() == pytest.approx(wages()["pay"].mean(), rel=0.03)


def test_the_target_of_a_tree_and_of_quail_may_be_a_number_too() -> None:
    for name, least in (("swift", 0.3), ("quail", 0.3)):
        method, public = fitted(find(name)(), 3.0)
        rng = np.random.default_rng(1)
        assert explained(public.decode(draw(method, public, ROWS, rng), rng)) > least, name


def test_learnt_pieces_come_back_with_their_atom() -> None:
    rng, ledger = np.random.default_rng(3), Ledger(Budget(2.0, 1e-6))
    private = DomainLearning().learn(RawTable(wages(), schema("open"), ledger, rng))
    method = GuidedSynthesizer().fit(private, rng)
    rows = private.schema.decode(draw(method, private.schema, ROWS, rng), rng)
    assert private.schema.classes > 8 and ledger.guarantee == "dp"
    assert (rows["pay"] == 0).mean() == pytest.approx(0.07, abs=0.01)
    assert explained(rows) > 0.36


def test_a_number_may_be_one_of_several_targets() -> None:
    """As the target beside a category, and as the other target of a category, missing numbers included."""
    method, public = fitted(GuidedSynthesizer(other_targets=["town"]), 2.0)
    rng = np.random.default_rng(1)
    assert explained(public.decode(draw(method, public, ROWS, rng), rng)) > 0.33

    table = wages()
    table.loc[::5, "pay"] = np.nan
    columns = schema(PAY["integer"] | {"missing": "drop"}).to_mapping()["columns"]
    columns["pay"]["missing"] = "own_code"
    turned = Schema.from_mapping({"target": "town", "rows_public": ROWS, "columns": columns})
    private = PrivateTable(Rows(turned.encode(table)), turned, Ledger(Budget(3.0, 1e-6)), rng)
    rows = turned.decode(draw(GuidedSynthesizer(other_targets=["pay"]).fit(private, rng), turned, ROWS, rng), rng)
    assert rows["pay"].isna().mean() == pytest.approx(0.2, abs=0.05)
    assert explained(rows.dropna()) > 0.33


@pytest.mark.parametrize("pay", ["integer", "open"])
def test_a_model_of_a_number_is_the_same_when_it_is_loaded(pay: str, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="seeded noise"):
        model = DPDSyn(2.0, 1e-6, random_state=4).fit(wages(), schema(pay))
    model.save(tmp_path / "model.dpdsyn")
    with pytest.warns(UserWarning, match="seeded noise"):
        again = DPDSyn.load(tmp_path / "model.dpdsyn", random_state=9)
    assert np.array_equal(again.method_.guide_.parameters_, model.method_.guide_.parameters_)
    assert again.method_.guide_.network == model.method_.guide_.network
    assert explained(again.sample(ROWS)) > 0.36


def test_the_guide_of_a_number_is_small_however_many_pieces_there_are() -> None:
    few, many = (
        Guide(schema({"kind": "integer", "bounds": [0, 319], "bins": bins}), GuideSettings(hidden=8)).network for bins in (8, 160)
    )
    assert many.parameters - few.parameters == 160 - 8  # an offset for each piece
    assert many.classes == 160 and many.scores == few.scores == 4


def test_a_torch_module_may_guide_to_a_number() -> None:
    guide = {"module": "dpdsyn.crosses:Crosses", "options": {"width": 4}, "steps": 60, "pretraining": 60}
    method, public = fitted(GuidedSynthesizer(guide=guide), 3.0)
    rng = np.random.default_rng(1)
    assert explained(public.decode(draw(method, public, ROWS, rng), rng)) > 0.2


def test_learning_goes_on_where_all_numbers_are_zero() -> None:
    table = pd.DataFrame({"a": np.zeros(4000), "b": np.arange(4000) % 7, "y": np.arange(4000) % 2})
    columns = {"a": {"kind": "real"}, "b": {"kind": "integer"}, "y": {"kind": "categorical", "categories": [0, 1]}}
    open_schema = Schema.from_mapping({"target": "y", "rows_public": 4000, "columns": columns})
    rng = np.random.default_rng(0)
    learnt = DomainLearning().learn(RawTable(table, open_schema, Ledger(Budget(1.0, 1e-6)), rng)).schema
    assert "a" not in learnt.names or (learnt["a"].decode(np.zeros(5, dtype=np.int64), rng) == 0).all()
