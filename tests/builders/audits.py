"""Audits on a small simulated table, as Hydra composes them."""

from __future__ import annotations

from typing import Any


def config_of(target: str, epsilon: float, delta: float, runs: int, **parameters: object) -> dict[str, Any]:
    """A configuration as Hydra composes it, on a small simulated table."""
    from experiments.configuration import read_option

    dataset = read_option("dataset", "simulated")
    dataset |= {"generator": dataset["generator"] | {"rows": 400, "test_rows": 10, "columns": 4}, "offtask": None}
    return {
        "dataset": dataset,
        "synthesizer": {"name": target.rpartition(".")[2], "_target_": target, **parameters},
        "privacy": {"epsilon": epsilon, "delta": delta},
        "encoding": read_option("encoding", "public"),
        "evaluation": read_option("evaluation", "standard"),
        "compute": read_option("compute", "default"),
        "audit": {"runs": runs, "columns": 4, "rows": 40, "canaries": 40},
        "seed": 0,
    }
