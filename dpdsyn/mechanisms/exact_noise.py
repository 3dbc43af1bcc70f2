"""Noise whose law is exact: rounded Gaussians, gaps of Poisson samples, and choices of the exponential mechanism.

A Gaussian in floating point is not a Gaussian: which doubles can occur at all depends on the exact answer that it is added to
(Mironov 2012, "On significance of the least significant bits for differential privacy"). Here noise is a whole number, round(Z)
for Z of N(0, scale^2): for a whole number x, x + round(Z) is round(x + Z), which is post-processing of the Gaussian mechanism, so
that every theorem on Gaussian noise holds for it as it stands.

All draws are by inversion: a uniform number U, as many of its bits as are needed, decides. Its first 64 bits and double
precision decide wherever the double's error bound leaves no doubt; elsewhere numbers of any precision do, and further bits if 64
are too few. Karney (2016, "Sampling exactly from the normal distribution") has the same law by rejection; inversion takes one
64-bit word a number, and needs no more than an error bound of the quantile function.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from dpdsyn.base.checks import positive

NOISE_IMPORTS = ("scipy.special", "mpmath")  # a clock that is to leave imports out loads them first
_WORD = 64
_LEAST = 1 << 47  # of 2^64; under it the first word has too few digits to be trusted in double precision
_QUANTILE_ERROR = 2.0**-46  # of the Gaussian's quantile in double precision, for words of at least _LEAST
_LOG_ERROR = 2.0**-46
_RELATIVE_ERROR = 2.0**-48  # of a few operations in double precision
_BLOCK = 1 << 14  # numbers drawn at once; so many stay in the processor's cache
_WIDEST = 2.0**40  # so that noise, up to 38 times as wide, fits into 64 bits beside the answer

_RAREST = 2.0**-50  # the lowest rate: gaps of rarer successes would not fit beside each other in 64 bits

Survival = Callable[[Any, int], Any]  # of j, in mpmath's numbers of a context, the probability that the number drawn is above j


def words(size: int, rng: np.random.Generator) -> np.ndarray:
    """Uniform 64-bit numbers, shape (size,), uint64."""
    return rng.integers(0, 1 << _WORD, size=size, dtype=np.uint64)


def rounded_gaussian(scale: float, size: int, rng: np.random.Generator) -> np.ndarray:
    """round(Z) for independent Z of N(0, scale^2), shape (size,), int64: k has probability Phi((k+.5)/scale) - Phi((k-.5)/scale).

    Raises ValueError for a scale that is not above 0 or is above 2^40.
    """
    positive("scale", scale)
    if scale > _WIDEST:
        raise ValueError(f"scale is {scale!r}; noise of at most {_WIDEST:g} steps of its grid is possible")
    blocks = [_gaussian_block(scale, min(_BLOCK, size - start), rng) for start in range(0, size, _BLOCK)]
    return np.concatenate(blocks) if blocks else np.empty(0, dtype=np.int64)


def _gaussian_block(scale: float, size: int, rng: np.random.Generator) -> np.ndarray:
    from scipy.special import ndtri

    drawn = words(size, rng)
    tail = drawn >> np.uint64(1)  # of 2^64; the lowest bit is the sign
    wide = -ndtri((tail + 0.5) * 2.0**-_WORD) * scale + 0.5
    magnitude = np.floor(wide)
    error = scale * _QUANTILE_ERROR + wide * _RELATIVE_ERROR
    for i in np.flatnonzero(_unsure(wide, magnitude, error) | (tail < _LEAST)):
        magnitude[i] = _resolved(int(tail[i]), _gaussian_tail(scale), _gaussian_guess(scale), rng)
    return np.where(drawn & np.uint64(1), -magnitude, magnitude).astype(np.int64)


def gaps(rate: float, size: int, rng: np.random.Generator) -> np.ndarray:
    """Geometric numbers, shape (size,), int64, at least 1: the distances of successes in trials of probability `rate`.

    A gap above k has probability (1 - rate)^k. Raises ValueError unless 2^-50 <= rate < 1.
    """
    if not _RAREST <= rate < 1:
        raise ValueError(f"rate is {rate!r}; a number from {_RAREST:.1g} to 1 is needed")
    drawn = words(size, rng)
    failing = math.log1p(-rate)
    trials = np.log((drawn + 0.5) * 2.0**-_WORD) / failing
    failures = np.floor(trials)
    error = -_LOG_ERROR / failing + trials * _RELATIVE_ERROR
    for i in np.flatnonzero(_unsure(trials, failures, error) | (drawn < _LEAST)):
        failures[i] = _resolved(int(drawn[i]), _geometric_survival(rate), _geometric_guess(rate), rng)
    return failures.astype(np.int64) + 1


def exponential_choice(logits: np.ndarray, rng: np.random.Generator) -> int:
    """One of len(logits) positions, i with a probability proportional to exp(logits[i]).

    Raises ValueError unless all are finite.
    """
    logits = np.asarray(logits, dtype=float)
    if logits.ndim != 1 or not len(logits) or not np.isfinite(logits).all():
        raise ValueError("logits are finite numbers, at least one")
    above = np.cumsum(np.exp(logits - logits.max())[::-1])[::-1]  # of each position, the weights from there on
    shares = np.append(above / above[0], 0.0)
    word = int(words(1, rng)[0])
    u = (word + 0.5) * 2.0**-_WORD
    chosen = int(np.searchsorted(-shares, -u, side="right")) - 1
    error = 2.0**-46 + 2.0**-50 * len(logits)
    if min(abs(u - shares[chosen]), abs(u - shares[chosen + 1])) > error:
        return chosen
    return _resolved(word, _choice_survival(logits), lambda _: chosen, rng)


def _unsure(wide: np.ndarray, floor: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Where the number may lie on the other side of a whole one, shape (size,), bool."""
    fraction = wide - floor
    return (fraction <= error) | (fraction >= 1 - error)


