"""Tests made against faults that `tests/mutants` plants, of which the quick tests of the same mechanism did not tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import dp_accounting
import numpy as np
import pandas as pd
import pytest
from dp_accounting.pld import PLDAccountant
from scipy import stats

from dpdsyn import DPDSyn, api, privacy, private_table
from dpdsyn.accounting import small_delta, zcdp
from dpdsyn.accounting.composition import compose, gaussian_epsilon
from dpdsyn.accounting.small_delta import OnGrid
from dpdsyn.accounting.spends import ZCDP, Exponential, Gaussian, GaussianCap, SampledGaussian
from dpdsyn.base.checks import InputError
from dpdsyn.candidates import Independent
from dpdsyn.contract import NOTHING_LEFT, outcomes, toy_encoded, toy_schema
from dpdsyn.mechanisms.entropy import fresh
from dpdsyn.method import GuidedSynthesizer
from dpdsyn.privacy import Budget, BudgetExceeded, Ledger, calibrate
from dpdsyn.private_table import Grid, PrivateTable
from dpdsyn.rows import Rows
from dpdsyn.tables.preflight import PreflightError
from experiments.cli.main import main

SCHEMA = toy_schema()
ENCODED = toy_encoded(SCHEMA, 200)


def table(*steps: SampledGaussian) -> PrivateTable:
    ledger = Ledger(ZCDP(1e9))
    ledger.open([ZCDP(1e6), *steps])
    return PrivateTable(ENCODED, SCHEMA, ledger, np.random.default_rng(0))


@pytest.fixture
def no_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_table, "rounded_gaussian", lambda scale, size, rng: np.zeros(size, dtype=np.int64))


def all_apart(answers: Sequence[np.ndarray]) -> bool:
    """Whether answers to one question, of noise so wide that none comes twice, share no number."""
    numbers = np.concatenate([answer.ravel() for answer in answers])
    return len(np.unique(numbers)) == len(numbers)


def test_no_two_answers_share_their_noise() -> None:
    """Asked together, one after the other, and of a table, its parts and their parts."""
    private = table()
    views = [private, *(private.child(ZCDP(1e3), SCHEMA.names) for _ in range(2))]
    for view in views[1:]:
        view.ledger.cap()
    views.append(views[1].child(ZCDP(10.0), SCHEMA.names))
    views[-1].ledger.cap()
    answers = [answer for view in views for _ in range(2) for answer in view.noisy_marginals([("age",)] * 5, [1e9] * 5)]
    assert len(answers) == 40 and all_apart(answers)


def test_choices_are_flatter_by_what_floating_point_may_move(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[np.ndarray] = []
    monkeypatch.setattr(private_table, "exponential_choice", lambda logits, rng: given.append(logits) or 0)  # type: ignore[func-returns-value]
    table().select([("age",), ("colour",)], lambda _, query: float(query == ("age",)), 2.0, 1.5)
    assert given[0] == pytest.approx([1.5 / (4 * (1 + 2**-13)), 0.0], rel=1e-12)


@pytest.mark.usefixtures("no_noise")
def test_sums_of_many_rows_are_as_exact_as_their_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """In single precision a large sum is off by more than rounding pays for; so are pieces that are rounded each by itself.

    A row more in front moves all rows behind it from piece to piece, so that as many roundings differ as there are pieces.
    """
    monkeypatch.setattr(private_table, "_PIECE", 50)
    step = Grid.of(1.0, 2).step
    parts = iter([np.array([(2**28 + 1) * step, 0.4 * step])] * 4)
    answer = table(SampledGaussian(1.0, 1.0)).noisy_sum(lambda batch, clip: next(parts), 1.0, 1.0, 1.0)
    assert (answer / step).tolist() == [4 * (2**28 + 1), 2.0] and math.log2(step) % 1 == 0


def test_persons_of_several_rows_have_the_noise_that_is_charged_for() -> None:
    """Rows weigh 1/k, and the noise beside them is that of a whole person all the same."""
    ledger = Ledger(ZCDP(1e9))
    ledger.open([ZCDP(1e6), SampledGaussian(1.0, 5.0)])
    schema = replace(SCHEMA, person="who", max_rows_per_person=4)
    private = PrivateTable(Rows(ENCODED[:0], np.arange(0), 4), schema, ledger, np.random.default_rng(0))
    for noise in (
        np.concatenate([private.noisy_marginals([("age",)] * 200, [5.0] * 200)]).ravel(),
        private.noisy_scores([("age",)] * 1000, lambda *_: 0.0, 1.0, 5.0),
        private.noisy_sum(lambda *_: np.zeros(1000), 1.0, 5.0, 1.0),
    ):
        assert len(noise) == 1000 and noise.std() == pytest.approx(5.0, rel=0.12)


def test_no_batch_is_that_of_an_earlier_step() -> None:
    private, seen = table(SampledGaussian(0.5, 1.0, 30)), set()
    for _ in range(30):
        private.noisy_sum(lambda batch, clip: seen.add(batch.tobytes()) or np.zeros(1), 0.5, 1.0, 1.0)  # type: ignore[func-returns-value]
    assert len(seen) == 30


def test_rows_that_a_library_has_been_given_are_under_its_promise_only() -> None:
    private = table()
    assert np.array_equal(private.hand_over("a library"), ENCODED) and private.ledger.guarantee == "unverified"


# --- streams ---------------------------------------------------------------------------------------------------


def test_noise_and_published_rows_have_streams_of_their_own_and_bounding_a_key_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[np.random.Generator] = []

    def noted() -> np.random.Generator:
        made.append(fresh())
        return made[-1]

    monkeypatch.setattr(api, "fresh", noted)
    key, *streams = DPDSyn()._streams()
    assert len(made) == 3 and all(stream is own for stream, own in zip(streams, made, strict=True))
    assert len(key) == 32 and key != DPDSyn()._streams()[0]
    assert all(np.array_equal(_counter(stream), _counter(fresh())) for stream in made)  # nothing was drawn of any for another


def _counter(stream: np.random.Generator) -> np.ndarray:
    return stream.bit_generator.state["s"]["counter"]  # type: ignore[index,call-overload]


# --- the order of a fit ----------------------------------------------------------------------------------------

WARD = {
    "target": "ill",
    "rows_public": 10,
    "columns": {name: {"kind": "categorical", "categories": ["a", "b"], "other": False} for name in ("ward", "ill")},
}


def test_a_table_that_is_refused_has_spent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The preflight reads rows without noise: after a fit, its refusal would tell of them beside the answers."""
    monkeypatch.setattr(GuidedSynthesizer, "fit", lambda *_: pytest.fail("the budget was opened"))
    with pytest.raises(PreflightError, match="column 'ward', row 2"):
        DPDSyn().fit(pd.DataFrame({"ward": ["a", "?", "b"], "ill": ["a", "b", "a"]}), WARD)


