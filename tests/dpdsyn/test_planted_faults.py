"""Faults that a hostile reader would plant, in methods and in the mechanisms: `dpdsyn check` names each."""

from __future__ import annotations

import functools
import logging
import os
import secrets
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from builders import broken_mechanisms as broken
from builders import broken_methods as methods

from baselines.mst import MST
from baselines.references import GuideOnly
from dpdsyn import DPDSyn
from dpdsyn.accounting.spends import ZCDP, Gaussian, SampledGaussian
from dpdsyn.candidates import Independent, Permuted
from dpdsyn.contract import BLIND, MECHANISMS, NOISE, NOTHING_LEFT, PLAN, outcomes, toy_encoded, toy_schema
from dpdsyn.guide import Guide, GuideSettings
from dpdsyn.method import GuidedSynthesizer
from dpdsyn.private_table import PrivateTable
from dpdsyn.synthesizer import Synthesizer

_TOLD: list[int] = []
_FIRST: dict[str, int] = {}


@functools.cache
def _remembered(number: int) -> int:
    return number


def named(kind: Callable[[], Synthesizer], *requirements: str) -> str:
    """What `check` says of a method, of these requirements."""
    return " / ".join(outcome.fault or "" for outcome in outcomes(kind, requirements))


def count_rows(private: PrivateTable) -> int:
    """The number of rows, as a closure that a mechanism calls may see it."""
    seen: list[int] = []
    private.select([("label",)], lambda exact, _: seen.append(int(exact.sum())) or 0.0, 1.0, 0.01)  # type: ignore[func-returns-value]
    return seen[0]


class Counts(Independent):
    """Measures all columns under a cap, and knows the number of rows from a closure; `tell` is what it does with it."""

    spends: ClassVar[Any] = "zcdp"

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Counts:
        private.ledger.cap()
        answers = private.noisy_marginals([(name,) for name in private.schema.names], [30.0] * len(private.schema.names))
        self.marginals_ = [np.full(answer.size, 1 / answer.size) for answer in answers]
        self.tell(count_rows(private), private, rng)
        return self

    def tell(self, rows: int, private: PrivateTable, rng: np.random.Generator) -> None:
        pass


class ToldTheRows(MST):
    """The number of rows that MST scales its model to is the true one, which the closure of a choice has seen."""

    def _select_tree(self, private: PrivateTable, one_way: list[np.ndarray], total: float, rho: float) -> Any:
        select = private.select

        def watching(queries: Any, score: Any, sensitivity: float, epsilon: float) -> int:
            def seeing(exact: np.ndarray, pair: Any) -> float:
                self.total_ = float(exact.sum())
                return score(exact, pair)

            return select(queries, seeing, sensitivity, epsilon)

        private.select = watching  # type: ignore[method-assign]
        return super()._select_tree(private, one_way, total, rho)


class DividesByTheBatch(GuideOnly):
    """The noisy sum over a batch is divided by how many rows the batch has, not by how many are expected."""

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> DividesByTheBatch:
        sizes: list[int] = []
        guide, noisy_sum = Guide(private.schema, GuideSettings.of({"steps": 5})), private.noisy_sum

        def watching(f: Any, rate: float, sigma: float, clip: float) -> np.ndarray:
            answer = noisy_sum(lambda batch, clip: sizes.append(len(batch)) or f(batch, clip), rate, sigma, clip)  # type: ignore[func-returns-value]
            return answer * guide.expected_batch() / max(sizes[-1], 1)

        private.noisy_sum = watching  # type: ignore[method-assign]
        noise = private.ledger.open_calibrated(lambda noise: [guide.spend(noise)])
        self.guide_, self.schema_ = guide.fit(private, noise, rng), private.schema
        del private.noisy_sum
        return self


def teller(how: Callable[[Any, int, PrivateTable, np.random.Generator], Any]) -> type[Counts]:
    return type(how.__name__, (Counts,), {"tell": lambda self, rows, private, rng: how(self, rows, private, rng) and None})


