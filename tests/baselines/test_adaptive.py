"""AIM, MWEM and the batch-adaptive method: what they may choose from, what they spend, and what they find."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from baselines.absyn import BatchAdaptive
from baselines.aim import AIM
from baselines.marginal.fitting import fit
from baselines.marginal.inference import Model, uniform_model
from baselines.marginal.junction_tree import tree_cells
from baselines.marginal.workload import affordable, downward_closure, weights, workload
from baselines.mwem import MWEM
from dpdsyn.contract import fit_toy, toy_schema
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable, Query, marginal
from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer, steps_of


def plain_schema(sizes: tuple[int, ...], rows: int) -> Schema:
    columns = [Column(f"c{i}", "categorical", categories=tuple(range(size))) for i, size in enumerate(sizes)]
    return Schema(tuple(columns), f"c{len(sizes) - 1}", rows)


def parity_rows(rng: np.random.Generator, rows: int) -> np.ndarray:
    """c4 is the parity of c0 and c1, c3 copies c2; nothing else depends on anything."""
    encoded = rng.integers(2, size=(rows, 5))
    encoded[:, 3] = encoded[:, 2]
    encoded[:, 4] = encoded[:, 0] ^ encoded[:, 1]
    return encoded.astype(np.uint8)


def fitted(synthesizer: Synthesizer, encoded: np.ndarray, schema: Schema, epsilon: float = 5.0) -> PrivateTable:
    private = PrivateTable(encoded, schema, Ledger(Budget(epsilon, 1e-6)), np.random.default_rng(1))
    synthesizer.fit(private, np.random.default_rng(2))
    return private


def test_workloads_are_all_pairs_all_triples_or_the_triples_with_the_target() -> None:
    schema = plain_schema((2, 3, 4, 5), 100)
    assert workload(schema, "all_2way", 100) == list(itertools.combinations(range(4), 2))
    assert workload(schema, "all_2way", 12) == [(0, 1), (0, 2), (0, 3), (1, 2)]
    assert workload(schema, "all_3way", 100) == list(itertools.combinations(range(4), 3))
    assert workload(schema, "target", 100) == [(0, 1, 3), (0, 2, 3), (1, 2, 3)]


def test_a_candidate_weighs_the_columns_that_it_shares_with_the_workload() -> None:
    assert downward_closure([(0, 1), (1, 2)]) == [(0,), (1,), (2,), (0, 1), (1, 2)]
    assert weights([(0, 1), (1, 2)]) == {(0,): 1, (1,): 2, (2,): 1, (0, 1): 3, (1, 2): 3}


def test_what_would_make_the_model_too_large_is_no_candidate() -> None:
    sizes, measured = (10, 20, 30), [(0,), (1,), (2,), (0, 1)]
    pairs = [(0, 1), (1, 2), (0, 2)]
    megabyte = 2**20 / 8
    assert affordable(sizes, pairs, measured, 0.0) == [(0, 1)]  # measured already: costs nothing
    assert tree_cells(sizes, [(0, 1), (1, 2)]) == 800 and tree_cells(sizes, [(0, 1), (0, 2)]) == 500
    assert affordable(sizes, pairs, measured, 500 / megabyte) == [(0, 1), (0, 2)]
    assert affordable(sizes, [*pairs, (0, 1, 2)], measured, 800 / megabyte) == pairs


@pytest.mark.parametrize("kind", [AIM, MWEM, BatchAdaptive])
def test_all_of_the_cap_is_spent_and_no_more(kind: Callable[[], Synthesizer]) -> None:
    _, private = fit_toy(kind, toy_schema(), 80)
    rho = Budget(1.0, 1e-6).rho
    spent = 0.0
    for entry in private.ledger.entries:
        per_use = entry["epsilon"] ** 2 / 8 if entry["mechanism"] == "Exponential" else 1 / (2 * entry["noise_multiplier"] ** 2)
        spent += entry["count"] * per_use
    assert spent == pytest.approx(rho, rel=1e-6)
    assert private.ledger.guarantee == "dp" and private.ledger.spent <= 1.0


def test_aim_divides_its_budget_as_the_paper_says() -> None:
    aim, schema, rng = AIM(), plain_schema((2,) * 5, 2000), np.random.default_rng(0)
    private = fitted(aim, parity_rows(rng, 2000), schema, epsilon=1.0)
    rho, rounds = private.ledger.allowance.rho, 16 * 5
    first = private.ledger.entries[0]
    assert first["label"] == "5 noisy marginals"
    assert aim.rounds_[0].sigma == pytest.approx(math.sqrt(rounds / (2 * 0.9 * rho)))
    assert private.ledger.entries[1]["epsilon"] == pytest.approx(math.sqrt(8 * 0.1 * rho / rounds))
    halvings = [math.log2(a.sigma / b.sigma) for a, b in itertools.pairwise(aim.rounds_[:-1])]
    assert all(step == pytest.approx(0) or step == pytest.approx(1) for step in halvings)
    assert len(aim.rounds_) <= rounds


def test_aim_measures_the_dependent_pair_first_and_the_target_workload_finds_a_parity() -> None:
    rng = np.random.default_rng(0)
    schema, encoded = plain_schema((2,) * 5, 20_000), parity_rows(rng, 20_000)
    pairs = AIM()
    fitted(pairs, encoded, schema)
    assert pairs.rounds_[0].clique == (2, 3)
    triples = AIM("target")
    fitted(triples, encoded, schema)
    assert (0, 1, 4) in {r.clique for r in triples.rounds_}
    exact = marginal(encoded, schema, ("c0", "c1", "c4"))
    assert np.abs(triples.model_.project((0, 1, 4)) - exact).sum() < 0.03 * len(encoded)
    assert np.abs(pairs.model_.project((0, 1, 4)) - exact).sum() > 0.9 * len(encoded)


class Answering(PrivateTable):
    """Keeps each single marginal that it answers, as rounds ask for them, with its noise."""

    answers: list[tuple[tuple[str, ...], np.ndarray, float]]

    def noisy_marginals(self, queries: Sequence[Query], sigmas: Sequence[float]) -> list[np.ndarray]:
        answers = super().noisy_marginals(queries, sigmas)
        self.answers = [*getattr(self, "answers", []), *zip(queries, answers, sigmas, strict=True)]
        return answers


@pytest.mark.parametrize("kind", [AIM, MWEM])
def test_steps_are_how_far_each_noisy_answer_was_from_the_model_before_it(
    kind: type[AIM | MWEM], monkeypatch: pytest.MonkeyPatch
) -> None:
    models: list[Model] = []
    module = import_module(kind.__module__)

    def fitting(*given: Any) -> Model:
        models.append(fit(*given))
        return models[-1]

    monkeypatch.setattr(module, "fit", fitting)
    schema = plain_schema((2, 3, 2, 4, 2), 2000)
    private = Answering(
        np.random.default_rng(0).integers(2, size=(1900, 5)).astype(np.uint8),
        schema,
        Ledger(Budget(1.0, 1e-6)),
        np.random.default_rng(1),
    )
    fitted = kind().fit(private, np.random.default_rng(2))
    first = 5 if kind is AIM else 0  # AIM begins with all one-ways
    models = models if kind is AIM else [uniform_model(schema.sizes, schema.rows_public), *models]
    rounds = private.answers[first:]
    assert len(rounds) == len(models) - 1 > 3
    spent = sum(1 / (2 * sigma**2) for _, _, sigma in private.answers[:first])
    for i, (query, answer, sigma) in enumerate(rounds):
        model = models[i].project(schema.positions(query))
        rows = float(model.sum())
        assert fitted.steps_["error"][i] == pytest.approx(np.abs(answer / rows - model / rows).sum() / 2)
        assert fitted.steps_["noise"][i] == pytest.approx(
            np.abs(np.random.default_rng(i).normal(0, sigma, (4000, model.size))).sum(axis=1).mean() / 2 / rows, rel=0.05
        )
        spent += 1 / (2 * sigma**2) / 0.9  # a tenth goes to the choice
        assert fitted.steps_["budget_used"][i] == pytest.approx(spent / private.ledger.allowance.rho)
    assert fitted.steps_["budget_used"][-1] == pytest.approx(1.0) and steps_of(fitted) == fitted.steps_


def test_aim_tells_of_its_rounds() -> None:
    aim, heard = AIM(), []
    aim.report = heard.append
    fit_toy(lambda: aim, toy_schema(), 80)
    assert heard[0].startswith("round 1, ") and heard[-1].endswith("100% of the budget used")
    assert len(heard) == len(aim.rounds_)


def test_mwem_takes_as_many_rounds_as_columns_and_never_a_model_too_large() -> None:
    schema, encoded = plain_schema((2,) * 5, 20_000), parity_rows(np.random.default_rng(0), 20_000)
    private = fitted(MWEM(), encoded, schema)
    assert [e["mechanism"] for e in private.ledger.entries] == ["Exponential", "Gaussian"] * 5
    small = MWEM(max_model_size=1e-9)
    fitted(small, encoded, schema)
    assert small.model_.tree.cells == 4 + 2 * 3  # one pair again and again


def test_a_batch_holds_no_marginal_twice() -> None:
    batch, heard = BatchAdaptive(rounds=2, batch=3), []
    batch.report = heard.append
    fitted(batch, parity_rows(np.random.default_rng(0), 20_000), plain_schema((2,) * 5, 20_000))
    pairs = [clique for clique in batch.model_.potentials if len(clique) == 2]
    assert heard == ["round 1 of 2", "round 2 of 2"]
    assert len(pairs) == 6 and (2, 3) in pairs


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AIM("pairs"), "workload is 'pairs'; accepted: all_2way, all_3way, target"),
        (lambda: AIM(max_model_size=0), "max_model_size is 0"),
        (lambda: MWEM(rounds=0), "rounds is 0"),
        (lambda: BatchAdaptive(batch=-1), "batch is -1"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(make: Callable[[], Synthesizer], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
