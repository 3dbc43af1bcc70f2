"""What a twin notes of each mechanism, against the same worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from dpdsyn.contract import toy_encoded, toy_schema
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.spends import ZCDP, Gaussian, GaussianCap, SampledGaussian
from dpdsyn.twin import Twin

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


def test_a_row_like_others_cannot_be_looked_for_in_samples() -> None:
    ledger = Ledger(Budget(1e6, 1e-6))
    ledger.open([SampledGaussian(0.3, 1.5)])
    private = Twin.of(OTHERS, OTHERS[:1], True, SCHEMA, ledger, np.random.default_rng(0))
    with pytest.raises(ValueError, match="unlike all others"):
        private.noisy_sum(lambda batch, clip: np.array([clip * len(batch)]), 0.3, 1.5, 2.0)