def an_attribute(self: Any, rows: int, *_: Any) -> None:
    self.deep_ = {"of": [1, (2, {"rows": np.arange(rows)})]}


def a_closure(self: Any, rows: int, *_: Any) -> None:
    self.helper_ = functools.partial(lambda scale, n: scale * n * rows, 2)


def what_a_view_is_of(self: Any, rows: int, *_: Any) -> None:
    self.view_ = np.full(10, rows)[:0]


def a_nested_method(self: Any, rows: int, *_: Any) -> None:
    self.source_ = Independent()
    self.source_.marginals_ = [np.array([rows])]


def a_network(self: Any, rows: int, *_: Any) -> None:
    import torch

    self.network_ = torch.nn.utils.skip_init(torch.nn.Linear, 1, 1)
    torch.nn.init.constant_(self.network_.weight, float(rows))
    torch.nn.init.zeros_(self.network_.bias)


def a_gradient(self: Any, rows: int, *_: Any) -> None:
    a_network(self, 0)
    self.network_.weight.grad = self.network_.weight.detach() + rows


def a_random_state(self: Any, rows: int, private: PrivateTable, rng: np.random.Generator) -> None:
    rng.random(rows)


def a_charge(self: Any, rows: int, private: PrivateTable, *_: Any) -> None:
    private.ledger.charge(Gaussian(100.0 + rows), "as many as there are rows")


def a_question(self: Any, rows: int, private: PrivateTable, *_: Any) -> None:
    private.noisy_marginals([private.schema.names[rows % 3 : 4]], [100.0])


def the_class(self: Any, rows: int, *_: Any) -> None:
    type(self).rows = rows


def the_module(self: Any, rows: int, *_: Any) -> None:
    _TOLD[:] = [rows]


def a_cache(self: Any, rows: int, *_: Any) -> None:
    _remembered(rows)


def an_attribute_of_a_function(self: Any, rows: int, *_: Any) -> None:
    count_rows.rows = rows  # type: ignore[attr-defined]


def a_report(self: Any, rows: int, *_: Any) -> None:
    self.report(f"learning from {rows} rows")


def a_print(self: Any, rows: int, *_: Any) -> None:
    print(rows)  # noqa: T201


def a_log(self: Any, rows: int, *_: Any) -> None:
    logging.getLogger("planted").warning("%d rows", rows)


def a_warning(self: Any, rows: int, *_: Any) -> None:
    if rows < 50:
        warnings.warn("few rows", stacklevel=1)


def an_exception(self: Any, rows: int, *_: Any) -> None:
    if rows < 50:
        raise ValueError("too few rows")


@pytest.mark.parametrize(
    ("how", "where"),
    [
        (an_attribute, "deep_['of'][1][1]['rows']"),
        (a_closure, "helper_.func.<rows> is 80 and 81"),
        (what_a_view_is_of, "view_.base[0] is 80 and 81"),
        (a_nested_method, "source_.marginals_[0][0] is 80 and 81"),
        (a_network, "network_._parameters['weight'][0] is 80.0 and 81.0"),
        (a_gradient, "network_._parameters['weight'].grad[0]"),
        (a_random_state, "(rng).bit_generator.state"),
        (a_charge, "(ledger)[0]"),
        (a_question, "(asked)[2]"),
        (the_class, "(fitted).__class__.rows is 80 and 81"),
        (the_module, "_TOLD[0] is 80 and 81"),
        (a_cache, "_remembered.(cache)"),
        (an_attribute_of_a_function, "count_rows.rows is 80 and 81"),
        (a_report, "(report)[0] is 'learning from 80 rows' and 'learning from 81 rows'"),
        (a_print, "(printed) is '80\\n' and '81\\n'"),
        (a_log, "(logged)[0] is 'planted WARNING: 80 rows'"),
        (a_warning, "half as many rows shows though no answer tells of it: (warned)"),
        (an_exception, "half as many rows shows though no answer tells of it: "),
    ],
)
def test_a_number_of_rows_is_seen_wherever_it_is_kept(how: Any, where: str) -> None:
    assert where in named(teller(how), BLIND)


