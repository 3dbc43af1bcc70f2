"""Rows on private-pgm: the engine against brute force, the three algorithms told anew, their budgets, and what is left of JAX."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
import warnings
from importlib.metadata import version
from typing import Any

import jax
import numpy as np
import pytest
from builders.paths import ROOT
from builders.uncompiled_mbi import model_of, summed, without_compiling

from baselines.pgm import engine, needs
from baselines.pgm_aim import PGMAIM
from baselines.pgm_mst import PGMMST, _merging
from baselines.pgm_mwem import PGMMWEM
from dpdsyn.base.checks import InputError
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable, marginal
from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer, draw

SIZES = (4, 2, 5, 3, 2)
METHODS = [PGMMST, PGMMWEM, PGMAIM]


def schema_of(sizes: tuple[int, ...], rows_public: int) -> Schema:
    columns = (Column(f"c{i}", "categorical", categories=tuple(range(size))) for i, size in enumerate(sizes))
    return Schema(tuple(columns), None, rows_public)


def chained(rows: int, sizes: tuple[int, ...] = SIZES) -> np.ndarray:
    """Each column mostly follows the one before."""
    rng = np.random.default_rng(0)
    encoded = np.stack([rng.integers(size, size=rows) for size in sizes], axis=1)
    for i in range(1, len(sizes)):
        copied = rng.random(rows) < 0.8
        encoded[copied, i] = encoded[copied, i - 1] % sizes[i]
    return encoded.astype(np.uint8)


class Told(PrivateTable):
    """Keeps what was asked of `select` and what it chose, of views too."""

    calls: list[tuple[Any, ...]]

    def select(self, queries, score, sensitivity, epsilon):  # type: ignore[no-untyped-def]
        chosen = super().select(queries, score, sensitivity, epsilon)
        self.calls.append(([tuple(int(name[1:]) for name in query) for query in queries], score, sensitivity, epsilon, chosen))
        return chosen

    def recode(self, mappings):  # type: ignore[no-untyped-def]
        view = super().recode(mappings)
        view.calls = self.calls
        return view


def fitted(method: Synthesizer, encoded: np.ndarray, sizes: tuple[int, ...] = SIZES, epsilon: float = 1.0) -> Told:
    schema = schema_of(sizes, max(len(encoded), 2))
    private = Told(encoded, schema, Ledger(Budget(epsilon, 1e-6)), np.random.default_rng(1))
    private.calls = []
    method.fit(private, np.random.default_rng(2))
    return private


def counts(encoded: np.ndarray, clique: tuple[int, ...], sizes: tuple[int, ...] = SIZES) -> np.ndarray:
    return marginal(encoded, schema_of(sizes, 10), tuple(f"c{c}" for c in clique))


# --- the engine --------------------------------------------------------------------------------------------------


def test_marginals_are_those_of_the_whole_distribution() -> None:
    rng, domain = np.random.default_rng(0), engine.domain_of(SIZES)
    potentials = {c: 3 * rng.normal(size=[SIZES[i] for i in c]) for c in [(0, 1), (2, 1), (2, 3), (0, 3)]}  # a loop; (4,) in none
    joint = np.zeros(SIZES)
    for row in np.ndindex(*SIZES):
        joint[row] = math.exp(sum(table[tuple(row[i] for i in c)] for c, table in potentials.items()))
    joint *= 250 / joint.sum()
    asked = [c for k in (1, 2, 3) for c in itertools.permutations(range(5), k)]
    for clique, found in zip(asked, engine.marginals(model_of(domain, potentials, 250.0), asked), strict=True):
        assert found == pytest.approx(summed(joint, clique), abs=1e-9)


def test_potentials_of_any_range_give_marginals() -> None:
    """What is likely in one factor is e^-900 in the next: products of numbers would all be 0."""
    domain = engine.domain_of((2, 2, 2))
    first = np.array([[0.0, 0.0], [-900.0, -900.0]])
    model = model_of(domain, {(0, 1): first, (0, 2): -first + np.array([[-900.0, -900.0], [0.0, 1.0]])}, 10.0)
    (found,) = engine.marginals(model, [(1, 2)])
    share = 1 / (1 + math.exp(1))
    assert found == pytest.approx(10 * np.array([[share, 1 - share]] * 2) / 2, abs=1e-6)


@pytest.mark.parametrize("joined", [False, True])
def test_marginals_of_many_columns(joined: bool) -> None:
    """More tables than NumPy multiplies at once: 70 columns that nothing joins, or a star of them around the first."""
    rng, sizes = np.random.default_rng(0), (2, *[3] * 69)
    single = {(c,): rng.normal(size=size) for c, size in enumerate(sizes)}
    pairs = {(0, c): rng.normal(size=(2, 3)) for c in range(1, 70) if joined}
    of_leaf = [np.exp(single[(c,)] + pairs.get((0, c), np.zeros((2, 3)))) for c in range(1, 70)]  # each (hub, leaf)
    hub = np.exp(single[(0,)]) * np.prod([table.sum(axis=1) for table in of_leaf], axis=0)
    hub *= 100 / hub.sum()
    shares = [table / table.sum(axis=1, keepdims=True) for table in of_leaf]
    domain = engine.domain_of(sizes)
    tables = {c: engine.Factor(domain.project(c), table) for c, table in {**single, **pairs}.items()}
    known = engine.CliqueVector(domain, (), {})
    model = engine.MarkovRandomField(potentials=engine.CliqueVector(domain, tuple(tables), tables), marginals=known, total=100.0)
    found = engine.marginals(model, [(0, 5), (7, 60), (69,)])
    assert found[0] == pytest.approx(hub[:, None] * shares[4])
    assert found[1] == pytest.approx(np.einsum("h,ha,hb->ab", hub, shares[6], shares[59]))
    assert found[2] == pytest.approx(hub @ shares[68])


@pytest.mark.slow
def test_it_fits_in_double_precision_and_leaves_jax_as_it_was() -> None:
    domain, rng = engine.domain_of((3, 2, 2)), np.random.default_rng(0)
    joint = rng.dirichlet(np.ones(12)).reshape(3, 2, 2) * 1e6
    exact = {c: summed(joint, c) for c in [(0, 1), (1, 2)]}
    measurements = [engine.LinearMeasurement(table.ravel(), c, stddev=10.0) for c, table in exact.items()]
    before, state = jax.config.jax_enable_x64, np.random.get_state()  # noqa: NPY002
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = engine.estimated(domain, measurements, 1000)
        kept = engine.learnt(model)
        rows, again = (engine.drawn(kept, 5000, np.random.default_rng(3)) for _ in range(2))
    assert jax.config.jax_enable_x64 == before is False
    assert all(np.array_equal(a, b) for a, b in zip(state, np.random.get_state(), strict=True))  # noqa: NPY002
    assert {table.dtype for table in kept.potentials.values()} == {np.dtype(np.float64)} and kept.total == pytest.approx(1e6)
    for clique, table in exact.items():
        assert engine.marginals(model, [clique])[0] == pytest.approx(table, abs=50)
        shares = np.zeros(table.shape)
        np.add.at(shares, tuple(rows[:, c] for c in clique), 1 / 5000)
        assert np.abs(shares - table / 1e6).sum() < 0.02
    assert np.array_equal(rows, again) and rows.shape == (5000, 3) and engine.drawn(kept, 0, rng).shape == (0, 3)


def test_importing_a_method_imports_no_jax_and_importing_the_engine_says_nothing() -> None:
    code = (
        "import sys, baselines.pgm_mst as a, baselines.pgm_aim as b, baselines.pgm_mwem as c\n"
        "a.PGMMST(), b.PGMAIM(), c.PGMMWEM()\nassert 'jax' not in sys.modules\n"
        "import baselines.pgm.engine, jax\nassert not jax.config.jax_enable_x64\n"
    )
    done = subprocess.run([sys.executable, "-W", "always::UserWarning", "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_programs_are_dropped_before_memory_maps_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    dropped: list[int] = []
    monkeypatch.setattr(engine.jax, "clear_caches", lambda: dropped.append(1))
    engine.spare_memory_maps()
    assert not dropped
    monkeypatch.setattr(engine, "_MOST_MAPS", 3)
    engine.spare_memory_maps()
    assert dropped == [1]


@pytest.mark.parametrize("kind", METHODS)
def test_without_mbi_it_is_told_what_is_missing(kind: type[Synthesizer], monkeypatch: pytest.MonkeyPatch) -> None:
    assert kind().imports() == ("baselines.pgm.engine",) and kind().foreign_versions() == {"mbi": version("mbi")}
    monkeypatch.setattr(needs, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install"):
        kind()


def test_no_code_is_shared_with_our_own_rows() -> None:
    for path in [*(ROOT / "baselines" / "pgm").glob("*.py"), *(ROOT / "baselines").glob("pgm_*.py")]:
        text = path.read_text(encoding="utf-8")
        assert "from baselines.marginal" not in text and "import baselines.marginal" not in text


# --- the algorithms, told anew -----------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    without_compiling(monkeypatch)


def models_seen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every model that is fitted."""
    seen: list[Any] = []
    fit = engine.estimated

    def noted(*given: Any, **named: Any) -> Any:
        seen.append(fit(*given, **named))
        return seen[-1]

    monkeypatch.setattr(engine, "estimated", noted)
    return seen


