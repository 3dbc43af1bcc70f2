"""The method, its candidates and MST: what is special to each. The contract that all share is in test_contract.py."""

from __future__ import annotations

import math
import tomllib
from typing import Any

import networkx
import numpy as np
import pytest
from builders.paths import ROOT

from baselines.foreign.isolated import Isolated
from baselines.marginal.marginals import (
    Measurement,
    estimate_total,
    merge_rare,
    merged_measurement,
    nearest_marginal,
    unmerge,
)
from baselines.marginal.private_pgm import fit_with_mbi
from baselines.mst import MST
from baselines.mwem import MWEM
from dpdsyn.candidates import ClassConditional, Independent, Permuted, as_distribution
from dpdsyn.contract import fit_toy, learnt_schema, toy_encoded, toy_schema
from dpdsyn.learning import merging
from dpdsyn.method import GuidedSynthesizer
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable, marginal
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import GROUP, ContractError, Synthesizer, draw, load, steps_of
from experiments.configuration import options, read_option


def fitted(synthesizer: Synthesizer, encoded: np.ndarray, schema: Schema, epsilon: float) -> tuple[Synthesizer, Ledger]:
    ledger = Ledger(Budget(epsilon, 1e-6))
    return synthesizer.fit(PrivateTable(encoded, schema, ledger, np.random.default_rng(1)), np.random.default_rng(2)), ledger


def test_the_method_charges_candidates_and_guide_together() -> None:
    synthesizer, private = fit_toy(GuidedSynthesizer, toy_schema(), 80, verify=False)
    mechanisms = [entry["mechanism"] for entry in private.ledger.entries]
    assert mechanisms == ["GaussianCap", "SampledGaussian", "SampledGaussian"]
    assert private.ledger.guarantee == "dp"
    assert 0.99 < private.ledger.spent <= 1.0
    assert [entry["count"] for entry in private.ledger.entries[1:]] == [1, synthesizer.guide_.settings.steps]


def test_nested_methods_share_the_budget_in_renyi_dp() -> None:
    _, private = fit_toy(
        lambda: GuidedSynthesizer(candidates="mst", candidate_parameters={"iterations": 50}), toy_schema(), 80, verify=False
    )
    assert [entry["mechanism"] for entry in private.ledger.entries] == ["ZCDP", "SampledGaussian"]
    assert 0.99 < private.ledger.spent <= 1.0


def test_the_method_as_published_has_no_guarantee_because_it_publishes_exact_columns() -> None:
    schema = toy_schema()
    synthesizer, private = fit_toy(lambda: GuidedSynthesizer(candidates="permuted"), schema, 80, verify=False)
    assert private.ledger.guarantee == "none" and private.ledger.spent is None
    encoded = synthesizer.source_.sample(80, np.random.default_rng(0))
    for name in schema.features:
        assert np.array_equal(
            marginal(encoded, schema.select(schema.features), (name,)), marginal(toy_encoded(schema, 80), schema, (name,))
        )


def test_a_distribution_is_the_projection_on_the_simplex(rng: np.random.Generator) -> None:
    from scipy.optimize import minimize

    for _ in range(10):
        noisy = rng.normal(1, 2, 6)
        if noisy.sum() <= 0:
            continue
        target = noisy.sum()
        best = minimize(
            lambda x, noisy=noisy: ((x - noisy) ** 2).sum(),
            np.full(6, target / 6),
            bounds=[(0, None)] * 6,
            constraints={"type": "eq", "fun": lambda x, target=target: x.sum() - target},
            tol=1e-12,
        )
        assert as_distribution(noisy) == pytest.approx(best.x / target, abs=1e-4)
    assert as_distribution(np.array([-3.0, 1.0])) == pytest.approx([0.5, 0.5])


def test_candidates_have_the_table_s_marginals_when_noise_is_small() -> None:
    schema = toy_schema()
    encoded = toy_encoded(schema, 20_000)
    encoded = encoded[encoded[:, 0] != schema["colour"].other_code]
    for source, queries in ((Independent(), [("age",), ("label",)]), (ClassConditional(), [("label",), ("colour", "label")])):
        synthesizer, _ = fitted(source, encoded, schema, 20.0)
        sample = draw(synthesizer, schema, 20_000, np.random.default_rng(3))
        for query in queries:
            expected, actual = (marginal(rows, schema, query) / len(rows) for rows in (encoded, sample))
            assert np.abs(expected - actual).sum() < 0.05