@pytest.mark.slow
def test_a_method_that_knows_the_rows_and_tells_nothing_is_sound() -> None:
    assert named(Counts, BLIND, PLAN, NOISE, NOTHING_LEFT) == " /  /  / "


def test_mst_told_the_number_of_rows_by_a_closure_is_seen() -> None:
    assert "total_ is 80" in named(ToldTheRows, BLIND)


def test_division_by_the_true_size_of_a_batch_is_seen() -> None:
    assert "guide_.parameters_[" in named(DividesByTheBatch, BLIND)


def test_a_file_is_seen(tmp_path: Path) -> None:
    def a_file(self: Any, rows: int, *_: Any) -> None:
        (tmp_path / "rows.txt").write_text("some")

    for requirement in (BLIND, NOTHING_LEFT):
        assert f"a fit wrote {tmp_path / 'rows.txt'}" in named(teller(a_file), requirement)


def test_a_variable_of_the_environment_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def a_variable(self: Any, rows: int, *_: Any) -> None:
        os.environ["PLANTED"] = str(rows)

    monkeypatch.setenv("PLANTED", "")
    for requirement in (BLIND, NOTHING_LEFT):
        assert "a fit called os.putenv(b'PLANTED'" in named(teller(a_variable), requirement)


def test_a_global_that_is_written_only_once_is_seen() -> None:
    def once(self: Any, rows: int, *_: Any) -> None:
        _FIRST.setdefault("rows", rows)

    assert "_FIRST" in named(teller(once), NOTHING_LEFT)
    assert "_FIRST" not in named(teller(once), NOTHING_LEFT)  # what is there already tells nothing of this fit


def test_what_is_never_twice_the_same_is_told_from_what_depends_on_rows() -> None:
    def a_time(self: Any, rows: int, *_: Any) -> None:
        self.seconds_ = secrets.randbits(60)

    assert "two fits of the same table with equal seeds differ: seconds_" in named(teller(a_time), BLIND)


def test_rows_given_away_are_not_tried_and_that_is_said() -> None:
    (outcome,) = outcomes(Permuted, [BLIND])
    assert outcome.fault is None and "rows are left unprotected" in (outcome.untried or "")


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [methods.HalvedNoise, methods.ForgottenSensitivity, methods.NoiseUsedTwice, methods.FixedSeed, methods.ShuffledBatches],
)
def test_a_mechanism_of_a_methods_own_is_seen(kind: Any) -> None:
    """It reads rows past the table's mechanisms, whatever noise it then adds."""
    assert "shows though no answer tells of it: seen_[" in named(kind, BLIND)
    assert named(methods.PlainGaussian, BLIND, NOISE) == " / "


@pytest.mark.slow
@pytest.mark.parametrize("module", [None, "dpdsyn.crosses:Crosses"])
def test_pretraining_on_private_rows_is_seen(module: str | None) -> None:
    """All that its mechanisms answer is as it should be; rows come past them, into where training begins."""
    settings = {"steps": 3, "pretraining": 10, "module": module}

    def made(kind: type[GuidedSynthesizer]) -> str:
        return named(lambda: kind("class_conditional", guide=settings), BLIND, PLAN, NOISE)

    found = made(methods.PretrainedOnRows)
    assert "shows though no answer tells of it: guide_." in found and found.endswith(" /  / ")
    assert made(GuidedSynthesizer) == " /  / "


class PlansByRows(Independent):
    """The number of steps is that of the rows, read past the mechanisms; each is charged for."""

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> PlansByRows:
        rows = len(private._PrivateTable__rows.together())  # type: ignore[attr-defined]
        private.ledger.open([SampledGaussian(0.5, 20.0, 1 + rows % 7)])
        private.noisy_sum(lambda batch, clip: np.full(40, clip / 40**0.5) * len(batch), 0.5, 20.0, 1.0)
        self.marginals_ = [np.full(size, 1 / size) for size in private.schema.sizes]
        return self


