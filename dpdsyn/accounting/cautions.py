"""What is to be said of a budget that promises little, from public values alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

MOST_EPSILON = 10.0
_SMALL = 1e-2  # of 1 / rows
_LARGEST_DELTA = 1e-6  # that is taken where none is stated
_OPEN_DELTA = 1e-8  # where it is not known how many rows there are: small enough for a million
_ROUNDING = 1e-9


class WeakGuaranteeWarning(UserWarning):
    """The budget is so large that the guarantee says little."""


@dataclass(frozen=True)
class Caution:
    """grave: the guarantee then says next to nothing."""

    text: str
    grave: bool


def usual_delta(stated: float | None, rows_public: int) -> float:
    """The delta that is stated, or else one that is fixed by the public number of rows (0: not known yet).

    That is a power of ten, at most a hundredth of 1 / rows and 1e-6; 1e-8 where the number of rows is open.
    """
    if stated is not None:
        return stated
    if not rows_public:
        return _OPEN_DELTA
    return min(_LARGEST_DELTA, float(f"1e{math.floor(math.log10(_SMALL / rows_public) + _ROUNDING)}"))


def _safe(rows_public: int) -> str:
    """The largest delta of one digit that is at most a hundredth of 1 / rows."""
    most = _SMALL / rows_public
    step = 10.0 ** math.floor(math.log10(most) + _ROUNDING)
    return f"{math.floor(most / step + _ROUNDING) * step:.0e}"


def cautions(epsilon: float, delta: float, rows_public: int) -> tuple[Caution, ...]:
    """What to say of a budget for a table of about `rows_public` rows (0: not known yet), nothing if it is a sound one.

    With delta at 1 / rows, publishing one row, drawn at random, as it stands is (0, delta)-private: delta has to be well below
    (Dwork and Roth 2014). An epsilon up to 1 is strong, up to 10 common and reasonable, beyond that weak
    (Ponomareva and others 2023, "How to DP-fy ML").
    """
    said = []
    if rows_public and delta >= 1 / rows_public:
        said.append(
            Caution(
                f"delta {delta:g} is not below 1/{rows_public:,}, one over the public number of rows: as much would allow "
                f"publishing one row of them as it stands. Take a delta of at most {_safe(rows_public)}",
                True,
            )
        )
    elif rows_public and delta > _SMALL / rows_public * (1 + _ROUNDING):
        said.append(
            Caution(
                f"delta {delta:g} is more than a hundredth of 1/{rows_public:,}, one over the public number of rows; "
                f"one of at most {_safe(rows_public)} is on the safe side",
                False,
            )
        )
    if epsilon > MOST_EPSILON:
        said.append(
            Caution(
                f"epsilon {epsilon:g} is above {MOST_EPSILON:g}: a guarantee that weak protects little by itself "
                "(Ponomareva and others 2023, How to DP-fy ML)",
                True,
            )
        )
    return tuple(said)