def test_a_file_that_is_refused_has_spent_nothing(people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people.write_text("patient;age;ward;seen;note;ill\np1;30;north;2020-01-01;x;no\np2;thirty;north;2020-01-01;x;no\n")
    monkeypatch.setattr(DPDSyn, "fit", lambda *_, **__: pytest.fail("the budget was opened"))
    files = ["--schema", str(people.with_suffix(".yaml")), "--output", str(people.with_name("made.csv"))]
    assert main(["synthesize", str(people), *files, "--epsilon", "1", "--encoding", "latin-1"]) == 2


# --- accounting ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "noise", "steps"), [(0.3, 1.0, 3), (0.02, 0.7, 10), (0.9, 4.0, 2)])
def test_few_sampled_steps_cost_what_dp_accounting_says(rate: float, noise: float, steps: int) -> None:
    """One step fewer, half the rate, or the better direction alone, would be far off."""
    accountant = PLDAccountant(value_discretization_interval=1e-3)
    accountant.compose(dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(noise)), steps)
    assert compose([SampledGaussian(rate, noise, steps)], 1e-5) == pytest.approx(accountant.get_epsilon(1e-5), rel=2e-3)


def test_plans_cost_the_same_however_they_are_written() -> None:
    assert compose([SampledGaussian(0.1, 2.0, 5)] * 2, 1e-6) == compose([SampledGaussian(0.1, 2.0, 10)], 1e-6)
    assert compose([SampledGaussian(1.0, 9.0, 3)], 1e-6) == compose([Gaussian(9.0, 3)], 1e-6)
    assert compose([Exponential(0.5, 8)], 1e-6) == compose([ZCDP(0.25)], 1e-6)


def test_all_that_a_ledger_lets_pass_is_paid_for() -> None:
    """Charges may be over a plan by a share that is for rounding; plans cost as if they were over by more."""
    for noise in (0.7, 20.0):
        assert compose([Gaussian(noise)], 1e-6) > gaussian_epsilon(Gaussian(noise).rho * float(privacy._WITH_ROUNDING), 1e-6)
        assert compose([ZCDP(1 / noise)], 1e-6) > zcdp.epsilon_of(float(privacy._WITH_ROUNDING) / noise, 1e-6)
    assert privacy._ROUNDING == 1e-9


