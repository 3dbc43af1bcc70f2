"""Whether noise is what was charged for: tests of what was added to exact answers, with a stated chance of a false alarm.

Residuals come from `Twin`. Under the ledger's claim they are independent draws of N(0, 1), or of that rounded to a known step.
A uniform number within each step makes the rounded ones exactly normal, so every test below has its stated chance exactly, or
less: sums of squares are chi-squared, sums are normal, and a sum of products x y of disjoint residuals is normal of variance
|x|^2 given x.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dpdsyn.checking.twin import Call

_KINDS = ("noisy_marginals", "noisy_scores", "noisy_sum", "histograms", "noisy_count")
_TESTS = 4 * 3 + 4  # among which the chance of a false alarm is divided: no table has mechanisms of more than three kinds
_OF_A_CALL = 2000  # residuals that are held against others
_CALLS = 256
_LAGS = 256
_FINENESS = 2.0**-13  # to which noise that is no whole number must agree to be called the same
_WIDEST = 64  # window in which noise is looked for again
_OF_A_KIND = 200_000


@dataclass(frozen=True)
class Stream:
    """The noise of one fit in the order of its answers. whose: what was asked, for messages."""

    whose: list[str]
    residuals: list[np.ndarray]
    steps: list[float]
    normal: list[np.ndarray]

    @classmethod
    def of(cls, calls: Sequence[Call], rng: np.random.Generator) -> Stream:
        """rng: of the places within a step."""
        asked, residuals, steps, normal = [], [], [], []
        for number, call in enumerate(calls, start=1):
            if call.residual is None or not call.residual.size:
                continue
            residual = call.residual.astype(float).ravel()
            asked.append(f"{call.asked[0]} (answer {number})")
            residuals.append(residual)
            steps.append(call.step)
            normal.append(_unrounded(residual, call.step, rng) if call.step else residual)
        return cls(asked, residuals, steps, normal)


def fault(streams: Sequence[Stream], chance: float) -> str | None:
    """What is wrong with the noise of several fits, of different seeds, or None.

    chance: of a fault being told where there is none, over all tests together.
    """
    each = chance / _TESTS
    if not all(np.isfinite(part).all() for stream in streams for part in stream.residuals):
        return "noise is not finite"
    tests = (_sizes, _again, _between, _within_fits, _apart)
    return "; ".join(itertools.chain.from_iterable(test(streams, each) for test in tests)) or None


def _unrounded(residual: np.ndarray, step: float, rng: np.random.Generator) -> np.ndarray:
    """Normal numbers for rounded ones: the inverse of the distribution function at a uniform place within the step."""
    from scipy.special import log_ndtr, ndtri_exp

    low, high = log_ndtr(-np.abs(residual) - step / 2), log_ndtr(-np.abs(residual) + step / 2)  # the lighter tail
    place = rng.random(residual.shape)
    inside = ndtri_exp(np.minimum(np.logaddexp(low + np.log1p(-place), high + np.log(np.maximum(place, 1e-300))), -1e-16))
    return np.where(residual >= 0, -inside, inside)


def _sizes(streams: Sequence[Stream], chance: float) -> Iterator[str]:
    """Each mechanism's noise by itself: its variance, its mean, its distribution."""
    from scipy.stats import chi2, kstest, norm

    for kind in _KINDS:
        pairs = itertools.chain.from_iterable(zip(stream.whose, stream.normal, strict=True) for stream in streams)
        parts = [part for asked, part in pairs if asked.startswith(kind)]
        noise = np.concatenate(parts) if parts else np.zeros(0)
        if not noise.size:
            continue
        square, numbers = float((noise * noise).sum()), f"({noise.size} numbers)"
        if 2 * min(chi2.cdf(square, noise.size), chi2.sf(square, noise.size)) < chance:
            deviation = math.sqrt(square / noise.size)
            yield f"{kind}: noise has {deviation:.3g} times the deviation that was charged for {numbers}"
        elif 2 * norm.sf(abs(noise.sum()) / math.sqrt(noise.size)) < chance:
            yield f"{kind}: noise has a mean of {noise.mean():.3g} deviations, not 0 {numbers}"
        elif kstest(noise[:_OF_A_KIND], "norm").pvalue < chance:
            yield f"{kind}: noise is not Gaussian {numbers}"


def _again(streams: Sequence[Stream], chance: float) -> Iterator[str]:
    """Runs of noise that come twice, bit for bit but for scale and sign, within a fit or in two.

    A run is so long that by chance none would be met again.
    """
    for rounded in (True, False):
        places, cells, widest = [], [], 0.0
        for number, stream in enumerate(streams):
            own = [i for i, step in enumerate(stream.steps) if bool(step) is rounded]
            pieces = [_cells(stream.residuals[i][:_OF_A_CALL], stream.steps[i]) for i in own]
            widest = max([widest, *(stream.steps[i] or _FINENESS for i in own)])
            cells.append(np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.uint64))
            places += [(number, i) for i, piece in zip(own, pieces, strict=True) for _ in range(len(piece))]
        numbers = sum(map(len, cells))
        if numbers < 2:
            continue
        alike = min(0.9, widest / math.sqrt(math.pi))  # the chance of two numbers to lie in one cell, at most
        length = math.ceil(math.log(chance / numbers**2) / math.log(alike))
        if length > _WIDEST:
            continue
        told: dict[str, str] = {}
        for pair in _met_again(cells, length):
            (one, first), (other, second) = (places[at] for at in pair)
            where = "in one fit" if one == other else "in two fits of different seeds"
            told.setdefault(where, f"{streams[one].whose[first]} and {streams[other].whose[second]} {where} share their noise")
        yield from told.values()


