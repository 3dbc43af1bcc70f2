"""What a twin notes of each mechanism, against the same worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from builders.broken_mechanisms import rounded
from dp_accounting import LaplaceDpEvent
from scipy.stats import norm

from dpdsyn.accounting.spends import ZCDP, Gaussian, GaussianCap, Nothing, SampledGaussian
from dpdsyn.checking import recount
from dpdsyn.checking.twin import Twin
from dpdsyn.contract import toy_encoded, toy_schema
from dpdsyn.privacy import Budget, BudgetExceeded, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema

SCHEMA = toy_schema()
ROW = np.array([[3, 4, 4, 0, 1]], dtype=SCHEMA.dtype)
OTHERS = toy_encoded(SCHEMA, 60)
OTHERS = OTHERS[(OTHERS != ROW).any(axis=1)]


def twin(plan: list, present: bool = True, seed: int = 0) -> Twin:
    ledger = Ledger(Budget(1e6, 1e-6))
    ledger.open(plan)
    return Twin.of(OTHERS, ROW, present, SCHEMA, ledger, np.random.default_rng(seed))


def count(counts: np.ndarray, _: object) -> float:
    return float(counts.flat[-1])


def test_answers_are_those_of_a_private_table() -> None:
    private = twin([ZCDP(10.0)])
    ledger = Ledger(Budget(1e6, 1e-6))
    ledger.open([ZCDP(10.0)])
    plain = PrivateTable(np.concatenate([OTHERS, ROW]), SCHEMA, ledger, np.random.default_rng(0))
    for table in (private, plain):
        table.answers = [*table.noisy_marginals([("age",)], [2.0]), table.noisy_scores([("label",)], count, 1.0, 3.0)]  # type: ignore[attr-defined]
    assert all(map(np.array_equal, private.answers, plain.answers)) and private.ledger.entries == plain.ledger.entries  # type: ignore[attr-defined]


@pytest.mark.parametrize("present", [False, True])
def test_evidence_of_gaussian_answers_is_their_likelihood_ratio(present: bool) -> None:
    private = twin([ZCDP(10.0)], present)
    (answer,) = private.noisy_marginals([("age",)], [2.0])
    exact = np.bincount(OTHERS[:, 1], minlength=5)
    expected = norm.logpdf(answer[4], exact[4] + 1, 2.0) - norm.logpdf(answer[4], exact[4], 2.0)
    assert private.calls[0].evidence == pytest.approx(expected) and private.calls[0].moved == 1.0
    scores = private.noisy_scores([("label",), ("age",)], lambda counts, _: 0.5 * counts.flat[-1], 1.0, 3.0)
    labels = np.bincount(OTHERS[:, 4], minlength=2)
    without = 0.5 * np.array([labels[1], exact[4]])
    expected = (norm.logpdf(scores, without + 0.5, 3.0) - norm.logpdf(scores, without, 3.0)).sum()
    assert private.calls[1].evidence == pytest.approx(expected)
    assert private.calls[1].moved == pytest.approx(np.sqrt(0.5)) and private.calls[1].stated == 1.0


def test_evidence_of_a_choice_is_its_likelihood_ratio() -> None:
    private = twin([ZCDP(10.0)])
    queries = [("label",), ("age",)]
    chosen = private.select(queries, lambda counts, query: counts.flat[-1] * (query == ("age",)), 1.0, 1.0)
    in_age = (OTHERS[:, 1] == 4).sum()

    def chance(extra: int) -> float:
        weights = np.exp(np.array([0.0, in_age + extra]) / 2)
        return float(np.log(weights[chosen] / weights.sum()))

    assert private.calls[0].evidence == pytest.approx(chance(1) - chance(0))


@pytest.mark.parametrize("rate", [1.0, 0.3])
def test_evidence_averages_to_what_it_must(rate: float) -> None:
    """A likelihood ratio has mean 1 without the row, and the mean of its inverse is 1 with it."""

    def ratios(present: bool) -> np.ndarray:
        private = twin([ZCDP(1e5)], present, seed=3)
        for _ in range(4000):
            private.noisy_sum(lambda batch, clip: np.array([clip * len(batch)]), rate, 1.5, 2.0)
        return np.exp([call.evidence for call in private.calls])

    without, with_row = ratios(False), ratios(True)
    assert without.mean() == pytest.approx(1, abs=0.06) and (1 / with_row).mean() == pytest.approx(1, abs=0.06)
    assert with_row.mean() == pytest.approx(1 + rate**2 * np.expm1(1.5**-2), rel=0.1)


def test_views_note_in_the_same_list() -> None:
    private = twin([GaussianCap(3.0), ZCDP(10.0)])
    child = private.child(GaussianCap(3.0), ["age", "label"])
    child.ledger.open([Gaussian(3.0)])
    child.noisy_marginals([("label",)], [3.0])
    private.recode({"age": np.array([0, 0, 1, 1, 1])}).noisy_marginals([("age", "label")], [4.0])
    assert [call.asked[:2] for call in private.calls] == [("noisy_marginals", ("label",)), ("noisy_marginals", ("age", "label"))]
    assert private.evidence == sum(call.evidence for call in private.calls)


def test_caps_of_nested_tables_are_noted_and_asked_for_again() -> None:
    private = twin([GaussianCap(3.0), ZCDP(10.0)])
    child = private.child(GaussianCap(4.0), ["age", "label"])
    deeper = child.child(Nothing(), ["age"])
    assert private.caps == child.caps == [(private.ledger, GaussianCap(4.0)), (child.ledger, Nothing())]  # type: ignore[attr-defined]
    assert private.allowed[1:] == [GaussianCap(4.0), Nothing()] and private.ledgers[2] is deeper.ledger
    assert recount.fault(private) is None
    private.ledger._charges.clear()
    assert recount.fault(private) == "caps of nested tables cost 0.03125; the ledger tells of 0"
    private = twin([ZCDP(1.0)])
    private.caps.append((private.ledger, ZCDP(1.1)))
    assert "more was answered than may be spent: a nested table" in (recount.fault(private) or "")


class Asks:
    event = LaplaceDpEvent(2.0)

    def answer(self, rows: np.ndarray, schema: Schema, rng: np.random.Generator) -> int:
        return len(rows)


def test_rows_that_were_refused_were_not_given_away() -> None:
    private = twin([ZCDP(1.0)])
    with pytest.raises(BudgetExceeded):
        private.stated(Asks())
    assert private.calls == [] and private.ledger.guarantee == "dp" and recount.fault(private) is None
    private.hand_over("a promise")
    private.unprotected("why not")
    assert [call.asked[0] for call in private.calls] == ["hand_over", "unprotected"]


def test_a_row_like_others_cannot_be_looked_for_in_samples() -> None:
    ledger = Ledger(Budget(1e6, 1e-6))
    ledger.open([SampledGaussian(0.3, 1.5)])
    private = Twin.of(OTHERS, OTHERS[:1], True, SCHEMA, ledger, np.random.default_rng(0))
    with pytest.raises(ValueError, match="unlike all others"):
        private.noisy_sum(lambda batch, clip: np.array([clip * len(batch)]), 0.3, 1.5, 2.0)


def one_hot(batch: np.ndarray, clip: float) -> np.ndarray:
    """Each row adds a vector of norm `clip` at the place of its age."""
    return np.bincount(batch[:, 1], minlength=5) * clip


@pytest.mark.parametrize("present", [False, True])
def test_residuals_are_the_noise_in_units_of_its_deviation(present: bool) -> None:
    """Held against exact answers of the very table, worked out from its rows."""
    private = twin([ZCDP(10.0)], present)
    rows = np.concatenate([OTHERS, ROW]) if present else OTHERS
    batches: list[np.ndarray] = []
    (counts,) = private.noisy_marginals([("age",)], [2.0])
    scores = private.noisy_scores([("age",)], count, 1.0, 3.0)
    total = private.noisy_sum(lambda batch, clip: batches.append(batch) or one_hot(batch, clip), 0.5, 1.5, 2.0)  # type: ignore[func-returns-value]
    private.select([("age",), ("label",)], count, 1.0, 1.0)
    exact = np.bincount(rows[:, 1], minlength=5)
    expected = [(counts - exact) / 2.0, (scores - exact[4]) / 3.0, (total - one_hot(batches[0], 2.0)) / 3.0]
    for call, residual, step in zip(private.calls, expected, (0.5, 0.0, 0.0), strict=False):
        assert call.residual == pytest.approx(residual) and call.step == step
    assert private.calls[3].residual is None


def test_noise_in_whole_numbers_is_told_by_its_step(monkeypatch: pytest.MonkeyPatch) -> None:
    rounded(monkeypatch)
    private = twin([ZCDP(10.0)])
    private.noisy_marginals([("age",)], [4.0])
    (call,) = private.calls
    assert call.step == 0.25 and call.residual is not None and np.array_equal(call.residual * 4, np.rint(call.residual * 4))


PERSON = np.array([[3, 4, 4, 0, 1], [3, 4, 4, 0, 0], [3, 4, 4, 0, 1]], dtype=SCHEMA.dtype)


@pytest.mark.parametrize("present", [False, True])
def test_several_rows_of_a_person_move_an_answer_together(present: bool) -> None:
    ledger = Ledger(Budget(1e6, 1e-6))
    ledger.open([ZCDP(10.0)])
    others = OTHERS[(OTHERS[:, :4] != PERSON[0, :4]).any(axis=1)]
    private = Twin.of(others, PERSON, present, SCHEMA, ledger, np.random.default_rng(0))
    private.noisy_marginals([("age",), ("label",)], [2.0, 2.0])
    private.noisy_scores([("age",)], count, 3.0, 3.0)
    private.noisy_sum(one_hot, 1.0, 1.5, 2.0)
    child = private.child(ZCDP(0.1), ["label"])
    child.ledger.cap()
    child.noisy_marginals([("label",)], [9.0])
    moved = [call.moved for call in private.calls]
    assert moved == pytest.approx([3.0, np.sqrt(5), 3.0, 6.0, np.sqrt(5)])
    answers = private.calls[3].evidence  # of the sum: noise of deviation 3, moved by 6 in one place
    residual = private.calls[3].residual
    assert residual is not None and answers == pytest.approx(2 * residual[4] + (2.0 if present else -2.0))


def test_the_rows_of_a_person_are_found_in_a_sample() -> None:
    """The table's own samples draw each row alone, so that some of a person's may be there and others not."""
    ledger = Ledger(Budget(1e6, 1e-6))
    ledger.open([ZCDP(1e4)])
    others = OTHERS[(OTHERS[:, :4] != PERSON[0, :4]).any(axis=1)]
    private = Twin.of(others, PERSON, True, SCHEMA, ledger, np.random.default_rng(0))
    found, seen = [], list[np.ndarray]()
    for _ in range(300):
        private.noisy_sum(lambda batch, clip: seen.append(batch) or one_hot(batch, clip), 0.4, 1.5, 2.0)  # type: ignore[func-returns-value]
        batch = next(batch for batch in reversed(seen) if batch is not private.row)
        drawn = private._drawn(batch, 0.4)
        assert len(drawn) == (batch[:, :4] == PERSON[0, :4]).all(axis=1).sum()
        found.append(len(drawn))
    assert set(found) == {0, 1, 2, 3} and {call.moved for call in private.calls} == {6.0}
