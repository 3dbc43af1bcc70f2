"""Budgets, and the ledger that a guarantee is read off: what may be spent on a table, and what has been."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from typing import Any, get_args

from dpdsyn.accounting.composition import compose, roughly
from dpdsyn.accounting.least_noise import BudgetExceeded, largest, narrowed
from dpdsyn.accounting.spends import ZCDP, Gaussian, GaussianCap, Nothing, Repeatable, SampledGaussian, Spend, Stated, Threshold
from dpdsyn.base.checks import InputError, inside_0_and_1, positive

_ROUNDING = (
    1e-9  # share of a plan by which charges may exceed it, for they are rounded; `compose` charges plans for more than that
)

_WITH_ROUNDING = 1 + Fraction(_ROUNDING)


@dataclass(frozen=True)
class Budget:
    """(epsilon, delta) for adding or removing one row. Raises ValueError unless epsilon > 0 and 0 < delta < 1.

    reserved: what is spent of it besides any plan that it is asked about.
    """

    epsilon: float
    delta: float
    reserved: tuple[Spend, ...] = ()

    def __post_init__(self) -> None:
        positive("epsilon", self.epsilon)
        inside_0_and_1("delta", self.delta)

    @property
    def rho(self) -> float:
        """The largest rho for which rho-zCDP implies this budget (`dpdsyn.accounting.zcdp`)."""
        return largest(lambda rho: self.excess([ZCDP(rho)]), tolerance=1e-9, start=1e-3)

    def excess(self, plan: Sequence[Spend]) -> float:
        """How far the plan's epsilon is above this budget's, as a share of it; 0 or less if it is covered."""
        return self.spent(plan) / self.epsilon - 1

    def spent(self, plan: Sequence[Spend]) -> float:
        """The epsilon of the plan at this delta, never too low."""
        return compose((*self.reserved, *plan), float(self.delta))

    def split(self, share: float) -> tuple[Budget, Budget]:
        """Two budgets that add up to this one, the first with that share of its epsilon and delta.

        What is done with the second may depend in any way on what came of the first (Dwork and Roth 2014, Theorem 3.16).
        """
        return Budget(self.epsilon * share, self.delta * share), Budget(self.epsilon * (1 - share), self.delta * (1 - share))

    @property
    def left(self) -> Budget:
        """(epsilon, delta) that add up to this one together with what is reserved, for whoever composes nothing.

        Raises BudgetExceeded if nothing is left.
        """
        if not self.reserved:
            return self
        thresholds = sum(spend.count * spend.delta for spend in self.reserved if isinstance(spend, Threshold))
        half = (self.delta - thresholds) / 2
        epsilon = self.epsilon - compose(self.reserved, thresholds + half) if half > 0 else 0.0
        if epsilon <= 0:
            raise BudgetExceeded(f"of {self} nothing is left")
        return Budget(epsilon, half)


Allowance = Budget | ZCDP | GaussianCap | Nothing


def calibrate(make_plan: Callable[[float], Sequence[Spend]], allowance: Allowance, tolerance: float = 1e-4) -> float:
    """The smallest noise scale whose plan the allowance covers, to a relative tolerance, never below it.

    make_plan: a function from the scale of all noise to the plan; the more noise, the less it costs. Raises BudgetExceeded if no
    scale will do.
    """
    if isinstance(allowance, Budget):  # composing is costly: begin near the answer
        before, delta = allowance.reserved, float(allowance.delta)
        near = 1 / largest(lambda x: roughly((*before, *make_plan(1 / x)), delta) - allowance.epsilon, 0.003)
        return narrowed(lambda noise: allowance.excess(make_plan(noise)), near, tolerance)
    return 1 / largest(lambda x: allowance.excess(make_plan(1 / x)), tolerance)


class Ledger:
    """What may be spent on one table, and what has been.

    A ledger is opened once with a plan: either a fixed one (`open`) or a cap under which everything adaptive
    happens (`cap`). Mechanisms then charge it before they read a row. The guarantee of a result is that of the
    plan: stopping early may depend on the rows, so what was left over is not given back.

    Before that, a part of the budget may be `set_apart`, and a part of the plan `reserve`d, for what is learnt before a method
    begins; and before these a part of the plan may be `keep_back`, for what is asked after it has ended.

    It is of the process that made it: one that was forked off has a copy of it, and of the noise to come.
    """

    def __init__(self, allowance: Allowance, parent: Ledger | None = None) -> None:
        self.allowance = allowance
        self._parent = parent
        self._process = os.getpid()
        self._one_at_a_time = threading.Lock()  # a charge reads what is used and writes it
        self._before: Ledger | None = None
        self._kept: tuple[Spend, ...] = ()
        self._plan: tuple[Spend, ...] | None = None
        self._planned = _Sums()
        self._charges: list[tuple[str, Spend]] = []
        self._used = _Sums()
        self._exposures: list[str] = []
        self._promises: list[str] = []
        self._claims = False

    def set_apart(self, share: float) -> Ledger:
        """A ledger of its own with that share of epsilon and delta; this one keeps the rest, and tells of both.

        For answers on which the parameters of later mechanisms are to depend. Raises BudgetExceeded if it is too late.
        """
        if not isinstance(self.allowance, Budget) or self._reserved != self._kept or self._before or self._plan is not None:
            raise BudgetExceeded("only a ledger of an (epsilon, delta) budget that is still whole can set a part of it apart")
        first, rest = self.allowance.split(share)
        if self._kept and not rest.excess(self._kept) <= _ROUNDING:
            raise BudgetExceeded(f"what is kept back, {_listed(self._kept)}, costs more than {rest}")
        self.allowance = replace(rest, reserved=self._kept)
        self._before = Ledger(first)
        return self._before

    def keep_back(self, plan: Sequence[Spend]) -> None:
        """Fix what is spent after all else; it takes part in whatever plan that will be, and in what is reserved before it.

        Raises BudgetExceeded if the allowance does not cover it, or if it is too late.
        """
        if not isinstance(self.allowance, Budget) or self._reserved or self._before or self._plan is not None:
            raise BudgetExceeded("only a ledger of an (epsilon, delta) budget that is still whole can keep a part of it back")
        plan = tuple(map(_known, plan))
        if not self.allowance.excess(plan) <= _ROUNDING:
            raise BudgetExceeded(f"what is kept back, {_listed(plan)}, costs more than {self.allowance}")
        self.allowance = replace(self.allowance, reserved=plan)
        self._kept = plan
        self._planned = _Sums.of(plan)

    def reserve(self, plan: Sequence[Spend]) -> None:
        """Fix what is spent before the plan is opened; it takes part in whatever plan that will be.

        Raises BudgetExceeded if the allowance does not cover it, or if a plan is there already.
        """
        if not isinstance(self.allowance, Budget) or self._reserved != self._kept or self._plan is not None:
            raise BudgetExceeded("only a ledger of an (epsilon, delta) budget without a plan can reserve, and once")
        plan = tuple(map(_known, plan))
        if not self.allowance.excess(plan) <= _ROUNDING:
            raise BudgetExceeded(f"what is reserved, {_listed(plan)}, costs more than {self.allowance}")
        self.allowance = replace(self.allowance, reserved=(*self._kept, *plan))
        self._planned = _Sums.of(self._reserved)

    def open(self, plan: Sequence[Spend]) -> None:
        """Fix what will be spent. Raises BudgetExceeded if the allowance does not cover it."""
        if self._plan is not None:
            raise BudgetExceeded("this ledger already has a plan; a plan cannot be changed once rows may have been read")
        plan = tuple(map(_known, plan))
        if not self.allowance.excess(plan) <= _ROUNDING:
            raise BudgetExceeded(f"the plan {_listed(plan)} costs more than {self.allowance}")
        self._plan = plan
        self._planned = _Sums.of((*self._reserved, *plan))

    @property
    def _reserved(self) -> tuple[Spend, ...]:
        return self.allowance.reserved if isinstance(self.allowance, Budget) else ()

    def cap(self) -> float:
        """Open the ledger with one zCDP cap that takes all of the allowance; gives its rho."""
        if isinstance(self.allowance, Nothing):
            raise BudgetExceeded("nothing may be spent here, so there is nothing to cap")
        rho = self.allowance.rho
        self.open([self.allowance if isinstance(self.allowance, ZCDP) else ZCDP(rho)])
        return rho

    def open_calibrated(self, make_plan: Callable[[float], Sequence[Spend]]) -> float:
        """Open with the plan of the least noise that the allowance covers; gives the noise scale."""
        scale = calibrate(make_plan, self.allowance)
        self.open(make_plan(scale))
        return scale

    def charge(self, spend: Spend, label: str) -> None:
        """Take a spend out of the plan. Raises BudgetExceeded, and records nothing, if it does not fit.

        Sampled steps come out of planned steps of the same rate and noise; Gaussians out of the planned Gaussians as one sum
        (their squared inverse multipliers add up exactly), what is over and all else out of the planned zCDP.
        """
        if os.getpid() != self._process:
            raise BudgetExceeded(
                f"{label}: this process was forked off the one that keeps the ledger, which would not learn of it, and all of "
                "them would draw the same noise; ask mechanisms in that one process"
            )
        with self._one_at_a_time:
            self._charge(spend, label)

    def _charge(self, spend: Spend, label: str) -> None:
        plan = (*self._reserved, *(self._plan or ()))
        if self._plan is None and not plan:
            raise BudgetExceeded(f"{label}: no plan was opened, so nothing may be spent")
        used = self._used.plus(_known(spend), self._planned)
        if not used.fits(self._planned):
            raise BudgetExceeded(f"{label}: {spend} does not fit into what is left of the plan {_listed(plan)}")
        if isinstance(spend, Stated):
            self.claim(label)
        self._used = used
        last = self._charges[-1] if self._charges else None
        joined = _joined(last[1], spend) if last and last[0] == label else None
        if joined:
            self._charges[-1] = (label, joined)
        else:
            self._charges.append((label, spend))

    def steps_left(self, step: SampledGaussian) -> int:
        """How many steps of this rate and noise the plan still holds, at least 1."""
        if self._plan is None:
            return 1
        return max(1, self._planned.steps[_kind(step)] - self._used.steps[_kind(step)])

    @property
    def plan(self) -> list[dict[str, Any]] | None:
        """Every spend of the plan, what was learnt before it included: mechanism and its numbers; None before there is one."""
        first = (self._before.plan or []) if self._before else []
        if self._plan is None and not self._reserved:
            return first or None
        return first + [_written(spend) for spend in (*self._reserved, *(self._plan or ()))]

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

    def claim(self, label: str) -> None:
        """Record that a mechanism costs what its author states, which nobody here verified."""
        self._claims = True
        if self._parent is not None:
            self._parent.claim(label)

    @property
    def guarantee(self) -> str:
        """dp: all through accounted mechanisms; unverified: an outside library, or the author of a mechanism, says so; none: rows
        were exposed.
        """
        claimed = self._promises or self._claims or (self._before is not None and self._before.guarantee == "unverified")
        return "none" if self._exposures else "unverified" if claimed else "dp"

    @property
    def spent(self) -> float | None:
        """Epsilon of the plan at the budget's delta; 0 if no mechanism was used, None if there is no guarantee."""
        if not isinstance(self.allowance, Budget):
            raise TypeError("only a ledger with an (epsilon, delta) budget can say its epsilon")
        if self._exposures:
            return None
        before = (self._before.spent or 0.0) if self._before else 0.0
        if self._promises:
            return before + self.allowance.epsilon
        return before + (self.allowance.spent(self._plan or ()) if self._charges else 0.0)

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Every charge in order: label, mechanism and its numbers; promises and exposures last."""
        rows = self._before.entries if self._before else []
        rows += [{"label": label, **_written(spend)} for label, spend in self._charges]
        rows += [{"label": why, "mechanism": "HandedOver"} for why in self._promises]
        return rows + [{"label": why, "mechanism": "Unprotected"} for why in self._exposures]


@dataclass(frozen=True)
class _Sums:
    """What spends add up to, without any rounding: zCDP of Gaussians, zCDP of the rest, sampled steps of each kind, and the
    deltas of thresholds, and uses of mechanisms of methods' own, by what is stated of them.

    Exact sums, for the errors of a million small ones would add up too.
    """

    gaussian: Fraction = Fraction()
    capped: Fraction = Fraction()
    steps: Counter[tuple[float, float]] = field(default_factory=Counter)
    delta: Fraction = Fraction()
    stated: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, plan: Sequence[Spend]) -> _Sums:
        kinds = cls(steps=Counter({_kind(spend): 1 for spend in plan if isinstance(spend, SampledGaussian)}))
        sums = cls()
        for spend in plan:
            sums = sums.plus(spend, kinds)
        return sums

    def plus(self, spend: Spend, planned: _Sums) -> _Sums:
        """With one spend more. planned: where steps of its kind are, it counts as steps, else as zCDP without amplification."""
        if isinstance(spend, SampledGaussian) and planned.steps[_kind(spend)]:
            return replace(self, steps=self.steps + Counter({_kind(spend): spend.count}))
        if isinstance(spend, Threshold):
            return replace(self, delta=self.delta + spend.count * Fraction(spend.delta))
        if isinstance(spend, Stated):
            return replace(self, stated=self.stated + Counter({spend.event: spend.count}))
        if isinstance(spend, Gaussian | GaussianCap):
            return replace(self, gaussian=self.gaussian + Fraction(spend.rho))
        return replace(self, capped=self.capped + Fraction(spend.rho))

    def fits(self, planned: _Sums) -> bool:
        """Whether all this can be taken out of what was planned; both sums of zCDP may be over by a share that is for
        rounding."""
        over = max(Fraction(), self.gaussian - planned.gaussian * _WITH_ROUNDING)
        within = all(count <= planned.steps[kind] for kind, count in self.steps.items()) and self.delta <= planned.delta
        within = within and all(count <= planned.stated[event] for event, count in self.stated.items())
        return within and self.capped + over <= planned.capped * _WITH_ROUNDING


def _kind(step: SampledGaussian) -> tuple[float, float]:
    return step.rate, step.noise_multiplier


def _known(spend: Spend) -> Spend:
    """The spend, if it is one of those that can be composed; nothing that only behaves like one."""
    if type(spend) not in get_args(Spend):
        raise InputError(f"{spend!r} is no spend; accepted: {', '.join(kind.__name__ for kind in get_args(Spend))}")
    return spend


def _written(spend: Spend) -> dict[str, Any]:
    return {"mechanism": type(spend).__name__, **asdict(spend)}


def _joined(a: Spend, b: Spend) -> Spend | None:
    """Both as one spend with a higher count, if they are uses of the same mechanism."""
    if isinstance(a, Repeatable) and isinstance(b, Repeatable) and replace(a, count=1) == replace(b, count=1):
        return replace(a, count=a.count + b.count)
    return None


def _listed(plan: Sequence[Spend]) -> str:
    return "[" + ", ".join(map(str, plan)) + "]"
