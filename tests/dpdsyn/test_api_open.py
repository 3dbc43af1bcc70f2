"""`DPDSyn` with a schema of names and kinds: domains are learnt, told of, saved, and what cannot be learnt is said."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders.raw_people import ATOMS, KINDS, people, write_csv, write_parquet

from dpdsyn import DPDSyn, Schema, parquet
from dpdsyn.accounting.guarantee import HELD_AGAINST, SEEDED, TYPES_OF_FRAME
from dpdsyn.base.checks import InputError
from dpdsyn.learning.domain_learning import DomainLearning
from dpdsyn.learning.raw_table import RawTable
from dpdsyn.mechanisms.row_count import RowCountWarning
from dpdsyn.method import TargetLeftOutWarning
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.reading.schema_values import SchemaError
from dpdsyn.tables.kinds import guessed
from dpdsyn.tables.open_draft import open_draft

pytestmark = pytest.mark.filterwarnings("ignore:seeded noise")
QUICK: dict[str, Any] = {"epsilon": 8.0, "random_state": 0, "guide": {"hidden": 4, "pretraining": 0, "steps": 20, "batch": 500}}
TABLE = people(4000).frame


@pytest.fixture(scope="module")
def fitted() -> DPDSyn:
    return DPDSyn(**QUICK).fit(TABLE, {**KINDS, "kinds_inferred": True}, confirm_kinds=True)


def test_columns_come_back_in_their_owners_types_with_their_atoms(fitted: DPDSyn) -> None:
    made = fitted.sample(4000)
    assert list(made) == [name for name in TABLE if name not in ("customer", "remarks")]
    assert made["joined"].dtype == made["last_visit"].dtype == "datetime64[s]" and made["hours"].dtype == "int64"
    assert made["fee"].dtype == made["balance"].dtype == float and set(made["left"]) == {"no", "yes"}
    for name, atoms in ATOMS.items():
        for atom in atoms:
            shares = [(frame[name] == (pd.Timestamp(atom) if name == "joined" else atom)).mean() for frame in (made, TABLE)]
            assert abs(shares[0] - shares[1]) < 0.05, (name, atom, shares)
    for name in ("last_visit", "weight", "balance", "region"):
        assert abs(made[name].isna().mean() - TABLE[name].isna().mean()) < 0.04, name
    assert (made["fee"].round(2) == made["fee"]).all() and (made["weight"].dropna().round(1) == made["weight"].dropna()).all()
    assert (made["last_visit"].dropna().dt.hour > 0).any() and (
        made["joined"].dropna().dt.normalize() == made["joined"].dropna()
    ).all()
    assert {"basic", "plus", "family"} <= set(made["plan"]) and "city 001" in set(made["city"])


def test_the_guarantee_says_what_learning_cost_what_came_of_it_and_what_is_assumed(fitted: DPDSyn) -> None:
    guarantee = fitted.guarantee
    assert guarantee.kind == "dp" and 7 < (guarantee.spent or 0) <= 8
    labels = [spend["label"] for spend in guarantee.spends]
    assert labels[:2] == ["number of rows", "domains: noisy histograms"] and "domains: values above a threshold" in labels
    about, joined, *others = guarantee.learnt
    assert 3700 <= int(about.removeprefix("about ").removesuffix(" rows").replace(",", "")) <= 4300
    assert joined.startswith("joined: ") and len(others) == 9
    assert "confirmed by the owner; the guarantee takes them as public" in str(guarantee)
    assert all(line in str(guarantee) for line in guarantee.learnt)
    schema = fitted.schema_
    assert not schema.is_open and schema.kinds_inferred and abs(schema.rows_public - 4000) <= 300
    assert all(schema[name].counts for name in schema.features) and not schema["left"].is_learnt


def test_a_saved_model_keeps_its_domain_and_what_is_told_of_it(fitted: DPDSyn, tmp_path: Path) -> None:
    fitted.save(tmp_path / "people.dpdsyn")
    loaded = DPDSyn.load(tmp_path / "people.dpdsyn", random_state=1)
    assert loaded.schema_ == fitted.schema_ and loaded.guarantee == fitted.guarantee
    assert len(loaded.sample()) == fitted.schema_.rows_public
    assert (loaded.sample(500)["fee"] == 9.99).mean() > 0.1


def test_guessed_kinds_are_refused_until_they_are_confirmed() -> None:
    with pytest.raises(
        InputError, match=r"were guessed from cells .*joined date, .*confirm it with fit\(\.\.\., confirm_kinds=True\)"
    ):
        DPDSyn().fit(TABLE, {**KINDS, "kinds_inferred": True})
    dates = {**KINDS["columns"], "joined": {"kind": "date", "format": "%d.%m.%Y %H", "resolution": "hour"}}
    with pytest.raises(InputError, match=r"joined date written %d.%m.%Y %H to the hour, "):
        DPDSyn().fit(TABLE, {**KINDS, "columns": dates, "kinds_inferred": True})


def test_declared_kinds_need_no_word_and_none_is_written() -> None:
    model = DPDSyn(**QUICK).fit(
        TABLE[["fee", "left"]], {"target": "left", "columns": {"fee": {"kind": "real"}, "left": {"kind": "categorical"}}}
    )
    assert model.guarantee.assumptions == (TYPES_OF_FRAME, HELD_AGAINST, SEEDED)
    assert str(model.guarantee).count("assumes:") == 3
    assert model.guarantee.learnt[-1] == "left: 2 categories"


@pytest.mark.parametrize("target", ["left", "hours"])
def test_a_target_may_be_named_beside_a_schema_that_leaves_it_open(target: str) -> None:
    schema = {"columns": {"hours": {"kind": "integer"}, "left": {"kind": "categorical"}, "plan": {"kind": "categorical"}}}
    model = DPDSyn(target=target, **QUICK).fit(TABLE[["hours", "left", "plan"]], schema)
    own = model.schema_[target]
    assert model.schema_.target == target and own.missing == "drop" and not own.other
    made = model.sample(1000)
    assert not made[target].isna().any() and (
        set(made["left"]) == {"no", "yes"} if target == "left" else (made["hours"] == 40).mean() > 0.3
    )


def test_rows_of_a_person_are_bounded_before_anything_is_learnt() -> None:
    table = TABLE.assign(customer=[f"C{i // 4}" for i in range(len(TABLE))])[["customer", "fee", "plan", "left"]]
    columns = {name: {"kind": kind} for name, kind in (("fee", "real"), ("plan", "categorical"), ("left", "categorical"))}
    schema = {"target": "left", "person": "customer", "max_rows_per_person": 2, "columns": columns}
    model = DPDSyn(**QUICK).fit(table, schema)
    assert model.guarantee.unit == "person" and model.guarantee.kind == "dp"
    assert (model.schema_.person, model.schema_.max_rows_per_person) == ("customer", 2)
    assert abs(model.schema_.rows_public - 2000) <= 400 and list(model.sample(10)) == ["fee", "plan", "left"]


def test_a_parquet_file_is_read_in_two_passes_for_its_domain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, passes = write_parquet(tmp_path, 4000), []
    original = parquet.pieces

    def counted(*arguments: Any) -> Iterator[pd.DataFrame]:
        passes.append(arguments)
        return original(*arguments)

    monkeypatch.setattr("dpdsyn.learning.raw_table.pieces", counted)
    model = DPDSyn(**QUICK).fit(path, {**KINDS, "rows_public": 4000})
    assert len(passes) <= 2 and model.guarantee.kind == "dp"
    made = model.sample(2000)
    assert (made["fee"] == 9.99).mean() > 0.15 and made["joined"].dtype == "datetime64[s]"


def test_of_what_cannot_be_learnt_each_column_has_its_line() -> None:
    table = TABLE[["customer", "remarks", "fee", "left"]].assign(also=TABLE["customer"])
    kinds = {"customer": "categorical", "remarks": "categorical", "fee": "real", "left": "categorical"}
    columns: dict[str, Any] = {name: {"kind": kind} for name, kind in kinds.items()}
    columns["also"] = {"kind": "categorical", "unlearnt": "noise"}
    model = DPDSyn(**QUICK).fit(table, {"target": "left", "columns": columns})
    nothing = "nothing could be learnt of it with this budget, so it is"
    assert {f"customer: {nothing} left out", f"remarks: {nothing} left out", f"also: {nothing} published as noise"} <= {
        *model.guarantee.learnt
    }
    made = model.sample(100)
    assert list(made) == ["fee", "left", "also"] and not set(made["also"].dropna()) & set(table["also"])
    assert model.schema_.ignore == ("customer", "remarks")


@pytest.mark.parametrize(
    ("epsilon", "change", "message"),
    [
        (1e-4, {}, "nothing can be learnt of the target 'left' with this budget"),
        (1e-4, {"left": {"kind": "categorical", "categories": ["no", "yes"]}}, "nothing can be learnt of two columns or more"),
    ],
)
def test_a_budget_that_nothing_can_be_learnt_with_is_refused_with_what_to_do(
    epsilon: float, change: dict[str, Any], message: str
) -> None:
    columns = {"fee": {"kind": "real"}, "left": {"kind": "categorical"}, **change}
    model = DPDSyn(**{**QUICK, "epsilon": epsilon})
    with pytest.raises(InputError, match=message) as caught:
        model.fit(TABLE[list(columns)], {"target": "left", "columns": columns})
    assert "are spent, though nothing is published" in str(caught.value)
    assert not hasattr(model, "schema_")


def test_a_further_target_that_cannot_be_learnt_is_left_out_and_the_others_are_served(tmp_path: Path) -> None:
    """The budget is spent by then. A column that the owner ignores is refused as a target before."""
    names = ["customer", "plan", "fee", "left"]
    columns = {name: KINDS["columns"].get(name, {"kind": "categorical"}) for name in names}
    model = DPDSyn(**QUICK, other_targets=["customer", "plan"])
    with pytest.warns(TargetLeftOutWarning, match="^nothing was learnt of the further target customer: it is no column"):
        model.fit(TABLE[names], {"target": "left", "columns": columns})
    model.save(tmp_path / "model.dpdsyn")
    for fitted in (model, DPDSyn.load(tmp_path / "model.dpdsyn")):
        assert fitted.method_.guide_.targets == ("left", "plan") and list(fitted.sample(50)) == ["plan", "fee", "left"]
    del columns["customer"]
    with pytest.raises(InputError, match=r"^other_targets customer: no feature column has that name$"):
        model.fit(TABLE[names], {"target": "left", "ignore": ["customer"], "columns": columns})


def test_cells_of_another_kind_are_refused_by_the_preflight_and_missing_ones_are_not() -> None:
    table = TABLE[["hours", "left"]].astype(object)
    table.loc[[3, 7], "hours"] = ["forty", None]
    schema = {"target": "left", "columns": {"hours": {"kind": "integer"}, "left": {"kind": "categorical"}}}
    with pytest.raises(SchemaError, match=r"^column 'hours', row 4: a cell is not a number, and the schema says"):
        DPDSyn().fit(table, schema)
    table.loc[3, "hours"] = None
    table.loc[5, "left"] = None
    assert DPDSyn(**QUICK).fit(table, schema).guarantee.kind == "dp"


def test_a_number_of_rows_that_was_learnt_badly_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = RawTable.noisy_count
    monkeypatch.setattr(RawTable, "noisy_count", lambda *arguments: counted(*arguments) / 10)
    columns = {name: KINDS["columns"][name] for name in ("hours", "plan", "left")}
    with pytest.warns(
        RowCountWarning, match=r"^by a first count, on which little was spent, there are about 4\d\d rows .*State it"
    ):
        model = DPDSyn(**QUICK).fit(TABLE[list(columns)], {"target": "left", "columns": columns})
    assert model.schema_.rows_public < 600


def test_rows_of_classes_that_were_not_learnt_are_no_reason_to_state_another_number_of_rows() -> None:
    rng = np.random.default_rng(0)
    common, rare = rng.choice(["a", "b"], 2000), rng.choice([f"rare {i}" for i in range(200)], 2000)
    table = pd.DataFrame({"size": rng.integers(0, 50, 4000).astype(str), "code": [*common, *rare]})
    columns = {"size": {"kind": "integer"}, "code": {"kind": "categorical"}}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        model = DPDSyn(**QUICK).fit(table, {"target": "code", "columns": columns})
    assert any("were left out: state `categories`" in line for line in model.guarantee.learnt), model.guarantee.learnt
    assert not [one for one in told if one.category is RowCountWarning]


def test_a_draft_is_an_open_schema_that_is_learnt_from_as_it_is(tmp_path: Path) -> None:
    frame = pd.read_csv(write_csv(tmp_path, 4000), dtype="str")
    kinds = {str(name): guessed(frame[name], name == "left") for name in frame}
    (tmp_path / "people.yaml").write_text(open_draft(kinds, "people.csv", "left").text)
    schema = Schema.from_yaml(tmp_path / "people.yaml")
    assert schema.is_open and schema.kinds_inferred and not schema.rows_public and schema.target == "left"
    made = DPDSyn(**QUICK).fit(frame, schema, confirm_kinds=True).sample(1000)
    assert made["last_visit"].dropna().str.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$").all()
    assert made["joined"].dtype == "datetime64[s]" and (made["fee"] == 19.99).mean() > 0.05


def test_money_has_its_cents_whatever_the_noise() -> None:
    columns = {"fee": {"kind": "real"}, "left": KINDS["columns"]["left"]}
    schema = Schema.from_mapping({"target": "left", "rows_public": 4000, "columns": columns})
    for seed in range(20):
        rng = np.random.default_rng(seed)
        private = DomainLearning().learn(RawTable(TABLE[["fee", "left"]], schema, Ledger(Budget(1.0, 1e-6)), rng))
        assert private.schema["fee"].decimals == 2, seed