@pytest.mark.parametrize("allowance", [Budget(1.0, 1e-6), Budget(0.02, 1e-9), ZCDP(0.3), GaussianCap(7.0)])
def test_no_plan_above_its_allowance_is_opened(allowance: Budget | ZCDP | GaussianCap) -> None:
    noise = calibrate(lambda noise: [Gaussian(noise)], allowance)
    assert allowance.excess([Gaussian(noise)]) <= 0
    Ledger(allowance).open([Gaussian(noise)])
    with pytest.raises(BudgetExceeded, match="costs more"):
        Ledger(allowance).open([Gaussian(noise * (1 - 1e-3))])
    if isinstance(allowance, Budget):
        assert -1e-7 < allowance.excess([ZCDP(allowance.rho)]) <= 0


@dataclass(frozen=True)
class Free:
    """What only behaves like a spend."""

    rho: float = 0.0


def test_nothing_but_a_spend_is_planned_or_charged() -> None:
    with pytest.raises(InputError, match="is no spend"):
        Ledger(ZCDP(1.0)).open([Free()])  # type: ignore[list-item]
    with pytest.raises(InputError, match="is no spend"):
        table().ledger.charge(Free(), "for nothing")  # type: ignore[arg-type]


def test_what_is_left_over_counts_as_spent() -> None:
    """A method may stop early because of what it saw of the rows, so only the plan says what it has cost."""
    ledger = Ledger(Budget(1.0, 1e-6))
    ledger.open([Gaussian(20.0)])
    ledger.charge(Gaussian(40.0), "a quarter")
    assert ledger.spent == ledger.allowance.spent([Gaussian(20.0)]) > ledger.allowance.spent([Gaussian(40.0)])  # type: ignore[union-attr]


@pytest.mark.parametrize("rho", [1e-4, 0.05, 3.0])
def test_the_curve_of_zcdp_and_its_epsilon_are_the_best_over_all_orders(rho: float) -> None:
    for delta in (1e-3, 1e-9):
        epsilon = zcdp.epsilon_of(rho, delta)
        orders = 1 + np.exp(np.linspace(-12, 12, 400_001))
        log_deltas = (orders - 1) * (rho * orders - epsilon) + (orders - 1) * np.log1p(-1 / orders) - np.log(orders)
        assert log_deltas.min() == pytest.approx(math.log(delta), abs=1e-5)  # Canonne, Kamath and Steinke 2020, proposition 12
        assert zcdp.curve(rho, np.array([epsilon]))[0] == pytest.approx(delta, rel=1e-6)


@pytest.mark.parametrize(("count", "delta"), [(1, 1e-20), (7, 1e-30), (40, 1e-12)])
def test_sums_of_losses_at_tiny_deltas_are_those_of_gaussians(count: int, delta: float) -> None:
    """Losses of a Gaussian are N(r, 2r); so many of them are those of one Gaussian."""
    rho, step = 0.02, 1e-3
    steps = np.arange(-2500, 2501)
    edges = (np.append(steps, steps[-1] + 1) - 0.5) * step
    chances = np.diff(stats.norm.cdf(edges, rho, math.sqrt(2 * rho)))
    chances[steps * step > rho] = -np.diff(stats.norm.sf(edges, rho, math.sqrt(2 * rho)))[steps * step > rho]
    finite = [OnGrid(int(steps[0]), chances, 0.0, count)]
    epsilon = small_delta.epsilon_of(finite, step, delta)
    assert epsilon == pytest.approx(gaussian_epsilon(count * rho, delta), rel=1e-3)
    infinite = [OnGrid(int(steps[0]), chances, delta / (2 * count), count)]
    assert small_delta.epsilon_of(infinite, step, delta) > epsilon * (1 + 1e-4)
    assert small_delta.epsilon_of([replace(infinite[0], infinite=2 * delta / count)], step, delta) == math.inf


# --- the check itself ------------------------------------------------------------------------------------------


class Recodes(Independent):
    """Looks at its table through a view, which copies the rows' object."""

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Recodes:
        private.recode({"age": np.array([0, 0, 1, 1, 1])})
        super().fit(private, rng)
        return self


def test_what_python_notes_of_a_class_that_is_copied_is_nothing_left_behind() -> None:
    """`copy` keeps the names of a class's slots in the class itself, the first time."""
    if "__slotnames__" in vars(Rows):
        del Rows.__slotnames__  # type: ignore[attr-defined]
    assert [outcome.fault for outcome in outcomes(Recodes, [NOTHING_LEFT])] == [None]
