"""Sums of independent privacy losses, with a proven bracket of the epsilon that they amount to.

The loss of a pair (P, Q) is L = log dP/dQ under P, and delta(epsilon) = E max(0, 1 - e^(epsilon - L)) for the sum L of all
losses. Here is how it is computed, after Gopi, Lee and Wutschitz (2021, "Numerical composition of differential privacy",
Section 4), with a tilt that keeps small deltas exact:

1. Each loss is cut to a range, all but a share of delta that is added at the end, and rounded to the nearest point of a lattice
   of step h. The rounding errors are independent, each within an interval of length h. So by Hoeffding's inequality their sum is
   above its mean by more than t = h sqrt(n log(1/eta) / 2) with a chance of at most eta, and as rarely below it by t. The mean is
   worked out and the sum moved by it. The true delta(epsilon) then lies between delta'(epsilon + t) - eta and
   delta'(epsilon - t) + eta, where delta' is that of the rounded and moved sum.
2. All is multiplied by e^(lambda L) before it is transformed and divided by it after, so that what matters for delta is as
   large as anything and the transform's rounding errors, relative to the largest, do not drown it.
3. What the lattice's window does not hold wraps around. How much that is is bounded by Chernoff's inequality, and added.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, ndtr, ndtri

WANTED = 5e-4  # the error t, as a share of epsilon, that the lattice is made for by default
_MOST_POINTS = 2**22  # of a lattice: with more steps than this can do, the bracket is wider
_TURNS = (0.03, 0.06, 0.12, 0.25, 0.5, 1.0)  # where Chernoff's bound is tried, as shares of what is best for a normal law
_ETA, _CUT, _FLOAT = 1e-6, 1e-8, 1e-8  # shares of delta: for Hoeffding, for ranges that are cut, for floating point


@dataclass(frozen=True)
class Loss:
    """One privacy loss, cut to a range.

    at, weights: nodes of a quadrature under P, and the losses there, shape (nodes,). chances: P of the losses between
    neighbouring edges, from edges that rise, shape (k,), to shape (k - 1,). low, high: the range.
    """

    at: np.ndarray
    weights: np.ndarray
    chances: Callable[[np.ndarray], np.ndarray]
    low: float
    high: float

    @cached_property
    def mean(self) -> float:
        return float(self.weights @ self.at / self.weights.sum())

    @cached_property
    def spread(self) -> float:
        return math.sqrt(float(self.weights @ (self.at - self.mean) ** 2))

    def log_moment(self, tilt: float) -> float:
        """log E e^(tilt L)."""
        return float(logsumexp(tilt * self.at, b=self.weights))

    def tilted(self, tilt: float) -> tuple[float, float]:
        """Mean and variance under P times e^(tilt L)."""
        weights = self.weights * np.exp(tilt * self.at - self.log_moment(tilt))
        mean = float(weights @ self.at)
        return mean, float(weights @ (self.at - mean) ** 2)


def reach(delta: float, occurrences: int) -> float:
    """How many standard deviations of noise are kept, so that all that is cut is no more than a share of delta."""
    return -float(ndtri(_CUT * delta / (4 * occurrences)))


def _nodes(low: float, high: float, panels: int = 1500) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss-Legendre quadrature on equal panels."""
    x, w = np.polynomial.legendre.leggauss(8)
    edges = np.linspace(low, high, panels + 1)
    half = np.diff(edges) / 2
    return (edges[:-1, None] + half[:, None] * (x + 1)).ravel(), (half[:, None] * w).ravel()


