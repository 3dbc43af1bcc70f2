"""GEM: what it asks, what it spends, what it is fitted to, and what it finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from builders.columns import schema_of, uniform
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.gem import GEM, worst_cell
from baselines.mixtures.mixture import Mixture
from baselines.mixtures.network import MixtureNetwork
from dpdsyn.accounting.spends import ZCDP
from dpdsyn.base.checks import InputError
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable, marginal
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import draw

SIZES = (3, 2, 4, 2)
SMALL: dict[str, Any] = {"parts": 40, "inputs": 8, "hidden": 16, "iterations": 20}


def table(encoded: np.ndarray, schema: Schema, epsilon: float = 1.0) -> PrivateTable:
    return PrivateTable(encoded, schema, Ledger(Budget(epsilon, 1e-6)), np.random.default_rng(7))


def any_mixture(rng: np.random.Generator, total: float) -> Mixture:
    return Mixture(SIZES, np.concatenate([rng.dirichlet(np.ones(size), size=4) for size in SIZES], axis=1), total)


class Asked(PrivateTable):
    """Keeps what is asked of `select`, and chooses the first."""

    kept: list[Any] = []

    def select(self, queries, score, sensitivity, epsilon):  # type: ignore[no-untyped-def]
        self.kept.append((queries, score, sensitivity, epsilon))
        return 0


# --- the choice ------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 40), st.integers(0, 40), st.sampled_from([1.0, 30.0, 400.0]))
def test_the_score_is_the_largest_error_of_a_cell_and_one_row_moves_it_by_one_at_most(
    seed: int, rows: int, equal: int, total: float
) -> None:
    rng, schema = np.random.default_rng(seed), schema_of(SIZES)
    mixture, offered = any_mixture(rng, total), [(0, 1, 3), (1, 2, 3), (0, 2)]
    encoded = uniform(schema, rows + 1, rng)
    encoded[1 : equal + 1] = encoded[0]
    Asked.kept.clear()
    assert worst_cell(Asked(encoded, schema, Ledger(ZCDP(1.0)), rng), offered, mixture, 0.5) == (0, 1, 3)
    ((queries, score, sensitivity, epsilon),) = Asked.kept
    assert queries == [("c0", "c1", "c3"), ("c1", "c2", "c3"), ("c0", "c2")] and (sensitivity, epsilon) == (1.0, 0.5)
    for query, clique in zip(queries, offered, strict=True):
        scores = []
        for part in (encoded, encoded[1:]):
            errors = []
            for cell in np.ndindex(*(SIZES[column] for column in clique)):
                count = sum(all(row[c] == value for c, value in zip(clique, cell, strict=True)) for row in part)
                errors.append(abs(count - mixture.project(clique)[cell]))
            scores.append(score(marginal(part, schema, query), query))
            assert scores[-1] == pytest.approx(max(errors))
        assert abs(scores[0] - scores[1]) <= 1 + 1e-9


def test_no_marginal_is_chosen_twice_and_rounds_end_with_them(rng: np.random.Generator) -> None:
    schema = schema_of(SIZES)
    for rounds, expected in ((2, 2), (50, 3)):
        chosen = GEM(rounds=rounds, **SMALL).fit(table(uniform(schema, 200, rng), schema), rng).chosen_
        assert len(chosen) == len(set(chosen)) == expected and set(chosen) <= {(0, 1, 3), (0, 2, 3), (1, 2, 3)}


# --- what it spends --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("choosing", [0.5, 0.2])
def test_the_cap_is_spent_to_the_last_as_stated(choosing: float, rng: np.random.Generator) -> None:
    schema = schema_of(SIZES)
    private = PrivateTable(uniform(schema, 200, rng), schema, Ledger(ZCDP(0.3)), rng)
    GEM(rounds=3, choosing=choosing, **SMALL).fit(private, rng)
    count, *rounds = private.ledger.entries
    measured = [1 / (2 * entry["noise_multiplier"] ** 2) for entry in rounds if entry["mechanism"] == "Gaussian"]
    chosen = [entry["epsilon"] ** 2 / 8 for entry in rounds if entry["mechanism"] == "Exponential"]
    assert 1 / (2 * count["noise_multiplier"] ** 2) == pytest.approx(0.02 * 0.3)
    assert len(measured) == len(chosen) == 3
    assert chosen == pytest.approx([choosing * 0.98 * 0.1] * 3) and measured == pytest.approx([(1 - choosing) * 0.98 * 0.1] * 3)


# --- what it is fitted to --------------------------------------------------------------------------------------


def test_errors_below_half_of_the_running_largest_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mean error that halves itself and takes half of the new one; no step is taken where no error is above half of it."""
    import torch

    random = torch.Generator().manual_seed(0)
    network = MixtureNetwork(torch.randn(20, 4, generator=random), (8,), SIZES, random)
    method = GEM(**SMALL)
    method.chosen_ = [(0, 1, 3)]
    now = network.mixture(1.0).project((0, 1, 3))
    error = float(np.abs(now - 0.1).max())
    largest = method._fitted(network, [np.full((3, 2, 2), 0.1)], 1.0)
    assert largest == pytest.approx(0.5 + error / 2, abs=1e-6) and error < largest / 2
    assert np.array_equal(network.mixture(1.0).project((0, 1, 3)), now)
    assert method._fitted(network, [np.full((3, 2, 2), 0.1)], None) == pytest.approx(error, abs=1e-6)
    assert not np.array_equal(network.mixture(1.0).project((0, 1, 3)), now)


