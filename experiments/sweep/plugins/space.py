"""What a tuner may try: for each key an interval, a range or a list, as Hydra's grammar has them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experiments.sweep.overrides import UsageError, values

_DIGITS = 4  # of a number within an interval, as it is written


@dataclass(frozen=True)
class Dimension:
    """One key. distribution: Optuna's, of numbers or of texts as they stand after `KEY=`."""

    key: str
    distribution: Any

    @classmethod
    def of(cls, key: str, override: Any) -> Dimension:
        """From an override that sweeps. Raises UsageError for an interval or a range without values."""
        from hydra.core.override_parser.types import IntervalSweep, RangeSweep
        from optuna.distributions import CategoricalDistribution

        swept = override.value()
        try:
            if isinstance(swept, IntervalSweep):
                return cls(key, _interval(swept))
            listed = [str(value) for value in values(override)]
            if isinstance(swept, RangeSweep) and len(listed) > 1:
                return cls(key, _range(swept, listed))
            return cls(key, CategoricalDistribution(list(dict.fromkeys(listed))))
        except UsageError:
            raise
        except ValueError as error:
            raise UsageError(f"{override.input_line}: {error}") from error

    def override(self, value: Any) -> str:
        """As it is typed; numbers in four digits, unless that leads out of the interval."""
        if not isinstance(value, float):
            return f"{self.key}={value}"
        low, high, step = self.distribution.low, self.distribution.high, self.distribution.step
        short = round(value, 12) if step else float(f"{value:.{_DIGITS}g}")
        return f"{self.key}={short if low <= short <= high else value!r}"

    @property
    def ends(self) -> list[str]:
        """Overrides that are checked before the first trial: both ends, or every value of a list."""
        choices = getattr(self.distribution, "choices", None)
        return [self.override(value) for value in choices or (self.distribution.low, self.distribution.high)]


def _interval(swept: Any) -> Any:
    from optuna.distributions import FloatDistribution, IntDistribution

    low, high = swept.start, swept.end
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError("an interval needs two finite numbers, the smaller first")
    whole = isinstance(low, int) and isinstance(high, int)
    return (IntDistribution if whole else FloatDistribution)(low, high, log="log" in swept.tags)


def _range(swept: Any, listed: Sequence[str]) -> Any:
    from optuna.distributions import FloatDistribution, IntDistribution

    kind = int if all(isinstance(number, int) for number in (swept.start or 0, swept.stop, swept.step)) else float
    numbers = sorted(map(kind, listed))
    distribution: Any = IntDistribution if kind is int else FloatDistribution
    return distribution(numbers[0], numbers[-1], step=abs(swept.step))
