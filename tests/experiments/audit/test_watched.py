"""The watched twin against naive densities and naive counts: evidence, noise, samples, the worst-case canary, its neighbours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from dpdsyn.accounting.spends import Gaussian, SampledGaussian
from dpdsyn.contract import toy_encoded, toy_schema
from dpdsyn.privacy import Budget
from dpdsyn.private_table import marginal
from dpdsyn.schema import Schema
from experiments.audit.attacks import canary_of, opposite_of
from experiments.audit.watched import Canary, PlannedLedger, WatchedTwin

_QUERY = ("colour", "label")


def tables(rows: int = 60) -> tuple[Schema, np.ndarray, np.ndarray, np.ndarray]:
    """Schema, other rows, canary, and what is there instead of it."""
    schema = toy_schema()
    encoded = toy_encoded(schema, rows)
    canary = canary_of(encoded, schema)
    instead = opposite_of(canary, encoded, schema)
    unlike = (encoded != canary).any(axis=1) & (encoded != instead).any(axis=1)
    return schema, encoded[unlike], canary, instead


def twin(canary: Canary, present: bool, plan: list, seed: int = 0) -> WatchedTwin:
    schema, others, _, _ = tables()
    ledger = PlannedLedger(Budget(50.0, 1e-6))
    ledger.open(plan)
    return WatchedTwin.with_canary(others, canary, present, schema, ledger, np.random.default_rng(seed))


def canary_in(how: str, worst_case: bool = True) -> Canary:
    _, _, canary, instead = tables()
    return {
        "added": Canary(canary, instead[:0], worst_case),
        "replaced": Canary(canary, instead, worst_case),
        "person": Canary(np.repeat(canary, 3, axis=0), instead[:0], worst_case),
    }[how]


@pytest.mark.parametrize("present", [False, True])
@pytest.mark.parametrize(("how", "moved"), [("added", 1.0), ("replaced", np.sqrt(2)), ("person", 3.0)])
def test_evidence_of_marginals_is_a_ratio_of_densities(how: str, moved: float, present: bool) -> None:
    schema, others, _, _ = tables()
    canary = canary_in(how)
    private = twin(canary, present, [Gaussian(1.0)])
    (answer,) = private.noisy_marginals([_QUERY], [1.5])
    worlds = [marginal(np.concatenate([others, own]), schema, _QUERY) for own in (canary.rows, canary.instead)]
    densities = [norm.logpdf(answer, exact, 1.5).sum() for exact in worlds]
    assert private.evidence == pytest.approx(densities[0] - densities[1])
    assert private.watch.moved == pytest.approx(moved) and private.watch.numbers == answer.size
    assert private.watch.squares == pytest.approx((((answer - worlds[1 - present]) / 1.5) ** 2).sum())


def counts(batch: np.ndarray, clip: float) -> np.ndarray:
    """Of each code of the first column, by row."""
    return clip * np.bincount(batch[:, 0], minlength=5).astype(float)


@pytest.mark.parametrize("rate", [0.3, 1.0])
@pytest.mark.parametrize("how", ["added", "replaced"])
@pytest.mark.parametrize("worst_case", [False, True])
def test_evidence_of_sums_is_a_ratio_of_mixtures(rate: float, how: str, worst_case: bool) -> None:
    """By hand, from the other rows in each sample: the canary may be in it or not, and its pull is as said."""
    sigma, clip, steps = 1.2, 2.0, 8
    canary = canary_in(how, worst_case)
    for present in (False, True):
        private = twin(canary, present, [SampledGaussian(rate, sigma, steps)], seed=3)
        batches: list[np.ndarray] = []

        def kept(batch: np.ndarray, clip: float, batches: list[np.ndarray] = batches) -> np.ndarray:
            batches.append(batch)
            return counts(batch, clip)

        answers, others = [], []
        for _ in range(steps):
            del batches[:]
            answers.append(private.noisy_sum(kept, rate, sigma, clip))
            others.append(counts(batches[0], clip))
        unit = np.eye(5)[0] * clip
        pulls = [counts(own, clip) for own in (canary.rows, canary.instead)]
        if worst_case:
            pulls = [unit, -unit if how == "replaced" else 0 * unit]
        expected = 0.0
        for answer, rest in zip(answers, others, strict=True):
            away = norm.pdf(answer, rest, sigma * clip).prod()
            chances = [(1 - rate) * away + rate * norm.pdf(answer, rest + pull, sigma * clip).prod() for pull in pulls]
            expected += np.log(chances[0] / chances[1])
        assert private.evidence == pytest.approx(expected)
        assert private.watch.moved == pytest.approx(np.linalg.norm(pulls[0] - pulls[1]) / clip)
        assert private.watch.draws == (steps if rate < 1 else 0)


def test_a_worst_case_canary_adds_its_vector_exactly_when_it_is_drawn() -> None:
    """Noise apart, answers are the others' counts, and two more in one place in some of the steps."""
    rate, steps = 0.3, 200
    private = twin(canary_in("added"), True, [SampledGaussian(rate, 1e3, steps)])
    others: list[np.ndarray] = []

    def kept(batch: np.ndarray, clip: float) -> np.ndarray:
        others.append(batch)
        return counts(batch, clip)

    for _ in range(steps):
        private.noisy_sum(kept, rate, 1e3, 2.0)
    _, rows, canary, _ = tables()
    assert not any((batch == canary).all(axis=1).any() for batch in others)
    watch = private.watch
    assert 0.7 * rate * steps < watch.drawn < 1.3 * rate * steps and watch.expected == pytest.approx(rate * steps)
    assert watch.others_expected == pytest.approx(rate * steps * len(rows))
    assert watch.others_drawn == sum(map(len, others)) and watch.squares / watch.numbers == pytest.approx(1, abs=0.2)


