"""One row moves what a method gives to a selecting mechanism no further than the sensitivity that it states there."""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders.uncompiled_mbi import without_compiling

from dpdsyn.contract import toy_encoded, toy_schema
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable, marginal
from dpdsyn.synthesizer import Synthesizer, load
from experiments.configuration import options, read_option

SELECTING = ("select", "noisy_scores")  # the mechanisms that take a score function, and three arguments more


def made(name: str) -> Synthesizer:
    """The method as `conf/synthesizer` describes it, its training cut short: what it selects is asked before."""
    option = read_option("synthesizer", name)
    parameters = {key: value for key, value in option.items() if key not in ("name", "_target_", "about")}
    if "guide" in parameters:
        parameters["guide"] |= {"steps": 1}
    if "epochs" in parameters:
        parameters["epochs"] = 0.5
    if "parts" in parameters:  # a network between one choice and the next
        parameters |= {"iterations": 3}
    if "threshold_rounds" in parameters:
        parameters |= {"threshold_rounds": 2, "offered": 9, "last_iterations": 1}
    return load(option["_target_"])(**parameters)


def runs_here(name: str) -> bool:
    """Whether its packages are on this machine and its rows stay in this process."""
    target = read_option("synthesizer", name)["_target_"]
    return not target.startswith("baselines.foreign.")


METHODS = [name for name in options("synthesizer") if runs_here(name)]


def selects_by_its_source(module: str, seen: frozenset[str] = frozenset()) -> bool:
    """Whether a module of ours, or one of `baselines` that it imports from, calls a selecting mechanism."""
    path = Path(str(import_module(module).__file__))
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    if any(call.func.attr in SELECTING and len(call.args) + len(call.keywords) == 4 for call in calls):  # type: ignore[attr-defined]
        return True
    imported = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module in sys.modules}
    below = {name for name in imported if name and name.startswith("baselines.")} - seen - {module}
    return any(selects_by_its_source(name, seen | {module}) for name in below)


class Watched(PrivateTable):
    """Notes every score function that is handed to a mechanism, with the queries and the sensitivity stated for it."""

    asked: list

    def select(self, queries, score, sensitivity, epsilon):  # type: ignore[no-untyped-def]
        self.asked.append((self.schema, queries, score, sensitivity, "each"))
        return super().select(queries, score, sensitivity, epsilon)

    def noisy_scores(self, queries, score, l2_sensitivity, sigma):  # type: ignore[no-untyped-def]
        self.asked.append((self.schema, queries, score, l2_sensitivity, "together"))
        return super().noisy_scores(queries, score, l2_sensitivity, sigma)


def watched(synthesizer: Synthesizer, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """All that the method asks of selecting mechanisms in one fit."""
    schema = toy_schema(rows_public=300)
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(Watched, "asked", asked, raising=False)
    private = Watched(toy_encoded(schema, 300), schema, Ledger(Budget(3.0, 1e-6)), np.random.default_rng(0))
    synthesizer.fit(private, np.random.default_rng(1))
    assert composes_exactly(private.ledger), "all its noise is Gaussian, and it has a zCDP cap, which is less"
    return asked


def composes_exactly(ledger: Ledger) -> bool:
    """Whether what charges Gaussians alone has planned them alone, as README.md of methods says of all."""
    charged, planned = ({spend["mechanism"] for spend in spends} for spends in (ledger.entries, ledger.plan or []))
    return charged != {"Gaussian"} or planned <= {"Gaussian", "GaussianCap"}


@pytest.mark.parametrize("name", METHODS)
def test_one_row_moves_no_score_further_than_stated(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name.startswith("pgm_"):
        without_compiling(monkeypatch)
    synthesizer = made(name)
    asked = watched(synthesizer, monkeypatch)
    assert asked or not selects_by_its_source(type(synthesizer).__module__), "it selects, and was not seen to"
    rng = np.random.default_rng(2)
    for own, queries, score, sensitivity, how in asked:
        for rows in (0, 1, 40):
            encoded = np.stack([rng.integers(size, size=rows + 1) for size in own.sizes], axis=1)
            encoded[rng.integers(rows + 1, size=rows + 1)] = encoded[0]  # many equal rows, so that dependence is strong
            with_row, without = (
                np.array([score(marginal(part, own, query), query) for query in queries]) for part in (encoded, encoded[1:])
            )
            moved = np.abs(with_row - without)
            assert (moved.max() if how == "each" else np.linalg.norm(moved)) <= sensitivity * (1 + 1e-9)


def test_methods_that_select_are_told_from_those_that_do_not() -> None:
    told = {name: selects_by_its_source(read_option("synthesizer", name)["_target_"].rpartition(".")[0]) for name in METHODS}
    assert told["mst"] and told["aim"] and told["privsyn"] and told["privmrf"] and told["pgm_mst"] and told["privbayes"]
    assert not (told["real"] or told["clipped_ctgan"] or told["dpdsyn"])
