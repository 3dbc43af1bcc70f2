"""Audits on a small simulated table, as Hydra composes them, of draws that do not follow the source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.audit.findings import Shown, judged, shown, suspicious
from experiments.audit.trials import Audit, Chunks


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


@dataclass(frozen=True)
class Drawn(Audit):
    """An audit of draws that are its own.

    The command draws by the audit's id, which follows the source of what is audited, so that a line changed anywhere in
    the library is another draw. A bound of few runs is a random number: a test of one asks the same draw each time.
    """

    draws: int = 1

    @property
    def audit_id(self) -> str:
        return f"{self.draws:x}"


def seen(folder: Path, audit: Audit, trial: int = 0, draws: int = 1) -> tuple[str, Shown]:
    """The guarantee and what is shown of it, all runs of fixed draws, done in this process."""
    chunks = Chunks(folder / audit.audit_id)  # one folder each, whatever is drawn alike
    audit = Drawn(**vars(audit), draws=draws)
    cut = audit.cut()
    for chunk in chunks.missing(trial, audit.runs):
        chunks.write(audit, cut, trial, chunk)
    observed = chunks.read(trial, audit.runs)
    return observed.guarantee, shown(audit, observed)


def verdict(folder: Path, audit: Audit, draws: int = 1) -> tuple[str, Shown]:
    """As the command comes to it, with the first runs; suspicious ones are made once more."""
    epsilon = audit.run.budget.epsilon
    guarantee, first = seen(folder, audit, draws=draws)
    again = seen(folder, audit, trial=1, draws=draws)[1] if suspicious(guarantee, epsilon, first) else None
    return judged(guarantee, epsilon, first, again), first
