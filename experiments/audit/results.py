"""What one audit came to, as the rows that are stored and exported."""

from __future__ import annotations

from statistics import median
from typing import Any

from experiments import machine
from experiments.audit.attacks import VERSION
from experiments.audit.findings import Finding, Shown, judged
from experiments.audit.trials import Audit, Observed
from experiments.records.audits import COLUMNS, Audited


def result(audit: Audit, observed: Observed, first: Shown, again: Shown | None) -> Audited:
    """The rows of one audit: of each attack, with the fresh runs that were made where a claim was crossed."""
    fresh = {finding.attack: finding for finding in again.findings} if again else {}
    environment, calibration = machine.describe(audit.run.threads), first.calibration
    shared = {
        "method": audit.label,
        "guarantee": observed.guarantee,
        "claimed_epsilon": audit.run.budget.epsilon,
        "delta": audit.run.budget.delta,
        "verdict": judged(observed.guarantee, audit.run.budget.epsilon, first, again),
        "calibration_p": _significant(calibration.p),
        "calibration_by": calibration.by,
        "noise_of_charged": _rounded(calibration.noise, 4),
        "moved_of_charged": _rounded(calibration.moved, 4),
        "canary": audit.canary,
        "relation": audit.relation,
        "rows_of_canary": audit.rows_of_canary,
        "dataset": audit.run.dataset.name,
        "columns": audit.columns,
        "rows": audit.rows,
        "seconds_per_run": round(median(observed.seconds.tolist()), 3),
        "version": audit.run.synthesizer.version,
        "attacks_version": VERSION,
        "commit": environment["commit"],
        "dirty": environment["dirty"],
    }
    return Audited([{**shared, **_row(finding, fresh.get(finding.attack))} for finding in first.findings]).in_order(COLUMNS)


def _row(finding: Finding, other: Finding | None) -> dict[str, Any]:
    return {
        "attack": finding.attack,
        "attacker_knows": finding.knows,
        "lower_bound": round(finding.bound, 3),
        "power": round(finding.power, 3),
        "family_bound": _rounded(finding.family_bound),
        "family_power": _rounded(finding.family_power),
        "noise_refuted_from": _rounded(finding.scale) if finding.scale != float("inf") else None,
        "tpr_at_1pct_fpr": _rounded(finding.tpr),
        "runs": finding.runs,
        "fresh_lower_bound": None if other is None else round(other.bound, 3),
        "fresh_family_bound": None if other is None else _rounded(other.family_bound),
        "fresh_runs": None if other is None else other.runs,
    }


def _rounded(value: float | None, digits: int = 3) -> float | None:
    return None if value is None else round(value, digits)


def _significant(p: float) -> float:
    return float(f"{p:.3g}")
