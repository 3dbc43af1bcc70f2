"""Rows as they are published: every one keeps every rule and condition, whatever the rules and the method are."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders.any_codes import AnyCodes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dpdsyn import DPDSyn, Schema
from dpdsyn.base.checks import InputError
from dpdsyn.candidates import Independent
from dpdsyn.checking.blind import Blind
from dpdsyn.learning.merging import fit
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.quality import private_evaluation
from dpdsyn.reading.column import SchemaError
from dpdsyn.release import Release
from dpdsyn.rules import published_rows
from dpdsyn.rules.conditions import Conditions
from dpdsyn.rules.impossible import impossible
from dpdsyn.rules.published_rows import PublishedRows, refuse_contradictions
from dpdsyn.tables.raw_rules import broken

NONE = Conditions()
Check = Callable[[dict[str, Any]], bool]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_rows, "most_drawn", lambda n: 2_000 + 5 * n)


def rows_of(schema: Schema, n: int = 300, seed: int = 0, conditions: Conditions = NONE, **weights: Any) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return PublishedRows.of(AnyCodes(schema, weights), schema, rng).sample(n, conditions, rng)


# what a rule says, again, in plain Python over the published cells


def _date(row: dict[str, Any], name: str) -> Any:
    return pd.to_datetime(row[name], format="%d.%m.%Y") if isinstance(row[name], str) else row[name]


def _known(*cells: Any) -> bool:
    return not any(pd.isna(cell) for cell in cells)


RULES: list[tuple[Any, Check]] = [
    ("end >= start", lambda r: not _known(r["end"], r["start"]) or _date(r, "end") >= _date(r, "start")),
    (
        "end - start < 40",
        lambda r: not _known(r["end"], r["start"]) or (_date(r, "end") - _date(r, "start")).days < 40,
    ),
    ("start != 2020-02-01", lambda r: _date(r, "start") != pd.Timestamp("2020-02-01")),
    ("total = a + b", lambda r: not _known(r["a"], r["total"]) or r["total"] == r["a"] + r["b"]),
    ("a > b", lambda r: not _known(r["a"]) or r["a"] > r["b"]),
    ("2 * b <= a + 10", lambda r: not _known(r["a"]) or 2 * r["b"] <= r["a"] + 10),
    ("paid = price + tip", lambda r: math.isclose(r["paid"], r["price"] + r["tip"], rel_tol=1e-12)),
    ("tip <= price", lambda r: r["tip"] <= r["price"]),
    ("sex = male -> b = 0", lambda r: r["sex"] != "male" or r["b"] == 0),
    ("sex = 'not said' -> work is missing", lambda r: r["sex"] != "not said" or pd.isna(r["work"])),
    ("work is missing -> a is missing", lambda r: not pd.isna(r["work"]) or pd.isna(r["a"])),
    (
        "work in [none, part] and b > 20 -> sex != male",
        lambda r: not (r["work"] in ("none", "part") and r["b"] > 20 and r["sex"] == "male"),
    ),
    ("b not in [3, 4, 5]", lambda r: r["b"] not in (3, 4, 5)),
    ({"sex -> code": {"male": 1, "female": 2, "not said": 1}}, lambda r: r["code"] == (2 if r["sex"] == "female" else 1)),
]  # fmt: skip


_EITHER = st.booleans()


@st.composite
def schemas(draw: Any) -> dict[str, Any]:
    whole = {"kind": "integer", "bins": draw(st.integers(2, 12))}
    pieces = {"starts": [0, 1, 7], "firsts": [0, 1, 7], "lasts": [0, 6, 40]}
    learnt = {"kind": "integer", "pieces": pieces, "counts": [5, 6, 7], "count_sds": [1, 1, 1]}
    return {
        "start": {"kind": "date", "bounds": ["2020-01-01", "2020-12-31"], "bins": draw(st.integers(2, 9))}
        | draw(st.sampled_from([{}, {"format": "%d.%m.%Y"}])),
        "end": {"kind": "date", "bounds": ["2020-01-01", "2021-03-31"], "bins": draw(st.integers(2, 9)), "missing": "own_code"},
        "a": {**whole, "bounds": [0, 30], "missing": "own_code"},
        "b": draw(st.sampled_from([learnt, {**whole, "bounds": [0, 40]}])),
        "total": {**whole, "bounds": [0, draw(st.integers(50, 99))], "missing": "own_code"},
        "price": {"kind": "real", "bounds": [0, 50], "bins": draw(st.integers(2, 9))},
        "tip": {"kind": "real", "bounds": [0, 50], "bins": 5},
        "paid": {"kind": "real", "bounds": [0, 120], "bins": 5},
        "sex": {"kind": "categorical", "categories": ["male", "female", "not said"]},
        "work": {"kind": "categorical", "categories": ["none", "part", "full"], "missing": "own_code", "other": draw(_EITHER)},
        "code": {"kind": "categorical", "categories": [1, 2]},
        "degree": {"kind": "categorical", "categories": ["a", "b", "c"], "missing": "own_code"},
        "years": {"kind": "integer", "bounds": [1, 16], "bins": 16},
    }  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    schemas(), st.lists(st.sampled_from(RULES), min_size=1, max_size=5, unique_by=lambda rule: str(rule[0])), st.integers(0, 99)
)
def test_every_published_row_keeps_every_rule(columns: dict[str, Any], rules: list[tuple[Any, Check]], seed: int) -> None:
    schema = Schema.from_mapping(
        {"rows_public": 100, "columns": columns, "constraints": [*(rule for rule, _ in rules), "degree -> years"]}
    )
    refuse_contradictions(schema)
    frame = rows_of(schema, 60, seed)
    assert len(frame) == 60
    for row in frame.to_dict("records"):
        assert not [rule for rule, check in rules if not check(row)], row
    assert frame.groupby("degree", dropna=False)["years"].nunique().max() == 1
    low, high = schema["total"].bounds or (0, 0)
    assert frame["total"].dropna().between(low, high).all()


def small(*constraints: Any, target: str = "y") -> Schema:
    columns = {
        "key": {"kind": "id", "pattern": "C{:03d}"},
        "a": {"kind": "integer", "bounds": [0, 99], "bins": 4},
        "b": {"kind": "integer", "bounds": [0, 99], "bins": 4},
        "sex": {"kind": "categorical", "categories": ["Male", "Female"]},
        "y": {"kind": "categorical", "categories": ["no", "yes"]},
        "land": {"constant": "DE"},
    }
    raw = {"target": target, "rows_public": 400, "columns": columns, "constraints": list(constraints)}
    return Schema.from_mapping(raw)


def test_drawing_again_is_conditioning_and_numbers_within_a_bin_are_no_reason_for_it() -> None:
    schema = small("sex = Male -> a = 0")
    frame = rows_of(schema, 2000)
    shares = frame["sex"].value_counts(normalize=True)
    assert shares["Male"] == pytest.approx(0.2, abs=0.04)  # 1/2 * 1/4 of 1/2 * 1/4 + 1/2: one bin of four has the 0
    assert (frame.loc[frame["sex"] == "Male", "a"] == 0).all()


def test_what_cannot_be_drawn_is_repaired_and_said() -> None:
    schema = small("sex = Male -> a > 90")
    method = AnyCodes(schema, {"a": [1, 0, 0, 0], "sex": [1, 0]})
    rng = np.random.default_rng(0)
    published = PublishedRows.of(method, schema, rng)
    frame = published.sample(50, NONE, rng)
    assert ((frame["a"] > 90) | (frame["sex"] == "Female")).all() and len(frame) == 50
    assert published.tally.repaired == 50 and method.drawn == 2_300
    assert "50 were repaired" in published.tally.told()


def test_contradictions_are_refused_before_anything_is_read() -> None:
    contradicting = small("a > b", "b > a")
    with pytest.raises(SchemaError, match=r"no row was found that keeps all of them .*: a > b; b > a"):
        refuse_contradictions(contradicting)
    with pytest.raises(SchemaError, match="no row was found"):
        DPDSyn(candidates="uniform").fit(pd.DataFrame(), contradicting)
    with pytest.raises(SchemaError, match="sex = Male"):
        refuse_contradictions(small("sex = Male -> a > 3", "a < 2"), Conditions.of({"sex": "Male"}, None))
    with pytest.raises(InputError, match="contradict each other"):
        rows_of(contradicting, 5)


def test_values_and_shares_that_are_asked_for_are_there() -> None:
    conditions = Conditions.of({"sex": "Female", "a": 7}, {"yes": 0.25, "no": 0.75})
    frame = rows_of(small("b >= a"), 200, conditions=conditions, y=[0.99, 0.01])
    assert set(frame["sex"]) == {"Female"} and set(frame["a"]) == {7} and (frame["b"] >= 7).all()
    assert frame["y"].value_counts().to_dict() == {"no": 150, "yes": 50}
    assert list(frame.columns) == ["key", "a", "b", "sex", "y", "land"]
    assert rows_of(small(), 3, conditions=Conditions.of(None, {"yes": 0.5, "no": 0.5}))["y"].value_counts().sum() == 3
    assert len(rows_of(small("b >= a"), 0)) == 0


@pytest.mark.parametrize(
    ("given_", "balance", "message"),
    [
        ({"gender": "x"}, None, "no column is called 'gender'; there are a, b, sex, y"),
        ({"sex": "female"}, None, "'female' is no category of 'sex'; there are Male, Female"),
        ({"a": 100}, None, "'100' is out of the bounds of 'a'"),
        ({"a": "many"}, None, "'many' is no integer"),
        ({"key": "C001"}, None, "'key' is made anew for every row; there are a, b, sex, y"),
        (None, {"maybe": 1.0}, "'maybe' is no class of 'y'; there are no, yes"),
        (None, {"yes": 0.5}, "shares add up to 0.5; to 1 is needed"),
        (None, {"yes": 1.5, "no": -0.5}, "numbers from 0 to 1"),
        ({"y": "yes"}, {"yes": 1.0}, "both given and balance speak of the target 'y'"),
        (["sex"], None, "given is .'sex'.; a mapping is needed"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(given_: Any, balance: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        rows_of(small(), conditions=Conditions.of(given_, balance))


def test_rules_are_tables_of_impossible_codes() -> None:
    schema = small("a > b", {"sex -> y": {"Male": "no"}})
    compared, dependent = impossible(schema)
    assert compared.names == ("a", "b") and np.array_equal(compared.cells, np.triu(np.ones((4, 4), bool), 1))
    assert dependent.cells.tolist() == [[False, True], [False, False], [False, False]]  # Male, Female, other of sex
    halves = compared.merged({"a": np.array([0, 0, 1, 1])})
    assert halves.cells.tolist() == [[False, False, True, True], [False, False, False, False]]


def test_neighbouring_tables_with_the_same_noise_publish_the_same() -> None:
    schema = small("a > b", "sex -> b")
    fake = np.random.default_rng(9).integers(0, 2, (50, 4)).astype(schema.dtype)
    rows = np.random.default_rng(1).integers(0, 2, (60, 4)).astype(schema.dtype)  # most of which break the rules
    frames = []
    for table in (rows, rows[:-1], np.vstack([rows, [3, 0, 1, 1]]).astype(schema.dtype)):
        method = fit(Independent(), Blind.of(table, fake, schema, Ledger(Budget(1.0, 1e-6)), 3), np.random.default_rng(4))
        rng = np.random.default_rng(5)
        frames.append(PublishedRows.of(method, schema, rng).sample(100, Conditions.of({"sex": "Male"}, None), rng))
    pd.testing.assert_frame_equal(frames[0], frames[1])
    pd.testing.assert_frame_equal(frames[0], frames[2])


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    a = rng.integers(0, 100, 400)
    sex = np.where(rng.random(400) < 0.5, "Male", "Female")
    return pd.DataFrame({"a": a, "b": np.minimum(a, rng.integers(0, 100, 400)), "sex": sex, "y": np.where(a > 50, "yes", "no")})


def test_models_keep_rules_after_they_are_saved_and_tell_owners_of_rows_that_do_not(people: pd.DataFrame, tmp_path: Path) -> None:
    schema = small("a >= b", "sex -> b")
    with pytest.warns(api_warning(), match="constraint 'sex -> b': .* rows .* break it"):
        model = DPDSyn(epsilon=4.0, guide={"steps": 5, "pretraining": 10}).fit(people, schema)
    model.save(tmp_path / "m")
    loaded = DPDSyn.load(tmp_path / "m")
    frames = [one.sample(300, given={"y": "yes"}) for one in (model, loaded, model)]
    together = pd.concat(frames)
    assert (together["a"] >= together["b"]).all() and set(together["y"]) == {"yes"} and set(together["land"]) == {"DE"}
    assert together.groupby("sex")["b"].nunique().max() == 1
    assert pd.concat([frames[0], frames[2]])["key"].is_unique
    assert model.tally.rows == 600 and loaded.tally.rows == 300


def test_a_release_of_any_method_keeps_rules_and_its_evaluation_learns_from_rows_that_do(
    people: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = small("a >= b", "sex -> b")
    lessons: list[np.ndarray] = []
    judge = private_evaluation.evaluated

    def seen(private: Any, closed: Schema, rows: np.ndarray, *rest: Any) -> Any:
        lessons.append(rows)
        return judge(private, closed, rows, *rest)

    monkeypatch.setattr(private_evaluation, "evaluated", seen)
    fitted = Release("dpdsyn.candidates:Independent", {}, epsilon=4.0)
    fitted.fit(people, schema, preflight=False, evaluate=0.3, hold_out=0.5)
    (rows,) = lessons
    assert rows.dtype == schema.dtype and rows.shape == (400, 4) and (rows[:, 0] >= rows[:, 1]).all()
    assert len({tuple(pair) for pair in rows[:, [1, 2]].tolist()}) == len(set(rows[:, 2].tolist())) and fitted.tally.rows == 0
    fitted.save(tmp_path / "m")
    loaded = Release.load(tmp_path / "m")
    together = pd.concat([fitted.sample(200), loaded.sample(200)])
    assert (together["a"] >= together["b"]).all() and together.groupby("sex")["b"].nunique().max() == 1
    assert set(together["land"]) == {"DE"} and loaded.evaluation_ == fitted.evaluation_ is not None


def test_a_number_that_is_listed_is_the_same_number_in_rules_conditions_and_rows() -> None:
    half = {"kind": "categorical", "categories": [0.5, 1, "1.50"], "other": False}
    columns = {"dose": half, "y": {"kind": "categorical", "categories": [1, 2]}}
    raw = {"target": "y", "rows_public": 9, "columns": columns, "constraints": ["y = 1.0 -> dose = 0.50"]}
    schema = Schema.from_mapping(raw)
    frame = rows_of(schema, 200)
    assert set(frame.loc[frame["y"] == 1, "dose"]) == {0.5} and set(frame["dose"]) == {0.5, 1, "1.50"}
    assert set(rows_of(schema, 20, conditions=Conditions({"dose": "0.500"}))["dose"]) == {0.5}
    assert set(rows_of(schema, 20, conditions=Conditions({}, {"2.0": 1.0}))["y"]) == {2}
    with pytest.raises(SchemaError, match=r"'1\.5' is no category"):
        rows_of(schema, 20, conditions=Conditions({"dose": "1.5"}))
    told = pd.DataFrame({"dose": ["0.50", ".5", "1"], "y": ["1", "1.0", "1"]})
    assert list(broken(schema, told).values()) == [1]


def api_warning() -> type[Warning]:
    from dpdsyn.api import BrokenRuleWarning

    return BrokenRuleWarning


def test_a_tree_of_marginals_holds_zeros_and_both_of_its_one_way_marginals() -> None:
    from baselines.marginal.marginals import Measurement
    from baselines.marginal.maximum_entropy import fit_maximum_entropy

    one, other = np.array([500.0, 300.0, 200.0]), np.array([600.0, 250.0, 150.0])
    measured = [Measurement((0,), one, 1.0), Measurement((1,), other, 1.0)]
    zeros = [((0, 1), np.tril(np.ones((3, 3), bool), -1))]  # nothing of the first above the second
    model = fit_maximum_entropy((3, 3), measured, 1000.0, cliques=[(0, 1)], zeros=[((0, 1), zeros[0][1].T)])
    drawn = model.sample(20_000, np.random.default_rng(0))
    assert (drawn[:, 0] >= drawn[:, 1]).all()
    for column, counts in ((0, one), (1, other)):
        assert np.bincount(drawn[:, column], minlength=3) / 20_000 == pytest.approx(counts / 1000, abs=0.01)