def test_rare_values_are_merged() -> None:
    assert _merging(np.array([9.0, 2.9, 3.0, -1.0]), 1.0).tolist() == [0, 2, 1, 2]
    assert _merging(np.array([9.0, 4.0]), 1.0).tolist() == [0, 1] and _merging(np.array([0.0, 1.0]), 1.0).tolist() == [0, 0]


def test_a_merged_column_is_fitted_and_comes_back_whole(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded, seen, method = chained(3000, (40, 2, 3)), models_seen(monkeypatch), PGMMST()
    encoded[:, 0] = np.where(encoded[:, 0] < 38, encoded[:, 0] % 3, encoded[:, 0])  # a few rows of 38 and 39, none of 3 to 37
    private = fitted(method, encoded, (40, 2, 3), 0.3)
    assert list(method.merged_) == [0] and method.merged_[0].tolist() == [0, 1, 2] + [3] * 37
    assert seen[-1].domain.shape == (4, 2, 3)
    assert set(np.unique(draw(method, private.schema, 4000, np.random.default_rng(0))[:, 0])) == set(range(40))


def test_mst_joins_columns_by_what_independence_has_wrong(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded, seen, method = chained(3000), models_seen(monkeypatch), PGMMST()
    private = fitted(method, encoded)
    rho = private.ledger.allowance.rho
    assert method.merged_ == {}
    shares = [engine.marginals(seen[0], [(c,)])[0] for c in range(5)]
    part = {c: {c} for c in range(5)}
    assert len(private.calls) == 4
    for candidates, score, sensitivity, epsilon, chosen in private.calls:
        assert candidates == [(a, b) for a, b in itertools.combinations(range(5), 2) if part[a] is not part[b]]
        assert sensitivity == 1.0 and epsilon == pytest.approx(math.sqrt(8 * (rho / 3) / 4))
        for a, b in candidates:
            exact = counts(encoded, (a, b))
            naive = sum(abs(exact[i, j] - shares[a][i] * shares[b][j] / shares[a].sum()) for i, j in np.ndindex(*exact.shape))
            assert score(exact, (f"c{a}", f"c{b}")) == pytest.approx(naive, rel=1e-6)
        a, b = candidates[chosen]
        joined = part[a] | part[b]
        part |= dict.fromkeys(joined, joined)
    assert {frozenset(c) for c in seen[1].cliques} == {frozenset((i, i + 1)) for i in range(4)}  # the chain


def test_mwem_asks_for_what_its_model_has_most_wrong(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded, seen, method = chained(3000), models_seen(monkeypatch), PGMMWEM(max_model_size=40 * 8 / 2**20)
    private = fitted(method, encoded)
    each = private.ledger.allowance.rho / 5
    assert seen[0].total == 3000 and len(private.calls) == 5
    for i, (candidates, score, sensitivity, epsilon, chosen) in enumerate(private.calls):
        assert sensitivity == 1.0 and epsilon == pytest.approx(math.sqrt(8 * 0.1 * each))
        for pair in candidates:
            exact = counts(encoded, pair)
            expected = engine.marginals(seen[i], [pair])[0]
            naive = sum(abs(exact[c] - expected[c]) - 1 for c in np.ndindex(*exact.shape))
            assert score(exact, tuple(f"c{c}" for c in pair)) == pytest.approx(naive)
        assert all(SIZES[a] * SIZES[b] <= 40 for a, b in candidates)
        assert candidates[chosen] in seen[i + 1].cliques
    first = private.calls[0][0]
    assert len(first) < 10, "a fifth of 40 cells holds no model with a pair: so the smallest alone"


def test_aim_goes_on_as_the_algorithm_says(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded, seen, method = chained(3000), models_seen(monkeypatch), PGMAIM(rounds=20)
    private = fitted(method, encoded)
    rho, each = private.ledger.allowance.rho, private.ledger.allowance.rho / 20
    sigma, epsilon = math.sqrt(1 / (2 * 0.9 * each)), math.sqrt(8 * 0.1 * each)
    used = 5 * 0.5 / sigma**2
    pairs = list(itertools.combinations(range(5), 2))
    finished = False
    for i, (candidates, score, sensitivity, asked, chosen) in enumerate(private.calls):
        if rho - used < 2 * (0.5 / sigma**2 + epsilon**2 / 8):
            sigma, epsilon, finished = math.sqrt(1 / (2 * 0.9 * (rho - used))), math.sqrt(8 * 0.1 * (rho - used)), True
        used += 0.5 / sigma**2 + epsilon**2 / 8
        assert asked == pytest.approx(epsilon) and method.rounds_[i] == (candidates[chosen], pytest.approx(sigma))
        weight = {c: sum(len(set(c) & set(pair)) for pair in pairs) for c in [(c,) for c in range(5)] + pairs}
        assert set(candidates) <= set(weight) and sensitivity == max(weight[c] for c in candidates)
        for clique in candidates:
            exact, expected = counts(encoded, clique), engine.marginals(seen[i], [clique])[0]
            naive = weight[clique] * (np.abs(exact - expected).sum() - math.sqrt(2 / math.pi) * sigma * exact.size)
            assert score(exact, tuple(f"c{c}" for c in clique)) == pytest.approx(naive, rel=1e-6)
        before, after = (engine.marginals(model, [candidates[chosen]])[0] for model in seen[i : i + 2])
        if np.abs(after - before).sum() <= sigma * math.sqrt(2 / math.pi) * after.size:
            sigma, epsilon = sigma / 2, epsilon * 2
    assert finished and used == pytest.approx(rho) and len(method.rounds_) == len(private.calls)


@pytest.mark.parametrize("kind", METHODS)
@pytest.mark.parametrize("sizes", [(4,), (1, 3), (1, 1), (1, 5, 1, 2), (200, 200)])
@pytest.mark.parametrize("rows", [0, 1, 300])
def test_all_of_the_cap_is_spent_on_any_table(
    kind: type[Synthesizer], sizes: tuple[int, ...], rows: int, quick: None, rng: np.random.Generator
) -> None:
    method = kind()
    private = fitted(method, chained(rows, sizes), sizes, 0.5)
    assert draw(method, private.schema, 20, rng).shape == (20, len(sizes))
    spent = sum(charge.rho for _, charge in private.ledger._charges) / private.ledger.allowance.rho
    thirds = 1 / 3 if len(sizes) == 1 and kind is PGMMST else 1.0  # one column has no tree
    assert spent == pytest.approx(thirds, rel=1e-6) and private.ledger.spent <= 0.5


@pytest.mark.slow
def test_rows_of_private_pgm_s_mst_keep_a_chain_of_columns() -> None:
    encoded, method = chained(5000, (3, 2, 4)), PGMMST(iterations=500, first_iterations=500)
    private = fitted(method, encoded, (3, 2, 4), 2.0)
    rows = draw(method, private.schema, 5000, np.random.default_rng(3))
    for pair in [(0, 1), (1, 2), (0, 2)]:
        off = counts(rows, pair, (3, 2, 4)) - counts(encoded, pair, (3, 2, 4))
        assert np.abs(off).sum() / 10_000 < 0.03


@pytest.mark.parametrize(
    "kind, given",
    [
        (PGMMST, {"iterations": 0}),
        (PGMMST, {"first_iterations": 0}),
        (PGMMWEM, {"rounds": 0}),
        (PGMMWEM, {"max_model_size": 0}),
        (PGMAIM, {"degree": 4}),
        (PGMAIM, {"rounds": 1.5}),
        (PGMAIM, {"max_cells": 0}),
    ],
)
def test_what_cannot_be_meant_is_refused(kind: Any, given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(given))):
        kind(**given)
