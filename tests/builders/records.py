"""Records as a sweep leaves them."""

from __future__ import annotations

from typing import Any

from experiments.records.record import Record


def record(run_id: str = "a", **changes: object) -> Record:
    fields = {
        "run_id": run_id,
        "fit_id": "f",
        "status": "ok",
        "seed": 0,
        "n_synth": 5,
        "dataset": {"name": "toy", "n_train": 9, "n_test": 3},
        "method": {"name": "m", "guarantee": "dp", "parameters": {}},
        "privacy": {"epsilon": 1.0, "delta": 1e-6, "spent": 0.99},
        "metrics": {"logistic": {"accuracy": 0.5, "auroc": None}, "forest": {"accuracy": 0.7, "auroc": 0.9}},
        "seconds": {"fit": 1.0, "sample": 0.5, "total": 1.5},
        "fidelity": {"tvd1": 0.1, "tvd2": 0.2},
    }
    return Record.of(**{**fields, **changes})


def changed(made: Record, **values: Any) -> Record:
    """The record with other plain values; a part is given whole."""
    return Record.of(**{**made.plain(), **values})


def one(
    method: str, accuracy: float = 0.8, took: float = 1.0, guarantee: str = "dp", epsilon: float = 1.0, **more: Any
) -> Record:
    made = record(
        f"{method}{epsilon}{more.get('seed', 0)}",
        method={"name": method, "guarantee": guarantee, "parameters": {}},
        privacy={"epsilon": epsilon, "delta": 1e-6, "spent": epsilon},
        metrics={"logistic": {"accuracy": accuracy, "auroc": 0.9}},
        seconds={"fit": took, "sample": 0.0, "total": took},
        fidelity={"tvd1": 0.1, "tvd2": 1 - accuracy},
    )
    return changed(made, **more)


def few() -> list[Record]:
    """Five methods that are compared or not, and one that was stopped, at two budgets."""
    made = []
    for epsilon in (1.0, 4.0):
        cut = {
            "status": "timeout",
            "metrics": {},
            "seconds": {"limit": 600, "reached": 600.1},
            "fidelity": {},
            "epsilon": epsilon,
        }
        made += [one("real", 0.9, guarantee="none", epsilon=epsilon), one("majority", 0.7, guarantee="none", epsilon=epsilon)]
        made += [one("dpdsyn", 0.85, 0.5, epsilon=epsilon, seed=seed) for seed in range(3)]
        made += [one(*told, epsilon=epsilon, seed=seed) for told in (("mst", 0.8, 0.4), ("aim", 0.86, 20.0)) for seed in range(2)]
        made += [one("wrapped", 0.89, 0.1, "unverified", epsilon), one("dpdsyn_as_published", 0.89, 0.1, "none", epsilon)]
        made += [one("absyn", 0.89, 0.1, epsilon=epsilon), one("gan", 0.2, 9.0, epsilon=epsilon), one("slow", **cut)]
    return made
