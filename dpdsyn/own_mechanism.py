"""A mechanism of a method's own, and what it costs as its author states it: one of `dp_accounting`'s events.

    class LaplaceCounts:
        def __init__(self, column, scale):
            self.column, self.scale = column, scale

        event = property(lambda self: LaplaceDpEvent(self.scale))  # over the L1 sensitivity, which is 1

        def answer(self, rows, schema, rng):
            counts = np.bincount(rows[:, schema.position(self.column)], minlength=schema[self.column].size)
            return counts + rng.laplace(0, self.scale, len(counts))

    private.ledger.open([stated(LaplaceDpEvent(scale))])
    counts = private.stated(LaplaceCounts("age", scale))

The ledger composes the event with everything else in the plan, by privacy loss distributions, and refuses what the budget does
not cover. That the answer has this law, and that one row moves it no further, is nobody's to see from here: so a result that a
mechanism of this kind took part in is `unverified`, whatever its author is sure of. What is to be `dp` uses the mechanisms of
`PrivateTable`.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from dpdsyn.accounting.spends import Stated
from dpdsyn.base.checks import InputError
from dpdsyn.schema import Schema

_COARSE, _FINE = 1e-2, 1e-5  # steps of privacy loss that an event is looked at by
_IN_A_DEVIATION = 20  # of those steps, so that the deviation is about right
_MOST_POINTS = 100_000  # on which losses may lie for that


class OwnMechanism(Protocol):
    """event: what one use costs, where neighbouring tables differ by one row more or less; fixed before rows are seen."""

    @property
    def event(self) -> Any:
        """One of dp_accounting's events, of one use."""

    def answer(self, rows: np.ndarray, schema: Schema, rng: np.random.Generator) -> Any:
        """The noisy answer. rows: encoded, shape (rows, columns); rng: of all its noise. It keeps nothing of either."""


def stated(event: Any, count: int = 1) -> Stated:
    """What a ledger is opened with for so many uses of a mechanism that costs this.

    Raises InputError for what is no event of dp_accounting, or one whose privacy loss its accountant cannot compose where
    neighbouring tables differ by one row more or less.
    """
    if isinstance(event, str | bool | int | float | list | tuple | None):
        raise InputError(f"{event!r} is no event of dp_accounting, such as LaplaceDpEvent(2.0)")
    text = json.dumps(_written(event), sort_keys=True)
    _loss(text, _COARSE)
    return Stated(text, count)


def loss(spend: Stated, step: float) -> Any:
    """Privacy loss distribution of one use, rounded pessimistically to multiples of the step."""
    return _loss(spend.event, step)


@lru_cache(maxsize=1024)
def moments(text: str) -> tuple[float, float, float]:
    """Of one use: mean and standard deviation of the privacy loss, about, and how far losses reach."""
    step = _COARSE
    while True:
        found = [_moments(part, step) for part in (_loss(text, step)._pmf_remove, _loss(text, step)._pmf_add)]
        mean, deviation, width = (max(numbers) for numbers in zip(*found, strict=True))
        if deviation >= _IN_A_DEVIATION * step or step <= _FINE or width > _MOST_POINTS * step / 10:
            return mean, deviation, width
        step /= 10


def _moments(losses: Any, step: float) -> tuple[float, float, float]:
    dense = losses.to_dense_pmf()
    chances = np.maximum(np.asarray(dense._probs), 0)
    chances = chances / max(chances.sum(), 1e-300)
    values = (dense._lower_loss + np.arange(len(chances))) * step
    mean = float(chances @ values)
    return mean, math.sqrt(float(chances @ (values - mean) ** 2)), float(values[-1] - values[0])


@lru_cache(maxsize=256)
def _loss(text: str, step: float) -> Any:
    from dp_accounting.pld.pld_privacy_accountant import PLDAccountant
    from dp_accounting.privacy_accountant import UnsupportedEventError

    accountant = PLDAccountant(value_discretization_interval=step)
    try:
        event = _read(json.loads(text))
        accountant.compose(event)
    except (UnsupportedEventError, AttributeError, TypeError, ValueError, KeyError) as error:
        raise InputError(f"{text} cannot be composed with other mechanisms: {' '.join(str(error).split())}") from error
    if accountant._contains_non_dp_event:
        raise InputError(f"{text} is an event without any privacy")
    return accountant._pld


def _written(event: Any) -> Any:
    """An event and those within it as JSON holds them, its class under `class`."""
    from dp_accounting import dp_event

    if isinstance(event, dp_event.DpEvent):
        if type(event) is not getattr(dp_event, type(event).__name__, None):
            raise InputError(f"{event!r} is no event of dp_accounting itself, so nobody can compose it")
        fields = type(event).__attrs_attrs__
        return {"class": type(event).__name__, **{field.name: _written(getattr(event, field.name)) for field in fields}}
    if isinstance(event, list | tuple):
        return [_written(part) for part in event]
    if event is None or isinstance(event, str | bool | int | float):
        return event
    if isinstance(event, np.generic):
        return event.item()
    raise InputError(f"{event!r} is no event of dp_accounting, such as LaplaceDpEvent(2.0), and no number")


def _read(raw: Any) -> Any:
    from dp_accounting import dp_event

    if isinstance(raw, dict):
        kind = getattr(dp_event, raw["class"])
        return kind(**{name: _read(value) for name, value in raw.items() if name != "class"})
    return [_read(part) for part in raw] if isinstance(raw, list) else raw