def test_a_person_that_is_drawn_row_by_row_is_refused() -> None:
    private = twin(canary_in("person"), True, [SampledGaussian(0.5, 1.0, 50)])
    with pytest.raises(ValueError, match="rows are sampled, not persons"):
        for _ in range(50):
            private.noisy_sum(counts, 0.5, 1.0, 1.0)


def test_views_are_watched_with_their_table() -> None:
    private = twin(canary_in("replaced"), True, [Gaussian(1.0)])
    merged = private.recode({"age": np.array([0, 0, 1, 1, 1])})
    merged.noisy_marginals([("age",)], [2.0])
    assert private.watch.numbers == 2 and private.evidence == merged.evidence != 0


def test_the_opposite_of_a_canary_shares_no_cell_with_it_where_there_are_two() -> None:
    schema, _, canary, instead = tables()
    assert [a != b for a, b in zip(canary[0], instead[0], strict=True)] == [size > 1 for size in schema.sizes]


def test_a_ledger_shows_its_plan() -> None:
    ledger = PlannedLedger(Budget(1.0, 1e-6))
    assert ledger.planned == ()
    scale = ledger.open_calibrated(lambda noise: [Gaussian(noise)])
    assert ledger.planned == (Gaussian(scale),)
    capped = PlannedLedger(Budget(1.0, 1e-6))
    rho = capped.cap()
    assert [spend.rho for spend in capped.planned] == [rho]


@pytest.mark.parametrize("worst_case", [False, True])
@pytest.mark.parametrize("present", [False, True])
def test_a_person_with_as_many_rows_as_may_be_moves_answers_by_one(worst_case: bool, present: bool) -> None:
    schema, others, row, instead = tables()
    schema = replace(schema, person="who", max_rows_per_person=4)
    person = Canary(np.repeat(row, 4, axis=0), instead[:0], worst_case)
    ledger = PlannedLedger(Budget(50.0, 1e-6))
    ledger.open([Gaussian(5.0, 2), SampledGaussian(0.5, 5.0, 30)])
    private = WatchedTwin.with_canary(others, person, present, schema, ledger, np.random.default_rng(3))
    private.noisy_marginals([_QUERY], [5.0])
    private.noisy_scores([_QUERY], lambda counts, _: float(counts.sum()), 1.0, 5.0)
    for _ in range(30):
        private.noisy_sum(lambda batch, clip: np.array([clip * len(batch), 0.0]), 0.5, 5.0, 2.0)
    assert [call.moved / call.stated for call in private.calls] == pytest.approx([1.0] * 32)
    watch = private.watch
    assert watch.draws == 30 and 0.3 < watch.squares / watch.numbers < 2.5
    assert (5 < watch.drawn < 25) if present else watch.drawn == 0
