"""What mechanisms cost: the values that plans and ledgers are made of.

`rho` is zCDP that covers all `count` uses. `excess(plan)` of an allowance says how far a plan is above it, as a share of it; 0 or
less if it is covered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dpdsyn.base.checks import InputError, positive, whole_number

DRAFTED = "the schema was read off the rows"  # an exposure that every table can have

_LEAST, _MOST = 1e-100, 1e100  # of any number here: squares, sums and inverses stay far from the ends of floating point
_MOST_USES = 10**15


@dataclass(frozen=True)
class Gaussian:
    """Gaussian noise on an answer; `noise_multiplier` is its standard deviation over the L2 sensitivity."""

    noise_multiplier: float
    count: int = 1

    def __post_init__(self) -> None:
        _keep(self, noise_multiplier=_number("noise_multiplier", self.noise_multiplier), count=_uses(self.count))

    @property
    def rho(self) -> float:
        return self.count * _rho(self.noise_multiplier)


@dataclass(frozen=True)
class SampledGaussian:
    """Gaussian noise on a sum over a Poisson sample, every row drawn independently with probability `rate`."""

    rate: float
    noise_multiplier: float
    count: int = 1

    def __post_init__(self) -> None:
        rate = _number("rate", self.rate)
        if rate > 1:
            raise InputError(f"rate is {self.rate!r}; a number above 0 and at most 1 is needed")
        _keep(self, rate=rate, noise_multiplier=_number("noise_multiplier", self.noise_multiplier), count=_uses(self.count))

    @property
    def rho(self) -> float:
        return self.count * _rho(self.noise_multiplier)  # without amplification: sampling has no useful zCDP


@dataclass(frozen=True)
class Exponential:
    """The exponential mechanism with pure epsilon: epsilon^2/8-zCDP (Cesar and Rogers 2021)."""

    epsilon: float
    count: int = 1

    def __post_init__(self) -> None:
        _keep(self, epsilon=_number("epsilon", self.epsilon), count=_uses(self.count))

    @property
    def rho(self) -> float:
        return self.count * self.epsilon**2 / 8


@dataclass(frozen=True)
class ZCDP:
    """A cap: whatever happens under it, adaptively, is rho-zCDP together (Feldman and Zrnic 2021)."""

    rho: float

    def __post_init__(self) -> None:
        _keep(self, rho=_number("rho", self.rho))

    def excess(self, plan: Sequence[Spend]) -> float:
        return math.fsum(spend.rho for spend in plan) / self.rho - 1


@dataclass(frozen=True)
class GaussianCap:
    """A cap under which only Gaussian noise is used; together it is one Gaussian of this noise multiplier.

    However adaptively it is divided (Smith and Thakurta 2022, "Fully adaptive composition for Gaussian differential privacy").
    """

    noise_multiplier: float

    def __post_init__(self) -> None:
        _keep(self, noise_multiplier=_number("noise_multiplier", self.noise_multiplier))

    @property
    def rho(self) -> float:
        return _rho(self.noise_multiplier)

    def excess(self, plan: Sequence[Spend]) -> float:
        if not all(isinstance(spend, Gaussian | GaussianCap) for spend in plan):
            return math.inf
        return math.fsum(spend.rho for spend in plan) / self.rho - 1


@dataclass(frozen=True)
class Threshold:
    """What noisy counts of values that nobody listed cost beside their noise: with probability `delta` one is published that only
    a single unit has (Korolova et al. 2009, "Releasing search queries and clicks privately"). No cap covers it.
    """

    delta: float
    count: int = 1

    def __post_init__(self) -> None:
        _keep(self, delta=_number("delta", self.delta), count=_uses(self.count))

    @property
    def rho(self) -> float:
        return math.inf


@dataclass(frozen=True)
class Stated:
    """A mechanism of a method's own, which costs what its author states: an event of `dp_accounting` as JSON. Made by
    `dpdsyn.own_mechanism.stated`; no cap covers it, and what it took part in is unverified.
    """

    event: str
    count: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.event, str):
            raise InputError(f"event is {self.event!r}; dpdsyn.own_mechanism.stated makes it of an event of dp_accounting")
        _keep(self, count=_uses(self.count))

    @property
    def rho(self) -> float:
        return math.inf


Repeatable = Gaussian | SampledGaussian | Exponential | Threshold | Stated
Spend = Repeatable | ZCDP | GaussianCap


@dataclass(frozen=True)
class Nothing:
    """The allowance of a nested synthesizer that may use no mechanism."""

    rho: float = 0.0

    def excess(self, plan: Sequence[Spend]) -> float:
        return math.inf if plan else -1.0


def _rho(noise_multiplier: float) -> float:
    return 1 / (2 * noise_multiplier**2)


def _keep(spend: Spend, **checked: float) -> None:
    """Numbers as Python's own, whatever type they came as: their sums are exact, and JSON can hold them."""
    for name, value in checked.items():
        object.__setattr__(spend, name, value)


def _number(name: str, value: float) -> float:
    number = positive(name, value)
    if not _LEAST <= number <= _MOST:
        raise InputError(f"{name} is {value!r}; a number from {_LEAST:g} to {_MOST:g} is needed")
    return number


def _uses(count: int) -> int:
    if whole_number("count", count, least=1) > _MOST_USES:
        raise InputError(f"count is {count!r}; at most {_MOST_USES:g} is accepted")
    return int(count)