def _between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Phi(b) - Phi(a) for a <= b, without cancellation in either tail."""
    return np.where(a > 0, ndtr(-a) - ndtr(-b), ndtr(b) - ndtr(a))


def _density(x: np.ndarray) -> np.ndarray:
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def gaussian_loss(mu_squared: float, kept: float) -> Loss:
    """Of N(mu, 1) against N(0, 1): normal, of mean mu^2 / 2 and variance mu^2. kept: standard deviations, see `reach`."""
    mu, middle = math.sqrt(mu_squared), mu_squared / 2
    z, w = _nodes(-kept, kept)

    def chances(edges: np.ndarray) -> np.ndarray:
        places = np.clip((edges - middle) / mu, -kept, kept)
        return _between(places[:-1], places[1:])

    return Loss(middle + mu * z, w * _density(z), chances, middle - kept * mu, middle + kept * mu)


def sampled_loss(rate: float, noise: float, with_row: bool, kept: float) -> Loss:
    """Of Gaussian noise on a Poisson-sampled sum: (1 - q) N(0, s^2) + q N(1, s^2) against N(0, s^2), or the other way round.

    These dominate every neighbouring pair (Zhu, Dong and Wang 2022, Theorem 11). rate: q, below 1. with_row: the mixture is the
    truth.
    """
    first, last = -kept * noise, 1 + kept * noise
    x, w = _nodes(first, last)
    plain = _density(x / noise) / noise
    mixed = (1 - rate) * plain + rate * _density((x - 1) / noise) / noise
    at = _loss_at(x, rate, noise)

    def chances(edges: np.ndarray) -> np.ndarray:
        places = np.clip(_place_of(edges, rate, noise), first, last)
        unsampled = _between(places[:-1] / noise, places[1:] / noise)
        if not with_row:
            return unsampled
        return (1 - rate) * unsampled + rate * _between((places[:-1] - 1) / noise, (places[1:] - 1) / noise)

    low, high = (float(_loss_at(np.array(end), rate, noise)) for end in (first, last))
    if with_row:
        return Loss(at, w * mixed, chances, low, high)
    return Loss(-at, w * plain, lambda edges: chances(-edges[::-1])[::-1], -high, -low)


def _loss_at(x: np.ndarray, rate: float, noise: float) -> np.ndarray:
    """log(1 - q + q e^((2x - 1) / 2s^2)), which rises with x."""
    shift = (2 * x - 1) / (2 * noise**2)
    if rate > 0.5:
        return np.logaddexp(math.log1p(-rate), math.log(rate) + shift)
    large = shift + np.log(rate + (1 - rate) * np.exp(-np.maximum(shift, 30.0)))
    return np.where(shift > 30, large, np.log1p(rate * np.expm1(np.minimum(shift, 30.0))))


def _place_of(loss: np.ndarray, rate: float, noise: float) -> np.ndarray:
    """The x of a loss; minus infinity for one below all."""
    with np.errstate(divide="ignore", invalid="ignore"):
        small = np.log1p(np.maximum(np.expm1(np.minimum(loss, 30.0)) / rate, -1.0))
        large = loss - math.log(rate) + np.log1p(-(1 - rate) * np.exp(-np.maximum(loss, 30.0)))
    return noise**2 * np.where(loss > 30, large, small) + 0.5


def coins(epsilon: float) -> Loss:
    """Randomised response: losses of epsilon / 2 and -epsilon / 2.

    The exponential mechanism does this with two outcomes whose scores the row moves in opposite ways, by the sensitivity each.
    """
    half = epsilon / 2
    heads = 1 / (1 + math.exp(-half))
    at, weights = np.array([-half, half]), np.array([1 - heads, heads])

    def chances(edges: np.ndarray) -> np.ndarray:
        return np.diff(np.where(edges > half, 1.0, np.where(edges > -half, 1 - heads, 0.0)))

    return Loss(at, weights, chances, -half, half)


Losses = Sequence[tuple[Loss, int]]  # each with how often it occurs, all independent


def bracket(losses: Losses, delta: float, wanted: float = WANTED) -> tuple[float, float]:
    """Lower and upper end of the epsilon of all losses together at this delta. wanted: how far apart, as a share, about half."""
    return Lattice.of(losses, delta, wanted).bracket(delta)


def _log_moment(losses: Losses, tilt: float) -> float:
    return sum(count * loss.log_moment(tilt) for loss, count in losses)


def _tilt(losses: Losses, delta: float) -> float:
    """The lambda of the best Chernoff bound on epsilon."""
    spread = math.sqrt(sum(count * loss.spread**2 for loss, count in losses))
    guess = math.log(math.sqrt(2 * math.log(1 / delta)) / spread)
    found = minimize_scalar(
        lambda u: (_log_moment(losses, math.exp(u)) + math.log(1 / delta)) * math.exp(-u),
        bounds=(guess - 15, guess + 2),
        method="bounded",
    )
    return math.exp(found.x)


@dataclass(frozen=True)
class Lattice:
    """The sum of all losses, rounded, moved and tilted.

    start, step: the losses are start + step * i. chances: of each, tilted, shape (points,). scale: log of what they are to be
    multiplied by. spill: what the window does not hold of them. noise: what the transform may have put into any of them. error:
    t.
    """

    start: float
    step: float
    chances: np.ndarray
    tilt: float
    scale: float
    spill: float
    noise: float
    error: float

    @classmethod
    def of(cls, losses: Losses, delta: float, wanted: float) -> Lattice:
        tilt = _tilt(losses, delta)
        occurrences = sum(count for _, count in losses)
        moments = [(count, *loss.tilted(tilt)) for loss, count in losses]
        middle = sum(count * mean for count, mean, _ in moments)
        half = _half_window(losses, tilt, middle, math.sqrt(sum(count * variance for count, _, variance in moments)))
        root = math.sqrt(occurrences * math.log(1 / (_ETA * delta)) / 2)
        near = max((_log_moment(losses, tilt) + math.log(1 / delta)) / tilt, half / 100)
        widest = max(2 * half, *(loss.high - loss.low for loss, _ in losses))
        step = max(wanted * near / root, widest / (_MOST_POINTS * min(1.0, WANTED / wanted)))
        points = next_fast_len(math.ceil(2 * half / step) + 2, real=True)
        rounded = [Rounded.of(loss, count, step, tilt) for loss, count in losses]
        product = np.ones(points // 2 + 1, dtype=complex)
        for part in rounded:
            product *= _power(rfft(part.wrapped(points)), part.count)
        first = math.floor((middle - half) / step)  # of the window
        chances = np.roll(irfft(product, points), sum(part.begin * part.count for part in rounded) - first)
        moved = sum(part.count * part.moved for part in rounded)
        unit = 2e-16 * (8 + math.log2(points))
        noise = unit * (2 * occurrences * float(np.abs(product).sum()) / points + float(chances.max()))
        spill = _spill(rounded, (first - 0.5) * step, (first + points - 0.5) * step)
        scale = sum(part.count * part.log_moment for part in rounded) + tilt * moved
        return cls(first * step + moved, step, chances, tilt, scale, spill, noise, step * root)

    @cached_property
    def losses(self) -> np.ndarray:
        return self.start + self.step * np.arange(len(self.chances))

    @cached_property
    def deltas(self) -> np.ndarray:
        """delta' at each of the losses, by sums of positive terms alone: it is the integral of e^s Q(L > s) from epsilon on."""
        here = float(self.losses[int(np.argmax(self.chances))])
        away = self.losses - here
        below = np.maximum(self.chances, 0.0) * np.exp(np.minimum(-(self.tilt + 1) * away, 600.0))
        above = np.cumsum(below[::-1])[::-1]
        terms = np.exp(np.minimum(away[:-1], 600.0)) * math.expm1(self.step) * above[1:]
        return np.append(np.cumsum(terms[::-1])[::-1], 0.0) * math.exp(min(self.scale - self.tilt * here, 600.0))

    def bracket(self, delta: float) -> tuple[float, float]:
        near = self._epsilon(delta)
        if near == self.losses[0]:  # or lower: the window does not show it
            return 0.0, max(0.0, near + self.error)
        if not math.isclose(self._directly(near), delta, rel_tol=1e-6):
            return 0.0, math.inf  # numbers left the range of floating point: nothing is known
        each = self.noise / (self.step * self.tilt * (1 + self.tilt)) + self.spill
        slack = _ETA + _CUT + _FLOAT + 2 * math.exp(min(self.scale - self.tilt * near, 600.0)) * each / delta
        if slack > 0.5:
            return 0.0, math.inf
        low, high = self._epsilon(delta * (1 + slack)), self._epsilon(delta * (1 - slack))
        return max(0.0, low - self.error) if low > self.losses[0] else 0.0, max(0.0, high + self.error)

    def _directly(self, epsilon: float) -> float:
        """delta' by its definition."""
        over = self.losses - epsilon
        kept = self.chances[over > 0] @ (-np.expm1(-over[over > 0]) * np.exp(-self.tilt * over[over > 0]))
        return float(kept) * math.exp(min(self.scale - self.tilt * epsilon, 600.0))

    def _epsilon(self, delta: float) -> float:
        """Where delta' is so large. Between two points of the lattice it is a straight line in e^epsilon."""
        after = int(np.searchsorted(-self.deltas, -delta, side="right"))
        if after == 0:
            return float(self.losses[0])  # or lower
        high, low = self.deltas[after - 1], self.deltas[after]
        return float(self.losses[after - 1]) + math.log1p(float((high - delta) / (high - low)) * math.expm1(self.step))


