"""Privacy accounting: budgets, what mechanisms spend, and the ledger that a guarantee is read off.

Neighbouring tables differ by one row more or less. Composition is done by the `dp-accounting` library:
- Gaussians alone: exactly, as the single Gaussian they amount to (Balle and Wang 2018; Dong, Roth and Su 2022);
- Gaussians and Poisson-sampled Gaussians: by privacy loss distributions (PLD), rounded pessimistically;
- anything else: in Renyi DP, where rho-zCDP is the line rho * alpha (Bun and Steinke 2016).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from numbers import Real
from typing import Any

import numpy as np

from dpdsyn.checks import InputError, positive
from dpdsyn.least_noise import BudgetExceeded, largest, narrowed

_ROUNDING = 1e-9  # relative slack when charges that should add up to the plan are summed in floating point
_ORDERS = tuple(1.0 + np.logspace(-2, 5, 700))
_SAMPLED_ORDERS = (*range(2, 33), *(round(32 * 1.1**i) for i in range(1, 25)))  # whole orders have a closed form


@dataclass(frozen=True)
class Gaussian:
    """Gaussian noise on an answer; `noise_multiplier` is its standard deviation over the L2 sensitivity."""

    noise_multiplier: float
    count: int = 1

    def __post_init__(self) -> None:
        positive("noise_multiplier", self.noise_multiplier)

    @property
    def rho(self) -> float:
        return self.count / (2 * self.noise_multiplier**2)

    def event(self) -> Any:
        import dp_accounting

        return dp_accounting.GaussianDpEvent(self.noise_multiplier / math.sqrt(self.count))


@dataclass(frozen=True)
class SampledGaussian:
    """Gaussian noise on a sum over a Poisson sample, every row drawn independently with probability `rate`."""

    rate: float
    noise_multiplier: float
    count: int = 1

    def __post_init__(self) -> None:
        positive("noise_multiplier", self.noise_multiplier)
        if not 0 < self.rate <= 1:
            raise InputError(f"rate is {self.rate!r}; a number above 0 and at most 1 is needed")

    @property
    def rho(self) -> float:
        return self.count / (2 * self.noise_multiplier**2)  # without amplification: sampling has no useful zCDP

    def event(self) -> Any:
        import dp_accounting

        step = dp_accounting.PoissonSampledDpEvent(self.rate, dp_accounting.GaussianDpEvent(self.noise_multiplier))
        return dp_accounting.SelfComposedDpEvent(step, self.count)


@dataclass(frozen=True)
class Exponential:
    """The exponential mechanism with pure epsilon: epsilon^2/8-zCDP (Cesar and Rogers 2021)."""

    epsilon: float
    count: int = 1

    def __post_init__(self) -> None:
        positive("epsilon", self.epsilon)

    @property
    def rho(self) -> float:
        return self.count * self.epsilon**2 / 8

    def event(self) -> Any:
        return ZCDP(self.rho).event()


@dataclass(frozen=True)
class ZCDP:
    """A cap: whatever happens under it, adaptively, is rho-zCDP together (Feldman and Zrnic 2021)."""

    rho: float

    def __post_init__(self) -> None:
        positive("rho", self.rho)

    def event(self) -> Any:
        import dp_accounting

        return dp_accounting.ZCDpEvent(self.rho)

    def excess(self, plan: Sequence[Spend]) -> float:
        return sum(spend.rho for spend in plan) / self.rho - 1


@dataclass(frozen=True)
class GaussianCap:
    """A cap under which only Gaussian noise is used; together it is one Gaussian of this noise multiplier."""

    noise_multiplier: float

    def __post_init__(self) -> None:
        positive("noise_multiplier", self.noise_multiplier)

    @property
    def rho(self) -> float:
        return Gaussian(self.noise_multiplier).rho

    def event(self) -> Any:
        return Gaussian(self.noise_multiplier).event()

    def excess(self, plan: Sequence[Spend]) -> float:
        if not all(isinstance(spend, Gaussian) for spend in plan):
            return math.inf
        return sum(spend.rho for spend in plan) / self.rho - 1


# What mechanisms cost. `rho` is zCDP that covers all `count` uses; `event()` says the same to `dp_accounting`; `excess(plan)`
# of an allowance says how far a plan is above it, as a share of it, 0 or less if it is covered.
Repeatable = Gaussian | SampledGaussian | Exponential
Spend = Repeatable | ZCDP | GaussianCap


@dataclass(frozen=True)
class Nothing:
    """The allowance of a nested synthesizer that may use no mechanism."""

    rho: float = 0.0

    def excess(self, plan: Sequence[Spend]) -> float:
        return math.inf if plan else -1.0


@dataclass(frozen=True)
class Budget:
    """(epsilon, delta) for adding or removing one row. Raises ValueError unless epsilon > 0 and 0 < delta < 1."""

    epsilon: float
    delta: float

    def __post_init__(self) -> None:
        positive("epsilon", self.epsilon)
        if isinstance(self.delta, bool) or not isinstance(self.delta, Real) or not 0 < self.delta < 1:
            raise InputError(f"delta is {self.delta!r}; a number between 0 and 1, both excluded, is needed")

    @property
    def rho(self) -> float:
        """The largest rho for which rho-zCDP implies this budget (Canonne, Kamath and Steinke 2020, Prop. 12)."""
        return largest(lambda rho: self.excess([ZCDP(rho)]), tolerance=1e-9)

    def excess(self, plan: Sequence[Spend]) -> float:
        """How far the plan's epsilon is above this budget's, as a share of it; 0 or less if it is covered."""
        return self.spent(plan) / self.epsilon - 1

    def spent(self, plan: Sequence[Spend]) -> float:
        """The epsilon of the plan at this delta, never too low; computed as finely as an epsilon of this size needs."""
        return compose(plan, self.delta, interval=max(_FINEST, _FINENESS * self.epsilon))


Allowance = Budget | ZCDP | GaussianCap | Nothing


_FINEST, _FINENESS = 1e-4, 2.5e-4  # steps of privacy loss, at least and relative to epsilon


def compose(plan: Sequence[Spend], delta: float, interval: float = _FINEST) -> float:
    """An upper bound on the epsilon at `delta` of everything in the plan together.

    Exact for Gaussians alone; by privacy loss distributions, in steps of `interval`, if some of them are sampled
    (coarser steps give a larger bound, Doroshenko et al. 2022); in Renyi DP if anything else is in the plan.
    """
    return _compose(tuple(plan), delta, interval)


@lru_cache(maxsize=1024)
def _compose(plan: tuple[Spend, ...], delta: float, interval: float) -> float:
    import dp_accounting
    from dp_accounting.pld import PLDAccountant
    from dp_accounting.rdp import RdpAccountant

    if not plan:
        return 0.0
    gaussian = [spend for spend in plan if isinstance(spend, Gaussian | GaussianCap)]
    rest = [spend for spend in plan if not isinstance(spend, Gaussian | GaussianCap)]
    sampled = [spend for spend in rest if isinstance(spend, SampledGaussian)]
    merged = [Gaussian(1 / math.sqrt(2 * sum(spend.rho for spend in gaussian)))] if gaussian else []
    if not rest:
        return float(dp_accounting.get_epsilon_gaussian(merged[0].noise_multiplier, delta))
    accountant: Any
    if len(sampled) == len(rest):
        accountant = PLDAccountant(value_discretization_interval=interval)
    else:
        accountant = RdpAccountant(_SAMPLED_ORDERS if sampled else _ORDERS)
    for spend in [*merged, *rest]:
        accountant.compose(spend.event())
    return float(accountant.get_epsilon(delta))


def _roughly(plan: Sequence[Spend], delta: float) -> float:
    """About the epsilon of a plan, at once and without any guarantee: sampled steps by their central limit.

    (Bu et al. 2020, "Deep learning with Gaussian differential privacy", Corollary 5.4.)
    """
    return _rough(tuple(plan), delta)


@lru_cache(maxsize=1024)
def _rough(plan: tuple[Spend, ...], delta: float) -> float:
    import dp_accounting

    rho = 0.0
    for spend in plan:
        if isinstance(spend, SampledGaussian):
            inverse = min(spend.noise_multiplier**-2, 500.0)
            rho += spend.rate**2 * spend.count * math.expm1(inverse) / 2
        else:
            rho += spend.rho
    return float(dp_accounting.get_epsilon_gaussian(1 / math.sqrt(2 * rho), delta))


def calibrate(make_plan: Callable[[float], Sequence[Spend]], allowance: Allowance, tolerance: float = 1e-4) -> float:
    """The smallest noise scale whose plan the allowance covers, to a relative tolerance, never below it.

    make_plan: a function from the scale of all noise to the plan; the more noise, the less it costs.
    """
    if isinstance(allowance, Budget):  # composing is costly: begin near the answer
        near = 1 / largest(lambda x: _roughly(make_plan(1 / x), allowance.delta) - allowance.epsilon, 0.003)
        return narrowed(lambda noise: allowance.excess(make_plan(noise)), near, tolerance)
    return 1 / largest(lambda x: allowance.excess(make_plan(1 / x)), tolerance)


DRAFTED = "the schema was read off the rows"  # an exposure that every table can have


class Ledger:
    """What may be spent on one table, and what has been.

    A ledger is opened once with a plan: either a fixed one (`open`) or a cap under which everything adaptive
    happens (`cap`). Mechanisms then charge it before they read a row. The guarantee of a result is that of the
    plan: stopping early may depend on the rows, so what was left over is not given back.
    """

    def __init__(self, allowance: Allowance, parent: Ledger | None = None) -> None:
        self.allowance = allowance
        self._parent = parent
        self._plan: tuple[Spend, ...] | None = None
        self._charges: list[tuple[str, Spend]] = []
        self._exposures: list[str] = []
        self._promises: list[str] = []

    def open(self, plan: Sequence[Spend]) -> None:
        """Fix what will be spent. Raises BudgetExceeded if the allowance does not cover it."""
        if self._plan is not None:
            raise BudgetExceeded("this ledger already has a plan; a plan cannot be changed once rows may have been read")
        if self.allowance.excess(plan) > _ROUNDING:
            raise BudgetExceeded(f"the plan {_listed(plan)} costs more than {self.allowance}")
        self._plan = tuple(plan)

    def cap(self) -> float:
        """Open the ledger with one zCDP cap that takes all of the allowance; gives its rho."""
        rho = self.allowance.rho
        self.open([self.allowance if isinstance(self.allowance, ZCDP) else ZCDP(rho)])
        return rho

    def open_calibrated(self, make_plan: Callable[[float], Sequence[Spend]]) -> float:
        """Open with the plan of the least noise that the allowance covers; gives the noise scale."""
        scale = calibrate(make_plan, self.allowance)
        self.open(make_plan(scale))
        return scale

    def charge(self, spend: Spend, label: str) -> None:
        """Take a spend out of the plan. Raises BudgetExceeded, and records nothing, if it does not fit."""
        if self._plan is None:
            raise BudgetExceeded(f"{label}: no plan was opened, so nothing may be spent")
        if not self._fits([*(charged for _, charged in self._charges), spend]):
            raise BudgetExceeded(f"{label}: {spend} does not fit into what is left of the plan {_listed(self._plan)}")
        last = self._charges[-1] if self._charges else None
        joined = _joined(last[1], spend) if last and last[0] == label else None
        if joined:
            self._charges[-1] = (label, joined)
        else:
            self._charges.append((label, spend))

    def _fits(self, charges: Sequence[Spend]) -> bool:
        """Whether the charges can be taken out of the plan.

        Sampled steps come out of planned steps of the same rate and noise; Gaussians out of the planned Gaussians
        as one sum (their squared inverse multipliers add up exactly); the rest out of the planned zCDP.
        """
        steps: Counter[tuple[float, float]] = Counter()
        gaussian = capped = 0.0
        for sign, spend in [*((1, planned) for planned in self._plan or ()), *((-1, charge) for charge in charges)]:
            if isinstance(spend, SampledGaussian) and (sign > 0 or (spend.rate, spend.noise_multiplier) in steps):
                steps[spend.rate, spend.noise_multiplier] += sign * spend.count
            elif isinstance(spend, Gaussian | GaussianCap):
                gaussian += sign * spend.rho
            else:
                capped += sign * spend.rho
        slack = _ROUNDING * sum(planned.rho for planned in self._plan or () if not isinstance(planned, SampledGaussian))
        return all(left >= 0 for left in steps.values()) and capped + min(gaussian, 0.0) >= -slack

    def steps_left(self, step: SampledGaussian) -> int:
        """How many steps of this rate and noise the plan still holds, at least 1."""
        planned = [spend for spend in self._plan or () if isinstance(spend, SampledGaussian)]
        used = [spend for _, spend in self._charges if isinstance(spend, SampledGaussian)]
        alike = [sum(s.count for s in spends if replace(s, count=1) == replace(step, count=1)) for spends in (planned, used)]
        return max(1, alike[0] - alike[1])

    def expose(self, why: str) -> None:
        """Record that rows left without protection; nothing built on them has a guarantee."""
        if why not in self._exposures:
            self._exposures.append(why)
        if self._parent is not None:
            self._parent.expose(why)

    def hand_over(self, promise: str) -> None:
        """Record that rows went to code whose guarantee nobody here verified."""
        self._promises.append(promise)
        if self._parent is not None:
            self._parent.hand_over(promise)

    @property
    def guarantee(self) -> str:
        """dp: all through accounted mechanisms; unverified: an outside library says so; none: rows were exposed."""
        return "none" if self._exposures else "unverified" if self._promises else "dp"

    @property
    def spent(self) -> float | None:
        """Epsilon of the plan at the budget's delta; 0 if no mechanism was used, None if there is no guarantee."""
        if not isinstance(self.allowance, Budget):
            raise TypeError("only a ledger with an (epsilon, delta) budget can say its epsilon")
        if self._exposures:
            return None
        if self._promises:
            return self.allowance.epsilon
        return self.allowance.spent(self._plan) if self._plan and self._charges else 0.0

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Every charge in order: label, mechanism and its numbers; promises and exposures last."""
        rows = [{"label": label, "mechanism": type(spend).__name__, **asdict(spend)} for label, spend in self._charges]
        rows += [{"label": why, "mechanism": "HandedOver"} for why in self._promises]
        return rows + [{"label": why, "mechanism": "Unprotected"} for why in self._exposures]


def _joined(a: Spend, b: Spend) -> Spend | None:
    """Both as one spend with a higher count, if they are uses of the same mechanism."""
    if isinstance(a, Repeatable) and isinstance(b, Repeatable) and replace(a, count=1) == replace(b, count=1):
        return replace(a, count=a.count + b.count)
    return None


def _listed(plan: Sequence[Spend]) -> str:
    return "[" + ", ".join(map(str, plan)) + "]"
