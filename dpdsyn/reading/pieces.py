"""Where an ordered column is cut when its pieces were learnt, and which values stand for each piece.

Values are whole numbers of *units*: 10^-decimals for numbers, days or parts of days for dates. A piece is a run of units with one
code. It is decoded to a unit of its own core, which is the whole run or a part of it; an *atom* has a core of one unit, so that a
column's 0 comes back as 0. All of it is public: it was made of noisy answers (`dpdsyn.learning.domain_learning`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np

_MOST = 2**53  # units are counted in doubles


@dataclass(frozen=True)
class Pieces:
    """starts: first unit of each piece, rising; the first piece takes what lies below it, the last one what lies above.

    firsts, lasts: ends of the core of each piece, both included. Raises ValueError unless there is one at least, and the core of
    each lies within it.
    """

    starts: tuple[int, ...]
    firsts: tuple[int, ...]
    lasts: tuple[int, ...]

    def __post_init__(self) -> None:
        numbers = (*self.starts, *self.firsts, *self.lasts)
        if any(type(number) is not int or abs(number) > _MOST for number in numbers):
            raise ValueError("pieces are whole numbers of units, of at most 2^53")
        if not self.starts or not len(self.starts) == len(self.firsts) == len(self.lasts):
            raise ValueError("pieces have one start and one core each, and there is one of them at least")
        if any(low >= high for low, high in pairwise(self.starts)):
            raise ValueError("starts of pieces rise")
        ends = (*self.starts[1:], _MOST + 1)
        runs = zip(self.starts, self.firsts, self.lasts, ends, strict=True)
        if any(not start <= first <= last < end for start, first, last, end in runs):
            raise ValueError("the core of a piece lies within it")

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any]) -> Self:
        """What `to_mapping` gave. Raises ValueError, KeyError or TypeError for anything else."""
        return cls(tuple(raw["starts"]), tuple(raw["firsts"]), tuple(raw["lasts"]))

    def to_mapping(self) -> dict[str, list[int]]:
        """Plain values, for YAML or JSON."""
        return {"starts": list(self.starts), "firsts": list(self.firsts), "lasts": list(self.lasts)}

    def __len__(self) -> int:
        return len(self.starts)

    def encode(self, units: np.ndarray) -> np.ndarray:
        """The code of the piece that each unit lies in, int64; units are float and NaN gives the last one."""
        return np.maximum(np.searchsorted(np.array(self.starts, dtype=float), units, side="right") - 1, 0)

    def decode(self, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """For each code a unit of its core, all alike likely, int64."""
        firsts, lasts = np.array(self.firsts, dtype=np.int64), np.array(self.lasts, dtype=np.int64)
        return rng.integers(firsts[codes], lasts[codes], endpoint=True)

    @property
    def atoms(self) -> np.ndarray:
        """Which pieces stand for one unit, shape (pieces,), bool."""
        return np.array([first == last for first, last in zip(self.firsts, self.lasts, strict=True)])


def units_of(values: np.ndarray, decimals: int) -> np.ndarray:
    """Numbers as whole numbers of 10^-decimals, the nearest, as float; NaN stays, and none is beyond 2^53."""
    with np.errstate(over="ignore"):
        scaled = values * 10.0**decimals if decimals >= 0 else values / 10.0**-decimals
    return np.clip(np.rint(scaled), -float(_MOST), float(_MOST))


def values_of(units: np.ndarray, decimals: int) -> np.ndarray:
    """The doubles nearest to so many units of 10^-decimals, without -0.0."""
    return (units / 10.0**decimals if decimals >= 0 else units * 10.0**-decimals) + 0.0
