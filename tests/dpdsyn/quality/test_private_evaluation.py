"""The private evaluation: what a row moves, what is charged, and that nothing else tells of rows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from builders.neighbours import BY_ROW, OPEN_BY_ROW, TWO_ROWS_EACH, people

from dpdsyn import DPDSyn, Schema
from dpdsyn.accounting.spends import Gaussian, SampledGaussian
from dpdsyn.base.checks import InputError
from dpdsyn.privacy import Budget, BudgetExceeded, Ledger
from dpdsyn.private_table import ClippingError, PrivateTable
from dpdsyn.quality import private_evaluation
from dpdsyn.quality.private_evaluation import CLIP, LABEL, Judge, PrivateEvaluation, evaluated, keep_back
from dpdsyn.rows import Rows

BUDGET = Budget(2.0, 1e-6)


def table(classes: int = 2, rows: int = 600, seed: int = 0) -> tuple[Schema, np.ndarray]:
    """A target that follows the first of three columns, but for noise."""
    rng = np.random.default_rng(seed)
    spec = {"kind": "categorical", "other": False}
    columns = {
        "first": {**spec, "categories": [f"a{i}" for i in range(classes)]},
        "size": {"kind": "integer", "bounds": [0, 9], "bins": 10},
    }
    columns["class"] = {**spec, "categories": [f"c{i}" for i in range(classes)]}
    schema = Schema.from_mapping({"target": "class", "rows_public": rows, "columns": columns})
    truth = rng.integers(classes, size=rows)
    seen = np.where(rng.random(rows) < 0.8, truth, rng.integers(classes, size=rows))
    return schema, np.stack([seen, rng.integers(10, size=rows), truth], axis=1).astype(schema.dtype)


def judge(schema: Schema, lessons: np.ndarray) -> Judge:
    """As `evaluated` makes it."""
    names, grouped = private_evaluation._classes(schema, lessons[:, schema.target_position])
    return Judge(schema, lessons, grouped, len(names))


def measured(
    rows: np.ndarray | Rows, schema: Schema, lessons: np.ndarray, share: float = 0.2, verify: bool = True
) -> PrivateEvaluation:
    """With noise of a fixed seed."""
    ledger = Ledger(BUDGET)
    multiplier = keep_back(ledger, share)
    ledger.open([Gaussian(5.0)])
    return evaluated(PrivateTable(rows, schema, ledger, np.random.default_rng(3), verify), schema, lessons, multiplier, share)


@pytest.mark.parametrize("classes", [2, 5, 7])
def test_a_row_adds_a_vector_within_the_clip_and_is_the_same_beside_any_rows(classes: int) -> None:
    schema, rows = table(classes, 60)
    found = judge(schema, table(classes, 200, seed=1)[1])
    alone = np.stack([found.sums(row[None], CLIP) for row in rows])
    assert (np.linalg.norm(alone, axis=1) <= CLIP).all() and (np.linalg.norm(alone, axis=1) > 1).all()
    cells = alone[:, :-2]
    assert ((cells == 0) | (cells == 1)).all() and (cells.sum(axis=1) == 1).all()
    truth, predicted, losses = found.losses(rows)
    for i in range(0, len(rows), 15):
        one = found.losses(rows[i : i + 1])
        assert (one[0][0], one[1][0], one[2][0]) == (truth[i], predicted[i], losses[i])  # bit for bit
    assert found.sums(rows[:0], CLIP).tolist() == [0.0] * len(alone[0])
    assert np.allclose(found.sums(rows, CLIP), alone.sum(axis=0)) and np.allclose(found.sums(rows, 3.0), 2 * alone.sum(axis=0))


def test_the_worst_row_uses_up_the_clip_and_no_more() -> None:
    schema, rows = table()
    lessons = rows[rows[:, 2] == 0]  # of one class: the other has no chance, and its loss is clipped
    found = judge(schema, lessons)
    worst = found.sums(rows[rows[:, 2] == 1][:1], CLIP)
    assert np.linalg.norm(worst) == pytest.approx(CLIP, rel=1e-12) and np.linalg.norm(worst) <= CLIP
    assert found.losses(rows)[2].max() == found.bound == math.log(100)


def unclipped(self: Judge, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A planted fault: a loss as large as it comes."""
    truth = self.grouped[rows[:, self.target].astype(np.int64)]
    scores = self.scores(rows[:, self.features])
    return truth, scores.argmax(axis=1), scores.max(axis=1) - scores[np.arange(len(rows)), truth]