def test_shares_are_counts_over_the_estimated_number_of_rows(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    given: list[list[np.ndarray]] = []

    def noted(self: GEM, network: MixtureNetwork, known: list[np.ndarray], largest: float | None) -> float:
        given.append(known)
        return 1.0

    monkeypatch.setattr(GEM, "_fitted", noted)
    schema = schema_of(SIZES, rows_public=50)  # far from the truth, which is not told either
    encoded = uniform(schema, 4000, rng)
    method = GEM(rounds=3, **SMALL).fit(table(encoded, schema, 100.0), rng)
    assert [len(known) for known in given] == [1, 2, 3]
    for clique, share in zip(method.chosen_, given[-1], strict=True):
        exact = marginal(encoded, schema, tuple(schema.names[column] for column in clique)) / 4000
        assert share == pytest.approx(exact, abs=0.005) and (share >= 0).all()
    assert method.mixture_.total == pytest.approx(4000, rel=0.01)


def test_the_last_parameters_are_averaged_over_the_second_half_of_rounds(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    import torch

    states: list[torch.Tensor] = []

    def stepped(self: GEM, network: MixtureNetwork, known: Any, largest: float | None) -> float:
        with torch.no_grad():
            network.output.bias.fill_(float(len(states)))
        states.append(network.output.bias.clone())
        return 1.0

    seen: list[float] = []
    whole = MixtureNetwork.mixture

    def watched(self: MixtureNetwork, total: float) -> Mixture:
        seen.append(float(self.output.bias[0].detach()))
        return whole(self, total)

    monkeypatch.setattr(GEM, "_fitted", stepped)
    monkeypatch.setattr(MixtureNetwork, "mixture", watched)
    schema = schema_of((2, 2, 2, 2, 2))
    GEM(rounds=4, average=0.75, **SMALL).fit(table(uniform(schema, 100, rng), schema), rng)
    assert seen[-1] == pytest.approx(0.75 * 2 + 0.25 * 3)  # rounds are told 0, 1, 2, 3


# --- what it finds ---------------------------------------------------------------------------------------------


def test_what_three_columns_have_together_is_found(rng: np.random.Generator) -> None:
    schema = schema_of((2, 2, 3, 2), rows_public=4000)
    encoded = uniform(schema, 4000, rng)
    encoded[:, 3] = np.where(rng.random(4000) < 0.9, encoded[:, 0] ^ encoded[:, 1], encoded[:, 3])
    small = SMALL | {"iterations": 150, "rate": 0.01}
    sample = draw(GEM(**small).fit(table(encoded, schema, 5.0), rng), schema, 4000, rng)
    assert (sample[:, 3] == sample[:, 0] ^ sample[:, 1]).mean() > 0.7  # of .95; no pair of columns tells it


@pytest.mark.parametrize("sizes", [(4, 2), (5,), (1, 3, 2), (300, 2, 300, 2)], ids=str)
@pytest.mark.parametrize("rows", [0, 300])
def test_every_kind_of_table_gives_rows(sizes: tuple[int, ...], rows: int, rng: np.random.Generator) -> None:
    schema = schema_of(sizes)
    method = GEM(rounds=2, **(SMALL | {"iterations": 3})).fit(table(uniform(schema, rows, rng), schema, 0.01), rng)
    assert draw(method, schema, 30, rng).shape == (30, len(sizes))
    assert np.isfinite(method.mixture_.shares).all()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"workload": "all"}, "workload is 'all'"),
        ({"rounds": 0}, "rounds is 0"),
        ({"choosing": 1.0}, "choosing is 1.0; a number between 0 and 1"),
        ({"average": 0}, "average is 0"),
        ({"parts": 1}, "parts is 1"),
        ({"rate": 0}, "rate is 0"),
        ({"hidden": 2.5}, "hidden is 2.5"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        GEM(**given)
