"""Trials, and what came of a tuning: as people and views see it."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from typing import Any

from experiments.sweep.plugins.tuning import Tuning


@dataclass(frozen=True)
class Trial:
    """settings: overrides of what was tried. value: of the objective, the mean over its runs; None if one of them has none."""

    number: int
    settings: tuple[str, ...]
    value: float | None
    run_ids: tuple[str, ...]


@dataclass(frozen=True)
class Tuned:
    """trials: in the order in which they were asked for. tried: how many runs this command did. refused: why some were not."""

    tuning: Tuning
    trials: tuple[Trial, ...]
    tried: int
    refused: tuple[str, ...] = ()

    @property
    def best(self) -> Trial | None:
        """The first of those with the best value; None if every trial failed."""
        ended = [trial for trial in self.trials if trial.value is not None]
        sign = -1 if self.tuning.direction == "maximize" else 1
        return min(ended, key=lambda trial: sign * trial.value, default=None)  # type: ignore[operator]

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        best = self.best
        return {
            "objective": self.tuning.objective,
            "direction": self.tuning.direction,
            "best": asdict(best) if best else None,
            "trials": [asdict(trial) for trial in self.trials],
        }


def summary(tuned: Tuned, most: int = 10) -> list[str]:
    """What a person sees at the end: the best trials, and what to type for the best one."""
    best, tuning = tuned.best, tuned.tuning
    failed = sum(trial.value is None for trial in tuned.trials)
    head = (
        f"{len(tuned.trials)} trials of {tuning.objective} ({tuning.direction}), {failed} failed; {tuned.tried} runs computed now"
    )
    if best is None:
        return [head]
    sign = -1 if tuning.direction == "maximize" else 1
    ranked = sorted((trial for trial in tuned.trials if trial.value is not None), key=lambda t: (sign * t.value, t.number))  # type: ignore[operator]
    lines = [f"| {'trial':>5} | {tuning.objective:<12} | settings |", f"| {'-' * 5} | {'-' * 12} | -------- |"]
    lines += [f"| {trial.number:>5} | {trial.value:<12.4f} | {' '.join(trial.settings)} |" for trial in ranked[:most]]
    job = tuning.jobs(best.settings)[0]
    kept = [text for text in job if not text.startswith(("seed=", "dataset=", "dataset.", "privacy.", "experiment=", "compute"))]
    flags = [] if tuning.request.config_dir is None else ["--config-dir", str(tuning.request.config_dir)]
    typed = shlex.join(["dpdsyn", "run", *flags, "dataset=NAME", *kept])
    return [head, "", *lines, "", f"the best, on another table: {typed}"]
