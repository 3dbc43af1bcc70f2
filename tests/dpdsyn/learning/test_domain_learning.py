"""Domains that are learnt: what comes of columns of every kind, what it costs, and that nothing but noisy answers decides it."""

from __future__ import annotations

import contextlib
import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders.raw_people import ATOMS, KINDS, people
from builders.raw_tables import raw_of

from dpdsyn.accounting.composition import compose
from dpdsyn.accounting.spends import Gaussian
from dpdsyn.base.checks import InputError
from dpdsyn.checking.learning_contract import raw_rows, raw_schema
from dpdsyn.checking.strange_cells import strange_cells
from dpdsyn.learning import raw_table
from dpdsyn.learning.domain_learning import DomainLearning, _typed
from dpdsyn.learning.raw_table import RawTable
from dpdsyn.privacy import ZCDP, Budget, Ledger
from dpdsyn.reading.cells import canonical
from dpdsyn.reading.schema_values import SchemaError
from dpdsyn.schema import Schema

BUDGET = Budget(4.0, 1e-5)
ROWS = 6000


def table(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """Hours with 40 and 0, prices that end in .99, days of three years, moments, words, numbers as categories, flags."""
    rng = np.random.default_rng(seed)
    seconds = rng.integers(0, 30 * 86_400, rows)
    return pd.DataFrame(
        {
            "hours": np.where(rng.random(rows) < 0.5, 40, np.where(rng.random(rows) < 0.3, 0, rng.integers(1, 99, rows))),
            "price": np.where(rng.random(rows) < 0.4, 9.99, np.round(rng.gamma(2, 30, rows), 2)),
            "loss": -np.round(rng.gamma(2, 1000, rows)) * (rng.random(rows) < 0.5),
            "joined": np.datetime64("2019-03-01") + rng.integers(0, 900, rows),
            "seen": np.datetime64("2024-01-01T00:00:00") + seconds,
            "city": rng.choice(["Ulm", "Bonn", "Kiel", None], rows, p=[0.5, 0.3, 0.1, 0.1]),
            "size": rng.choice([36, 38, 40], rows),
            "flag": rng.choice([True, False], rows),
            "label": rng.choice(["no", "yes"], rows, p=[0.7, 0.3]),
        }
    )


COLUMNS: dict[str, dict[str, Any]] = {
    "hours": {"kind": "integer"},
    "price": {"kind": "real"},
    "loss": {"kind": "real"},
    "joined": {"kind": "date"},
    "seen": {"kind": "date", "resolution": "minute"},
    "city": {"kind": "categorical"},
    "size": {"kind": "categorical"},
    "flag": {"kind": "categorical"},
    "label": {"kind": "categorical"},
}


def learnt(frame: Any, columns: Any = COLUMNS, budget: Budget = BUDGET, seed: int = 0, **more: Any) -> tuple[Schema, Ledger]:
    ledger = Ledger(budget)
    private = DomainLearning().learn(raw_of(frame, columns, ledger, seed, **more))
    return private.schema, ledger


@pytest.fixture(scope="module")
def found() -> tuple[Schema, Ledger]:
    return learnt(table(), target="label")


def test_what_is_learnt_is_closed_and_can_be_written_down(found: tuple[Schema, Ledger]) -> None:
    schema, _ = found
    assert not schema.is_open and schema.target == "label" and schema.names == tuple(COLUMNS)
    assert Schema.from_mapping(json.loads(json.dumps(schema.to_mapping()))) == schema
    assert schema.rows_public == pytest.approx(ROWS, rel=0.05) and len(str(schema.rows_public).rstrip("0")) <= 2


def test_values_that_stand_out_are_decoded_to_themselves_and_as_often(found: tuple[Schema, Ledger]) -> None:
    schema, _ = found
    frame = table(seed=1)
    decoded = schema.decode(schema.encode(frame), np.random.default_rng(0))
    for name, value in (("hours", 40), ("hours", 0), ("price", 9.99), ("loss", 0.0)):
        assert (decoded[name] == value).mean() == pytest.approx((frame[name] == value).mean(), abs=0.03)
    assert decoded["hours"].between(0, 98).mean() > 0.99 and decoded["loss"].max() <= 0
    assert decoded["price"].mean() == pytest.approx(frame["price"].mean(), rel=0.1)
    assert (decoded["price"].map(lambda cell: round(cell, 2)) == decoded["price"]).all()
    assert set(decoded["hours"].dropna()) <= set(range(129))


def test_every_column_comes_back_in_its_type(found: tuple[Schema, Ledger]) -> None:
    decoded = found[0].decode(found[0].encode(table()), np.random.default_rng(0))
    assert decoded["hours"].dtype == "int64" and decoded["price"].dtype == "float64"
    assert decoded["joined"].dt.year.isin([2019, 2020, 2021]).mean() > 0.99
    assert (decoded["joined"].dt.normalize() == decoded["joined"]).all()
    assert set(decoded["seen"].dt.second) == {0} and decoded["seen"].dt.hour.nunique() == 24
    assert set(decoded["city"].dropna()) == {"Ulm", "Bonn", "Kiel"} and decoded["city"].isna().mean() == pytest.approx(
        0.1, abs=0.02
    )
    assert found[0]["size"].categories == (36, 38, 40) and found[0]["flag"].categories == (False, True)
    assert found[0]["label"].categories == ("no", "yes")


def test_noisy_counts_are_near_to_counts(found: tuple[Schema, Ledger]) -> None:
    schema, _ = found
    encoded = schema.encode(table())
    for i, column in enumerate(schema.columns):
        exact = np.bincount(encoded[:, i], minlength=column.size)
        assert column.is_learnt and len(column.counts) == column.size
        assert np.abs(np.array(column.counts) - exact).sum() < 0.25 * ROWS


def test_learning_costs_what_is_reserved_and_the_rest_is_the_methods(found: tuple[Schema, Ledger]) -> None:
    _, ledger = found
    assert [(row["label"], row["mechanism"]) for row in ledger.entries] == [
        ("number of rows", "Gaussian"),
        ("domains: noisy histograms", "Gaussian"),
        ("domains: values above a threshold", "Threshold"),
        ("domains: noisy histograms", "Gaussian"),
    ]
    count, first, threshold, second = ledger.entries
    reserved = [spend for spend in ledger.allowance.reserved if isinstance(spend, Gaussian)]
    assert first["noise_multiplier"] ** -2 + second["noise_multiplier"] ** -2 == pytest.approx(2 * reserved[0].rho)
    assert threshold["count"] == 4 and threshold["count"] * threshold["delta"] == pytest.approx(0.1 * 0.98 * BUDGET.delta)
    assert compose([Gaussian(count["noise_multiplier"])], 0.02 * BUDGET.delta) <= 0.02 * BUDGET.epsilon * (1 + 1e-9)


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("rows_public", [None, 5000])
def test_with_any_plan_after_it_the_budget_is_kept(epsilon: float, rows_public: int | None) -> None:
    more = {} if rows_public is None else {"rows_public": rows_public}
    columns = {**COLUMNS, "label": {"kind": "categorical", "categories": ["no", "yes"], "missing": "drop"}}
    try:
        _, ledger = learnt(table(1500), columns, Budget(epsilon, 1e-6), target="label", **more)
    except SchemaError:  # of so few rows, with so little, nothing but the target is known
        assert epsilon < 1
        return
    ledger.open_calibrated(lambda noise: [Gaussian(noise), ZCDP(1e-9)])
    assert ledger.spent <= epsilon * (1 + 1e-9)


def test_what_finds_no_bounds_asks_nothing_in_the_second_pass_and_nothing_is_spent_more() -> None:
    frame = table().assign(price=[None] * ROWS)
    schema, ledger = learnt(frame, target="label")
    assert "price" not in schema.names and "price" in schema.ignore
    *_, first, _, second = ledger.entries
    (reserved,) = [spend for spend in ledger.allowance.reserved if isinstance(spend, Gaussian)]
    assert first["noise_multiplier"] ** -2 + second["noise_multiplier"] ** -2 < 2 * reserved.rho * 0.95
    assert ledger.plan == learnt(table(), target="label")[1].plan


def test_noise_is_fixed_before_any_row_is_read() -> None:
    """On other tables, and with other noise, the same is reserved; and of what is asked first the noise is the same."""
    plans, firsts = [], []
    for frame, seed in ((table(), 0), (table(300, 5), 1), (table(0), 2), (table().iloc[::7], 3)):
        ledger = Ledger(BUDGET)
        raw = raw_of(frame, COLUMNS, ledger, seed)
        with contextlib.suppress(SchemaError):
            DomainLearning().learn(raw)
        plans.append(ledger.allowance)
        firsts.append(next(row for row in ledger.entries if row["label"].startswith("domains")))
    assert all(plan == plans[0] for plan in plans) and all(first == firsts[0] for first in firsts)


@pytest.mark.parametrize("rows_public", [None, 6000])
def test_a_file_is_read_at_most_twice_and_teaches_what_a_frame_does(
    rows_public: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = table()
    frame.to_parquet(tmp_path / "rows.parquet")
    monkeypatch.setattr("dpdsyn.parquet._ROWS", 1000)
    passes: list[int] = []
    right = raw_table.pieces
    monkeypatch.setattr(raw_table, "pieces", lambda *given: passes.append(1) or right(*given))  # type: ignore[func-returns-value]
    more = {} if rows_public is None else {"rows_public": rows_public}
    of_frame, of_file = (learnt(given, target="label", **more)[0] for given in (frame, tmp_path / "rows.parquet"))
    assert len(passes) <= 2
    assert of_frame == of_file


def test_people_of_many_rows_teach_with_the_noise_of_people() -> None:
    frame = table().assign(who=[f"p{i // 3}" for i in range(ROWS)])
    schema, ledger = learnt(frame, target="label", person="who", max_rows_per_person=3)
    assert schema.rows_public == pytest.approx(ROWS / 3, rel=0.1)  # as methods see it: of one row a person
    assert np.sum(schema["hours"].counts) == pytest.approx(ROWS / 3, rel=0.1)
    assert ledger.allowance.reserved == learnt(table(), target="label")[1].allowance.reserved


@pytest.mark.parametrize("what", strange_cells())
def test_no_cell_is_an_error_or_a_word(what: str) -> None:
    """In each column, its target apart, which leaves such rows out."""
    frame = raw_rows(60, 0)
    for name in raw_schema().features:
        cells = np.empty(len(frame), dtype=object)
        cells[:] = frame[name].to_list()
        cells[3] = strange_cells()[what]
        frame[name] = pd.Series(cells, dtype=object)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        raw = RawTable(frame, raw_schema(), Ledger(Budget(50.0, 1e-3)), np.random.default_rng(0))
        private = DomainLearning().learn(raw)
    private.ledger.open([])
    assert private.schema.encode(frame).shape == (60, len(private.schema.columns))


@pytest.mark.parametrize("rows", [0, 1, 2, 5])
@pytest.mark.parametrize("epsilon", [0.01, 1.0, 100.0])
def test_a_table_of_few_rows_teaches_something_or_says_that_it_teaches_nothing(rows: int, epsilon: float) -> None:
    for seed in range(5):
        try:
            schema, _ = learnt(table(rows), budget=Budget(epsilon, 1e-5), seed=seed)
        except SchemaError as error:
            assert "nothing can be learnt" in str(error) and "0" not in str(error)
        else:
            assert len(schema.columns) >= 2


def test_columns_that_nothing_can_be_learnt_of_are_left_out_or_noise_as_the_schema_says() -> None:
    frame = table().assign(key=[f"k{i}" for i in range(ROWS)], empty=[None] * ROWS, never=[None] * ROWS, given=[None] * ROWS)
    columns = COLUMNS | {
        "key": {"kind": "categorical", "unlearnt": "noise"},
        "empty": {"kind": "real"},
        "never": {"kind": "date", "unlearnt": "noise"},
        "given": {"kind": "integer", "bounds": [3, 8], "unlearnt": "noise"},
    }
    schema, _ = learnt(frame, columns, target="label")
    assert schema.ignore == ("empty",)
    decoded = schema.decode(schema.encode(frame), np.random.default_rng(0))
    assert set(decoded["key"].dropna()) <= {"unknown", "other"} and decoded["never"].nunique() == 1
    assert decoded["given"].between(3, 8).all() and decoded["given"].nunique() == 6


def test_columns_that_are_made_keep_their_place_where_one_before_them_is_left_out() -> None:
    columns = {"empty": {"kind": "real"}, "number": {"kind": "id"}, **COLUMNS, "land": {"constant": "x"}}
    schema, _ = learnt(table().assign(empty=[None] * ROWS), columns, target="label")
    assert schema.ignore == ("empty",) and schema.published == ("number", *COLUMNS, "land")
    assert Schema.from_mapping(schema.to_mapping()) == schema


def test_a_target_that_nothing_can_be_learnt_of_is_refused_and_no_cell_is_told() -> None:
    frame = table().assign(label=[f"secret {i}" for i in range(ROWS)])
    with pytest.raises(SchemaError, match="target 'label'") as raised:
        learnt(frame, target="label")
    assert "secret" not in str(raised.value)


def test_values_that_few_have_become_other_and_are_published_only_where_they_are_many() -> None:
    rng = np.random.default_rng(0)
    many = np.where(rng.random(ROWS) < 0.3, [f"v{i}" for i in range(ROWS)], "common")
    few = np.where(rng.random(ROWS) < 0.0005, "rare", np.where(rng.random(ROWS) < 0.5, "a", "b"))
    schema, _ = learnt(
        table().assign(many=many, few=few), COLUMNS | {"many": {"kind": "categorical"}, "few": {"kind": "categorical"}}
    )
    assert schema["many"].categories == ("common",) and schema["many"].emit_other
    assert schema["few"].categories == ("a", "b") and not schema["few"].emit_other
    decoded = schema.decode(schema.encode(table().assign(many=many, few=few)), np.random.default_rng(0))
    assert (decoded["many"] == "other").mean() == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["True", "False"], [False, True]),
        (["true", "false"], ["false", "true"]),
        (["TRUE", "False"], ["False", "TRUE"]),
        (["true", "maybe"], ["maybe", "true"]),
        (["10", "9", "-1"], [-1, 9, 10]),
        (["10", "1.5"], [1.5, 10.0]),
        (["007", "8"], ["007", "8"]),
        (["1e3", "2"], ["1e3", "2"]),
        (["nan", "1"], ["1", "nan"]),
        (["inf", "-inf"], ["-inf", "inf"]),
        (["1_000", "2"], ["1_000", "2"]),
        (["1" + "0" * 30, "2"], ["1" + "0" * 30, "2"]),
        ([str(2**63), "1"], ["1", str(2**63)]),
        ([str(2**63 - 1025), "1"], [1, 2**63 - 1025]),
        (["1" + "0" * 199], ["1" + "0" * 199]),
    ],
)
def test_categories_are_numbers_where_all_of_them_are_written_so(texts: list[str], values: list[Any]) -> None:
    found = _typed({canonical(text): text for text in texts})
    assert found == values and [type(value) for value in found] == [type(value) for value in values]