def test_permuted_rows_keep_every_column_and_lose_every_pair() -> None:
    schema = toy_schema()
    encoded = toy_encoded(schema, 5000)
    synthesizer, _ = fitted(Permuted(), encoded, schema, 1.0)
    sample = synthesizer.sample(5000, np.random.default_rng(0))
    assert np.array_equal(np.sort(sample, axis=0), np.sort(encoded, axis=0))
    assert np.abs(np.corrcoef(sample[:, 0], sample[:, -1])[0, 1]) < 0.06


# --- MST ---------------------------------------------------------------------------------------------------------


def test_mst_measures_a_spanning_tree_and_spends_thirds() -> None:
    schema = toy_schema()
    synthesizer, private = fit_toy(lambda: MST(iterations=50), schema, 80)
    one_way, selection, two_way = private.ledger.entries
    rho = private.ledger.allowance.rho
    assert 1 / (2 * one_way["noise_multiplier"] ** 2) == pytest.approx(rho / 3)
    assert 1 / (2 * two_way["noise_multiplier"] ** 2) == pytest.approx(rho / 3)
    assert selection["count"] == len(schema.columns) - 1
    assert selection["count"] * selection["epsilon"] ** 2 / 8 == pytest.approx(rho / 3)
    graph = networkx.Graph([clique for clique in synthesizer.model_.potentials if len(clique) == 2])
    assert networkx.is_tree(graph) and len(graph) == len(schema.columns)


def test_mst_finds_the_strong_pair_and_keeps_it() -> None:
    schema = toy_schema()
    encoded = toy_encoded(schema, 20_000)
    synthesizer, _ = fitted(MST(iterations=500), encoded, schema, 10.0)
    sample = draw(synthesizer, schema, 20_000, np.random.default_rng(0))
    for query in [("colour", "label"), ("age",), ("income",)]:
        kept = encoded[encoded[:, 0] != schema["colour"].other_code] if "colour" in query else encoded
        expected, actual = (marginal(rows, schema, query) / len(rows) for rows in (kept, sample))
        tolerance = 0.15 if "colour" in query else 0.05  # `other` is replaced at random
        assert np.abs(expected - actual).sum() < tolerance


def test_rare_values_are_merged_and_come_back(rng: np.random.Generator) -> None:
    mapping = merge_rare(np.array([50.0, 1.0, 30.0, -4.0]), sigma=2.0)
    assert mapping.tolist() == [0, 2, 1, 2]
    back = unmerge(np.array([0, 1] + [2] * 2000), mapping, rng)
    assert back[:2].tolist() == [0, 2]
    assert np.bincount(back[2:], minlength=4)[[1, 3]] == pytest.approx([1000, 1000], abs=150)
    assert merge_rare(np.array([50.0, 30.0]), 2.0).tolist() == [0, 1]


def test_a_measurement_follows_its_values_when_they_are_merged() -> None:
    several = merged_measurement(Measurement((0,), np.array([50.0, 1.0, 30.0, -4.0]), 2.0), np.array([0, 2, 1, 2]))
    assert several.values == pytest.approx([50.0, 30.0, -3.0 / math.sqrt(2)])
    assert several.weights == pytest.approx([1.0, 1.0, 1 / math.sqrt(2)])
    single = merged_measurement(Measurement((0,), np.array([50.0, 1.0, 30.0]), 2.0), np.array([0, 2, 1]))
    assert single.values.tolist() == [50.0, 30.0, 1.0] and single.weights is None


def test_the_one_way_estimate_is_what_private_pgm_converges_to() -> None:
    measurements = [
        Measurement((0,), np.array([40.0, -12.0, 75.0]), 3.0),
        Measurement((1,), np.array([90.0, 20.0, -6.0, 8.0]), 3.0, np.array([1.0, 1.0, 1.0, 0.5])),
    ]
    total = estimate_total(measurements)
    assert total == pytest.approx(103.0)
    model = fit_with_mbi([3, 4], measurements, total, iterations=5000)
    for measurement in measurements:
        theirs = np.asarray(model.project(measurement.clique).datavector())
        assert nearest_marginal(measurement, total) == pytest.approx(theirs, abs=0.05)


# --- drawing -----------------------------------------------------------------------------------------------------


