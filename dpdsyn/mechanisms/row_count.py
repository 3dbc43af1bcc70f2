"""How many rows there are by a noisy count, and what is to be said where the schema states another number.

This costs no budget. The cells of a marginal sum to the number of rows, so the cells of a noisy marginal sum to a noisy count of
the rows. Its standard deviation follows from sigma and the number of cells, which are public. What is said is computed from
this answer, which was charged for, from the schema and from the budget, and from nothing else; and what is computed from a
private answer alone is as private as the answer (Dwork and Roth 2014, "The algorithmic foundations of differential privacy",
proposition 2.1). So whether anything is said, and what, may be published beside the synthetic rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Self

import numpy as np

from dpdsyn.accounting.cautions import Caution
from dpdsyn.base.checks import InputError

_FACTOR = 1.25  # between the stated and the noisy number of rows, from which on they are far apart
_SPREAD = 3.0  # standard deviations that may be noise: 1 in 370


class RowCountWarning(UserWarning):
    """The schema states another number of rows than there are by their noisy count."""


@dataclass(frozen=True)
class RowCount:
    """rows: a noisy count of them. sd: the standard deviation of its noise, which is public."""

    rows: float
    sd: float

    def __post_init__(self) -> None:
        if not all(isinstance(number, Real) and math.isfinite(number) for number in (self.rows, self.sd)) or self.sd < 0:
            raise InputError(f"a count of {self.rows!r} rows, give or take {self.sd!r}: two finite numbers are needed")

    @classmethod
    def of(cls, fitted: object, most: float = 1) -> Self | None:
        """What a fitted method knows, by `noisy_rows_` and `noisy_rows_sd_`; None if it has none, or no finite ones.

        most: how many rows one that a method counts stands for: as many as are used of one person, of whom each counts as 1 /
        most, and more where some were held out.
        """
        known = [getattr(fitted, name, None) for name in ("noisy_rows_", "noisy_rows_sd_")]
        if not all(isinstance(number, Real) and math.isfinite(number) for number in known):
            return None
        rows, sd = map(float, known)  # type: ignore[arg-type]
        return cls(rows * most, sd * most) if sd >= 0 else None

    @classmethod
    def of_marginals(cls, answers: Sequence[np.ndarray], sigmas: Sequence[float]) -> Self:
        """The best count from noisy marginals of independent noise: the mean of their sums, weighted by their precision.

        answers: any shapes, with N(0, sigma^2) in each cell, so that the sum of c cells has the variance c sigma^2.
        """
        precision = np.array([1 / (answer.size * sigma**2) for answer, sigma in zip(answers, sigmas, strict=True)])
        sums = [float(answer.sum()) for answer in answers]
        return cls(float(np.average(sums, weights=precision)), float(precision.sum() ** -0.5))

    def far_from(self, rows_public: int) -> bool:
        """Whether the stated number is off by more than a factor of 1.25, whatever three standard deviations explain."""
        low, high = self.rows - _SPREAD * self.sd, self.rows + _SPREAD * self.sd
        return low > _FACTOR * rows_public or high < rows_public / _FACTOR

    def cautions(self, rows_public: int, delta: float, learnt: bool = False) -> tuple[Caution, ...]:
        """What to say of a stated number of rows, or of one that was learnt at little cost, nothing if it is near.

        Grave where delta is below one over the stated number and not below one over the noisy one: see `accounting.cautions`.
        """
        if not self.far_from(rows_public):
            return ()
        counted = max(0, round(self.rows))
        grave = delta < 1 / rows_public and delta * counted >= 1
        states = "by a first count, on which little was spent, there are" if learnt else "the schema states"
        return (
            Caution(
                f"{states} about {rows_public:,} rows (rows_public); by their noisy count there are about {counted:,}, "
                f"give or take {math.ceil(_SPREAD * self.sd):,}. Sampling rate, noise and the default number of synthetic rows "
                f"follow the {'first' if learnt else 'schema'}, so the rows may be worse than they need be"
                + (f", and delta {delta:g} is not below one over the number of rows" if grave else "")
                + f". {'State it in' if learnt else 'Correct'} the schema: `rows_public: {_rounded(self.rows)}`. The noisy count "
                "is covered by the guarantee and may be published and used; another fit spends its own epsilon",
                grave,
            ),
        )


def _rounded(rows: float) -> int:
    """To two digits, and at least 1, as a schema has it."""
    whole = max(1, round(rows))
    return round(whole, 2 - len(str(whole)))