def _cells(residuals: np.ndarray, step: float) -> np.ndarray:
    return np.rint(np.minimum(np.abs(residuals) / (step or _FINENESS), 2.0**62)).astype(np.uint64)


def _met_again(cells: Sequence[np.ndarray], length: int) -> list[tuple[int, int]]:
    """Where two equal runs begin, by their places in all cells together; each run with the one before that equals it."""
    multiplier, starts, hashes, start = np.uint64(0x9E3779B97F4A7C15), [], [], 0
    for own in cells:
        runs = len(own) - length + 1
        if runs > 0:
            total = np.zeros(runs, dtype=np.uint64)
            for i in range(length):
                mixed = (own[i : i + runs] + np.uint64(1)) * multiplier
                total = (total + (mixed ^ (mixed >> np.uint64(29)))) * np.uint64(0xBF58476D1CE4E5B9)
            hashes.append(total)
            starts.append(np.arange(start, start + runs))
        start += len(own)
    if not hashes:
        return []
    together, at = np.concatenate(hashes), np.concatenate(starts)
    order = np.argsort(together, kind="stable")
    equal = np.flatnonzero(together[order][1:] == together[order][:-1])
    return list(zip(at[order[equal]].tolist(), at[order[equal + 1]].tolist(), strict=True))


def _within_fits(streams: Sequence[Stream], chance: float) -> Iterator[str]:
    """Each two answers of a fit, number by number from the first, over all fits together."""
    calls = min(_CALLS, max((len(stream.normal) for stream in streams), default=0))
    products, squares = np.zeros((calls, calls)), np.zeros((calls, calls))
    for stream in streams:
        padded, there = _padded(stream.normal[:calls])
        padded, there = (np.pad(part, ((0, calls - len(part)), (0, 0))) for part in (padded, there))
        products += padded @ padded.T
        squares += (padded * padded) @ there.T
    at = _correlated(np.triu(products, 1), squares, np.triu(np.ones_like(products, dtype=bool), 1), chance)
    if at is not None:
        whose = next(stream.whose for stream in streams if len(stream.whose) > max(at))
        yield f"{whose[at[0]]} and {whose[at[1]]} of a fit have noise that goes together"


def _between(streams: Sequence[Stream], chance: float) -> Iterator[str]:
    """All answers of one fit and the same answers of another."""
    shapes = max((tuple(map(len, stream.normal)) for stream in streams), default=(), key=len)
    lengths = [min(_OF_A_CALL, *(len(s.normal[i]) for s in streams if i < len(s.normal))) for i in range(len(shapes))]
    rows = [[part[:length] for part, length in zip(stream.normal, lengths, strict=False)] for stream in streams]
    padded, there = _padded([np.concatenate(row) for row in rows if row])
    pairs = np.triu(np.ones((len(padded), len(padded)), dtype=bool), 1)
    products, squares = padded @ padded.T, (padded * padded) @ there.T
    one, other = np.arange(0, len(padded) - 1, 2), np.arange(1, len(padded), 2)  # every fit and the next, all such together
    whole = np.array([[products[one, other].sum()]]), np.array([[squares[one, other].sum()]])
    if _correlated(*whole, whole[1] > 0, chance / 2) or _correlated(products, squares, pairs, chance / 2):
        yield "two fits of different seeds have noise that goes together"


def _padded(rows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The rows below one another, zeros behind them, and ones where there is something. Rows longer than is held are cut."""
    most = max((min(len(row), _OF_A_CALL * 4) for row in rows), default=0)
    padded, there = np.zeros((len(rows), most)), np.zeros((len(rows), most))
    for i, row in enumerate(rows):
        padded[i, : len(row)], there[i, : len(row)] = row[:most], 1.0
    return padded, there


def _correlated(products: np.ndarray, squares: np.ndarray, pairs: np.ndarray, chance: float) -> tuple[int, int] | None:
    """The two that go together most, if more than by chance among so many pairs."""
    from scipy.stats import norm

    pairs = pairs & (squares > 0)
    if not pairs.any():
        return None
    off = np.abs(np.where(pairs, products / np.sqrt(np.where(pairs, squares, 1.0)), 0.0))
    at = np.unravel_index(int(off.argmax()), off.shape)
    return (int(at[0]), int(at[1])) if 2 * norm.sf(off[at]) * pairs.sum() < chance else None


def _apart(streams: Sequence[Stream], chance: float) -> Iterator[str]:
    """Noise and that which comes a fixed number of draws later in the same fit, over all fits together."""
    from scipy.stats import norm

    padded, there = _padded(
        [np.concatenate([part[:_OF_A_CALL] for part in stream.normal]) for stream in streams if stream.normal]
    )
    lags = min(_LAGS, padded.shape[1] - 1)
    for lag in range(1, lags + 1):
        products = (padded[:, :-lag] * padded[:, lag:]).sum(axis=0)
        squares = (padded[:, :-lag] ** 2 * there[:, lag:]).sum(axis=0)
        half = np.arange(len(products)) // lag % 2 == 0
        for own in (half, ~half):  # so that no number is on both sides
            whole = float(squares[own].sum())
            if whole > 0 and 2 * norm.sf(abs(products[own].sum()) / math.sqrt(whole)) * 2 * lags < chance:
                yield f"noise goes together with that of {lag} numbers later in the same fit"
                return