class Fixed(Synthesizer):
    def __init__(self, encoded: np.ndarray) -> None:
        self.encoded = encoded

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Fixed:
        return self

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return self.encoded[:n]


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        (np.zeros((3, 4), int), r"shape \(3, 4\)"),
        (np.zeros((5, 5)), "float64 values"),
        (np.full((5, 5), 9), "outside the schema"),
        (np.full((5, 5), -1), "outside the schema"),
    ],
)
def test_a_sample_that_breaks_the_contract_is_refused(encoded: np.ndarray, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        draw(Fixed(encoded), toy_schema(), 5, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ([0.5], r"Fixed.steps_ is \[0.5\]; numbers by name are needed"),
        ({3: [0.5]}, "numbers by name are needed"),
        ({"error": 0.5}, r"Fixed.steps_\['error'\] is 0.5; a list of numbers is needed, one a step"),
        ({"error": "no"}, "a list of numbers is needed"),
        ({"error": [0.5, None]}, "a list of numbers is needed"),
        ({"error": np.zeros((2, 2))}, "a list of numbers is needed"),
        ({"error": np.array(3.0)}, "a list of numbers is needed"),
        ({"error": [10**400]}, "a list of numbers is needed"),
        ({"error": [True]}, "a list of numbers is needed"),
        ({"error": bytearray(b"ab")}, "a list of numbers is needed"),
        ({"loss (mean)": [0.5]}, r"Fixed.steps_ names 'loss \(mean\)'; letters, digits"),
        ({"../loss": [0.5]}, "letters, digits"),
        ({"/loss": [0.5]}, "letters, digits"),
    ],
)
def test_steps_that_are_no_numbers_by_name_are_refused(told: Any, message: str) -> None:
    method = Fixed(np.zeros((5, 5), int))
    assert steps_of(method) == {}
    method.steps_ = {"error": np.array([0.5, 0.25]), "rows": [3]}  # type: ignore[dict-item]
    assert steps_of(method) == {"error": [0.5, 0.25], "rows": [3.0]}
    method.steps_ = told
    with pytest.raises(ContractError, match=message):
        steps_of(method)


def test_a_guided_method_tells_the_steps_of_its_source_and_of_its_guide() -> None:
    synthesizer, _ = fit_toy(lambda: GuidedSynthesizer(candidates="mwem", guide={"steps": 7}), toy_schema(), 80, verify=False)
    told = {name: len(values) for name, values in steps_of(synthesizer).items()}
    rounds = len(toy_schema().names)
    of_rounds = {f"candidates/{name}": rounds for name in ("error", "noise", "budget_used")}
    assert told == of_rounds | {"guide/gradient_to_noise": 7}


def test_a_method_that_is_fitted_on_merged_codes_tells_its_steps_too() -> None:
    schema = learnt_schema(False)
    private = PrivateTable(toy_encoded(schema, 80), schema, Ledger(Budget(1.0, 1e-6)), np.random.default_rng(1))
    fitted = merging.fit(MWEM(rounds=2), private, np.random.default_rng(2))
    assert isinstance(fitted, merging.Merged) and len(steps_of(fitted)["error"]) == 2


def test_undeclared_categories_are_never_published() -> None:
    schema = toy_schema()
    other = schema["colour"].other_code
    encoded = np.zeros((1000, 5), int)
    encoded[:, 0] = np.where(np.arange(1000) % 2, other, 2)
    assert (draw(Fixed(encoded), schema, 1000, np.random.default_rng(0))[:, 0] == 2).all()
    encoded[:, 0] = other
    replaced = draw(Fixed(encoded), schema, 1000, np.random.default_rng(0))[:, 0]
    assert set(replaced) == set(range(other))
    assert math.isclose(np.bincount(replaced).min(), 250, abs_tol=60)


def test_each_method_has_an_entry_point_by_which_it_can_be_a_source_of_candidates() -> None:
    """Of the class that its configuration names, but for what runs in an environment of its own and has no class to itself."""
    registered = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][GROUP]
    classes = {load(path) for path in registered.values()}
    targets = {name: load(read_option("synthesizer", name)["_target_"]) for name in options("synthesizer")}
    assert [name for name, kind in targets.items() if kind not in classes] == [
        name for name in targets if targets[name] is Isolated
    ]
    assert {name: load(path) for name, path in registered.items() if name in targets} == {
        name: targets[name] for name in registered if name in targets
    }
