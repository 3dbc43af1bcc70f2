"""What one audit came to, as the rows that are stored and exported."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from experiments import machine
from experiments.audit.trials import Audit, Finding, Observed
from experiments.records.audits import COLUMNS, Audited


def result(audit: Audit, observed: Observed, found: Sequence[Finding], again: Sequence[Finding]) -> Audited:
    """The rows of one audit: of each attack, with the fresh runs that were made where a claim was crossed."""
    fresh = {finding.attack: finding for finding in again}
    environment = machine.describe(audit.run.threads)
    shared = {
        "method": audit.label,
        "guarantee": observed.guarantee,
        "claimed_epsilon": audit.run.budget.epsilon,
        "delta": audit.run.budget.delta,
        "verdict": judged(observed.guarantee, audit.run.budget.epsilon, found, again),
        "dataset": audit.run.dataset.name,
        "columns": audit.columns,
        "rows": audit.rows,
        "seconds_per_run": round(median(observed.seconds.tolist()), 3),
        "version": audit.run.synthesizer.version,
        "commit": environment["commit"],
        "dirty": environment["dirty"],
    }
    rows = []
    for finding in found:
        other = fresh.get(finding.attack)
        own = {
            "attack": finding.attack,
            "attacker_knows": finding.knows,
            "lower_bound": round(finding.bound, 3),
            "power": round(finding.power, 3),
            "tpr_at_1pct_fpr": None if finding.tpr is None else round(finding.tpr, 3),
            "runs": finding.runs,
            "fresh_lower_bound": None if other is None else round(other.bound, 3),
            "fresh_runs": None if other is None else other.runs,
        }
        rows.append({name: {**shared, **own}[name] for name in COLUMNS})
    return Audited(rows)


def judged(guarantee: str, claim: float, found: Sequence[Finding], again: Sequence[Finding]) -> str:
    """The badge: a violation only if the same attack crosses the claim in the first runs and in fresh ones."""
    crossed = {finding.attack for finding in found if finding.bound > claim}
    if guarantee == "none":
        return "no guarantee, and none kept" if crossed else "no guarantee"
    if crossed & {finding.attack for finding in again if finding.bound > claim}:
        return "violation"
    if max(finding.power for finding in found) < claim:
        return "not testable at this epsilon"
    return "crossed once, not again" if crossed else "bound under the claim"
