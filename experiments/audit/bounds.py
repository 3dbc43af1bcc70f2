"""What scores of an attack say about epsilon: bounds that hold with 95% confidence whatever the attack is.

If a method is (epsilon, delta)-DP, every event has P_with <= exp(epsilon) P_without + delta, and the same with the two
worlds exchanged (Kairouz, Oh and Viswanath 2015). An attack is an event; an event that is too telling refutes epsilon.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
LOW_FPR = 0.01


@dataclass(frozen=True)
class Event:
    """Scores of at least `threshold` (or under it), likelier with the row (or without it)."""

    threshold: float
    above: bool
    with_likelier: bool

    def counts(self, scores: np.ndarray) -> int:
        return int((scores >= self.threshold).sum() if self.above else (scores < self.threshold).sum())


def split(runs: int) -> np.ndarray:
    """Which runs of one world choose the event, shape (runs,), bool: every other one. The rest test it."""
    return np.arange(runs) % 2 == 0


def lower_bound(with_row: np.ndarray, without: np.ndarray, delta: float) -> float:
    """The epsilon that the runs refute, at least 0. Scores of shape (runs in that world,), in the order of the runs.

    Every other run chooses the event that promises most; the others, which had no part in the choice, test it.
    """
    event = best_event(with_row[split(len(with_row))], without[split(len(without))], delta)
    return bound_of(event, with_row[~split(len(with_row))], without[~split(len(without))], delta)


def bound_of(event: Event, with_row: np.ndarray, without: np.ndarray, delta: float) -> float:
    """The bound from one event that was fixed before these runs."""
    pairs = ((event.counts(with_row), len(with_row)), (event.counts(without), len(without)))
    (hits, of), (false_hits, of_false) = pairs if event.with_likelier else pairs[::-1]
    return float(_refuted(np.array([hits]), of, np.array([false_hits]), of_false, delta)[0])


def best_event(with_row: np.ndarray, without: np.ndarray, delta: float) -> Event:
    """The event with the largest bound on these runs."""
    thresholds = np.unique(np.concatenate([with_row, without]))
    over = [len(s) - np.searchsorted(np.sort(s), thresholds, side="left") for s in (with_row, without)]
    best = (-1.0, Event(math.inf, True, True))
    for above in (True, False):
        hits, false_hits = over if above else [len(s) - o for s, o in zip((with_row, without), over, strict=True)]
        for with_likelier in (True, False):
            first, second = ((hits, len(with_row)), (false_hits, len(without)))[:: 1 if with_likelier else -1]
            bounds = _refuted(*first, *second, delta)
            at = int(bounds.argmax())
            best = max(best, (float(bounds[at]), Event(float(thresholds[at]), above, with_likelier)), key=lambda found: found[0])
    return best[1]


def best_guess(with_row: np.ndarray, without: np.ndarray) -> Event:
    """The threshold from which on "with" is guessed, so that as many as can be of these runs are guessed right.

    Scores are to be larger with the row.
    """
    together = np.unique(np.concatenate([with_row, without]))
    over = [(len(s) - np.searchsorted(np.sort(s), together, side="left")) / len(s) for s in (with_row, without)]
    return Event(float(together[(over[0] - over[1]).argmax()]), above=True, with_likelier=True)


def right_guesses(guess: Event, with_row: np.ndarray, without: np.ndarray) -> tuple[int, int]:
    """How many guesses are right, and how many there are: as many with the row as without, the last ones left out."""
    each = min(len(with_row), len(without))
    return guess.counts(with_row[:each]) + each - guess.counts(without[:each]), 2 * each


def power(runs: int, delta: float) -> float:
    """The bound that an attack which is never wrong gets from so many runs, both worlds together: nothing shows more."""
    scores = np.zeros(runs // 2)
    return lower_bound(scores + 1, scores, delta)


def tpr_at_low_fpr(with_row: np.ndarray, without: np.ndarray) -> float:
    """Share of runs with the row that are recognised while at most 1% of those without it are mistaken, on all runs."""
    allowed = math.floor(LOW_FPR * len(without))
    return float((with_row > np.sort(without)[::-1][allowed]).mean())


def _refuted(hits: np.ndarray, of: int, false_hits: np.ndarray, of_false: int, delta: float) -> np.ndarray:
    """ln((p - delta) / q) at least 0, p and q by Clopper and Pearson (1934), each one-sided, both together at 95%."""
    from scipy.stats import beta

    miss = (1 - CONFIDENCE) / 2
    p = np.where(hits > 0, beta.ppf(miss, np.maximum(hits, 1), of - hits + 1), 0.0)
    q = np.where(false_hits < of_false, beta.ppf(1 - miss, false_hits + 1, np.maximum(of_false - false_hits, 1)), 1.0)
    return np.log(np.maximum((p - delta) / q, 1.0))


def one_run_p_value(canaries: int, guesses: int, right: int, epsilon: float, delta: float) -> float:
    """Bound on the chance of so many right guesses under (epsilon, delta)-DP, each canary in the table by a coin's fall.

    (Steinke, Nasr and Jagielski 2023, arXiv 2305.08846, Theorem 5.2 and appendix D.) Guesses are of canaries that the
    attacker does not abstain from.
    """
    from scipy.stats import binom

    accuracy = 1 / (1 + math.exp(-epsilon))
    at_least = float(binom.sf(right - 1, guesses, accuracy))
    below = np.cumsum(binom.pmf(np.arange(right - 1, -1, -1), guesses, accuracy))
    steepest = float((below / np.arange(1, right + 1)).max()) if right else 0.0
    return min(1.0, at_least + steepest * delta * 2 * canaries)


def one_run_bound(canaries: int, guesses: int, right: int, delta: float) -> float:
    """The largest epsilon that so many right guesses refute at 95%; 0 if none."""
    low, high = 0.0, 1.0
    if one_run_p_value(canaries, guesses, right, 0.0, delta) >= 1 - CONFIDENCE:
        return 0.0
    while one_run_p_value(canaries, guesses, right, high, delta) < 1 - CONFIDENCE:
        low, high = high, 2 * high
    for _ in range(50):
        middle = (low + high) / 2
        refuted = one_run_p_value(canaries, guesses, right, middle, delta) < 1 - CONFIDENCE
        low, high = (middle, high) if refuted else (low, middle)
    return low