@dataclass(frozen=True)
class Rounded:
    """A loss on the lattice: `chances` of begin, begin + 1, ... steps, tilted to sum 1; `moved`: how far its mean was moved."""

    begin: int
    step: float
    chances: np.ndarray
    log_moment: float
    moved: float
    count: int

    @classmethod
    def of(cls, loss: Loss, count: int, step: float, tilt: float) -> Rounded:
        begin = math.floor(loss.low / step)
        indices = np.arange(begin, math.ceil(loss.high / step) + 1)
        mass = np.maximum(loss.chances((np.append(indices, indices[-1] + 1) - 0.5) * step), 0.0)
        mass /= mass.sum()
        with np.errstate(divide="ignore"):
            logs = np.log(mass) + tilt * step * indices
        log_moment = float(logsumexp(logs))
        return cls(begin, step, np.exp(logs - log_moment), log_moment, loss.mean - step * float(mass @ indices), count)

    def wrapped(self, points: int) -> np.ndarray:
        """On a ring."""
        if len(self.chances) <= points:
            return np.pad(self.chances, (0, points - len(self.chances)))
        return np.bincount(np.arange(len(self.chances)) % points, self.chances, minlength=points)

    @property
    def _at(self) -> np.ndarray:
        return self.step * np.arange(self.begin, self.begin + len(self.chances))

    @property
    def mean_and_variance(self) -> tuple[float, float]:
        mean = float(self.chances @ self._at)
        return mean, float(self.chances @ (self._at - mean) ** 2)

    def log_turned(self, turn: float) -> float:
        """log E e^(turn L) of the tilted chances."""
        exponents = np.where(self.chances > 0, turn * self._at, -math.inf)
        largest = float(exponents.max())
        return largest + math.log(float(self.chances @ np.exp(exponents - largest)))


