"""What the runs of an audit show: of each attack two bounds, and whether noise, samples and evidence are what was charged for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experiments.audit import attacks as audit_attacks
from experiments.audit import family
from experiments.audit.attacks import ATTACKS, Attack
from experiments.audit.bounds import (
    Event,
    best_guess,
    lower_bound,
    one_run_bound,
    power,
    right_guesses,
    split,
    tpr_at_low_fpr,
)
from experiments.audit.calibration import Calibration, calibrated
from experiments.audit.trials import Audit, Observed

ONE_RUN = "one run, many canaries"
LEVEL = 0.05  # at which a test convicts, if it does so in fresh runs too
_ROUNDING = 1e-4  # relative, of how far an answer moves
_EVEN_ODDS = Event(float(np.nextafter(0.0, 1.0)), above=True, with_likelier=True)  # a likelihood ratio over 1


@dataclass(frozen=True)
class Finding:
    """One attack's result.

    bound: what it refutes at 95% without any assumption; power: what it could have. family_bound, family_power: the same of the
    charged plan with all its noise scaled (`family.py`), None without a plan; scale: the noise that is refuted, as a multiple of
    the charged one. tpr: at a false-positive rate of 1%.
    """

    attack: str
    knows: str
    bound: float
    power: float
    tpr: float | None
    runs: int
    family_bound: float | None = None
    family_power: float | None = None
    scale: float | None = None


@dataclass(frozen=True)
class Shown:
    """All that a set of runs shows."""

    findings: Sequence[Finding]
    calibration: Calibration

    def crossed(self, claim: float) -> frozenset[str]:
        """The attacks whose bound, without any assumption, is above the claim."""
        return frozenset(finding.attack for finding in self.findings if finding.bound > claim)

    def overspent(self) -> frozenset[str]:
        """What shows that more was told than was charged for: attacks, "calibration", "sensitivity"."""
        attacks = {finding.attack for finding in self.findings if finding.scale is not None and finding.scale < 1}
        calibration = self.calibration
        tests = {"calibration": calibration.p < LEVEL, "sensitivity": (calibration.moved or 0.0) > 1 + _ROUNDING}
        return frozenset(attacks | {name for name, failed in tests.items() if failed})


def shown(audit: Audit, observed: Observed) -> Shown:
    """Of every attack that had something to observe, and the calibration."""
    with_canary = np.arange(len(observed.evidence)) % 2 == 1
    found = []
    for attack in ATTACKS:
        seen = observed.of(attack)
        scored = audit_attacks.scores(attack, seen[with_canary], seen[~with_canary])
        if scored is not None:
            found.append(_finding(audit, attack, *scored, observed.plan))
    return Shown(found, calibrated(observed.evidence[:, 0], observed.watched))


def _finding(audit: Audit, attack: Attack, inside: np.ndarray, outside: np.ndarray, plan: family.Plan | None) -> Finding:
    delta, runs = audit.run.budget.delta, len(inside) + len(outside)
    tested = inside[~split(len(inside))], outside[~split(len(outside))]
    if attack.learnt:  # nothing of the runs that chose the guess may test it
        guess, judging = best_guess(inside[split(len(inside))], outside[split(len(outside))]), tested
    else:
        guess, judging = _EVEN_ODDS, (inside, outside)
    own = None
    if plan is not None:
        right, guesses = right_guesses(guess, *judging)
        own = family.refuted(plan, right, guesses, delta), family.power(plan, guesses, delta)
    return Finding(
        attack.name,
        attack.knows,
        lower_bound(inside, outside, delta),
        power(runs, delta),
        tpr_at_low_fpr(*tested),
        runs,
        None if own is None else own[0].epsilon,
        None if own is None else own[1],
        None if own is None else own[0].scale,
    )


def one_run_finding(audit: Audit, guessed: int, right: int) -> Finding:
    """Of the attack with many canaries in one fit."""
    delta = audit.run.budget.delta
    bound, best = (one_run_bound(audit.canaries, guessed, v, delta) for v in (right, guessed))
    return Finding(ONE_RUN, ATTACKS[0].knows, bound, best, None, 1)


def judged(guarantee: str, claim: float, first: Shown, again: Shown | None) -> str:
    """The badge: a violation only if the same attack or test shows it in the first runs and in fresh ones.

    A bound that assumes nothing refutes the claim itself; everything else refutes that what was charged is what was told. Each
    of at most seven criteria fails by chance in one of twenty sets of runs at most, so a sound method is called a violation
    with a chance under 2%.
    """
    crossed, overspent = first.crossed(claim), first.overspent()
    if guarantee == "none":
        return "no guarantee, and none kept" if crossed else "no guarantee"
    if again is not None and crossed & again.crossed(claim):
        return "violation"
    if again is not None and guarantee == "dp" and (both := overspent & again.overspent()):
        return f"violation of what was charged ({', '.join(sorted(both))})"
    if crossed or (guarantee == "dp" and overspent):
        return "crossed once, not again"
    untestable = max((finding.power for finding in first.findings), default=0.0) < claim
    untestable = untestable and not any(finding.family_power for finding in first.findings)
    return "not testable at this epsilon" if untestable else "bound under the claim"


def suspicious(guarantee: str, claim: float, found: Shown) -> bool:
    """Whether fresh runs are to be made."""
    return guarantee != "none" and bool(found.crossed(claim) or (guarantee == "dp" and found.overspent()))