def test_ids_of_thirty_digits_come_back_as_they_are() -> None:
    ids = np.random.default_rng(0).choice([str(10**30), str(10**30 + 1), None], ROWS)
    schema, _ = learnt(table().assign(ids=ids), COLUMNS | {"ids": {"kind": "categorical"}})
    decoded = schema.decode(schema.encode(table().assign(ids=ids)), np.random.default_rng(0))
    assert set(decoded["ids"].dropna()) == {str(10**30), str(10**30 + 1)}


def test_one_wild_value_makes_no_bounds_wide() -> None:
    frame = table()
    frame.loc[0, ["hours", "price"]] = [10**12, 1e15]
    schema, _ = learnt(frame, target="label")
    assert max(schema["hours"].pieces.lasts) < 1000 and max(schema["price"].pieces.lasts) < 10**5


def test_a_closed_schema_costs_nothing() -> None:
    columns = {
        "size": {"kind": "categorical", "categories": [36, 38, 40]},
        "hours": {"kind": "integer", "bounds": [0, 99], "bins": 5},
    }
    schema, ledger = learnt(table()[["size", "hours"]], columns, rows_public=6000)
    assert ledger.entries == [] and ledger.plan is None and schema.rows_public == 6000


def test_learning_is_not_done_under_a_cap_nor_after_a_plan() -> None:
    with pytest.raises(InputError, match="not under a cap"):
        DomainLearning().learn(raw_of(table(10), COLUMNS, Ledger(ZCDP(1.0)), rows_public=10))
    ledger = Ledger(BUDGET)
    ledger.open([Gaussian(50.0)])
    with pytest.raises(RuntimeError):
        DomainLearning().learn(raw_of(table(10), COLUMNS, ledger))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"share": 0}, "share"),
        ({"share": 0.5}, "share"),
        ({"threshold_delta": 1}, "threshold_delta"),
        ({"shares": 0.1}, "no setting shares"),
        ({"cutting": {"piece": 3}}, "no setting piece"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        DomainLearning.of(given)
    assert DomainLearning.of({"share": 0.2, "cutting": {"pieces": 8}}).cutting.pieces == 8 and math.isclose(
        DomainLearning.of(None).share, 0.06
    )


@pytest.mark.parametrize("seed", range(6))
def test_what_lies_thin_before_an_atom_is_not_taken_for_it(seed: int) -> None:
    """Days before 2015 are some 50 to 250 a year: their years stand out, and no part of them does."""
    frame = people(8000).frame[["joined", "left"]]
    schema = Schema.from_mapping({"target": "left", "columns": {"joined": {"kind": "date"}, "left": KINDS["columns"]["left"]}})
    learnt = DomainLearning().learn(RawTable(frame, schema, Ledger(Budget(2.0, 1e-6)), np.random.default_rng(seed))).schema
    atom = int(np.datetime64(ATOMS["joined"][0], "D").astype(int))
    pieces = learnt["joined"].pieces
    assert pieces is not None and pieces.firsts[0] < int(np.datetime64("2014-03-01", "D").astype(int))
    days = frame["joined"].to_numpy().astype("datetime64[D]").astype(int)
    as_the_atom = np.array(pieces.firsts)[pieces.encode(days.astype(float))] == atom
    assert abs(as_the_atom.mean() - (days == atom).mean()) < 0.01


@pytest.mark.parametrize("seed", range(6))
def test_a_heavy_tail_reaches_as_far_as_its_octaves_stand_out(seed: int) -> None:
    """A thousandth of the visits are above 10,000: the few rows of each octave there tell of themselves, not their values."""
    frame = people(60_000).frame[["visits", "left"]]
    columns = {"visits": {"kind": "integer"}, "left": KINDS["columns"]["left"]}
    schema = Schema.from_mapping({"target": "left", "columns": columns})
    learnt = DomainLearning().learn(RawTable(frame, schema, Ledger(Budget(8.0, 1e-6)), np.random.default_rng(seed))).schema
    column = learnt["visits"]
    made = column.decode(column.encode(frame["visits"]), np.random.default_rng(0))
    shares = [np.mean(np.asarray(values, dtype=float) > 4096) for values in (made, frame["visits"])]
    assert 0.6 < shares[0] / shares[1] < 1.6


def test_digits_that_a_file_declares_a_text_stay_texts(tmp_path: Path) -> None:
    frame = pd.DataFrame({"code": ["1", "2"] * 500, "same": ["1", "2"] * 500})
    columns = {name: {"kind": "categorical"} for name in frame}
    frame.astype({"same": "int64"}).to_parquet(tmp_path / "people.parquet")
    schema, _ = learnt(tmp_path / "people.parquet", columns)
    assert schema["code"].categories == ("1", "2") and schema["same"].categories == (1, 2)
    assert learnt(frame, columns)[0]["code"].categories == (1, 2)  # a frame read from CSV has nothing but texts


def test_an_empty_text_is_a_category_where_a_file_declares_texts(tmp_path: Path) -> None:
    frame = pd.DataFrame({"mood": ["a", "", "b", None] * 1000, "more": [1, 2] * 2000})
    frame.to_parquet(tmp_path / "people.parquet")
    columns = {name: {"kind": "categorical"} for name in frame}
    schema, _ = learnt(tmp_path / "people.parquet", columns)
    assert schema["mood"].categories == ("", "a", "b") and schema["mood"].missing == "own_code"
    assert learnt(frame, columns)[0]["mood"].categories == ("a", "b")  # blanks of a CSV file say nothing