def test_a_plan_that_depends_on_rows_is_seen() -> None:
    assert "what will be spent depends on rows or answers: the plan[0].count" in named(PlansByRows, PLAN)


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (broken.halved, "times the deviation that was charged for"),
        (broken.none, "noise has 0 times the deviation"),
        (broken.uniform, "noise is not Gaussian"),
        (broken.one_sided, "noisy_marginals: noise has a mean of 0."),
        (broken.constant, "in two fits of different seeds share their noise"),
        (broken.shared_by_equal_shapes, "goes together"),
        (broken.child_with_its_parents_noise, "share their noise"),
        (broken.child_that_nobody_pays_for, "caps of nested tables cost "),
        (broken.seeded_with(8), "in two fits of different seeds share their noise"),
        (broken.sums_divided_by_the_batch, "noisy_sum: noise has"),
        (broken.bold_choices, "select: choices come"),
        (broken.batches_of_fixed_size, "batches' sizes vary 0 times"),
        (broken.batches_with_replacement, "a row is in a batch more than once"),
        (broken.shuffled_epochs, "batches"),
        (broken.the_same_batch, "noisy_sum: "),
        (broken.batches_in_pairs, "noisy_sum: "),
        (broken.rows_that_come_together, "noisy_sum: "),
        (broken.scores_without_their_sensitivity, "Gaussian mechanisms cost "),
        (broken.a_hundred_sums_charged, "noisy_sum: 100 of 600 sums were charged for"),
    ],
)
def test_a_broken_mechanism_is_named_by_every_check(plant: Any, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    assert said in named(Independent, MECHANISMS)


@pytest.mark.parametrize("plant", [lambda patch: None, broken.rounded])
def test_sound_mechanisms_are_not_called_broken(plant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    assert named(Independent, MECHANISMS, NOISE) == " / "


@pytest.mark.parametrize(
    "plant",
    [broken.halved, broken.shared_by_equal_shapes, broken.child_with_its_parents_noise, broken.seeded_with(8), broken.constant],
)
def test_faults_of_noise_on_whole_numbers_are_seen_too(plant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    broken.rounded(monkeypatch)
    assert "noise" in named(Independent, MECHANISMS)


class ParentAndChild(GuidedSynthesizer):
    """A method both of whose tables are asked for marginals: a nested source, and the columns of the method itself."""

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> ParentAndChild:
        private.ledger.cap()
        child = private.child(ZCDP(0.001), private.schema.names)
        for own in (child, private):
            if own is child:
                child.ledger.cap()
            own.noisy_marginals([(name, "label") for name in private.schema.features], [100.0] * 4)
        self.schema_ = private.schema
        return self

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return np.zeros((n, len(self.schema_.columns)), dtype=np.int64)


@pytest.mark.parametrize(
    ("plant", "kind", "said"),
    [
        (broken.halved, Independent, "times the deviation that was charged for"),
        (broken.shared_by_equal_shapes, Independent, "noise"),
        (broken.child_with_its_parents_noise, ParentAndChild, "noise"),
        (broken.child_that_nobody_pays_for, ParentAndChild, "caps of nested tables cost 0.001; the ledger tells of 0"),
        (broken.constant, Independent, "in two fits of different seeds share their noise"),
    ],
)
def test_a_methods_own_answers_show_it_too(plant: Any, kind: Any, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert named(kind, NOISE) == ""
    plant(monkeypatch)
    assert said in named(kind, NOISE)


def again(fits: int) -> bool:
    """Whether the noise of one fit of the published class is that of another."""
    schema = toy_schema()
    frame = schema.decode(toy_encoded(schema, 30), np.random.default_rng(0))
    seen = set()
    for fit in range(fits):
        model = DPDSyn(candidates="independent", guide={"steps": 1, "hidden": 0}).fit(frame, schema)
        seen.add(np.asarray(model.method_.guide_.parameters_).tobytes())  # a step of noise
        if len(seen) <= fit:
            return True
    return False


def test_noise_seeded_with_few_bits_comes_again_and_as_it_is_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not again(60)
    whole = secrets.randbits
    monkeypatch.setattr(secrets, "randbits", lambda bits: whole(bits) & 0xFF)
    assert again(257)
