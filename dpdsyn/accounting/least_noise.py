"""The search for the least noise that a budget covers: zeros of functions that fall as noise rises."""

from __future__ import annotations

import math
from collections.abc import Callable

_MOST_NOISE = 1e12


class BudgetExceeded(RuntimeError):
    """A mechanism asked for more than the plan allows. No row has been read."""


def largest(excess: Callable[[float], float], tolerance: float, start: float = 1.0, step: float = 4.0) -> float:
    """The largest x > 0 with excess(x) <= 0 for an increasing function, never above it, to a relative tolerance."""
    from scipy.optimize import brentq

    low = high = start
    while excess(low) > 0:
        high, low = low, low / step
        if low < 1e-12:
            raise BudgetExceeded("no amount of noise makes the plan fit: its fixed parts alone cost more than is allowed")
    while excess(high) <= 0:
        low, high = high, high * step
    x = math.exp(brentq(lambda log_x: excess(math.exp(log_x)), math.log(low), math.log(high), xtol=tolerance / 2))
    while excess(x) > 0:
        x *= 1 - tolerance / 2
    return x


def narrowed(excess: Callable[[float], float], noise: float, tolerance: float) -> float:
    """A noise that is enough, and nearly the least: -tolerance <= excess(noise) <= 0, or a noise less by a millionth is too
    little.

    By secants in logarithms from a first guess, and by halving where these do not help. excess falls as noise rises, about as
    1 / noise - 1 at best; it may be infinite for little noise, and leap to -1 where delta alone covers a plan.
    """
    low, high = 0.0, math.inf  # noise known to be too little, and enough
    slope = -1.0
    last: tuple[float, float] | None = None
    for turn in range(200):
        above = excess(noise)
        if -tolerance <= above <= 0:
            return noise
        low, high = (max(low, noise), high) if above > 0 else (low, min(high, noise))
        if low > _MOST_NOISE:
            raise BudgetExceeded("no amount of noise makes the plan fit: its fixed parts alone cost more than is allowed")
        if high < math.inf and high - low <= 1e-6 * high:
            return high
        here = math.log(noise), math.log(min(max(1 + above, 1e-9), 1e9))
        if last is not None and here[0] != last[0]:
            slope = min((here[1] - last[1]) / (here[0] - last[0]), -0.1)
        last = here
        step = -(here[1] + tolerance / 2) / slope
        noise = math.exp(here[0] + min(max(step, -2.0), 2.0))
        bracketed = low > 0 and high < math.inf
        if not low < noise < high or (bracketed and turn % 3 == 2):
            noise = math.sqrt(low * high) if bracketed else min(max(noise, low * 4), high / 4)
    return high