def _power(numbers: np.ndarray, count: int) -> np.ndarray:
    """To a whole power, by squaring; faster than numpy's for complex numbers."""
    product = np.ones_like(numbers)
    while count:
        if count % 2:
            product *= numbers
        count //= 2
        if count:
            numbers = numbers * numbers
    return product


def _half_window(losses: Losses, tilt: float, middle: float, spread: float) -> float:
    """How far from the middle the tilted sum may go, so that what lies outside is hardly anything."""
    base = _log_moment(losses, tilt)

    def outside(half: float, sign: int) -> float:
        turns = [share * half / spread**2 for share in _TURNS]
        return min(_log_moment(losses, tilt + sign * turn) - base - turn * (sign * middle + half) for turn in turns)

    half = 9 * spread
    while max(outside(half, 1), outside(half, -1)) > -37:
        half *= 1.3
    return half


def _spill(rounded: Sequence[Rounded], low: float, high: float) -> float:
    """A bound on the tilted chance of sums outside of these two (Chernoff)."""
    moments = [(part.count, *part.mean_and_variance) for part in rounded]
    middle = sum(count * mean for count, mean, _ in moments)
    variance = sum(count * variance for count, _, variance in moments)
    total = 0.0
    for edge in (low, high):
        turns = [share * (edge - middle) / variance for share in _TURNS]
        total += math.exp(
            min(0.0, *(sum(part.count * part.log_turned(turn) for part in rounded) - turn * edge for turn in turns))
        )
    return total