def _resolved(word: int, survival: Survival, guess: Callable[[float], int], rng: np.random.Generator) -> int:
    """How many j from 0 on have survival(j) > U, which begins with the word's 64 bits; survival falls in j.

    guess: from U to a number that is near.
    """
    digits = Digits(word, rng)
    if word < _LEAST:
        digits.more()
    count = max(0, guess(digits.as_float()))
    while not digits.below(survival, count):  # U lies above: count is too high by one or right
        if count == 0 or digits.below(survival, count - 1):
            return count
        count -= 1
    while digits.below(survival, count):
        count += 1
    return count


class Digits:
    """A uniform number whose binary digits are drawn as they are needed."""

    def __init__(self, word: int, rng: np.random.Generator) -> None:
        import mpmath

        self._digits, self._bits, self._rng = word, _WORD, rng
        self._numbers = mpmath.mp.clone()  # with a precision of its own: mpmath's is shared by all threads

    def more(self) -> None:
        self._digits = (self._digits << _WORD) | int(words(1, self._rng)[0])
        self._bits += _WORD

    def as_float(self) -> float:
        return (self._digits + 0.5) / (1 << self._bits)

    def below(self, survival: Survival, j: int) -> bool:
        """Whether it lies below survival(j)."""
        while True:
            self._numbers.prec = self._bits + 128
            bound = self._numbers.ldexp(survival(self._numbers, j), self._bits)
            slack = self._numbers.ldexp(abs(bound), -self._bits - 64)  # far more than the last digits of numbers this precise
            if bound - slack >= self._digits + 1:
                return True
            if bound + slack <= self._digits:
                return False
            self.more()


def _gaussian_tail(scale: float) -> Survival:
    """Of |round(Z)|: half the probability that it is above j. U has a sign beside it and runs to 1/2 only."""
    return lambda numbers, j: numbers.erfc((numbers.mpf(j) + 0.5) / (numbers.mpf(scale) * numbers.sqrt(2))) / 2


def _gaussian_guess(scale: float) -> Callable[[float], int]:
    from scipy.special import ndtri

    return lambda u: math.floor(-float(ndtri(u)) * scale + 0.5)


def _geometric_survival(rate: float) -> Survival:
    return lambda numbers, j: (1 - numbers.mpf(rate)) ** (j + 1)


def _geometric_guess(rate: float) -> Callable[[float], int]:
    return lambda u: math.floor(math.log(u) / math.log1p(-rate))


def _choice_survival(logits: np.ndarray) -> Survival:
    def survival(numbers: Any, j: int) -> Any:
        top = numbers.mpf(float(logits.max()))
        weights = [numbers.exp(numbers.mpf(float(logit)) - top) for logit in logits]
        return numbers.fsum(weights[j + 1 :]) / numbers.fsum(weights)

    return survival