def of_the_batch(self: Judge, rows: np.ndarray, clip: float) -> np.ndarray:
    """A planted fault: shares of the batch, which is no sum over rows."""
    truth, predicted, _ = self.losses(rows)
    shares = np.bincount(truth * self.classes + predicted, minlength=self.classes**2) / max(len(rows), 1)
    return np.concatenate([shares, [0.0, 0.0]])


@pytest.mark.parametrize(("name", "fault"), [("losses", unclipped), ("sums", of_the_batch)])
def test_a_sum_that_is_not_clipped_row_by_row_is_caught(
    name: str, fault: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    schema, rows = table()
    lessons = rows[rows[:, 2] == 0]
    measured(rows, schema, lessons)
    monkeypatch.setattr(Judge, name, fault)
    with pytest.raises(ClippingError):
        measured(rows, schema, lessons)


def answers(rows: np.ndarray, schema: Schema, lessons: np.ndarray, times: int) -> np.ndarray:
    """The table, flat, and both sums over what they are clipped to, of independent noise."""
    made = []
    for seed in range(times):
        ledger = Ledger(BUDGET)
        multiplier = keep_back(ledger, 0.2)
        private = PrivateTable(rows, schema, ledger, np.random.default_rng(seed))
        one = evaluated(private, schema, lessons, multiplier, 0.2)
        made.append([*np.ravel(one.table), one.loss[0] / one.bound, one.loss[1] / (2 * one.bound**2)])
    return np.array(made)


def test_the_noise_is_that_of_what_was_charged(monkeypatch: pytest.MonkeyPatch) -> None:
    schema, rows = table(rows=40)
    constant = judge(schema, rows)
    monkeypatch.setattr(private_evaluation, "Judge", lambda *_: constant)  # trained once
    found = answers(rows, schema, rows, 400)
    sd = CLIP * keep_back(Ledger(BUDGET), 0.2)
    exact = constant.sums(rows, CLIP)
    residuals = (found - exact) / sd
    assert abs(residuals.mean()) < 5 / math.sqrt(residuals.size)
    assert abs(residuals.std() - 1) < 5 / math.sqrt(2 * residuals.size)
    assert abs(np.corrcoef(residuals.T) - np.eye(6)).max() < 0.25


@pytest.mark.parametrize("fault", ["no noise", "not charged"])
def test_a_planted_fault_shows(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    schema, rows = table()
    if fault == "no noise":
        monkeypatch.setattr("dpdsyn.private_table.rounded_gaussian", lambda scale, size, rng: np.zeros(size, dtype=np.int64))
        assert np.ptp(answers(rows, schema, rows, 2), axis=0).max() == 0
    else:  # a plan without it does not cover it, whatever else is in the plan
        ledger = Ledger(BUDGET)
        ledger.open([Gaussian(5.0)])
        with pytest.raises(BudgetExceeded):
            evaluated(PrivateTable(rows, schema, ledger, np.random.default_rng(0)), schema, rows, 5.0, 0.2)


def test_a_person_s_rows_weigh_as_one() -> None:
    schema, rows = table(rows=300)
    schema = replace(schema, person="who", max_rows_per_person=3)
    single = measured(Rows(rows, np.arange(300), 3), schema, rows, verify=False)
    assert sum(map(sum, single.table)) == pytest.approx(100, abs=6 * single.sd)
    with_one, without = (
        judge(schema, rows).sums(part, CLIP) / 3 for part in (rows[:3], rows[:0])
    )  # a person of three rows, each of weight 1/3
    assert np.linalg.norm(with_one - without) <= CLIP


def test_the_table_is_near_the_truth_and_what_is_said_of_it_is_made_of_it() -> None:
    schema, rows = table(rows=4000)
    lessons = table(rows=4000, seed=1)[1]
    found = measured(rows, schema, lessons, verify=False)
    truth, predicted, losses = judge(schema, lessons).losses(rows)
    assert abs(found.accuracy.value - (truth == predicted).mean()) < 0.03 and found.accuracy.low > 0.85
    assert found.log_loss.low < losses.mean() < found.log_loss.high
    assert found.guessing["accuracy"] == pytest.approx(0.5, abs=0.03) and "better than guessing" in found.verdict
    again = PrivateEvaluation.from_mapping(json.loads(json.dumps(found.to_mapping())))
    assert again == found and str(again) == str(found) and "in-sample" in str(found)
    assert "held out" in replace(found, part=0.2).basis
    noise = replace(found, table=((3.0, 9.0), (1.0, -4.0)), sd=90.0)
    assert "too large to tell" in noise.verdict
    chance = replace(found, table=((1000.0, 1000.0), (1000.0, 1000.0)), sd=1.0)
    assert "no better than guessing" in chance.verdict
    sure = replace(found, loss=(found.noisy.rows * 1.5, found.noisy.rows * 3.0))
    assert sure.log_loss.low > sure.guessing["log_loss"] and "but log loss worse" in sure.verdict and "cannot" in sure.verdict
    leaning = replace(found, table=((2000.0, 1600.0), (40.0, 360.0)), sd=1.0)
    assert "but accuracy worse" in leaning.verdict
    little = replace(found, table=((1040.0, 960.0), (960.0, 1040.0)), sd=1.0, loss=(1300.0, 1000.0))
    assert little.balanced_accuracy.low > 0.5 and little.verdict.startswith("perhaps better") and "held out" in little.verdict
    assert replace(little, part=0.2).verdict.startswith("models learn")


def test_many_classes_have_a_table_of_right_and_wrong_and_a_number_is_cut_into_parts() -> None:
    schema, rows = table(7, 1000)
    found = measured(rows, schema, rows, verify=False)
    assert len(found.table) == 7 and len(found.table[0]) == 2 and found.to_mapping()["columns"] == ["right", "wrong"]
    assert 0.7 < found.accuracy.value < 0.95
    ordered = Schema.from_mapping({**schema.to_mapping(), "target": "size"})
    named, grouped = private_evaluation._classes(ordered, rows[:, 1])
    assert len(named) == 5 and grouped.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    alike = private_evaluation._classes(ordered, np.zeros(9, dtype=np.int64))
    assert len(alike[0]) >= 2 and set(alike[1]) == set(range(len(alike[0])))
    assert len(private_evaluation._classes(ordered, np.zeros(0, dtype=np.int64))[0]) >= 2


@pytest.mark.parametrize("labels", [[], [1]])
def test_lessons_of_no_row_or_one_class_give_a_constant(labels: list[int]) -> None:
    schema, rows = table()
    lessons = np.array([[0, 1, label] for label in labels] or np.zeros((0, 3)), dtype=schema.dtype)
    found = measured(rows, schema, lessons)
    assert 0 <= found.accuracy.low <= found.accuracy.high <= 1


def test_the_model_is_that_of_the_experiments() -> None:
    from experiments.evaluation.models import boosting

    schema, _ = table()
    assert private_evaluation.model(schema).get_params() == boosting(schema.select(schema.features), 0)[1].get_params()


# --- the ledger


def test_what_is_kept_back_takes_part_in_every_plan_and_is_there_at_the_end() -> None:
    ledger = Ledger(BUDGET)
    multiplier = keep_back(ledger, 0.1)
    assert SampledGaussian(1.0, multiplier).rho == pytest.approx(0.1 * BUDGET.rho)
    before = ledger.set_apart(0.05)
    before.open([Gaussian(100.0)])
    ledger.reserve([Gaussian(20.0)])
    with pytest.raises(BudgetExceeded, match="and once"):
        ledger.reserve([Gaussian(20.0)])
    noise = ledger.open_calibrated(lambda x: [Gaussian(x)])
    for spend in (Gaussian(20.0), Gaussian(noise)):
        ledger.charge(spend, "method")
    with pytest.raises(BudgetExceeded):
        ledger.charge(Gaussian(multiplier), "a method that takes what is not its own")
    ledger.charge(SampledGaussian(1.0, multiplier), LABEL)
    with pytest.raises(BudgetExceeded):
        ledger.charge(SampledGaussian(1.0, multiplier), LABEL)
    together = Budget(BUDGET.epsilon * 0.95, BUDGET.delta * 0.95).spent(
        [Gaussian(20.0), Gaussian(noise), SampledGaussian(1.0, multiplier)]
    )
    assert ledger.spent == pytest.approx((before.spent or 0) + together) and together <= 0.95 * BUDGET.epsilon
    assert together > 0.949 * BUDGET.epsilon
    assert {"mechanism": "SampledGaussian", "rate": 1.0, "noise_multiplier": multiplier, "count": 1} in (ledger.plan or [])


@pytest.mark.parametrize("late", ["open", "reserve", "set_apart", "keep_back"])
def test_nothing_is_kept_back_when_it_is_too_late(late: str) -> None:
    ledger = Ledger(BUDGET)
    if late == "set_apart":
        ledger.set_apart(0.1)
    else:
        getattr(ledger, late)([Gaussian(50.0)])
    with pytest.raises(BudgetExceeded):
        ledger.keep_back([Gaussian(50.0)])


def test_more_than_the_budget_is_not_kept_back() -> None:
    with pytest.raises(BudgetExceeded, match="what is kept back"):
        Ledger(BUDGET).keep_back([Gaussian(0.1)])
    ledger = Ledger(BUDGET)
    ledger.keep_back([Gaussian(1 / math.sqrt(2 * 0.99 * BUDGET.rho))])
    with pytest.raises(BudgetExceeded, match="what is kept back"):
        ledger.set_apart(0.5)
    with pytest.raises(BudgetExceeded):
        keep_back(Ledger(BUDGET.reserved or Gaussian(1.0)), 0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan"), True, "0.1"])
def test_a_share_that_is_none_is_refused(share: object) -> None:
    with pytest.raises(InputError, match="share of the budget"):
        private_evaluation.check(None, share, None)  # type: ignore[arg-type]


# --- from Python

SMALL = {"steps": 5, "pretraining": 5}


@pytest.mark.slow
@pytest.mark.parametrize("hold_out", [None, 0.3])
@pytest.mark.parametrize("schema", [BY_ROW, TWO_ROWS_EACH, OPEN_BY_ROW])
def test_a_fit_tells_of_an_evaluation_and_spends_what_was_given(schema: str, hold_out: float | None, tmp_path: Path) -> None:
    rows = people(2000)
    model = DPDSyn(epsilon=4.0, guide=SMALL).fit(
        rows, yaml.safe_load(schema), confirm_kinds=True, evaluate=0.2, hold_out=hold_out
    )
    found = model.evaluation_
    assert found is not None and found.part == (hold_out or 0.0) and found.classes == ("no", "yes")
    units = 1000 if "person" in schema else 2000
    assert sum(map(sum, found.table)) == pytest.approx(units * (hold_out or 1.0), abs=8 * found.sd + 0.1 * units * bool(hold_out))
    assert 3.9 < (model.guarantee.spent or 0) <= 4.0
    (own,) = [spend for spend in model.guarantee.spends if spend["label"] == LABEL]
    assert CLIP * own["noise_multiplier"] == found.sd
    assert model.row_count_ is not None and model.row_count_.rows == pytest.approx(
        2000, abs=6 * model.row_count_.sd + 200 * bool(hold_out)
    )
    assert model.schema_.rows_public == pytest.approx(100 if "rows_public" in schema else 2000, rel=0.2)
    model.save(tmp_path / "model")
    assert DPDSyn.load(tmp_path / "model").evaluation_ == found


def test_what_cannot_be_evaluated_is_refused_before_anything_is_spent(tmp_path: Path) -> None:
    rows, schema = people(20), yaml.safe_load(BY_ROW)
    for options, said in (
        ({"evaluate": 2}, "share of the budget"),
        ({"hold_out": 0.2}, "for an evaluation alone"),
        ({"evaluate": 0.1, "hold_out": 1.0}, "part of the rows"),
    ):
        with pytest.raises(InputError, match=said):
            DPDSyn().fit(rows, schema, **options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="read piece by piece"):
        DPDSyn().fit(tmp_path / "people.parquet", schema, evaluate=0.1, hold_out=0.2)
