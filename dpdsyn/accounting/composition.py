"""What a plan costs: the epsilon, at a delta, of everything in it together.

Neighbouring tables differ by one row more or less. Composed are
- Gaussians alone: exactly, as the single Gaussian that they amount to (Balle and Wang 2018, Theorem 8; Dong, Roth and Su 2022).
  That holds however adaptively they are chosen (Smith and Thakurta 2022, "Fully adaptive composition for Gaussian differential
  privacy");
- zCDP caps alone, and exponential mechanisms, which count as zCDP: in closed form (`dpdsyn.accounting.zcdp`);
- all else, by `dp-accounting`, as privacy loss distributions, rounded pessimistically (Doroshenko et al. 2022, "Connect the
  dots"): of the Gaussians together, of the zCDP together, of every step on a Poisson sample, and of what a method's author states
  of a mechanism of its own (`dpdsyn.own_mechanism`). All may be interleaved (see `accounting.zcdp`). Where delta is so small that
  the library's rounding errors would show, its losses are summed here (`dpdsyn.accounting.small_delta`).

The deltas of thresholds are taken off before: but for events of that probability, what a threshold lets out is post-processing of
its noisy counts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from dpdsyn import own_mechanism
from dpdsyn.accounting import small_delta, zcdp
from dpdsyn.accounting.spends import Gaussian, GaussianCap, SampledGaussian, Spend, Stated, Threshold

_PAID = 1 + 1e-8  # a ledger lets sums of charges exceed a plan by 1e-9 of it, for rounding; plans are charged for more than that
_OF_SPREAD, _OF_STEP = 2e-3, 0.1  # how fine losses are rounded: shares of the standard deviation of all, and of a step's
_MOST_STEPS = 50_000  # into how many parts the standard deviation of all is divided at most
_MOST_POINTS = 50_000  # on which one step's losses may lie
_ERROR = 1e-15  # of the chances that dp_accounting's Fourier transform of one loss gives, together; measured, a third of it
_NOTICEABLE = 1e-4  # rounding errors of sums, as a share of delta, from which on they are avoided; smaller ones are paid for
_ORDERS = 20  # of Chernoff's bounds, on either side
_MOST_LOSS = 700.0  # of zCDP's dominating pair, whose exponentials are in floating point
_FINEST = 2.0**-27  # below this dp_accounting's differences of deltas are rounding errors


@dataclass(frozen=True)
class Parts:
    """A plan, sorted. gaussian, capped: the zCDP of what is Gaussian and of the rest; steps: rate, noise multiplier and count.

    delta: of the thresholds together. stated: what authors state of their own mechanisms, each with all of its uses.
    """

    gaussian: float
    capped: float
    steps: tuple[tuple[float, float, int], ...]
    delta: float = 0.0
    stated: tuple[Stated, ...] = ()

    @classmethod
    def of(cls, plan: Sequence[Spend]) -> Parts:
        steps: Counter[tuple[float, float]] = Counter()
        stated: Counter[str] = Counter()
        gaussian, capped, deltas = [], [], []
        for spend in plan:
            if isinstance(spend, Threshold):
                deltas.append(spend.count * spend.delta)
            elif isinstance(spend, Stated):
                stated[spend.event] += spend.count
            elif isinstance(spend, SampledGaussian) and spend.rate < 1:
                steps[spend.rate, spend.noise_multiplier] += spend.count
            elif isinstance(spend, Gaussian | GaussianCap | SampledGaussian):
                gaussian.append(spend.rho)
            else:
                capped.append(spend.rho)
        kinds = tuple((*kind, count) for kind, count in steps.items())
        own = tuple(Stated(event, count) for event, count in sorted(stated.items()))
        return cls(math.fsum(gaussian) * _PAID, math.fsum(capped) * _PAID, kinds, math.fsum(deltas) * _PAID, own)

    @property
    def spread(self) -> float:
        """Standard deviation of the sum of all losses, about."""
        return math.sqrt(
            2 * (self.gaussian + self.capped)
            + sum(count * _variance(rate, noise) for rate, noise, count in self.steps)
            + sum(spend.count * own_mechanism.moments(spend.event)[1] ** 2 for spend in self.stated)
        )

    @property
    def step(self) -> float:
        """How far apart the losses lie that all are rounded to: a power of 2, so that plans of nearly the same noise share it."""
        uses = 1 + sum(count for _, _, count in self.steps) + sum(spend.count for spend in self.stated)
        wanted = max(self.spread * min(_OF_SPREAD, max(_OF_STEP / math.sqrt(uses), 1 / _MOST_STEPS)), _FINEST)
        widths = [_width(rate, noise) for rate, noise, _ in self.steps]
        widest = max((*widths, *(own_mechanism.moments(spend.event)[2] for spend in self.stated)), default=0.0)
        return 2.0 ** math.floor(math.log2(wanted)) if wanted * _MOST_POINTS > widest else widest / _MOST_POINTS


def compose(plan: Sequence[Spend], delta: float, step: float | None = None) -> float:
    """An upper bound on the epsilon at `delta` of everything in the plan together; infinite if there is none.

    step: how far apart the losses lie that are rounded to, in epsilon; coarser ones give a larger bound. By default as fine as
    keeps the bound within about 0.1% of the least, unless a single step's losses are so spread that this would take too many.
    """
    return _compose(tuple(plan), delta, step)


@lru_cache(maxsize=1024)
def _compose(plan: tuple[Spend, ...], delta: float, step: float | None) -> float:
    parts = Parts.of(plan)
    return _of_parts(parts, delta - parts.delta, step)


def _of_parts(parts: Parts, delta: float, step: float | None) -> float:
    """delta: what the thresholds leave of it."""
    if delta <= 0:
        return math.inf
    if not parts.steps and not parts.capped and not parts.stated:
        return gaussian_epsilon(parts.gaussian, delta)
    if not parts.steps and not parts.gaussian and not parts.stated:
        return zcdp.epsilon_of(parts.capped, delta)
    if parts.capped and zcdp.farthest(parts.capped) > _MOST_LOSS:  # basic composition: epsilons add up, and so do deltas
        return zcdp.epsilon_of(parts.capped, delta / 2) + _of_parts(replace(parts, capped=0.0), delta / 2, step)
    return _by_losses(parts, delta, step or parts.step)


def gaussian_epsilon(rho: float, delta: float) -> float:
    """Of Gaussian noise that is rho-zCDP, exactly (Balle and Wang 2018, Theorem 8); 0 for none.

    The same to the last bit as `dp_accounting.get_epsilon_gaussian`, which takes fifty times as long: every fit begins with some
    twenty of these.
    """
    from scipy.optimize import brentq
    from scipy.special import log_ndtr

    noise, goal = 1 / math.sqrt(2 * rho) if rho else math.inf, math.log(delta)
    if noise in (0.0, math.inf):
        return 0.0 if noise else math.inf

    def above(epsilon: float) -> float:
        """log(delta at epsilon), less the goal."""
        middle = epsilon * noise + 1 / (2 * noise)
        with_row, without = log_ndtr(1 / noise - middle), epsilon + log_ndtr(-middle)
        return with_row + np.log1p(-np.exp(without - with_row)) - goal if without <= with_row else -math.inf

    with np.errstate(divide="ignore"):
        if above(0.0) < 0:  # delta alone covers it
            return 0.0
        low, high = 0.0, 1.0
        while above(high) > 0:
            low, high = high, high * 10
        return float(brentq(above, low, high, xtol=1e-16))


def _by_losses(parts: Parts, delta: float, step: float) -> float:
    from dp_accounting.pld.privacy_loss_distribution import from_gaussian_mechanism

    losses: list[tuple[Any, int]] = []
    if parts.gaussian:
        losses.append((from_gaussian_mechanism(1 / math.sqrt(2 * parts.gaussian), value_discretization_interval=step), 1))
    if parts.capped:
        losses.append((zcdp.dominating(parts.capped, step), 1))
    for rate, noise, count in parts.steps:
        losses.append((from_gaussian_mechanism(noise, value_discretization_interval=step, sampling_prob=rate), count))
    losses += [(own_mechanism.loss(spend, step), spend.count) for spend in parts.stated]
    directions = [[(_arrays(part)[way], count) for part, count in losses] for way in (0, 1)]
    return max(_epsilon(direction, delta, step) for direction in directions)


def _arrays(losses: Any) -> tuple[Any, Any]:
    """With the row and without it, in arrays: of few losses in a dictionary, dp_accounting would compute (how many)^count."""
    return losses._pmf_remove.to_dense_pmf(), losses._pmf_add.to_dense_pmf()


def _epsilon(losses: Sequence[tuple[Any, int]], delta: float, step: float) -> float:
    """Of losses in one direction, each with its count, together."""
    if _ERROR * sum(count for _, count in losses) < _NOTICEABLE * delta:
        cut = min(1e-15, 1e-6 * delta)
        total: Any = None
        for part, count in losses:
            summed = _summed(part, count, cut)
            total = summed if total is None else total.compose(summed, cut)
        chances = np.asarray(total._probs)  # those below 0 come of rounding errors, and so does a sum below 1
        if max(-chances[chances < 0].sum(), 1 - total._infinity_mass - chances.sum()) < _NOTICEABLE * delta:
            with np.errstate(over="ignore"):  # of exponentials of losses above 700
                epsilon = float(total.get_epsilon_for_delta(delta * (1 - 4 * _NOTICEABLE)))
            if epsilon < math.inf:
                return epsilon
    parts = [small_delta.OnGrid(part._lower_loss, part._probs, part._infinity_mass, count) for part, count in losses]
    return small_delta.epsilon_of(parts, step, delta)


def _summed(losses: Any, count: int, cut: float) -> Any:
    """The sum of so many such losses, independent of each other, without ends that have a chance of `cut` together.

    To the last bit what `losses.self_compose(count, cut)` gives. Where to cut is by Chernoff's bound at forty orders (Doroshenko
    et al. 2022): nearly all the work there, which computes an exponential for each; here each is the last one times the first.
    """
    from scipy.fft import fft, ifft, next_fast_len

    chances, size = losses._probs, len(losses._probs)
    low, high, first = 0, (size - 1) * count, np.exp(np.arange(size) / size)
    for factor, sign in ((first, 1), (1 / first, -1)):
        weighted = chances
        for order in range(1, _ORDERS + 1):
            weighted = weighted * factor
            mean = float(weighted.sum())
            if mean > 0:
                end = (count * math.log(mean) + math.log(2 / cut)) * size / (sign * order)
                low, high = (low, min(high, math.ceil(end))) if sign > 0 else (max(low, math.floor(end)), high)
    length = next_fast_len(max(high - low + 1, size))
    around = np.real(ifft(fft(chances, length) ** count))
    never = cut - math.expm1(count * math.log1p(-losses._infinity_mass))
    summed = np.roll(around, -low)[: high - low + 1]
    return type(losses)(losses._discretization, losses._lower_loss * count + low, summed, never, losses._pessimistic_estimate)


def _loss(x: np.ndarray | float, rate: float, noise: float) -> np.ndarray:
    """Of a sampled step whose noisy sum, over the clip, is x: log(1 - q + q e^((2x - 1) / 2s^2))."""
    return np.logaddexp(math.log1p(-rate), math.log(rate) + (2 * np.asarray(x) - 1) / (2 * noise**2))


@lru_cache(maxsize=4096)
def _variance(rate: float, noise: float) -> float:
    """Of the loss of one sampled step, the row being there; losses of 1e6 and more count as that."""
    z = np.linspace(-9, 9, 4001)
    chances = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
    weights = np.concatenate([(1 - rate) * chances, rate * chances])
    loss = np.minimum(_loss(np.concatenate([z * noise, 1 + z * noise]), rate, noise), 1e6)
    return float(weights @ (loss - weights @ loss) ** 2)


def _width(rate: float, noise: float) -> float:
    """How far the losses of one sampled step reach, but for a chance of e^-50."""
    return float(_loss(1 + 10 * noise, rate, noise) - _loss(-10 * noise, rate, noise))


def roughly(plan: Sequence[Spend], delta: float) -> float:
    """About the epsilon of a plan, at once and without any guarantee: as if the sum of all losses were normal.

    (Bu et al. 2020, "Deep learning with Gaussian differential privacy", say so of sampled steps.) The losses of what authors
    state may be larger than those of a normal sum that is as spread: Laplace noise that is halved doubles them and no more.
    """
    parts = Parts.of(plan)
    if delta <= parts.delta:
        return math.inf
    of_stated = [(spend.count, *own_mechanism.moments(spend.event)) for spend in parts.stated]
    beyond = sum(count * max(mean - deviation**2 / 2, 0.0) for count, mean, deviation, _ in of_stated)
    return gaussian_epsilon(parts.spread**2 / 2, delta - parts.delta) + beyond
