"""The mechanisms of a private table: exact answers, noise, charges before a row is read, views."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from dpdsyn import private_table
from dpdsyn.accounting.spends import ZCDP, Gaussian, GaussianCap, SampledGaussian
from dpdsyn.contract import toy_encoded, toy_schema
from dpdsyn.privacy import Budget, BudgetExceeded, Ledger
from dpdsyn.private_table import ClippingError, Grid, PrivateTable, marginal
from dpdsyn.rows import Rows, poisson_sample

SCHEMA = toy_schema()
ENCODED = toy_encoded(SCHEMA, 200)


def table(plan: list, verify: bool = False, seed: int = 0) -> PrivateTable:
    ledger = Ledger(ZCDP(1e9))
    ledger.open(plan)
    return PrivateTable(ENCODED, SCHEMA, ledger, np.random.default_rng(seed), verify=verify)


def test_a_noisy_marginal_has_the_sigma_that_it_charges_for() -> None:
    private = table([Gaussian(2.0, count=400)])
    query = ("colour", "age")
    exact = np.zeros(SCHEMA.shape(query))
    np.add.at(exact, (ENCODED[:, 0], ENCODED[:, 1]), 1)  # counted naively
    noise = np.stack([private.noisy_marginals([query], [2.0])[0] - exact for _ in range(400)])
    values = np.arange(-6, 7)
    expected = np.diff([0, *stats.norm.cdf((values - 0.5) / 2.0), 1]) * noise.size  # of whole numbers: noise is rounded
    assert stats.chisquare(np.histogram(noise, [-np.inf, *(values - 0.5), np.inf])[0], expected).pvalue > 1e-4
    assert private.ledger.entries == [
        {"label": "1 noisy marginals", "mechanism": "Gaussian", "noise_multiplier": 2.0, "count": 400}
    ]
    with pytest.raises(BudgetExceeded):
        private.noisy_marginals([query], [2.0])


def test_one_row_moves_a_marginal_by_one() -> None:
    for query in [("colour",), ("age", "label"), ("colour", "age", "income")]:
        moved = marginal(ENCODED, SCHEMA, query) - marginal(ENCODED[1:], SCHEMA, query)
        assert np.linalg.norm(moved) == 1.0


def test_marginals_with_different_sigmas_charge_the_sum_of_their_costs() -> None:
    private = table([Gaussian(1.0)])
    private.noisy_marginals([("age",), ("label",)], [2.0, 2.0 / np.sqrt(3)])
    assert private.ledger.entries[0]["noise_multiplier"] == pytest.approx(1.0)


def test_selection_follows_the_exponential_mechanism() -> None:
    private = table([ZCDP(1e6)])
    queries = [("colour",), ("age",), ("label",)]
    scores = {("colour",): 0.0, ("age",): 1.0, ("label",): 3.0}
    picks = np.bincount([private.select(queries, lambda _, q: scores[q], 2.0, 1.5) for _ in range(20_000)], minlength=3)
    weights = np.exp(1.5 * np.array([0.0, 1.0, 3.0]) / (2 * 2.0))
    assert stats.chisquare(picks, 20_000 * weights / weights.sum()).pvalue > 1e-4
    assert private.ledger.entries == [{"label": "selection", "mechanism": "Exponential", "epsilon": 1.5, "count": 20_000}]


def test_noisy_scores_charge_sigma_over_sensitivity() -> None:
    private = table([Gaussian(3.0)])
    answer = private.noisy_scores([("age",)], lambda counts, _: counts.sum(), l2_sensitivity=2.0, sigma=6.0)
    assert abs(answer[0] - len(ENCODED)) < 40
    assert private.ledger.entries[0]["noise_multiplier"] == 3.0


@pytest.mark.parametrize(("rows", "rate"), [(500, 0.1), (40, 0.9), (1000, 0.003), (7, 1.0), (0, 0.5)])
def test_poisson_samples_are_independent_trials(rows: int, rate: float, rng: np.random.Generator) -> None:
    draws = [poisson_sample(rows, rate, rng) for _ in range(2000)]
    for draw in draws[:50]:
        assert np.array_equal(draw, np.unique(draw)) and (draw < rows).all()
    sizes = np.array([len(draw) for draw in draws])
    assert sizes.mean() == pytest.approx(rows * rate, abs=5 * np.sqrt(rows * rate * (1 - rate) / 2000) + 1e-9)
    if rows and rate < 1:
        assert sizes.var() == pytest.approx(rows * rate * (1 - rate), rel=0.25)
        hits = np.bincount(np.concatenate(draws), minlength=rows)
        assert stats.chisquare(hits).pvalue > 1e-4 if rate > 0.01 else hits.max() < 30


def sums(batch: np.ndarray, clip: float) -> np.ndarray:
    return np.full(3, clip / np.sqrt(3)) * len(batch)


def test_noisy_sum_adds_the_noise_that_it_charges_for() -> None:
    private = table([SampledGaussian(1.0, 4.0, 500)])
    noise = np.stack([private.noisy_sum(sums, 1.0, 4.0, clip=2.0) - sums(ENCODED, 2.0) for _ in range(500)])
    assert stats.kstest(noise.ravel() / 8.0, "norm").pvalue > 1e-4
    with pytest.raises(BudgetExceeded):
        private.noisy_sum(sums, 1.0, 4.0, clip=2.0)


@pytest.mark.parametrize("rows", [200, 199])
def test_answers_lie_on_a_grid_that_no_row_moves(rows: int) -> None:
    """What numbers can occur at all tells nothing: exact answers in floating point leave traces in the low bits otherwise."""
    ledger = Ledger(ZCDP(1e9))
    ledger.open([ZCDP(1e6), SampledGaussian(1.0, 4.0, 20)])
    private = PrivateTable(ENCODED[:rows], SCHEMA, ledger, np.random.default_rng(1))
    counts = np.concatenate([private.noisy_marginals([("age",)], [3.3])[0] for _ in range(20)])
    assert np.array_equal(counts, np.rint(counts))

    def thirds(batch: np.ndarray, clip: float) -> np.ndarray:
        return np.array([clip / 3, -clip / 7]) * len(batch)

    sums = np.array([private.noisy_sum(thirds, 1.0, 4.0, clip=0.1) for _ in range(20)])
    scores = np.array([private.noisy_scores([("age",)], lambda counts, _: counts[0] / 3, 0.1, 0.7) for _ in range(20)])
    for answers, sensitivity, length in ((sums, 0.1, 2), (scores, 0.1, 1)):
        step = Grid.of(sensitivity, length).step
        assert np.array_equal(answers / step, np.rint(answers / step)) and math.log2(step) % 1 == 0
        assert step * math.sqrt(length) <= sensitivity * 2**-14 < 2 * step * math.sqrt(length)


def test_rounding_and_floating_point_are_paid_for_in_noise() -> None:
    """Rounding moves two answers apart by a grid step at most, in each coordinate; so much more noise there is."""
    rng = np.random.default_rng(0)
    for length in (1, 7, 4000):
        grid = Grid.of(0.3, length)
        a = rng.normal(size=length)
        b = a + 0.3 * rng.dirichlet(np.ones(length)) ** 0.5
        apart = np.linalg.norm((grid.steps(a) - grid.steps(b)) * grid.step)
        assert apart <= 0.3 * (1 + private_table._STEP) < 0.3 * (1 + private_table._SLACK)
    private = table([SampledGaussian(1.0, 1.0)])
    asked: list[float] = []

    def noted(scale: float, size: int, rng: np.random.Generator) -> np.ndarray:
        asked.append(scale)
        return np.zeros(size, dtype=np.int64)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(private_table, "rounded_gaussian", noted)
        private.noisy_sum(sums, 1.0, 1.0, clip=2.0)
    assert asked[0] * Grid.of(2.0, 3).step == pytest.approx(2.0 * (1 + 2**-13), rel=1e-12)


def test_large_batches_are_summed_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def counted(batch: np.ndarray, clip: float) -> np.ndarray:
        sizes.append(len(batch))
        return sums(batch, clip)

    monkeypatch.setattr(private_table, "_PIECE", 64)
    answer = table([SampledGaussian(1.0, 1e-3)]).noisy_sum(counted, 1.0, 1e-3, clip=2.0)
    assert sizes == [64, 64, 64, 8] and answer == pytest.approx(sums(ENCODED, 2.0), abs=0.02)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda batch, clip: sums(batch, clip).astype(np.float32), "gave float32; an array of float64"),
        (lambda batch, clip: list(sums(batch, clip)), "gave list"),
        (lambda batch, clip: np.array([np.nan, 0, 0]), "not finite"),
        (lambda batch, clip: np.array([np.inf, 0, 0]), "not finite"),
    ],
)
def test_noisy_sum_takes_finite_sums_in_double_precision(f, message: str) -> None:
    with pytest.raises(ClippingError, match=message):
        table([SampledGaussian(0.5, 4.0)]).noisy_sum(f, 0.5, 4.0, clip=2.0)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_score_that_is_not_finite_is_refused(wrong: float) -> None:
    private = table([ZCDP(1e6)])
    for mechanism in (
        lambda: private.select([("age",)], lambda *_: wrong, 1.0, 1.0),
        lambda: private.noisy_scores([("age",)], lambda *_: wrong, 1.0, 1.0),
    ):
        with pytest.raises(ValueError, match="not finite"):
            mechanism()


# --- persons with several rows ---------------------------------------------------------------------------------

PERSONS = np.repeat(np.arange(80), [4] * 30 + [1] * 40 + [2] * 10)[np.random.default_rng(5).permutation(180)]


def persons_table(persons: np.ndarray, encoded: np.ndarray, plan: list, most: int = 4) -> PrivateTable:
    ledger = Ledger(ZCDP(1e15))
    ledger.open(plan)
    schema = replace(SCHEMA, rows_public=400, person="who", max_rows_per_person=most)
    return PrivateTable(Rows(encoded, persons, most), schema, ledger, np.random.default_rng(0))


def test_each_row_of_a_person_weighs_its_share() -> None:
    encoded = ENCODED[:180]
    private = persons_table(PERSONS, encoded, [ZCDP(1e13), SampledGaussian(1.0, 1e-6)])
    assert private.schema.rows_public == 100
    exact = np.bincount(encoded[:, 1], minlength=5)
    assert private.noisy_marginals([("age",)], [1e-3])[0] == pytest.approx(exact / 4)
    assert private.noisy_scores([("age",)], lambda counts, _: counts[0], 1.0, 1e-6)[0] == pytest.approx(exact[0] / 4, abs=1e-4)
    assert private.noisy_sum(sums, 1.0, 1e-6, 1.0) == pytest.approx(sums(encoded, 1.0) / 4, abs=1e-3)
    merged = private.recode({"age": np.array([0, 0, 1, 1, 1])})
    assert merged.noisy_marginals([("age",)], [1e-3])[0] == pytest.approx([exact[:2].sum() / 4, exact[2:].sum() / 4])


def test_one_person_moves_no_answer_further_than_one_row_may() -> None:
    encoded = ENCODED[:180].copy()
    encoded[PERSONS == 0] = encoded[0]  # four equal rows
    left = PERSONS != 0
    answers = []
    for rows, persons in ((encoded, PERSONS), (encoded[left], PERSONS[left] - 1)):
        private = persons_table(persons, rows, [ZCDP(1e9), SampledGaussian(1.0, 1e-6)])
        marginals = private.noisy_marginals([("age",), ("colour", "label")], [1e-3, 1e-3])
        answers.append([*(m.ravel() for m in marginals), private.noisy_sum(sums, 1.0, 1e-6, 1.0)])
    moved = [np.linalg.norm(a - b) for a, b in zip(*answers, strict=True)]
    assert moved == pytest.approx([1.0, 1.0, 1.0], abs=1e-3)


def test_persons_enter_a_batch_whole_and_independently(rng: np.random.Generator) -> None:
    rows = Rows(np.arange(180)[:, None], PERSONS, 4)
    together = np.zeros((80, 80))
    for _ in range(3000):
        batch = rows.batch(0.2, 1, rng).ravel()
        there, counts = np.unique(PERSONS[batch], return_counts=True)
        assert np.array_equal(counts, np.bincount(PERSONS)[there])
        together[np.ix_(there, there)] += 1
    together /= 3000
    assert together.diagonal() == pytest.approx(np.full(80, 0.2), abs=0.04)
    assert together[~np.eye(80, dtype=bool)] == pytest.approx(np.full(80 * 79, 0.04), abs=0.025)


@pytest.mark.parametrize("mapping", [[0, 1, 1], [0, 0, 0, 0, -1], [0, 0, 0, 0, 2], [0.0, 1.0, 1.0, 1.0, 0.0]])
def test_a_mapping_that_only_some_rows_would_stumble_over_is_refused(mapping: list[float]) -> None:
    with pytest.raises(ValueError, match="a mapping of 5 values has 5 whole numbers from 0 without gaps"):
        table([Gaussian(1.0)]).recode({"age": np.array(mapping)})


def test_rows_that_are_not_bounded_as_the_schema_says_are_refused() -> None:
    with pytest.raises(ValueError, match="more than the 3 rows"):
        Rows(ENCODED[:180], PERSONS, 3)
    with pytest.raises(ValueError, match="180 rows and the persons of 179"):
        Rows(ENCODED[:180], PERSONS[1:], 4)
    schema = replace(SCHEMA, person="who", max_rows_per_person=4)
    with pytest.raises(ValueError, match="nothing says whose each is"):
        Rows(ENCODED, None, 4)
    for rows in (ENCODED, Rows(ENCODED), Rows(ENCODED[:180], PERSONS, 5)):
        with pytest.raises(ValueError, match="may have 4 rows"):
            PrivateTable(rows, schema, Ledger(ZCDP(1.0)), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda batch, clip: 1.01 * sums(batch, clip), "norm 2.02; the clip is 2"),
        (lambda batch, clip: sums(batch, clip) / max(len(batch), 1), "not the sum"),
        (lambda batch, clip: sums(batch, clip) if len(batch) < 2 else 3 * sums(batch, clip), "not the sum"),
    ],
)
def test_noisy_sum_catches_a_function_that_breaks_its_promise(f, message: str) -> None:
    with pytest.raises(ClippingError, match=message):
        table([SampledGaussian(0.5, 4.0)], verify=True).noisy_sum(f, 0.5, 4.0, clip=2.0)


def test_batches_may_be_empty_and_larger_than_the_public_count() -> None:
    ledger = Ledger(Budget(50.0, 1e-6))
    ledger.open([SampledGaussian(0.5, 4.0), SampledGaussian(1.0, 4.0)])
    empty = PrivateTable(ENCODED[:0], SCHEMA, ledger, np.random.default_rng(0))
    assert empty.noisy_sum(sums, 0.5, 4.0, 1.0).shape == (3,)
    assert empty.noisy_sum(sums, 1.0, 4.0, 1.0).shape == (3,)


def test_no_row_is_read_by_a_door_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    private = table([Gaussian(100.0)])
    monkeypatch.setattr("dpdsyn.private_table.counted", lambda *_: pytest.fail("rows were read"))

    def never(*_: object) -> float:
        pytest.fail("rows were read")

    for mechanism in (
        lambda: private.noisy_marginals([("age",), ("label",)], [100.0, 100.0]),
        lambda: private.select([("age",)], never, 1.0, 1.0),
        lambda: private.noisy_scores([("age",)], never, 1.0, 10.0),
        lambda: private.noisy_sum(never, 0.5, 1.0, 1.0),  # type: ignore[arg-type]
        lambda: private.child(GaussianCap(50.0), ["age"]),
    ):
        with pytest.raises(BudgetExceeded):
            mechanism()
    assert private.ledger.entries == []


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf")])
def test_a_sensitivity_that_cannot_be_meant_is_refused(wrong: float) -> None:
    private = table([ZCDP(1e6)])
    for mechanism in (
        lambda: private.select([("age",)], lambda *_: 0.0, wrong, 1.0),
        lambda: private.noisy_scores([("age",)], lambda *_: 0.0, wrong, 1.0),
        lambda: private.noisy_sum(sums, 0.5, 1.0, wrong),
        lambda: private.noisy_marginals([("age",)], [wrong]),
    ):
        with pytest.raises(ValueError, match="a finite number above 0 is needed"):
            mechanism()
    assert private.ledger.entries == []


def test_a_child_pays_from_what_its_parent_reserved() -> None:
    private = table([GaussianCap(10.0), SampledGaussian(0.1, 5.0, 2)])
    child = private.child(GaussianCap(10.0), ["age", "label"])
    assert child.schema.names == ("age", "label")
    child.ledger.open([Gaussian(10.0)])
    child.noisy_marginals([("age",)], [10.0])
    with pytest.raises(BudgetExceeded):
        child.noisy_marginals([("age",)], [10.0])
    with pytest.raises(BudgetExceeded):
        private.child(GaussianCap(10.0), ["age"])
    child.unprotected("to look")
    assert private.ledger.guarantee == "none"


def test_merged_values_add_up_and_share_the_ledger() -> None:
    private = table([Gaussian(1e-2)])
    merged = private.recode({"age": np.array([0, 1, 1, 1, 0])})
    answer = merged.noisy_marginals([("age",)], [1e-2])[0]
    exact = marginal(ENCODED, SCHEMA, ("age",))
    assert answer == pytest.approx([exact[[0, 4]].sum(), exact[1:4].sum()], abs=0.1)
    assert private.ledger.entries


def test_rows_do_not_leak_by_accident() -> None:
    private = table([Gaussian(1.0)])
    assert str(len(ENCODED)) not in repr(private) and not hasattr(private, "__len__") and not hasattr(private, "encoded")
    with pytest.raises(TypeError, match="not to be pickled"):
        pickle.dumps(private)
    with pytest.raises(ValueError, match="outside the schema"):
        PrivateTable(ENCODED + 9, SCHEMA, Ledger(Budget(1.0, 1e-6)), np.random.default_rng(0))


@pytest.mark.parametrize("rate", [0.5, 1.0])
def test_what_a_function_writes_into_its_batch_reaches_no_other_mechanism(rate: float) -> None:
    """Else one row could move, by way of all others, whatever is asked for later."""
    private = table([SampledGaussian(rate, 1.0), Gaussian(0.01)])

    def overwrites(batch: np.ndarray, clip: float) -> np.ndarray:
        batch[...] = 0
        return np.zeros(2)

    private.noisy_sum(overwrites, rate, 1.0, 1.0)
    (answer,) = private.noisy_marginals([private.schema.names[:1]], [0.01])
    assert np.count_nonzero(answer > 1) > 1
